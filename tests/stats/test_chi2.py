"""The two-sample chi-square test and Cramer's V."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency
from scipy.stats.contingency import association

from ml_models.stats.drift import METHODS, chi2_statistic, cramers_v
from ml_models.stats.significance import chi2_pvalue

REFERENCE, LIVE = np.array([16, 18, 16, 14, 12, 12]), np.array([16, 16, 16, 16, 16, 8])

counts = st.lists(st.integers(0, 10**6), min_size=5, max_size=5).map(np.array).filter(np.any)


@given(counts, counts)
@settings(deadline=None, max_examples=100)
def test_statistic_freedom_and_pvalue_are_scipys(reference, live):
    table = np.array([reference, live])
    table = table[:, table.any(axis=0)]
    theirs = chi2_contingency(table, correction=False)
    statistic, freedom = chi2_statistic(reference, live)
    assert freedom == theirs.dof
    assert statistic == pytest.approx(theirs.statistic, rel=1e-9, abs=1e-9)
    assert chi2_pvalue(reference, live) == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)


def test_against_a_large_reference_it_is_the_test_that_takes_the_reference_for_exact():
    """Evidently's tests give p 0.67309 for this table: its reference has no noise of its own."""
    assert chi2_pvalue(REFERENCE * 10**7, LIVE) == pytest.approx(0.67309, abs=1e-5)
    assert chi2_pvalue(REFERENCE, LIVE) == pytest.approx(0.89853, abs=1e-5), "both are samples of 88"


def test_of_equal_sizes_v_is_scipys():
    assert cramers_v(REFERENCE, LIVE) == pytest.approx(association(np.array([REFERENCE, LIVE]), method="cramer"))


@given(counts, counts, st.integers(1, 1000), st.integers(1, 1000))
@settings(deadline=None, max_examples=60)
def test_v_is_a_matter_of_fractions_not_of_sizes(reference, live, times, often):
    """The usual V of samples of different sizes falls with their ratio, so that a verdict would hang on it."""
    assert cramers_v(reference * times, live * often) == pytest.approx(cramers_v(reference, live), abs=1e-7)


def test_ends_of_the_scale():
    assert cramers_v([1, 0], [0, 1]) == 1
    assert cramers_v([2, 2], [5, 5]) == 0
    assert METHODS["chi2"].score([1, 3], [3, 1]) == pytest.approx(0.5)


def test_one_filled_bin_cannot_differ_and_no_values_are_undefined():
    assert chi2_pvalue([5, 0], [9, 0]) == 1
    assert np.isnan(chi2_pvalue([[5, 1], [0, 0], [0, 0]], [[0, 0], [5, 1], [0, 0]])).all()


def test_a_block_is_its_rows():
    block = chi2_pvalue([REFERENCE, LIVE, [9, 0, 0, 0, 0, 0]], [LIVE, REFERENCE, [5, 5, 0, 0, 0, 0]])
    assert block[0] == pytest.approx(block[1])
    assert block[2] == pytest.approx(chi2_pvalue([9, 0], [5, 5]))


def test_pvalues_of_equal_distributions_are_evenly_spread():
    rng = np.random.default_rng(0)
    shares = [0.4, 0.3, 0.2, 0.1]
    pvalues = chi2_pvalue(rng.multinomial(3000, shares, 4000), rng.multinomial(500, shares, 4000))
    assert np.mean(pvalues < 0.05) == pytest.approx(0.05, abs=0.012)
    assert np.mean(pvalues < 0.5) == pytest.approx(0.5, abs=0.03)
