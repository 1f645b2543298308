"""Alerts of exporters that are down or unknown, and the watchdog."""

from __future__ import annotations

from ml_models import catalog
from ml_models.mixin.alerts.alert import Alert
from ml_models.mixin.names import RuleSettings
from ml_models.mixin.promql import text

WATCHDOG = "MLWatchdog"
EXPORTER_DOWN = "MLExporterDown"
EXPORTER_ABSENT = "MLExporterAbsent"


def exporter(settings: RuleSettings) -> tuple[Alert, ...]:
    """Return the alerts of exporters."""
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
