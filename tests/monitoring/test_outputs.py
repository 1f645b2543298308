"""What outputs mean: classes, scores, probabilities or numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml_models.monitoring.outputs import Interpreter
from ml_models.profile.classes import Classes
from ml_models.profile.tally import MAX_CLASSES


def interpreter(task="auto", classes=None, threshold=0.5):
    return Interpreter(task, Classes(classes), threshold)


def codes(reader, outputs):
    return reader.read(outputs).codes.tolist()


def texts(reader, outputs):
    return reader.classes.named(reader.read(outputs).codes)


# --- the task -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outputs", "task"),
    [
        ([1, 0, 1], "classification"),
        (np.array([3, 1]), "classification"),
        ([1.0, 0.0], "classification"),
        (["a", "b"], "classification"),
        ([True, False], "classification"),
        (np.array([True]), "classification"),
        (np.array([[0.2, 0.8]]), "classification"),
        (["a", 1.5], "classification"),
        ([12.5, 3], "regression"),
        (np.array([0.7]), "regression"),
        ([np.float32(0.5), np.int8(3), None], "regression"),
        (np.array([[0.5], [0.25]]), "regression"),
    ],
)
def test_auto_decides_at_the_first_outputs(outputs, task):
    reader = interpreter()
    reader.read(outputs)
    assert reader.task == task


@pytest.mark.parametrize("nothing", [[], [None, None], np.array([np.nan]), np.empty(0), [float("nan"), None]])
def test_outputs_that_are_not_there_decide_nothing(nothing):
    """A regression whose first output is None is no classifier."""
    reader = interpreter()
    assert codes(reader, nothing) == [-1] * len(nothing)
    assert reader.task == "auto"
    reader.read([2.5])
    assert reader.task == "regression"


def test_known_classes_make_a_classification():
    reader = interpreter(classes=["no", "yes"])
    assert reader.task == "classification"
    assert codes(reader, [0.7, 0.2]) == [1, 0]


# --- classes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outputs",
    [["cat", "dog", None], np.array(["cat", "dog", None], dtype=object), pd.Series(["cat", "dog", None]).tolist()],
)
def test_texts_are_classes(outputs):
    reader = interpreter()
    assert texts(reader, outputs) == ["cat", "dog", None]
    assert reader.classes.names == ("cat", "dog")


@pytest.mark.parametrize(
    "outputs",
    [
        [1, 0, 1],
        [1.0, 0.0, 1.0],
        np.array([1, 0, 1]),
        [np.int64(1), 0, 1.0],
        ["1", "0", "1"],
        np.array([[1], [0], [1]]),
    ],
)
def test_the_same_classes_of_any_type_have_the_same_slots(outputs):
    assert texts(interpreter(), outputs) == ["1", "0", "1"]
    assert codes(interpreter(classes=[0, 1]), outputs) == [1, 0, 1]


def test_booleans_are_classes_and_zeros_and_ones_then_mean_them():
    reader = interpreter()
    assert texts(reader, [True, False, None]) == ["True", "False", None]
    assert texts(reader, [1, 0]) == ["True", "False"]
    assert codes(interpreter(classes=[0, 1]), np.array([True, False])) == [1, 0]


def test_classes_beyond_the_given_ones_share_the_last_slot():
    assert codes(interpreter(classes=["a", "b"]), ["b", "z", [1]]) == [1, MAX_CLASSES, -1]


# --- scores ---------------------------------------------------------------------------------------------------------


def test_scores_are_of_the_positive_class_from_the_threshold_on():
    reader = interpreter("classification", threshold=0.3)
    read = reader.read([0.3, 0.29, None, float("nan")])
    assert read.codes.tolist() == [1, 0, -1, -1]
    assert read.scores
    np.testing.assert_array_equal(read.values, [0.3, 0.29, np.nan, np.nan])
    assert reader.classes.names == ("0", "1")


@pytest.mark.parametrize("first", [[1.0], [0.0], [1], [0, 1]])
def test_a_score_that_happens_to_be_whole_makes_no_class_of_the_next_one(first):
    """A forest's first score is often exactly 1.0; 0.73 is not a class of its own then."""
    reader = interpreter()
    reader.read(first)
    assert texts(reader, [0.73, 0.2, 1.0, 0.0]) == ["1", "0", "1", "0"]
    assert set(reader.classes.names) == {"0", "1"}


def test_a_score_of_exactly_0_or_1_is_a_score_where_the_classes_have_names():
    reader = interpreter(classes=["no", "yes"])
    assert codes(reader, [1.0]) == [1]
    assert codes(reader, np.array([0, 1])) == [0, 1]
    assert codes(reader, [1.0, None, 5.0]) == [MAX_CLASSES, -1, MAX_CLASSES], "5 is no score"
    assert codes(interpreter(classes=["1", "2"]), [1, 2]) == [0, 1], "these are the classes themselves"


def test_scores_after_learnt_classes_are_of_the_larger_one():
    reader = interpreter()
    reader.read([1])
    reader.read([0])
    assert reader.classes.names == ("1", "0")
    assert texts(reader, [0.9, 0.1]) == ["1", "0"]


# --- probabilities --------------------------------------------------------------------------------------------------


def test_two_columns_are_the_scores_of_the_second_class():
    reader = interpreter(threshold=0.4)
    read = reader.read(np.array([[0.55, 0.45], [0.7, 0.3], [np.nan, np.nan]]))
    assert read.codes.tolist() == [1, 0, -1]
    np.testing.assert_array_equal(read.values, [0.45, 0.3, np.nan])


def test_more_columns_are_the_class_of_the_largest():
    table = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [np.nan, 1, 0]])
    read = interpreter(classes=["a", "b", "c"]).read(table)
    assert read.codes.tolist() == [1, 0, -1]
    assert read.values == ["b", "a", None]
    assert texts(interpreter(), table) == ["1", "0", None]


@pytest.mark.parametrize("width", [3, 11, 20, 100])
def test_without_names_the_columns_are_numbered(width):
    """Slot 2 is class 2 also where there is a class 10, and classes beyond the slots are others."""
    read = texts(interpreter(), np.eye(width))
    assert read[: min(width, MAX_CLASSES)] == [str(i) for i in range(min(width, MAX_CLASSES))]
    assert set(read[MAX_CLASSES:]) <= {"__other__"}


def test_columns_stand_for_learnt_classes_in_scikit_learns_order():
    reader = interpreter()
    reader.read(["dog"])
    reader.read(["cat", "emu"])
    assert texts(reader, np.eye(3)) == ["cat", "dog", "emu"]


def test_whole_probabilities_and_single_precision():
    assert codes(interpreter(classes=["a", "b"]), np.array([[0, 1], [1, 0]])) == [1, 0]
    assert codes(interpreter(), np.array([[0.1, 0.9]], dtype=np.float32)) == [1]


# --- regression -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outputs", [[1, 2, 3], [1.5, None, 2], np.array([1, 2, 3]), np.array([[1.5], [2], [3]]), [True, "x", 1]]
)
def test_a_regression_has_values_and_no_classes(outputs):
    reader = interpreter("regression")
    read = reader.read(outputs)
    assert read.codes.tolist() == [-1, -1, -1]
    assert len(read.values) == 3
    assert reader.classes.names == ()


def test_a_regression_of_several_targets_has_no_one_distribution():
    reader = interpreter("regression")
    read = reader.read(np.array([[1.5, 2.5], [0.5, 3.5]]))
    assert np.isnan(read.values).all()
    assert read.codes.tolist() == [-1, -1]
    assert reader.classes.names == ()


def test_numbers_too_large_for_a_float_raise_what_the_drain_guards_against():
    with pytest.raises(OverflowError):
        interpreter().read([10**400])


# --- numbers that are held for the label ------------------------------------------------------------------------------


def test_scores_and_numbers_are_held_as_they_are():
    np.testing.assert_array_equal(interpreter(classes=["no", "yes"]).read([0.7, None]).numbers, [[0.7], [np.nan]])
    two = interpreter(classes=["no", "yes"]).read(np.array([[0.3, 0.7]]))
    np.testing.assert_array_equal(two.numbers, [[0.7]])
    np.testing.assert_array_equal(interpreter("regression").read([1.5, None]).numbers, [[1.5], [np.nan]])
    assert interpreter().read(["a", "b"]).numbers is None


def test_probabilities_are_held_by_class_slot():
    """Learnt slots are in the order of the first predictions, columns in scikit-learn's."""
    reader = interpreter()
    reader.read(["dog"])
    reader.read(["cat", "emu"])
    assert reader.classes.names == ("dog", "cat", "emu")
    np.testing.assert_array_equal(reader.read(np.array([[0.5, 0.2, 0.3]])).numbers, [[0.2, 0.5, 0.3]])


@pytest.mark.parametrize("width", [3, MAX_CLASSES, MAX_CLASSES + 30])
def test_probabilities_beyond_the_slots_are_not_held(width):
    table = np.random.default_rng(1).dirichlet(np.ones(width), size=2)
    read = interpreter(classes=[f"c{i}" for i in range(width)]).read(table)
    np.testing.assert_array_equal(read.numbers, table[:, :MAX_CLASSES])
