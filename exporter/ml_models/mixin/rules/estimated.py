"""Rules of performance before labels, and of the gap to it once they have come."""

from __future__ import annotations

from ml_models import catalog
from ml_models.mixin.names import CLASS, MODEL, OUTCOME_BIN, PREDICTED, RuleSettings
from ml_models.mixin.promql import sum_by, text
from ml_models.mixin.rules.parts import Counter, Rule, pooled
from ml_models.mixin.rules.performance import confusion
from ml_models.mixin.rules.scores import roc_auc
from ml_models.stats.intervals import Z95

_GAP = (catalog.SCORED_OUTCOMES, catalog.SCORED_RIGHT, catalog.SCORED_EXPECTED, catalog.SCORED_DOUBT)
_OTHERS: tuple[Counter, ...] = (
    (PREDICTED, catalog.ESTIMATED_DOUBT),
    (OUTCOME_BIN, catalog.ESTIMATED_SCORE_OUTCOMES),
    (OUTCOME_BIN, catalog.ESTIMATED_SCORE_OUTCOMES_ABOVE),
    *((PREDICTED, metric) for metric in _GAP),
)

_ESTIMATED = (
    catalog.ESTIMATED_ACCURACY, catalog.ESTIMATED_PRECISION, catalog.ESTIMATED_RECALL, catalog.ESTIMATED_F1,
)  # fmt: skip


def rules(settings: RuleSettings) -> tuple[Rule, ...]:
    """Return the rules of estimates."""
    names = settings.names
    accuracy, rows = (
        names.figure(catalog.ESTIMATED_ACCURACY, "ratio"),
        names.increase(MODEL, catalog.ESTIMATED_OUTCOMES),
    )
    doubt = sum_by(MODEL, names.increase(PREDICTED, catalog.ESTIMATED_DOUBT))
    half = f"{Z95} * sqrt({doubt}) / ({rows} > 0)"
    return (
        *confusion(settings, catalog.ESTIMATED_OUTCOMES, _ESTIMATED),
        *(pooled(settings, labels, metric) for labels, metric in _OTHERS),
        Rule(names.figure(catalog.ESTIMATED_ACCURACY, "low"), f"clamp_min({accuracy} - {half}, 0)"),
        Rule(names.figure(catalog.ESTIMATED_ACCURACY, "high"), f"clamp_max({accuracy} + {half}, 1)"),
        roc_auc(
            names,
            catalog.ESTIMATED_ROC_AUC,
            catalog.ESTIMATED_SCORE_OUTCOMES,
            catalog.ESTIMATED_SCORE_OUTCOMES_ABOVE,
        ),
        *_gaps(settings),
    )


def _gaps(settings: RuleSettings) -> tuple[Rule, ...]:
    """Return the rules of realised less expected performance, of the same labelled rows."""
    names = settings.names
    cells = [names.increase(PREDICTED, metric) for metric in _GAP]
    rows, right, expected, doubt = (sum_by(MODEL, one) for one in cells)
    of_class, hits, likely, _ = (
        sum_by(CLASS, f'label_replace({one}, "class", "$1", "predicted", "(.*)")') for one in cells
    )
    # Of two classes, what was wrongly given to the other one is what this one misses. Of more this is not known.
    two = "and on (model) (count by (model) ({rows}) == 2)"
    only = two.format(rows=cells[0])

    def missed(correct: str) -> str:
        wrong = f"({rows} - sum by (model) ({correct}))"
        return f"({wrong} - on (model) group_right () ({of_class} - {correct}))"

    def recall(correct: str) -> str:
        return f"{correct} / (({correct} + {missed(correct)}) > 0)"

    def f1(correct: str) -> str:
        return f"2 * {correct} / (({correct} + {missed(correct)} + {of_class}) > 0)"

    return (
        Rule(names.figure(catalog.ACCURACY_GAP), f"({right} - {expected}) / ({rows} > 0)"),
        Rule(names.figure(catalog.ACCURACY_GAP_NOISE), f"{Z95} * sqrt({doubt}) / ({rows} > 0)"),
        Rule(names.gap(catalog.PRECISION), f"({hits} - {likely}) / ({of_class} > 0)"),
        *(
            Rule(
                names.gap(metric),
                text(f"""
                    (
                      {score(hits)}
                        -
                      {score(likely)}
                    )
                      {only}"""),
            )
            for metric, score in ((catalog.RECALL, recall), (catalog.F1, f1))
        ),
    )
