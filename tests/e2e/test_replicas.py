"""Three replicas on a real Prometheus, one killed and started again: the rules give the figures of all their rows."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from ml_models import catalog
from ml_models.demo import staging
from ml_models.demo.servers import HOST, StopSignals, Supervisor, find_programs, free_port
from ml_models.mixin.files import GeneratorSettings
from ml_models.mixin.names import Recorded
from ml_models.monitoring import ModelMonitor

#: An hour lasts five minutes, which no test takes: everything stays inside. Steps of five minutes last 25 s.
FACTOR = 12.0
RULES = GeneratorSettings().rules
#: `increase` prolongs what a replica counted to the end of the window, by up to a scrape in a minute: that much more or
#: less a replica weighs than its rows.
TOLERANCE = 0.004

pytestmark = pytest.mark.e2e


class Replica:
    """A process with two monitored models."""

    def __init__(self) -> None:
        self.ports = (free_port(), free_port())
        self.start()

    def start(self) -> None:
        """Start it, for the first time or again, at the same addresses."""
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("replica.py")), *map(str, self.ports)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert json.loads(self.process.stdout.readline())["ready"]

    def count(self, churn, price) -> None:
        """Have it predict and label some rows of both models."""
        self.process.stdin.write(json.dumps([churn, price]) + "\n")
        self.process.stdin.flush()
        assert json.loads(self.process.stdout.readline())["done"]

    def stop(self, how: int) -> None:
        """End it by a signal."""
        self.process.send_signal(how)
        self.process.wait(timeout=20)
        for stream in (self.process.stdin, self.process.stdout):
            stream.close()


def rows_of(rng, sharpness: float, bias: float, n: int = 400):
    """Return scores with labels, the truer the sharper, and numbers with labels."""
    odds = rng.normal(0, 2, n)
    scores = 1 / (1 + np.exp(-odds))
    labels = rng.random(n) < 1 / (1 + np.exp(-sharpness * odds))
    actual = rng.normal(100, 20, n)
    predicted = actual + rng.normal(bias, 5, n)
    churn = [[float(s), "yes" if label else "no"] for s, label in zip(scores, labels, strict=True)]
    return churn, [[float(p), float(a)] for p, a in zip(predicted, actual, strict=True)]


@pytest.fixture
def prometheus(tmp_path):
    """Start three replicas and a Prometheus that scrapes them under the generated rules."""
    replicas = [Replica() for _ in range(3)]
    folder = staging.make_folder(tmp_path / "run")
    addresses = staging.Addresses(replicas[0].ports[0], free_port(), free_port(), "127.0.0.1:1", "http://127.0.0.1:1/")
    staging.stage(folder, addresses, FACTOR)
    targets = [f"{HOST}:{port}" for replica in replicas for port in replica.ports]
    settings = GeneratorSettings()
    (folder / settings.prometheus.targets / f"{RULES.job}.yml").write_text(json.dumps([{"targets": targets}]))
    try:
        with StopSignals() as signals, Supervisor(signals) as supervisor:
            for server in staging.servers(folder, addresses, find_programs()):
                if server.name == "Prometheus":
                    supervisor.start(server)
            yield replicas, addresses.prometheus
    finally:
        for replica in replicas:
            replica.stop(signal.SIGKILL)


def ask(port: int, query: str) -> list[float]:
    address = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(address, timeout=10) as answer:
        return [float(one["value"][1]) for one in json.load(answer)["data"]["result"]]


def wait_for(condition, seconds: float = 90.0):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        found = condition()
        if found:
            return found
        time.sleep(0.25)
    raise AssertionError(f"not within {seconds:g} s: {condition()}")


def expected(names: Recorded, churn, price) -> dict[str, float]:
    """Return what a monitor says that sees all rows itself, by the recorded names."""
    found = {}
    for name, rows, settings in (("a", churn, {"classes": ["no", "yes"]}), ("b", price, {"task": "regression"})):
        monitor = ModelMonitor(name=name, **settings)
        model = monitor.track(lambda given: given)
        for output, actual in rows:
            model(output)
            monitor.record_outcome(monitor.last_prediction_id(), actual)
        found[name] = monitor.get_metrics()["performance"]
    one, estimated, errors = found["a"], found["a"]["estimated"], found["b"]["regression"]
    assert one["labels"] == one["labels_scored"] == len(churn)
    yes = '{class="yes"}'
    return {
        names.accuracy: one["accuracy"],
        names.figure(catalog.ACCURACY, "low"): one["intervals"]["accuracy"][0],
        names.per_class(catalog.PRECISION) + yes: one["precision"],
        names.per_class(catalog.RECALL) + yes: one["recall"],
        names.macro(catalog.F1): one["macro"]["f1"],
        names.weighted(catalog.F1): one["weighted"]["f1"],
        names.figure(catalog.ROC_AUC): one["roc_auc"],
        names.figure(catalog.ROC_AUC, "high"): one["intervals"]["roc_auc"][1],
        names.figure(catalog.PR_AUC): one["pr_auc"],
        names.figure(catalog.LOG_LOSS): one["log_loss"],
        names.figure(catalog.BRIER): one["brier"],
        names.figure(catalog.CALIBRATION_ERROR): one["ece"],
        names.figure(catalog.ESTIMATED_ACCURACY, "ratio"): estimated["accuracy"],
        names.per_class(catalog.ESTIMATED_F1) + yes: estimated["f1"],
        names.figure(catalog.ESTIMATED_ROC_AUC): estimated["roc_auc"],
        names.figure(catalog.ACCURACY_GAP): estimated["gap"]["accuracy"],
        names.figure(catalog.ACCURACY_GAP_NOISE): estimated["gap"]["interval"][1],
        names.figure(catalog.MAE): errors["mae"],
        names.figure(catalog.RMSE): errors["rmse"],
        names.figure(catalog.BIAS): errors["bias"],
        names.figure(catalog.R2): errors["r2"],
        names.figure(catalog.MAPE): errors["mape"],
    }


def test_figures_of_three_replicas_one_killed_are_those_of_all_rows(prometheus):
    """Over an hour and over a day; each replica sees other data, so that one left out would show."""
    replicas, port = prometheus
    rng = np.random.default_rng(8)
    # What begins at another value than 0 does not count as an increase, so each is scraped first.
    for series in (f"{catalog.SCORE_OUTCOMES.name}{{bin='00',outcome='positive'}}", catalog.NUMBERS.name):
        wait_for(lambda series=series: ask(port, f"count(count_over_time({series}[1m]) >= 2) == 3"))
    churn, price = [], []

    def count(replica: Replica, sharpness: float, bias: float) -> None:
        rows = rows_of(rng, sharpness, bias)
        replica.count(*rows)
        churn.extend(rows[0])
        price.extend(rows[1])

    for replica, sharpness, bias in zip(replicas, (2.0, 1.0, 0.2), (0.0, 3.0, -8.0), strict=True):
        count(replica, sharpness, bias)
    for name in (catalog.OUTCOMES.name, catalog.NUMBERS.name):
        wait_for(lambda name=name: ask(port, f"sum({name}) == {len(churn)}"))
    replicas[2].stop(signal.SIGKILL)
    count(replicas[0], 1.5, 1.0)
    replicas[2].start()
    wait_for(lambda: ask(port, f"sum({catalog.SCORE_OUTCOMES.name}{{job='{RULES.job}'}}) == {3 * 400}"))
    for name, own in zip((catalog.SCORE_OUTCOMES.name, catalog.NUMBERS.name), replicas[2].ports, strict=True):
        instance = f'instance="{HOST}:{own}"'
        wait_for(lambda name=name, instance=instance: ask(port, f"sum({name}{{{instance}}}) == 0"))
    count(replicas[2], 0.1, 12.0)
    assert len(churn) == 5 * 400

    for window in (RULES.window, RULES.long_window):
        names = Recorded(window)
        wanted = expected(names, churn, price)

        def off(wanted=wanted) -> dict[str, tuple[float, float]]:
            """Return the figures that are not yet what they must become: scrapes and steps come one by one."""
            found = {name: ask(port, name) for name in wanted}
            return {
                name: (found[name][0] if found[name] else np.nan, value)
                for name, value in wanted.items()
                if len(found[name]) != 1 or not abs(found[name][0] - value) <= TOLERANCE * max(1, abs(value))
            }

        limit = time.monotonic() + 120
        while (missing := off()) and time.monotonic() < limit:
            time.sleep(1)
        assert missing == {}
