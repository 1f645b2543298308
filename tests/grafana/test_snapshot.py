"""``mlmon snapshot``: the dashboard's own queries, embedded in the form that Grafana shows, or drawn as a page."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from ml_models.cli import mlmon
from ml_models.mixin import dashboards
from ml_models.reports.panels.collect import flat

from ..mixin.dashboards.test_prometheus import ODD
from .standin import TOKEN

pytestmark = pytest.mark.e2e


@pytest.fixture
def run(standin, source, monkeypatch):
    monkeypatch.setenv("GRAFANA_URL", standin.url)
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)

    def run(*arguments, exits=0):
        done = CliRunner().invoke(mlmon, [*map(str, arguments)])
        assert done.exit_code == exits, done.output + repr(done.exception)
        return done.output

    run("dashboards", "push")
    return run


def kept(standin):
    (one,) = standin.snapshots.values()
    return one


def panels_of(snapshot):
    return {panel["title"]: panel for panel in flat(snapshot["dashboard"]["panels"])}


def frames_of(panel):
    (target,) = panel["targets"]
    return target["snapshot"]


def fields_of(frame):
    return dict(zip([field["name"] for field in frame["schema"]["fields"]], frame["data"]["values"], strict=True))


def test_every_panel_holds_its_data_in_the_form_that_grafana_shows(standin, run):
    """The stand-in refuses any other form; no query is left, and no panel of a model that is used is empty."""
    out = run("snapshot", "ml-model", "--from", "now-1m", "--var", "model=well", "--var", "job=ml-models")
    assert re.search(rf"^url     {standin.url}/dashboard/snapshot/key0$", out, re.MULTILINE)
    snapshot = kept(standin)
    assert snapshot["name"].startswith("ML model well 20")
    text = json.dumps(snapshot["dashboard"])
    assert "$model" not in text
    assert '"expr"' not in text
    assert "label_values" not in text
    panels = panels_of(snapshot)
    empty = {title for title, panel in panels.items() if panel["type"] != "row" and not frames_of(panel)}
    assert empty == set()


def test_repeats_are_expanded_with_a_title_and_an_id_each(standin, run):
    run("snapshot", "ml-model", "--from", "now-1m", "--var", "model=well")
    panels = panels_of(kept(standin))
    assert {"Distribution of age", f"Distribution of {ODD}"} <= panels.keys()
    assert not [panel for panel in panels.values() if "repeat" in panel]
    ids = [panel["id"] for panel in panels.values()]
    assert len(set(ids)) == len(ids)
    (reference, live) = frames_of(panels["Distribution of age"])
    assert fields_of(reference)["bin"] == ["00 ≤ -1.235", "01 ≤ 31.42", "02"]
    assert sum(fields_of(live)["Value #B"]) == pytest.approx(1)


def test_tables_and_heat_maps_are_what_a_panel_gets_not_what_the_server_gives(standin, run):
    """Embedded data do not pass the data source's code in the browser, which makes tables and splits buckets."""
    run("snapshot", "ml-model", "--from", "now-1m", "--var", "model=well")
    panels = panels_of(kept(standin))
    features = frames_of(panels["Features"])
    assert [frame["schema"]["refId"] for frame in features] == list("ABCDEFG")
    assert set(fields_of(features[0])) == {"Time", "feature", "Value #A"}
    (confusion,) = frames_of(panels["Confusion"])
    assert set(fields_of(confusion)) == {"Time", "actual", "predicted", "Value"}
    (heat,) = frames_of(panels["Latency distribution"])
    assert heat["schema"]["meta"]["type"] == "heatmap-rows"
    columns = fields_of(heat)
    filled = {name for name, values in columns.items() if name != "Time" and any(values)}
    assert filled == {"0.05"}  # every call of this model took 50 ms


def test_variables_keep_what_was_chosen(standin, run):
    run("snapshot", "ml-model", "--from", "now-1m", "--var", "model=ill", "--var", "feature=age")
    variables = {one["name"]: one["current"] for one in kept(standin)["dashboard"]["templating"]["list"]}
    assert variables["model"]["value"] == "ill"
    assert variables["feature"]["value"] == ["age"]
    assert variables["job"] == {"selected": True, "text": ["All"], "value": ["$__all"]}
    assert variables["datasource"]["value"] == "prom"


def test_expiry_listing_and_deletion(standin, run):
    run("snapshot", "ml-model", "--from", "now-1m", "--var", "model=well", "--expires", "1h", "--name", "Before")
    lasts = kept(standin)["expires"] - kept(standin)["created"]
    assert lasts == timedelta(hours=1)
    assert re.fullmatch(r"key0  [\d-]+ [\d:]+  [\d-]+ [\d:]+  Before\n", run("snapshot", "list"))
    kept(standin)["expires"] = datetime.now(UTC)
    assert "it has expired or was deleted" in run("snapshot", "delete", "key0", exits=2)
    kept(standin)["expires"] += timedelta(hours=1)
    assert run("snapshot", "delete", "key0") == "deleted key0\n"
    assert run("snapshot", "list") == ""


def test_nothing_is_published_elsewhere(standin, run):
    """Grafana's default is ``external``; the stand-in refuses it. Without an expiry it lasts."""
    run("snapshot", "ml-model", "--from", "now-1m", "--var", "model=well", "--expires", "never")
    assert kept(standin)["expires"] - kept(standin)["created"] > timedelta(days=10000)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ml-model"], "model: a value is needed; it can be idle, ill, well; give it with --var model=..."),
        (["ml-model", "--var", "model=churn"], "model: found 'churn'; it can be idle, ill, well"),
        (["ml-model", "--var", "modl=well"], "no variable 'modl'; it has datasource, job, model, feature"),
        (["ml-model", "--var", "model=well", "--var", "model=ill"], "found 2 values; it takes one"),
        (["ml-model", "--var", "datasource=x"], "no Prometheus data source x; there is prom"),
        (["ml-model", "--from", "yesterday"], "'yesterday': not a time; write now-6h"),
        (["ml-model", "--from", "now", "--to", "now-1h"], "the end must be after the start"),
        (["ml-model", "--expires", "soon"], "'soon': not a duration"),
        (["ml-model", "--var", "model"], "write NAME=VALUE"),
        (["none"], "push it first: mlmon dashboards push"),
        (["ml-model", "--prometheus", "http://127.0.0.1:9", "--format", "grafana"], "use --format html"),
    ],
)
def test_what_is_wrong_is_said(standin, run, arguments, said):
    assert said in " ".join(run("snapshot", *arguments, exits=2).split())
    assert standin.snapshots == {}


def test_snapshots_that_are_disabled(standin, run):
    standin.snapshots_enabled = False
    said = run("snapshot", "ml-model", "--from", "now-1m", "--var", "model=well", exits=2)
    assert "snapshots disabled; an administrator enables them" in said


@pytest.mark.parametrize("multi_status", [False, True])
def test_a_query_that_fails_is_named_and_the_others_are_kept(standin, run, tmp_path, multi_status):
    standin.multi_status = multi_status
    board = dashboards.model_dashboard()
    board["uid"], board["title"] = "broken", "Broken"
    panel = next(one for one in flat(board["panels"]) if one["title"] == "Latency")
    panel["targets"][0]["expr"] = "rate(x"
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(board), encoding="utf-8")
    run("dashboards", "push", file)
    said = run("snapshot", "broken", "--from", "now-1m", "--var", "model=well", exits=1)
    assert "query failed: Latency A: " in said
    assert "parse error" in said
    shown = panels_of(kept(standin))["Latency"]
    assert {frame["schema"]["refId"] for frame in frames_of(shown)} == {"B", "C", "D"}
    page = tmp_path / "page.html"
    run("snapshot", "broken", "--from", "now-1m", "--var", "model=well", "-o", page, exits=1)
    assert "Queries that failed" in page.read_text(encoding="utf-8")


def times_of(start):
    return ["--from", str(start - 30000), "--to", str(start)]


def test_the_page_is_the_same_from_grafana_and_from_prometheus_alone(run, tmp_path, prometheus):
    """The same steps, windows and values, although Grafana fills in its macros itself."""
    end = round((datetime.now(UTC) - timedelta(seconds=3)).timestamp()) * 1000
    pages = []
    for name, arguments in (("g", []), ("p", ["--prometheus", prometheus, "--scrape-interval", "1s"])):
        file = tmp_path / f"{name}.html"
        assert run("snapshot", "ml-model", "--var", "model=well", *times_of(end), *arguments, "-o", file) == (
            f"wrote {file}\n"
        )
        text = file.read_text(encoding="utf-8")
        text = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
        pages.append(re.sub(r"<dt>(data from|dashboard)</dt><dd>.*?</dd>", "", text))
    assert pages[0] == pages[1]


def test_the_page_stands_alone(run, tmp_path, prometheus):
    file = tmp_path / "page.html"
    run("snapshot", "ml-model", "--prometheus", prometheus, "--from", "now-1m", "--var", "model=well", "-o", file)
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"<script|<link|<img|src=|href=|url\(|@import", text)
    assert text.count("<svg") > 20
    assert "(°C) &quot;raw&quot; \\ 1.5" in text


def test_a_model_without_data_says_so_panel_by_panel(run, tmp_path, prometheus):
    file = tmp_path / "page.html"
    run("snapshot", "ml-model", "--prometheus", prometheus, "--from", "now-1m", "--var", "model=idle", "-o", file)
    assert text_of(file).count('class="nothing"') > 3
    shown = re.sub(r"<details>.*?</details>", "", text_of(file), flags=re.DOTALL)
    assert not re.search(r">[^<]*\b(nan|inf|None|NaN)\b", shown)


def text_of(file):
    return file.read_text(encoding="utf-8")


def test_nothing_of_a_dashboard_becomes_markup(run, tmp_path, prometheus):
    """Dashboards may come from anybody, and the page is opened in a browser."""
    evil = '"><script>alert(1)</script>'
    grid = {"x": 0, "y": 0, "w": 12, "h": 6}
    settings = {
        "defaults": {
            "unit": evil, "noValue": evil, "color": {"mode": "fixed", "fixedColor": f"#{evil}"},
            "mappings": [{"type": "value", "options": {"1": {"text": evil, "color": evil}, evil: {}}}],
        },
        "overrides": [],
    }  # fmt: skip
    panels = [
        {"id": at, "type": kind, "title": evil, "description": evil, "gridPos": grid | {"y": 6 * at},
         "fieldConfig": settings, "options": {"content": evil, "xField": "instance", "legend": {"calcs": [evil]}},
         "targets": [{"refId": evil, "expr": "up", "legendFormat": evil, "instant": kind != "timeseries"},
                     {"refId": f"B{evil}", "expr": f"rate({evil}"}]}
        for at, kind in enumerate(
            ["timeseries", "stat", "bargauge", "barchart", "table", "state-timeline", "text", "row", evil]
        )
    ]  # fmt: skip
    file, page = tmp_path / "evil.json", tmp_path / "evil.html"
    file.write_text(json.dumps({"uid": evil, "title": evil, "panels": panels}), encoding="utf-8")
    run("snapshot", file, "--prometheus", prometheus, "--from", "now-1m", "-o", page, exits=1)
    assert "<script" not in text_of(page)
    assert text_of(page).count("&lt;script&gt;") > 20


def test_a_dashboards_file_is_drawn_too_and_what_cannot_be_drawn_says_so(run, tmp_path, prometheus):
    grid = {"x": 0, "y": 0, "w": 12, "h": 6}
    target = {"refId": "A", "expr": "up", "format": "table", "instant": True}
    board = {
        "uid": "own", "title": "Own <b>", "panels": [
            {"id": 1, "type": "text", "title": "Note", "gridPos": grid, "options": {"content": "Hello <i>"}},
            {"id": 2, "type": "table", "title": "Reduced", "gridPos": grid | {"y": 6}, "targets": [target],
             "transformations": [{"id": "reduce", "options": {}}]},
            {"id": 3, "type": "unheard-of", "title": "Other", "gridPos": grid | {"y": 12}, "targets": [target]},
        ],
    }  # fmt: skip
    file, page = tmp_path / "own.json", tmp_path / "own.html"
    file.write_text(json.dumps(board), encoding="utf-8")
    run("snapshot", file, "--prometheus", prometheus, "-o", page)
    text = text_of(page)
    assert "Hello &lt;i&gt;" in text
    assert "Own &lt;b&gt;" in text
    assert "the transformation &#x27;reduce&#x27; is not known" in text
    assert "replica-0" in text  # a panel of a kind that is not known is shown as a table


@pytest.mark.parametrize(
    ("path", "said"),
    [("/api/health", "answered 404 with no JSON"), ("", "answered 400 with something else than Prometheus does")],
)
def test_something_else_than_prometheus_answers(run, standin, tmp_path, prometheus, path, said):
    url = f"{prometheus}{path}" if path else standin.url
    page = tmp_path / "page.html"
    assert said in run("snapshot", "ml-model", "--prometheus", url, "-o", page, exits=2)
    assert not page.exists()


@pytest.mark.parametrize("dashboard", ["none", "none.json"])
def test_a_dashboard_that_is_not_here(run, prometheus, dashboard):
    said = run("snapshot", dashboard, "--prometheus", prometheus, exits=2)
    assert re.search(r"no dashboard 'none' in this package; there is ml-model|none.json: cannot be read", said)
