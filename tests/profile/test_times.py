"""Datetimes: moments have bins as numbers have, whatever type and time zone carries them."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse

from ml_models import compare
from ml_models.collectors.data import DataCollector
from ml_models.collectors.isolation import collect
from ml_models.errors import ProfileError
from ml_models.exposition import render
from ml_models.profile import Layout, ReferenceProfile, Tally, columns
from ml_models.profile.cells import Times, category, to_floats
from ml_models.profile.ingest import joined
from ml_models.profile.tally import INVALID, MISSING
from ml_models.profile.times import shown, to_seconds

OSLO = dt.timezone(dt.timedelta(hours=2))
NAIVE = [dt.datetime(2013, 1, 1, 5), None, dt.datetime(2013, 7, 1, 5, 0, 0, 250_000)]
AWARE = [moment and moment.replace(tzinfo=OSLO) for moment in NAIVE]
DATES = [moment and moment.date() for moment in NAIVE]
KNOWN = {
    "naive": [1357016400.0, None, 1372654800.25],
    "aware": [1357016400.0 - 7200, None, 1372654800.25 - 7200],
    "date": [1356998400.0, None, 1372636800.0],
}
TABLE = {"naive": NAIVE, "aware": AWARE, "date": DATES}
ARROW = pa.table(TABLE)


def zoned(zone):
    return pl.DataFrame(TABLE).with_columns(pl.col("aware").dt.convert_time_zone(zone))


FORMS = {
    "dict": TABLE,
    "rows": [dict(zip(TABLE, row, strict=True)) for row in zip(*TABLE.values(), strict=True)],
    "pandas": pd.DataFrame({**TABLE, "aware": pd.to_datetime(pd.Series(AWARE), utc=True).dt.tz_convert("Asia/Tokyo")}),
    "pandas objects": pd.DataFrame(TABLE, dtype=object),
    "pandas on Arrow": ARROW.to_pandas(types_mapper=pd.ArrowDtype),
    "polars": pl.DataFrame(TABLE),
    "polars, New York": zoned("America/New_York"),
    "Arrow": ARROW,
    "Arrow, nanoseconds": pa.table({name: ARROW[name].cast("timestamp[ns]") for name in ARROW.column_names}),
    "numpy": {name: np.array(ARROW[name].cast("timestamp[us]").to_numpy(), dtype="datetime64[us]") for name in TABLE},
    "text": {name: [moment and moment.isoformat() for moment in values] for name, values in TABLE.items()},
    "numbers": KNOWN,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_type_of_moment_is_the_same_second(form):
    for name, column in columns(FORMS[form]).by_name.items():
        seconds, invalid = to_seconds(column)
        assert [None if np.isnan(second) else second for second in seconds] == KNOWN[name]
        assert not invalid.any()


def test_long_columns_of_files_and_frames_are_moments(tmp_path):
    table = {"when": [dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=i) for i in range(1_000)]}
    (tmp_path / "x.csv").write_text("when\n" + "".join(f"{moment:%Y-%m-%d %H:%M:%S}\n" for moment in table["when"]))
    for data in (table, pd.DataFrame(table), pl.DataFrame(table), pa.table(table), tmp_path / "x.csv"):
        (feature,) = ReferenceProfile.fit(data).features
        assert (feature.kind, feature.minimum, feature.maximum) == ("datetime", 1577836800.0, 1577836800.0 + 999 * 60)


def test_parts_of_moments_and_of_nothing_are_moments():
    parts = [columns(pa.table({"t": ARROW["naive"]})), columns({"t": [None] * 2}), columns({"u": [1.0]})]
    assert isinstance(joined(parts[:1] * 2).by_name["t"], Times)
    assert [value is None for value in joined(parts).by_name["t"]] == [False, True, False, True, True, True]
    assert isinstance(joined([parts[0], parts[2]]).by_name["t"], Times)


@pytest.mark.parametrize("cell", [True, "soon", [1], dt.time(1), dt.timedelta(1), np.bool_(1), object()])
def test_what_is_no_moment_is_invalid(cell):
    layout = Layout.of(ReferenceProfile.fit({"t": NAIVE}))
    tally = Tally(layout)
    tally.add_column(0, [cell, None, ""])
    assert tally.cells[0, [INVALID, MISSING]].tolist() == [1, 2]


@pytest.mark.parametrize(
    "values", [NAIVE, list(np.array(["2013-01-01", "NaT"], "M8[D]")), columns(ARROW).by_name["date"]]
)
def test_a_moment_is_neither_number_nor_category(values):
    """Numpy would make 15,706 of the first day of 2013 without a word."""
    floats, invalid = to_floats(values)
    assert np.isnan(floats).all()
    layout = Layout.of(ReferenceProfile.fit({"x": [1.0, 2.0], "c": ["a", "b"]}))
    tally = Tally(layout)
    for row in range(2):
        tally.add_column(row, values)
    present = sum(value is not None and str(value) != "NaT" for value in values)
    assert invalid.sum() == present
    assert tally.cells[:, INVALID].tolist() == [present] * 2


def test_the_ends_of_time_do_not_break_anything():
    far = Times.of(np.array(["0001-01-01", "9999-12-31", "20000-01-01", "-20000-01-01", "NaT"], dtype="datetime64[s]"))
    assert [str(moment)[:4] for moment in far] == ["0001", "9999", "9999", "0001", "None"]
    (feature,) = ReferenceProfile.fit({"t": [dt.datetime.min, dt.datetime.max, dt.datetime(2000, 1, 1)]}).features
    assert len(feature.ranges) == len(feature.bins)
    assert shown(-62135596800, 1e9) == "0001-01-01"


@given(st.lists(st.datetimes(), min_size=1, max_size=50))
@settings(deadline=None, max_examples=60)
def test_moments_of_any_year_are_profiled_tallied_and_read_back(moments):
    profile = ReferenceProfile.fit({"t": moments})
    assert ReferenceProfile.from_json(profile.to_json()) == profile
    tally = Tally(Layout.of(profile))
    tally.add_column(0, moments)
    np.testing.assert_array_equal(tally.cells, tally.layout.reference_cells)
    assert all(category(moment) is False for moment in moments)


@pytest.fixture
def year():
    """Return moments spread over January to June, and over July to December."""
    rng = np.random.default_rng(0)
    begin = np.datetime64("2013-01-01", "s")
    first, second = (begin + rng.integers(low, low + 181 * 86_400, 2_000) for low in (0, 184 * 86_400))
    return first, second


def test_a_shift_in_time_is_drift_and_is_told_in_dates(year):
    first, second = year
    report = compare({"when": first}, {"when": second})
    assert report.drifted == ("when",)
    assert report["when"].kind == "datetime"
    assert all(score is not None for score in report["when"].scores.values())
    assert report["when"].scores["wasserstein"] == pytest.approx(184 / (181 / 12**0.5), rel=0.02)
    assert report["when"].distribution.bins[0].startswith("≤ 2013-01-")
    text = report.to_text()
    assert "> 2013-06-" in text
    assert "e+09" not in text
    assert compare({"when": first}, {"when": first}).verdict == "no drift"


def test_upper_edges_are_exposed_in_unix_time(year):
    layout = Layout.of(ReferenceProfile.fit({"when": year[0]}))
    text = render(collect({"data": lambda: DataCollector("m", layout, {}).families(Tally(layout), Tally(layout))}, "m"))
    families = {family.name: family for family in parse(text.decode())}
    edges = [sample.value for sample in families["ml_feature_bin_upper_edge"].samples]
    assert edges == list(layout.features[0].coarse_edges)
    assert 1356998400 < edges[0] < edges[-1] < 1372636800 + 86_400


def test_text_is_a_moment_where_the_kind_says_so(year):
    texts = [str(moment) for moment in year[0]]
    with pytest.raises(ProfileError, match="looks like an identifier"):
        ReferenceProfile.fit({"when": texts})
    named = ReferenceProfile.fit({"when": texts}, kinds={"when": "datetime"})
    assert named.features == ReferenceProfile.fit({"when": year[0]}).features
    assert compare(named, {"when": [str(moment) for moment in year[1]]}).drifted == ("when",)
