"""Batch sizes, waits in a queue, generators' items and failed calls are measured per endpoint."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ml_models.catalog import BATCH_BUCKETS
from ml_models.monitoring import ModelMonitor
from ml_models.monitoring.recorder import MAX_TIMINGS
from ml_models.profile.tally import ITEM_SECONDS


def test_rows_of_calls_are_a_histogram(make):
    """Each call counts in the bucket of its rows; failed ones have predicted nothing."""
    monitor = make()

    @monitor.track
    def predict(table):
        if len(table) == 7:
            raise ValueError("seven")
        return table[:, 0]

    for rows in (1, 1, 3, 100, 101):
        predict(np.ones((rows, 2)))
    with pytest.raises(ValueError, match="seven"):
        predict(np.ones((7, 2)))
    total, _ = monitor.pipeline.counts()
    found = dict(zip((*BATCH_BUCKETS, np.inf), total.batches[0].tolist(), strict=True))
    assert {bound: count for bound, count in found.items() if count} == {1.0: 2, 5.0: 1, 100.0: 1, 200.0: 1}
    assert monitor.get_metrics()["performance"]["endpoints"]["predict"]["batch_rows"]["mean"] == 206 / 5


@pytest.mark.parametrize("how", ["parameter", "keyword", "key", "callable", "datetime"])
def test_waits_are_measured_from_what_the_caller_tells(make, how):
    """Unix time or a datetime, in an argument, in a key of the features, or worked out."""
    monitor, queued = make(), time.time() - 0.4
    if how == "key":
        monitor.track(lambda row: 1, queued_at="at")({"x": 1.0, "at": queued})
    elif how == "callable":
        monitor.track(lambda row: 1, queued_at=lambda row: row["header"]["at"])({"header": {"at": queued}})
    elif how == "datetime":
        monitor.track(lambda row, at: 1, queued_at="at")({"x": 1.0}, datetime.fromtimestamp(queued, UTC))
    else:
        predict = monitor.track(lambda row, at: 1, queued_at="at")
        predict({"x": 1.0}, queued) if how == "parameter" else predict({"x": 1.0}, at=queued)
    (found,) = monitor.get_metrics()["performance"]["endpoints"].values()
    assert 0.4 <= found["queued_seconds"]["mean"] < 5.0


def test_where_a_wait_was_is_no_feature(make):
    """A key that holds the time of queueing is neither counted as a feature nor as a fault of schema."""
    monitor = make(reference={"x": np.arange(100.0)})
    monitor.track(lambda row: 1, queued_at="at")({"x": 1.0, "at": time.time()})
    assert monitor.get_metrics()["data"]["quality"]["schema"] == 1.0
    by_argument = monitor.track(lambda x, at: 1, queued_at="at")
    by_argument(3.0, time.time())
    assert monitor.get_metrics()["data"]["quality"]["schema"] == 1.0


@pytest.mark.parametrize(("queued", "waited"), [(None, None), ("soon", None), (timedelta(days=1), None), (1e12, 0.0)])
def test_an_odd_time_of_queueing_costs_no_call(make, queued, waited):
    """None says nothing, what is no time is a counted fault, and a time to come is a clock's fault: no wait."""
    monitor = make()
    assert monitor.track(lambda row, at: 1, queued_at="at")({"x": 1.0}, queued) == 1
    (found,) = monitor.get_metrics()["performance"]["endpoints"].values()
    assert (found["calls"], found["queued_seconds"]["mean"]) == (1, waited)
    assert monitor.get_metrics()["monitor"]["hook_failures"] == (queued is not None and waited is None)


def test_generators_tell_first_item_and_items_per_second(make):
    """Only the generator's own time counts, not its consumer's."""
    monitor = make()

    @monitor.track
    def words(prompt):
        for word in ("a", "b", "c"):
            deadline = time.perf_counter() + 0.01
            while time.perf_counter() < deadline:
                pass
            yield word

    @monitor.track
    async def spoken(prompt):
        await asyncio.sleep(0.01)
        yield "a"

    async def listen():
        return [word async for word in spoken("x")]

    for _ in words("x"):
        time.sleep(0.02)  # the consumer works, which is not the model's time
    assert asyncio.run(listen()) == ["a"]
    found = monitor.get_metrics()["performance"]["endpoints"]
    assert found["words"]["first_item_seconds"]["mean"] >= 0.01
    assert found["spoken"]["items_per_second"] <= 100
    total, _ = monitor.pipeline.counts()
    assert total.items[:2].tolist() == [3, 1]
    assert found["words"]["items_per_second"] == pytest.approx(3 / total.seconds[0, ITEM_SECONDS])
    assert total.seconds[0, ITEM_SECONDS] >= 0.03


def test_a_generator_without_an_item_has_no_first_one(make):
    """It was called, and gave nothing."""
    monitor = make()

    @monitor.track
    def nothing(prompt):
        yield from ()

    assert list(nothing("x")) == []
    found = monitor.get_metrics()["performance"]["endpoints"]["nothing"]
    assert (found["calls"], found["first_item_seconds"]["mean"]) == (1, None)


def test_failed_calls_are_timed_by_exception(make):
    """Their number and their duration, whatever kind of function raised."""
    monitor = make()

    @monitor.track
    def plain(row):
        raise KeyError(row)

    @monitor.track(output="y")
    def keyed(row):
        raise TimeoutError

    @monitor.track
    def stream(row):
        yield 1
        raise TimeoutError

    for function, error in ((plain, KeyError), (keyed, TimeoutError), (lambda row: list(stream(row)), TimeoutError)):
        with pytest.raises(error):
            function("x")
    found = {
        (sample.name, sample.labels["endpoint"], sample.labels["exception"]): sample.value
        for family in monitor.registry.collect()
        for sample in family.samples
        if "exception" in sample.labels
    }
    for endpoint, name in (("plain", "KeyError"), ("keyed", "TimeoutError"), ("stream", "TimeoutError")):
        assert found["ml_prediction_errors_total", endpoint, name] == 1
        assert 0 < found["ml_prediction_error_seconds_total", endpoint, name] < 5


def test_timings_are_bounded_while_nothing_drains():
    """The oldest are given up; the calls themselves are counted elsewhere."""
    monitor = ModelMonitor(name="bounded")

    @monitor.track
    def stream(row):
        yield row

    for _ in range(MAX_TIMINGS + 10):
        for _ in stream(1):
            pass
    (channel,) = monitor.recorder.channels.values()
    assert len(channel.streams) == MAX_TIMINGS
