"""Performance of a classifier from its confusion cells: over all classes, per class, and means over classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml_models.stats.intervals import Interval, wilson


@dataclass(frozen=True, slots=True)
class Performance:
    """Accuracy, precision, recall and F1 with 95 % intervals; None where undefined.

    ``precision``, ``recall`` and ``f1`` are those of the positive class if there is one, else means over the classes
    that occur (macro). Intervals are Wilson's; F1 and macro means have none.
    """

    labels: float
    accuracy: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    intervals: dict[str, Interval]


@dataclass(frozen=True, slots=True)
class ClassScores:
    """How well one class is told from the others; None where undefined.

    ``support`` is how often it was true, ``predicted`` how often it was predicted: the sample sizes of recall and
    precision.
    """

    support: float
    predicted: float
    precision: float | None
    recall: float | None
    f1: float | None
    intervals: dict[str, Interval]


@dataclass(frozen=True, slots=True)
class Mean:
    """Means of precision, recall and F1 over the classes that occur."""

    precision: float
    recall: float
    f1: float


def performance(confusion: ArrayLike, positive: int | None = None) -> Performance:
    """Return the performance that a confusion matrix shows.

    Parameters
    ----------
    confusion : array_like of shape (n_classes, n_classes)
        Counts, actual class by predicted class. Expected counts, which are no whole numbers, do as well.
    positive : int, optional
        Index of the positive class; None for macro means.

    Notes
    -----
    Classes that are neither actual nor predicted are left out of macro means, as scikit-learn does with the labels
    that occur. A class that is never predicted has an undefined precision; in macro means it counts 0, as there.

    Examples
    --------
    >>> result = performance([[50, 10], [5, 35]], positive=1)
    >>> result.accuracy, round(result.precision, 4), result.recall, round(result.f1, 4)
    (0.85, 0.7778, 0.875, 0.8235)
    """
    cells = np.asarray(confusion, dtype=np.float64)
    right, total = float(np.trace(cells)), float(cells.sum())
    if total <= 0:
        return Performance(0, None, None, None, None, dict.fromkeys(("accuracy", "precision", "recall")))
    intervals = {"accuracy": wilson(right, total)}
    if positive is not None:
        one = class_scores(cells, positive)
        return Performance(total, right / total, one.precision, one.recall, one.f1, intervals | one.intervals)
    mean = macro(cells)
    intervals |= {"precision": None, "recall": None}
    if mean is None:
        return Performance(total, right / total, None, None, None, intervals)
    return Performance(total, right / total, mean.precision, mean.recall, mean.f1, intervals)


def class_scores(confusion: ArrayLike, place: int) -> ClassScores:
    """Return precision, recall and F1 of one class against all others.

    Examples
    --------
    >>> found = class_scores([[50, 10], [5, 35]], 0)
    >>> found.support, found.predicted, round(found.precision, 4), round(found.recall, 4), round(found.f1, 4)
    (60.0, 55.0, 0.9091, 0.8333, 0.8696)
    """
    cells = np.asarray(confusion, dtype=np.float64)
    hits, support, predicted = float(cells[place, place]), float(cells[place].sum()), float(cells[:, place].sum())
    return ClassScores(
        support,
        predicted,
        _ratio(hits, predicted),
        _ratio(hits, support),
        _ratio(2 * hits, support + predicted),
        {"precision": wilson(hits, predicted), "recall": wilson(hits, support)},
    )


def macro(confusion: ArrayLike) -> Mean | None:
    """Return plain means over the classes that occur, an undefined score as 0; None without outcomes.

    Examples
    --------
    >>> macro([[50, 10], [5, 35]]).recall
    0.8541666666666667
    """
    return _mean(confusion, weighted=False)


def weighted(confusion: ArrayLike) -> Mean | None:
    """Return means that weigh each class by how often it was true, an undefined score as 0.

    Examples
    --------
    >>> weighted([[50, 10], [5, 35]]).recall  # always the accuracy
    0.85
    """
    return _mean(confusion, weighted=True)


def _mean(confusion: ArrayLike, *, weighted: bool) -> Mean | None:
    cells = np.asarray(confusion, dtype=np.float64)
    hits, support, predicted = np.diagonal(cells), cells.sum(axis=1), cells.sum(axis=0)
    weights = support if weighted else (support + predicted > 0).astype(np.float64)
    if not weights.sum() > 0:
        return None
    weights = weights / weights.sum()
    return Mean(
        float(weights @ _ratios(hits, predicted)),
        float(weights @ _ratios(hits, support)),
        float(weights @ _ratios(2 * hits, support + predicted)),
    )


def _ratios(parts: NDArray[np.float64], wholes: NDArray[np.float64]) -> NDArray[np.float64]:
    ratios: NDArray[np.float64] = np.divide(parts, wholes, out=np.zeros(len(parts)), where=wholes > 0)
    return ratios


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
