"""Every parameter of the monitoring.

Each parameter states its meaning, range and default here and nowhere else; ``mlmon config schema`` and the table in
``docs/configuration.md`` are made from this module. Values are in the units that people write (milliseconds,
percent); :class:`ml_models.config.Config` reads them and turns them into base units (seconds, ratios).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ml_models.config.kinds import (
    AnyText,
    Bytes,
    Choice,
    Count,
    FilePath,
    Kind,
    Label,
    Labels,
    LedgerTarget,
    Milliseconds,
    Percent,
    Port,
    PositiveRatio,
    Ratio,
    Score,
    Seconds,
    Text,
    UsagePercent,
    above,
    as_tuple,
    at_least,
    distinct,
    member_of,
    parse_list,
    unlike_port,
)

#: Drift methods that can be asked for: those whose score the live tallies give.
DRIFT_METHODS = ("psi", "js", "ks")
#: Tasks of a model; ``auto`` decides at its classes or its first outputs.
TASKS = ("auto", "classification", "regression")
#: Receivers that the Alertmanager configuration can be generated for.
ALERT_CHANNELS = ("email", "slack", "webhook")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOG_FORMATS = ("plain", "json")

Channels = Annotated[
    tuple[Annotated[str, Choice(ALERT_CHANNELS)], ...],
    Field(strict=True),
    BeforeValidator(as_tuple),
    AfterValidator(distinct),
    Kind("a list of " + ", ".join(ALERT_CHANNELS), parse=parse_list),
]


def _divided(value: float | None, by: float) -> float | None:
    return None if value is None else value / by


class Section(BaseModel):
    """A mapping in the file: keys that it does not know are faults, and an empty one is its defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, value: Any) -> Any:
        # `data:` with every line below it commented out
        return {} if value is None else value


class ModelSection(Section):
    """The model that is monitored."""

    name: Text | None = Field(
        default=None,
        description="Name of the model, the `model` label of every metric; unique among all models that one Prometheus "
        "scrapes. Not set: taken from the model object.",
    )
    version: AnyText = Field(default="", description="Version of the model, as shown in `ml_model_info` and reports.")
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
    sampling_rate: PositiveRatio = Field(
        default=1.0,
        description="Share of calls whose features are tallied. Calls, errors, latencies and outputs always are.",
    )

    def signals(self) -> dict[str, float]:
        """Return the limits that are set, by signal, in base units."""
        limits = {
            "drift_warning_max": self.drift_threshold,
            "drift_critical_max": self.drift_critical_threshold,
            "samples_min": float(self.min_samples),
            "quality_min": self.quality_threshold,
        }
        return {signal: limit for signal, limit in limits.items() if limit is not None}


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
        default=(), description="Where alerts go: receivers of the generated Alertmanager configuration."
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

    def port_for_data(self) -> int:
        """Return the data monitor's port."""
        if self.data_port is not None or self.port == 0:
            return self.data_port or 0
        return self.port + 1 if self.port < 65535 else self.port - 1


class BufferSection(Section):
    """The buffer between the serving threads and the tallying; rows beyond it are dropped and counted."""

    rows: Count = Field(default=65536, description="Calls captured and not yet tallied at most, per endpoint.")
    bytes: Bytes = Field(default=67108864, description="Bytes of captured batches not yet tallied at most.")


class Monitoring(Section):
    """All parameters."""

    model: ModelSection = ModelSection()
    performance: PerformanceSection = PerformanceSection()
    labels: LabelsSection = LabelsSection()
    data: DataSection = DataSection()
    system: SystemSection = SystemSection()
    server: ServerSection = ServerSection()
    buffer: BufferSection = BufferSection()


class Document(Section):
    """The file."""

    monitoring: Monitoring = Monitoring()
