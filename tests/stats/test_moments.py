"""Second moments: they add, keep their digits, and show a change that no single feature shows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from ml_models.stats.moments import Moments, correlation_change, frechet


def normal(seed, rows, mean=(0.0, 0.0, 0.0), correlation=0.0):
    covariance = np.full((3, 3), correlation) + np.eye(3) * (1 - correlation)
    return np.random.default_rng(seed).multivariate_normal(mean, covariance, rows)


@given(st.lists(st.integers(0, 400), max_size=5), st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_parts_add_up_to_the_whole(cuts, seed):
    rows = normal(seed, 400, (5.0, -3.0, 1e4))
    rows[::7, 1] = np.nan
    whole = Moments.of(rows)
    parts = [Moments.of(part, whole.centre) for part in np.split(rows, sorted(cuts))]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    assert (total.rows, total.incomplete) == (whole.rows, whole.incomplete)
    np.testing.assert_allclose(total.products, whole.products, rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(total.mean, whole.mean)


def test_mean_covariance_and_correlation_are_numpys():
    reference, rows = normal(0, 500), normal(1, 300, (1.0, 2.0, 3.0), 0.5)
    found = Moments.of(rows, Moments.of(reference).centre)
    np.testing.assert_allclose(found.mean, rows.mean(axis=0))
    np.testing.assert_allclose(found.covariance, np.cov(rows.T))
    np.testing.assert_allclose(found.correlation, np.corrcoef(rows.T))


def test_digits_are_kept_where_the_mean_is_large():
    """Timestamps vary in their last digits; squares of the raw values would hold none of those."""
    rows = normal(2, 1000) + 1.7e9
    found = Moments.of(rows[500:], Moments.of(rows[:500]).centre)
    np.testing.assert_allclose(found.covariance, np.cov(rows[500:].T), rtol=1e-6)


def test_rows_with_any_gap_are_left_out_and_counted():
    found = Moments.of([[1.0, 2.0], [np.nan, 5.0], [3.0, np.inf], [3.0, 4.0]])
    assert (found.rows, found.incomplete) == (2, 2)
    assert found.mean.tolist() == [2.0, 3.0]


def test_a_change_that_no_single_feature_shows_is_seen():
    reference = Moments.of(normal(3, 20_000, correlation=0.8))
    same = Moments.of(normal(4, 20_000, correlation=0.8), reference.centre)
    loose = Moments.of(normal(5, 20_000), reference.centre)
    assert correlation_change(reference, same).largest < 0.02
    found = correlation_change(reference, loose)
    assert found.largest == pytest.approx(0.8, abs=0.03)
    assert found.frobenius == pytest.approx(0.8 * 6**0.5, abs=0.05)
    assert frechet(reference, same) < 0.05
    assert frechet(reference, loose) > 0.5


def test_the_pair_that_changed_most_is_named():
    rows = normal(6, 5000)
    reference = Moments.of(rows)
    moved = rows.copy()
    moved[:, 2] = moved[:, 0]
    assert correlation_change(reference, Moments.of(moved, reference.centre)).pair == (0, 2)


def test_features_that_do_not_vary_have_no_correlation():
    rows = normal(7, 100)
    rows[:, 1] = 0.1  # whose mean of 100 is rounded
    reference = Moments.of(rows)
    assert np.isnan(reference.correlation[1]).all()
    assert correlation_change(reference, reference).largest == 0
    single = Moments.of(rows[:, :2])
    change = correlation_change(single, single)
    assert (change.frobenius, change.largest, change.pair) == (None, None, None)
    assert frechet(reference, Moments.of(rows + 3, reference.centre)) == pytest.approx(np.hypot(
        *(3 / rows[:, [0, 2]].std(axis=0, ddof=1))), rel=1e-6)  # fmt: skip


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (2.0, 1.0), (0.0, 3.0), (-1.5, 0.25)])
def test_frechet_of_independent_features_is_the_closed_form(shift, scale):
    """Per feature (difference of means)^2 + (difference of deviations)^2; here in units of the reference's."""
    rows = np.random.default_rng(8).normal(size=(50, 1)) * 4 + 10
    reference = Moments.of(rows)
    deviation = rows.std(ddof=1)
    live = Moments.of((rows - rows.mean()) * scale + rows.mean() + shift, reference.centre)
    raw = np.hypot(shift, (scale - 1) * deviation)
    assert frechet(reference, live, scaled=False) == pytest.approx(raw, abs=1e-6)
    assert frechet(reference, live) == pytest.approx(raw / deviation, abs=1e-6)


def test_frechet_of_diagonal_covariances_is_the_closed_form():
    corners = np.array([[x, y] for x in (-1.0, 1.0) for y in (-1.0, 1.0)])
    reference = Moments.of(corners * [1.0, 10.0])
    live = Moments.of(corners * [2.0, 5.0] + [3.0, 0.0], reference.centre)
    unit = np.sqrt(4 / 3)  # deviation of the corners
    raw = np.sqrt(3.0**2 + unit**2 * ((2 - 1) ** 2 + (10 - 5) ** 2))
    assert frechet(reference, live, scaled=False) == pytest.approx(raw)
    assert frechet(reference, live) == pytest.approx(np.sqrt((3 / unit) ** 2 + 1 + 0.25))


def test_frechet_is_the_formula_with_scipys_matrix_root():
    a, b = Moments.of(normal(9, 400, correlation=0.6)), None
    b = Moments.of(normal(10, 300, (0.5, 0.0, -1.0), -0.3), a.centre)
    apart = a.mean - b.mean
    expected = apart @ apart + np.trace(a.covariance + b.covariance - 2 * sqrtm(a.covariance @ b.covariance).real)
    assert frechet(a, b, scaled=False) == pytest.approx(np.sqrt(expected))


def test_frechet_has_no_unit():
    rows, live = normal(11, 200, correlation=0.4), normal(12, 200, (1.0, 0.0, 0.0))
    units = np.array([1e-6, 1.0, 1e9])
    plain, scaled = Moments.of(rows), Moments.of(rows * units)
    expected = frechet(plain, Moments.of(live, plain.centre))
    assert frechet(scaled, Moments.of(live * units, scaled.centre)) == pytest.approx(expected)


def test_what_cannot_be_said_is_none_or_nan():
    empty = Moments.of(np.empty((0, 2)))
    one = Moments.of([[1.0, 2.0]], empty.centre)
    assert np.isnan(empty.mean).all()
    assert np.isnan(one.covariance).all()
    assert frechet(empty, one) is None
    assert correlation_change(one, one).largest is None
    assert frechet(Moments.of([[5.0], [5.0]]), Moments.of([[5.0], [6.0]], [5.0])) is None, "nothing varies"


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="centres"):
        Moments.of([[1.0]]) + Moments.of([[2.0]])
    with pytest.raises(ValueError, match="found 2 features; the centre has 1"):
        Moments.of([[1.0, 2.0]], [0.0])
    with pytest.raises(ValueError, match="found 1 dimensions"):
        Moments.of([1.0, 2.0])
