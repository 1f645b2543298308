"""Counts up to points are those of looking at every value, whatever the floats and the points are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ml_models.stats import counting
from ml_models.stats.counting import PointCounter

LARGEST = float(np.finfo(np.float64).max)
DENORMAL = 5e-324

odd = st.sampled_from(
    [0.0, -0.0, 1.0, 1.0 + 2**-52, 1.0 - 2**-53, np.inf, -np.inf, DENORMAL, -DENORMAL, LARGEST, -LARGEST, 1e300, 1.7e9]
)
near = st.builds(
    lambda base, steps: base + steps * np.spacing(base), st.sampled_from([1.0, -3.0, 1e-300]), st.integers(-9, 9)
)
numbers = st.one_of(st.floats(allow_nan=False), odd, near, st.integers(-5, 5).map(float), st.floats(0, 1))
points = st.lists(numbers, max_size=60)
values = st.lists(st.one_of(numbers, st.just(np.nan)), max_size=60)


def naive(columns, queries):
    """Compare every value with every point."""
    return [
        [sum(value <= point for value in column) for point in row] for column, row in zip(columns, queries, strict=True)
    ]


def padded(rows):
    width = max(map(len, rows))
    return np.array([[*row, *[np.inf] * (width - len(row))] for row in rows], dtype=np.float64).reshape(
        len(rows), width
    )


@given(points, values)
@example([-LARGEST, LARGEST], [-LARGEST, 0.0, LARGEST, np.inf, -np.inf, np.nan])
@example([0.0], [-0.0, 0.0, np.nan, DENORMAL, -DENORMAL])
@example([-0.0], [-0.0, 0.0])
@example([DENORMAL * step for step in range(40)], [DENORMAL * step for step in range(50)])
@example([np.inf, -np.inf, 1.0], [np.inf, -np.inf, np.nan])
@example([1.7e9 + step * 2**-22 for step in range(50)], [1.7e9 + step * 2**-23 for step in range(99)])
@example([10.0**step for step in range(-300, 300, 10)], [10.0**step for step in range(-308, 308, 7)])
@settings(deadline=None, max_examples=400)
def test_one_column_is_counted_as_by_comparing_everything(found, live):
    queries = np.array([found], dtype=np.float64)
    assert PointCounter(queries).count(np.array([live], dtype=np.float64)).tolist() == naive([live], queries)


@given(st.lists(points, min_size=2, max_size=5), st.data())
@settings(deadline=None, max_examples=200)
def test_columns_that_are_counted_together_do_not_touch_each_other(rows, data):
    queries = padded(rows)
    height = data.draw(st.integers(0, 20))
    column = st.lists(st.one_of(numbers, st.just(np.nan)), min_size=height, max_size=height)
    which = np.array(data.draw(st.permutations(range(len(rows))))[: data.draw(st.integers(1, len(rows)))])
    live = np.array([data.draw(column) for _ in which], dtype=np.float64).reshape(len(which), height)
    counter = PointCounter(queries)
    assert counter.count(live, which).tolist() == naive(live, queries[which])
    assert counter.count(list(live), which).tolist() == naive(live, queries[which])
    assert counter.count(np.asfortranarray(live), which).tolist() == naive(live, queries[which])


SHAPES = {
    "normal": lambda rng, n: rng.normal(size=n),
    "lognormal": lambda rng, n: rng.lognormal(sigma=3, size=n),
    "cauchy": lambda rng, n: rng.standard_cauchy(n),
    "integers": lambda rng, n: rng.integers(0, 30, n).astype(float),
    "zero-inflated": lambda rng, n: np.where(rng.random(n) < 0.8, 0, rng.lognormal(sigma=2, size=n)),
    "missing": lambda rng, n: np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
    "huge": lambda rng, n: rng.normal(size=n) * 1e300,
    "tiny": lambda rng, n: rng.normal(size=n) * 1e-310,
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("chunk", [64, counting.CHUNK])
def test_long_columns_are_counted_as_by_sorting_them(shape, chunk, monkeypatch):
    """Alone and beside others, dense and strided, in chunks of any size, against more and less than a few points."""
    monkeypatch.setattr(counting, "CHUNK", chunk)
    monkeypatch.setattr(counting, "STRIDED_ROWS", max(chunk // 8, 1))
    rng = np.random.default_rng(3)
    table = SHAPES[shape](rng, 3 * 5_000).reshape(3, 5_000)
    table[1, ::7], table[2, ::11] = np.inf, -np.inf
    for n_points in (5, 99):
        queries = np.stack([np.append(rng.choice(column[np.isfinite(column)], n_points), np.inf) for column in table])
        expected = [np.sort(column).searchsorted(row, side="right") for column, row in zip(table, queries, strict=True)]
        expected = [np.minimum(row, np.count_nonzero(~np.isnan(c))) for row, c in zip(expected, table, strict=True)]
        counter = PointCounter(queries)
        for given_as in (table, np.asfortranarray(table), list(table)):
            np.testing.assert_array_equal(counter.count(given_as), expected)
        for feature, column in enumerate(table):
            np.testing.assert_array_equal(counter.count([column], np.array([feature]))[0], expected[feature])


@pytest.mark.parametrize("kind", ["int8", "int64", "uint64", "bool", "float32", "float16"])
def test_numbers_of_any_type_count_as_their_floats(kind):
    column = np.random.default_rng(4).integers(0, 100, 500).astype(kind)
    queries = np.arange(0.0, 100.0, 1.5)[np.newaxis]
    expected = naive([column.astype(float)], queries)
    assert PointCounter(queries).count([column]).tolist() == expected
    assert PointCounter(np.tile(queries, (2, 1))).count([column, column]).tolist() == expected * 2


def test_what_is_counted_stays_as_it_is():
    columns = np.array([[3.0, np.nan, 2.0], [1.0, np.inf, 0.0]])
    before = columns.copy()
    PointCounter(np.tile(np.arange(20.0), (2, 1))).count(columns)
    np.testing.assert_array_equal(columns, before)


def test_features_and_rows_may_be_none():
    assert PointCounter(np.empty((0, 3))).count([]).shape == (0, 3)
    assert PointCounter(np.array([[1.0]])).count(np.empty((1, 0))).tolist() == [[0]]
    assert PointCounter(np.empty((1, 0))).count(np.ones((1, 5))).shape == (1, 0)
