"""Replicas that restart all at once bring no false all-clear: on a real Prometheus and Alertmanager."""

from __future__ import annotations

import time
import urllib.request

import numpy as np
import pytest

from ml_models.demo import staging
from ml_models.demo.servers import StopSignals, Supervisor, find_programs, free_port
from ml_models.demo.sinks import SlackSink
from ml_models.monitoring import ModelMonitor, ReferenceProfile

from .test_prometheus import ask, wait_for

pytestmark = pytest.mark.e2e

#: A window of a minute instead of an hour, and 15 seconds instead of a quarter of an hour.
FACTOR = 60.0


@pytest.fixture
def reference():
    rng = np.random.default_rng(3)
    return ReferenceProfile.fit({"age": rng.normal(40, 10, 5_000)})


def replica(reference: ReferenceProfile, port: int) -> ModelMonitor:
    thresholds = {"drift_warning_max": 0.1, "drift_critical_max": 0.25, "samples_min": 50}
    return ModelMonitor(name="churn", reference=reference, alert_thresholds=thresholds, port=port).start()


def serve(monitor: ModelMonitor) -> None:
    """Predict on what has drifted."""

    @monitor.track
    def predict(row):
        return int(row["age"] > 45)

    for age in np.random.default_rng(4).normal(70, 5, 400):
        predict({"age": float(age)})


def test_a_restart_of_all_replicas_gives_no_false_all_clear(reference, tmp_path):
    """The exporter is away for longer than several scrapes and evaluations and comes back with empty counters."""
    said: list[str] = []

    def note(message: dict) -> None:
        said.extend(attachment["title"] for attachment in message["attachments"])

    port = free_port()
    with SlackSink(tmp_path / "slack", note) as slack, StopSignals() as signals, Supervisor(signals) as supervisor:
        folder = staging.make_folder(tmp_path / "run")
        addresses = staging.Addresses(port, free_port(), free_port(), "127.0.0.1:1", slack.url)
        staging.stage(folder, addresses, FACTOR)
        monitor = replica(reference, port)
        try:
            for server in staging.servers(folder, addresses, find_programs()):
                supervisor.start(server)
            wait_for(lambda: ask(addresses.prometheus, 'ml_feature_observations_total{model="churn"}'))
            serve(monitor)
            wait_for(lambda: "[CRITICAL] MLFeatureDrift: churn" in said, 90)
            monitor.stop()
            evaluations = _evaluations(addresses.prometheus)
            wait_for(lambda: ask(addresses.prometheus, 'up{job="ml-models"} == 0'))
            wait_for(lambda: _evaluations(addresses.prometheus) >= evaluations + 4)
            monitor = replica(reference, port)  # its counters begin at 0
            serve(monitor)
            wait_for(lambda: ask(addresses.prometheus, 'up{job="ml-models"} == 1'))
            begun = time.monotonic()
            # Longer than what a resolved alert takes to be told: the group interval of 5 s, twice.
            wait_for(lambda: time.monotonic() - begun > 12)
            firing = ask(addresses.prometheus, 'ALERTS{alertname="MLFeatureDrift",alertstate="firing"}')
        finally:
            monitor.stop()
    assert firing
    # That the exporter is back, where its absence was told, is true.
    assert [title for title in said if "RESOLVED" in title and "MLExporter" not in title] == []


def _evaluations(port: int) -> int:
    """Return how often the alerts have been evaluated."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    counts = [
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("prometheus_rule_group_iterations_total{") and "ml-alerts" in line
    ]
    return int(sum(counts))
