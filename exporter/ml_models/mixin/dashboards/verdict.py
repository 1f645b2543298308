"""The first row: is the model well, and if not, what is wrong."""

from __future__ import annotations

from ml_models import catalog
from ml_models.catalog import MODEL_VERSION
from ml_models.mixin.dashboards import queries as q
from ml_models.mixin.dashboards.face import Face, Query
from ml_models.mixin.dashboards.layout import Row
from ml_models.mixin.dashboards.palette import NEUTRAL
from ml_models.mixin.dashboards.panels import GOOD_OR_BAD, stat, states

_NONE = "none; it is for orientation."


def row() -> Row:
    """Return eight numbers, the version and the course of all thresholds."""
    return Row(
        100,
        "Verdict",
        [
            stat(
                Face(
                    id=101,
                    title="Predictions",
                    meaning="Rows predicted per second, all replicas and endpoints together.",
                    threshold=_NONE,
                    action="If it has dropped to 0, check whether callers still reach the model.",
                    unit="cps",
                    decimals=1,
                    width=3,
                    height=4,
                ),
                Query(q.sum_by("model", q.rate(catalog.PREDICTIONS)), "predictions", NEUTRAL),
            ),
            stat(
                Face(
                    id=102,
                    title="Errors",
                    meaning="Share of prediction calls that raised an exception.",
                    threshold="`error_ratio_max` of the configuration.",
                    action="See which exception it is under Serving; roll back if it began with a new version.",
                    unit="percentunit",
                    decimals=2,
                    empty="no calls",
                    width=3,
                    height=4,
                ),
                Query(q.judged(q.error_ratio(), "error_ratio_max"), "{{state}}", NEUTRAL),
            ),
            stat(
                Face(
                    id=103,
                    title="Latency p95",
                    meaning="Duration that 95 of 100 prediction calls stay under, failed calls included.",
                    threshold="`latency_seconds_max` of the configuration.",
                    action="Compare with call rate, CPU and memory below; add replicas if the load has grown.",
                    unit="s",
                    decimals=1,
                    empty="no calls",
                    width=3,
                    height=4,
                ),
                Query(q.judged(q.latency(0.95), "latency_seconds_max"), "{{state}}", NEUTRAL),
            ),
            stat(
                Face(
                    id=104,
                    title="Accuracy",
                    meaning="Share of right predictions among those whose label has come, in the exporter's sliding "
                    "window; the mean over replicas.",
                    threshold="`accuracy_min`; it is not judged by alerts before `labels_min` labels have come.",
                    action="Look at the confusion table and at drift: retrain if the inputs have changed for good.",
                    unit="percentunit",
                    decimals=1,
                    empty="no labels",
                    width=3,
                    height=4,
                ),
                Query(q.judged(q.avg_by("model", q.select(catalog.ACCURACY)), "accuracy_min"), "{{state}}", NEUTRAL),
            ),
            stat(
                Face(
                    id=105,
                    title="Drifted features",
                    meaning="Share of features whose distribution differs significantly from the reference; the worst "
                    "replica.",
                    threshold="a feature counts when its drift is over `drift_warning_max` and over what chance gives.",
                    action="See the ranking under Drift, then compare the worst feature's live and reference bins.",
                    unit="percentunit",
                    empty="too few rows",
                    width=3,
                    height=4,
                ),
                Query(q.max_by("model", q.select(catalog.DRIFT_SHARE)), "drifted", NEUTRAL),
            ),
            stat(
                Face(
                    id=106,
                    title="Data quality",
                    meaning="Mean of the quality dimensions (completeness, validity, schema) in the sliding window; "
                    "the worst replica.",
                    threshold="`quality_min` of the configuration.",
                    action="See under Quality which dimension and which feature have lost, and ask the data's owner.",
                    unit="percentunit",
                    decimals=1,
                    empty="no rows",
                    width=3,
                    height=4,
                ),
                Query(
                    q.judged(q.min_by("model", q.select(catalog.QUALITY_SCORE)), "quality_min"), "{{state}}", NEUTRAL
                ),
            ),
            stat(
                Face(
                    id=107,
                    title="Last label",
                    meaning="Time since a label was last joined with its prediction.",
                    threshold="none; compare with how late labels usually are.",
                    action="If it grows beyond that, accuracy is out of date: check the job that delivers labels.",
                    unit="s",
                    empty="no labels",
                    width=3,
                    height=4,
                ),
                Query(
                    f"time() - {q.max_by('model', q.select(catalog.LABEL_LAST_TIMESTAMP))}", "since the last", NEUTRAL
                ),
            ),
            stat(
                Face(
                    id=108,
                    title="Firing alerts",
                    meaning="Alerts of this model that fire now.",
                    threshold="any.",
                    action="Open the alert: its annotations say what happened and link its runbook.",
                    unit="none",
                    width=3,
                    height=4,
                ),
                Query('count(ALERTS{alertstate="firing",model="$model"}) or vector(0)', "firing", NEUTRAL),
            ),
            stat(
                Face(
                    id=109,
                    title="Version",
                    meaning="Versions that are served, each with the number of replicas.",
                    threshold=_NONE,
                    action="Two versions for longer than a roll-out takes: find the replicas that were left behind.",
                    unit="none",
                    empty="no replica",
                    width=6,
                    height=7,
                ),
                Query(
                    f"count by ({MODEL_VERSION}, task) ({q.select(catalog.MODEL_INFO)})",
                    f"{{{{{MODEL_VERSION}}}}} ({{{{task}}}})",
                    NEUTRAL,
                ),
                text="value_and_name",
            ),
            states(
                Face(
                    id=110,
                    title="Thresholds",
                    meaning="Which values were past their configured threshold, and when. A lane is missing where "
                    "there is no value or no threshold.",
                    threshold="those of the configuration, as exported in `ml_alert_threshold`.",
                    action="Read from left to right what broke first: data, then drift, then performance.",
                    unit="none",
                    width=18,
                    height=7,
                ),
                [Query(q.breached(value, signal), name) for name, value, signal in _judged()],
                GOOD_OR_BAD,
            ),
        ],
    )


def _judged() -> list[tuple[str, str, str]]:
    worst = {
        "quality": (catalog.QUALITY_SCORE, "quality_min", q.min_by),
        "accuracy": (catalog.ACCURACY, "accuracy_min", q.avg_by),
        "precision": (catalog.PRECISION, "precision_min", q.avg_by),
        "recall": (catalog.RECALL, "recall_min", q.avg_by),
        "F1": (catalog.F1, "f1_min", q.avg_by),
        "CPU": (catalog.SYSTEM_CPU, "cpu_ratio_max", q.max_by),
        "memory": (catalog.SYSTEM_MEMORY, "memory_ratio_max", q.max_by),
        "disk": (catalog.SYSTEM_DISK, "disk_ratio_max", q.max_by),
    }
    return [
        ("errors", q.error_ratio(), "error_ratio_max"),
        ("latency p95", q.latency(0.95), "latency_seconds_max"),
        ("drift, worst feature", q.max_by("model", q.drift(chosen=False)), "drift_warning_max"),
        *((name, over("model", q.select(metric)), signal) for name, (metric, signal, over) in worst.items()),
    ]
