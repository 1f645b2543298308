"""The alerts: one list that the rule file, the inhibition, the tests and the runbooks follow.

Thresholds are not written into the rules: they are exported by the model (``ml_alert_threshold``), so changing one
needs no new rule file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ml_models import catalog
from ml_models.mixin.names import RuleSettings
from ml_models.mixin.promql import duration, last, max_by, seconds, text

Severity = Literal["critical", "warning", "info", "none"]
#: Whom an alert concerns; routes can go by it.
Category = Literal["performance", "data", "system", "security"]
#: Where in the chain from cause to effect an alert stands; the earlier mutes the later of the same model. Empty for
#: what neither explains nor is explained by another.
Tier = Literal["schema", "quality", "dataset_drift", "drift", "label_coverage", "performance", ""]

WATCHDOG = "MLWatchdog"
EXPORTER_DOWN = "MLExporterDown"
EXPORTER_ABSENT = "MLExporterAbsent"

_PER_MODEL = "on (model) group_left ()"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule.

    Parameters
    ----------
    name : str
        CamelCase with the prefix ``ML``; also the name of its runbook.
    severity : {'critical', 'warning', 'none'}
        Decides on the route.
    expr : str
        PromQL.
    summary : str
        One line with the value, as a Prometheus template.
    description : str
        The value against its threshold and what to do first, as a Prometheus template.
    for_, keep_firing_for : str
        How long it must hold before it fires, and is kept firing after it has ended.
    about_model : bool
        Whether it tells of a model; such alerts are muted while the model's exporters are down.
    category : {'performance', 'data', 'system', 'security'}
        A label of the alert.
    tier : str
        Its place in the chain from cause to effect, which decides on what mutes it; see
        :mod:`ml_models.mixin.inhibition`.
    annotations : mapping of str to str
        Further ones, as Prometheus templates.
    dashboard : str
        What follows the dashboard's address, as a Prometheus template.
    """

    name: str
    severity: Severity
    expr: str
    summary: str
    description: str
    for_: str = "0s"
    keep_firing_for: str = "0s"
    about_model: bool = True
    category: Category = "system"
    tier: Tier = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    dashboard: str = "{{ with $labels.model }}?var-model={{ . | urlquery }}{{ end }}"


def alerts(settings: RuleSettings) -> tuple[Alert, ...]:
    """Return all alerts, the more urgent of two severities first.

    Examples
    --------
    >>> sorted({alert.name for alert in alerts(RuleSettings()) if alert.severity == "critical"})
    ['MLExporterAbsent', 'MLExporterDown', 'MLFeatureDrift', 'MLModelAccuracyLow', 'MLPredictionErrors']
    """
    return (*_drift(settings), _accuracy(settings), *_serving(settings), *_watched(settings), *_exporter(settings))


#: How values are shown, as functions of Prometheus templates.
_SCORE = 'printf "%.3g"'
_COUNT = 'printf "%.0f"'
_RATIO = "humanizePercentage"
_TIME = "humanizeDuration"


def _looked_up(series: str, shown: str) -> str:
    """Return a template that prints the model's value of another series; ``%q`` keeps odd model names intact."""
    name, _, matchers = series.rstrip("}").partition("{")
    selector = f"{name}{{{','.join(filter(None, ('model=%q', matchers)))}}}"
    return f"{{{{ with printf `{selector}` $labels.model | query }}}}{{{{ . | first | value | {shown} }}}}{{{{ end }}}}"


def _top_features(score: str) -> str:
    """Return a template that names the model's features that drift most; the same for all alerts of the model."""
    name, _, matchers = score.rstrip("}").partition("{")
    query = f"sort_desc(topk(5, {name}{{model=%q,{matchers}}}))"
    each = f"{{{{ $f.Labels.feature }}}} ({{{{ $f.Value | {_SCORE} }}}})"
    comma = "{{ if $i }}, {{ end }}"
    return f"{{{{ range $i, $f := printf `{query}` $labels.model | query }}}}{comma}{each}{{{{ end }}}}"


def _handover(settings: RuleSettings) -> str:
    """Return how long both severities of an alert are kept firing.

    The severities exclude each other, so each ends when the other one begins to wait for its ``for``. Kept firing
    a little longer than that, it hands over without a false RESOLVED in between.
    """
    return duration(seconds(settings.for_) + 5 * seconds(settings.interval))


def _drift(settings: RuleSettings) -> tuple[Alert, Alert]:
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
                  > {_PER_MODEL} {critical}"""),
        ),
        (
            "warning",
            "has drifted",
            warning,
            text(f"""
                (
                  {score}
                    > {_PER_MODEL} {warning}
                )
                  unless
                (
                  {score}
                    > {_PER_MODEL} {critical}
                )"""),
        ),
    )
    strong, mild = (
        Alert(
            name="MLFeatureDrift",
            severity=severity,
            expr=expr,
            summary=f"{subject} {verdict}: PSI {{{{ $value | {_SCORE} }}}}",
            description=f"PSI over {settings.window} is {{{{ $value | {_SCORE} }}}}, {severity} threshold "
            f"{_looked_up(threshold, _SCORE)}. {first}",
            for_=settings.for_,
            keep_firing_for=_handover(settings),
            category="data",
            tier="drift",
            annotations={"top_features": _top_features(score)},
            dashboard="?var-model={{ $labels.model | urlquery }}&var-feature={{ $labels.feature | urlquery }}",
        )
        for severity, verdict, threshold, expr in expressions
    )
    return strong, mild


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
        f"{_looked_up(names.outcomes, _COUNT)} labels, threshold {_looked_up(threshold, _RATIO)}. First look at which "
        "classes are confused and whether features drift at the same time; then decide on rolling back or retraining.",
        for_=settings.for_,
        keep_firing_for=settings.for_,
        category="performance",
        tier="performance",
    )


def _serving(settings: RuleSettings) -> tuple[Alert, ...]:
    names, window = settings.names, settings.serving_window
    errors_max, latency_max, memory_max = (
        names.threshold(signal) for signal in ("error_ratio_max", "latency_seconds_max", "memory_ratio_max")
    )
    return (
        Alert(
            name="MLPredictionErrors",
            severity="critical",
            expr=text(f"""
                {names.error_ratio}
                  > on (model) {errors_max}"""),
            summary="{{ $value | humanizePercentage }} of the prediction calls of model {{ $labels.model }} fail",
            description=f"{{{{ $value | humanizePercentage }}}} of the calls over {window} raised, threshold "
            f"{_looked_up(errors_max, _RATIO)}. First read the exception's class "
            "and traceback on the dashboard or the exporter's page; roll back if it began with a deployment.",
            for_=settings.serving_for,
            keep_firing_for=settings.serving_for,
        ),
        Alert(
            name="MLPredictionLatencyHigh",
            severity="warning",
            expr=text(f"""
                {names.latency("p95")}
                  > on (model) {latency_max}"""),
            summary="95 % of the calls of model {{ $labels.model }} take up to {{ $value | humanizeDuration }}",
            description=f"The 95th percentile of the latency over {window} is {{{{ $value | humanizeDuration }}}}, "
            f"threshold {_looked_up(latency_max, _TIME)}. First compare the "
            "call rate, the batch size and CPU and memory on the dashboard; add replicas if the load has grown.",
            for_=settings.serving_for,
            keep_firing_for=settings.serving_for,
            category="performance",
        ),
        Alert(
            name="MLMemoryHigh",
            severity="warning",
            expr=text(f"""
                {max_by(("model", "instance"), catalog.SYSTEM_MEMORY.name)}
                  > {_PER_MODEL} {memory_max}"""),
            summary="Memory of {{ $labels.instance }} (model {{ $labels.model }}) is "
            "{{ $value | humanizePercentage }} full",
            description="Memory in use is {{ $value | humanizePercentage }} of the limit, threshold "
            f"{_looked_up(memory_max, _RATIO)}. First see whether it grows "
            "steadily (a leak: restart, then find it) or with the load (raise the limit or add replicas).",
            for_=settings.serving_for,
            keep_firing_for=settings.serving_for,
        ),
    )


def _watched(settings: RuleSettings) -> tuple[Alert, ...]:
    names = settings.names
    rejected_max, age_max = names.threshold("rejected_files_max"), names.threshold("data_age_seconds_max")
    files, newest = (last(metric, settings.lookback) for metric in (catalog.WATCH_FILES, catalog.WATCH_NEWEST))
    rejected = files.replace("[", '{state="rejected"}[')
    return (
        Alert(
            name="MLDataFileRejected",
            category="data",
            severity="warning",
            expr=text(f"""
                {max_by(("model",), rejected)}
                  > on (model) {rejected_max}"""),
            summary="{{ $value }} files of {{ $labels.model }} cannot be read and are not counted",
            description=f"{{{{ $value }}}} files are set aside, threshold {_looked_up(rejected_max, _COUNT)}; all "
            "others are still counted. First read in the data monitor's log which files and why; write them again, or "
            "move them away.",
            for_=settings.serving_for,
            keep_firing_for=settings.serving_for,
        ),
        Alert(
            name="MLDataStale",
            category="data",
            severity="warning",
            expr=text(f"""
                (time() - {max_by(("model",), newest)})
                  > on (model) {age_max}"""),
            summary="The newest data of {{ $labels.model }} are {{ $value | humanizeDuration }} old",
            description="The newest row that was counted is {{ $value | humanizeDuration }} old, threshold "
            f"{_looked_up(age_max, _TIME)}. First see whether data still come and whether readings succeed; then look "
            "at the job that writes them.",
            for_=settings.serving_for,
            keep_firing_for=settings.serving_for,
        ),
        Alert(
            name="MLDataReadFailing",
            category="data",
            severity="warning",
            expr=f"min by (model, instance) ({catalog.WATCH_RUN_SUCCESS.name}) == 0",
            summary="The data of {{ $labels.model }} cannot be read",
            description="The last reading by {{ $labels.instance }} failed. First read in its log or at its /readyz "
            "why: the folder is gone or forbidden, or the checkpoint cannot be written.",
            for_=settings.serving_for,
            keep_firing_for=settings.serving_for,
            about_model=False,
        ),
    )


def _exporter(settings: RuleSettings) -> tuple[Alert, ...]:
    names, up = settings.names, f"up{{job={catalog.quote(settings.job)}}}"
    down = f"{names.instances} * on (job, instance) group_left () {up} == 0"
    held = settings.down_for
    first = (
        "First see whether the process runs and answers on /healthz, then whether Prometheus reaches it (page Targets)."
    )
    return (
        # The models that an instance had served are joined in, so that the alert names them and mutes theirs.
        Alert(
            name=EXPORTER_DOWN,
            severity="critical",
            expr=text(f"""
                (
                  {down}
                    unless on (model)
                  {names.replicas_up} > 0
                )
                  or
                (
                  {up} == 0
                    unless on (job, instance)
                  {names.instances}
                )"""),
            summary="Exporter {{ $labels.instance }} is down"
            "{{ with $labels.model }}: model {{ . }} is not monitored{{ end }}",
            description=f"Prometheus could not scrape {{{{ $labels.instance }}}} for {settings.down_for}"
            f"{{{{ with $labels.model }}}}, nor any other replica of model {{{{ . }}}}{{{{ end }}}}. {first}",
            for_=held,
            keep_firing_for=held,
            about_model=False,
        ),
        Alert(
            name=EXPORTER_DOWN,
            severity="warning",
            expr=text(f"""
                {down}
                  and on (model)
                {names.replicas_up} > 0"""),
            summary="Exporter {{ $labels.instance }}, a replica of model {{ $labels.model }}, is down",
            description=f"Prometheus could not scrape {{{{ $labels.instance }}}} for {settings.down_for}; other "
            f"replicas of model {{{{ $labels.model }}}} are still monitored. {first}",
            for_=held,
            keep_firing_for=held,
            about_model=False,
        ),
        Alert(
            name=EXPORTER_ABSENT,
            severity="critical",
            expr=f"absent({up})",
            summary=f"Prometheus knows no target of job {settings.job}: no model is monitored",
            description=f"Job {settings.job} has had no target for {settings.down_for}. First check the target files "
            "or the service discovery that prometheus.yml names.",
            dashboard="",
            for_=held,
            keep_firing_for=held,
            about_model=False,
        ),
        Alert(
            name=WATCHDOG,
            severity="none",
            expr="vector(1)",
            summary="Always firing: shows that alerting works from end to end",
            description="Route it to a dead man's switch outside of this system, which notifies when it stops coming.",
            about_model=False,
            dashboard="",
        ),
    )
