"""Fitting a profile to data of any size: a sample gives kinds and edges, all rows give the counts.

Data of no more rows than the sample is fitted as one table, and so is a parquet file of up to :data:`COLUMN_ROWS` rows,
of which one column at a time is in memory. Larger data that can be read again is read twice. What can be read once has
its numbers kept aside in a temporary file of bounded size, and its categories counted on the way; if the file is full,
the sample so far gives the edges, and the rest is counted as it comes.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from ml_models.errors import ProfileError
from ml_models.profile.by_column import Whole
from ml_models.profile.cells import Coded
from ml_models.profile.features import (
    EDGE_SAMPLE_ROWS,
    ORDERED_KINDS,
    CategoryCounts,
    FeatureProfile,
    Kind,
    NumericCounts,
    Role,
    are_classes,
    infer_kind,
)
from ml_models.profile.ingest import Column, Columns, absent, joined, taken
from ml_models.profile.scores import ScoreCounter, ScoreProfile
from ml_models.profile.sources import Progress, Source
from ml_models.profile.times import Numbers, numbers

Fitted = tuple[tuple[FeatureProfile, ...], int, tuple[tuple[str, str], ...]]
Fit = tuple[tuple[FeatureProfile, ...], int, tuple[tuple[str, str], ...], ScoreProfile | None]
#: Role, kind and note by name.
Kept = dict[str, tuple[Role, Kind, str]]

#: Cells of the sample: with more than 16 columns it has fewer rows than :data:`EDGE_SAMPLE_ROWS`.
SAMPLE_CELLS = 16_000_000
#: Rows of the sample however wide the data is.
SAMPLE_ROWS_MIN = 2_000
#: Categories of one column that are told apart while counting.
MAX_DISTINCT = 200_000
#: Rows up to which whole columns of a parquet file are in memory, one at a time.
COLUMN_ROWS = 1 << 21
#: Bytes of the temporary file.
SPOOL_BYTES = 8 << 30

#: Types of which no value is ever a number or a category.
_HOPELESS = (list, tuple, dict, set, np.ndarray, np.timedelta64, dt.time, dt.timedelta)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of a fit: see :meth:`ml_models.profile.ReferenceProfile.fit`."""

    roles: Mapping[str, Role]
    kinds: Mapping[str, Kind]
    ignore: frozenset[str]
    min_count: int = 1
    score: str | None = None

    @classmethod
    def of(
        cls,
        prediction: str | None,
        label: str | None,
        score: str | None,
        kinds: Mapping[str, Kind] | None,
        ignore: Collection[str],
        min_count: int,
    ) -> Plan:
        """Return the plan of a call's arguments; a ProfileError if they cannot be meant."""
        if min_count < 1:
            raise ProfileError(f"reference: min_count: found {min_count}; give at least 1")
        if score is not None and label is None:
            raise ProfileError(f"reference: score={score!r} says nothing without labels; name the label column too")
        given: list[tuple[str | None, Role]] = [(prediction, "prediction"), (label, "label")]
        roles = {name: role for name, role in given if name is not None}
        return cls(roles, dict(kinds or {}), frozenset(ignore), min_count, score)

    def check(self, names: Collection[str], rows: int) -> None:
        """Raise a ProfileError if the data cannot be fitted as asked."""
        scores = () if self.score is None or self.score in self.roles else (self.score,)
        absent = [name for name in (*self.roles, *scores, *self.kinds, *sorted(self.ignore)) if name not in names]
        if absent:
            raise ProfileError(f"reference: no column {', '.join(map(repr, absent))}; there are {', '.join(names)}")
        unknown = sorted(set(self.kinds.values()) - set(get_args(Kind)))
        if unknown:
            raise ProfileError(
                f"reference: unknown kind {', '.join(map(repr, unknown))}; choose from {', '.join(get_args(Kind))}"
            )
        if rows == 0:
            raise ProfileError("reference: no rows; give the data that the model was trained or accepted on")

    def kind(self, name: str, column: Column) -> tuple[Kind | None, str]:
        """Return a column's kind and a note on it, or None and the reason why it is left out."""
        if name in self.kinds:
            return self.kinds[name], ""
        kind, note = infer_kind(column)
        if kind == "numeric" and name in self.roles and are_classes(column):
            return "categorical", ""
        return kind, note

    def leaves_out(self, name: str) -> bool:
        """Return whether a column is not to be profiled: it is ignored, or a score, which is no feature."""
        return name in self.ignore or (name == self.score and name not in self.roles)

    def sort(self, table: Columns) -> tuple[Kept, dict[str, str]]:
        """Return role and kind of the columns that are profiled, and why the others are not."""
        kept: Kept = {}
        skipped: dict[str, str] = {}
        for name, column in table.by_name.items():
            if not self.leaves_out(name):
                kind, note = self.kind(name, column)
                if kind is None:
                    skipped[name] = note
                else:
                    kept[name] = self.roles.get(name, "feature"), kind, note
        return kept, skipped


def fit_columns(source: Source, plan: Plan, progress: Progress | None = None) -> Fit:
    """Return the profiles of all columns, the number of rows, the columns left out with the reason, and the scores."""
    while True:
        scores = ScoreCounter(plan.score, next((name for name, role in plan.roles.items() if role == "label"), None))
        fitted = _fit_source(source, plan, scores, progress)
        if fitted is not None:
            break
    profile, skipped = scores.result()
    return fitted[0], fitted[1], (*fitted[2], *skipped), profile


def _fit_source(source: Source, plan: Plan, scores: ScoreCounter, progress: Progress | None) -> Fitted | None:
    """Return what was fitted; None if a column has a wider type than its first rows, so that it must begin anew."""
    if source.in_memory:
        table = source.table()
        scores.add(table)
        return _fit_table(table, plan)
    groups = source.row_groups() or []
    rows = sum(group.rows for group in groups)
    if 0 < rows <= COLUMN_ROWS:
        table = Columns(rows, Whole(groups))
        scores.add(table)
        return _fit_table(table, plan, progress)
    learnt, sample = source.learnt, Sample()
    head: list[Columns] = []
    spool: _Spool | None = None
    try:
        for table in source.batches(progress=progress):
            scores.add(table)
            head.append(_compacted(table))
            sample.add(head[-1])
            if source.rereadable or not sample.whole:
                if spool is None and not source.rereadable:
                    spool = _Spool(plan, sample)
                if spool is not None:
                    for part in head:
                        spool.add(part)
                head.clear()
        if spool is not None:
            return spool.finish()
    finally:
        if spool is not None:
            spool.close()
    if source.learnt != learnt:  # a text file's column has a wider type than its first rows were read as
        return None
    if sample.whole:
        return _fit_table(sample.table(), plan)
    return _second_pass(source, plan, sample, progress)


def _second_pass(source: Source, plan: Plan, sample: Sample, progress: Progress | None) -> Fitted:
    counting = _Counting(plan, sample)
    counting.settle(sample)
    for table in source.batches(columns=counting.kept, progress=progress):
        counting.rows += table.rows
        counting.add_categories(table)
        for name in counting.numbers:
            floats, invalid = counting.floats(name, table)
            counting.numbers[name].add(floats, int(np.count_nonzero(invalid)))
    return counting.result(sample.names)


def _fit_table(table: Columns, plan: Plan, progress: Progress | None = None) -> Fitted:
    plan.check(table.by_name, table.rows)
    features: list[FeatureProfile] = []
    skipped: dict[str, str] = {}
    for place, name in enumerate(table.by_name):
        if not plan.leaves_out(name):
            _fit_column(name, table.by_name[name], plan, features, skipped)
        if progress is not None:
            progress(table.rows * (place + 1) // len(table.by_name), table.rows)
    return some(features, skipped), table.rows, tuple(skipped.items())


def too_many(limit: int) -> str:
    """Return why a column of more distinct values than are told apart is left out."""
    return (
        f"more than {limit:,} distinct values, which is as many as are told apart; group them, or leave the column out"
    )


def _fit_column(name: str, column: Column, plan: Plan, features: list[FeatureProfile], skipped: dict[str, str]) -> None:
    """Append a whole column's profile to ``features``, or note in ``skipped`` why it has none."""
    kind, note = plan.kind(name, column)
    role = plan.roles.get(name, "feature")
    if kind is None:
        skipped[name] = note
    elif kind in ORDERED_KINDS:
        floats, invalid = numbers(column, kind)
        counts = NumericCounts(floats)
        counts.add(floats, int(np.count_nonzero(invalid)))
        features.append(counts.profile(name, role, kind, note))
    else:
        categories = CategoryCounts()
        categories.add(column)
        features.append(categories.profile(name, role, kind, plan.min_count))


_T = TypeVar("_T")


def some(features: Iterable[_T], skipped: Mapping[str, str]) -> tuple[_T, ...]:
    """Return the profiled columns, of which there must be some."""
    found = tuple(features)
    if not found:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
        raise ProfileError(f"reference: no column can be profiled ({reasons})")
    return found


def _compacted(table: Columns) -> Columns:
    """Keep one example of moments and containers: of what has no bins only the type and the number matter."""
    columns = dict(table.by_name)
    for name, column in columns.items():
        if isinstance(column, list):
            present = np.array([value is not None for value in column], dtype=bool)
            if present.any() and all(issubclass(kind, (*_HOPELESS, type(None))) for kind in set(map(type, column))):
                columns[name] = Coded([column[int(np.argmax(present))]], np.where(present, 0, -1))
    return Columns(table.rows, columns)


class Sample:
    """Rows drawn evenly from a stream of unknown length; all of them while they are few enough.

    Every row has a random number, and the rows with the lowest ones are kept. The numbers are the same in every run, so
    that the same data has the same profile.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.names: dict[str, None] = {}
        self._random = np.random.default_rng(0)
        self._limit = EDGE_SAMPLE_ROWS
        self._keys = np.empty(0)
        self._parts: list[Columns] = []
        self._below = 1.0

    @property
    def whole(self) -> bool:
        """Whether it holds every row."""
        return self.rows <= self._limit

    def add(self, table: Columns) -> None:
        """Draw from some more rows."""
        self.names |= dict.fromkeys(table.by_name)
        self._limit = min(self._limit, max(SAMPLE_ROWS_MIN, SAMPLE_CELLS // max(len(table.by_name), 1)))
        self.rows += table.rows
        keys = self._random.random(table.rows)
        if self._below < 1:
            places = np.flatnonzero(keys < self._below)
            keys, table = keys[places], _picked(table, places)
        self._keys = np.concatenate([self._keys, keys])
        self._parts.append(table)
        if len(self._keys) > self._limit * 5 // 4:
            self._shrink()

    def _shrink(self) -> None:
        self._below = float(np.partition(self._keys, self._limit)[self._limit])
        places = np.flatnonzero(self._keys < self._below)
        self._parts = [_picked(joined(self._parts), places)]
        self._keys = self._keys[places]

    def table(self) -> Columns:
        """Return the rows drawn."""
        if len(self._keys) > self._limit:
            self._shrink()
        table = joined(self._parts) if self._parts else Columns(0, {})
        return Columns(table.rows, {name: table.by_name.get(name, absent(table.rows)) for name in self.names})


def _picked(table: Columns, places: NDArray[np.intp]) -> Columns:
    return Columns(len(places), {name: taken(column, places) for name, column in table.by_name.items()})


class _Counting:
    """Counts of the columns that a sample shows to have bins.

    Attributes
    ----------
    kept : dict of role and kind by name
    numbers : dict of NumericCounts by name
        Filled by :meth:`settle`.
    rows : int
    """

    def __init__(self, plan: Plan, sample: Sample) -> None:
        table = sample.table()
        plan.check(table.by_name, table.rows)
        self.kept, skipped = plan.sort(table)
        self._plan = plan
        self._skipped = {name: f"{reason} in a sample of {table.rows:,} rows" for name, reason in skipped.items()}
        self._categories = {
            name: CategoryCounts() for name, (_, kind, _) in self.kept.items() if kind not in ORDERED_KINDS
        }
        self.numbers: dict[str, NumericCounts] = {}
        self.rows = 0
        some(self.kept.items(), self._skipped)

    def settle(self, sample: Sample) -> None:
        """Take the edges from a sample."""
        drawn = sample.table().by_name
        for name, (_, kind, _) in self.kept.items():
            if kind in ORDERED_KINDS:
                self.numbers[name] = NumericCounts(numbers(drawn[name], kind)[0])

    def floats(self, name: str, table: Columns) -> Numbers:
        """Return a column of a table as floats, and which of its cells are invalid."""
        return numbers(table.by_name.get(name, absent(table.rows)), self.kept[name][1])

    def add_categories(self, table: Columns) -> None:
        """Count the columns that have categories."""
        for name, counts in list(self._categories.items()):
            counts.add(table.by_name.get(name, absent(table.rows)))
            if counts.distinct > MAX_DISTINCT:
                del self._categories[name]
                self._skipped[name] = too_many(MAX_DISTINCT)

    def result(self, names: Collection[str]) -> Fitted:
        """Return the profiles of the columns, in the order of the data."""
        features = []
        for name, (role, kind, note) in self.kept.items():
            if name in self.numbers:
                features.append(self.numbers[name].profile(name, role, kind, note))
            elif name in self._categories:
                features.append(self._categories[name].profile(name, role, kind, self._plan.min_count))
        for name in names:
            if name not in self.kept and not self._plan.leaves_out(name):
                self._skipped.setdefault(
                    name, "absent from the rows that the kinds were taken from; put such rows first"
                )
        skipped = tuple((name, self._skipped[name]) for name in names if name in self._skipped)
        return some(features, self._skipped), self.rows, skipped


class _Spool:
    """Numbers kept aside on disk until all rows have had a chance to give the edges."""

    def __init__(self, plan: Plan, sample: Sample) -> None:
        self._sample = sample
        self._counting = _Counting(plan, sample)
        self._numeric = [name for name, (_, kind, _) in self._counting.kept.items() if kind in ORDERED_KINDS]
        self._file = tempfile.TemporaryFile(prefix="ml-models-")  # noqa: SIM115 - closed by close(), when the fit ends
        self._blocks: list[tuple[str, int, int]] = []

    def add(self, table: Columns) -> None:
        """Count a table's categories, and keep or count its numbers."""
        self._counting.rows += table.rows
        self._counting.add_categories(table)
        for name in self._numeric:
            floats, invalid = self._counting.floats(name, table)
            if self._counting.numbers:
                self._counting.numbers[name].add(floats, int(np.count_nonzero(invalid)))
            else:
                self._file.write(floats.tobytes())
                self._blocks.append((name, len(floats), int(np.count_nonzero(invalid))))
        if not self._counting.numbers and self._file.tell() > SPOOL_BYTES:
            self._settle()

    def _settle(self) -> None:
        self._counting.settle(self._sample)
        self._file.seek(0)
        for name, rows, invalid in self._blocks:
            self._counting.numbers[name].add(np.frombuffer(self._file.read(rows * 8)), invalid)
        self._blocks.clear()
        self._file.seek(0)
        self._file.truncate()

    def finish(self) -> Fitted:
        """Return the profiles."""
        if not self._counting.numbers:
            self._settle()
        return self._counting.result(self._sample.names)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()
