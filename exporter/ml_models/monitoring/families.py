"""The collectors of a monitor: from its live state to metric families."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ml_models import catalog
from ml_models.collectors.estimated import estimated_families
from ml_models.collectors.families import family, single
from ml_models.collectors.isolation import Exposed
from ml_models.collectors.outcomes import outcome_families
from ml_models.collectors.performance import Figures, is_binary
from ml_models.collectors.regression import regression_families
from ml_models.collectors.scores import score_families
from ml_models.collectors.serving import serving_families
from ml_models.collectors.system import SystemSampler, system_families
from ml_models.monitoring.health import HealthChecks, health_families
from ml_models.monitoring.ledger import LedgerState
from ml_models.monitoring.pipeline import Pipeline
from ml_models.monitoring.recorder import Recorder
from ml_models.profile.reference import ReferenceProfile
from ml_models.profile.tally import Tally

if TYPE_CHECKING:
    from ml_models.monitoring.model_monitor import ModelMonitor


def serving(
    model: str,
    recorder: Recorder,
    pipeline: Pipeline,
    total: Tally,
    errors: Mapping[tuple[str, str], tuple[int, float]],
) -> list[Exposed]:
    """Return predictions, errors and latency."""
    return list(
        serving_families(
            model,
            total,
            pipeline.endpoints,
            dropped_rows=pipeline.dropped_rows,
            queued=pipeline.queued,
            streams=pipeline.streams,
            errors=errors,
            in_progress=pipeline.in_progress,
            sampling_rate=recorder.sampling_rate,
        )
    )


def outcomes(model: str, pipeline: Pipeline, total: Tally, found: Figures) -> list[Exposed]:
    """Return outcomes, label counts and headline performance."""
    return list(
        outcome_families(
            model,
            total,
            pipeline.retracted,
            found.overall,
            pipeline.classes,
            last_label=pipeline.last_label,
        )
    )


def performance(model: str, pipeline: Pipeline, total: Tally, found: Figures) -> list[Exposed]:
    """Return the performance of scores and regressions, and what is to be expected before labels."""
    reader, classes = pipeline.interpreter, pipeline.classes
    binary = is_binary(classes, reader.positive)
    # Of a model that stopped giving scores, what was counted stays.
    scores = reader.scored or bool(total.scores.any())
    return [
        *score_families(model, total, found, scores=scores, binary=binary),
        *estimated_families(model, total, found, classes, scores=scores, binary=binary),
        *regression_families(model, total, found, shown=reader.task == "regression"),
    ]


def ledger(model: str, state: LedgerState) -> list[Exposed]:
    """Return how the ledger is and what waits in it."""
    up, spooled, dropped = family(catalog.LEDGER_UP), family(catalog.LEDGER_SPOOLED), family(catalog.LEDGER_DROPPED)
    writes = family(catalog.LEDGER_WRITES)
    up.add_metric([model, state.kind], int(state.up))
    for what in ("predictions", "labels"):
        spooled.add_metric([model, what], state.spooled[what])
        dropped.add_metric([model, what], state.dropped[what])
    for result, count in state.writes.items():
        writes.add_metric([model, result], count)
    return [
        up,
        spooled,
        dropped,
        writes,
        single(catalog.LABEL_COVERAGE, model, state.coverage),
        single(catalog.LEDGER_DURABLE, model, int(state.durable)),
        single(catalog.LEDGER_WRITE_SECONDS, model, state.write_seconds),
        single(catalog.AWAITING_LABEL, model, state.awaiting),
        single(catalog.LABELS_EARLY, model, state.early),
    ]


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
        "shadow_full": recorder.dropped_shadows.value,
    }


def described(
    model: str, task: str, deployment: str, reference: ReferenceProfile | None, limits: Mapping[str, float]
) -> list[Exposed]:
    """Return what a monitor is about, and its thresholds."""
    info, thresholds = family(catalog.MODEL_INFO), family(catalog.ALERT_THRESHOLD)
    info.add_metric([model, task, deployment, reference.fingerprint if reference else ""], 1)
    for signal, value in limits.items():
        thresholds.add_metric([model, signal], value)
    return [info, thresholds]


def monitor(watched: ModelMonitor, faults: Mapping[str, int]) -> list[Exposed]:
    """Return what the monitor says of itself: its model, thresholds, losses and cost."""
    name, recorder, pipeline = watched.name, watched.recorder, watched.pipeline
    rows, failures = family(catalog.DROPPED_ROWS), family(catalog.HOOK_FAILURES)
    for reason, count in dropped(recorder).items():
        rows.add_metric([name, reason], count)
    for stage in ("capture", "output", "features", "drain", "shadow"):
        failures.add_metric([name, stage], faults.get(stage, 0))
    told = described(name, pipeline.interpreter.task, watched.deployment, watched.reference, watched.thresholds)
    buffered = sum(len(channel.events) for channel in list(recorder.channels.values()))
    return [
        *told,
        rows,
        failures,
        single(catalog.BUFFERED_ROWS, name, buffered),
        single(catalog.LAST_DRAIN_TIMESTAMP, name, pipeline.last_drain),
        single(catalog.DRAIN_LAG, name, pipeline.lag),
        single(catalog.OVERHEAD, name, pipeline.overhead),
    ]
