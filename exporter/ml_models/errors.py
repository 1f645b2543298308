"""Errors that the package raises on purpose.

::

    MonitoringError
    ├── ConfigError            a configuration file, environment variable or argument is wrong
    ├── ProfileError           a reference profile is damaged, too new or does not fit
    ├── DataError              data cannot be read or understood
    ├── MissingExtraError      an optional dependency is not installed (also an ImportError)
    ├── InstrumentationError   a model object cannot be hooked
    ├── CheckpointError        a data monitor's checkpoint is damaged, held by another, or cannot be written
    ├── LifecycleError         a monitor is used in a state that does not allow it
    ├── PortInUseError         the address to serve on is taken (also an OSError)
    ├── HandOverError          metrics cannot be pushed, or written to a file
    ├── ReportError            a report cannot be made
    └── ServerError            Grafana or Prometheus refuses a request or cannot be reached

Every message says what was found, where, and what to do about it.
"""

from __future__ import annotations


class MonitoringError(Exception):
    """Base of all errors raised by :mod:`ml_models`."""


class ConfigError(MonitoringError, ValueError):
    """One or more settings are wrong.

    Parameters
    ----------
    source : str
        Where the settings came from: a file name, ``environment``, ``dict``.
    faults : list of str
        One line per fault, each ``path: what was found; what is allowed``.
    """

    def __init__(self, source: str, faults: list[str]) -> None:
        self.source = source
        self.faults = tuple(faults)
        noun = "fault" if len(faults) == 1 else "faults"
        super().__init__(f"{source}: {len(faults)} {noun}\n" + "\n".join(f"  {fault}" for fault in faults))


class ProfileError(MonitoringError, ValueError):
    """A reference profile is damaged, written by a newer version, or does not fit the data."""


class DataError(MonitoringError, ValueError):
    """Data cannot be read or has a shape that cannot be understood."""


class MissingExtraError(MonitoringError, ImportError):
    """An optional dependency is needed and not installed.

    Parameters
    ----------
    what : str
        What was asked for, e.g. ``"reading parquet"``.
    package : str
        The distribution that is missing.
    extra : str
        The extra that brings it.

    Examples
    --------
    >>> print(MissingExtraError("PDF reports", "reportlab", "report"))
    PDF reports need reportlab, which is not installed; run: pip install 'ml-models-monitoring[report]'
    """

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} need {package}, which is not installed; run: pip install 'ml-models-monitoring[{extra}]'"
        )


class InstrumentationError(MonitoringError, TypeError):
    """A model object has nothing that can be hooked, or does not allow it."""


class CheckpointError(MonitoringError):
    """A data monitor's checkpoint is damaged, held by another process, or cannot be written."""


class LifecycleError(MonitoringError, RuntimeError):
    """A monitor is used in a state that does not allow it."""


class PortInUseError(MonitoringError, OSError):
    """The address that the endpoint should listen on is taken."""


class HandOverError(MonitoringError):
    """Metrics cannot be pushed, or written to a file."""


class ReportError(MonitoringError):
    """A report cannot be made."""


class ServerError(MonitoringError):
    """Grafana or Prometheus refuses a request or cannot be reached.

    Parameters
    ----------
    message : str
        What was asked, what was answered, and what to do.
    reason : str
        The kind of failure in one word or two, for programs: ``bad-token``, ``version-conflict``, ``timeout``.
    """

    def __init__(self, message: str, reason: str) -> None:
        self.reason = reason
        super().__init__(message)
