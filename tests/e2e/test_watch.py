"""A real Prometheus scrapes a watch service, and the panels of watched data show it."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request

import numpy as np
import pytest

from ml_models.catalog import SIGNALS
from ml_models.demo import staging
from ml_models.demo.servers import StopSignals, Supervisor, find_programs, free_port
from ml_models.mixin import dashboards
from ml_models.monitoring import DataMonitor, ReferenceProfile
from watching_helpers import HEADER, lines


def ask(port: int, query: str) -> list[dict]:
    address = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(address, timeout=10) as answer:
        return json.load(answer)["data"]["result"]


@pytest.mark.e2e
def test_a_watch_service_is_scraped_and_every_panel_of_watched_data_shows_something(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    reference = ReferenceProfile.fit({"x": np.arange(100.0), "city": ["Oslo", "Rome"] * 50})
    limits = dict.fromkeys(SIGNALS, 0.5)
    monitor = DataMonitor(
        data, name="churn-data", reference=reference, interval=0.5, alert_thresholds=limits, port=0,
        checkpoint=tmp_path / "state",
    )  # fmt: skip
    (data / "bad.csv").write_text("x,city\n1,2,3\n")
    (data / "a.csv").write_text(HEADER)
    with monitor, StopSignals() as signals, Supervisor(signals) as supervisor:
        folder = staging.make_folder(tmp_path / "run")
        port = int(monitor.url.rpartition(":")[2])
        addresses = staging.Addresses(port, free_port(), free_port(), "127.0.0.1:1", "http://127.0.0.1:1/")
        staging.stage(folder, addresses, 60.0)
        for server in staging.servers(folder, addresses, find_programs()):
            if server.name == "Prometheus":
                supervisor.start(server)
        dashboard = json.loads(dashboards.files()["dashboards/ml-model.json"])
        variables = {"model": "churn-data", "job": "ml-models", "feature": ".+"}
        wanted = {
            (target.panel, target.ref_id): dashboards.substitute(
                target.expr, variables, rate_interval="10s", range_="1m"
            )
            for target in dashboards.targets(dashboard)
            if "ml_watch_" in target.expr
        }
        assert len(wanted) >= 9
        rows, limit = 0, time.monotonic() + 60
        while wanted:
            assert time.monotonic() < limit, wanted
            with (data / "a.csv").open("a") as stream:
                stream.write(lines(20, rows))
            rows += 20
            wanted = {key: expr for key, expr in wanted.items() if not ask(addresses.prometheus, expr)}
            time.sleep(0.2)
        while True:
            assert time.monotonic() < limit
            found = ask(addresses.prometheus, 'sum(ml_watch_rows_total{model="churn-data"})')
            if found and float(found[0]["value"][1]) == rows:
                break
            time.sleep(0.2)
        assert ask(addresses.prometheus, 'ml_watch_files{state="rejected"}')[0]["value"][1] == "1"
        alerts = 'ALERTS{alertname="MLDataFileRejected",model="churn-data"}'
        while not ask(addresses.prometheus, alerts):
            assert time.monotonic() < limit
            time.sleep(0.2)
