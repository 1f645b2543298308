"""Quiet hours as Alertmanager's time intervals, which end at midnight at the latest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ml_models.config.quiet import DAYS, MIDNIGHT, Quiet, parse

NAME = "quiet hours"


def time_intervals(texts: Sequence[str], zone: str) -> list[dict[str, Any]]:
    """Return the interval that mutes, or nothing where there are no quiet hours.

    Examples
    --------
    >>> (interval,) = time_intervals(["fri 20:00-07:00"], "Europe/Zurich")
    >>> [one["weekdays"] for one in interval["time_intervals"]]
    [['friday'], ['saturday']]
    """
    if not texts:
        return []
    intervals = [
        {
            "times": [{"start_time": _clock(start), "end_time": _clock(end)}],
            "weekdays": [DAYS[day] for day in days],
            "location": zone,
        }
        for text in texts
        for days, start, end in _parts(parse(text))
    ]
    return [{"name": NAME, "time_intervals": intervals}]


def _parts(quiet: Quiet) -> list[tuple[list[int], int, int]]:
    """Split what goes over midnight into the evening and the morning after."""
    days = list(quiet.days)
    if quiet.start < quiet.end:
        return [(days, quiet.start, quiet.end)]
    evening = (days, quiet.start, MIDNIGHT)
    morning = (sorted((day + 1) % 7 for day in days), 0, quiet.end)
    return [evening, morning] if quiet.end else [evening]


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
