"""The ledger: predictions wait in it for their label, across restarts, processes and machines."""

from __future__ import annotations

import logging
import math
import os
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml_models.errors import ConfigError
from ml_models.monitoring import logs
from ml_models.monitoring.held import Held
from ml_models.monitoring.ids import Made
from ml_models.monitoring.ledger.databases import Database, Sqlite, default_path, open_database
from ml_models.monitoring.ledger.store import Added, Label, LedgerVersionError, Store, Written

_LOG = logging.getLogger(__name__)

#: Rows, of predictions and of labels, that wait in memory while the database cannot be written to.
MAX_SPOOLED = 500_000

#: Seconds from one attempt to the next while it fails: doubled each time, up to the last.
RETRY_SECONDS = (0.5, 30.0)

#: Seconds from one look at what is old to the next, at most.
_TIDY_SECONDS = 10.0

#: Parts of a spool that make one transaction.
_ADDED_AT_ONCE, _LABELS_AT_ONCE = 1_000, 20_000


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """Bounds of the label join.

    Attributes
    ----------
    max_rows : int
        Predictions held.
    horizon : float
        Seconds for which a prediction waits for its label, and a label for its prediction.
    expected_after : float
        Seconds after which a label should have come: coverage is about predictions that are older.
    """

    max_rows: int
    horizon: float
    expected_after: float = 86_400.0


@dataclass(frozen=True, slots=True)
class LedgerState:
    """How the ledger is.

    Attributes
    ----------
    kind : str
        ``sqlite``, ``postgresql`` or ``memory``.
    up : bool
        Whether it could be written to last time.
    durable : bool
        Whether what it holds outlives the process.
    awaiting, early : int
        Predictions without a label and labels without a prediction, of all workers.
    spooled : mapping of str to int
        Predictions and labels in memory, not yet written.
    dropped : mapping of str to int
        Those lost because too many were.
    writes : mapping of str to int
        By how they ended, ``ok`` or ``failed``.
    write_seconds : float
        Spent in them.
    coverage : float or None
        Share of labelled predictions among those held for long enough; None if there are none.
    error : str or None
        Class of the last error, while not up.
    """

    kind: str
    up: bool
    durable: bool
    awaiting: int
    early: int
    spooled: dict[str, int]
    dropped: dict[str, int]
    writes: dict[str, int]
    write_seconds: float
    coverage: float | None
    error: str | None


class _Unsure(NamedTuple):
    """A write of which it is not known whether it was kept."""

    number: int
    written: Written
    added: int
    labels: int


class Ledger:
    """Joins labels to predictions by id.

    :meth:`add` and :meth:`offer` only append, and may be called while :meth:`settle` runs, which one thread at a time
    may do. What a finished :meth:`settle` has written is acknowledged; the rest is lost if the process is killed.
    While the database cannot be written to, it waits in memory, up to :data:`MAX_SPOOLED` rows; predictions never wait.

    Parameters
    ----------
    model : str
    database : Database
    settings : LedgerSettings
    version : str
        Ledgers of one version of one model in one database are one ledger.
    gives_way : bool
        Whether to use memory should the database not be there to begin with: that of the default is not asked for.

    Examples
    --------
    >>> from ml_models.monitoring.ids import IdMaker, keys, parse
    >>> from ml_models.monitoring.ledger.keys import id_key
    >>> ledger, ids = Ledger("m", Sqlite(None), LedgerSettings(max_rows=100, horizon=60.0)), IdMaker()
    >>> start = time.perf_counter_ns()
    >>> when, now = ids.milliseconds(start), time.monotonic()
    >>> ledger.add(ids.process, keys(5, 1), Held.of(np.array([1])), ("no", "yes"), None, when, when, now=now)
    >>> one = ids.make(5, row=0, start=start)
    >>> ledger.offer(id_key(one), parse(one), "no", now=now + 8)
    >>> (written,) = ledger.settle(now + 8)
    >>> [(match.record.held.codes.tolist(), match.labels[0].label) for match in written.joined]
    [([1], 'no')]
    """

    def __init__(
        self, model: str, database: Database, settings: LedgerSettings, *, version: str = "", gives_way: bool = False
    ) -> None:
        self._model, self.settings, self._gives_way = model, settings, gives_way
        # Versions of a model may be given the same ids, as a shadow is; a label counts for each of them.
        self._name = f"{model}\0{version}" if version else model
        self._store = Store(database, self._name, settings.max_rows, settings.horizon)
        # Unix time of the monotonic clock's zero, read once: a step of the clock must not expire what is held.
        self._epoch = time.time() - time.monotonic()
        self._worker = int.from_bytes(os.urandom(7), "big")
        self._number = 0
        self._unsure: _Unsure | None = None
        # What was taken, and what of it the settling thread has in hand; each count has one thread that changes it.
        self._new: deque[Added] = deque()
        self._new_labels: deque[Label] = deque()
        self._added: list[Added] = []
        self._labels: list[Label] = []
        self._taken, self._taken_labels, self._kept, self._kept_labels = 0, 0, 0, 0
        self._dropped = {"predictions": 0, "labels": 0}
        self._writes = {"ok": 0, "failed": 0}
        self._write_seconds = 0.0
        self._error: str | None = None
        self._pause = RETRY_SECONDS[0]
        self._retry_at = self._tidy_at = -math.inf
        self._coverage: float | None = None

    # --- taking --------------------------------------------------------------------------------------------------

    def add(
        self,
        process: int,
        keys: NDArray[np.int64],
        held: Held,
        classes: tuple[str, ...],
        ids: Sequence[bytes | None] | None,
        since: int,
        until: int,
        *,
        now: float,
    ) -> None:
        """Take predictions.

        Parameters
        ----------
        process : int
            What the ids that were made for them have in common.
        keys : array of shape (n,)
            What tells these apart.
        held : Held
        classes : tuple of str
            Names of its class slots.
        ids : sequence or None
            The caller's own ids as keys, None for a row without one.
        since, until : int
            Unix milliseconds at which the first and the last of the calls started.
        now : float
            Monotonic clock, in seconds.
        """
        rows = len(keys)
        if self._taken - self._kept + rows > MAX_SPOOLED:
            self._dropped["predictions"] += rows
            return
        if rows > 1 and np.any(np.diff(keys) < 0):
            order = np.argsort(keys, kind="stable")
            keys, held = keys[order], held[order]
            ids = None if ids is None else [ids[place] for place in order.tolist()]
        self._taken += rows
        self._new.append(Added(process, keys, held, classes, ids, since, until, self._epoch + now))

    def offer(self, one: bytes, made: Made | None, label: str, *, now: float) -> None:
        """Take a label: its id as a key and as what it says if a monitor made it; and the label as text."""
        if self._taken_labels - self._kept_labels >= MAX_SPOOLED:
            self._dropped["labels"] += 1
            return
        self._taken_labels += 1
        self._new_labels.append(Label(one, made, label, self._epoch + now))

    # --- writing -------------------------------------------------------------------------------------------------

    def settle(self, now: float) -> list[Written]:
        """Write what was taken, and return what came of it: nothing while the database does not allow it.

        Parameters
        ----------
        now : float
            Monotonic clock, in seconds.
        """
        if now < self._retry_at:
            return []
        # Labels first: one whose id came from a call finds that call in what is taken next.
        self._labels += [self._new_labels.popleft() for _ in range(len(self._new_labels))]
        self._added += [self._new.popleft() for _ in range(len(self._new))]
        done: list[Written] = []
        while self._added or self._labels or now >= self._tidy_at:
            begun = time.perf_counter()
            try:
                done.append(self._write(self._epoch + now, now))
            except self._store.errors as error:
                if self._failed(error, now):
                    continue
                break
            finally:
                self._write_seconds += time.perf_counter() - begun
            self._succeeded()
        return done

    def _write(self, wall: float, now: float) -> Written:
        """Write a part, small enough for others not to wait long."""
        store = self._store
        try:
            store.begin()
            unsure, self._unsure = self._unsure, None
            if unsure is not None and store.last_write(self._worker) == unsure.number:
                store.database.commit()
                return self._forget(unsure)
            added, labels = self._added[:_ADDED_AT_ONCE], self._labels[:_LABELS_AT_ONCE]
            if len(self._added) > len(added):
                labels = []
            written = store.write(added, labels, wall)
            self._tidy(written, wall, now)
            self._number += 1
            self._unsure = _Unsure(self._number, written, len(added), len(labels))
            store.end(self._worker, self._number, wall)
            unsure, self._unsure = self._unsure, None
            return self._forget(unsure)
        except BaseException:
            store.take_back()
            raise

    def _forget(self, done: _Unsure) -> Written:
        self._kept += sum(len(one.keys) for one in self._added[: done.added])
        self._kept_labels += done.labels
        del self._added[: done.added]
        del self._labels[: done.labels]
        return done.written

    def _tidy(self, written: Written, wall: float, now: float) -> None:
        if now < self._tidy_at:
            return
        settings = self.settings
        written.ends.update(self._store.expire(wall))
        rows, labelled = self._store.coverage(wall - min(settings.expected_after, settings.horizon))
        self._coverage = labelled / rows if rows else None
        self._tidy_at = now + min(_TIDY_SECONDS, settings.horizon / 100, settings.expected_after)

    def _failed(self, error: Exception, now: float) -> bool:
        """Wait some time before the next attempt, or give way to memory; return whether it did that."""
        self._writes["failed"] += 1
        if self._gives_way and not self._writes["ok"]:
            _LOG.warning(
                "the ledger of %s cannot be kept in the default file (%s): labels are joined in memory, and lost when "
                "the process ends; set labels.ledger to a file that can be written, or to memory",
                self._model, type(error).__name__,
            )  # fmt: skip
            self._gives_way = False
            self._store = Store(Sqlite(None), self._name, self.settings.max_rows, self.settings.horizon)
            return True
        self._retry_at, self._pause = now + self._pause, min(2 * self._pause, RETRY_SECONDS[1])
        cause = getattr(error, "orig", None) or error
        self._error = type(cause).__name__
        reason = str(error) if isinstance(error, LedgerVersionError) else self._error
        logs.rate_limited(_LOG, f"{self._model}-ledger").warning(
            "the ledger of %s cannot be written to (%s): labels wait in memory, %d rows of at most %d",
            self._model, reason, self._taken - self._kept + self._taken_labels - self._kept_labels, 2 * MAX_SPOOLED,
        )  # fmt: skip
        return False

    def _succeeded(self) -> None:
        self._writes["ok"] += 1
        if self._error is not None:
            _LOG.warning("the ledger of %s can be written to again", self._model)
        self._error, self._pause, self._retry_at = None, RETRY_SECONDS[0], -math.inf

    # --- state ---------------------------------------------------------------------------------------------------

    @property
    def state(self) -> LedgerState:
        """How the ledger is."""
        store = self._store
        return LedgerState(
            kind=store.database.kind,
            up=self._error is None,
            durable=store.database.durable,
            awaiting=store.state.held - store.state.labelled,
            early=store.state.early,
            spooled={"predictions": self._taken - self._kept, "labels": self._taken_labels - self._kept_labels},
            dropped=dict(self._dropped),
            writes=dict(self._writes),
            write_seconds=self._write_seconds,
            coverage=self._coverage,
            error=self._error,
        )

    def monotonic(self, wall: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return times of the ledger on this process' monotonic clock."""
        return wall - self._epoch

    def close(self) -> None:
        """Let go of the database; it is opened again when there is something to write."""
        if self._store.database.durable:
            self._store.take_back()

    def abandon(self) -> None:
        """Forget, in a forked child, what is the parent's."""
        self._store.database.abandon()


def open_ledger(
    model: str,
    target: str | os.PathLike[str] | None,
    url_file: str | os.PathLike[str] | None,
    settings: LedgerSettings,
    version: str = "",
) -> Ledger:
    """Return the ledger of a version of a model: in the database of a setting, else in the default file.

    Parameters
    ----------
    model : str
    target : str, path or None
        ``memory``, a file's path, or a URL.
    url_file : path or None
        File that holds the URL.
    settings : LedgerSettings
    version : str

    Raises
    ------
    ConfigError
        If both are given, the file cannot be read, or the URL is not one of PostgreSQL; the message does not show it.
    MissingExtraError
        If it is PostgreSQL and the ``sql`` extra is not installed.
    """
    if url_file is not None:
        if target is not None:
            raise ConfigError("ledger", ["labels.ledger, labels.ledger_url_file: found both; set one"])
        try:
            target = Path(url_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            found = f"labels.ledger_url_file: {url_file} cannot be read ({type(error).__name__})"
            raise ConfigError(
                "ledger", [f"{found}; a file that holds postgresql://user:password@host/database"]
            ) from None
        if "://" not in target:
            raise ConfigError(
                "ledger", [f"labels.ledger_url_file: {url_file} holds no URL; postgresql://user:password@host/database"]
            )
    database = Sqlite(default_path(model)) if target is None else open_database(target)
    return Ledger(model, database, settings, version=version, gives_way=target is None)
