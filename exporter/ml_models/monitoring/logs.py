"""The package's own log: quiet until asked for, on standard error, plain or JSON lines, without data.

Only the logger ``ml_models`` is touched. Its records go on to the root logger as any library's do, so handlers of the
application see them too, whatever is configured here.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from ml_models.errors import ConfigError
from ml_models.monitoring.error_log import describe

#: Levels that :func:`configure` takes, and their numbers.
LEVELS: dict[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
FORMATS = ("plain", "json")

_PACKAGE = logging.getLogger("ml_models")
_HANDLER_NAME = "ml_models standard error"
_MOST_LIMITERS = 1000

# Without any handler Python prints warnings to standard error by itself; a library leaves that to its application.
if not any(isinstance(handler, logging.NullHandler) for handler in _PACKAGE.handlers):
    _PACKAGE.addHandler(logging.NullHandler())


def configure(level: str | None, format: str = "plain") -> None:
    """Write the package's log to standard error, or stop to.

    Calling it again replaces what the previous call set.

    Parameters
    ----------
    level : {'debug', 'info', 'warning', 'error', 'critical'} or None
        In any case of letters; None takes the handler away and leaves the level to the application.
    format : {'plain', 'json'}

    Raises
    ------
    ConfigError
        If the level or the format is none of these; nothing is changed then.

    Examples
    --------
    >>> configure("loud")
    Traceback (most recent call last):
        ...
    ml_models.errors.ConfigError: logging: 1 fault
      log_level: unknown 'loud'; choose from debug, info, warning, error, critical
    """
    faults = []
    name = None if level is None else str(level).lower()
    if name is not None and name not in LEVELS:
        faults.append(f"log_level: unknown '{level}'; choose from {', '.join(LEVELS)}")
    if format not in FORMATS:
        faults.append(f"log_format: unknown '{format}'; choose from {', '.join(FORMATS)}")
    if faults:
        raise ConfigError("logging", faults)
    had_handler = False
    for handler in list(_PACKAGE.handlers):
        if handler.get_name() == _HANDLER_NAME:
            _PACKAGE.removeHandler(handler)
            had_handler = True
    if name is not None:
        added = _StandardError()
        added.set_name(_HANDLER_NAME)
        added.setFormatter(JsonFormatter() if format == "json" else PlainFormatter())
        _PACKAGE.addHandler(added)
        _PACKAGE.setLevel(LEVELS[name])
    elif had_handler:
        _PACKAGE.setLevel(logging.NOTSET)


class PlainFormatter(logging.Formatter):
    """One line per record; an exception's class and places follow, indented, its message and values do not."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text; lines after the first are indented, so that none can pass for a record."""
        model = getattr(record, "model", None)
        about = f" [{model}]" if model is not None else ""
        lines = f"{_time(record)} {record.levelname} {record.name}{about}: {_message(record)}".splitlines()
        exc = _exception(record)
        if exc is not None:
            kind, places = describe(exc)
            lines += [kind, *(f"  {place}" for place in places)]
        return "\n    ".join("".join(map(_visible, line)) for line in lines)


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, and where known model, exception and trace."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        fields: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        model = getattr(record, "model", None)
        if model is not None:
            fields["model"] = str(model)
        exc = _exception(record)
        if exc is not None:
            fields["exception"], fields["trace"] = describe(exc)
        return json.dumps(fields)


class RateLimited:
    """Writes one record per interval to a logger, and tells how many it left out; see :func:`rate_limited`."""

    def __init__(self, logger: logging.Logger, interval: float, clock: Callable[[], float]) -> None:
        self._logger = logger
        self._interval = interval
        self._clock = clock
        self._last: float | None = None
        self._left_out = 0
        self.after_fork()

    def after_fork(self) -> None:
        """Replace the lock, which a thread of the parent process may hold."""
        self._lock = threading.Lock()

    def warning(
        self,
        message: str,
        *args: object,
        exc_info: BaseException | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> bool:
        """Log a warning unless one was logged within the interval; return whether it was."""
        return self._log(logging.WARNING, message, args, exc_info, extra)

    def error(
        self,
        message: str,
        *args: object,
        exc_info: BaseException | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> bool:
        """Log an error unless a record was logged within the interval; return whether it was."""
        return self._log(logging.ERROR, message, args, exc_info, extra)

    def _log(
        self,
        level: int,
        message: str,
        args: tuple[object, ...],
        exc_info: BaseException | None,
        extra: Mapping[str, object] | None,
    ) -> bool:
        if not self._logger.isEnabledFor(level):
            return False
        now = self._clock()
        with self._lock:
            since = None if self._last is None else now - self._last
            if since is not None and 0 <= since < self._interval:
                self._left_out += 1
                return False
            left_out, self._left_out, self._last = self._left_out, 0, now
        if left_out and since is not None:
            message += f" ({left_out} more of these left out in the last {max(since, 0.0):.0f} s)"
        self._logger.log(level, message, *args, exc_info=exc_info, extra=extra, stacklevel=3)
        return True


_LIMITERS: dict[tuple[str, str], RateLimited] = {}


def rate_limited(
    logger: logging.Logger, key: str, interval: float = 60.0, *, clock: Callable[[], float] = time.monotonic
) -> RateLimited:
    """Return the limiter of one kind of fault, made at the first call.

    Parameters
    ----------
    logger : logging.Logger
    key : str
        The kind of fault; limiters are shared by logger and key. Beyond 1,000 kinds the rest share one per logger.
    interval : float
        Seconds in which one record is written at most.
    clock : callable
        Monotonic seconds.

    Examples
    --------
    >>> faults = rate_limited(logging.getLogger("ml_models.example"), "capture")
    >>> faults.warning("capture failed at stage %s", "input"), faults.warning("capture failed at stage %s", "input")
    (True, False)
    >>> rate_limited(logging.getLogger("ml_models.example"), "capture") is faults
    True
    """
    found = _LIMITERS.get((logger.name, key))
    if found is not None:
        return found
    if len(_LIMITERS) >= _MOST_LIMITERS:
        key = "__other__"
    # dict.setdefault is atomic: two threads that come first get the same limiter.
    return _LIMITERS.setdefault((logger.name, key), RateLimited(logger, interval, clock))


class _StandardError(logging.Handler):
    # Not StreamHandler: that keeps the stream of the time it was made, and standard error is redirected by
    # test runners, notebooks and daemons.
    def emit(self, record: logging.LogRecord) -> None:
        if sys.stderr is None:  # pythonw and some daemons have none
            return
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001 - as every handler of logging does: a log line must not fail its caller
            self.handleError(record)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - an argument's own __str__ may raise anything; the line still says what it can
        return str(record.msg)


def _exception(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if record.exc_info else None


def _visible(char: str) -> str:
    return char if char.isprintable() or char == "\t" else char.encode("unicode_escape").decode("ascii")


def _after_fork_in_child() -> None:
    for limiter in list(_LIMITERS.values()):
        limiter.after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
