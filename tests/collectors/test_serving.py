"""Figures and families of predictions, errors and latency."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from ml_models.catalog import LATENCY_BUCKETS
from ml_models.collectors.serving import serving, serving_families
from ml_models.exposition import render
from ml_models.profile import Layout, Tally
from ml_models.profile.tally import BUCKETS, CALL_SECONDS, CALLS, ERRORS, PREDICTED


@pytest.fixture
def tally():
    """90 calls at 20 ms and 10 at 2 s on one endpoint, 5 of them failed; 3 batches of 100 rows at 90 s on another."""
    made = Tally(Layout.of(None))
    made.endpoints[0, [CALLS, PREDICTED, ERRORS]] = 100, 95, 5
    made.endpoints[0, BUCKETS + LATENCY_BUCKETS.index(0.025)] = 90
    made.endpoints[0, BUCKETS + LATENCY_BUCKETS.index(2.5)] = 10
    made.endpoints[1, [CALLS, PREDICTED, ERRORS]] = 3, 300, 0
    made.endpoints[1, BUCKETS + len(LATENCY_BUCKETS)] = 3
    made.seconds[:2, CALL_SECONDS] = 21.8, 270.0
    return made


def samples(families):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in parse(render(families).decode())
        for sample in family.samples
    }


def test_figures_are_those_of_all_endpoints_together(tally):
    found = serving(tally, seconds=50.0)
    assert (found.calls, found.predictions) == (103, 395)
    assert found.error_ratio == pytest.approx(5 / 103)
    assert found.throughput_per_second == 7.9
    assert found.mean == pytest.approx(291.8 / 103)
    assert found.p50 == pytest.approx(0.01 + 0.015 * 51.5 / 90)
    assert found.p95 == pytest.approx(1.0 + 1.5 * (0.95 * 103 - 90) / 10)
    assert found.p99 == LATENCY_BUCKETS[-1], "above all bounds: the highest one"


def test_without_calls_the_figures_are_undefined():
    found = serving(Tally(Layout.of(None)), 60.0)
    assert (found.calls, found.throughput_per_second) == (0, 0.0)
    assert [found.error_ratio, found.mean, found.p50, found.p95, found.p99] == [None] * 5


def test_families_hold_every_endpoint_and_what_was_dropped(tally):
    found = samples(
        serving_families(
            "m", tally, ["predict", "batch"], dropped_rows=[5, 0],
            queued=[True, False], streams=[False, True], errors={("predict", "KeyError"): (5, 1.5)},
            in_progress=2, sampling_rate=0.5,
        )
    )  # fmt: skip
    model, one, two = ("model", "m"), ("endpoint", "predict"), ("endpoint", "batch")
    assert found["ml_predictions_total", one, model] == 100, "95 tallied and 5 dropped"
    assert found["ml_predictions_total", two, model] == 300
    assert found["ml_prediction_errors_total", one, ("exception", "KeyError"), model] == 5
    assert found["ml_predictions_in_progress", model] == 2
    assert found["ml_feature_sampling_ratio", model] == 0.5
    bucket = "ml_prediction_duration_seconds_bucket"
    assert found[bucket, one, ("le", "0.01"), model] == 0
    assert found[bucket, one, ("le", "0.025"), model] == 90
    assert found[bucket, one, ("le", "+Inf"), model] == 100
    assert found[bucket, two, ("le", "60.0"), model] == 0
    assert found[bucket, two, ("le", "+Inf"), model] == 3
    assert found["ml_prediction_duration_seconds_count", one, model] == 100
    assert found["ml_prediction_duration_seconds_sum", two, model] == 270.0


def test_waits_and_items_begin_at_zero_where_they_are_measured(tally):
    """And endpoints that have none have no series of them."""
    found = samples(
        serving_families(
            "m", tally, ["predict", "stream"], dropped_rows=[0, 0], queued=[True, False], streams=[False, True],
            errors={}, in_progress=0, sampling_rate=1.0,
        )
    )  # fmt: skip
    model, one, two = ("model", "m"), ("endpoint", "predict"), ("endpoint", "stream")
    assert found["ml_prediction_queued_seconds_count", one, model] == 0
    assert found["ml_prediction_items_total", two, model] == 0
    assert found["ml_prediction_first_item_seconds_count", two, model] == 0
    assert ("ml_prediction_queued_seconds_count", two, model) not in found
    assert ("ml_prediction_items_total", one, model) not in found
