"""What rules are made of: a rule, a group, and a counter's growth over a window."""

from __future__ import annotations

from dataclasses import dataclass

from ml_models.catalog import Metric
from ml_models.mixin.names import RuleSettings
from ml_models.mixin.promql import increase, net, seconds, sum_by

#: From this window on, a short increase is recorded and summed: 0.1 s instead of 2.5 s at 100,000 series.
LONG_WINDOW_SECONDS = 6 * 3600.0
#: Range and interval of that short increase: equal, so that the pieces neither overlap nor leave gaps.
STEP = "5m"

PER_FEATURE = "on (model, role, feature)"
PER_MODEL = "on (model) group_left ()"

#: A counter and the labels that its growth is kept by.
Counter = tuple[tuple[str, ...], Metric]


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


def is_long(window: str) -> bool:
    """Return whether a window is long, so that many series are summed from short increases."""
    return seconds(window) >= LONG_WINDOW_SECONDS


def step(settings: RuleSettings, labels: tuple[str, ...], metric: Metric) -> Rule:
    """Return the rule for a counter's short increase, of which long windows are summed."""
    return Rule(settings.names.increase(labels, metric, STEP), sum_by(labels, increase(metric, STEP)))


def pooled(settings: RuleSettings, labels: tuple[str, ...], metric: Metric, retracted: Metric | None = None) -> Rule:
    """Return the rule for a counter's growth over the window, summed over replicas and workers.

    Another counter may say what was taken back of it: never more than there is, though it was counted before the
    window.
    """
    grown = sum_by(labels, increase(metric, settings.window))
    if retracted is not None:
        grown = net(grown, sum_by(labels, increase(retracted, settings.window)))
    return Rule(settings.names.increase(labels, metric), grown)


def stepped(settings: RuleSettings, labels: tuple[str, ...], metric: Metric) -> Rule:
    """Return the same for a family of very many series, in a long window from its short increases.

    Not for labels: they come in batches, and what falls between two steps is seen by neither.
    """
    if not is_long(settings.window):
        return pooled(settings, labels, metric)
    names = settings.names
    return Rule(
        names.increase(labels, metric), f"sum_over_time({names.increase(labels, metric, STEP)}[{settings.window}])"
    )
