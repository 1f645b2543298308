"""Drift scores on counts.

Every method is a function ``(reference, live) -> score`` on counts of shape ``(n_bins,)`` or
``(n_features, n_bins)``, all features at once. Rows may be padded with bins that are empty on both sides: they add
nothing to any score. Higher is worse. Where a side has no counts the score is NaN: undefined, not zero.

The registry :data:`METHODS` is what label values, configuration choices and documentation are made from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Fractions are clamped below at this for the logarithms of :func:`psi` and :func:`kl`. It decides how much an emptied
#: bin counts, so the recording rules use the same value.
CLAMP = 1e-4


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
    can be larger by at most the mass of the largest bin.

    Source: N. V. Smirnov, "Table for Estimating the Goodness of Fit of Empirical Distributions", 1948.

    Examples
    --------
    >>> float(ks([5, 5, 0], [0, 5, 5]))
    0.5
    """
    q, p = fractions(reference), fractions(live)
    return np.max(np.abs(np.cumsum(p, axis=-1) - np.cumsum(q, axis=-1)), axis=-1)


def psi_noise(reference_rows: ArrayLike, live_rows: ArrayLike, chi2_quantile: ArrayLike) -> Any:
    """Return the PSI that sampling noise alone exceeds with probability alpha: ``(1/n + 1/m) chi2_{B-1}(1 - alpha)``.

    Parameters
    ----------
    reference_rows, live_rows : array_like of shape (n_features,)
        Values in the bins of each side.
    chi2_quantile : array_like of shape (n_features,)
        From :func:`noise_quantile`; :func:`chi2_quantile` will do where no bin is sparse.

    Source: B. Yurdakul, "Statistical Properties of Population Stability Index", 2018.

    Examples
    --------
    >>> round(float(psi_noise(10_000, 100, chi2_quantile(10, 0.001))), 3)
    0.282
    """
    m, n = np.asarray(reference_rows, dtype=np.float64), np.asarray(live_rows, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (1.0 / n + 1.0 / m) * np.asarray(chi2_quantile, dtype=np.float64)


def chi2_quantile(bins: ArrayLike, alpha: float) -> Any:
    """Return the upper ``alpha`` quantile of the chi-square distribution with ``bins - 1`` degrees of freedom.

    Examples
    --------
    >>> round(float(chi2_quantile(2, 0.05)), 3)
    3.841
    """
    # SciPy costs 0.1 s at import; only monitors with a reference need it.
    from scipy.special import chdtri  # noqa: PLC0415

    return chdtri(np.maximum(np.asarray(bins) - 1, 1), alpha)


def noise_quantile(reference: ArrayLike, live_rows: int, alpha: float) -> Floats:
    """Return what takes the place of the chi-square quantile in :func:`psi_noise`, also where bins are sparse.

    The asymptotic distribution of PSI holds where every bin can expect several live values. In a sparse bin the
    logarithm of the clamp counts for far more: with 30 categories and 200 rows noise alone passes the chi-square
    quantile in up to a third of all windows, not in 0.1 %. So the mean and the variance of PSI's sum are worked out for
    ``live_rows`` draws from the reference, bins taken as independent binomials, and a scaled chi-square distribution of
    the same two is used, unless the asymptotic quantile is higher. With more rows noise only falls.

    Parameters
    ----------
    reference : array_like of shape (n_features, n_bins)
        Counts.
    live_rows : int
        The fewest live rows that are judged.
    alpha : float
        Probability with which noise exceeds the quantile.

    Returns
    -------
    array of shape (n_features,)

    Source: F. E. Satterthwaite, "An Approximate Distribution of Estimates of Variance Components", 1946.

    Examples
    --------
    >>> chi2_quantile([3, 30], 0.001).round(1), noise_quantile([[100] * 3 + [0] * 27, [100] * 30], 200, 0.001).round(1)
    (array([13.8, 58.3]), array([13.8, 77.3]))
    """
    from scipy.special import chdtri, gammaln, xlog1py, xlogy  # noqa: PLC0415 - as above

    counts = np.atleast_2d(np.asarray(reference, dtype=np.float64))
    quantiles = np.array(chi2_quantile(np.count_nonzero(counts, axis=1), alpha), dtype=np.float64)
    n, k = live_rows, np.arange(live_rows + 1)[:, np.newaxis]
    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    p = np.maximum(k / n, CLAMP)
    for feature, filled in enumerate(counts):
        share = filled[filled > 0] / filled.sum()
        chance = np.exp(ways + xlogy(k, share) + xlog1py(n - k, -share))
        q = np.maximum(share, CLAMP)
        terms = (p - q) * np.log(p / q)
        means = np.sum(chance * terms, axis=0)
        mean, variance = means.sum(), np.sum(chance * terms**2) - np.sum(means**2)
        if variance > 0:  # a single bin has no noise
            matched = n * variance / (2 * mean) * chdtri(2 * mean**2 / variance, alpha)
            quantiles[feature] = max(quantiles[feature], matched)
    return quantiles


@dataclass(frozen=True, slots=True)
class Method:
    """A drift method: its function, the bins it works on and the kinds of feature it is defined for."""

    name: str
    score: Callable[[ArrayLike, ArrayLike], Any]
    fine: bool
    ordered: bool


#: All methods by name. ``fine`` ones use the fine bins, ``ordered`` ones are for numeric features only.
METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("psi", psi, fine=False, ordered=False),
        Method("js", js, fine=False, ordered=False),
        Method("ks", ks, fine=True, ordered=True),
        Method("kl", kl, fine=False, ordered=False),
        Method("hellinger", hellinger, fine=False, ordered=False),
        Method("tvd", tvd, fine=False, ordered=False),
        Method("linf", linf, fine=False, ordered=False),
    )
}
