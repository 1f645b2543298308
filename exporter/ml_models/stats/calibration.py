"""From scores to probabilities: an isotonic map fitted on the reference, used only where it helps.

Counts per score bin are all that the fit needs, so a profile that holds them holds no row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml_models.stats.scores import by_reliability, reliability

Floats = NDArray[np.float64]

#: Rows of each class that a fit needs: with fewer, the shares per bin say too little.
MIN_ROWS = 50


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A map from scores to probabilities, linear between its points and level outside; without points the identity.

    Examples
    --------
    >>> Calibrator((0.2, 0.8), (0.1, 0.5))(np.array([0.0, 0.5, 1.0])).tolist(), Calibrator()(np.array([0.3])).tolist()
    ([0.1, 0.3, 0.5], [0.3])
    """

    scores: tuple[float, ...] = ()
    probabilities: tuple[float, ...] = ()

    def __call__(self, scores: Floats) -> Floats:
        """Return the probability of each score."""
        return np.interp(scores, self.scores, self.probabilities) if self.scores else scores


def isotonic(values: ArrayLike, weights: ArrayLike) -> Floats:
    """Return the rising sequence that is nearest to the values, by weighted squares (pool adjacent violators).

    Parameters
    ----------
    values, weights : array_like of shape (n,)
        Weights above 0.

    Notes
    -----
    SciPy has it from 1.12 on, which is newer than the oldest SciPy that this package works with.

    Source: M. Ayer et al., "An Empirical Distribution Function for Sampling with Incomplete Information", 1955.

    Examples
    --------
    >>> isotonic([0.1, 0.4, 0.2, 0.9], [1, 1, 3, 1]).tolist()
    [0.1, 0.25, 0.25, 0.9]
    """
    means: list[float] = []
    masses: list[float] = []
    sizes: list[int] = []
    for value, weight in zip(np.asarray(values, float).tolist(), np.asarray(weights, float).tolist(), strict=True):
        mean, mass, size = value, weight, 1
        while means and means[-1] >= mean:
            mean = (mean * mass + means[-1] * masses[-1]) / (mass + masses[-1])
            mass += masses.pop()
            size += sizes.pop()
            means.pop()
        means.append(mean)
        masses.append(mass)
        sizes.append(size)
    return np.repeat(means, sizes)


def fit_calibrator(halves: ArrayLike, score_sums: ArrayLike) -> Calibrator:
    """Return the isotonic map of the reference, or the identity unless the map lowers the calibration error.

    Parameters
    ----------
    halves : array_like of shape (2, 2, n_bins)
        Negatives and positives per score bin, of two halves of the reference.
    score_sums : array_like of shape (2, n_bins)
        Sums of the scores of each half.

    Notes
    -----
    On the rows that it was fitted on, such a map always lowers the error. So each half is judged by the map of the
    other one, and the map of both is taken if that lowers the two errors together.

    Examples
    --------
    >>> from ml_models.stats.scores import SCORE_BINS, score_bins
    >>> bins, said = np.zeros((2, 2, SCORE_BINS)), np.zeros((2, SCORE_BINS))
    >>> low, high = score_bins(np.array([0.3, 0.9]))
    >>> bins[:, :, low], bins[:, :, high] = [80, 20], [40, 60]  # 0.3 comes true in 20 %, 0.9 in 60 %
    >>> said[:, low], said[:, high] = 100 * 0.3, 100 * 0.9
    >>> fit_calibrator(bins, said)(np.array([0.3, 0.6, 0.9])).round(3).tolist()
    [0.2, 0.4, 0.6]
    """
    cells, sums = np.asarray(halves, dtype=np.float64), np.asarray(score_sums, dtype=np.float64)
    if (cells.sum(axis=2) < MIN_ROWS).any():
        return Calibrator()
    before = after = 0.0
    for fitted, judged in ((0, 1), (1, 0)):
        before += _error(cells[judged], sums[judged], Calibrator())
        after += _error(cells[judged], sums[judged], _fit(cells[fitted], sums[fitted]))
    return _fit(cells.sum(axis=0), sums.sum(axis=0)) if after < before else Calibrator()


def _fit(cells: Floats, sums: Floats) -> Calibrator:
    rows = cells.sum(axis=0)
    filled = rows > 0
    shares = isotonic(cells[1, filled] / rows[filled], rows[filled])
    means = sums[filled] / rows[filled]
    return Calibrator(tuple(means.tolist()), tuple(shares.tolist()))


def _error(cells: Floats, sums: Floats, calibrator: Calibrator) -> float:
    """Return the ECE of calibrated scores, each taken as the mean of its bin."""
    rows = cells.sum(axis=0)
    means = np.divide(sums, rows, out=np.zeros(len(rows)), where=rows > 0)
    found = reliability(by_reliability(cells[1]), by_reliability(rows), by_reliability(rows * calibrator(means)))
    return found.ece if found else 0.0
