"""A sliding window over tallies: a ring of sub-windows, summed when asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_models.profile.tally import Layout, Tally

#: Sub-windows of the ring: a window of an hour slides by the minute.
SLOTS = 60


@dataclass(frozen=True, slots=True)
class Windowed:
    """Counts of a span of time and how many seconds of it were observed."""

    tally: Tally
    seconds: float


class SlidingWindow:
    """Tallies of the last ``span`` seconds and of all time.

    Not thread-safe; the owner holds a lock.

    Parameters
    ----------
    layout : Layout
    span : float
        Seconds that the window covers.
    now : float
        Monotonic clock, in seconds, as in all other calls.
    slots : int
        Sub-windows; the window slides by ``span / slots``.

    Examples
    --------
    >>> window = SlidingWindow(Layout.of(None), span=60.0, now=0.0, slots=6)
    >>> delta = Tally(Layout.of(None)); delta.schema[-1] = 5
    >>> window.add(delta, now=1.0); window.add(delta, now=45.0)
    >>> int(window.last(60.0, now=46.0).tally.schema[-1]), int(window.last(60.0, now=99.0).tally.schema[-1])
    (10, 5)
    >>> int(window.total.schema[-1])
    10
    """

    def __init__(self, layout: Layout, span: float, now: float, slots: int = SLOTS) -> None:
        self.span = span
        self.layout = layout
        self.total = Tally(layout)
        #: What was taken back, of all time: it is not subtracted from :attr:`total`, as counters never go down.
        self.retracted = Tally(layout)
        self._width = span / slots
        # One slot more than the span needs: the oldest is only partly inside, and is counted whole.
        self._ring = [Tally(layout) for _ in range(slots + 1)]
        self._number = [-1] * (slots + 1)
        self._started = now

    def add(self, delta: Tally, now: float) -> None:
        """Add counts that arrived now."""
        number = int((now - self._started) / self._width)
        place = number % len(self._ring)
        if self._number[place] != number:
            self._ring[place].clear()
            self._number[place] = number
        self._ring[place] += delta
        self.total += delta

    def retract(self, delta: Tally, number: int) -> None:
        """Take back counts that were added in a sub-window: from the window, if it still holds that one."""
        place = number % len(self._ring)
        if self._number[place] == number:
            self._ring[place].counts -= delta.counts
            self._ring[place].sums -= delta.sums
        self.retracted += delta

    def numbers(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the number of the sub-window of each time."""
        return ((times - self._started) // self._width).astype(np.int64)

    def last(self, seconds: float, now: float) -> Windowed:
        """Return the counts of the last ``seconds``, to the precision of a sub-window.

        Raises
        ------
        ValueError
            If more is asked for than is kept.
        """
        if not 0 < seconds <= self.span:
            raise ValueError(f"window: found {seconds:g} s; above 0 and at most the monitor's window, {self.span:g} s")
        current = int((now - self._started) / self._width)
        oldest = max(0, int((now - self._started - seconds) / self._width))
        tally = Tally(self.layout)
        for place, number in enumerate(self._number):
            if oldest <= number <= current:
                tally += self._ring[place]
        # Another process may have counted what was taken back here.
        np.maximum(tally.counts, 0, out=tally.counts)
        return Windowed(tally, max(now - self._started - oldest * self._width, 1e-9))
