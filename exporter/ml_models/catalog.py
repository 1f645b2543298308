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

#: Upper bounds of the histogram of batch sizes, in rows.
BATCH_BUCKETS: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4, 1e5)

#: Label that every metric of a model with a version carries besides those of its own.
MODEL_VERSION = "model_version"


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
        unknown = set(matchers) - {*self.labels, MODEL_VERSION}
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
PREDICTION_ERROR_DURATION = Metric(
    "ml_prediction_error_seconds_total", "counter", "Duration of the calls that raised, by exception class.",
    ("model", "endpoint", "exception"), "seconds",
)  # fmt: skip
PREDICTION_BATCH = Metric(
    "ml_prediction_batch_rows", "histogram", "Rows of the calls that predicted.",
    ("model", "endpoint"), "rows", BATCH_BUCKETS,
)  # fmt: skip
PREDICTION_QUEUED = Metric(
    "ml_prediction_queued_seconds", "histogram", "Time that calls waited before they began, where callers tell it.",
    ("model", "endpoint"), "seconds", LATENCY_BUCKETS,
)  # fmt: skip
PREDICTION_FIRST_ITEM = Metric(
    "ml_prediction_first_item_seconds", "histogram", "Time until a generator gave its first item.",
    ("model", "endpoint"), "seconds", LATENCY_BUCKETS,
)  # fmt: skip
PREDICTION_ITEMS = Metric("ml_prediction_items_total", "counter", "Items that generators gave.", ("model", "endpoint"))
PREDICTION_ITEMS_DURATION = Metric(
    "ml_prediction_items_seconds_total", "counter", "Time that generators took for their items, their consumers' left "
    "out.", ("model", "endpoint"), "seconds",
)  # fmt: skip
PREDICTIONS_IN_PROGRESS = Metric(
    "ml_predictions_in_progress", "gauge", "Prediction calls that have started and not ended.", ("model",)
)
SAMPLING_RATIO = Metric(
    "ml_feature_sampling_ratio", "gauge", "Share of calls whose features are tallied; outputs always are.",
    ("model",), "ratio",
)  # fmt: skip
MODEL_INFO = Metric(
    "ml_model_info", "gauge", "Always 1; carries the model's task, its deployment and the reference's fingerprint.",
    ("model", "task", "deployment", "reference"),
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
    "ml_feature_bin_upper_edge",
    "gauge",
    "Upper edge (inclusive) of a bin of numbers, or of datetimes in Unix time.",
    (*_FEATURE, "bin"),
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
MULTIVARIATE_SCORE = Metric(
    "ml_multivariate_drift_score", "gauge",
    "Change of how numeric features go together over the sliding window: correlation (largest change), frechet.",
    ("model", "method"),
)  # fmt: skip
MULTIVARIATE_PVALUE = Metric(
    "ml_multivariate_drift_pvalue_ratio", "gauge", "Probability that chance alone changes as much as that.",
    ("model", "method"), "ratio",
)  # fmt: skip
MULTIVARIATE_ROWS = Metric(
    "ml_multivariate_rows_total", "counter",
    "Rows by whether every numeric feature was there: complete, incomplete (left out).", ("model", "status"),
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

# --- data that is watched -----------------------------------------------------------------------------------------
WATCH_ROWS = Metric(
    "ml_watch_rows_total", "counter",
    "Rows of the watched data that were counted, by where their time puts them: on_time, late, ahead, undated.",
    ("model", "timing"),
)  # fmt: skip
WATCH_BYTES = Metric("ml_watch_read_bytes_total", "counter", "Bytes of files that were counted.", ("model",), "bytes")
WATCH_FILE_EVENTS = Metric(
    "ml_watch_file_events_total", "counter",
    "What happened to files: read, appended, replaced, truncated, renamed, rejected, forgotten.", ("model", "event"),
)  # fmt: skip
WATCH_FILES = Metric(
    "ml_watch_files", "gauge", "Files that are there now, by state: read, pending, rejected.", ("model", "state")
)
WATCH_PENDING_BYTES = Metric(
    "ml_watch_pending_bytes", "gauge", "Bytes that are there and not yet counted, rejected files left out.",
    ("model",), "bytes",
)  # fmt: skip
WATCH_NEWEST = Metric(
    "ml_watch_newest_timestamp_seconds", "gauge",
    "Time of the newest row that was counted, or of its file where rows have no time, in Unix time.",
    ("model",), "seconds",
)  # fmt: skip
WATCH_RUNS = Metric(
    "ml_watch_runs_total", "counter", "Readings of the data by this process, by outcome: succeeded, failed.",
    ("model", "outcome"),
)  # fmt: skip
WATCH_RUN_SUCCESS = Metric("ml_watch_run_success", "gauge", "1 if the last reading succeeded, else 0.", ("model",))
WATCH_LAST_RUN = Metric(
    "ml_watch_last_run_timestamp_seconds", "gauge", "When the last reading ended, in Unix time.", ("model",), "seconds"
)
WATCH_RUN_DURATION = Metric(
    "ml_watch_run_duration_seconds", "gauge", "How long the last reading took.", ("model",), "seconds"
)
WATCH_LEARNT = Metric(
    "ml_watch_reference_learnt", "gauge", "1 if the reference was learnt from the first data, 0 if it was given.",
    ("model",),
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

# --- scores: parts of AUC, calibration and losses ------------------------------------------------------------------
SCORE_OUTCOMES = Metric(
    "ml_score_outcomes_total", "counter",
    "Labelled predictions per score bin; outcome is positive or negative.", ("model", "outcome", "bin"),
)  # fmt: skip
SCORE_OUTCOMES_ABOVE = Metric(
    "ml_score_outcomes_above_total", "counter",
    "Labelled predictions with a score in this bin or a higher one, by outcome.", ("model", "outcome", "bin"),
)  # fmt: skip
CALIBRATION_OUTCOMES = Metric(
    "ml_calibration_outcomes_total", "counter",
    "Labelled predictions per tenth of the score (of several classes: of the predicted one's probability).",
    ("model", "bin"),
)  # fmt: skip
CALIBRATION_POSITIVES = Metric(
    "ml_calibration_positives_total", "counter",
    "Of these, those that were positive (of several classes: right).", ("model", "bin"),
)  # fmt: skip
CALIBRATION_SCORES = Metric(
    "ml_calibration_scores_total", "counter", "Sum of their scores: how many were to be positive.", ("model", "bin")
)
LOG_LOSS_SUM = Metric("ml_log_loss_total", "counter", "Sum of log losses over labelled predictions, nats.", ("model",))
BRIER_SUM = Metric("ml_brier_score_total", "counter", "Sum of Brier scores over labelled predictions.", ("model",))
ROC_AUC = Metric("ml_model_roc_auc", "gauge", "Area under the ROC curve over the sliding window.", ("model",))
PR_AUC = Metric(
    "ml_model_pr_auc", "gauge", "Area under the precision-recall curve over the sliding window.", ("model",)
)
LOG_LOSS = Metric("ml_model_log_loss", "gauge", "Mean log loss over the sliding window, nats.", ("model",))
BRIER = Metric("ml_model_brier_score", "gauge", "Mean Brier score over the sliding window.", ("model",))
CALIBRATION_ERROR = Metric(
    "ml_model_calibration_error_ratio", "gauge", "Expected calibration error (ECE) over the sliding window.",
    ("model",), "ratio",
)  # fmt: skip

# --- regression: parts of errors -----------------------------------------------------------------------------------
NUMBERS = Metric("ml_regression_outcomes_total", "counter", "Predicted numbers joined with their label.", ("model",))
NUMBERS_ERROR = Metric(
    "ml_regression_error_total", "counter",
    "Sum of absolute errors; direction is over where too much was predicted, else under.", ("model", "direction"),
)  # fmt: skip
NUMBERS_SQUARED = Metric("ml_regression_squared_error_total", "counter", "Sum of squared errors.", ("model",))
NUMBERS_DEVIATION = Metric(
    "ml_regression_actual_deviation_total", "counter",
    "Sum of the distances of actual values from a fixed centre; side is above or below.", ("model", "side"),
)  # fmt: skip
NUMBERS_SQUARED_DEVIATION = Metric(
    "ml_regression_actual_squared_deviation_total", "counter", "Sum of the squares of these distances.", ("model",)
)
NUMBERS_RELATIVE = Metric(
    "ml_regression_relative_error_total", "counter",
    "Sum of absolute errors in parts of the actual value, where that is not 0.", ("model",),
)  # fmt: skip
NUMBERS_NONZERO = Metric(
    "ml_regression_nonzero_outcomes_total", "counter", "Outcomes whose actual value is not 0.", ("model",)
)
RESIDUAL_OBSERVATIONS = Metric(
    "ml_residual_bin_observations_total", "counter",
    "Residuals (prediction less actual value) per bin.", ("model", "bin"),
)  # fmt: skip
RESIDUAL_UPPER_EDGE = Metric(
    "ml_residual_bin_upper_edge", "gauge", "Upper edge (inclusive) of a bin of residuals.", ("model", "bin")
)
MAE = Metric("ml_model_mean_absolute_error", "gauge", "Mean absolute error over the sliding window.", ("model",))
RMSE = Metric("ml_model_rms_error", "gauge", "Root mean squared error over the sliding window.", ("model",))
BIAS = Metric("ml_model_bias", "gauge", "Mean of prediction less actual value over the sliding window.", ("model",))
R2 = Metric("ml_model_r2", "gauge", "Share of the variance explained over the sliding window.", ("model",))
MAPE = Metric(
    "ml_model_mape_ratio", "gauge", "Mean absolute error in parts of the actual value over the sliding window.",
    ("model",), "ratio",
)  # fmt: skip

# --- estimates: performance before labels --------------------------------------------------------------------------
ESTIMATED_OUTCOMES = Metric(
    "ml_estimated_outcomes_total", "counter",
    "Expected confusion cells of all predictions with a score: sums of probabilities.",
    ("model", "actual", "predicted"),
)  # fmt: skip
ESTIMATED_DOUBT = Metric(
    "ml_estimated_doubt_total", "counter",
    "Sum of q (1 - q), q the probability that a prediction is right: the variance of the right ones.",
    ("model", "predicted"),
)  # fmt: skip
ESTIMATED_SCORE_OUTCOMES = Metric(
    "ml_estimated_score_outcomes_total", "counter",
    "Expected positives and negatives per score bin, of all predictions with a score.", ("model", "outcome", "bin"),
)  # fmt: skip
ESTIMATED_SCORE_OUTCOMES_ABOVE = Metric(
    "ml_estimated_score_outcomes_above_total", "counter",
    "Expected positives and negatives with a score in this bin or a higher one.", ("model", "outcome", "bin"),
)  # fmt: skip
SCORED_OUTCOMES = Metric(
    "ml_scored_outcomes_total", "counter", "Labelled predictions that had a score.", ("model", "predicted")
)
SCORED_RIGHT = Metric("ml_scored_right_total", "counter", "Of these, those that were right.", ("model", "predicted"))
SCORED_EXPECTED = Metric(
    "ml_scored_expected_total", "counter", "Of these, those that were to be right: sum of q.", ("model", "predicted")
)
SCORED_DOUBT = Metric(
    "ml_scored_doubt_total", "counter", "Of these, the variance of the right ones: sum of q (1 - q).",
    ("model", "predicted"),
)  # fmt: skip
ESTIMATED_ACCURACY = Metric(
    "ml_estimated_accuracy_ratio", "gauge", "Accuracy to be expected of the sliding window's predictions.",
    ("model",), "ratio",
)  # fmt: skip
ESTIMATED_PRECISION = Metric(
    "ml_estimated_precision_ratio", "gauge", "Precision to be expected (macro mean if multiclass).",
    ("model",), "ratio",
)  # fmt: skip
ESTIMATED_RECALL = Metric(
    "ml_estimated_recall_ratio", "gauge", "Recall to be expected (macro mean if multiclass).", ("model",), "ratio"
)
ESTIMATED_F1 = Metric(
    "ml_estimated_f1_ratio", "gauge", "F1 to be expected (macro mean if multiclass).", ("model",), "ratio"
)
ESTIMATED_ROC_AUC = Metric("ml_estimated_roc_auc", "gauge", "Area under the ROC curve to be expected.", ("model",))
ACCURACY_GAP = Metric(
    "ml_accuracy_gap_ratio", "gauge",
    "Realised less expected accuracy of the same labelled predictions in the sliding window.", ("model",), "ratio",
)  # fmt: skip
ACCURACY_GAP_NOISE = Metric(
    "ml_accuracy_gap_noise_ratio", "gauge", "Gap that chance alone stays within, in 95 % of cases.",
    ("model",), "ratio",
)  # fmt: skip

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

# --- the endpoint's guard ----------------------------------------------------------------------------------------
HTTP_AUTH_FAILURES = Metric(
    "ml_http_auth_failures_total", "counter",
    "Requests to the endpoint that were refused, by reason: missing, wrong, busy, certificate.", ("model", "reason"),
)  # fmt: skip
WEB_CONFIG_RELOAD_SUCCESS = Metric(
    "ml_web_config_reload_success", "gauge", "1 if the web configuration is in force as its files are now, else 0.",
    ("model",),
)  # fmt: skip
TLS_CERTIFICATE_EXPIRY = Metric(
    "ml_tls_certificate_expiry_timestamp_seconds", "gauge",
    "When the first certificate of the endpoint's chain runs out, in Unix time.", ("model",), "seconds",
)  # fmt: skip
SECRET_FILE_EXPOSED = Metric(
    "ml_secret_file_exposed", "gauge", "1 if every user of the machine can read the file: web_config, key; else 0.",
    ("model", "file"),
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
    "data_age_seconds_max": "Watched data older than this raise an alert (seconds).",
    "rejected_files_max": "More files than this that cannot be read raise an alert (count).",
}
