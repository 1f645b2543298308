"""Promises of ml_models.monitoring.health and its ready-made checks."""

from __future__ import annotations

import asyncio
import gc
import http.server
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from prometheus_client import CollectorRegistry

from ml_models import catalog
from ml_models.errors import ConfigError
from ml_models.monitoring import health
from ml_models.monitoring.health import (
    CheckFailedError,
    HealthChecks,
    HealthResult,
    canary,
    database,
    disk_space,
    health_families,
    url,
)

SECRET = "hunter2"  # noqa: S105 - stands for credentials that must not show


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition was not reached in time"
        time.sleep(0.005)


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """Give an event for checks to wait on, so that no thread outlives its test."""
    event = threading.Event()
    yield event
    event.set()
    until(lambda: not [one for one in threading.enumerate() if one.name.startswith("ml-health")])


def run_once(check: Callable[[], object], **settings: float) -> HealthResult:
    checks = HealthChecks(**settings)
    checks.add("check", check)
    checks.run_due()
    return checks.results()["check"]


# --- running ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, True, np.True_])
def test_none_and_true_pass(value: object) -> None:
    before = time.time()
    result = run_once(lambda: value)
    assert (result.up, result.error) == (True, None)
    assert 0 <= result.duration_seconds < 5
    assert before <= result.last_run <= time.time()


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (False, "returned False"),
        (np.False_, "returned False"),
        (0, "returned int; a check returns True or None when it passes"),
        (SECRET, "returned str; a check returns True or None when it passes"),
    ],
)
def test_anything_else_fails(value: object, error: str) -> None:
    result = run_once(lambda: value)
    assert (result.up, result.error) == (False, error)


def test_a_coroutine_fails_without_a_warning() -> None:
    async def ping() -> bool:
        return True

    class Client:  # its __call__ gives a coroutine, which cannot be seen before it is called
        __call__ = staticmethod(ping)

    result = run_once(Client())
    gc.collect()
    assert (result.up, result.error) == (False, "returned coroutine; a check returns True or None when it passes")


class OwnError(CheckFailedError):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("exc", "error"),
    [
        (ValueError(SECRET), "ValueError"),
        (SystemExit(1), "SystemExit"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (asyncio.CancelledError(), "asyncio.exceptions.CancelledError"),
        (CheckFailedError("the model file is 9 days old"), "the model file is 9 days old"),
        (OwnError(), f"{__name__}.OwnError"),
    ],
)
def test_what_a_check_raises_is_told_by_class_and_only_our_own_by_message(exc: BaseException, error: str) -> None:
    def check() -> None:
        raise exc

    result = run_once(check)
    assert (result.up, result.error) == (False, error)


def test_checks_are_run_when_due_and_a_jump_of_the_clock_runs_them_once() -> None:
    clock, runs = Clock(), []
    checks = HealthChecks(60.0, 10.0, clock=clock)
    checks.add("count", lambda: runs.append(clock.now))
    for moment in (1000.0, 1059.9, 1060.0, 9000.0, 9000.1, 9060.0):
        clock.now = moment
        checks.run_due()
    assert runs == [1000.0, 1060.0, 9000.0, 9060.0]


def test_a_clock_that_goes_back_does_not_stop_the_checks() -> None:
    clock, runs = Clock(), []
    checks = HealthChecks(60.0, 10.0, clock=clock)
    checks.add("count", lambda: runs.append(clock.now))
    for moment in (1000.0, 5.0, 30.0, 65.0):
        clock.now = moment
        checks.run_due()
    assert runs == [1000.0, 5.0, 65.0]


def test_a_hanging_check_times_out_is_not_started_twice_and_delays_no_other(hang: threading.Event) -> None:
    clock, hung, fine = Clock(), [], []

    def stuck() -> None:
        hung.append(clock.now)
        hang.wait(30)

    checks = HealthChecks(60.0, 0.1, clock=clock)
    checks.add("stuck", stuck)
    checks.add("fine", lambda: fine.append(clock.now))
    for _ in range(3):
        checks.run_due()
        clock.now += 60.0
    assert hung == [1000.0]
    assert fine == [1000.0, 1060.0, 1120.0]
    first = checks.results()["stuck"]
    assert (first.up, first.error) == (False, "timed out after 0.1 s")
    assert first.duration_seconds >= 0.1
    assert checks.results()["fine"].up
    assert checks.healthy is False
    until(lambda: checks.results()["stuck"].duration_seconds > first.duration_seconds)

    hang.set()
    until(lambda: checks._checks["stuck"].run is None)
    assert checks.results()["stuck"].error == "timed out after 0.1 s"  # ended, but too late
    checks.run_due()
    assert len(hung) == 2
    assert checks.healthy is True


def test_checks_due_together_run_side_by_side() -> None:
    meet = threading.Barrier(5)

    def check() -> None:
        meet.wait(10)

    checks = HealthChecks(timeout=15.0)
    for index in range(5):
        checks.add(f"check {index}", check)
    checks.run_due()
    assert checks.healthy is True


def test_threads_are_bounded_even_if_hanging_checks_are_replaced(
    hang: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_MOST_THREADS", 3)
    checks = HealthChecks(60.0, 0.02)
    for _ in range(5):
        checks.remove("stuck")
        checks.add("stuck", lambda: hang.wait(30) and None)
        checks.run_due()
    assert len([one for one in threading.enumerate() if one.name == "ml-health-stuck"]) == 3
    assert checks.results()["stuck"].error == "not run: 3 checks have not ended"


def test_a_system_without_threads_fails_the_check_and_not_the_monitor(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    checks = HealthChecks()
    checks.add("check", lambda: None)
    with monkeypatch.context() as broken:
        broken.setattr(threading.Thread, "start", refuse)
        checks.run_due()
    assert checks.results()["check"].error == "not run: the system allows no more threads"


def test_a_check_may_add_and_remove_checks_and_ask_for_results() -> None:
    clock = Clock()
    checks = HealthChecks(60.0, 10.0, clock=clock)

    def grow() -> None:
        assert checks.results() == {}
        checks.add("added", lambda: None)
        checks.remove("grow")

    checks.add("grow", grow)
    checks.run_due()
    checks.run_due()
    assert set(checks.results()) == {"added"}


def test_removing_a_check_that_hangs_frees_those_who_wait_for_it(hang: threading.Event) -> None:
    started = threading.Event()

    def stuck() -> None:
        started.set()
        hang.wait(30)

    checks = HealthChecks(60.0, 20.0)
    checks.add("stuck", stuck)
    waiter = threading.Thread(target=checks.run_due)
    waiter.start()
    assert started.wait(10)
    checks.remove("stuck")
    checks.remove("stuck")
    waiter.join(5)
    assert not waiter.is_alive()
    assert checks.results() == {}


def test_healthy_is_unknown_until_every_check_has_run() -> None:
    checks = HealthChecks()
    assert checks.healthy is None
    checks.add("a", lambda: None)
    assert checks.healthy is None
    checks.run_due()
    assert checks.healthy is True
    checks.add("b", lambda: None)
    assert checks.healthy is None
    checks.add("c", lambda: False)
    checks.remove("b")
    checks.run_due()
    assert checks.healthy is False


# --- in the background -----------------------------------------------------------------------------------------------


def test_started_checks_run_every_interval_until_stopped(hang: threading.Event) -> None:
    runs: list[float] = []
    begin = time.monotonic()
    checks = HealthChecks(0.02, 5.0)
    checks.start()
    checks.start()
    assert len([one for one in threading.enumerate() if one.name == "ml-health"]) == 1
    checks.add("stuck", lambda: hang.wait(30) and None)
    checks.add("count", lambda: runs.append(time.monotonic()))
    until(lambda: len(runs) >= 3)
    assert len(runs) <= (time.monotonic() - begin) / 0.02 + 1
    checks.stop()
    checks.stop()
    until(lambda: checks._checks["count"].run is None)
    count = len(runs)
    checks.start()
    until(lambda: len(runs) > count)
    checks.stop()


def test_the_background_reports_a_hanging_check_by_itself(hang: threading.Event) -> None:
    checks = HealthChecks(60.0, 0.05)
    checks.add("stuck", lambda: hang.wait(30) and None)
    checks.start()
    until(lambda: checks._checks["stuck"].result is not None)
    assert checks.results()["stuck"].error == "timed out after 0.05 s"
    checks.stop()


def test_waiting_costs_no_cpu(hang: threading.Event) -> None:
    """Two threads that wait on one hanging check must not wake each other in turn."""
    checks = HealthChecks(60.0, 0.4)
    checks.add("stuck", lambda: hang.wait(30) and None)
    checks.start()
    other = threading.Thread(target=checks.run_due)
    other.start()
    checks.add("second", lambda: hang.wait(30) and None)
    before = time.process_time()
    until(lambda: len(checks._checks["second"].result.error or "") > 0 if checks._checks["second"].result else False)
    assert time.process_time() - before < 0.2
    checks.stop()
    other.join(5)
    assert not other.is_alive()


def test_a_check_may_stop_the_checks(hang: threading.Event) -> None:
    checks = HealthChecks(0.02, 5.0)
    checks.add("stop", checks.stop)
    checks.start()
    until(lambda: "stop" in checks.results())
    until(lambda: not [one for one in threading.enumerate() if one.name == "ml-health"])
    assert checks.results()["stop"].up


def test_an_infinite_interval_runs_once(hang: threading.Event) -> None:
    runs: list[int] = []
    checks = HealthChecks(float("inf"), 5.0)
    checks.add("count", lambda: runs.append(1))
    checks.start()
    until(lambda: runs)
    checks.stop()
    assert runs == [1]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # the very case
def test_after_a_fork_the_child_starts_clean_and_on_request(hang: threading.Event) -> None:
    """The scheduler and a hanging run stay in the parent; their lock may be held at the fork."""
    parent = os.getpid()
    checks = HealthChecks(0.02, 0.01)
    checks.add("only hangs in the parent", lambda: os.getpid() != parent or (hang.wait(30) and None))
    checks.start()
    until(checks.results)
    with checks._changed:
        child = os.fork()
        if child == 0:
            clean = checks.results() == {} and checks.healthy is None
            checks._timeout = 10.0
            checks.start()
            deadline = time.monotonic() + 10
            while not checks.healthy and time.monotonic() < deadline:
                time.sleep(0.005)
            os._exit(0 if clean and checks.healthy else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    checks.stop()


# --- settings --------------------------------------------------------------------------------------------------------


async def asynchronous() -> None:
    """Stand for an async check."""


@pytest.mark.parametrize(
    ("name", "check", "fault"),
    [
        ("", lambda: None, "'' is not a name"),
        (" ", lambda: None, "' ' is not a name"),
        ("a\nb", lambda: None, "is not a name"),
        ("\ud800", lambda: None, "is not a name"),
        ("there", lambda: None, "there: is there already; remove it first"),
        ("value", 3, "value: int cannot be called"),
        ("async", asynchronous, "async: is asynchronous"),
    ],
)
def test_a_check_that_cannot_work_is_refused_when_added(name: str, check: object, fault: str) -> None:
    checks = HealthChecks()
    checks.add("there", lambda: None)
    with pytest.raises(ConfigError, match=fault):
        checks.add(name, check)
    assert list(checks._checks) == ["there"]


def test_checks_are_bounded_in_number() -> None:
    checks = HealthChecks()
    for index in range(100):
        checks.add(f"check {index}", lambda: None)
    with pytest.raises(ConfigError, match="100 checks are there already"):
        checks.add("one more", lambda: None)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan")])
def test_times_must_be_positive_and_all_faults_are_told(bad: float) -> None:
    with pytest.raises(ConfigError) as caught:
        HealthChecks(bad, bad)
    assert [fault.split(":")[0] for fault in caught.value.faults] == ["health_check_interval", "health_check_timeout"]


# --- ready-made checks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (3.0, None),
        ([[0.1, 0.9]], None),
        ("yes", None),
        (3.0, 3.0 + 1e-9),
        (np.array([3.0]), 3),
        (np.array(["yes"]), "yes"),
        ([[0.1, 0.9]], [0.1, 0.9]),
        (float("nan"), float("nan")),
        (np.array([True]), True),
    ],
)
def test_a_canary_passes_with_a_fitting_prediction(answer: object, expected: object) -> None:
    result = run_once(canary(lambda row: answer, [1, 2], expected))
    assert (result.up, result.error) == (True, None)


@pytest.mark.parametrize(
    ("answer", "expected", "error"),
    [
        (None, None, "the canary row's prediction is None"),
        (None, 3, "the canary row's prediction is None"),
        ([], None, "the canary row's prediction is empty"),
        (float("nan"), None, "the canary row's prediction is not finite"),
        ([1.0, float("inf")], None, "the canary row's prediction is not finite"),
        (3.1, 3.0, "the canary row's prediction is not the expected one"),
        ([1, 2], [1], "the canary row's prediction is not the expected one"),
        ("yes", "no", "the canary row's prediction is not the expected one"),
        ("yes", 1, "the canary row's prediction is not the expected one"),
    ],
)
def test_a_canary_fails_with_another_and_shows_no_value(answer: object, expected: object, error: str) -> None:
    result = run_once(canary(lambda row: answer, [1, 2], expected))
    assert (result.up, result.error) == (False, error)


def test_a_canary_whose_model_raises_fails_with_the_class() -> None:
    result = run_once(canary(lambda row: row[SECRET], {"age": 1}))
    assert (result.up, result.error) == (False, "KeyError")


def test_a_canary_gives_the_same_row_each_time_whatever_the_model_does_to_it() -> None:
    row = {"age": [40]}
    check = canary(lambda given: given["age"].pop(), row, expected=40)
    row["age"].clear()
    check()
    check()


def test_disk_space_compares_with_the_free_share() -> None:
    usage = psutil.disk_usage("/")
    free = usage.free / (usage.free + usage.used)
    assert run_once(disk_space("/", max(free - 0.05, 0.0))).up
    result = run_once(disk_space("/", 1.0))
    assert not result.up
    assert result.error.startswith("disk at / has ")
    assert result.error.endswith("% free, below the 100.0% asked for")
    assert run_once(disk_space("/no such folder", 0.1)).error == (
        "disk at /no such folder cannot be read: FileNotFoundError"
    )
    with pytest.raises(ConfigError, match="min_free_ratio: 10 is outside"):
        disk_space("/", 10)


@pytest.fixture
def server() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            self.send_response({"/ok": 200, "/moved": 302}.get(path, 503))
            if path == "/moved":
                self.send_header("Location", "/ok")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Keep the test's output clean."""

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"127.0.0.1:{listening.server_port}"
    listening.shutdown()
    listening.server_close()
    thread.join(10)


def test_url_passes_with_the_expected_status(server: str) -> None:
    assert run_once(url(f"http://{server}/ok")).error is None
    assert run_once(url(f"http://{server}/moved")).error is None
    assert run_once(url(f"http://{server}/moved", expect_status=302)).error is None
    assert run_once(url(f"http://{server}/down", expect_status=503)).error is None


def test_url_fails_with_another_status_and_never_shows_credentials(server: str) -> None:
    result = run_once(url(f"http://user:{SECRET}@{server}/hook/{SECRET}?token={SECRET}"))
    assert (result.up, result.error) == (False, f"http://{server} answered 503, not 200")


def test_url_fails_when_nothing_listens_or_answers(hang: threading.Event) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        result = run_once(url(f"http://user:{SECRET}@{address}/"))
        assert (result.up, result.error) == (False, f"http://{address} cannot be reached: ConnectionError")
        silent.listen()
        result = run_once(url(f"http://user:{SECRET}@{address}/", timeout=0.05))
        assert (result.up, result.error) == (False, f"http://{address} cannot be reached: ReadTimeout")


@pytest.mark.parametrize(
    "address",
    [
        "",
        f"ftp://user:{SECRET}@host",
        f"http://user:{SECRET}@",
        f"http://user:{SECRET}@host:99999/",
        f"{SECRET}",
        "http://[::1",
    ],
)
def test_url_refuses_an_address_that_cannot_be_called_without_quoting_it(address: str) -> None:
    with pytest.raises(ConfigError, match="address: is not one to call") as caught:
        url(address)
    assert SECRET not in str(caught.value)
    with pytest.raises(ConfigError, match="timeout: 0 is not positive"):
        url("http://host", timeout=0)


def test_url_shows_an_address_of_version_6_in_brackets() -> None:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            port = 9  # no IPv6 here: the connection fails all the same
        else:
            port = probe.getsockname()[1]
        result = run_once(url(f"http://[::1]:{port}/"))
    assert result.error == f"http://[::1]:{port} cannot be reached: ConnectionError"


def test_database_selects_and_closes_what_it_opened() -> None:
    opened: list[sqlite3.Connection] = []

    def connect() -> sqlite3.Connection:
        opened.append(sqlite3.connect(":memory:", check_same_thread=False))
        return opened[-1]

    assert run_once(database(connect)).error is None
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")


def test_a_database_that_refuses_fails_with_the_class_only() -> None:
    result = run_once(database(lambda: sqlite3.connect(f"/no/{SECRET}/folder.db")))
    assert (result.up, result.error) == (False, "sqlite3.OperationalError")


def test_importing_health_does_not_import_requests() -> None:
    code = "import sys, ml_models.monitoring.health; sys.exit(bool({'requests', 'scipy'} & set(sys.modules)))"
    env = {"PYTHONPATH": str(Path(catalog.__file__).parents[1])}
    assert subprocess.run([sys.executable, "-c", code], env=env, check=False).returncode == 0


# --- what is exposed -------------------------------------------------------------------------------------------------


def test_families_carry_the_catalogs_names_and_labels() -> None:
    results = {"disk": HealthResult(True, 0.5, 100.0, None), 'a "b"': HealthResult(False, 1.5, 200.0, "ValueError")}

    class Collector:
        def collect(self):
            return health_families("churn", results)

    registry = CollectorRegistry()
    registry.register(Collector())
    value = registry.get_sample_value
    assert value(catalog.HEALTH_UP.name, {"model": "churn", "check": "disk"}) == 1.0
    assert value(catalog.HEALTH_UP.name, {"model": "churn", "check": 'a "b"'}) == 0.0
    assert value(catalog.HEALTH_DURATION.name, {"model": "churn", "check": 'a "b"'}) == 1.5
    assert value(catalog.HEALTH_TIMESTAMP.name, {"model": "churn", "check": "disk"}) == 100.0
    assert health_families("churn", {}) == []


def test_a_result_is_json_able() -> None:
    assert HealthResult(False, 1.5, 1_767_225_600.0, "ValueError").as_dict() == {
        "up": False,
        "duration_seconds": 1.5,
        "last_run": "2026-01-01T00:00:00+00:00",
        "error": "ValueError",
    }
