"""The ledger: predictions that wait for their label.

A ring of fixed size: the newest prediction takes the place of the oldest. Ids made by the monitor carry the number of
their call, so they need no table; ids of the caller's own are held in a dict of the same bound.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.monitoring.ids import NUMBER_BITS, IdMaker

EMPTY, WAITING, JOINED, EXPIRED = range(4)

#: Ends of a join, as in the ``status`` label.
STATUSES = ("joined", "late", "orphan", "duplicate", "expired", "evicted", "invalid")

_NUMBERS = 1 << NUMBER_BITS


class Ledger:
    """Joins labels to predictions by id.

    Not thread-safe; the owner holds a lock.

    Parameters
    ----------
    max_rows : int
        Predictions held.
    horizon : float
        Seconds for which a prediction waits for its label.

    Examples
    --------
    >>> ledger, ids = Ledger(max_rows=10, horizon=60.0), IdMaker()
    >>> ledger.add(np.array([1]), when=0.0, numbers=np.array([5]))
    >>> ledger.find(ids.make(5, 0, 0), ids)
    0
    >>> ledger.join(0), ledger.join(0), ledger.counts["joined"], ledger.counts["duplicate"]
    (1, None, 1, 1)
    """

    def __init__(self, max_rows: int, horizon: float) -> None:
        self.max_rows, self.horizon = max_rows, horizon
        self.counts = dict.fromkeys(STATUSES, 0)
        self.waiting = 0
        # np.zeros gives pages that cost nothing before they are written to.
        self._code = np.zeros(max_rows, dtype=np.int16)
        self._when = np.zeros(max_rows)
        self._state = np.zeros(max_rows, dtype=np.uint8)
        # A power of two divides the numbers' range, so that calls in a row do not meet where it begins anew.
        self._calls = 1 << (max_rows - 1).bit_length()
        self._call_number = np.zeros(self._calls, dtype=np.int64)
        self._call_place = np.zeros(self._calls, dtype=np.int64)
        self._call_rows = np.zeros(self._calls, dtype=np.int64)
        self._own_ids: dict[int, Hashable] = {}
        self._place_of: dict[Hashable, int] = {}
        self._head = 0
        self._tail = 0

    def add(
        self,
        codes: NDArray[np.int64],
        when: float,
        *,
        numbers: NDArray[np.int64] | None = None,
        ids: Sequence[Hashable] | None = None,
    ) -> None:
        """Hold predictions.

        Parameters
        ----------
        codes : array of shape (n_rows,)
            Class slot of each prediction, -1 if it has none.
        when : float
            Monotonic clock, in seconds.
        numbers : array, optional
            Numbers of the calls, one per row if they are calls of one row, or one for all rows of a batch.
        ids : sequence, optional
            The caller's own ids, one per row; None for a row that has none.
        """
        if not len(codes):
            return
        first = self._head
        self._head += len(codes)
        self._tail = max(self._tail, self._head - self.max_rows)
        # Of more rows than the ring holds, the earlier ones have a place in the order and none in the ring.
        kept = codes[-self.max_rows :]
        self.counts["evicted"] += len(codes) - len(kept)
        places = np.arange(self._head - len(kept), self._head)
        slots = places % self.max_rows
        self._evict(slots)
        self._code[slots], self._when[slots], self._state[slots] = kept, when, WAITING
        self.waiting += len(kept)
        if ids is not None:
            for place, own in zip(places.tolist(), ids[-len(kept) :], strict=True):
                if own is not None:
                    self._place_of[own] = place
                    self._own_ids[place % self.max_rows] = own
        if numbers is not None:
            one_call = len(numbers) == 1
            calls = (numbers if one_call else numbers[-len(kept) :]) % _NUMBERS
            self._call_number[calls % self._calls] = calls
            self._call_place[calls % self._calls] = first if one_call else places
            self._call_rows[calls % self._calls] = len(codes) if one_call else 1

    def _evict(self, slots: NDArray[np.intp]) -> None:
        lost = int(np.count_nonzero(self._state[slots] == WAITING))
        self.counts["evicted"] += lost
        self.waiting -= lost
        if self._own_ids:
            for slot in slots.tolist():
                own = self._own_ids.pop(slot, None)
                place = self._place_of.get(own)
                if place is not None and place % self.max_rows == slot:  # else the id was given again, or is gone
                    del self._place_of[own]

    def find(self, prediction_id: Any, made: IdMaker) -> int | None:
        """Return the place of a prediction, or None if it is not held."""
        try:
            place = self._place_of.get(prediction_id)
        except Exception:  # noqa: BLE001 - an id is unhashable, or its own __hash__ or __eq__ raises
            return None
        if place is None:
            parsed = made.parse(prediction_id)
            if parsed is None:
                return None
            call, row = parsed
            slot = call % self._calls
            if self._call_number[slot] != call or row >= self._call_rows[slot]:
                return None
            place = int(self._call_place[slot]) + row
        return place if self._head - self.max_rows <= place < self._head else None

    def join(self, place: int | None) -> int | None:
        """Give a held prediction its label: return its class slot if it counts, and count how the join ended."""
        if place is None:
            self.counts["orphan"] += 1
            return None
        slot = place % self.max_rows
        state = self._state[slot]
        if state == JOINED:
            self.counts["duplicate"] += 1
            return None
        if state == EXPIRED:
            self.counts["late"] += 1
            return None
        self._state[slot] = JOINED
        self.waiting -= 1
        self.counts["joined"] += 1
        return int(self._code[slot])

    def expire(self, now: float) -> None:
        """Give up on predictions that have waited longer than the horizon."""
        while self._tail < self._head and self._when[self._tail % self.max_rows] < now - self.horizon:
            stop = min(self._head, self._tail + 65_536)
            slots = np.arange(self._tail, stop) % self.max_rows
            old = self._when[slots] < now - self.horizon
            count = len(old) if old.all() else int(np.argmin(old))
            gone = slots[:count]
            waiting = gone[self._state[gone] == WAITING]
            self._state[waiting] = EXPIRED
            self.counts["expired"] += len(waiting)
            self.waiting -= len(waiting)
            self._tail += count
