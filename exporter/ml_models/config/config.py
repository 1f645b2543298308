"""Every parameter of the monitoring.

Each parameter states its meaning, range and default here and nowhere else; ``mlmon config schema`` and the table in
``docs/configuration.md`` are made from this module. Values are in the units that people write (milliseconds,
percent); :class:`ml_models.config.Config` reads them and turns them into base units (seconds, ratios).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from ml_models.config.kinds import (
    AnyText,
    Bytes,
    Choice,
    Count,
    CountFromZero,
    FilePath,
    FolderPath,
    Label,
    Labels,
    LedgerTarget,
    Milliseconds,
    Names,
    Percent,
    Port,
    PositiveRatio,
    Ratio,
    Score,
    Seconds,
    Switch,
    Text,
    UsagePercent,
    Weight,
    above,
    at_least,
    member_of,
    unlike_port,
)
from ml_models.config.notifications import ALERT_CHANNELS, Channels, NotificationsSection
from ml_models.config.section import Section

#: Drift methods, as in ``ml_models.stats.drift.METHODS``, which would bring numpy along.
DRIFT_METHODS = ("psi", "js", "ks", "wasserstein", "chi2", "kl", "hellinger", "tvd", "linf")
#: What becomes of a model's predictions.
DEPLOYMENTS = ("champion", "challenger", "shadow")
#: Tasks of a model; ``auto`` decides at its classes or its first outputs.
TASKS = ("auto", "classification", "regression")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOG_FORMATS = ("plain", "json")


def _divided(value: float | None, by: float) -> float | None:
    return None if value is None else value / by


class ModelSection(Section):
    """The model that is monitored."""

    name: Text | None = Field(
        default=None,
        description="Name of the model, the `model` label of every metric; unique among all models that one Prometheus "
        "scrapes. Not set: taken from the model object.",
    )
    version: AnyText = Field(default="", description="Version of the model: the `model_version` label of every metric.")
    deployment: Annotated[str, Choice(DEPLOYMENTS)] = Field(
        default="champion",
        description="What becomes of its predictions: they are served, served to some (`challenger`), or not at all "
        "(`shadow`).",
    )
    reference: FilePath | None = Field(
        default=None,
        description="File of the reference profile that live data are compared with; a relative path is taken from the "
        "folder of the YAML file. Not set: no drift scores.",
    )
    task: Annotated[str, Choice(TASKS)] = Field(
        default="auto", description="What the model predicts; `auto` finds out from its classes and predictions."
    )
    classes: Labels | None = Field(
        default=None,
        description="All classes, in the order of the columns of `predict_proba`. Not set: taken from the model or the "
        "reference.",
    )
    positive_class: Annotated[Label | None, AfterValidator(member_of("classes"))] = Field(
        default=None,
        description="Class that precision, recall and F1 of a binary model are about. Not set: the second class.",
    )
    decision_threshold: Ratio = Field(
        default=0.5, description="Probability of the positive class from which a binary model's output counts as it."
    )


class AlertThresholds(Section):
    """Limits of performance and resources; one that is not set raises no alert."""

    accuracy: Ratio | None = Field(
        default=None, description="Accuracy below this raises an alert. What is good depends on the model: no default."
    )
    precision: Ratio | None = Field(default=None, description="Precision below this raises an alert.")
    recall: Ratio | None = Field(default=None, description="Recall below this raises an alert.")
    f1: Ratio | None = Field(default=None, description="F1 below this raises an alert.")
    latency: Milliseconds | None = Field(
        default=None, description="95th percentile of the prediction latency above this raises an alert."
    )
    error_rate: Percent | None = Field(
        default=5.0, description="Percentage of failed prediction calls above this raises an alert."
    )
    memory: UsagePercent | None = Field(
        default=90.0, description="Memory in use, of the container's limit or the host's, above this raises an alert."
    )
    cpu: UsagePercent | None = Field(
        default=95.0, description="CPU in use, of the container's limit or the host's, above this raises an alert."
    )
    disk: UsagePercent | None = Field(default=90.0, description="Disk space in use above this raises an alert.")
    min_labels: Count = Field(
        default=100,
        description="Labels in the window below which accuracy, precision, recall and F1 raise no alert: fewer than "
        "about 100 cannot tell an accuracy of 0.90 from one of 0.95.",
    )

    def signals(self) -> dict[str, float]:
        """Return the limits that are set, by signal, in base units."""
        limits = {
            "accuracy_min": self.accuracy,
            "precision_min": self.precision,
            "recall_min": self.recall,
            "f1_min": self.f1,
            "labels_min": float(self.min_labels),
            "latency_seconds_max": _divided(self.latency, 1000),
            "error_ratio_max": _divided(self.error_rate, 100),
            "memory_ratio_max": _divided(self.memory, 100),
            "cpu_ratio_max": _divided(self.cpu, 100),
            "disk_ratio_max": _divided(self.disk, 100),
        }
        return {signal: limit for signal, limit in limits.items() if limit is not None}


class PerformanceSection(Section):
    """Performance of the model and use of resources."""

    metrics_interval: Seconds = Field(
        default=60.0, description="Seconds between two samples of the history that reports draw."
    )
    window: Annotated[Seconds, AfterValidator(at_least("metrics_interval"))] = Field(
        default=3600.0,
        description="Length in seconds of the sliding window that performance, drift and quality are scored over; at "
        "least `metrics_interval`.",
    )
    alert_thresholds: AlertThresholds = AlertThresholds()


class LabelsSection(Section):
    """Ground truth that arrives after the prediction."""

    ledger: LedgerTarget | None = Field(
        default=None,
        description="Where predictions wait for their label: a file (SQLite), a database of PostgreSQL, or `memory`; a "
        "relative path is taken from the folder of the YAML file. Not set: `ml-models/NAME/ledger.sqlite` in "
        "`$XDG_STATE_HOME`.",
    )
    ledger_url_file: FilePath | None = Field(
        default=None,
        description="File that holds the URL of the database, with its password; in the place of `ledger`.",
    )
    horizon: Seconds = Field(
        default=604800.0,
        description="Seconds that a prediction is held for its label to come, and a label for its prediction; a later "
        "one is counted as late.",
    )
    max_rows: Count = Field(
        default=1000000, description="Predictions held for their label at most; beyond it the oldest are given up."
    )
    expected_after: Seconds = Field(
        default=86400.0,
        description="Seconds after which a label should have come: `ml_label_coverage_ratio` is about predictions that "
        "are older.",
    )


class DataSection(Section):
    """Drift and quality of the data."""

    drift_method: Annotated[str, Choice(DRIFT_METHODS)] = Field(
        default="psi", description="Score that the monitor judges drift by; the alert rules always use PSI."
    )
    drift_threshold: Score = Field(default=0.1, description="Drift score above which a feature has drifted (warning).")
    drift_critical_threshold: Annotated[Score, AfterValidator(above("drift_threshold"))] = Field(
        default=0.25,
        description="Drift score above which a feature has drifted strongly (critical); above `drift_threshold`.",
    )
    min_samples: Count = Field(
        default=200,
        description="Values of a feature in the window below which its drift raises no alert: PSI over 10 bins passes "
        "0.1 by chance in 39 percent of windows of 100 values, in 2 percent of 200.",
    )
    quality_threshold: Ratio | None = Field(default=0.9, description="Data quality score below this raises an alert.")
    distribution_interval: Seconds = Field(
        default=3600.0, description="Seconds between two readings of the data by the data monitor."
    )
    completeness_weight: Weight = Field(
        default=1.0, description="What the share of cells that are there counts in the quality score."
    )
    validity_weight: Weight = Field(default=1.0, description="The same of the share of present cells that are valid.")
    schema_weight: Weight = Field(
        default=1.0, description="The same of the share of rows with exactly the expected columns."
    )
    uniqueness_weight: Weight = Field(
        default=1.0, description="The same of the share of rows that repeat no other, where batches are judged."
    )
    timeliness_weight: Weight = Field(default=1.0, description="The same of how fresh the data is, where files are.")
    multivariate: Switch = Field(
        default=False,
        description="Also tally how the numeric features go together; takes a reference made with `--multivariate`.",
    )
    sampling_rate: PositiveRatio = Field(
        default=1.0,
        description="Share of calls whose features are tallied. Calls, errors, latencies and outputs always are.",
    )
    name: Text | None = Field(
        default=None,
        description="Name of the data monitor, its `model` label. Not set: `model.name` with `-data` behind it, as the "
        "recording rules add up what has the same name; without that the name of the file or folder.",
    )
    time_column: Text | None = Field(
        default=None,
        description="Column that tells the data monitor when a row happened, and so which window it belongs to. Not "
        "set: rows belong to the time at which they are read.",
    )
    prediction_column: Text | None = Field(
        default=None,
        description="Column of the model's output, where the data monitor learns its reference; a profile knows it.",
    )
    label_column: Text | None = Field(
        default=None,
        description="Column of the true label, where the data monitor learns its reference; a profile knows it.",
    )
    ignore_columns: Names = Field(
        default=(), description="Columns of the watched data that are no features, such as row ids."
    )
    checkpoint: FolderPath | None = Field(
        default=None,
        description="Folder in which the data monitor keeps its counts and where it is in each file; a relative path "
        "is taken from the folder of the YAML file. Not set: one below `$STATE_DIRECTORY`, `$XDG_STATE_HOME` or "
        "`~/.local/state`.",
    )
    max_age: Seconds | None = Field(
        default=None,
        description="Age of the newest watched data in seconds above which an alert is raised and timeliness falls. "
        "How often data come depends on their source: no default.",
    )
    max_rejected_files: CountFromZero = Field(
        default=0, description="Watched files that cannot be read above which an alert is raised."
    )

    def weights(self) -> dict[str, float] | None:
        """Return the weights of the dimensions of quality, None where all are equal."""
        dimensions = ("completeness", "validity", "schema", "uniqueness", "timeliness")
        weights = {name: float(getattr(self, f"{name}_weight")) for name in dimensions}
        return None if set(weights.values()) == {1.0} else weights

    def signals(self) -> dict[str, float]:
        """Return the limits that are set, by signal, in base units."""
        limits = {
            "drift_warning_max": self.drift_threshold,
            "drift_critical_max": self.drift_critical_threshold,
            "samples_min": float(self.min_samples),
            "quality_min": self.quality_threshold,
        }
        return {signal: limit for signal, limit in limits.items() if limit is not None}

    def watch_signals(self) -> dict[str, float]:
        """Return the limits of a data monitor that are set, by signal, in base units."""
        limits = {"data_age_seconds_max": self.max_age, "rejected_files_max": float(self.max_rejected_files)}
        return self.signals() | {signal: limit for signal, limit in limits.items() if limit is not None}


class SystemSection(Section):
    """Health checks, logging and alert routing."""

    health_check_interval: Seconds = Field(default=60.0, description="Seconds between two runs of the health checks.")
    health_check_timeout: Seconds = Field(
        default=10.0, description="Seconds after which a health check that has not answered counts as failed."
    )
    log_level: Annotated[str, Choice(LOG_LEVELS)] | None = Field(
        default=None, description="Level of the package's log. Not set: the application's logging stays as it is."
    )
    log_format: Annotated[str, Choice(LOG_FORMATS)] = Field(
        default="plain", description="Form of a log line: text for people, or one JSON object a line."
    )
    alert_channels: Channels = Field(
        default=(),
        description="Where alerts go, as `mlmon generate alertmanager --config` writes it; `notifications` says how.",
    )


class ServerSection(Section):
    """The endpoint that Prometheus scrapes."""

    host: Text = Field(
        default="127.0.0.1", description="Address to listen on; `0.0.0.0` to be scraped from other machines."
    )
    port: Port = Field(default=9877, description="Port of the model monitor; 0 takes any free one.")
    data_port: Annotated[Port | None, AfterValidator(unlike_port("port"))] = Field(
        default=None,
        description="Port of the data monitor, which may run beside the model monitor. Not set: the one after `port`.",
    )

    web_config: FilePath | None = Field(
        default=None,
        description="File with TLS and passwords of the endpoint, in the form that the exporters of Prometheus have; a "
        "relative path is taken from the folder of the YAML file. Not set: plain HTTP without passwords.",
    )

    def port_for_data(self) -> int:
        """Return the data monitor's port."""
        if self.data_port is not None or self.port == 0:
            return self.data_port or 0
        return self.port + 1 if self.port < 65535 else self.port - 1


class BufferSection(Section):
    """The buffer between the serving threads and the tallying; rows beyond it are dropped and counted."""

    rows: Count = Field(default=65536, description="Calls captured and not yet tallied at most, per endpoint.")
    bytes: Bytes = Field(default=67108864, description="Bytes of captured batches not yet tallied at most.")


class GrafanaSection(Section):
    """The Grafana that dashboards are pushed to and snapshots are made in."""

    url: Text | None = Field(
        default=None, description="Address of Grafana, with its sub-path if it has one, without user or password."
    )
    token_file: FilePath | None = Field(
        default=None,
        description="File with the token of a service account; the environment variable `GRAFANA_TOKEN` or "
        "`GRAFANA_TOKEN_FILE` goes before it.",
    )
    ca_file: FilePath | None = Field(
        default=None, description="Certificates (PEM) that Grafana is verified by. Not set: those of the system."
    )
    folder: Text = Field(default="ML models", description="Title of the folder that dashboards are pushed into.")
    timeout: Seconds = Field(default=30.0, description="Seconds to wait for an answer of Grafana.")


class Monitoring(Section):
    """All parameters."""

    model: ModelSection = ModelSection()
    performance: PerformanceSection = PerformanceSection()
    labels: LabelsSection = LabelsSection()
    data: DataSection = DataSection()
    system: SystemSection = SystemSection()
    notifications: NotificationsSection = NotificationsSection()
    server: ServerSection = ServerSection()
    buffer: BufferSection = BufferSection()
    grafana: GrafanaSection = GrafanaSection()


class Document(Section):
    """The file."""

    monitoring: Monitoring = Monitoring()


__all__ = ["ALERT_CHANNELS", "DRIFT_METHODS", "TASKS", "Document", "Monitoring"]
