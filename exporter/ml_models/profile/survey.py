"""What one part of the reference data holds, counted so that parts add: the first half of a profile over machines.

A pass over the data asks a :class:`Question`; each part answers with a packed :class:`Survey`, and surveys merge.
:mod:`ml_models.profile.passes` asks and makes the profile. Memory is bounded by the question, whatever the data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.errors import DataError
from ml_models.profile.cells import MAX_CATEGORY_LENGTH, Coded, Times, category, hashed, is_missing
from ml_models.profile.features import MAX_CATEGORIES, ORDERED_KINDS, CategoryCounts, Kind, counted_values, infer_kind
from ml_models.profile.ingest import Column, Columns
from ml_models.profile.packing import pack, unpack
from ml_models.profile.sources import batches
from ml_models.profile.times import numbers
from ml_models.stats.counting import PointCounter
from ml_models.stats.order import Histogram, Search, to_keys

_WHAT = "survey"

#: Distinct values of a number that may be a class: those, and the two infinities.
_CLASSES = MAX_CATEGORIES + 2
#: Places in the array of a column's numbers.
PRESENT, INVALID, LOWEST, HIGHEST, LOW, HIGH = range(6)


@dataclass(frozen=True, slots=True)
class Question:
    """What a pass is to count.

    Attributes
    ----------
    number : int
        Of the pass, from 1.
    columns : tuple of str
        Columns that are looked at.
    kinds : mapping
        Kinds that are given and not to be inferred.
    roles : frozenset of str
        Columns of which numbers may be classes.
    searches : mapping
        From the second pass on: where each column's quantiles are looked for.
    edges : mapping
        In the last pass: edges of each column up to which its values are counted.
    cells, distinct : int
        Largest number of cells of a column's histogram, and of distinct values of a column that are told apart.
    """

    number: int
    columns: tuple[str, ...]
    kinds: Mapping[str, Kind]
    roles: frozenset[str]
    searches: Mapping[str, Search]
    edges: Mapping[str, NDArray[np.float64]]
    cells: int
    distinct: int


class Numbers:
    """A column's numbers; datetimes are seconds of Unix time.

    Parameters
    ----------
    limit : int
        Largest number of cells of the histogram.
    edges : array of shape (k,), optional
        If they are known, values are counted up to them and there is no histogram.

    Attributes
    ----------
    facts : int64 array of shape (6,)
        Values that are not NaN, cells that are no number, negative and positive infinities, and the keys of the
        smallest and the largest finite value.
    finite : Histogram
        Of the keys of finite values.
    upto : int64 array of shape (k,)
        Values up to each edge.
    """

    def __init__(self, limit: int, edges: NDArray[np.float64] | None = None) -> None:
        ends = np.iinfo(np.int64)
        self.facts = np.array([0, 0, 0, 0, ends.max, ends.min])
        self.finite = Histogram(limit)
        self._counter = None if edges is None else PointCounter(edges[np.newaxis])
        self.upto = np.zeros(0 if edges is None else len(edges), dtype=np.int64)

    def add(self, column: Column, kind: str, search: Search | None) -> None:
        """Count a column's cells; of its finite values those that lie within the search."""
        floats, invalid = numbers(column, kind)
        if self._counter is not None:
            self.upto += self._counter.count([floats])[0]
            return
        keys = np.sort(to_keys(floats[np.isfinite(floats)]))
        self._sum(
            np.array(
                [
                    len(floats) - int(np.isnan(floats).sum()),
                    int(invalid.sum()),
                    int((floats == -np.inf).sum()),
                    int((floats == np.inf).sum()),
                    *((keys[0], keys[-1]) if len(keys) else self.facts[LOW:]),
                ]
            )
        )
        self.finite.add(keys if search is None else search.within(keys))

    def merge(self, other: Numbers) -> None:
        """Add the numbers of another part."""
        self._sum(other.facts)
        self.finite.merge(other.finite)
        self.upto += other.upto

    def _sum(self, facts: NDArray[np.int64]) -> None:
        self.facts[:LOW] += facts[:LOW]
        self.facts[LOW], self.facts[HIGH] = min(self.facts[LOW], facts[LOW]), max(self.facts[HIGH], facts[HIGH])


class Values:
    """How often each of a column's values is there, as long as they are few.

    Attributes
    ----------
    counts : CategoryCounts
    long : set of str
        Hashes of texts that are too long for a category.
    full : bool
        Whether there are more distinct values than are told apart; none of them is kept then.
    """

    def __init__(self, limit: int) -> None:
        self.counts, self.full = CategoryCounts(), False
        self.long: set[str] = set()
        self._limit = limit

    @property
    def distinct(self) -> int:
        """Number of distinct values."""
        return self.counts.distinct + len(self.long)

    def add(self, column: Column) -> None:
        """Count a column's cells."""
        if not self.full:
            self.counts.add(column)
            self.long.update(_long(column))
            self._check()

    def merge(self, other: Values) -> None:
        """Add the values of another part."""
        self.full = self.full or other.full
        self.counts.found.update(other.counts.found)
        self.counts.invalid += other.counts.invalid
        self.long |= other.long
        self._check()

    def _check(self) -> None:
        if self.full or self.distinct > self._limit:
            self.full, self.counts, self.long = True, CategoryCounts(), set()


def _long(column: Column) -> Iterator[str]:
    for value, _ in counted_values(column):
        if isinstance(value, str | bytes) and len(value) > MAX_CATEGORY_LENGTH and category(value) is False:
            yield hashed(value if isinstance(value, str) else value.decode("utf-8", "replace"))


@dataclass(slots=True)
class ColumnSurvey:
    """One column.

    Attributes
    ----------
    verdict : (kind or None, str) or None
        Kind of the values, or why they have none; None while every value is missing.
    numbers, values : Numbers or Values, or None
        What is counted of such a kind.
    """

    verdict: tuple[Kind | None, str] | None = None
    numbers: Numbers | None = None
    values: Values | None = None

    def settle(self, name: str, verdict: tuple[Kind | None, str], question: Question) -> None:
        """Note the kind of a part's values and make place for their counts."""
        if self.verdict is None:
            self.verdict = verdict
            if verdict[0] in ORDERED_KINDS:
                self.numbers = Numbers(question.cells, question.edges.get(name))
                if verdict[0] == "numeric" and name in question.roles and name not in question.kinds:
                    self.values = Values(_CLASSES)
            elif verdict[0] is not None:
                self.values = Values(question.distinct)
        elif self.verdict != verdict:
            found = " and ".join(sorted(kind or reason for kind, reason in (self.verdict, verdict)))
            raise DataError(f"reference: column {name!r}: {found} in different parts; cast it to one type first")


class Survey:
    """What a question asks about the rows of one part, or of several.

    Attributes
    ----------
    rows : int
    columns : dict of ColumnSurvey by name
    """

    def __init__(self, question: Question) -> None:
        self.question, self.rows = question, 0
        self.columns = {name: ColumnSurvey() for name in question.columns}

    @property
    def open(self) -> list[str]:
        """Columns of which more rows have more to say; of one without a kind the first value says everything."""
        return [name for name, one in self.columns.items() if one.verdict is None or one.verdict[0] is not None]

    def add(self, table: Columns) -> None:
        """Count the rows of a table."""
        self.rows += table.rows
        for name, one in self.columns.items():
            column = table.by_name.get(name)
            if column is None or not len(column):
                continue
            given = self.question.kinds.get(name)
            verdict = (given, "") if given is not None else _verdict(column)
            if verdict is None:
                continue
            one.settle(name, verdict, self.question)
            if one.numbers is not None:
                one.numbers.add(column, str(verdict[0]), self.question.searches.get(name))
            if one.values is not None:
                one.values.add(column)

    def merge(self, other: Survey) -> None:
        """Add the rows of another survey of the same question."""
        self.rows += other.rows
        for name, theirs in other.columns.items():
            ours = self.columns[name]
            if theirs.verdict is not None:
                ours.settle(name, theirs.verdict, self.question)
            if ours.numbers is not None and theirs.numbers is not None:
                ours.numbers.merge(theirs.numbers)
            if ours.values is not None and theirs.values is not None:
                ours.values.merge(theirs.values)


def _verdict(column: Column) -> tuple[Kind | None, str] | None:
    """Return the kind of a column's first value, None if all are missing; a column of a part has one type."""
    if isinstance(column, np.ndarray):  # without the note, which is on all values
        kind: Kind = "boolean" if column.dtype.kind == "b" else "numeric"
        return None if column.dtype.kind == "f" and np.isnan(column).all() else (kind, "")
    if isinstance(column, Times):
        return None if np.isnan(column.seconds).all() else ("datetime", "")
    found = (value for value, _ in column.used) if isinstance(column, Coded) else iter(column)
    first = next((value for value in found if not is_missing(value)), None)
    return None if first is None else infer_kind([first])


def survey_batches(data: Any, question: Question) -> bytes:
    """Answer a question about one part of the data.

    Parameters
    ----------
    data : iterator of Arrow tables or record batches, or anything that :func:`ml_models.profile.sources.batches` takes
    question : Question

    Returns
    -------
    bytes
        For :func:`merge_surveys`.
    """
    survey = Survey(question)
    for table in batches(_still_open(data if isinstance(data, Iterator) else batches(data), survey)):
        survey.add(table)
    return _packed(survey)


def _still_open(found: Iterator[Any], survey: Survey) -> Iterator[Any]:
    """Yield batches without the columns that need not be converted any more."""
    for batch in found:
        names = set(survey.open)
        is_arrow = hasattr(batch, "select") and hasattr(batch, "schema")
        yield batch.select([name for name in batch.schema.names if name in names]) if is_arrow else batch


def merge_surveys(parts: Iterable[bytes], question: Question) -> bytes:
    """Return the sum of packed answers to one question, of which one at a time is unpacked."""
    total = Survey(question)
    for part in parts:
        total.merge(survey_of(part, question))
    return _packed(total)


@dataclass(slots=True)
class _Parcel:
    """Arrays in the order in which they are packed, and taken out again."""

    arrays: list[NDArray[np.int64]] = field(default_factory=list)

    def take(self, count: int) -> list[NDArray[np.int64]]:
        taken, self.arrays = self.arrays[:count], self.arrays[count:]
        return taken


def _packed(survey: Survey) -> bytes:
    columns: list[dict[str, Any]] = []
    parcel = _Parcel()
    for one in survey.columns.values():
        entry: dict[str, Any] = {"verdict": one.verdict}
        if one.numbers is not None:
            finite = one.numbers.finite
            entry["shift"] = finite.shift
            # Cells are ascending: their steps are small numbers, which take little room.
            parcel.arrays += [one.numbers.facts, one.numbers.upto, np.diff(finite.cells, prepend=0), finite.counts]
        if one.values is not None:
            found = one.values.counts.found
            entry |= {"found": list(found), "long": sorted(one.values.long), "full": one.values.full}
            parcel.arrays += [np.array([one.values.counts.invalid, *found.values()], dtype=np.int64)]
        columns.append(entry)
    return pack(_WHAT, {"pass": survey.question.number, "rows": survey.rows, "columns": columns}, parcel.arrays)


def survey_of(part: bytes, question: Question) -> Survey:
    """Return a packed answer.

    Raises
    ------
    DataError
        If it answers another question, or is damaged.
    """
    facts, arrays = unpack(_WHAT, part)
    if facts["pass"] != question.number or len(facts["columns"]) != len(question.columns):
        raise DataError("survey: the answer to another question; give those of one pass")
    survey, parcel = Survey(question), _Parcel(arrays)
    survey.rows = facts["rows"]
    for (name, one), entry in zip(survey.columns.items(), facts["columns"], strict=True):
        if entry["verdict"] is not None:
            one.settle(name, tuple(entry["verdict"]), question)
        if one.numbers is not None:
            one.numbers.facts, one.numbers.upto, steps, counts = parcel.take(4)
            one.numbers.finite = Histogram(question.cells, np.cumsum(steps), counts, entry["shift"])
        if one.values is not None:
            (invalid, *found) = parcel.take(1)[0].tolist()
            one.values.full, one.values.long = entry["full"], set(entry["long"])
            one.values.counts.found = Counter(dict(zip(entry["found"], found, strict=True)))
            one.values.counts.invalid = invalid
    return survey
