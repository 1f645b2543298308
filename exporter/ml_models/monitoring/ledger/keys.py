"""The caller's own prediction ids as bytes: the same id has the same key in every process and after a restart."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any
from uuid import UUID

import numpy as np

from ml_models.profile.cells import is_missing

#: Bytes of a key; a longer id is hashed.
MAX_KEY = 64


def id_key(one: Any) -> bytes | None:
    """Return the key of an id, or None if it cannot be one.

    Text, whole numbers and bytes are ids, whatever type carries them: a number that came as a float, as in a column
    with gaps, is the same id. Other values are known by their text, unless that is the address that Python shows for
    an object without one.

    Examples
    --------
    >>> id_key("order-1"), id_key(17), id_key(17.0), id_key("17"), id_key(None), id_key([1]), id_key(object())
    (b's:order-1', b'i:17', b'i:17', b's:17', None, None, None)
    """
    try:
        key = _key(one)
    except Exception:  # noqa: BLE001 - an id of the caller's own class may raise anything
        return None
    if key is None or len(key) <= MAX_KEY:
        return key
    return b"h:" + blake2b(key, digest_size=24).digest()


def _key(one: Any) -> bytes | None:
    kind = type(one)
    if kind is str:
        return b"s:" + bytes(one.encode("utf-8", "surrogatepass"))
    if kind is int:
        return b"i:%d" % one
    if isinstance(one, tuple):
        parts = [part for part in map(id_key, one) if part is not None]
        return b"t:" + b"".join(b"%d,%b" % (len(part), part) for part in parts) if len(parts) == len(one) else None
    if is_missing(one):
        return None
    if isinstance(one, np.generic) and not isinstance(one, str | bytes):
        return _key(one.item())
    if isinstance(one, str):
        return _key(str.__str__(one))
    if isinstance(one, bytes):
        return b"b:" + one
    if isinstance(one, UUID):
        return b"s:" + str(one).encode()
    if isinstance(one, int) or (isinstance(one, float) and one.is_integer()):
        return b"i:%d" % int(one)
    hash(one)  # what is not hashable may change and is no id
    if str(one) == object.__repr__(one):
        return None
    return f"o:{kind.__qualname__}:{one}".encode("utf-8", "surrogatepass")
