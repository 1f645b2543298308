"""Alerts of performance: with labels, before them, and of calls."""

from __future__ import annotations

from ml_models import catalog
from ml_models.catalog import Metric
from ml_models.mixin.alerts.alert import Alert
from ml_models.mixin.alerts.parts import COUNT, RATIO, TIME, graded, looked_up
from ml_models.mixin.names import MODEL, RuleSettings
from ml_models.mixin.promql import last, text


def performance(settings: RuleSettings) -> tuple[Alert, ...]:
    """Return the alerts of performance."""
    return (
        _accuracy(settings),
        *(_figure(settings, *each) for each in _FIGURES),
        _estimated(settings),
        *_gap(settings),
        _labels(settings),
        _latency(settings),
        _throughput(settings),
    )


#: Name, metric, its limit, and what to look at first.
_FIGURES = (
    ("Precision", catalog.PRECISION, "precision_min", "at what is wrongly taken for positive"),
    ("Recall", catalog.RECALL, "recall_min", "at the positives that are missed"),
    ("F1", catalog.F1, "f1_min", "whether precision or recall has fallen"),
)


def _figure(settings: RuleSettings, figure: str, metric: Metric, signal: str, look: str) -> Alert:
    """Return the alert of a figure as the replicas have it: of the positive class, or the mean over classes."""
    names = settings.names
    threshold = names.threshold(signal)
    return Alert(
        name=f"MLModel{figure}Low",
        severity="critical",
        expr=text(f"""
            (
              avg by (model) ({last(metric, settings.lookback)})
                < on (model) {threshold}
            )
              unless on (model)
            (
              {names.outcomes}
                < on (model) {names.threshold("labels_min")}
            )"""),
        summary=f"{figure} of model {{{{ $labels.model }}}} is {{{{ $value | humanizePercentage }}}}",
        description=f"{figure} is {{{{ $value | humanizePercentage }}}}, with "
        f"{looked_up(names.outcomes, COUNT)} labels over {settings.window}, threshold "
        f"{looked_up(threshold, RATIO)}. First look {look}, and whether features or labels drift at the same time; "
        "then decide on the decision threshold, on rolling back or on retraining.",
        for_=settings.for_,
        keep_firing_for=settings.for_,
        category="performance",
        tier="performance",
    )


def _estimated(settings: RuleSettings) -> Alert:
    names = settings.names
    threshold = names.threshold("accuracy_min")
    rows = names.increase(MODEL, catalog.ESTIMATED_OUTCOMES)
    return Alert(
        name="MLEstimatedAccuracyLow",
        severity="warning",
        # The whole interval is below.
        expr=text(f"""
            (
              {names.figure(catalog.ESTIMATED_ACCURACY, "ratio")}
                and on (model)
              ({names.figure(catalog.ESTIMATED_ACCURACY, "high")} < on (model) {threshold})
            )
              unless on (model)
            (
              {rows}
                < on (model) {names.threshold("samples_min")}
            )"""),
        summary="Accuracy of model {{ $labels.model }} is expected to be {{ $value | humanizePercentage }}",
        description=f"Of the predictions over {settings.window}, {{{{ $value | humanizePercentage }}}} are right if "
        f"the model's probabilities are, threshold {looked_up(threshold, RATIO)}; labels are not needed for it. First "
        "see which features have drifted to where the model is unsure; then wait for labels, or retrain.",
        for_=settings.for_,
        keep_firing_for=settings.for_,
        category="performance",
        tier="performance",
    )


#: Parts of accuracy that labels may cost against what probabilities promise; and what is critical.
_LOSS, _LARGE_LOSS = 0.02, 0.1


def _gap(settings: RuleSettings) -> tuple[Alert, Alert]:
    """Twice the noise, as many windows are looked at; and a loss that matters, as with many labels any is real."""
    names = settings.names
    loss = f"(-{names.figure(catalog.ACCURACY_GAP)})"
    noise = names.figure(catalog.ACCURACY_GAP_NOISE)
    few = f"({names.outcomes} < on (model) {names.threshold('labels_min')})"
    warning, critical = (
        f"(({loss} > {at_least}) > on (model) (2 * {noise})) unless on (model) {few}"
        for at_least in (_LOSS, _LARGE_LOSS)
    )
    return graded(
        settings,
        Alert(
            name="MLConceptDrift",
            severity="warning",
            expr="",
            summary="Accuracy of model {{ $labels.model }} is {{ $value | humanizePercentage }} below what its "
            "probabilities promise",
            description=f"Of the labels over {settings.window}, {{{{ $value | humanizePercentage }}}} fewer are right "
            f"than expected, threshold {_LOSS:.0%} (critical {_LARGE_LOSS:.0%}) and twice what chance gives: what is "
            "to be predicted has probably changed. First see whether labels are right and complete; then retrain.",
            for_=settings.for_,
            category="performance",
            tier="performance",
        ),
        warning=warning,
        critical=critical,
    )


def _labels(settings: RuleSettings) -> Alert:
    threshold = settings.names.threshold("label_age_seconds_max")
    # 0 is before the first label: since when to wait for it is not known.
    newest = f"(max by (model) ({last(catalog.LABEL_LAST_TIMESTAMP, settings.lookback)}) > 0)"
    return Alert(
        name="MLLabelsStopped",
        severity="warning",
        expr=text(f"""
            (time() - {newest})
              > on (model) {threshold}"""),
        summary="No label has come for model {{ $labels.model }} in {{ $value | humanizeDuration }}",
        description="The last label was joined {{ $value | humanizeDuration }} ago, threshold "
        f"{looked_up(threshold, TIME)}; performance is that of before, or not known. First look at the job that "
        "delivers labels, then whether they find their predictions.",
        for_=settings.for_,
        keep_firing_for=settings.serving_for,
        category="performance",
        tier="label_coverage",
    )


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


def _throughput(settings: RuleSettings) -> Alert:
    names = settings.names
    least = names.threshold("throughput_ratio_min")
    return Alert(
        name="MLThroughputLow",
        severity="warning",
        expr=text(f"""
            (
              {names.hourly_rate}
                < on (model)
              ({names.usual_rate} * on (model) {least})
            )
              and on (model)
            ({names.usual_rate} > {FEWEST_AN_HOUR / 3600:.4g})"""),
        summary="Model {{ $labels.model }} predicts {{ $value | humanize }} rows a second, far fewer than usual",
        description="In the last hour {{ $value | humanize }} rows a second were predicted, at this hour usually "
        f"{looked_up(names.usual_rate, 'humanize')} or more; threshold {looked_up(least, RATIO)} of that. First see "
        "whether fewer calls come or calls take longer; then look at callers, or at latency and CPU.",
        for_=settings.for_,
        keep_firing_for=settings.serving_for,
        category="performance",
    )


#: Rows an hour below which chance alone halves them easily.
FEWEST_AN_HOUR = 100
