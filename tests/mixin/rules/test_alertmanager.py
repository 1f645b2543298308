"""Alertmanager's configuration: valid, and each alert reaches whom it should."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ml_models.config import ALERT_CHANNELS, Config
from ml_models.errors import ConfigError
from ml_models.mixin.alertmanager import AlertmanagerSettings, alertmanager_config
from ml_models.mixin.alerts import EXPORTER_ABSENT, EXPORTER_DOWN, WATCHDOG, Alert, alerts
from ml_models.mixin.files import GeneratorSettings, alertmanager_files
from ml_models.mixin.names import RuleSettings
from ml_models.mixin.promql import seconds


def settings_of(channels: tuple[str, ...] = ("email", "slack"), **notifications) -> AlertmanagerSettings:
    config = Config.from_dict(
        {"monitoring": {"system": {"alert_channels": list(channels)}, "notifications": notifications}}
    ).monitoring
    return AlertmanagerSettings(config.system.alert_channels, config.notifications)


def text_of(channels: tuple[str, ...] = ("email", "slack"), **notifications) -> str:
    (text,) = alertmanager_files(GeneratorSettings(alertmanager=settings_of(channels, **notifications))).values()
    return text


HOOK = {"webhook": {"url": "https://hook.example.org/alerts"}}
OLD_CHANNELS = ("email", "slack", "webhook", "pagerduty", "opsgenie")
FRAUD = {
    "name": "fraud",
    "models": ["fraud.v2", 'odd "name" (x)'],
    "channels": ["pagerduty"],
    "pagerduty_routing_key_file": "secrets/fraud_key",
}
SECURITY = {"name": "security", "categories": ["security"], "channels": ["email"], "email_to": ["ciso@example.org"]}
CRITICAL_DATA = {
    "name": "data team",
    "models": ["churn"],
    "categories": ["data"],
    "severities": ["critical", "info"],
    "also_default": True,
    "slack_channel": "#churn-data",
}

#: Settings, and who is told of what: labels to receivers. Every branch of every tree is here.
CASES: dict[str, tuple[dict, dict[str, str]]] = {
    "default": (
        {},
        {
            "severity=critical model=m": "critical",
            "severity=warning model=m": "warning",
            "severity=info model=m": "null",
            "severity=none": "null",
            "alertname=MLWatchdog severity=none": "null",
            "alertname=Other": "warning",
            "severity=odd": "warning",
        },
    ),
    "email alone": (
        {"channels": ("email",)},
        {"severity=critical": "critical", "severity=warning": "warning", "severity=info": "null"},
    ),
    "nobody": (
        {"channels": ()},
        {"severity=critical": "null", "severity=warning": "null", "severity=info": "null", "alertname=x": "warning"},
    ),
    "by severity": (
        {
            "channels": OLD_CHANNELS, **HOOK,
            "critical": ["pagerduty"], "warning": ["email"], "info": ["slack"],
            "watchdog_url": "https://switch.example.org/ping",
        },
        {
            "severity=critical": "critical",
            "severity=warning": "warning",
            "severity=info": "info",
            "alertname=MLWatchdog severity=none": "watchdog",
            "severity=none": "null",
        },
    ),
    "a severity told to nobody": (
        {"warning": []},
        {"severity=critical": "critical", "severity=warning": "null", "alertname=x": "warning"},
    ),
    "routes": (
        {"channels": OLD_CHANNELS, **HOOK, "routes": [FRAUD, SECURITY, CRITICAL_DATA], "info": ["slack"]},
        {
            "severity=critical model=fraud.v2 category=data": "fraud critical",
            "severity=warning model=fraud.v2": "fraud warning",
            "severity=info model=fraud.v2": "fraud info",
            'severity=critical model="odd \\"name\\" (x)"': "fraud critical",
            "severity=critical model=fraudXv2": "critical",
            "severity=critical model=fraud.v22": "critical",
            "severity=critical model=fraud.v2 category=security": "fraud critical",
            "severity=critical model=m category=security": "security critical",
            "severity=warning model=m category=security": "security warning",
            "severity=info model=m category=security": "security info",
            "severity=critical model=churn category=data": "data team critical,critical",
            "severity=info model=churn category=data": "data team info,info",
            "severity=warning model=churn category=data": "warning",
            "severity=critical model=churn category=system": "critical",
            "model=fraud.v2": "warning",
            "severity=none model=fraud.v2": "null",
        },
    ),
    "a route to nobody": (
        {"routes": [{"name": "trial", "models": ["trial"], "channels": []}]},
        {
            "severity=critical model=trial": "null",
            "severity=warning model=trial": "null",
            "severity=info model=trial": "null",
            "severity=critical model=m": "critical",
            "severity=warning model=m": "warning",
        },
    ),
    "quiet hours": (
        {"quiet_hours": ["mon-fri 20:00-07:00", "sat,sun"], "time_zone": "Europe/Zurich"},
        {"severity=critical": "critical", "severity=warning": "warning"},
    ),
    "mail with TLS and a user": (
        {
            "channels": ("email",),
            "email": {"smarthost": "mail.example.org:587", "username": "ml", "ca_file": "/etc/ssl/relay.pem"},
            "send_resolved": False,
        },
        {"severity=critical": "critical"},
    ),
}  # fmt: skip

NEW_CASES: dict[str, dict] = {
    "every channel": {"channels": ALERT_CHANNELS, **HOOK, "alertmanager_version": "0.28"},
    "secret addresses": {
        "channels": ("webhook",), "webhook": {"url_file": "secrets/hook"}, "watchdog_url_file": "secrets/switch",
        "alertmanager_version": "0.26",
    },
}  # fmt: skip


@pytest.fixture
def write(tmp_path):
    def write(settings: dict) -> Path:
        file = tmp_path / "alertmanager.yml"
        file.write_text(text_of(**settings))
        return file

    return write


@pytest.mark.parametrize("settings", [case[0] for case in CASES.values()], ids=CASES)
def test_amtool_accepts_every_variant(settings, write, tool):
    tool("amtool", "check-config", write(settings))


def test_amtool_accepts_the_committed_file(repository, tool):
    tool("amtool", "check-config", repository / "alertmanager.yml")


@pytest.mark.parametrize(
    ("settings", "labels", "receivers"),
    [(settings, *branch) for settings, branches in CASES.values() for branch in branches.items()],
    ids=[f"{name}: {labels}" for name, (_, branches) in CASES.items() for labels in branches],
)
def test_each_branch_leads_to_its_receivers(settings, labels, receivers, write, tool):
    pairs = re.findall(r'(\w+=(?:"(?:\\.|[^"])*"|\S+))', labels)
    command = ["amtool", "config", "routes", "test", f"--config.file={write(settings)}"]
    done = tool(*command, f"--verify.receivers={receivers}", *pairs)
    assert done.stdout.splitlines()[0] == receivers


@pytest.mark.parametrize("name", CASES)
def test_every_receiver_is_reached_by_a_case(name):
    """No branch of the tree is left untested, and no receiver stands there for nothing."""
    settings, branches = CASES[name]
    content = yaml.safe_load(text_of(**settings))
    routed = {route["receiver"] for route in content["route"]["routes"]} | {content["route"]["receiver"]}
    assert {one["name"] for one in content["receivers"]} == routed | {"null"}
    if name not in {"quiet hours", "mail with TLS and a user", "email alone"}:
        assert {one for receivers in branches.values() for one in receivers.split(",")} >= routed - {"null"}


@pytest.mark.parametrize(
    ("channels", "critical", "warning"),
    [
        (("email", "slack"), {"email", "slack"}, {"slack"}),
        (("email",), {"email"}, {"email"}),
        (("slack",), {"slack"}, {"slack"}),
        (("email", "pagerduty"), {"email", "pagerduty"}, {"email"}),
        (("pagerduty",), {"pagerduty"}, {"pagerduty"}),
        (OLD_CHANNELS, set(OLD_CHANNELS), {"slack", "webhook"}),
        ((), set(), set()),
    ],
)
def test_warnings_wake_nobody_where_there_is_a_quieter_channel(channels, critical, warning):
    found = settings_of(channels, **HOOK)
    assert (set(found.told("critical")), set(found.told("warning")), found.told("info")) == (critical, warning, ())


def test_each_channel_has_its_receiver_with_what_is_its_own():
    content = yaml.safe_load(text_of(**CASES["routes"][0]))
    receivers = {receiver["name"]: receiver for receiver in content["receivers"]}
    assert set(receivers["critical"]) - {"name"} == {f"{channel}_configs" for channel in OLD_CHANNELS}
    (own,) = receivers["fraud critical"]["pagerduty_configs"]
    assert own["routing_key_file"] == "secrets/fraud_key"
    assert receivers["critical"]["pagerduty_configs"][0]["routing_key_file"] == "secrets/pagerduty_routing_key"
    assert receivers["security critical"]["email_configs"][0]["to"] == "ciso@example.org"
    assert receivers["data team critical"]["slack_configs"][0]["channel"] == "#churn-data"


def test_the_newer_channels():
    content = yaml.safe_load(text_of(**NEW_CASES["every channel"]))
    (critical,) = [receiver for receiver in content["receivers"] if receiver["name"] == "critical"]
    assert critical["msteamsv2_configs"][0]["webhook_url_file"] == "secrets/teams_url"
    content = yaml.safe_load(text_of(**NEW_CASES["secret addresses"]))
    addresses = {one["name"]: one["webhook_configs"][0]["url_file"] for one in content["receivers"] if len(one) > 1}
    assert addresses == {"critical": "secrets/hook", "warning": "secrets/hook", "watchdog": "secrets/switch"}


@pytest.mark.parametrize("resolved", [True, False])
def test_the_end_of_an_alert_is_told_unless_it_shall_not(resolved):
    content = yaml.safe_load(text_of(OLD_CHANNELS, **HOOK, send_resolved=resolved))
    configs = [
        one for receiver in content["receivers"] for key, group in receiver.items() if key != "name" for one in group
    ]
    assert configs
    assert {one["send_resolved"] for one in configs} == {resolved}


def test_no_secret_stands_in_the_file():
    """Whatever is a password, a key or a secret address is read from a file."""
    text = text_of(
        OLD_CHANNELS, webhook={"url": "https://hook.example.org/", "token_file": "secrets/token"},
        email={"username": "ml"}, routes=[FRAUD],
    )  # fmt: skip
    secret = re.compile(r"^\s*(?:- )?(\w*(?:password|secret|key|token|credentials|slack_api_url|url)\w*): (.+)$", re.M)
    found = {key: value for key, value in secret.findall(text) if not key.endswith("_file")}
    assert set(found) == {"url", "client_url"}
    assert found["url"] == "https://hook.example.org/"


@pytest.mark.parametrize(
    ("smarthost", "wanted", "required"),
    [
        ("127.0.0.1:25", None, False),
        ("localhost:1025", None, False),
        ("[::1]:25", None, False),
        ("mail.example.org:587", None, True),
        ("10.0.0.1:25", None, True),
        ("10.0.0.1:25", False, False),
        ("localhost:25", True, True),
    ],
)
def test_mail_leaves_the_machine_encrypted_only_unless_told_otherwise(smarthost, wanted, required):
    content = yaml.safe_load(text_of(email={"smarthost": smarthost, "require_tls": wanted}))
    assert content["global"]["smtp_require_tls"] is required


def test_intervals_are_as_set_and_a_repetition_never_falls_onto_the_group_interval():
    content = yaml.safe_load(
        text_of(group_wait=10, group_interval=60, critical_repeat_interval=60, warning_repeat_interval=7200,
                watchdog_url="https://switch.example.org/ping")
    )["route"]  # fmt: skip
    assert (content["group_wait"], content["group_interval"], content["repeat_interval"]) == ("10s", "1m", "2h")
    by_receiver = {route["receiver"]: route for route in content["routes"]}
    assert by_receiver["critical"]["repeat_interval"] == "54s"
    assert by_receiver["warning"]["repeat_interval"] == "2h"
    switch = by_receiver["watchdog"]
    assert seconds(switch["repeat_interval"]) < seconds(switch["group_interval"])


def test_what_can_wait_waits_through_quiet_hours():
    settings = {
        "quiet_hours": ["22:00-06:00"], "quiet_severities": ["warning"], "info": ["email"], "routes": [FRAUD],
        "channels": ("email", "slack", "pagerduty"),
    }  # fmt: skip
    content = yaml.safe_load(text_of(**settings))
    muted = {route["receiver"] for route in content["route"]["routes"] if "mute_time_intervals" in route}
    assert muted == {"warning", "fraud warning"}
    assert [one["name"] for one in content["time_intervals"]] == ["quiet hours"]


# --- what mutes what -------------------------------------------------------------------------------------------------


def test_all_alerts_about_models_are_muted_while_exporters_are_away_and_no_others():
    rules = yaml.safe_load(text_of())["inhibit_rules"]
    about = {alert.name for alert in alerts(RuleSettings()) if alert.about_model}
    for source in (EXPORTER_DOWN, EXPORTER_ABSENT):
        rule = next(r for r in rules if f'alertname = "{source}"' in r["source_matchers"])
        (matcher,) = rule["target_matchers"]
        assert set(matcher.split('"')[1].split("|")) == about
    assert not about & {EXPORTER_DOWN, EXPORTER_ABSENT, WATCHDOG}


def test_a_chain_is_written_for_the_alerts_that_there_are():
    """A cause without effects and an effect without causes have no rule."""
    assert [alert.tier for alert in alerts(RuleSettings()) if alert.name == "MLModelAccuracyLow"] == ["performance"]
    common = alertmanager_config(settings_of(), [])["inhibit_rules"]
    for one in ("schema", "performance"):
        alone = [Alert("A", "critical", "1", "", "", about_model=False, tier=one)]
        assert alertmanager_config(settings_of(), alone)["inhibit_rules"] == common
    some = [Alert("A", "critical", "1", "", "", tier="schema"), Alert("B", "warning", "1", "", "", tier="drift")]
    rules = alertmanager_config(settings_of(), some)["inhibit_rules"]
    assert rules[-2]["source_matchers"] == ['alertname =~ "A"', 'severity = "critical"']
    assert rules[-1]["target_matchers"] == ['alertname =~ "B"', 'severity =~ "warning|info"']


# --- what cannot be --------------------------------------------------------------------------------------------------


def test_one_error_names_every_fault():
    with pytest.raises(ConfigError) as caught:
        settings_of(
            ("email", "webhook", "teams"),
            critical=["slack"],
            watchdog_url="https://a.example.org",
            watchdog_url_file="secrets/switch",
            routes=[
                {"name": "all"},
                {"name": "twice", "models": ["a"]},
                {"name": "twice", "models": ["b"], "channels": ["pagerduty"], "severities": []},
                {"name": "critical", "models": ["c"]},
                {"name": "mine", "models": ["d"], "channels": ["email"], "slack_channel": "#d"},
            ],
        )
    assert list(caught.value.faults) == [
        "critical: slack is not among system.alert_channels (email, webhook, teams)",
        "routes.twice.channels: pagerduty is not among system.alert_channels (email, webhook, teams)",
        "routes.all: fits every alert; name models or categories, or change what holds for all",
        "routes.twice: the name is taken; choose another",
        "routes.twice.severities: is empty; choose from critical, warning, info",
        "routes.critical: the name is taken; choose another",
        "watchdog: has an address and a file with one; give one of them",
        "webhook.url: is missing; alert_channels has webhook",
        "teams: needs Alertmanager 0.28, and the file is for 0.25; set alertmanager_version to what runs, or leave it "
        "out",
        "watchdog_url_file: needs Alertmanager 0.26, and the file is for 0.25; set alertmanager_version to what runs, "
        "or leave it out",
        "routes.mine.slack_channel: the route does not tell slack; add it to channels",
    ]


@pytest.mark.parametrize("version", ["0.25", "0.27", "0.27.5"])
def test_teams_is_refused_where_alertmanager_cannot_do_it(version):
    with pytest.raises(ConfigError, match=r"needs Alertmanager 0\.28"):
        settings_of(("teams",), alertmanager_version=version)


@pytest.mark.parametrize("version", ["0.28", "0.28.1", "0.34.2", "1.0"])
def test_newer_versions_can(version):
    assert "msteamsv2_configs" in text_of(("teams",), alertmanager_version=version)


def test_older_ones_than_debians_are_refused_and_so_are_unknown_channels():
    with pytest.raises(ConfigError, match=r"0\.25 or newer"):
        settings_of(alertmanager_version="0.24")
    with pytest.raises(ConfigError, match="unknown pager; choose from email, slack"):
        AlertmanagerSettings(channels=("pager",))
