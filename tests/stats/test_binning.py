"""Bin edges and counts: every value in exactly one bin, whatever the data looks like."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ml_models.stats.binning import coarse_index, quantile_edges
from ml_models.stats.counting import PointCounter

LARGEST = float(np.finfo(np.float64).max)
SMALLEST = 5e-324

finite = st.floats(allow_nan=False, allow_infinity=False)
tied = st.sampled_from([0.0, -0.0, 1.0, 2.0, 1e300, -1e300, SMALLEST, -SMALLEST, LARGEST, -LARGEST])
samples = st.lists(st.one_of(finite, tied, st.integers(-5, 5).map(float)), min_size=1, max_size=200).map(sorted)
live_values = st.lists(st.one_of(st.floats(), tied), max_size=100)


def brute_force(values, edges):
    """Count by looking at every value and every bin: above the edge before it and not above its own."""
    bounds = [-np.inf, *edges, np.inf]
    counts = [0] * (len(edges) + 1)
    for value in values:
        if not np.isnan(value):
            found = [i for i in range(len(counts)) if (bounds[i] < value or i == 0) and value <= bounds[i + 1]]
            assert len(found) == 1
            counts[found[0]] += 1
    return counts


def counts_of(values, edges):
    points = np.append(edges, np.inf)[np.newaxis]
    return np.diff(PointCounter(points).count(np.array([values], dtype=np.float64))[0], prepend=0).tolist()


@given(samples, st.integers(2, 20), live_values)
@example([-LARGEST] * 9, 4, [-LARGEST, -np.inf, np.nan])
@example([0.0] * 90 + [1.0] * 10, 10, [-1.0, 0.0, 0.5])
@settings(deadline=None, max_examples=200)
def test_every_value_falls_into_exactly_one_bin_as_brute_force_finds(sample, bins, live):
    edges = quantile_edges(np.array(sample), bins)
    assert np.isfinite(edges).all()
    assert (edges[1:] > edges[:-1]).all()
    for values in (sample, live):
        assert counts_of(values, edges) == brute_force(values, edges)


@given(samples, st.integers(2, 20))
@settings(deadline=None, max_examples=100)
def test_edges_are_values_of_the_sample_or_just_below_one(sample, bins):
    edges = quantile_edges(np.array(sample), bins)
    assert set(edges) <= set(sample) | {math.nextafter(value, -math.inf) for value in sample}
    assert len(edges) <= 2 * (bins - 1)


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_continuous_values_are_cut_into_bins_of_equal_mass(scale):
    values = np.random.default_rng(0).normal(size=10_000) * scale
    edges = quantile_edges(np.sort(values), 10)
    assert counts_of(values, edges) == [1000] * 10


def test_counts_are_those_of_numpys_histogram():
    """Numpy closes bins on the left; on negated values that is our right."""
    rng = np.random.default_rng(1)
    values = np.round(rng.normal(size=5_000), 1)
    edges = quantile_edges(np.sort(values), 10)
    theirs = np.histogram(-values, np.concatenate([[-np.inf], -edges[::-1], [np.inf]]))[0][::-1]
    assert counts_of(values, edges) == theirs.tolist()


def test_a_constant_has_a_bin_of_its_own_between_two_open_ones():
    edges = quantile_edges(np.full(50, 3.0), 10)
    assert counts_of([3.0, 2.999, 3.001, 3.0], edges) == [1, 2, 1]


def test_two_values_are_kept_apart_from_each_other_and_from_all_others():
    edges = quantile_edges(np.array([0.0] * 50 + [1.0] * 50), 10)
    assert counts_of([-1, 0, 0, 0.5, 1, 2], edges) == [1, 2, 1, 1, 1]


def test_zero_inflated_values_keep_the_resolution_of_the_rest():
    """80 % zeros leave two of ten quantiles to the rest; the zeros have one bin."""
    values = np.sort(np.concatenate([np.zeros(8_000), np.random.default_rng(2).exponential(size=2_000)]))
    edges = quantile_edges(values, 10)
    counts = counts_of(values, edges)
    assert counts[:2] == [0, 8_000]
    assert counts[2:] == [1_000, 1_000]


def test_integers_with_few_values_have_a_bin_each():
    values = np.sort(np.random.default_rng(3).integers(1, 5, 4_000).astype(float))
    edges = quantile_edges(values, 100)
    assert [count for count in counts_of(values, edges) if count] == np.bincount(values.astype(int))[1:].tolist()


def test_no_sample_has_no_edges_and_one_bin():
    edges = quantile_edges(np.empty(0), 10)
    assert len(edges) == 0
    assert counts_of([1.0, np.inf, np.nan], edges) == [2]


def test_fewer_than_two_bins_are_refused():
    with pytest.raises(ValueError, match="bins: found 1; at least 2"):
        quantile_edges(np.arange(3.0), 1)


@given(st.sets(finite, max_size=30).map(sorted), st.data())
@settings(deadline=None, max_examples=60)
def test_coarse_bins_hold_the_fine_ones(fine, data):
    coarse = sorted(data.draw(st.sets(st.sampled_from(fine)))) if fine else []
    index = coarse_index(np.array(fine), np.array(coarse))
    live = data.draw(live_values)
    summed = np.bincount(index, weights=counts_of(live, np.array(fine)), minlength=len(coarse) + 1)
    assert summed.tolist() == counts_of(live, np.array(coarse))
