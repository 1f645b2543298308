"""Predictions in one file and labels in another: joined by id, of any size, in bounded memory."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from ml_models.errors import DataError
from ml_models.monitoring.ledger import LedgerSettings, open_ledger
from ml_models.monitoring.ledger.keys import id_key
from ml_models.monitoring.outputs import Task
from ml_models.monitoring.pipeline import Direct, Pipeline
from ml_models.monitoring.recorder import Recorder
from ml_models.monitoring.snapshot import performance_section
from ml_models.profile.cells import category, is_missing
from ml_models.profile.classes import natural_order
from ml_models.profile.ingest import Columns
from ml_models.profile.sources import Progress, batches
from ml_models.profile.tally import ENDS, MAX_CLASSES

_AT_ONCE = 65_536
#: What a model's performance on files has no part in: there are no calls.
_OF_CALLS = ("latency_seconds", "throughput_per_second", "error_ratio", "calls", "predictions")


@dataclass(frozen=True, slots=True)
class OutcomeColumns:
    """Names of the columns.

    Attributes
    ----------
    id : str
        In both files.
    prediction, score : str or None
        In the file of predictions: the class or number, and the positive class's score or a list of probabilities.
    label : str
        In the file of labels.
    """

    id: str = "id"
    prediction: str | None = "prediction"
    score: str | None = None
    label: str = "label"


@dataclass(frozen=True, slots=True)
class OutcomeReport:
    """What the files say.

    Attributes
    ----------
    predictions, labels : int
        Different ids of each.
    joined : int
        Ids in both, with a label that is one.
    orphans : int
        Labels without a prediction.
    duplicates, corrected : int
        Further rows of an id in the file of labels, with the same label and with another one; the last counts.
    repeated : int
        Further rows of an id in the file of predictions; the last counts.
    invalid : int
        Joined rows whose label is missing or of the wrong type.
    without_id : int
        Rows of both files that have none.
    performance : dict
        As ``get_metrics()["performance"]``.
    """

    predictions: int
    labels: int
    joined: int
    orphans: int
    duplicates: int
    corrected: int
    repeated: int
    invalid: int
    without_id: int
    performance: dict[str, Any]

    @property
    def coverage(self) -> float | None:
        """Share of the predictions that have a label; None if there are none."""
        return self.joined / self.predictions if self.predictions else None


def outcomes_of_files(
    predictions: Any,
    labels: Any,
    columns: OutcomeColumns,
    *,
    task: Task = "auto",
    classes: Sequence[Any] | None = None,
    positive_class: Any = None,
    decision_threshold: float = 0.5,
    progress: Progress | None = None,
) -> OutcomeReport:
    """Join labels to predictions and return the performance.

    Both are read in batches and joined in a file on disk, about as large as the columns that are used.

    Parameters
    ----------
    predictions, labels : path, URL, frame or other data
        What :func:`ml_models.profile.sources.batches` takes.
    columns : OutcomeColumns
    task, classes, positive_class, decision_threshold
        As in ``ModelMonitor``.
    progress : callable, optional
        As in ``batches``.

    Raises
    ------
    DataError
        If data cannot be read or lack a column.

    Examples
    --------
    >>> report = outcomes_of_files(
    ...     {"id": [1, 2, 3], "prediction": ["no", "yes", "yes"]}, {"id": [2, 3, 4], "label": ["yes", "no", "no"]},
    ...     OutcomeColumns())
    >>> report.joined, report.orphans, report.performance["accuracy"]
    (2, 1, 0.5)
    """
    if columns.prediction is None and columns.score is None:
        raise DataError("outcomes: no column of predictions or scores is named; name one")
    with (
        tempfile.TemporaryDirectory(prefix="mlmon-outcomes-") as folder,
        closing(_Join(Path(folder) / "join.sqlite")) as join,
    ):
        wanted = [name for name in (columns.prediction, columns.score) if name is not None]
        for table in batches(predictions, columns=[columns.id, *wanted], progress=progress):
            keys, cells = _read(table, columns.id, wanted, "predictions")
            nothing = [None] * table.rows
            join.add_predictions(
                keys, cells.get(columns.prediction or "", nothing), cells.get(columns.score or "", nothing)
            )
        for table in batches(labels, columns=[columns.id, columns.label], progress=progress):
            keys, cells = _read(table, columns.id, [columns.label], "labels")
            join.add_labels(keys, cells[columns.label])
        if classes is None and task != "regression":
            classes = join.classes()
        if columns.prediction is None and classes is not None and len(classes) != 2 and join.has_single_scores():
            raise DataError(
                f"predictions: {columns.score} holds single scores, which are of two classes; found "
                f"{', '.join(map(str, classes)) or 'none'}. Name a column of predictions, or the classes in --config"
            )
        pipeline = Pipeline(
            Recorder("outcomes"),
            None,
            classes=classes,
            task=task,
            decision_threshold=decision_threshold,
            positive_class=positive_class,
            span=1.0,
            ledger=lambda: open_ledger("outcomes", "memory", None, LedgerSettings(1, 1.0)),
        )
        for predicted, scores, actual in join.joined():
            read = [json.loads(one) if isinstance(one, str) else one for one in scores]
            given = Direct(actual, predicted if columns.prediction else None, read if columns.score else None)
            pipeline.recorder.add_label(None, given)
            pipeline.collect()
        counted = join.counts()
    total, window = pipeline.counts()
    ends = dict(zip(ENDS, total.ends.tolist(), strict=True))
    found = performance_section(pipeline, total, window.seconds)
    return OutcomeReport(
        **counted, joined=ends["direct"], invalid=ends["invalid"],
        performance={key: value for key, value in found.items() if key not in _OF_CALLS},
    )  # fmt: skip


class _Join:
    """Two tables on disk, by id."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=OFF",  # the file goes with the process
            "PRAGMA synchronous=OFF",
            "PRAGMA cache_size=-65536",
            "CREATE TABLE predictions (id BLOB PRIMARY KEY, predicted, score) WITHOUT ROWID",
            "CREATE TABLE labels (id BLOB PRIMARY KEY, label, same INTEGER, other INTEGER) WITHOUT ROWID",
        ):
            self._connection.execute(statement)
        self._rows = {"predictions": 0, "labels": 0}
        self._without_id = 0

    def close(self) -> None:
        self._connection.close()

    def _insert(self, table: str, statement: str, rows: list[tuple[Any, ...]]) -> None:
        kept = [row for row in rows if row[0] is not None]
        self._rows[table] += len(kept)
        self._without_id += len(rows) - len(kept)
        self._connection.execute("BEGIN")
        # In the order of the tree: at random, each row would cost a page of its own.
        self._connection.executemany(statement, sorted(kept, key=itemgetter(0)))
        self._connection.execute("COMMIT")

    def add_predictions(self, keys: list[bytes | None], predicted: list[Any], scores: list[Any]) -> None:
        rows = list(zip(keys, map(_cell, predicted), map(_cell, scores), strict=True))
        self._insert("predictions", "INSERT OR REPLACE INTO predictions VALUES (?, ?, ?)", rows)

    def add_labels(self, keys: list[bytes | None], labels: list[Any]) -> None:
        self._insert(
            "labels",
            "INSERT INTO labels VALUES (?, ?, 0, 0) ON CONFLICT (id) DO UPDATE SET label = excluded.label, "
            "same = same + (label IS excluded.label), other = other + (label IS NOT excluded.label)",
            list(zip(keys, map(_cell, labels), strict=True)),
        )

    def classes(self) -> list[str] | None:
        """Return the classes that occur, in order; None if there are too many or other values than classes."""
        found: set[str] = set()
        for column, table in (("label", "labels"), ("predicted", "predictions")):
            sql = f"SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL LIMIT {MAX_CLASSES + 1}"  # noqa: S608
            values = [value for (value,) in self._connection.execute(sql)]
            is_score = table == "predictions" and any(_is_broken(value) for value in values)
            if (len(values) > MAX_CLASSES and not is_score) or (table == "labels" and any(map(_is_broken, values))):
                return None
            found |= set() if is_score else {text for text in map(category, values) if text}
        return sorted(found, key=natural_order) if len(found) <= MAX_CLASSES else None

    def has_single_scores(self) -> bool:
        """Return whether the scores are numbers and not lists of them."""
        sql = "SELECT 1 FROM predictions WHERE typeof(score) IN ('real', 'integer') LIMIT 1"
        return self._connection.execute(sql).fetchone() is not None

    def joined(self) -> Iterator[tuple[list[Any], list[Any], list[Any]]]:
        """Yield predictions, scores and labels of ids that are in both, some at a time."""
        cursor = self._connection.execute("SELECT predicted, score, label FROM labels JOIN predictions USING (id)")
        while rows := cursor.fetchmany(_AT_ONCE):
            predicted, scores, labels = zip(*rows, strict=True)
            yield list(predicted), list(scores), list(labels)

    def counts(self) -> dict[str, int]:
        def one(sql: str) -> tuple[int, ...]:
            found: tuple[int, ...] = self._connection.execute(sql).fetchone()
            return found

        (predictions,) = one("SELECT COUNT(*) FROM predictions")
        labels, duplicates, corrected = one("SELECT COUNT(*), TOTAL(same), TOTAL(other) FROM labels")
        (matched,) = one("SELECT COUNT(*) FROM labels JOIN predictions USING (id)")
        return {
            "predictions": predictions,
            "labels": labels,
            "orphans": labels - matched,
            "duplicates": int(duplicates),
            "corrected": int(corrected),
            "repeated": self._rows["predictions"] - predictions,
            "without_id": self._without_id,
        }


def _is_broken(value: Any) -> bool:
    return isinstance(value, float) and not value.is_integer()


def _read(table: Columns, id_column: str, wanted: list[str], what: str) -> tuple[list[bytes | None], dict[str, Any]]:
    missing = [name for name in (id_column, *wanted) if name not in table.by_name]
    if missing:
        raise DataError(f"{what}: no column {', '.join(missing)}; name the columns that there are")
    cells = {name: _listed(table.by_name[name]) for name in wanted}
    return [id_key(one) for one in _listed(table.by_name[id_column])], cells


def _listed(column: Any) -> list[Any]:
    return column.tolist() if isinstance(column, np.ndarray) else list(column)


def _cell(value: Any) -> Any:
    """Return a cell as SQLite keeps it."""
    if isinstance(value, list | tuple | np.ndarray):
        return json.dumps([float(one) for one in value])
    if is_missing(value):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float) or (isinstance(value, int) and -(2**63) <= value < 2**63):
        return value
    return category(value) or None
