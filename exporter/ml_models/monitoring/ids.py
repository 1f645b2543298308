"""Prediction ids: UUIDs of version 7 that carry the number of the call.

An id that carries its call's number needs no table to be found again: joining a label is arithmetic and one look-up in
an array. The layout follows RFC 9562: 48 bits of Unix milliseconds, then 24 random bits of the process, 30 bits of the
call's number and 20 bits of the row in its batch in the places that the standard leaves free.
"""

from __future__ import annotations

import os
import time
from uuid import UUID

NUMBER_BITS, ROW_BITS = 30, 20
_NUMBER_MASK, _ROW_MASK = (1 << NUMBER_BITS) - 1, (1 << ROW_BITS) - 1


class IdMaker:
    """Makes and reads the ids of one recorder.

    Examples
    --------
    >>> ids = IdMaker()
    >>> text = ids.make(number=7, row=2, start=time.perf_counter_ns())
    >>> ids.parse(text), ids.parse("another system's id")
    ((7, 2), None)
    """

    def __init__(self) -> None:
        self._prefix = int.from_bytes(os.urandom(3), "big")
        self._epoch = time.time_ns() - time.perf_counter_ns()

    def make(self, number: int, row: int, start: int) -> str:
        """Return the id of a row of a call that started at ``start`` on the performance counter, in ns."""
        milliseconds = (self._epoch + start) // 1_000_000 & (1 << 48) - 1
        high = milliseconds << 16 | 0x7000 | self._prefix >> 12
        low = 0b10 << 62 | (self._prefix & 0xFFF) << 50 | (number & _NUMBER_MASK) << ROW_BITS | (row & _ROW_MASK)
        text = f"{high:016x}{low:016x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def parse(self, text: object) -> tuple[int, int] | None:
        """Return the call's number and the row, or None if the id was not made here.

        A :class:`uuid.UUID` will do too: databases give ids back as such.
        """
        if isinstance(text, UUID):
            text = str(text)
        if not isinstance(text, str) or len(text) != 36:
            return None
        try:
            value = int(text.replace("-", ""), 16)
        except ValueError:
            return None
        prefix = (value >> 64 & 0xFFF) << 12 | value >> 50 & 0xFFF
        if prefix != self._prefix or value >> 76 & 0xF != 7:
            return None
        return value >> ROW_BITS & _NUMBER_MASK, value & _ROW_MASK
