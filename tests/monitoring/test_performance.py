"""From predictions and labels to figures, through a monitor as users have it."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, average_precision_score, log_loss, roc_auc_score

from ml_models.monitoring import ModelMonitor, ReferenceProfile

ROWS = 600


def data(seed=0, n=ROWS):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, rng.random(n) < 1 / (1 + np.exp(-2 * X[:, 0]))


def labelled(monitor, model, rows, y):
    for row, label in zip(rows, y, strict=True):
        model(row[np.newaxis])
        monitor.record_outcome(monitor.last_prediction_id(), label)
    return monitor.get_metrics()["performance"]


@pytest.mark.parametrize("names", [(False, True), ("no", "yes")])
def test_a_classifier_hooked_at_predict_proba_has_all_figures(names):
    X, truth = data()
    y = np.array(names)[truth.astype(int)]
    model = LogisticRegression().fit(X[:300], y[:300])
    scores = model.predict_proba(X)[:, 1]
    with ModelMonitor(model, name="proba", port=0) as monitor:
        found = labelled(monitor, model.predict_proba, X, y.tolist())
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, scores >= 0.5))
    assert found["labels"] == found["labels_scored"] == ROWS
    assert abs(found["roc_auc"] - roc_auc_score(truth, scores)) <= found["roc_auc_error"]
    assert abs(found["pr_auc"] - average_precision_score(truth, scores)) <= found["pr_auc_error"]
    assert found["log_loss"] == pytest.approx(log_loss(truth, scores))
    assert found["ece"] < 0.1
    assert found["per_class"][str(names[1])]["support"] == truth.sum()
    assert found["estimated"]["predictions"] == ROWS
    low, high = found["estimated"]["intervals"]["accuracy"]
    assert low < found["accuracy"] < high
    assert found["estimated"]["gap"]["significant"] is False


def test_of_predict_and_predict_proba_each_call_is_a_row_and_scores_come_from_the_latter():
    """The label of a call of predict counts in the confusion, and in nothing that needs a score."""
    X, truth = data(n=200)
    model = LogisticRegression().fit(X, truth)
    with ModelMonitor(model, name="both", port=0) as monitor:
        for row, label in zip(X, truth, strict=True):
            model.predict_proba(row[np.newaxis])
            model.predict(row[np.newaxis])
            monitor.record_outcome(monitor.last_prediction_id(), label)
        found = monitor.get_metrics()["performance"]
        assert (found["predictions"], found["labels"], found["labels_scored"]) == (400, 200, 0)
        assert found["estimated"]["predictions"] == 200
        assert found["roc_auc"] is None


def test_the_threshold_makes_the_classes_of_scores():
    monitor = ModelMonitor(name="threshold", classes=[0, 1], decision_threshold=0.3)
    predict = monitor.track(lambda score: score)
    for score, label in ((0.4, 1), (0.3, 1), (0.2, 0), (0.35, 0)):
        predict(score)
        monitor.record_outcome(monitor.last_prediction_id(), label)
    found = monitor.get_metrics()["performance"]
    assert found["confusion"]["counts"] == [[1, 1], [0, 2]]
    assert found["estimated"]["precision"] == pytest.approx((0.4 + 0.3 + 0.35) / 3)


def test_the_positive_class_names_the_column_of_probabilities():
    X, truth = data()
    y = np.where(truth, "late", "on time")
    model = LogisticRegression().fit(X, y)
    monitor = ModelMonitor(model, name="late", positive_class="late", port=0)
    with monitor:
        found = labelled(monitor, model.predict_proba, X, y.tolist())
    scores = model.predict_proba(X)[:, 0]
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, scores >= 0.5))
    assert found["recall"] == pytest.approx(np.mean(scores[truth] >= 0.5))
    assert found["pr_auc"] == pytest.approx(average_precision_score(truth, scores), abs=0.01)


def test_several_classes_have_losses_and_estimates_and_no_area():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(500, 2))
    y = np.array(["a", "b", "c"])[np.clip((X[:, 0] + rng.normal(size=500) * 0.5 + 1.5).astype(int), 0, 2)]
    model = LogisticRegression().fit(X, y)
    with ModelMonitor(model, name="three", port=0) as monitor:
        found = labelled(monitor, model.predict_proba, X, y.tolist())
    scores = model.predict_proba(X)
    assert found["log_loss"] == pytest.approx(log_loss(y, scores))
    assert found["estimated"]["accuracy"] == pytest.approx(scores.max(axis=1).mean())
    assert found["roc_auc"] is found["estimated"]["roc_auc"] is None
    assert found["macro"]["f1"] == found["f1"]


def test_margins_are_no_probabilities(caplog):
    """Of decision_function there is accuracy at the threshold, and nothing that takes scores for probabilities."""
    X, truth = data()
    model = LogisticRegression().fit(X, truth)
    monitor = ModelMonitor(model, name="margins", decision_threshold=0.0, port=0)
    with caplog.at_level(logging.WARNING, logger="ml_models"), monitor:
        model.decision_function(X)
        monitor.record_outcomes([monitor.last_prediction_id(row) for row in range(ROWS)], truth.tolist())
        found = monitor.get_metrics()["performance"]
        text = monitor.metrics_text().decode()
    assert found["accuracy"] == pytest.approx(model.score(X, truth))
    assert (found["roc_auc"], found["ece"], found["estimated"], found["labels_scored"]) == (None, None, None, 0)
    assert "ml_score_outcomes_total{" not in text
    assert [record.message for record in caplog.records if "are no probabilities" in record.message]


def test_a_stray_score_costs_only_itself():
    monitor = ModelMonitor(name="stray", classes=[0, 1])
    predict = monitor.track(lambda rows: rows[:, 0])
    predict(np.append(np.full(400, 0.75), 1.5)[:, np.newaxis])
    monitor.record_outcomes([monitor.last_prediction_id(row) for row in range(401)], [1] * 401)
    found = monitor.get_metrics()["performance"]
    assert (found["labels"], found["labels_scored"], found["brier"]) == (401, 400, pytest.approx(0.0625))


def test_a_regression_is_whole():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(400, 2))
    y = 30 + 5 * X[:, 0] + rng.normal(size=400)
    model = LinearRegression().fit(X, y)
    reference = ReferenceProfile.fit({"a": X[:, 0], "b": X[:, 1], "y": y}, label="y")
    with ModelMonitor(model, name="numbers", reference=reference, port=0) as monitor:
        found = labelled(monitor, model.predict, X, y.tolist())
        assert monitor.get_metrics()["model"]["task"] == "regression"
    errors = model.predict(X) - y
    one = found["regression"]
    assert (one["labels"], one["mape_labels"], found["labels"]) == (400, 400, 400)
    assert one["mae"] == pytest.approx(np.abs(errors).mean())
    assert one["rmse"] == pytest.approx(np.sqrt((errors**2).mean()))
    assert one["bias"] == pytest.approx(errors.mean(), abs=1e-9)
    assert one["r2"] == pytest.approx(model.score(X, y))
    assert one["mape"] == pytest.approx(np.abs(errors / y).mean())
    assert one["intervals"]["bias"][0] < 0 < one["intervals"]["bias"][1]
    assert sum(one["residuals"]["counts"]) == 400
    assert len(one["residuals"]["counts"]) == len(one["residuals"]["upper_edges"])
    assert found["accuracy"] is found["confusion"] is found["estimated"] is None


def test_the_references_scores_calibrate_the_estimate_and_a_changed_world_shows_as_a_gap():
    """Scores that promise too much: with the reference the estimate is near what comes true, without it is not."""
    rng = np.random.default_rng(6)
    honest = rng.beta(1.2, 1.2, 4_000)
    boastful = 1 / (1 + (1 / honest - 1) ** 3)
    y = rng.random(4_000) < honest
    columns = {"x": rng.normal(size=2_000), "y": y[:2_000], "score": boastful[:2_000]}
    reference = ReferenceProfile.fit(columns, label="y", score="score")
    found = {}
    for name, profile, labels in (
        ("raw", None, y[2_000:]),
        ("calibrated", reference, y[2_000:]),
        ("changed", reference, rng.random(2_000) < 0.5),
    ):
        monitor = ModelMonitor(name=name, reference=profile, classes=[False, True])
        predict = monitor.track(lambda rows: rows[:, 0])
        predict(boastful[2_000:, np.newaxis])
        monitor.record_outcomes([monitor.last_prediction_id(row) for row in range(2_000)], labels.tolist())
        found[name] = monitor.get_metrics()["performance"]
    realised = found["raw"]["accuracy"]
    assert abs(found["calibrated"]["estimated"]["accuracy"] - realised) < 0.02
    assert found["raw"]["estimated"]["accuracy"] - realised > 0.1
    assert found["calibrated"]["estimated"]["gap"]["significant"] is False
    assert found["raw"]["estimated"]["gap"]["significant"] is True
    assert found["changed"]["estimated"]["gap"]["significant"] is True


def test_a_corrected_label_takes_back_what_it_counted():
    """In scores and in numbers, as in the confusion."""
    monitor = ModelMonitor(name="corrected", classes=[0, 1])
    predict = monitor.track(lambda score: score)
    predict(0.9)
    for label in (0, 1):
        monitor.record_outcome(monitor.last_prediction_id(), label)
        found = monitor.get_metrics()["performance"]
    assert (found["labels"], found["labels_scored"], found["brier"]) == (1, 1, pytest.approx(0.01))
    monitor = ModelMonitor(name="corrected numbers", task="regression")
    predict = monitor.track(lambda x: x)
    predict(5.0)
    for label in (50.0, 4.0):
        monitor.record_outcome(monitor.last_prediction_id(), label)
        errors = monitor.get_metrics()["performance"]["regression"]
    assert (errors["labels"], errors["mae"], errors["bias"]) == (1, pytest.approx(1.0), pytest.approx(1.0))
