"""How good a classifier's scores are, from counts and sums in score bins.

Bins are fixed, so that the counts of all models, references and replicas add. They are fine near 0 and 1, where the
scores of rare classes lie: with 20 bins of equal width the ROC AUC of a model for 3 frauds in 1,000 is 0.3 too low. A
bin holds its lower edge, as a decision threshold does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml_models.stats.intervals import Interval, logit, wilson

Floats = NDArray[np.float64]

_TAIL = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075)
#: Edges between the score bins.
SCORE_EDGES: tuple[float, ...] = (
    *_TAIL,
    *(round(0.05 * step, 2) for step in range(2, 19)),
    *(round(1 - edge, 4) for edge in reversed(_TAIL)),
)
SCORE_BINS = len(SCORE_EDGES) + 1
#: Bins of equal width in which calibration is looked at; each is some score bins together.
RELIABILITY_BINS = 10
#: Probabilities are kept this far from 0 and 1 in the log loss, as scikit-learn does.
EPSILON = float(np.finfo(np.float64).eps)

_EDGES = np.array(SCORE_EDGES)
_TENTHS = np.array([round(0.1 * step, 1) for step in range(1, RELIABILITY_BINS)])
#: Reliability bin of each score bin.
RELIABILITY_OF = np.searchsorted(_TENTHS, (0.0, *SCORE_EDGES), side="right")
_FIRST_OF_TENTH = np.searchsorted(RELIABILITY_OF, np.arange(RELIABILITY_BINS))


def score_bins(scores: Floats) -> NDArray[np.intp]:
    """Return the score bin of each score, shape ``(n_rows,)``.

    Examples
    --------
    >>> score_bins(np.array([0.0, 0.00005, 0.5, 0.52, 1.0])).tolist(), SCORE_BINS
    ([0, 0, 20, 20, 39], 40)
    """
    return np.searchsorted(_EDGES, scores, side="right")


def by_reliability(bins: ArrayLike) -> Floats:
    """Sum score bins, the last axis, into reliability bins.

    Examples
    --------
    >>> by_reliability(np.ones(SCORE_BINS)).tolist()
    [12.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 12.0]
    """
    array = np.asarray(bins, dtype=np.float64)
    sums: Floats = np.add.reduceat(array, _FIRST_OF_TENTH, axis=-1)
    return sums


@dataclass(frozen=True, slots=True)
class Area:
    """Area under a curve, from bins.

    Attributes
    ----------
    value : float
    error : float
        How far the area under the curve of the raw scores can be from it: what the bins hide.
    interval : tuple of float, or None
        Of the sampling, 95 %; None where undefined.
    """

    value: float
    error: float
    interval: Interval


def roc_auc(bins: ArrayLike) -> Area | None:
    """Return the area under the ROC curve, ties one half; None unless there are positives and negatives.

    Parameters
    ----------
    bins : array_like of shape (2, n_bins)
        Negatives and positives per bin in ascending order of the score; counts, or expected counts.

    Notes
    -----
    Rows of one bin are ties. Raw scores could order each pair of a positive and a negative in it either way, so half
    of these pairs is the bound of the error. The variance is DeLong's (E. R. DeLong et al., "Comparing the Areas under
    Two or More Correlated Receiver Operating Characteristic Curves", 1988), the interval that of the log-odds.

    Examples
    --------
    >>> area = roc_auc([[3, 1, 0], [0, 1, 2]])
    >>> round(area.value, 4), round(area.error, 4)
    (0.9583, 0.0417)
    >>> roc_auc([[10], [5]]).value, roc_auc([[10], [0]])
    (0.5, None)
    """
    negatives, positives = np.asarray(bins, dtype=np.float64)
    n, m = float(negatives.sum()), float(positives.sum())
    if n <= 0 or m <= 0:
        return None
    # The share of the other class that a row of the bin is rightly above or below.
    of_positive = (np.cumsum(negatives) - 0.5 * negatives) / n
    of_negative = 1 - (np.cumsum(positives) - 0.5 * positives) / m
    value = float(positives @ of_positive) / m
    variance = 0.0
    for counts, placed, rows in ((positives, of_positive, m), (negatives, of_negative, n)):
        variance += float(counts @ (placed - value) ** 2) / rows / max(rows - 1, 1)
    return Area(value, float(positives @ negatives) / (2 * n * m), logit(value, variance))


def pr_auc(bins: ArrayLike) -> Area | None:
    """Return the area under the precision-recall curve (average precision); None without positives.

    Parameters
    ----------
    bins : array_like of shape (2, n_bins)
        As for :func:`roc_auc`.

    Notes
    -----
    Inside a bin, positives and negatives are taken as evenly mixed. With T positives among the c rows above it, and p
    among the n in it, the precision at its i-th positive is then ``(T + i) / (c + i + (n / p - 1) (i - 1/2))``, and the
    sum of these, as an integral, is ``p q + (T + 1/2 - (c + 1/2) q) q ln(1 + n / (c + 1/2))`` with ``q = p / n``.
    The bound of the error is the farther of the areas with the bin's negatives first, and with its positives first and
    tied. The interval is the logit one of K. Boyd et al., "Area under the Precision-Recall Curve: Point Estimates and
    Confidence Intervals", 2013.

    Examples
    --------
    >>> area = pr_auc([[3, 1, 0], [0, 1, 2]])
    >>> round(area.value, 4), round(area.error, 4)
    (0.9558, 0.0442)
    """
    from scipy.special import digamma  # noqa: PLC0415 - the serving process need not load it

    negatives, positives = np.asarray(bins, dtype=np.float64)[:, ::-1]
    total = float(positives.sum())
    if total <= 0:
        return None
    hits_above, above = np.cumsum(positives) - positives, np.cumsum(positives + negatives) - positives - negatives
    rows = positives + negatives
    filled = positives > 0
    p, n, t, c = positives[filled], rows[filled], hits_above[filled], above[filled]
    share = p / n
    mixed = p * share + (t + 0.5 - (c + 0.5) * share) * share * np.log1p(n / (c + 0.5))
    worst = p - (c + n - p - t) * (digamma(c + n + 1) - digamma(c + n - p + 1))
    best = p * (t + p) / (c + p)
    value, low, high = (float(part.sum()) / total for part in (mixed, worst, best))
    theta = min(max(value, 0.0), 1.0)
    variance = theta * (1 - theta) / total
    return Area(value, max(abs(high - value), abs(value - low)), logit(theta, variance))


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """What was said and what was so, for the scores of one bin.

    Attributes
    ----------
    low, high : float
        Of the scores.
    count : int
    score : float
        Mean score.
    observed : float
        Share that was positive.
    interval : tuple of float
        Wilson's, of the share.
    """

    low: float
    high: float
    count: int
    score: float
    observed: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Reliability:
    """Expected calibration error and the bins behind it; bins without scores are left out."""

    ece: float
    bins: tuple[ReliabilityBin, ...]


def reliability(positives: ArrayLike, rows: ArrayLike, score_sums: ArrayLike) -> Reliability | None:
    """Return how far scores are from the shares that they promise; None without scores.

    Parameters
    ----------
    positives, rows, score_sums : array_like of shape (RELIABILITY_BINS,)
        Positives, all rows and the sum of their scores.

    Notes
    -----
    ``ECE = sum |positives - sum of scores| / rows`` over ten bins of equal width (M. P. Naeini et al., "Obtaining Well
    Calibrated Probabilities Using Bayesian Binning", 2015). It has no error of bins, as they are its definition.

    Examples
    --------
    >>> found = reliability([1, 0, 0, 0, 0, 0, 0, 0, 0, 8], [10, 0, 0, 0, 0, 0, 0, 0, 0, 10], [0.5] + [0.0] * 8 + [9.5])
    >>> found.ece, [(one.score, one.observed) for one in found.bins]
    (0.1, [(0.05, 0.1), (0.95, 0.8)])
    """
    right, counts, sums = (np.asarray(one, dtype=np.float64) for one in (positives, rows, score_sums))
    total = float(counts.sum())
    if total <= 0:
        return None
    bins = [
        ReliabilityBin(
            place / RELIABILITY_BINS,
            (place + 1) / RELIABILITY_BINS,
            int(counts[place]),
            float(sums[place] / counts[place]),
            float(right[place] / counts[place]),
            wilson(float(right[place]), float(counts[place])),
        )
        for place in np.flatnonzero(counts).tolist()
    ]
    return Reliability(float(np.abs(right - sums).sum()) / total, tuple(bins))


def losses(probability: Floats) -> tuple[float, float]:
    """Return the sums of log loss (nats) and of Brier score.

    Parameters
    ----------
    probability : array of shape (n_rows,)
        Of what then happened, for each row.

    Examples
    --------
    >>> [round(loss, 4) for loss in losses(np.array([0.9, 0.5]))]
    [0.7985, 0.26]
    """
    return float(-np.log(np.clip(probability, EPSILON, 1 - EPSILON)).sum()), float(((1 - probability) ** 2).sum())
