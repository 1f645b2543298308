"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np


def machine() -> str:
    """Return processor, cores, versions and day in a line."""
    model = "unknown CPU"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text())
        model = found.group(1) if found else model
    setting = os.environ.get("NPY_DISABLE_CPU_FEATURES")
    without = f", NumPy without {setting}" if setting else ""
    return (
        f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}{without}, "
        f"{datetime.now(UTC):%Y-%m-%d}"
    )
