"""Recording rules: the scores of :mod:`ml_models.stats`, computed by Prometheus over all replicas.

Counters are summed first and scored then, so a score is that of the pooled data whatever the number of replicas
and restarts. Three laws hold throughout:

* nothing is divided by nothing: a signal without traffic or labels is absent, never NaN;
* a threshold or a reference outlives its exporter by the look-back, so that no alert resolves because it died;
* only lower bounds in code: ``clamp_min`` takes the same floor as the Python functions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ml_models import catalog
from ml_models.mixin.names import BIN, CELL, CLASS, FEATURE, INSTANCE, MODEL, QUANTILES, Recorded, RuleSettings
from ml_models.mixin.promql import increase, last, max_by, rate, seconds, sum_by, text
from ml_models.stats.drift import CLAMP

#: From this window on, a short increase is recorded and summed: 0.1 s instead of 2.5 s at 100,000 series.
LONG_WINDOW_SECONDS = 6 * 3600.0
#: Range and interval of that short increase: equal, so that the pieces neither overlap nor leave gaps.
STEP = "5m"

_PER_FEATURE = "on (model, role, feature)"
_PER_MODEL = "on (model) group_left ()"


@dataclass(frozen=True, slots=True)
class Rule:
    """One recording rule.

    Parameters
    ----------
    record : str
        The name of the recorded series.
    expr : str
        PromQL.
    """

    record: str
    expr: str


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that are evaluated one after the other, at the same instant.

    Parameters
    ----------
    name : str
        Unique among all rule files.
    interval : str
        How often the group is evaluated.
    rules : tuple of Rule
        In the order in which they build on each other.
    """

    name: str
    interval: str
    rules: tuple[Rule, ...]


def recording_groups(settings: RuleSettings) -> tuple[RuleGroup, ...]:
    """Return all groups of recording rules.

    Examples
    --------
    >>> [group.name for group in recording_groups(RuleSettings())]
    ['ml-thresholds', 'ml-drift-1h', 'ml-performance-1h', 'ml-serving-5m']
    >>> recording_groups(RuleSettings(window="24h"))[0].name
    'ml-steps-24h'
    """
    names, window, interval = settings.names, settings.window, settings.interval
    steps = _steps(names) if _is_long(settings) else ()
    groups = (
        RuleGroup(f"ml-steps-{window}", STEP, steps),
        RuleGroup("ml-thresholds", interval, _thresholds(settings, names)),
        RuleGroup(f"ml-drift-{window}", interval, _drift(settings, names)),
        RuleGroup(f"ml-performance-{window}", interval, _performance(settings, names)),
        RuleGroup(f"ml-serving-{settings.serving_window}", interval, _serving(settings, names)),
    )
    return tuple(group for group in groups if group.rules)


def _is_long(settings: RuleSettings) -> bool:
    return seconds(settings.window) >= LONG_WINDOW_SECONDS


_TALLIES = (
    (BIN, catalog.BIN_OBSERVATIONS),
    (FEATURE, catalog.FEATURE_OBSERVATIONS),
    (FEATURE, catalog.FEATURE_MISSING),
    (CELL, catalog.OUTCOMES),
)


def _steps(names: Recorded) -> tuple[Rule, ...]:
    return tuple(
        Rule(names.increase(labels, metric, STEP), sum_by(labels, increase(metric, STEP)))
        for labels, metric in _TALLIES
    )


def _pooled(settings: RuleSettings, labels: tuple[str, ...], metric: catalog.Metric) -> Rule:
    """Return the rule for a counter's growth over the window, summed over replicas and workers."""
    names = settings.names
    if _is_long(settings):
        return Rule(
            names.increase(labels, metric),
            f"sum_over_time({names.increase(labels, metric, STEP)}[{settings.window}])",
        )
    return Rule(names.increase(labels, metric), sum_by(labels, increase(metric, settings.window)))


def _thresholds(settings: RuleSettings, names: Recorded) -> tuple[Rule, ...]:
    return (
        Rule(names.threshold(), max_by(("model", "signal"), last(catalog.ALERT_THRESHOLD, settings.lookback))),
        # Which models an instance serves, remembered while it is down.
        Rule(names.instances, max_by(INSTANCE, last(catalog.MODEL_INFO, settings.model_lookback))),
        Rule(
            names.replicas_up,
            text(f"""
                sum by (model) (
                  {names.instances}
                    * on (job, instance) group_left ()
                  up{{job={catalog.quote(settings.job)}}}
                )"""),
        ),
    )


def _drift(settings: RuleSettings, names: Recorded) -> tuple[Rule, ...]:
    lookback = settings.lookback
    live, reference = names.live, names.reference_aligned
    middle = f"({live} + {reference}) / 2"
    return (
        _pooled(settings, BIN, catalog.BIN_OBSERVATIONS),
        Rule(names.feature_increase, sum_by(FEATURE, names.bin_increase)),
        Rule(names.reference, max_by(BIN, last(catalog.BIN_REFERENCE, lookback))),
        # Guarded by "and": where the reference is gone altogether, zeros would make every feature drift.
        Rule(
            reference,
            text(f"""
                {names.reference}
                  or
                (
                  0 * {names.bin_increase}
                    and {_PER_FEATURE}
                  {names.reference}
                )"""),
        ),
        Rule(
            live,
            text(f"""
                (
                  {names.bin_increase}
                    or
                  0 * {names.reference}
                )
                  / {_PER_FEATURE} group_left ()
                ({names.feature_increase} > 0)"""),
        ),
        Rule(
            names.psi,
            text(f"""
                sum by (model, role, feature) (
                  (
                      clamp_min({live}, {CLAMP})
                    - clamp_min({reference}, {CLAMP})
                  )
                  * ln(
                      clamp_min({live}, {CLAMP})
                    / clamp_min({reference}, {CLAMP})
                  )
                )"""),
        ),
        # Exact for empty bins, as 0 * ln(tiny) is 0; 2 * ln(2) makes it base 2 and takes the mean of both halves.
        Rule(
            names.js,
            text(f"""
                sqrt(clamp_min(
                  sum by (model, role, feature) (
                      {live}
                      * ln(
                          clamp_min({live}, 1e-12)
                        / clamp_min({middle}, 1e-12)
                      )
                    + {reference}
                      * ln(
                          clamp_min({reference}, 1e-12)
                        / clamp_min({middle}, 1e-12)
                      )
                  ) / {2 * math.log(2)}, 0))"""),
        ),
        Rule(
            names.noise,
            text(f"""
                (
                    1 / ({names.feature_increase} > 0)
                  + 1 / ({max_by(FEATURE, last(catalog.FEATURE_REFERENCE_OBSERVATIONS, lookback))} > 0)
                )
                  * {max_by(FEATURE, last(catalog.FEATURE_NOISE_CHI2, lookback))}"""),
        ),
        # "unless" rather than "and": a guard that is not exported must not silence the alert.
        Rule(
            names.judged_psi,
            text(f"""
                {names.psi}
                  unless {_PER_FEATURE}
                ({names.feature_increase} < {_PER_MODEL} {names.threshold("samples_min")})"""),
        ),
        Rule(
            names.significant_psi,
            text(f"""
                {names.judged_psi}
                  unless {_PER_FEATURE}
                ({names.judged_psi} <= {names.noise})"""),
        ),
        # 0, not absent, where features were judged and none drifted.
        Rule(
            names.drift_share,
            text(f"""
                (
                  count by (model) (
                    {names.significant_psi}{{role="feature"}}
                      > {_PER_MODEL} {names.threshold("drift_warning_max")}
                  )
                    or
                  0 * count by (model) ({names.judged_psi}{{role="feature"}})
                )
                  /
                count by (model) ({names.judged_psi}{{role="feature"}})"""),
        ),
        _pooled(settings, FEATURE, catalog.FEATURE_OBSERVATIONS),
        _pooled(settings, FEATURE, catalog.FEATURE_MISSING),
        Rule(
            names.missing,
            text(f"""
                {names.missing_increase}
                  /
                ({names.cells_increase} > 0)"""),
        ),
    )


def _performance(settings: RuleSettings, names: Recorded) -> tuple[Rule, ...]:
    cells = names.outcomes_cells
    actual, predicted, correct = (names.outcomes_class(side) for side in ("actual", "predicted", "correct"))
    return (
        _pooled(settings, CELL, catalog.OUTCOMES),
        Rule(names.outcomes, sum_by(MODEL, cells)),
        Rule(actual, sum_by(CLASS, f'label_replace({cells}, "class", "$1", "actual", "(.*)")')),
        Rule(predicted, sum_by(CLASS, f'label_replace({cells}, "class", "$1", "predicted", "(.*)")')),
        # PromQL cannot compare two labels, so the diagonal is a join with the identity; 0 for a class without a hit.
        Rule(
            correct,
            text(f"""
                sum by (model, class) (
                  label_replace(
                    {cells}
                      and on (model, actual, predicted)
                    label_replace(
                      group by (model, actual) ({cells}),
                      "predicted", "$1", "actual", "(.*)"
                    ),
                    "class", "$1", "actual", "(.*)"
                  )
                )
                  or
                0 * ({actual} or {predicted})"""),
        ),
        Rule(
            names.accuracy,
            text(f"""
                sum by (model) ({correct})
                  /
                ({names.outcomes} > 0)"""),
        ),
        Rule(names.per_class(catalog.PRECISION), f"{correct} / ({predicted} > 0)"),
        Rule(names.per_class(catalog.RECALL), f"{correct} / ({actual} > 0)"),
        Rule(
            names.per_class(catalog.F1),
            text(f"""
                2 * {correct}
                  /
                (({actual} + {predicted}) > 0)"""),
        ),
        *(
            # F1 is defined for exactly the classes that occur; one that is never predicted counts 0 in the mean.
            Rule(
                names.macro(metric),
                text(f"""
                    sum by (model) ({names.per_class(metric)})
                      /
                    count by (model) ({names.per_class(catalog.F1)})"""),
            )
            for metric in (catalog.PRECISION, catalog.RECALL, catalog.F1)
        ),
    )


def _serving(settings: RuleSettings, names: Recorded) -> tuple[Rule, ...]:
    window = settings.serving_window
    return (
        Rule(names.predictions_rate, sum_by(MODEL, rate(catalog.PREDICTIONS, window))),
        Rule(names.calls_rate, sum_by(MODEL, rate(catalog.PREDICTION_DURATION, window, "_count"))),
        # An exception class has no series before its first error: a model that never failed has a rate of 0.
        Rule(
            names.errors_rate,
            text(f"""
                {sum_by(MODEL, rate(catalog.PREDICTION_ERRORS, window))}
                  or
                0 * {names.calls_rate}"""),
        ),
        Rule(names.error_ratio, f"{names.errors_rate} / ({names.calls_rate} > 0)"),
        Rule(names.latency_buckets, sum_by(("model", "le"), rate(catalog.PREDICTION_DURATION, window, "_bucket"))),
        *(
            Rule(
                names.latency(name),
                text(f"""
                    histogram_quantile({quantile}, {names.latency_buckets})
                      and on (model)
                    ({names.calls_rate} > 0)"""),
            )
            for name, quantile in QUANTILES.items()
        ),
    )
