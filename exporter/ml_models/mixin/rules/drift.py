"""Rules of drift and of missing values."""

from __future__ import annotations

import math

from ml_models import catalog
from ml_models.mixin.names import BIN, FEATURE, RuleSettings
from ml_models.mixin.promql import last, max_by, sum_by, text
from ml_models.mixin.rules.parts import PER_FEATURE, PER_MODEL, Counter, Rule, stepped
from ml_models.stats.drift import CLAMP

COUNTERS: tuple[Counter, ...] = (
    (BIN, catalog.BIN_OBSERVATIONS),
    (FEATURE, catalog.FEATURE_OBSERVATIONS),
    (FEATURE, catalog.FEATURE_MISSING),
)


def drift(settings: RuleSettings) -> tuple[Rule, ...]:
    """Return the rules of drift and missing values."""
    names, lookback = settings.names, settings.lookback
    live, reference = names.live, names.reference_aligned
    middle = f"({live} + {reference}) / 2"
    return (
        stepped(settings, BIN, catalog.BIN_OBSERVATIONS),
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
                    and {PER_FEATURE}
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
                  / {PER_FEATURE} group_left ()
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
                  unless {PER_FEATURE}
                ({names.feature_increase} < {PER_MODEL} {names.threshold("samples_min")})"""),
        ),
        Rule(
            names.significant_psi,
            text(f"""
                {names.judged_psi}
                  unless {PER_FEATURE}
                ({names.judged_psi} <= {names.noise})"""),
        ),
        # 0, not absent, where features were judged and none drifted.
        Rule(
            names.drift_share,
            text(f"""
                (
                  count by (model) (
                    {names.significant_psi}{{role="feature"}}
                      > {PER_MODEL} {names.threshold("drift_warning_max")}
                  )
                    or
                  0 * count by (model) ({names.judged_psi}{{role="feature"}})
                )
                  /
                count by (model) ({names.judged_psi}{{role="feature"}})"""),
        ),
        stepped(settings, FEATURE, catalog.FEATURE_OBSERVATIONS),
        stepped(settings, FEATURE, catalog.FEATURE_MISSING),
        Rule(
            names.missing,
            text(f"""
                {names.missing_increase}
                  /
                ({names.cells_increase} > 0)"""),
        ),
    )
