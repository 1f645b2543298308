"""Folders of data that grow, a reference for them, and monitors that are always stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_models.monitoring import DataMonitor, ReferenceProfile

_NUMBERS = count()
REFERENCE = ReferenceProfile.fit({"x": np.arange(100.0), "city": ["Oslo", "Rome"] * 50})


@pytest.fixture
def data(tmp_path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def watch(tmp_path, data) -> Iterator[Callable[..., DataMonitor]]:
    """Make monitors of the folder that go on from one checkpoint; a new one ends the one before."""
    made: list[DataMonitor] = []

    def build(source: Any = data, **settings: Any) -> DataMonitor:
        while made:
            made.pop().stop()
        defaults = {
            "name": f"data {next(_NUMBERS)}",
            "reference": REFERENCE,
            "checkpoint": tmp_path / "state",
            "port": 0,
        }
        made.append(DataMonitor(source, **{**defaults, **settings}))
        return made[-1]

    yield build
    for monitor in made:
        monitor.stop()


@pytest.fixture
def until() -> Callable[..., None]:
    """Wait for a condition, at most some seconds."""

    def wait(condition: Callable[[], object], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true in time"
            time.sleep(0.01)

    return wait
