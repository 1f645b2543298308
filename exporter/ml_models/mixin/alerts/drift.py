"""Alerts of drift: of features, of the data as a whole, of predictions and of labels."""

from __future__ import annotations

from ml_models.mixin.alerts.alert import Alert, Severity
from ml_models.mixin.alerts.parts import PER_MODEL, RATIO, SCORE, graded, handover, looked_up, top_features
from ml_models.mixin.names import RuleSettings
from ml_models.mixin.promql import text


def drift(settings: RuleSettings) -> tuple[Alert, ...]:
    """Return the alerts of drift."""
    return (
        *_dataset(settings),
        *_features(settings),
        *_outputs(settings, "MLPredictionDrift", "prediction", "Predictions"),
        *_outputs(settings, "MLLabelDrift", "label", "Labels"),
    )


#: Judged features below which drift is told of each feature, and not of the data as a whole.
FEWEST_FEATURES = 5


def _dataset(settings: RuleSettings) -> tuple[Alert, Alert]:
    names = settings.names
    limit = names.threshold("drift_share_max")
    judged = f'count by (model) ({names.judged_psi}{{role="feature"}})'
    most = f"{names.drift_share} unless ({judged} < {FEWEST_FEATURES})"
    return graded(
        settings,
        Alert(
            name="MLDatasetDrift",
            severity="warning",
            expr="",
            summary="{{ $value | humanizePercentage }} of the features of model {{ $labels.model }} have drifted",
            description=f"{{{{ $value | humanizePercentage }}}} of the judged features have drifted over "
            f"{settings.window}, threshold {looked_up(limit, RATIO)} (critical from twice that). First ask what they "
            "have in common: a caller, a join, a deployment, a season; then see whether performance holds.",
            for_=settings.for_,
            category="data",
            tier="dataset_drift",
            annotations={"top_features": top_features(f'{names.significant_psi}{{role="feature"}}')},
        ),
        warning=f"({most}) > on (model) {limit}",
        critical=f"({most}) > on (model) (2 * {limit})",
    )


def _outputs(settings: RuleSettings, name: str, role: str, subject: str) -> tuple[Alert, Alert]:
    names = settings.names
    score = f'{names.significant_psi}{{role="{role}"}}'
    warning, critical = names.threshold("drift_warning_max"), names.threshold("drift_critical_max")
    first = {
        "prediction": "First see whether features drift too: if they do, ask what changed upstream; if none does, what "
        "changed in the model.",
        "label": "First see whether labels are complete (late ones are often of one class); then what changed in the "
        "world, and whether the model still fits it.",
    }[role]
    return graded(
        settings,
        Alert(
            name=name,
            severity="warning",
            expr="",
            summary=f"{subject} of model {{{{ $labels.model }}}} have drifted: PSI {{{{ $value | {SCORE} }}}}",
            description=f"PSI over {settings.window} is {{{{ $value | {SCORE} }}}}, thresholds "
            f"{looked_up(warning, SCORE)} and {looked_up(critical, SCORE)} (critical). {first}",
            for_=settings.for_,
            category="data",
            tier="drift",
        ),
        warning=f"{score} > {PER_MODEL} {warning}",
        critical=f"{score} > {PER_MODEL} {critical}",
    )


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
