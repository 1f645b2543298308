"""``get_metrics()``: everything known about a model as one plain, JSON-able dict.

A value that is undefined is None, never NaN and never a made-up 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ml_models.collectors.data import DataCollector
from ml_models.collectors.description import described, ratios
from ml_models.collectors.serving import serving
from ml_models.collectors.system import SystemSample
from ml_models.monitoring.pipeline import Pipeline
from ml_models.profile.tally import ENDS, EXAMINED, Tally
from ml_models.stats.performance import performance


def performance_section(pipeline: Pipeline, tally: Tally, seconds: float, positive_class: Any) -> dict[str, Any]:
    """Return performance, latency and throughput of a window."""
    found = performance(tally.outcomes, pipeline.positive_slot(positive_class))
    served = serving(tally, seconds)
    slots = pipeline.classes.slots
    if not tally.outcomes[-1].any() and not tally.outcomes[:, -1].any():
        slots = slots[:-1]
    places = [place for place, _ in slots]
    confusion = {
        "classes": [name for _, name in slots],
        "counts": tally.outcomes[np.ix_(places, places)].tolist(),
    }
    return {
        "accuracy": found.accuracy,
        "precision": found.precision,
        "recall": found.recall,
        "f1": found.f1,
        "intervals": {name: list(ends) if ends else None for name, ends in found.intervals.items()},
        "confusion": confusion if found.labels else None,
        "latency_seconds": {"mean": served.mean, "p50": served.p50, "p95": served.p95, "p99": served.p99},
        "throughput_per_second": served.throughput_per_second,
        "error_ratio": served.error_ratio,
        "calls": served.calls,
        "predictions": served.predictions,
        "labels": found.labels,
    }


def data_section(pipeline: Pipeline, collector: DataCollector, tally: Tally) -> dict[str, Any]:
    """Return drift, distributions and quality of a window."""
    layout = pipeline.layout
    if not layout.features:
        return {
            "features": {},
            "prediction_distribution": _class_distribution(pipeline, tally.predicted),
            "label_distribution": _class_distribution(pipeline, tally.outcomes.sum(axis=1)),
            "drift_share": None,
            "quality_score": None,
            "quality": {"completeness": None, "validity": None, "schema": None},
            "rows": 0,
        }
    drift, quality = collector.drift(tally), collector.quality(tally)
    columns = {
        (feature.role, feature.name): described(layout, drift, tally, row)
        for row, feature in enumerate(layout.features)
    }
    roles = {
        role: {name: column["distribution"] for (found, name), column in columns.items() if found == role}
        for role in ("prediction", "label")
    }
    return {
        "features": {name: column for (role, name), column in columns.items() if role == "feature"},
        "prediction_distribution": roles["prediction"] or _class_distribution(pipeline, tally.predicted),
        "label_distribution": roles["label"] or _class_distribution(pipeline, tally.outcomes.sum(axis=1)),
        "drift_share": collector.share(drift),
        "quality_score": quality.score,
        "quality": quality.dimensions,
        "rows": int(tally.schema[EXAMINED]),
    }


def _class_distribution(pipeline: Pipeline, counts: Any) -> dict[str, Any]:
    if not pipeline.classes.names or not counts.any():
        return {}
    slots = pipeline.classes.slots
    names = [name for _, name in slots]
    live = ratios(counts[[place for place, _ in slots]])
    return {"class": {"bins": names, "ranges": names, "upper_edges": None, "reference": None, "live": live}}


def labels_section(pipeline: Pipeline, total: Tally) -> dict[str, Any]:
    """Return how joins have ended since the start, what waits, and how the ledger is."""
    state = pipeline.ledger.state
    return {
        **dict(zip(ENDS, total.ends.tolist(), strict=True)),
        "awaiting": state.awaiting,
        "early": state.early,
        "coverage": state.coverage,
        "ledger": {
            "kind": state.kind,
            "up": state.up,
            "durable": state.durable,
            "spooled": sum(state.spooled.values()),
            "dropped": sum(state.dropped.values()),
            "error": state.error,
        },
    }


def system_section(sample: SystemSample, error_ratio: float | None, health: dict[str, Any]) -> dict[str, Any]:
    """Return the machine's and the process' state."""
    return {
        "cpu_ratio": sample.cpu_ratio,
        "memory_ratio": sample.memory_ratio,
        "memory_used_bytes": sample.memory_used_bytes,
        "memory_limit_bytes": sample.memory_limit_bytes,
        "disk_ratio": max(sample.disk_ratio.values(), default=None),
        "network_receive_bytes_per_second": sample.network_receive_bytes_per_second,
        "network_transmit_bytes_per_second": sample.network_transmit_bytes_per_second,
        "process_cpu_seconds": sample.process_cpu_seconds,
        "process_resident_memory_bytes": sample.process_resident_memory_bytes,
        "open_fds": sample.open_fds,
        "threads": sample.threads,
        "error_ratio": error_ratio,
        "health": health,
    }
