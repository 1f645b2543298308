"""What predictions, and labels beside them, add to a tally: the parts that performance is made of.

Scores are those of the positive class, shape ``(n_rows, 1)``, or a probability per class slot, ``(n_rows, n_classes)``.
Everything is a sum over rows, so it does not matter in which process, batch or order they come.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml_models.profile.tally import Tally
from ml_models.stats.regression import error_sums
from ml_models.stats.scores import EPSILON, RELIABILITY_BINS, RELIABILITY_OF, SCORE_BINS, losses, score_bins

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]


def add_estimates(tally: Tally, predicted: Codes, scores: Floats, positive: int | None) -> None:
    """Add what is to be expected of predictions, by their scores alone.

    Parameters
    ----------
    tally : Tally
    predicted : array of shape (n_rows,)
        Class slots; a row without one (-1) is left out, as is one without scores (NaN).
    scores : array of shape (n_rows, 1) or (n_rows, n_classes)
    positive : int or None
        Slot of the positive class, 0 or 1, that single scores are about.

    Examples
    --------
    >>> from ml_models.profile.tally import Layout
    >>> tally = Tally(Layout.of(None))
    >>> add_estimates(tally, np.array([1, 0]), np.array([[0.9], [0.2]]), positive=1)
    >>> tally.estimated[:2, :2].round(3).tolist()  # rows are what is true, columns what is predicted
    [[0.8, 0.1], [0.2, 0.9]]
    """
    kept = _usable(predicted, scores, positive)
    if not kept.any():
        return
    codes, values = predicted[kept], scores[kept]
    if values.shape[1] > 1:
        member = codes[:, np.newaxis] == np.arange(values.shape[1])
        width = values.shape[1]
        tally.estimated[:width, :width] += values.T @ member
        likely = values[np.arange(len(codes)), codes]
        tally.doubt[:width] += (likely * (1 - likely)) @ member
        return
    raw = values[:, 0]
    chance = tally.layout.calibrator(raw)
    bins = score_bins(raw)
    expected = np.bincount(bins, chance, SCORE_BINS)
    tally.estimated_bins[1] += expected
    tally.estimated_bins[0] += np.bincount(bins, minlength=SCORE_BINS) - expected
    doubt = chance * (1 - chance)
    for slot in (0, 1):
        rows = codes == slot
        hits = float(chance[rows].sum())
        tally.estimated[positive, slot] += hits
        tally.estimated[1 - int(positive or 0), slot] += np.count_nonzero(rows) - hits
        tally.doubt[slot] += doubt[rows].sum()


def add_scored(tally: Tally, actual: Codes, predicted: Codes, scores: Floats, positive: int | None) -> None:
    """Add labelled predictions that had scores.

    Parameters
    ----------
    tally : Tally
    actual, predicted : array of shape (n_rows,)
        Class slots; a row that lacks one (-1) is left out.
    scores : array of shape (n_rows, 1) or (n_rows, n_classes)
    positive : int or None
        As in :func:`add_estimates`.

    Examples
    --------
    >>> from ml_models.profile.tally import Layout
    >>> tally = Tally(Layout.of(None))
    >>> add_scored(tally, np.array([1, 1]), np.array([1, 0]), np.array([[0.9], [0.2]]), positive=1)
    >>> tally.scores.sum(axis=1).tolist(), tally.scored[:, :2].tolist(), tally.losses.round(4).tolist()
    ([0, 2], [[1, 1], [0, 1]], [1.7148, 0.65])
    """
    kept = _usable(predicted, scores, positive) & (actual >= 0)
    if not kept.any():
        return
    codes, true, values = predicted[kept], actual[kept], scores[kept]
    right = codes == true
    if values.shape[1] > 1:
        rows = np.arange(len(codes))
        said = likely = values[rows, codes]
        known = true < values.shape[1]
        chance = np.where(known, values[rows, np.minimum(true, values.shape[1] - 1)], 0.0)
        came_true = right
        tally.losses[0] -= np.log(np.clip(chance, EPSILON, 1 - EPSILON)).sum()
        tally.losses[1] += ((values**2).sum(axis=1) - 2 * chance + 1).sum()
    else:
        said, came_true = values[:, 0], true == positive
        chance = tally.layout.calibrator(said)
        likely = np.where(codes == positive, chance, 1 - chance)
        tally.losses += losses(np.where(came_true, said, 1 - said))
    bins = score_bins(said)
    tally.scores += np.bincount(bins + SCORE_BINS * came_true, minlength=2 * SCORE_BINS).reshape(2, -1)
    tally.said += np.bincount(RELIABILITY_OF[bins], said, RELIABILITY_BINS)
    classes = tally.layout.classes
    tally.scored[0] += np.bincount(codes, minlength=classes)
    tally.scored[1] += np.bincount(codes[right], minlength=classes)
    tally.expected[0] += np.bincount(codes, likely, classes)
    tally.expected[1] += np.bincount(codes, likely * (1 - likely), classes)


def add_numbers(tally: Tally, actual: Floats, predicted: Floats) -> None:
    """Add labelled numbers of a regression; a row that lacks a finite number on either side is left out.

    Examples
    --------
    >>> from ml_models.profile.tally import Layout
    >>> tally = Tally(Layout.of(None))
    >>> add_numbers(tally, np.array([2.0, 0.0, np.nan]), np.array([3.0, 1.0, 1.0]))
    >>> tally.numbers.tolist(), tally.errors[:3].tolist()
    ([2, 1], [2.0, 0.0, 2.0])
    """
    # The square of a larger number is infinite, and would stay in the sum for good.
    kept = (np.abs(actual) < _HUGE) & (np.abs(predicted) < _HUGE)
    if not kept.any():
        return
    layout = tally.layout
    sums, nonzero = error_sums(predicted[kept], actual[kept], layout.centre)
    tally.errors += sums
    tally.numbers += np.array([np.count_nonzero(kept), nonzero])
    edges = np.array(layout.residual_edges)
    tally.residuals += np.bincount(
        np.searchsorted(edges, predicted[kept] - actual[kept]), minlength=len(tally.residuals)
    )


_HUGE = 1e140


def _usable(predicted: Codes, scores: Floats, positive: int | None) -> NDArray[np.bool_]:
    """Return which rows have a class and the scores that belong to it."""
    width = scores.shape[1]
    if width == 1 and positive not in {0, 1}:
        return np.zeros(len(predicted), dtype=np.bool_)
    usable: NDArray[np.bool_] = (predicted >= 0) & (predicted < max(width, 2)) & ~np.isnan(scores).any(axis=1)
    return usable
