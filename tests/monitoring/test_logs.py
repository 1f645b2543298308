"""Promises of ml_models.monitoring.logs."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import ml_models
from ml_models.errors import ConfigError
from ml_models.monitoring import logs
from ml_models.monitoring.logs import configure, rate_limited

PACKAGE = logging.getLogger("ml_models")
LOG = logging.getLogger("ml_models.tests.logs")
SECRET = "card 4111"  # noqa: S105 - stands for data that must not show


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    handlers, level = list(PACKAGE.handlers), PACKAGE.level
    yield
    PACKAGE.handlers[:] = handlers
    PACKAGE.setLevel(level)


def write(record: logging.LogRecord) -> None:
    """Give a record to our handler only: the test runner's own fail on odd ones and cache the traceback's text."""
    [handler] = [one for one in PACKAGE.handlers if type(one).__module__ == logs.__name__]
    handler.handle(record)


def record_of(message: str, *args: object, exc_info: tuple | None = None) -> logging.LogRecord:
    return LOG.makeRecord(LOG.name, logging.INFO, __file__, 1, message, args, exc_info)


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_a_library_is_quiet_until_asked() -> None:
    code = "import logging, ml_models.monitoring.logs; logging.getLogger('ml_models.x').error('heard')"
    env = {"PYTHONPATH": str(Path(ml_models.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_plain_lines_tell_time_level_logger_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info")
    LOG.info("drained %d rows", 7)
    LOG.info("late", extra={"model": "churn"})
    LOG.debug("not asked for")
    first, second = lines(capsys)
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(stamp + r" INFO ml_models\.tests\.logs: drained 7 rows", first)
    assert re.fullmatch(stamp + r" INFO ml_models\.tests\.logs \[churn\]: late", second)


def test_json_lines_tell_the_same_as_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "json")
    record = LOG.makeRecord(LOG.name, logging.ERROR, __file__, 1, 'bad\n"%s" ü', ("x",), None, extra={"model": "churn"})
    record.created = 1_767_225_600.25
    LOG.handle(record)
    [line] = lines(capsys)
    assert json.loads(line) == {
        "time": "2026-01-01T00:00:00.250Z",
        "level": "error",
        "logger": "ml_models.tests.logs",
        "message": 'bad\n"x" ü',
        "model": "churn",
    }


@pytest.mark.parametrize("kind", ["plain", "json"])
def test_exceptions_show_class_and_places_and_no_value(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """Nor when a handler before ours has cached the full text on the record, nor do we cache ours on it."""
    configure("info", kind)
    try:
        int(SECRET)
    except ValueError as exc:
        record = record_of("failed", exc_info=(ValueError, exc, exc.__traceback__))
        logging.Formatter().format(record)
        assert SECRET in (record.exc_text or "")
        write(record)
        record.exc_text = None
        write(record)
        assert record.exc_text is None
    text = "\n".join(lines(capsys))
    assert SECRET not in text
    assert "ValueError" in text
    assert re.search(r"test_logs\.py:\d+ in test_exceptions_show", text)
    if kind == "json":
        assert [json.loads(line)["exception"] for line in text.splitlines()] == ["ValueError"] * 2


def test_a_message_cannot_forge_a_second_plain_record(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info")
    LOG.info("seen %s", "x\n2026-01-01T00:00:00.000Z INFO root: forged\x1b[31m\r\x00")
    first, *rest = lines(capsys)
    assert first.endswith("seen x")
    assert all(line.startswith("    ") for line in rest)
    assert "\x1b" not in "".join(rest)


@pytest.mark.parametrize("kind", ["plain", "json"])
def test_odd_records_still_give_a_line(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    configure("info", kind)
    write(record_of("needs %d", "a number"))
    write(record_of("needs text: %s", Unprintable()))
    write(record_of("\ud800"))
    found = lines(capsys)
    assert len(found) == 3
    assert "needs %d" in found[0]
    assert "needs text: %s" in found[1]
    assert "ud800" in found[2]


def test_configuring_again_replaces_and_never_doubles(capsys: pytest.CaptureFixture[str]) -> None:
    configure("debug")
    configure("debug")
    configure("warning", "json")
    LOG.info("not asked for any more")
    LOG.warning("once")
    [line] = lines(capsys)
    assert json.loads(line)["message"] == "once"
    configure(None)
    LOG.warning("quiet again")
    assert lines(capsys) == []
    assert PACKAGE.level == logging.NOTSET


def test_the_root_logger_and_the_applications_handlers_are_left_alone() -> None:
    root = logging.getLogger()
    mine = logging.NullHandler()
    PACKAGE.addHandler(mine)
    before = (root.level, list(root.handlers), logging.getLogger("other").level, PACKAGE.propagate)
    configure("debug", "json")
    configure(None)
    assert (root.level, list(root.handlers), logging.getLogger("other").level, PACKAGE.propagate) == before
    assert mine in PACKAGE.handlers
    PACKAGE.setLevel(logging.ERROR)
    configure(None)
    assert PACKAGE.level == logging.ERROR


@pytest.mark.parametrize(
    ("level", "kind", "faults"),
    [
        ("loud", "plain", ["log_level: unknown 'loud'"]),
        (10, "plain", ["log_level: unknown '10'"]),
        ("info", "xml", ["log_format: unknown 'xml'; choose from plain, json"]),
        ("", "", ["log_level: unknown ''", "log_format: unknown ''"]),
    ],
)
def test_unknown_settings_are_all_told_and_change_nothing(level: str, kind: str, faults: list[str]) -> None:
    configure("error")
    before = (list(PACKAGE.handlers), PACKAGE.level)
    with pytest.raises(ConfigError) as caught:
        configure(level, kind)
    assert isinstance(caught.value, ValueError)
    assert len(caught.value.faults) == len(faults)
    assert all(found.startswith(fault) for found, fault in zip(caught.value.faults, faults, strict=True))
    assert (list(PACKAGE.handlers), PACKAGE.level) == before


def test_a_process_without_standard_error_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    configure("info")
    monkeypatch.setattr(sys, "stderr", None)
    LOG.info("unheard")


def test_a_fault_is_logged_once_per_interval_and_says_how_many_were_left_out(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    faults = rate_limited(LOG, "once per interval", 60.0, clock=clock)
    with caplog.at_level(logging.WARNING, "ml_models"):
        written = []
        for step in (0.0, 0.0, 59.9, 0.1, 60.0, 60.0):
            clock.now += step
            written.append(faults.warning("capture failed: %s at 100%%", "TypeError"))
    assert written == [True, False, False, True, True, True]
    plain = "capture failed: TypeError at 100%"
    assert [record.getMessage() for record in caplog.records] == [
        plain,
        f"{plain} (2 more of these left out in the last 60 s)",
        plain,
        plain,
    ]
    assert {record.funcName for record in caplog.records} == {
        "test_a_fault_is_logged_once_per_interval_and_says_how_many_were_left_out"
    }


def test_a_clock_that_goes_back_does_not_silence_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    faults = rate_limited(LOG, "clock back", clock=clock)
    with caplog.at_level(logging.WARNING, "ml_models"):
        faults.error("x")
        faults.error("x")
        clock.now -= 1e6
        assert faults.error("x")
    assert "1 more of these left out in the last 0 s" in caplog.records[-1].getMessage()


def test_kinds_do_not_silence_each_other_and_a_level_that_is_off_uses_no_turn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.CRITICAL, "ml_models"):
        assert not rate_limited(LOG, "kind a").warning("off")
    with caplog.at_level(logging.WARNING, "ml_models"):
        assert rate_limited(LOG, "kind a").warning("a")
        assert rate_limited(LOG, "kind b").error("b", exc_info=ValueError(), extra={"model": "churn"})
    assert [record.getMessage() for record in caplog.records] == ["a", "b"]
    assert caplog.records[1].model == "churn"


def test_limiters_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_LIMITERS", {})
    made = {id(rate_limited(LOG, f"kind {index}")) for index in range(1500)}
    assert len(made) == 1001
    assert len(logs._LIMITERS) == 1001


def test_of_many_threads_one_writes(caplog: pytest.LogCaptureFixture) -> None:
    faults = rate_limited(LOG, "many threads")
    written: list[bool] = []

    def hit() -> None:
        written.extend(faults.warning("x") for _ in range(200))

    with caplog.at_level(logging.WARNING, "ml_models"):
        threads = [threading.Thread(target=hit) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
    assert (len(written), sum(written)) == (1600, 1)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # the very case
def test_a_child_forked_while_a_thread_holds_the_lock_can_log() -> None:
    faults = rate_limited(LOG, "fork")
    with faults._lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if faults.warning("x") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
