"""Every parameter of the monitoring, and the :class:`Config` that reads them.

Each parameter states its meaning, range and default here and nowhere else; ``mlmon config schema`` and the table in
``docs/configuration.md`` are made from this module. Values are in the units that people write (milliseconds,
percent); :meth:`Config.get_monitoring_config` turns them into base units (seconds, ratios).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ml_models.config.faults import describe
from ml_models.config.kinds import (
    AnyText,
    Bytes,
    Choice,
    Count,
    FilePath,
    Kind,
    Label,
    Labels,
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
    at_least,
    distinct,
    member_of,
    parse_list,
    unlike_port,
)
from ml_models.config.parameters import Keys, parameters_of, reference_table
from ml_models.config.sources import CONFIG_VARIABLE, Source, dump_yaml, read_environment, read_yaml
from ml_models.errors import ConfigError

#: Drift methods that can be asked for: those whose score the live tallies give.
DRIFT_METHODS = ("psi", "js", "ks")
#: Tasks of a model; ``auto`` looks at its classes and its first predictions.
TASKS = ("auto", "binary", "multiclass", "regression")
#: Receivers that the Alertmanager configuration can be generated for.
ALERT_CHANNELS = ("email", "slack", "webhook")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOG_FORMATS = ("plain", "json")

Channels = Annotated[
    tuple[Annotated[str, Choice(ALERT_CHANNELS)], ...],
    AfterValidator(distinct),
    Kind("a list of " + ", ".join(ALERT_CHANNELS), parse=parse_list),
]


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

    metrics_interval: Seconds = Field(default=60.0, description="Seconds between two updates of the sliding window.")
    window: Annotated[Seconds, AfterValidator(at_least("metrics_interval"))] = Field(
        default=3600.0,
        description="Length in seconds of the sliding window that performance, drift and quality are scored over; at "
        "least `metrics_interval`.",
    )
    alert_thresholds: AlertThresholds = AlertThresholds()


class LabelsSection(Section):
    """Ground truth that arrives after the prediction."""

    horizon: Seconds = Field(
        default=604800.0,
        description="Seconds that a prediction is held for its label to come; a later one is counted as late.",
    )
    max_rows: Count = Field(
        default=1000000, description="Predictions held for their label at most; beyond it the oldest are given up."
    )


class DataSection(Section):
    """Drift and quality of the data."""

    drift_method: Annotated[str, Choice(DRIFT_METHODS)] = Field(
        default="psi", description="Score by which the live gauges and reports rank drift; the alert rules use PSI."
    )
    drift_threshold: Score | None = Field(default=0.1, description="PSI above which a feature has drifted (warning).")
    drift_critical_threshold: Annotated[Score | None, AfterValidator(above("drift_threshold"))] = Field(
        default=0.25, description="PSI above which a feature has drifted strongly (critical); above `drift_threshold`."
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
        description="Share of calls whose features and outputs are tallied. Calls, errors and latencies are always "
        "counted.",
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

    rows: Count = Field(
        default=4096, description="Rows captured and not yet tallied at most; 4096 stay in the processor's cache."
    )
    bytes: Bytes = Field(default=67108864, description="Bytes captured and not yet tallied at most.")


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


def _divided(value: float | None, by: float) -> float | None:
    return None if value is None else value / by


def _merged(values: Any, over: Mapping[str, Any]) -> Any:
    """Return the values with those of ``over`` in their place; what is no mapping is left for the validation."""
    if values is None:
        values = {}
    if not isinstance(values, Mapping):
        return values
    merged = dict(values)
    for key, value in over.items():
        merged[key] = _merged(merged.get(key), value) if isinstance(value, Mapping) else value
    return merged


def _places(under: Mapping[Keys, str], over: Mapping[Keys, str]) -> dict[Keys, str]:
    """Join the places; a list that a variable replaces takes its elements' lines with it."""
    kept = {path: place for path, place in under.items() if path[:-1] not in over}
    return {**kept, **over}


def _validated(source: Source, over: Source, name: str) -> Document:
    values = _merged(source.values, over.values)
    document, faults = Document(), list(source.faults)
    try:
        document = Document.model_validate(values)
    except ValidationError as error:
        faults += describe(error, Document, values, _places(source.places, over.places))
    faults += over.faults
    if faults:
        raise ConfigError(name, faults)
    return document


def _path(file: object) -> Path:
    if not isinstance(file, str | os.PathLike):
        remedy = "a file's path (Config.from_dict takes a dict)"
        raise ConfigError("Config", [f"file: found an object of class {type(file).__name__}; {remedy}"])
    return Path(file)


def _based(document: Document, folder: Path) -> Document:
    """Take a relative path of the reference from a folder."""
    monitoring = document.monitoring
    if monitoring.model.reference is None:
        return document
    model = monitoring.model.model_copy(update={"reference": str(folder / monitoring.model.reference)})
    return document.model_copy(update={"monitoring": monitoring.model_copy(update={"model": model})})


class Config:
    """Checked settings, immutable.

    A value comes from the environment if a variable sets it, else from the YAML file, else it is the default.
    An argument given to a monitor overrides all of them; see :meth:`get_monitoring_config`.

    Parameters
    ----------
    file : str or path, optional
        YAML file with the top key ``monitoring``. Without one, the file that the environment variable
        ``ML_MODELS_CONFIG`` names is read, if any.
    environ : mapping of str to str, optional
        Environment to read instead of the process's; ``{}`` for the file alone.

    Raises
    ------
    ConfigError
        If the file cannot be read or anything in it or in the environment is wrong; all faults at once.

    Examples
    --------
    >>> Config(environ={}).get_monitoring_config()["window"]
    3600.0
    >>> Config(environ={"ML_MODELS_PERFORMANCE__WINDOW": "600"}).monitoring.performance.window
    600.0
    """

    __slots__ = ("_document",)

    def __init__(self, file: str | os.PathLike[str] | None = None, *, environ: Mapping[str, str] | None = None) -> None:
        variables = os.environ if environ is None else environ
        over = read_environment(variables, parameters_of(Document))
        origin = ""
        if file is None and variables.get(CONFIG_VARIABLE, "").strip():
            file, origin = variables[CONFIG_VARIABLE].strip(), f" ({CONFIG_VARIABLE})"
        if file is None:
            self._document = _validated(Source({}), over, "environment")
            return
        path = _path(file)
        name = f"{path}{origin}"
        source = read_yaml(path, name)
        document = _validated(source, over, f"{name} and environment" if over.places or over.faults else name)
        in_file = ("monitoring", "model", "reference") not in over.places
        self._document = _based(document, path.absolute().parent) if in_file else document

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        """Check settings given as a dict of the YAML file's form; the environment is not read.

        Raises
        ------
        ConfigError
            If anything in it is wrong; all faults at once.

        Examples
        --------
        >>> thresholds = {"latency": 250, "memory": 80}
        >>> config = Config.from_dict({"monitoring": {"performance": {"alert_thresholds": thresholds}}})
        >>> config.get_monitoring_config()["alert_thresholds"]["latency_seconds_max"]
        0.25
        """
        config = cls.__new__(cls)
        config._document = _validated(Source(values), Source({}), "dict")
        return config

    @property
    def monitoring(self) -> Monitoring:
        """Effective values in the units of the file, e.g. ``config.monitoring.system.log_level``."""
        return self._document.monitoring

    @property
    def alert_channels(self) -> tuple[str, ...]:
        """Where alerts go: some of :data:`ALERT_CHANNELS`."""
        return self.monitoring.system.alert_channels

    def get_monitoring_config(self) -> dict[str, Any]:
        """Return the keyword arguments of ``ModelMonitor``, all but the model, in base units.

        To override one in code, merge it: ``ModelMonitor(model, **{**config.get_monitoring_config(), "port": 0})``.
        """
        settings = self.monitoring
        return {
            "name": settings.model.name,
            "version": settings.model.version,
            "reference": settings.model.reference,
            "task": settings.model.task,
            "classes": settings.model.classes,
            "positive_class": settings.model.positive_class,
            "decision_threshold": settings.model.decision_threshold,
            "window": settings.performance.window,
            "metrics_interval": settings.performance.metrics_interval,
            "alert_thresholds": {**settings.performance.alert_thresholds.signals(), **settings.data.signals()},
            "drift_method": settings.data.drift_method,
            "sampling_rate": settings.data.sampling_rate,
            "buffer_rows": settings.buffer.rows,
            "buffer_bytes": settings.buffer.bytes,
            "label_horizon": settings.labels.horizon,
            "label_max_rows": settings.labels.max_rows,
            "health_check_interval": settings.system.health_check_interval,
            "health_check_timeout": settings.system.health_check_timeout,
            "host": settings.server.host,
            "port": settings.server.port,
            "log_level": settings.system.log_level,
            "log_format": settings.system.log_format,
        }

    def get_data_monitoring_config(self) -> dict[str, Any]:
        """Return the keyword arguments of ``DataMonitor``, all but the data's path, in base units."""
        settings = self.monitoring
        return {
            "name": settings.model.name,
            "reference": settings.model.reference,
            "interval": settings.data.distribution_interval,
            "window": settings.performance.window,
            "alert_thresholds": settings.data.signals(),
            "drift_method": settings.data.drift_method,
            "host": settings.server.host,
            "port": settings.server.port_for_data(),
            "log_level": settings.system.log_level,
            "log_format": settings.system.log_format,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the effective values in the form of the file; :meth:`from_dict` takes it back."""
        return self._document.model_dump(mode="json")

    def to_yaml(self) -> str:
        """Return the effective values as YAML text."""
        return dump_yaml(self.to_dict())

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """Return the JSON schema of the file: names, meanings, bounds and defaults; editors complete with it."""
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Document.model_json_schema()}

    @staticmethod
    def reference_table() -> str:
        """Return every parameter as a Markdown table."""
        return reference_table(Document)

    def __eq__(self, other: object) -> bool:
        return self._document == other._document if isinstance(other, Config) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._document)

    def __repr__(self) -> str:
        return f"Config.from_dict({self._document.model_dump(mode='json', exclude_defaults=True)!r})"
