"""Everything that is wrong is reported at once: path, what was found, what is allowed."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ml_models.config import ALERT_CHANNELS, Config
from ml_models.config.config import Document
from ml_models.config.parameters import dotted, parameters_of
from ml_models.config.sources import parse_yaml
from ml_models.errors import ConfigError


def faults_of_dict(values):
    with pytest.raises(ConfigError) as caught:
        Config.from_dict(values)
    return caught.value.faults


def refusal(load):
    """Return the faults that a load is refused with, none if it succeeds; any other error goes through."""
    try:
        load()
    except ConfigError as error:
        return error.faults
    return ()


def nested(path, value):
    for key in reversed(path):
        value = {key: value}
    return value


def test_all_faults_come_in_one_error(faults):
    text = """\
monitoring:
  performance:
    metrics_interval: 0
    alert_thresholds:
      latency: fast
      acuracy: 0.9
      memory: 0.8
  data:
    drift_threshold: 0.3
    sampling_rate: 0
  system:
    log_level: LOUD
    alert_channels: [email, pager, 3]
  server: 5
extra: 1
"""
    assert set(faults(text)) == {
        "monitoring.performance.metrics_interval (line 3): found 0; "
        "a number of seconds from 0.1 to 31622400 (366 days)",
        "monitoring.performance.alert_thresholds.latency (line 5): found 'fast'; a number of milliseconds above 0",
        "monitoring.performance.alert_thresholds.acuracy (line 6): unknown key; did you mean accuracy?",
        "monitoring.performance.alert_thresholds.memory (line 7): found 0.8; "
        "a percentage above 1 and up to 100 (80, not 0.8)",
        "monitoring.data.drift_critical_threshold: found 0.25 (the default); a number above drift_threshold (0.3)",
        "monitoring.data.sampling_rate (line 10): found 0; a ratio above 0 and up to 1",
        "monitoring.system.log_level (line 12): found 'LOUD'; one of DEBUG, INFO, WARNING, ERROR, CRITICAL",
        f"monitoring.system.alert_channels[1] (line 13): found 'pager'; one of {', '.join(ALERT_CHANNELS)}",
        f"monitoring.system.alert_channels[2] (line 13): found 3; one of {', '.join(ALERT_CHANNELS)}",
        "monitoring.server (line 14): found 5; a mapping of settings",
        "extra (line 15): unknown key; allowed here: monitoring",
    }


def test_the_message_counts_the_faults_and_names_the_file(write):
    file = write("monitoring: {labels: {horizon: soon, max_rows: many}}")
    with pytest.raises(ConfigError) as caught:
        Config(file, environ={})
    assert str(caught.value).startswith(f"{file}: 2 faults\n  monitoring.labels.horizon (line 1): found 'soon'; ")


@pytest.mark.parametrize(
    ("section", "key", "suggestion"),
    [
        ("performance", "metric_interval", "did you mean metrics_interval?"),
        ("performance", "Metrics-Interval", "did you mean metrics_interval?"),
        ("performance", "drift_threshold", "did you mean monitoring.data.drift_threshold?"),
        ("data", "accuracy", "did you mean monitoring.performance.alert_thresholds.accuracy?"),
        ("labels", "zzz", "allowed here: ledger, ledger_url_file, horizon, max_rows, expected_after"),
    ],
)
def test_an_unknown_key_gets_a_suggestion(section, key, suggestion):
    faults = faults_of_dict({"monitoring": {section: {key: 1}}})
    assert faults == (f"monitoring.{section}.{key}: unknown key; {suggestion}",)


def test_a_section_outside_monitoring_is_told_its_place():
    assert faults_of_dict({"performance": {"window": 600}}) == (
        "performance: unknown key; did you mean monitoring.performance?",
    )


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("performance.alert_thresholds.accuracy", True, "true"),
        ("performance.alert_thresholds.accuracy", "0.9", "'0.9'"),
        ("performance.alert_thresholds.accuracy", math.nan, "nan"),
        ("performance.alert_thresholds.latency", math.inf, "inf"),
        ("performance.alert_thresholds.latency", 0, "0"),
        ("performance.window", 1e9, "1000000000"),
        ("server.port", 65536, "65536"),
        ("server.port", 80.5, "80.5"),
        ("server.host", "  ", "'  '"),
        ("server.host", None, "nothing (null)"),
        ("buffer.bytes", 10, "10"),
        ("buffer.rows", [], "an empty list"),
        ("buffer.rows", [1], "a list"),
        ("labels.max_rows", {"a": 1}, "a mapping"),
        ("model.version", 1.1, "1.1"),
        ("model.task", "clustering", "'clustering'"),
        ("model.classes", ["only"], "a list"),
        ("model.classes", "ab", "'ab'"),
        ("system.alert_channels", "email", "'email'"),
        ("data.drift_method", "pzi", "'pzi'"),
        ("system.log_level", 10, "10"),
    ],
)
def test_a_wrong_value_says_what_was_found_and_what_is_allowed(path, value, found):
    keys = ("monitoring", *path.split("."))
    kind = next(parameter.kind for parameter in parameters_of(Document) if parameter.path == keys)
    assert faults_of_dict(nested(keys, value)) == (f"monitoring.{path}: found {found}; {kind.allowed}",)


def test_a_long_value_is_cut_in_the_message():
    (fault,) = faults_of_dict({"monitoring": {"data": {"drift_method": "x" * 10_000}}})
    assert len(fault) < 200


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        (
            {"data": {"drift_threshold": 0.2, "drift_critical_threshold": 0.2}},
            "monitoring.data.drift_critical_threshold: found 0.2; a number above drift_threshold (0.2)",
        ),
        (
            {"performance": {"metrics_interval": 7200}},
            "monitoring.performance.window: found 3600 (the default); a number not below metrics_interval (7200)",
        ),
        (
            {"server": {"port": 8000, "data_port": 8000}},
            "monitoring.server.data_port: found 8000; a port other than port",
        ),
        (
            {"model": {"classes": ["a", "b"], "positive_class": "c"}},
            "monitoring.model.positive_class: found 'c'; one of classes ('a', 'b')",
        ),
        ({"model": {"classes": ["a", "a"]}}, "monitoring.model.classes: found a list; each at most once"),
        ({"model": {"classes": [0, False]}}, "monitoring.model.classes: found a list; each at most once"),
        (
            {"system": {"alert_channels": ["email", "EMAIL"]}},
            "monitoring.system.alert_channels: found a list; each at most once",
        ),
        (
            {"model": {"classes": ["a", 2.5]}},
            "monitoring.model.classes[1]: found 2.5; a class: text, a whole number, true or false",
        ),
    ],
)
def test_values_that_do_not_go_together_are_faults(section, fault):
    assert faults_of_dict({"monitoring": section}) == (fault,)


def test_a_cross_check_is_made_even_if_its_section_has_other_faults():
    faults = faults_of_dict({"monitoring": {"data": {"drift_threshold": 0.3, "min_samples": "few", "x": 1}}})
    assert len(faults) == 3


def test_values_that_just_fit_together_are_right():
    Config.from_dict({"monitoring": {"performance": {"metrics_interval": 60, "window": 60}}})
    Config.from_dict({"monitoring": {"server": {"port": 0, "data_port": 0}}})


@pytest.mark.parametrize("values", [[], [1], "text", 5])
def test_a_top_that_is_no_mapping_is_a_fault(values):
    (fault,) = faults_of_dict(values)
    assert fault.startswith("top level: found ")
    assert fault.endswith("; a mapping with the key monitoring")


def test_broken_yaml_names_file_line_and_column(write):
    file = write("monitoring:\n  data: [1, 2\n  system: {}\n")
    with pytest.raises(ConfigError) as caught:
        Config(file, environ={})
    assert caught.value.source == str(file)
    assert caught.value.faults[0].startswith("line 3, column 9: not valid YAML: ")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("monitoring:\n\tdata: 1\n", "line 2, column 1: not valid YAML"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1: not valid YAML: expected a single document"),
        ("monitoring: !!python/object/apply:os.getcwd []\n", "line 1, column 13: not valid YAML"),
        ("monitoring: !!binary aGk=\n", "line 1, column 13: not valid YAML"),
        ("monitoring: *nothing\n", "line 1, column 13: not valid YAML: found undefined alias"),
        ("? [a]\n: 1\n", "line 1, column 3: not valid YAML: while constructing a mapping, found unhashable key"),
        ("monitoring: !!int x\n", "a value does not fit its YAML tag"),
        ("monitoring: !!bool x\n", "a value does not fit its YAML tag"),
        ("monitoring: " + "9" * 5000, "a value does not fit its YAML tag"),
        ("monitoring: \x01\n", "position 12: not text in UTF-8"),
        ("[" * 20_000, "nested too deeply"),
    ],
    ids=range(11),
)
def test_text_that_cannot_be_read_as_plain_values_is_a_fault(faults, text, where):
    (fault,) = faults(text)
    assert fault.startswith(where)


def test_bytes_that_are_no_text_are_a_fault(tmp_path):
    file = tmp_path / "x.yml"
    file.write_bytes(b"monitoring: \xff\xfe\xfa")
    with pytest.raises(ConfigError, match="not text in UTF-8"):
        Config(file, environ={})


def test_utf_16_and_a_byte_order_mark_are_read(tmp_path):
    file = tmp_path / "x.yml"
    for encoding in ("utf-16", "utf-8-sig"):
        file.write_bytes("monitoring: {model: {name: größe}}".encode(encoding))
        assert Config(file, environ={}).monitoring.model.name == "größe"


def test_every_repeated_key_is_a_fault_with_its_lines(faults):
    text = "monitoring:\n  data:\n    min_samples: 10\n    min_samples: 20\n"
    text += "  labels: {horizon: 5, horizon: 6}\n  data: {}\n"
    assert faults(text) == (
        "monitoring.data.min_samples: found again on line 4, after line 3; a key once",
        "monitoring.labels.horizon: found again on line 5, after line 5; a key once",
        "monitoring.data: found again on line 6, after line 2; a key once",
    )


def test_a_key_that_is_a_number_is_unknown(faults):
    assert faults("monitoring:\n  labels:\n    60: 3\n") == (
        "monitoring.labels.60 (line 3): unknown key; "
        "allowed here: ledger, ledger_url_file, horizon, max_rows, expected_after",
    )


def test_anchors_and_merge_keys_work(write):
    text = "monitoring:\n  labels: &l {horizon: 50}\n  performance: {alert_thresholds: &t {cpu: 50, disk: 40}}\n"
    config = Config(write(text), environ={})
    assert config.monitoring.labels.horizon == 50.0
    merged = "monitoring:\n  performance:\n    alert_thresholds: {<<: {cpu: 50, disk: 40}, disk: 60}\n"
    thresholds = Config(write(merged), environ={}).monitoring.performance.alert_thresholds
    assert (thresholds.cpu, thresholds.disk) == (50.0, 60.0)


def test_a_mapping_that_holds_itself_is_a_fault(faults):
    assert faults("monitoring: &m {data: *m}\n")[0].startswith("monitoring.data.data: unknown key")


def test_a_missing_file_is_a_clear_fault(tmp_path):
    file = tmp_path / "none.yml"
    with pytest.raises(ConfigError) as caught:
        Config(file)
    assert str(caught.value) == (
        f"{file}: 1 fault\n  no such file; give the path of a YAML file with the top key monitoring"
    )


@pytest.mark.parametrize("file", [Path("/"), "bad\0name"])
def test_what_is_no_readable_file_is_a_fault(file):
    with pytest.raises(ConfigError, match="cannot be read: "):
        Config(file, environ={})


ANY_VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.just(10**400)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
    max_leaves=6,
)
PARAMETERS = parameters_of(Document)
PATHS = sorted({parameter.path[:end] for parameter in PARAMETERS for end in range(len(parameter.path) + 1)})


@given(path=st.sampled_from(PATHS), value=ANY_VALUE)
@settings(max_examples=400, deadline=None)
def test_a_value_at_any_path_is_taken_or_reported_with_its_path(path, value):
    """A default may be at fault instead, where the value is right by itself and does not go with it."""
    faults = refusal(lambda: Config.from_dict(nested(path, value)).get_monitoring_config())
    named = dotted(path) or "top level" if not isinstance(value, dict) else dotted(path)
    assert all(fault.startswith(named) or "(the default)" in fault for fault in faults)


WRONG = st.sampled_from([object(), 1j, b"x", {"a": 1}, {1, 2}, math.nan, -1, -0.5, 10**400, [[]], "\ud800"])


@given(parameter=st.sampled_from(PARAMETERS), value=WRONG)
@settings(max_examples=600, deadline=None)
def test_a_single_wrong_value_is_one_fault_with_its_path(parameter, value):
    assume(not (parameter.path[-1] == "positive_class" and value == -1))  # a class may be any whole number
    faults = faults_of_dict(nested(parameter.path, value))
    assert faults
    assert all(fault.startswith(dotted(parameter.path)) for fault in faults)


@given(data=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=400, deadline=None)
def test_any_bytes_are_read_or_refused(data):
    sources = []
    faults = refusal(lambda: sources.append(parse_yaml(data, "file")))
    assert bool(faults) != bool(sources)
    for source in sources:
        empty = source.values is None or source.values == {}
        assert bool(refusal(lambda values=source.values: Config.from_dict(values))) != empty


VARIABLES = st.sampled_from([parameter.variable for parameter in PARAMETERS])


@given(st.dictionaries(VARIABLES, st.text(max_size=20), max_size=4))
@settings(max_examples=300, deadline=None)
def test_any_environment_is_read_or_refused_by_its_variables(environ):
    faults = refusal(lambda: Config(environ=environ))
    assert all(any(f"({name})" in fault for name in environ) or "(the default)" in fault for fault in faults)


def test_what_is_wrong_in_a_list_of_mappings_is_named_to_its_end(write):
    """Line, index and key; an unknown key with what is known there."""
    text = """
monitoring:
  notifications:
    email:
      smarthost: mail
      to: [nobody]
    quiet_hours: ["mon-fri 25:00-07:00"]
    time_zone: Europe/Atlantis
    alertmanager_version: 0.25
    webhook: {url: "https://me:secret@example.org"}
    routes:
      - name: a
        modles: [x]
      - name: b
        severities: [critical, urgent]
      - models: [x]
      - also_default: maybe
        name: c
      - 3
"""
    with pytest.raises(ConfigError) as caught:
        Config(write(text), environ={})
    place = "monitoring.notifications"
    assert set(caught.value.faults) == {
        f"{place}.email.smarthost (line 5): found 'mail'; host:port",
        f"{place}.email.to[0] (line 6): found 'nobody'; an address such as oncall@example.org",
        f"{place}.quiet_hours[0] (line 7): found 'mon-fri 25:00-07:00'; weekdays, times or both, such as "
        "'mon-fri 20:00-07:00', 'sat,sun' or '22:00-06:00'",
        f"{place}.time_zone (line 8): found 'Europe/Atlantis'; a time zone such as Europe/Zurich or UTC",
        f"{place}.alertmanager_version (line 9): found 0.25; a version in quotes, such as '0.25'",
        f"{place}.webhook.url (line 10): found 'https://***@example.org'; an address that begins with http:// or "
        "https://, without user and password",
        f"{place}.routes[0].modles (line 13): unknown key; did you mean models?",
        f"{place}.routes[1].severities[1] (line 15): found 'urgent'; one of critical, warning, info",
        f"{place}.routes[2].name: is missing; text that is not empty (put a number in quotes)",
        f"{place}.routes[3].also_default (line 17): found 'maybe'; true or false",
        f"{place}.routes[4] (line 19): found 3; a list of mappings with name, models, categories, severities, "
        "channels, also_default, email_to, slack_channel, webhook_url, pagerduty_routing_key_file, "
        "opsgenie_api_key_file, teams_url_file",
    }
