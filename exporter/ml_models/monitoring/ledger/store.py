"""What one transaction of the ledger does: hold predictions, join labels, give up on what is old."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml_models.errors import MonitoringError
from ml_models.monitoring.held import Held
from ml_models.monitoring.ids import Made
from ml_models.monitoring.ledger import schema
from ml_models.monitoring.ledger.databases import Database
from ml_models.monitoring.ledger.packing import BUCKET_BITS, MAX_ROWS, Record, pack, split, unpack

#: Labels that wait for their prediction at most.
MAX_EARLY = 100_000

_CHUNK = 500
_CACHED = 256


class Added(NamedTuple):
    """Predictions to hold: ascending keys, outputs, class names, own ids if any, when they started and ended."""

    process: int
    keys: NDArray[np.int64]
    held: Held
    classes: tuple[str, ...]
    ids: Sequence[bytes | None] | None
    since: int
    until: int
    at: float


class Label(NamedTuple):
    """A label to join: the id as a key and, if a monitor made it, what it says; the label as text; time."""

    id: bytes
    made: Made | None
    label: str
    at: float


@dataclass(frozen=True, slots=True)
class Match:
    """Labels that found rows of one record."""

    record: Record
    at: float
    places: list[int]
    labels: list[Label]
    previous: list[str]
    counted: list[float]


@dataclass(slots=True)
class State:
    """Numbers of a model that every worker shares."""

    next_record: int
    held: int
    labelled: int
    early: int


class Written(NamedTuple):
    """What a transaction did: labels that were the first, labels that replaced one, and how each join ended."""

    joined: list[Match]
    corrected: list[Match]
    ends: Counter[str]


class Store:
    """The statements of a transaction, for one model.

    Parameters
    ----------
    database : Database
    model : str
    max_rows : int
    horizon : float
    """

    def __init__(self, database: Database, model: str, max_rows: int, horizon: float) -> None:
        self.database, self.max_rows, self.horizon = database, max_rows, horizon
        #: What a transaction raises when it cannot be done now; later it may.
        self.errors: tuple[type[Exception], ...] = (*database.errors, LedgerVersionError)
        self._name = model.encode("utf-8", "surrogatepass")
        # What is given up at the bound is a whole record, so records are small where few rows are held.
        self._record_rows = max(1, min(MAX_ROWS, max_rows // 16))
        self._model = 0
        self._records: OrderedDict[int, tuple[float, Record]] = OrderedDict()
        self.state = State(1, 0, 0, 0)

    # --- life ----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin a transaction; make the tables where they are missing."""
        if self.database.begin(self._name) or not self._model:
            for statement in schema.TABLES:
                self._run(statement.format(bytes=self.database.bytes_type, table=self.database.table_suffix))
            found = self._run(schema.GET_VERSION)
            if not found:
                self._run(schema.SET_VERSION, version=schema.VERSION)
            elif found[0][0] != schema.VERSION:
                raise LedgerVersionError(
                    f"ledger: found tables of version {found[0][0]}, this release has {schema.VERSION}; "
                    "use another file or database, or the release that made it"
                )
            if not self._run(schema.GET_MODEL, name=self._name):
                self._run(schema.ADD_MODEL, name=self._name)
            self._model = self._run(schema.GET_MODEL, name=self._name)[0][0]
        self.state = State(*self._run(schema.GET_STATE, model=self._model)[0])

    def end(self, worker: int, write: int, now: float) -> None:
        """Keep what the transaction did, under the number of the worker's write."""
        state = self.state
        self._run(
            schema.SET_STATE,
            model=self._model, next_record=state.next_record, held=state.held, labelled=state.labelled,
            early=state.early,
        )  # fmt: skip
        self._run(schema.SET_WRITE, worker=worker, write=write, at=now)
        self.database.commit()

    def take_back(self) -> None:
        """End the transaction without what it did."""
        self.database.reset()
        # Numbers of records that were not kept are given again, and the tables may be gone.
        self._records.clear()
        self._model = 0

    def last_write(self, worker: int) -> int:
        """Return the number of the worker's last write that was kept."""
        found = self._run(schema.GET_WRITE, worker=worker)
        return int(found[0][0]) if found else 0

    def _run(self, sql: str, **values: Any) -> Sequence[Sequence[Any]]:
        return self.database.run(sql, values)

    def _run_in(self, sql: str, wanted: Sequence[Any], **values: Any) -> Iterable[Sequence[Any]]:
        """Run a query with a list in it, some values at a time."""
        for begin in range(0, len(wanted), _CHUNK):
            some = {f"v{i}": value for i, value in enumerate(wanted[begin : begin + _CHUNK])}
            yield from self.database.run(sql.format(", ".join(f":{name}" for name in some)), {**values, **some})

    # --- predictions ---------------------------------------------------------------------------------------------

    def write(self, added: Sequence[Added], labels: Sequence[Label], now: float) -> Written:
        """Hold predictions, then give labels to what is held; labels that find nothing wait."""
        first = self.state.next_record
        ends: Counter[str] = Counter()
        waiting = self._add(added)
        if self.state.early and added:
            labels = [*self._take_early(waiting, first), *labels]
        written = self._join(labels, now, ends)
        self._evict(ends)
        return written

    def _add(self, added: Sequence[Added]) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = []
        ids: list[dict[str, Any]] = []
        for one in added:
            for part in split(one.keys, self._record_rows):
                keys = one.keys[part]
                record = self.state.next_record
                self.state.next_record += 1
                records.append({
                    "model": self._model, "record": record, "process": one.process,
                    "bucket": int(keys[0]) >> BUCKET_BITS, "first_key": int(keys[0]), "last_key": int(keys[-1]),
                    "since": one.since, "until": one.until, "at": one.at, "rows": len(keys),
                    "data": pack(Record(keys, one.held[part], one.classes)),
                })  # fmt: skip
                if one.ids is not None:
                    ids += [
                        {"model": self._model, "id": own, "record": record, "place": place}
                        for place, own in enumerate(one.ids[part])
                        if own is not None
                    ]
        self.database.run_many(schema.ADD_RECORD, records)
        self.database.run_many(schema.ADD_ID, ids)
        self.state.held += sum(one["rows"] for one in records)
        return records

    def _take_early(self, records: Sequence[dict[str, Any]], first: int) -> list[Label]:
        """Return labels that waited for these predictions."""
        found: dict[bytes, Label] = {}
        rows = list(self._run(schema.EARLY_OF_IDS, model=self._model, record=first))
        for one in records:
            rows += self._run(
                schema.EARLY_OF_RECORD,
                model=self._model, process=one["process"], low=one["first_key"], high=one["last_key"],
                since=one["since"], until=one["until"],
            )  # fmt: skip
        for own, process, key, made_at, label, at in rows:
            made = None if process is None else Made(process, made_at, key)
            found[bytes(own)] = Label(bytes(own), made, _from_bytes(label), at)
        self._drop_early(list(found))
        return list(found.values())

    def _drop_early(self, ids: Sequence[bytes]) -> None:
        self.database.run_many(schema.DROP_EARLY, [{"model": self._model, "id": own} for own in ids])
        self.state.early -= len(ids)

    # --- labels --------------------------------------------------------------------------------------------------

    def _join(self, labels: Sequence[Label], now: float, ends: Counter[str]) -> Written:
        found = self._find(labels)
        by_record: dict[int, list[tuple[int, Label]]] = {}
        lost: list[Label] = []
        for label in labels:
            target = found.get(label.id)
            if target is not None:
                by_record.setdefault(target[0], []).append((target[1], label))
            elif label.made is not None and label.made.milliseconds / 1000 < now - self.horizon:
                ends["late"] += 1
            else:
                lost.append(label)
        joined: list[Match] = []
        corrected: list[Match] = []
        changed: list[dict[str, Any]] = []
        counts: list[dict[str, Any]] = []
        for record, pairs in by_record.items():
            at, held = self._get([record])[record]
            if at < now - self.horizon:
                ends["late"] += len(pairs)
                continue
            known = {
                place: (_from_bytes(label), counted)
                for place, label, counted in self._run_in(
                    schema.GET_LABELS, [place for place, _ in pairs], model=self._model, record=record
                )
            }
            new, again = Match(held, at, [], [], [], []), Match(held, at, [], [], [], [])
            touched: dict[int, Label] = {}
            for place, label in pairs:
                previous = known.get(place)
                if previous is not None and previous[0] == label.label:
                    ends["duplicate"] += 1
                    continue
                one = new if previous is None else again
                one.places.append(place)
                one.labels.append(label)
                if previous is not None:
                    again.previous.append(previous[0])
                    again.counted.append(previous[1])
                known[place] = (label.label, now)
                touched[place] = label
            changed += [
                {"model": self._model, "record": record, "place": place, "label": _to_bytes(label.label), "at": now}
                for place, label in touched.items()
            ]
            if new.places:
                joined.append(new)
                counts.append({"model": self._model, "record": record, "count": len(new.places)})
            if again.places:
                corrected.append(again)
            ends["joined"] += len(new.places)
            ends["corrected"] += len(again.places)
            self.state.labelled += len(new.places)
        self.database.run_many(schema.SET_LABEL, changed)
        self.database.run_many(schema.ADD_LABELLED, counts)
        self._wait(lost, ends)
        return Written(joined, corrected, ends)

    def _find(self, labels: Sequence[Label]) -> dict[bytes, tuple[int, int]]:
        """Return record and place of the ids that are held."""
        wanted = list({label.id for label in labels})
        found = {
            bytes(own): (record, place)
            for own, record, place in self._run_in(schema.FIND_IDS, wanted, model=self._model)
        }
        made: dict[tuple[int, int], list[Label]] = {}
        for label in labels:
            if label.made is not None and label.id not in found:
                made.setdefault((label.made.process, label.made.key >> BUCKET_BITS), []).append(label)
        for (process, bucket), some in made.items():
            found |= self._find_made(process, bucket, some)
        return found

    def _find_made(self, process: int, bucket: int, labels: Sequence[Label]) -> dict[bytes, tuple[int, int]]:
        keys = [label.made.key for label in labels if label.made is not None]
        rows = self._run(
            schema.FIND_MADE, model=self._model, process=process, bucket=bucket, low=min(keys), high=max(keys)
        )
        if not rows:
            return {}
        # Calls end in another order than they begin, so the keys of records may overlap.
        records, first, last, since, until = np.array(rows, dtype=np.int64).T
        found: dict[bytes, tuple[int, int]] = {}
        for label in labels:
            assert label.made is not None  # noqa: S101 - for the type checker
            _, milliseconds, key = label.made
            # Random bits may be those of another process: its calls were at another time.
            fits = (first <= key) & (key <= last) & (since <= milliseconds) & (milliseconds <= until)
            for record in records[fits].tolist():
                place = self._get([record])[record][1].place(key)
                if place is not None:
                    found[label.id] = (record, place)
                    break
        return found

    def _get(self, records: Sequence[int]) -> dict[int, tuple[float, Record]]:
        missing = [record for record in records if record not in self._records]
        for record, at, data in self._run_in(schema.GET_RECORDS, missing, model=self._model):
            self._records[record] = (at, unpack(bytes(data)))
        found = {record: self._records[record] for record in records}
        for record in records:
            self._records.move_to_end(record)
        while len(self._records) > _CACHED:
            self._records.popitem(last=False)
        return found

    def _wait(self, labels: Sequence[Label], ends: Counter[str]) -> None:
        """Keep labels that came before their prediction."""
        if not labels:
            return
        known = {
            bytes(own): _from_bytes(label)
            for own, label, _ in self._run_in(schema.GET_EARLY, [label.id for label in labels], model=self._model)
        }
        kept: dict[bytes, Label] = {}
        for label in labels:
            previous = known.get(label.id)
            if previous is not None and previous == label.label:
                ends["duplicate"] += 1
                continue
            if previous is None:
                self.state.early += 1
            else:
                ends["corrected"] += 1
            known[label.id] = label.label
            kept[label.id] = label
        self.database.run_many(
            schema.SET_EARLY,
            [
                {
                    "model": self._model, "id": label.id, "label": _to_bytes(label.label), "at": label.at,
                    "process": label.made.process if label.made else None,
                    "made_key": label.made.key if label.made else None,
                    "made_at": label.made.milliseconds if label.made else None,
                }
                for label in kept.values()
            ],
        )  # fmt: skip
        if self.state.early > MAX_EARLY:
            self._give_up_early(np.inf, self.state.early - MAX_EARLY, ends)

    # --- bounds --------------------------------------------------------------------------------------------------

    def expire(self, now: float) -> Counter[str]:
        """Give up on predictions and labels that have waited longer than the horizon."""
        ends: Counter[str] = Counter()
        before = now - self.horizon
        old = self._run(schema.OLDER_RECORDS, model=self._model, before=before, limit=_CHUNK)
        ends["expired"] += self._drop([tuple(one) for one in old])
        if self.state.early:
            self._give_up_early(before, _CHUNK, ends)
        self._run(schema.FORGET_WORKERS, before=before - 86_400)
        return ends

    def _give_up_early(self, before: float, limit: int, ends: Counter[str]) -> None:
        old = self._run(schema.OLDEST_EARLY, model=self._model, before=before, limit=limit)
        self._drop_early([bytes(own) for (own,) in old])
        ends["orphan"] += len(old)

    def _evict(self, ends: Counter[str]) -> None:
        """Give up the oldest records, whole, until the rest is within the bound."""
        limit = 4
        while self.state.held > self.max_rows:
            excess, dropped = self.state.held - self.max_rows, []
            for record, rows, labelled in self._run(schema.OLDEST_RECORDS, model=self._model, limit=limit):
                dropped.append((record, rows, labelled))
                excess -= rows
                if excess <= 0:
                    break
            ends["evicted"] += self._drop(dropped)
            limit = min(2 * limit, _CHUNK)

    def _drop(self, records: Sequence[tuple[int, ...]]) -> int:
        """Forget records; return how many of their rows had no label."""
        keys = [{"model": self._model, "record": record} for record, _, _ in records]
        for statement in (schema.DROP_RECORD, schema.DROP_IDS, schema.DROP_LABELS):
            self.database.run_many(statement, keys)
        for record, _, _ in records:
            self._records.pop(record, None)
        rows, labelled = (sum(one[i] for one in records) for i in (1, 2))
        self.state.held -= rows
        self.state.labelled -= labelled
        return int(rows - labelled)

    def coverage(self, before: float) -> tuple[int, int]:
        """Return predictions held from before a time, and those of them that have a label."""
        rows, labelled = self._run(schema.COVERAGE, model=self._model, before=before)[0]
        return int(rows or 0), int(labelled or 0)


class LedgerVersionError(MonitoringError):
    """The tables were made by a release with other ones."""


def _to_bytes(label: str) -> bytes:
    # As bytes, because PostgreSQL takes no text with a zero in it.
    return label.encode("utf-8", "surrogatepass")


def _from_bytes(label: bytes) -> str:
    return bytes(label).decode("utf-8", "surrogatepass")
