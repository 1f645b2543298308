"""What a model's outputs mean: classes, scores, probabilities or numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml_models.profile.cells import to_floats
from ml_models.profile.classes import Classes
from ml_models.profile.ingest import Column

Task = Literal["auto", "classification", "regression"]


@dataclass(frozen=True, slots=True)
class Outputs:
    """Outputs of some rows.

    Attributes
    ----------
    values : column of shape (n_rows,)
        What the prediction distribution is made of: classes, the positive class's probability, or numbers.
    codes : array of shape (n_rows,)
        Class slots; -1 where there is none.
    """

    values: Column
    codes: NDArray[np.int64]


class Interpreter:
    """Turns outputs into class slots.

    Parameters
    ----------
    task : {'auto', 'classification', 'regression'}
        ``auto`` decides at the first outputs: whole numbers, texts and booleans are classes, other numbers are not.
    classes : Classes
    threshold : float
        Score from which a binary classifier's row is of the positive class.

    Examples
    --------
    >>> interpreter = Interpreter("auto", Classes([0, 1]), threshold=0.5)
    >>> interpreter.read([1, 0]).codes.tolist(), interpreter.read([0.7, 0.2]).codes.tolist()
    ([1, 0], [1, 0])
    >>> interpreter.read(np.array([[0.9, 0.1], [0.4, 0.6]])).codes.tolist()
    [0, 1]
    """

    def __init__(self, task: Task, classes: Classes, threshold: float) -> None:
        self.task: Task = "classification" if task == "auto" and classes.names else task
        self.classes, self.threshold = classes, threshold

    def read(self, outputs: Any) -> Outputs:
        """Return values and class slots of outputs of shape (n_rows,) or, as probabilities, (n_rows, n_classes)."""
        if isinstance(outputs, np.ndarray) and outputs.ndim == 2:
            if outputs.shape[1] > 1:
                return self._probabilities(outputs)
            outputs = outputs[:, 0]
        column: Column = outputs if isinstance(outputs, np.ndarray) else list(outputs)
        is_number = _all_numbers(column)
        if is_number and isinstance(column, list) and column:
            column = np.array(column, dtype=np.float64)
        if self.task == "auto":
            self.task = "regression" if is_number and not _all_whole(column) else "classification"
        if self.task == "regression":
            return Outputs(column, np.full(len(column), -1, dtype=np.int64))
        if is_number and not _all_whole(column) and len(self.classes.names) in {0, 2}:
            return self._scores(column)
        self.classes.learn(column)
        return Outputs(column, self.classes.codes(column))

    def _scores(self, column: Column) -> Outputs:
        scores, _ = to_floats(column)
        codes = np.where(np.isnan(scores), -1, (scores >= self.threshold).astype(np.int64))
        if not self.classes.names:
            self.classes.learn([0, 1])
        return Outputs(scores, codes)

    def _probabilities(self, table: NDArray[Any]) -> Outputs:
        if not self.classes.names:
            self.classes.learn(list(range(table.shape[1])))
        if self.task == "auto":
            self.task = "classification"
        if table.shape[1] == 2:
            return self._scores(table[:, 1])
        codes = np.argmax(table, axis=1).astype(np.int64)
        return Outputs(codes, codes)


_NUMBERS = {int, float, np.float64, np.float32, np.float16, np.int64, np.int32, np.int16, np.int8, np.uint8, type(None)}


def _all_numbers(column: Column) -> bool:
    if isinstance(column, np.ndarray):
        return column.dtype.kind in "iuf"
    return set(map(type, column)) <= _NUMBERS


def _all_whole(column: Column) -> bool:
    if isinstance(column, np.ndarray) and column.dtype.kind in "iu":
        return True
    values, _ = to_floats(column)
    present = values[np.isfinite(values)]
    return bool(np.all(np.mod(present, 1) == 0))
