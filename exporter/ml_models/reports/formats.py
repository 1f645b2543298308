"""Numbers as people read them; None is always said as :data:`NO_DATA`."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ml_models.reports.model import number

NO_DATA = "No data"

#: Stands where no threshold is set: a dash as wide as an en.
UNSET = "\N{EN DASH}"

#: Below so many seconds, the unit in seconds, its name.
_TIME_UNITS = ((1e-3, 1e-6, "µs"), (1.0, 1e-3, "ms"), (120.0, 1.0, "s"), (3600.0, 60.0, "min"), (172800.0, 3600.0, "h"))


def _fixed(value: float, decimals: int) -> str:
    # beyond a thousand trillion the digits mean nothing and would overflow any column
    return f"{value:,.{decimals}f}" if abs(value) < 1e15 else f"{value:.3g}"


def score(value: Any, decimals: int = 3) -> str:
    """Return a score with fixed decimals.

    Examples
    --------
    >>> score(0.72444), score(None)
    ('0.724', 'No data')
    """
    found = number(value)
    return NO_DATA if found is None else _fixed(found, decimals)


def percent(value: Any, decimals: int = 1) -> str:
    """Return a ratio as percentage.

    Examples
    --------
    >>> percent(0.0331), percent(1)
    ('3.3 %', '100.0 %')
    """
    found = number(value)
    return NO_DATA if found is None else f"{_fixed(found * 100, decimals)} %"


def count(value: Any) -> str:
    """Return a count with thousands separated.

    Examples
    --------
    >>> count(28243), count(None)
    ('28,243', 'No data')
    """
    found = number(value)
    return NO_DATA if found is None else _fixed(found, 0)


def rate(value: Any) -> str:
    """Return a rate per second.

    Examples
    --------
    >>> rate(0.0031), rate(12.34), rate(0)
    ('0.0031/s', '12.3/s', '0/s')
    """
    found = number(value)
    return NO_DATA if found is None else f"{compact(found)}/s"


def seconds(value: Any, digits: int = 3) -> str:
    """Return a duration in the unit that suits it.

    Examples
    --------
    >>> seconds(0.0421), seconds(2), seconds(3600), seconds(0.00002), seconds(172800)
    ('42.1 ms', '2 s', '1 h', '20 µs', '2 d')
    """
    found = number(value)
    if found is None:
        return NO_DATA
    size = abs(found)
    for limit, unit, name in _TIME_UNITS:
        if size < limit:
            return f"{compact(found / unit, digits)} {name}" if size else "0 s"
    return f"{compact(found / 86400, digits)} d"


def byte_size(value: Any) -> str:
    """Return a number of bytes in binary units.

    Examples
    --------
    >>> byte_size(536870912), byte_size(10)
    ('512 MiB', '10 B')
    """
    found = number(value)
    if found is None:
        return NO_DATA
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(found) < 1024:
            return f"{compact(found, 4)} {unit}"
        found /= 1024
    return f"{compact(found, 4)} PiB"


def compact(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits, without an exponent where that stays short.

    Examples
    --------
    >>> compact(1234.5), compact(0.25), compact(37.04), compact(1.5e9)
    ('1,234', '0.25', '37', '1.5e+09')
    """
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if not -5 < exponent < 7:
        return f"{value:.{digits}g}"
    text = f"{value:,.{max(0, digits - 1 - exponent)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def unix_time(value: Any, zone: str = " UTC") -> str:
    """Return a Unix time in UTC; ``zone`` may be left out where a column's head names it.

    Examples
    --------
    >>> unix_time(1375315140)
    '2013-07-31 23:59 UTC'
    """
    found = number(value)
    if found is None:
        return NO_DATA
    try:
        return datetime.fromtimestamp(found, UTC).strftime("%Y-%m-%d %H:%M") + zone
    except (OverflowError, ValueError, OSError):
        return f"{found:.3g} s"  # no such date: the number itself is what there is to show


def iso_time(value: Any, zone: str = " UTC") -> str:
    """Return an ISO 8601 time in UTC, to the minute; text that is not one stays as it is.

    Examples
    --------
    >>> iso_time("2013-07-31T19:59:00-04:00"), iso_time("soon"), iso_time(None)
    ('2013-07-31 23:59 UTC', 'soon', 'No data')
    """
    if not isinstance(value, str):
        return unix_time(value, zone)
    try:
        parsed = datetime.fromisoformat(value)
        aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        return aware.astimezone(UTC).strftime("%Y-%m-%d %H:%M") + zone
    except (ValueError, OverflowError):
        return value


#: How a value is written, by its unit.
BY_UNIT: dict[str, Callable[..., str]] = {
    "score": score,
    "share": percent,
    "seconds": seconds,
    "count": count,
    "rate": rate,
    "bytes": byte_size,
}


def quantity(value: Any, unit: str) -> str:
    """Return a value in its unit; ``state`` is that of a health check.

    Examples
    --------
    >>> quantity(0.5, "share"), quantity(0, "state")
    ('50.0 %', 'down')
    """
    found = number(value)
    if unit == "state":
        return NO_DATA if found is None else ("up" if found else "down")
    if unit in BY_UNIT:
        return BY_UNIT[unit](found)
    return NO_DATA if found is None else compact(found)


def pair(value: Any, threshold: Any, unit: str) -> tuple[str, str]:
    """Return a value and its threshold with so many digits that two which differ look different.

    Examples
    --------
    >>> pair(0.724, 0.75, "score"), pair(0.7499, 0.75, "score")
    (('0.724', '0.750'), ('0.7499', '0.7500'))
    """
    texts = quantity(value, unit), (UNSET if number(threshold) is None else quantity(threshold, unit))
    if texts[0] != texts[1] or number(value) == number(threshold) or unit not in {"score", "share", "seconds"}:
        return texts
    for digits in range(4, 12):
        texts = BY_UNIT[unit](value, digits), BY_UNIT[unit](threshold, digits)
        if texts[0] != texts[1]:
            break
    return texts
