"""The Wasserstein distance from bins: known values, laws, and what it does where little is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_models.profile import Layout, ReferenceProfile, Tally
from ml_models.profile.tally import BINS
from ml_models.stats.drift import METHODS, fractions, wasserstein
from ml_models.stats.transport import Grid, deviation, limits

INNER = st.lists(st.integers(0, 1000), min_size=6, max_size=6).filter(any).map(lambda counts: np.array([0, *counts, 0]))
WIDTH_1 = Grid.of([np.arange(7.0)], [0.0], [6.0], bins=8)


def sides(reference, live):
    """Count two samples in the bins of the first."""
    layout = Layout.of(ReferenceProfile.fit({"x": np.asarray(reference, dtype=float)}, kinds={"x": "numeric"}))
    tally = Tally(layout)
    tally.add_column(0, np.asarray(live, dtype=float))
    (feature,) = layout.features
    grid = Grid.of([feature.edges], [feature.minimum], [feature.maximum], bins=len(feature.counts))
    return layout.reference_cells[0, BINS:], tally.cells[0, BINS:], grid


def of_known_range(reference, live):
    """Return the score and the distance before it is divided."""
    q, p, grid = sides(reference, live)
    score = float(wasserstein(q, p, grid, live_minimum=[np.min(live)], live_maximum=[np.max(live)]))
    return score, score * float(deviation(fractions(q)[np.newaxis], grid)[0])


def test_a_shift_of_uniform_values_is_its_size():
    """Source: arange(1000) / 10 against the same + 20 is 20."""
    reference = np.arange(1000) / 10
    score, distance = of_known_range(reference, reference + 20)
    assert distance == pytest.approx(20, abs=0.01 * reference.std())
    assert score == pytest.approx(20 / reference.std(), abs=0.01)


def test_a_shift_of_normal_values_by_one_is_that_of_nannymls_tests():
    """Source: NannyML 0.13: seed 1, N(0, 1) x 10,000 against N(1, 1) x 1,000 gives 1.01.

    A tenth of the live values lie in the last bin, of which the end is known but not how they lie there.
    """
    np.random.seed(1)
    reference, live = np.random.normal(0, 1, 10_000), np.random.normal(1, 1, 1_000)
    assert of_known_range(reference, live)[1] == pytest.approx(1.01, abs=0.015)


def test_values_inside_bins_are_worked_out_by_hand():
    """All mass in [1, 2] against all in [3, 4] is 2; half of it moved by 1 is 1/2. A bin's deviation is 1/sqrt(12)."""
    one, three, both = ([0] * i + [8] + [0] * (7 - i) for i in (2, 4, 3))
    assert wasserstein(one, three, WIDTH_1) == pytest.approx(2 * 12**0.5)
    half = (np.array(one) + np.array(both)) / 2
    assert wasserstein(one, half, WIDTH_1) == pytest.approx(12**0.5 / 2)


def test_a_difference_that_changes_its_sign_inside_a_bin_is_two_triangles():
    """The difference goes from 1/2 to -1/2 over a bin of width 1: 1/4, between two triangles of 1/4 each."""
    reference, live = [0, 0, 0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 1, 0, 0, 0]
    assert wasserstein(reference, live, WIDTH_1) == pytest.approx((1 / 4 + 1 / 4 + 1 / 4) * 12**0.5)


@pytest.mark.parametrize("to", [[4], [4, 4, 7], [1, 1, 1, 1, 4]])
def test_atoms_are_point_masses(to):
    """Few values that fill bins of their own: the distance is exact."""
    reference = np.repeat([1.0, 4.0, 7.0], [300, 500, 200])
    live = np.repeat(np.array(to, dtype=float), 50)
    exact = np.abs(np.cumsum([np.mean(live == v) - np.mean(reference == v) for v in (1, 4)])).sum() * 3
    score, distance = of_known_range(reference, live)
    assert distance == pytest.approx(exact)
    assert score == pytest.approx(exact / reference.std())


@given(INNER, INNER, INNER)
@settings(deadline=None, max_examples=60)
def test_distance_before_division_is_a_metric(a, b, c):
    def distance(x, y):
        return float(wasserstein(x, y, WIDTH_1)) * float(deviation(fractions(x)[np.newaxis], WIDTH_1)[0])

    assert distance(a, a) == 0
    assert distance(a, b) == pytest.approx(distance(b, a), abs=1e-9)
    assert distance(a, c) <= distance(a, b) + distance(b, c) + 1e-9


@given(INNER, INNER, st.floats(1e-290, 1e290), st.floats(-1e3, 1e3))
@settings(deadline=None, max_examples=60)
def test_score_has_no_unit_and_no_origin(a, b, scale, offset):
    edges = (np.arange(7.0) + offset) * scale
    moved = Grid.of([edges], [edges[0]], [edges[-1]], bins=8)
    assert wasserstein(a, b, moved) == pytest.approx(float(wasserstein(a, b, WIDTH_1)), abs=1e-6)


@given(INNER, INNER, st.integers(1, 20))
@settings(deadline=None, max_examples=40)
def test_features_of_different_widths_score_in_one_block_as_alone(a, b, padding):
    wide = 8 + padding
    narrow_edges, wide_edges = np.arange(7.0), np.linspace(-3, 9, wide - 1)
    rng = np.random.default_rng(padding)
    x, y = rng.integers(1, 50, (2, wide))
    block = Grid.of([narrow_edges, wide_edges], [0.0, -5.0], [6.0, 12.0], bins=wide)
    q, p = (np.array([np.pad(own, (0, padding)), other]) for own, other in ((a, x), (b, y)))
    alone = Grid.of([wide_edges], [-5.0], [12.0], bins=wide)
    expected = [float(wasserstein(a, b, WIDTH_1)), float(wasserstein(x, y, alone))]
    np.testing.assert_allclose(wasserstein(q, p, block), expected, atol=1e-12)


def test_without_the_live_range_values_beyond_the_references_count_as_cut_to_it():
    rng = np.random.default_rng(0)
    reference, live = rng.uniform(size=20_000), rng.uniform(size=20_000) + 2
    q, p, grid = sides(reference, live)
    cut = np.clip(live, reference.min(), reference.max())
    known = of_known_range(reference, live)[0]
    assert known == pytest.approx(2 / reference.std(), abs=0.01)
    assert wasserstein(q, p, grid) == pytest.approx((cut.mean() - reference.mean()) / reference.std(), abs=0.02)


@pytest.mark.parametrize("absurd", [1e9, 1e300, -1e9])
def test_one_absurd_reference_value_does_not_hide_a_shift(absurd):
    """It makes the raw standard deviation 1e7, and the exact distance over it 0."""
    rng = np.random.default_rng(6)
    reference, live = rng.normal(0, 1, 20_000), rng.normal(0.5, 1, 5_000)
    q, p, grid = sides(np.append(reference, absurd), live)
    assert wasserstein(q, p, grid) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("live", [[3.0] * 9, [4.0] * 9])
def test_a_reference_of_one_value_has_no_deviation_to_divide_by(live):
    q, p, grid = sides([3.0] * 50, live)
    assert np.isnan(wasserstein(q, p, grid))


def test_a_feature_without_edges_or_values_is_undefined():
    grid = Grid.of([[], [0.0, 1.0]], [None, 0.0], [None, 1.0], bins=3)
    assert np.isnan(wasserstein([[0, 0, 0], [0, 1, 0]], [[1, 0, 0], [0, 0, 0]], grid)).all()
    assert np.isnan(wasserstein([1], [1], Grid.of([[]], [None], [None], bins=1)))


def test_infinite_live_ends_say_nothing():
    q, p, grid = sides(np.arange(500.0), np.arange(300.0, 700.0))
    assert wasserstein(q, p, grid, live_minimum=[-np.inf], live_maximum=[np.inf]) == pytest.approx(
        float(wasserstein(q, p, grid, live_minimum=[0], live_maximum=[499]))
    )


def test_a_method_that_needs_a_grid_says_so():
    with pytest.raises(ValueError, match="wasserstein: found no grid"):
        METHODS["wasserstein"].score([1, 2], [2, 1])


def test_limits_of_equal_counts_begin_at_0():
    low, high = limits(
        fractions([[0, 5, 5, 5, 5, 5, 5, 0]]), fractions([[0, 5, 5, 5, 5, 5, 5, 0]]), WIDTH_1,
        live_minimum=[0.0], live_maximum=[6.0],
    )  # fmt: skip
    assert low == 0
    assert high == pytest.approx(1), "at most a sixth of the mass is a bin's width away, in each of six bins"
