"""A monitor as a whole: its arguments, its metrics, its endpoint, and what it never tells."""

from __future__ import annotations

import inspect
import json
import logging
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest
import requests
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from sklearn.linear_model import LogisticRegression

from certificates import Authority
from ml_models import catalog
from ml_models.config import Config
from ml_models.errors import ConfigError, ProfileError
from ml_models.monitoring import ModelMonitor, ReferenceProfile, logs, track

# --- arguments -------------------------------------------------------------------------------------------------------

ARGUMENTS = [
    "model",
    "name",
    "version",
    "deployment",
    "reference",
    "task",
    "classes",
    "positive_class",
    "decision_threshold",
    "window",
    "metrics_interval",
    "alert_thresholds",
    "drift_method",
    "quality_weights",
    "multivariate",
    "sampling_rate",
    "buffer_rows",
    "buffer_bytes",
    "label_ledger",
    "label_ledger_url_file",
    "label_horizon",
    "label_max_rows",
    "label_expected_after",
    "health_check_interval",
    "health_check_timeout",
    "host",
    "port",
    "web_config",
    "log_level",
    "log_format",
]


def test_the_arguments_are_those_that_a_configuration_gives():
    parameters = inspect.signature(ModelMonitor).parameters
    assert list(parameters) == ARGUMENTS
    assert all(one.kind is one.KEYWORD_ONLY for name, one in parameters.items() if name != "model")
    assert (parameters["host"].default, parameters["port"].default) == ("127.0.0.1", 9877)
    given = Config().get_monitoring_config()
    assert set(given) <= set(ARGUMENTS) - {"model"}
    monitor = ModelMonitor(**{**given, "port": 0})
    assert monitor.thresholds.items() >= given["alert_thresholds"].items()


def test_public_names_are_what_the_package_exports():
    import ml_models.monitoring as public

    assert all(hasattr(public, name) for name in public.__all__)
    assert {"ModelMonitor", "track"} <= set(public.__all__)
    for name in ("track", "record_outcome", "record_outcomes", "last_prediction_id", "start", "stop", "get_metrics"):
        assert inspect.getdoc(getattr(ModelMonitor, name)), name


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("window", 0, "window: found 0; a number above 0"),
        ("window", float("nan"), "window: found nan"),
        ("metrics_interval", -1, "metrics_interval: found -1"),
        ("buffer_rows", 0, "buffer_rows: found 0"),
        ("buffer_bytes", 0, "buffer_bytes: found 0"),
        ("label_horizon", 0, "label_horizon: found 0"),
        ("label_max_rows", 0, "label_max_rows: found 0"),
        ("sampling_rate", 0, "sampling_rate: found 0; above 0 and at most 1"),
        ("sampling_rate", 1.1, "sampling_rate: found 1.1"),
        ("quality_weights", {"shape": 1}, "quality_weights: 'shape': found 1; give completeness, validity, schema"),
        ("quality_weights", {"schema": -1}, "quality_weights: 'schema': found -1"),
        ("multivariate", True, "multivariate: found no reference; make one with `mlmon profile --multivariate`"),
        ("drift_method", "pzi", "drift_method: unknown 'pzi'; choose from .*psi"),
        ("task", "guess", "task: unknown 'guess'; choose from auto, classification, regression"),
        ("alert_thresholds", {"accurracy_min": 1}, "unknown signal 'accurracy_min'; choose from accuracy_min"),
        ("health_check_interval", 0, "health_check_interval: 0 is not positive"),
        ("health_check_timeout", 0, "health_check_timeout: 0 is not positive"),
    ],
)
def test_a_wrong_argument_is_refused_with_what_is_allowed(argument, value, message):
    with pytest.raises(ConfigError, match=message):
        ModelMonitor(**{"port": 0, argument: value})


def test_all_wrong_arguments_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        ModelMonitor(window=-1, sampling_rate=2, task="guess", drift_method="pzi")
    assert len(caught.value.faults) == 4


def test_a_reference_is_a_profile_its_file_data_or_the_datas_file(tmp_path, mixed):
    data = {"x": np.arange(100.0), "city": ["Oslo", "Rome"] * 50}
    csv = tmp_path / "data.csv"
    csv.write_text("x,city\n" + "".join(f"{x},{city}\n" for x, city in zip(*data.values(), strict=True)))
    references = [mixed, mixed.save(tmp_path / "reference.json"), str(tmp_path / "reference.json"), data, csv, str(csv)]
    found = {ModelMonitor(reference=reference, port=0).reference.fingerprint for reference in references}
    assert found == {mixed.fingerprint}


def test_a_reference_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(ProfileError, match=r"nowhere\.json.*cannot be read"):
        ModelMonitor(reference=tmp_path / "nowhere.json")


def test_importing_is_light():
    """The hooks live in the serving process: no scientific stack beyond numpy, no settings library, no HTTP client."""
    code = (
        "import sys, ml_models.monitoring; "
        "print(*{'scipy', 'pydantic', 'requests', 'yaml', 'click', 'pandas', 'polars', 'pyarrow', 'sklearn', "
        "'reportlab', 'grafanalib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# --- metrics ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full_text(tmp_path_factory) -> str:
    """Return what a monitor exposes that has a reference, calls, errors, labels, a health check and TLS."""
    folder = tmp_path_factory.mktemp("web")
    signed = Authority(folder).sign("server")
    web_config = folder / "web.yml"
    web_config.write_text(f"tls_server_config: {{cert_file: {signed.certificate}, key_file: {signed.key}}}")
    reference = ReferenceProfile.fit(
        {
            "x": np.arange(300.0),
            "y": np.arange(300.0) % 7,
            "city": ["Oslo", "Rome", "Bonn"] * 100,
            "out": ["no", "yes", "yes"] * 100,
        },
        prediction="out",
        multivariate=True,
    )
    monitor = ModelMonitor(
        name="full",
        version="1.2",
        reference=reference,
        port=0,
        web_config=web_config,
        multivariate=True,
        label_expected_after=1e-6,
    )
    monitor.add_health_check("fine", lambda: True)
    monitor.health.run_due()

    @monitor.track
    def predict(row: Any) -> float:
        if row is None:
            raise ValueError("no row")
        return 0.9 if row["x"] > 100 else 0.3

    for x in range(300):
        predict({"x": float(x), "y": x % 7, "city": "Oslo"})
        monitor.record_outcome(monitor.last_prediction_id(), "yes" if x > 150 else "no")
    predict({"x": 1.0, "y": 1, "city": "Oslo", "z": 1})
    assert monitor.track(lambda row, at: "no", queued_at="at", features="row")(None, time.time() - 1) == "no"

    @monitor.track
    def stream(row: Any) -> Any:
        yield from ("yes", "no")

    assert list(stream(None)) == ["yes", "no"]
    with pytest.raises(ValueError, match="no row"):
        predict(None)
    text = ""
    deadline = time.monotonic() + 10
    late = (
        catalog.SYSTEM_CPU,
        catalog.LABEL_COVERAGE,
    )  # a rate needs some time between two readings, labels do to come
    while any(f"{metric.name}{{" not in text for metric in late):
        assert time.monotonic() < deadline
        text = monitor.metrics_text().decode()
    return text


@pytest.fixture(scope="module")
def regression_text() -> str:
    """Return what a monitor of a regression exposes, of the same name and version."""
    monitor = ModelMonitor(name="full", version="1.2", task="regression", port=0)
    predict = monitor.track(lambda row: 2.0 * row["x"])
    for x in range(10):
        predict({"x": float(x)})
        monitor.record_outcome(monitor.last_prediction_id(), 2.1 * x - 1)
    return monitor.metrics_text().decode()


#: Of a regression alone.
_OF_NUMBERS = {
    catalog.MAE, catalog.RMSE, catalog.BIAS, catalog.R2, catalog.MAPE,
    catalog.RESIDUAL_OBSERVATIONS, catalog.RESIDUAL_UPPER_EDGE,
    *(metric for name, metric in catalog.METRICS.items() if name.startswith("ml_regression_")),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in catalog.METRICS if not name.startswith("ml_watch_")])
def test_each_metric_of_the_catalog_is_exposed_exactly_once(name, full_text, regression_text):
    """With its help, kind and labels, and with a value, by a classifier or a regression."""
    metric = catalog.METRICS[name]
    full_text = regression_text if metric in _OF_NUMBERS else full_text
    assert full_text.count(f"# TYPE {name} {metric.kind}\n") == 1
    assert full_text.count(f"# HELP {name} ") == 1
    assert f"# HELP {name} {metric.help}\n" in full_text
    (family,) = [f for f in text_string_to_metric_families(full_text) if f.name in {name, name.removesuffix("_total")}]
    assert family.type == metric.kind
    assert family.samples, "no value"
    for sample in family.samples:
        assert set(sample.labels) - {"le", catalog.MODEL_VERSION} == set(metric.labels)
        assert (sample.labels["model"], sample.labels[catalog.MODEL_VERSION]) == ("full", "1.2")
    series = [(sample.name, *sorted(sample.labels.items())) for sample in family.samples]
    assert len(set(series)) == len(series)


def test_a_wrong_web_configuration_is_told_before_anything_starts(tmp_path):
    web_config = tmp_path / "web.yml"
    web_config.write_text("basic_auth_users: {prometheus: hunter2}")
    with pytest.raises(ConfigError, match="is no bcrypt hash") as caught:
        ModelMonitor(name="wrong", port=0, web_config=web_config)
    assert "hunter2" not in str(caught.value)


def test_an_endpoint_without_guard_exports_nothing_on_one():
    text = ModelMonitor(name="open", port=0).metrics_text().decode()
    assert 'collector="web"' not in text
    assert "ml_http_auth_failures_total" not in text


def test_nothing_outside_the_catalog_is_exposed(full_text):
    exposed = {line.split()[2] for line in full_text.splitlines() if line.startswith("# TYPE")}
    assert exposed <= set(catalog.METRICS)


def test_counts_of_cells_bins_and_observations_agree(full_text):
    """Present cells of a feature are those in its bins; bins of the reference sum to 1."""
    values = {
        (s.name, *sorted(s.labels.items())): s.value
        for family in text_string_to_metric_families(full_text)
        for s in family.samples
    }

    def total(name: str, **labels: str) -> float:
        return sum(v for (n, *found), v in values.items() if n == name and set(labels.items()) <= set(found))

    for feature in ("x", "city"):
        seen = total(catalog.FEATURE_OBSERVATIONS.name, feature=feature)
        nothing = total(catalog.FEATURE_MISSING.name, feature=feature)
        nothing += total(catalog.FEATURE_INVALID.name, feature=feature)
        assert total(catalog.BIN_OBSERVATIONS.name, feature=feature) == seen - nothing
        assert abs(total(catalog.BIN_REFERENCE.name, feature=feature) - 1) < 1e-9
    assert total(catalog.PREDICTIONS.name) == 303
    assert total(catalog.OUTCOMES.name) == 300
    assert total("ml_prediction_duration_seconds_count") == 304


def test_the_registry_serves_other_ways_of_prometheus_client(make, mixed):
    """As text, the registry's families are those that the monitor's own endpoint gives."""
    monitor = make(reference=mixed)
    monitor.track(lambda row: 1)({"x": 5.0, "city": "Oslo"})

    def stable(text: bytes) -> list[str]:
        moving = ("ml_system", "ml_process", "ml_collector", "ml_monitor", "#")
        return sorted(
            f"{sample.name} {sorted(sample.labels.items())} {float(sample.value)}"
            for family in text_string_to_metric_families(text.decode())
            for sample in family.samples
            if not sample.name.startswith(moving)
        )

    assert stable(generate_latest(monitor.registry)) == stable(monitor.metrics_text())
    assert generate_openmetrics(monitor.registry).endswith(b"# EOF\n")


def test_other_metrics_can_be_registered_beside(make):
    from prometheus_client import Counter

    monitor = make()
    Counter("own_things", "An application's own.", registry=monitor.registry).inc(3)
    assert b"own_things_total 3.0" in generate_latest(monitor.registry)


# --- the endpoint ----------------------------------------------------------------------------------------------------


def test_the_endpoint_of_a_running_monitor(make, mixed, until):
    monitor = make(reference=mixed, version="1.2").start()
    monitor.track(lambda row: 1)({"x": 5.0, "city": "Oslo"})
    text = requests.get(f"{monitor.url}/metrics", timeout=10).text
    labels = f'endpoint="<lambda>",model="{monitor.name}",model_version="1.2"'
    assert f"ml_predictions_total{{{labels}}} 1.0" in text
    page = requests.get(monitor.url, timeout=10).text
    assert f"<h1>{monitor.name}</h1>" in page
    assert "version 1.2" in page
    ready = requests.get(f"{monitor.url}/readyz", timeout=10)
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "model": monitor.name, "checks": {}})
    passes = [True]
    monitor.add_health_check("database", lambda: passes[0])
    until(lambda: requests.get(f"{monitor.url}/readyz", timeout=10).json()["checks"])
    assert requests.get(f"{monitor.url}/readyz", timeout=10).status_code == 200


def test_a_failing_check_makes_the_model_not_ready_but_alive(make, until):
    monitor = make().start()
    monitor.add_health_check("database", lambda: False)
    until(lambda: requests.get(f"{monitor.url}/readyz", timeout=10).status_code == 503)
    found = requests.get(f"{monitor.url}/readyz", timeout=10).json()
    assert (found["ready"], found["checks"]["database"]["up"]) == (False, False)
    assert requests.get(f"{monitor.url}/healthz", timeout=10).status_code == 200


def test_the_history_is_sampled_in_the_background(make, until):
    monitor = make(metrics_interval=0.05).start()
    monitor.track(lambda row: 1)({})
    until(lambda: monitor._history.history() is not None)
    history = monitor._history.history()
    assert len(history.times) >= 2
    assert history.series["error_ratio"][-1] == 0.0


def test_a_sample_of_the_history_that_fails_ends_not_the_sampling(make, until, monkeypatch, caplog):
    monitor = make(metrics_interval=0.02)
    failed = []

    def fail() -> dict[str, float | None]:
        failed.append(1)
        raise RuntimeError("no figures")

    monkeypatch.setattr(monitor._history, "_values", fail)
    monitor.start()
    until(lambda: len(failed) > 2)
    assert monitor._history.history() is None


# --- what is never told ----------------------------------------------------------------------------------------------

SECRET = "hunter2-4111111111111111"  # noqa: S105 - of nothing


class SecretError(Exception):
    """Its message holds data."""


@pytest.mark.parametrize("log_format", ["plain", "json"])
def test_no_value_message_or_label_leaves_the_process(log_format, make, mixed, until, caplog, capsys, tmp_path):
    """A secret is planted as category, number, column, label, id and message, and in faults, then searched for."""
    caplog.set_level(logging.DEBUG)
    monitor = make(
        reference=mixed, classes=["no", "yes"], log_level="debug", log_format=log_format, metrics_interval=0.05
    ).start()

    class Leaky:
        def __array__(self, *_: Any, **__: Any) -> Any:
            raise SecretError(SECRET)

        def __repr__(self) -> str:
            return SECRET

    @monitor.track(prediction_id="id")
    def predict(row: Any) -> Any:
        if row.get("fail"):
            raise SecretError(SECRET, row)
        return "yes"

    for row in (
        {"id": SECRET, "x": 5.0, "city": SECRET},
        {"id": SECRET, "x": SECRET, "city": SECRET.encode()},
        {"id": SECRET, SECRET: SECRET},
        {"x": 5.0, "city": SECRET, "fail": True},
    ):
        try:
            predict(row)
        except SecretError:
            continue
    for features in (Leaky(), [SECRET], [[SECRET, SECRET]], [{"x": 1}, SECRET], {"x": [SECRET, 2], "city": [SECRET]}):
        monitor.track(endpoint="broken", output=lambda result: result[SECRET])(lambda rows: {})(features)
    monitor.record_outcome(SECRET, SECRET)
    monitor.record_outcomes([SECRET, "x"], [SECRET, "yes"])
    monitor.add_health_check("leaky", lambda: (_ for _ in ()).throw(SecretError(SECRET)))
    until(monitor.health.results)
    until(lambda: monitor._history.history() is not None)
    told = {
        "metrics": requests.get(f"{monitor.url}/metrics", timeout=10).text,
        "openmetrics": monitor.metrics_text(openmetrics=True).decode(),
        "page": requests.get(monitor.url, timeout=10).text,
        "readiness": requests.get(f"{monitor.url}/readyz", timeout=10).text,
        "get_metrics": json.dumps(monitor.get_metrics()),
        "report": monitor.generate_report(tmp_path / "report.json").read_text(),
    }
    monitor.stop()
    logs.configure(None)
    told["log"] = "\n".join(
        logging.Formatter().format(record) for record in caplog.records if record.name.startswith("ml_models")
    )
    captured = capsys.readouterr()
    told["standard error"], told["standard output"] = captured.err, captured.out
    leaks = [where for where, text in told.items() if SECRET in text]
    assert leaks == []
    assert "SecretError" in told["metrics"], "it was planted"
    assert "failed at stage" in told["log"], "faults were logged"
    assert "SecretError" in told["readiness"]


def test_the_reference_holds_no_secret_of_rare_values(make):
    """Only the reference's frequent categories are labels; all others are hashes or counts."""
    cities = ["Oslo"] * 90 + [f"rare {n}" for n in range(60)] + [SECRET]
    reference = ReferenceProfile.fit({"city": cities}, kinds={"city": "categorical"})
    assert SECRET not in reference.to_json() or SECRET in reference.features[0].categories
    monitor = make(reference=reference)
    assert "Oslo" in monitor.metrics_text().decode()


def test_sklearn_from_start_to_report(make, until, tmp_path):
    """The specification's example: hooks, labels, drift, figures and a report."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 3))
    labels = np.where(rows[:, 0] > 0, "yes", "no")
    model = LogisticRegression().fit(rows, labels)
    monitor = make(model, reference={f"f{n}": rows[:, n] for n in range(3)}).start()
    live = rng.normal(1.0, size=(400, 3))
    predicted = model.predict(live)
    ids = [monitor.last_prediction_id(row) for row in range(400)]
    actual = np.where(live[:, 0] > 0, "yes", "no")
    monitor.record_outcomes(ids, actual)
    metrics = monitor.get_metrics()
    assert metrics["performance"]["accuracy"] == np.mean(predicted == actual)
    assert metrics["data"]["drift_share"] == 1.0
    assert monitor.generate_report(tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_the_functions_decorator_is_the_methods(make, counted):
    monitor = make(name="by decorator")

    @track(model="by decorator")
    def predict(row):
        return row

    predict(1)
    assert counted(monitor).calls == 1
