"""Errors of numbers against scikit-learn, and as sums that add."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    mean_absolute_error,
    mean_absolute_percentage_error,
    r2_score,
    root_mean_squared_error,
)

from ml_models.stats.regression import error_sums, regression, residual_edges

_NUMBER = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))


def found_of(predicted, actual, centre=0.0):
    sums, nonzero = error_sums(np.asarray(predicted, float), np.asarray(actual, float), centre)
    return regression(sums, len(actual), nonzero)


@given(st.lists(st.tuples(_NUMBER, _NUMBER), min_size=2, max_size=50), _NUMBER)
@settings(deadline=None, max_examples=150)
def test_errors_are_scikit_learns_about_any_centre(rows, centre):
    predicted, actual = np.array(rows).T
    found = found_of(predicted, actual, centre)
    assert found.mae == pytest.approx(mean_absolute_error(actual, predicted))
    assert found.rmse == pytest.approx(root_mean_squared_error(actual, predicted))
    assert found.bias == pytest.approx(np.mean(predicted - actual), abs=1e-9)
    if np.var(actual) > 1e-3 * (1 + centre**2 + actual.max() ** 2):
        assert found.r2 == pytest.approx(r2_score(actual, predicted), rel=1e-6, abs=1e-6)
    nonzero = actual != 0
    assert found.mape_labels == nonzero.sum()
    if nonzero.any():
        theirs = mean_absolute_percentage_error(actual[nonzero], predicted[nonzero])
        assert found.mape == pytest.approx(theirs, rel=1e-6)
    else:
        assert found.mape is None


def test_the_variance_of_large_numbers_does_not_cancel():
    """Labels that are moments of 2026, seconds apart: about 0 their squares have no digit left for the variance."""
    rng = np.random.default_rng(0)
    actual = 1.8e9 + rng.normal(0, 0.5, 5_000)
    predicted = actual + rng.normal(0, 0.1, 5_000)
    assert found_of(predicted, actual, 1.8e9).r2 == pytest.approx(r2_score(actual, predicted), abs=1e-9)


def test_the_r2_of_labels_that_do_not_vary_is_undefined():
    assert found_of([1.0, 2.0], [3.0, 3.0]).r2 is None
    assert found_of([1.0, 2.0], [0.1, 0.1], centre=7.0).r2 is None


def test_without_labels_everything_is_undefined():
    found = regression(np.zeros(7), 0, 0)
    assert (found.labels, found.mae, found.rmse, found.bias, found.r2, found.mape) == (0, *[None] * 5)
    assert found.intervals == {"mae": None, "bias": None}


def test_intervals_cover_the_mean_as_often_as_they_say():
    rng = np.random.default_rng(1)
    inside = {"mae": 0, "bias": 0}
    for _ in range(400):
        found = found_of(rng.normal(0.5, 2, 200), np.zeros(200))
        for name, true in (("mae", 1.6446), ("bias", 0.5)):
            low, high = found.intervals[name]
            inside[name] += low <= true <= high
    assert all(0.92 <= times / 400 <= 0.98 for times in inside.values()), inside


@given(st.lists(st.tuples(_NUMBER, _NUMBER), max_size=20), st.lists(st.tuples(_NUMBER, _NUMBER), max_size=20))
@settings(deadline=None, max_examples=60)
def test_sums_of_two_parts_are_those_of_the_whole(first, second):
    def sums(rows):
        table = np.array(rows, dtype=float).reshape(-1, 2)
        return error_sums(table[:, 0], table[:, 1], 1.5)

    (a, n), (b, m), (whole, both) = sums(first), sums(second), sums(first + second)
    np.testing.assert_allclose(a + b, whole, rtol=1e-9, atol=1e-6)
    assert n + m == both


@pytest.mark.parametrize("scale", [None, 0.0, float("inf"), 2.5])
def test_residual_edges_ascend_and_are_alike_on_both_sides(scale):
    edges = np.array(residual_edges(scale))
    assert (np.diff(edges) > 0).all()
    np.testing.assert_allclose(edges, -edges[::-1])
