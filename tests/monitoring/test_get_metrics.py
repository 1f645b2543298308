"""``get_metrics()`` is one plain dict of fixed shape, JSON at every stage, with None for what is not known."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from ml_models.catalog import SIGNALS
from ml_models.monitoring import ReferenceProfile

NUMBER, TEXT, MAYBE = (int, float), str, (int, float, type(None))
INTERVAL, INSTANT = "an interval or None", "an instant or None"

DISTRIBUTION = {"bins": [TEXT], "upper_edges": [MAYBE], "reference": [NUMBER], "live": [NUMBER]}
FEATURE = {
    "kind": TEXT, "drift": {"psi": MAYBE, "js": MAYBE}, "drifted": (bool, type(None)), "noise": MAYBE,
    "samples": int, "missing_ratio": MAYBE, "invalid_ratio": MAYBE, "out_of_range_ratio": MAYBE,
    "distribution": DISTRIBUTION,
}  # fmt: skip
SHAPE: dict[str, Any] = {
    "model": {"name": TEXT, "version": TEXT, "deployment": TEXT, "task": TEXT, "reference": (str, type(None))},
    "window_seconds": NUMBER,
    "generated_at": INSTANT,
    "thresholds": dict,
    "performance": {
        "accuracy": MAYBE, "precision": MAYBE, "recall": MAYBE, "f1": MAYBE,
        "latency_seconds": {"mean": MAYBE, "p50": MAYBE, "p95": MAYBE, "p99": MAYBE},
        "throughput_per_second": NUMBER, "error_ratio": MAYBE, "predictions": int, "labels": int,
        "confusion": (dict, type(None)),
        "intervals": {"accuracy": INTERVAL, "precision": INTERVAL, "recall": INTERVAL},
    },
    "data": {
        "features": dict, "prediction_distribution": dict, "label_distribution": dict, "drift_share": MAYBE,
        "quality_score": MAYBE, "quality": {"completeness": MAYBE, "validity": MAYBE, "schema": MAYBE}, "rows": int,
    },
    "system": {
        "cpu_ratio": MAYBE, "memory_ratio": MAYBE, "memory_used_bytes": MAYBE, "memory_limit_bytes": MAYBE,
        "disk_ratio": MAYBE, "network_receive_bytes_per_second": MAYBE, "network_transmit_bytes_per_second": MAYBE,
        "process_cpu_seconds": MAYBE, "process_resident_memory_bytes": MAYBE, "open_fds": MAYBE, "threads": MAYBE,
        "error_ratio": MAYBE, "health": dict,
    },
    "errors": list,
    "monitor": {
        "dropped_rows": int, "hook_failures": int, "buffered_rows": int, "last_drain": INSTANT,
        "overhead_seconds": NUMBER,
    },
}  # fmt: skip
ERROR = {
    "exception": TEXT, "endpoint": TEXT, "fingerprint": TEXT, "count": int, "first_seen": INSTANT,
    "last_seen": INSTANT, "trace": [TEXT],
}  # fmt: skip
HEALTH = {"up": bool, "duration_seconds": NUMBER, "last_run": INSTANT, "error": (str, type(None))}


def _check(found: Any, shape: Any, path: str = "metrics") -> None:
    if isinstance(shape, dict):
        assert isinstance(found, dict), path
        for name, inner in shape.items():
            assert name in found, f"{path}.{name}"
            _check(found[name], inner, f"{path}.{name}")
    elif isinstance(shape, list):
        for one in found or ():
            _check(one, shape[0], path)
    elif shape == INTERVAL:
        assert found is None or (len(found) == 2 and 0 <= found[0] <= found[1] <= 1), path
    elif shape == INSTANT:
        assert found is None or datetime.fromisoformat(found).utcoffset() == timedelta(0), path
    else:
        kinds = shape if isinstance(shape, tuple) else (shape,)
        assert type(found) in kinds, f"{path}: {found!r}"  # exact types: no numpy scalars, no bool for a number


def _metrics(monitor: Any, window: float | None = None) -> dict[str, Any]:
    """Return the metrics after they went through strict JSON, and check their shape."""
    found = monitor.get_metrics(window)
    assert json.loads(json.dumps(found, allow_nan=False)) == found, "only plain types, and nothing lost"
    _check(found, SHAPE)
    for name, feature in found["data"]["features"].items():
        _check(feature, FEATURE, name)
        assert ("ks" in feature["drift"]) == (feature["kind"] == "numeric")
    for role in ("prediction_distribution", "label_distribution"):
        for name, distribution in found["data"][role].items():
            _check(distribution, DISTRIBUTION, name)
    for error in found["errors"]:
        _check(error, ERROR, "error")
    for name, result in found["system"]["health"].items():
        _check(result, HEALTH, name)
    return found


def _nothing_but(found: dict[str, Any], **known: Any) -> None:
    """Say that all figures are undefined but those named."""
    assert {name: value for name, value in found.items() if value is not None} == known


def test_before_anything_is_seen_all_is_undefined_and_nothing_made_up(make):
    monitor = make(name="empty", version="2.1")
    found = _metrics(monitor)
    assert found["model"] == {
        "name": "empty",
        "version": "2.1",
        "task": "auto",
        "deployment": "champion",
        "reference": None,
    }
    performance = found["performance"]
    assert (performance["predictions"], performance["labels"], performance["throughput_per_second"]) == (0, 0, 0.0)
    _nothing_but(performance["latency_seconds"])
    _nothing_but({name: performance[name] for name in ("accuracy", "precision", "recall", "f1", "error_ratio")})
    _nothing_but(performance["intervals"])
    assert performance["confusion"] is None
    data = found["data"]
    _nothing_but(data["quality"])
    assert (data["features"], data["drift_share"], data["quality_score"], data["rows"]) == ({}, None, None, 0)
    assert data["prediction_distribution"] == data["label_distribution"] == {}
    assert (found["errors"], found["system"]["health"], found["monitor"]["dropped_rows"]) == ([], {}, 0)


def test_with_a_reference_and_nothing_seen_the_features_are_named_and_undefined(make, mixed):
    found = _metrics(make(reference=mixed))
    assert found["model"]["reference"] == mixed.fingerprint
    assert list(found["data"]["features"]) == ["x", "city"]
    for feature in found["data"]["features"].values():
        assert (feature["samples"], feature["drifted"], feature["missing_ratio"]) == (0, None, None)
        _nothing_but(feature["drift"])
        assert feature["distribution"]["live"] is None
        assert math.isclose(sum(feature["distribution"]["reference"]), 1.0)


def test_a_classifier_with_labels(make):
    reference = ReferenceProfile.fit(
        {"x": np.arange(1_000.0), "city": ["Oslo", "Rome"] * 500, "label": ["no", "yes"] * 500}, label="label"
    )
    monitor = make(reference=reference, alert_thresholds={"accuracy_min": 0.9})
    predict = monitor.track(lambda rows: ["yes"] * len(rows))
    for start in range(0, 300, 3):
        rows = [{"x": float(x), "city": "Oslo"} for x in range(start, start + 3)]
        predict(rows)
        monitor.record_outcomes([monitor.last_prediction_id(row) for row in range(3)], ["yes", "yes", "no"])
    with pytest.raises(TypeError):
        predict(None)
    predict([{"x": None, "city": 5}])
    found = _metrics(monitor)
    performance = found["performance"]
    assert (performance["predictions"], performance["labels"], performance["calls"]) == (301, 300, 102)
    assert performance["confusion"] == {"classes": ["no", "yes"], "counts": [[0, 100], [0, 200]]}
    assert math.isclose(performance["accuracy"], 2 / 3)
    assert math.isclose(performance["precision"], 2 / 3)
    assert (performance["recall"], performance["f1"]) == (1.0, 0.8)
    assert performance["intervals"]["accuracy"][0] < performance["accuracy"] < performance["intervals"]["accuracy"][1]
    assert performance["error_ratio"] == 1 / 102
    assert 0 < performance["latency_seconds"]["p50"] <= performance["latency_seconds"]["p99"]
    assert found["system"]["error_ratio"] == performance["error_ratio"]
    assert found["thresholds"]["accuracy_min"] == 0.9
    assert set(found["thresholds"]) <= set(SIGNALS)
    x, city = found["data"]["features"]["x"], found["data"]["features"]["city"]
    assert (x["kind"], x["samples"], x["drifted"]) == ("numeric", 300, True)
    assert math.isclose(x["missing_ratio"], 2 / 302), "what a failed call was given is data as well"
    assert x["drift"]["psi"] > 0.25 > x["noise"]
    assert 0.69 < x["drift"]["ks"] < 0.71
    assert (city["kind"], city["drifted"]) == ("categorical", True)
    assert math.isclose(city["out_of_range_ratio"], 1 / 301), "5 is no city of the reference"
    assert city["distribution"]["bins"] == ["Oslo", "Rome", "__other__", "__unseen__"]
    assert city["distribution"]["upper_edges"] is None
    assert x["distribution"]["bins"] == [f"{n:02d}" for n in range(10)]
    assert x["distribution"]["upper_edges"][-1] is None
    for feature in (x, city):
        assert math.isclose(sum(feature["distribution"]["live"]), 1.0)
    (label,) = found["data"]["label_distribution"].values()
    assert math.isclose(label["live"][label["bins"].index("yes")], 2 / 3)
    assert found["data"]["drift_share"] == 1.0
    assert (found["errors"][0]["exception"], found["errors"][0]["count"]) == ("TypeError", 1)


def test_a_regression(make, numeric):
    monitor = make(reference=numeric, task="regression")
    predict = monitor.track(lambda rows: rows[:, 0] * 1.5)
    predict(np.full((50, 2), 7.0))
    monitor.record_outcome(monitor.last_prediction_id(), 10.0)
    found = _metrics(monitor)
    assert (found["model"]["task"], found["performance"]["predictions"]) == ("regression", 50)
    assert found["performance"]["accuracy"] is None
    assert found["performance"]["confusion"] is None
    assert found["data"]["prediction_distribution"] == {}


def test_a_classifier_without_reference_shows_what_it_predicts(make):
    monitor = make(classes=["no", "yes"])
    monitor.track(lambda rows: ["yes", "yes", "no", "yes"])([{}] * 4)
    (distribution,) = _metrics(monitor)["data"]["prediction_distribution"].values()
    assert dict(zip(distribution["bins"], distribution["live"], strict=True)) == {
        "no": 0.25, "yes": 0.75, "__other__": 0.0,
    }  # fmt: skip
    assert distribution["reference"] is None


@pytest.mark.parametrize(
    "row",
    [
        {"x": float("nan"), "y": float("inf")},
        {"x": -float("inf"), "y": 1e308},
        {"x": None, "y": "text"},
        {"x": 10**400, "y": 5e-324},
    ],
)
def test_values_at_the_ends_of_the_numbers_stay_json(row, make, numeric):
    monitor = make(reference=numeric)
    predict = monitor.track(lambda row: float("nan"))
    for _ in range(300):
        predict(row)
    found = _metrics(monitor)
    assert found["data"]["features"]["x"]["distribution"]["live"] is None or sum(
        found["data"]["features"]["x"]["distribution"]["live"]
    )


@pytest.mark.parametrize(
    "columns",
    [{"x": [5.0] * 10}, {"x": [5.0, None]}, {"x": [1.0, float("inf"), -float("inf")]}, {"x": [True, False]},
     {"x": ["a"] * 5}, {"x": [1, 2, 3]}, {"x": [0.0, 1e-320, 1e308]}],
    ids=["constant", "one value", "infinite", "boolean", "one category", "integers", "extremes"],
)  # fmt: skip
def test_a_reference_of_any_kind_stays_json(columns, make):
    monitor = make(reference=ReferenceProfile.fit(columns))
    predict = monitor.track(lambda row: 1)
    _metrics(monitor)
    for value in [*columns["x"], 5.0, "b", None]:
        predict({"x": value})
    found = _metrics(monitor)
    assert found["data"]["rows"] == len(columns["x"]) + 3
    values = [line.split()[-1] for line in monitor.metrics_text().decode().splitlines() if not line.startswith("#")]
    assert all(math.isfinite(float(value)) for value in values), "NaN in a gauge silences every rule on it"


def test_health_checks_are_in_it(make):
    monitor = make()
    monitor.add_health_check("fine", lambda: True)
    monitor.add_health_check("broken", lambda: 1 / 0)
    assert _metrics(monitor)["system"]["health"] == {}, "not run yet"
    monitor.health.run_due()
    health = _metrics(monitor)["system"]["health"]
    assert (health["fine"]["up"], health["fine"]["error"]) == (True, None)
    assert (health["broken"]["up"], health["broken"]["error"]) == (False, "ZeroDivisionError")


# --- the window ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [0, -1, 3_600.1, float("nan"), float("inf")])
def test_a_window_that_is_not_kept_is_refused(window, make):
    with pytest.raises(ValueError, match="at most the monitor's window, 3600 s"):
        make().get_metrics(window)


def test_a_shorter_window_leaves_out_what_is_older(make, until):
    monitor = make(window=6.0)  # sub-windows of 0.1 s
    predict = monitor.track(lambda row: 1)
    predict({})
    assert _metrics(monitor, 6.0)["performance"]["predictions"] == 1
    until(lambda: _metrics(monitor, 0.1)["performance"]["predictions"] == 0)
    predict({})
    assert _metrics(monitor, 0.1)["performance"]["predictions"] == 1
    found = _metrics(monitor)
    assert (found["window_seconds"], found["performance"]["predictions"]) == (6.0, 2)
    assert _metrics(monitor, 0.1)["window_seconds"] == 0.1


def test_what_is_older_than_the_window_is_gone_and_the_counters_stay(make, until):
    monitor = make(window=0.3)
    monitor.track(lambda row: 1)({})
    until(lambda: _metrics(monitor)["performance"]["predictions"] == 0)
    assert f'ml_predictions_total{{endpoint="<lambda>",model="{monitor.name}"}} 1.0' in monitor.metrics_text().decode()


def test_the_time_is_now(make):
    before = datetime.now(UTC)
    found = _metrics(make())
    assert before <= datetime.fromisoformat(found["generated_at"]) <= datetime.now(UTC)
    assert before <= datetime.fromisoformat(found["monitor"]["last_drain"]) <= datetime.now(UTC)
