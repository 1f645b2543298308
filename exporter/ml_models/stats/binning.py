"""Bin edges from a reference.

Bins are closed on the right, as Prometheus' ``le`` is: with ascending edges ``e_0 < ... < e_k`` they are
``(-inf, e_0], (e_0, e_1], ..., (e_k, inf)``. The outer bins are open, so every value falls into exactly one bin, and no
live value can move an edge: edges come from the reference alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, Context, Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


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


#: Share of the way to the next edge by which an edge may be moved up.
_EASE = 1e-4


def short_edges(edges: Floats) -> Floats:
    """Return edges of few digits: each is moved up by at most a ten-thousandth of the way to the next one.

    That moves a ten-thousandth of a bin's mass, about 1e-6 of all, and counts are of the edges as they end up here.
    People can read such numbers, and a file holds them in a third of the room. The two edges of a bin of a single value
    stay as they are.

    Parameters
    ----------
    edges : array of shape (k,)
        From :func:`quantile_edges`, ascending.

    Examples
    --------
    >>> short_edges(np.array([1.23456789, 2.0, 3.14159265, 5.0]))
    array([1.2346, 2.    , 3.1416, 5.    ])
    """
    if len(edges) < 2:
        return edges
    gaps = np.diff(edges * _EASE)  # of the edges themselves they can be twice the largest float
    with np.errstate(over="ignore"):
        limits = edges + np.append(gaps, gaps[-1])
    pairs = np.nextafter(edges[:-1], np.inf) == edges[1:]
    alone = ~(np.append(pairs, False) | np.append(False, pairs))
    short = edges.copy()
    exponent = np.floor(np.log10(np.abs(np.where(edges == 0, 1.0, edges))))
    # A whole number over (or times) a power of ten that a float holds exactly is the float nearest to that decimal.
    quick = alone & (exponent >= _DIGITS - _EXACT_POWERS) & (exponent <= _EXACT_POWERS)
    left = quick.copy()
    for digits in range(1, _DIGITS + 1):
        power = digits - 1 - exponent[left]
        over, times = 10.0 ** np.maximum(power, 0), 10.0 ** np.maximum(-power, 0)
        found = np.ceil(edges[left] * over / times) / over * times
        fits = (edges[left] <= found) & (found < limits[left])
        places = np.flatnonzero(left)[fits]
        short[places] = found[fits]
        left[places] = False
    for place in np.flatnonzero(alone & ~quick).tolist():
        edge, limit = float(edges[place]), float(limits[place])
        short[place] = next((near for digits in range(1, _DIGITS) if edge <= (near := _up(edge, digits)) < limit), edge)
    return short


def nested_edges(fine: Floats, coarse: Floats) -> tuple[Floats, Floats]:
    """Return short fine edges with the coarse ones among them, and those.

    Examples
    --------
    >>> nested_edges(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.14159265]))
    (array([1.    , 2.    , 3.    , 3.1416]), array([2.    , 3.1416]))
    """
    exact = np.union1d(fine, coarse)
    short = short_edges(exact) + 0.0  # one of the two zeros, whichever the data has
    return short, short[np.searchsorted(exact, coarse)]


#: Digits that every float holds, and the largest power of ten that it holds exactly.
_DIGITS, _EXACT_POWERS = 15, 22


def _up(value: float, digits: int) -> float:
    """Return the least number of so many significant digits that is not below a value."""
    rounded = float(f"{value:.{digits - 1}e}")
    if rounded >= value:
        return rounded
    return float(Decimal(repr(value)).normalize(Context(prec=digits, rounding=ROUND_CEILING)))


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


def finite_range(columns: Floats | Sequence[NDArray[Any]]) -> tuple[Floats, Floats]:
    """Return the least and the largest finite value of each column; infinity and minus infinity where there is none.

    Parameters
    ----------
    columns : array of shape (n_features, n_rows), or sequence of arrays of shape (n_rows,)

    Returns
    -------
    low, high : array of shape (n_features,)

    Examples
    --------
    >>> finite_range(np.array([[3.0, 1.0, np.nan, np.inf], [np.nan] * 4]))
    (array([ 1., inf]), array([  3., -inf]))
    >>> finite_range([np.array([3, 1])])
    (array([1.]), array([3.]))
    """
    if not isinstance(columns, np.ndarray):
        ends = [finite_range(column[np.newaxis]) for column in columns]
        return np.array([low[0] for low, _ in ends]), np.array([high[0] for _, high in ends])
    if columns.dtype.kind != "f":
        columns = columns.astype(np.float64)
    low, high = columns.min(axis=1, initial=np.inf), columns.max(axis=1, initial=-np.inf)
    gaps = np.isnan(low)  # of a column with NaN it is NaN
    if gaps.any():
        low[gaps] = np.fmin.reduce(columns[gaps], axis=1, initial=np.inf)
        high[gaps] = np.fmax.reduce(columns[gaps], axis=1, initial=-np.inf)
    endless = np.isneginf(low) | np.isposinf(high)
    if endless.any():
        finite = np.isfinite(columns[endless])
        low[endless] = np.where(finite, columns[endless], np.inf).min(axis=1, initial=np.inf)
        high[endless] = np.where(finite, columns[endless], -np.inf).max(axis=1, initial=-np.inf)
    return low + 0.0, high + 0.0  # one of the two zeros, whichever comes first
