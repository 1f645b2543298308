"""Every query asks for what the catalog has, and promtool can parse it."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from ml_models import catalog
from ml_models.mixin.dashboards import queries as q
from ml_models.mixin.dashboards import substitute

_SERIES = re.compile(r"\b(ml_\w+)(?:\{([^}]*)\})?")
_GROUPED = re.compile(r"\b(?:by|on|ignoring|without|group_left|group_right) \(([^)]*)\)")
_LEGEND = re.compile(r"\{\{(\w+)\}\}")
#: Labels that Prometheus adds, and those that the queries make themselves.
_ADDED = {"job", "instance", "le"}
_MADE = {"state", "edge"}


def _metric(name: str) -> catalog.Metric:
    for suffix in ("", "_bucket", "_count", "_sum"):
        metric = catalog.METRICS.get(name.removesuffix(suffix))
        if metric is not None and (not suffix or metric.kind == "histogram"):
            return metric
    raise AssertionError(f"{name} is not in the catalog")


def test_every_metric_is_in_the_catalog_with_the_labels_used(queries, dashboard):
    expressions = [(query.expr, query.legend) for query in queries]
    expressions += [(mark["expr"], "") for mark in dashboard["annotations"]["list"] if "expr" in mark]
    for expr, legend in expressions:
        known = set(_ADDED | _MADE)
        for name, matchers in _SERIES.findall(expr):
            metric = _metric(name)
            known |= {*metric.labels, catalog.MODEL_VERSION}
            assert set(re.findall(r"(\w+)(?:=~|!~|!=|=)\"", matchers)) <= {
                *metric.labels,
                catalog.MODEL_VERSION,
                "job",
            }, expr
        if "ALERTS" in expr:
            continue
        grouped = {label.strip() for labels in _GROUPED.findall(expr) for label in labels.split(",") if label.strip()}
        assert grouped | set(_LEGEND.findall(legend)) <= known, expr


def test_variables_ask_for_metrics_of_the_catalog(dashboard):
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            metric = _metric(re.search(r"ml_\w+", variable["query"])[0])
            assert variable["name"] in {*metric.labels, "job"}


#: Metrics that the dashboard leaves out, with the reason.
_NOT_SHOWN: dict[str, str] = {
    metric.name: f"a part of {whole}"
    for whole, parts in {
        "the areas under curves": (
            catalog.SCORE_OUTCOMES_ABOVE, catalog.ESTIMATED_SCORE_OUTCOMES, catalog.ESTIMATED_SCORE_OUTCOMES_ABOVE,
        ),
        "the losses": (catalog.LOG_LOSS_SUM, catalog.BRIER_SUM),
        "the gap and the estimate's interval": (
            catalog.SCORED_OUTCOMES, catalog.SCORED_RIGHT, catalog.SCORED_EXPECTED, catalog.SCORED_DOUBT,
            catalog.ESTIMATED_DOUBT,
        ),
        "the errors": tuple(metric for name, metric in catalog.METRICS.items() if name.startswith("ml_regression_")),
    }.items()
    for metric in parts
}  # fmt: skip


def test_no_metric_is_forgotten(queries):
    """What the exporter exposes can be seen on the dashboard."""
    shown = {_metric(name).name for query in queries for name, _ in _SERIES.findall(query.expr)}
    assert catalog.METRICS.keys() - shown == _NOT_SHOWN.keys()


def test_no_signal_is_forgotten(queries):
    """Each threshold is drawn or judged; the two sample sizes only decide whether an alert judges at all."""
    drawn = {signal for query in queries for signal in re.findall(r'signal="(\w+)"', query.expr)}
    assert catalog.SIGNALS.keys() - drawn == {"labels_min", "samples_min"}


def test_promtool_parses_every_query(queries, dashboard, tmp_path):
    expressions = [query.expr for query in queries]
    expressions += [mark["expr"] for mark in dashboard["annotations"]["list"] if "expr" in mark]
    variables = {"model": "churn", "job": ".+", "feature": ["age", "f(x)"]}
    rules = [
        {"record": f"query:{place}", "expr": substitute(expr, variables)} for place, expr in enumerate(expressions)
    ]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run(["promtool", "check", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: q.select(catalog.ACCURACY, feature="age"),
        lambda: q.select(catalog.ACCURACY, chosen=True),
        lambda: q.limit("accuracy_max"),
    ],
)
def test_a_misspelt_label_or_signal_does_not_become_an_empty_panel(wrong):
    with pytest.raises(KeyError, match=r"has no label|unknown signal"):
        wrong()
