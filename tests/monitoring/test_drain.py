"""The drain: captured events become counts, whatever they hold, and one odd event costs no other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from ml_models.catalog import LATENCY_BUCKETS
from ml_models.monitoring.capture import Batch
from ml_models.monitoring.drain import Drain
from ml_models.monitoring.ids import IdMaker
from ml_models.monitoring.ledger import Ledger, LedgerSettings, Sqlite
from ml_models.monitoring.outputs import Interpreter
from ml_models.monitoring.recorder import FAILED
from ml_models.profile import Layout, ReferenceProfile, Tally
from ml_models.profile.classes import Classes
from ml_models.profile.tally import (
    BINS,
    BUCKETS,
    CALL_SECONDS,
    CALLS,
    ENDS,
    ERRORS,
    INVALID,
    MAX_CLASSES,
    MISSING,
    PREDICTED,
    ROWS,
)

IDS = IdMaker()
REFERENCE = {"age": np.arange(100.0), "fare": np.arange(100.0) / 10, "city": ["Oslo", "Bergen"] * 50}


class Drained:
    """A drain with a tally and everything that it reported."""

    def __init__(self, data=None, *, task="auto", classes=None, **roles):
        reference = None if data is None else ReferenceProfile.fit(data, **roles)
        self.layout = Layout.of(reference)
        self.classes = Classes(classes)
        self.ledger = Ledger("m", Sqlite(None), LedgerSettings(1_000, 60.0))
        self.faults = []
        interpreter = Interpreter(task, self.classes, 0.5)
        self.drain = Drain(
            reference, self.layout, interpreter, self.ledger, IDS, lambda *fault: self.faults.append(fault)
        )
        self.tally = Tally(self.layout)
        self._number = 0
        self.now = 0.0

    def call(self, *results, features=None, ids=None, seconds=0.003):
        """Drain calls with these results and, one each or the same for all, features and ids."""
        count = len(results)
        given = features if isinstance(features, list) else [features] * count
        own = ids if isinstance(ids, list) else [ids] * count
        events = [(self._number + i, 0, int(seconds * 1e9), given[i], results[i], own[i]) for i in range(count)]
        self._number += count
        self.drain.events(self.tally, 0, events, self.now)
        return self

    def rows(self, *rows):
        return self.call(*[None] * len(rows), features=list(rows))

    def cells(self, name, role="feature"):
        return self.tally.cells[self.layout.index[role, name]]

    def label(self, ids, actuals):
        before = self.ends.get("joined", 0)
        self.drain.labels(self.tally, ids, actuals, self.now)
        self.settle()
        return self.ends.get("joined", 0) - before

    def settle(self):
        for written in self.ledger.settle(self.now):
            self.drain.settled(self.tally, written)

    @property
    def waiting(self):
        self.settle()
        return self.ledger.state.awaiting

    @property
    def ends(self):
        return {name: n for name, n in zip(ENDS, self.tally.ends.tolist(), strict=True) if n}

    @property
    def endpoint(self):
        return self.tally.endpoints[0, [CALLS, PREDICTED, ERRORS]].tolist()

    @property
    def predicted(self):
        counts = self.tally.predicted.tolist()
        return {name: counts[slot] for slot, name in self.classes.slots if counts[slot]}


def made(number, row=0):
    return IDS.make(number, row, 0)


# --- calls ----------------------------------------------------------------------------------------------------------


def test_calls_errors_and_latency():
    drained = Drained().call(1, 0, FAILED, 1, seconds=LATENCY_BUCKETS[3])
    assert drained.endpoint == [4, 3, 1]
    assert drained.tally.endpoints[0, BUCKETS + 3] == 4, "a bucket holds its upper bound"
    assert drained.tally.seconds[0, CALL_SECONDS] == pytest.approx(4 * LATENCY_BUCKETS[3])
    drained.call(1, seconds=1e4)
    assert drained.tally.endpoints[0, BUCKETS + len(LATENCY_BUCKETS)] == 1


def test_batches_count_their_rows():
    drained = Drained().call([1, 0, 1], np.array([1, 1]), 1, features=[Batch(3), Batch(2), Batch(1)])
    assert drained.endpoint == [3, 6, 0]
    assert drained.predicted == {"0": 1, "1": 5}


@pytest.mark.parametrize(
    "result",
    [
        [0.9, 0.2, None],
        np.array([0.9, 0.2, np.nan]),
        np.array([[0.9], [0.2], [np.nan]]),
        np.array([[0.1, 0.9], [0.8, 0.2], [np.nan, np.nan]]),
        [[0.1, 0.9], [0.8, 0.2], [float("nan")] * 2],
        (0.9, 0.2, None),
        pd.Series([0.9, 0.2, None]),
        pd.DataFrame([[0.1, 0.9], [0.8, 0.2], [None, None]]),
        pl.Series([0.9, 0.2, None]),
    ],
)
def test_scores_of_a_batch_in_every_form(result):
    drained = Drained(classes=["no", "yes"]).call(result, features=Batch(3))
    assert drained.predicted == {"no": 1, "yes": 1}
    assert drained.label([made(0, row) for row in range(3)], ["yes", "yes", "no"]) == 3
    assert drained.tally.outcomes[:2, :2].tolist() == [[0, 0], [1, 1]]
    assert drained.faults == []


@pytest.mark.parametrize(
    "result", [[0.1, 0.7, 0.2], np.array([0.1, 0.7, 0.2]), [[0.1, 0.7, 0.2]], np.array([[0.1, 0.7, 0.2]]),
               pd.DataFrame([[0.1, 0.7, 0.2]])]
)  # fmt: skip
def test_the_probabilities_of_one_row_are_one_prediction(result):
    drained = Drained(classes=["a", "b", "c"]).call(result, features=Batch(1))
    assert drained.endpoint == [1, 1, 0]
    assert drained.predicted == {"b": 1}


def test_more_classes_than_there_are_slots_do_not_stop_the_count():
    drained = Drained().call(np.eye(50), features=Batch(50))
    assert drained.faults == []
    assert drained.predicted["__other__"] == 50 - MAX_CLASSES
    assert drained.waiting == 50


@pytest.mark.parametrize("result", [{"a": 1}, (1, "x"), [[1], [1, 2]], [{"p": 1}], object(), None, np.zeros((1, 2, 2))])
def test_outputs_that_cannot_be_read_are_held_for_their_label_all_the_same(result):
    drained = Drained(classes=[0, 1]).call(result, 1, features=Batch(1))
    assert drained.endpoint == [2, 2, 0]
    assert drained.predicted == {"1": 1}
    assert drained.waiting == 2


def test_a_fault_of_one_output_costs_no_other_call():
    drained = Drained(task="regression").call(10**400, features=Batch(1)).call(2.5, [1.0, 2.0], features=Batch(2))
    assert drained.endpoint == [3, 5, 0]
    assert [(stage, type(error)) for stage, error in drained.faults] == [("output", OverflowError)]


def test_an_empty_batch_is_a_call_without_rows():
    drained = Drained(REFERENCE).call(np.empty(0), [], features=[Batch(0, np.empty((0, 3))), Batch(0, [])])
    assert drained.endpoint == [2, 0, 0]
    assert drained.faults == []
    assert not drained.tally.cells.any()


# --- features -------------------------------------------------------------------------------------------------------

ROW = {"age": 30.0, "fare": 2.5, "city": "Oslo"}
FORMS = {
    "dict": ROW,
    "batch of dicts": Batch(1, [ROW]),
    "dict of columns": Batch(1, {name: [value] for name, value in ROW.items()}),
    "pandas": Batch(1, pd.DataFrame([ROW])),
    "polars": Batch(1, pl.DataFrame([ROW])),
    "Arrow": Batch(1, pl.DataFrame([ROW]).to_arrow()),
    "list": Batch(1, [30.0, 2.5, "Oslo"]),
    "list of lists": Batch(1, [[30.0, 2.5, "Oslo"]]),
    "object array": Batch(1, np.array([[30.0, 2.5, "Oslo"]], dtype=object)),
    "numbers as text": {"age": "30", "fare": " 2.5", "city": "Oslo"},
    "keys in another order": {"city": "Oslo", "fare": 2.5, "age": 30},
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_row_has_the_same_counts_in_every_form(form):
    expected, drained = Drained(REFERENCE).rows(ROW), Drained(REFERENCE).rows(FORMS[form])
    np.testing.assert_array_equal(drained.tally.cells, expected.tally.cells)
    np.testing.assert_array_equal(drained.tally.schema, [0, 0, 0, 1])
    assert drained.cells("age")[[ROWS, MISSING, INVALID]].tolist() == [1, 0, 0]
    assert drained.cells("age")[BINS:].sum() == 1
    assert drained.faults == []


@pytest.mark.parametrize("width", [1, 2, 20])
def test_packed_rows_count_as_their_array_does(width):
    rng = np.random.default_rng(0)
    data = {f"x{i}": rng.normal(size=50) for i in range(width)}
    table = rng.normal(size=(7, width))
    table[0, 0] = np.nan
    packed = Drained(data).rows(*[row.tobytes() for row in table])
    for features in (Batch(7, table), Batch(7, table.astype(object)), Batch(7, table.tolist())):
        whole = Drained(data).call(None, features=features)
        np.testing.assert_array_equal(packed.tally.cells, whole.tally.cells)
    dicts = Drained(data).rows(*[dict(zip(data, row, strict=True)) for row in table.tolist()])
    np.testing.assert_array_equal(packed.tally.cells, dicts.tally.cells)
    assert packed.cells("x0")[MISSING] == 1


def test_arrays_hold_categories_as_numbers_too():
    data = {"x": np.arange(50.0), "kind": [1, 2] * 25, "flag": [True, False] * 25}
    drained = Drained(data, kinds={"kind": "categorical"}).rows(np.array([3.0, 2.0, 1.0]).tobytes())
    assert drained.cells("kind")[BINS:].tolist()[:4] == [0, 1, 0, 0]
    assert drained.cells("flag")[BINS:].tolist()[:2] == [0, 1], "False is first, and 1 is True"


def test_good_and_bad_cells_of_one_batch_of_rows():
    rows = [ROW, {**ROW, "age": None}, {**ROW, "age": "old"}, {**ROW, "fare": float("nan")}, {**ROW, "city": "Rome"}]
    drained = Drained(REFERENCE).rows(*rows)
    assert drained.cells("age")[[ROWS, MISSING, INVALID]].tolist() == [5, 1, 1]
    assert drained.cells("fare")[[ROWS, MISSING, INVALID]].tolist() == [5, 1, 0]
    assert drained.cells("city")[BINS:].tolist()[:4] == [0, 4, 0, 1]
    assert drained.tally.schema.tolist() == [0, 0, 0, 5]


def test_schema_faults_are_counted_by_fault_and_rows_with_any_once():
    less, more = {"age": 1.0, "city": "Oslo"}, {**ROW, "new": 1}
    renamed = {"age": 1.0, "price": 2.5, "city": "Oslo"}
    drained = Drained(REFERENCE).rows(ROW, less, more, renamed)
    assert drained.tally.schema.tolist() == [2, 2, 3, 4]
    assert drained.cells("fare")[[ROWS, MISSING]].tolist() == [4, 2]
    frame = Drained(REFERENCE).rows(Batch(2, pd.DataFrame([renamed, renamed])))
    assert frame.tally.schema.tolist() == [2, 2, 2, 2]


def test_keys_that_are_no_text_are_the_columns_of_a_reference_without_names():
    drained = Drained(pd.DataFrame({0: np.arange(50.0), 1: np.arange(50.0)})).rows({0: 1.0, 1: 2.0}, {0: 1.0})
    assert drained.tally.schema.tolist() == [1, 0, 1, 2]
    assert drained.cells("1")[[ROWS, MISSING]].tolist() == [2, 1]


def test_ids_and_columns_that_the_reference_left_out_are_no_faults():
    drained = Drained({**REFERENCE, "user": [f"u{i}" for i in range(100)]})
    drained.drain.extra.add("order")
    drained.rows(ROW, {**ROW, "user": "u7"}, {**ROW, "order": 5}, {**ROW, "order": 5, "user": "u"})
    assert drained.tally.schema.tolist() == [0, 0, 0, 4]


def test_arrays_of_another_width_are_a_fault_and_no_cells():
    drained = Drained(REFERENCE).rows(Batch(2, np.zeros((2, 2))), Batch(3, np.zeros((3, 4))))
    assert drained.tally.schema.tolist() == [2, 3, 5, 5]
    assert not drained.tally.cells.any()


def test_features_that_cannot_be_read_are_reported_and_cost_no_other():
    drained = Drained(REFERENCE).call(1, 2, features=[Batch(1, object()), ROW])
    assert drained.endpoint == [2, 2, 0]
    assert [stage for stage, _ in drained.faults] == ["features"]
    assert drained.cells("age")[ROWS] == 1


def test_features_that_were_not_sampled_or_not_captured_are_not_cells():
    drained = Drained(REFERENCE).call([1, 1], 1, features=[Batch(2), Batch(1, fault="TypeError")])
    assert drained.endpoint == [2, 3, 0]
    assert not drained.tally.cells.any()
    assert drained.tally.schema[-1] == 0


# --- predictions and labels -----------------------------------------------------------------------------------------


def test_predictions_are_a_distribution_like_that_of_a_feature():
    data = {"x": np.arange(100.0), "score": np.linspace(0, 1, 100)}
    drained = Drained(data, task="classification", prediction="score").call(0.05, 0.95, None, features={"x": 1.0})
    cells = drained.cells("score", "prediction")
    assert cells[[ROWS, MISSING, INVALID]].tolist() == [3, 1, 0]
    coarse = drained.layout.coarsen(drained.tally.cells)[drained.layout.index["prediction", "score"]]
    assert coarse.tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert drained.predicted == {"0": 1, "1": 1}


@pytest.mark.parametrize(
    "result", [["b", "a", "c"], np.array([[0.1, 0.8, 0.1], [1, 0, 0], [0, 0, 1]]), [[0, 1, 0], [1, 0, 0], [0, 0, 1]]]
)
def test_where_the_reference_holds_classes_probabilities_are_counted_as_these(result):
    """Otherwise every live prediction would be a category that the reference lacks: a false drift."""
    data = {"x": np.arange(90.0), "y": ["a", "b", "c"] * 30}
    drained = Drained(data, classes=["a", "b", "c"], prediction="y").call(result, features=Batch(3))
    assert drained.cells("y", "prediction")[BINS:][:5].tolist() == [1, 1, 1, 0, 0]


def test_where_the_reference_holds_two_classes_scores_are_counted_as_these():
    data = {"x": np.arange(90.0), "y": [0, 1] * 45}
    drained = Drained(data, classes=[0, 1], prediction="y").call(0.9, 0.1, 0.2, features={"x": 1.0})
    assert drained.cells("y", "prediction")[BINS:][:4].tolist() == [2, 1, 0, 0]


def test_labels_are_joined_counted_and_tallied():
    data = {"x": np.arange(100.0), "late": [0, 1] * 50}
    drained = Drained(data, classes=[0, 1], label="late").call(0, 1, 1, 0, features={"x": 1.0})
    joined = drained.label([*(made(i) for i in range(4)), made(0), "stranger", made(1)], [0, 1, 0, 7, 0, 1, None])
    assert joined == 4
    assert drained.tally.outcomes[:2, :2].tolist() == [[1, 1], [0, 1]]
    assert drained.tally.outcomes[MAX_CLASSES, 0] == 1, "a label that is no known class is an other one"
    assert drained.ends == {"joined": 4, "duplicate": 1, "invalid": 1}
    assert drained.ledger.state.early == 1, "the stranger's prediction may yet come"
    assert drained.cells("late", "label")[[ROWS, MISSING]].tolist() == [4, 0]
    assert drained.cells("late", "label")[BINS:][:4].tolist() == [2, 1, 0, 1]


def test_a_label_of_any_type_means_the_same_class():
    drained = Drained(classes=[0, 1]).call(1, 1, 1, 1, 1)
    assert drained.label([made(i) for i in range(5)], ["1", 1.0, True, np.int64(1), np.float32(1)]) == 5
    assert drained.tally.outcomes[1, 1] == 5


def test_labels_of_a_regression_are_numbers():
    drained = Drained({"x": np.arange(100.0), "y": np.arange(100.0) / 3}, task="regression", label="y")
    drained.call(1.5, 2.5, 3.5, 4.5, features={"x": 1.0})
    assert drained.label([made(i) for i in range(4)], [1.0, 2, None, "much"]) == 2
    assert drained.ends["invalid"] == 2
    assert drained.waiting == 2
    assert drained.cells("y", "label")[ROWS] == 2
    assert not drained.tally.outcomes.any()


def test_ids_of_the_callers_own_among_made_ones():
    drained = Drained(classes=[0, 1]).call(0, 1, 1, ids=["order-1", None, ["no", "id"]])
    assert drained.label(["order-1", made(1), made(2), None], [0, 1, 1, 1]) == 3
    assert drained.faults == []


def test_own_ids_of_a_batch():
    drained = Drained(classes=[0, 1]).call([0, 1, 1], features=Batch(3), ids=[["a", None, "c"]])
    assert drained.label(["a", made(0, 1), "c"], [0, 0, 1]) == 3
    assert drained.tally.outcomes[:2, :2].tolist() == [[1, 1], [0, 1]]
    short = Drained(classes=[0, 1]).call([0, 1, 1], features=Batch(3), ids=[["a"]])
    assert short.label(["a", made(0, 2)], [0, 1]) == 2
    assert short.faults == []
