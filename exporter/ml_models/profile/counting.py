"""Counting tables of named columns: their cells, and the rows whose columns are not those of the reference."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np

from ml_models.profile.cells import to_floats
from ml_models.profile.ingest import Column, Columns, absent
from ml_models.profile.tally import EXAMINED, FAULTY, Layout, Tally
from ml_models.stats.counting import CHUNK


class TableCounter:
    """Adds tables to tallies of one layout.

    Parameters
    ----------
    layout : Layout
    skipped : collection of str
        Columns that the reference left out: they are no features, and no fault where they turn up.

    Examples
    --------
    >>> from ml_models.profile.ingest import columns
    >>> from ml_models.profile.reference import ReferenceProfile
    >>> layout = Layout.of(ReferenceProfile.fit({"x": [1.0, 2.0], "y": [1.0, 2.0]}))
    >>> tally = Tally(layout)
    >>> TableCounter(layout).add(tally, columns({"x": [1.5, 1.5], "z": [0, 0]}))
    >>> tally.schema.tolist()  # rows with a missing and with an unexpected column, rows with either, all rows
    [2, 2, 2, 2]
    """

    def __init__(self, layout: Layout, skipped: Collection[str] = ()) -> None:
        self.layout = layout
        self.row_of = {f.name: row for row, f in enumerate(layout.features) if f.role == "feature"}
        self._expected, self._skipped = frozenset(self.row_of), frozenset(skipped)

    def add(self, tally: Tally, table: Columns, extra: Collection[str] = ()) -> None:
        """Count the features of a table, and its faults of schema."""
        self.check(tally, table.rows, table.by_name, extra)
        self.add_features(tally, table.by_name, table.rows)

    def faults(self, found: Iterable[object], extra: Collection[str] = ()) -> tuple[set[str], set[str]]:
        """Return which expected columns are missing from those found, and which found ones are unexpected.

        Parameters
        ----------
        found : iterable
            Names of columns.
        extra : collection of str
            Columns that are no features and no fault, such as a prediction id.
        """
        given = set(map(str, found))
        return set(self._expected - given), given - self._expected - self._skipped - set(extra)

    def check(self, tally: Tally, n_rows: int, found: Iterable[object], extra: Collection[str] = ()) -> None:
        """Count rows that have these columns, and whether that is a fault."""
        missing, unexpected = self.faults(found, extra)
        examined(tally, n_rows, missing=bool(missing), unexpected=bool(unexpected))

    def add_features(self, tally: Tally, by_name: Mapping[str, Column], n_rows: int) -> None:
        """Count the cells of every feature; one without a column counts as so many missing cells."""
        block_rows, block = [], []
        for name, row in self.row_of.items():
            column = by_name.get(name)
            if column is None:
                tally.add_missing(row, n_rows)
            elif not isinstance(column, np.ndarray) or self.layout.features[row].kind != "numeric":
                tally.add_column(row, column)
            elif n_rows >= CHUNK and column.flags.c_contiguous:  # nothing is gained by holding several long ones
                tally.add_block(np.array([row]), [column])
            else:
                block_rows.append(row)
                block.append(column)
        if block:
            tally.add_block(np.array(block_rows), block)
        if self.layout.together is not None:
            names = self.layout.together.names
            tally.add_moments(np.array([to_floats(by_name.get(name, absent(n_rows)))[0] for name in names]))


def examined(tally: Tally, n_rows: int, *, missing: bool = False, unexpected: bool = False) -> None:
    """Count rows whose columns were looked at, by what was found."""
    tally.schema[0] += n_rows * missing
    tally.schema[1] += n_rows * unexpected
    tally.schema[FAULTY] += n_rows * (missing or unexpected)
    tally.schema[EXAMINED] += n_rows
