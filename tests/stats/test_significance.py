"""P-values and verdicts over many features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, ks_2samp

from ml_models.stats.significance import PVALUES, adjusted_pvalues, benjamini_hochberg, dataset_drift, ks_pvalue


@pytest.mark.parametrize(("point", "known"), [(1.2238, 0.10), (1.3581, 0.05), (1.6276, 0.01), (1.9495, 0.001)])
def test_ks_pvalue_has_the_tabulated_critical_values(point, known):
    """Source: N. V. Smirnov, 1948, critical values of the limiting distribution."""
    for m, n in ((10**6, 10**6), (10**6, 10**4)):
        assert ks_pvalue(point * np.sqrt((m + n) / (m * n)), m, n) == pytest.approx(known, rel=2e-3)


@pytest.mark.parametrize(("m", "n"), [(300, 200), (2000, 500)])
def test_ks_pvalue_is_near_the_exact_one_and_not_below_it(m, n):
    rng = np.random.default_rng(m)
    for _ in range(20):
        found = ks_2samp(rng.normal(size=m), rng.normal(rng.uniform(0, 0.2), size=n), method="exact")
        ours = float(ks_pvalue(found.statistic, m, n))
        assert found.pvalue - 1e-3 <= ours <= found.pvalue + 0.07


def test_ks_pvalue_ends_and_undefined():
    assert ks_pvalue(0.0, 10, 10) == 1
    assert np.isnan(ks_pvalue([0.5, np.nan], [0, 10], [10, 10])).all()


def test_benjamini_hochberg_rejects_what_its_authors_do():
    """Source: the paper's example of fifteen hypotheses: four are rejected at 0.05, where Bonferroni rejects three."""
    pvalues = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
               0.7590, 1.0]  # fmt: skip
    assert np.flatnonzero(benjamini_hochberg(pvalues, 0.05)).tolist() == [0, 1, 2, 3]
    shuffled = np.random.default_rng(0).permutation(15)
    assert benjamini_hochberg(np.array(pvalues)[shuffled], 0.05).tolist() == (shuffled < 4).tolist()


def test_a_pvalue_over_its_own_line_is_rejected_with_a_larger_one_under_its():
    assert benjamini_hochberg([0.03, 0.04], 0.05).tolist() == [True, True]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.sampled_from([0.001, 0.05, 0.3]))
@settings(deadline=None, max_examples=100)
def test_benjamini_hochberg_is_scipys(pvalues, alpha):
    adjusted = false_discovery_control(pvalues)
    clear = np.abs(adjusted - alpha) > 1e-9  # at the line itself the last bit decides
    np.testing.assert_array_equal(benjamini_hochberg(pvalues, alpha)[clear], (adjusted <= alpha)[clear])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(deadline=None, max_examples=100)
def test_adjusted_pvalues_are_scipys(pvalues):
    np.testing.assert_allclose(adjusted_pvalues(pvalues), false_discovery_control(pvalues), atol=1e-12)


def test_adjusted_pvalues_leave_out_what_has_none():
    found = adjusted_pvalues([np.nan, 0.04, np.nan, 0.03])
    np.testing.assert_allclose(found, [np.nan, 0.04, np.nan, 0.04])
    assert np.isnan(adjusted_pvalues([np.nan])).all()
    assert adjusted_pvalues([]).shape == (0,)


@pytest.mark.parametrize("method", sorted(PVALUES))
def test_pvalues_without_drift_are_not_too_small_too_often(method):
    """2,000 features of 300 live values each: the share below p is at most p, but for chance."""
    rng = np.random.default_rng(3)
    reference = rng.multinomial(5_000, np.ones(10) / 10, size=2_000)
    found = PVALUES[method](reference, rng.multinomial(300, np.ones(10) / 10, size=2_000))
    for p in (0.01, 0.05, 0.2):
        assert np.mean(found <= p) <= p + 3 * (p / 2_000) ** 0.5


def test_missing_pvalues_are_not_rejected_and_do_not_count():
    assert benjamini_hochberg([np.nan, 0.04, np.nan], 0.05).tolist() == [False, True, False]
    assert benjamini_hochberg([np.nan, np.nan], 0.05).tolist() == [False, False]
    assert benjamini_hochberg([], 0.05).tolist() == []


def test_false_discoveries_stay_under_alpha():
    rng = np.random.default_rng(1)
    shares = []
    for _ in range(400):
        pvalues = np.concatenate([rng.uniform(size=40), rng.uniform(0, 1e-3, size=10)])
        rejected = benjamini_hochberg(pvalues, 0.1)
        shares.append(rejected[:40].sum() / max(rejected.sum(), 1))
    assert np.mean(shares) <= 0.1


def test_dataset_drift_is_over_what_could_be_judged():
    found = dataset_drift([True, None, False, False], [0.4, np.nan, 0.02, 0.0])
    assert (found.judged, found.share, found.largest) == (3, pytest.approx(1 / 3), 0.4)
    nothing = dataset_drift([None, None], [np.nan, np.nan])
    assert (nothing.judged, nothing.share, nothing.largest) == (0, None, None)
    assert dataset_drift([], []).share is None
