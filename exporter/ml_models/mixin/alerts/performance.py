"""Alerts of performance: with labels, before them, and of calls."""

from __future__ import annotations

from ml_models.mixin.alerts.alert import Alert
from ml_models.mixin.alerts.parts import COUNT, RATIO, TIME, looked_up
from ml_models.mixin.names import RuleSettings
from ml_models.mixin.promql import text


def performance(settings: RuleSettings) -> tuple[Alert, ...]:
    """Return the alerts of performance."""
    return (_accuracy(settings), _latency(settings))


def _accuracy(settings: RuleSettings) -> Alert:
    names = settings.names
    threshold = names.threshold("accuracy_min")
    return Alert(
        name="MLModelAccuracyLow",
        severity="critical",
        # "unless" rather than "and": a minimum that is not exported must not silence the alert.
        expr=text(f"""
            (
              {names.accuracy}
                < on (model) {threshold}
            )
              unless on (model)
            (
              {names.outcomes}
                < on (model) {names.threshold("labels_min")}
            )"""),
        summary="Accuracy of model {{ $labels.model }} is {{ $value | humanizePercentage }}",
        description=f"Accuracy over {settings.window} is {{{{ $value | humanizePercentage }}}} of "
        f"{looked_up(names.outcomes, COUNT)} labels, threshold {looked_up(threshold, RATIO)}. First look at which "
        "classes are confused and whether features drift at the same time; then decide on rolling back or retraining.",
        for_=settings.for_,
        keep_firing_for=settings.for_,
        category="performance",
        tier="performance",
    )


def _latency(settings: RuleSettings) -> Alert:
    names, window = settings.names, settings.serving_window
    latency_max = names.threshold("latency_seconds_max")
    return Alert(
        name="MLPredictionLatencyHigh",
        severity="warning",
        expr=text(f"""
            {names.latency("p95")}
              > on (model) {latency_max}"""),
        summary="95 % of the calls of model {{ $labels.model }} take up to {{ $value | humanizeDuration }}",
        description=f"The 95th percentile of the latency over {window} is {{{{ $value | humanizeDuration }}}}, "
        f"threshold {looked_up(latency_max, TIME)}. First compare the "
        "call rate, the batch size and CPU and memory on the dashboard; add replicas if the load has grown.",
        for_=settings.serving_for,
        keep_firing_for=settings.serving_for,
        category="performance",
    )
