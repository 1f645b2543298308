"""What a scrape costs: prometheus_client's encoder against the template of a bulk family, on the same counters."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
from prometheus_client import CollectorRegistry, Counter, generate_latest

from ml_models.catalog import BIN_OBSERVATIONS
from ml_models.collectors.bulk import Bulk, Filled
from ml_models.exposition import render


def _labels(series: int) -> list[tuple[str, ...]]:
    return [("churn", "feature", f"feature_{i // 10:05d}", f"{i % 10:02d}") for i in range(series)]


def _cpu_ms(function: Callable[[], object], rounds: int) -> float:
    function()
    figures = []
    for _ in range(rounds):
        begun = time.process_time()
        function()
        figures.append(1e3 * (time.process_time() - begun))
    return statistics.median(figures)


def run(sizes: Sequence[int] = (1_000, 10_000, 100_000), rounds: int = 7) -> list[str]:
    """Measure and return Markdown."""
    lines = [
        "## One scrape", "",
        "| counters | generate_latest, ms | this package, ms | of it | goal |", "|--:|--:|--:|--:|--:|",
    ]  # fmt: skip
    for series in sizes:
        print(f"scrape of {series:,} counters ...", flush=True)
        labels = _labels(series)
        registry = CollectorRegistry()
        counter = Counter(BIN_OBSERVATIONS.name, BIN_OBSERVATIONS.help, BIN_OBSERVATIONS.labels, registry=registry)
        for place, values in enumerate(labels):
            counter.labels(*values).inc(place)
        bulk, counts = Bulk(BIN_OBSERVATIONS, labels), np.arange(series)
        theirs = _cpu_ms(lambda registry=registry: generate_latest(registry), rounds)  # type: ignore[misc]
        ours = _cpu_ms(lambda bulk=bulk, counts=counts: render([Filled(bulk, counts)]), rounds)  # type: ignore[misc]
        lines.append(f"| {series:,} | {theirs:,.1f} | {ours:,.2f} | 1/{theirs / ours:.0f} | 1/20 |")
    return [*lines, ""]
