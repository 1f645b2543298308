"""Whether a score says more than chance: noise, p-values, many features at once.

With few values every score is above 0 without any drift; with very many the smallest change has a tiny p-value. So
drift needs both, a score over its threshold and significance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml_models.stats.drift import CLAMP, chi2_statistic, ks

Floats = NDArray[np.float64]


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


def chi2_pvalue(reference: ArrayLike, live: ArrayLike) -> Any:
    """Return the probability that two samples of one distribution have such a chi-square statistic or a larger one.

    The distribution is the asymptotic one; it is good where each filled bin can expect five values of each side. With
    a single filled bin there is nothing that could differ: 1. Both sides are samples: a test that takes the reference's
    fractions for exact, as some tools do, calls too much drift unless the reference is far larger than the live data.

    Parameters
    ----------
    reference, live : array_like of shape (n_bins,) or (n_features, n_bins)
        Counts.

    Source: K. Pearson, "On the Probability that Two Independent Distributions of Frequency are Really Samples from the
    Same Population", 1911.

    Examples
    --------
    >>> round(float(chi2_pvalue([16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8])), 4)
    0.8985
    """
    from scipy.special import chdtrc  # noqa: PLC0415 - as above

    statistic, freedom = chi2_statistic(reference, live)
    found = np.where(freedom > 0, chdtrc(np.maximum(freedom, 1), statistic), 1.0)
    return np.where(np.isnan(statistic), np.nan, found)


def ks_pvalue(statistic: ArrayLike, reference_rows: ArrayLike, live_rows: ArrayLike) -> Any:
    """Return the probability that two samples of one distribution have such a KS statistic or a larger one.

    The distribution is the asymptotic one, for continuous data; ties and the statistic over bins, which is never above
    the exact one, make the p-value larger than it is: it errs towards no drift.

    Parameters
    ----------
    statistic : array_like
        From :func:`ml_models.stats.drift.ks`.
    reference_rows, live_rows : array_like
        Values in the bins of each side.

    Source: N. V. Smirnov, "Table for Estimating the Goodness of Fit of Empirical Distributions", 1948.

    Examples
    --------
    >>> round(float(ks_pvalue(1.3581 * (2 / 1000) ** 0.5, 1000, 1000)), 4)
    0.05
    """
    from scipy.special import kolmogorov  # noqa: PLC0415 - as above

    m, n = np.asarray(reference_rows, dtype=np.float64), np.asarray(live_rows, dtype=np.float64)
    size = np.divide(m * n, m + n, out=np.full(np.broadcast(m, n).shape, np.nan), where=(m > 0) & (n > 0))
    return kolmogorov(np.sqrt(size) * np.asarray(statistic, dtype=np.float64))


def _ks_counts_pvalue(reference: ArrayLike, live: ArrayLike) -> Any:
    rows = (np.asarray(side, dtype=np.float64).sum(axis=-1) for side in (reference, live))
    return ks_pvalue(ks(reference, live), *rows)


#: Of the methods that are tests: the function from counts in the method's bins to the p-value.
PVALUES: Mapping[str, Callable[[ArrayLike, ArrayLike], Any]] = {"chi2": chi2_pvalue, "ks": _ks_counts_pvalue}


def adjusted_pvalues(pvalues: ArrayLike) -> Floats:
    """Return p-values adjusted for their number: the smallest alpha at which :func:`benjamini_hochberg` rejects each.

    Parameters
    ----------
    pvalues : array_like of shape (n_features,)
        NaN where there is none: it stays NaN and does not count.

    Source: Y. Benjamini and Y. Hochberg, "Controlling the False Discovery Rate", 1995.

    Examples
    --------
    >>> adjusted_pvalues([0.01, 0.04, 0.03, 0.5, float("nan")]).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5, nan]
    """
    found = np.asarray(pvalues, dtype=np.float64)
    adjusted = np.full(found.shape, np.nan)
    order = np.argsort(found)[: np.count_nonzero(~np.isnan(found))]  # NaN sorts last
    scaled = found[order] * len(order) / np.arange(1, len(order) + 1)
    # One that is followed by a smaller one is rejected with it.
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def benjamini_hochberg(pvalues: ArrayLike, alpha: float) -> NDArray[np.bool_]:
    """Return which of many hypotheses to reject, so that at most ``alpha`` of the rejected ones are true on average.

    Parameters
    ----------
    pvalues : array_like of shape (n_features,)
        NaN where there is none: it is not rejected and does not count.
    alpha : float
        Expected share of false discoveries.

    Source: Y. Benjamini and Y. Hochberg, "Controlling the False Discovery Rate", 1995.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.5, float("nan")], 0.06).tolist()
    [True, True, True, False, False]
    """
    found = np.asarray(pvalues, dtype=np.float64)
    ordered = np.sort(found[~np.isnan(found)])
    under = np.flatnonzero(ordered <= alpha * np.arange(1, len(ordered) + 1) / max(len(ordered), 1))
    # Up to the largest that is under its own line, and with it all that are equal to it or smaller.
    return found <= ordered[under[-1]] if len(under) else np.zeros(found.shape, dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class DatasetDrift:
    """Drift of many features as one: the share of the judged ones that drifted, and the largest score.

    ``share`` is None where no feature could be judged, ``largest`` where no score is defined.
    """

    judged: int
    share: float | None
    largest: float | None


def dataset_drift(drifted: ArrayLike, scores: ArrayLike) -> DatasetDrift:
    """Return the drift of a data set.

    Parameters
    ----------
    drifted : array_like of shape (n_features,)
        True, False, or None where a feature could not be judged.
    scores : array_like of shape (n_features,)
        NaN where undefined.

    Examples
    --------
    >>> dataset_drift([True, False, None], [0.3, 0.05, 0.9])
    DatasetDrift(judged=2, share=0.5, largest=0.9)
    """
    verdicts = [verdict for verdict in np.asarray(drifted, dtype=object).tolist() if verdict is not None]
    values = np.asarray(scores, dtype=np.float64)
    defined = values[~np.isnan(values)]
    return DatasetDrift(
        len(verdicts),
        sum(map(bool, verdicts)) / len(verdicts) if verdicts else None,
        float(defined.max()) if len(defined) else None,
    )
