"""Quiet hours are quiet when their text says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_models.config.quiet import DAYS, MIDNIGHT, parse
from ml_models.mixin.quiet_times import time_intervals

WEEK = 7 * MIDNIGHT


@pytest.mark.parametrize(
    ("text", "days", "start", "end"),
    [
        ("mon-fri 20:00-07:00", (0, 1, 2, 3, 4), 1200, 420),
        ("Monday 08:30-09:15", (0,), 510, 555),
        ("sat-mon", (0, 5, 6), 0, 1440),
        ("wed,sat-sun 0:00-24:00", (2, 5, 6), 0, 1440),
        ("22:00-06:00", (0, 1, 2, 3, 4, 5, 6), 1320, 360),
        ("thu 22:00-24:00", (3,), 1320, 1440),
        ("fri 22:00-00:00", (4,), 1320, 0),
    ],
)
def test_texts_are_read(text, days, start, end):
    found = parse(text)
    assert (found.days, found.start, found.end) == (days, start, end)


@pytest.mark.parametrize(
    "text",
    ["", " ", "someday", "mon-", "mo", "mon 20:00", "20-07", "mon 24:00-25:00", "mon 10:60-11:00", "mon 9:00-9:00",
     "mon 24:00-07:00", "mon fri 20:00-07:00", "mon 20:00-07:00 UTC", "m-f 20:00-07:00", "mon 20:00 - 07:00"],
)  # fmt: skip
def test_what_is_no_quiet_time_is_refused(text):
    with pytest.raises(ValueError, match=r".*"):
        parse(text)


def _minutes(clock: str) -> int:
    hour, minute = clock.split(":")
    return 60 * int(hour) + int(minute)


@given(
    st.lists(st.sampled_from(range(7)), min_size=1, unique=True),
    st.integers(0, MIDNIGHT - 1),
    st.integers(0, MIDNIGHT),
    st.integers(0, WEEK - 1),
)
def test_alertmanagers_intervals_hold_exactly_the_minutes_meant(days, start, end, minute):
    """Intervals end at midnight: an evening's other half is the next morning's, over the end of the week too."""
    if start == end:
        return
    text = f"{','.join(DAYS[day][:3] for day in days)} {start // 60}:{start % 60:02}-{end // 60}:{end % 60:02}"
    length = (end - start) if end > start else MIDNIGHT - start + end
    meant = any((minute - (day * MIDNIGHT + start)) % WEEK < length for day in days)
    ((_, intervals),) = [one.values() for one in time_intervals([text], "UTC")]
    found = any(
        DAYS[minute // MIDNIGHT] in interval["weekdays"]
        and _minutes(interval["times"][0]["start_time"])
        <= minute % MIDNIGHT
        < _minutes(interval["times"][0]["end_time"])
        for interval in intervals
    )
    assert found == meant
