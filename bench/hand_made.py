"""The instrumentation that teams write by hand today with ``prometheus_client``.

One counter with two labels, one histogram with one label and an in-progress gauge around a model function: what the
client library's own documentation leads to. It sees no features, no outcomes and no drift; it is what a tracked call
is measured against, in its usual form and in the form that looks its labels up only once.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Input = TypeVar("Input")
Output = TypeVar("Output")

MODEL = "churn"


@dataclass(frozen=True, slots=True)
class HandMadeMetrics:
    """The three metrics of a service that is instrumented by hand.

    Parameters
    ----------
    predictions : prometheus_client.Counter
        Calls by model and outcome (``ok`` or ``error``).
    latency : prometheus_client.Histogram
        Seconds of a call by model, in the library's default buckets.
    in_progress : prometheus_client.Gauge
        Calls running now.
    """

    predictions: Counter
    latency: Histogram
    in_progress: Gauge

    @classmethod
    def on(cls, registry: CollectorRegistry) -> HandMadeMetrics:
        """Create the metrics on a registry."""
        return cls(
            predictions=Counter("predictions", "Predictions.", ["model", "outcome"], registry=registry),
            latency=Histogram("prediction_seconds", "Seconds of a prediction.", ["model"], registry=registry),
            in_progress=Gauge("predictions_in_progress", "Predictions running.", registry=registry),
        )


def instrument(function: Callable[[Input], Output], metrics: HandMadeMetrics) -> Callable[[Input], Output]:
    """Wrap a model function as most teams do: labels are looked up in every call.

    Examples
    --------
    >>> registry = CollectorRegistry()
    >>> double = instrument(lambda x: 2 * x, HandMadeMetrics.on(registry))
    >>> double(21)
    42
    >>> registry.get_sample_value("predictions_total", {"model": "churn", "outcome": "ok"})
    1.0
    """

    @functools.wraps(function)
    def wrapper(features: Input) -> Output:
        metrics.in_progress.inc()
        begun = time.perf_counter()
        try:
            output = function(features)
            metrics.predictions.labels(MODEL, "ok").inc()
        except Exception:
            metrics.predictions.labels(MODEL, "error").inc()
            raise
        else:
            return output
        finally:
            metrics.latency.labels(MODEL).observe(time.perf_counter() - begun)
            metrics.in_progress.dec()

    return wrapper


def instrument_cached(function: Callable[[Input], Output], metrics: HandMadeMetrics) -> Callable[[Input], Output]:
    """Wrap a model function as careful teams do: labels are looked up once, outside the call.

    Examples
    --------
    >>> registry = CollectorRegistry()
    >>> double = instrument_cached(lambda x: 2 * x, HandMadeMetrics.on(registry))
    >>> double(21)
    42
    >>> registry.get_sample_value("prediction_seconds_count", {"model": "churn"})
    1.0
    """
    ok = metrics.predictions.labels(MODEL, "ok")
    error = metrics.predictions.labels(MODEL, "error")
    latency = metrics.latency.labels(MODEL)
    in_progress = metrics.in_progress
    clock = time.perf_counter

    @functools.wraps(function)
    def wrapper(features: Input) -> Output:
        in_progress.inc()
        begun = clock()
        try:
            output = function(features)
            ok.inc()
        except Exception:
            error.inc()
            raise
        else:
            return output
        finally:
            latency.observe(clock() - begun)
            in_progress.dec()

    return wrapper
