"""Rows that repeat an earlier one, found in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ml_models.profile.cells import Coded, Times, is_missing
from ml_models.profile.ingest import Column

#: Distinct rows that are remembered, 8 bytes each; rows after them are not compared, and said to be so.
MAX_ROWS = 4_000_000

_MISSING = 0x9E3779B97F4A7C15
_MIX = np.uint64(0xFF51AFD7ED558CCD)

Hashes = NDArray[np.uint64]


class Duplicates:
    """Counts rows that are equal to an earlier one, by 64-bit hashes of their cells.

    Two different rows have the same hash once in 10**19 pairs; among a million rows, once in 40 million tries. Columns
    may come in any order, and numbers of any type. Hashes are of this process; they are not kept.

    Attributes
    ----------
    rows : int
        Rows that were compared.
    count : int
        Those that repeat one before them.
    left_out : int
        Rows that came after :data:`MAX_ROWS` distinct ones, and were not compared.

    Examples
    --------
    >>> found = Duplicates()
    >>> found.add({"a": [1, 2, 1], "b": ["x", "x", "x"]}, 3)
    >>> found.add({"b": ["x", None], "a": [2.0, 2.0]}, 2)
    >>> found.rows, found.count
    (5, 2)
    """

    def __init__(self) -> None:
        self.rows = self.count = self.left_out = 0
        self._seen: list[Hashes] = []
        self._known = 0

    def add(self, by_name: Mapping[str, Column], n_rows: int) -> None:
        """Compare the rows of a table with each other and with all before."""
        if self._known >= MAX_ROWS:
            self.left_out += n_rows
            return
        hashes = np.zeros(n_rows, dtype=np.uint64)
        for name, column in by_name.items():
            hashes += _mixed(_hashes(column) ^ np.uint64(hash(name) & _ALL))  # a sum does not mind the order
        distinct = np.unique(hashes)
        for part in self._seen:
            places = np.minimum(part.searchsorted(distinct), len(part) - 1)
            distinct = distinct[part[places] != distinct]
        self.rows += n_rows
        self.count += n_rows - len(distinct)
        self._keep(distinct)

    def _keep(self, new: Hashes) -> None:
        """Remember hashes in sorted parts, each at least twice as long as the next: few to search, few to merge."""
        if len(new):
            self._known += len(new)
            while self._seen and len(self._seen[-1]) < 2 * len(new):
                new = np.sort(np.concatenate([self._seen.pop(), new]))
            self._seen.append(new)


_ALL = (1 << 64) - 1
_EXACT = 1 << 53


def _mixed(values: Hashes) -> Hashes:
    """Spread the bits, so that sums of hashes are as good as hashes."""
    for _ in range(2):
        values = (values ^ (values >> np.uint64(33))) * _MIX
    return values ^ (values >> np.uint64(33))


def _hashes(column: Column) -> Hashes:
    if isinstance(column, Coded):
        table = np.array([*map(_hash, column.values), _MISSING], dtype=np.uint64)
        coded: Hashes = table[column.codes]
        return coded
    numbers = column.seconds if isinstance(column, Times) else column
    if isinstance(numbers, np.ndarray) and numbers.dtype.kind in "biuf":
        # A float has the hash of the whole number it equals, as in lists and other columns.
        floats = numbers.astype(np.float64) + 0.0
        bits = floats.view(np.uint64)
        if numbers.dtype.kind in "iu":  # beyond 2**53 several of them are one float
            bits = np.where(np.abs(floats) < _EXACT, bits, numbers.astype(np.uint64))
        found: Hashes = np.where(np.isnan(floats), np.uint64(_MISSING), _mixed(bits))
        return found
    return np.array([_hash(value) for value in column], dtype=np.uint64)


def _hash(value: object) -> int:
    if is_missing(value):
        return _MISSING
    if isinstance(value, int | np.integer) and abs(int(value)) >= _EXACT:
        return int(_mixed(np.array([int(value) & _ALL], dtype=np.uint64))[0])
    if isinstance(value, bool | int | float | np.number | np.bool_):
        return int(_mixed(np.array([float(value) + 0.0]).view(np.uint64))[0])
    try:
        return hash(("", value)) & _ALL  # the empty text alone has the hash of 0
    except TypeError:  # a list or another container
        return hash(("", repr(value))) & _ALL
