"""What a model's outputs mean: classes, scores, probabilities or numbers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml_models.profile.cells import to_floats
from ml_models.profile.classes import Classes
from ml_models.profile.ingest import Column
from ml_models.profile.tally import MAX_CLASSES

Task = Literal["auto", "classification", "regression"]

_LOG = logging.getLogger(__name__)

#: How far probabilities may be off: half precision rounds a sum by up to a thousandth.
TOLERANCE = 0.01
#: Share of the scores that may be outside 0 to 1 before all are taken for something else than probabilities.
STRAY_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Outputs:
    """Outputs of some rows.

    Attributes
    ----------
    values : column of shape (n_rows,)
        What the prediction distribution is made of: classes, the positive class's probability, or numbers.
    codes : array of shape (n_rows,)
        Class slots; -1 where there is none.
    scores : bool
        Whether the values are probabilities or scores that the codes were worked out from.
    numbers : array of shape (n_rows, width), or None
        Scores of the positive class, numbers of a regression, or a probability per class slot; NaN where one is no
        probability. None where the model gives classes alone, or scores that are no probabilities.
    """

    values: Column
    codes: NDArray[np.int64]
    scores: bool = False
    numbers: NDArray[np.float64] | None = None


class Interpreter:
    """Turns outputs into class slots.

    Parameters
    ----------
    task : {'auto', 'classification', 'regression'}
        ``auto`` decides at the first outputs that there are: whole numbers, texts and booleans are classes, other
        numbers are not.
    classes : Classes
    threshold : float
        Score from which a binary classifier's row is of the positive class.
    positive_class : optional
        The class that single scores are about; by default the second of two.
    scored : bool
        Whether the model is known to give probabilities before it has.

    Attributes
    ----------
    scored : bool
        Whether the model gives probabilities.

    Examples
    --------
    >>> interpreter = Interpreter("auto", Classes([0, 1]), threshold=0.5)
    >>> interpreter.read([1, 0]).codes.tolist(), interpreter.read([0.7, 0.2]).codes.tolist()
    ([1, 0], [1, 0])
    >>> interpreter.read(np.array([[0.9, 0.1], [0.4, 0.6]])).codes.tolist()
    [0, 1]
    """

    def __init__(
        self, task: Task, classes: Classes, threshold: float, positive_class: Any = None, *, scored: bool = False
    ) -> None:
        self.task: Task = "classification" if task == "auto" and classes.names else task
        self.classes, self.threshold, self.scored = classes, threshold, scored
        self._positive_class = positive_class
        self._given = self._strays = 0

    @property
    def positive(self) -> int | None:
        """Slot of the positive class: the one named, else the second of two, else none."""
        if self._positive_class is not None:
            return self.classes.code(self._positive_class)
        return self.classes.positive

    def read(self, outputs: Any) -> Outputs:
        """Return values and class slots of outputs of shape (n_rows,) or, as probabilities, (n_rows, n_classes)."""
        if isinstance(outputs, np.ndarray) and outputs.ndim == 2:
            if outputs.shape[1] > 1:
                if self.task == "regression":  # of several targets: no one number to make a distribution of
                    return _nothing(np.full(len(outputs), np.nan))
                return self._probabilities(np.asarray(outputs, dtype=np.float64))
            outputs = outputs[:, 0]
        column: Column = outputs if isinstance(outputs, np.ndarray) else list(outputs)
        is_number = _all_numbers(column)
        if is_number and isinstance(column, list) and column:
            column = np.array(column, dtype=np.float64)
        if self.task == "auto" and is_number and not _any_present(column):
            return _nothing(column)
        if self.task == "auto":
            self.task = "regression" if is_number and not _all_whole(column) else "classification"
        if self.task == "regression":
            return _numbers(column)
        if is_number and self._are_scores(column):
            return self._scores(column)
        self.classes.learn(column)
        return Outputs(column, self.classes.codes(column))

    def _are_scores(self, column: Column) -> bool:
        """Return whether a classifier's numbers are scores of its positive class, not classes."""
        names, learning = self.classes.names, self.classes.learning
        if not _all_whole(column):
            return len(names) == 2 or (learning and set(names) <= _BINARY)
        if learning or len(names) != 2 or not _BINARY.isdisjoint(names):
            return False
        # Classes of other names are given, so 0 and 1 are the ends of the scores.
        values, _ = to_floats(column)
        return bool(np.all(np.isnan(values) | (values == 0) | (values == 1)))

    def _scores(self, column: Column) -> Outputs:
        scores, _ = to_floats(column)
        if set(self.classes.names) < _BINARY:
            self.classes.learn([0, 1])
        positive = self.positive or 0
        codes = np.where(scores >= self.threshold, positive, 1 - positive)
        codes[np.isnan(scores)] = -1
        strays = (scores < 0) | (scores > 1)
        return Outputs(scores, codes, scores=True, numbers=self._probable(scores[:, np.newaxis], strays))

    def _probable(self, scores: NDArray[np.float64], strays: NDArray[np.bool_]) -> NDArray[np.float64] | None:
        """Return scores without the strays, which are no probabilities; None if so many are that none is one."""
        found = int(np.count_nonzero(strays))
        self._given += len(strays)
        self._strays += found
        if self._strays > STRAY_SHARE * self._given:
            if self.scored or self._strays == found:
                _LOG.warning(
                    "scores outside 0 to 1 are no probabilities: AUC, calibration, losses and estimates are left out; "
                    "track a function that returns probabilities"
                )
            self.scored = False
            return None
        self.scored = True
        return np.where(strays[:, np.newaxis], np.nan, scores) if found else scores

    def _probabilities(self, table: NDArray[np.float64]) -> Outputs:
        width = table.shape[1]
        if not self.classes.names:
            self.classes.learn(list(range(width)))
        if self.task == "auto":
            self.task = "classification"
        if width == 2 and len(self.classes.names) == 2:
            ordered = self.classes.ordered
            return self._scores(table[:, ordered.index(self.positive) if self.positive in ordered else 1])
        slots = np.full(max(width, len(self.classes.names)), MAX_CLASSES, dtype=np.int64)
        slots[: len(self.classes.names)] = self.classes.ordered
        codes = slots[np.argmax(table, axis=1)]
        codes[np.isnan(table).any(axis=1)] = -1
        by_slot = np.full((len(table), min(len(self.classes.names) or width, MAX_CLASSES)), np.nan)
        held = np.flatnonzero(slots[:width] < by_slot.shape[1])
        by_slot[:, slots[held]] = table[:, held]
        # Also false where the sum is NaN, whose row has no class either.
        strays = (table.min(axis=1) < 0) | (np.abs(table.sum(axis=1) - 1) > TOLERANCE)
        return Outputs(self.classes.named(codes), codes, scores=True, numbers=self._probable(by_slot, strays))


#: Names of the classes of a model of which only scores are known.
_BINARY = {"0", "1"}

_NUMBERS = (int, float, np.integer, np.floating, type(None))


def _nothing(values: Column) -> Outputs:
    return Outputs(values, np.full(len(values), -1, dtype=np.int64))


def _numbers(column: Column) -> Outputs:
    return Outputs(column, np.full(len(column), -1, dtype=np.int64), numbers=to_floats(column)[0][:, np.newaxis])


def _all_numbers(column: Column) -> bool:
    if isinstance(column, np.ndarray):
        return column.dtype.kind in "iuf"
    kinds = set(map(type, column))
    return bool not in kinds and all(issubclass(kind, _NUMBERS) for kind in kinds)


def _any_present(column: Column) -> bool:
    values, _ = to_floats(column)
    return not np.isnan(values).all()


def _all_whole(column: Column) -> bool:
    if isinstance(column, np.ndarray) and column.dtype.kind in "iu":
        return True
    values, _ = to_floats(column)
    present = values[np.isfinite(values)]
    return bool(np.all(np.mod(present, 1) == 0))
