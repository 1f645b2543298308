"""Counts as bytes, for the way from one machine to another: a header that says what they are, and arrays of integers.

Nothing of it is ever executed when it is read, as a pickle would be.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.errors import DataError

VERSION = 1

_MAGIC = b"mlmc"
_SIZE = 4
#: The fastest level: counts are mostly small numbers, which every level makes small.
_LEVEL = 1


def pack(what: str, facts: Mapping[str, Any], arrays: Sequence[NDArray[np.int64]]) -> bytes:
    """Return counts as bytes.

    Parameters
    ----------
    what : str
        What is counted; it is asked for when they are read.
    facts : mapping
        Anything that JSON can hold.
    arrays : sequence of one-dimensional int64 arrays

    Examples
    --------
    >>> unpack("tally", pack("tally", {"of": "x"}, [np.array([1, 2])]))
    ({'of': 'x'}, [array([1, 2])])
    """
    header = {"what": what, "version": VERSION, "facts": facts, "lengths": [len(array) for array in arrays]}
    text = json.dumps(header, separators=(",", ":")).encode()
    body = [np.ascontiguousarray(array, dtype="<i8").tobytes() for array in arrays]
    return _MAGIC + zlib.compress(b"".join([len(text).to_bytes(_SIZE, "little"), text, *body]), _LEVEL)


def unpack(what: str, data: bytes) -> tuple[dict[str, Any], list[NDArray[np.int64]]]:
    """Return what was packed; the arrays can be written to.

    Raises
    ------
    DataError
        If the bytes hold something else, are damaged, or were written by another version.
    """
    if not data.startswith(_MAGIC):
        raise DataError(f"{what}: these bytes are no packed counts; give what the counting of a partition returned")
    try:
        content = zlib.decompress(data[len(_MAGIC) :])
        start = _SIZE + int.from_bytes(content[:_SIZE], "little")
        header = json.loads(content[_SIZE:start])
    except (zlib.error, ValueError) as error:
        raise DataError(f"{what}: the packed counts are damaged ({error}); count the partition again") from None
    if header["version"] != VERSION:
        raise DataError(
            f"{what}: packed in version {header['version']}, this package reads {VERSION}; "
            "install the same version of ml-models-monitoring on every machine"
        )
    if header["what"] != what:
        raise DataError(f"{what}: found a packed {header['what']}; give parts of one kind")
    values = np.frombuffer(content, dtype="<i8", offset=start).astype(np.int64)
    return header["facts"], np.split(values, np.cumsum(header["lengths"])[:-1]) if header["lengths"] else []
