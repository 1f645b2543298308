"""Every alert is tested, can be read, and says what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ml_models import catalog
from ml_models.mixin.alerts import EXPORTER_ABSENT, EXPORTER_DOWN, WATCHDOG, alerts
from ml_models.mixin.names import RuleSettings
from ml_models.mixin.promql import seconds
from ml_models.mixin.rules import recording_groups

ALERTS = alerts(RuleSettings())
NAMES = sorted({alert.name for alert in ALERTS})
CASES = sorted((Path(__file__).parents[2] / "rules").glob("*.yml"))


def cases() -> list[dict]:
    return [
        case
        for file in CASES
        for test in yaml.safe_load(file.read_text())["tests"]
        for case in test.get("alert_rule_test", [])
    ]


def test_each_alert_fires_in_a_case_at_each_severity():
    fired = {(case["alertname"], sample["exp_labels"]["severity"]) for case in cases() for sample in case["exp_alerts"]}
    assert fired == {(alert.name, alert.severity) for alert in ALERTS}


def test_each_alert_is_quiet_in_a_case():
    """All but the watchdog, whose nature it is never to be quiet."""
    quiet = {case["alertname"] for case in cases() if not case["exp_alerts"]}
    assert quiet == set(NAMES) - {WATCHDOG}


def test_each_alert_has_a_runbook_and_each_runbook_an_alert(repository):
    assert sorted(path.stem for path in (repository / "docs/runbooks").glob("ML*.md")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_says_what_it_means_and_what_to_do(name, repository):
    headings = re.findall(r"^#+ (.*)$", (repository / f"docs/runbooks/{name}.md").read_text(), flags=re.MULTILINE)
    assert headings[0] == name
    assert headings[1:] == ["Meaning", "Impact", "What to do first", "Finding the cause", "Putting it right", "Tuning"]


@pytest.mark.parametrize("name", NAMES)
def test_the_queries_of_a_runbook_are_valid_and_read_what_there_is(name, repository, tool, tmp_path, unexported):
    recorded = {rule.record for group in recording_groups(RuleSettings()) for rule in group.rules}
    text = (repository / f"docs/runbooks/{name}.md").read_text()
    queries = [
        query for block in re.findall(r"```promql\n(.*?)```", text, flags=re.DOTALL) for query in block.split("\n\n")
    ]
    assert queries
    assert set().union(*map(unexported, queries)) <= recorded
    rules = [{"record": f"query{i}", "expr": query} for i, query in enumerate(queries)]
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": "runbook", "rules": rules}]}))
    tool("promtool", "check", "rules", tmp_path / "queries.yml")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: f"{alert.name}-{alert.severity}")
def test_an_alert_shows_its_value_and_compares_with_an_exported_threshold(alert):
    """Alerts about models show a value; the others have nothing to measure, and no threshold of a model."""
    signals = set(re.findall(r'signal="(\w+)"', alert.expr))
    assert alert.about_model or not signals
    assert signals <= set(catalog.SIGNALS)
    either = {signal for one in ALERTS if one.name == alert.name for signal in re.findall(r'signal="(\w+)"', one.expr)}
    assert set(re.findall(r'signal="(\w+)"', alert.description)) <= either
    assert "First " in alert.description or alert.name in (WATCHDOG, EXPORTER_ABSENT)
    if signals:
        assert "threshold" in alert.description
    if alert.about_model:
        assert "$value" in alert.summary
        assert "$labels.model" in alert.summary


def test_an_alert_of_two_severities_hands_over():
    """Each is kept firing longer than the other waits, or there would be a false all-clear in between."""
    by_name = {name: [alert for alert in ALERTS if alert.name == name] for name in NAMES}
    # Of an exporter that is down both are told of at once, or neither.
    two = {name: both for name, both in by_name.items() if len(both) > 1 and name != EXPORTER_DOWN}
    assert "MLFeatureDrift" in two
    for both in two.values():
        assert [alert.severity for alert in both] == ["critical", "warning"]
        for alert in both:
            for other in both:
                assert seconds(alert.keep_firing_for) > seconds(other.for_)


def test_nothing_but_the_watchdog_fires_at_once():
    assert [alert.name for alert in ALERTS if seconds(alert.for_) == 0] == [WATCHDOG]
