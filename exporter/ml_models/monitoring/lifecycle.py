"""The life of a monitor, whatever it watches: started whole or not at all, stopped whole, safe over forks and exits."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
import weakref
from collections.abc import Callable
from typing import Protocol

from ml_models.errors import LifecycleError
from ml_models.exposition import Endpoint, Guard, Server
from ml_models.monitoring import logs
from ml_models.monitoring.recorder import reset_after_fork

_LOG = logging.getLogger(__name__)


class Monitor(Protocol):
    """What a life asks of its monitor."""

    name: str
    version: str

    def stop(self) -> None:
        """Stop whole."""

    def _after_fork(self) -> None:
        """Go on in a forked child without what belongs to the parent."""


class Life:
    """Whether a monitor runs, and the endpoint that it serves meanwhile.

    Parameters
    ----------
    monitor : Monitor
        Its name and version are unique among the monitors that run in this process: two would give the same series.
    endpoint : Endpoint
    host : str
    port : int
        0 takes a free one.
    guard : Guard or None
        Decides who may read the endpoint.
    logging_ : tuple of (level or None, format)
        See :func:`ml_models.monitoring.logs.configure`.
    """

    def __init__(
        self,
        monitor: Monitor,
        endpoint: Endpoint,
        host: str,
        port: int,
        guard: Guard | None,
        logging_: tuple[str | None, str],
    ) -> None:
        self._monitor = weakref.ref(monitor)
        self._endpoint, self._host, self._port, self.guard, self._logging = endpoint, host, port, guard, logging_
        self._lock = threading.Lock()
        self._server: Server | None = None
        self.series = monitor.name, monitor.version
        _live.add(self)

    @property
    def running(self) -> bool:
        """Whether the endpoint is being served."""
        return self._server is not None

    @property
    def url(self) -> str:
        """Address of the endpoint.

        Raises
        ------
        LifecycleError
            If the monitor is not running.
        """
        if self._server is None:
            raise LifecycleError("the monitor is not running; call start() first")
        return self._server.url

    def start(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        """Serve and ``begin``; what fails is ended again. A monitor that runs stays as it is.

        Raises
        ------
        PortInUseError
            If the address is taken.
        LifecycleError
            If another monitor of the same name and version is running in this process.
        """
        with self._lock:
            if self._server is not None:
                return
            name, version = self.series
            if any(one is not self and one.series == self.series and one.running for one in list(_live)):
                raise LifecycleError(
                    f"a monitor named {name!r}, version {version!r}, is already running in this process; stop it, or "
                    "give this one another name or version"
                )
            level, style = self._logging
            if level is not None:
                logs.configure(level, style)
            self._server = Server(self._endpoint, self._host, self._port, self.guard)
            try:
                begin()
            except BaseException:
                self._stop_locked(end)
                raise
            _LOG.info("monitoring %s at %s/metrics", name, self._server.url)

    def stop(self, end: Callable[[], None]) -> None:
        """End and stop serving; stopping twice does nothing."""
        with self._lock:
            self._stop_locked(end)

    def _stop_locked(self, end: Callable[[], None]) -> None:
        end()
        if self._server is not None:
            self._server.close()
            self._server = None

    def after_fork(self) -> None:
        """Let go, in a forked child, of what the parent serves."""
        self._lock = threading.Lock()
        if self.guard is not None:
            self.guard.after_fork()
        server, self._server = self._server, None
        if server is not None:
            server.close_inherited()
            _LOG.warning(
                "process %d was forked from a monitored one: it counts on its own and its metrics are not served; "
                "start a monitor in each worker instead",
                os.getpid(),
            )


_live: weakref.WeakSet[Life] = weakref.WeakSet()


def _monitors() -> list[Monitor]:
    return [monitor for life in list(_live) if (monitor := life._monitor()) is not None]


def _after_fork() -> None:
    reset_after_fork()
    for monitor in _monitors():
        monitor._after_fork()


def _at_exit() -> None:
    """Count what is buffered and let go of the port; the process ends whatever happens here."""
    for monitor in _monitors():
        with contextlib.suppress(Exception):
            monitor.stop()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
