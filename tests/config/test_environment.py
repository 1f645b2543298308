"""Environment variables override the file, and a misspelt one is not overlooked."""

from __future__ import annotations

import pytest

from ml_models.config import Config
from ml_models.config.config import Document
from ml_models.config.notifications import RouteSection
from ml_models.config.parameters import parameters_of
from ml_models.errors import ConfigError

FILE = "monitoring: {performance: {window: 600, alert_thresholds: {accuracy: 0.8, latency: 100}}}"


def faults_of(environ):
    with pytest.raises(ConfigError) as caught:
        Config(environ=environ)
    return caught.value.faults


def test_environment_over_file_over_default(write):
    """Of three values, the first is set in both, the second in the file, the third nowhere."""
    config = Config(write(FILE), environ={"ML_MODELS_PERFORMANCE__ALERT_THRESHOLDS__ACCURACY": "0.9"})
    thresholds = config.monitoring.performance.alert_thresholds
    assert (thresholds.accuracy, thresholds.latency, thresholds.memory) == (0.9, 100.0, 90.0)


def test_an_argument_of_the_monitor_overrides_all(write):
    config = Config(write(FILE), environ={"ML_MODELS_PERFORMANCE__WINDOW": "700"})
    assert {**config.get_monitoring_config(), "window": 800.0}["window"] == 800.0
    assert config.get_monitoring_config()["window"] == 700.0


def test_the_processes_environment_is_read(monkeypatch):
    monkeypatch.setenv("ML_MODELS_SYSTEM__LOG_LEVEL", "debug")
    assert Config().get_monitoring_config()["log_level"] == "DEBUG"


def test_a_dict_is_not_overridden(monkeypatch):
    monkeypatch.setenv("ML_MODELS_SYSTEM__LOG_LEVEL", "debug")
    assert Config.from_dict({}).get_monitoring_config()["log_level"] is None


VALUES = {
    "model.name": ("churn", "churn"),
    "model.version": ("1.10", "1.10"),
    "model.deployment": ("shadow", "shadow"),
    "model.reference": ("ref.json", "ref.json"),
    "model.task": ("classification", "classification"),
    "model.classes": ("0, 1", (0, 1)),
    "model.positive_class": (None, None),
    "model.decision_threshold": ("0.3", 0.3),
    "performance.metrics_interval": ("30", 30.0),
    "performance.window": ("7200", 7200.0),
    "performance.alert_thresholds.accuracy": ("0.9", 0.9),
    "performance.alert_thresholds.precision": ("0.8", 0.8),
    "performance.alert_thresholds.recall": ("0.7", 0.7),
    "performance.alert_thresholds.f1": ("0.6", 0.6),
    "performance.alert_thresholds.latency": ("1e3", 1000.0),
    "performance.alert_thresholds.error_rate": ("none", None),
    "performance.alert_thresholds.memory": ("80", 80.0),
    "performance.alert_thresholds.cpu": ("null", None),
    "performance.alert_thresholds.disk": ("70.5", 70.5),
    "performance.alert_thresholds.min_labels": ("50", 50),
    "labels.ledger": ("postgresql://monitor@db/labels", "postgresql://monitor@db/labels"),
    "labels.ledger_url_file": ("/run/secrets/ledger", "/run/secrets/ledger"),
    "labels.horizon": ("3600", 3600.0),
    "labels.max_rows": ("1e4", 10000),
    "labels.expected_after": ("7200", 7200.0),
    "data.drift_method": ("js", "js"),
    "data.completeness_weight": ("2", 2.0),
    "data.validity_weight": ("0", 0.0),
    "data.schema_weight": ("0.5", 0.5),
    "data.uniqueness_weight": ("3", 3.0),
    "data.timeliness_weight": ("1.5", 1.5),
    "data.multivariate": ("TRUE", True),
    "data.drift_threshold": ("0.15", 0.15),
    "data.drift_critical_threshold": ("0.3", 0.3),
    "data.min_samples": ("500", 500),
    "data.quality_threshold": ("0.8", 0.8),
    "data.distribution_interval": ("60", 60.0),
    "data.sampling_rate": ("0.1", 0.1),
    "data.name": ("batch", "batch"),
    "data.time_column": ("ts", "ts"),
    "data.prediction_column": ("score", "score"),
    "data.label_column": ("late", "late"),
    "data.ignore_columns": ("id, note", ("id", "note")),
    "data.checkpoint": ("/var/lib/mlmon", "/var/lib/mlmon"),
    "data.max_age": ("7200", 7200.0),
    "data.max_rejected_files": ("0", 0),
    "system.health_check_interval": ("5", 5.0),
    "system.health_check_timeout": ("2", 2.0),
    "system.log_level": ("error", "ERROR"),
    "system.log_format": ("json", "json"),
    "system.alert_channels": ("email, webhook", ("email", "webhook")),
    "notifications.alertmanager_version": ("0.28", "0.28"),
    "notifications.email.to": ("a@example.org, b@example.org", ("a@example.org", "b@example.org")),
    "notifications.email.sender": ("ml@example.org", "ml@example.org"),
    "notifications.email.smarthost": ("mail.example.org:587", "mail.example.org:587"),
    "notifications.email.require_tls": ("true", True),
    "notifications.email.ca_file": ("/etc/ca.pem", "/etc/ca.pem"),
    "notifications.email.username": ("ml", "ml"),
    "notifications.email.password_file": ("/run/secrets/smtp", "/run/secrets/smtp"),
    "notifications.slack.channel": ("#other", "#other"),
    "notifications.slack.url_file": ("/run/secrets/slack", "/run/secrets/slack"),
    "notifications.webhook.url": ("https://a.example.org/x?y=1", "https://a.example.org/x?y=1"),
    "notifications.webhook.url_file": ("/run/secrets/hook", "/run/secrets/hook"),
    "notifications.webhook.token_file": ("/run/secrets/token", "/run/secrets/token"),
    "notifications.pagerduty.routing_key_file": ("/run/secrets/pd", "/run/secrets/pd"),
    "notifications.pagerduty.url": ("https://pd.example.org", "https://pd.example.org"),
    "notifications.opsgenie.api_key_file": ("/run/secrets/og", "/run/secrets/og"),
    "notifications.opsgenie.url": ("https://og.example.org/", "https://og.example.org/"),
    "notifications.opsgenie.team": ("ml", "ml"),
    "notifications.teams.url_file": ("/run/secrets/teams", "/run/secrets/teams"),
    "notifications.critical": ("slack", ("slack",)),
    "notifications.warning": ("slack,email", ("slack", "email")),
    "notifications.info": ("slack", ("slack",)),
    "notifications.routes": (
        '[{"name": "fraud", "models": ["a", "b"]}]',
        (RouteSection(name="fraud", models=("a", "b")),),
    ),
    "notifications.group_wait": ("0", 0.0),
    "notifications.group_interval": ("60", 60.0),
    "notifications.critical_repeat_interval": ("3600", 3600.0),
    "notifications.warning_repeat_interval": ("7200", 7200.0),
    "notifications.send_resolved": ("False", False),
    "notifications.quiet_hours": ("sat,sun; mon-fri 20:00-07:00", ("sat,sun", "mon-fri 20:00-07:00")),
    "notifications.quiet_severities": ("info", ("info",)),
    "notifications.time_zone": ("Europe/Zurich", "Europe/Zurich"),
    "notifications.watchdog_url": ("https://switch.example.org", "https://switch.example.org"),
    "notifications.watchdog_url_file": ("/run/secrets/switch", "/run/secrets/switch"),
    "notifications.watchdog_interval": ("30", 30.0),
    "server.host": ("0.0.0.0", "0.0.0.0"),  # noqa: S104  # a value to read, nothing listens
    "server.port": ("8000", 8000),
    "server.web_config": ("/etc/mlmon/web.yml", "/etc/mlmon/web.yml"),
    "server.data_port": ("8001", 8001),
    "buffer.rows": ("1024", 1024),
    "buffer.bytes": ("1048576", 1048576),
    "grafana.url": ("https://grafana.example.org", "https://grafana.example.org"),
    "grafana.token_file": ("token", "token"),
    "grafana.ca_file": ("ca.pem", "ca.pem"),
    "grafana.folder": ("Models", "Models"),
    "grafana.timeout": ("5", 5.0),
}


def test_every_parameter_has_its_variable():
    """All set at once; the classes make the positive class, whose text is a number, their second."""
    environ = {}
    for parameter in parameters_of(Document):
        text, _ = VALUES[".".join(parameter.path[1:])]
        if text is not None:
            environ[parameter.variable] = text
    environ["ML_MODELS_MODEL__POSITIVE_CLASS"] = "1"
    config = Config(environ=environ)
    for parameter in parameters_of(Document):
        value = config.monitoring
        for key in parameter.path[1:]:
            value = getattr(value, key)
        name = ".".join(parameter.path[1:])
        assert value == (1 if name == "model.positive_class" else VALUES[name][1]), name
    assert "ML_MODELS_PERFORMANCE__ALERT_THRESHOLDS__ACCURACY" in environ


def test_an_empty_variable_counts_as_not_set():
    assert Config(environ={"ML_MODELS_SERVER__PORT": "", "ML_MODELS_CONFIG": " "}) == Config(environ={})


def test_a_list_from_the_environment_replaces_the_files(write):
    file = write("monitoring: {system: {alert_channels: [email, slack]}}")
    assert Config(file, environ={"ML_MODELS_SYSTEM__ALERT_CHANNELS": "webhook"}).alert_channels == ("webhook",)


def test_the_config_variable_names_the_file(write):
    assert Config(environ={"ML_MODELS_CONFIG": str(write(FILE))}).monitoring.performance.window == 600.0


def test_a_file_that_is_given_goes_before_the_config_variable(write):
    file = write(FILE)
    assert Config(file, environ={"ML_MODELS_CONFIG": "/nowhere.yml"}).monitoring.performance.window == 600.0


def test_a_missing_file_of_the_config_variable_names_the_variable():
    with pytest.raises(ConfigError, match=r"^/nowhere.yml \(ML_MODELS_CONFIG\): 1 fault\n  no such file"):
        Config(environ={"ML_MODELS_CONFIG": "/nowhere.yml"})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ML_MODELS_PERFORMANCE__ALERT_THRESHOLDS__ACURACY", "ML_MODELS_PERFORMANCE__ALERT_THRESHOLDS__ACCURACY"),
        ("ML_MODELS_SYSTEM_LOG_LEVEL", "ML_MODELS_SYSTEM__LOG_LEVEL"),
        ("ML_MODELS_SERVER_PORT", "ML_MODELS_SERVER__PORT"),
        ("ML_MODELS_CONFG", "ML_MODELS_CONFIG"),
    ],
)
def test_a_misspelt_variable_is_a_fault_with_a_suggestion(name, meant):
    assert faults_of({name: "1"}) == (f"{name}: unknown variable; did you mean {meant}?",)


def test_a_variable_like_nothing_known_points_to_the_schema():
    assert faults_of({"ML_MODELS_XYZ": "1"}) == (
        "ML_MODELS_XYZ: unknown variable; mlmon config schema lists what can be set",
    )


def test_a_section_cannot_be_set_by_a_variable():
    (fault,) = faults_of({"ML_MODELS_PERFORMANCE": "{}"})
    assert fault.startswith("ML_MODELS_PERFORMANCE: unknown variable; ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ML_MODELS_SERVICE_HOST", "10.0.0.1"),
        ("ML_MODELS_SERVICE_PORT", "9877"),
        ("ML_MODELS_CHURN_SERVICE_PORT_METRICS", "9877"),
        ("ML_MODELS_PORT", "tcp://10.0.0.1:9877"),
        ("ML_MODELS_CHURN_PORT_9877_TCP", "tcp://10.0.0.1:9877"),
        ("ML_MODELS_PORT_9877_TCP_ADDR", "10.0.0.1"),
        ("ML_MODELS_PORT_9877_TCP_PROTO", "tcp"),
    ],
)
def test_kubernetes_service_links_are_passed_over(name, value):
    """A Service called ml-models puts these into each pod of its namespace."""
    assert Config(environ={name: value}) == Config(environ={})


def test_other_variables_are_not_looked_at():
    assert Config(environ={"PATH": "/bin", "ML_MODEL_NAME": "x", "ml_models_x": "1"}) == Config(environ={})


def test_a_wrong_value_names_path_and_variable():
    assert faults_of({"ML_MODELS_PERFORMANCE__WINDOW": "long"}) == (
        "monitoring.performance.window (ML_MODELS_PERFORMANCE__WINDOW): found 'long'; "
        "a number of seconds from 0.1 to 31622400 (366 days)",
    )


def test_a_wrong_element_names_the_variable_and_not_the_line_of_the_replaced_one(write):
    file = write("monitoring:\n  system:\n    alert_channels:\n    - email\n    - slack\n")
    with pytest.raises(ConfigError) as caught:
        Config(file, environ={"ML_MODELS_SYSTEM__ALERT_CHANNELS": "email,pigeon"})
    assert caught.value.faults == (
        "monitoring.system.alert_channels[1] (ML_MODELS_SYSTEM__ALERT_CHANNELS): found 'pigeon'; "
        "one of email, slack, webhook, pagerduty, opsgenie, teams",
    )
    assert caught.value.source.endswith("monitoring.yml and environment")


def test_none_is_a_fault_where_something_is_needed():
    assert faults_of({"ML_MODELS_SERVER__PORT": "none"}) == (
        "monitoring.server.port (ML_MODELS_SERVER__PORT): found nothing (null); a whole number from 0 to 65535",
    )


def test_faults_of_file_and_environment_come_together(write):
    with pytest.raises(ConfigError) as caught:
        Config(
            write("monitoring: {labels: {horizon: soon}}"),
            environ={"ML_MODELS_NOPE": "", "ML_MODELS_SERVER__PORT": "x"},
        )
    assert [fault.partition(":")[0] for fault in caught.value.faults] == [
        "monitoring.labels.horizon (line 1)",
        "monitoring.server.port (ML_MODELS_SERVER__PORT)",
        "ML_MODELS_NOPE",
    ]


def test_a_section_that_is_no_mapping_stays_a_fault_when_a_variable_sets_a_value_in_it(write):
    with pytest.raises(ConfigError, match=r"monitoring.server \(line 1\): found 5; a mapping of settings"):
        Config(write("monitoring: {server: 5}"), environ={"ML_MODELS_SERVER__PORT": "8000"})
