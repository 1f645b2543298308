"""A dashboard's queries outside Grafana: steps, windows, variables and repeats as Grafana has them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_models.errors import DataError
from ml_models.mixin import dashboards
from ml_models.reports.connection import Connection
from ml_models.reports.panels import resolve
from ml_models.reports.panels.collect import collect, flat
from ml_models.reports.panels.resolve import Choice, choose, expanded, queries, rate_interval, step
from ml_models.reports.panels.sources import PrometheusSource
from ml_models.reports.panels.timerange import TimeRange, duration, iso, milliseconds, time_range

from ..mixin.dashboards.test_prometheus import ODD

HOUR = 3600_000
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


# --- steps and windows: values as Grafana's interface shows them ------------------------------------------------------
@pytest.mark.parametrize(
    ("length", "points", "scrape", "expected"),
    [
        (HOUR, 1000, 15000, 15000),  # the scrape interval is the lower bound
        (6 * HOUR, 1000, 15000, 20000),
        (24 * HOUR, 1000, 15000, 60000),
        (7 * 24 * HOUR, 1000, 15000, 600000),
        (30 * 24 * HOUR, 1000, 15000, 1800000),
        (5 * 60000, 1000, 1000, 1000),
    ],
)
def test_steps(length, points, scrape, expected):
    assert step(length, points, scrape) == expected


@given(st.integers(1, 10 * 366 * 24 * HOUR), st.integers(1, 20000), st.integers(1, HOUR))
def test_a_step_never_asks_prometheus_for_more_points_than_it_allows(length, points, scrape):
    found = step(length, points, scrape)
    assert found >= scrape
    assert length / found <= 11000
    assert rate_interval(found, scrape) >= 4 * scrape


@pytest.mark.parametrize(
    ("step_", "scrape", "expected"), [(15000, 15000, 60000), (60000, 15000, 75000), (600000, 60000, 660000)]
)
def test_the_window_of_rates_holds_four_scrapes(step_, scrape, expected):
    assert rate_interval(step_, scrape) == expected


@given(st.integers(1, 10**9))
def test_durations_read_back(length):
    assert milliseconds(duration(length)) == length


@pytest.mark.parametrize("text", ["", "5", "m", "1h 5m", "-5m", "1q"])
def test_what_is_no_duration(text):
    with pytest.raises(DataError, match="not a duration"):
        milliseconds(text)


def test_times():
    span = time_range("now-6h", "now", NOON)
    assert (iso(span.start), iso(span.end)) == ("2026-01-01T06:00:00.000Z", "2026-01-01T12:00:00.000Z")
    assert time_range(str(span.start), "2026-01-01T12:00:00Z", NOON) == span
    assert time_range("2026-01-01", "now", NOON).length == 12 * HOUR


# --- variables -------------------------------------------------------------------------------------------------------
def board(*variables, panels=()):
    return {"templating": {"list": list(variables)}, "panels": list(panels)}


def queried(name, query, **more):
    return {"name": name, "type": "query", "query": query, **more}


def test_each_variable_is_asked_for_with_those_before_it():
    asked = []

    def ask(selector, label):
        asked.append((selector, label))
        return ["churn"]

    found = choose(
        board(
            {"name": "datasource", "type": "datasource", "query": "prometheus"},
            queried("job", "label_values(up, job)", multi=True, includeAll=True, allValue=".+"),
            queried("model", 'label_values(up{job=~"$job"}, model)'),
            queried("feature", 'label_values(x{model="$model"}, feature)', multi=True, includeAll=True),
        ),
        {},
        ["a", "b"],
        ask,
    )
    assert asked == [("up", "job"), ('up{job=~".+"}', "model"), ('x{model="churn"}', "feature")]
    assert found["datasource"].values == ("a",)
    assert found["job"].pattern == ".+"
    assert found["feature"].pattern == ("churn",)
    assert found["feature"].text == "All"


@pytest.mark.parametrize(
    ("variable", "given_", "said"),
    [
        (queried("m", "label_values(up, m)"), {}, r"m: a value is needed; it can be a, b; give it with --var m="),
        (queried("m", "label_values(up, m)"), {"m": ["c"]}, r"m: found 'c'; it can be a, b"),
        (queried("m", "label_values(up, m)"), {"m": ["a", "b"]}, r"found 2 values; it takes one"),
        (queried("m", "label_values(up, m)"), {"m": ["All"]}, r"found All; it takes one value"),
        (queried("m", "query_result(up)"), {}, r"of the type query \('query_result\(up\)'\) is not understood"),
        (queried("m", "label_values(up, m)"), {"n": ["a"]}, r"no variable 'n'; it has m"),
    ],
)
def test_values_that_cannot_be(variable, given_, said):
    with pytest.raises(DataError, match=said):
        choose(board(variable), given_, [], lambda *_: ["a", "b"])


def test_nothing_to_choose_from_is_said():
    with pytest.raises(DataError, match=r"m: a value is needed; there is none in this time range"):
        choose(board(queried("m", "label_values(up, m)")), {}, [], lambda *_: [])


def panel(expr, **more):
    target = {"refId": "A", "expr": expr, "legendFormat": "{{model}} $model", "range": True, "instant": False}
    return {"id": 1, "type": "timeseries", "title": "T", "gridPos": {"x": 0, "y": 0, "w": 8, "h": 8},
            "targets": [target | more]}  # fmt: skip


def test_macros_are_filled_in_or_left_to_grafana():
    choices = {"model": Choice("model", ("churn",))}
    expr = 'rate(x{model="$model"}[$__rate_interval]) + y[$__range] + $__interval_ms + $__range_s'
    span = TimeRange(0, 6 * HOUR)
    (filled,) = queries(panel(expr), choices, span)
    assert filled.expr == 'rate(x{model="churn"}[60s]) + y[21600s] + 30000 + 21600'
    assert (filled.step, filled.points, filled.legend) == (30000, 500, "{{model}} churn")
    (left,) = queries(panel(expr), choices, span, keep_macros=True)
    assert left.expr == expr.replace('"$model"', '"churn"')
    (own,) = queries(panel(expr, interval="5m"), choices, span)
    assert own.step == 300000


def test_hidden_targets_are_not_asked():
    assert queries(panel("x", hide=True), {}, TimeRange(0, HOUR)) == []


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=12, unique=True), st.integers(1, 6))
def test_repeats_neither_overlap_nor_share_an_id(values, per_row):
    """Whatever lies below moves down by as much as the copies need."""
    repeated = {**panel('x{f=~"$f"}'), "repeat": "f", "maxPerRow": per_row, "title": "Of $f"}
    below = {**panel("y"), "id": 2, "gridPos": {"x": 0, "y": 8, "w": 24, "h": 4}}
    found = expanded(board(panels=[repeated, below]), {"f": Choice("f", tuple(values), several=True)})
    assert len({one["id"] for one in found}) == len(found) == len(values) + 1
    assert [one["title"] for one in found[:-1]] == [f"Of {value}" for value in values]
    cells = [
        (x, y)
        for one in found
        for x in range(one["gridPos"]["x"], one["gridPos"]["x"] + one["gridPos"]["w"])
        for y in range(one["gridPos"]["y"], one["gridPos"]["y"] + one["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_a_copy_asks_for_its_own_value_literally():
    repeated = {**panel('x{f=~"$f"}'), "repeat": "f"}
    choices = {"f": Choice("f", ("a.b", "c"), several=True)}
    asked = [queries(one, choices, TimeRange(0, HOUR))[0].expr for one in expanded(board(panels=[repeated]), choices)]
    assert asked == ['x{f=~"(a\\\\.b)"}', 'x{f=~"(c)"}']


def test_a_row_that_repeats_itself_is_refused():
    row = {"id": 1, "type": "row", "title": "R", "repeat": "f", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1}}
    with pytest.raises(DataError, match=r"the row 'R' repeats itself"):
        expanded(board(panels=[row]), {"f": Choice("f", ("a",))})


# --- every generated dashboard on a real Prometheus ------------------------------------------------------------------
@pytest.mark.e2e
@pytest.mark.parametrize("text", dashboards.files().values(), ids=list(dashboards.files()))
@pytest.mark.parametrize("length", ["1m", "1h", "30d"])
def test_every_target_is_valid_after_resolution(prometheus, text, length):
    """Over any time range; Prometheus refuses what it cannot parse and too many points."""
    source = PrometheusSource(Connection(prometheus, name="Prometheus"), 1000)
    span = time_range(f"now-{length}", "now", datetime.now(UTC))
    dashboard = json.loads(text)
    names = {variable["name"] for variable in dashboard["templating"]["list"]}
    found = collect(dashboard, source, span, {"model": ["well"]} if "model" in names else {})
    assert found.errors == []
    asked = [query for one in found.data.values() for query in one.queries]
    targets = [one for part in flat(found.panels) for one in part.get("targets", [])]
    assert len(asked) == len(targets)
    assert not [query.expr for query in asked if re.search(r"\$\w", re.sub(r'"\$\d"', "", query.expr))]
    if "feature" in names:
        assert found.choices["feature"].values == tuple(sorted(["age", ODD]))


def test_described_leaves_the_data_source_out():
    chosen = {"datasource": Choice("datasource", ("p",)), "model": Choice("model", ("churn",))}
    assert resolve.described(chosen) == {"model": "churn"}
