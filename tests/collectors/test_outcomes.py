"""Families of outcomes, labels and performance."""

from __future__ import annotations

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from ml_models.catalog import LAG_BUCKETS
from ml_models.collectors.outcomes import outcome_families
from ml_models.exposition import render
from ml_models.profile import Layout, Tally
from ml_models.profile.classes import Classes
from ml_models.profile.tally import ENDS, MAX_CLASSES
from ml_models.stats.performance import performance


def samples(families):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in parse(render(families).decode())
        for sample in family.samples
    }


def outcomes(total, window, classes, positive, retracted=None):
    taken_back = Tally(total.layout) if retracted is None else retracted
    found = performance(window.outcomes, positive)
    return samples(outcome_families("m", total, taken_back, found, classes, last_label=9.0))


def test_outcomes_are_counters_of_all_time_and_performance_is_of_the_window():
    total, window = Tally(Layout.of(None)), Tally(Layout.of(None))
    total.outcomes[:2, :2] = [[500, 100], [50, 350]]
    total.outcomes[MAX_CLASSES, 0] = 4
    window.outcomes[:2, :2] = [[50, 10], [5, 35]]
    total.ends[ENDS.index("late")] = 2
    retracted = Tally(Layout.of(None))
    retracted.outcomes[1, 0] = 3
    found = outcomes(total, window, Classes(["no", "yes"]), 1, retracted)
    model = ("model", "m")
    assert sum(key[0] == "ml_outcomes_total" for key in found) == 9, "two classes and __other__"
    assert found["ml_outcomes_total", ("actual", "yes"), model, ("predicted", "no")] == 50
    assert found["ml_outcomes_total", ("actual", "__other__"), model, ("predicted", "no")] == 4
    assert found["ml_labels_total", model, ("status", "late")] == 2
    assert found["ml_outcomes_retracted_total", ("actual", "yes"), model, ("predicted", "no")] == 3
    assert found["ml_label_last_timestamp_seconds", model] == 9.0
    assert found["ml_model_accuracy_ratio", model] == 0.85
    assert found["ml_model_precision_ratio", model] == pytest.approx(35 / 45)
    assert found["ml_model_recall_ratio", model] == pytest.approx(35 / 40)
    assert found["ml_model_f1_ratio", model] == pytest.approx(70 / 85)


def test_lags_are_a_histogram():
    total = Tally(Layout.of(None))
    total.lags[LAG_BUCKETS.index(60.0)] = 2
    total.lags[len(LAG_BUCKETS)] = 1
    total.lags[-1] = 90_500
    found = outcomes(total, total, Classes(), None)
    model = ("model", "m")
    assert found["ml_label_lag_seconds_bucket", ("le", "10.0"), model] == 0
    assert found["ml_label_lag_seconds_bucket", ("le", "60.0"), model] == 2
    assert found["ml_label_lag_seconds_bucket", ("le", "+Inf"), model] == 3
    assert found["ml_label_lag_seconds_count", model] == 3
    assert found["ml_label_lag_seconds_sum", model] == 90.5


def test_undefined_performance_is_left_out_rather_than_made_up():
    total = Tally(Layout.of(None))
    found = outcomes(total, total, Classes(), None)
    assert not [key for key in found if key[0].startswith(("ml_model_", "ml_outcomes"))]
    window = Tally(Layout.of(None))
    window.outcomes[0, 0] = 10
    found = outcomes(window, window, Classes(["no", "yes"]), 1)
    assert found["ml_model_accuracy_ratio", ("model", "m")] == 1.0
    assert ("ml_model_precision_ratio", ("model", "m")) not in found, "the positive class was never predicted"
    assert np.isfinite(list(found.values())).all()
