"""The classes of a classifier: which slot of the confusion cells a value belongs to."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.profile.cells import OTHER, CategoryIndex, category
from ml_models.profile.ingest import Column
from ml_models.profile.tally import MAX_CLASSES


class Classes:
    """Names and codes of the classes.

    Given classes are fixed. Without them they are learnt from the model's own predictions, up to
    :data:`~ml_models.profile.tally.MAX_CLASSES`; labels never add a class, so that no raw label becomes a metric's
    label value. Everything else is ``__other__``, the last slot.

    Examples
    --------
    >>> classes = Classes(["no", "yes"])
    >>> classes.codes(["yes", "no", "perhaps", None]).tolist(), classes.names
    ([1, 0, 20, -1], ('no', 'yes'))
    """

    def __init__(self, classes: Iterable[Any] | None = None) -> None:
        texts = [
            text
            for text in map(category, () if classes is None else classes)
            if isinstance(text, str) and text != OTHER
        ]
        self.names: tuple[str, ...] = tuple(dict.fromkeys(texts))[:MAX_CLASSES]
        self.learning = not texts
        self._index = CategoryIndex(self.names)

    def learn(self, predictions: Column) -> None:
        """Add the classes that a model predicts, while there is room and none were given."""
        if not self.learning or len(self.names) >= MAX_CLASSES:
            return
        cells = predictions.tolist() if isinstance(predictions, np.ndarray) else list(predictions)
        found = {text for text in map(category, _distinct(cells)) if isinstance(text, str)} - {*self.names, OTHER}
        if found:
            self.names = (*self.names, *sorted(found, key=natural_order))[:MAX_CLASSES]
            self._index = CategoryIndex(self.names)

    def codes(self, values: Column) -> NDArray[np.int64]:
        """Return the slot of each value, -1 where it is missing or no class."""
        codes = self._index.codes(values)
        codes[codes >= len(self.names)] = MAX_CLASSES
        return np.maximum(codes, -1)

    def code(self, value: Any) -> int | None:
        """Return the slot of one class, or None if it is not known."""
        code = int(self.codes([value])[0])
        return code if 0 <= code < len(self.names) else None

    def named(self, codes: NDArray[np.int64]) -> list[str | None]:
        """Return the class of each slot as text, None where there is none."""
        return [None if code < 0 else self.names[code] if code < len(self.names) else OTHER for code in codes.tolist()]

    @property
    def ordered(self) -> list[int]:
        """Slots in the order of a model's columns of probabilities: as given, or if learnt, as scikit-learn sorts.

        Learnt slots themselves are in the order in which the classes were first predicted, which says nothing.

        Examples
        --------
        >>> classes = Classes()
        >>> classes.learn([1]); classes.learn([0])
        >>> classes.names, classes.ordered, classes.positive
        (('1', '0'), [1, 0], 0)
        """
        slots = range(len(self.names))
        return sorted(slots, key=lambda slot: natural_order(self.names[slot])) if self.learning else list(slots)

    @property
    def positive(self) -> int | None:
        """Slot of the positive class, the second of two; None unless there are two."""
        return self.ordered[1] if len(self.names) == 2 else None

    @property
    def slots(self) -> list[tuple[int, str]]:
        """Slots in use and their names, ``__other__`` last."""
        return [*enumerate(self.names), (MAX_CLASSES, OTHER)]


def natural_order(text: str) -> tuple[bool, float, str]:
    """Sort numbers as numbers, before text."""
    try:
        number = float(text)
    except ValueError:
        return True, 0.0, text
    return (True, 0.0, text) if math.isnan(number) else (False, number, text)


def _distinct(cells: list[Any]) -> list[Any]:
    try:
        return list(set(cells))
    except Exception:  # noqa: BLE001 - a cell is unhashable, or its own __hash__ or __eq__ raises
        return cells
