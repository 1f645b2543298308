"""Performance of a classifier from its confusion cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ml_models.stats.intervals import wilson


@dataclass(frozen=True, slots=True)
class Performance:
    """Accuracy, precision, recall and F1 with 95 % intervals; None where undefined.

    ``precision``, ``recall`` and ``f1`` are those of the positive class if there is one, else means over the classes
    that occur (macro). Intervals are Wilson's; F1 and macro means have none.
    """

    labels: int
    accuracy: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    intervals: dict[str, tuple[float, float] | None]


def performance(confusion: ArrayLike, positive: int | None = None) -> Performance:
    """Return the performance that a confusion matrix shows.

    Parameters
    ----------
    confusion : array_like of shape (n_classes, n_classes)
        Counts, actual class by predicted class.
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
    hits, actual, predicted = np.diagonal(cells), cells.sum(axis=1), cells.sum(axis=0)
    total = float(cells.sum())
    if total == 0:
        return Performance(0, None, None, None, None, dict.fromkeys(("accuracy", "precision", "recall")))
    accuracy = float(hits.sum() / total)
    intervals = {"accuracy": wilson(float(hits.sum()), total)}
    if positive is not None:
        hit, act, pred = float(hits[positive]), float(actual[positive]), float(predicted[positive])
        intervals |= {"precision": wilson(hit, pred), "recall": wilson(hit, act)}
        return Performance(
            int(total), accuracy, _ratio(hit, pred), _ratio(hit, act), _ratio(2 * hit, act + pred), intervals
        )
    seen = (actual + predicted) > 0
    hits, actual, predicted = hits[seen], actual[seen], predicted[seen]
    intervals |= {"precision": None, "recall": None}
    return Performance(
        int(total),
        accuracy,
        float(np.mean(hits / np.maximum(predicted, 1))),
        float(np.mean(hits / np.maximum(actual, 1))),
        float(np.mean(2 * hits / (actual + predicted))),
        intervals,
    )


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
