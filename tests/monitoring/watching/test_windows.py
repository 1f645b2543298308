"""Windows follow the time of the rows, late ones are told apart, and the course of windows is kept."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from ml_models.monitoring import ReferenceProfile
from ml_models.monitoring.watching.times import event_times
from ml_models.monitoring.watching.windows import HISTORY, SLOTS, Windows
from ml_models.profile.tally import EXAMINED, Layout, Tally
from watching_helpers import HEADER, age, lines, total

START = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
HEAD = "ts,x,city\n"


def dated(minutes, city="Oslo") -> str:
    return "".join(f"{(START + dt.timedelta(minutes=m)).isoformat()},{m % 100},{city}\n" for m in minutes)


def test_rows_belong_to_the_window_of_their_time(watch, data):
    (data / "a.csv").write_text(HEAD + dated(range(180)))
    found = watch(time_column="ts").run_once()
    assert [(one["start"][11:16], one["rows"], one["closed"]) for one in found["trends"]] == [
        ("00:00", 60, True), ("01:00", 60, False), ("02:00", 60, False),
    ]  # fmt: skip
    assert found["rows"] == {"total": 180, "on_time": 180, "late": 0, "ahead": 0, "undated": 0}
    assert found["data"]["rows"] == 75, "the last window, to the precision of a quarter"
    assert found["window"] == {"start": "2024-03-01T01:45:00+00:00", "end": "2024-03-01T03:00:00+00:00"}
    assert found["freshness"]["newest"] == "2024-03-01T02:59:00+00:00"
    assert found["data"]["quality"]["schema"] == 1.0, "the time column is no unexpected column"


def test_late_rows_are_counted_and_are_in_no_window(watch, data):
    file = data / "a.csv"
    file.write_text(HEAD + dated(range(180)))
    monitor = watch(time_column="ts")
    monitor.run_once()
    with file.open("a") as stream:
        stream.write(dated([5, 10, 70, 130]))  # two of the window that has closed, two of those still open
    found = monitor.run_once()
    assert found["rows"] == {"total": 184, "on_time": 182, "late": 2, "ahead": 0, "undated": 0}
    assert [one["rows"] for one in found["trends"]] == [60, 61, 61]


def test_the_order_inside_a_table_makes_nothing_late(watch, data):
    order = np.random.default_rng(1).permutation(600).tolist()
    (data / "a.csv").write_text(HEAD + dated(order))
    found = watch(time_column="ts").run_once()
    assert found["rows"]["late"] == 0
    assert [one["rows"] for one in found["trends"]] == [60] * 10


def test_rows_without_a_time_and_from_the_future_are_told_apart(watch, data):
    far = (dt.datetime.now(dt.UTC) + dt.timedelta(days=400)).isoformat()
    file = data / "a.csv"
    file.write_text(HEAD + dated([0]) + ",1,Oslo\nsoon,1,Oslo\n" + f"{far},1,Oslo\n")
    monitor = watch(time_column="ts")
    assert monitor.run_once()["rows"] == {"total": 4, "on_time": 1, "late": 0, "ahead": 1, "undated": 2}
    with file.open("a") as stream:
        stream.write(dated([1]))
    assert monitor.run_once()["rows"]["late"] == 0, "a time in the future makes nothing look late"


def test_a_table_of_very_many_windows_keeps_the_newest_and_counts_all(watch, data):
    """Ten years by the hour in one table: what the history cannot hold is not told apart, and nothing is lost."""
    file = data / "a.parquet"
    moments = np.arange(0, 87_600 * 3_600, 3_600, dtype=np.int64) + int(START.timestamp()) - 90_000 * 3_600
    parquet.write_table(pa.table({"ts": moments, "x": moments % 100 * 1.0, "city": ["Oslo"] * len(moments)}), file)
    age(file, 600)
    found = watch(time_column="ts").run_once()
    assert found["rows"] == {"total": 87_600, "on_time": 87_600, "late": 0, "ahead": 0, "undated": 0}
    closed = [one for one in found["trends"] if one["closed"]]
    assert len(closed) == HISTORY
    assert all(one["rows"] == 1 for one in found["trends"])
    starts = [dt.datetime.fromisoformat(one["start"]).timestamp() for one in found["trends"]]
    assert starts == moments[-HISTORY - 2 :].tolist()


def test_the_time_column_is_no_feature_even_if_the_reference_has_it(watch, data):
    reference = ReferenceProfile.fit({"ts": np.arange(100.0), "x": np.arange(100.0)})
    (data / "a.csv").write_text("ts,x\n" + "".join(f"{1_700_000_000 + i},{i}\n" for i in range(300)))
    found = watch(reference=reference, time_column="ts").run_once()
    assert set(found["data"]["features"]) == {"x"}
    assert found["data"]["quality"]["schema"] == 1.0


def test_a_column_of_time_that_is_missing_leaves_rows_undated(watch, data):
    (data / "a.csv").write_text(HEADER + lines(10))
    assert watch(time_column="ts").run_once()["rows"]["undated"] == 10


@pytest.mark.parametrize("kind", [pa.timestamp("ms"), pa.timestamp("ns", "Europe/Oslo"), pa.date32(), pa.int64()])
def test_times_of_parquet_columns_are_read(watch, data, kind):
    moments = [START + dt.timedelta(days=day) for day in range(3)]
    column = [int(m.timestamp() * 1000) for m in moments] if kind == pa.int64() else pa.array(moments).cast(kind)
    file = data / "a.parquet"
    parquet.write_table(pa.table({"ts": pa.array(column, kind), "x": [1.0] * 3, "city": ["Oslo"] * 3}), file)
    age(file, 600)
    found = watch(time_column="ts", window=86_400.0).run_once()
    assert found["rows"]["on_time"] == 3
    assert [one["start"][:10] for one in found["trends"]] == ["2024-03-01", "2024-03-02", "2024-03-03"]


FORMS = ["2024-03-01", "2024-03-01T00:00:00Z", "2024-03-01 01:00:00+01:00", "20240301T000000Z", "1709251200",
         1709251200, 1709251200.0, 1709251200_000, 1709251200_000_000, 1709251200_000_000_000,
         dt.date(2024, 3, 1), dt.datetime(2024, 3, 1), START, np.datetime64("2024-03-01")]  # fmt: skip


@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_a_moment_is_the_same_in_every_form(form):
    assert event_times([form]).tolist() == [1709251200.0]


@pytest.mark.parametrize(
    "form", [None, "", "soon", True, [], float("nan"), float("inf"), "99999-01-01", object()], ids=repr
)
def test_what_is_no_moment_has_none(form):
    assert np.isnan(event_times([form])).all()


@given(st.lists(st.integers(-(10**9), 10**10), max_size=20))
def test_numbers_and_datetimes_agree(moments):
    as_numbers = event_times(np.array(moments, dtype=np.int64))
    as_datetimes = event_times(np.array(moments, dtype="datetime64[s]"))
    assert as_numbers.tolist() == as_datetimes.tolist() == [float(m) for m in moments]


# --- arrival ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def clock():
    """Return a clock to set."""

    class Clock:
        now = 1_800_000_000.0

        def __call__(self) -> float:
            return self.now

    return Clock()


def test_windows_of_arrival_close_when_they_are_over_and_the_view_stays(watch, data, clock):
    file = data / "a.csv"
    file.write_text(HEADER + lines(300))
    monitor = watch()
    monitor._watch._now = clock
    monitor.run_once()
    clock.now += 3 * 3_600
    with file.open("a") as stream:
        stream.write(lines(10))
    found = monitor.run_once()
    assert [(one["rows"], one["closed"]) for one in found["trends"]] == [(300, True), (10, False)]
    clock.now += 30 * 86_400
    assert monitor.run_once()["data"]["rows"] == 10, "scores do not vanish while nothing comes"


def test_a_clock_that_is_set_back_neither_loses_nor_doubles_rows(watch, data, clock, caplog):
    file = data / "a.csv"
    file.write_text(HEADER + lines(100))
    monitor = watch()
    monitor._watch._now = clock
    monitor.run_once()
    for step, more in ((-60, 10), (-50 * 365 * 86_400, 20), (50 * 365 * 86_400, 30)):
        clock.now += step
        with file.open("a") as stream:
            stream.write(lines(more))
        found = monitor.run_once()
        assert found["data"]["rows"] >= more
    assert total(found) == 160
    assert sum(one["rows"] for one in found["trends"]) == 160


# --- the windows themselves ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def layout() -> Layout:
    return Layout.of(ReferenceProfile.fit({"x": [1.0, 2.0, 3.0]}))


def _one(layout: Layout) -> Tally:
    tally = Tally(layout)
    tally.schema[EXAMINED] = 1
    return tally


def _summarise(tally: Tally):
    return {"rows": int(tally.schema[EXAMINED])}


@given(slots=st.lists(st.integers(-50, 50), max_size=60))
def test_every_row_is_in_one_window_or_late(layout, slots):
    windows, late = Windows(layout, 60.0), 0
    for slot in slots:
        if windows.is_late(np.array([slot]))[0]:
            late += 1
        else:
            windows.add(slot, _one(layout), _summarise)
    assert sum(one["rows"] for one in windows.course(_summarise)) + late == len(slots)
    starts = [one["start"] for one in windows.course(_summarise)]
    assert starts == sorted(set(starts))
    assert len(windows.slots) <= 2 * SLOTS


@given(slots=st.lists(st.integers(0, 30), max_size=30))
def test_a_draft_leaves_the_original_as_it_was(layout, slots):
    windows = Windows(layout, 60.0)
    windows.add(10, _one(layout), _summarise)
    before = {slot: tally.counts.copy() for slot, tally in windows.slots.items()}
    draft = windows.draft()
    for slot in slots:
        if not draft.is_late(np.array([slot]))[0]:
            draft.add(slot, _one(layout), _summarise)
    assert (windows.newest, windows.closed_before, list(windows.trends)) == (10, 1, [])
    assert windows.slots.keys() == before.keys()
    assert all((windows.slots[slot].counts == counts).all() for slot, counts in before.items())


def test_the_course_is_bounded(layout):
    windows = Windows(layout, 60.0)
    for slot in range(0, SLOTS * (HISTORY + 50), SLOTS):
        windows.add(slot, _one(layout), _summarise)
    assert len(windows.trends) == HISTORY
