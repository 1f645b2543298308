"""Datetimes as numbers: seconds of Unix time, so that they have bins as numbers have."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.profile.cells import EPOCH, Coded, Times, is_missing, to_floats
from ml_models.profile.ingest import Column

#: Types of single cells that are moments; a pandas Timestamp is a datetime.
MOMENTS = (dt.date, np.datetime64)
_DAY = 86_400.0

Numbers = tuple[NDArray[np.float64], NDArray[np.bool_]]


def numbers(column: Column, kind: str) -> Numbers:
    """Return a column of a kind that has an order as floats, NaN where missing or invalid, and which are invalid."""
    return to_seconds(column) if kind == "datetime" else to_floats(column)


def to_seconds(column: Column) -> Numbers:
    """Return moments as seconds of Unix time, NaN where missing or invalid, and a mask of the invalid ones.

    Moments without a time zone are taken as UTC, dates as their midnight, numbers as seconds of Unix time, text as
    ISO 8601.

    Examples
    --------
    >>> to_seconds([dt.date(1970, 1, 2), "1970-01-01T01:00+01:00", 7, None, "", "soon", True])[0].tolist()
    [86400.0, 0.0, 7.0, nan, nan, nan, nan]
    >>> to_seconds(["soon", None])[1].tolist()
    [True, False]
    """
    if isinstance(column, Times):
        return column.seconds, np.zeros(len(column), dtype=np.bool_)
    if isinstance(column, Coded):
        seconds, invalid = to_seconds(column.values)
        return np.append(seconds, np.nan)[column.codes], np.append(invalid, False)[column.codes]
    if isinstance(column, np.ndarray) and column.dtype.kind in "iuf":
        return to_floats(column)
    pairs = [_seconds(value) for value in column]
    return np.array([number for number, _ in pairs], dtype=np.float64), np.array([bad for _, bad in pairs], dtype=bool)


def _seconds(value: Any) -> tuple[float, bool]:
    if is_missing(value) or (isinstance(value, str) and not value.strip()):
        return np.nan, False
    try:
        if isinstance(value, str):
            value = _parsed(value.strip())
        if isinstance(value, np.datetime64):
            return float(value.astype("datetime64[us]").astype(np.int64)) / 1e6, False
        if isinstance(value, dt.datetime):
            return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).__sub__(EPOCH).total_seconds(), False
        if isinstance(value, dt.date):
            return (value.toordinal() - EPOCH.toordinal()) * _DAY, False
        return (np.nan, True) if isinstance(value, bool | np.bool_) else (float(value), False)
    except Exception:  # noqa: BLE001 - an object of any class may raise anything: it is no moment
        return np.nan, True


def _parsed(text: str) -> dt.datetime | float:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return float(text)


def shown(seconds: float, gap: float) -> str:
    """Return a moment as text, no finer than a gap between two of them asks for.

    Examples
    --------
    >>> shown(1357000000, 30 * 86400), shown(1357000000, 3600), shown(1357000000.5, 1), shown(1e20, 1)
    ('2013-01-01', '2013-01-01 00:26', '2013-01-01 00:26:40', '1e+20')
    """
    try:
        moment = EPOCH + dt.timedelta(seconds=seconds)
    except OverflowError:
        return f"{seconds:.6g}"
    if gap >= 3 * _DAY:
        return moment.date().isoformat()
    return moment.replace(tzinfo=None).isoformat(" ", "minutes" if gap >= 180 else "seconds")
