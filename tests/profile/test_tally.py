"""The tally: counts that add, whatever they come from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ml_models.errors import DataError
from ml_models.profile import Layout, ReferenceProfile, Tally
from ml_models.profile.cells import is_missing, to_floats
from ml_models.profile.tally import ABOVE, BELOW, BINS, INVALID, MISSING, ROWS

REFERENCE = {
    "x": np.random.default_rng(0).normal(size=300).tolist(),
    "zeros": [0.0] * 250 + list(range(50)),
    "c": ["a", "b", "a"] * 100,
    "flag": [True, False, True] * 100,
    "p": [0.1, 0.9, 0.5] * 100,
}
LAYOUT = Layout.of(ReferenceProfile.fit(REFERENCE, prediction="p"))

cell = st.one_of(
    st.none(),
    st.floats(),
    st.floats(-3, 3),
    st.integers(-3, 60),
    st.booleans(),
    st.sampled_from(["a", "b", "c", "", "1.5", "True"]),
    st.just([1]),
)
column = st.lists(cell, max_size=12)
tables = st.lists(st.tuples(*[cell] * len(LAYOUT.features)), max_size=12)


def tally_of(rows, layout=LAYOUT):
    tally = Tally(layout)
    for place in range(len(layout.features)):
        tally.add_column(place, [row[place] for row in rows])
    return tally


@given(tables, tables)
@example([(None, None, None, 0.0, None)], [(None, None, None, [1], None)])
@settings(deadline=None, max_examples=80)
def test_the_sum_of_two_tallies_is_the_tally_of_the_union(first, second):
    a, b = tally_of(first), tally_of(second)
    before = a.counts.copy()
    np.testing.assert_array_equal((a + b).counts, tally_of(first + second).counts)
    np.testing.assert_array_equal(a.counts, before, "adding changes neither side")
    a += b
    np.testing.assert_array_equal(a.counts, tally_of(second + first).counts)


def same(a, b):
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("counts", "sums", "extremes"))


@given(tables, tables, tables)
@settings(deadline=None, max_examples=60)
def test_merging_is_associative_and_commutative_with_the_empty_tally_as_neutral(first, second, third):
    a, b, c, nothing = map(tally_of, (first, second, third, []))
    assert same((a + b) + c, a + (b + c))
    assert same(a + b, b + a)
    assert same(a + nothing, a)
    assert same(nothing, Tally(LAYOUT))
    a.clear()
    assert same(a, nothing)


@given(tables, tables)
@settings(deadline=None, max_examples=60)
def test_extremes_are_the_least_and_largest_finite_number_of_all_parts(first, second):
    total = tally_of(first) + tally_of(second)
    for row, feature in enumerate(LAYOUT.features):
        cells = to_floats([line[row] for line in first + second])[0]
        finite = cells[np.isfinite(cells)] if feature.kind == "numeric" else np.empty(0)
        assert total.extremes[:, row].tolist() == [finite.min(initial=np.inf), finite.max(initial=-np.inf)]


@given(tables)
@settings(deadline=None, max_examples=40)
def test_a_tally_is_read_back_as_it_was_written(rows):
    tally = tally_of(rows)
    tally.sums += 0.1
    again = Tally.from_bytes(LAYOUT, tally.to_bytes())
    assert same(again, tally)
    again += tally
    assert not same(again, tally) or not rows
    assert same(Tally.from_bytes(LAYOUT, tally.to_bytes()), tally), "what was read is a copy that can be added to"


def test_damaged_and_foreign_tallies_are_refused():
    written = tally_of([]).to_bytes()
    for cut in (written[:-1], written[:20]):
        with pytest.raises(DataError, match="damaged"):
            Tally.from_bytes(LAYOUT, cut)
    with pytest.raises(DataError, match="no packed counts"):
        Tally.from_bytes(LAYOUT, b"")
    with pytest.raises(DataError, match="another reference"):
        Tally.from_bytes(LAYOUT, Tally(Layout.of(None)).to_bytes())


@given(column)
@settings(deadline=None, max_examples=80)
def test_every_cell_is_missing_invalid_or_in_one_bin(cells):
    tally = tally_of([(value,) * len(LAYOUT.features) for value in cells])
    parts = tally.cells[:, MISSING] + tally.cells[:, INVALID] + tally.cells[:, BINS:].sum(axis=1)
    np.testing.assert_array_equal(parts, tally.cells[:, ROWS])
    assert (tally.cells[:, ROWS] == len(cells)).all()
    floats, invalid = to_floats(cells)
    numeric = tally.cells[LAYOUT.index["feature", "x"]]
    assert numeric[INVALID] == invalid.sum()
    assert numeric[MISSING] == (np.isnan(floats) & ~invalid).sum()
    assert tally.cells[LAYOUT.index["feature", "c"], MISSING] == sum(map(is_missing, cells))


@given(st.lists(st.floats(), max_size=30))
@settings(deadline=None, max_examples=80)
def test_values_outside_the_references_range_are_counted_besides_their_bin(values):
    row = LAYOUT.index["feature", "x"]
    tally = Tally(LAYOUT)
    tally.add_column(row, values)
    low, high = min(REFERENCE["x"]), max(REFERENCE["x"])
    assert tally.cells[row, BELOW] == sum(value < low for value in values)
    assert tally.cells[row, ABOVE] == sum(value > high for value in values)


def test_the_ends_of_the_range_are_inside():
    row = LAYOUT.index["feature", "x"]
    low, high = min(REFERENCE["x"]), max(REFERENCE["x"])
    tally = Tally(LAYOUT)
    tally.add_column(row, [low, high, np.nextafter(low, -9), np.nextafter(high, 9)])
    assert tally.cells[row, [BELOW, ABOVE]].tolist() == [1, 1]


def test_categories_the_reference_lacks_are_out_of_range():
    row = LAYOUT.index["feature", "c"]
    tally = Tally(LAYOUT)
    tally.add_column(row, ["a", "z", "z", None, [1]])
    assert tally.cells[row, : BINS + 4].tolist() == [5, 1, 1, 0, 2, 1, 0, 0, 2]


@given(st.lists(st.floats(), min_size=1, max_size=30), st.randoms())
@settings(deadline=None, max_examples=60)
def test_a_block_counts_as_its_columns_do(values, random):
    """Two columns at once, one of them shuffled, in either order of rows."""
    rows = np.array([LAYOUT.index["prediction", "p"], LAYOUT.index["feature", "x"]])
    block = np.array([values, random.sample(values, len(values))])
    together, apart = Tally(LAYOUT), Tally(LAYOUT)
    together.add_block(rows, block)
    for row, values_ in zip(rows, block, strict=True):
        apart.add_column(int(row), values_)
    np.testing.assert_array_equal(together.counts, apart.counts)


def test_the_reference_tallied_is_its_own_profile():
    tally = tally_of(list(zip(*REFERENCE.values(), strict=True)))
    np.testing.assert_array_equal(tally.cells, LAYOUT.reference_cells)


def test_a_large_reference_with_holes_tallied_is_its_own_profile():
    rng = np.random.default_rng(3)
    numbers = np.where(rng.random(3_000) < 0.1, np.nan, np.round(rng.exponential(5, 3_000), 1))
    texts = [f"c{i}" if i < 60 else None for i in rng.geometric(0.05, 3_000)]
    layout = Layout.of(ReferenceProfile.fit({"x": numbers, "t": texts}))
    tally = Tally(layout)
    tally.add_column(0, numbers)
    tally.add_column(1, texts)
    np.testing.assert_array_equal(tally.cells, layout.reference_cells)


def test_exported_bins_are_sums_of_the_counted_ones():
    rng = np.random.default_rng(1)
    live = rng.normal(0.3, 2, 500)
    tally = tally_of([(value, value, "a", True, value) for value in live])
    coarse = LAYOUT.coarsen(tally.cells)
    assert coarse.shape == (5, LAYOUT.coarse_width)
    np.testing.assert_array_equal(coarse.sum(axis=1), tally.cells[:, BINS:].sum(axis=1))
    for row, feature in enumerate(LAYOUT.features):
        if feature.kind == "numeric":
            found = np.bincount(np.searchsorted(feature.coarse_edges, live), minlength=len(feature.bins))
            np.testing.assert_array_equal(coarse[row, : len(feature.bins)], found)
        else:
            np.testing.assert_array_equal(
                coarse[row, : len(feature.bins)], tally.cells[row, BINS : BINS + len(feature.bins)]
            )
        assert not coarse[row, len(feature.bins) :].any()


def test_absent_columns_are_missing_cells():
    tally = Tally(LAYOUT)
    tally.add_missing(0, 7)
    assert tally.cells[0, [ROWS, MISSING]].tolist() == [7, 7]
    assert tally.cells[0].sum() == 14


@pytest.mark.parametrize(
    "other",
    [
        {"x": [1.0, 2.0, 3.0]},
        {"y": [1.0, 2.0, 2.0]},
        {"x": ["a", "b", "b"]},
        {"x": [1.0, 2.0, 2.0], "y": [1.0, 2.0, 2.0]},
    ],
)
def test_tallies_of_different_references_refuse_to_add(other):
    tally = Tally(Layout.of(ReferenceProfile.fit({"x": [1.0, 2.0, 2.0]})))
    stranger = Tally(Layout.of(ReferenceProfile.fit(other)))
    with pytest.raises(ValueError, match="different layouts do not add"):
        tally + stranger
    with pytest.raises(ValueError, match="different layouts do not add"):
        tally += Tally(Layout.of(None))


def test_layouts_of_the_same_reference_add_also_when_it_was_read_from_a_file(tmp_path):
    profile = ReferenceProfile.fit(REFERENCE, prediction="p")
    again = ReferenceProfile.load(profile.save(tmp_path / "reference.json"))
    total = tally_of([(0.0, 0.0, "a", True, 0.5)]) + tally_of([(1.0, 0.0, "b", True, 0.5)], Layout.of(again))
    assert total.cells[0, ROWS] == 2


def test_sections_are_views_that_do_not_overlap():
    tally = Tally(LAYOUT)
    for number, name in enumerate(LAYOUT.shapes, start=1):
        section = getattr(tally, name)
        assert section.shape == LAYOUT.shapes[name]
        section += number
    assert tally.counts.min() == 1
    assert tally.counts.sum() == sum(n * getattr(tally, name).size for n, name in enumerate(LAYOUT.shapes, start=1))
    for number, name in enumerate(LAYOUT.sum_shapes, start=1):
        section = getattr(tally, name)
        assert section.shape == LAYOUT.sum_shapes[name]
        section += number
    assert tally.sums.min() == 1
    assert tally.sums.sum() == sum(n * getattr(tally, name).size for n, name in enumerate(LAYOUT.sum_shapes, start=1))
    tally.clear()
    assert not tally.counts.any()
    assert not tally.sums.any()
    assert np.isinf(tally.extremes).all()


def test_without_a_reference_there_are_no_cells_and_everything_else():
    layout = Layout.of(None)
    tally = Tally(layout)
    assert tally.cells.shape[0] == 0
    assert layout.coarsen(tally.cells).shape == (0, 0)
    tally.outcomes[0, 0] += 1
    assert (tally + tally).outcomes[0, 0] == 2
