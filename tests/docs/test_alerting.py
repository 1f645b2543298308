"""What docs/alerting.md shows works as it stands there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from ml_models.cli import mlmon
from ml_models.config import ALERT_CHANNELS, Config
from ml_models.config.notifications import CATEGORIES, SEVERITIES, NotificationsSection, RouteSection
from ml_models.mixin.alertmanager import AlertmanagerSettings
from ml_models.mixin.alerts import alerts
from ml_models.mixin.names import RuleSettings
from ml_models.mixin.promql import duration

GUIDE = (Path(__file__).parents[2] / "docs/alerting.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", GUIDE, flags=re.DOTALL)


def test_every_alert_is_listed_with_its_severities():
    rows = re.findall(r"^\| \[(\w+)\]\(runbooks/\w+\.md\) \| (\w+) \| ([\w, ]+) \|", GUIDE, flags=re.MULTILINE)
    listed = {(name, category, one) for name, category, severities in rows for one in severities.split(", ")}
    assert listed == {(alert.name, alert.category, alert.severity) for alert in alerts(RuleSettings())}


@pytest.mark.parametrize("example", EXAMPLES, ids=["start", "routes", "quiet hours"])
def test_each_example_gives_a_file_that_alertmanager_takes(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("monitoring.yml").write_text(example)
    done = CliRunner().invoke(mlmon, ["generate", "alertmanager", "--config", "monitoring.yml"])
    assert (done.exit_code, done.output) == (0, "wrote alertmanager.yml\n")
    subprocess.run(["amtool", "check-config", "alertmanager.yml"], check=True, capture_output=True)
    again = CliRunner().invoke(mlmon, ["generate", "alertmanager", "--config", "monitoring.yml", "--check"])
    assert again.exit_code == 0


def test_the_commands_route_is_the_fraud_teams(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("monitoring.yml").write_text(EXAMPLES[1])
    CliRunner().invoke(mlmon, ["generate", "alertmanager", "--config", "monitoring.yml"])
    (command,) = re.findall(r"^amtool config routes test .*$", GUIDE, flags=re.MULTILINE)
    done = subprocess.run(command.split(), check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "fraud critical"


def test_channels_severities_categories_and_routes_keys_are_all_named():
    for channel in ALERT_CHANNELS:
        assert f"| `{channel}` |" in GUIDE
    for severity in SEVERITIES:
        assert f"| `{severity}` |" in GUIDE
    for category in CATEGORIES:
        assert f"`{category}`" in GUIDE
    for key in RouteSection.model_fields:
        assert key in GUIDE, key


def test_the_defaults_are_as_told():
    defaults = NotificationsSection()
    assert duration(defaults.critical_repeat_interval) == "4h"
    assert duration(defaults.warning_repeat_interval) == "1d"
    assert (defaults.group_wait, defaults.group_interval) == (30, 300)
    every = AlertmanagerSettings(("email", "slack", "pagerduty"), defaults)
    assert every.told("warning") == ("slack",)
    for name in ("smtp_password", "slack_url", "pagerduty_routing_key", "opsgenie_api_key", "teams_url"):
        assert f"secrets/{name}" in GUIDE


def test_nobody_to_tell_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("monitoring.yml").write_text("monitoring: {}")
    done = CliRunner().invoke(mlmon, ["generate", "alertmanager", "--config", "monitoring.yml"])
    assert done.exit_code == 0
    assert "names no system.alert_channels, so nobody is told" in done.stderr


def test_what_cannot_be_is_told_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("monitoring.yml").write_text("monitoring: {system: {alert_channels: [teams, webhook]}}")
    done = CliRunner().invoke(mlmon, ["generate", "alertmanager", "--config", "monitoring.yml"])
    assert done.exit_code == 2
    assert "notifications: 2 faults" in done.output
    assert not Path("alertmanager.yml").exists()


def test_the_settings_of_the_generators_point_to_the_configuration(tmp_path):
    """The section that once stood there is refused with the way to go."""
    file = tmp_path / "generate.yml"
    file.write_text("alertmanager: {channels: [email]}")
    done = CliRunner().invoke(mlmon, ["generate", "alertmanager", "--settings", str(file), "--output", str(tmp_path)])
    assert done.exit_code == 2
    assert "alertmanager: stands in the monitors' configuration; give that with --config" in done.output
    assert Config(environ={}).alert_channels == ()
