"""The last distinct errors of a model, without the data that caused them.

Messages, values and source lines may hold personal data or secrets, so none is kept: an error is its exception class
and the places in the code that it went through.
"""

from __future__ import annotations

import hashlib
import os
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from types import TracebackType
from typing import Any

#: Label of exception classes beyond the limit.
OTHER = "__other__"

_OUTER_FRAMES = 5  # where the call came in
_INNER_FRAMES = 15  # where it broke
_LONGEST_TEXT = 200


def exception_name(exc: BaseException) -> str:
    """Return the class's qualified name; a builtin's without its module.

    Examples
    --------
    >>> exception_name(KeyError("a secret"))
    'KeyError'
    >>> import json
    >>> exception_name(json.JSONDecodeError("a secret", "", 0))
    'json.decoder.JSONDecodeError'
    """
    kind = type(exc)
    module = kind.__module__
    name = kind.__qualname__ if module == "builtins" or not isinstance(module, str) else f"{module}.{kind.__qualname__}"
    return _printable(name)


def trace(exc: BaseException) -> list[str]:
    """Return the places that an exception went through, the outermost first, at most 21 lines.

    Examples
    --------
    >>> try:
    ...     float("a secret")
    ... except ValueError as exc:
    ...     [place.partition(":")[2] for place in trace(exc)]
    ['2 in <module>']
    """
    places = _places(exc.__traceback__)
    outer = list(islice(places, _OUTER_FRAMES))
    inner: deque[TracebackType] = deque(maxlen=_INNER_FRAMES)
    left_out = -_INNER_FRAMES
    for place in places:
        inner.append(place)
        left_out += 1
    # The number left out is not told: it varies with the depth of a recursion, and the error is the same.
    middle = ["..."] if left_out > 0 else []
    return [*map(_place, outer), *middle, *map(_place, inner)]


def describe(exc: BaseException) -> tuple[str, list[str]]:
    """Return the class name and the trace of any exception, even one whose class breaks them; never raises.

    Examples
    --------
    >>> describe(KeyError("a secret"))
    ('KeyError', [])
    """
    try:
        places = trace(exc)
    except Exception:  # noqa: BLE001 - isolation: a class may override its traceback, and the caller is a prediction
        places = []
    return _name(exc), places


def fingerprint(name: str, places: list[str]) -> str:
    """Return 16 hexadecimal digits that name an error, the same on every machine.

    Examples
    --------
    >>> fingerprint("KeyError", ["app.py:42 in predict"])
    '007b2dd8b762cb65'
    """
    return hashlib.blake2b("\n".join([name, *places]).encode(), digest_size=8).hexdigest()


class ExceptionNames:
    """Names of exception classes as label values, of a bounded number.

    Parameters
    ----------
    limit : int
        Distinct names given; the classes that come later share ``__other__``.

    Examples
    --------
    >>> names = ExceptionNames(limit=1)
    >>> names.label(KeyError("x")), names.label(ValueError("x")), names.label(KeyError("y"))
    ('KeyError', '__other__', 'KeyError')
    """

    def __init__(self, limit: int = 50) -> None:
        self._limit = limit
        self._known: set[str] = set()
        self.after_fork()
        _LIVE.add(self)

    def after_fork(self) -> None:
        """Replace the lock, which a thread of the parent process may hold."""
        self._lock = threading.Lock()

    def label(self, exc: BaseException) -> str:
        """Return the name of the exception's class, or ``__other__``; never raises."""
        name = _name(exc)
        if name in self._known:
            return name
        with self._lock:
            if name not in self._known:
                if len(self._known) >= self._limit:
                    return OTHER
                self._known.add(name)
        return name


@dataclass(slots=True)
class _Entry:
    exception: str
    trace: list[str]
    count: int
    first_seen: float
    last_seen: float


class ErrorLog:
    """The last distinct errors, by endpoint, exception class and places in the code.

    Parameters
    ----------
    max_entries : int
        Distinct errors kept; the one that has not been seen for longest goes first.

    Examples
    --------
    >>> errors = ErrorLog()
    >>> for age in ("seventy", "eighty"):
    ...     try:
    ...         int(age)
    ...     except ValueError as exc:
    ...         errors.record("/predict", exc, when=0.0)
    >>> [entry] = errors.entries()
    >>> entry["exception"], entry["count"], entry["last_seen"]
    ('ValueError', 2, '1970-01-01T00:00:00+00:00')
    """

    def __init__(self, max_entries: int = 20) -> None:
        self._max_entries = max_entries
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self.after_fork()
        _LIVE.add(self)

    def after_fork(self) -> None:
        """Replace the lock, which a thread of the parent process may hold."""
        self._lock = threading.Lock()

    def record(self, endpoint: str, exc: BaseException, when: float) -> None:
        """Count an error; never raises.

        Parameters
        ----------
        endpoint : str
            Where the call came in.
        exc : BaseException
            Only its class and traceback are read; no reference to it is kept.
        when : float
            Unix time, in seconds.
        """
        name, places = describe(exc)
        key = (_printable(endpoint), fingerprint(name, places))
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                self._entries[key] = _Entry(name, places, 1, when, when)
                while len(self._entries) > self._max_entries:
                    self._entries.popitem(last=False)
            else:
                entry.count += 1
                # The wall clock may be set back between two errors.
                entry.first_seen, entry.last_seen = min(entry.first_seen, when), max(entry.last_seen, when)
                self._entries.move_to_end(key)

    def entries(self) -> list[dict[str, Any]]:
        """Return the errors, the most recent first.

        Returns
        -------
        list of dict
            With ``exception``, ``endpoint``, ``fingerprint``, ``count``, ``first_seen`` and ``last_seen`` (RFC 3339
            in UTC, None for a time outside the calendar) and ``trace`` (list of str, the innermost place last).
        """
        with self._lock:
            return [
                {
                    "exception": entry.exception,
                    "endpoint": endpoint,
                    "fingerprint": mark,
                    "count": entry.count,
                    "first_seen": _rfc3339(entry.first_seen),
                    "last_seen": _rfc3339(entry.last_seen),
                    "trace": list(entry.trace),
                }
                for (endpoint, mark), entry in reversed(self._entries.items())
            ]


def _name(exc: BaseException) -> str:
    try:
        return exception_name(exc)
    except Exception:  # noqa: BLE001 - isolation: a metaclass may override the name, and the caller is a prediction
        return OTHER


def _places(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _place(traceback: TracebackType) -> str:
    # The file without its folders: they tell of the machine, and would make the fingerprint differ between replicas.
    code = traceback.tb_frame.f_code
    file = code.co_filename.rpartition("/")[2]
    return _printable(f"{file}:{traceback.tb_lineno} in {code.co_name}")


def _printable(text: str) -> str:
    """Bound the length, and replace what cannot be written as UTF-8 or breaks a line."""
    text = text[:_LONGEST_TEXT]
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)


def _rfc3339(when: float) -> str | None:
    try:
        return datetime.fromtimestamp(when, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


_LIVE: weakref.WeakSet[ErrorLog | ExceptionNames] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for one in list(_LIVE):
        one.after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
