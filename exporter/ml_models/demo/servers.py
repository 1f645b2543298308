"""Real servers for as long as the demo runs: found, started, waited for, and gone at the end whatever happens."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from ml_models.errors import MonitoringError

HOST = "127.0.0.1"

_PROMETHEUS = ("prometheus",)
#: Debian's name, then that of the project's own builds.
_ALERTMANAGER = ("prometheus-alertmanager", "alertmanager")
_LOG_LINES = 12
_POLL_SECONDS = 0.1


class ServerError(MonitoringError):
    """A server of the demo is not installed, did not start, or stopped too early."""


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Programs:
    """Paths of the programs that the demo starts."""

    prometheus: str
    alertmanager: str


def find_programs(path: str | None = None) -> Programs:
    """Find the programs on the search path.

    Parameters
    ----------
    path : str, optional
        Instead of the environment's ``PATH``.

    Raises
    ------
    ServerError
        If one is missing; says how to install it.
    """
    found = [
        next(filter(None, (shutil.which(name, path=path) for name in names)), None)
        for names in (_PROMETHEUS, _ALERTMANAGER)
    ]
    missing = [names[0] for names, program in zip((_PROMETHEUS, _ALERTMANAGER), found, strict=True) if not program]
    if missing:
        raise ServerError(
            f"the demo starts real servers, and {' and '.join(missing)} cannot be found on PATH; on Debian or Ubuntu "
            f"run: apt-get install {' '.join(missing)} (elsewhere: https://prometheus.io/download)"
        )
    return Programs(str(found[0]), str(found[1]))


@dataclass(frozen=True, slots=True)
class Server:
    """A server to start.

    Parameters
    ----------
    name : str
        As the user knows it.
    command : sequence of str
        Program and arguments.
    port : int
        Where it will listen on this machine.
    folder : Path
        Where it runs; its output goes to ``<name>.log`` there.
    ready_path : str
        Answers with status 200 once it is ready.
    """

    name: str
    command: Sequence[str]
    port: int
    folder: Path
    ready_path: str = "/-/ready"

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """The file that its output goes to."""
        return self.folder / f"{self.name.lower()}.log"


class Supervisor:
    """Starts servers and ends them; a context manager.

    Each server leads a process group of its own, so that its children end with it and a Ctrl-C at the terminal
    reaches the demo alone, which then ends them in order.

    Parameters
    ----------
    signals : StopSignals, optional
        Held back while a process exists and is not yet known here, and while all are being ended.
    deadline : float
        Seconds within which a server must be ready.
    """

    def __init__(self, signals: StopSignals | None = None, deadline: float = 30.0) -> None:
        self._signals = signals or StopSignals()
        self._deadline = deadline
        self._running: list[tuple[Server, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def start(self, server: Server) -> None:
        """Start a server and wait until it is ready.

        Raises
        ------
        ServerError
            If it cannot be started, ends, or is not ready in time; quotes the end of its log.
        """
        with self._signals.held(), server.log.open("wb") as log:
            try:
                process = subprocess.Popen(  # noqa: S603 - the command is the demo's own
                    list(server.command),
                    cwd=server.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise ServerError(f"{server.name} cannot be started: {error}") from error
            self._running.append((server, process))
        limit = time.monotonic() + self._deadline
        while not _answers(server):
            if process.poll() is not None:
                raise ServerError(f"{server.name} ended with status {process.returncode}{_log_tail(server)}")
            if time.monotonic() > limit:
                raise ServerError(f"{server.name} was not ready after {self._deadline:g} s{_log_tail(server)}")
            time.sleep(_POLL_SECONDS)

    def check(self) -> None:
        """Raise a :class:`ServerError` if a server has ended by itself."""
        for server, process in self._running:
            if process.poll() is not None:
                raise ServerError(f"{server.name} ended with status {process.returncode}{_log_tail(server)}")

    def close(self, patience: float = 5.0) -> None:
        """End all servers, the latest first: politely, and after ``patience`` seconds by force."""
        with self._signals.held():
            while self._running:
                _, process = self._running[-1]
                _signal_group(process, signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(patience)
                # Also when it has ended: its children may have stayed.
                _signal_group(process, signal.SIGKILL)
                process.wait()
                self._running.pop()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # A session's leader has its own id as that of its group, which lives on as long as one member does.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _answers(server: Server) -> bool:
    # Not requests: it would go through a proxy that the environment names.
    connection = http.client.HTTPConnection(HOST, server.port, timeout=2.0)
    try:
        connection.request("GET", server.ready_path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _log_tail(server: Server) -> str:
    lines = server.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
    return f"; the end of {server.log}:\n" + "\n".join(f"  {line}" for line in lines) if lines else "; it said nothing"


class StopSignals:
    """Turns the signals that end a program into an exception, so that everything is left in order.

    A context manager for the main thread. While it lasts, SIGTERM and SIGHUP raise :class:`SystemExit` and Ctrl-C
    raises :class:`KeyboardInterrupt`; while :meth:`held`, they wait. A second signal is ignored: what ends must
    not be interrupted in ending.
    """

    _NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int | None] = {}
        self._holding = 0
        self._pending = 0
        self._stopping = False

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in self._NUMBERS:
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Let signals wait until the end of the block."""
        self._holding += 1
        try:
            yield
        finally:
            self._holding -= 1
            if self._pending and not self._holding:
                self._stop(self._pending)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._stopping:
            return
        if self._holding:
            self._pending = number
        else:
            self._stop(number)

    def _stop(self, number: int) -> None:
        self._stopping = True
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        # As a shell reports a program that a signal ended.
        raise SystemExit(128 + number)
