"""What one tracked call costs: to its caller, and in all with the background share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry

from bench.clock import Item, Timing, measure
from bench.hand_made import HandMadeMetrics, instrument, instrument_cached
from ml_models.monitoring import ModelMonitor, ReferenceProfile
from ml_models.monitoring.pipeline import Worker

FEATURES = 20
ROW: dict[str, float] = {f"f{i}": 0.1 * i for i in range(FEATURES)}
ARRAY = np.arange(float(FEATURES)).reshape(1, FEATURES)
BATCH = np.random.default_rng(1).normal(size=(1_000, FEATURES))

#: How long a loop lasts, in ms, with one thread and with several. One thread is measured as it mostly lives: it fills
#: less than the buffer that wakes the drain, which follows. Several are measured for long enough to get in each other's
#: way, with the drain beside them.
TARGET_MS = (1.2, 8.0)

#: Goals of one thread, as shares of the hand-made instrumentation.
GOALS = {"tracked array row": (0.15, 0.30), "tracked dict row": (0.20, 0.50)}


def dict_model(row: dict[str, float]) -> float:
    """Stand for a model on a dict: as little work as can be."""
    return row["f3"] * 2.0 + 1.0


def array_model(row: Any) -> float:
    """Stand for a model on an array row."""
    return row[0, 3]  # type: ignore[no-any-return]


def batch_model(rows: Any) -> Any:
    """Stand for a model on a batch."""
    return rows[:, 3]


def monitor(name: str) -> ModelMonitor:
    """Return a monitor with a reference of 20 numeric features."""
    rng = np.random.default_rng(0)
    reference = ReferenceProfile.fit({f"f{i}": rng.normal(size=10_000) for i in range(FEATURES)})
    return ModelMonitor(name=name, reference=reference, task="regression")


def items(monitors: Sequence[ModelMonitor]) -> list[Item]:
    """Return the statements that take turns, tracked by three monitors."""
    hand_made = instrument(dict_model, HandMadeMetrics.on(CollectorRegistry()))
    cached = instrument_cached(dict_model, HandMadeMetrics.on(CollectorRegistry()))
    tracked = (
        ("tracked array row", array_model, ARRAY, "bare model, array"),
        ("tracked dict row", dict_model, ROW, "bare model, dict"),
        ("tracked batch of 1,000 rows", batch_model, BATCH, "bare model, batch"),
    )
    return [
        Item("bare model, dict", "f(x)", {"f": dict_model, "x": ROW}),
        Item("bare model, array", "f(x)", {"f": array_model, "x": ARRAY}),
        Item("bare model, batch", "f(x)", {"f": batch_model, "x": BATCH}),
        Item("hand-made", "f(x)", {"f": hand_made, "x": ROW}, base="bare model, dict"),
        Item("hand-made, labels cached", "f(x)", {"f": cached, "x": ROW}, base="bare model, dict"),
        *(
            Item(name, "f(x)", {"f": one.track(model), "x": given}, base=bare, settle=one.pipeline.drain)
            for one, (name, model, given, bare) in zip(monitors, tracked, strict=True)
        ),
    ]


def report(timings: dict[str, Timing], threads: int) -> list[str]:
    """Return the rows of a Markdown table."""
    hand_made = timings["hand-made"]
    rows = [
        f"**{threads} thread{'s' if threads > 1 else ''}**",
        "",
        "| instrumentation | caller, ns | of hand-made | goal | all CPU, ns | of hand-made | goal |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, timing in timings.items():
        if name.startswith("bare") or "batch" in name:
            continue
        caller, whole = timing.caller.median, timing.process.median
        goals = [f"{goal:.2f}" for goal in GOALS.get(name, ())] or ["", ""]
        rows.append(
            f"| {name} | {caller:,.0f} | {caller / hand_made.caller.median:.2f} | {goals[0]} "
            f"| {whole:,.0f} | {whole / hand_made.process.median:.2f} | {goals[1]} |"
        )
    batch = timings["tracked batch of 1,000 rows"]
    per_value = batch.process.median / (BATCH.shape[0] * FEATURES)
    return [*rows, "", f"A batch of 1,000 x {FEATURES}: {per_value:.1f} ns of CPU a value, all in (goal: 10).", ""]


def run(threads: Sequence[int] = (1, 4, 8), rounds: int = 9) -> list[str]:
    """Measure with each number of threads and return Markdown."""
    lines = ["## One tracked call", ""]
    for count in threads:
        print(f"hot path, {count} thread{'s' if count > 1 else ''} ...", flush=True)
        monitors = [monitor(f"{kind}_{count}") for kind in ("array", "dict", "batch")]
        workers = [Worker(one.pipeline, one.name) for one in monitors] if count > 1 else []
        lines += report(measure(items(monitors), count, rounds, TARGET_MS[count > 1]), count)
        for worker in workers:
            worker.stop()
    return lines
