"""Panels of a dashboard outside Grafana: their queries resolved, asked, and drawn."""
