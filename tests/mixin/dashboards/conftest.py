"""The generated dashboard and its queries, made once."""

from __future__ import annotations

from typing import Any

import pytest

from ml_models.mixin import dashboards
from ml_models.mixin.dashboards.targets import panels


@pytest.fixture(scope="session")
def dashboard() -> dict[str, Any]:
    return dashboards.model_dashboard()


@pytest.fixture(scope="session")
def drawn(dashboard) -> list[dict[str, Any]]:
    """All panels but the rows' titles."""
    return [panel for panel in panels(dashboard) if panel["type"] != "row"]


@pytest.fixture(scope="session")
def queries(dashboard) -> list[dashboards.Target]:
    return dashboards.targets(dashboard)
