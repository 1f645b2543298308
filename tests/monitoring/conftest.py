"""Monitors that are always stopped, references with known bins, and what a monitor has counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import numpy as np
import pytest

from ml_models.monitoring import ModelMonitor, ReferenceProfile
from ml_models.profile.tally import CALLS, ERRORS, INVALID, MISSING, PREDICTED, ROWS

_NUMBERS = count()

#: Two numeric features of ten bins each: 5 is in bin 00, 15 in 01, ..., 95 in 09.
NUMERIC = ReferenceProfile.fit({"x": np.arange(100.0), "y": np.arange(100.0)})
#: A numeric and a categorical feature.
MIXED = ReferenceProfile.fit({"x": np.arange(100.0), "city": ["Oslo", "Rome"] * 50})


class Counts:
    """What a monitor has counted, of all time."""

    def __init__(self, monitor: ModelMonitor) -> None:
        self.tally, _ = monitor.pipeline.counts()
        self._layout = monitor.pipeline.layout
        self._recorder = monitor.recorder
        self.faults = monitor.get_metrics()["monitor"]["hook_failures"]

    @property
    def calls(self) -> int:
        return int(self.tally.endpoints[:, CALLS].sum())

    @property
    def errors(self) -> int:
        return int(self.tally.endpoints[:, ERRORS].sum())

    @property
    def predictions(self) -> int:
        return int(self.tally.endpoints[:, PREDICTED].sum())

    @property
    def dropped(self) -> int:
        return sum(channel.dropped_rows for channel in self._recorder.channels.values())

    def bins(self, feature: str) -> dict[str, int]:
        """Return the filled bins of a feature."""
        row = self._layout.index["feature", feature]
        counts = self._layout.coarsen(self.tally.cells)[row].tolist()
        return {name: n for name, n in zip(self._layout.features[row].bins, counts, strict=False) if n}

    def _cell(self, feature: str, cell: int) -> int:
        return int(self.tally.cells[self._layout.index["feature", feature], cell])

    def rows(self, feature: str) -> int:
        return self._cell(feature, ROWS)

    def missing(self, feature: str) -> int:
        return self._cell(feature, MISSING)

    def invalid(self, feature: str) -> int:
        return self._cell(feature, INVALID)


@pytest.fixture
def numeric() -> ReferenceProfile:
    return NUMERIC


@pytest.fixture
def mixed() -> ReferenceProfile:
    return MIXED


@pytest.fixture
def make() -> Iterator[Callable[..., ModelMonitor]]:
    """Make monitors of distinct names on free ports; all are stopped after the test."""
    made: list[ModelMonitor] = []

    def build(model: Any = None, **settings: Any) -> ModelMonitor:
        made.append(ModelMonitor(model, **{"name": f"model {next(_NUMBERS)}", "port": 0, **settings}))
        return made[-1]

    yield build
    for monitor in made:
        monitor.stop()


@pytest.fixture
def counted() -> Callable[[ModelMonitor], Counts]:
    return Counts


@pytest.fixture
def until() -> Callable[..., None]:
    """Wait for a condition, at most some seconds."""

    def wait(condition: Callable[[], object], seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true in time"
            time.sleep(0.005)

    return wait
