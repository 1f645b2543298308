"""The stand-in, and where GRAFANA_URL and GRAFANA_TOKEN are set, a real Grafana."""

from __future__ import annotations

import os

import pytest

from ml_models.reports.connection import Connection, Credentials
from ml_models.reports.grafana import Grafana

from .prometheus import exporting, scraping
from .standin import TOKEN, Standin, serving


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory):
    """Run a Prometheus with all of the catalog for the models well, ill and idle; its address."""
    with exporting() as exporter, scraping(exporter, tmp_path_factory.mktemp("prometheus")) as url:
        yield url


@pytest.fixture
def source(standin, grafana, prometheus) -> str:
    """Add the Prometheus to the stand-in as the data source ``prom``; its uid."""
    grafana.add_data_source(
        {"name": "Prom", "uid": "prom", "type": "prometheus", "access": "proxy", "url": prometheus, "isDefault": True,
         "jsonData": {"httpMethod": "POST", "timeInterval": "1s"}},
    )  # fmt: skip
    return "prom"


@pytest.fixture
def standin():
    with serving(Standin()) as found:
        yield found


@pytest.fixture
def pauses() -> list[float]:
    """Hold the seconds that a client would have slept."""
    return []


@pytest.fixture
def connect(pauses):
    """Make a client of a stand-in; its pauses are noted down, not slept."""

    def make(standin: Standin, *, token: str = TOKEN, **options) -> Grafana:
        credentials = Credentials(token=token)
        options = {"timeout": 10.0, "credentials": credentials, "sleep": pauses.append} | options
        return Grafana(Connection(standin.url, name="Grafana", **options))

    return make


@pytest.fixture
def grafana(standin, connect) -> Grafana:
    return connect(standin)


def pytest_collection_modifyitems(config, items):
    """Leave out what needs a real Grafana where none is named."""
    if os.environ.get("GRAFANA_URL"):
        return
    real = [item for item in items if item.get_closest_marker("grafana")]
    if real:
        config.hook.pytest_deselected(items=real)
        items[:] = [item for item in items if not item.get_closest_marker("grafana")]
