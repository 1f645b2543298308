"""Alertmanager's configuration: valid, and each severity reaches whom it should."""

from __future__ import annotations

import pytest
import yaml

from ml_models.mixin.alertmanager import AlertmanagerSettings
from ml_models.mixin.alerts import EXPORTER_ABSENT, EXPORTER_DOWN, WATCHDOG, alerts
from ml_models.mixin.files import GeneratorSettings, alertmanager_files
from ml_models.mixin.names import RuleSettings
from ml_models.mixin.promql import seconds


def config_of(**settings) -> str:
    (text,) = alertmanager_files(GeneratorSettings(alertmanager=AlertmanagerSettings(**settings))).values()
    return text


VARIANTS = {
    "default": {},
    "email": {"channels": ("email",), "email_to": ("a@example.org", "b@example.org")},
    "slack": {"channels": ("slack",)},
    "none": {"channels": ()},
    "all": {
        "watchdog_url": "https://switch.example.org/ping",
        "smtp_auth_username": "ml",
        "smtp_require_tls": True,
    },
}


@pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
def test_amtool_accepts_every_variant(settings, tool, tmp_path):
    (tmp_path / "alertmanager.yml").write_text(config_of(**settings))
    tool("amtool", "check-config", tmp_path / "alertmanager.yml")


def test_amtool_accepts_the_committed_file(repository, tool):
    tool("amtool", "check-config", repository / "alertmanager.yml")


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["alertname=MLModelAccuracyLow", "severity=critical", "model=m"], "critical"),
        (["alertname=MLFeatureDrift", "severity=warning", "model=m"], "warning"),
        (["alertname=MLWatchdog", "severity=none"], "null"),
        (["alertname=Other", "severity=none"], "null"),
        (["alertname=Other"], "warning"),
    ],
)
def test_severity_decides_on_the_receiver(labels, receiver, repository, tool):
    command = ["amtool", "config", "routes", "test", f"--config.file={repository / 'alertmanager.yml'}"]
    assert tool(*command, f"--verify.receivers={receiver}", *labels).stdout.strip().startswith(receiver)


def test_a_watchdog_with_an_address_is_called_more_often_than_its_group_interval(tool, tmp_path):
    """Equal intervals would double the period: a repetition is only due at the next but one flush."""
    text = config_of(**VARIANTS["all"])
    (tmp_path / "alertmanager.yml").write_text(text)
    command = ["amtool", "config", "routes", "test", f"--config.file={tmp_path / 'alertmanager.yml'}"]
    tool(*command, "--verify.receivers=watchdog", "alertname=MLWatchdog", "severity=none")
    route = next(r for r in yaml.safe_load(text)["route"]["routes"] if r["receiver"] == "watchdog")
    assert seconds(route["repeat_interval"]) < seconds(route["group_interval"])


@pytest.mark.parametrize(
    ("channels", "critical", "warning"),
    [
        (("email", "slack"), {"email_configs", "slack_configs"}, {"slack_configs"}),
        (("email",), {"email_configs"}, {"email_configs"}),
        (("slack",), {"slack_configs"}, {"slack_configs"}),
        ((), set(), set()),
    ],
)
def test_warnings_do_not_wake_anybody_by_email_where_slack_is_there(channels, critical, warning):
    receivers = {r.pop("name"): r for r in yaml.safe_load(config_of(channels=channels))["receivers"]}
    assert set(receivers["critical"]) == critical
    assert set(receivers["warning"]) == warning
    configs = [c for r in receivers.values() for group in r.values() for c in group]
    assert all(config["send_resolved"] for config in configs)


def test_no_secret_stands_in_the_file():
    """Passwords and the webhook's address are read from files."""
    content = yaml.safe_load(config_of(**VARIANTS["all"]))["global"]
    assert content["slack_api_url_file"] == "secrets/slack_url"
    assert content["smtp_auth_password_file"].startswith("secrets/")
    assert not {"slack_api_url", "smtp_auth_password"} & set(content)


def test_all_alerts_about_models_are_muted_while_exporters_are_away_and_no_others():
    rules = yaml.safe_load(config_of())["inhibit_rules"]
    about = {alert.name for alert in alerts(RuleSettings()) if alert.about_model}
    for source in (EXPORTER_DOWN, EXPORTER_ABSENT):
        rule = next(r for r in rules if f'alertname = "{source}"' in r["source_matchers"])
        (matcher,) = rule["target_matchers"]
        assert set(matcher.split('"')[1].split("|")) == about
    assert not about & {EXPORTER_DOWN, EXPORTER_ABSENT, WATCHDOG}


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="choose from email, slack"):
        AlertmanagerSettings(channels=("pager",))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="is not a Prometheus duration"):
        AlertmanagerSettings(group_wait="soon")
