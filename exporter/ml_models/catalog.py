"""Every metric, once: name, kind, help, labels, unit.

The collectors emit what stands here, the rules and dashboards select by it, the reference
documentation is made from it. A metric name is typed nowhere else.

Examples
--------
>>> PREDICTIONS.sel(model="churn")
'ml_predictions_total{model="churn"}'
>>> PREDICTION_DURATION.bucket()
'ml_prediction_duration_seconds_bucket'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

#: Upper bounds of the latency histogram, in seconds: 0.1 ms to 60 s, steps of about 2.
LATENCY_BUCKETS: tuple[float, ...] = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip

#: Upper bounds of the time from a prediction to its label, in seconds: a second to 90 days.
LAG_BUCKETS: tuple[float, ...] = (
    1.0, 10.0, 60.0, 300.0, 900.0, 3_600.0, 10_800.0, 43_200.0, 86_400.0,
    259_200.0, 604_800.0, 1_209_600.0, 2_592_000.0, 7_776_000.0,
)  # fmt: skip


def quote(value: str) -> str:
    r"""Quote a label value for PromQL or the text format.

    Examples
    --------
    >>> print(quote('say "hi"'))
    "say \"hi\""
    """
    return '"' + value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"') + '"'


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family.

    Parameters
    ----------
    name : str
        As exposed, with ``_total`` for counters.
    kind : {'counter', 'gauge', 'histogram'}
    help : str
        One sentence, shown by ``/metrics`` and in the reference.
    labels : tuple of str
        Label names in the order in which collectors give their values.
    unit : str
        Base unit, or ``""`` for a plain count.
    buckets : tuple of float
        Upper bounds of a histogram, without ``+Inf``.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    unit: str = ""
    buckets: tuple[float, ...] = ()

    def sel(self, suffix: str = "", /, **matchers: str) -> str:
        """Return the PromQL selector, each keyword an equality matcher.

        Raises
        ------
        KeyError
            If a matcher names a label that the metric does not have.
        """
        unknown = set(matchers) - set(self.labels)
        if unknown:
            raise KeyError(f"{self.name} has no label {', '.join(sorted(unknown))}; it has {', '.join(self.labels)}")
        inside = ",".join(f"{label}={quote(value)}" for label, value in matchers.items())
        return f"{self.name}{suffix}{{{inside}}}" if inside else f"{self.name}{suffix}"

    def bucket(self) -> str:
        """Return the name of a histogram's bucket series."""
        return f"{self.name}_bucket"


_FEATURE = ("model", "role", "feature")

# --- serving -----------------------------------------------------------------------------------------------------
PREDICTIONS = Metric(
    "ml_predictions_total", "counter", "Rows predicted (a batch of 10 rows counts 10).", ("model", "endpoint")
)
PREDICTION_ERRORS = Metric(
    "ml_prediction_errors_total",
    "counter",
    "Calls that raised, by exception class.",
    ("model", "endpoint", "exception"),
)
PREDICTION_DURATION = Metric(
    "ml_prediction_duration_seconds", "histogram", "Duration of prediction calls, failed ones included.",
    ("model", "endpoint"), "seconds", LATENCY_BUCKETS,
)  # fmt: skip
PREDICTIONS_IN_PROGRESS = Metric(
    "ml_predictions_in_progress", "gauge", "Prediction calls that have started and not ended.", ("model",)
)
SAMPLING_RATIO = Metric(
    "ml_feature_sampling_ratio", "gauge", "Share of calls whose features are tallied; outputs always are.",
    ("model",), "ratio",
)  # fmt: skip
MODEL_INFO = Metric(
    "ml_model_info", "gauge", "Always 1; carries the model's version, task and reference fingerprint.",
    ("model", "version", "task", "reference"),
)  # fmt: skip

# --- data --------------------------------------------------------------------------------------------------------
BIN_OBSERVATIONS = Metric(
    "ml_feature_bin_observations_total", "counter",
    "Values per reference bin; role is feature, prediction or label.", (*_FEATURE, "bin"),
)  # fmt: skip
BIN_REFERENCE = Metric(
    "ml_feature_bin_reference_ratio", "gauge", "Share of the reference's values in each bin.",
    (*_FEATURE, "bin"), "ratio",
)  # fmt: skip
BIN_UPPER_EDGE = Metric(
    "ml_feature_bin_upper_edge", "gauge", "Upper edge (inclusive) of a numeric feature's bin.", (*_FEATURE, "bin")
)
FEATURE_OBSERVATIONS = Metric(
    "ml_feature_observations_total", "counter", "Cells seen, missing and invalid ones included.", _FEATURE
)
FEATURE_MISSING = Metric("ml_feature_missing_total", "counter", "Cells that were NaN, None or absent.", _FEATURE)
FEATURE_INVALID = Metric(
    "ml_feature_invalid_total", "counter", "Cells of a type that the feature cannot have.", _FEATURE
)
FEATURE_OUT_OF_RANGE = Metric(
    "ml_feature_out_of_range_total", "counter", "Values outside the reference's range or categories.", _FEATURE
)
FEATURE_REFERENCE_OBSERVATIONS = Metric(
    "ml_feature_reference_observations", "gauge", "Values in the reference's bins.", _FEATURE
)
FEATURE_NOISE_CHI2 = Metric(
    "ml_feature_drift_noise_chi2", "gauge",
    "Noise quantile of the bins; times (1/n + 1/m) it is the PSI that noise alone reaches.", _FEATURE,
)  # fmt: skip
DRIFT_SCORE = Metric(
    "ml_feature_drift_score", "gauge", "Drift of the sliding window against the reference.", (*_FEATURE, "method")
)
DRIFT_SHARE = Metric(
    "ml_feature_drift_share_ratio", "gauge", "Share of features whose drift is significant in the window.",
    ("model",), "ratio",
)  # fmt: skip
QUALITY_SCORE = Metric(
    "ml_data_quality_score_ratio", "gauge", "Mean of the quality dimensions over the sliding window.",
    ("model",), "ratio",
)  # fmt: skip
QUALITY_DIMENSION = Metric(
    "ml_data_quality_dimension_ratio", "gauge", "One quality dimension over the sliding window.",
    ("model", "dimension"), "ratio",
)  # fmt: skip
SCHEMA_FAULTS = Metric(
    "ml_schema_faults_total", "counter", "Rows with a schema fault, by fault: missing_column, unexpected_column.",
    ("model", "fault"),
)  # fmt: skip

# --- performance -------------------------------------------------------------------------------------------------
OUTCOMES = Metric(
    "ml_outcomes_total", "counter", "Predictions joined with their label: the confusion cells.",
    ("model", "actual", "predicted"),
)  # fmt: skip
OUTCOMES_RETRACTED = Metric(
    "ml_outcomes_retracted_total", "counter",
    "Outcomes that a corrected label has taken back; ml_outcomes_total still holds them.",
    ("model", "actual", "predicted"),
)  # fmt: skip
LABELS = Metric(
    "ml_labels_total", "counter",
    "Labels and predictions by how their join ended: joined, corrected, late, orphan, duplicate, expired, evicted, "
    "invalid, direct.",
    ("model", "status"),
)  # fmt: skip
LABEL_LAG = Metric(
    "ml_label_lag_seconds", "histogram", "Time from a prediction to its label.", ("model",), "seconds", LAG_BUCKETS
)
LABEL_COVERAGE = Metric(
    "ml_label_coverage_ratio", "gauge",
    "Share of predictions with a label, among those held for so long that it should have come.", ("model",), "ratio",
)  # fmt: skip
AWAITING_LABEL = Metric("ml_predictions_awaiting_label", "gauge", "Predictions held for a label to come.", ("model",))
LABELS_EARLY = Metric("ml_labels_awaiting_prediction", "gauge", "Labels held for their prediction to come.", ("model",))
LABEL_LAST_TIMESTAMP = Metric(
    "ml_label_last_timestamp_seconds", "gauge", "When the last label was joined, in Unix time.", ("model",), "seconds"
)
LEDGER_UP = Metric(
    "ml_ledger_up", "gauge", "1 if the ledger of predictions and labels could last be written to, else 0.",
    ("model", "kind"),
)  # fmt: skip
LEDGER_DURABLE = Metric(
    "ml_ledger_durable", "gauge", "1 if what the ledger holds outlives the process, else 0.", ("model",)
)
LEDGER_SPOOLED = Metric(
    "ml_ledger_spooled_rows", "gauge", "Predictions and labels in memory, not yet written to the ledger.",
    ("model", "what"),
)  # fmt: skip
LEDGER_DROPPED = Metric(
    "ml_ledger_dropped_rows_total", "counter", "Predictions and labels that the ledger had no room for.",
    ("model", "what"),
)  # fmt: skip
LEDGER_WRITES = Metric(
    "ml_ledger_writes_total", "counter", "Transactions of the ledger: ok or failed.", ("model", "result")
)
LEDGER_WRITE_SECONDS = Metric(
    "ml_ledger_write_seconds_total", "counter", "Time spent in transactions of the ledger.", ("model",), "seconds"
)
ACCURACY = Metric("ml_model_accuracy_ratio", "gauge", "Accuracy over the sliding window.", ("model",), "ratio")
PRECISION = Metric(
    "ml_model_precision_ratio", "gauge", "Precision over the sliding window (macro mean if multiclass).",
    ("model",), "ratio",
)  # fmt: skip
RECALL = Metric(
    "ml_model_recall_ratio", "gauge", "Recall over the sliding window (macro mean if multiclass).", ("model",), "ratio"
)
F1 = Metric("ml_model_f1_ratio", "gauge", "F1 over the sliding window (macro mean if multiclass).", ("model",), "ratio")

# --- thresholds --------------------------------------------------------------------------------------------------
ALERT_THRESHOLD = Metric(
    "ml_alert_threshold", "gauge", "Configured thresholds, in base units; the alert rules compare with these.",
    ("model", "signal"),
)  # fmt: skip

# --- system ------------------------------------------------------------------------------------------------------
SYSTEM_CPU = Metric(
    "ml_system_cpu_ratio", "gauge", "CPU in use, of the container's limit or the host.", ("model",), "ratio"
)
SYSTEM_MEMORY = Metric(
    "ml_system_memory_ratio", "gauge", "Memory in use, of the container's limit or the host.", ("model",), "ratio"
)
SYSTEM_MEMORY_USED = Metric("ml_system_memory_used_bytes", "gauge", "Memory in use.", ("model",), "bytes")
SYSTEM_MEMORY_LIMIT = Metric(
    "ml_system_memory_limit_bytes",
    "gauge",
    "Memory there is: the container's limit or the host's.",
    ("model",),
    "bytes",
)
SYSTEM_DISK = Metric("ml_system_disk_ratio", "gauge", "Disk space in use.", ("model", "path"), "ratio")
SYSTEM_NETWORK_RECEIVE = Metric(
    "ml_system_network_receive_bytes_total", "counter", "Bytes received, loopback left out.", ("model",), "bytes"
)
SYSTEM_NETWORK_TRANSMIT = Metric(
    "ml_system_network_transmit_bytes_total", "counter", "Bytes sent, loopback left out.", ("model",), "bytes"
)
SYSTEM_NETWORK_ERRORS = Metric(
    "ml_system_network_errors_total", "counter", "Network packets in error or dropped, loopback left out.", ("model",)
)
PROCESS_CPU = Metric(
    "ml_process_cpu_seconds_total",
    "counter",
    "CPU time of the model's process, user and system.",
    ("model",),
    "seconds",
)
PROCESS_MEMORY = Metric(
    "ml_process_resident_memory_bytes", "gauge", "Resident memory of the model's process.", ("model",), "bytes"
)
PROCESS_OPEN_FDS = Metric("ml_process_open_fds", "gauge", "File descriptors open in the model's process.", ("model",))
PROCESS_THREADS = Metric("ml_process_threads", "gauge", "Threads of the model's process.", ("model",))
PROCESS_START_TIME = Metric(
    "ml_process_start_time_seconds", "gauge", "When the model's process started, in Unix time.", ("model",), "seconds"
)

# --- health ------------------------------------------------------------------------------------------------------
HEALTH_UP = Metric("ml_health_check_up", "gauge", "1 if the check passed when last run, else 0.", ("model", "check"))
HEALTH_DURATION = Metric(
    "ml_health_check_duration_seconds", "gauge", "How long the check took when last run.", ("model", "check"), "seconds"
)
HEALTH_TIMESTAMP = Metric(
    "ml_health_check_last_run_timestamp_seconds", "gauge", "When the check was last run, in Unix time.",
    ("model", "check"), "seconds",
)  # fmt: skip

# --- the monitor itself ------------------------------------------------------------------------------------------
DROPPED_ROWS = Metric(
    "ml_monitor_dropped_rows_total", "counter", "Rows that were served and not tallied, by reason.", ("model", "reason")
)
HOOK_FAILURES = Metric(
    "ml_monitor_hook_failures_total", "counter", "Faults of the monitoring itself, by stage; none reached a caller.",
    ("model", "stage"),
)  # fmt: skip
BUFFERED_ROWS = Metric("ml_monitor_buffered_rows", "gauge", "Rows captured and not yet tallied.", ("model",))
LAST_DRAIN_TIMESTAMP = Metric(
    "ml_monitor_last_drain_timestamp_seconds", "gauge", "When the buffer was last tallied, in Unix time.",
    ("model",), "seconds",
)  # fmt: skip
DRAIN_LAG = Metric(
    "ml_monitor_drain_lag_seconds", "gauge", "Age of the oldest event when the buffer was last tallied.",
    ("model",), "seconds",
)  # fmt: skip
OVERHEAD = Metric(
    "ml_monitor_overhead_seconds_total", "counter", "CPU time spent in background tallying.", ("model",), "seconds"
)
COLLECTOR_SUCCESS = Metric(
    "ml_collector_success",
    "gauge",
    "1 if the collector gave its metrics in this scrape, else 0.",
    ("model", "collector"),
)
COLLECTOR_DURATION = Metric(
    "ml_collector_duration_seconds", "gauge", "How long the collector took in this scrape.", ("model", "collector"),
    "seconds",
)  # fmt: skip

#: All metrics by name.
METRICS: dict[str, Metric] = {metric.name: metric for metric in list(globals().values()) if isinstance(metric, Metric)}

#: Values of the ``signal`` label of :data:`ALERT_THRESHOLD`: a limit's name ends in ``_min`` or ``_max``.
SIGNALS: dict[str, str] = {
    "accuracy_min": "Accuracy below this raises an alert (ratio).",
    "precision_min": "Precision below this raises an alert (ratio).",
    "recall_min": "Recall below this raises an alert (ratio).",
    "f1_min": "F1 below this raises an alert (ratio).",
    "labels_min": "Labels in the window below which performance is not judged (count).",
    "latency_seconds_max": "95th percentile of the latency above this raises an alert (seconds).",
    "error_ratio_max": "Share of failed calls above this raises an alert (ratio).",
    "memory_ratio_max": "Memory above this raises an alert (ratio).",
    "cpu_ratio_max": "CPU above this raises an alert (ratio).",
    "disk_ratio_max": "Disk above this raises an alert (ratio).",
    "drift_warning_max": "PSI above this is drift (nats).",
    "drift_critical_max": "PSI above this is strong drift (nats).",
    "samples_min": "Values in the window below which drift is not judged (count).",
    "quality_min": "Quality score below this raises an alert (ratio).",
}
