"""Frames are read, turned into what a panel gets, and drawn, whatever is in them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_models.errors import ReportError
from ml_models.reports.panels import svg
from ml_models.reports.panels.frames import as_shown, series_frame
from ml_models.reports.panels.looks import look
from ml_models.reports.panels.resolve import Query
from ml_models.reports.panels.svg import Line
from ml_models.reports.panels.tables import Table, sorted_by, table
from ml_models.reports.panels.timerange import TimeRange

SPAN = TimeRange(0, 600_000)


def query(ref_id="A", form="time_series", *, instant=False):
    return Query(ref_id, "x", "{{f}}", form, instant, 60000, 100)


def test_what_json_has_not_goes_into_entities():
    frame = series_frame(query(), {"f": "a"}, [(1, "1"), (2, "NaN"), (3, "+Inf"), (4, "-Inf")], first=True)
    assert frame["data"] == {
        "values": [[1000, 2000, 3000, 4000], [1.0, None, None, None]],
        "entities": [None, {"NaN": [1], "Inf": [2], "NegInf": [3]}],
    }
    assert frame["schema"]["meta"]["executedQueryString"] == "Expr: x\nStep: 60s"


def test_tables_have_a_column_per_label_and_number_their_values():
    asked = [query("A", "table", instant=True), query("B", "table", instant=True)]
    frames = [series_frame(asked[0], {"f": "a"}, [(1, "1")], first=True),
              series_frame(asked[0], {"f": "b", "g": "c"}, [(1, "2")], first=False),
              series_frame(asked[1], {"f": "a"}, [(1, "3")], first=True)]  # fmt: skip
    shown = as_shown(frames, asked)
    columns = [[field["name"] for field in frame["schema"]["fields"]] for frame in shown]
    assert columns == [["Time", "f", "g", "Value #A"], ["Time", "f", "Value #B"]]
    merged = table(shown, [{"id": "merge", "options": {}}])
    assert merged.columns["Value #A"] == [1.0, 2.0]
    assert merged.columns["Value #B"] == [3.0, None]
    assert [field["name"] for field in as_shown(frames[:1], asked)[0]["schema"]["fields"]][-1] == "Value"


def test_buckets_of_a_heat_map_are_in_order_and_not_cumulated():
    asked = query(form="heatmap")
    buckets = {"+Inf": "9", "0.5": "4", "10": "9", "2": "5"}
    frames = [series_frame(asked, {"le": le}, [(0, value)], first=True) for le, value in buckets.items()]
    (shown,) = as_shown(frames, [asked])
    names = [field["name"] for field in shown["schema"]["fields"]]
    assert names == ["Time", "0.5", "2", "10", "+Inf"]
    assert shown["data"]["values"] == [[0], [4.0], [1.0], [4.0], [0.0]]


def test_a_matrix_spreads_a_column():
    cells = Table({"actual": ["0", "0", "1"], "predicted": ["0", "1", "1"], "Value": [5.0, 2.0, 7.0]})
    frame = {
        "schema": {"fields": [{"name": name} for name in cells.columns]}, "data": {"values": [*cells.columns.values()]}
    }  # fmt: skip
    options = {"rowField": "actual", "columnField": "predicted", "valueField": "Value"}
    found = table([frame], [{"id": "groupingToMatrix", "options": options}])
    assert found.columns == {"actual\\predicted": ["0", "1"], "0": [5.0, None], "1": [2.0, 7.0]}


def test_a_transformation_that_is_not_known_is_said():
    with pytest.raises(ReportError, match=r"'reduce' is not known; use merge, organize"):
        table([], [{"id": "reduce"}])


def test_what_has_no_value_is_sorted_last():
    found = sorted_by(Table({"a": [1.0, None, 3.0]}), "a", descending=True)
    assert found.columns == {"a": [3.0, 1.0, None]}


def test_the_last_override_that_fits_decides():
    panel = {
        "fieldConfig": {
            "defaults": {"unit": "s", "color": {"mode": "palette-classic"}},
            "overrides": [
                {"matcher": {"id": "byFrameRefID", "options": "A"},
                 "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": "#000000"}}]},
                {"matcher": {"id": "byRegexp", "options": "/limit$/"},
                 "properties": [{"id": "custom.lineStyle", "value": {"fill": "dash"}},
                                {"id": "unit", "value": "none"}]},
            ],
        }
    }  # fmt: skip
    assert (look(panel, "x", "A").colour, look(panel, "x", "B").colour) == ("#000000", "")
    assert (look(panel, "the limit", "A").dashed, look(panel, "the limit", "A").unit) == (True, "none")


# --- drawing: laws ---------------------------------------------------------------------------------------------------
_VALUES = st.lists(st.none() | st.floats(-1e15, 1e15), min_size=1, max_size=20)
_NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


@given(st.lists(st.tuples(_NAMES, _VALUES), max_size=4), st.booleans())
def test_lines_are_well_formed_and_stay_inside(series, stacked):
    drawn = [
        Line(name, [at * 30000 for at in range(len(values))], values, "#000000", gap=45000) for name, values in series
    ]
    picture = svg.lines(
        drawn, SPAN, width=400, height=200, label="a <b>", write=lambda level: f"{level:.3g}", stacked=stacked
    )
    ET.fromstring(picture)  # noqa: S314 - our own text
    assert "nan" not in picture.replace("<title>", "").lower() or any("nan" in name.lower() for name, _ in series)
    for path in re.findall(r' d="([^"]*)"', picture):
        assert all(-0.2 <= number <= 400.2 for number in map(float, re.findall(r"-?[\d.]+", path)))


def test_a_gap_is_not_bridged_and_a_lone_point_is_seen():
    line = Line("a", [0, 60000, 300000], [1.0, 2.0, 3.0], "#000000", gap=90000)
    picture = svg.lines([line], SPAN, width=400, height=200, label="", write=str)
    assert re.search(r' d="M[^M"]*"', picture)
    assert picture.count("<circle") == 1


@given(st.lists(st.tuples(_NAMES, st.none() | st.floats(0, 1e12)), min_size=1, max_size=60))
def test_bars_are_well_formed_and_stay_inside(bars):
    names, values = [name for name, _ in bars], [value for _, value in bars]
    picture = svg.bars(
        names, [("live", "#000000", values)], width=400, height=200, label="", write=lambda value: f"{value:.3g}"
    )
    root = ET.fromstring(picture)  # noqa: S314
    for rect in root.iter("rect"):
        assert float(rect.get("x")) >= 0
        assert float(rect.get("y")) >= -0.2
        assert float(rect.get("x")) + float(rect.get("width")) <= 400.2


def test_lanes_join_equal_states_and_end_where_the_next_begins():
    line = Line("quality", [0, 60000, 120000, 180000], [0.0, 0.0, 1.0, 1.0], "", gap=90000)
    states = {"0": ("within limit", "#009E73"), "1": ("past limit", "#D55E00")}
    root = ET.fromstring(svg.lanes([line], SPAN, states, width=400, label=""))  # noqa: S314
    good, bad = root.iter("rect")
    assert (good.get("fill"), bad.get("fill")) == ("#009E73", "#D55E00")
    assert float(good.get("x")) + float(good.get("width")) == pytest.approx(float(bad.get("x")), abs=0.2)
    assert [one[0].text for one in (good, bad)] == [
        "quality: within limit, 01-01 00:00:00 to 01-01 00:02:00",
        "quality: past limit, 01-01 00:02:00 to 01-01 00:04:30",
    ]


@given(_VALUES)
def test_heat_maps_are_well_formed(values):
    rows = [Line(name, [at * 30000 for at in range(len(values))], values, "") for name in ("≤ 1 s", "above")]
    amounts = [Line(row.name, row.times, [None if one is None else abs(one) for one in row.values], "") for row in rows]
    picture = svg.heatmap(amounts, SPAN, step=30000, width=400, height=200, label="", write=str)
    ET.fromstring(picture)  # noqa: S314
