"""Monitoring for machine-learning models on Prometheus, Alertmanager and Grafana."""

__version__ = "0.1.0"
