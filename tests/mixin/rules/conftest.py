"""The tools of Prometheus and Alertmanager, and the repository's own files."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ml_models import catalog

Tool = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the folder that holds the committed files."""
    return Path(__file__).parents[3]


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    """Run promtool or amtool in an empty folder; it must succeed within a minute unless told otherwise."""

    def run(*command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(part) for part in command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def unexported() -> Callable[[str], set[str]]:
    """Find the series that a PromQL text reads and no collector exports.

    A series is a word with our prefix or with a colon; label values are left out.
    """
    histograms = (metric.name for metric in catalog.METRICS.values() if metric.kind == "histogram")
    exported = set(catalog.METRICS) | {f"{name}_{part}" for name in histograms for part in ("bucket", "count", "sum")}

    def find(promql: str) -> set[str]:
        read = re.findall(r"\bml_\w+(?![\w:])|\b\w+:\w+:\w+", re.sub(r'"[^"]*"', "", promql))
        return set(read) - exported

    return find
