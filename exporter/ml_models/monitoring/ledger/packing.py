"""Predictions as bytes: a record holds many rows, so that one costs a few bytes and no row of a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.monitoring.held import Held
from ml_models.monitoring.ids import ROW_BITS

#: Rows of a record at most; a look-up reads one whole.
MAX_ROWS = 1_024

#: Keys of one record lie in one bucket of this many bits: so many calls in a row.
BUCKET_BITS = ROW_BITS + 10


@dataclass(frozen=True, slots=True)
class Record:
    """Predictions that are kept together.

    Attributes
    ----------
    keys : int64 array of shape (n,)
        What their ids say, ascending.
    held : Held
    classes : tuple of str
        Names of the class slots at that time; another process may have others.
    """

    keys: NDArray[np.int64]
    held: Held
    classes: tuple[str, ...]

    def place(self, key: int) -> int | None:
        """Return the row of a key, or None."""
        place = int(self.keys.searchsorted(key))
        return place if place < len(self.keys) and self.keys[place] == key else None


def pack(record: Record) -> bytes:
    """Return a record as bytes: a line of JSON, then the columns that are not the same all the way down.

    Examples
    --------
    >>> record = Record(np.array([7]), Held.of(np.array([1]), np.array([[0.5]])), ("no", "yes"))
    >>> unpack(pack(record)).held.values.tolist(), unpack(pack(record)).classes
    ([[0.5]], ('no', 'yes'))
    """
    held = record.held
    header: dict[str, object] = {"rows": len(held), "width": held.values.shape[1], "classes": record.classes}
    body = []
    steps = np.diff(record.keys)
    if len(steps) and (steps != steps[0]).any():
        body.append(record.keys.astype("<i8").tobytes())
    else:
        header["keys"] = [int(record.keys[0]), int(steps[0]) if len(steps) else 1]
    for name, kind, column in (("codes", "<i2", held.codes), ("segments", "<i4", held.segments)):
        if (column == column[0]).all():
            header[name] = int(column[0])
        else:
            body.append(column.astype(kind).tobytes())
    if np.isnan(held.values).all():
        header["values"] = None
    else:
        body.append(held.values.astype("<f8").tobytes())
    return json.dumps(header).encode() + b"\n" + b"".join(body)


def unpack(data: bytes) -> Record:
    """Return the record that :func:`pack` made bytes of."""
    line, _, body = data.partition(b"\n")
    header = json.loads(line)
    rows, width, start = header["rows"], header["width"], 0

    def take(kind: str, count: int) -> NDArray[Any]:
        nonlocal start
        found: NDArray[Any] = np.frombuffer(body, kind, count, start)
        start += found.nbytes
        return found

    if "keys" in header:
        first, step = header["keys"]
        keys = first + step * np.arange(rows, dtype=np.int64)
    else:
        keys = take("<i8", rows).astype(np.int64)
    codes = np.full(rows, header["codes"]) if "codes" in header else take("<i2", rows)
    segments = np.full(rows, header["segments"]) if "segments" in header else take("<i4", rows)
    values = np.full(rows * width, np.nan) if "values" in header else take("<f8", rows * width).astype(np.float64)
    held = Held(codes.astype(np.int64), values.reshape(rows, width), segments.astype(np.int32))
    return Record(keys, held, tuple(header["classes"]))


def split(keys: NDArray[np.int64], max_rows: int) -> Iterator[slice]:
    """Return the slices of ascending keys that make a record each.

    Examples
    --------
    >>> list(split(np.array([1, 2, 3, 1 << BUCKET_BITS]), max_rows=2))
    [slice(0, 2, None), slice(2, 3, None), slice(3, 4, None)]
    """
    ends = [*(np.flatnonzero(np.diff(keys >> BUCKET_BITS)) + 1).tolist(), len(keys)]
    begin = 0
    for end in ends:
        for first in range(begin, end, max_rows):
            yield slice(first, min(first + max_rows, end))
        begin = end
