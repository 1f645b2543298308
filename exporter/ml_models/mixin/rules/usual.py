"""Rules of what is usual, as far back as there is history: traffic at this time of day, failed calls."""

from __future__ import annotations

from ml_models import catalog
from ml_models.mixin.names import MODEL, RuleSettings
from ml_models.mixin.promql import rate, sum_by, text
from ml_models.mixin.rules.parts import Rule

#: The days before that are compared with, and how many of them must be known.
DAYS = (1, 2, 3, 7)
FEWEST_DAYS = 2


def usual(settings: RuleSettings) -> tuple[Rule, ...]:
    """Return the rules of what is usual."""
    names = settings.names
    days = " or ".join(f'label_replace({names.hourly_rate} offset {day}d, "day", "{day}", "", "")' for day in DAYS)
    return (
        Rule(names.hourly_rate, sum_by(MODEL, rate(catalog.PREDICTIONS, "1h"))),
        # The least of several days: neither a weekend nor one loud day makes today look quiet.
        Rule(
            names.usual_rate,
            text(f"""
                min by (model) ({days})
                  and
                count by (model) ({days}) >= {FEWEST_DAYS}"""),
        ),
        # Up to an hour ago, so that what is spiking is not yet part of what is usual.
        Rule(
            names.usual_errors,
            text(f"""
                avg_over_time({names.errors_rate}[1d] offset 1h)
                  /
                (avg_over_time({names.calls_rate}[1d] offset 1h) > 0)"""),
        ),
    )
