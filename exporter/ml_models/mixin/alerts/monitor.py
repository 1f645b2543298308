"""Alerts of health checks and restarts, and of the monitoring itself: collectors, faults, lost rows."""

from __future__ import annotations

from ml_models import catalog
from ml_models.mixin.alerts.alert import Alert
from ml_models.mixin.alerts.parts import REPLICA
from ml_models.mixin.names import RuleSettings
from ml_models.mixin.promql import increase, rate, sum_by

#: Starts of a process within an hour that are a loop, faults of the monitoring within an hour, and lost rows (ratio).
_STARTS, _FAULTS, _LOST = 3, 10, 0.01


def monitor(settings: RuleSettings) -> tuple[Alert, ...]:
    """Return the alerts of the monitor."""
    window = settings.serving_window
    lost = sum_by(("model",), rate(catalog.DROPPED_ROWS, window))
    rows = sum_by(("model",), rate(catalog.PREDICTIONS, window))
    each = (
        (
            "MLHealthCheckFailing",
            f"min by (model, instance, check) ({catalog.HEALTH_UP.name}) == 0",
            f"Health check {{{{ $labels.check }}}} of {REPLICA} fails",
            "The check fails or does not answer in time. First read its message at /readyz or in the log; then look at "
            "what it checks.",
        ),
        (
            "MLRestartLoop",
            f"max by (model, instance) (changes({catalog.PROCESS_START_TIME.name}[1h])) >= {_STARTS}",
            f'The process of {REPLICA} has started {{{{ $value | printf "%.0f" }}}} times within an hour',
            "Each start loses predictions that wait for their label. First read the end of the log before the last "
            "start; then see whether memory was full.",
        ),
        (
            "MLCollectorFailing",
            f"min by (model, instance, collector) ({catalog.COLLECTOR_SUCCESS.name}) == 0",
            f"Collector {{{{ $labels.collector }}}} of {REPLICA} fails",
            "Its metrics are missing, all others are there. First read its exception in the log.",
        ),
        (
            "MLMonitorFaults",
            f"{sum_by(('model', 'stage'), increase(catalog.HOOK_FAILURES, '1h'))} > {_FAULTS}",
            "The monitoring of model {{ $labels.model }} fails in stage {{ $labels.stage }}",
            f"More than {_FAULTS} faults within an hour; no prediction was harmed, but calls are not counted. First "
            "read the exception in the log.",
        ),
        (
            "MLRowsDropped",
            f"{lost} / ({lost} + {rows} > 0) > {_LOST}",
            "{{ $value | humanizePercentage }} of the rows of model {{ $labels.model }} are served and not tallied",
            f"More than {_LOST:.0%} are lost to drift and quality. First see the reason on the dashboard; then raise "
            "the buffer, or lower the sampling rate.",
        ),
    )
    return tuple(
        Alert(
            name=name,
            severity="warning",
            expr=expr,
            summary=summary,
            description=description,
            for_=settings.serving_for,
            keep_firing_for=settings.serving_for,
            about_model=False,
        )
        for name, expr, summary, description in each
    )
