"""Prediction ids: UUIDs of version 7 that carry the number of the call.

An id that carries its call's number needs no table to be found again: joining a label is arithmetic and one look-up in
an array. The layout follows RFC 9562: 48 bits of Unix milliseconds, then 24 random bits of the process, 30 bits of the
call's number and 20 bits of the row in its batch in the places that the standard leaves free.
"""

from __future__ import annotations

import os
import time
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

NUMBER_BITS, ROW_BITS = 30, 20
NUMBER_MASK, _ROW_MASK = (1 << NUMBER_BITS) - 1, (1 << ROW_BITS) - 1


class Made(NamedTuple):
    """What an id says: of which process it is, when the call started in Unix milliseconds, and call and row in one.

    Keys of a process rise with its calls, and within a batch with its rows.
    """

    process: int
    milliseconds: int
    key: int


def keys(number: int, rows: int) -> NDArray[np.int64]:
    """Return the keys of the rows of a batch; those beyond what an id can tell apart have none.

    Examples
    --------
    >>> keys(2, rows=3).tolist()
    [2097152, 2097153, 2097154]
    """
    return np.arange(min(rows, _ROW_MASK + 1)) + ((number & NUMBER_MASK) << ROW_BITS)


def parse(text: object) -> Made | None:
    """Read an id that was made by this or another process; None if it is no such id.

    A :class:`uuid.UUID` will do too: databases give ids back as such.

    Examples
    --------
    >>> ids = IdMaker()
    >>> parse(ids.make(number=7, row=2, start=0)) == (ids.process, ids.milliseconds(0), 7 << ROW_BITS | 2)
    True
    """
    if isinstance(text, UUID):
        value = text.int
    elif isinstance(text, str) and len(text) == 36:
        try:
            value = int(text.replace("-", ""), 16)
        except ValueError:
            return None
    else:
        return None
    if value >> 76 & 0xF != 7 or value >> 62 & 0b11 != 0b10:
        return None
    return Made(
        (value >> 64 & 0xFFF) << 12 | value >> 50 & 0xFFF, value >> 80, value & (1 << NUMBER_BITS + ROW_BITS) - 1
    )


class IdMaker:
    """Makes the ids of one recorder.

    Examples
    --------
    >>> ids = IdMaker()
    >>> one, another = (ids.make(number=number, row=0, start=0) for number in (7, 8))
    >>> len(one), one < another
    (36, True)
    """

    def __init__(self) -> None:
        #: Random bits that all ids of this process have.
        self.process = int.from_bytes(os.urandom(3), "big")
        self._epoch = time.time_ns() - time.perf_counter_ns()

    def milliseconds(self, start: int) -> int:
        """Return the Unix time, in ms, of ``start`` on the performance counter, in ns."""
        return (self._epoch + start) // 1_000_000 & (1 << 48) - 1

    def make(self, number: int, row: int, start: int) -> str:
        """Return the id of a row of a call that started at ``start`` on the performance counter, in ns."""
        high = self.milliseconds(start) << 16 | 0x7000 | self.process >> 12
        low = 0b10 << 62 | (self.process & 0xFFF) << 50 | (number & NUMBER_MASK) << ROW_BITS | (row & _ROW_MASK)
        text = f"{high:016x}{low:016x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
