"""Rules of rates, errors and latency."""

from __future__ import annotations

from ml_models import catalog
from ml_models.mixin.names import MODEL, QUANTILES, RuleSettings
from ml_models.mixin.promql import rate, sum_by, text
from ml_models.mixin.rules.parts import Rule


def serving(settings: RuleSettings) -> tuple[Rule, ...]:
    """Return the rules of rates, errors and latency."""
    names, window = settings.names, settings.serving_window
    return (
        Rule(names.predictions_rate, sum_by(MODEL, rate(catalog.PREDICTIONS, window))),
        Rule(names.calls_rate, sum_by(MODEL, rate(catalog.PREDICTION_DURATION, window, "_count"))),
        # An exception class has no series before its first error: a model that never failed has a rate of 0.
        Rule(
            names.errors_rate,
            text(f"""
                {sum_by(MODEL, rate(catalog.PREDICTION_ERRORS, window))}
                  or
                0 * {names.calls_rate}"""),
        ),
        Rule(names.error_ratio, f"{names.errors_rate} / ({names.calls_rate} > 0)"),
        Rule(names.latency_buckets, sum_by(("model", "le"), rate(catalog.PREDICTION_DURATION, window, "_bucket"))),
        *(
            Rule(
                names.latency(name),
                text(f"""
                    histogram_quantile({quantile}, {names.latency_buckets})
                      and on (model)
                    ({names.calls_rate} > 0)"""),
            )
            for name, quantile in QUANTILES.items()
        ),
    )
