"""Drift scores: known values, laws that hold for every method, and the faults of other tools that must not be ours."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr
from scipy.stats import chi2, ks_2samp

from ml_models.profile import Layout, ReferenceProfile, Tally
from ml_models.profile.tally import BINS
from ml_models.stats.drift import CLAMP, METHODS, fractions, hellinger, js, kl, ks, linf, psi
from ml_models.stats.significance import chi2_quantile, noise_quantile, psi_noise
from ml_models.stats.transport import Grid

SYMMETRIC = sorted(set(METHODS) - {"kl", "wasserstein"})
BOUNDED = ("js", "ks", "chi2", "hellinger", "tvd", "linf")
UNORDERED = sorted(name for name, method in METHODS.items() if not method.ordered)

every_method = pytest.mark.parametrize("name", sorted(METHODS))


def score_of(name, reference, live):
    """Score counts of bins of width 1, between open ones that are empty."""
    reference, live = (np.pad(side, [(0, 0)] * (np.ndim(side) - 1) + [(1, 1)]) for side in (reference, live))
    bins, features = reference.shape[-1], len(np.atleast_2d(reference))
    edges = np.arange(bins - 1.0)
    grid = Grid.of([edges] * features, [edges[0]] * features, [edges[-1]] * features, bins)
    return METHODS[name].score(reference, live, grid)


@st.composite
def two_sides(draw, max_bins=10):
    """Draw counts of two samples over the same bins, neither of them empty."""
    bins = draw(st.integers(1, max_bins))
    counts = st.lists(st.integers(0, 10**6), min_size=bins, max_size=bins).map(np.array)
    return draw(counts.filter(np.any)), draw(counts.filter(np.any))


# --- known values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "known", "digit"),
    [("psi", 0.0372184, 1e-7), ("kl", 0.0189097, 1e-7), ("js", 0.0817342, 1e-7), ("hellinger", 0.06812, 1e-5)],
)
def test_scores_of_six_bins_are_those_of_evidentlys_tests(name, known, digit):
    """Source: Evidently 0.7, tests/stattests: 1..6 repeated, one bin per value. Good to the last digit given."""
    reference, live = [16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8]
    assert METHODS[name].score(reference, live) == pytest.approx(known, abs=digit)


@pytest.mark.parametrize(("live", "known"), [([2, 2, 2, 1], 1 / 7), ([0, 5, 0, 0], 2 / 3)])
def test_linf_of_letters_is_that_of_nannymls_tests(live, known):
    """Source: NannyML 0.13, tests/drift: aabbcc -> aabbccd gives 0.14, -> bbbbb gives 0.67."""
    assert linf([2, 2, 2, 0], live) == pytest.approx(known)


def test_hellinger_of_two_normals_is_the_closed_form():
    """sqrt(1 - exp(-d^2 / 8)) for unit variances a distance d apart: 0.627 for d = 2 (NannyML's tests say 0.63)."""
    rng = np.random.default_rng(1)
    edges = np.linspace(-6, 4, 60)
    reference, live = (np.histogram(rng.normal(mean, 1, 200_000), edges)[0] for mean in (0, -2))
    assert hellinger(reference, live) == pytest.approx(np.sqrt(1 - np.exp(-0.5)), abs=0.005)


@pytest.mark.parametrize("method", [js, hellinger])
def test_one_of_four_categories_replaced_scores_a_half(method):
    """Source: NannyML's tests: choice(abcd) against choice(abce). A quarter of each side's mass has no counterpart."""
    assert method([1, 1, 1, 1, 0], [1, 1, 1, 0, 1]) == pytest.approx(0.5)
    rng = np.random.default_rng(1)
    reference, live = np.bincount(rng.integers(0, 4, 10_000), minlength=5), np.bincount(rng.integers(0, 4, 1_000))
    live = np.array([*live[:3], 0, live[3]])
    assert method(reference, live) == pytest.approx(0.5, abs=0.01)


def test_scores_of_shifted_uniform_values_are_the_known_ones():
    """Source: NannyML's tests: arange(1000) / 10 against the same + 20: KS 0.2; JS 0.438 with its bins."""
    reference = np.arange(1000) / 10
    live = reference + 20
    edges = np.histogram_bin_edges(reference, "doane")
    edges = np.array([-np.inf, *edges[1:-1], 100.0, np.inf])
    q, p = (np.histogram(side, edges)[0] for side in (reference, live))
    assert ks(q, p) == pytest.approx(0.2, abs=0.002)
    profile = ReferenceProfile.fit({"x": reference})
    tally = Tally(Layout.of(profile))
    tally.add_column(0, live)
    assert ks(tally.layout.reference_cells[0, BINS:], tally.cells[0, BINS:]) == pytest.approx(0.2, abs=1e-12)


def test_ends_of_the_bounded_scales():
    for name in BOUNDED:
        assert METHODS[name].score([7, 0], [0, 3]) == pytest.approx(1.0), name


def test_an_emptied_bin_counts_as_much_as_the_clamp_says():
    """Frouros gives 461 here, because its empty bins become the smallest float."""
    q, p = np.array([0.5, 0.5]), np.array([1.0, CLAMP])
    assert psi([50, 50], [100, 0]) == pytest.approx(float(np.sum((p - q) * np.log(p / q))))
    assert psi([50, 50], [100, 0]) < 5


# --- laws -----------------------------------------------------------------------------------------------------------


@every_method
@given(sides=two_sides())
@settings(deadline=None, max_examples=20)
def test_a_score_is_finite_and_not_negative(name, sides):
    score = score_of(name, *sides)
    assert np.isfinite(score)
    assert score >= 0
    if name in BOUNDED:
        assert score <= 1 + 1e-12


@every_method
@given(sides=two_sides(), times=st.integers(1, 1000))
@settings(deadline=None, max_examples=20)
def test_equal_distributions_score_0_whatever_their_sizes(name, sides, times):
    counts, _ = sides
    assert score_of(name, counts, counts) == 0
    assert score_of(name, counts, counts * times) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("name", SYMMETRIC)
@given(sides=two_sides())
@settings(deadline=None, max_examples=20)
def test_it_does_not_matter_which_side_is_which(name, sides):
    a, b = sides
    assert score_of(name, a, b) == pytest.approx(score_of(name, b, a), abs=1e-12)


@pytest.mark.parametrize("name", UNORDERED)
@given(sides=two_sides(), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=20)
def test_the_order_of_bins_is_irrelevant_to_unordered_methods(name, sides, seed):
    a, b = sides
    order = np.random.default_rng(seed).permutation(len(a))
    assert score_of(name, a[order], b[order]) == pytest.approx(score_of(name, a, b), abs=1e-7)


@every_method
@given(sides=two_sides(), empty=st.integers(1, 40))
@settings(deadline=None, max_examples=20)
def test_bins_that_are_empty_on_both_sides_add_nothing(name, sides, empty):
    padded = [np.concatenate([side, np.zeros(empty, dtype=int)]) for side in sides]
    assert score_of(name, *padded) == pytest.approx(score_of(name, *sides), abs=1e-7)


@every_method
@given(data=st.data())
@settings(deadline=None, max_examples=20)
def test_a_block_scores_as_its_rows_do_in_any_order(name, data):
    features, bins = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 12))
    block = st.lists(st.integers(0, 1000), min_size=features * bins, max_size=features * bins)
    a, b = (np.array(data.draw(block)).reshape(features, bins) for _ in range(2))
    score = partial(score_of, name)
    together = score(a, b)
    assert together.shape == (features,)
    np.testing.assert_allclose(together, [score(x, y) for x, y in zip(a, b, strict=True)], atol=1e-12)
    np.testing.assert_array_equal(score(a[::-1], b[::-1]), together[::-1])


@every_method
def test_an_empty_side_is_undefined_and_raises_nothing(name):
    """Warnings are errors in this suite, so a division by 0 would show."""
    score = partial(score_of, name)
    scores = score([[0, 0], [1, 2], [0, 0], [1, 1]], [[1, 1], [0, 0], [0, 0], [1, 1]])
    np.testing.assert_array_equal(np.isnan(scores), [True, True, True, False])
    assert np.isnan(score([1, 2], [0, 0]))


@given(sides=two_sides())
@settings(deadline=None, max_examples=20)
def test_hellinger_kl_and_psi_are_their_definitions(sides):
    reference, live = sides
    q, p = fractions(reference), fractions(live)
    assert hellinger(reference, live) == pytest.approx(np.sqrt(max(0, 1 - np.sum(np.sqrt(p * q)))), abs=1e-7)
    q, p = np.maximum(q, CLAMP), np.maximum(p, CLAMP)
    assert kl(reference, live) == pytest.approx(max(0, rel_entr(q, p).sum()), abs=1e-12)
    assert psi(reference, live) == pytest.approx(rel_entr(q, p).sum() + rel_entr(p, q).sum(), abs=1e-12)


def test_kl_is_never_negative_where_the_clamp_moves_mass():
    assert kl([99_999, 1], [1, 0]) == 0


# --- against exact values -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", ["normal", "lognormal", "exponential", "uniform", "cauchy"])
def test_ks_is_within_a_fine_bin_of_scipys_exact_statistic(shape, seed):
    """At the edges it is exact, and between them off by at most the reference's mass of a bin: 0.01 if continuous."""
    rng = np.random.default_rng(seed)
    draw = rng.standard_cauchy if shape == "cauchy" else getattr(rng, shape)
    reference, live = draw(size=4_000), draw(size=900) * rng.uniform(0.7, 1.4) + rng.uniform(-0.5, 0.5)
    layout = Layout.of(ReferenceProfile.fit({"x": reference}))
    tally = Tally(layout)
    tally.add_column(0, live)
    fine = layout.reference_cells[0, BINS:]
    exact = ks_2samp(reference, live, method="asymp").statistic
    assert 0 <= exact - ks(fine, tally.cells[0, BINS:]) + 1e-12 <= fine.max() / fine.sum() + 1e-9 <= 0.0101 + 1 / 4_000


def test_chi2_quantile_and_noise_are_those_of_scipy():
    for bins in (2, 5, 10, 33):
        assert chi2_quantile(bins, 0.001) == pytest.approx(chi2.isf(0.001, bins - 1))
    assert psi_noise(1000, 500, chi2_quantile(10, 0.001)) == pytest.approx(0.003 * chi2.isf(0.001, 9))
    assert chi2_quantile(1, 0.001) == chi2_quantile(2, 0.001), "one filled bin still has another one to fall into"


def test_noise_without_values_is_infinite():
    assert np.isinf(psi_noise([100, 0], [0, 100], 10.0)).all()


# --- faults of other tools ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(METHODS))
@pytest.mark.parametrize("absurd", [1e9, -1e9, np.inf])
def test_one_absurd_live_value_does_not_hide_a_drift(name, absurd):
    """Evidently bins reference and live together: one value of 1e9 takes its PSI from 2.53 to 0.0006."""
    rng = np.random.default_rng(5)
    layout = Layout.of(ReferenceProfile.fit({"x": rng.normal(0, 1, 5_000)}))
    live = rng.normal(1, 1, 1_000)
    scores = []
    for values in (live, np.append(live, absurd)):
        tally = Tally(layout)
        tally.add_column(0, values)
        (feature,) = layout.features
        grid = Grid.of([feature.edges], [feature.minimum], [feature.maximum], len(feature.counts))
        scores.append(float(METHODS[name].score(layout.reference_cells[:, BINS:], tally.cells[:, BINS:], grid)[0]))
    assert scores[1] == pytest.approx(scores[0], rel=0.05)


def test_one_absurd_reference_value_does_not_hide_a_drift():
    """NannyML's equal-width bins take the KS of a shift by half a deviation to 0.00005."""
    rng = np.random.default_rng(6)
    layout = Layout.of(ReferenceProfile.fit({"x": np.append(rng.normal(0, 1, 20_000), 1e9)}))
    tally = Tally(layout)
    tally.add_column(0, rng.normal(0.5, 1, 5_000))
    assert ks(layout.reference_cells[0, BINS:], tally.cells[0, BINS:]) == pytest.approx(0.197, abs=0.02)


ZIPF = 1 / np.arange(1, 31)


@pytest.mark.parametrize(
    "shares",
    [np.ones(10), np.ones(2), np.ones(30), ZIPF, [97, 1, 1, 0.5, 0.5], [99, 1]],
    ids=["ten bins", "two bins", "thirty bins", "zipf", "rare bins", "one rare bin"],
)
def test_noise_exceeds_its_quantile_about_as_often_as_it_says(shares):
    """10,000 draws without drift; alpha is 0.1 %, of which the tail of a few large terms makes up to 0.5 %."""
    rng = np.random.default_rng(8)
    shares = np.array(shares) / np.sum(shares)
    reference = rng.multinomial(10_000, shares)
    quantile = noise_quantile(reference, 200, 0.001)[0]
    for rows in (200, 500, 2_000):
        scores = psi(reference, rng.multinomial(rows, shares, size=10_000))
        assert np.mean(scores > psi_noise(10_000, rows, quantile)) <= 0.005


def test_sparse_bins_raise_the_noise_and_full_ones_leave_it_at_chi_square():
    full, sparse = noise_quantile([[100] * 10 + [0] * 20, [100] * 30], 200, 0.001)
    assert full == pytest.approx(chi2_quantile(10, 0.001), rel=0.01)
    assert sparse > 1.3 * chi2_quantile(30, 0.001)
    assert noise_quantile([[100] * 30], 20_000, 0.001)[0] == pytest.approx(chi2_quantile(30, 0.001), rel=0.01)


def test_a_single_bin_or_none_has_the_noise_of_two():
    np.testing.assert_array_equal(noise_quantile([[50, 0], [0, 0]], 200, 0.001), chi2_quantile([2, 2], 0.001))
