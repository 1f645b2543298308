"""``get_metrics()``: everything known about a model as one plain, JSON-able dict.

A value that is undefined is None, never NaN and never a made-up 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from ml_models.collectors.data import DataCollector
from ml_models.collectors.description import data_figures, ratios
from ml_models.collectors.performance import Figures, figures
from ml_models.collectors.serving import Serving, serving
from ml_models.collectors.system import SystemSample
from ml_models.monitoring.pipeline import Pipeline
from ml_models.profile.tally import ENDS, Tally
from ml_models.stats.intervals import Interval
from ml_models.stats.scores import Area


def performance_section(pipeline: Pipeline, tally: Tally, seconds: float) -> dict[str, Any]:
    """Return performance, latency and throughput of a window."""
    found = figures(tally, pipeline.classes, pipeline.interpreter.positive)
    served = serving(tally, seconds)
    slots = pipeline.classes.slots
    if not tally.outcomes[-1].any() and not tally.outcomes[:, -1].any():
        slots = slots[:-1]
    places = [place for place, _ in slots]
    confusion = {
        "classes": [name for _, name in slots],
        "counts": tally.outcomes[np.ix_(places, places)].tolist(),
    }
    overall = found.overall
    return {
        "accuracy": overall.accuracy,
        "precision": overall.precision,
        "recall": overall.recall,
        "f1": overall.f1,
        **_scores(found),
        "intervals": {
            **_lists(overall.intervals),
            "roc_auc": _interval(found.roc_auc),
            "pr_auc": _interval(found.pr_auc),
        },
        "confusion": confusion if overall.labels else None,
        "per_class": {
            name: {
                **{key: getattr(one, key) for key in ("precision", "recall", "f1")},
                "support": int(one.support),
                "predicted": int(one.predicted),
                "intervals": _lists(one.intervals),
            }
            for name, one in found.per_class.items()
        },
        "macro": None if found.macro is None else asdict(found.macro),
        "weighted": None if found.weighted is None else asdict(found.weighted),
        "regression": _regression(found, tally) if pipeline.interpreter.task == "regression" else None,
        "estimated": _estimated(found),
        "latency_seconds": _latency(served),
        "throughput_per_second": served.throughput_per_second,
        "error_ratio": served.error_ratio,
        "calls": served.calls,
        "predictions": served.predictions,
        "endpoints": {name: _endpoint(serving(tally, seconds, slot)) for slot, name in enumerate(pipeline.endpoints)},
        "labels": int(overall.labels) + found.regression.labels,
        "labels_scored": found.scored,
    }


def _scores(found: Figures) -> dict[str, Any]:
    """Return what scores are worth; ``error`` is what the score bins hide."""
    reliability = found.reliability
    return {
        "roc_auc": found.roc_auc.value if found.roc_auc else None,
        "roc_auc_error": found.roc_auc.error if found.roc_auc else None,
        "pr_auc": found.pr_auc.value if found.pr_auc else None,
        "pr_auc_error": found.pr_auc.error if found.pr_auc else None,
        "log_loss": found.log_loss,
        "brier": found.brier,
        "ece": reliability.ece if reliability else None,
        "reliability": [asdict(one) | {"interval": _list(one.interval)} for one in reliability.bins]
        if reliability
        else None,
    }


def _regression(found: Figures, tally: Tally) -> dict[str, Any]:
    """Return the errors of a regression; ``upper_edges`` of the residuals end with None, which is infinity."""
    one = found.regression
    counts = tally.residuals.tolist()
    return {
        **{key: getattr(one, key) for key in ("labels", "mae", "rmse", "bias", "r2", "mape", "mape_labels")},
        "intervals": _lists(one.intervals),
        "residuals": {"upper_edges": [*tally.layout.residual_edges, None], "counts": counts} if one.labels else None,
    }


def _estimated(found: Figures) -> dict[str, Any] | None:
    """Return what is to be expected before labels, and the gap to it once they have come; None without scores."""
    one, gap = found.estimate, found.gap
    if not one.rows and not gap.rows:
        return None
    return {
        **{key: getattr(one, key) for key in ("accuracy", "precision", "recall", "f1")},
        "roc_auc": found.estimated_roc_auc.value if found.estimated_roc_auc else None,
        "intervals": _lists(one.intervals),
        "predictions": one.rows,
        "gap": {
            **{key: getattr(gap, key) for key in ("accuracy", "precision", "recall", "f1", "significant")},
            "interval": _list(gap.interval),
            "labels": gap.rows,
        },
    }


def _interval(area: Area | None) -> list[float] | None:
    return _list(area.interval) if area else None


def _list(interval: Interval) -> list[float] | None:
    return list(interval) if interval else None


def _lists(intervals: Mapping[str, Interval]) -> dict[str, list[float] | None]:
    return {name: _list(interval) for name, interval in intervals.items()}


def _latency(served: Serving) -> dict[str, float | None]:
    return {"mean": served.mean, "p50": served.p50, "p95": served.p95, "p99": served.p99}


def _endpoint(served: Serving) -> dict[str, Any]:
    return {
        "calls": served.calls,
        "predictions": served.predictions,
        "throughput_per_second": served.throughput_per_second,
        "error_ratio": served.error_ratio,
        "latency_seconds": _latency(served),
        "batch_rows": {"mean": served.batch_mean, "p95": served.batch_p95},
        "queued_seconds": {"mean": served.queued_mean, "p95": served.queued_p95},
        "first_item_seconds": {"mean": served.first_item_mean, "p95": served.first_item_p95},
        "items_per_second": served.items_per_second,
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
            "multivariate": None,
            "rows": 0,
        }
    figures = data_figures(collector, tally)
    if not figures["prediction_distribution"]:
        figures["prediction_distribution"] = _class_distribution(pipeline, tally.predicted)
    if not figures["label_distribution"]:
        figures["label_distribution"] = _class_distribution(pipeline, tally.outcomes.sum(axis=1))
    return figures


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
