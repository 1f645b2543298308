"""The tally: everything that is monitored as counts, sums and extremes, in three flat arrays of fixed layout.

Tallies of one layout merge, whatever they come from: sub-windows, worker processes, partitions of data. Counts and sums
add; of extremes the farther one is kept. Each of these is associative and commutative (sums to the last digits) and
has the empty tally as its neutral element, so that neither the order nor the grouping of parts matters. The layout is a
pure function of the reference profile and the classes, and has a hash, so that counts of different meaning are never
mixed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.catalog import BATCH_BUCKETS, LAG_BUCKETS, LATENCY_BUCKETS
from ml_models.errors import DataError
from ml_models.profile.allowed import TextCheck
from ml_models.profile.cells import CategoryIndex
from ml_models.profile.features import counted_values
from ml_models.profile.ingest import Column
from ml_models.profile.packing import pack, unpack
from ml_models.profile.reference import MAX_HASHED, FeatureProfile, ReferenceProfile
from ml_models.profile.times import numbers
from ml_models.profile.together import MomentProfile
from ml_models.stats.binning import finite_range
from ml_models.stats.calibration import Calibrator
from ml_models.stats.counting import Block, PointCounter
from ml_models.stats.moments import Moments
from ml_models.stats.regression import PARTS, residual_edges
from ml_models.stats.scores import RELIABILITY_BINS, SCORE_BINS, SCORE_EDGES

_WHAT = "tally"

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

#: What is summed in seconds for each endpoint: calls, waits in a queue, waits for a first item, making of items.
SECONDS = ("calls", "queued", "first_items", "items")
CALL_SECONDS, QUEUED_SECONDS, FIRST_ITEM_SECONDS, ITEM_SECONDS = range(4)
#: Places of ``extremes``.
MINIMUM, MAXIMUM = range(2)

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
    calibrator : Calibrator
        What makes a probability of a score, for estimates.
    together : MomentProfile, optional
        Of the features whose second moments are tallied.
    """

    features: tuple[FeatureProfile, ...]
    classes: int = MAX_CLASSES + 1
    calibrator: Calibrator = field(default_factory=Calibrator)
    together: MomentProfile | None = None

    @classmethod
    def of(
        cls, reference: ReferenceProfile | None, positive_class: str | None = None, *, multivariate: bool = False
    ) -> Layout:
        """Return the layout for a reference, or for none.

        Scores are those of the positive class; the moments of several features are there only where asked for.
        """
        if reference is None:
            return cls(())
        scores = reference.scores
        return cls(
            reference.features,
            calibrator=scores.calibrator(positive_class) if scores else Calibrator(),
            together=reference.together if multivariate else None,
        )

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
            "batches": (MAX_ENDPOINTS, len(BATCH_BUCKETS) + 1),
            "queued": (MAX_ENDPOINTS, len(LATENCY_BUCKETS) + 1),
            "first_items": (MAX_ENDPOINTS, len(LATENCY_BUCKETS) + 1),
            "items": (MAX_ENDPOINTS,),
            "scores": (2, SCORE_BINS),
            "scored": (2, self.classes),
            "numbers": (2,),
            "residuals": (len(self.residual_edges) + 1,),
            "joint_rows": (0 if self.together is None else 2,),
        }

    @cached_property
    def sum_shapes(self) -> dict[str, tuple[int, ...]]:
        """Sections of the array of sums, in order."""
        width = 0 if self.together is None else len(self.together.names)
        return {
            "seconds": (MAX_ENDPOINTS, len(SECONDS)),
            "said": (RELIABILITY_BINS,),
            "losses": (2,),
            "expected": (2, self.classes),
            "estimated": (self.classes, self.classes),
            "doubt": (self.classes,),
            "estimated_bins": (2, SCORE_BINS),
            "errors": (len(PARTS),),
            "joint_sums": (width,),
            "joint_products": (width, width),
        }

    @cached_property
    def size(self) -> int:
        """Length of the integer array."""
        return _size(self.shapes)

    @cached_property
    def sum_size(self) -> int:
        """Length of the array of sums."""
        return _size(self.sum_shapes)

    @cached_property
    def _target(self) -> FeatureProfile | None:
        """The column that says where a regression's numbers lie: its labels, or its predictions."""
        columns = {feature.role: feature for feature in self.features if feature.kind == "numeric" and feature.edges}
        return columns.get("label", columns.get("prediction"))

    @cached_property
    def centre(self) -> float:
        """A number amid the labels, the median of the reference's; 0 where it has none."""
        return self._target.edges[len(self._target.edges) // 2] if self._target else 0.0

    @cached_property
    def residual_edges(self) -> tuple[float, ...]:
        """Edges of the bins of residuals, on the scale of the reference's labels: their interquartile range."""
        if self._target is None:
            return residual_edges(None)
        edges = self._target.edges
        return residual_edges(edges[3 * len(edges) // 4] - edges[len(edges) // 4])

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything that gives the counts their meaning."""
        meaning = [
            (f.name, f.role, f.kind, f.edges, f.coarse_edges, f.minimum, f.maximum, f.categories, f.others, f.allowed)
            for f in self.features
        ]
        together = None if self.together is None else self.together.encoded()
        rest = (
            self.shapes,
            self.sum_shapes,
            LATENCY_BUCKETS,
            LAG_BUCKETS,
            BATCH_BUCKETS,
            SCORE_EDGES,
            self.residual_edges,
            self.centre,
        )
        return sha256(repr((meaning, rest, self.calibrator, together)).encode()).hexdigest()

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

        Per feature: its edges, infinity as padding, then infinity, and the ends of its valid range: just below the
        lower one, and the upper one.
        """
        points = np.full((len(self.features), self.shapes["cells"][1] - BINS + 2), np.inf)
        for row, feature in enumerate(self.features):
            if feature.ordered:
                points[row, : len(feature.edges)] = feature.edges
                low, high = feature.valid_range
                points[row, -2] = -np.inf if low is None else math.nextafter(low, -math.inf)
                points[row, -1] = np.inf if high is None else high
        return points

    @cached_property
    def counter(self) -> PointCounter:
        """Return what counts numeric values up to :attr:`queries`."""
        return PointCounter(self.queries)

    @cached_property
    def categorical(self) -> dict[int, CategoryIndex]:
        """Return the category look-up of each feature that has one, by its row."""
        return {
            row: CategoryIndex(feature.categories, feature.others, complete=len(feature.others) < MAX_HASHED)
            for row, feature in enumerate(self.features)
            if not feature.ordered
        }

    @cached_property
    def checks(self) -> dict[int, TextCheck]:
        """Return what checks the texts of each feature that does not go by the reference's categories, by its row."""
        return {
            row: TextCheck(feature.allowed)
            for row, feature in enumerate(self.features)
            if feature.allowed is not None and not feature.ordered
        }


class Tally:
    """Counts, sums and extremes of one layout.

    Attributes
    ----------
    counts : int64 array of shape (layout.size,)
        They add.
    sums : float64 array of shape (layout.sum_size,)
        They add.
    extremes : float64 array of shape (2, n_features)
        Least and largest finite value of each numeric column, infinity and minus infinity where there was none. They
        merge by minimum and maximum.
    cells, endpoints, outcomes, predicted, ends, lags, schema, batches, queued, first_items, items : int64 arrays
        Views into ``counts``. ``ends`` holds joins by how they ended; ``lags`` the times from a prediction to its label
        by :data:`LAG_BUCKETS`, those over, and their sum in milliseconds; ``schema`` rows per fault, the rows with any
        fault, and the rows looked at.
    seconds : float64 array of shape (MAX_ENDPOINTS, len(SECONDS))
        View into ``sums``.
    scores, scored : int64 arrays of shape (2, SCORE_BINS) and (2, classes)
        Views into ``counts``, of labelled rows with a score: negatives and positives per score bin (of several classes:
        wrong and right predictions per bin of their probability); rows and right ones per predicted class.
    numbers, residuals : int64 arrays
        Views into ``counts``, of a regression's labelled rows: rows, and those whose actual value is not 0; rows per
        bin of the residual.
    said, losses, expected : float64 arrays
        Views into ``sums``, of labelled rows with a score: their scores per reliability bin; log loss and Brier score;
        per predicted class the probability q that the prediction is right, and q (1 - q).
    estimated, doubt, estimated_bins : float64 arrays
        Views into ``sums``, of all rows with a score: expected confusion, actual by predicted class; q (1 - q) per
        predicted class; expected negatives and positives per score bin.
    errors : float64 array
        View into ``sums``: those of :data:`ml_models.stats.regression.PARTS`.
    joint_rows, joint_sums, joint_products
        Moments of several features, see :meth:`moments`; empty unless the layout has them.

    Examples
    --------
    >>> profile = ReferenceProfile.fit({"x": [1.0, 2.0, 3.0, 4.0]})
    >>> a, b = Tally(Layout.of(profile)), Tally(Layout.of(profile))
    >>> a.add_column(0, [1.0, None]); b.add_column(0, [9.0])
    >>> (a + b).cells[0, [ROWS, MISSING, ABOVE]].tolist(), (a + b).extremes[:, 0].tolist()
    ([3, 1, 1], [1.0, 9.0])
    """

    __slots__ = (
        "batches",
        "cells",
        "counts",
        "doubt",
        "endpoints",
        "ends",
        "errors",
        "estimated",
        "estimated_bins",
        "expected",
        "extremes",
        "first_items",
        "items",
        "joint_products",
        "joint_rows",
        "joint_sums",
        "lags",
        "layout",
        "losses",
        "numbers",
        "outcomes",
        "predicted",
        "queued",
        "residuals",
        "said",
        "schema",
        "scored",
        "scores",
        "seconds",
        "sums",
    )

    cells: NDArray[np.int64]
    endpoints: NDArray[np.int64]
    outcomes: NDArray[np.int64]
    ends: NDArray[np.int64]
    lags: NDArray[np.int64]
    predicted: NDArray[np.int64]
    schema: NDArray[np.int64]
    batches: NDArray[np.int64]
    queued: NDArray[np.int64]
    first_items: NDArray[np.int64]
    items: NDArray[np.int64]
    seconds: NDArray[np.float64]
    scores: NDArray[np.int64]
    scored: NDArray[np.int64]
    numbers: NDArray[np.int64]
    residuals: NDArray[np.int64]
    said: NDArray[np.float64]
    losses: NDArray[np.float64]
    expected: NDArray[np.float64]
    estimated: NDArray[np.float64]
    doubt: NDArray[np.float64]
    estimated_bins: NDArray[np.float64]
    errors: NDArray[np.float64]
    joint_rows: NDArray[np.int64]
    joint_sums: NDArray[np.float64]
    joint_products: NDArray[np.float64]

    def __init__(
        self,
        layout: Layout,
        counts: NDArray[np.int64] | None = None,
        sums: NDArray[np.float64] | None = None,
        extremes: NDArray[np.float64] | None = None,
    ) -> None:
        self.layout = layout
        self.counts = np.zeros(layout.size, dtype=np.int64) if counts is None else counts
        self.sums = np.zeros(layout.sum_size) if sums is None else sums
        self.extremes = _no_extremes(len(layout.features)) if extremes is None else extremes
        self._name_sections(self.counts, layout.shapes)
        self._name_sections(self.sums, layout.sum_shapes)

    def _name_sections(self, array: NDArray[Any], shapes: dict[str, tuple[int, ...]]) -> None:
        start = 0
        for name, shape in shapes.items():
            stop = start + math.prod(shape)
            setattr(self, name, array[start:stop].reshape(shape))
            start = stop

    def __iadd__(self, other: Tally) -> Tally:
        if other.layout.fingerprint != self.layout.fingerprint:
            raise ValueError("tallies of different layouts do not add: the reference or its bins differ")
        self.counts += other.counts
        self.sums += other.sums
        mine, theirs = self.extremes, other.extremes
        np.minimum(mine[MINIMUM], theirs[MINIMUM], out=mine[MINIMUM])
        np.maximum(mine[MAXIMUM], theirs[MAXIMUM], out=mine[MAXIMUM])
        return self

    def __add__(self, other: Tally) -> Tally:
        total = self.copy()
        total += other
        return total

    def copy(self) -> Tally:
        """Return a tally of the same content that shares nothing with this one."""
        return Tally(self.layout, self.counts.copy(), self.sums.copy(), self.extremes.copy())

    def clear(self) -> None:
        """Make it the empty tally."""
        self.counts[:] = 0
        self.sums[:] = 0
        self.extremes[:] = _no_extremes(len(self.layout.features))

    @property
    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """The arrays that a tally is made of: counts, sums, extremes. All others are views of them."""
        return self.counts, self.sums, self.extremes

    def to_bytes(self) -> bytes:
        """Return the tally for a file or another machine, with the fingerprint of its layout."""
        return pack(_WHAT, {"layout": self.layout.fingerprint}, [a.ravel().view(np.int64) for a in self.arrays])

    @classmethod
    def from_bytes(cls, layout: Layout, data: bytes) -> Tally:
        """Return the tally that :meth:`to_bytes` wrote.

        Raises
        ------
        DataError
            If it is cut off, of another layout or of another version.

        Examples
        --------
        >>> layout = Layout.of(ReferenceProfile.fit({"x": [1.0, 2.0]}))
        >>> tally = Tally(layout)
        >>> tally.add_column(0, [7.0])
        >>> Tally.from_bytes(layout, tally.to_bytes()).extremes.tolist()
        [[7.0], [7.0]]
        """
        facts, packed = unpack(_WHAT, data)
        if facts.get("layout") != layout.fingerprint:
            raise DataError("tally: counted with another reference; give the profile that it was counted with")
        tally = cls(layout)
        for mine, read in zip(tally.arrays, packed, strict=True):
            mine[...] = read.view(mine.dtype).reshape(mine.shape)
        return tally

    def add_block(self, rows: NDArray[np.intp], columns: Block) -> None:
        """Count the values of numeric features.

        Parameters
        ----------
        rows : array of shape (n_features,)
            Their rows in ``cells``.
        columns : array of shape (n_features, n_rows), or sequence of arrays of shape (n_rows,)
            Values; NaN is missing.
        """
        cumulative = self.layout.counter.count(columns, rows)
        n_rows = len(columns[0])
        present = cumulative[:, -3]  # up to infinity, so all but NaN
        # Neighbours are written in place; rows picked one by one would be copied out and back.
        neighbours = len(rows) == 1 or bool(np.all(rows[1:] - rows[:-1] == 1))
        cells, at = self.cells, slice(rows[0], rows[-1] + 1) if neighbours else rows
        cells[at, ROWS] += n_rows
        cells[at, MISSING] += n_rows - present
        cells[at, BELOW] += cumulative[:, -2]
        cells[at, ABOVE] += present - cumulative[:, -1]
        cells[at, BINS:] += cumulative[:, :-2]
        cells[at, BINS + 1 :] -= cumulative[:, :-3]
        low, high = finite_range(columns)
        self.extremes[MINIMUM, rows] = np.minimum(self.extremes[MINIMUM, rows], low)
        self.extremes[MAXIMUM, rows] = np.maximum(self.extremes[MAXIMUM, rows], high)

    def add_moments(self, columns: NDArray[np.float64]) -> None:
        """Add rows to the moments of several features.

        Parameters
        ----------
        columns : array of shape (n_features, n_rows)
            Of the features of ``layout.together``, NaN where missing.
        """
        if self.layout.together is not None:
            added = self.layout.together.summed(columns)
            self.joint_rows += np.array([added.rows, added.incomplete])
            self.joint_sums += added.sums
            self.joint_products += added.products

    def moments(self) -> Moments | None:
        """Return the moments of several features; None unless the layout has them."""
        together = self.layout.together
        if together is None:
            return None
        rows, incomplete = self.joint_rows.tolist()
        return Moments(together.moments.centre, rows, incomplete, self.joint_sums, self.joint_products)

    def add_column(self, row: int, values: Column) -> None:
        """Count the cells of one feature, of any kind, good and bad ones."""
        index = self.layout.categorical.get(row)
        if index is not None:
            check = self.layout.checks.get(row)
            self.add_codes(row, index.codes(values), None if check is None else check.outside(counted_values(values)))
            return
        floats, invalid = numbers(values, self.layout.features[row].kind)
        self.add_block(np.array([row]), floats[np.newaxis])
        wrong = int(np.count_nonzero(invalid))
        self.cells[row, MISSING] -= wrong
        self.cells[row, INVALID] += wrong

    def add_codes(self, row: int, codes: NDArray[np.int64], outside: int | None = None) -> None:
        """Count categories by the codes of :class:`CategoryIndex`.

        Parameters
        ----------
        row : int
        codes : array of shape (n_rows,)
        outside : int, optional
            Cells that hold what is not allowed; default those that the reference does not know.
        """
        counts = np.bincount(codes + 2, minlength=2)
        unseen = len(self.layout.features[row].categories) + 1
        self.cells[row, ROWS] += len(codes)
        self.cells[row, INVALID] += counts[0]
        self.cells[row, MISSING] += counts[1]
        self.cells[row, BINS : BINS + len(counts) - 2] += counts[2:]
        if outside is not None:
            self.cells[row, ABOVE] += outside
        elif len(counts) > unseen + 2:
            self.cells[row, ABOVE] += counts[unseen + 2]

    def add_missing(self, row: int, n_rows: int) -> None:
        """Count a column that is absent as so many missing cells."""
        self.cells[row, ROWS] += n_rows
        self.cells[row, MISSING] += n_rows


def _size(shapes: Mapping[str, tuple[int, ...]]) -> int:
    return sum(map(math.prod, shapes.values()))


def _no_extremes(features: int) -> NDArray[np.float64]:
    return np.repeat([[np.inf], [-np.inf]], features, axis=1)
