"""Config gives the monitors exactly the arguments that they take, in base units."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_models.catalog import SIGNALS
from ml_models.collectors.data import DEFAULT_THRESHOLDS
from ml_models.config import ALERT_CHANNELS, DRIFT_METHODS, TASKS, Config
from ml_models.config.config import Document
from ml_models.config.parameters import dotted, parameters_of
from ml_models.errors import ConfigError
from ml_models.monitoring import DataMonitor, ModelMonitor
from ml_models.monitoring.data_monitor import THRESHOLDS

# The specification's example, letter for letter.
SPECIFICATION = """\
monitoring:
  performance:
    metrics_interval: 60
    alert_thresholds:
      accuracy: 0.95
      latency: 1000
      memory: 80
  data:
    drift_threshold: 0.1
    quality_threshold: 0.9
    distribution_interval: 3600
  system:
    health_check_interval: 60
    log_level: "INFO"
    alert_channels:
      - email
      - slack
"""

DEFAULT_ARGUMENTS = {
    "name": None,
    "version": "",
    "deployment": "champion",
    "reference": None,
    "task": "auto",
    "classes": None,
    "positive_class": None,
    "decision_threshold": 0.5,
    "window": 3600.0,
    "metrics_interval": 60.0,
    "alert_thresholds": {
        "labels_min": 100.0,
        "error_ratio_max": 0.05,
        "memory_ratio_max": 0.9,
        "cpu_ratio_max": 0.95,
        "disk_ratio_max": 0.9,
        "drift_warning_max": 0.1,
        "drift_critical_max": 0.25,
        "samples_min": 200.0,
        "quality_min": 0.9,
    },
    "drift_method": "psi",
    "quality_weights": None,
    "multivariate": False,
    "sampling_rate": 1.0,
    "buffer_rows": 65536,
    "buffer_bytes": 67108864,
    "label_ledger": None,
    "label_ledger_url_file": None,
    "label_horizon": 604800.0,
    "label_max_rows": 1000000,
    "label_expected_after": 86400.0,
    "health_check_interval": 60.0,
    "health_check_timeout": 10.0,
    "host": "127.0.0.1",
    "port": 9877,
    "web_config": None,
    "log_level": None,
    "log_format": "plain",
}


def test_defaults():
    assert Config(environ={}).get_monitoring_config() == DEFAULT_ARGUMENTS


def test_the_arguments_are_exactly_the_monitors_and_so_are_their_defaults():
    """All but the model; thresholds of errors and resources are the settings' own."""
    signature = inspect.signature(ModelMonitor).parameters
    arguments = Config(environ={}).get_monitoring_config()
    assert set(arguments) == set(signature) - {"model"}
    assert {name: signature[name].default for name in arguments if name != "alert_thresholds"} == {
        name: value for name, value in arguments.items() if name != "alert_thresholds"
    }
    assert arguments["alert_thresholds"].items() >= DEFAULT_THRESHOLDS.items()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("method", DRIFT_METHODS)
def test_the_monitor_takes_what_the_settings_allow(task, method):
    section = {"model": {"name": f"{task}-{method}", "task": task}, "data": {"drift_method": method}}
    monitor = ModelMonitor(**Config.from_dict({"monitoring": section}).get_monitoring_config())
    assert monitor.get_metrics()["thresholds"]["error_ratio_max"] == 0.05


def test_the_specifications_example_loads_as_it_stands(write):
    config = Config(write(SPECIFICATION), environ={})
    arguments = config.get_monitoring_config()
    assert arguments == {
        **DEFAULT_ARGUMENTS,
        "log_level": "INFO",
        "alert_thresholds": {
            **DEFAULT_ARGUMENTS["alert_thresholds"],
            "accuracy_min": 0.95,
            "latency_seconds_max": 1.0,
            "memory_ratio_max": 0.8,
        },
    }
    assert config.alert_channels == ("email", "slack")


def test_data_monitor_gets_its_interval_the_data_thresholds_and_a_port_of_its_own(write):
    assert Config(write(SPECIFICATION), environ={}).get_data_monitoring_config() == {
        "name": None,
        "version": "",
        "reference": None,
        "interval": 3600.0,
        "window": 3600.0,
        "time_column": None,
        "prediction": None,
        "label": None,
        "ignore": (),
        "checkpoint": None,
        "alert_thresholds": {
            "drift_warning_max": 0.1,
            "drift_critical_max": 0.25,
            "samples_min": 200.0,
            "quality_min": 0.9,
            "rejected_files_max": 0.0,
        },
        "drift_method": "psi",
        "quality_weights": None,
        "host": "127.0.0.1",
        "port": 9878,
        "web_config": None,
        "log_level": "INFO",
        "log_format": "plain",
    }


def test_the_data_monitors_arguments_are_exactly_those_of_the_settings_and_so_are_their_defaults():
    signature = inspect.signature(DataMonitor).parameters
    arguments = Config(environ={}).get_data_monitoring_config()
    assert set(arguments) == set(signature) - {"data_path"}
    assert {name: signature[name].default for name in arguments if name != "alert_thresholds"} == {
        name: value for name, value in arguments.items() if name != "alert_thresholds"
    }
    assert arguments["alert_thresholds"].items() >= THRESHOLDS.items()


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({}, None),
        ({"model": {"name": "churn"}}, "churn-data"),
        ({"model": {"name": "churn"}, "data": {"name": "batch"}}, "batch"),
        ({"data": {"name": "batch"}}, "batch"),
    ],
)
def test_the_data_monitor_is_not_named_as_the_model_monitor_unless_it_is_asked_for(section, expected):
    """The recording rules add what has the same name."""
    assert Config.from_dict({"monitoring": section}).get_data_monitoring_config()["name"] == expected


def test_a_relative_checkpoint_is_taken_from_the_folder_of_the_file(write):
    file = write("monitoring:\n  data:\n    checkpoint: state\n")
    assert Config(file, environ={}).get_data_monitoring_config()["checkpoint"] == str(Path(file).parent / "state")
    over = Config(file, environ={"ML_MODELS_DATA__CHECKPOINT": "here"})
    assert over.get_data_monitoring_config()["checkpoint"] == "here"


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ({}, 9878),
        ({"port": 8000}, 8001),
        ({"port": 65535}, 65534),
        ({"port": 0}, 0),
        ({"data_port": 7000}, 7000),
        ({"data_port": 0}, 0),
    ],
)
def test_data_port_follows_the_port_unless_it_is_set(server, expected):
    config = Config.from_dict({"monitoring": {"server": server}})
    assert config.get_data_monitoring_config()["port"] == expected


def test_every_signal_of_the_catalog_can_be_set_and_is_in_base_units():
    config = Config.from_dict(
        {
            "monitoring": {
                "performance": {
                    "alert_thresholds": {
                        "accuracy": 0.9,
                        "precision": 0.8,
                        "recall": 0.7,
                        "f1": 0.6,
                        "latency": 250,
                        "error_rate": 2.5,
                        "memory": 80,
                        "cpu": 70,
                        "disk": 60,
                        "min_labels": 50,
                    }
                },
                "data": {
                    "drift_threshold": 0.2,
                    "drift_critical_threshold": 0.4,
                    "min_samples": 500,
                    "quality_threshold": 0.8,
                    "max_age": 7200,
                    "max_rejected_files": 3,
                },
            }
        }
    )
    watched = config.get_data_monitoring_config()["alert_thresholds"]
    assert (watched["data_age_seconds_max"], watched["rejected_files_max"]) == (7200.0, 3.0)
    thresholds = config.get_monitoring_config()["alert_thresholds"] | watched
    assert set(thresholds) == set(SIGNALS)
    assert thresholds == {
        "accuracy_min": 0.9,
        "precision_min": 0.8,
        "recall_min": 0.7,
        "f1_min": 0.6,
        "labels_min": 50.0,
        "latency_seconds_max": 0.25,
        "error_ratio_max": 0.025,
        "memory_ratio_max": 0.8,
        "cpu_ratio_max": 0.7,
        "disk_ratio_max": 0.6,
        "drift_warning_max": 0.2,
        "drift_critical_max": 0.4,
        "samples_min": 500.0,
        "quality_min": 0.8,
        "data_age_seconds_max": 7200.0,
        "rejected_files_max": 3.0,
    }


def test_a_threshold_of_null_is_left_out(write):
    text = "monitoring:\n  performance: {alert_thresholds: {error_rate: null, cpu: null, memory: null, disk: null}}\n"
    text += "  data: {quality_threshold: ~}\n"
    thresholds = Config(write(text), environ={}).get_monitoring_config()["alert_thresholds"]
    assert thresholds == {
        "labels_min": 100.0,
        "samples_min": 200.0,
        "drift_warning_max": 0.1,
        "drift_critical_max": 0.25,
    }


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "---\n", "monitoring:\n", "monitoring:\n  data:\n  system:\n", "{}"]
)
def test_an_empty_file_or_section_is_its_defaults(write, text):
    assert Config(write(text), environ={}) == Config(environ={})


def test_a_relative_reference_is_taken_from_the_files_folder(write, tmp_path, monkeypatch):
    file = write("monitoring: {model: {reference: profiles/ref.json}}")
    monkeypatch.chdir("/")
    expected = str(tmp_path / "profiles" / "ref.json")
    assert Config(file, environ={}).get_monitoring_config()["reference"] == expected
    monkeypatch.chdir(tmp_path)
    assert Config("monitoring.yml", environ={}).get_data_monitoring_config()["reference"] == expected


def test_a_relative_ledger_is_taken_from_the_files_folder_and_what_is_no_path_stays(write, tmp_path):
    for setting, expected in (
        ("state/labels.sqlite", str(tmp_path / "state/labels.sqlite")),
        ("memory", "memory"),
        ("postgresql://monitor@db/labels", "postgresql://monitor@db/labels"),
    ):
        file = write(f"monitoring: {{labels: {{ledger: '{setting}'}}}}")
        assert Config(file, environ={}).get_monitoring_config()["label_ledger"] == expected


@pytest.mark.parametrize(
    "url", ["postgresql://me:hunter2@db/x", "mysql://me:hunter2@db/x", "postgresql://db/x?user=me&password=hunter2"]
)
def test_a_password_is_refused_where_it_would_be_shown_and_the_fault_does_not_show_it(write, url):
    with pytest.raises(
        ConfigError, match=r"labels\.ledger .*: found a value that is not shown; .*ledger_url_file"
    ) as raised:
        Config(write(f"monitoring: {{labels: {{ledger: '{url}'}}}}"), environ={})
    assert "hunter2" not in str(raised.value)
    with pytest.raises(ConfigError) as raised:
        Config(environ={"ML_MODELS_LABELS__LEDGER": url})
    assert "hunter2" not in str(raised.value)


def test_relative_files_of_grafana_are_taken_from_the_files_folder(write, tmp_path):
    file = write("monitoring: {grafana: {token_file: token, ca_file: /etc/ca.pem}}")
    grafana = Config(file, environ={}).monitoring.grafana
    assert (grafana.token_file, grafana.ca_file) == (str(tmp_path / "token"), "/etc/ca.pem")
    variables = {"ML_MODELS_GRAFANA__TOKEN_FILE": "here"}
    assert Config(file, environ=variables).monitoring.grafana.token_file == "here"  # noqa: S105 - a path


def test_an_absolute_reference_and_one_from_elsewhere_stay_as_they_are(write):
    file = write("monitoring: {model: {reference: /srv/ref.json}}")
    assert Config(file, environ={}).monitoring.model.reference == "/srv/ref.json"
    variables = {"ML_MODELS_MODEL__REFERENCE": "here.json"}
    assert Config(file, environ=variables).monitoring.model.reference == "here.json"
    values = {"monitoring": {"model": {"reference": Path("here.json")}}}
    assert Config.from_dict(values).monitoring.model.reference == "here.json"


def test_a_relative_web_configuration_is_taken_from_the_files_folder(write, tmp_path):
    file = write("monitoring: {server: {web_config: tls/web.yml}}")
    assert Config(file, environ={}).get_monitoring_config()["web_config"] == str(tmp_path / "tls/web.yml")
    variables = {"ML_MODELS_SERVER__WEB_CONFIG": "here.yml"}
    assert Config(file, environ=variables).get_monitoring_config()["web_config"] == "here.yml"


def test_names_of_choices_may_have_any_case():
    section = {"data": {"drift_method": "PSI"}, "system": {"log_level": "warning", "alert_channels": ["Slack"]}}
    settings = Config.from_dict({"monitoring": section}).monitoring
    assert (settings.data.drift_method, settings.system.log_level) == ("psi", "WARNING")
    assert settings.system.alert_channels == ("slack",)


@pytest.mark.parametrize("method", DRIFT_METHODS)
def test_each_drift_method_can_be_asked_for(method):
    config = Config.from_dict({"monitoring": {"data": {"drift_method": method}}})
    assert config.get_monitoring_config()["drift_method"] == method


def test_weights_of_quality_are_given_where_they_differ():
    from ml_models.stats.quality import DIMENSIONS

    section = {"data": {"schema_weight": 0, "validity_weight": 2.5, "multivariate": True}}
    arguments = Config.from_dict({"monitoring": section}).get_monitoring_config()
    assert arguments["quality_weights"] == {**dict.fromkeys(DIMENSIONS, 1.0), "schema": 0.0, "validity": 2.5}
    assert arguments["multivariate"] is True


def test_the_drift_methods_are_all_that_there_are():
    from ml_models.stats.drift import METHODS

    assert tuple(METHODS) == DRIFT_METHODS


def test_classes_keep_their_types_and_order(write):
    file = write("monitoring: {model: {classes: [b, a, 3, 'no', no], positive_class: 3}}".replace(", 'no'", ""))
    arguments = Config(file, environ={}).get_monitoring_config()
    assert arguments["classes"] == ("b", "a", 3, "no")
    assert arguments["positive_class"] == 3
    flags = Config(write("monitoring: {model: {classes: [false, true], positive_class: true}}"), environ={})
    assert flags.monitoring.model.classes == (False, True)
    assert flags.monitoring.model.positive_class is True


def test_a_count_may_be_written_with_an_exponent(write):
    assert Config(write("monitoring: {labels: {max_rows: 2e6}}"), environ={}).monitoring.labels.max_rows == 2_000_000


def test_settings_cannot_be_changed():
    config = Config(environ={})
    with pytest.raises(ValueError, match="frozen"):
        config.monitoring.data.min_samples = 1
    with pytest.raises(AttributeError):
        config.monitoring = None
    with pytest.raises(AttributeError):
        config.window = 1


def test_equal_settings_are_equal_objects(write):
    left, right = Config(write(SPECIFICATION), environ={}), Config(write(SPECIFICATION), environ={})
    assert left == right
    assert hash(left) == hash(right)
    assert left != Config(environ={})
    assert left != "config"


def test_repr_shows_what_is_set_and_can_be_evaluated(write):
    config = Config(write(SPECIFICATION), environ={})
    assert eval(repr(config)) == config  # noqa: S307  # the promise of repr


def test_dict_yaml_and_json_read_back_to_the_same_settings(write):
    config = Config(write(SPECIFICATION), environ={})
    assert Config.from_dict(config.to_dict()) == config
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert Config(write(config.to_yaml()), environ={}) == config


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_yaml(text):
    """Text such as 1e3, 010, no, or with control characters is written so that it reads back as text."""
    from ml_models.config.sources import dump_yaml, parse_yaml

    assert parse_yaml(dump_yaml({"version": text}), "text").values == {"version": text}


@pytest.mark.parametrize(
    "text", ["1e3", "010", "08", "0x1F", "no", "on", "1:30", "2026-01-01", "~", "null", ".5", "<<"]
)
def test_text_that_looks_like_something_else_survives_yaml(write, text):
    config = Config.from_dict({"monitoring": {"model": {"version": text}}})
    assert Config(write(config.to_yaml()), environ={}) == config


def test_schema_has_every_parameter_with_meaning_unit_and_default():
    schema = Config.json_schema()
    for parameter in parameters_of(Document):
        node = schema
        for key in parameter.path:
            node = node.get("allOf", [node])[0]
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node
            node = node["properties"][key]
        assert node["description"] == parameter.description
        default = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
        assert node["default"] == default
        bare = next((kind for kind in node.get("anyOf", []) if kind.get("type") != "null"), node)
        assert bare.get("x-unit", "") == parameter.kind.unit


def test_words_name_every_bound_that_the_schema_has():
    """An error message that names another range than the one that is checked would mislead."""
    schema = json.dumps(Config.json_schema())
    for parameter in parameters_of(Document):
        section = Document
        for key in parameter.path[:-1]:
            section = section.model_fields[key].annotation
        node = section.model_json_schema()["properties"][parameter.path[-1]]
        bare = next((kind for kind in node.get("anyOf", []) if kind.get("type") != "null"), node)
        for bound in ("minimum", "maximum", "exclusiveMinimum"):
            if bound in bare:
                assert f"{bare[bound]:.15g}" in parameter.kind.allowed, dotted(parameter.path)
    assert schema.count("exclusiveMinimum") > 1


def test_every_default_is_valid_and_every_parameter_described():
    Config.from_dict(Config(environ={}).to_dict())
    for parameter in parameters_of(Document):
        assert parameter.description.endswith("."), dotted(parameter.path)
        assert "|" not in parameter.description
        assert parameter.kind.allowed


def test_the_documentations_table_is_the_generated_one():
    text = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    table = text.partition("<!-- parameters: begin -->\n")[2].partition("<!-- parameters: end -->")[0]
    assert table.strip() == Config.reference_table().strip(), "run: mlmon config schema --format markdown"


def test_the_documentations_example_loads(write):
    text = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    examples = [block.partition("```")[0] for block in text.split("```yaml\n")[1:]]
    assert len(examples) == 2
    settings = [Config(write(example), environ={}).monitoring for example in examples]
    assert settings[0].model.name == "churn"


def test_importing_the_settings_brings_no_numeric_library():
    code = "import sys, ml_models.config; print({'numpy', 'scipy', 'requests', 'click'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_channels_are_those_of_the_alertmanager_configuration():
    config = Config.from_dict({"monitoring": {"system": {"alert_channels": list(ALERT_CHANNELS)}}})
    assert config.alert_channels == ("email", "slack", "webhook", "pagerduty", "opsgenie", "teams")


def test_routes_and_quiet_hours_survive_being_written_and_read():
    route = {"name": "fraud", "models": ["fraud"], "severities": ["critical"], "slack_channel": "#fraud"}
    values = {"notifications": {"routes": [route], "quiet_hours": ["sat,sun"], "time_zone": "Europe/Zurich"}}
    config = Config.from_dict({"monitoring": values})
    assert Config.from_dict(config.to_dict()) == config
    assert hash(Config.from_dict(config.to_dict())) == hash(config)
    assert config.monitoring.notifications.routes[0].slack_channel == "#fraud"


def test_an_object_that_is_no_path_is_refused_with_the_way_out():
    with pytest.raises(ConfigError, match=r"class dict; a file's path \(Config.from_dict takes a dict\)"):
        Config({"monitoring": {}})
