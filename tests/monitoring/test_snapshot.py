"""What ``get_metrics()`` says of a window: complete, plain, and None where nothing is known."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from ml_models.collectors.data import DataCollector
from ml_models.collectors.description import finite
from ml_models.collectors.system import SystemSampler
from ml_models.monitoring.ledger import LedgerSettings, open_ledger
from ml_models.monitoring.pipeline import Pipeline
from ml_models.monitoring.recorder import Recorder
from ml_models.monitoring.snapshot import data_section, performance_section, system_section
from ml_models.profile import ReferenceProfile
from ml_models.stats.intervals import wilson

ROWS = 400


@pytest.fixture(scope="module")
def reference():
    rng = np.random.default_rng(0)
    data = {
        "x": rng.normal(size=1_000),
        "city": rng.choice(["Oslo", "Bergen"], 1_000).tolist(),
        "score": rng.random(1_000),
        "late": rng.integers(0, 2, 1_000),
    }
    return ReferenceProfile.fit(data, prediction="score", label="late")


def pipeline_of(reference, **settings):
    chosen = {"classes": None, "task": "auto", "decision_threshold": 0.5, "span": 60.0} | settings
    return Pipeline(
        Recorder("m"), reference, **chosen, ledger=lambda: open_ledger("m", "memory", None, LedgerSettings(1_000, 60.0))
    )


def fill(pipeline, rows, results, labels=()):
    """Capture calls of 20 ms, label the first ones, and return the window and its seconds."""
    recorder, clock = pipeline.recorder, time.perf_counter_ns
    channel = recorder.channel("predict")
    starts = []
    for row, result in zip(rows, results, strict=True):
        start = clock()
        starts.append(start)
        channel.events.append((recorder.started.add(), start, start + 20_000_000, row, result, None))
    first = channel.events[0] if channel.events else None
    for i, label in enumerate(labels):
        recorder.add_label(recorder.ids.make(first[0] + i, 0, starts[i]), label)
    _, window = pipeline.counts()
    return window.tally, window.seconds


def sections(pipeline, tally, seconds):
    found = {
        "performance": performance_section(pipeline, tally, seconds),
        "data": data_section(pipeline, DataCollector("m", pipeline.layout, {}), tally),
    }
    assert json.loads(json.dumps(found, allow_nan=False)) == found, "plain JSON: no NaN, no tuples, no numpy"
    return found["performance"], found["data"]


@pytest.fixture
def filled(reference):
    rng = np.random.default_rng(1)
    rows = [{"x": float(x), "city": "Oslo"} for x in rng.normal(2, 1, ROWS)]
    rows[0]["x"], rows[1]["x"], rows[2]["city"] = None, "wrong", "Rome"
    pipeline = pipeline_of(reference, classes=[0, 1])
    scores = [0.9, 0.1] * (ROWS // 2)
    return pipeline, *fill(pipeline, rows, scores, labels=[1, 1, 1, 0])


def test_performance_latency_and_throughput(filled):
    pipeline, tally, seconds = filled
    found, _ = sections(pipeline, tally, seconds)
    assert (found["predictions"], found["calls"], found["labels"]) == (ROWS, ROWS, 4)
    assert found["confusion"] == {"classes": ["0", "1"], "counts": [[1, 0], [1, 2]]}
    assert (found["accuracy"], found["precision"], found["recall"]) == (0.75, 1.0, pytest.approx(2 / 3))
    assert found["intervals"]["accuracy"] == list(wilson(3, 4))
    assert found["error_ratio"] == 0.0
    assert found["latency_seconds"]["mean"] == pytest.approx(0.02)
    assert 0.01 < found["latency_seconds"]["p95"] <= 0.025
    assert found["throughput_per_second"] == pytest.approx(ROWS / seconds)


def test_the_positive_class_can_be_named(reference):
    """Precision and recall are about it, and so are single scores."""
    for results in ([1, 0, 1, 0], [0.1, 0.9, 0.1, 0.9]):
        pipeline = pipeline_of(reference, classes=[0, 1], positive_class=0)
        found, _ = sections(pipeline, *fill(pipeline, [None] * 4, results, labels=[1, 1, 1, 0]))
        assert found["confusion"]["counts"] == [[1, 0], [1, 2]]
        assert (found["precision"], found["recall"]) == (0.5, 1.0)
    assert found["roc_auc"] == pytest.approx(5 / 6), "two of three pairs rightly ordered, one tied"


def test_other_classes_are_shown_only_where_there_are_any(reference):
    pipeline = pipeline_of(None, classes=["a", "b"])
    tally, seconds = fill(pipeline, [None, None], ["a", "b"], labels=["a", "new"])
    found, _ = sections(pipeline, tally, seconds)
    assert found["confusion"] == {"classes": ["a", "b", "__other__"], "counts": [[1, 0, 0], [0, 0, 0], [0, 1, 0]]}


def test_features_hold_drift_quality_and_both_distributions(filled):
    pipeline, tally, seconds = filled
    _, data = sections(pipeline, tally, seconds)
    assert list(data["features"]) == ["x", "city"]
    x, city = data["features"].values()
    assert (x["kind"], x["drifted"], x["samples"]) == ("numeric", True, ROWS - 2)
    assert set(x["drift"]) == {"psi", "js", "ks"}
    assert x["drift"]["psi"] > 1 > x["noise"] > 0
    assert (x["missing_ratio"], x["invalid_ratio"]) == (1 / ROWS, 1 / ROWS)
    assert 0 < x["out_of_range_ratio"] < 0.5
    assert (city["kind"], set(city["drift"])) == ("categorical", {"psi", "js"}), "ks is for numbers"
    assert city["out_of_range_ratio"] == 1 / ROWS
    for feature in (x, city):
        bins = feature["distribution"]
        assert len(bins["bins"]) == len(bins["ranges"]) == len(bins["reference"]) == len(bins["live"])
        assert sum(bins["reference"]) == pytest.approx(1)
        assert sum(bins["live"]) == pytest.approx(1)
    edges = x["distribution"]["upper_edges"]
    assert edges[-1] is None
    assert edges[:-1] == sorted(edges[:-1])
    assert len(edges) == len(x["distribution"]["bins"])
    assert city["distribution"]["upper_edges"] is None
    assert city["distribution"]["bins"][-2:] == ["__other__", "__unseen__"]
    assert data["drift_share"] == 1.0
    assert data["rows"] == ROWS
    assert data["quality"]["completeness"] == 1 - 1 / (2 * ROWS)
    assert data["quality"]["schema"] == 1.0
    assert 0.8 < data["quality_score"] < 1


def test_predictions_and_labels_have_distributions_of_their_own(filled):
    pipeline, tally, seconds = filled
    _, data = sections(pipeline, tally, seconds)
    assert list(data["prediction_distribution"]) == ["score"]
    live = data["prediction_distribution"]["score"]["live"]
    assert [share for share in live if share] == [0.5, 0.5]
    assert data["label_distribution"]["late"]["live"][:2] in ([0.25, 0.75], [0.75, 0.25])


def test_without_a_reference_there_are_performance_and_classes_only():
    pipeline = pipeline_of(None)
    tally, seconds = fill(pipeline, [{"x": 1}] * 4, ["a", "b", "b", "b"], labels=["a", "b"])
    found, data = sections(pipeline, tally, seconds)
    assert found["accuracy"] == 1.0
    assert data["features"] == {}
    assert (data["drift_share"], data["quality_score"], data["rows"]) == (None, None, 0)
    assert data["quality"] == {"completeness": None, "validity": None, "schema": None}
    shares = data["prediction_distribution"]["class"]
    assert (shares["bins"], shares["live"], shares["reference"]) == (["a", "b", "__other__"], [0.25, 0.75, 0.0], None)
    assert data["label_distribution"]["class"]["live"] == [0.5, 0.5, 0.0]


def test_an_empty_window_is_none_and_never_a_made_up_zero(reference):
    for profile in (reference, None):
        pipeline = pipeline_of(profile)
        found, data = sections(pipeline, *fill(pipeline, [], []))
        for name in ("accuracy", "precision", "recall", "f1", "error_ratio", "confusion"):
            assert found[name] is None
        assert set(found["latency_seconds"].values()) == {None}
        assert (found["predictions"], found["labels"], found["throughput_per_second"]) == (0, 0, 0.0)
        assert (data["drift_share"], data["quality_score"]) == (None, None)
        for feature in data["features"].values():
            assert set(feature["drift"].values()) == {None}
            assert (feature["drifted"], feature["noise"], feature["missing_ratio"]) == (None, None, None)
            assert feature["distribution"]["live"] is None
    assert data["prediction_distribution"] == data["label_distribution"] == {}


def test_a_regression_has_no_classes():
    pipeline = pipeline_of(None, task="regression")
    found, data = sections(pipeline, *fill(pipeline, [None] * 2, [1.5, 2.5], labels=[1.0, 2.0]))
    assert (found["predictions"], found["labels"], found["accuracy"], found["confusion"]) == (2, 2, None, None)
    errors = found["regression"]
    assert (errors["mae"], errors["rmse"], errors["bias"], errors["r2"]) == (0.5, 0.5, 0.5, 0.0)
    assert errors["mape"] == pytest.approx((0.5 + 0.25) / 2)
    assert sum(errors["residuals"]["counts"]) == 2
    assert data["prediction_distribution"] == {}


def test_the_state_of_the_machine():
    found = system_section(SystemSampler().sample(), 0.25, {"disk": {"up": True}})
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["error_ratio"] == 0.25
    assert found["health"] == {"disk": {"up": True}}
    assert found["process_resident_memory_bytes"] > 1_000_000
    assert found["threads"] >= 1


@pytest.mark.parametrize(
    ("value", "expected"), [(None, None), (np.nan, None), (np.inf, None), (np.float32(0.5), 0.5), (3, 3.0)]
)
def test_finite_numbers_stay_and_others_are_none(value, expected):
    assert finite(value) == expected
