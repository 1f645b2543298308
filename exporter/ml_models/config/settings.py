"""Reading the settings, and giving them to the monitors."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ml_models.config.config import Document, Monitoring
from ml_models.config.faults import describe
from ml_models.config.parameters import Keys, parameters_of, reference_table
from ml_models.config.sources import CONFIG_VARIABLE, Source, dump_yaml, read_environment, read_yaml
from ml_models.errors import ConfigError


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


#: Parameters whose relative paths are taken from the folder of the file: section and key.
_PATHS = (
    ("model", "reference"),
    ("server", "web_config"),
    ("labels", "ledger"),
    ("labels", "ledger_url_file"),
    ("data", "checkpoint"),
    ("grafana", "token_file"),
    ("grafana", "ca_file"),
)


def _based(document: Document, folder: Path, over: Source) -> Document:
    """Take the relative paths that stand in a file, and not in a variable, from its folder."""
    monitoring = document.monitoring
    for name, key in _PATHS:
        section = getattr(monitoring, name)
        path = getattr(section, key)
        # A ledger may be in memory, or have a URL.
        if path is None or ("monitoring", name, key) in over.places or path == "memory" or "://" in path:
            continue
        section = section.model_copy(update={key: str(folder / path)})
        monitoring = monitoring.model_copy(update={name: section})
    return document.model_copy(update={"monitoring": monitoring})


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
        self._document = _based(document, path.absolute().parent, over)

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
            "deployment": settings.model.deployment,
            "reference": settings.model.reference,
            "task": settings.model.task,
            "classes": settings.model.classes,
            "positive_class": settings.model.positive_class,
            "decision_threshold": settings.model.decision_threshold,
            "window": settings.performance.window,
            "metrics_interval": settings.performance.metrics_interval,
            "alert_thresholds": {**settings.performance.alert_thresholds.signals(), **settings.data.signals()},
            "drift_method": settings.data.drift_method,
            "quality_weights": settings.data.weights(),
            "multivariate": settings.data.multivariate,
            "sampling_rate": settings.data.sampling_rate,
            "buffer_rows": settings.buffer.rows,
            "buffer_bytes": settings.buffer.bytes,
            "label_ledger": settings.labels.ledger,
            "label_ledger_url_file": settings.labels.ledger_url_file,
            "label_horizon": settings.labels.horizon,
            "label_max_rows": settings.labels.max_rows,
            "label_expected_after": settings.labels.expected_after,
            "health_check_interval": settings.system.health_check_interval,
            "health_check_timeout": settings.system.health_check_timeout,
            "host": settings.server.host,
            "port": settings.server.port,
            "web_config": settings.server.web_config,
            "log_level": settings.system.log_level,
            "log_format": settings.system.log_format,
        }

    def get_data_monitoring_config(self) -> dict[str, Any]:
        """Return the keyword arguments of ``DataMonitor``, all but the data's path, in base units."""
        settings = self.monitoring
        # Not the model monitor's own name: the recording rules would add the counts of the two.
        derived = f"{settings.model.name}-data" if settings.model.name is not None else None
        return {
            "name": settings.data.name if settings.data.name is not None else derived,
            "version": settings.model.version,
            "reference": settings.model.reference,
            "interval": settings.data.distribution_interval,
            "window": settings.performance.window,
            "time_column": settings.data.time_column,
            "prediction": settings.data.prediction_column,
            "label": settings.data.label_column,
            "ignore": settings.data.ignore_columns,
            "checkpoint": settings.data.checkpoint,
            "alert_thresholds": settings.data.watch_signals(),
            "drift_method": settings.data.drift_method,
            "quality_weights": settings.data.weights(),
            "host": settings.server.host,
            "port": settings.server.port_for_data(),
            "web_config": settings.server.web_config,
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
