"""Health checks: run every interval, each with a time limit and none in the way of another.

A check is a callable without arguments. It passes when it returns None or True; it fails when it returns anything else,
raises, or exceeds the time limit. The error that is shown is the exception's class; its message, which may hold data,
only for :class:`CheckFailedError`.
"""

from __future__ import annotations

import inspect
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from prometheus_client.core import Metric as Family

from ml_models import catalog
from ml_models.collectors.families import family
from ml_models.errors import ConfigError
from ml_models.monitoring.error_log import describe
from ml_models.monitoring.health_checks import Check, CheckFailedError, canary, database, disk_space, url

__all__ = [
    "Check",
    "CheckFailedError",
    "HealthChecks",
    "HealthResult",
    "canary",
    "database",
    "disk_space",
    "health_families",
    "url",
]

_MOST_CHECKS = 100
#: Also counts threads whose check was removed while it hung: removing and adding again must not pile them up.
_MOST_THREADS = 32
_LONGEST_ERROR = 300
_STOP_PATIENCE = 5.0
_LONGEST_WAIT = 3600.0  # what threading can wait is bounded, and an interval may be infinite


@dataclass(frozen=True, slots=True)
class HealthResult:
    """How a check last ended.

    Parameters
    ----------
    up : bool
        Whether it passed.
    duration_seconds : float
        How long it took, so far if it still hangs.
    last_run : float
        When it was started, in Unix time.
    error : str or None
        Why it failed.
    """

    up: bool
    duration_seconds: float
    last_run: float
    error: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return the result for JSON, ``last_run`` in RFC 3339.

        Examples
        --------
        >>> HealthResult(True, 0.5, 0.0, None).as_dict()["last_run"]
        '1970-01-01T00:00:00+00:00'
        """
        return {
            "up": self.up,
            "duration_seconds": self.duration_seconds,
            "last_run": datetime.fromtimestamp(self.last_run, UTC).isoformat(),
            "error": self.error,
        }


@dataclass(slots=True, eq=False)
class _Run:
    started: float  # time.monotonic: the time limit is real time, whatever clock tells when checks are due
    started_at: float
    given_up: bool = False
    ended: bool = False


@dataclass(slots=True, eq=False)
class _Check:
    call: Check
    due_at: float
    run: _Run | None = None
    result: HealthResult | None = None


class HealthChecks:
    """Runs checks in daemon threads and keeps the last result of each.

    Parameters
    ----------
    interval : float
        Seconds between two runs of a check.
    timeout : float
        Seconds after which a run counts as failed. Its thread cannot be stopped; the check is not started again
        before that run ends.
    clock : callable
        Monotonic seconds; tells when checks are due.

    Raises
    ------
    ConfigError
        If a time is not positive.

    Examples
    --------
    >>> checks = HealthChecks(interval=60.0, timeout=10.0)
    >>> checks.add("features", lambda: True)
    >>> checks.add("license", lambda: False)
    >>> checks.run_due()
    >>> {name: (result.up, result.error) for name, result in checks.results().items()}
    {'features': (True, None), 'license': (False, 'returned False')}
    >>> checks.healthy
    False
    """

    def __init__(
        self, interval: float = 60.0, timeout: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        faults = [
            f"{name}: {value} is not positive; give seconds"
            for name, value in (("health_check_interval", interval), ("health_check_timeout", timeout))
            if not value > 0
        ]
        if faults:
            raise ConfigError("health checks", faults)
        self._interval = interval
        self._timeout = timeout
        self._clock = clock
        self._checks: dict[str, _Check] = {}
        self._changed = threading.Condition()
        self._threads = 0
        self._scheduler: threading.Thread | None = None
        _LIVE.add(self)

    def after_fork(self) -> None:
        """Drop what lived in the parent's threads; the child's checks run once it calls :meth:`start`."""
        self._changed = threading.Condition()
        self._threads = 0
        self._scheduler = None
        for check in self._checks.values():
            check.run = check.result = None
            check.due_at = self._clock()

    def add(self, name: str, check: Check) -> None:
        """Register a check; it is due at once.

        Raises
        ------
        ConfigError
            If the name is empty, not printable or taken, the check is a coroutine function or cannot be called, or
            there are 100 already.
        """
        fault = None
        given: object = check  # callers without a type checker may give anything
        if not name.strip() or not name.isprintable():
            fault = f"{name!r} is not a name; give printable text"
        elif not callable(given):
            fault = f"{name}: {type(given).__name__} cannot be called; give a function without arguments"
        elif inspect.iscoroutinefunction(given):
            fault = f"{name}: is asynchronous; give a plain function, it has a thread of its own"
        with self._changed:
            if fault is None and name in self._checks:
                fault = f"{name}: is there already; remove it first or choose another name"
            if fault is None and len(self._checks) >= _MOST_CHECKS:
                fault = f"{name}: {_MOST_CHECKS} checks are there already; remove some"
            if fault is not None:
                raise ConfigError("health checks", [fault])
            self._checks[name] = _Check(check, due_at=self._clock())
            self._changed.notify_all()

    def remove(self, name: str) -> None:
        """Forget a check and its result; a name that is not there is fine."""
        with self._changed:
            check = self._checks.pop(name, None)
            if check is not None and check.run is not None:
                check.run.given_up = True
            self._changed.notify_all()

    def start(self) -> None:
        """Run checks in the background from now on; started twice is started once."""
        with self._changed:
            if self._scheduler is None:
                scheduler = threading.Thread(target=self._keep_running, name="ml-health", daemon=True)
                scheduler.start()  # waits for the lock held here, so it sees itself in the next line's attribute
                self._scheduler = scheduler

    def stop(self) -> None:
        """Start no more checks; the last results stay. Stopped twice is stopped once."""
        with self._changed:
            scheduler, self._scheduler = self._scheduler, None
            self._changed.notify_all()
        if scheduler is not None:
            scheduler.join(_STOP_PATIENCE)

    def run_due(self) -> None:
        """Run the checks that are due, side by side, and wait until each has ended or timed out."""
        with self._changed:
            runs = self._launch_due()
            while True:
                self._give_up_late()
                if all(run.ended or run.given_up for run in runs):
                    return
                self._changed.wait(self._until_next(launching=False))

    def results(self) -> dict[str, HealthResult]:
        """Return the last result by check, in the order of :meth:`add`; a check that has not ended is left out."""
        with self._changed:
            self._give_up_late()
            return {name: check.result for name, check in self._checks.items() if check.result is not None}

    @property
    def healthy(self) -> bool | None:
        """False if a check failed when last run; None if there are no checks or one has not been run; else True."""
        with self._changed:
            self._give_up_late()
            results = [check.result for check in self._checks.values()]
        if any(result is not None and not result.up for result in results):
            return False
        return None if not results or None in results else True

    def _keep_running(self) -> None:
        me = threading.current_thread()
        with self._changed:
            while self._scheduler is me:
                self._give_up_late()
                self._launch_due()
                self._changed.wait(self._until_next(launching=True))

    def _until_next(self, *, launching: bool) -> float | None:
        """Return the seconds until a run is late or, if asked for, a check is due."""
        now, real = self._clock(), time.monotonic()
        waits = []
        for check in self._checks.values():
            if check.run is not None:
                if not check.run.given_up:
                    waits.append(check.run.started + self._timeout - real)
            elif launching:
                waits.append(check.due_at - now)
        # Below this, rounding could make a wait end before its time is reached, and the loop spin.
        return min(max(min(waits), 0.001), _LONGEST_WAIT) if waits else None

    def _give_up_late(self) -> None:
        real = time.monotonic()
        for check in self._checks.values():
            run = check.run
            if run is None or real - run.started < self._timeout:
                continue
            check.result = self._late(run, real)
            if not run.given_up:
                run.given_up = True
                # Only on the change: two threads that wait would else wake each other for ever.
                self._changed.notify_all()

    def _late(self, run: _Run, real: float) -> HealthResult:
        return HealthResult(False, real - run.started, run.started_at, f"timed out after {self._timeout:g} s")

    def _launch_due(self) -> list[_Run]:
        now = self._clock()
        runs = []
        for name, check in list(self._checks.items()):
            # Further ahead than one interval: the clock went back.
            due = now >= check.due_at or check.due_at - now > self._interval
            if check.run is None and due:
                check.due_at = now + self._interval
                run = self._launch(name, check)
                if run is not None:
                    runs.append(run)
        return runs

    def _launch(self, name: str, check: _Check) -> _Run | None:
        run = _Run(time.monotonic(), time.time())
        fault = f"not run: {_MOST_THREADS} checks have not ended"
        if self._threads < _MOST_THREADS:
            try:
                threading.Thread(target=self._work, args=(check, run), name=f"ml-health-{name}", daemon=True).start()
            except RuntimeError:
                fault = "not run: the system allows no more threads"
            else:
                self._threads += 1
                check.run = run
                return run
        check.result = HealthResult(False, 0.0, run.started_at, fault)
        return None

    def _work(self, check: _Check, run: _Run) -> None:
        error = _failure(check.call)
        with self._changed:
            real = time.monotonic()
            run.ended = True
            self._threads -= 1
            check.run = None
            if run.given_up or real - run.started >= self._timeout:
                check.result = self._late(run, real)
            else:
                check.result = HealthResult(error is None, real - run.started, run.started_at, error)
            self._changed.notify_all()


def health_families(model: str, results: Mapping[str, HealthResult]) -> list[Family]:
    """Return the families of health results.

    Parameters
    ----------
    model : str
        Value of the ``model`` label.
    results : mapping of str to HealthResult
        By check.

    Examples
    --------
    >>> [family.name for family in health_families("churn", {"disk": HealthResult(True, 0.1, 0.0, None)})]
    ['ml_health_check_up', 'ml_health_check_duration_seconds', 'ml_health_check_last_run_timestamp_seconds']
    """
    if not results:
        return []
    up, duration, last_run = (
        family(metric) for metric in (catalog.HEALTH_UP, catalog.HEALTH_DURATION, catalog.HEALTH_TIMESTAMP)
    )
    for check, result in results.items():
        up.add_metric([model, check], float(result.up))
        duration.add_metric([model, check], result.duration_seconds)
        last_run.add_metric([model, check], result.last_run)
    return [up, duration, last_run]


def _failure(call: Check) -> str | None:
    """Run a check; return why it failed, or None."""
    try:
        value = call()
        if value is None or (isinstance(value, (bool, np.bool_)) and value):
            return None
        if isinstance(value, (bool, np.bool_)):
            return "returned False"
        if inspect.iscoroutine(value):
            value.close()  # else Python warns that it was never awaited
        return f"returned {type(value).__name__}; a check returns True or None when it passes"
    except BaseException as exc:  # noqa: BLE001 - isolation: a check may raise anything, SystemExit included
        # Not a subclass: only our own class is known to tell no data and to have a text at all.
        return str(exc)[:_LONGEST_ERROR] if type(exc) is CheckFailedError else describe(exc)[0]


_LIVE: weakref.WeakSet[HealthChecks] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for checks in list(_LIVE):
        checks.after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
