"""The report's parts on scores, estimates and errors of numbers, read back from the PDF."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from pypdf import PdfReader

from ml_models.monitoring import ModelMonitor, ReferenceProfile
from ml_models.reports import write

ROWS = 800


def text_of(metrics, tmp_path) -> str:
    path = write(metrics, tmp_path / "report.pdf")
    return "\n".join(page.extract_text() for page in PdfReader(path).pages)


@pytest.fixture(scope="module")
def classified():
    """Return the metrics of a classifier whose labels have come for half of its predictions."""
    rng = np.random.default_rng(0)
    scores = rng.beta(1, 1, 3 * ROWS)
    labels = np.where(rng.random(3 * ROWS) < scores, "late", "on time")
    columns = {"x": rng.normal(size=ROWS), "label": labels[:ROWS].tolist(), "score": scores[:ROWS]}
    reference = ReferenceProfile.fit(columns, label="label", score="score")
    monitor = ModelMonitor(name="flights", reference=reference, positive_class="late")
    monitor.track(lambda rows: rows[:, 0])(scores[ROWS:, np.newaxis])
    monitor.record_outcomes([monitor.last_prediction_id(row) for row in range(ROWS)], labels[ROWS : 2 * ROWS].tolist())
    return monitor.get_metrics()


@pytest.fixture(scope="module")
def numbers():
    """Return the metrics of a regression."""
    rng = np.random.default_rng(1)
    monitor = ModelMonitor(name="price", task="regression")
    actual = rng.normal(100, 20, ROWS)
    monitor.track(lambda rows: rows[:, 0])((actual + rng.normal(2, 5, ROWS))[:, np.newaxis])
    monitor.record_outcomes([monitor.last_prediction_id(row) for row in range(ROWS)], actual.tolist())
    return monitor.get_metrics()


def test_classes_scores_and_estimates_are_shown(classified, tmp_path):
    text, performance = text_of(classified, tmp_path), classified["performance"]
    for part in ("Classes", "Mean of the classes (macro)", "ROC AUC", "Reliability", "Estimated without labels"):
        assert part in text
    for figure in (
        performance["roc_auc"], performance["pr_auc"], performance["log_loss"], performance["brier"],
        performance["ece"], performance["estimated"]["accuracy"], performance["estimated"]["roc_auc"],
        performance["per_class"]["late"]["f1"], performance["weighted"]["precision"],
    ):  # fmt: skip
        assert f"{figure:.3f}" in text
    assert "that chance explains" in text
    assert f"{performance['estimated']['gap']['accuracy']:+.3f}" in text


def test_a_gap_beyond_chance_is_named(classified, tmp_path):
    changed = copy.deepcopy(classified)
    changed["performance"]["estimated"]["gap"]["significant"] = True
    assert "(concept drift)" in text_of(changed, tmp_path)
    changed["performance"]["estimated"]["gap"] = {"significant": None}
    assert "whether the estimate holds is not known" in text_of(changed, tmp_path)


def test_errors_of_numbers_are_shown_and_no_confusion(numbers, tmp_path):
    text, errors = text_of(numbers, tmp_path), numbers["performance"]["regression"]
    for part in (
        "Errors of numbers",
        "Mean absolute error",
        "Residuals",
        f"{errors['mae']:.4g}",
        f"{errors['r2']:.3f}",
    ):
        assert part in text
    assert "Confusion matrix" not in text


def test_many_classes_are_told_by_the_worst(tmp_path, classified):
    many = copy.deepcopy(classified)
    many["performance"]["per_class"] = {
        f"class-{place}": {"precision": place / 40, "recall": None, "f1": place / 40, "support": 3, "predicted": 2}
        for place in range(20)
    }
    text = text_of(many, tmp_path)
    assert "The 12 of 20 classes told worst" in text
    assert "class-0" in text
    assert "class-19" not in text


@pytest.mark.parametrize("damage", [None, [], "x", {"per_class": {"a": None}, "reliability": [None, {"score": "x"}]}])
def test_damaged_metrics_break_nothing(damage, numbers, tmp_path):
    """Files of metrics come from anywhere."""
    broken = copy.deepcopy(numbers)
    broken["performance"]["regression"] = damage
    if isinstance(damage, dict):
        broken["performance"] |= damage | {"labels_scored": 3, "estimated": {"gap": "x", "intervals": [1]}}
    assert "Performance" in text_of(broken, tmp_path)
