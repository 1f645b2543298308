"""The rules of Grafana's dashboard linter that apply; each test is named after its rule.

``template-instance-rule`` and ``target-instance-rule`` do not apply: a model is looked at over all of its replicas.
"""

from __future__ import annotations

import re

import pytest

from ml_models.mixin.dashboards.cleanup import DATASOURCE

#: Valid units of the linter that the dashboard uses.
_UNITS = {"none", "short", "percentunit", "s", "bytes", "Bps", "cps", "pps"}
_RANGE = re.compile(r"(\w+)\((\w+)\{[^}]*\}\[([^\]]+)\]\)")
_SELECTOR = re.compile(r"\b([A-Za-z_]\w*)\{([^}]*)\}")


@pytest.fixture(scope="module")
def variables(dashboard):
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


def test_template_datasource_rule(variables):
    """The data source is chosen in the dashboard, never fixed."""
    source = variables["datasource"]
    assert (source["type"], source["query"], source["label"]) == ("datasource", "prometheus", "Data source")


def test_template_job_rule(variables):
    job = variables["job"]
    assert (job["type"], job["label"], job["allValue"], job["multi"]) == ("query", "job", ".+", True)
    assert job["datasource"] == DATASOURCE


def test_template_on_time_change_reload_rule(variables):
    queried = [variable for variable in variables.values() if variable["type"] == "query"]
    assert [variable["name"] for variable in queried] == ["job", "model", "feature"]
    assert {variable["refresh"] for variable in queried} == {2}


def test_template_label_promql_rule(variables):
    for name in ("job", "model", "feature"):
        assert re.fullmatch(rf"label_values\(\w+(\{{.*\}})?, {name}\)", variables[name]["query"])


def test_model_is_one_and_features_are_any_number(variables):
    assert not variables["model"]["multi"]
    assert not variables["model"]["includeAll"]
    assert variables["feature"]["multi"]
    assert variables["feature"]["includeAll"]
    assert variables["feature"]["current"]["value"] == ["$__all"]


def test_template_unused_rule(variables, queries):
    text = " ".join(query.expr for query in queries)
    for name in variables.keys() - {"datasource"}:
        assert f"${name}" in text
    used = set(re.findall(r"\$(\w+)", text))
    assert used <= variables.keys() | {"__rate_interval", "__range"}


def test_panel_datasource_rule(drawn):
    for panel in drawn:
        assert panel["datasource"] == DATASOURCE
        assert [target["datasource"] for target in panel["targets"]] == [DATASOURCE] * len(panel["targets"])


def test_panel_title_description_rule(drawn):
    """A description says what is shown, from where on it is bad, and what to do then."""
    for panel in drawn:
        meaning, threshold, action = panel["description"].split("\n\n")
        assert panel["title"]
        assert len(meaning) > 20
        assert threshold.startswith("**Threshold:** ")
        assert action.startswith("**What to do:** ")
        assert panel["description"].endswith(".")
    assert len({panel["title"] for panel in drawn}) == len(drawn)


def test_panel_units_rule(drawn):
    for panel in drawn:
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"] in _UNITS, panel["title"]
        assert isinstance(defaults["decimals"], int)
        assert defaults["noValue"]


def test_panel_no_targets_rule(drawn):
    assert all(panel["targets"] for panel in drawn)


def test_target_rate_interval_rule(queries):
    """Rates follow the dashboard's resolution; increases sum up the whole time range, in tables and bars only."""
    found = set()
    for query in queries:
        for function, _, window in _RANGE.findall(query.expr):
            found.add(function)
            assert (function, window) in {("rate", "$__rate_interval"), ("increase", "$__range")}
            if function == "increase":
                assert query.instant
    assert found == {"rate", "increase"}


def test_target_counter_agg_rule(queries):
    """A counter, or a series of a histogram, is never read without rate or increase."""
    counted = re.compile(r"(\w+\()?\b\w+(?:_total|_bucket|_count)\{[^}]*\}(\[)?")
    hits = [match for query in queries for match in counted.finditer(query.expr)]
    assert len(hits) > 50
    assert all(match[1] in {"rate(", "increase("} and match[2] for match in hits)


def test_target_job_rule(queries):
    """Every selector has the job and the model; ``ALERTS`` has only the model, for rules aggregate the job away."""
    for query in queries:
        for name, matchers in _SELECTOR.findall(query.expr):
            assert 'model="$model"' in matchers
            assert ('job=~"$job"' in matchers) == (name != "ALERTS"), query.expr


def test_uneditable_rule(dashboard):
    assert dashboard["editable"] is False


def test_legend_rule(drawn):
    """Whatever is drawn over time has a legend with numbers, and each query a name."""
    for panel in drawn:
        if panel["type"] == "timeseries":
            legend = panel["options"]["legend"]
            assert legend["showLegend"]
            assert legend["displayMode"] == "table"
            assert legend["calcs"]
        assert all(target["legendFormat"] for target in panel["targets"]), panel["title"]
