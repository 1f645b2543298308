"""Quiet hours, as people write them: ``mon-fri 20:00-07:00``."""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: A day's end in minutes; 24:00 is a time that may be written.
MIDNIGHT = 24 * 60

_SHORT = {day[:3]: number for number, day in enumerate(DAYS)}
_TIMES = re.compile(r"(\d{1,2}):(\d\d)-(\d{1,2}):(\d\d)")


@dataclass(frozen=True, slots=True)
class Quiet:
    """Days on which a quiet time begins, and from when to when.

    Attributes
    ----------
    days : tuple of int
        Monday is 0.
    start, end : int
        Minutes of the day; an end that is not after the start is on the next day.
    """

    days: tuple[int, ...]
    start: int
    end: int


def parse(text: str) -> Quiet:
    """Read a quiet time.

    Raises
    ------
    ValueError
        If it is none.

    Examples
    --------
    >>> parse("fri-sun 20:00-07:00")
    Quiet(days=(4, 5, 6), start=1200, end=420)
    >>> parse("22:00-06:00").days
    (0, 1, 2, 3, 4, 5, 6)
    >>> parse("sat,sun")
    Quiet(days=(5, 6), start=0, end=1440)
    """
    words = text.casefold().split()
    times = words.pop() if words and ":" in words[-1] else "00:00-24:00"
    days = _days(words.pop()) if words else tuple(range(7))
    match = _TIMES.fullmatch(times)
    if words or match is None or not text.strip():
        raise ValueError("no quiet time")
    hour, minute, end_hour, end_minute = map(int, match.groups())
    start, end = 60 * hour + minute, 60 * end_hour + end_minute
    if max(minute, end_minute) > 59 or start >= MIDNIGHT or end > MIDNIGHT or start == end:
        raise ValueError("no quiet time")
    return Quiet(days, start, end)


def _days(text: str) -> tuple[int, ...]:
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        begin, end = _day(first), _day(last if dash else first)
        days.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return tuple(sorted(days))


def _day(text: str) -> int:
    number = _SHORT.get(text[:3])
    if number is None or not DAYS[number].startswith(text):
        raise ValueError("no quiet time")
    return number


def quiet_time(text: str) -> str:
    """Check a quiet time and return it as it is."""
    parse(text)
    return text


def time_zone(name: str) -> str:
    """Check the name of a time zone; where the machine has no list of them, Alertmanager's word counts."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        if name != "UTC" and zoneinfo.available_timezones():
            raise ValueError("no time zone") from error
    return name
