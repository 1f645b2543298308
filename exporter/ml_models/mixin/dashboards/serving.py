"""Serving: rate, errors, duration."""

from __future__ import annotations

from typing import Any

from ml_models import catalog
from ml_models.mixin.dashboards import queries as q
from ml_models.mixin.dashboards.face import Face, Query
from ml_models.mixin.dashboards.layout import Row
from ml_models.mixin.dashboards.palette import BAD, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION
from ml_models.mixin.dashboards.panels import heatmap, timeseries


def row() -> Row:
    """Return the course of rate, errors and latency."""
    return Row(
        200,
        "Serving",
        [
            timeseries(
                Face(
                    id=201,
                    title="Predictions by endpoint",
                    meaning="Rows predicted per second, all replicas together; a batch of 10 rows counts 10.",
                    threshold="none; compare with the same hour of other days.",
                    action="A sudden 0 is a caller or a route that broke; a jump explains latency and CPU.",
                    unit="cps",
                    decimals=1,
                    empty="no predictions",
                ),
                [Query(q.sum_by("endpoint", q.rate(catalog.PREDICTIONS)), "{{endpoint}}", BLUE)],
                stacked=True,
            ),
            timeseries(
                Face(
                    id=202,
                    title="Errors by exception",
                    meaning="Calls per second that raised, by exception class; the caller got the exception.",
                    threshold="judged as a share of the calls, see the next panel.",
                    action="The exporter's status page has the last traceback of each exception.",
                    unit="cps",
                    decimals=2,
                    empty="no errors",
                ),
                [Query(q.sum_by("exception", q.rate(catalog.PREDICTION_ERRORS)), "{{exception}}", VERMILLION)],
                stacked=True,
            ),
            timeseries(
                Face(
                    id=203,
                    title="Error ratio",
                    meaning="Share of prediction calls that raised; absent while there are no calls.",
                    threshold="`error_ratio_max`, the dashed line.",
                    action="See the exception beside; roll back if it began at a change of the model.",
                    unit="percentunit",
                    decimals=2,
                    empty="no calls",
                ),
                [
                    Query(q.error_ratio(), "error ratio", BLUE),
                    Query(q.limit("error_ratio_max"), "limit", BAD, limit=True),
                ],
            ),
            timeseries(
                Face(
                    id=204,
                    title="Latency",
                    meaning="Duration that 50, 95 and 99 of 100 calls stay under, all replicas pooled; estimated from "
                    "the histogram's buckets.",
                    threshold="`latency_seconds_max` for p95, the dashed line.",
                    action="Only p99 high: single slow inputs. All high: load, CPU or a slower model.",
                    unit="s",
                    decimals=1,
                    empty="no calls",
                ),
                [
                    Query(q.latency(0.5), "p50", SKY),
                    Query(q.latency(0.95), "p95", BLUE),
                    Query(q.latency(0.99), "p99", PURPLE),
                    Query(q.limit("latency_seconds_max"), "limit for p95", BAD, limit=True),
                ],
            ),
            heatmap(
                Face(
                    id=205,
                    title="Latency distribution",
                    meaning="Calls per second in each latency bucket, all replicas pooled; the lighter (on a light "
                    "background: the darker), the more.",
                    threshold="none; quantiles hide what this shows: two bands are two kinds of calls.",
                    action="A second band that appears is a slow path: a cold cache, a batch, a retry.",
                    unit="s",
                    decimals=1,
                    empty="no calls",
                ),
                Query(q.sum_by("le", q.rate(catalog.PREDICTION_DURATION, "_bucket")), "{{le}}"),
            ),
            timeseries(
                Face(
                    id=206,
                    title="Calls",
                    meaning="Prediction calls per second, failed ones included, and calls in progress.",
                    threshold="none.",
                    action="Calls in progress that only grow: the model hangs, or its callers wait in a queue.",
                    unit="none",
                    decimals=1,
                    empty="no calls",
                ),
                [
                    Query(q.calls(), "calls per second", BLUE),
                    Query(q.sum_by("model", q.select(catalog.PREDICTIONS_IN_PROGRESS)), "in progress", ORANGE),
                    Query(
                        f"{q.calls()} / (count by (model) ({q.select(catalog.MODEL_INFO)}) > 0)",
                        "calls per second and replica",
                        GREEN,
                    ),
                ],
            ),
            *_by_endpoint(),
        ],
    )


def _by_endpoint() -> list[Any]:
    made = f"({q.sum_by('endpoint', q.rate(catalog.PREDICTION_ITEMS_DURATION))} > 0)"
    raised = f"({q.sum_by('exception', q.rate(catalog.PREDICTION_ERRORS))} > 0)"
    return [
        timeseries(
            Face(
                id=207,
                title="Latency by endpoint",
                meaning="Duration that 95 of 100 calls of an endpoint stay under, all replicas pooled.",
                threshold="none; the limit holds for all endpoints together.",
                action="One endpoint alone is slow: look at its batch size and at what it calls.",
                unit="s",
                decimals=1,
                empty="no calls",
            ),
            [Query(q.quantile_by("endpoint", 0.95, catalog.PREDICTION_DURATION), "{{endpoint}}", BLUE)],
        ),
        timeseries(
            Face(
                id=208,
                title="Batch size",
                meaning="Mean rows of a call, by endpoint.",
                threshold="none.",
                action="Latency that rises with it is no slower model; batches that shrink cost throughput.",
                unit="none",
                decimals=1,
                empty="no calls",
            ),
            [Query(q.mean_by("endpoint", catalog.PREDICTION_BATCH), "{{endpoint}}", GREEN)],
        ),
        timeseries(
            Face(
                id=209,
                title="Wait in the queue",
                meaning="Time that 95 of 100 calls waited before they began, where `track(queued_at=...)` tells it.",
                threshold="none.",
                action="It grows while latency does not: add replicas, the model itself is quick enough.",
                unit="s",
                decimals=1,
                empty="not measured",
            ),
            [Query(q.quantile_by("endpoint", 0.95, catalog.PREDICTION_QUEUED), "{{endpoint}}", ORANGE)],
        ),
        timeseries(
            Face(
                id=210,
                title="Time to first item",
                meaning="Time until 95 of 100 generator calls gave their first item.",
                threshold="none.",
                action="Rising alone: longer inputs or a full queue. Rising with fewer items per second: load.",
                unit="s",
                decimals=1,
                empty="no generators",
            ),
            [Query(q.quantile_by("endpoint", 0.95, catalog.PREDICTION_FIRST_ITEM), "{{endpoint}}", PURPLE)],
        ),
        timeseries(
            Face(
                id=211,
                title="Items per second of generators",
                meaning="Items that one generator call gives per second while it works, its consumer's time left out.",
                threshold="none.",
                action="A fall at equal load is a slower model or a throttled device.",
                unit="cps",
                decimals=1,
                empty="no generators",
            ),
            [Query(f"{q.sum_by('endpoint', q.rate(catalog.PREDICTION_ITEMS))} / {made}", "{{endpoint}}", SKY)],
        ),
        timeseries(
            Face(
                id=212,
                title="Duration of failed calls",
                meaning="Mean duration of the calls that raised, by exception class.",
                threshold="none.",
                action="Near a time-out's length: something that the model calls does not answer.",
                unit="s",
                decimals=1,
                empty="no errors",
            ),
            [
                Query(
                    f"{q.sum_by('exception', q.rate(catalog.PREDICTION_ERROR_DURATION))} / {raised}",
                    "{{exception}}",
                    VERMILLION,
                )
            ],
        ),
    ]
