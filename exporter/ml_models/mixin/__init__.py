"""Rules, alerts, server configuration and dashboards, made from the catalog."""
