"""Times and durations as dashboards write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ml_models.errors import DataError

_NOW = re.compile(r"now(?:-(\d+)([smhdwMy]))?")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdwy])")
_MILLISECONDS = {
    "ms": 1, "s": 1000, "m": 60000, "h": 3600000, "d": 86400000, "w": 604800000, "M": 2592000000, "y": 31536000000,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A span of time.

    Parameters
    ----------
    start, end : int
        Milliseconds since 1970.
    """

    start: int
    end: int

    @property
    def length(self) -> int:
        """Milliseconds from start to end."""
        return self.end - self.start


def milliseconds(text: str) -> int:
    """Return a duration such as ``15s``, ``1h30m`` or ``7d``.

    Raises
    ------
    DataError
        If it is none.

    Examples
    --------
    >>> milliseconds("1m30s"), milliseconds("500ms"), milliseconds("7d")
    (90000, 500, 604800000)
    """
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise DataError(f"{text!r}: not a duration; write 90s, 15m, 6h or 7d")
    return round(sum(float(number) * _MILLISECONDS[unit] for number, unit in parts))


def duration(length: int) -> str:
    """Return milliseconds as Prometheus writes them.

    Examples
    --------
    >>> duration(90000), duration(500)
    ('90s', '500ms')
    """
    return f"{length // 1000}s" if length % 1000 == 0 else f"{length}ms"


def time_range(start: str, end: str, now: datetime) -> TimeRange:
    """Return the span between two times.

    Parameters
    ----------
    start, end : str
        ``now``, ``now-6h``, milliseconds since 1970, or ISO 8601 (UTC if it names no zone).
    now : datetime
        With its zone.

    Raises
    ------
    DataError
        If one of them is none of these, or the end is not after the start.

    Examples
    --------
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> time_range("now-6h", "now", noon) == time_range("2026-01-01T06:00:00", "2026-01-01T13:00:00+01:00", noon)
    True
    """
    found = TimeRange(_moment(start, now), _moment(end, now))
    if found.length <= 0:
        raise DataError(f"the time range from {start} to {end} has no length; the end must be after the start")
    return found


def _moment(text: str, now: datetime) -> int:
    if match := _NOW.fullmatch(text.strip()):
        back = int(match[1] or 0) * _MILLISECONDS[match[2] or "s"]
        return _epoch(now - timedelta(milliseconds=back))
    if re.fullmatch(r"\d{12,14}", text.strip()):
        return int(text)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise DataError(
            f"{text!r}: not a time; write now-6h, 2026-01-31T08:00:00 or milliseconds since 1970"
        ) from error
    return _epoch(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _epoch(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def iso(moment: int) -> str:
    """Return milliseconds since 1970 as Grafana writes a time.

    Examples
    --------
    >>> iso(1767268800123)
    '2026-01-01T12:00:00.123Z'
    """
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
