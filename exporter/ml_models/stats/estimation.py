"""Performance before labels: what is to be expected if the probabilities are right (CBPE).

A prediction whose class has the probability p is right with the probability p. So the confusion cells to be expected
are sums of probabilities, and any score of them follows as from counted cells. Confidence-based performance estimation
is described in NannyML's documentation. It sees what changes in the data do to performance; it cannot see that the same
data now has other labels (concept drift), which shows as a gap once labels come.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml_models.stats.intervals import Z95, Interval, normal
from ml_models.stats.performance import performance

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimated performance; None where undefined.

    ``intervals`` are where the realised score of these very predictions would lie in 95 % of cases if the
    probabilities are right; the means over classes have none. ``rows`` is how many predictions had a score.
    """

    rows: int
    accuracy: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    intervals: dict[str, Interval]


@dataclass(frozen=True, slots=True)
class Gap:
    """Realised less expected performance of the same labelled rows; None where undefined.

    Attributes
    ----------
    rows : int
        Labelled rows that had a score.
    accuracy, precision, recall, f1 : float or None
        The last three for a positive class only.
    interval : tuple of float, or None
        Of the accuracy's gap if the probabilities are right, about 0.
    significant : bool or None
        Whether the accuracy's gap is outside it: data of this kind has other labels than the reference had.
    """

    rows: int
    accuracy: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    interval: Interval
    significant: bool | None


def estimate(cells: ArrayLike, doubt: ArrayLike, positive: int | None = None) -> Estimate:
    """Return the performance to be expected.

    Parameters
    ----------
    cells : array_like of shape (n_classes, n_classes)
        Expected confusion, actual by predicted class: sums of probabilities.
    doubt : array_like of shape (n_classes,)
        Per predicted class, the sum of q (1 - q), q the probability that the prediction is right.
    positive : int, optional
        Index of the positive class of two; None for macro means.

    Notes
    -----
    The hits are a sum of independent yes-or-no outcomes, so their variance is the doubt. Recall and F1 depend on the
    positives among both predicted classes; their variance is taken to first order (the delta method).

    Examples
    --------
    >>> p = np.array([0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1])  # predicted 1 from 0.5 on
    >>> hit, miss = p[:4].sum(), p[4:].sum()
    >>> found = estimate([[4 - miss, 4 - hit], [miss, hit]], [(p[4:] * (1 - p[4:])).sum(), (p[:4] * (1 - p[:4])).sum()], 1)
    >>> [round(score, 4) for score in (found.accuracy, found.precision, found.recall, found.f1)]
    [0.75, 0.75, 0.75, 0.75]
    """  # noqa: E501 - the example is one line
    expected, spread = np.asarray(cells, dtype=np.float64), np.asarray(doubt, dtype=np.float64)
    found = performance(expected, positive)
    bounds: dict[str, Interval] = dict.fromkeys(("accuracy", "precision", "recall", "f1"))
    if found.accuracy is not None:
        bounds["accuracy"] = _about(found.accuracy, spread.sum() / found.labels**2)
    if positive is not None and found.accuracy is not None:
        hit, positives = float(expected[positive, positive]), float(expected[positive].sum())
        predicted = float(expected[:, positive].sum())
        sure = float(spread[positive])
        missed = float(spread.sum()) - sure
        if found.precision is not None:
            bounds["precision"] = _about(found.precision, sure / predicted**2)
        if found.recall is not None:
            share = hit / positives
            bounds["recall"] = _about(found.recall, ((1 - share) ** 2 * sure + share**2 * missed) / positives**2)
        if found.f1 is not None:
            whole = predicted + positives
            bounds["f1"] = _about(found.f1, 4 * ((whole - hit) ** 2 * sure + hit**2 * missed) / whole**4)
    return Estimate(round(found.labels), found.accuracy, found.precision, found.recall, found.f1, bounds)


def gap(counts: ArrayLike, expected: ArrayLike, positive: int | None = None) -> Gap:
    """Return how far realised performance is from what was to be expected of the same rows.

    Parameters
    ----------
    counts : array_like of shape (2, n_classes)
        Per predicted class, the labelled rows that had a score, and how many of these predictions were right.
    expected : array_like of shape (2, n_classes)
        Of these rows, per predicted class: the sum of q, the probability that the prediction is right, and of q (1-q).
    positive : int, optional
        Index of the positive class of two.

    Examples
    --------
    >>> found = gap([[100, 100], [60, 70]], [[75.0, 80.0], [18.0, 15.0]], positive=1)  # 77.5 % expected, 65 % come true
    >>> round(found.accuracy, 4), [round(end, 4) for end in found.interval], found.significant
    (-0.125, [-0.0563, 0.0563], True)
    """
    (rows, right), (likely, doubt) = np.asarray(counts, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    total = float(rows.sum())
    if total <= 0:
        return Gap(0, None, None, None, None, None, None)
    apart = float(right.sum() - likely.sum()) / total
    half = Z95 * sqrt(max(float(doubt.sum()), 0.0)) / total
    precision = recall = f1 = None
    if positive is not None:
        was, should = performance(_cells(rows, right, positive), 1), performance(_cells(rows, likely, positive), 1)
        precision, recall, f1 = (
            None if one is None or other is None else one - other
            for one, other in ((was.precision, should.precision), (was.recall, should.recall), (was.f1, should.f1))
        )
    return Gap(round(total), apart, precision, recall, f1, (-half, half), abs(apart) > half)


def _cells(rows: Floats, right: Floats, positive: int) -> Floats:
    """Return the confusion of two classes, the positive one last, from the rows of each predicted class."""
    hit, wrong = right[positive], rows[positive] - right[positive]
    true, missed = right.sum() - hit, rows.sum() - right.sum() - wrong
    return np.array([[true, wrong], [missed, hit]])


def _about(value: float, variance: float) -> Interval:
    return normal(value, variance, low=0.0, high=1.0)
