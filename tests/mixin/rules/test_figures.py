"""Recording rules of scores, regressions and estimates give Python's figures of the pooled tallies."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
import yaml

from ml_models import catalog
from ml_models.collectors.bulk import Filled
from ml_models.collectors.estimated import estimated_families
from ml_models.collectors.outcomes import outcome_families
from ml_models.collectors.performance import figures
from ml_models.collectors.regression import regression_families
from ml_models.collectors.scores import score_families
from ml_models.mixin.files import GeneratorSettings, rule_files
from ml_models.profile.classes import Classes
from ml_models.profile.outcomes import add_estimates, add_numbers, add_scored
from ml_models.profile.tally import Layout, Tally
from ml_models.stats.calibration import Calibrator
from ml_models.stats.estimation import estimate

SETTINGS = GeneratorSettings()
NAMES = SETTINGS.rules.names
#: Samples a minute apart. The first are 0 and the last bring nothing new, so nothing is extrapolated.
SAMPLES = 60
COUNTING = range(3, 57, 4)
#: The sample from which one replica counts anew.
RESTART = 29
EMPTY = Layout.of(None)


def layout() -> Layout:
    """Return a layout whose calibration is not the identity, so that estimates are not of raw scores."""
    return replace(EMPTY, calibrator=Calibrator((0.1, 0.5, 0.9), (0.05, 0.4, 0.95)))


def binary(rng: np.random.Generator) -> Tally:
    """Return the tally of a few predictions, most of them labelled."""
    tally, n = Tally(layout()), int(rng.integers(5, 40))
    scores = rng.beta(0.6, 0.9, n)
    predicted, actual = (scores >= 0.5).astype(int), (rng.random(n) < scores**1.3).astype(int)
    add_estimates(tally, predicted, scores[:, np.newaxis], 1)
    labelled = rng.random(n) < 0.8
    np.add.at(tally.outcomes, (actual[labelled], predicted[labelled]), 1)
    add_scored(tally, actual[labelled], predicted[labelled], scores[labelled, np.newaxis], 1)
    return tally


def several(rng: np.random.Generator) -> Tally:
    """Return the same of three classes, one of which is rare."""
    tally, n = Tally(EMPTY), int(rng.integers(5, 40))
    scores = rng.dirichlet([1.0, 0.7, 0.1], n)
    predicted = scores.argmax(axis=1)
    actual = np.array([rng.choice(3, p=row) for row in scores])
    add_estimates(tally, predicted, scores, None)
    np.add.at(tally.outcomes, (actual, predicted), 1)
    add_scored(tally, actual, predicted, scores, None)
    return tally


def numbers(rng: np.random.Generator) -> Tally:
    """Return the tally of numbers, some of which are 0."""
    tally, n = Tally(EMPTY), int(rng.integers(5, 40))
    actual = np.round(rng.normal(2, 3, n))
    add_numbers(tally, actual, actual + rng.normal(0.3, 1, n))
    return tally


def exported(total: Tally, classes: Classes, positive: int | None, *, scores: bool):
    """Return every counter of a replica, by its series."""
    found = figures(total, classes, positive)
    binary_scores = positive is not None
    families = [
        *outcome_families("m", total, Tally(total.layout), found.overall, classes, last_label=0.0),
        *score_families("m", total, found, scores=scores, binary=binary_scores),
        *estimated_families("m", total, found, classes, scores=scores, binary=binary_scores),
        *regression_families("m", total, found, shown=not scores),
    ]
    return {
        (sample.name, *sorted(sample.labels.items())): float(sample.value)
        for family in (one.bulk.family(one.values) if isinstance(one, Filled) else one for one in families)
        if family.type == "counter"
        for sample in family.samples
        if sample.name in catalog.METRICS
    }


def replica(rng, made, classes, positive, *, scores, restarts):
    """Return a replica's series over an hour, and all that it counted."""
    total, pooled = Tally(made(rng).layout), Tally(made(rng).layout)
    series = defaultdict(list)
    for sample in range(SAMPLES):
        if restarts and sample == RESTART:
            total.clear()
        if sample in COUNTING and not (restarts and sample == RESTART):
            delta = made(rng)
            total += delta
            pooled += delta
        for name, value in exported(total, classes, positive, scores=scores).items():
            series[name].append(repr(value))
    return series, pooled


def matcher(labels) -> str:
    return ",".join(f"{label}={catalog.quote(value)}" for label, value in labels)


def check(tool, folder, window_names, made, classes, positive, wanted, *, scores, seed=0):
    rng = np.random.default_rng(seed)
    given, pooled = [], None
    for name, restarts in (("r1", True), ("r2", False)):
        series, counted = replica(rng, made, classes, positive, scores=scores, restarts=restarts)
        pooled = counted if pooled is None else pooled + counted
        given += [
            {"series": f'{metric}{{{matcher(labels)},instance="{name}"}}', "values": " ".join(values)}
            for (metric, *labels), values in series.items()
        ]
    pairs = {name: value for name, value in wanted(pooled).items() if value is not None}
    for path, text in rule_files(SETTINGS).items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    case = {
        "rule_files": ["alert_rules/recording.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": given,
                "promql_expr_test": [
                    {
                        "expr": f"count(abs({name} - {value!r}) < 1e-9)",
                        "eval_time": f"{SAMPLES - 1}m",
                        "exp_samples": [{"labels": "{}", "value": 1}],
                    }
                    for name, value in pairs.items()
                ],
            }
        ],
    }
    (folder / "case.yml").write_text(yaml.safe_dump(case, width=100_000))
    tool("promtool", "test", "rules", folder / "case.yml")
    return pairs


def gaps(found):
    gap = found.gap
    return {
        NAMES.figure(catalog.ACCURACY_GAP): gap.accuracy,
        NAMES.figure(catalog.ACCURACY_GAP_NOISE): gap.interval[1],
    }


def scored(found):
    return {
        NAMES.figure(catalog.LOG_LOSS): found.log_loss,
        NAMES.figure(catalog.BRIER): found.brier,
        NAMES.figure(catalog.CALIBRATION_ERROR): found.reliability.ece,
    }


@pytest.mark.parametrize("seed", range(3))
def test_of_two_classes(seed, tool, tmp_path):
    """AUC, its interval, calibration, losses, every mean, the estimate, its interval and the gap."""
    classes = Classes(["no", "yes"])

    def wanted(pooled):
        found = figures(pooled, classes, 1)
        expected = found.estimate
        other = estimate(pooled.estimated, pooled.doubt, 0)
        yes, no = '{class="yes"}', '{class="no"}'
        (low, high), one = found.overall.intervals["accuracy"], found.per_class["yes"]
        return scored(found) | gaps(found) | {
            NAMES.accuracy: found.overall.accuracy,
            NAMES.figure(catalog.ACCURACY, "low"): low,
            NAMES.figure(catalog.ACCURACY, "high"): high,
            NAMES.per_class(catalog.PRECISION, "low") + yes: one.intervals["precision"][0],
            NAMES.per_class(catalog.RECALL, "high") + yes: one.intervals["recall"][1],
            NAMES.weighted(catalog.PRECISION): found.weighted.precision,
            NAMES.weighted(catalog.RECALL): found.weighted.recall,
            NAMES.weighted(catalog.F1): found.weighted.f1,
            NAMES.figure(catalog.ROC_AUC): found.roc_auc.value,
            NAMES.figure(catalog.ROC_AUC, "low"): found.roc_auc.interval[0],
            NAMES.figure(catalog.ROC_AUC, "high"): found.roc_auc.interval[1],
            NAMES.figure(catalog.PR_AUC): found.pr_auc.value,
            NAMES.figure(catalog.ESTIMATED_ACCURACY, "ratio"): expected.accuracy,
            NAMES.figure(catalog.ESTIMATED_ACCURACY, "low"): expected.intervals["accuracy"][0],
            NAMES.figure(catalog.ESTIMATED_ACCURACY, "high"): expected.intervals["accuracy"][1],
            NAMES.per_class(catalog.ESTIMATED_PRECISION) + yes: expected.precision,
            NAMES.per_class(catalog.ESTIMATED_RECALL) + yes: expected.recall,
            NAMES.per_class(catalog.ESTIMATED_F1) + yes: expected.f1,
            NAMES.per_class(catalog.ESTIMATED_F1) + no: other.f1,
            NAMES.figure(catalog.ESTIMATED_ROC_AUC): found.estimated_roc_auc.value,
            NAMES.gap(catalog.PRECISION) + yes: found.gap.precision,
            NAMES.gap(catalog.RECALL) + yes: found.gap.recall,
            NAMES.gap(catalog.F1) + yes: found.gap.f1,
        }  # fmt: skip

    pairs = check(tool, tmp_path, NAMES, binary, classes, 1, wanted, scores=True, seed=seed)
    assert len(pairs) == 28
    assert abs(pairs[NAMES.figure(catalog.ACCURACY_GAP)]) > 1e-3, "the calibration is wrong on purpose"


def test_of_three_classes(tool, tmp_path):
    """Losses and calibration of the predicted class, estimated macro means, and the gap; no AUC of two classes."""
    classes = Classes(["a", "b", "c"])

    def wanted(pooled):
        found = figures(pooled, classes, None)
        assert found.roc_auc is found.estimated_roc_auc is None
        return scored(found) | gaps(found) | {
            NAMES.accuracy: found.overall.accuracy,
            NAMES.macro(catalog.F1): found.macro.f1,
            NAMES.weighted(catalog.F1): found.weighted.f1,
            NAMES.figure(catalog.ESTIMATED_ACCURACY, "ratio"): found.estimate.accuracy,
            NAMES.macro(catalog.ESTIMATED_PRECISION): found.estimate.precision,
            NAMES.macro(catalog.ESTIMATED_RECALL): found.estimate.recall,
            NAMES.macro(catalog.ESTIMATED_F1): found.estimate.f1,
        }  # fmt: skip

    assert len(check(tool, tmp_path, NAMES, several, classes, None, wanted, scores=True)) == 12


def test_of_a_regression(tool, tmp_path):
    def wanted(pooled):
        found = figures(pooled, Classes(), None).regression
        shares = pooled.residuals / pooled.residuals.sum()
        place = int(np.argmax(shares))
        return {
            NAMES.figure(catalog.MAE): found.mae,
            NAMES.figure(catalog.RMSE): found.rmse,
            NAMES.figure(catalog.BIAS): found.bias,
            NAMES.figure(catalog.R2): found.r2,
            NAMES.figure(catalog.MAPE): found.mape,
            f'{NAMES.residuals}{{bin="{place:02d}"}}': float(shares[place]),
        }

    assert len(check(tool, tmp_path, NAMES, numbers, Classes(), None, wanted, scores=False)) == 6


def test_without_labels_or_with_one_class_alone_a_figure_is_absent_and_never_nan(tool, tmp_path):
    """Counters that stand still, and labels of which none is positive."""
    rng = np.random.default_rng(0)
    classes, idle, one_sided = Classes(["no", "yes"]), Tally(EMPTY), Tally(EMPTY)
    codes, scores = np.zeros(30, dtype=int), rng.random((30, 1)) / 2
    add_scored(one_sided, codes, codes, scores, 1)
    np.add.at(one_sided.outcomes, (codes, codes), 1)
    given = []
    for model, totals in (("idle", [idle] * 10), ("onesided", [idle] * 3 + [one_sided] * 7)):
        series = defaultdict(list)
        for total in totals:
            values = exported(total, classes, 1, scores=True) | exported(total, classes, 1, scores=False)
            for name, value in values.items():
                series[name].append(repr(value))
        given += [
            {
                "series": f"{metric}{{{matcher(labels)}}}".replace('model="m"', f'model="{model}"'),
                "values": " ".join(values),
            }
            for (metric, *labels), values in series.items()
        ]
    for path, text in rule_files(SETTINGS).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    rules = [
        rule["record"]
        for group in yaml.safe_load((tmp_path / "alert_rules/recording.yml").read_text())["groups"]
        for rule in group["rules"]
    ]
    areas = [NAMES.figure(catalog.ROC_AUC), NAMES.figure(catalog.PR_AUC), NAMES.figure(catalog.ROC_AUC, "low")]
    checks = [f'count({{__name__=~"{name}"}} != {{__name__=~"{name}"}})' for name in rules]  # NaN differs from itself
    checks += [f"count({name})" for name in areas]
    checks += [
        f'count({NAMES.figure(metric)}{{model="idle"}})' for metric in (catalog.LOG_LOSS, catalog.MAE, catalog.R2)
    ]
    case = {
        "rule_files": ["alert_rules/recording.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": given,
                "promql_expr_test": [{"expr": one, "eval_time": "9m", "exp_samples": []} for one in checks]
                + [
                    {
                        "expr": f"count({NAMES.figure(catalog.LOG_LOSS)})",
                        "eval_time": "9m",
                        "exp_samples": [{"labels": "{}", "value": 1}],
                    }
                ],
            }
        ],
    }
    (tmp_path / "case.yml").write_text(yaml.safe_dump(case, width=100_000))
    tool("promtool", "test", "rules", tmp_path / "case.yml")
