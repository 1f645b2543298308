"""Files to load, and the faults of wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ml_models.config import Config
from ml_models.errors import ConfigError


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Write a YAML file and return its path."""

    def write_file(text: str) -> Path:
        file = tmp_path / "monitoring.yml"
        file.write_text(text, encoding="utf-8")
        return file

    return write_file


@pytest.fixture
def faults(write: Callable[[str], Path]) -> Callable[..., tuple[str, ...]]:
    """Load YAML text that is wrong and return the lines of the error."""

    def faults_of(text: str, environ: dict[str, str] | None = None) -> tuple[str, ...]:
        with pytest.raises(ConfigError) as caught:
            Config(write(text), environ=environ or {})
        return caught.value.faults

    return faults_of
