"""What tests of watched data share: rows, files that look old, and what is counted."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from ml_models.monitoring import DataMonitor

HEADER = "x,city\n"


def lines(rows: int, start: int = 0) -> str:
    """Return so many rows of CSV, all different."""
    return "".join(f"{(start + i) % 100}.{start + i},{('Oslo', 'Rome')[i % 2]}\n" for i in range(rows))


def age(path: Path, seconds: float) -> None:
    """Make a file look as if it had last been written so long ago."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def total(found: dict[str, Any]) -> int:
    return found["rows"]["total"]


def counted(monitor: DataMonitor, feature: str = "x") -> int:
    """Return the cells of a feature that are exposed."""
    for line in monitor.metrics_text().decode().splitlines():
        if line.startswith("ml_feature_observations_total{") and f'feature="{feature}"' in line:
            return int(float(line.split()[-1]))
    return 0
