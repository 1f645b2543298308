"""Drift scores on counts.

Every method is a function ``(reference, live) -> score`` on counts of shape ``(n_bins,)`` or
``(n_features, n_bins)``, all features at once; a method for which it matters where the bins lie takes their
:class:`~ml_models.stats.transport.Grid` too. Rows may be padded with bins that are empty on both sides: they add
nothing to any score. Higher is worse. Where a side has no counts the score is NaN: undefined, not zero.

The registry :data:`METHODS` is what label values, configuration choices and documentation are made from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml_models.stats.transport import Grid, distance

Floats = NDArray[np.float64]

#: Fractions are clamped below at this for the logarithms of :func:`psi` and :func:`kl`. It decides how much an emptied
#: bin counts, so the recording rules use the same value.
CLAMP = 1e-4

#: Scores above this are drift where nothing else is configured: customary for PSI, and the other methods' scores
#: of like shifts are no smaller.
THRESHOLD = 0.1


def fractions(counts: ArrayLike) -> Any:
    """Return counts divided by their sum along the last axis; NaN where the sum is 0.

    Examples
    --------
    >>> fractions([[1, 3], [0, 0]])
    array([[0.25, 0.75],
           [ nan,  nan]])
    """
    array = np.asarray(counts, dtype=np.float64)
    total = array.sum(axis=-1, keepdims=True)
    return np.divide(array, total, out=np.full(array.shape, np.nan), where=total > 0)


def psi(reference: ArrayLike, live: ArrayLike) -> Any:
    """Return the population stability index, in nats: ``sum((p - q) ln(p / q))`` both clamped below at :data:`CLAMP`.

    Source: S. Lewis, "An Introduction to Credit Scoring", 1994; B. Yurdakul, "Statistical Properties of Population
    Stability Index", 2018.

    Examples
    --------
    >>> round(float(psi([16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8])), 7)
    0.0372184
    """
    q, p = np.maximum(fractions(reference), CLAMP), np.maximum(fractions(live), CLAMP)
    return np.sum((p - q) * np.log(p / q), axis=-1)


def kl(reference: ArrayLike, live: ArrayLike) -> Any:
    """Return the Kullback-Leibler divergence of live from reference, in nats: ``sum(q ln(q / p))``.

    Fractions that were clamped no longer sum to 1, so the sum itself could be below 0 by as much as they were moved;
    it is cut there.

    Source: S. Kullback and R. A. Leibler, "On Information and Sufficiency", 1951.

    Examples
    --------
    >>> round(float(kl([16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8])), 7)
    0.0189097
    """
    q, p = np.maximum(fractions(reference), CLAMP), np.maximum(fractions(live), CLAMP)
    return np.maximum(np.sum(q * np.log(q / p), axis=-1), 0.0)


def js(reference: ArrayLike, live: ArrayLike) -> Any:
    """Return the Jensen-Shannon distance with logarithms to base 2, in [0, 1].

    Source: J. Lin, "Divergence Measures Based on the Shannon Entropy", 1991; the distance is the square root.

    Examples
    --------
    >>> round(float(js([16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8])), 7)
    0.0817342
    >>> float(js([1, 0], [0, 1]))
    1.0
    """
    q, p = fractions(reference), fractions(live)
    m = (p + q) / 2
    return np.sqrt(np.clip((_relative_entropy(p, m) + _relative_entropy(q, m)) / (2 * np.log(2)), 0.0, 1.0))


def _relative_entropy(p: Floats, m: Floats) -> Any:
    ratio = np.divide(p, m, out=np.ones_like(p), where=p > 0)
    return np.sum(p * np.log(ratio), axis=-1)


def hellinger(reference: ArrayLike, live: ArrayLike) -> Any:
    """Return the Hellinger distance, in [0, 1]: ``sqrt(1 - sum(sqrt(p q)))``.

    Source: E. Hellinger, "Neue Begründung der Theorie quadratischer Formen", 1909.

    Examples
    --------
    >>> round(float(hellinger([16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8])), 4)
    0.0681
    """
    q, p = fractions(reference), fractions(live)
    # The same as 1 - sum(sqrt(p q)), and exactly 0 for equal fractions, where that form loses eight digits.
    return np.sqrt(np.minimum(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2, axis=-1) / 2, 1.0))


def tvd(reference: ArrayLike, live: ArrayLike) -> Any:
    """Return the total variation distance, in [0, 1]: half the sum of the absolute differences.

    Examples
    --------
    >>> float(tvd([1, 1], [1, 3]))
    0.25
    """
    return np.sum(np.abs(fractions(live) - fractions(reference)), axis=-1) / 2


def linf(reference: ArrayLike, live: ArrayLike) -> Any:
    """Return the largest absolute difference of the fractions, in [0, 1].

    Examples
    --------
    >>> round(float(linf([2, 2, 2, 0], [2, 2, 2, 1])), 2)
    0.14
    """
    return np.max(np.abs(fractions(live) - fractions(reference)), axis=-1)


def ks(reference: ArrayLike, live: ArrayLike) -> Any:
    """Return the Kolmogorov-Smirnov statistic over the bin edges, in [0, 1].

    It is the largest difference of the cumulative fractions. At the edges it is exact; between them the true statistic
    can be larger by at most :func:`ks_error`.

    Source: N. V. Smirnov, "Table for Estimating the Goodness of Fit of Empirical Distributions", 1948.

    Examples
    --------
    >>> float(ks([5, 5, 0], [0, 5, 5]))
    0.5
    """
    q, p = fractions(reference), fractions(live)
    return np.max(np.abs(np.cumsum(p, axis=-1) - np.cumsum(q, axis=-1)), axis=-1)


def ks_error(reference: ArrayLike, live: ArrayLike, grid: Grid | None = None) -> Any:
    """Return by how much the KS statistic of the raw values can be above that of their counts.

    Inside a bin the difference of the two cumulative distributions can grow by what one side holds there before the
    other has begun, so by no more than the smaller of the two fractions. Bins of a single value add nothing.

    Parameters
    ----------
    reference, live : array_like of shape (n_bins,) or (n_features, n_bins)
        Counts in the fine bins.
    grid : Grid, optional
        Tells which bins hold a single value.

    Examples
    --------
    >>> float(ks_error([5, 90, 5], [10, 80, 10]))
    0.8
    >>> float(ks_error([5, 90, 5], [10, 80, 10], Grid.of([[0.0, np.nextafter(0.0, 1.0)]], [-1.0], [1.0], bins=3)))
    0.05
    """
    smaller = np.minimum(fractions(reference), fractions(live))
    if grid is not None:
        smaller = np.where(grid.atoms.reshape(smaller.shape), 0 * smaller, smaller)
    return np.max(smaller, axis=-1)


def wasserstein(
    reference: ArrayLike,
    live: ArrayLike,
    grid: Grid,
    *,
    live_minimum: ArrayLike | None = None,
    live_maximum: ArrayLike | None = None,
) -> Any:
    """Return the Wasserstein distance of order 1, in standard deviations of the reference.

    It is the integral of the absolute difference of the cumulative distributions, values taken as evenly spread inside
    a bin; see :mod:`ml_models.stats.transport` for the outer bins. NaN where the reference has but one value.

    Parameters
    ----------
    reference, live : array_like of shape (n_bins,) or (n_features, n_bins)
        Counts in the fine bins.
    grid : Grid
        Where the bins lie; of one feature for counts of one.
    live_minimum, live_maximum : array_like of shape (n_features,), optional
        Range of the live values. Without it those beyond the reference's range count as if cut to it, so a large shift
        scores too low.

    Source: L. N. Vaserstein, "Markov Processes over Denumerable Products of Spaces", 1969.

    Examples
    --------
    >>> grid = Grid.of([[0.0, 1.0, 2.0, 3.0, 4.0]], [0.0], [4.0], bins=6)
    >>> round(float(wasserstein([0, 5, 5, 5, 5, 0], [0, 0, 5, 5, 10, 0], grid)), 4), round(0.75 * (12 / 16) ** 0.5, 4)
    (0.6495, 0.6495)
    """
    q, p = fractions(reference), fractions(live)
    scores = distance(np.atleast_2d(q), np.atleast_2d(p), grid, live_minimum=live_minimum, live_maximum=live_maximum)
    return scores.reshape(q.shape[:-1])


def chi2_statistic(reference: ArrayLike, live: ArrayLike) -> tuple[Any, Any]:
    """Return the two-sample chi-square statistic of counts and its degrees of freedom.

    Degrees of freedom are the bins that either side fills, less one.

    Examples
    --------
    >>> statistic, freedom = chi2_statistic([16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8])
    >>> round(float(statistic), 4), int(freedom)
    (1.6224, 5)
    """
    m, n = np.asarray(reference, dtype=np.float64), np.asarray(live, dtype=np.float64)
    rows_m, rows_n = m.sum(axis=-1), n.sum(axis=-1)
    both = m + n
    difference = fractions(live) - fractions(reference)
    terms = np.divide(difference**2, both, out=np.where(np.isnan(difference), np.nan, 0.0), where=both > 0)
    return rows_m * rows_n * np.sum(terms, axis=-1), np.maximum(np.count_nonzero(both, axis=-1) - 1, 0)


def cramers_v(reference: ArrayLike, live: ArrayLike) -> Any:
    """Return Cramer's V of the two samples, in [0, 1], both given the same weight.

    V is the root of the chi-square statistic over the number of values. Of samples of different sizes it would depend
    on them: a shift that gives 0.3 with as many live values as reference values gives 0.04 with a hundredth of them. So
    both are scaled to the same size, which makes it ``sqrt(sum((p - q)**2 / (p + q)) / 2)``.

    Source: H. Cramer, "Mathematical Methods of Statistics", 1946.

    Examples
    --------
    >>> round(float(cramers_v([16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8])), 4), round((1.6224 / 176) ** 0.5, 4)
    (0.096, 0.096)
    """
    return np.sqrt(np.minimum(chi2_statistic(fractions(reference), fractions(live))[0] / 2, 1.0))


@dataclass(frozen=True, slots=True)
class Method:
    """A drift method: its function, the bins it works on and the kinds of feature it is defined for.

    Attributes
    ----------
    name : str
    function : callable
        ``(reference, live) -> score``, with the grid as third argument and the live range if ``spaced``.
    definition, scale, source : str
        For the documentation: formula, range and origin.
    fine : bool
        Works on the fine bins.
    ordered : bool
        For numeric and datetime features only.
    spaced : bool
        Needs to know where the bins lie.
    """

    name: str
    function: Callable[..., Any]
    definition: str
    scale: str
    source: str
    fine: bool = False
    ordered: bool = False
    spaced: bool = False

    def score(
        self, reference: ArrayLike, live: ArrayLike, grid: Grid | None = None, extremes: ArrayLike | None = None
    ) -> Any:
        """Return the scores of counts of shape ``(n_bins,)`` or ``(n_features, n_bins)``.

        Parameters
        ----------
        reference, live : array_like
        grid : Grid, optional
            Where the bins lie, for a method that is ``spaced``.
        extremes : array_like of shape (2, n_features), optional
            Least and largest live values, for the same.

        Raises
        ------
        ValueError
            If the method needs a grid and none is given.
        """
        if not self.spaced:
            return self.function(reference, live)
        if grid is None:
            raise ValueError(f"{self.name}: found no grid; give the Grid of the bins")
        low, high = (None, None) if extremes is None else np.asarray(extremes, dtype=np.float64)
        return self.function(reference, live, grid, live_minimum=low, live_maximum=high)


#: All methods by name.
METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("psi", psi, "sum((p - q) ln(p / q)), p and q at least 0.0001", "0 and up, nats", "Lewis 1994"),
        Method("js", js, "square root of the Jensen-Shannon divergence to base 2", "0 to 1", "Lin 1991"),
        Method(
            "ks", ks, "largest difference of the cumulative fractions at the fine edges", "0 to 1", "Smirnov 1948",
            fine=True, ordered=True,
        ),
        Method(
            "wasserstein", wasserstein,
            "area between the cumulative distributions, in standard deviations of the reference", "0 and up",
            "Vaserstein 1969", fine=True, ordered=True, spaced=True,
        ),
        Method(
            "chi2", cramers_v, "Cramer's V, sqrt(sum((p - q)^2 / (p + q)) / 2); p-value of the two-sample chi-square",
            "0 to 1", "Pearson 1911, Cramer 1946",
        ),
        Method("kl", kl, "sum(q ln(q / p)), p and q at least 0.0001", "0 and up, nats", "Kullback and Leibler 1951"),
        Method("hellinger", hellinger, "sqrt(1 - sum(sqrt(p q)))", "0 to 1", "Hellinger 1909"),
        Method("tvd", tvd, "half the sum of the absolute differences", "0 to 1", "total variation"),
        Method("linf", linf, "largest absolute difference", "0 to 1", "Chebyshev distance"),
    )
}  # fmt: skip
