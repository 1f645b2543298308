"""Errors of numbers, from sums that add."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml_models.stats.intervals import Interval, normal

Floats = NDArray[np.float64]

#: Sums that are kept, in this order. Counters cannot fall, so sums of either sign are kept as two that only rise.
PARTS = (
    "over",  # what was predicted too much
    "under",  # what was predicted too little
    "squared",  # squares of the errors
    "above",  # actual values above the centre, less the centre
    "below",
    "actual_squared",  # squares of the actual values less the centre
    "relative",  # absolute errors in parts of the actual value, where that is not 0
)


@dataclass(frozen=True, slots=True)
class Regression:
    """Performance of a regression; None where undefined.

    Attributes
    ----------
    labels : int
        Rows with a label.
    mae, rmse : float or None
        Mean absolute error, and root of the mean squared error, in the label's unit.
    bias : float or None
        Mean of prediction less actual value: above 0 if too much is predicted.
    r2 : float or None
        Share of the variance that is explained; None where the actual values do not vary.
    mape : float or None
        Mean absolute error in parts of the actual value, over the rows whose actual value is not 0.
    mape_labels : int
        How many rows these are.
    intervals : dict
        95 %, of ``mae`` and ``bias``.
    """

    labels: int
    mae: float | None
    rmse: float | None
    bias: float | None
    r2: float | None
    mape: float | None
    mape_labels: int
    intervals: dict[str, Interval]


def error_sums(predicted: Floats, actual: Floats, centre: float = 0.0) -> tuple[Floats, int]:
    """Return the sums of :data:`PARTS` over some rows, and how many actual values are not 0.

    Parameters
    ----------
    predicted, actual : array of shape (n_rows,)
        Finite.
    centre : float
        Near the actual values. Their variance comes from sums about it: about 0, those of a timestamp would have no
        digit left. The result does not depend on it.

    Examples
    --------
    >>> error_sums(np.array([3.0, 1.0]), np.array([2.0, 4.0]))
    (array([ 1.  ,  3.  , 10.  ,  6.  ,  0.  , 20.  ,  1.25]), 2)
    """
    errors, moved = predicted - actual, actual - centre
    nonzero = actual != 0
    relative = np.abs(errors[nonzero] / actual[nonzero])
    sums = np.array([
        np.maximum(errors, 0).sum(), np.maximum(-errors, 0).sum(), errors @ errors,
        np.maximum(moved, 0).sum(), np.maximum(-moved, 0).sum(), moved @ moved, relative.sum(),
    ])  # fmt: skip
    return sums, int(np.count_nonzero(nonzero))


def regression(sums: ArrayLike, labels: int, nonzero: int) -> Regression:
    """Return the performance that sums of errors show.

    Parameters
    ----------
    sums : array_like of shape (len(PARTS),)
    labels, nonzero : int
        Rows, and those whose actual value is not 0.

    Examples
    --------
    >>> found = regression(*[error_sums(np.array([3.0, 1.0, 5.0]), np.array([2.0, 4.0, 5.0]))[0], 3, 3])
    >>> found.mae, round(found.rmse, 4), round(found.bias, 4), round(found.r2, 4), round(found.mape, 4)
    (1.3333333333333333, 1.8257, -0.6667, -1.1429, 0.4167)
    """
    over, under, squared, above, below, actual_squared, relative = np.asarray(sums, dtype=np.float64).tolist()
    if labels <= 0:
        return Regression(0, None, None, None, None, None, 0, {"mae": None, "bias": None})
    mae, bias, mean_squared = (over + under) / labels, (over - under) / labels, squared / labels
    variation = actual_squared - (above - below) ** 2 / labels
    # What is left of rounding is no variation.
    varies = variation > 1e-12 * actual_squared
    spread = max(labels - 1, 1)
    return Regression(
        labels,
        mae,
        sqrt(mean_squared),
        bias,
        1 - squared / variation if varies else None,
        relative / nonzero if nonzero else None,
        nonzero,
        {
            "mae": normal(mae, (mean_squared - mae**2) / spread, low=0.0),
            "bias": normal(bias, (mean_squared - bias**2) / spread),
        },
    )


def residual_edges(scale: float | None) -> tuple[float, ...]:
    """Return the edges of the bins in which residuals (prediction less actual value) are counted.

    Parameters
    ----------
    scale : float or None
        Spread of the labels, such as their interquartile range; None if it is not known.

    Notes
    -----
    With a scale, edges are parts of it, close around 0 and wide outside. Without, they are 1, 2 and 5 times the powers
    of ten from 0.001 to 100,000, on both sides, so that a residual of any size is told from one of twice the size.

    Examples
    --------
    >>> residual_edges(10.0)[9:15]
    (-1.0, -0.5, 0.0, 0.5, 1.0, 2.0)
    >>> len(residual_edges(None))
    51
    """
    if scale is not None and np.isfinite(scale) and scale > 0:
        parts = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0]
        steps = [scale * part for part in parts]
    else:
        steps = [float(f"{digit}e{power}") for power in range(-3, 6) for digit in (1, 2, 5)][:25]
    return (*(-step for step in reversed(steps)), 0.0, *steps)
