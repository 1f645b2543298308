"""Performance: how right the model is, as far as labels have come."""

from __future__ import annotations

from typing import Any

from ml_models import catalog
from ml_models.mixin.dashboards import queries as q
from ml_models.mixin.dashboards.face import Face, Query
from ml_models.mixin.dashboards.layout import Row
from ml_models.mixin.dashboards.palette import BAD, BLUE, GREEN, ORANGE, PURPLE
from ml_models.mixin.dashboards.panels import table, timeseries
from ml_models.mixin.promql import net

_LOW = ("lastNotNull", "mean", "min")
_WINDOW = "In the exporter's sliding window, over predictions whose label has come; the mean over replicas."
_JUDGED = "the dashed line; alerts do not judge before `labels_min` labels have come."


def _score(number: int, title: str, meaning: str, drawn: list[tuple[str, catalog.Metric, str, str, str]]) -> Any:
    return timeseries(
        Face(
            id=number,
            title=title,
            meaning=f"{meaning} {_WINDOW}",
            threshold=f"{' and '.join(f'`{signal}`' for _, _, signal, _, _ in drawn)}, {_JUDGED}",
            action="See which cells of the confusion table have grown and whether drift came first.",
            unit="percentunit",
            decimals=1,
            empty="no labels",
        ),
        [
            query
            for name, metric, signal, colour, limit in drawn
            for query in (
                Query(q.avg_by("model", q.select(metric)), name, colour),
                Query(q.limit(signal), f"limit of {name}", limit, limit=True),
            )
        ],
        minimum=None,
        maximum=1.0,
        calcs=_LOW,
    )


def row() -> Row:
    """Return the scores with their limits, the labels behind them, and the confusion table."""
    return Row(
        600,
        "Performance",
        [
            _score(
                601, "Accuracy over time", "Share of predictions that were right.",
                [("accuracy", catalog.ACCURACY, "accuracy_min", BLUE, BAD)],
            ),
            _score(
                602, "Precision and recall",
                "Share of positive predictions that were right, and share of positives that were found (macro mean if "
                "there are several classes).",
                [
                    ("precision", catalog.PRECISION, "precision_min", GREEN, ORANGE),
                    ("recall", catalog.RECALL, "recall_min", PURPLE, BAD),
                ],
            ),
            _score(
                603, "F1", "Harmonic mean of precision and recall (macro mean if there are several classes).",
                [("F1", catalog.F1, "f1_min", BLUE, BAD)],
            ),
            timeseries(
                Face(
                    id=604,
                    title="Labels by status",
                    meaning="Labels and predictions per second by how their join ended. Joined is good, and so is "
                    "direct (joined elsewhere); a corrected label took the place of another one; late, orphan, "
                    "duplicate and invalid labels were not used; expired and evicted predictions never got one.",
                    threshold="none.",
                    action="Orphans: ids do not match. Expired: labels take longer than `label_horizon`. Evicted: "
                    "raise `label_max_rows`.",
                    unit="cps",
                    decimals=2,
                    empty="no labels",
                ),
                [Query(q.sum_by("status", q.rate(catalog.LABELS)), "{{status}}", BLUE)],
                stacked=True,
            ),
            timeseries(
                Face(
                    id=605,
                    title="Predictions awaiting their label",
                    meaning="Predictions held until their label comes; the most that a replica has seen in its ledger.",
                    threshold="none; `label_max_rows` is where the oldest are evicted.",
                    action="If it only grows, labels have stopped: check the job that delivers them.",
                    unit="short",
                    empty="no predictions",
                ),
                [Query(q.max_by("model", q.select(catalog.AWAITING_LABEL)), "awaiting", BLUE)],
            ),
            table(
                Face(
                    id=606,
                    title="Confusion",
                    meaning="Predictions of the dashboard's time range by what was true (rows) and what was predicted "
                    "(columns), all replicas together. The diagonal is right. Counts are extrapolated to the ends of "
                    "the range, so they may be off by a few.",
                    threshold="none.",
                    action="One column grown: the model leans to that class. One row spread: that class is not "
                    "recognised any more.",
                    unit="short",
                    empty="0",
                ),
                [
                    Query(
                        net(
                            *(
                                q.sum_by("actual, predicted", q.increase(counter))
                                for counter in (catalog.OUTCOMES, catalog.OUTCOMES_RETRACTED)
                            )
                        ),
                        "{{actual}} as {{predicted}}",
                    )
                ],
                transformations=[
                    {
                        "id": "groupingToMatrix",
                        "options": {"columnField": "predicted", "rowField": "actual", "valueField": "Value"},
                    }
                ],
            ),
        ],
    )  # fmt: skip
