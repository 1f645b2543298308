"""The tally: every count that is monitored, in two flat arrays of fixed layout.

Tallies of one layout add, whatever they come from: sub-windows, worker processes, partitions of data. The layout is a
pure function of the reference profile and the classes, and has a hash, so that counts of different meaning are never
mixed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from ml_models.catalog import LAG_BUCKETS, LATENCY_BUCKETS
from ml_models.profile.cells import CategoryIndex, to_floats
from ml_models.profile.ingest import Column
from ml_models.profile.reference import MAX_HASHED, FeatureProfile, ReferenceProfile
from ml_models.stats.binning import cumulative_counts

#: Cells of a feature before its bins.
ROWS, MISSING, INVALID, BELOW, ABOVE = range(5)
BINS = 5

#: Endpoints of one model that are told apart; further ones share the last slot.
MAX_ENDPOINTS = 8
#: Classes that are told apart in the confusion cells; the last slot is ``__other__``.
MAX_CLASSES = 20

#: Counters of an endpoint before its latency buckets.
CALLS, PREDICTED, ERRORS = range(3)
BUCKETS = 3

#: How the join of a label or a prediction ended, as in the ``status`` label.
ENDS = ("joined", "corrected", "late", "orphan", "duplicate", "expired", "evicted", "invalid", "direct")

#: Rows with a schema fault, by fault; a row may have both, so the rows with any come after them.
FAULTS = ("missing_column", "unexpected_column")
FAULTY, EXAMINED = -2, -1


@dataclass(frozen=True)
class Layout:
    """Where each count stands.

    Parameters
    ----------
    features : tuple of FeatureProfile
        Columns whose cells are tallied; may be empty.
    classes : int
        Class slots, ``__other__`` included.
    """

    features: tuple[FeatureProfile, ...]
    classes: int = MAX_CLASSES + 1

    @classmethod
    def of(cls, reference: ReferenceProfile | None) -> Layout:
        """Return the layout for a reference, or for none."""
        return cls(reference.features if reference else ())

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Sections of the integer array, in order."""
        width = BINS + max((len(feature.counts) for feature in self.features), default=0)
        return {
            "cells": (len(self.features), width),
            "endpoints": (MAX_ENDPOINTS, BUCKETS + len(LATENCY_BUCKETS) + 1),
            "outcomes": (self.classes, self.classes),
            "predicted": (self.classes,),
            "ends": (len(ENDS),),
            "lags": (len(LAG_BUCKETS) + 2,),
            "schema": (len(FAULTS) + 2,),
        }

    @cached_property
    def size(self) -> int:
        """Length of the integer array."""
        return sum(int(np.prod(shape)) for shape in self.shapes.values())

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything that gives the counts their meaning."""
        meaning = [
            (f.name, f.role, f.kind, f.edges, f.coarse_edges, f.minimum, f.maximum, f.categories, f.others)
            for f in self.features
        ]
        return sha256(repr((meaning, self.shapes, LATENCY_BUCKETS, LAG_BUCKETS)).encode()).hexdigest()

    @cached_property
    def index(self) -> dict[tuple[str, str], int]:
        """Row of each column in ``cells``, by role and name."""
        return {(feature.role, feature.name): row for row, feature in enumerate(self.features)}

    @cached_property
    def coarse(self) -> NDArray[np.intp]:
        """Exported bin of each counted bin, shape ``(n_features, n_bins)``; padding points past the last bin."""
        width = self.shapes["cells"][1] - BINS
        index = np.full((len(self.features), width), self.coarse_width, dtype=np.intp)
        for row, feature in enumerate(self.features):
            index[row, : len(feature.counts)] = feature.coarse_of_fine
        return index

    @cached_property
    def coarse_width(self) -> int:
        """Largest number of exported bins."""
        return max((len(feature.bins) for feature in self.features), default=0)

    def coarsen(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sum the counted bins of ``cells`` into the exported ones, shape ``(n_features, coarse_width)``."""
        rows, width = len(self.features), self.coarse_width
        flat = np.arange(rows)[:, np.newaxis] * (width + 1) + self.coarse
        sums = np.bincount(flat.ravel(), weights=cells[:, BINS:].ravel(), minlength=rows * (width + 1))
        return sums.reshape(rows, width + 1)[:, :width].astype(np.int64)

    @cached_property
    def reference_cells(self) -> NDArray[np.int64]:
        """Return the reference's own counts, as ``cells``."""
        cells = np.zeros(self.shapes["cells"], dtype=np.int64)
        for row, feature in enumerate(self.features):
            cells[row, ROWS], cells[row, MISSING], cells[row, INVALID] = feature.rows, feature.missing, feature.invalid
            cells[row, BINS : BINS + len(feature.counts)] = feature.counts
        return cells

    @cached_property
    def reference_coarse(self) -> NDArray[np.int64]:
        """Return the reference's counts in the exported bins."""
        return self.coarsen(self.reference_cells)

    @cached_property
    def queries(self) -> NDArray[np.float64]:
        """Return the points up to which numeric values are counted.

        Per feature: its edges, infinity as padding, then infinity, just below its minimum, and its maximum.
        """
        points = np.full((len(self.features), self.shapes["cells"][1] - BINS + 2), np.inf)
        for row, feature in enumerate(self.features):
            if feature.kind == "numeric":
                points[row, : len(feature.edges)] = feature.edges
                points[row, -2] = -np.inf if feature.minimum is None else math.nextafter(feature.minimum, -math.inf)
                points[row, -1] = np.inf if feature.maximum is None else feature.maximum
        return points

    @cached_property
    def categorical(self) -> dict[int, CategoryIndex]:
        """Return the category look-up of each feature that has one, by its row."""
        return {
            row: CategoryIndex(feature.categories, feature.others, complete=len(feature.others) < MAX_HASHED)
            for row, feature in enumerate(self.features)
            if feature.kind != "numeric"
        }


class Tally:
    """Counts of one layout.

    Attributes
    ----------
    counts : int64 array of shape (layout.size,)
    sums : float64 array of shape (MAX_ENDPOINTS,)
        Seconds of latency per endpoint.
    cells, endpoints, outcomes, predicted, ends, lags, schema : int64 arrays
        Views into ``counts``. ``ends`` holds joins by how they ended; ``lags`` the times from a prediction to its label
        by :data:`LAG_BUCKETS`, those over, and their sum in milliseconds; ``schema`` rows per fault, the rows with any
        fault, and the rows looked at.

    Examples
    --------
    >>> profile = ReferenceProfile.fit({"x": [1.0, 2.0, 3.0, 4.0]})
    >>> a, b = Tally(Layout.of(profile)), Tally(Layout.of(profile))
    >>> a.add_column(0, [1.0, None]); b.add_column(0, [9.0])
    >>> (a + b).cells[0, [ROWS, MISSING, ABOVE]].tolist()
    [3, 1, 1]
    """

    __slots__ = ("cells", "counts", "endpoints", "ends", "lags", "layout", "outcomes", "predicted", "schema", "sums")

    cells: NDArray[np.int64]
    endpoints: NDArray[np.int64]
    outcomes: NDArray[np.int64]
    ends: NDArray[np.int64]
    lags: NDArray[np.int64]
    predicted: NDArray[np.int64]
    schema: NDArray[np.int64]

    def __init__(
        self, layout: Layout, counts: NDArray[np.int64] | None = None, sums: NDArray[np.float64] | None = None
    ) -> None:
        self.layout = layout
        self.counts = np.zeros(layout.size, dtype=np.int64) if counts is None else counts
        self.sums = np.zeros(MAX_ENDPOINTS) if sums is None else sums
        start = 0
        for name, shape in layout.shapes.items():
            stop = start + int(np.prod(shape))
            setattr(self, name, self.counts[start:stop].reshape(shape))
            start = stop

    def __iadd__(self, other: Tally) -> Tally:
        if other.layout.fingerprint != self.layout.fingerprint:
            raise ValueError("tallies of different layouts do not add: the reference or its bins differ")
        self.counts += other.counts
        self.sums += other.sums
        return self

    def __add__(self, other: Tally) -> Tally:
        total = Tally(self.layout, self.counts.copy(), self.sums.copy())
        total += other
        return total

    def clear(self) -> None:
        """Set every count to 0."""
        self.counts[:] = 0
        self.sums[:] = 0

    def add_block(self, rows: NDArray[np.intp], columns: NDArray[np.float64]) -> None:
        """Count the values of numeric features.

        Parameters
        ----------
        rows : array of shape (n_features,)
            Their rows in ``cells``.
        columns : array of shape (n_features, n_rows)
            Values; NaN is missing.
        """
        cumulative = cumulative_counts(columns, self.layout.queries[rows])
        n_rows = columns.shape[1]
        present = cumulative[:, -3]  # up to infinity, so all but NaN
        cells = self.cells
        cells[rows, ROWS] += n_rows
        cells[rows, MISSING] += n_rows - present
        cells[rows, BELOW] += cumulative[:, -2]
        cells[rows, ABOVE] += present - cumulative[:, -1]
        cells[rows, BINS:] += np.diff(cumulative[:, :-2], axis=1, prepend=0)

    def add_column(self, row: int, values: Column) -> None:
        """Count the cells of one feature, of any kind, good and bad ones."""
        index = self.layout.categorical.get(row)
        if index is not None:
            self.add_codes(row, index.codes(values))
            return
        floats, invalid = to_floats(values)
        self.add_block(np.array([row]), floats[np.newaxis])
        wrong = int(invalid.sum())
        self.cells[row, MISSING] -= wrong
        self.cells[row, INVALID] += wrong

    def add_codes(self, row: int, codes: NDArray[np.int64]) -> None:
        """Count categories by the codes of :class:`CategoryIndex`."""
        counts = np.bincount(codes + 2, minlength=2)
        unseen = len(self.layout.features[row].categories) + 1
        self.cells[row, ROWS] += len(codes)
        self.cells[row, INVALID] += counts[0]
        self.cells[row, MISSING] += counts[1]
        self.cells[row, BINS : BINS + len(counts) - 2] += counts[2:]
        if len(counts) > unseen + 2:
            self.cells[row, ABOVE] += counts[unseen + 2]

    def add_missing(self, row: int, n_rows: int) -> None:
        """Count a column that is absent as so many missing cells."""
        self.cells[row, ROWS] += n_rows
        self.cells[row, MISSING] += n_rows
