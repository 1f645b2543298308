"""Scores from bins against SciPy's exact ones on the raw values, over shapes and sizes of data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from scipy.stats import ks_2samp, wasserstein_distance
from scipy.stats.contingency import association

from ml_models.profile import Layout, ReferenceProfile, Tally
from ml_models.profile.tally import BINS
from ml_models.stats.drift import CLAMP, cramers_v, fractions, hellinger, js, ks, ks_error, psi, wasserstein
from ml_models.stats.transport import Grid, deviation, limits

CONTINUOUS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "uniform": lambda rng, n: rng.uniform(size=n),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "huge": lambda rng, n: rng.normal(size=n) * 1e300,
    "tiny": lambda rng, n: rng.normal(size=n) * 1e-300,
    "timestamps": lambda rng, n: 1.7e9 + rng.uniform(0, 86_400, n),
}
HEAVY = {
    "lognormal": lambda rng, n: rng.lognormal(size=n),
    "student": lambda rng, n: rng.standard_t(3, size=n),
    "cauchy": lambda rng, n: rng.standard_cauchy(n),
}
MIXED = {
    "two modes": lambda rng, n: np.where(rng.uniform(size=n) < 0.3, rng.normal(-5, 1, n), rng.normal(3, 0.5, n)),
    "integers": lambda rng, n: rng.poisson(3, n).astype(float),
    "zero-inflated": lambda rng, n: np.where(rng.uniform(size=n) < 0.8, 0, rng.exponential(size=n)),
    "constant": lambda rng, n: np.full(n, 7.0),
}
EVERY = CONTINUOUS | HEAVY | MIXED
#: Rows of the reference and of the live data.
SIZES = [(1, 5), (2, 100), (10, 1), (10, 10), (1_000, 1), (1_000, 300), (100_000, 2_000)]


def drawn(shape, m, n, shift=0.0, stretch=1.0):
    """Draw both samples, the live one moved by a share of the reference's deviation."""
    rng = np.random.default_rng(m + n)
    reference, live = EVERY[shape](rng, m), EVERY[shape](rng, n)
    # Scaled first: the squares of huge and tiny values do not exist.
    scale = np.abs(reference).max() or 1.0
    return reference, live * stretch + shift * (reference / scale).std() * scale


def counted(reference, live):
    """Count both in the reference's fine bins."""
    profile = ReferenceProfile.fit({"x": reference}, kinds={"x": "numeric"})
    layout = Layout.of(profile)
    tally = Tally(layout)
    tally.add_column(0, live)
    (feature,) = layout.features
    grid = Grid.of([feature.edges], [feature.minimum], [feature.maximum], bins=len(feature.counts))
    return layout.reference_cells[0, BINS:], tally.cells[0, BINS:], grid


every_shape = pytest.mark.parametrize("shape", EVERY)
every_size = pytest.mark.parametrize(("m", "n"), SIZES)
changes = pytest.mark.parametrize(("shift", "stretch"), [(0.0, 1.0), (0.5, 0.7), (-2.0, 1.5)])


# --- ks -------------------------------------------------------------------------------------------------------------


@every_shape
@every_size
@changes
def test_exact_ks_is_never_below_and_at_most_its_error_above(shape, m, n, shift, stretch):
    reference, live = drawn(shape, m, n, shift, stretch)
    q, p, grid = counted(reference, live)
    error = float(ks_error(q, p, grid))
    exact = ks_2samp(reference, live, method="asymp").statistic
    assert -1e-12 <= exact - ks(q, p) <= error + 1e-12
    assert error <= ks_error(q, p) + 1e-12
    if shape in CONTINUOUS | HEAVY and m >= 1_000:
        assert error <= 0.0101


@pytest.mark.parametrize("shape", EVERY)
def test_a_million_rows_a_side_are_within_the_same_bounds(shape):
    reference, live = drawn(shape, 1_000_000, 1_000_000, 0.3)
    q, p, grid = counted(reference, live)
    assert q.sum() == p.sum() == 1_000_000
    exact = ks_2samp(reference, live, method="asymp").statistic
    assert -1e-12 <= exact - ks(q, p) <= float(ks_error(q, p, grid)) + 1e-12
    if shape in CONTINUOUS:
        scale = np.abs(reference).max() or 1.0
        score = wasserstein(q, p, grid, live_minimum=[live.min()], live_maximum=[live.max()])
        assert score == pytest.approx(exactly(reference, live) / scale / (reference / scale).std(), abs=0.01)


# --- wasserstein ----------------------------------------------------------------------------------------------------


@every_shape
@every_size
@changes
def test_exact_wasserstein_is_within_the_limits_that_the_counts_leave(shape, m, n, shift, stretch):
    """For all data: heavy tails, gaps between modes, few values."""
    reference, live = drawn(shape, m, n, shift, stretch)
    q, p, grid = counted(reference, live)
    low, high = limits(
        *(fractions(side)[np.newaxis] for side in (q, p)), grid, live_minimum=[live.min()], live_maximum=[live.max()]
    )
    exact = exactly(reference, live)
    slack = 1e-9 * max(np.abs(reference).max(), np.abs(live).max())
    assert low[0] - slack <= exact <= high[0] + slack


@pytest.mark.parametrize("shape", CONTINUOUS)
@pytest.mark.parametrize(("m", "n"), [(10_000, 10_000), (20_000, 100_000)])
@pytest.mark.parametrize("shift", [0.0, 0.2, -0.5, 0.5])
def test_wasserstein_of_continuous_data_is_within_a_hundredth_of_the_exact_one(shape, m, n, shift):
    """With 10,000 rows a side, no heavy tail, and a shift of up to half a deviation."""
    reference, live = drawn(shape, m, n, shift)
    q, p, grid = counted(reference, live)
    scale = np.abs(reference).max() or 1.0
    exact = exactly(reference, live) / scale / (reference / scale).std()
    score = wasserstein(q, p, grid, live_minimum=[live.min()], live_maximum=[live.max()])
    assert score == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize("shape", ["normal", "uniform", "exponential", "timestamps"])
@pytest.mark.parametrize("shift", [0.0, 0.2, 0.5, 1.0])
def test_wasserstein_of_few_rows_is_within_three_hundredths(shape, shift):
    """A thousand values leave ten to a fine bin, so the steps of the samples themselves show."""
    for m, n in ((1_000, 1_000), (1_000, 10_000), (10_000, 1_000)):
        reference, live = drawn(shape, m, n, shift)
        q, p, grid = counted(reference, live)
        score = wasserstein(q, p, grid, live_minimum=[live.min()], live_maximum=[live.max()])
        own = float(deviation(fractions(q)[np.newaxis], grid)[0])
        assert score == pytest.approx(exactly(reference, live) / own, abs=0.03)
        assert own == pytest.approx(reference.std(), rel=0.06)


@pytest.mark.parametrize(
    ("shape", "shift"),
    [
        ("lognormal", 0.0),
        ("lognormal", 0.5),
        ("student", 0.0),
        ("student", 0.5),
        ("zero-inflated", 0.0),
        ("integers", 0.0),
    ],
)
def test_wasserstein_of_heavy_tails_and_ties_is_within_a_tenth_in_units_of_its_own_deviation(shape, shift):
    """The deviation of a heavy tail is itself a matter of its few largest values, which bins do not hold."""
    reference, live = drawn(shape, 20_000, 5_000, shift)
    q, p, grid = counted(reference, live)
    own = float(deviation(fractions(q)[np.newaxis], grid)[0])
    score = wasserstein(q, p, grid, live_minimum=[live.min()], live_maximum=[live.max()])
    assert score == pytest.approx(exactly(reference, live) / own, abs=0.1)
    assert own == pytest.approx(reference.std(), rel=0.25)


def test_wasserstein_knows_the_mass_but_not_the_place_of_values_in_a_wide_gap():
    """Between the reference's integers there is nothing; live halves there may lie next to either."""
    reference = np.repeat(np.arange(5.0), 1_000)
    for moved in (0.1, 0.5, 0.9):
        q, p, grid = counted(reference, reference[reference < 4] + moved)
        score = wasserstein(q, p, grid, live_minimum=[moved], live_maximum=[3 + moved])
        assert score == pytest.approx(exactly(reference, reference[reference < 4] + moved) / reference.std(), abs=0.3)


def exactly(reference, live):
    scale = max(np.abs(reference).max(), np.abs(live).max())
    return wasserstein_distance(reference / scale, live / scale) * scale


# --- exact for the bins ---------------------------------------------------------------------------------------------


@every_shape
@every_size
@changes
def test_scores_of_bins_are_exact(shape, m, n, shift, stretch):
    q, p, _ = counted(*drawn(shape, m, n, shift, stretch))
    reference, live = q / q.sum(), p / p.sum()
    assert js(q, p) == pytest.approx(jensenshannon(reference, live, base=2), abs=1e-7)
    assert hellinger(q, p) == pytest.approx(np.linalg.norm(np.sqrt(reference) - np.sqrt(live)) / 2**0.5, abs=1e-7)
    clamped = np.maximum(reference, CLAMP), np.maximum(live, CLAMP)
    assert psi(q, p) == pytest.approx((rel_entr(*clamped) + rel_entr(*clamped[::-1])).sum(), abs=1e-9)
    table = np.array([q * n, p * m])  # equal sizes, as Cramer's V is here
    table = table[:, table.any(axis=0)]
    if table.shape[1] > 1:
        assert cramers_v(q, p) == pytest.approx(association(table, method="cramer"), abs=1e-9)


@every_shape
def test_no_live_values_are_undefined_for_every_method(shape):
    q, p, grid = counted(EVERY[shape](np.random.default_rng(0), 1_000), np.empty(0))
    scores = [psi(q, p), js(q, p), hellinger(q, p), cramers_v(q, p), ks(q, p), wasserstein(q, p, grid)]
    assert np.isnan(scores).all()
