"""Scores, estimates and errors: what a classifier's scores are worth, performance before labels, regressions."""

from __future__ import annotations

from typing import Any

from ml_models import catalog
from ml_models.mixin.dashboards import queries as q
from ml_models.mixin.dashboards.face import Face, Query
from ml_models.mixin.dashboards.layout import Row
from ml_models.mixin.dashboards.palette import BAD, BLUE, GREEN, GREY, ORANGE, PURPLE
from ml_models.mixin.dashboards.panels import bars, table, timeseries

_MEAN = "In the exporter's sliding window; the mean over replicas."
_LOW = ("lastNotNull", "mean", "min")


def _gauges(face: Face, drawn: list[tuple[str, catalog.Metric, str]], **settings: Any) -> Any:
    queries = [Query(q.avg_by("model", q.select(metric)), name, colour) for name, metric, colour in drawn]
    return timeseries(face, queries, **settings)


def _by_bin(part: catalog.Metric, whole: catalog.Metric) -> str:
    return q.share(q.sum_by("bin", q.increase(part)), q.sum_by("bin", q.increase(whole)))


def _spread(outcome: str) -> str:
    counts = q.increase(catalog.SCORE_OUTCOMES, outcome=outcome)
    return f"{q.sum_by('bin', counts)} / on () group_left () (sum({counts}) > 0)"


def row() -> Row:
    """Return areas and losses, calibration, estimates beside what came true, and errors of numbers."""
    return Row(
        650,
        "Scores, estimates and errors",
        [*_of_scores(), *_of_estimates(), *_of_numbers()],
        collapsed=True,
    )


def _of_scores() -> list[Any]:
    return [
        _gauges(
            Face(
                id=651,
                title="Areas under curves",
                meaning="How well scores order positives before negatives (ROC), and how precise the model is over all "
                f"recalls (PR); dimmed, the ROC area to be expected before labels. {_MEAN}",
                threshold="none; 0.5 is a coin (ROC), the share of positives is a coin (PR).",
                action="Falling with quiet accuracy: the threshold hides it. Compare with drift of the features.",
                unit="none",
                decimals=3,
                empty="no scores with labels",
            ),
            [
                ("ROC AUC", catalog.ROC_AUC, BLUE),
                ("PR AUC", catalog.PR_AUC, PURPLE),
                ("ROC AUC, estimated", catalog.ESTIMATED_ROC_AUC, GREY),
            ],
            minimum=None,
            maximum=1.0,
            calcs=_LOW,
        ),
        _gauges(
            Face(
                id=652,
                title="Losses and calibration",
                meaning=f"Log loss (nats), Brier score and expected calibration error (ECE). Lower is better. {_MEAN}",
                threshold="none.",
                action="ECE up and areas quiet: the scores' scale is off; calibrate anew. All up: the model is worse.",
                unit="none",
                decimals=3,
                empty="no scores with labels",
            ),
            [
                ("log loss", catalog.LOG_LOSS, BLUE),
                ("Brier", catalog.BRIER, PURPLE),
                ("ECE", catalog.CALIBRATION_ERROR, ORANGE),
            ],
        ),
        bars(
            Face(
                id=653,
                title="Reliability",
                meaning="By tenth of the score: the mean score, and the share that came true, over the dashboard's "
                "time range, all replicas together.",
                threshold="none; equal bars are a calibrated model.",
                action="Came true above said: the model is too modest there; below: too sure.",
                unit="percentunit",
                decimals=1,
                empty="no scores with labels",
            ),
            [
                Query(_by_bin(catalog.CALIBRATION_SCORES, catalog.CALIBRATION_OUTCOMES), "said", GREY),
                Query(_by_bin(catalog.CALIBRATION_POSITIVES, catalog.CALIBRATION_OUTCOMES), "came true", BLUE),
            ],
            category="bin",
        ),
        bars(
            Face(
                id=654,
                title="Scores of positives and negatives",
                meaning="Share of each score bin among the positives and among the negatives of the dashboard's time "
                "range. Bins are narrow near 0 and 1.",
                threshold="none.",
                action="The more the two overlap, the less the model can tell.",
                unit="percentunit",
                decimals=1,
                empty="no scores with labels",
                width=24,
            ),
            [Query(_spread("negative"), "negatives", GREY), Query(_spread("positive"), "positives", BLUE)],
            category="bin",
        ),
    ]


def _of_estimates() -> list[Any]:
    cells = q.sum_by("actual, predicted", q.increase(catalog.ESTIMATED_OUTCOMES))
    gap, noise = (q.avg_by("model", q.select(one)) for one in (catalog.ACCURACY_GAP, catalog.ACCURACY_GAP_NOISE))
    return [
        _gauges(
            Face(
                id=655,
                title="Accuracy, realised and estimated",
                meaning="Accuracy of the predictions whose label has come, and accuracy to be expected of all "
                f"predictions by their probabilities, which needs no label. {_MEAN}",
                threshold="none here; realised accuracy is judged above.",
                action="Estimate down: the data became harder; look at drift. Realised down alone: see the gap.",
                unit="percentunit",
                decimals=1,
                empty="no scores",
            ),
            [("realised", catalog.ACCURACY, BLUE), ("estimated", catalog.ESTIMATED_ACCURACY, GREY)],
            minimum=None,
            maximum=1.0,
            calcs=_LOW,
        ),
        _gauges(
            Face(
                id=656,
                title="Estimated precision, recall and F1",
                meaning=f"To be expected by the probabilities (macro mean if there are several classes). {_MEAN}",
                threshold="none.",
                action="As for the estimated accuracy.",
                unit="percentunit",
                decimals=1,
                empty="no scores",
            ),
            [
                ("precision", catalog.ESTIMATED_PRECISION, GREEN),
                ("recall", catalog.ESTIMATED_RECALL, PURPLE),
                ("F1", catalog.ESTIMATED_F1, BLUE),
            ],
            minimum=None,
            maximum=1.0,
            calcs=_LOW,
        ),
        timeseries(
            Face(
                id=657,
                title="Gap: realised less expected accuracy",
                meaning="Of the same labelled predictions, how much accuracy differs from what their probabilities "
                f"promised. {_MEAN}",
                threshold="the dashed lines hold 95 % of gaps that are chance.",
                action="Below the lower line and staying: data of this kind has other labels now (concept drift), or "
                "the probabilities are not calibrated. Retrain; drift of features would not show it.",
                unit="percentunit",
                decimals=1,
                empty="no scores with labels",
            ),
            [
                Query(gap, "gap", BLUE),
                Query(noise, "chance, above", BAD, limit=True),
                Query(f"-({noise})", "chance, below", BAD, limit=True),
            ],
            minimum=None,
        ),
        table(
            Face(
                id=658,
                title="Expected confusion",
                meaning="What is to be expected to be true (rows) of what was predicted (columns) in the dashboard's "
                "time range, labels or not: sums of probabilities.",
                threshold="none.",
                action="Compare with the confusion of the labels that have come.",
                unit="short",
                empty="0",
                width=24,
            ),
            [Query(cells, "{{actual}} as {{predicted}}")],
            transformations=[
                {
                    "id": "groupingToMatrix",
                    "options": {"columnField": "predicted", "rowField": "actual", "valueField": "Value"},
                }
            ],
        ),
    ]  # fmt: skip


def _of_numbers() -> list[Any]:
    return [
        _gauges(
            Face(
                id=659,
                title="Errors of numbers",
                meaning="Mean absolute error, root mean squared error, and bias (above 0: too much is predicted), in "
                f"the label's unit. {_MEAN}",
                threshold="none.",
                action="Bias away from 0: a shift that a constant would mend. RMSE far above MAE: a few large errors.",
                unit="none",
                decimals=3,
                empty="no labelled numbers",
            ),
            [("MAE", catalog.MAE, BLUE), ("RMSE", catalog.RMSE, PURPLE), ("bias", catalog.BIAS, ORANGE)],
            minimum=None,
        ),
        _gauges(
            Face(
                id=660,
                title="R2 and MAPE",
                meaning="Share of the labels' variance that is explained, and mean absolute error in parts of the "
                f"label, labels of 0 left out. {_MEAN}",
                threshold="none; R2 of 0 is a constant guess.",
                action="R2 down with quiet MAE: the labels vary less than they did.",
                unit="percentunit",
                decimals=1,
                empty="no labelled numbers",
            ),
            [("R2", catalog.R2, BLUE), ("MAPE", catalog.MAPE, ORANGE)],
            minimum=None,
        ),
        bars(
            Face(
                id=661,
                title="Residuals",
                meaning="Share of each bin among prediction less label in the dashboard's time range, all replicas "
                "together; bins are named by their upper edge.",
                threshold="none.",
                action="Mass on one side: bias. A second hump: a part of the data is predicted wrongly.",
                unit="percentunit",
                decimals=1,
                empty="no labelled numbers",
            ),
            [Query(q.residual_bins(), "residuals", BLUE)],
            category="bin",
        ),
    ]
