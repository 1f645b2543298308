"""Grafana's provisioning files: the data sources and where the dashboards lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ml_models.mixin.promql import seconds


@dataclass(frozen=True, slots=True)
class GrafanaSettings:
    """How Grafana is provisioned.

    Parameters
    ----------
    prometheus_url, alertmanager_url : str
        Addresses of Prometheus and of Alertmanager as Grafana's server sees them.
    dashboards : str
        Folder in which Grafana finds the files of ``dashboards/``.
    folder : str
        Title of the folder that Grafana shows them in.
    """

    prometheus_url: str = "http://prometheus:9090"
    alertmanager_url: str = "http://alertmanager:9093"
    dashboards: str = "/etc/grafana/dashboards/ml-models"
    folder: str = "ML models"


def data_sources(settings: GrafanaSettings, scrape_interval: str) -> dict[str, Any]:
    """Return the content of the file of data sources.

    Parameters
    ----------
    settings : GrafanaSettings
    scrape_interval : str
        Of Prometheus. With it Grafana makes ``$__rate_interval`` at least four scrapes long; it would take 15 seconds.
    """
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "Prometheus (ML models)",
                "uid": "ml-models-prometheus",
                "type": "prometheus",
                "access": "proxy",
                "url": settings.prometheus_url,
                "editable": False,
                "jsonData": {"httpMethod": "POST", "timeInterval": f"{seconds(scrape_interval):g}s"},
            },
            {
                "name": "Alertmanager (ML models)",
                "uid": "ml-models-alertmanager",
                "type": "alertmanager",
                "access": "proxy",
                "url": settings.alertmanager_url,
                "editable": False,
                # Grafana shows and silences what Prometheus has raised; it sends nothing of its own there.
                "jsonData": {"implementation": "prometheus", "handleGrafanaManagedAlerts": False},
            },
        ],
    }


def dashboard_providers(settings: GrafanaSettings) -> dict[str, Any]:
    """Return the content of the file of dashboard providers."""
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": "ml-models",
                "folder": settings.folder,
                "type": "file",
                "disableDeletion": True,
                "allowUiUpdates": False,
                "updateIntervalSeconds": 60,
                "options": {"path": settings.dashboards, "foldersFromFilesStructure": False},
            }
        ],
    }
