"""The watch itself: reads the data when asked, keeps the checkpoint, and publishes what is on disk.

Published are only counts that the checkpoint holds, so that what has been scraped is never taken back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ml_models.errors import CheckpointError, MissingExtraError, MonitoringError
from ml_models.monitoring.watching import checkpoint
from ml_models.monitoring.watching.book import Book, Counts, FileRecord, Outcome, Progress, RowCounter
from ml_models.monitoring.watching.learning import learn
from ml_models.monitoring.watching.reading import Reading, Steady, Stopped, Surroundings
from ml_models.monitoring.watching.settings import Settings
from ml_models.monitoring.watching.windows import Summarise
from ml_models.profile.readers import Types
from ml_models.profile.reference import ReferenceProfile
from ml_models.profile.tally import Layout

_LOG = logging.getLogger(__name__)

#: Seconds between two writings of the checkpoint during a reading, and how many times as long as a writing takes.
COMMIT_SECONDS, COMMIT_SHARE = 5.0, 20.0
#: Seconds between two lines of the log about a long reading.
TOLD_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Published:
    """What is known and on disk.

    Attributes
    ----------
    reference : ReferenceProfile or None
        None while it is being learnt.
    learnt : bool
    counts : Counts or None
    files : dict of FileRecord by name
    outcome : Outcome or None
        Of the last reading by this process.
    runs : Counter
        Readings by this process, by outcome.
    """

    reference: ReferenceProfile | None = None
    learnt: bool = False
    counts: Counts | None = None
    files: dict[str, FileRecord] = field(default_factory=dict)
    outcome: Outcome | None = None
    runs: Counter[str] = field(default_factory=Counter)


class Watch:
    """Reads and counts, one reading at a time.

    Parameters
    ----------
    settings : Settings
    reference : ReferenceProfile or None
        None: it is learnt from the first data.
    summarise : callable
        ``summarise(layout)`` gives the function that makes a closed window's summary.
    now : callable
        Unix time.
    """

    def __init__(
        self,
        settings: Settings,
        reference: ReferenceProfile | None,
        summarise: Callable[[Layout], Summarise],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.settings, self._given, self._summarise, self._now = settings, reference, summarise, now
        self._types: Types = {}
        self._steady: Steady = {}
        self._folder: checkpoint.Folder | None = None
        self.reset()

    def reset(self) -> None:
        """Begin as if nothing had been read by this process: at first, and in a forked child."""
        self._running = threading.Lock()
        self._stop = threading.Event()
        if self._folder is not None:
            self._folder.close()
            self._folder = None
        self._book: Book | None = None
        self._counter: RowCounter | None = None
        self._committed = 0.0
        self._commit_took = 0.0
        self._dirty = False
        self._told = 0.0
        self.progress: Progress | None = None
        self.on_progress: Callable[[Progress], None] | None = None
        self.published = Published(self._given)

    # --- opening and closing ------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Take hold of the checkpoint and go on where it ends. Opening twice does nothing.

        Raises
        ------
        CheckpointError
            If another monitor holds it, it is damaged, or its folder cannot be written.
        """
        with self._running:
            self._stop.clear()
            self._open()

    def _open(self) -> None:
        if self._folder is not None:
            return
        folder = checkpoint.Folder(self.settings.folder)
        try:
            checkpoint.sweep(folder.path)
            path = checkpoint.file_in(folder.path, self._given)
            others = [one.name for one in folder.path.glob("checkpoint-*.json") if one != path]
            loaded = checkpoint.load(path, self._given, self.settings.meaning())
        except BaseException:
            folder.close()
            raise
        self._folder = folder
        if loaded is None:
            if others:
                _LOG.warning(
                    "%s: there is no checkpoint of this reference yet, so all data are counted with it; the counts "
                    "made with another one stay in %s",
                    folder.path, ", ".join(sorted(others)),
                )  # fmt: skip
            if self._given is not None:
                self._begin(Book(self._given, False, Counts(Layout.of(self._given), self.settings.window)))
            return
        book, same = loaded
        if not same:
            _LOG.warning(
                "%s: the window or the time column is another one now; the windows begin anew, all other counts go on",
                path,
            )
        _LOG.info("going on from %s: %s rows of %d files are counted", path,
                  f"{sum(book.counts.rows.values()):,}", len(book.files))  # fmt: skip
        self._begin(book)

    def _begin(self, book: Book) -> None:
        self._book = book
        summarise = self._summarise(book.counts.layout)
        self._counter = RowCounter(
            book.reference, book.counts.layout, self.settings.time_column, self.settings.ignore, summarise
        )
        self._publish(None)

    def close(self) -> None:
        """Let go of the checkpoint."""
        with self._running:
            if self._folder is not None:
                self._folder.close()
                self._folder = None

    def ask_to_stop(self) -> None:
        """End a reading at the next table, with all that is counted kept."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait; True as soon as it is asked to stop."""
        return self._stop.wait(seconds)

    # --- reading ------------------------------------------------------------------------------------------------------

    def read(self) -> Outcome:
        """Read what is new. A fault of the data is in the outcome and in the log.

        Raises
        ------
        CheckpointError
            If the checkpoint is held by another, or damaged.
        MissingExtraError
            If a package is needed to read the data.
        """
        with self._running:
            self._open()
            begun = self._told = time.monotonic()
            try:
                outcome = self._read()
            except Stopped:
                outcome = self.published.outcome or Outcome(self._now(), time.monotonic() - begun)
            except MissingExtraError as error:
                self._failed(begun, str(error))
                raise
            except (MonitoringError, OSError) as error:
                text = str(error) if isinstance(error, MonitoringError) else f"{type(error).__name__}: {error.strerror}"
                _LOG.error("%s", text)
                outcome = self._failed(begun, text)
            except Exception as error:
                self._failed(begun, type(error).__name__)
                raise
            finally:
                self.progress = None
            return outcome

    def _failed(self, begun: float, fault: str) -> Outcome:
        outcome = Outcome(self._now(), time.monotonic() - begun, fault=fault)
        self.published.runs["failed"] += 1
        self._publish(outcome)
        return outcome

    def _read(self) -> Outcome:
        begun = time.monotonic()
        if self._book is None:
            found = self._learn()
            if self._book is None:
                outcome = Outcome(self._now(), time.monotonic() - begun, learning=found)
                self.published.runs["succeeded"] += 1
                self._publish(outcome)
                return outcome
        assert self._counter is not None  # noqa: S101 - there is one wherever there is a book
        world = Surroundings(self._now, self._stop.wait, self._stop.is_set, self._commit_sometimes, self._tell)
        reading = Reading(self._book, self._counter, self._types, self._steady, world)
        try:
            there = reading.run(self.settings.source)
        finally:
            self._commit()
        outcome = Outcome(
            ended=self._now(),
            seconds=time.monotonic() - begun,
            rows=reading.rows,
            files=len(there),
            pending=tuple((name, why) for name, (_, why) in reading.pending.items()),
            pending_bytes=sum(size for size, _ in reading.pending.values()),
            there=there,
        )
        self.published.runs["succeeded"] += 1
        told = dict(self.published.outcome.pending) if self.published.outcome is not None else {}
        for name, why in outcome.pending:
            if told.get(name) != why:
                _LOG.info("%s: not read to its end: %s", name, why)
        self._publish(outcome)
        if reading.rows:
            _LOG.info("%s rows more are counted, %d files are there", f"{reading.rows:,}", len(there))
        return outcome

    def _tell(self, progress: Progress) -> None:
        self.progress = progress
        if self.on_progress is not None:
            self.on_progress(progress)
        now = time.monotonic()
        if now - self._told >= TOLD_SECONDS and progress.size:
            _LOG.info("%s: at %d %% of %s bytes", progress.file, 100 * progress.done // progress.size,
                      f"{progress.size:,}")  # fmt: skip
            self._told = now

    # --- the reference ------------------------------------------------------------------------------------------------

    def _learn(self) -> int:
        """Learn the reference from the first data; if there are too few, return how many rows there are."""
        rows, reference = learn(self.settings, self._stop.is_set)
        if reference is None:
            return rows
        copy = self.settings.folder / checkpoint.REFERENCE_COPY
        # The checkpoint holds it too, which is what counts; this one is for people and for `mlmon drift`.
        checkpoint.replace_durably(copy, reference.to_json().encode())
        _LOG.warning(
            "no reference is given: the first %s rows become it (%s); if they are not good, give one that is",
            f"{reference.rows:,}", copy,
        )  # fmt: skip
        self._begin(Book(reference, True, Counts(Layout.of(reference), self.settings.window)))
        return rows

    # --- the checkpoint -----------------------------------------------------------------------------------------------

    def _commit_sometimes(self) -> None:
        self._dirty = True
        if time.monotonic() - self._committed >= max(COMMIT_SECONDS, COMMIT_SHARE * self._commit_took):
            self._commit()

    def _commit(self) -> None:
        """Bring counts and positions to disk, then publish them.

        Raises
        ------
        CheckpointError
            If that fails; they stay in memory, and the next time they are brought with what has come since.
        """
        if not self._dirty or self._book is None:
            return
        begun = time.monotonic()
        path = checkpoint.file_in(self.settings.folder, self._given)
        try:
            checkpoint.save(path, self._book, self.settings.meaning())
        except OSError as error:
            self._committed = time.monotonic()
            raise CheckpointError(
                f"{path}: cannot be written: {error.strerror or error}; what was read stays in memory and is not shown "
                "until it can be: make room, or let this user write there"
            ) from error
        self._dirty = False
        self._committed = time.monotonic()
        self._commit_took = self._committed - begun
        self._publish(self.published.outcome)

    def _publish(self, outcome: Outcome | None) -> None:
        book, before = self._book, self.published
        if book is None:
            self.published = Published(self._given, outcome=outcome, runs=before.runs)
        elif self._dirty and before.counts is not None:
            self.published = Published(
                before.reference, before.learnt, before.counts, before.files, outcome, before.runs
            )  # fmt: skip
        else:
            self.published = Published(book.reference, book.learnt, book.counts, dict(book.files), outcome, before.runs)
