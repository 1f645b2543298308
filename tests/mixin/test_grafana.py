"""Grafana's provisioning: the data source tells the scrape interval, dashboards come from their files."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ml_models.mixin.files import GeneratorSettings, grafana_files
from ml_models.mixin.grafana import GrafanaSettings, data_sources
from ml_models.mixin.prometheus import PrometheusSettings

ROOT = Path(__file__).parents[2]


def read(settings: GeneratorSettings) -> dict:
    return {Path(path).parent.name: yaml.safe_load(text) for path, text in grafana_files(settings).items()}


def test_generated_is_committed():
    for path, text in grafana_files(GeneratorSettings()).items():
        assert (ROOT / path).read_text(encoding="utf-8") == text


def test_the_data_source_tells_how_often_prometheus_scrapes():
    """Without it ``$__rate_interval`` would be made for scrapes every 15 seconds."""
    scrape = yaml.safe_load((ROOT / "prometheus.yml").read_text(encoding="utf-8"))["global"]["scrape_interval"]
    source, _ = read(GeneratorSettings())["datasources"]["datasources"]
    assert source["jsonData"] == {"httpMethod": "POST", "timeInterval": scrape}
    assert (source["type"], source["access"]) == ("prometheus", "proxy")
    other, _ = read(GeneratorSettings(prometheus=PrometheusSettings(scrape_interval="1m")))["datasources"][
        "datasources"
    ]
    assert other["jsonData"]["timeInterval"] == "60s"


def test_alertmanager_is_a_data_source_that_grafana_sends_no_alerts_of_its_own():
    """Alerts can be seen and silenced in Grafana; who is told stands in Alertmanager's file alone."""
    settings = GeneratorSettings(grafana=GrafanaSettings(alertmanager_url="http://am.example:1"))
    _, source = read(settings)["datasources"]["datasources"]
    assert (source["type"], source["url"]) == ("alertmanager", "http://am.example:1")
    assert source["jsonData"] == {"implementation": "prometheus", "handleGrafanaManagedAlerts": False}


def test_an_interval_that_is_none_is_refused():
    with pytest.raises(ValueError, match="soon"):
        data_sources(GrafanaSettings(), "soon")


def test_dashboards_are_read_from_files_and_not_changed_in_the_browser():
    found = read(GeneratorSettings(grafana=GrafanaSettings(dashboards="/srv/boards", folder="Churn")))["dashboards"]
    (provider,) = found["providers"]
    assert found["apiVersion"] == 1
    assert (provider["type"], provider["options"]["path"], provider["folder"]) == ("file", "/srv/boards", "Churn")
    assert provider["allowUiUpdates"] is False
