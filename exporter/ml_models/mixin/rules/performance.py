"""Rules of confusion: accuracy, and precision, recall and F1 per class, macro and weighted, with intervals."""

from __future__ import annotations

from ml_models import catalog
from ml_models.catalog import Metric
from ml_models.mixin.names import CELL, CLASS, MODEL, RuleSettings
from ml_models.mixin.promql import sum_by, text
from ml_models.mixin.rules.parts import Rule, pooled
from ml_models.stats.intervals import Z95

#: Accuracy, precision, recall and F1.
Scores = tuple[Metric, Metric, Metric, Metric]
_REALISED: Scores = (catalog.ACCURACY, catalog.PRECISION, catalog.RECALL, catalog.F1)


def rules(settings: RuleSettings) -> tuple[Rule, ...]:
    """Return the rules of realised performance."""
    names = settings.names
    actual, predicted = (names.by_class(catalog.OUTCOMES, side) for side in ("actual", "predicted"))
    _, precision, recall, _ = _REALISED
    return (
        *confusion(settings, catalog.OUTCOMES, _REALISED, catalog.OUTCOMES_RETRACTED),
        *wilson(names.accuracy, names.outcomes, names.figure(catalog.ACCURACY, "{end}")),
        *wilson(names.per_class(precision), predicted, names.per_class(precision, "{end}")),
        *wilson(names.per_class(recall), actual, names.per_class(recall, "{end}")),
    )


def confusion(
    settings: RuleSettings, metric: Metric, scores: Scores, retracted: Metric | None = None
) -> tuple[Rule, ...]:
    """Return the rules of the scores of confusion cells, counted or expected, without what was taken back of them."""
    names = settings.names
    cells, total = names.increase(CELL, metric), names.increase(MODEL, metric)
    actual, predicted, correct = (names.by_class(metric, side) for side in ("actual", "predicted", "correct"))
    accuracy, precision, recall, f1 = scores
    return (
        pooled(settings, CELL, metric, retracted),
        Rule(total, sum_by(MODEL, cells)),
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
            names.figure(accuracy, "ratio"),
            text(f"""
                sum by (model) ({correct})
                  /
                ({total} > 0)"""),
        ),
        Rule(names.per_class(precision), f"{correct} / ({predicted} > 0)"),
        Rule(names.per_class(recall), f"{correct} / ({actual} > 0)"),
        Rule(
            names.per_class(f1),
            text(f"""
                2 * {correct}
                  /
                (({actual} + {predicted}) > 0)"""),
        ),
        *(
            # F1 is defined for exactly the classes that occur; one that is never predicted counts 0 in the mean.
            Rule(
                names.macro(score),
                text(f"""
                    sum by (model) ({names.per_class(score)})
                      /
                    count by (model) ({names.per_class(f1)})"""),
            )
            for score in (precision, recall, f1)
        ),
        *(
            Rule(
                names.weighted(score),
                text(f"""
                    sum by (model) ({names.per_class(score)} * {actual})
                      /
                    ({total} > 0)"""),
            )
            for score in (precision, recall, f1)
        ),
    )


def wilson(ratio: str, trials: str, name: str) -> tuple[Rule, Rule]:
    """Return the rules of both ends of Wilson's interval; ``name`` holds ``{end}``, which is ``low`` or ``high``."""
    low, high = (
        Rule(
            name.format(end=end),
            text(f"""
                (
                  {ratio} + {Z95**2 / 2} / ({trials} > 0) {sign} {Z95} * sqrt(clamp_min(
                    {ratio} * (1 - {ratio}) / ({trials} > 0) + {Z95**2 / 4} / ({trials} > 0) ^ 2, 0))
                ) / (1 + {Z95**2} / ({trials} > 0))"""),
        )
        for end, sign in (("low", "-"), ("high", "+"))
    )
    return low, high
