"""Promises of ml_models.monitoring.error_log."""

from __future__ import annotations

import gc
import json
import math
import os
import threading
import weakref
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_models.monitoring.error_log import ErrorLog, ExceptionNames, describe, exception_name, fingerprint, trace

SECRET = "card 4111 1111 1111 1111"  # noqa: S105 - stands for data that must not show


class ModelError(Exception):
    """An application's own class."""


class BrokenTextError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class BrokenTracebackError(Exception):
    @property
    def __traceback__(self):
        raise RuntimeError("no traceback")


class BrokenNameMeta(type):
    def __getattribute__(cls, name: str):
        if name in ("__qualname__", "__module__"):
            raise RuntimeError("no name")
        return super().__getattribute__(name)


def broken_name() -> BaseException:
    # Made in a function: the test runner reads the name of every class in a module.
    class BrokenNameError(Exception, metaclass=BrokenNameMeta):
        pass

    return BrokenNameError()


class UnhashableError(Exception):
    __hash__ = None

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable")


def raised(exc: BaseException, depth: int = 0) -> BaseException:
    def descend(left: int) -> None:
        if left:
            descend(left - 1)
        raise exc

    try:
        descend(depth)
    except BaseException as caught:  # noqa: BLE001 - given on purpose
        return caught
    raise AssertionError


def parse(text: str) -> int:
    return int(text)


def fail(text: str) -> BaseException:
    try:
        parse(text)
    except ValueError as exc:
        return exc
    raise AssertionError


def test_an_entry_tells_class_places_count_and_times_in_the_agreed_shape() -> None:
    log = ErrorLog()
    log.record("/predict", fail("x"), 1_767_225_600.0)
    log.record("/predict", fail("y"), 1_767_225_660.0)
    line = parse.__code__.co_firstlineno + 1
    [entry] = log.entries()
    assert entry == {
        "exception": "ValueError",
        "endpoint": "/predict",
        "fingerprint": fingerprint("ValueError", entry["trace"]),
        "count": 2,
        "first_seen": "2026-01-01T00:00:00+00:00",
        "last_seen": "2026-01-01T00:01:00+00:00",
        "trace": [
            f"test_error_log.py:{fail.__code__.co_firstlineno + 2} in fail",
            f"test_error_log.py:{line} in parse",
        ],
    }


def test_no_message_value_or_source_line_is_kept() -> None:
    log = ErrorLog()
    log.record("/predict", fail(SECRET), 0.0)
    log.record("/predict", raised(ModelError(SECRET)), 0.0)
    text = json.dumps(log.entries())
    assert "4111" not in text
    assert "return int" not in text
    assert os.path.dirname(__file__) not in text


def test_errors_differ_by_class_place_and_endpoint_and_not_by_message() -> None:
    log = ErrorLog()
    for message in ("a", "b", "c"):
        log.record("/predict", fail(message), 0.0)
    log.record("/batch", fail("a"), 0.0)
    log.record("/predict", raised(ValueError("a")), 0.0)
    log.record("/predict", raised(ModelError("a")), 0.0)
    assert [(entry["endpoint"], entry["count"]) for entry in log.entries()] == [
        ("/predict", 1),
        ("/predict", 1),
        ("/batch", 1),
        ("/predict", 3),
    ]
    marks = {entry["fingerprint"] for entry in log.entries()}
    assert len(marks) == 3  # the same error at two endpoints has one fingerprint


def test_the_error_not_seen_for_longest_goes_first() -> None:
    log = ErrorLog(max_entries=2)
    for endpoint in ("a", "b", "a", "c"):
        log.record(endpoint, ValueError(), 0.0)
    assert [entry["endpoint"] for entry in log.entries()] == ["c", "a"]


def test_traces_are_bounded_and_a_recursion_of_any_depth_is_one_error() -> None:
    shallow, deep = trace(raised(ModelError(), depth=50)), trace(raised(ModelError(), depth=400))
    assert len(shallow) == 21
    assert shallow[5] == "..."
    assert shallow == deep
    assert "..." not in trace(raised(ModelError(), depth=18))
    assert len(trace(raised(ModelError(), depth=18))) == 20


def test_texts_are_bounded() -> None:
    log = ErrorLog()
    log.record("x" * 10_000, raised(type("E" * 10_000, (Exception,), {})()), 0.0)
    assert len(json.dumps(log.entries())) < 2000


EXOTIC: dict[str, Callable[[], BaseException]] = {
    "text": BrokenTextError,
    "traceback": BrokenTracebackError,
    "name": broken_name,
    "unhashable": UnhashableError,
    "interrupt": KeyboardInterrupt,
    "exit": lambda: SystemExit(3),
    "group": lambda: ExceptionGroup("several", [ValueError("x")]),
}


@pytest.mark.parametrize("kind", EXOTIC)
@pytest.mark.parametrize("thrown", [True, False])
def test_no_exception_makes_recording_fail(kind: str, thrown: bool) -> None:
    exc = EXOTIC[kind]()
    if thrown:
        raised(exc)
    log = ErrorLog()
    log.record("/predict", exc, 0.0)
    log.record("/predict", exc, 1.0)
    [entry] = log.entries()
    assert entry["count"] == 2
    assert entry["exception"]
    assert ExceptionNames().label(exc) == entry["exception"]


@pytest.mark.parametrize("when", [math.nan, math.inf, -math.inf, 1e300])
def test_a_time_outside_the_calendar_is_none(when: float) -> None:
    log = ErrorLog()
    log.record("/predict", ValueError(), when)
    assert log.entries()[0]["last_seen"] is None


def test_a_wall_clock_set_back_keeps_first_before_last() -> None:
    log = ErrorLog()
    for when in (100.0, 40.0, 70.0):
        log.record("/predict", ValueError(), when)
    [entry] = log.entries()
    assert (entry["first_seen"], entry["last_seen"]) == ("1970-01-01T00:00:40+00:00", "1970-01-01T00:01:40+00:00")


def test_neither_the_exception_nor_its_class_is_kept_alive() -> None:
    """A traceback holds the frames, and those hold the caller's data."""
    kind = type("LocalError", (Exception,), {})
    exc = raised(kind())
    log, names = ErrorLog(), ExceptionNames()
    log.record("/predict", exc, 0.0)
    names.label(exc)
    seen = weakref.ref(kind)
    del exc, kind
    gc.collect()
    assert seen() is None


def test_counts_are_exact_from_many_threads() -> None:
    log = ErrorLog()

    def record(endpoint: str) -> None:
        exc = fail("x")
        for _ in range(500):
            log.record(endpoint, exc, 0.0)

    threads = [threading.Thread(target=record, args=(endpoint,)) for endpoint in "ababab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert {entry["endpoint"]: entry["count"] for entry in log.entries()} == {"a": 1500, "b": 1500}


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # the very case
def test_a_child_forked_while_a_thread_holds_the_lock_can_record() -> None:
    log, names = ErrorLog(), ExceptionNames()
    with log._lock, names._lock:
        child = os.fork()
        if child == 0:
            log.record(names.label(ValueError()), ValueError(), 0.0)
            os._exit(len(log.entries()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_names_are_qualified_and_builtins_bare() -> None:
    assert exception_name(ValueError()) == "ValueError"
    assert exception_name(ModelError()) == f"{__name__}.ModelError"
    kind = type("Odd", (Exception,), {"__module__": None})
    assert exception_name(kind()) == "Odd"


def test_labels_are_bounded_in_number() -> None:
    names = ExceptionNames(limit=3)
    kinds = [type(f"Kind{index}", (Exception,), {"__module__": "app"}) for index in range(10)]
    labels = [names.label(kind()) for kind in [*kinds, *kinds]]
    assert labels[:10] == labels[10:] == ["app.Kind0", "app.Kind1", "app.Kind2", *["__other__"] * 7]


@given(st.text(min_size=1))
def test_any_class_name_becomes_a_label_of_one_printable_line(name: str) -> None:
    kind = type("E", (Exception,), {"__module__": "app"})
    kind.__qualname__ = name
    label = ExceptionNames().label(kind())
    assert label.isprintable()
    assert len(label) <= 200
    assert label.encode()


def test_an_exception_that_was_never_raised_has_an_empty_trace() -> None:
    assert describe(ModelError()) == (f"{__name__}.ModelError", [])
