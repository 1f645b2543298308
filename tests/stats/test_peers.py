"""Faults of other tools, each of which was run: what must not happen here.

Outliers on either side, clamped empty bins and the scale of the Jensen-Shannon distance are in test_drift.py; chunks
of NaN, confused types and kinds guessed anew in profile/test_live_faults.py.
"""

from __future__ import annotations

import numpy as np
import pytest

from ml_models import compare
from ml_models.profile import Layout, ReferenceProfile, Tally
from ml_models.profile.tally import BINS
from ml_models.stats.drift import METHODS, cramers_v, psi
from ml_models.stats.significance import chi2_pvalue
from ml_models.stats.transport import Grid

every_method = pytest.mark.parametrize("method", METHODS)


def scored(reference, live, method):
    layout = Layout.of(ReferenceProfile.fit({"x": reference}))
    tally = Tally(layout)
    tally.add_column(0, live)
    (feature,) = layout.features
    grid = Grid.of([feature.edges], [feature.minimum], [feature.maximum], len(feature.counts))
    counts = layout.reference_cells[:, BINS:], tally.cells[:, BINS:]
    sides = counts if METHODS[method].fine else tuple(map(layout.coarsen, (layout.reference_cells, tally.cells)))
    return float(METHODS[method].score(*sides, grid, tally.extremes)[0])


def test_one_absurd_live_value_leaves_psi_as_it_was():
    """Evidently 0.7 bins both sides together: one value of 1e9 takes its PSI from 2.53 to 0.0006."""
    rng = np.random.default_rng(0)
    reference, live = rng.normal(0, 1, 1_000), rng.normal(1.5, 1, 1_000)
    assert scored(reference, live, "psi") > 1.5
    assert scored(reference, np.append(live, 1e9), "psi") == pytest.approx(scored(reference, live, "psi"), rel=0.01)


@pytest.mark.parametrize("rows", [9_999, 10_000, 100_000])
def test_one_absurd_reference_value_leaves_ks_as_it_was_at_any_size(rows):
    """NannyML 0.13 bins evenly from 10,000 reference rows on: the KS of half a deviation becomes 0.00005."""
    rng = np.random.default_rng(1)
    reference, live = np.append(rng.normal(size=rows), 1e9), rng.normal(0.5, 1, 5_000)
    assert scored(reference, live, "ks") == pytest.approx(0.197, abs=0.02)


@every_method
@pytest.mark.parametrize("times", [10, 100])
def test_a_score_does_not_change_with_the_sample_size_alone(method, times):
    """Verdicts by p-value alone do: with enough rows every difference is significant."""
    reference = np.repeat(np.arange(10.0), [5, 6, 7, 8, 9, 9, 8, 7, 6, 5])
    live = np.repeat(np.arange(10.0), [6, 6, 7, 8, 9, 9, 8, 7, 5, 5])
    once = scored(np.repeat(reference, 10), np.repeat(live, 10), method)
    assert scored(np.repeat(reference, 10), np.repeat(live, 10 * times), method) == pytest.approx(once, rel=1e-6)


@every_method
@pytest.mark.parametrize("rows", [1_000, 10_000, 100_000])
def test_a_tiny_difference_is_no_drift_however_many_rows_show_it(method, rows):
    rng = np.random.default_rng(2)
    report = compare({"x": rng.normal(size=100_000)}, {"x": rng.normal(0.03, 1, rows)}, method=method)
    assert report.verdict == "no drift"


@every_method
@pytest.mark.parametrize("rows", [200, 1_000, 10_000, 100_000])
def test_a_large_difference_is_drift_however_few_rows_show_it(method, rows):
    rng = np.random.default_rng(3)
    report = compare({"x": rng.normal(size=20_000)}, {"x": rng.normal(1, 1, rows)}, method=method)
    assert report.verdict == "drift"


@pytest.mark.parametrize("shape", [(10, 1), (1_000, 3), (7, 100_000)])
def test_tests_take_samples_of_different_sizes(shape):
    """Evidently's G-test and Fisher's raise."""
    m, n = shape
    reference, live = np.array([m, 2 * m, m]), np.array([n, n, 0])
    assert 0 <= chi2_pvalue(reference, live) <= 1
    assert 0 < cramers_v(reference, live) < 1


def test_drift_to_either_side_is_drift():
    """Evidently's Mann-Whitney looks to one side only."""
    rng = np.random.default_rng(4)
    reference = rng.normal(size=5_000)
    for method in METHODS:
        up, down = (scored(reference, rng.normal(shift, 1, 2_000), method) for shift in (1, -1))
        assert min(up, down) > 0.25
        assert up == pytest.approx(down, rel=0.2)


@pytest.mark.parametrize("bins", [2, 5, 10, 50])
def test_a_bin_that_nobody_fills_is_worth_its_clamp_and_not_hundreds(bins):
    """Frouros fills it with the smallest float: PSI 461 for a mild shift."""
    reference = np.full(bins, 100)
    live = reference.copy()
    live[0] = 0
    assert psi(reference, live) < np.log(1e4)


@every_method
def test_no_order_of_rows_changes_a_score(method):
    """NannyML's estimated AUC of a constant score is 0.1, 0.3 or 0.9, by the order of the rows."""
    rng = np.random.default_rng(5)
    reference, live = rng.poisson(2, 2_000).astype(float), rng.poisson(3, 500).astype(float)
    once = scored(reference, live, method)
    assert scored(rng.permutation(reference), np.sort(live), method) == once
