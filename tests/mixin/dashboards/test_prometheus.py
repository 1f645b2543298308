"""Every query on a real Prometheus that scrapes two replicas with all of the catalog."""

from __future__ import annotations

import http.server
import json
import math
import re
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from ml_models import catalog
from ml_models.catalog import Metric, quote
from ml_models.mixin.dashboards import substitute

pytestmark = pytest.mark.e2e

#: A name that must be escaped in a regular expression and in a PromQL string.
ODD = 'temp (°C) "raw" \\ 1.5'
_FEATURES = {"age": "numeric", ODD: "categorical"}
_BINS = {"numeric": ("00", "01", "02"), "categorical": ("a", "b", "__other__", "__unseen__")}
_EDGES = {"00": "-1.23456789", "01": "31.4159265", "02": "+Inf"}
_VALUES = {
    "endpoint": ("predict", "score"),
    "exception": ("ValueError", "KeyError"),
    "method": ("psi", "js", "ks"),
    "fault": ("missing_column", "unexpected_column"),
    "dimension": ("completeness", "validity", "schema"),
    "actual": ("0", "1"),
    "predicted": ("0", "1"),
    "outcome": ("positive", "negative", "succeeded", "failed"),
    "direction": ("over", "under"),
    "side": ("above", "below"),
    "status": ("joined", "late", "orphan", "duplicate", "expired", "evicted", "incomplete"),
    "kind": ("sqlite",),
    "what": ("predictions", "labels"),
    "result": ("ok", "failed"),
    "check": ("database", "disk"),
    "collector": ("drift", "system"),
    "reason": ("buffer_full",),
    "stage": ("capture",),
    "path": ("/",),
    "timing": ("on_time", "late"),
    "event": ("read", "rejected"),
    "state": ("read", "pending", "rejected"),
    "file": ("web_config", "key"),
    "task": ("classification",),
    "deployment": ("champion",),
    "reference": ("0a1b2c3d",),
}
_THRESHOLDS = dict.fromkeys(catalog.SIGNALS, 0.5) | {
    "drift_warning_max": 0.1, "drift_critical_max": 0.25, "labels_min": 100.0, "samples_min": 200.0,
}  # fmt: skip
#: The value of every ratio gauge, by model and replica: "well" is within its limits, "ill" is past all of them.
_RATIOS = {"well": {"accuracy": (0.8, 0.9), "use": (0.2, 0.4)}, "ill": {"accuracy": (0.1, 0.3), "use": (0.6, 0.9)}}
_GOOD_WHEN_HIGH = {
    metric.name
    for metric in (
        catalog.ACCURACY, catalog.PRECISION, catalog.RECALL, catalog.F1, catalog.QUALITY_SCORE,
        catalog.QUALITY_DIMENSION, catalog.SAMPLING_RATIO,
    )
}  # fmt: skip
_UP = {
    catalog.HEALTH_UP.name,
    catalog.COLLECTOR_SUCCESS.name,
    catalog.LEDGER_UP.name,
    catalog.LEDGER_DURABLE.name,
    catalog.WATCH_RUN_SUCCESS.name,
    catalog.WATCH_LEARNT.name,
    catalog.WEB_CONFIG_RELOAD_SUCCESS.name,
}


def _series(metric: Metric) -> Iterator[dict[str, str]]:
    """Yield the labels of a metric's series, but for the model."""
    own = [label for label in metric.labels if label not in ("model", "role", "feature", "bin", "signal")]
    bases: list[dict[str, str]] = [{}]
    if "feature" in metric.labels:
        bases = [{"role": "feature", "feature": name} for name in _FEATURES]
        bases += [{"role": role, "feature": role} for role in ("prediction", "label")]
    if "bin" in metric.labels:
        kinds = [_FEATURES.get(base["feature"], "categorical") if "feature" in base else "numeric" for base in bases]
        bases = [base | {"bin": bin_} for base, kind in zip(bases, kinds, strict=True) for bin_ in _BINS[kind]]
    if metric is catalog.BIN_UPPER_EDGE:
        bases = [base for base in bases if base["bin"] in _EDGES]
    if "signal" in metric.labels:
        bases = [{"signal": signal} for signal in _THRESHOLDS]
    for label in own:
        bases = [base | {label: value} for base in bases for value in _VALUES[label]]
    yield from bases


def _value(metric: Metric, labels: dict[str, str], model: str, replica: int, ticks: float) -> str:
    """Return a plausible value; counters of the model "idle" stand still."""
    if metric in {catalog.BIN_UPPER_EDGE, catalog.RESIDUAL_UPPER_EDGE}:
        return _EDGES[labels["bin"]]
    if metric is catalog.SECRET_FILE_EXPOSED:
        return "0"
    if metric is catalog.ALERT_THRESHOLD:
        return str(_THRESHOLDS[labels["signal"]])
    if metric is catalog.BIN_REFERENCE:
        return str(1 / len(_BINS[_FEATURES.get(labels["feature"], "categorical")]))
    if metric is catalog.DRIFT_SCORE:
        return str(
            {"age": 0.05, ODD: 0.2}.get(labels["feature"], 0.01) * (1 if model == "well" else 3) + 0.01 * replica
        )
    if metric.name.endswith("_timestamp_seconds") or metric is catalog.PROCESS_START_TIME:
        return str(time.time() - 60)
    if metric.name in _UP:
        return "1"
    if metric.kind == "counter":
        if model == "idle":
            return "7"
        rare = ("errors", "missing", "invalid", "out_of_range")
        return str((1 if any(word in metric.name for word in rare) and model == "well" else 10) * ticks)
    if metric.unit == "ratio":
        known = _RATIOS.get(model, _RATIOS["well"])
        return str(known["accuracy" if metric.name in _GOOD_WHEN_HIGH else "use"][replica])
    return str(100 + replica)


def _exposition(replica: int, ticks: float) -> str:
    lines = []
    for metric in catalog.METRICS.values():
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
        for model in ("well", "ill", "idle"):
            for labels in _series(metric):
                text = ",".join(
                    f"{name}={quote(value)}"
                    for name, value in ({"model": model, catalog.MODEL_VERSION: "1.0.0"} | labels).items()
                )
                if metric.kind != "histogram":
                    lines.append(f"{metric.name}{{{text}}} {_value(metric, labels, model, replica, ticks)}")
                    continue
                count = 7.0 if model == "idle" else 10 * ticks
                under = 0.05 if model == "well" else 2.5
                for bound in (*metric.buckets, math.inf):
                    le = "+Inf" if bound == math.inf else str(bound)
                    lines.append(f'{metric.name}_bucket{{{text},le="{le}"}} {count if bound >= under else 0}')
                lines.append(f"{metric.name}_count{{{text}}} {count}")
                lines.append(f"{metric.name}_sum{{{text}}} {count * under}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def exporter() -> Iterator[int]:
    """Serve the catalog, filled, as ``/0`` and ``/1``; the port."""
    started = time.monotonic()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = _exposition(int(self.path[1:]), time.monotonic() - started).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Write nothing: each scrape would be a line."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def ask(exporter, tmp_path_factory):
    """Start a Prometheus that scrapes the two replicas every second; a function that asks it."""
    folder = tmp_path_factory.mktemp("prometheus")
    targets = [
        {
            "targets": [f"127.0.0.1:{exporter}"],
            "labels": {"instance": f"replica-{place}", "__metrics_path__": f"/{place}"},
        }
        for place in (0, 1)
    ]
    alert = {"alert": "Ill", "expr": f"{catalog.ACCURACY.name} < 0.5", "labels": {"severity": "critical"}}
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "alerts", "rules": [alert]}]}), encoding="utf-8")
    settings = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.yml")],
        "scrape_configs": [{"job_name": "ml-models", "static_configs": targets}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(settings), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def ask(path: str, **parameters: Any) -> list[dict[str, Any]]:
        url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]["result"]

    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            _wait_for_samples(ask, process, folder / "log")
            yield ask
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_for_samples(ask, process, log) -> None:
    """Wait until both replicas were scraped four times and the alert fires."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            scraped = ask("query", query="count_over_time(up[1m]) >= 4")
            firing = ask("query", query='ALERTS{alertstate="firing"}')
        except OSError:  # it does not listen yet
            scraped = firing = []
        if len(scraped) == 2 and len(firing) == 2:
            return
        time.sleep(0.2)
    raise AssertionError(f"Prometheus has no samples after 60 s:\n{log.read_text()}")


def _answer(ask, query, model: str, rate_interval: str = "20s") -> list[dict[str, Any]]:
    """Evaluate a query as its panel does, and return its last values."""
    variables = {"model": model, "job": ".+", "feature": ["age", ODD]}
    expr = substitute(query.expr, variables, rate_interval=rate_interval, range_="1m")
    now = time.time()
    if query.instant:
        return ask("query", query=expr, time=now)
    series = ask("query_range", query=expr, start=now - 5, end=now, step=1)
    return [{"metric": one["metric"], "value": one["values"][-1]} for one in series]


def _one(queries, title: str, ref_id: str = "A"):
    (query,) = [query for query in queries if (query.panel, query.ref_id) == (title, ref_id)]
    return query


@pytest.mark.parametrize("model", ["well", "ill"])
def test_every_query_gives_finite_values_with_the_labels_of_its_legend(ask, queries, model):
    for query in queries:
        answer = _answer(ask, query, model)
        where = f"{query.panel} {query.ref_id}"
        assert answer, where
        assert all(math.isfinite(float(one["value"][1])) for one in answer), where
        for label in re.findall(r"\{\{(\w+)\}\}", query.legend):
            assert all(one["metric"].get(label) for one in answer), f"{where}: {label}"


def test_without_data_every_query_is_empty_and_none_fails(ask, queries):
    answers = {(query.panel, query.ref_id): _answer(ask, query, "unknown") for query in queries}
    assert {key for key, answer in answers.items() if answer} == {("Firing alerts", "A")}


def test_without_traffic_ratios_and_latencies_are_absent_not_nan(ask, queries):
    absent = {"Errors", "Error ratio", "Latency p95", "Missing cells by feature", "Distribution of $feature"}
    for query in queries:
        answer = _answer(ask, query, "idle")
        assert not any(math.isnan(float(one["value"][1])) for one in answer), query.panel
        if query.panel in absent and "limit" not in query.legend and query.legend != "reference":
            assert answer == [], query.panel


@pytest.mark.parametrize(
    ("model", "states"),
    [
        ("well", {"Errors": "within", "Latency p95": "within", "Accuracy": "within", "Data quality": "within"}),
        ("ill", {"Errors": "above", "Latency p95": "above", "Accuracy": "below", "Data quality": "below"}),
    ],
)
def test_verdicts_say_how_a_value_compares_with_its_limit(ask, queries, model, states):
    for title, state in states.items():
        (one,) = _answer(ask, _one(queries, title), model)
        assert one["metric"]["state"] == f"{state} limit", title


def test_thresholds_show_what_is_breached(ask, queries):
    lanes = [query for query in queries if query.panel == "Thresholds"]
    for model, value in (("well", "0"), ("ill", "1")):
        breached = {query.legend: _answer(ask, query, model)[0]["value"][1] for query in lanes}
        # The odd feature of the model that is well is over the warning limit.
        assert breached == {lane.legend: "1" if lane.legend.startswith("drift") else value for lane in lanes}


def test_replicas_are_pooled_as_the_panels_say(ask, queries):
    """The mean for accuracy, the worst for quality and drift, the sum for predictions."""
    expected = {"Accuracy": 0.85, "Data quality": 0.8, "Drifted features": 0.4}
    for title, value in expected.items():
        (one,) = _answer(ask, _one(queries, title), "well")
        assert float(one["value"][1]) == pytest.approx(value), title
    # Over a window that is filled with scrapes: over a longer one Prometheus spreads what it saw.
    (one,) = _answer(ask, _one(queries, "Predictions"), "well", rate_interval="4s")
    assert float(one["value"][1]) == pytest.approx(2 * 2 * 10, rel=0.3)  # replicas x endpoints x rows a second


def test_features_are_ranked_with_their_state(ask, queries):
    answer = _answer(ask, _one(queries, "Features by drift"), "well")
    assert [(one["metric"]["feature"], one["metric"]["state"]) for one in answer] == [
        (ODD, "warning"),
        ("age", "within limit"),
    ]
    assert float(answer[0]["value"][1]) == pytest.approx(0.21)
    answer = _answer(ask, _one(queries, "Features by drift"), "ill")
    assert [one["metric"]["state"] for one in answer] == ["critical", "warning"]
    levels = _answer(ask, _one(queries, "Drift state by feature"), "ill")
    assert {one["metric"]["feature"]: one["value"][1] for one in levels} == {ODD: "2", "age": "1"}


@pytest.mark.parametrize(
    ("feature", "names"),
    [("age", {"00 ≤ -1.235", "01 ≤ 31.42", "02"}), (ODD, {"a", "b", "__other__", "__unseen__"})],
)
def test_live_and_reference_bins_have_the_same_names_and_sum_to_one(ask, queries, feature, names):
    for ref_id in "AB":
        query = _one(queries, "Distribution of $feature", ref_id)
        expr = substitute(query.expr, {"model": "well", "job": ".+", "feature": [feature]}, range_="1m")
        answer = ask("query", query=expr)
        assert {one["metric"]["bin"] for one in answer} == names
        assert sum(float(one["value"][1]) for one in answer) == pytest.approx(1)


def test_annotations_mark_alerts_and_new_versions(ask, dashboard):
    marks = {mark["name"]: mark["expr"] for mark in dashboard["annotations"]["list"] if "expr" in mark}
    variables = {"model": "ill", "job": ".+"}
    alerts = ask("query", query=substitute(marks["Firing alerts"], variables))
    assert {(one["metric"]["alertname"], one["metric"]["severity"]) for one in alerts} == {("Ill", "critical")}
    (change,) = ask("query", query=substitute(marks["Model changes"], variables))
    assert change["metric"] == {catalog.MODEL_VERSION: "1.0.0", "reference": "0a1b2c3d"}


def test_variables_find_jobs_models_and_features(ask, dashboard):
    found = {}
    for variable in dashboard["templating"]["list"]:
        if variable["type"] != "query":
            continue
        selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]).groups()
        answer = ask("query", query=f"count by ({label}) ({substitute(selector, {'model': 'well', 'job': '.+'})})")
        found[variable["name"]] = {one["metric"][label] for one in answer}
    assert found == {"job": {"ml-models"}, "model": {"well", "ill", "idle"}, "feature": {"age", ODD}}
