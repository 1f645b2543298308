"""Every figure of performance that a tally holds, worked out once for the endpoint, ``get_metrics()`` and reports."""

from __future__ import annotations

from dataclasses import dataclass

from ml_models.profile.classes import Classes
from ml_models.profile.tally import Tally
from ml_models.stats.estimation import Estimate, Gap, estimate, gap
from ml_models.stats.performance import ClassScores, Mean, Performance, class_scores, macro, performance, weighted
from ml_models.stats.regression import Regression, regression
from ml_models.stats.scores import Area, Reliability, by_reliability, pr_auc, reliability, roc_auc


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one tally; None where undefined.

    Attributes
    ----------
    overall : Performance
    per_class : dict of str to ClassScores
        Of the classes that occur.
    macro, weighted : Mean or None
    scored : int
        Labelled predictions that had a score.
    roc_auc, pr_auc : Area or None
        Of two classes only.
    log_loss, brier : float or None
    reliability : Reliability or None
    regression : Regression
    estimate : Estimate
    estimated_roc_auc : Area or None
    gap : Gap
    """

    overall: Performance
    per_class: dict[str, ClassScores]
    macro: Mean | None
    weighted: Mean | None
    scored: int
    roc_auc: Area | None
    pr_auc: Area | None
    log_loss: float | None
    brier: float | None
    reliability: Reliability | None
    regression: Regression
    estimate: Estimate
    estimated_roc_auc: Area | None
    gap: Gap


def is_binary(classes: Classes, positive: int | None) -> bool:
    """Return whether scores are those of a positive class, and not each class's own."""
    return len(classes.names) == 2 and positive in {0, 1}


def figures(tally: Tally, classes: Classes, positive: int | None) -> Figures:
    """Return all figures of a tally.

    Parameters
    ----------
    tally : Tally
    classes : Classes
    positive : int or None
        Slot of the positive class.
    """
    binary = is_binary(classes, positive)
    cells = tally.outcomes
    scored = int(tally.scores.sum())
    seen = cells.sum(axis=0) + cells.sum(axis=1)
    return Figures(
        overall=performance(cells, positive),
        per_class={name: class_scores(cells, slot) for slot, name in classes.slots if seen[slot]},
        macro=macro(cells),
        weighted=weighted(cells),
        scored=scored,
        roc_auc=roc_auc(tally.scores) if binary else None,
        pr_auc=pr_auc(tally.scores) if binary else None,
        log_loss=float(tally.losses[0]) / scored if scored else None,
        brier=float(tally.losses[1]) / scored if scored else None,
        reliability=reliability(by_reliability(tally.scores[1]), by_reliability(tally.scores.sum(axis=0)), tally.said),
        regression=regression(tally.errors, int(tally.numbers[0]), int(tally.numbers[1])),
        estimate=estimate(tally.estimated, tally.doubt, positive if binary else None),
        estimated_roc_auc=roc_auc(tally.estimated_bins) if binary else None,
        gap=gap(tally.scored, tally.expected, positive if binary else None),
    )
