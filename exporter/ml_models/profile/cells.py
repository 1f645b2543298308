"""Single cells: what is missing, what is a number, what is a category."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import repeat
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

OTHER = "__other__"
UNSEEN = "__unseen__"

#: Longest category; longer text is data, not a category.
MAX_CATEGORY_LENGTH = 200
_TOO_LARGE = 10**MAX_CATEGORY_LENGTH
_NO_NUMBERS = {np.datetime64, np.timedelta64}


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A column of few distinct values: what is said of a value is worked out once and not per cell.

    Attributes
    ----------
    values : list
        Distinct values, none of them missing; some may be in no cell.
    codes : integer array of shape (n_rows,)
        Place of each cell's value, -1 where it is missing.

    Examples
    --------
    >>> list(Coded(["a", "b"], np.array([1, -1, 1]))), Coded(["a", "b"], np.array([1, -1, 1])).used
    (['b', None, 'b'], [('b', 2)])
    """

    values: list[Any]
    codes: NDArray[Any]

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[Any]:
        table = [*self.values, None]
        return iter([table[code] for code in self.codes.tolist()])

    def __getitem__(self, place: int) -> Any:
        code = self.codes[place]
        return self.values[code] if code >= 0 else None

    @property
    def used(self) -> list[tuple[Any, int]]:
        """Values that are in some cell, and in how many."""
        return [(value, count) for value, count in zip(self.values, self.counts.tolist(), strict=True) if count]

    @property
    def counts(self) -> NDArray[np.intp]:
        """In how many cells each value is, shape ``(len(values),)``."""
        shifted = np.add(self.codes, 1, dtype=np.intp)  # a mask of the missing ones would take longer
        return np.bincount(shifted, minlength=len(self.values) + 1)[1:]


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """A column of moments, as seconds of Unix time; NaN where missing.

    They are no array of numbers, so that nobody takes a date for a measure.

    Examples
    --------
    >>> list(Times(np.array([0.0, np.nan])))
    [datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.timezone.utc), None]
    """

    seconds: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[Any]) -> Times:
        """Return the column of an array of ``datetime64``, of any unit."""
        micros = values.astype("datetime64[us]")
        return cls(np.where(np.isnat(micros), np.nan, micros.astype(np.int64) / 1e6))

    def __len__(self) -> int:
        return len(self.seconds)

    def __iter__(self) -> Iterator[dt.datetime | None]:
        return map(self._moment, self.seconds.tolist())

    def __getitem__(self, place: int) -> dt.datetime | None:
        return self._moment(float(self.seconds[place]))

    @staticmethod
    def _moment(seconds: float) -> dt.datetime | None:
        if math.isnan(seconds):
            return None
        try:
            return EPOCH + dt.timedelta(seconds=seconds)
        except OverflowError:  # beyond the year 9999, which numpy allows
            return dt.datetime.max.replace(tzinfo=dt.UTC) if seconds > 0 else dt.datetime.min.replace(tzinfo=dt.UTC)


def to_floats(values: NDArray[Any] | list[Any] | Coded | Times) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return values as floats, NaN where missing or invalid, and a mask of the invalid ones.

    Numbers written as text are taken as numbers; None, NaN and the empty string are missing.

    Examples
    --------
    >>> to_floats([1, None, "2.5", "x", [3]])
    (array([1. , nan, 2.5, nan, nan]), array([False, False, False,  True,  True]))
    """
    if isinstance(values, Times):
        return np.full(len(values), np.nan), ~np.isnan(values.seconds)
    if isinstance(values, Coded):
        floats, invalid = to_floats(values.values)
        return np.append(floats, np.nan)[values.codes], np.append(invalid, False)[values.codes]
    try:
        floats = np.asarray(values, dtype=np.float64)
        # numpy makes plain numbers of its own moments and durations, which they are not.
        if floats.ndim == 1 and not (isinstance(values, list) and _NO_NUMBERS & set(map(type, values))):
            return floats, np.zeros(len(floats), dtype=np.bool_)
    except Exception:  # noqa: BLE001, S110 - at least one cell is no number, its own methods may raise: look at each
        pass
    pairs = [_number(value) for value in values]
    return np.array([number for number, _ in pairs], dtype=np.float64), np.array([bad for _, bad in pairs], dtype=bool)


def _number(value: Any) -> tuple[float, bool]:
    if is_missing(value) or (isinstance(value, str) and not value.strip()):
        return np.nan, False
    try:
        return (np.nan, True) if type(value) in _NO_NUMBERS else (float(value), False)
    except Exception:  # noqa: BLE001 - an object's own __float__ may raise anything: it is no number
        return np.nan, True


def is_missing(value: Any) -> bool:
    """Return whether a cell holds nothing: None, NaN, or the missing value of pandas.

    Examples
    --------
    >>> is_missing(None), is_missing(float("nan")), is_missing(0)
    (True, True, False)
    """
    if value is None:
        return True
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    return type(value).__name__ in {"NAType", "NaTType"}


def category(value: Any) -> str | Literal[False] | None:
    """Return a cell's category as text: None if missing, False if it cannot be a category.

    The same value has the same text whatever type carries it: 9, 9.0 and ``"9"`` are one category.

    Examples
    --------
    >>> category("UA"), category(9.0), category(True), category(None), category([1])
    ('UA', '9', 'True', None, False)
    """
    if isinstance(value, str):
        # Of a subclass, such as an enumeration, the text itself; half a surrogate pair could not be exposed.
        text = str.__str__(value).encode("utf-8", "replace").decode("utf-8")
        return text if len(text) <= MAX_CATEGORY_LENGTH else False
    if is_missing(value):
        return None
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, float | np.floating):
        if not float(value).is_integer():
            return repr(float(value))
        value = int(value)
    if isinstance(value, int | np.integer):
        return str(int(value)) if -_TOO_LARGE < int(value) < _TOO_LARGE else False
    if isinstance(value, bytes):
        return category(value.decode("utf-8", "replace"))
    return False


class CategoryIndex:
    """Finds the code of a cell's category.

    With K categories the codes are 0 ... K-1, then K for a known rare one (``__other__``), K+1 for one that the
    reference does not hold (``__unseen__``); :attr:`NOTHING` if missing, :attr:`INVALID` if it cannot be a category.

    Parameters
    ----------
    categories : tuple of str
    others : collection of str
        Hashes of known rare categories, by ``hashed``.
    complete : bool
        Whether ``others`` holds all of them; otherwise an unknown category counts as a rare one.

    Examples
    --------
    >>> CategoryIndex(("UA", "9")).codes(["9", 9, "XX", None, float("nan"), []]).tolist()
    [1, 1, 3, -1, -1, -2]
    """

    NOTHING, INVALID = -1, -2
    _UNKNOWN = -3

    def __init__(self, categories: tuple[str, ...], others: Collection[str] = (), *, complete: bool = True) -> None:
        self._others = frozenset(others)
        self._other = len(categories)
        self._unseen = len(categories) + (1 if complete else 0)
        self._codes: dict[Any, int] = {None: self.NOTHING}
        for code, text in enumerate(categories):
            self._codes[text] = code
            for value in _spellings(text):
                self._codes.setdefault(value, code)

    def codes(self, values: NDArray[Any] | list[Any] | Coded | Times) -> NDArray[np.int64]:
        """Return a code per cell."""
        if isinstance(values, Coded):
            table = np.array([*self.codes(values.values).tolist(), self.NOTHING], dtype=np.int64)
            return np.asarray(table[values.codes])
        cells = values.tolist() if isinstance(values, np.ndarray) else list(values)
        try:
            codes = np.fromiter(map(self._codes.get, cells, repeat(self._UNKNOWN)), np.int64, len(cells))
        except Exception:  # noqa: BLE001 - a cell is unhashable, or its own __hash__ or __eq__ raises: look at each
            codes = np.array([self._quick_code(cell) for cell in cells], dtype=np.int64)
        for place in np.flatnonzero(codes == self._UNKNOWN):
            codes[place] = self._slow_code(cells[place])
        return codes

    def _quick_code(self, cell: Any) -> int:
        try:
            return self._codes.get(cell, self._UNKNOWN)
        except Exception:  # noqa: BLE001 - as above, for this one cell
            return self._UNKNOWN

    def _slow_code(self, cell: Any) -> int:
        text = category(cell)
        if text is None:
            return self.NOTHING
        if text is False:
            return self.INVALID
        code = self._codes.get(text)
        if code is not None:
            return code
        if hashed(text) in self._others:
            self._codes[text] = self._other  # bounded by the number of hashes
            return self._other
        return self._unseen


def _spellings(text: str) -> list[Any]:
    """Return the other values that mean the same category; equal numbers have equal hashes, so 9 finds 9.0 too."""
    if text in {"True", "False"}:
        return [text == "True"]
    if text.removeprefix("-").isdecimal() and str(int(text)) == text:
        return [int(text)]
    return []


def hashed(text: str) -> str:
    """Return a short hash of a category, so that a profile need not hold rare values themselves."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
