"""The generated dashboard is what a current Grafana stores, and what is committed."""

from __future__ import annotations

import itertools
import json
import sys
import warnings
from pathlib import Path

import pytest

from ml_models.errors import MissingExtraError
from ml_models.mixin import dashboards
from ml_models.mixin.dashboards import palette
from ml_models.mixin.dashboards.layout import COLUMNS
from ml_models.mixin.dashboards.targets import panels

_ROOT = Path(__file__).parents[3]
#: Panels whose dashed lines are no thresholds: the memory there is, and the gap that is chance.
_OTHER_LIMITS = {"Memory in bytes", "Gap: realised less expected accuracy"}
_COLOURS = {value for name, value in vars(palette).items() if name.isupper()}


def test_generated_is_committed():
    """Whoever changes a panel runs ``mlmon generate`` and commits what it writes."""
    for path, text in dashboards.files().items():
        assert (_ROOT / path).read_text(encoding="utf-8") == text


def test_generation_is_deterministic_and_tidy():
    first, second = dashboards.files(), dashboards.files()
    assert first == second
    (text,) = first.values()
    assert text.endswith("}\n")
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@pytest.fixture(scope="module")
def as_grafana_reads():
    """Read a dashboard with Grafana's own models and write it again."""
    with warnings.catch_warnings():
        # The models of the classic format, the one that files and the API have, warn that there is a newer one.
        warnings.simplefilter("ignore", DeprecationWarning)
        from grafana_foundation_sdk.cog.encoder import JSONEncoder
        from grafana_foundation_sdk.cog.plugins import register_default_plugins
        from grafana_foundation_sdk.models.dashboard import Dashboard
    register_default_plugins()
    return lambda stored: json.loads(json.dumps(Dashboard.from_json(stored), cls=JSONEncoder))


def test_no_key_is_unknown_to_grafana(dashboard, as_grafana_reads):
    """Grafana's own models read the dashboard and write it again without losing or changing anything."""
    assert list(_lost(dashboard, as_grafana_reads(dashboard))) == []


def test_the_oracle_sees_an_unknown_key(dashboard, as_grafana_reads):
    wrong = json.loads(json.dumps(dashboard))
    panel = next(panel for panel in panels(wrong) if panel["type"] == "stat")
    panel["options"]["fieldOptions"] = {"values": False}
    assert list(_lost(wrong, as_grafana_reads(wrong))) == [".panels[1].options.fieldOptions"]


def _lost(before, after, path=""):
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in after:
                yield from _lost(value, after[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _lost(one, other, f"{path}[{place}]")
    elif before != after:
        yield f"{path}: {before!r} became {after!r}"


def test_identity_is_stable(dashboard):
    """Alerts and bookmarks link the dashboard by its uid and panels by their ids."""
    assert (dashboard["uid"], dashboard["title"], dashboard["schemaVersion"]) == ("ml-model", "ML model", 39)
    ids = {panel["title"]: panel["id"] for panel in panels(dashboard)}
    assert len(set(ids.values())) == len(list(panels(dashboard)))
    known = {"Accuracy": 104, "Drift over time": 302, "Features": 304, "Latency": 204, "Quality score": 501}
    assert {title: ids[title] for title in known} == known


def test_rows_lead_from_the_verdict_down_to_the_internals(dashboard):
    rows = [(panel["title"], panel["collapsed"]) for panel in dashboard["panels"] if panel["type"] == "row"]
    assert rows == [
        ("Verdict", False),
        ("Serving", False),
        ("Drift", False),
        ("Distributions: reference against live", True),
        ("Quality", False),
        ("Watched data", True),
        ("Performance", False),
        ("Scores, estimates and errors", True),
        ("Labels and their ledger", True),
        ("Health", False),
        ("Resources", False),
        ("Monitoring internals", True),
    ]


def test_panels_do_not_overlap_and_fill_the_width(dashboard):
    folded = [[row, *row["panels"]] for row in dashboard["panels"] if row.get("panels")]
    for together in (dashboard["panels"], *folded):
        cells: set[tuple[int, int]] = set()
        for panel in together:
            place = panel["gridPos"]
            own = set(
                itertools.product(
                    range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
                )
            )
            assert place["x"] + place["w"] <= COLUMNS
            assert not own & cells, panel["title"]
            cells |= own
    cells = {
        (x, y)
        for panel in dashboard["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    }
    height = 1 + max(y for _, y in cells)
    assert len(cells) == COLUMNS * height, "there are holes between the panels"


def test_only_panels_that_a_current_grafana_draws(drawn):
    assert {panel["type"] for panel in drawn} == {
        "barchart", "bargauge", "heatmap", "stat", "state-timeline", "table", "timeseries",
    }  # fmt: skip


def test_no_nulls_and_nothing_of_angular(dashboard, drawn):
    """The only null is the lowest step of thresholds, which means minus infinity."""
    text = json.dumps(dashboard)
    for key in ("intervalFactor", "fieldOptions", "yaxes", "span", "nullPointMode", "aliasColors", "hideControls"):
        assert f'"{key}"' not in text
    assert "undefined" not in text
    assert '"null"' not in text
    nulls = list(_nulls(dashboard))
    assert nulls
    assert all(path.endswith(".thresholds.steps[0].value") for path in nulls)
    for panel in drawn:
        assert [target["refId"] for target in panel["targets"]] == list("ABCDEFGHIJKLM"[: len(panel["targets"])])
        assert all(target["range"] != target["instant"] for target in panel["targets"])


def _nulls(value, path=""):
    if value is None:
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _nulls(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _nulls(inner, f"{path}[{place}]")


def test_colours_are_those_of_the_palette_and_none_stands_alone(dashboard, drawn):
    def colours(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in {"color", "fixedColor", "fill", "iconColor"} and isinstance(inner, str) and inner != "dash":
                    yield inner
                yield from colours(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from colours(inner)

    found = set(colours(dashboard))
    assert len(found) > 5
    assert found <= _COLOURS
    for panel in drawn:
        if panel["type"] == "state-timeline":
            (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]
            assert all(state["text"] and state["color"] for state in mapping["options"].values())


def test_every_series_of_a_chart_has_a_colour(drawn):
    """Nothing is left to Grafana's own palette, which is not made for colour blindness."""
    for panel in drawn:
        if panel["type"] == "timeseries":
            coloured = [override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]]
            assert coloured == [target["refId"] for target in panel["targets"]]


def test_limits_are_drawn_from_the_exported_thresholds(drawn):
    """No threshold is written into the dashboard: changing the configuration moves the line."""
    for panel in drawn:
        steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
        assert [step["value"] for step in steps] in ([], [None])
        if panel["type"] != "timeseries":
            continue
        dashed = {
            override["matcher"]["options"]
            for override in panel["fieldConfig"]["overrides"]
            if any(setting["id"] == "custom.lineStyle" for setting in override["properties"])
        }
        limits = {target["refId"] for target in panel["targets"] if "ml_alert_threshold" in target["expr"]}
        assert limits <= dashed
        assert dashed == limits or panel["title"] in _OTHER_LIMITS


def test_a_click_on_a_feature_chooses_it(dashboard):
    links = {
        panel["title"]: json.dumps(panel["fieldConfig"])
        for panel in panels(dashboard)
        if panel["type"] != "row" and "var-feature=" in json.dumps(panel["fieldConfig"])
    }
    assert {"Features by drift", "Drift over time", "Features", "Missing cells by feature"} <= links.keys()
    for text in links.values():
        for part in ("/d/ml-model?", "${__url_time_range}", "${datasource:queryparam}", "${model:queryparam}"):
            assert part in text
        assert "/metrics" not in text


def test_alerts_and_model_changes_are_marked(dashboard):
    marks = {mark["name"]: mark.get("expr", "") for mark in dashboard["annotations"]["list"]}
    assert marks["Firing alerts"] == 'ALERTS{alertstate="firing",model="$model"}'
    assert "ml_model_info" in marks["Model changes"]


def test_without_grafanalib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "grafanalib", None)
    with pytest.raises(MissingExtraError, match=r"generated dashboards need grafanalib.*\[dashboards\]"):
        dashboards.files()
