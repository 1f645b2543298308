"""Distance and spread on the line of a feature's values, from the fractions of its bins.

Inside a bin between two edges values are taken as evenly spread. A bin of two edges next to each other holds one value,
so it is a point mass. The outer bins are open, and there an even spread up to the farthest value would be wrong for all
but uniform data: a single absurd value would stretch a hundredth of all the mass. So the mass beyond the last edge goes
on as in the bins before it. Its survival function is ``(1 - x / L) ** a`` over the length L from the edge to the
farthest value, with the ``a`` whose curve, followed back, holds those bins too. For uniform data that is an
even spread, for exponential data an exponential tail. Only its mean ``L / (a + 1)`` and variance are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Bins before the last edge that tell how the tail falls off: few enough to be near it, enough to hold live values.
TAIL_BINS = 5
#: Width of bins, in units of the range of all edges, below which they are a point mass.
SMALL = 1e-9


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the bins of numeric features lie.

    Attributes
    ----------
    edges : array of shape (n_features, n_bins - 1)
        Ascending; a feature with fewer has its last one repeated, one without any has NaN.
    minimum, maximum : array of shape (n_features,)
        Range of the reference.

    Examples
    --------
    >>> Grid.of([[1.0, 2.0], []], [0.5, None], [2.5, None], bins=4).edges
    array([[ 1.,  2.,  2.],
           [nan, nan, nan]])
    """

    edges: Floats
    minimum: Floats
    maximum: Floats

    @classmethod
    def of(
        cls,
        edges: Sequence[Sequence[float]],
        minimum: Sequence[float | None],
        maximum: Sequence[float | None],
        bins: int,
    ) -> Grid:
        """Return the grid of features with different numbers of edges, padded to ``bins`` bins."""
        padded = np.full((len(edges), bins - 1), np.nan)
        for row, own in enumerate(edges):
            if len(own):
                padded[row, : len(own)] = own
                padded[row, len(own) :] = own[-1]
        return cls(padded, np.array(minimum, dtype=np.float64), np.array(maximum, dtype=np.float64))

    @property
    def atoms(self) -> NDArray[np.bool_]:
        """Which bins hold a single value, shape ``(n_features, n_bins)``; bins of padding do too."""
        inner = self.edges[:, 1:] <= np.nextafter(self.edges[:, :-1], np.inf)
        return np.pad(inner, [(0, 0), (1, 1)])[:, : self.edges.shape[1] + 1]


@dataclass(frozen=True, slots=True)
class _Line:
    """Where the values of one side lie, from the first edge on, in units that no square of a value can overflow.

    The outer bins reach over the lengths ``below`` and ``above``, and are empty over ``below_gap`` and ``above_gap``
    next to their edges.
    """

    edges: Floats
    widths: Floats
    below: Floats
    above: Floats
    below_gap: Floats
    above_gap: Floats
    last: NDArray[np.intp]  # place of each feature's last edge
    unit: Floats  # half a unit, in those of the feature


@dataclass(frozen=True, slots=True)
class _Tail:
    """Mass in an outer bin, and mean and variance of its distance from the edge."""

    mass: Floats
    mean: Floats
    variance: Floats


def _line(grid: Grid, minimum: ArrayLike | None = None, maximum: ArrayLike | None = None) -> _Line:
    # Halves first: the range of values can be twice the largest float.
    edges, low, high = grid.edges / 2, _known(minimum, grid.minimum) / 2, _known(maximum, grid.maximum) / 2
    first, end = edges[:, 0], edges[:, -1]
    unit = end - first
    alone = unit <= 4 * np.spacing(np.maximum(np.abs(first), np.abs(end)))  # the edges of one point mass
    unit = np.where(alone, grid.maximum / 2 - grid.minimum / 2, unit)
    unit = np.where(unit > 0, unit, 1.0)
    with np.errstate(over="ignore"):  # a length that overflows is a tail without end, which the formulas allow
        places = (edges - first[:, np.newaxis]) / unit[:, np.newaxis]
        below, above = np.maximum(first - low, 0) / unit, np.maximum(high - end, 0) / unit
        below_gap, above_gap = np.maximum(first - high, 0) / unit, np.maximum(low - end, 0) / unit
    last = np.argmax(grid.edges == grid.edges[:, -1:], axis=1)
    widths = np.where(grid.atoms[:, 1:-1], 0.0, np.diff(places, axis=1))
    return _Line(places, widths, below, above, below_gap, above_gap, last, unit)


def _known(given: ArrayLike | None, reference: Floats) -> Floats:
    if given is None:
        return reference
    array = np.asarray(given, dtype=np.float64)
    return np.where(np.isfinite(array), array, reference)


def _tails(share: Floats, line: _Line, *, cut: bool = False) -> tuple[_Tail, _Tail]:
    """Return the lower and the upper tail; ``cut`` if farther values than the range were cut to it."""
    rows, last = np.arange(len(share)), line.last
    cumulative, edges = np.cumsum(share, axis=1), line.edges
    low, high = np.minimum(last, TAIL_BINS), np.maximum(last - TAIL_BINS, 0)
    lower = _tail(
        share[:, 0], cumulative[rows, low] - share[:, 0], edges[rows, low], line.below, line.below_gap, cut=cut
    )
    upper = _tail(
        share[rows, last + 1],
        cumulative[rows, last] - cumulative[rows, high],
        edges[rows, last] - edges[rows, high],
        line.above,
        line.above_gap,
        cut=cut,
    )
    return lower, upper


def _tail(mass: Floats, near: Floats, width: Floats, length: Floats, gap: Floats, *, cut: bool) -> _Tail:
    """Return the tail of a mass, before which ``near`` lies in bins of a width together."""
    length = length - gap
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        back = np.where(np.isfinite(length), length * np.log1p(width / length), width)
        rate = np.log1p(np.maximum(near, 0) / mass) / back
        # Where the mass would rather rise towards its end nothing is known of its form, nor next to one point mass:
        # then it is spread evenly. Values that were cut to the end, though, do lie there.
        even = (width < SMALL) | (gap > 0)
        rate = np.where(even, 1 / length, rate if cut else np.maximum(rate, 1 / length))
        mean = np.where(length > 0, 1 / (rate + 1 / length), 0.0)
        variance = np.where(mean > 0, mean**2 / (1 + 2 / (rate * length)), 0.0)
    return _Tail(mass, np.where(mass > 0, gap + mean, 0.0), np.where(mass > 0, variance, 0.0))


def distance(
    reference: Floats,
    live: Floats,
    grid: Grid,
    *,
    live_minimum: ArrayLike | None = None,
    live_maximum: ArrayLike | None = None,
) -> Floats:
    """Return the Wasserstein distance of order 1 over the reference's standard deviation.

    It is the integral of the absolute difference of the cumulative distributions. An outer bin adds the difference of
    the two mean excesses beyond its edge.

    Parameters
    ----------
    reference, live : array of shape (n_features, n_bins)
        Fractions.
    grid : Grid
    live_minimum, live_maximum : array_like of shape (n_features,), optional
        Range of the live values; without it the reference's, as if farther values were cut to it.

    Returns
    -------
    array of shape (n_features,)
        NaN where a side is empty or the reference has but one value.
    """
    if grid.edges.shape[1] == 0:
        return np.full(len(reference), np.nan)
    line = _line(grid)
    mine = _line(grid, live_minimum, live_maximum)
    gap = np.cumsum(live - reference, axis=1)[:, :-1]
    left, right = np.abs(gap[:, :-1]), np.abs(gap[:, 1:])
    total = left + right
    # Half the sum of the two ends, or two triangles where the difference changes its sign.
    crossing = np.divide(left**2 + right**2, total, out=np.zeros_like(total), where=total > 0)
    inner = np.where(gap[:, :-1] * gap[:, 1:] < 0, crossing, total) * line.widths / 2
    cut = live_minimum is None and live_maximum is None
    outer = sum(
        np.abs(ours.mass * ours.mean - theirs.mass * theirs.mean)
        for ours, theirs in zip(_tails(live, mine, cut=cut), _tails(reference, line), strict=True)
    )
    spread = _deviation(reference, line)
    result = np.divide(inner.sum(axis=1) + outer, spread, out=np.full(len(spread), np.nan), where=spread > 0)
    return np.asarray(result)


def deviation(reference: Floats, grid: Grid) -> Floats:
    """Return the standard deviation of the reference, from its fractions of shape ``(n_features, n_bins)``.

    One absurd value does not blow it up, as it would that of the raw values.

    Examples
    --------
    >>> grid = Grid.of([[1.0, 2.0, 3.0]], [0.0], [4.0], bins=4)
    >>> deviation(np.full((1, 4), 0.25), grid).round(4), round(4 / 12**0.5, 4)
    (array([1.1547]), 1.1547)
    """
    line = _line(grid)
    return 2 * line.unit * _deviation(reference, line)


def _deviation(share: Floats, line: _Line) -> Floats:
    centres = (line.edges[:, 1:] + line.edges[:, :-1]) / 2
    lower, upper = _tails(share, line)
    masses = np.column_stack([lower.mass, share[:, 1:-1], upper.mass])
    beyond = np.arange(share.shape[1] - 2) >= line.last[:, np.newaxis]
    masses[:, 1:-1][beyond] = 0.0  # where a shorter row has its upper outer bin and the padding
    places = np.column_stack([line.edges[:, 0] - lower.mean, centres, line.edges[:, -1] + upper.mean])
    spreads = np.column_stack([lower.variance, line.widths**2 / 12, upper.variance])
    mean = np.sum(masses * places, axis=1, keepdims=True)
    return np.asarray(np.sqrt(np.sum(masses * ((places - mean) ** 2 + spreads), axis=1)))


def limits(
    reference: Floats,
    live: Floats,
    grid: Grid,
    *,
    live_minimum: ArrayLike,
    live_maximum: ArrayLike,
) -> tuple[Floats, Floats]:
    """Return between which values the exact distance of the raw values lies, in the units of the feature.

    Both cumulative distributions are known at the edges and can only rise between them; that alone bounds the integral.
    Parameters are those of :func:`distance`.

    Returns
    -------
    low, high : array of shape (n_features,)
    """
    line = _line(grid)
    mine = _line(grid, live_minimum, live_maximum)
    q, p = np.cumsum(reference, axis=1), np.cumsum(live, axis=1)
    farthest = np.maximum(p[:, 1:-1] - q[:, :-2], q[:, 1:-1] - p[:, :-2])
    nearest = np.maximum(np.maximum(p[:, :-2] - q[:, 1:-1], q[:, :-2] - p[:, 1:-1]), 0)
    high = np.sum(farthest * line.widths, axis=1)
    ends = (line.below, line.above), (mine.below, mine.above)
    for theirs, ours, far, near in zip(_tails(reference, line), _tails(live, mine), *ends, strict=True):
        # Two rectangles that begin at the edge: the area that either covers.
        shared = np.minimum(far, near)
        covered = np.maximum(theirs.mass, ours.mass) * shared
        high = high + covered + theirs.mass * (far - shared) + ours.mass * (near - shared)
    return 2 * line.unit * np.sum(nearest * line.widths, axis=1), 2 * line.unit * high
