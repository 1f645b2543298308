"""The profile of one column: its kind, its bins and the counts in them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml_models.profile.cells import OTHER, UNSEEN, Coded, category, hashed, is_missing, to_floats
from ml_models.profile.ingest import Column
from ml_models.stats.binning import coarse_index, cumulative_counts, quantile_edges

FINE_BINS = 100
COARSE_BINS = 10
#: Categories that get a bin of their own; the rest share ``__other__``.
MAX_CATEGORIES = 30
#: Rows from which the edges are taken; counts are over all rows.
EDGE_SAMPLE_ROWS = 1_000_000
#: Known rare categories that are kept, as hashes, to be told from unseen ones.
MAX_HASHED = 1_000
#: A text column with more distinct values than this share of its rows is an identifier.
IDENTIFIER_SHARE = 0.5

Kind = Literal["numeric", "categorical", "boolean"]
Role = Literal["feature", "prediction", "label"]


@dataclass(frozen=True, slots=True)
class FeatureProfile:
    """One column of the reference.

    Attributes
    ----------
    name : str
    role : {'feature', 'prediction', 'label'}
    kind : {'numeric', 'categorical', 'boolean'}
    rows, missing, invalid : int
        Cells seen, and those that are missing or of a wrong type.
    counts : tuple of int
        Values per fine bin (numeric) or per category, then ``__other__`` and ``__unseen__``.
    edges : tuple of float
        Fine edges; empty unless numeric.
    coarse_edges : tuple of float
        The subset of the fine edges between the exported bins.
    minimum, maximum : float or None
        Range of the finite values.
    categories : tuple of str
        Most frequent first; empty if numeric.
    others : tuple of str
        Known categories without a bin of their own, as hashes, so that they can be told from unseen ones.
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

    @property
    def bins(self) -> tuple[str, ...]:
        """Labels of the exported bins."""
        if self.kind == "numeric":
            return tuple(f"{i:02d}" for i in range(len(self.coarse_edges) + 1))
        return (*self.categories, OTHER, UNSEEN)

    @property
    def coarse_of_fine(self) -> np.ndarray[Any, Any]:
        """Index of the exported bin of each counted bin, shape ``(len(counts),)``."""
        if self.kind == "numeric":
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
        if self.kind != "numeric":
            return self.bins
        edges = self.coarse_edges
        if not edges:
            return ("any",)
        inner = [
            f"= {high:.6g}" if math.nextafter(high, -math.inf) == low else f"{low:.6g} to {high:.6g}"
            for low, high in pairwise(edges)
        ]
        return (f"≤ {edges[0]:.6g}", *inner, f"> {edges[-1]:.6g}")


def infer_kind(column: Column) -> tuple[Kind | None, str]:
    """Return the kind of a column, or None and the reason why it is left out.

    Examples
    --------
    >>> infer_kind([True, None]), infer_kind([1, 2.5]), infer_kind(["a", "b", "a", "a"])
    (('boolean', ''), ('numeric', ''), ('categorical', ''))
    >>> infer_kind([None, None])
    (None, 'every value is missing')
    """
    if isinstance(column, np.ndarray):
        if column.dtype.kind == "f" and np.isnan(column).all():
            return None, "every value is missing"
        return ("boolean" if column.dtype.kind == "b" else "numeric"), ""
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
        return "numeric", ""
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
        finite = np.sort(sample[np.isfinite(sample)]) + 0.0  # one of the two zeros, whichever comes first
        if len(finite) > EDGE_SAMPLE_ROWS:
            # Evenly spaced order statistics have the same quantiles as the whole, to one part in a million.
            finite = finite[np.linspace(0, len(finite) - 1, EDGE_SAMPLE_ROWS).astype(np.intp)]
        self._coarse = quantile_edges(finite, COARSE_BINS)
        self._fine = np.union1d(quantile_edges(finite, FINE_BINS), self._coarse)
        self._cumulative = np.zeros(len(self._fine) + 1, dtype=np.int64)
        self._rows = self._missing = self._invalid = 0
        self._low, self._high = math.inf, -math.inf

    def add(self, values: NDArray[np.float64], invalid: int) -> None:
        """Count values, NaN where missing or invalid, of which so many are invalid."""
        queries = np.append(self._fine, np.inf)[np.newaxis]
        self._cumulative += cumulative_counts(values[np.newaxis], queries)[0]
        self._rows += len(values)
        self._invalid += invalid
        self._missing += int(np.isnan(values).sum()) - invalid
        finite = values[np.isfinite(values)]
        if len(finite):
            self._low, self._high = min(self._low, float(finite.min())), max(self._high, float(finite.max()))

    def profile(self, name: str, role: Role) -> FeatureProfile:
        """Return the column's profile."""
        some = self._low <= self._high
        return FeatureProfile(
            name=name,
            role=role,
            kind="numeric",
            rows=self._rows,
            missing=self._missing,
            invalid=self._invalid,
            counts=tuple(np.diff(self._cumulative, prepend=0).tolist()),
            edges=tuple(self._fine.tolist()),
            coarse_edges=tuple(self._coarse.tolist()),
            minimum=self._low + 0.0 if some else None,
            maximum=self._high + 0.0 if some else None,
        )


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
        counted = 0
        for value, count in counted_values(column):
            text = category(value)
            counted += count
            if text is None:
                self.missing += count
            elif text is False:
                self.invalid += count
            else:
                self.found[text] += count
        self.missing += len(column) - counted  # of coded columns missing cells have no value

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
