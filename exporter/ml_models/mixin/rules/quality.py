"""Rules of quality: rows with a schema fault, and missing values that rise."""

from __future__ import annotations

from ml_models import catalog
from ml_models.mixin.names import FAULT, RuleSettings
from ml_models.mixin.promql import max_by
from ml_models.mixin.rules.parts import PER_MODEL, Rule, pooled

#: What missing values are compared with: the mean over this long before the window.
BEFORE = "1d"


def quality(settings: RuleSettings) -> tuple[Rule, ...]:
    """Return the rules of quality."""
    names = settings.names
    faults = names.increase(FAULT, catalog.SCHEMA_FAULTS)
    return (
        # A row has a cell, be it a missing one, in each feature.
        Rule(names.rows, max_by(("model",), f'{names.cells_increase}{{role="feature"}}')),
        pooled(settings, FAULT, catalog.SCHEMA_FAULTS),
        Rule(names.schema_faults, f"{faults} / {PER_MODEL} ({names.rows} > 0)"),
        Rule(
            names.missing_rise, f"{names.missing} - avg_over_time({names.missing}[{BEFORE}] offset {settings.window})"
        ),
    )
