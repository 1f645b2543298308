"""Shadow predictions: tracked like served ones, never served, and of no consequence to those that are."""

from __future__ import annotations

import asyncio
import gc
import threading

import numpy as np
import pytest

from ml_models.errors import InstrumentationError
from ml_models.monitoring import shadow as module


@pytest.fixture
def pair(make):
    """Return a champion and a challenger of one model."""
    return make(name="churn", version="1"), make(name="churn", version="2", deployment="shadow")


def performance(monitor):
    return monitor.get_metrics()["performance"]


def test_the_challenger_gets_each_call_and_is_not_served(pair):
    """Results are the champion's; both are counted, each under its own version."""
    champion, challenger = pair

    @champion.shadow(challenger, lambda row: "new")
    @champion.track
    def predict(row):
        """Say so."""
        return "old"

    assert [predict({"x": 1.0}) for _ in range(10)] == ["old"] * 10
    assert (predict.__name__, predict.__doc__) == ("predict", "Say so.")
    champion.flush_shadows()
    assert performance(champion)["predictions"] == performance(challenger)["predictions"] == 10
    info = next(f for f in challenger.registry.collect() if f.name == "ml_model_info")
    assert info.samples[0].labels["deployment"] == "shadow"


@pytest.mark.parametrize("batch", [False, True])
def test_labels_reach_both(pair, batch):
    """One label by the served prediction's id scores both versions, also in batches."""
    champion, challenger = pair

    @champion.shadow(challenger, lambda table: np.ones(len(table), dtype=int) if batch else 1)
    @champion.track
    def predict(table):
        return np.zeros(len(table), dtype=int) if batch else 0

    ids = []
    for _ in range(4):
        predict(np.ones((5, 2)) if batch else {"x": 1.0})
        ids += [champion.last_prediction_id(row) for row in range(5 if batch else 1)]
    champion.flush_shadows()
    challenger.get_metrics()  # what was predicted is counted before the labels come
    champion.record_outcomes(ids, [1] * len(ids))
    champion.record_outcome(ids[0], 1)
    assert (performance(champion)["accuracy"], performance(challenger)["accuracy"]) == (0.0, 1.0)
    assert performance(champion)["labels"] == performance(challenger)["labels"] == len(ids)


def test_a_challenger_that_fails_changes_nothing(pair):
    """Its exception is counted as its error; the served call has its result."""
    champion, challenger = pair

    def broken(row):
        raise ZeroDivisionError

    predict = champion.shadow(challenger, broken)(champion.track(lambda row: 1))
    assert predict({"x": 1.0}) == 1
    champion.flush_shadows()
    assert (performance(champion)["error_ratio"], performance(challenger)["error_ratio"]) == (0.0, 1.0)


def test_a_failed_served_call_has_no_shadow(pair):
    """There is no prediction to compare with."""
    champion, challenger = pair

    @champion.shadow(challenger, lambda row: 1)
    @champion.track
    def predict(row):
        raise KeyError("x")

    with pytest.raises(KeyError):
        predict({})
    champion.flush_shadows()
    assert performance(challenger)["calls"] == 0


def test_the_challenger_sees_what_was_given_not_what_became_of_it(pair):
    """Neither the served function nor its caller can change what the challenger gets."""
    champion, challenger = pair
    seen = []

    @champion.shadow(challenger, lambda row, table, more: seen.append((row["x"], table[0], more[0]["y"])) or 1)
    @champion.track
    def predict(row, table, more):
        row["x"] = table[0] = -1.0
        more[0]["y"] = -1.0
        return 1

    predict({"x": 1.0}, np.array([1.0]), [{"y": 1.0}])
    champion.flush_shadows()
    assert seen == [(1.0, 1.0, 1.0)]


def test_coroutines_are_followed_and_may_follow(pair):
    """Either side may be asynchronous."""
    champion, challenger = pair

    async def new(row):
        await asyncio.sleep(0)
        return 1

    @champion.shadow(challenger, new)
    @champion.track
    async def predict(row):
        return 0

    assert asyncio.run(predict({"x": 1.0})) == 0
    champion.flush_shadows()
    assert performance(challenger)["predictions"] == 1


def test_a_slow_challenger_is_left_behind_not_waited_for(pair, monkeypatch):
    """What does not fit into its queue is dropped, and counted under a reason of its own."""
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    champion, challenger = pair
    going = threading.Event()
    made = module.Shadow(champion.recorder, challenger.recorder, lambda row: going.wait(30) and 1, max_waiting=3)
    predict = made.follow(champion.track(lambda row: 1))
    for _ in range(50):
        predict({"x": 1.0})
    going.set()
    made.flush()
    dropped = challenger.get_metrics()["monitor"]["dropped_rows"]
    assert performance(challenger)["predictions"] == 50 - dropped
    assert dropped >= 46
    made.stop()


def test_generators_and_oneself_are_refused(pair):
    """With a word that says why."""
    champion, challenger = pair

    def stream(row):
        yield 1

    with pytest.raises(InstrumentationError, match="generator"):
        champion.shadow(challenger, stream)
    with pytest.raises(InstrumentationError, match="generator"):
        champion.shadow(challenger, lambda row: 1)(champion.track(stream))
    with pytest.raises(InstrumentationError, match="its own challenger"):
        champion.shadow(champion, lambda row: 1)


def test_a_function_that_is_not_tracked_is_a_counted_fault(pair):
    """Nothing would tell which prediction a label belongs to."""
    champion, challenger = pair
    assert champion.shadow(challenger, lambda row: 1)(lambda row: 2)({"x": 1.0}) == 2
    assert challenger.get_metrics()["monitor"]["hook_failures"] == 1


def test_arguments_that_cannot_be_copied_cost_no_served_call(pair):
    champion, challenger = pair

    class Odd:
        def __copy__(self):
            raise RuntimeError

    predict = champion.shadow(challenger, lambda row: 1)(champion.track(lambda row: 2))
    assert predict(Odd()) == 2
    assert challenger.get_metrics()["monitor"]["hook_failures"] >= 1


def test_threads_end_with_their_monitors(make, until):
    """By stop(), after which a call starts them again, and when nobody holds the monitors any more."""

    def running():
        return [t for t in threading.enumerate() if t.name == "mlmon-shadow-ending"]

    champion, challenger = make(name="ending", version="1"), make(name="ending", version="2", deployment="shadow")
    predict = champion.shadow(challenger, lambda row: 1)(champion.track(lambda row: 1))
    champion.start()
    predict({"x": 1.0})
    assert running()
    champion.stop()
    assert not running()
    predict({"x": 1.0})
    champion.flush_shadows()
    assert performance(challenger)["predictions"] == 2
    made = module.Shadow(champion.recorder, challenger.recorder, lambda row: 1)
    before = len(running())
    made.follow(champion.track(lambda row: 1))({"x": 1.0})
    made.flush()
    assert len(running()) == before + 1
    del made
    until(lambda: gc.collect() is not None and len(running()) == before)
