"""``mlmon generate``: what is committed is what the code gives, and the tools of Prometheus accept it."""

from __future__ import annotations

import pytest
import yaml
from click.testing import CliRunner

from ml_models.cli import mlmon
from ml_models.cli.generate import GENERATORS
from ml_models.mixin.files import HEADER, GeneratorSettings
from ml_models.mixin.names import RuleSettings

GOALS = ("rules", "prometheus", "alertmanager")


@pytest.mark.parametrize("goal", GOALS)
def test_committed_files_are_the_generated_ones(goal, repository):
    for path, text in GENERATORS[goal](GeneratorSettings()).items():
        assert (repository / path).read_text() == text, f"run: mlmon generate {goal}"


@pytest.mark.parametrize("goal", GOALS)
def test_generated_files_say_so_and_are_yaml(goal):
    for text in GENERATORS[goal](GeneratorSettings()).values():
        assert text.startswith(f"# {HEADER}\n")
        assert yaml.safe_load(text)


def test_long_text_survives_folding(repository):
    """Block scalars are for the reader: parsed, an expression and a message are what the code made."""
    from ml_models.mixin.alerts import alerts

    rules = yaml.safe_load((repository / "alert_rules/alerts.yml").read_text())["groups"][0]["rules"]
    wanted = [(a.name, a.expr, a.summary, a.description) for a in alerts(RuleSettings())]
    found = [(r["alert"], r["expr"], r["annotations"]["summary"], r["annotations"]["description"]) for r in rules]
    assert found == wanted


def test_committed_prometheus_configuration_finds_its_rules_and_targets(repository, tool):
    config = repository / "prometheus.yml"
    assert "2 rule files found" in tool("promtool", "check", "config", config).stdout
    parsed = yaml.safe_load(config.read_text())
    patterns = [
        *parsed["alerting"]["alertmanagers"][0]["file_sd_configs"][0]["files"],
        *parsed["scrape_configs"][0]["file_sd_configs"][0]["files"],
    ]
    targets = [
        entry["targets"]
        for pattern in patterns
        for file in repository.glob(pattern)
        for entry in yaml.safe_load(file.read_text())
    ]
    assert targets == [["127.0.0.1:9093"], ["127.0.0.1:9877"]]


def test_committed_rules_pass_every_lint(repository, tool):
    tool(
        "promtool", "check", "rules", "--lint=all", "--lint-fatal", *sorted((repository / "alert_rules").glob("*.yml"))
    )


def test_writes_below_the_output_folder_and_check_then_agrees(tmp_path):
    runner = CliRunner()
    assert runner.invoke(mlmon, ["generate", "rules", "--output", str(tmp_path / "new")]).exit_code == 0
    assert sorted(p.name for p in (tmp_path / "new/alert_rules").iterdir()) == ["alerts.yml", "recording.yml"]
    checked = runner.invoke(mlmon, ["generate", "rules", "--output", str(tmp_path / "new"), "--check"])
    assert (checked.exit_code, checked.output) == (0, "up to date: alert_rules/recording.yml, alert_rules/alerts.yml\n")


def test_check_names_what_differs_and_leaves_it(tmp_path):
    """An edited and a missing file are named, exit code 1, and nothing is written."""
    runner = CliRunner()
    runner.invoke(mlmon, ["generate", "rules", "--output", str(tmp_path)])
    edited, missing = tmp_path / "alert_rules/alerts.yml", tmp_path / "alert_rules/recording.yml"
    edited.write_text(edited.read_text() + "# mine\n")
    missing.unlink()
    checked = runner.invoke(mlmon, ["generate", "rules", "--output", str(tmp_path), "--check"])
    assert checked.exit_code == 1
    assert f"differs: {edited}" in checked.output
    assert f"differs: {missing}" in checked.output
    assert "run: mlmon generate rules" in checked.output
    assert edited.read_text().endswith("# mine\n")
    assert not missing.exists()


def test_settings_file_changes_windows_and_addresses(tmp_path):
    settings = tmp_path / "settings.yml"
    settings.write_text("rules: {window: 2h, grafana_url: 'https://g.example.net'}\n")
    config = tmp_path / "monitoring.yml"
    config.write_text("monitoring: {system: {alert_channels: [email]}, notifications: {email: {to: [a@b.example]}}}\n")
    runner = CliRunner()
    for goal in GOALS:
        given = ["--output", str(tmp_path), "--settings", str(settings), "--config", str(config)]
        done = runner.invoke(mlmon, ["generate", goal, *given])
        assert done.exit_code == 0, done.output
    alerts, manager = (tmp_path / "alert_rules/alerts.yml").read_text(), (tmp_path / "alertmanager.yml").read_text()
    assert "psi_increase2h" in alerts
    assert "increase1h" not in alerts
    assert "https://g.example.net/d/ml-model" in alerts
    assert "to: a@b.example" in manager
    assert "slack" not in manager


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("rules: {windw: 2h}", "rules.windw: unknown; choose from window"),
        ("rule: {}", "rule: unknown; choose from rules, prometheus"),
        ("rules: {window: an hour}", "'an hour' is not a Prometheus duration"),
        ("prometheus: {scrape_timeout: 1m}", "at most the scrape_interval"),
        ("alertmanager: {}", "alertmanager: stands in the monitors' configuration; give that with --config"),
        ("{", "cannot be read as YAML"),
        ("- 1", "file: "),
    ],
)
def test_wrong_settings_are_named_with_exit_code_2(tmp_path, text, fault):
    settings = tmp_path / "settings.yml"
    settings.write_text(text)
    done = CliRunner().invoke(mlmon, ["generate", "rules", "--output", str(tmp_path), "--settings", str(settings)])
    assert done.exit_code == 2
    assert fault in done.output
    assert not (tmp_path / "alert_rules").exists()


def test_every_goal_has_a_help_that_teaches():
    runner = CliRunner()
    for goal in (*GENERATORS, "all"):
        shown = runner.invoke(mlmon, ["generate", goal, "--help"])
        assert shown.exit_code == 0
        assert "--check" in shown.output
    assert "all --check" in runner.invoke(mlmon, ["generate", "--help"]).output
