"""Alerts of what the model runs on: failing calls, resources, restarts, health checks."""

from __future__ import annotations

from ml_models import catalog
from ml_models.mixin.alerts.alert import Alert
from ml_models.mixin.alerts.parts import PER_MODEL, RATIO, REPLICA, graded, looked_up
from ml_models.mixin.names import RuleSettings
from ml_models.mixin.promql import max_by, text


def system(settings: RuleSettings) -> tuple[Alert, ...]:
    """Return the alerts of the system."""
    return (_errors(settings), _memory(settings), _cpu(settings), *_disk(settings))


def _errors(settings: RuleSettings) -> Alert:
    names, window = settings.names, settings.serving_window
    errors_max = names.threshold("error_ratio_max")
    return Alert(
        name="MLPredictionErrors",
        severity="critical",
        expr=text(f"""
            {names.error_ratio}
              > on (model) {errors_max}"""),
        summary="{{ $value | humanizePercentage }} of the prediction calls of model {{ $labels.model }} fail",
        description=f"{{{{ $value | humanizePercentage }}}} of the calls over {window} raised, threshold "
        f"{looked_up(errors_max, RATIO)}. First read the exception's class "
        "and traceback on the dashboard or the exporter's page; roll back if it began with a deployment.",
        for_=settings.serving_for,
        keep_firing_for=settings.serving_for,
    )


def _memory(settings: RuleSettings) -> Alert:
    memory_max = settings.names.threshold("memory_ratio_max")
    return Alert(
        name="MLMemoryHigh",
        severity="warning",
        expr=text(f"""
            {max_by(("model", "instance"), catalog.SYSTEM_MEMORY.name)}
              > {PER_MODEL} {memory_max}"""),
        summary=f"Memory of {REPLICA} is {{{{ $value | humanizePercentage }}}} full",
        description="Memory in use is {{ $value | humanizePercentage }} of the limit, threshold "
        f"{looked_up(memory_max, RATIO)}. First see whether it grows "
        "steadily (a leak: restart, then find it) or with the load (raise the limit or add replicas).",
        for_=settings.serving_for,
        keep_firing_for=settings.serving_for,
    )


def _cpu(settings: RuleSettings) -> Alert:
    limit = settings.names.threshold("cpu_ratio_max")
    return Alert(
        name="MLCpuHigh",
        severity="warning",
        expr=text(f"""
            {max_by(("model", "instance"), catalog.SYSTEM_CPU.name)}
              > {PER_MODEL} {limit}"""),
        summary=f"CPU of {REPLICA} is {{{{ $value | humanizePercentage }}}} in use",
        description="CPU in use is {{ $value | humanizePercentage }} of the limit, threshold "
        f"{looked_up(limit, RATIO)}. First see whether the load has grown (add replicas) or "
        "calls cost more than before.",
        for_=settings.for_,
        keep_firing_for=settings.serving_for,
    )


def _disk(settings: RuleSettings) -> tuple[Alert, Alert]:
    limit = settings.names.threshold("disk_ratio_max")
    used = max_by(("model", "instance", "path"), catalog.SYSTEM_DISK.name)
    return graded(
        settings,
        Alert(
            name="MLDiskHigh",
            severity="warning",
            expr="",
            summary=f"Disk {{{{ $labels.path }}}} of {REPLICA} is {{{{ $value | humanizePercentage }}}} full",
            description="Disk space in use is {{ $value | humanizePercentage }}, threshold "
            f"{looked_up(limit, RATIO)} (critical where half of the rest is used too). First find what grows: logs, "
            "caches, old models; then delete or add space.",
            for_=settings.serving_for,
        ),
        warning=f"{used} > {PER_MODEL} {limit}",
        critical=f"{used} > {PER_MODEL} ((1 + {limit}) / 2)",
    )
