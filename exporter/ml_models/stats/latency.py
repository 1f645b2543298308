"""Quantiles from the counts of a histogram."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def histogram_quantile(quantile: float, counts: ArrayLike, bounds: Sequence[float]) -> float | None:
    """Return a quantile, linear inside its bucket, as PromQL's ``histogram_quantile`` does.

    Parameters
    ----------
    quantile : float
        In [0, 1].
    counts : array_like of shape (n_buckets + 1,)
        Observations per bucket (not cumulative), the last one above all bounds.
    bounds : sequence of n_buckets floats
        Upper bounds, ascending and positive.

    Returns
    -------
    float or None
        None without observations; the highest bound if the quantile lies above it.

    Examples
    --------
    >>> histogram_quantile(0.5, [0, 10, 0], [1.0, 2.0])
    1.5
    """
    array = np.asarray(counts, dtype=np.float64)
    total = array.sum()
    if total == 0:
        return None
    cumulative = np.cumsum(array)
    rank = float(quantile * total)
    bucket = int(np.searchsorted(cumulative, rank))
    while bucket < len(bounds) and array[bucket] == 0:
        bucket += 1
    if bucket >= len(bounds):
        return float(bounds[-1])
    lower = float(bounds[bucket - 1]) if bucket else 0.0
    before = float(cumulative[bucket - 1]) if bucket else 0.0
    upper = float(bounds[bucket])
    return min(lower + (upper - lower) * (rank - before) / float(array[bucket]), upper)
