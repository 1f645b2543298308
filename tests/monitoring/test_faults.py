"""Nothing that goes wrong in here, or is done to it, reaches a prediction; and all of it is counted."""

from __future__ import annotations

import datetime
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from ml_models.collectors import isolation
from ml_models.monitoring.recorder import WAKE_CALLS


class _BrokenError(Exception):
    """What the objects below raise: no class that anything here expects."""


def _raise(*_: Any, **__: Any) -> Any:
    raise _BrokenError("on purpose")


BrokenLength = type("BrokenLength", (), {"columns": ["x"], "__len__": _raise})
BrokenArray = type("BrokenArray", (), {"shape": (2, 2), "dtype": "float64", "__array__": _raise})
BrokenShape = type("BrokenShape", (), {"shape": property(_raise), "dtype": "float64"})
BrokenCopy = type("BrokenCopy", (dict,), {"copy": _raise, "items": _raise})
BrokenAttributes = type("BrokenAttributes", (), {"__getattr__": _raise})
BrokenRow = type("BrokenRow", (dict,), {"copy": _raise})
BrokenFloat = type("BrokenFloat", (), {"__float__": _raise})
BrokenHash = type("BrokenHash", (), {"__hash__": _raise, "__eq__": _raise})
BrokenText = type("BrokenText", (), {"__str__": _raise, "__repr__": _raise, "__float__": _raise, "__hash__": _raise})
BrokenResult = type("BrokenResult", (), {"copy": _raise})
BrokenNumbers = type("BrokenNumbers", (), {"to_numpy": _raise, "__len__": _raise, "__iter__": _raise})


class BrokenMapping(Mapping[str, Any]):
    """A mapping that is none."""

    __getitem__ = __iter__ = __len__ = _raise


#: Broken features: what they are and where they show: a hook failure, or cells or rows that are wrong.
BROKEN: dict[str, tuple[Any, str]] = {
    "nothing": (None, "schema"),
    "a number": (5, "schema"),
    "text": ("five", "schema"),
    "bytes": (b"five", "schema"),
    "an empty dict": ({}, "schema"),
    "an empty array": (np.zeros(0), "schema"),
    "a scalar array": (np.array(5.0), "schema"),
    "an array of three axes": (np.zeros((1, 2, 2)), "any"),
    "a generator": ((n for n in range(3)), "faults"),
    "an object": (object(), "faults"),
    "a class": (dict, "faults"),
    "a set": ({1, 2}, "faults"),
    "unhashable cells": ({"x": {1}, "city": {"a": "b"}}, "invalid"),
    "columns of unequal length": ({"x": [1, 2], "city": ["Oslo"]}, "faults"),
    "ragged rows": ([[1.0, "Oslo"], [2.0]], "missing"),
    "a row too long": ([[1.0, "Oslo", 3.0]], "schema"),
    "a narrow array": (np.zeros((1, 1)), "schema"),
    "a wide array": (np.zeros((1, 3)), "schema"),
    "10 MB of text": ({"x": 1.0, "city": "x" * 10_000_000}, "invalid"),
    "10 MB where a number is": ({"x": "x" * 10_000_000, "city": "Oslo"}, "invalid"),
    "an unseen column": ({"x": 1.0, "city": "Oslo", "z": 1}, "schema"),
    "keys that are no text": ({1: 2, None: 3}, "schema"),
    "rows of several kinds": ([{"x": 1.0}, 5], "faults"),
    "a number beyond a float": ({"x": 10**400, "city": "Oslo"}, "invalid"),
    "a date": ({"x": datetime.datetime.now(), "city": datetime.date.today()}, "invalid"),
    "a complex number": ({"x": 1j, "city": 1j}, "invalid"),
    "half of a surrogate pair": ({"x": 1.0, "city": "\ud800"}, "out of range"),
    "a frame with a column twice": (pd.DataFrame([[1.0, 2.0]], columns=["x", "x"]), "any"),
    "its length raises": (BrokenLength(), "faults"),
    "its array raises": (BrokenArray(), "faults"),
    "its shape raises": (BrokenShape(), "faults"),
    "its items raise": (BrokenCopy(x=1.0), "faults"),
    "its attributes raise": (BrokenAttributes(), "faults"),
    "its keys raise": (BrokenMapping(), "faults"),
    "a row that cannot be copied": ([BrokenRow(x=1.0, city="Oslo")], "faults"),
    "a cell whose float raises": ({"x": BrokenFloat(), "city": "Oslo"}, "any"),
    "a cell whose hash raises": ({"x": 1.0, "city": BrokenHash()}, "any"),
    "cells that raise at all": ({"x": BrokenText(), "city": BrokenText()}, "any"),
    "objects in an array": (np.array([[BrokenFloat(), BrokenHash()]], dtype=object), "any"),
}


def _shown(found: Any) -> dict[str, int]:
    cells = {"missing": found.missing("x") + found.missing("city"), "invalid": found.invalid("x")}
    cells["invalid"] += found.invalid("city")
    return {
        **cells,
        "faults": found.faults,
        "schema": int(found.tally.schema[:2].sum()),
        "out of range": int(found.tally.cells[:, 4].sum()),
    }


@pytest.mark.parametrize("general", [False, True], ids=["plain", "general"])
@pytest.mark.parametrize("case", BROKEN)
def test_broken_features_reach_the_model_as_they_are_and_are_counted(case, general, make, counted, mixed):
    features, where = BROKEN[case]
    monitor = make(reference=mixed, classes=[0, 1])
    given: list[Any] = []

    def model(features: Any) -> int:
        given.append(features)
        return 1

    tracked = monitor.track(output=int)(model) if general else monitor.track(model)
    assert tracked(features) == 1
    assert given[0] is features
    found = counted(monitor)
    rows = 2 if case in {"ragged rows", "columns of unequal length", "rows of several kinds"} else 1
    assert (found.calls, found.errors, found.predictions) == (1, 0, rows)
    shown = _shown(found)
    assert any(shown.values()) if where == "any" else shown[where] > 0, shown
    assert list(text_string_to_metric_families(monitor.metrics_text().decode()))

    before = found.rows("x")
    tracked({"x": 5.0, "city": "Oslo"})
    after = counted(monitor)
    assert (after.calls, after.rows("x")) == (2, before + 1), "the next row is counted as if nothing had been"


@pytest.mark.parametrize("case", BROKEN)
def test_broken_features_in_one_call_cost_no_other_call_of_the_same_drain(case, make, counted, mixed):
    features, _ = BROKEN[case]
    monitor = make(reference=mixed, classes=[0, 1])
    predict = monitor.track(lambda row: 1)
    for given in ({"x": 5.0, "city": "Oslo"}, features, np.array([[15.0, 0.0]]), {"x": 25.0, "city": "Rome"}):
        predict(given)
    found = counted(monitor)
    assert found.calls == 4
    bins = found.bins("x")
    assert (bins.get("01"), bins.get("02")) == (1, 1)
    assert bins["00"] >= 1


@pytest.mark.parametrize("empty", [[], np.zeros((0, 2)), {"x": [], "city": []}, pd.DataFrame({"x": [], "city": []})])
def test_a_batch_of_no_rows_is_a_call_and_no_prediction(empty, make, counted, mixed):
    monitor = make(reference=mixed, classes=[0, 1])
    assert monitor.track(lambda rows: [])(empty) == []
    found = counted(monitor)
    assert (found.calls, found.predictions, found.rows("x"), found.faults) == (1, 0, 0, 0)


RESULTS = {
    "its copy raises": BrokenResult(),
    "its numbers raise": BrokenNumbers(),
    "its attributes raise": BrokenAttributes(),
    "a list of broken": [BrokenHash(), BrokenFloat()],
    "an array of broken": np.array([BrokenHash(), BrokenFloat()], dtype=object),
    "text beyond UTF-8": "\ud800",
    "a long text": "x" * 1_000_000,
    "a broken hash": BrokenHash(),
    "a mapping that is none": BrokenMapping(),
    "three axes": np.zeros((1, 2, 2)),
    "no class": np.array([[]]),
}


@pytest.mark.parametrize("case", RESULTS)
def test_broken_results_are_returned_as_they_are_and_harm_no_other(case, make, counted, mixed):
    monitor = make(reference=mixed)
    results = iter([1, RESULTS[case], 0])
    predict = monitor.track(lambda row: next(results))
    row = {"x": 5.0, "city": "Oslo"}
    assert predict(row) == 1
    assert predict(row) is RESULTS[case]
    assert predict(row) == 0
    found = counted(monitor)
    assert (found.calls, found.errors, found.bins("x")) == (3, 0, {"00": 3})
    assert found.predictions == 3
    assert list(text_string_to_metric_families(monitor.metrics_text().decode()))


def test_items_of_a_generator_that_cannot_be_copied_reach_its_consumer(make, counted):
    monitor = make()
    item = BrokenResult()
    assert list(monitor.track(lambda row: row)({})) == []

    @monitor.track
    def stream(row):
        yield item

    assert list(stream({})) == [item]
    assert counted(monitor).faults == 1


@pytest.mark.parametrize("where", ["features", "output", "prediction_id"])
def test_a_users_look_up_that_raises_is_counted_once(where, make, counted, mixed):
    monitor = make(reference=mixed, classes=[0, 1])
    assert monitor.track(**{where: _raise})(lambda row: 1)({"x": 5.0, "city": "Oslo"}) == 1
    found = counted(monitor)
    assert (found.predictions, found.faults) == (1, 1)
    stage = "output" if where == "output" else "capture"
    sample = f'ml_monitor_hook_failures_total{{model="{monitor.name}",stage="{stage}"}} 1.0'
    assert sample in monitor.metrics_text().decode()


def test_broken_labels_cost_no_other_label(make, counted):
    monitor = make(classes=["no", "yes"])
    predict = monitor.track(lambda row: "yes")
    ids = []
    for _ in range(4):
        predict({})
        ids.append(monitor.last_prediction_id())
    monitor.record_outcome(ids[0], BrokenHash())
    monitor.record_outcome([ids[0]], "yes")
    monitor.record_outcome(BrokenHash(), "yes")
    monitor.record_outcomes([ids[1], ids[2]], ["yes", {"a": 1}])
    monitor.record_outcome(ids[3], "yes")
    assert counted(monitor).tally.outcomes[1, 1] == 2
    assert monitor.get_metrics()["labels"]["joined"] == 2


def test_a_fault_in_a_drain_costs_neither_scrape_nor_worker(make, monkeypatch, until):
    """Even a fault that should not be: the worker goes on and the next events are counted."""
    monitor = make()
    predict = monitor.track(lambda row: 1)
    monitor.start()
    drain = monitor.pipeline._drain
    monkeypatch.setattr(drain, "events", _raise)
    predict({})
    until(lambda: monitor._faults["drain"] > 0)
    monkeypatch.undo()
    predict({})
    until(lambda: monitor.get_metrics()["performance"]["calls"] == 1)


def test_a_failing_collector_costs_only_its_own_series(make, mixed, monkeypatch):
    monitor = make(reference=mixed)
    monkeypatch.setattr(monitor._data, "families", _raise)
    monitor.track(lambda row: 1)({"x": 5.0, "city": "Oslo"})
    text = monitor.metrics_text().decode()
    assert f'ml_collector_success{{collector="data",model="{monitor.name}"}} 0.0' in text
    assert f'ml_collector_success{{collector="serving",model="{monitor.name}"}} 1.0' in text
    assert "ml_feature_bin" not in text
    assert "ml_predictions_total" in text
    assert isolation.COLLECTOR_SUCCESS.name in text


# --- load ------------------------------------------------------------------------------------------------------------


def _in_threads(work: Any, threads: int) -> None:
    found: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - shown by the assertion
            found.append(error)

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert found == []


@pytest.fixture
def restless():
    """Let threads take turns often, which shows races that are rare otherwise."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def _exposed(text: str, name: str) -> float:
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    )


@pytest.mark.parametrize("buffer_rows", [65_536, 5_000, 64])
def test_of_200_000_calls_from_8_threads_each_is_counted(buffer_rows, make, counted, numeric, restless):
    """Tallied or dropped, but counted; rows, arrays, batches and errors alike."""
    monitor = make(reference=numeric, task="regression", buffer_rows=buffer_rows).start()
    predict = monitor.track(lambda row: 0.5)
    general = monitor.track(endpoint="batch", output=float)(lambda rows: 0.5)
    row, array, batch = {"x": 5.0, "y": 25.0}, np.array([5.0, 25.0]), np.full((3, 2), 5.0)

    def work() -> None:
        for _ in range(500):
            for _ in range(24):
                predict(row)
                predict(array)
            general(batch)
            general(row)

    _in_threads(work, threads=8)
    monitor.stop()
    found = counted(monitor)
    dropped_calls = sum(channel.dropped_calls.value for channel in monitor.recorder.channels.values())
    assert found.calls + dropped_calls == 200_000
    assert found.predictions + found.dropped == 8 * 500 * (48 + 3 + 1)
    assert found.faults == 0
    if not dropped_calls:
        assert found.rows("x") == found.predictions
        assert found.bins("x") == {"00": found.predictions}
    text = monitor.metrics_text().decode()
    assert _exposed(text, "ml_predictions_total") == 8 * 500 * 52
    assert _exposed(text, "ml_monitor_dropped_rows_total") == found.dropped
    assert _exposed(text, "ml_predictions_in_progress") == 0


@pytest.mark.parametrize("features", [{"x": 5.0, "y": 25.0}, np.array([5.0, 25.0]), np.full((3, 2), 5.0)])
@pytest.mark.parametrize("buffer_rows", [1, 10, 5_000])
def test_a_full_buffer_drops_and_counts_and_does_not_wait(features, buffer_rows, make, counted, numeric):
    """Nobody drains this monitor, so whatever comes after the buffer's size is dropped."""
    monitor = make(reference=numeric, task="regression", buffer_rows=buffer_rows)
    results = iter([0.5] * (buffer_rows + 6))
    predict = monitor.track(lambda rows: next(results))
    rows = len(features) if isinstance(features, np.ndarray) and features.ndim == 2 else 1
    for _ in range(buffer_rows + 6):
        predict(features)
    with pytest.raises(StopIteration):
        predict(features)
    assert monitor.recorder.in_progress == 0
    assert sum(len(channel.events) for channel in monitor.recorder.channels.values()) == buffer_rows
    found = counted(monitor)
    assert (found.predictions, found.dropped, found.errors) == (buffer_rows * rows, 6 * rows, 0)
    text = monitor.metrics_text().decode()
    assert _exposed(text, "ml_predictions_total") == (buffer_rows + 6) * rows
    assert _exposed(text, "ml_prediction_errors_total") == 1, "errors are counted whatever the buffer holds"
    assert f'ml_monitor_dropped_rows_total{{model="{monitor.name}",reason="buffer_full"}} {6.0 * rows}' in text
    assert monitor.get_metrics()["monitor"]["dropped_rows"] == 6 * rows


def test_batches_beyond_the_bound_of_bytes_lose_features_and_outputs_but_are_counted(make, counted, numeric):
    monitor = make(reference=numeric, task="regression", buffer_bytes=10_000)
    predict = monitor.track(lambda rows: np.zeros(len(rows)))
    batch = np.full((100, 2), 5.0)  # 1,600 bytes, and 800 of results
    for _ in range(20):
        predict(batch)
    (channel,) = monitor.recorder.channels.values()
    assert 8_000 < channel.held_bytes <= 10_000
    held = sum(event[3].nbytes for event in channel.events)
    assert held == channel.held_bytes
    found = counted(monitor)
    assert found.predictions == 2_000
    assert found.rows("x") + channel.dropped_bytes == 2_000
    assert found.rows("x") == 400
    assert channel.held_bytes == 0
    text = monitor.metrics_text().decode()
    assert f'ml_monitor_dropped_rows_total{{model="{monitor.name}",reason="buffer_bytes"}} 1600.0' in text
    predict(batch)
    assert counted(monitor).rows("x") == 500, "once drained there is room again"


def test_wide_rows_beyond_the_bound_of_bytes_lose_their_features_but_are_counted(make, counted, numeric):
    monitor = make(reference=numeric, task="regression", buffer_bytes=WAKE_CALLS * 16)
    predict = monitor.track(lambda row: 0.5)
    row = np.array([5.0, 25.0])
    for _ in range(WAKE_CALLS + 50):
        predict(row)
    found = counted(monitor)
    assert found.predictions == WAKE_CALLS + 50
    assert WAKE_CALLS <= found.rows("x") <= WAKE_CALLS + 1


def test_a_large_text_among_arguments_is_within_the_bound_of_bytes(make, counted, mixed):
    monitor = make(reference=mixed, task="regression", buffer_bytes=25_000_000)
    predict = monitor.track(lambda x, city: 0.5)
    text = "x" * 10_000_000
    for _ in range(5):
        predict(5.0, text)
    (channel,) = monitor.recorder.channels.values()
    assert channel.held_bytes <= 25_000_000
    found = counted(monitor)
    assert (found.predictions, found.rows("x"), channel.dropped_bytes) == (5, 2, 3)


def test_a_started_monitor_takes_more_than_its_buffer_holds(make, counted, numeric, until):
    """The worker is woken long before the buffer is full."""
    monitor = make(reference=numeric, task="regression").start()
    predict = monitor.track(lambda row: 0.5)
    (channel,) = monitor.recorder.channels.values()
    for _ in range(20):
        for _ in range(10_000):
            predict({"x": 5.0, "y": 25.0})
        until(lambda: len(channel.events) < 20_000)
    assert counted(monitor).dropped == 0
    assert counted(monitor).calls == 200_000


def test_under_load_every_scrape_parses_and_no_counter_goes_back(make, numeric):
    monitor = make(reference=numeric, classes=["no", "yes"], health_check_interval=0.05).start()
    monitor.add_health_check("fine", lambda: True)
    predict = monitor.track(lambda row: "yes" if row["x"] > 10 else "no")
    batch = monitor.track(endpoint="batch")(lambda rows: ["yes"] * len(rows))
    done = threading.Event()
    made = []

    def serve() -> None:
        calls = 0
        while not done.is_set():
            for x in (5.0, 15.0, 500.0, None):
                try:
                    predict({"x": x, "y": 25.0})
                except TypeError:
                    continue
                monitor.record_outcome(monitor.last_prediction_id(), "yes")
                calls += 1
            batch(np.zeros((3, 2)))
            calls += 3
            time.sleep(0.0005)  # a model waits for its accelerator; else five threads fight for the interpreter
        made.append(calls)

    def scrape() -> None:
        last: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        for _ in range(10):
            text = requests.get(f"{monitor.url}/metrics", timeout=30).text
            now = {}
            for family in text_string_to_metric_families(text):
                if family.type in {"counter", "histogram"}:
                    for sample in family.samples:
                        now[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
                elif family.name == "ml_predictions_in_progress":
                    assert 0 <= family.samples[0].value <= 4
            assert len(now) > 100
            for series, value in last.items():
                assert now[series] >= value, series
            last = now

    def scrape_twice() -> None:
        try:
            _in_threads(scrape, threads=2)
        finally:
            done.set()

    works = iter([serve, serve, serve, scrape_twice, lambda: [monitor.get_metrics() for _ in range(20)]])
    lock = threading.Lock()

    def work() -> None:
        with lock:
            mine = next(works)
        mine()

    _in_threads(work, threads=5)
    text = monitor.metrics_text().decode()
    assert _exposed(text, "ml_predictions_total") == sum(made)
    assert _exposed(text, "ml_collector_success") == 8
    joined = [s for f in text_string_to_metric_families(text) for s in f.samples if s.labels.get("status") == "joined"]
    assert joined[0].value > 0
