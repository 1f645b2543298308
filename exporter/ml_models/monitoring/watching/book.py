"""What a watch has counted and where it is in each file: the state that a checkpoint holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml_models.monitoring.watching.listing import Found
from ml_models.monitoring.watching.parts import Marks
from ml_models.monitoring.watching.times import event_times
from ml_models.monitoring.watching.windows import HISTORY, SLOTS, Summarise, Windows
from ml_models.profile.counting import TableCounter
from ml_models.profile.ingest import Columns, taken
from ml_models.profile.reference import ReferenceProfile
from ml_models.profile.tally import Layout, Tally

Timing = Literal["on_time", "late", "ahead", "undated"]
TIMINGS: tuple[Timing, ...] = ("on_time", "late", "ahead", "undated")
EVENTS = ("read", "appended", "replaced", "truncated", "renamed", "rejected", "forgotten")


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What is known of a file.

    Attributes
    ----------
    size, modified, identity
        As it was when last dealt with; see :class:`Found`.
    position : int
        Bytes of a text file that are counted; of others, the size when they are.
    rows : int
        Rows counted of it.
    marks : Marks
        By which what is counted is known again.
    fault : str
        Why it cannot be read; empty if it can.
    retry : bool
        Whether a rejected file is tried again although it has not changed, as when permission is missing.
    since : float
        When it was rejected, in Unix time.
    seen : float
        When it was last listed, in Unix time.
    """

    size: int
    modified: float
    identity: str
    position: int = 0
    rows: int = 0
    marks: Marks = field(default_factory=Marks)
    fault: str = ""
    retry: bool = False
    since: float = 0.0
    seen: float = 0.0

    def at(self, found: Found) -> FileRecord:
        """Return the record with a file's state of now."""
        return replace(self, size=found.size, modified=found.modified, identity=found.identity)


class Counts:
    """Everything counted under one reference. What has been published is never changed: work is done on a draft."""

    def __init__(self, layout: Layout, span: float) -> None:
        self.layout = layout
        self.total = Tally(layout)
        self.windows = Windows(layout, span)
        self.rows: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.bytes = 0
        #: Time of the newest row, or of its file, in Unix time.
        self.newest: float | None = None

    def draft(self) -> Counts:
        """Return a copy to change."""
        copy = Counts.__new__(Counts)
        copy.layout, copy.bytes, copy.newest = self.layout, self.bytes, self.newest
        copy.total = Tally(self.layout)
        copy.total += self.total
        copy.windows = self.windows.draft()
        copy.rows, copy.events = self.rows.copy(), self.events.copy()
        return copy


@dataclass(slots=True)
class Book:
    """Counts and files together: what must never disagree."""

    reference: ReferenceProfile
    learnt: bool
    counts: Counts
    files: dict[str, FileRecord] = field(default_factory=dict)


class RowCounter:
    """Counts tables into a draft: every row in the total, and in the window that its time puts it in.

    Parameters
    ----------
    reference : ReferenceProfile
    layout : Layout
    time_column : str or None
        Without one, rows are timed by their arrival.
    ignore : collection of str
        Columns that are no features and no fault.
    summarise : callable
        Makes a window's summary when it closes.
    """

    def __init__(
        self,
        reference: ReferenceProfile,
        layout: Layout,
        time_column: str | None,
        ignore: tuple[str, ...],
        summarise: Summarise,
    ) -> None:
        self._counter = TableCounter(layout, {*ignore, *(name for name, _ in reference.skipped)})
        self._others = {f.name: layout.index[f.role, f.name] for f in reference.features if f.role != "feature"}
        self._extra = {*self._others, *([time_column] if time_column else [])}
        self._layout, self._time_column, self._summarise = layout, time_column, summarise

    def add(self, draft: Counts, table: Columns, arrived: float, modified: float) -> None:
        """Count a table that arrived now, of a file that was changed at ``modified``."""
        if self._time_column is None:
            delta = self._tally(table)
            draft.total += delta
            draft.windows.add(self._arrival_slot(draft.windows, arrived), delta, self._summarise)
            draft.rows["on_time"] += table.rows
            draft.newest = max(draft.newest or 0.0, min(modified, arrived) if modified else arrived)
            return
        column = table.by_name.get(self._time_column)
        moments = np.full(table.rows, np.nan) if column is None else event_times(column)
        self._by_time(draft, table, moments, arrived)

    def _arrival_slot(self, windows: Windows, arrived: float) -> int:
        slot = windows.slot_of(arrived)
        if windows.newest is None or slot >= windows.newest:
            windows.close_before(slot // SLOTS, self._summarise)
            return slot
        if windows.newest - slot > SLOTS:
            windows.restart(self._summarise)  # the clock was ahead and has been set right
            return slot
        return windows.newest  # it was set back a little: time stands still meanwhile

    def _by_time(self, draft: Counts, table: Columns, moments: NDArray[np.float64], arrived: float) -> None:
        windows = draft.windows
        ahead = moments > arrived + windows.span  # must not make all that is on time look late
        dated = ~np.isnan(moments) & ~ahead
        slots = np.zeros(table.rows, dtype=np.int64)
        slots[dated] = np.floor(moments[dated] * SLOTS / windows.span).astype(np.int64)
        late = dated & windows.is_late(slots)
        on_time = dated & ~late
        draft.rows["undated"] += int(np.isnan(moments).sum())
        draft.rows["ahead"] += int(ahead.sum())
        draft.rows["late"] += int(late.sum())
        draft.rows["on_time"] += int(on_time.sum())
        if on_time.any():
            draft.newest = max(draft.newest or -np.inf, float(moments[on_time].max()))
            # What would be pushed out of the history by this table alone need not be told apart.
            numbers = np.unique(slots[on_time] // SLOTS)
            if len(numbers) > HISTORY + 2:
                on_time &= slots // SLOTS >= numbers[-(HISTORY + 2)]
            # Slots matter to the newest windows only; the others close at once and are counted whole.
            open_from = (int(slots[on_time].max()) // SLOTS - 1) * SLOTS
            slots = np.where(slots >= open_from, slots, slots // SLOTS * SLOTS)
        for slot in np.unique(slots[on_time]).tolist():
            delta = self._tally(_some(table, on_time & (slots == slot)))
            draft.total += delta
            windows.add(slot, delta, self._summarise)
        if not on_time.all():
            draft.total += self._tally(_some(table, ~on_time))

    def _tally(self, table: Columns) -> Tally:
        tally = Tally(self._layout)
        self._counter.add(tally, table, self._extra)
        for name, row in self._others.items():
            if name in table.by_name:
                tally.add_column(row, table.by_name[name])
        return tally


def _some(table: Columns, which: NDArray[np.bool_]) -> Columns:
    if which.all():
        return table
    places = np.flatnonzero(which)
    return Columns(len(places), {name: taken(column, places) for name, column in table.by_name.items()})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reading is: the file, and its bytes."""

    file: str
    done: int
    size: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a reading of the data ended.

    Attributes
    ----------
    ended : float
        Unix time.
    seconds : float
    rows : int
        Counted by it.
    files : int
        Listed.
    pending : tuple of (name, why)
        Files that are not read to their end, or not at all.
    pending_bytes : int
    fault : str
        Why it failed; empty if it succeeded.
    learning : int or None
        Rows that there are to learn the reference from while they are too few.
    there : frozenset of str or None
        Names of the files listed; None if they could not be.
    """

    ended: float = 0.0
    seconds: float = 0.0
    rows: int = 0
    files: int = 0
    pending: tuple[tuple[str, str], ...] = ()
    pending_bytes: int = 0
    fault: str = ""
    learning: int | None = None
    there: frozenset[str] | None = None
