"""When rows happened: a column of moments, in any usual form, as Unix time."""

from __future__ import annotations

import datetime as dt

import numpy as np
from numpy.typing import NDArray

from ml_models.profile.cells import Coded, is_missing
from ml_models.profile.ingest import Column

#: Numbers from these on are milliseconds, microseconds, nanoseconds: as seconds they would be years from 5138 on.
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))


def event_times(column: Column) -> NDArray[np.float64]:
    """Return Unix times, NaN where a cell is missing or no moment.

    Moments are datetimes, dates, ISO 8601 text, or numbers since 1970 in seconds, milliseconds, microseconds or
    nanoseconds. What names no time zone is UTC.

    Examples
    --------
    >>> event_times(["1970-01-02", "1970-01-01T00:00:10Z", "soon", None]).tolist()
    [86400.0, 10.0, nan, nan]
    >>> event_times(np.array([1.7e9, 1.7e12])).tolist()
    [1700000000.0, 1700000000.0]
    """
    if isinstance(column, Coded):
        return np.asarray(np.append(event_times(column.values), np.nan)[column.codes])
    if isinstance(column, np.ndarray):
        if column.dtype.kind == "M":
            seconds = column.astype("datetime64[us]").astype(np.int64) / 1e6
            return np.where(np.isnat(column), np.nan, seconds)
        return _seconds(column.astype(np.float64)) if column.dtype.kind in "iuf" else np.full(len(column), np.nan)
    return np.array([_moment(value) for value in column], dtype=np.float64)


def _seconds(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    found = np.where(np.isfinite(numbers), numbers, np.nan)
    size = np.abs(found)
    for least, per_second in _UNITS:
        found = np.where(size >= least, numbers / per_second, found)
        size = np.where(size >= least, 0.0, size)
    return found


def _moment(value: object) -> float:
    if is_missing(value) or isinstance(value, bool):
        return float("nan")
    try:
        if isinstance(value, str):
            text = value.strip()
            try:
                return float(_seconds(np.array([float(text)]))[0])
            except ValueError:
                value = dt.datetime.fromisoformat(text)
        if isinstance(value, np.datetime64):
            return float(event_times(np.array([value]))[0])
        if isinstance(value, dt.datetime):
            return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).timestamp()
        if isinstance(value, dt.date):
            return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC).timestamp()
        if isinstance(value, int | float | np.number):
            return float(_seconds(np.array([float(value)]))[0])
    except (ValueError, OverflowError, TypeError):
        return float("nan")
    return float("nan")
