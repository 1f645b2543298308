"""The ledger: predictions that wait for their label.

A ring of fixed size: the newest prediction takes the place of the oldest. Ids made by the monitor carry the number of
their call, so they need no table; ids of the caller's own are held in a dict of the same bound.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.monitoring.held import Actual, Corrected, Held, Joined
from ml_models.monitoring.ids import NUMBER_BITS, IdMaker

EMPTY, WAITING, JOINED, EXPIRED = range(4)

#: Ends of a join, as in the ``status`` label.
STATUSES = ("joined", "corrected", "late", "orphan", "duplicate", "expired", "evicted", "invalid")

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
    >>> ledger.add(Held.of(np.array([1])), when=0.0, numbers=np.array([5]))
    >>> label = Actual(np.array([0]), np.array([np.nan]))
    >>> joined, corrected = ledger.join([ids.make(5, 0, 0)], label, ids, now=8.0)
    >>> joined.held.codes.tolist(), joined.actual.codes.tolist(), joined.lags.tolist(), len(corrected)
    ([1], [0], [8.0], 0)
    >>> _ = ledger.join([ids.make(5, 0, 0)], label, ids, now=9.0)
    >>> ledger.counts["joined"], ledger.counts["duplicate"]
    (1, 1)
    """

    def __init__(self, max_rows: int, horizon: float) -> None:
        self.max_rows, self.horizon = max_rows, horizon
        self.counts = dict.fromkeys(STATUSES, 0)
        self.waiting = 0
        # np.zeros gives pages that cost nothing before they are written to.
        self._code = np.zeros(max_rows, dtype=np.int16)
        self._values = np.zeros((max_rows, 1))
        self._segment = np.zeros(max_rows, dtype=np.int32)
        self._when = np.zeros(max_rows)
        self._label_code = np.zeros(max_rows, dtype=np.int16)
        self._label_value = np.zeros(max_rows)
        self._label_when = np.zeros(max_rows)
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
        held: Held,
        when: float,
        *,
        numbers: NDArray[np.int64] | None = None,
        ids: Sequence[Hashable] | None = None,
    ) -> None:
        """Hold predictions.

        Parameters
        ----------
        held : Held
        when : float
            Monotonic clock, in seconds.
        numbers : array, optional
            Numbers of the calls, one per row if they are calls of one row, or one for all rows of a batch.
        ids : sequence, optional
            The caller's own ids, one per row; None for a row that has none.
        """
        if not len(held):
            return
        first = self._head
        self._head += len(held)
        self._tail = max(self._tail, self._head - self.max_rows)
        # Of more rows than the ring holds, the earlier ones have a place in the order and none in the ring.
        kept = held[-self.max_rows :]
        self.counts["evicted"] += len(held) - len(kept)
        places = np.arange(self._head - len(kept), self._head)
        slots = places % self.max_rows
        self._evict(slots)
        self._code[slots], self._segment[slots] = kept.codes, kept.segments
        self._put_values(slots, kept.values)
        self._when[slots], self._state[slots] = when, WAITING
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
            self._call_rows[calls % self._calls] = len(held) if one_call else 1

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

    def _put_values(self, slots: NDArray[np.intp], values: NDArray[np.float64]) -> None:
        width = values.shape[1]
        if width > self._values.shape[1]:
            wider = np.full((self.max_rows, width), np.nan)
            wider[:, : self._values.shape[1]] = self._values
            self._values = wider
        self._values[slots, :width] = values
        self._values[slots, width:] = np.nan

    def join(self, ids: Sequence[Any], actual: Actual, made: IdMaker, now: float) -> tuple[Joined, Corrected]:
        """Give predictions their labels and count how each join ended.

        Parameters
        ----------
        ids : sequence
        actual : Actual
            A label per id.
        made : IdMaker
            Of the ids that were made.
        now : float
            Monotonic clock, in seconds.

        Returns
        -------
        joined : Joined
            Predictions that had no label before.
        corrected : Corrected
            Those that had another one.
        """
        first: list[tuple[int, int]] = []
        again: list[tuple[int, int, int, float, float]] = []
        for row, one in enumerate(ids):
            place = self.find(one, made)
            if place is None:
                self.counts["orphan"] += 1
                continue
            slot = place % self.max_rows
            code, value = int(actual.codes[row]), float(actual.values[row])
            state = self._state[slot]
            if state == EXPIRED:
                self.counts["late"] += 1
                continue
            if state == JOINED:
                old_code, old_value = int(self._label_code[slot]), float(self._label_value[slot])
                if code == old_code and (value == old_value or code >= 0):
                    self.counts["duplicate"] += 1
                    continue
                self.counts["corrected"] += 1
                again.append((row, slot, old_code, old_value, float(self._label_when[slot])))
            else:
                self._state[slot] = JOINED
                self.waiting -= 1
                self.counts["joined"] += 1
                first.append((row, slot))
            self._label_code[slot], self._label_value[slot], self._label_when[slot] = code, value, now
        rows, slots, codes, values, counted = zip(*again, strict=True) if again else ((), (), (), (), ())
        return self._joined(first, actual, now), Corrected(
            self._joined(list(zip(rows, slots, strict=True)), actual, now),
            Actual(np.array(codes, dtype=np.int64), np.array(values, dtype=np.float64)),
            np.array(counted, dtype=np.float64),
        )

    def _joined(self, pairs: Sequence[tuple[int, int]], actual: Actual, now: float) -> Joined:
        rows, slots = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
        held = Held(self._code[slots].astype(np.int64), self._values[slots], self._segment[slots])
        return Joined(held, actual[rows], now - self._when[slots], rows)

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
