"""Predictions, errors and latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.utils import floatToGoString

from ml_models.catalog import (
    LATENCY_BUCKETS,
    PREDICTION_DURATION,
    PREDICTION_ERRORS,
    PREDICTIONS,
    PREDICTIONS_IN_PROGRESS,
    SAMPLING_RATIO,
)
from ml_models.collectors.families import family
from ml_models.profile.tally import BUCKETS, CALLS, ERRORS, MAX_ENDPOINTS, PREDICTED, Tally
from ml_models.stats.latency import histogram_quantile


@dataclass(frozen=True, slots=True)
class Serving:
    """How a model was served in a window; None where undefined."""

    calls: int
    predictions: int
    error_ratio: float | None
    throughput_per_second: float
    mean: float | None
    p50: float | None
    p95: float | None
    p99: float | None


def serving(tally: Tally, seconds: float) -> Serving:
    """Return the figures of all endpoints together.

    Examples
    --------
    >>> from ml_models.profile import Layout
    >>> serving(Tally(Layout.of(None)), 60.0).p95 is None
    True
    """
    totals = tally.endpoints.sum(axis=0)
    calls, predictions = int(totals[CALLS]), int(totals[PREDICTED])
    buckets = totals[BUCKETS:]
    p50, p95, p99 = (histogram_quantile(q, buckets, LATENCY_BUCKETS) for q in (0.5, 0.95, 0.99))
    return Serving(
        calls=calls,
        predictions=predictions,
        error_ratio=int(totals[ERRORS]) / calls if calls else None,
        throughput_per_second=predictions / seconds,
        mean=float(tally.latency.sum()) / calls if calls else None,
        p50=p50,
        p95=p95,
        p99=p99,
    )


def serving_families(
    model: str,
    tally: Tally,
    endpoints: Sequence[str],
    *,
    dropped_rows: Sequence[int],
    errors: Mapping[tuple[str, str], int],
    in_progress: int,
    sampling_rate: float,
) -> list[Family]:
    """Return the families of the serving metrics.

    Parameters
    ----------
    model : str
    tally : Tally
        Of all time.
    endpoints : sequence of str
        Name of each slot in use; the last slot is shared by all further ones.
    dropped_rows : sequence of int
        Rows per endpoint that were served and not tallied; they count as predictions all the same.
    errors : mapping of (endpoint, exception class) to count
    in_progress : int
    sampling_rate : float
    """
    predictions, failures = family(PREDICTIONS), family(PREDICTION_ERRORS)
    durations = HistogramMetricFamily(
        PREDICTION_DURATION.name, PREDICTION_DURATION.help, labels=PREDICTION_DURATION.labels
    )
    bounds = [*map(floatToGoString, LATENCY_BUCKETS), "+Inf"]
    for slot, (endpoint, dropped) in enumerate(zip(endpoints[:MAX_ENDPOINTS], dropped_rows, strict=False)):
        row = tally.endpoints[slot]
        predictions.add_metric([model, endpoint], int(row[PREDICTED]) + dropped)
        cumulative = row[BUCKETS:].cumsum().tolist()
        durations.add_metric(
            [model, endpoint], list(zip(bounds, cumulative, strict=True)), sum_value=float(tally.latency[slot])
        )
    for (endpoint, exception), count in errors.items():
        failures.add_metric([model, endpoint, exception], count)
    running, sampling = family(PREDICTIONS_IN_PROGRESS), family(SAMPLING_RATIO)
    running.add_metric([model], in_progress)
    sampling.add_metric([model], sampling_rate)
    return [predictions, failures, durations, running, sampling]
