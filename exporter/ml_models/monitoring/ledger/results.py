"""From what a transaction has joined to arrays, in the class slots of this process."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ml_models.monitoring.held import Actual, Corrected, Held, Joined
from ml_models.monitoring.ledger.ledger import Ledger
from ml_models.monitoring.ledger.store import Match
from ml_models.monitoring.outputs import Task
from ml_models.profile.cells import to_floats
from ml_models.profile.classes import Classes
from ml_models.profile.tally import MAX_CLASSES


def joined_of(matches: Sequence[Match], classes: Classes, task: Task) -> Joined:
    """Return labels and their predictions.

    Predictions of other processes, and of this one before it was restarted, name classes that it may yet have to learn.
    """
    parts: list[Held] = []
    for match in matches:
        names = list(match.record.classes)
        classes.learn(names)
        slots = np.append(classes.codes(names), MAX_CLASSES)
        held, places = match.record.held, match.places
        codes = held.codes[places]
        moved = np.where(codes < 0, -1, slots[np.clip(codes, 0, len(names))])
        parts.append(Held(moved, _moved(held.values[places], slots[:-1]), held.segments[places]))
    labels = [label for match in matches for label in match.labels]
    lags = np.array([max(0.0, label.at - match.at) for match in matches for label in match.labels], dtype=np.float64)
    texts = [label.label for label in labels]
    return Joined(Held.joined(parts), actual_of(texts, classes, task), lags, texts)


def corrected_of(matches: Sequence[Match], classes: Classes, task: Task, ledger: Ledger) -> Corrected:
    """Return corrected labels, what they replace, and when that was counted, on the monotonic clock."""
    joined = joined_of(matches, classes, task)
    previous = actual_of([label for match in matches for label in match.previous], classes, task)
    counted = np.array([at for match in matches for at in match.counted], dtype=np.float64)
    return Corrected(joined, previous, ledger.monotonic(counted))


def _moved(values: NDArray[np.float64], slots: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return probabilities in the slots that their classes have here."""
    width = values.shape[1]
    slots = slots[:width]
    if width == 1 or np.array_equal(slots, np.arange(width)):
        return values
    known = np.flatnonzero((slots >= 0) & (slots < MAX_CLASSES))
    moved = np.full((len(values), int(slots[known].max(initial=0)) + 1), np.nan)
    moved[:, slots[known]] = values[:, known]
    return moved


def actual_of(labels: list[str], classes: Classes, task: Task) -> Actual:
    """Return labels given as text."""
    # A process that has predicted nothing yet does not know its task; one that knows classes has a classifier.
    if task == "regression" or (task == "auto" and not classes.names):
        return Actual(np.full(len(labels), -1, dtype=np.int64), to_floats(list(labels))[0])
    return Actual(classes.codes(list(labels)), np.full(len(labels), np.nan))
