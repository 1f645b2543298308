"""Recording rules: the scores of :mod:`ml_models.stats`, computed by Prometheus over all replicas.

Counters are summed first and scored then, so a score is that of the pooled data whatever the number of replicas
and restarts. Three laws hold throughout:

* nothing is divided by nothing: a signal without traffic or labels is absent, never NaN;
* a threshold or a reference outlives its exporter by the look-back, so that no alert resolves because it died;
* only lower bounds in code: ``clamp_min`` takes the same floor as the Python functions.
"""

from __future__ import annotations

from dataclasses import replace

from ml_models.mixin.names import RuleSettings
from ml_models.mixin.promql import seconds
from ml_models.mixin.rules import drift, estimated, performance, regression, scores, serving, thresholds
from ml_models.mixin.rules.parts import STEP, Rule, RuleGroup, is_long, step

__all__ = ["STEP", "Rule", "RuleGroup", "recording_groups"]

#: How often long windows of performance are evaluated: below the five minutes after which a series is stale.
LONG_INTERVAL = "3m"
#: What is recorded over both windows.
_PERFORMANCE = (performance, scores, regression, estimated)


def recording_groups(settings: RuleSettings) -> tuple[RuleGroup, ...]:
    """Return all groups of recording rules.

    Examples
    --------
    >>> [group.name for group in recording_groups(RuleSettings())]  # doctest: +NORMALIZE_WHITESPACE
    ['ml-thresholds', 'ml-drift-1h', 'ml-performance-1h', 'ml-scores-1h', 'ml-regression-1h', 'ml-estimated-1h',
     'ml-performance-24h', 'ml-scores-24h', 'ml-regression-24h', 'ml-estimated-24h', 'ml-serving-5m']
    >>> recording_groups(RuleSettings(window="24h"))[0].name
    'ml-steps-24h'
    """
    interval = settings.interval
    steps = drift.COUNTERS if is_long(settings.window) else ()
    groups = [
        RuleGroup(f"ml-steps-{settings.window}", STEP, tuple(step(settings, *counter) for counter in steps)),
        RuleGroup("ml-thresholds", interval, thresholds.thresholds(settings)),
        RuleGroup(f"ml-drift-{settings.window}", interval, drift.drift(settings)),
    ]
    # Equal windows must not be recorded twice.
    for window in dict.fromkeys((settings.window, settings.long_window)):
        often = max(interval, LONG_INTERVAL, key=seconds) if is_long(window) else interval
        groups += [
            RuleGroup(
                f"ml-{part.__name__.rpartition('.')[2]}-{window}", often, part.rules(replace(settings, window=window))
            )
            for part in _PERFORMANCE
        ]
    groups.append(RuleGroup(f"ml-serving-{settings.serving_window}", interval, serving.serving(settings)))
    return tuple(group for group in groups if group.rules)
