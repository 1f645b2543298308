"""Compressed files are what the tools of Prometheus accept, and the compressed rules still work."""

from __future__ import annotations

import pytest
import yaml

from ml_models.config.notifications import NotificationsSection
from ml_models.mixin.alertmanager import AlertmanagerSettings
from ml_models.mixin.files import GeneratorSettings, alertmanager_files, prometheus_files, rule_files
from ml_models.mixin.promql import seconds
from ml_models.mixin.timescale import scale


def compressed(expr: str, factor: float = 300) -> str:
    return yaml.safe_load(scale({"expr": expr}, factor))["expr"]


@pytest.mark.parametrize(
    ("expr", "wanted"),
    [
        ("increase(x[1h])", "increase(x[12s])"),
        ("increase(x[1h30m])", "increase(x[18s])"),
        ("rate(x[5m])", "rate(x[4s])"),
        ("max_over_time(x[1d:5m])", "max_over_time(x[288s:1s])"),
        ("max_over_time(x[1d:])", "max_over_time(x[288s:])"),
        ("x offset 1h + y offset -2h", "x offset 12s + y offset -24s"),
        ('a:b:increase1h{bin="[1h]", f="offset 1h"} + x[1h]', 'a:b:increase1h{bin="[1h]", f="offset 1h"} + x[12s]'),
        ("x{a='[1h]',b=~`[1h]`}", "x{a='[1h]',b=~`[1h]`}"),
        (r'x{a="\"[1h]"}[1h]', r'x{a="\"[1h]"}[12s]'),
        ("rate(x[1000ms])", "rate(x[1s])"),
    ],
)
def test_only_durations_in_promql_change(expr, wanted):
    assert compressed(expr) == wanted


def test_all_durations_of_the_rules_shrink_and_names_stay():
    for text in rule_files(GeneratorSettings()).values():
        before, after = yaml.safe_load(text), yaml.safe_load(scale(text, 300))
        for old_group, new_group in zip(before["groups"], after["groups"], strict=True):
            assert new_group["interval"] == "1s"
            for old, new in zip(old_group["rules"], new_group["rules"], strict=True):
                assert (old.get("record"), old.get("alert")) == (new.get("record"), new.get("alert"))
                assert old.get("annotations") == new.get("annotations")
                assert "[1h]" not in new["expr"]
                assert seconds(new.get("for", "0")) <= seconds(old.get("for", "0"))
        if "recording" in text:
            assert "[12s]" in scale(text, 300)


@pytest.mark.parametrize("factor", [1, 60, 300, 10_000])
def test_promtool_and_amtool_accept_the_result(factor, tool, tmp_path):
    settings = GeneratorSettings(
        alertmanager=AlertmanagerSettings(notifications=NotificationsSection(watchdog_url="http://127.0.0.1:1/"))
    )
    for path, text in (rule_files(settings) | prometheus_files(settings) | alertmanager_files(settings)).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(scale(text, factor))
    tool("promtool", "check", "rules", "--lint=all", *(tmp_path / "alert_rules").iterdir())
    tool("promtool", "check", "config", tmp_path / "prometheus.yml")
    tool("amtool", "check-config", tmp_path / "alertmanager.yml")


@pytest.mark.parametrize("factor", [1, 60, 300, 100_000])
def test_a_repeat_interval_never_equals_its_group_interval(factor):
    """Or Alertmanager would skip every second repetition; both fall to the same minimum at large factors."""
    settings = GeneratorSettings(
        alertmanager=AlertmanagerSettings(notifications=NotificationsSection(watchdog_url="http://127.0.0.1:1/"))
    )
    (text,) = alertmanager_files(settings).values()
    route = yaml.safe_load(scale(text, factor))["route"]
    for one in (route, *route["routes"]):
        group = one.get("group_interval", route["group_interval"])
        assert seconds(one.get("repeat_interval", route["repeat_interval"])) != seconds(group)


def test_zero_stays_zero_and_nothing_grows():
    text = scale({"route": {"group_wait": "0s", "group_interval": "500ms", "repeat_interval": "4h"}}, 300)
    assert yaml.safe_load(text)["route"] == {"group_wait": "0s", "group_interval": "500ms", "repeat_interval": "48s"}


def test_compressed_rules_fire_on_compressed_data(tool, tmp_path):
    """What takes an hour and a half in production takes 18 seconds at a factor of 300."""
    for path, text in rule_files(GeneratorSettings()).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(scale(text, 300))
    labels = 'model="m",role="feature",feature="a"'
    series = {
        f'ml_feature_bin_observations_total{{{labels},bin="0"}}': "0+170x40",
        f'ml_feature_bin_observations_total{{{labels},bin="1"}}': "0+30x40",
        f'ml_feature_bin_reference_ratio{{{labels},bin="0"}}': "0.5x40",
        f'ml_feature_bin_reference_ratio{{{labels},bin="1"}}': "0.5x40",
        'ml_alert_threshold{model="m",signal="drift_warning_max"}': "0.1x40",
        'ml_alert_threshold{model="m",signal="drift_critical_max"}': "0.25x40",
        'ml_alert_threshold{model="m",signal="samples_min"}': "500x40",
    }
    case = {
        "rule_files": ["alert_rules/recording.yml", "alert_rules/alerts.yml"],
        "evaluation_interval": "1s",
        "tests": [
            {
                "interval": "1s",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": 'count(ALERTS{alertname="MLFeatureDrift",alertstate="firing",severity="critical"})',
                        "eval_time": "18s",
                        "exp_samples": [{"labels": "{}", "value": 1}],
                    },
                    {"expr": 'count(ALERTS{alertname="MLFeatureDrift",alertstate="firing"})', "eval_time": "4s"},
                ],
            }
        ],
    }
    (tmp_path / "case.yml").write_text(yaml.safe_dump(case))
    tool("promtool", "test", "rules", tmp_path / "case.yml")


@pytest.mark.parametrize("factor", [0, -1])
def test_factors_that_make_no_sense_are_refused(factor):
    with pytest.raises(ValueError, match="must both be above 0"):
        scale("groups: []", factor)


def test_a_document_that_is_no_mapping_is_refused():
    with pytest.raises(ValueError, match="not a YAML mapping"):
        scale("- 1", 2)
