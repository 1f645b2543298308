"""Labels find their prediction, whenever and in whatever form they come, and every one is accounted for."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest


@pytest.fixture
def served(make):
    """Return a monitor, and a call of its classifier that gives the answer asked for and returns its id."""
    monitor = make(classes=["no", "yes"])
    predict = monitor.track(lambda row: row["answer"])

    def serve(answer: str) -> str:
        predict({"answer": answer})
        return monitor.last_prediction_id()

    return monitor, serve


def _ends(monitor: Any) -> dict[str, int]:
    labels = monitor.get_metrics()["labels"]
    assert labels.pop("ledger")["up"]
    return {name: count for name, count in labels.items() if count}


def _cells(monitor: Any) -> list[list[int]]:
    tally, _ = monitor.pipeline.counts()
    return tally.outcomes[:2, :2].tolist()


def test_a_label_that_comes_before_the_prediction_is_tallied_finds_it(served):
    monitor, serve = served
    monitor.record_outcome(serve("yes"), "yes")
    monitor.record_outcome(serve("no"), "yes")
    assert _cells(monitor) == [[0, 0], [1, 1]]
    assert _ends(monitor) == {"joined": 2}


def test_a_label_that_comes_after_finds_it_as_well(served):
    monitor, serve = served
    ids = [serve("yes"), serve("no")]
    monitor.pipeline.drain()
    assert _ends(monitor) == {"awaiting": 2}
    monitor.record_outcomes(ids, ["no", "no"])
    assert _cells(monitor) == [[1, 1], [0, 0]]
    assert _ends(monitor) == {"joined": 2}


@pytest.mark.parametrize(
    "column",
    [list, tuple, np.array, lambda v: np.array(v, dtype=object), pd.Series, pd.Index, pd.array, pl.Series, pa.array,
     lambda v: pa.chunked_array([v[:1], v[1:]])],
    ids=["list", "tuple", "array", "objects", "pandas", "index", "pandas array", "polars", "Arrow", "Arrow chunks"],
)  # fmt: skip
def test_labels_come_as_any_column(column, served):
    monitor, serve = served
    ids = [serve("yes"), serve("no"), serve("no")]
    monitor.record_outcomes(column(ids), column(["yes", "no", "yes"]))
    assert _cells(monitor) == [[1, 0], [1, 1]]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([1, 0], [[1, 0], [0, 1]]),
        (np.array([1, 0], dtype=np.uint8), [[1, 0], [0, 1]]),
        (np.array([1.0, 0.0]), [[1, 0], [0, 1]]),
        (["1", "0"], [[1, 0], [0, 1]]),
        (pd.array([1, 0], dtype="Int64"), [[1, 0], [0, 1]]),
    ],
)
def test_class_numbers_are_the_same_class_in_any_type(labels, expected, make):
    monitor = make(classes=[0, 1])
    predict = monitor.track(lambda rows: np.array([1, 0]))
    predict(np.zeros((2, 2)))
    monitor.record_outcomes([monitor.last_prediction_id(0), monitor.last_prediction_id(1)], labels)
    assert _cells(monitor) == expected


def test_the_callers_columns_may_change_after_they_are_given(served):
    monitor, serve = served
    ids, actuals = [serve("yes")], ["yes"]
    monitor.record_outcomes(ids, actuals)
    ids.clear()
    actuals[0] = "no"
    assert _cells(monitor) == [[0, 0], [0, 1]]


@pytest.mark.parametrize(
    ("ids", "actuals"),
    [
        (["a"], []),
        ([], ["yes"]),
        (["a", "b"], np.array(["yes"])),
        (pd.Series(["a"]), pd.Series(["yes", "no"])),
        (pd.DataFrame({"id": ["a", "b"]}), ["yes", "no"]),  # a frame iterates over its columns' names
    ],
)
def test_ids_and_labels_of_unequal_number_are_refused_and_none_is_taken(ids, actuals, served):
    monitor, _ = served
    with pytest.raises(ValueError, match=r"\d+ ids and \d+ labels; give one label per id"):
        monitor.record_outcomes(ids, actuals)
    assert _ends(monitor) == {}


def test_unknown_repeated_and_missing_labels_are_told_apart(served):
    monitor, serve = served
    known = serve("yes")
    monitor.record_outcome("nobody's id", "yes")
    monitor.record_outcome(None, "yes")
    monitor.record_outcome(str(uuid.uuid4()), "yes")
    monitor.record_outcome(["a", "list"], "yes")
    for missing in (None, float("nan"), np.nan, pd.NA, [], object()):
        monitor.record_outcome(known, missing)
    monitor.record_outcome(known, "yes")
    monitor.record_outcome(known, "yes")
    assert _ends(monitor) == {"early": 2, "invalid": 8, "joined": 1, "duplicate": 1}
    assert _cells(monitor) == [[0, 0], [0, 1]]


def test_a_corrected_label_takes_back_what_it_replaces(served):
    """The window's figures are those of the last labels; the counters go up by both, and one says what was undone."""
    monitor, serve = served
    ids = [serve("yes"), serve("no")]
    monitor.record_outcomes(ids, ["no", "no"])
    monitor.pipeline.drain()
    monitor.record_outcome(ids[0], "yes")
    monitor.record_outcomes([ids[1], ids[1]], ["yes", "no"])
    assert _ends(monitor) == {"joined": 2, "corrected": 3}
    assert _cells(monitor) == [[2, 1], [1, 1]]
    assert monitor.pipeline.retracted.outcomes[:2, :2].tolist() == [[1, 1], [1, 0]]
    assert monitor.get_metrics()["performance"]["confusion"]["counts"] == [[1, 0], [0, 1]]


def test_unknown_classes_share_a_cell_and_never_become_a_name(served):
    monitor, serve = served
    monitor.record_outcome(serve("yes"), "perhaps")
    monitor.record_outcome(serve("perhaps"), "yes")
    performance = monitor.get_metrics()["performance"]
    assert performance["confusion"] == {
        "classes": ["no", "yes", "__other__"],
        "counts": [[0, 0, 0], [0, 0, 1], [0, 1, 0]],
    }
    assert (performance["labels"], performance["accuracy"]) == (2, 0.0)
    assert "perhaps" not in monitor.metrics_text().decode()


def test_a_label_after_the_horizon_is_late_and_its_prediction_expired(make, until):
    monitor = make(classes=["no", "yes"], label_horizon=0.02)
    monitor.track(lambda row: "yes")({})
    late = monitor.last_prediction_id()
    monitor.pipeline.drain()

    def expired() -> bool:
        monitor.pipeline.drain()
        return _ends(monitor) == {"expired": 1}

    until(expired)
    monitor.record_outcome(late, "yes")
    assert _ends(monitor) == {"expired": 1, "late": 1}


def test_of_more_predictions_than_are_held_the_oldest_go(make):
    monitor = make(classes=["no", "yes"], label_max_rows=10)
    predict = monitor.track(lambda row: "yes")
    ids = []
    for _ in range(25):
        predict({})
        ids.append(monitor.last_prediction_id())
    monitor.pipeline.drain()
    monitor.record_outcomes(ids, ["yes"] * 25)
    assert _ends(monitor) == {"evicted": 15, "early": 15, "joined": 10}


def test_an_id_is_of_the_row_it_was_asked_for_and_of_no_other_call(make):
    """A row that the batch does not have is nobody's: a label for it must not go to the next call."""
    monitor = make(classes=["no", "yes"])
    predict = monitor.track(lambda rows: ["yes"] * len(rows))
    predict([[0.0]] * 3)
    beyond = monitor.last_prediction_id(3)
    predict([[0.0]] * 3)
    monitor.record_outcome(beyond, "yes")
    assert _ends(monitor) == {"awaiting": 6, "early": 1}
    monitor.track(lambda row: "yes")({})
    monitor.record_outcome(monitor.last_prediction_id(1), "yes")
    assert _ends(monitor) == {"awaiting": 7, "early": 2}


def test_ids_of_one_monitor_are_orphans_to_another(make, served):
    _, serve = served
    other = make(classes=["no", "yes"])
    other.track(lambda row: "yes")({})
    other.record_outcome(serve("yes"), "yes")
    assert _ends(other) == {"awaiting": 1, "early": 1}


def test_labels_of_a_regression_are_joined_without_cells(make):
    monitor = make(task="regression")
    monitor.track(lambda row: 1.5)({})
    monitor.record_outcome(monitor.last_prediction_id(), 1.4)
    assert _ends(monitor) == {"joined": 1}
    assert monitor.get_metrics()["performance"]["accuracy"] is None


def test_labels_beyond_the_bound_are_dropped_and_counted(make, monkeypatch):
    from ml_models.monitoring import recorder

    monkeypatch.setattr(recorder, "MAX_PENDING_LABELS", 3)
    monitor = make()
    for n in range(5):
        monitor.record_outcome(f"id {n}", 1)
    text = monitor.metrics_text().decode()
    assert f'ml_monitor_dropped_rows_total{{model="{monitor.name}",reason="labels_full"}} 2.0' in text


def test_labels_are_counted_as_metrics(served):
    monitor, serve = served
    before = time.time()
    monitor.record_outcome(serve("yes"), "yes")
    text = monitor.metrics_text().decode().splitlines()
    assert f'ml_labels_total{{model="{monitor.name}",status="joined"}} 1.0' in text
    assert f'ml_outcomes_total{{actual="yes",model="{monitor.name}",predicted="yes"}} 1.0' in text
    (last,) = [line for line in text if line.startswith("ml_label_last_timestamp_seconds{")]
    assert before <= float(last.split()[-1]) <= time.time()


# --- prediction ids --------------------------------------------------------------------------------------------------


def test_there_is_no_id_before_the_first_prediction(make):
    assert make().last_prediction_id() is None


def test_ids_are_uuids_of_version_7_of_their_time(make):
    monitor = make()
    before = time.time_ns() // 1_000_000
    monitor.track(lambda rows: [1, 0])([{}, {}])
    after = time.time_ns() // 1_000_000
    for row in range(2):
        found = uuid.UUID(monitor.last_prediction_id(row))
        assert (found.version, found.variant) == (7, uuid.RFC_4122)
        assert before - 1 <= found.int >> 80 <= after + 1
    assert monitor.last_prediction_id() == monitor.last_prediction_id(0) != monitor.last_prediction_id(1)


def test_ids_are_unique_over_threads_and_stay_with_their_thread(make):
    monitor = make(classes=[0, 1])
    predict = monitor.track(lambda row: row["n"] % 2)
    barrier = threading.Barrier(8)

    def serve(start: int) -> list[tuple[str, int]]:
        assert monitor.last_prediction_id() is None
        barrier.wait(10)
        found = []
        for n in range(start, start + 500):
            answer = predict({"n": n})
            found.append((monitor.last_prediction_id(), answer))
        return found

    with ThreadPoolExecutor(8) as pool:
        found = [pair for pairs in pool.map(serve, range(0, 4_000, 500)) for pair in pairs]
    assert len({one for one, _ in found}) == 4_000
    monitor.record_outcomes([one for one, _ in found], [answer for _, answer in found])
    assert _cells(monitor) == [[2_000, 0], [0, 2_000]], "each id led to its own thread's prediction"


def test_ids_stay_with_their_asyncio_task(make):
    monitor = make(classes=[0, 1])

    @monitor.track
    async def predict(row):
        await asyncio.sleep(0)
        return row["n"] % 2

    async def serve(n: int) -> tuple[str, int]:
        answer = await predict({"n": n})
        await asyncio.sleep(0)
        return monitor.last_prediction_id(), answer

    async def main() -> list[tuple[str, int]]:
        found = await asyncio.gather(*(serve(n) for n in range(100)))
        assert monitor.last_prediction_id() is None
        return found

    found = asyncio.run(main())
    assert len({one for one, _ in found}) == 100
    monitor.record_outcomes([one for one, _ in found], [answer for _, answer in found])
    assert _cells(monitor) == [[50, 0], [0, 50]]


def test_ids_stay_with_their_context(served):
    monitor, serve = served
    outer = serve("yes")
    inner = contextvars.copy_context().run(serve, "no")
    assert inner != outer
    assert monitor.last_prediction_id() == outer


def test_own_ids_of_any_hashable_kind_are_used(make):
    monitor = make(classes=[0, 1])
    predict = monitor.track(prediction_id="id")(lambda row: 1)
    ids = ["text", 17, uuid.uuid4(), b"bytes", np.int64(3)]
    for one in ids:
        predict({"id": one})
        assert monitor.last_prediction_id() == one
    monitor.record_outcomes(ids, [1] * len(ids))
    assert _ends(monitor)["joined"] == len(ids)


# --- joined elsewhere -----------------------------------------------------------------------------------------------


def test_predictions_and_labels_that_come_together_are_counted_and_not_held(make):
    monitor = make(classes=["no", "yes"])
    monitor.record_outcome(actual="yes", predicted="no")
    monitor.record_outcome(actual="yes", score=0.9)
    monitor.record_outcomes(actuals=np.array(["no", "yes"]), predicted=pd.Series(["no", "yes"]))
    monitor.record_outcomes(actuals=["no", "no"], scores=np.array([[0.9, 0.1], [0.2, 0.8]]))
    monitor.record_outcomes(actuals=["no", None], predicted=["yes", "yes"], scores=[0.7, 0.7])
    assert _cells(monitor) == [[2, 2], [1, 2]]
    assert _ends(monitor) == {"direct": 7, "invalid": 1}


def test_a_regression_and_several_classes_come_together_too(make):
    numbers = make(task="regression")
    numbers.record_outcomes(actuals=[1.0, 2.0, "much", float("inf")], predicted=[1.5, 2.5, 3.0, 4.0])
    assert _ends(numbers) == {"direct": 2, "invalid": 2}
    classes = make(classes=["a", "b", "c"])
    classes.record_outcomes(actuals=["a", "b"], scores=[[0.1, 0.2, 0.7], [0.1, 0.8, 0.1]])
    tally, _ = classes.pipeline.counts()
    assert (tally.outcomes[0, 2], tally.outcomes[1, 1]) == (1, 1)


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (lambda m: m.record_outcome("id", "yes", predicted="no"), "found an id and a prediction"),
        (lambda m: m.record_outcomes(["id"], ["yes"], predicted=["no"]), "give ids, or predicted or scores"),
        (lambda m: m.record_outcomes(actuals=["yes"]), "give ids, or predicted or scores"),
    ],
)
def test_an_id_and_a_prediction_exclude_each_other(call, fault, make):
    with pytest.raises(TypeError, match=fault):
        call(make())


def test_columns_of_unequal_length_are_refused(make):
    with pytest.raises(ValueError, match="2 scores and 1 labels; give one per label"):
        make().record_outcomes(actuals=["yes"], scores=[0.1, 0.2])


# --- the ledger -----------------------------------------------------------------------------------------------------


def test_scores_are_held_for_the_label_across_a_restart(make, tmp_path):
    """What performance by score needs is there when the label comes, in the slots of the process that gets it."""
    file = tmp_path / "ledger.sqlite"
    before = make(name="scored", label_ledger=file, classes=["a", "b", "c"])
    before.track(lambda rows: np.array([[0.1, 0.2, 0.7]]))([[0.0]])
    one = before.last_prediction_id()
    assert before.flush()
    before.stop()
    after = make(name="scored", label_ledger=file, classes=["c", "a", "b"])
    after.record_outcome(one, "b")
    after.pipeline.collect()
    (written,) = after.pipeline.ledger.settle(time.monotonic())
    from ml_models.monitoring.ledger import joined_of

    joined = joined_of(written.joined, after.pipeline.classes, "classification")
    np.testing.assert_array_equal(joined.held.values, [[0.7, 0.1, 0.2]])
    assert (joined.held.codes.tolist(), joined.actual.codes.tolist()) == ([0], [2])


def test_classes_that_were_learnt_are_known_after_a_restart(make, tmp_path):
    file = tmp_path / "ledger.sqlite"
    before = make(name="learnt", label_ledger=file)
    before.track(lambda rows: ["dog", "cat"])([[0.0]] * 2)
    ids = [before.last_prediction_id(row) for row in range(2)]
    assert before.flush()
    before.stop()
    after = make(name="learnt", label_ledger=file)
    after.record_outcomes(ids, ["dog", "dog"])
    confusion = after.get_metrics()["performance"]["confusion"]
    assert confusion == {"classes": ["cat", "dog"], "counts": [[0, 0], [1, 1]]}
