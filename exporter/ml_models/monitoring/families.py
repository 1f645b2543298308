"""The collectors of a monitor: from its live state to metric families."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ml_models import catalog
from ml_models.collectors.families import family
from ml_models.collectors.isolation import Exposed
from ml_models.collectors.outcomes import outcome_families
from ml_models.collectors.serving import serving_families
from ml_models.collectors.system import SystemSampler, system_families
from ml_models.monitoring.health import HealthChecks, health_families
from ml_models.monitoring.ledger import LedgerState
from ml_models.monitoring.pipeline import Pipeline
from ml_models.monitoring.recorder import Recorder
from ml_models.profile.tally import Tally

if TYPE_CHECKING:
    from ml_models.monitoring.model_monitor import ModelMonitor


def serving(
    model: str, recorder: Recorder, pipeline: Pipeline, total: Tally, errors: Mapping[tuple[str, str], int]
) -> list[Exposed]:
    """Return predictions, errors and latency."""
    return list(
        serving_families(
            model,
            total,
            pipeline.endpoints,
            dropped_rows=pipeline.dropped_rows,
            errors=errors,
            in_progress=pipeline.in_progress,
            sampling_rate=recorder.sampling_rate,
        )
    )


def outcomes(model: str, pipeline: Pipeline, total: Tally, window: Tally, positive_class: Any) -> list[Exposed]:
    """Return outcomes, label counts and performance."""
    return list(
        outcome_families(
            model,
            total,
            window,
            pipeline.retracted,
            pipeline.classes,
            positive=pipeline.positive_slot(positive_class),
            last_label=pipeline.last_label,
        )
    )


def ledger(model: str, state: LedgerState) -> list[Exposed]:
    """Return how the ledger is and what waits in it."""
    up, spooled, dropped = family(catalog.LEDGER_UP), family(catalog.LEDGER_SPOOLED), family(catalog.LEDGER_DROPPED)
    writes, coverage = family(catalog.LEDGER_WRITES), family(catalog.LABEL_COVERAGE)
    up.add_metric([model, state.kind], int(state.up))
    for what in ("predictions", "labels"):
        spooled.add_metric([model, what], state.spooled[what])
        dropped.add_metric([model, what], state.dropped[what])
    for result, count in state.writes.items():
        writes.add_metric([model, result], count)
    if state.coverage is not None:
        coverage.add_metric([model], state.coverage)
    exposed: list[Exposed] = [up, spooled, dropped, writes, coverage]
    for metric, value in (
        (catalog.LEDGER_DURABLE, int(state.durable)),
        (catalog.LEDGER_WRITE_SECONDS, state.write_seconds),
        (catalog.AWAITING_LABEL, state.awaiting),
        (catalog.LABELS_EARLY, state.early),
    ):
        single = family(metric)
        single.add_metric([model], value)
        exposed.append(single)
    return exposed


def system(model: str, sampler: SystemSampler) -> list[Exposed]:
    """Return the state of machine and process."""
    return list(system_families(model, sampler.sample()))


def health(model: str, checks: HealthChecks) -> list[Exposed]:
    """Return the last results of the health checks."""
    return list(health_families(model, checks.results()))


def dropped(recorder: Recorder) -> dict[str, int]:
    """Return rows that were not tallied, by reason."""
    channels = list(recorder.channels.values())
    return {
        "buffer_full": sum(channel.dropped_rows for channel in channels),
        "buffer_bytes": sum(channel.dropped_bytes for channel in channels),
        "labels_full": recorder.dropped_labels.value,
    }


def monitor(watched: ModelMonitor, faults: Mapping[str, int]) -> list[Exposed]:
    """Return what the monitor says of itself: its model, thresholds, losses and cost."""
    name, recorder, pipeline = watched.name, watched.recorder, watched.pipeline
    info, thresholds = family(catalog.MODEL_INFO), family(catalog.ALERT_THRESHOLD)
    reference = watched.reference.fingerprint if watched.reference else ""
    info.add_metric([name, watched.version, pipeline.interpreter.task, reference], 1)
    for signal, value in watched.thresholds.items():
        thresholds.add_metric([name, signal], value)
    rows, failures = family(catalog.DROPPED_ROWS), family(catalog.HOOK_FAILURES)
    for reason, count in dropped(recorder).items():
        rows.add_metric([name, reason], count)
    for stage in ("capture", "output", "features", "drain"):
        failures.add_metric([name, stage], faults.get(stage, 0))
    exposed: list[Exposed] = [info, thresholds, rows, failures]
    for metric, value in (
        (catalog.BUFFERED_ROWS, sum(len(channel.events) for channel in list(recorder.channels.values()))),
        (catalog.LAST_DRAIN_TIMESTAMP, pipeline.last_drain),
        (catalog.DRAIN_LAG, pipeline.lag),
        (catalog.OVERHEAD, pipeline.overhead),
    ):
        single = family(metric)
        single.add_metric([name], value)
        exposed.append(single)
    return exposed
