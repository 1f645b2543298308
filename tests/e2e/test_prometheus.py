"""A real Prometheus scrapes a real monitor: what its rules record is what the monitor itself says."""

import json
import time
import urllib.parse
import urllib.request

import numpy as np
import pytest
import yaml

from certificates import Authority
from ml_models.catalog import SIGNALS
from ml_models.demo import staging
from ml_models.demo.servers import StopSignals, Supervisor, find_programs, free_port
from ml_models.mixin import dashboards
from ml_models.mixin.files import GeneratorSettings
from ml_models.monitoring import ModelMonitor, ReferenceProfile

ROWS = 3_000
#: A window of a minute instead of an hour: everything that the test sends stays inside.
FACTOR = 60.0


def ask(port: int, query: str) -> dict[tuple[tuple[str, str], ...], float]:
    address = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(address, timeout=10) as answer:
        result = json.load(answer)["data"]["result"]
    return {
        tuple(sorted((k, v) for k, v in one["metric"].items() if k != "__name__")): float(one["value"][1])
        for one in result
    }


def wait_for(condition, seconds: float = 60.0):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        found = condition()
        if found:
            return found
        time.sleep(0.25)
    raise AssertionError(f"not within {seconds:g} s: {condition()}")


@pytest.fixture
def watched(tmp_path):
    rng = np.random.default_rng(3)
    reference = ReferenceProfile.fit(
        {
            "age": rng.normal(40, 10, 5_000),
            "income": rng.lognormal(10, 1, 5_000),
            "plan": rng.choice(["free", "plus", 'the "big" one\\'], 5_000),
            "prediction": rng.integers(0, 2, 5_000),
            "label": rng.integers(0, 2, 5_000),
        },
        prediction="prediction",
        label="label",
        multivariate=True,
    )
    # Every signal has a threshold, none of which matters here.
    limits = dict.fromkeys(SIGNALS, 0.5)
    # Behind TLS, whose certificate a panel is about.
    signed = Authority(tmp_path / "certificates").sign("server")
    web_config = tmp_path / "web.yml"
    web_config.write_text(f"tls_server_config: {{cert_file: {signed.certificate}, key_file: {signed.key}}}")
    monitor = ModelMonitor(
        name="churn",
        reference=reference,
        multivariate=True,
        alert_thresholds=limits,
        label_expected_after=1.0,
        port=0,
        web_config=web_config,
    )

    @monitor.track
    def predict(row):
        return 0.8 if row["age"] > 45 else 0.3

    # A regression beside it: what a dashboard shows of numbers needs one.
    price = ModelMonitor(name="price", task="regression", port=0, web_config=web_config)
    with monitor, price, StopSignals() as signals, Supervisor(signals) as supervisor:
        folder = staging.make_folder(tmp_path / "run")
        port = int(monitor.url.rpartition(":")[2])
        addresses = staging.Addresses(port, free_port(), free_port(), "127.0.0.1:1", "http://127.0.0.1:1/")
        staging.stage(folder, addresses, FACTOR)
        configuration = yaml.safe_load((folder / "prometheus.yml").read_text())
        trust = {"ca_file": str(tmp_path / "certificates/authority.pem"), "server_name": "localhost"}
        configuration["scrape_configs"][0] |= {"scheme": "https", "tls_config": trust}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        targets = [one.url.partition("://")[2] for one in (monitor, price)]
        settings = GeneratorSettings()
        file = folder / settings.prometheus.targets / f"{settings.rules.job}.yml"
        file.write_text(json.dumps([{"targets": targets}]))
        for server in staging.servers(folder, addresses, find_programs()):
            if server.name == "Prometheus":
                supervisor.start(server)
        yield monitor, predict, addresses.prometheus, price


@pytest.mark.e2e
def test_recorded_scores_equal_the_monitors_own(watched):
    monitor, predict, port, _ = watched
    wait_for(lambda: ask(port, "count_over_time(ml_feature_observations_total[1m]) >= 2"))
    rng = np.random.default_rng(4)
    ids = []
    for age, income, plan in zip(
        rng.normal(46, 12, ROWS), rng.lognormal(10.2, 1, ROWS), rng.choice(["free", "plus", "new"], ROWS), strict=True
    ):
        predict({"age": float(age), "income": float(income), "plan": str(plan)})
        ids.append(monitor.last_prediction_id())
    monitor.record_outcomes(ids, rng.integers(0, 2, ROWS).tolist())
    metrics = monitor.get_metrics()
    names = GeneratorSettings().rules.names

    def recorded(series: str, feature: str, role: str = "feature") -> float | None:
        return ask(port, f'{series}{{model="churn"}}').get((("feature", feature), ("model", "churn"), ("role", role)))

    def settled() -> bool:
        """Return whether the rules have seen scrapes from before and after everything was counted."""
        psi = recorded(names.psi, "age")
        expected = metrics["data"]["features"]["age"]["drift"]["psi"]
        return psi is not None and abs(psi - expected) < 1e-6 and bool(ask(port, names.accuracy))

    wait_for(settled)
    for name, feature in metrics["data"]["features"].items():
        assert recorded(names.psi, name) == pytest.approx(feature["drift"]["psi"], abs=1e-6)
        assert recorded(names.js, name) == pytest.approx(feature["drift"]["js"], abs=1e-6)
    (accuracy,) = ask(port, names.accuracy).values()
    assert accuracy == pytest.approx(metrics["performance"]["accuracy"], abs=1e-6)
    label = next(iter(metrics["data"]["label_distribution"].values()))
    assert recorded(names.psi, "label", "label") is not None
    assert sum(label["live"]) == pytest.approx(1.0)


@pytest.mark.e2e
def test_prometheus_takes_every_family_and_any_label_text(watched):
    """The plan with quotes and a backslash comes back as it is; every target is up."""
    _, predict, port, _ = watched
    predict({"age": 1.0, "income": 1.0, "plan": 'the "big" one\\'})
    labels = wait_for(lambda: ask(port, 'ml_feature_bin_observations_total{feature="plan"} > 0'))
    assert any(dict(one)["bin"] == 'the "big" one\\' for one in labels)
    assert set(ask(port, 'up{job="ml-models"}').values()) == {1.0}


@pytest.mark.e2e
def test_every_panel_of_the_dashboard_shows_something(watched):
    """All targets of the model dashboard, on a monitor that has seen predictions, labels, an error and a check."""
    monitor, predict, port, price = watched
    estimate = price.track(lambda row: 2.0 * row["x"])
    monitor.add_health_check("always", lambda: True)

    @monitor.track(queued_at="at", features="row")
    def explain(row, at):
        yield from ("because", "so")

    def serve() -> None:
        assert len(list(explain({"age": 30.0, "income": 20_000.0, "plan": "free"}, time.time()))) == 2
        for age in range(20, 70):
            predict({"age": float(age), "income": 20_000.0, "plan": "free"})
            monitor.record_outcome(monitor.last_prediction_id(), int(age > 40))
        for x in range(5):
            estimate({"x": x})
            price.record_outcome(price.last_prediction_id(), 1.9 * x + 0.1)
        with pytest.raises(TypeError):
            predict({"age": None, "income": 1.0, "plan": "free"})

    dashboard = json.loads(dashboards.files()["dashboards/ml-model.json"])
    of_numbers = {"Errors of numbers", "R2 and MAPE", "Residuals"}
    open_targets = {
        (target.panel, target.ref_id): dashboards.substitute(
            target.expr,
            {"model": "price" if target.panel in of_numbers else "churn", "job": "ml-models", "feature": ".+"},
            rate_interval="10s",
            range_="1m",
        )
        for target in dashboards.targets(dashboard)
        if "ml_watch_" not in target.expr  # a data monitor's
    }
    limit = time.monotonic() + 60
    while open_targets and time.monotonic() < limit:
        serve()
        open_targets = {key: expr for key, expr in open_targets.items() if not ask(port, expr)}
        time.sleep(0.5)
    assert open_targets == {}
