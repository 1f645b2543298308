"""Recording rules give the numbers of :mod:`ml_models.stats`, for any number of replicas and restarts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ml_models import catalog
from ml_models.mixin.files import GeneratorSettings, rule_files
from ml_models.mixin.names import Recorded, RuleSettings
from ml_models.mixin.rules import STEP, recording_groups
from ml_models.stats import drift, significance
from ml_models.stats.performance import performance

NAMES = Recorded()
CASES = sorted((Path(__file__).parents[2] / "rules").glob("*.yml"))
#: The first values are 0, so that nothing is extrapolated: the window holds all that is counted, whether its left
#: end belongs to it (Prometheus 2) or not (3).
ZEROS = 3
COUNTED = 59
MINUTES = ZEROS - 1 + COUNTED
RESTART = 31


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_promtool_cases_pass(case, tool):
    tool("promtool", "test", "rules", case)


@pytest.mark.parametrize("window", ["1h", "24h"])
def test_every_series_read_is_catalogued_or_recorded(window, unexported):
    """No rule reads a name that neither a collector exports nor a rule records."""
    settings = GeneratorSettings(rules=RuleSettings(window=window))
    groups = [group for text in rule_files(settings).values() for group in yaml.safe_load(text)["groups"]]
    rules = [rule for group in groups for rule in group["rules"]]
    recorded = {rule["record"] for rule in rules if "record" in rule}
    assert {name for rule in rules for name in unexported(rule["expr"])} <= recorded
    assert len(recorded) == sum("record" in rule for rule in rules)


def test_recorded_names_carry_their_window():
    settings = RuleSettings(window="3h", long_window="2d", serving_window="10m")
    names = settings.names
    by_the_clock = {names.hourly_rate, names.usual_rate, names.usual_errors}  # what days are compared by
    found = [
        rule.record
        for group in recording_groups(settings)
        if not group.name.startswith("ml-steps")
        for rule in group.rules
        if rule.record not in by_the_clock
    ]
    assert not [name for name in found if name.endswith(("1h", "5m", "24h"))]
    assert all(name.endswith(("3h", "2d", "10m", ":max", ":sum")) for name in found)


def test_a_long_window_equal_to_the_short_one_is_recorded_once():
    for window in ("1h", "24h"):
        groups = recording_groups(RuleSettings(window=window, long_window=window))
        names = [rule.record for group in groups for rule in group.rules]
        assert len(set(names)) == len(names)


def counter(increments: np.ndarray, *, restarts: bool) -> str:
    """Write a counter that grows by these increments, as promtool's values; maybe it falls to 0 half-way."""
    values = np.concatenate([np.zeros(ZEROS, dtype=int), np.cumsum(increments)])
    if restarts:
        values[RESTART:] -= values[RESTART]
    return " ".join(map(str, values))


def counters(
    rng: np.random.Generator, name: str, cells: dict[str, float]
) -> tuple[list[dict[str, str]], dict[str, int]]:
    """Return the series of two replicas, one of which restarts, and the pooled count of each cell."""
    series, totals = [], {}
    for labels, expected in cells.items():
        increments = rng.poisson(expected, size=(2, COUNTED))
        # In the minute of the restart nothing is counted: that is lost to any Prometheus.
        increments[0, RESTART - ZEROS] = 0
        totals[labels] = int(increments.sum())
        series.append({"series": f'{name}{{{labels},instance="r1"}}', "values": counter(increments[0], restarts=True)})
        series.append({"series": f'{name}{{{labels},instance="r2"}}', "values": counter(increments[1], restarts=False)})
    return series, totals


def gauge(name: str, labels: str, value: float) -> list[dict[str, str]]:
    return [
        {"series": f'{name}{{{labels},instance="{replica}"}}', "values": f"{value!r}x{MINUTES}"}
        for replica in ("r1", "r2")
    ]


def near(selector: str, value: float) -> str:
    """Write an expression that has one sample exactly if the score is the value."""
    return f"abs({selector} - {value!r}) < 1e-9"


def run_case(tool: Any, folder: Path, series: list[dict[str, str]], scores: list[str]) -> None:
    for path, text in rule_files(GeneratorSettings()).items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    expectations = [
        {"expr": f"count({score})", "eval_time": f"{MINUTES}m", "exp_samples": [{"labels": "{}", "value": 1}]}
        for score in scores
    ]
    case = {
        "rule_files": ["alert_rules/recording.yml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": expectations}],
    }
    (folder / "case.yml").write_text(yaml.safe_dump(case, width=10_000))
    tool("promtool", "test", "rules", folder / "case.yml")


@pytest.mark.parametrize("seed", range(3))
def test_drift_scores_equal_those_of_numpy_on_the_pooled_counts(seed, tool, tmp_path):
    """PSI, JS distance and noise, with bins that one side lacks, two replicas and a restart."""
    rng = np.random.default_rng(seed)
    bins, series, scores = 6, [], []
    for role, feature in (("feature", "a"), ("feature", "b"), ("prediction", "prediction")):
        labels = f'model="m",role="{role}",feature="{feature}"'
        rates = rng.gamma(1.0, 3.0, bins) * (rng.random(bins) > 0.2)
        rates[0] += 1
        added, totals = counters(
            rng, catalog.BIN_OBSERVATIONS.name, {f'{labels},bin="{b:02}"': rate for b, rate in enumerate(rates)}
        )
        reference = rng.integers(1, 500, bins) * (rng.random(bins) > 0.2)
        reference[1] += 1
        live, m = np.array(list(totals.values())), float(reference.sum())
        series += added
        for b, count in enumerate(reference):
            series += gauge(catalog.BIN_REFERENCE.name, f'{labels},bin="{b:02}"', float(count / m))
        chi2 = float(significance.chi2_quantile(bins, 0.001))
        series += gauge(catalog.FEATURE_REFERENCE_OBSERVATIONS.name, labels, m)
        series += gauge(catalog.FEATURE_NOISE_CHI2.name, labels, chi2)
        scores += [
            near(f"{NAMES.feature_increase}{{{labels}}}", float(live.sum())),
            near(f"{NAMES.psi}{{{labels}}}", float(drift.psi(reference, live))),
            near(f"{NAMES.js}{{{labels}}}", float(drift.js(reference, live))),
            near(f"{NAMES.noise}{{{labels}}}", float(significance.psi_noise(m, live.sum(), chi2))),
        ]
    run_case(tool, tmp_path, series, scores)


@pytest.mark.parametrize("seed", range(3))
def test_performance_equals_that_of_numpy_on_the_pooled_cells(seed, tool, tmp_path):
    """Accuracy, per-class and macro scores of four classes, with two replicas and a restart."""
    rng = np.random.default_rng(seed)
    classes = ["cat", "dog", 'o"x', "été"]
    rates = rng.gamma(0.5, 1.0, (4, 4)) + np.eye(4)
    cells = {
        f'model="m",actual={catalog.quote(actual)},predicted={catalog.quote(predicted)}': rates[i, j]
        for i, actual in enumerate(classes)
        for j, predicted in enumerate(classes)
    }
    series, totals = counters(rng, catalog.OUTCOMES.name, cells)
    confusion = np.array(list(totals.values())).reshape(4, 4)
    wanted = performance(confusion)
    pairs = {
        NAMES.accuracy: wanted.accuracy,
        NAMES.macro(catalog.PRECISION): wanted.precision,
        NAMES.macro(catalog.RECALL): wanted.recall,
        NAMES.macro(catalog.F1): wanted.f1,
        NAMES.outcomes: float(confusion.sum()),
    }
    for i, name in enumerate(classes):
        one, label = performance(confusion, positive=i), f"{{class={catalog.quote(name)}}}"
        pairs[NAMES.per_class(catalog.PRECISION) + label] = one.precision
        pairs[NAMES.per_class(catalog.RECALL) + label] = one.recall
        pairs[NAMES.per_class(catalog.F1) + label] = one.f1
    run_case(tool, tmp_path, series, [near(selector, value) for selector, value in pairs.items() if value is not None])


def test_long_windows_are_summed_from_short_increases_and_give_the_same_score(tool, tmp_path):
    """From six hours on, the rules read five minutes at a time; PSI of 0.7 and 0.3 is 0.169 as ever."""
    settings = GeneratorSettings(rules=RuleSettings(window="6h"))
    for path, text in rule_files(settings).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    names = settings.rules.names
    labels = 'model="m",role="feature",feature="a"'
    series = [
        {"series": f'{catalog.BIN_OBSERVATIONS.name}{{{labels},bin="{b}"}}', "values": f"0+{step}x500"}
        for b, step in enumerate((7, 3))
    ]
    series += [{"series": f'{catalog.BIN_REFERENCE.name}{{{labels},bin="{b}"}}', "values": "0.5x500"} for b in range(2)]
    expected = 0.2 * np.log(0.7 / 0.5) - 0.2 * np.log(0.3 / 0.5)
    checks = [f"count({near(names.psi, float(expected))})", f"count(abs({names.feature_increase} - 3600) < 60)"]
    case = {
        "rule_files": ["alert_rules/recording.yml"],
        # promtool evaluates every group at this interval, whatever the group's own one.
        "evaluation_interval": STEP,
        "tests": [
            {
                "interval": "1m",
                "input_series": series,
                "promql_expr_test": [
                    {"expr": check, "eval_time": "420m", "exp_samples": [{"labels": "{}", "value": 1}]}
                    for check in checks
                ],
            }
        ],
    }
    (tmp_path / "case.yml").write_text(yaml.safe_dump(case, width=10_000))
    tool("promtool", "check", "rules", "--lint=all", tmp_path / "alert_rules/recording.yml")
    tool("promtool", "test", "rules", tmp_path / "case.yml")


def test_performance_of_a_day_is_that_of_its_counts(tool, tmp_path):
    """Accuracy 0.7, AUC 11.5 of 12 and MAE 1.5 of steady counters, over 24 hours."""
    names = replace(RuleSettings(), window="24h").names
    rates = {
        f'{catalog.OUTCOMES.name}{{model="m",actual="a",predicted="a"}}': 7,
        f'{catalog.OUTCOMES.name}{{model="m",actual="a",predicted="b"}}': 3,
        f'{catalog.NUMBERS.name}{{model="m"}}': 2,
        f'{catalog.NUMBERS_ERROR.name}{{model="m",direction="over"}}': 1,
        f'{catalog.NUMBERS_ERROR.name}{{model="m",direction="under"}}': 2,
    }
    for outcome, counts in (("negative", (3, 1, 0)), ("positive", (0, 1, 2))):
        for place in range(3):
            labels = f'model="m",outcome="{outcome}",bin="{place:02d}"'
            rates[f"{catalog.SCORE_OUTCOMES.name}{{{labels}}}"] = counts[place]
            rates[f"{catalog.SCORE_OUTCOMES_ABOVE.name}{{{labels}}}"] = sum(counts[place:])
    for path, text in rule_files(GeneratorSettings()).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    wanted = {names.accuracy: 0.7, names.figure(catalog.ROC_AUC): 11.5 / 12, names.figure(catalog.MAE): 1.5}
    checks = [near(name, value) for name, value in wanted.items()]
    case = {
        "rule_files": ["alert_rules/recording.yml"],
        "evaluation_interval": STEP,
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": one, "values": f"0+{rate}x1600"} for one, rate in rates.items()],
                "promql_expr_test": [
                    {"expr": check, "eval_time": "1500m", "exp_samples": [{"labels": "{}", "value": 1}]}
                    for check in [f"count({one})" for one in checks] + [f"count(abs({names.outcomes} - 14400) < 200)"]
                ],
            }
        ],
    }
    (tmp_path / "case.yml").write_text(yaml.safe_dump(case, width=10_000))
    tool("promtool", "test", "rules", tmp_path / "case.yml")


def test_unknown_signals_and_quantiles_are_refused():
    with pytest.raises(KeyError, match="unknown signal 'accuracy'"):
        NAMES.threshold("accuracy")
    with pytest.raises(KeyError, match="p42"):
        NAMES.latency("p42")


@pytest.mark.parametrize("setting", ["window", "serving_window", "interval", "lookback", "for_"])
def test_durations_that_prometheus_does_not_know_are_refused(setting):
    with pytest.raises(ValueError, match="is not a Prometheus duration"):
        RuleSettings(**{setting: "1 hour"})
