"""Predictions, errors, latency, batch sizes, waits and items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.utils import floatToGoString

from ml_models import catalog
from ml_models.catalog import BATCH_BUCKETS, LATENCY_BUCKETS, Metric
from ml_models.collectors.families import family
from ml_models.profile.tally import (
    BUCKETS,
    CALL_SECONDS,
    CALLS,
    ERRORS,
    FIRST_ITEM_SECONDS,
    ITEM_SECONDS,
    MAX_ENDPOINTS,
    PREDICTED,
    QUEUED_SECONDS,
    Tally,
)
from ml_models.stats.latency import histogram_quantile


@dataclass(frozen=True, slots=True)
class Serving:
    """How a model was served in a window; None where undefined.

    Attributes
    ----------
    calls, predictions : int
    error_ratio : float or None
    throughput_per_second : float
        Rows predicted.
    mean, p50, p95, p99 : float or None
        Duration of a call, in seconds.
    batch_mean, batch_p95 : float or None
        Rows of a call that predicted.
    queued_mean, queued_p95 : float or None
        Seconds that calls waited before they began, where callers tell it.
    first_item_mean, first_item_p95 : float or None
        Seconds until a generator gave its first item.
    items_per_second : float or None
        Of generators, while they work.
    """

    calls: int
    predictions: int
    error_ratio: float | None
    throughput_per_second: float
    mean: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    batch_mean: float | None
    batch_p95: float | None
    queued_mean: float | None
    queued_p95: float | None
    first_item_mean: float | None
    first_item_p95: float | None
    items_per_second: float | None


def serving(tally: Tally, seconds: float, endpoint: int | None = None) -> Serving:
    """Return the figures of one endpoint, by its slot, or of all together.

    Examples
    --------
    >>> from ml_models.profile import Layout
    >>> serving(Tally(Layout.of(None)), 60.0).p95 is None
    True
    """

    def pooled(counts: NDArray[Any]) -> Any:
        return counts.sum(axis=0) if endpoint is None else counts[endpoint]

    totals, spent = pooled(tally.endpoints), pooled(tally.seconds)
    calls, predictions = int(totals[CALLS]), int(totals[PREDICTED])
    batches, queued, first_items = pooled(tally.batches), pooled(tally.queued), pooled(tally.first_items)
    p50, p95, p99 = (histogram_quantile(q, totals[BUCKETS:], LATENCY_BUCKETS) for q in (0.5, 0.95, 0.99))
    return Serving(
        calls=calls,
        predictions=predictions,
        error_ratio=_ratio(totals[ERRORS], calls),
        throughput_per_second=predictions / seconds,
        mean=_ratio(spent[CALL_SECONDS], calls),
        p50=p50,
        p95=p95,
        p99=p99,
        batch_mean=_ratio(predictions, batches.sum()),
        batch_p95=histogram_quantile(0.95, batches, BATCH_BUCKETS),
        queued_mean=_ratio(spent[QUEUED_SECONDS], queued.sum()),
        queued_p95=histogram_quantile(0.95, queued, LATENCY_BUCKETS),
        first_item_mean=_ratio(spent[FIRST_ITEM_SECONDS], first_items.sum()),
        first_item_p95=histogram_quantile(0.95, first_items, LATENCY_BUCKETS),
        items_per_second=_ratio(pooled(tally.items), spent[ITEM_SECONDS]),
    )


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def serving_families(
    model: str,
    tally: Tally,
    endpoints: Sequence[str],
    *,
    dropped_rows: Sequence[int],
    queued: Sequence[bool],
    streams: Sequence[bool],
    errors: Mapping[tuple[str, str], tuple[int, float]],
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
    queued, streams : sequence of bool
        Whether an endpoint's calls tell when they were queued, and whether they are generators; only then has it
        series of waits and of items, from the start: PromQL's ``increase`` ignores a series' first value.
    errors : mapping of (endpoint, exception class) to count and seconds
    in_progress : int
    sampling_rate : float
    """
    predictions, failures, failed = (
        family(catalog.PREDICTIONS),
        family(catalog.PREDICTION_ERRORS),
        family(catalog.PREDICTION_ERROR_DURATION),
    )
    items, made = family(catalog.PREDICTION_ITEMS), family(catalog.PREDICTION_ITEMS_DURATION)
    durations, batches, waits, firsts = (
        HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for metric in (
            catalog.PREDICTION_DURATION,
            catalog.PREDICTION_BATCH,
            catalog.PREDICTION_QUEUED,
            catalog.PREDICTION_FIRST_ITEM,
        )
    )
    for slot, (endpoint, dropped) in enumerate(zip(endpoints[:MAX_ENDPOINTS], dropped_rows, strict=False)):
        row, spent, labels = tally.endpoints[slot], tally.seconds[slot].tolist(), [model, endpoint]
        predicted = int(row[PREDICTED])
        predictions.add_metric(labels, predicted + dropped)
        _observe(durations, catalog.PREDICTION_DURATION, labels, row[BUCKETS:], spent[CALL_SECONDS])
        _observe(batches, catalog.PREDICTION_BATCH, labels, tally.batches[slot], predicted)
        if queued[slot]:
            _observe(waits, catalog.PREDICTION_QUEUED, labels, tally.queued[slot], spent[QUEUED_SECONDS])
        if streams[slot]:
            _observe(firsts, catalog.PREDICTION_FIRST_ITEM, labels, tally.first_items[slot], spent[FIRST_ITEM_SECONDS])
            items.add_metric(labels, int(tally.items[slot]))
            made.add_metric(labels, spent[ITEM_SECONDS])
    for (endpoint, exception), (count, seconds) in errors.items():
        failures.add_metric([model, endpoint, exception], count)
        failed.add_metric([model, endpoint, exception], seconds)
    running, sampling = family(catalog.PREDICTIONS_IN_PROGRESS), family(catalog.SAMPLING_RATIO)
    running.add_metric([model], in_progress)
    sampling.add_metric([model], sampling_rate)
    return [predictions, failures, failed, durations, batches, waits, firsts, items, made, running, sampling]


def _observe(
    histogram: HistogramMetricFamily, metric: Metric, labels: list[str], counts: NDArray[Any], total: float
) -> None:
    bounds = [*map(floatToGoString, metric.buckets), "+Inf"]
    histogram.add_metric(labels, list(zip(bounds, counts.cumsum().tolist(), strict=True)), sum_value=float(total))
