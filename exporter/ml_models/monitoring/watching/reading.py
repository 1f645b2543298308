"""One reading of the data: what is new in which file is counted, and nothing twice.

A part of a text file, or a whole file of another kind, is counted into a draft that takes the place of the counts once
it has been counted to its end. Counts and position thus move together, in memory and in the checkpoint.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from ml_models.errors import DataError, MissingExtraError
from ml_models.monitoring.watching.book import Book, Counts, FileRecord, Progress, RowCounter
from ml_models.monitoring.watching.listing import Found, again, listed
from ml_models.monitoring.watching.parts import Marks, agrees, header_of, is_whole, marks, opened, tables, text_parts
from ml_models.profile.ingest import Columns
from ml_models.profile.readers import Types, rows_in

_LOG = logging.getLogger(__name__)

#: Seconds without a change after which a file that is read whole is taken to be complete.
SETTLED_SECONDS = 2.0
#: Seconds without a change after which a last line without an end, or a file without a footer, is no longer waited for.
STILL_SECONDS = 60.0
#: Seconds after which a file that has gone is forgotten: until then it is known again if it comes back.
FORGOTTEN_SECONDS = 7 * 86_400.0
#: Precision of when a file was last seen, in seconds: noting it more often would write the checkpoint for nothing.
SEEN_SECONDS = 3_600.0
#: Files that are remembered. Those beyond it are not read, as what is not remembered would be counted twice.
MAX_FILES = 100_000


#: A row that Arrow cites, up to the remedy, and a value.
_CITED_ROW = re.compile(r"(Expected \d+ columns, got \d+): .*?(?=; a line has)", re.DOTALL)
_CITED_VALUE = re.compile(r"invalid value '.*'", re.DOTALL)

#: A file as it was seen first, and when, by the monotonic clock.
Steady = dict[str, tuple[Found, float]]


class Stopped(Exception):  # noqa: N818 - no error: how a long reading ends when it is asked to
    """The reading was asked to stop; what is not counted to its end is left for the next time."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a reading needs of the world.

    Attributes
    ----------
    now : callable
        Unix time.
    wait : callable
        Waits so many seconds, returns True at once when asked to stop.
    stopping : callable
        Whether it was asked to stop.
    commit : callable
        Called when counts and positions agree; brings them to disk from time to time.
    progress : callable
    """

    now: Callable[[], float]
    wait: Callable[[float], bool]
    stopping: Callable[[], bool]
    commit: Callable[[], None]
    progress: Callable[[Progress], None]


class Reading:
    """Reads what is new in the data.

    Parameters
    ----------
    book : Book
        Is brought up to date.
    counter : RowCounter
    types : dict
        What is known of the types in text files; kept from one reading to the next.
    steady : dict
        Since when pending files have been as they are; kept likewise.
    world : Surroundings
    """

    def __init__(self, book: Book, counter: RowCounter, types: Types, steady: Steady, world: Surroundings) -> None:
        self._book, self._counter, self._types, self._world = book, counter, types, world
        self._steady = steady
        self.rows = 0
        self.pending: dict[str, tuple[int, str]] = {}
        self._waited = False

    def run(self, source: str | Path) -> frozenset[str]:
        """Read all files, and return their names.

        Raises
        ------
        DataError
            If the path or folder is not there or cannot be read.
        Stopped
        """
        found = listed(source)
        self._recognise(found)
        there = frozenset(one.name for one in found)
        self._forget(there)
        for one in found:
            if self._world.stopping():
                self._leave(one, "the reading was stopped")
                continue
            try:
                self._visit(one)
            except Stopped:
                self._leave(one, "the reading was stopped")
            except (DataError, OSError) as error:
                self._reject(one, error)
        for name in self._steady.keys() - self.pending.keys():
            del self._steady[name]
        growing = {one.file.path for one in found if one.by_line}
        for path, column in [key for key in self._types if key[0] not in growing]:
            del self._types[path, column]
        return there

    # --- which file is which ------------------------------------------------------------------------------------------

    def _recognise(self, found: list[Found]) -> None:
        """Give renamed files their record, as when logs are rotated; note when each was seen."""
        files, now = self._book.files, self._world.now()
        there = {one.name: one for one in found}
        moved = {
            record.identity: name
            for name, record in files.items()
            if record.identity and (name not in there or there[name].identity != record.identity)
        }
        renamed = [
            (old, one)
            for one in found
            if (old := moved.get(one.identity)) is not None and old != one.name and self._is_renamed(one, files[old])
        ]
        records = [files.pop(old) for old, _ in renamed]  # all first: files may have changed names with each other
        for (old, one), record in zip(renamed, records, strict=True):
            files[one.name] = record
            self._event("renamed")
            _LOG.info("%s: was %s; it is not counted again", one.name, old)
        for name in there:
            if name in files and now - files[name].seen > SEEN_SECONDS:
                files[name] = replace(files[name], seen=now)
                self._world.commit()

    def _is_renamed(self, one: Found, record: FileRecord) -> bool:
        # A new file may have got the number of a deleted one: only what is counted tells that it is the same.
        if one.size == record.size:
            if one.modified != record.modified:
                return False
        elif not one.by_line or one.size < record.position:
            return False
        if not record.position:
            return True
        try:
            with opened(one.file) as stream:
                return agrees(stream, record.position, record.marks)
        except OSError:
            return False

    def _forget(self, there: frozenset[str]) -> None:
        files, now = self._book.files, self._world.now()
        gone = sorted((record.seen, name) for name, record in files.items() if name not in there)
        too_many = len(files) + len(there - files.keys()) - MAX_FILES
        for place, (seen, name) in enumerate(gone):
            if place < too_many or now - seen > FORGOTTEN_SECONDS:
                del files[name]
                self._event("forgotten")

    # --- one file -----------------------------------------------------------------------------------------------------

    def _visit(self, one: Found) -> None:
        record = self._book.files.get(one.name)
        if record is None and len(self._book.files) >= MAX_FILES:
            self._leave(one, f"{MAX_FILES:,} files are remembered already; move old ones away")
            return
        if record is not None and self._is_done(one, record):
            return
        if one.by_line:
            self._visit_text(one, record)
        else:
            self._visit_whole(one, record)

    @staticmethod
    def _is_done(one: Found, record: FileRecord) -> bool:
        same = (one.size, one.modified, one.identity) == (record.size, record.modified, record.identity)
        if record.fault:
            return same and not record.retry
        return same and record.position == one.size

    def _visit_text(self, one: Found, record: FileRecord | None) -> None:
        event = "read"
        with opened(one.file) as stream:
            if record is not None and record.position:
                if one.size >= record.position and agrees(stream, record.position, record.marks):
                    event = "appended"
                else:
                    event = "truncated" if one.size < record.position else "replaced"
                    _LOG.warning("%s: was %s; it is read from its beginning", one.name, event)
                    self._event(event)
                    record = None
            known = record or FileRecord(0, 0.0, "", seen=self._world.now())
            known = replace(known.at(one), fault="", retry=False)
            header = header_of(stream, one)
            if header is not None:
                known = self._read_parts(one, known, stream, header, event)
        self._book.files[one.name] = known
        if known.position < one.size:
            self._leave(one, "its last line has no end yet", one.size - known.position)

    def _read_parts(self, one: Found, known: FileRecord, stream: IO[bytes], header: bytes, event: str) -> FileRecord:
        still = self._is_still(one, STILL_SECONDS)
        first, position = True, known.position
        if position and self._continues(stream, position):
            # The last line was taken to be complete, and went on: what follows is no row.
            _LOG.warning("%s: its last line went on after it had been counted; the rest of it is left out", one.name)
            stream.seek(position)
            rest = stream.readline()
            if not rest.endswith(b"\n"):
                return known
            position += len(rest)
            known = replace(known, position=position, marks=marks(stream, position))
            self._book.files[one.name] = known
        for part in text_parts(stream, one, position, still=still):
            draft = self._book.counts.draft()
            rows = 0
            for table in tables(one, self._types, part, header):
                self._pause(one, part.start)
                self._count(draft, table, one)
                rows += table.rows
            draft.bytes += part.end - known.position
            if first and event in {"read", "appended"}:
                draft.events[event] += 1
            first = False
            known = replace(known, position=part.end, rows=known.rows + rows, marks=known.marks.after(part))
            self._accept(one, known, draft, rows)
        return known

    @staticmethod
    def _continues(stream: IO[bytes], position: int) -> bool:
        stream.seek(position - 1)
        around = stream.read(2)
        return len(around) == 2 and around[:1] != b"\n" and around[1:] not in {b"\n", b"\r"}

    def _visit_whole(self, one: Found, record: FileRecord | None) -> None:
        if not self._is_settled(one):
            self._leave(one, "it is still being written")
            return
        event = "read"
        with opened(one.file) as stream:
            if record is not None and record.position and not record.fault:
                if one.size == record.position and agrees(stream, record.position, record.marks):
                    self._book.files[one.name] = record.at(one)  # touched, or copied over itself
                    self._world.commit()
                    return
                event = "replaced"
                _LOG.warning("%s: was replaced; it is read from its beginning", one.name)
            if not is_whole(stream, one) and not self._is_still(one, STILL_SECONDS):
                self._leave(one, "its end has not been written yet")
                return
            known = marks(stream, one.size)
        self._count_whole(one, known, event)

    def _count_whole(self, one: Found, known: Marks, event: str) -> None:
        draft = self._book.counts.draft()
        rows = 0
        try:
            in_all = rows_in(one.file)
            for table in tables(one, self._types):
                self._pause(one, one.size * rows // in_all if in_all else 0)
                self._count(draft, table, one)
                rows += table.rows
        except DataError:
            if not self._is_still(one, STILL_SECONDS):
                self._leave(one, "it cannot be read yet; it was written a moment ago")
                return
            raise
        now = again(one)
        if now is None or not now.same_state(one):
            self._leave(one, "it changed while it was read")
            return
        draft.bytes += one.size
        draft.events[event] += 1
        record = FileRecord(
            one.size, one.modified, one.identity, one.size, rows, known, seen=self._world.now()
        )  # fmt: skip
        self._accept(one, record, draft, rows)

    def _count(self, draft: Counts, table: Columns, one: Found) -> None:
        self._counter.add(draft, table, self._world.now(), one.modified)

    def _pause(self, one: Found, done: int) -> None:
        """Tell how far it is, and end here if asked to."""
        self._world.progress(Progress(one.name, done, one.size))
        if self._world.stopping():
            raise Stopped

    def _accept(self, one: Found, record: FileRecord, draft: Counts, rows: int) -> None:
        self._book.files[one.name] = record
        self._book.counts = draft
        self.rows += rows
        self._world.commit()

    # --- what is not read ---------------------------------------------------------------------------------------------

    def _is_still(self, one: Found, seconds: float) -> bool:
        if 0 < one.modified <= self._world.now() - seconds:
            return True
        # Its time may be unknown, or of a clock that is ahead: what counts is then how long it has been seen like this.
        known = self._steady.get(one.name)
        if known is None or not known[0].same_state(one):
            known = self._steady[one.name] = one, time.monotonic()
        return time.monotonic() - known[1] >= seconds

    def _is_settled(self, one: Found) -> bool:
        """Return whether a file has not changed for a moment; waits for it once in a reading."""
        if self._is_still(one, SETTLED_SECONDS):
            return True
        if not self._waited:
            self._waited = True
            if self._world.wait(SETTLED_SECONDS):
                raise Stopped
        now = again(one)
        return now is not None and now.same_state(one)

    def _leave(self, one: Found, why: str, size: int | None = None) -> None:
        record = self._book.files.get(one.name)
        counted = record.position if record is not None and one.by_line and record.position <= one.size else 0
        self.pending[one.name] = one.size - counted if size is None else size, why

    def _reject(self, one: Found, error: Exception) -> None:
        if isinstance(error, MissingExtraError):
            raise error
        text = without_values(str(error).removeprefix(f"{one.name}: ")) if isinstance(error, DataError) else ""
        if again(one) is None:
            return  # it has gone since it was listed
        retry = isinstance(error, OSError) or isinstance(error.__cause__, OSError)
        fault = text or f"cannot be read: {getattr(error, 'strerror', None) or error}; let this user read it"
        record = self._book.files.get(one.name) or FileRecord(0, 0.0, "", seen=self._world.now())
        if record.fault != fault:
            _LOG.error("%s: is set aside: %s", one.name, fault)
            self._event("rejected")
        self._book.files[one.name] = replace(
            record.at(one), fault=fault, retry=retry, since=record.since if record.fault else self._world.now()
        )
        self._world.commit()

    def _event(self, event: str) -> None:
        draft = self._book.counts.draft()
        draft.events[event] += 1
        self._book.counts = draft
        self._world.commit()


def without_values(fault: str) -> str:
    """Return what is said of a fault without the cells that it cites: a log is read by more people than the data.

    Examples
    --------
    >>> without_values("Row #3: Expected 2 columns, got 3: Ann; x,1; a line has another number")
    'Row #3: Expected 2 columns, got 3; a line has another number'
    >>> without_values("conversion error to int64: invalid value 'Ann'; write it again")
    'conversion error to int64: invalid value; write it again'
    """
    return _CITED_VALUE.sub("invalid value", _CITED_ROW.sub(r"\1", fault))
