"""Windows of data: what came last, and a summary of each window that has closed.

Time is cut into windows that follow each other, each of a few slots. The *view* is the newest data's last window, to
the precision of a slot: it does not empty while nothing comes. A window closes when data of the second window after it
come (or, where rows are timed by their arrival, when it is over); a row of a closed window is *late*.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.profile.tally import Layout, Tally

#: Slots of a window.
SLOTS = 4
#: Closed windows whose summary is kept.
HISTORY = 400

Summary = dict[str, Any]
Summarise = Callable[[Tally], Summary]


class Windows:
    """Slots of the open windows, and summaries of closed ones.

    A draft is cheap, and what is done to it does not touch the original: tallies are copied when first changed.

    Parameters
    ----------
    layout : Layout
    span : float
        Seconds of a window.
    """

    def __init__(self, layout: Layout, span: float) -> None:
        self.layout, self.span = layout, span
        self.slots: dict[int, Tally] = {}
        #: Number of the newest slot with rows.
        self.newest: int | None = None
        #: Windows before this one have been summarised.
        self.closed_before: int | None = None
        self.trends: deque[Summary] = deque(maxlen=HISTORY)
        self._own: set[int] = set()

    def draft(self) -> Windows:
        """Return a copy to change."""
        copy = Windows(self.layout, self.span)
        copy.slots, copy.newest, copy.closed_before = dict(self.slots), self.newest, self.closed_before
        copy.trends = self.trends.copy()
        return copy

    def slot_of(self, moment: float) -> int:
        """Return the number of the slot that a moment is in."""
        return math.floor(moment * SLOTS / self.span)

    def start_of(self, slot: int) -> float:
        """Return when a slot begins, in Unix time."""
        return slot * self.span / SLOTS

    def is_late(self, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which slots belong to windows that have closed."""
        if self.newest is None:
            return np.zeros(len(slots), dtype=bool)
        return slots // SLOTS < max(self.newest // SLOTS - 1, self.closed_before or -(2**62))

    def add(self, slot: int, delta: Tally, summarise: Summarise) -> None:
        """Add counts of a slot; windows that are over because of it close."""
        if self.newest is None or slot > self.newest:
            self.newest = slot
            self.close_before(slot // SLOTS - 1, summarise)
            for old in [number for number in self.slots if number // SLOTS < slot // SLOTS - 1]:
                del self.slots[old]
        tally = self.slots.get(slot)
        if tally is None or slot not in self._own:
            fresh = Tally(self.layout)
            if tally is not None:
                fresh += tally
            tally = self.slots[slot] = fresh
            self._own.add(slot)
        tally += delta

    def close_before(self, window: int, summarise: Summarise) -> None:
        """Summarise the windows before one, once."""
        if self.closed_before is not None and window <= self.closed_before:
            return
        since = self.closed_before
        for number in sorted({slot // SLOTS for slot in self.slots}):
            if (since is None or number >= since) and number < window:
                self.trends.append(self._summary(number, summarise, closed=True))
        self.closed_before = window

    def restart(self, summarise: Summarise) -> None:
        """Close everything and begin anew, as when the clock has gone back."""
        if self.newest is not None:
            self.close_before(self.newest // SLOTS + 1, summarise)
        self.slots, self.newest, self.closed_before = {}, None, None

    def view(self) -> tuple[Tally, float | None, float | None]:
        """Return the counts of the newest data's last window, and where they begin and end."""
        total = Tally(self.layout)
        if self.newest is None:
            return total, None, None
        first = min(slot for slot in self.slots if slot >= self.newest - SLOTS)
        for slot, tally in self.slots.items():
            if slot >= first:
                total += tally
        return total, self.start_of(first), self.start_of(self.newest + 1)

    def course(self, summarise: Summarise) -> list[Summary]:
        """Return the summaries of closed windows, then those of the open ones so far."""
        since = self.closed_before
        numbers = sorted({slot // SLOTS for slot in self.slots})
        open_ones = [number for number in numbers if since is None or number >= since]
        return [*self.trends, *(self._summary(number, summarise, closed=False) for number in open_ones)]

    def _summary(self, window: int, summarise: Summarise, *, closed: bool) -> Summary:
        total = Tally(self.layout)
        for slot, tally in self.slots.items():
            if slot // SLOTS == window:
                total += tally
        start = self.start_of(window * SLOTS)
        return {"start": start, "end": start + self.span, "closed": closed, **summarise(total)}
