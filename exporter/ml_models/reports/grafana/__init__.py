"""Grafana: a client, dashboards kept in step with their files, snapshots that hold their data."""

from ml_models.reports.grafana.client import DataSource, Grafana, Result, Stored

__all__ = ["DataSource", "Grafana", "Result", "Stored"]
