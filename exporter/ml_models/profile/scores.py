"""The reference's scores beside its labels, as counts: what calibration is fitted from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.profile.cells import Coded, category, to_floats
from ml_models.profile.ingest import Column, Columns, absent
from ml_models.stats.calibration import Calibrator, fit_calibrator
from ml_models.stats.scores import SCORE_BINS, score_bins


@dataclass(frozen=True, slots=True)
class ScoreProfile:
    """Rows per half of the reference, class and score bin, and the sums of their scores.

    Every other row is of the second half, so that a calibration is judged by rows that it was not fitted on.

    Attributes
    ----------
    column : str
    classes : tuple of str
        The label's two classes, in their natural order.
    counts : tuple of int
        Shape ``(2, 2, SCORE_BINS)``, flat: half, class, bin.
    sums : tuple of float
        Shape ``(2, SCORE_BINS)``, flat: half, bin.
    """

    column: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    sums: tuple[float, ...]

    def calibrator(self, positive_class: str | None = None) -> Calibrator:
        """Return what makes probabilities of scores of the positive class, by default the second one."""
        positive = self.classes[1] if positive_class is None else positive_class
        if positive not in self.classes:
            return Calibrator()
        cells = np.array(self.counts).reshape(2, 2, SCORE_BINS)
        ordered = cells if positive == self.classes[1] else cells[:, ::-1]
        return fit_calibrator(ordered, np.array(self.sums).reshape(2, SCORE_BINS))


class ScoreCounter:
    """Counts scores beside labels, table by table."""

    def __init__(self, score: str | None, label: str | None) -> None:
        self._score, self._label = score, label
        self._counts: dict[str, NDArray[np.int64]] = {}
        self._sums = np.zeros((2, SCORE_BINS))
        self._rows = 0
        self._reason = ""

    def add(self, table: Columns) -> None:
        """Count some more rows."""
        if self._score is None or self._label is None or self._reason:
            return
        scores, _ = to_floats(table.by_name.get(self._score, absent(table.rows)))
        names, codes = _classes(table.by_name.get(self._label, absent(table.rows)))
        halves = (self._rows + np.arange(table.rows)) % 2
        self._rows += table.rows
        whole = (codes >= 0) & (scores >= 0) & (scores <= 1)  # of NaN both are false
        bins = np.where(whole, score_bins(scores), 0)
        for code, name in enumerate(names):
            rows = whole & (codes == code)
            if name is not None and rows.any():
                found = self._counts.setdefault(name, np.zeros((2, SCORE_BINS), dtype=np.int64))
                np.add.at(found, (halves[rows], bins[rows]), 1)
                np.add.at(self._sums, (halves[rows], bins[rows]), scores[rows])
        if len(self._counts) > 2:
            self._reason = "of a label with more than two classes; the estimate uses scores as they are"

    def result(self) -> tuple[ScoreProfile | None, tuple[tuple[str, str], ...]]:
        """Return the counts, or None and the column with the reason."""
        if self._score is None:
            return None, ()
        if not self._reason and len(self._counts) < 2:
            self._reason = "no scores from 0 to 1 beside labels of two classes"
        if self._reason:
            return None, ((self._score, self._reason),)
        from ml_models.profile.classes import natural_order  # noqa: PLC0415 - it imports the tally, which imports this

        names = tuple(sorted(self._counts, key=natural_order))
        counts = np.stack([self._counts[name] for name in names], axis=1)
        return ScoreProfile(self._score, names, tuple(counts.ravel().tolist()), tuple(self._sums.ravel().tolist())), ()


def _classes(column: Column) -> tuple[list[str | None], NDArray[np.int64]]:
    """Return the distinct classes of a column as text and each cell's place among them; -1 where missing."""
    values: list[Any]
    if isinstance(column, Coded):
        values, codes = column.values, column.codes.astype(np.int64)
    elif isinstance(column, np.ndarray):
        found, codes = np.unique(column, return_inverse=True)
        values = found.tolist()
    else:
        texts = [category(value) for value in column]
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        values, codes = list(places), np.array([places[text] for text in texts], dtype=np.int64)
    return [category(value) or None for value in values], codes
