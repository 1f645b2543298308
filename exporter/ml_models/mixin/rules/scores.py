"""Rules of scores: ROC AUC with its interval, PR AUC, calibration error, log loss and Brier score."""

from __future__ import annotations

from ml_models import catalog
from ml_models.catalog import Metric
from ml_models.mixin.names import MODEL, MODEL_BIN, OUTCOME_BIN, Recorded, RuleSettings
from ml_models.mixin.promql import sum_by, text
from ml_models.mixin.rules.parts import PER_MODEL, Counter, Rule, pooled
from ml_models.stats.intervals import Z95

_COUNTERS: tuple[Counter, ...] = (
    (OUTCOME_BIN, catalog.SCORE_OUTCOMES),
    (OUTCOME_BIN, catalog.SCORE_OUTCOMES_ABOVE),
    (MODEL_BIN, catalog.CALIBRATION_OUTCOMES),
    (MODEL_BIN, catalog.CALIBRATION_POSITIVES),
    (MODEL_BIN, catalog.CALIBRATION_SCORES),
    (MODEL, catalog.LOG_LOSS_SUM),
    (MODEL, catalog.BRIER_SUM),
)


def rules(settings: RuleSettings) -> tuple[Rule, ...]:
    """Return the rules of scores."""
    names = settings.names
    counted, positives, said = (
        names.increase(MODEL_BIN, metric)
        for metric in (catalog.CALIBRATION_OUTCOMES, catalog.CALIBRATION_POSITIVES, catalog.CALIBRATION_SCORES)
    )
    rows = names.increase(MODEL, catalog.CALIBRATION_OUTCOMES)
    return (
        *(pooled(settings, labels, metric) for labels, metric in _COUNTERS),
        roc_auc(names, catalog.ROC_AUC, catalog.SCORE_OUTCOMES, catalog.SCORE_OUTCOMES_ABOVE),
        *_interval(names),
        _pr_auc(names),
        Rule(rows, sum_by(MODEL, counted)),
        Rule(names.figure(catalog.CALIBRATION_ERROR), f"sum by (model) (abs({positives} - {said})) / ({rows} > 0)"),
        Rule(names.figure(catalog.LOG_LOSS), f"{names.increase(MODEL, catalog.LOG_LOSS_SUM)} / ({rows} > 0)"),
        Rule(names.figure(catalog.BRIER), f"{names.increase(MODEL, catalog.BRIER_SUM)} / ({rows} > 0)"),
    )


def roc_auc(names: Recorded, area: Metric, each: Metric, above: Metric) -> Rule:
    """Return the rule of the area under the ROC curve; the rows of a bin are ties, which count one half."""
    positive, negative = (_of(names, each, outcome) for outcome in ("positive", "negative"))
    return Rule(
        names.figure(area),
        text(f"""
            sum by (model) (
              {negative} * ({_of(names, above, "positive")} - 0.5 * {positive})
            )
              /
            ((sum by (model) ({positive}) * sum by (model) ({negative})) > 0)"""),
    )


def _of(names: Recorded, metric: Metric, outcome: str) -> str:
    """Return the growth per bin of one outcome, without its label so that both meet."""
    return f'sum by (model, bin) ({names.increase(OUTCOME_BIN, metric)}{{outcome="{outcome}"}})'


def _interval(names: Recorded) -> tuple[Rule, ...]:
    """Return DeLong's variance, and the interval that it gives the area's log-odds."""
    area, variance = names.figure(catalog.ROC_AUC), names.figure(catalog.ROC_AUC, "variance")
    parts = []
    for outcome, other in (("positive", "negative"), ("negative", "positive")):
        rows, others = (_of(names, catalog.SCORE_OUTCOMES, one) for one in (outcome, other))
        ranked = _of(names, catalog.SCORE_OUTCOMES_ABOVE, other)
        # Share of the other class that a row of the bin is rightly above, or below.
        placed = f"({ranked} - 0.5 * {others}) / {PER_MODEL} (sum by (model) ({others}) > 0)"
        placed = f"(1 - {placed})" if outcome == "positive" else f"({placed})"
        total = f"sum by (model) ({rows})"
        parts.append(
            f"sum by (model) ({rows} * ({placed} - {PER_MODEL} {area}) ^ 2) / ({total} > 0) / clamp_min({total} - 1, 1)"
        )
    # At 0 and 1 log-odds end, and there is no interval.
    inside = f"({area} > 0 < 1)"
    odds = f"ln({inside} / (1 - {inside}))"
    half = f"{Z95} * sqrt({variance}) / ({inside} * (1 - {inside}))"
    return (
        Rule(variance, text(f"\n{parts[0]}\n  +\n{parts[1]}")),
        *(
            Rule(names.figure(catalog.ROC_AUC, end), f"1 / (1 + exp(-({odds} {sign} {half})))")
            for end, sign in (("low", "-"), ("high", "+"))
        ),
    )


def _pr_auc(names: Recorded) -> Rule:
    """Return the rule of the area under the precision-recall curve, as :func:`ml_models.stats.scores.pr_auc` has it."""
    p = _of(names, catalog.SCORE_OUTCOMES, "positive")
    n = sum_by(MODEL_BIN, names.increase(OUTCOME_BIN, catalog.SCORE_OUTCOMES))
    t = f"({_of(names, catalog.SCORE_OUTCOMES_ABOVE, 'positive')} - {p})"
    c = f"({sum_by(MODEL_BIN, names.increase(OUTCOME_BIN, catalog.SCORE_OUTCOMES_ABOVE))} - {n})"
    # An empty bin has no positives: it counts 0 whatever it is divided by.
    q = f"({p} / clamp_min({n}, 1e-9))"
    return Rule(
        names.figure(catalog.PR_AUC),
        text(f"""
            sum by (model) (
              {p} * {q}
                +
              ({t} + 0.5 - ({c} + 0.5) * {q})
                * {q}
                * ln(1 + {n} / ({c} + 0.5))
            )
              /
            (sum by (model) ({p}) > 0)"""),
    )
