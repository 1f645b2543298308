"""Alerts of drift: of features, of the data as a whole, of predictions and of labels."""

from __future__ import annotations

from ml_models.mixin.alerts.alert import Alert, Severity
from ml_models.mixin.alerts.parts import PER_MODEL, SCORE, handover, looked_up, top_features
from ml_models.mixin.names import RuleSettings
from ml_models.mixin.promql import text


def drift(settings: RuleSettings) -> tuple[Alert, ...]:
    """Return the alerts of drift."""
    return (*_features(settings),)


def _features(settings: RuleSettings) -> tuple[Alert, Alert]:
    names = settings.names
    score = f'{names.significant_psi}{{role="feature"}}'
    warning, critical = names.threshold("drift_warning_max"), names.threshold("drift_critical_max")
    subject = "Feature {{ $labels.feature }} of model {{ $labels.model }}"
    first = (
        "First compare the feature's live and reference bins on the dashboard, then ask what changed upstream: "
        "source, unit, encoding, or the population."
    )
    expressions: tuple[tuple[Severity, str, str, str], ...] = (
        (
            "critical",
            "has drifted strongly",
            critical,
            text(f"""
                {score}
                  > {PER_MODEL} {critical}"""),
        ),
        (
            "warning",
            "has drifted",
            warning,
            text(f"""
                (
                  {score}
                    > {PER_MODEL} {warning}
                )
                  unless
                (
                  {score}
                    > {PER_MODEL} {critical}
                )"""),
        ),
    )
    strong, mild = (
        Alert(
            name="MLFeatureDrift",
            severity=severity,
            expr=expr,
            summary=f"{subject} {verdict}: PSI {{{{ $value | {SCORE} }}}}",
            description=f"PSI over {settings.window} is {{{{ $value | {SCORE} }}}}, {severity} threshold "
            f"{looked_up(threshold, SCORE)}. {first}",
            for_=settings.for_,
            keep_firing_for=handover(settings),
            category="data",
            tier="drift",
            annotations={"top_features": top_features(score)},
            dashboard="?var-model={{ $labels.model | urlquery }}&var-feature={{ $labels.feature | urlquery }}",
        )
        for severity, verdict, threshold, expr in expressions
    )
    return strong, mild
