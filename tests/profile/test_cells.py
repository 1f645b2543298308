"""Single cells: missing, numbers, categories; and the look-up of categories."""

from __future__ import annotations

import enum
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_models.profile.cells import MAX_CATEGORY_LENGTH, CategoryIndex, category, hashed, is_missing, to_floats
from ml_models.profile.classes import Classes
from ml_models.profile.tally import MAX_CLASSES


class Colour(enum.StrEnum):
    RED = "red"


class OldColour(str, enum.Enum):  # noqa: UP042 - its str() is the member's name, which StrEnum's is not
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 9


MISSING = [None, float("nan"), np.nan, np.float32("nan"), pd.NA, pd.NaT]


@pytest.mark.parametrize("value", MISSING)
def test_missing_cells_of_every_library(value):
    assert is_missing(value)
    assert category(value) is None
    floats, invalid = to_floats([value, 1.0])
    assert np.isnan(floats[0])
    assert not invalid.any()


@pytest.mark.parametrize("value", [0, 0.0, "", "nan", False, float("inf"), [], object()])
def test_cells_that_hold_something_are_not_missing(value):
    assert not is_missing(value)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3.0),
        (True, 1.0),
        (np.int8(-3), -3.0),
        (np.float16(0.5), 0.5),
        ("2.5", 2.5),
        (" 2.5 ", 2.5),
        (b"7", 7.0),
        (Decimal("1.25"), 1.25),
        (Fraction(1, 4), 0.25),
        (float("inf"), np.inf),
        ("-1e3", -1000.0),
    ],
)
def test_numbers_of_every_type_are_numbers(value, number):
    for cells in ([value], [value, "no number"]):  # at once, and cell by cell
        floats, invalid = to_floats(cells)
        assert floats[0] == number
        assert invalid.tolist() == [False, True][: len(cells)]


@pytest.mark.parametrize("value", ["x", [1], {}, object(), 1j, 10**400, (1, 2), b"\xff"])
def test_cells_that_are_no_numbers_are_invalid(value):
    floats, invalid = to_floats([1.0, value])
    assert np.isnan(floats[1])
    assert invalid.tolist() == [False, True]


@pytest.mark.parametrize("cells", [["", 1.0], ["  ", 1.0], [None, 1.0], ["", "x"]])
def test_empty_text_is_a_missing_number(cells):
    floats, invalid = to_floats(cells)
    assert np.isnan(floats[0])
    assert not invalid[0]


def test_rows_of_equal_length_are_not_numbers():
    floats, invalid = to_floats([[1.0], [2.0]])
    assert np.isnan(floats).all()
    assert invalid.all()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([9, 9.0, "9", np.int64(9), np.float32(9), b"9", Level.HIGH, np.str_("9")], "9"),
        ([-1, -1.0, "-1", np.int8(-1)], "-1"),
        ([2.5, "2.5", np.float64(2.5)], "2.5"),
        ([True, np.True_, "True"], "True"),
        (["red", Colour.RED, OldColour.RED, np.str_("red"), b"red"], "red"),
        ([0.0, -0.0, 0, "0"], "0"),
        ([float("inf"), "inf"], "inf"),
        ([10**17, 1e17, str(10**17)], str(10**17)),
    ],
)
def test_the_same_value_has_the_same_category_whatever_type_carries_it(values, text):
    assert {category(value) for value in values} == {text}
    assert CategoryIndex((text, "else")).codes(values).tolist() == [0] * len(values)


HOPELESS = [[1], {}, object(), 1j, (1,), "x" * (MAX_CATEGORY_LENGTH + 1), 10**5000, -(10**300), 1e250]


@pytest.mark.parametrize("place", range(len(HOPELESS)))
def test_cells_that_cannot_be_a_category(place):
    assert category(HOPELESS[place]) is False
    assert CategoryIndex(("a",)).codes([HOPELESS[place], "a"]).tolist() == [CategoryIndex.INVALID, 0]


def test_half_of_a_surrogate_pair_becomes_text_that_can_be_exposed():
    assert category("a\ud800") == "a?"
    assert category("caf\u00e9 \N{BEACH WITH UMBRELLA}") == "caf\u00e9 \N{BEACH WITH UMBRELLA}"


def test_codes_of_known_rare_unseen_missing_and_invalid_cells():
    index = CategoryIndex(("a", "b"), [hashed("rare")])
    cells = ["b", "a", "rare", "new", None, float("nan"), [], "rare", pd.NA]
    assert index.codes(cells).tolist() == [1, 0, 2, 3, -1, -1, -2, 2, -1]
    assert index.codes(np.array(["a", "new"])).tolist() == [0, 3]


def test_where_not_all_rare_categories_are_known_an_unknown_one_counts_as_rare():
    assert CategoryIndex(("a",), [hashed("rare")], complete=False).codes(["a", "rare", "new"]).tolist() == [0, 1, 1]


def test_ones_and_zeros_are_found_in_a_feature_of_booleans():
    """JSON and C serialise booleans as numbers."""
    assert CategoryIndex(("True", "False")).codes([1, 0, True, False, 1.0, np.False_]).tolist() == [0, 1, 0, 1, 0, 1]


cells = st.one_of(
    st.none(), st.floats(), st.integers(-10, 10), st.text(max_size=3), st.just([]), st.sampled_from(["a", "9", "rare"])
)


@given(st.lists(cells, max_size=30), st.lists(st.sampled_from(["a", "9", "2.5", "-3", "\u0663"]), unique=True))
@settings(deadline=None, max_examples=80)
def test_the_quick_look_up_finds_what_the_text_of_each_cell_says(values, categories):
    codes = CategoryIndex(tuple(categories), [hashed("rare")]).codes(values)
    for value, code in zip(values, codes.tolist(), strict=True):
        text = category(value)
        if text is None or text is False:
            assert code == (CategoryIndex.NOTHING if text is None else CategoryIndex.INVALID)
        elif text in categories:
            assert code == categories.index(text)
        else:
            assert code == len(categories) + (text != "rare")


# --- classes --------------------------------------------------------------------------------------------------------


def test_given_classes_are_fixed_and_everything_else_is_the_last_slot():
    classes = Classes(np.array(["no", "yes"]))
    classes.learn(["perhaps"])
    assert classes.names == ("no", "yes")
    assert classes.codes(["yes", "no", "perhaps", None, [1]]).tolist() == [1, 0, MAX_CLASSES, -1, -1]
    assert classes.slots == [(0, "no"), (1, "yes"), (MAX_CLASSES, "__other__")]
    assert (classes.code("yes"), classes.code("perhaps")) == (1, None)
    assert classes.named(np.array([1, 0, MAX_CLASSES, -1])) == ["yes", "no", "__other__", None]


def test_learnt_classes_keep_their_slots_and_have_an_end():
    classes = Classes()
    classes.learn([3, 1])
    classes.learn(list(range(100)))
    assert classes.names[:4] == ("1", "3", "0", "2")
    assert len(classes.names) == MAX_CLASSES
    assert classes.code(99) is None


def test_learnt_numbers_are_sorted_as_numbers():
    classes = Classes()
    classes.learn([*range(12), "nan", "text"])
    assert classes.names == (*map(str, range(12)), "nan", "text")


@pytest.mark.parametrize("first", [[1], [0], [0, 1], ["1"], [True], [False, True]])
def test_the_positive_class_does_not_depend_on_which_was_predicted_first(first):
    classes = Classes()
    classes.learn(first)
    classes.learn([False, True] if isinstance(first[0], bool) else [1, 0])
    assert classes.names[classes.positive] in {"1", "True"}


def test_the_positive_class_of_given_ones_is_the_second_and_of_three_there_is_none():
    assert Classes(["yes", "no"]).positive == 1
    assert Classes(["a", "b", "c"]).positive is None
    assert Classes(["a"]).positive is None


def test_a_class_named_as_our_own_slot_is_not_exposed_twice():
    classes = Classes(["a", "__other__"])
    assert classes.slots == [(0, "a"), (MAX_CLASSES, "__other__")]
    learnt = Classes()
    learnt.learn(["a", "__other__"])
    assert learnt.names == ("a",)


def test_a_cell_that_cannot_be_looked_up_costs_its_neighbours_nothing():
    """Zeros and ones of a boolean feature are found beside a list too."""
    assert CategoryIndex(("True", "False")).codes([1, 0.0, [1]]).tolist() == [0, 1, CategoryIndex.INVALID]
