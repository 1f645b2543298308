"""The profile of one column: its kind, its bins and the counts in them."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml_models.profile.allowed import Allowed
from ml_models.profile.cells import OTHER, UNSEEN, Coded, Times, category, hashed, is_missing, to_floats
from ml_models.profile.ingest import Column
from ml_models.profile.times import MOMENTS, shown
from ml_models.stats.binning import coarse_index, nested_edges, quantile_edges
from ml_models.stats.counting import PointCounter

FINE_BINS = 100
#: Bins where edges come from a sample: of the bins of a sample some hold more than their share, and none is to hold
#: more than a hundredth of the values, which bounds the error of KS.
SAMPLED_BINS = 112
COARSE_BINS = 10
#: Categories that get a bin of their own; the rest share ``__other__``.
MAX_CATEGORIES = 30
#: Rows from which the edges are taken; counts are over all rows.
EDGE_SAMPLE_ROWS = 65_536
#: Known rare categories that are kept, as hashes, to be told from unseen ones.
MAX_HASHED = 1_000
#: A text column with more distinct values than this share of its rows is an identifier.
IDENTIFIER_SHARE = 0.5

#: Rows from which whole numbers that are all different are worth a word.
IDENTIFIER_ROWS = 100

Kind = Literal["numeric", "datetime", "categorical", "boolean"]
#: Kinds whose values have an order, so that bins are ranges; datetimes are seconds of Unix time.
ORDERED_KINDS = frozenset({"numeric", "datetime"})
Role = Literal["feature", "prediction", "label"]


@dataclass(frozen=True, slots=True)
class FeatureProfile:
    """One column of the reference.

    Attributes
    ----------
    name : str
    role : {'feature', 'prediction', 'label'}
    kind : {'numeric', 'datetime', 'categorical', 'boolean'}
    rows, missing, invalid : int
        Cells seen, and those that are missing or of a wrong type.
    counts : tuple of int
        Values per fine bin (numeric, datetime) or per category, then ``__other__`` and ``__unseen__``.
    edges : tuple of float
        Fine edges, of datetimes in seconds of Unix time; empty of other kinds.
    coarse_edges : tuple of float
        The subset of the fine edges between the exported bins.
    minimum, maximum : float or None
        Range of the finite values.
    categories : tuple of str
        Most frequent first; empty if numeric or datetime.
    others : tuple of str
        Known categories without a bin of their own, as hashes, so that they can be told from unseen ones.
    note : str
        What was odd about the column when it was fitted, for people; not kept in files, and no part of equality.
    allowed : Allowed or None
        What is valid, where it is not what the reference holds.
    """

    name: str
    role: Role
    kind: Kind
    rows: int
    missing: int
    invalid: int
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    coarse_edges: tuple[float, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    note: str = field(default="", compare=False)
    allowed: Allowed | None = None

    @property
    def valid_range(self) -> tuple[float | None, float | None]:
        """Least and largest value that are in range: those allowed, else the reference's."""
        if self.allowed is None or not self.ordered:
            return self.minimum, self.maximum
        # An open end is that of all finite numbers.
        low, high = self.allowed.minimum, self.allowed.maximum
        return -sys.float_info.max if low is None else low, sys.float_info.max if high is None else high

    @property
    def constant(self) -> bool:
        """Whether the reference holds a single value."""
        if self.ordered:
            return self.minimum is not None and self.minimum == self.maximum
        return len(self.categories) + len(self.others) == 1

    @property
    def ordered(self) -> bool:
        """Whether its bins are ranges of values."""
        return self.kind in ORDERED_KINDS

    @property
    def bins(self) -> tuple[str, ...]:
        """Labels of the exported bins."""
        if self.ordered:
            return tuple(f"{i:02d}" for i in range(len(self.coarse_edges) + 1))
        return (*self.categories, OTHER, UNSEEN)

    @property
    def coarse_of_fine(self) -> np.ndarray[Any, Any]:
        """Index of the exported bin of each counted bin, shape ``(len(counts),)``."""
        if self.ordered:
            return coarse_index(np.array(self.edges), np.array(self.coarse_edges))
        return np.arange(len(self.counts))

    @property
    def ranges(self) -> tuple[str, ...]:
        """Human-readable contents of the exported bins.

        Examples
        --------
        >>> FeatureProfile("x", "feature", "numeric", 3, 0, 0, (1, 1, 1), (1.0, 2.5), (1.0, 2.5)).ranges
        ('≤ 1', '1 to 2.5', '> 2.5')
        """
        if not self.ordered:
            return self.bins
        edges = self.coarse_edges
        if not edges:
            return ("any",)
        alone = [math.nextafter(high, -math.inf) == low for low, high in pairwise(edges)]
        gaps = [high - low for (low, high), atom in zip(pairwise(edges), alone, strict=True) if not atom]
        texts = [shown(edge, min(gaps, default=0.0)) if self.kind == "datetime" else f"{edge:.6g}" for edge in edges]
        inner = [
            f"= {high}" if atom else f"{low} to {high}"
            for (low, high), atom in zip(pairwise(texts), alone, strict=True)
        ]
        return (f"≤ {texts[0]}", *inner, f"> {texts[-1]}")


def infer_kind(column: Column) -> tuple[Kind | None, str]:
    """Return the kind of a column and a note on it, or None and the reason why it is left out.

    Examples
    --------
    >>> infer_kind([True, None]), infer_kind([1, 2.5]), infer_kind(["a", "b", "a", "a"])
    (('boolean', ''), ('numeric', ''), ('categorical', ''))
    >>> infer_kind([None, None])
    (None, 'every value is missing')
    """
    if isinstance(column, np.ndarray):
        if column.dtype.kind == "f" and np.isnan(column[:1_000]).all() and np.isnan(column).all():
            return None, "every value is missing"
        return ("boolean", "") if column.dtype.kind == "b" else ("numeric", number_note(column))
    if isinstance(column, Times):
        return (None, "every value is missing") if np.isnan(column.seconds).all() else ("datetime", "")
    if isinstance(column, Coded):
        used = column.used
        types, values, rows = {type(value) for value, _ in used}, [value for value, _ in used], sum(n for _, n in used)
    else:
        values = [value for value in column if not is_missing(value)]
        types, rows = set(map(type, values)), len(values)
    if not types:
        return None, "every value is missing"
    if types <= {bool, np.bool_}:
        return "boolean", ""
    if all(issubclass(kind, bool | int | float | np.number) and not issubclass(kind, np.timedelta64) for kind in types):
        return "numeric", number_note(to_floats(column)[0])
    if all(issubclass(kind, MOMENTS) for kind in types):
        return "datetime", ""
    if str in types or types == {bytes}:
        identifier = identifier_reason(len(set(map(str, values))), rows)
        return (None, identifier) if identifier else ("categorical", "")
    return None, no_bins(", ".join(sorted(kind.__name__ for kind in types)))


def no_bins(types: str) -> str:
    """Return why a column of such types is left out."""
    return f"values of type {types} have no bins; convert them, or name a kind"


def identifier_reason(distinct: int, rows: int) -> str:
    """Return why text of so many distinct values is no category, empty if it is one."""
    if distinct > MAX_CATEGORIES and distinct > IDENTIFIER_SHARE * rows:
        return f"looks like an identifier ({distinct} distinct values in {rows} rows)"
    return ""


def number_note(values: NDArray[Any]) -> str:
    """Return a word on numbers that may be no measure: whole, and all different."""
    whole = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    for some in (whole[:IDENTIFIER_ROWS], whole):  # the first rows tell nearly every measure apart
        if len(some) < IDENTIFIER_ROWS or np.mod(some, 1).any() or len(np.unique(some)) < len(some):
            return ""
    return "whole numbers, all different; if they are identifiers, ignore the column"


def are_classes(column: Column) -> bool:
    """Return whether a numeric output or label is a class number: whole, and of few values."""
    values, _ = to_floats(column)
    distinct = np.unique(values[np.isfinite(values)])
    return len(distinct) <= MAX_CATEGORIES and bool(np.all(np.mod(distinct, 1) == 0))


class NumericCounts:
    """Counts of a numeric column against edges that are known, over any number of batches.

    Parameters
    ----------
    sample : array of shape (n,)
        Values from which the edges are taken; those that are not finite have no part in them.
    """

    def __init__(self, sample: NDArray[np.float64]) -> None:
        drawn = _drawn(sample)
        finite = drawn[np.isfinite(drawn)]
        if 2 * len(finite) < len(drawn) < len(sample):  # most is missing: draw from what is there
            finite = _drawn(sample[np.isfinite(sample)])
        finite.sort()
        bins = FINE_BINS if len(drawn) == len(sample) else SAMPLED_BINS
        self._fine, self._coarse = nested_edges(quantile_edges(finite, bins), quantile_edges(finite, COARSE_BINS))
        self._counter = PointCounter(np.append(self._fine, np.inf)[np.newaxis])
        self._cumulative = np.zeros(len(self._fine) + 1, dtype=np.int64)
        self._rows = self._missing = self._invalid = 0
        self._low, self._high = math.inf, -math.inf

    def add(self, values: NDArray[np.float64], invalid: int) -> None:
        """Count values, NaN where missing or invalid, of which so many are invalid."""
        upto = self._counter.count([values])[0]
        self._cumulative += upto
        self._rows += len(values)
        self._invalid += invalid
        self._missing += len(values) - int(upto[-1]) - invalid  # up to infinity is all but NaN
        if not upto[-1]:
            return
        low, high = float(np.fmin.reduce(values)), float(np.fmax.reduce(values))
        if math.isinf(low) or math.isinf(high):
            finite = values[np.isfinite(values)]
            low, high = float(finite.min(initial=math.inf)), float(finite.max(initial=-math.inf))
        self._low, self._high = min(self._low, low), max(self._high, high)

    def profile(self, name: str, role: Role, kind: Kind, note: str = "") -> FeatureProfile:
        """Return the column's profile."""
        some = self._low <= self._high
        return FeatureProfile(
            name=name,
            role=role,
            kind=kind,
            rows=self._rows,
            missing=self._missing,
            invalid=self._invalid,
            counts=tuple(np.diff(self._cumulative, prepend=0).tolist()),
            edges=tuple(self._fine.tolist()),
            coarse_edges=tuple(self._coarse.tolist()),
            minimum=self._low + 0.0 if some else None,
            maximum=self._high + 0.0 if some else None,
            note=note,
        )


def _drawn(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return at most :data:`EDGE_SAMPLE_ROWS` values from all over a column: the same places in every run."""
    return values if len(values) <= EDGE_SAMPLE_ROWS else values[_places(len(values), EDGE_SAMPLE_ROWS)]


@lru_cache(maxsize=1)  # the columns of a table are of one length
def _places(rows: int, wanted: int) -> NDArray[np.intp]:
    """Return one random place in each of so many equal stretches; a fixed step could go with a rhythm of the data."""
    jitter = np.random.default_rng(0).random(wanted)
    return ((np.arange(wanted) + jitter) * (rows / wanted)).astype(np.intp)


class CategoryCounts:
    """Counts of a column's categories, over any number of batches.

    Attributes
    ----------
    found : Counter of str
    rows, missing, invalid : int
        Cells seen, and those that are missing or cannot be a category.
    """

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self.rows = self.missing = self.invalid = 0

    @property
    def distinct(self) -> int:
        """Number of categories so far."""
        return len(self.found)

    def add(self, column: Column) -> None:
        """Count the cells of a column."""
        self.rows += len(column)
        seen = 0
        for value, count in counted_values(column):
            text = category(value)
            seen += count
            if text is None:
                self.missing += count
            elif text is False:
                self.invalid += count
            else:
                self.found[text] += count
        self.missing += len(column) - seen  # of coded columns missing cells have no value

    def profile(self, name: str, role: Role, kind: Kind, min_count: int = 1) -> FeatureProfile:
        """Return the column's profile; categories seen fewer times than ``min_count`` have no bin of their own."""
        found = self.found
        # A category named as one of our own bins would be exposed twice; it counts as one without a bin.
        ranked = sorted(found, key=lambda text: (text in (OTHER, UNSEEN), -found[text], text))
        named = min(
            MAX_CATEGORIES, sum(text not in (OTHER, UNSEEN) and count >= min_count for text, count in found.items())
        )
        top, rest = ranked[:named], ranked[named:]
        return FeatureProfile(
            name=name,
            role=role,
            kind=kind,
            rows=self.rows,
            missing=self.missing,
            invalid=self.invalid,
            counts=(*(found[text] for text in top), sum(found[text] for text in rest), 0),
            categories=tuple(top),
            others=tuple(sorted(hashed(text) for text in rest[:MAX_HASHED])),
        )


def counted_values(column: Column) -> Iterable[tuple[Any, int]]:
    """Return values and how often each is there; equal values of several types are not taken for one."""
    if isinstance(column, Coded):
        return column.used
    if isinstance(column, np.ndarray):
        values, counts = np.unique(column, return_counts=True)
        return zip(values.tolist(), counts.tolist(), strict=True)
    if set(map(type, column)) <= {str, type(None)}:
        return Counter(column).items()
    return ((value, 1) for value in column)
