"""Rules that remember thresholds, and which replicas there are."""

from __future__ import annotations

from ml_models import catalog
from ml_models.mixin.names import INSTANCE, RuleSettings
from ml_models.mixin.promql import last, max_by, text
from ml_models.mixin.rules.parts import Rule


def thresholds(settings: RuleSettings) -> tuple[Rule, ...]:
    """Return the rules of thresholds and of replicas."""
    names = settings.names
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
