"""Bin edges from a reference, and counts of values between them.

Bins are closed on the right, as Prometheus' ``le`` is: with ascending edges ``e_0 < ... < e_k`` they are
``(-inf, e_0], (e_0, e_1], ..., (e_k, inf)``. The outer bins are open, so every value falls into exactly one bin, and no
live value can move an edge: edges come from the reference alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

#: Rows that are sorted at once: 512 KiB of float64 stay in the L2 cache.
BLOCK_ROWS = 65_536


def quantile_edges(ordered: Floats, bins: int) -> Floats:
    """Return the edges that cut a sorted sample into about ``bins`` bins of equal mass.

    A value on which more than one quantile falls is an atom (many equal values). It gets a bin of its own, by a second
    edge just below it; so zero-inflated, discrete and constant features keep the resolution that they have.

    Parameters
    ----------
    ordered : array of shape (n,)
        Finite values in ascending order.
    bins : int
        At least 2.

    Returns
    -------
    array of shape (k,)
        Ascending, without repeats; empty for an empty sample.

    Examples
    --------
    >>> quantile_edges(np.arange(1.0, 101.0), 4)
    array([25., 50., 75.])
    >>> edges = quantile_edges(np.full(9, 5.0), 4)
    >>> edges[1], edges[0] < 5.0
    (np.float64(5.0), np.True_)
    """
    positions = quantile_positions(len(ordered), bins)
    return edges_at(ordered[positions]) if len(ordered) else np.empty(0)


def quantile_positions(n: int, bins: int) -> NDArray[np.int64]:
    """Return the ranks, from 0, of the values that cut ``n`` values into bins.

    The inverse of the empirical distribution: the smallest value with at least k/bins of the sample up to it.
    """
    if bins < 2:
        raise ValueError(f"bins: found {bins}; at least 2")
    return (np.arange(1, bins) * n + bins - 1) // bins - 1


def edges_at(quantiles: Floats) -> Floats:
    """Return the edges at quantiles, with a second one just below those that are equal."""
    values, hits = np.unique(quantiles, return_counts=True)
    atoms = values[(hits > 1) & (values > np.finfo(np.float64).min)]  # below the lowest float there is no edge
    return np.union1d(values, np.nextafter(atoms, -np.inf))


def coarse_index(fine: Floats, coarse: Floats) -> NDArray[np.intp]:
    """Return, for each fine bin, the coarse bin that contains it.

    Parameters
    ----------
    fine, coarse : arrays of shape (k,) and (j,)
        Edges; every coarse edge is also a fine one.

    Returns
    -------
    array of shape (k + 1,)

    Examples
    --------
    >>> coarse_index(np.array([1.0, 2.0, 3.0]), np.array([2.0]))
    array([0, 0, 1, 1])
    """
    index = np.searchsorted(coarse, fine, side="left")
    return np.append(index, len(coarse))


def cumulative_counts(columns: Floats, queries: Floats) -> Counts:
    """Count, per column, the values up to each query point.

    Sorting small blocks and looking the few points up in them is several times cheaper than looking up every value.

    Parameters
    ----------
    columns : array of shape (n_features, n_rows)
        Each row holds one feature's values; NaN counts nowhere, not even up to infinity.
    queries : array of shape (n_features, n_points)
        Points per feature, in any order.

    Returns
    -------
    array of shape (n_features, n_points)

    Examples
    --------
    >>> cumulative_counts(np.array([[3.0, 1.0, np.nan]]), np.array([[1.0, 2.0, np.inf]]))
    array([[1, 1, 2]])
    """
    totals = np.zeros(queries.shape, dtype=np.int64)
    for start in range(0, columns.shape[1], BLOCK_ROWS):
        block = np.sort(columns[:, start : start + BLOCK_ROWS], axis=1)
        for feature, points in enumerate(queries):
            totals[feature] += block[feature].searchsorted(points, side="right")
    return totals
