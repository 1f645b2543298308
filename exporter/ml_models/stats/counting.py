"""Counts of values up to given points: exact, and without sorting a value.

The range of a feature's points is cut into equal cells. A value's cell comes from a subtraction and a multiplication;
a table says how many points lie in the cells before it; a binary search among the few points of its own cell does the
rest. Rounding is monotone, so a greater value never has a lower cell: the counts are exact whatever the floats are, and
the cells only save steps. Everything runs on blocks that stay in the processor's cache.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
#: Columns of equal length: a block, or one array each.
Block = Floats | Sequence[NDArray[Any]]

#: Values that are looked up at once: their intermediate results stay in the L2 cache.
CHUNK = 20_480
#: Rows at once where columns are not contiguous: their cache lines are still there for the next columns.
STRIDED_ROWS = 2_048
#: Cells of a feature with many points; with fewer points fewer are enough.
MAX_CELLS, CELLS_PER_POINT = 1_024, 8
#: Points up to which comparing with each of them is cheaper.
FEW_POINTS = 16


class PointCounter:
    """Counts values up to points that stay the same.

    Parameters
    ----------
    queries : array of shape (n_features, n_points)
        Points per feature, in any order, with repeats and infinities.

    Examples
    --------
    >>> counter = PointCounter(np.array([[2.0, 1.0, np.inf]]))
    >>> counter.count([np.array([3.0, 1.0, np.nan])])
    array([[1, 1, 2]])
    """

    def __init__(self, queries: Floats) -> None:
        n_features, n_points = queries.shape
        ordered = [np.unique(row) for row in queries + 0.0]  # of the two zeros, which are equal, 0.0
        longest = max(map(len, ordered), default=0)
        self._cells = min(MAX_CELLS, CELLS_PER_POINT << longest.bit_length())
        self._before = np.zeros((n_features, self._cells), dtype=np.intp)
        self._low, self._scale = np.zeros(n_features), np.ones(n_features)
        self._depth = np.zeros(n_features, dtype=np.intp)
        self._lengths = list(map(len, ordered))
        self._places = np.empty((n_features, n_points), dtype=np.intp)
        for feature, points in enumerate(ordered):
            self._places[feature] = np.searchsorted(points, queries[feature])
            self._lay(feature, points)
        self._width = longest + (1 << int(self._depth.max(initial=0)))  # a search may look so far past the last one
        self._points = np.full((n_features, self._width), np.inf)
        for feature, points in enumerate(ordered):
            self._points[feature, : len(points)] = points

    @np.errstate(all="ignore")  # cells that are too narrow for floats are not chosen
    def _lay(self, feature: int, points: Floats) -> None:
        """Choose the cells that leave the fewest steps; the outermost points need not lie inside them."""
        finite = points[np.isfinite(points)]
        last = len(finite) - 1
        for depth in range(1, len(points).bit_length()):
            room = (1 << depth) - 1  # points that so many steps tell apart
            for cut in dict.fromkeys((0, 1, room // 2, room)):
                if 2 * cut >= last:
                    continue
                # The cells at both ends are left to what lies outside.
                span = finite[last - cut] - finite[cut]
                scale = (self._cells - 3) / span if 0 < span < np.inf else np.inf
                low = finite[cut] - 1 / scale
                if not (0 < scale < np.inf and np.isfinite(low)):
                    continue
                cells = np.clip((points - low) * scale, 0, self._cells - 1).astype(np.intp)
                if np.bincount(cells).max() <= room:
                    self._low[feature], self._scale[feature], self._depth[feature] = low, scale, depth
                    self._before[feature] = np.searchsorted(cells, np.arange(self._cells))
                    return
        self._depth[feature] = len(points).bit_length()  # one cell: a binary search among all points

    @np.errstate(all="ignore")  # what overflows is beyond every cell
    def count(self, columns: Block, features: NDArray[np.intp] | None = None) -> Counts:
        """Count, per column, the values up to each point.

        Parameters
        ----------
        columns : array of shape (n_columns, n_rows), or sequence of arrays of shape (n_rows,)
            Numbers; NaN counts nowhere, not even up to infinity.
        features : array of shape (n_columns,), optional
            The feature of each column. Default: in order.

        Returns
        -------
        array of shape (n_columns, n_points)
        """
        n_columns, n_rows = len(columns), len(columns[0]) if len(columns) else 0
        which = np.arange(n_columns) if features is None else np.asarray(features)
        inside = np.zeros((n_columns, self._width), dtype=np.int64)
        near = n_columns == 1 or all(column.strides == (column.itemsize,) for column in columns)
        few = n_columns == 1 and self._lengths[which[0]] <= FEW_POINTS
        limit = 3 * CHUNK if few else CHUNK if near else STRIDED_ROWS
        step = -(-n_rows // -(-n_rows // limit)) if n_rows else 1  # parts of even length
        parts = -(-n_columns * step // CHUNK)
        together = -(-n_columns // parts) if parts else 1
        room = _room(together * step)
        for start in range(0, n_rows, step):
            rows = slice(start, min(start + step, n_rows))
            for first in range(0, n_columns, together):
                part = slice(first, first + together)
                if together == 1:
                    self._count_one(inside[first], columns[first][rows], which[first], room)
                else:
                    self._count_some(inside[part], columns[part], rows, which[part], room)
        upto = np.cumsum(inside, axis=1)
        rows_of = np.arange(n_columns)[:, np.newaxis]
        return upto[rows_of, self._places[which]]

    def _count_one(self, inside: Counts, column: NDArray[Any], feature: int, room: _Room) -> None:
        """Add to ``inside`` how many values lie between the points, of one long column."""
        values = np.ascontiguousarray(column, dtype=np.float64)
        made, points = room.of(values.shape), self._points[feature]
        if self._lengths[feature] <= FEW_POINTS:
            few = points[: self._lengths[feature]]
            upto = [np.count_nonzero(np.less_equal(values, point, out=made.above)) for point in few.tolist()]
            inside[: len(few)] += np.array(upto, dtype=np.int64)
            inside[1 : len(few)] -= np.array(upto[:-1], dtype=np.int64)
            return
        absent = self._cells_of(values, self._low[feature], self._scale[feature], made)
        before = self._before[feature]
        np.take(before, made.wide, out=made.bins, mode="clip")
        self._search(values, points, int(self._depth[feature]), made)
        inside += np.bincount(made.bins, minlength=self._width)
        if absent is not None:
            inside[before[-1]] -= np.count_nonzero(absent)

    def _count_some(self, inside: Counts, columns: Block, rows: slice, which: NDArray[np.intp], room: _Room) -> None:
        """Do the same for several columns in one go."""
        made = room.of((len(which), rows.stop - rows.start))
        values = made.values
        if isinstance(columns, np.ndarray):
            np.copyto(values, columns[:, rows])
        else:
            for row, column in enumerate(columns):
                values[row] = column[rows]
        absent = self._cells_of(values, self._low[which, np.newaxis], self._scale[which, np.newaxis], made)
        made.wide += (which * self._cells)[:, np.newaxis]
        np.take(self._before.ravel(), made.wide, out=made.bins, mode="clip")
        made.bins += (np.arange(len(which)) * self._width)[:, np.newaxis]
        self._search(values, self._points[which].ravel(), int(self._depth[which].max()), made)
        inside += np.bincount(made.bins.ravel(), minlength=inside.size).reshape(inside.shape)
        if absent is not None:
            inside[np.arange(len(which)), self._before[which, -1]] -= np.count_nonzero(absent, axis=1)

    def _cells_of(self, values: Floats, low: Any, scale: Any, made: _Room) -> NDArray[np.bool_] | None:
        """Write each value's cell to ``made.wide``, the last one for NaN; return where that is, None if nowhere."""
        np.subtract(values, low, out=made.floats)
        np.multiply(made.floats, scale, out=made.floats)
        absent = None
        if np.isnan(made.floats.min()):
            absent = np.isnan(values)
            np.fmin(made.floats, self._cells - 1, out=made.floats)  # which a NaN becomes
        np.clip(made.floats, 0, self._cells - 1, out=made.floats)
        np.copyto(made.short, made.floats, casting="unsafe")  # by way of the short integers, which processors have
        np.copyto(made.wide, made.short)
        return absent

    @staticmethod
    def _search(values: Floats, points: Floats, depth: int, made: _Room) -> None:
        """Move each bin on to the number of its points below the value, of which at most ``2**depth - 1`` are left."""
        for bit in reversed(range(depth)):
            np.take(points[(1 << bit) - 1 :], made.bins, out=made.floats, mode="clip")
            np.greater(values, made.floats, out=made.above)
            if bit == 0:
                np.add(made.bins, made.above, out=made.bins)
            else:
                np.copyto(made.wide, made.above)
                made.wide <<= bit
                made.bins += made.wide


class _Room:
    """Intermediate results of one chunk."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._memory = np.empty((4, size))
        self._flags = np.empty(size, dtype=np.bool_)

    def of(self, shape: tuple[int, ...]) -> _Room:
        """Return the same room with arrays of a shape."""
        size = math.prod(shape)
        self.values, self.floats = self._memory[0, :size].reshape(shape), self._memory[1, :size].reshape(shape)
        integers = self._memory[2:].view(np.intp)
        self.wide, self.bins = integers[0, :size].reshape(shape), integers[1, :size].reshape(shape)
        self.short = self._memory[3].view(np.int32)[:size].reshape(shape)  # needed before the bins are
        self.above = self._flags[:size].reshape(shape)
        return self


_THREAD = threading.local()


def _room(size: int) -> _Room:
    """Return the calling thread's room: fresh memory for each count would cost as much as some of its steps."""
    room: _Room | None = getattr(_THREAD, "room", None)
    if room is None or room.size < size:
        room = _THREAD.room = _Room(size)
    return room
