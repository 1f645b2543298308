"""What predictions and labels add to a tally: figures equal those of scikit-learn on the same rows, in any parts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, r2_score, roc_auc_score

from ml_models.collectors.performance import figures
from ml_models.profile import Layout, ReferenceProfile, Tally
from ml_models.profile.classes import Classes
from ml_models.profile.outcomes import add_estimates, add_numbers, add_scored

EMPTY = Layout.of(None)
TWO, THREE = Classes(["no", "yes"]), Classes(["a", "b", "c"])


def binary(rng, n=2_000):
    scores = rng.beta(0.8, 1.2, n)
    return (rng.random(n) < scores).astype(np.int64), (scores >= 0.5).astype(np.int64), scores[:, np.newaxis]


def several(rng, n=2_000):
    scores = rng.dirichlet([1.0, 0.8, 0.3], n)
    actual = (scores.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(max=2)
    return actual, scores.argmax(axis=1), scores


def tally_of(actual, predicted, scores, positive, layout=EMPTY):
    tally = Tally(layout)
    add_estimates(tally, predicted, scores, positive)
    add_scored(tally, actual, predicted, scores, positive)
    np.add.at(tally.outcomes, (actual, predicted), 1)
    return tally


@pytest.mark.parametrize("positive", [0, 1])
def test_two_classes(positive):
    """Whichever of them is the positive one."""
    actual, predicted, scores = binary(np.random.default_rng(0))
    if positive == 0:
        actual, predicted = 1 - actual, 1 - predicted
    found = figures(tally_of(actual, predicted, scores, positive), TWO, positive)
    labels, s = actual == positive, scores[:, 0]
    assert found.scored == len(s)
    assert abs(found.roc_auc.value - roc_auc_score(labels, s)) <= found.roc_auc.error
    assert found.log_loss == pytest.approx(log_loss(labels, s))
    assert found.brier == pytest.approx(brier_score_loss(labels, s))
    assert found.estimate.accuracy == pytest.approx(np.maximum(s, 1 - s).mean())
    assert found.estimate.precision == pytest.approx(s[s >= 0.5].mean())
    assert found.estimate.recall == pytest.approx(s[s >= 0.5].sum() / s.sum())
    assert abs(found.estimated_roc_auc.value - found.roc_auc.value) < 0.03
    assert found.gap.accuracy == pytest.approx(found.overall.accuracy - found.estimate.accuracy)
    assert found.gap.precision == pytest.approx(found.overall.precision - found.estimate.precision)


def test_three_classes():
    """Log loss and Brier score are over all probabilities, calibration is that of the predicted class."""
    actual, predicted, scores = several(np.random.default_rng(2))
    found = figures(tally_of(actual, predicted, scores, None), THREE, None)
    assert found.roc_auc is None
    assert found.log_loss == pytest.approx(log_loss(actual, scores))
    hot = np.eye(3)[actual]
    assert found.brier == pytest.approx(((scores - hot) ** 2).sum(axis=1).mean())
    top, right = scores.max(axis=1), actual == predicted
    assert sum(one.count * one.observed for one in found.reliability.bins) == pytest.approx(right.sum())
    assert sum(one.count * one.score for one in found.reliability.bins) == pytest.approx(top.sum())
    assert found.reliability.ece < 0.05
    assert found.estimate.accuracy == pytest.approx(top.mean())
    assert found.estimate.rows == len(top)
    assert found.gap.accuracy == pytest.approx(right.mean() - top.mean())
    assert not found.gap.significant


@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.integers(0, 60))
@settings(deadline=None, max_examples=40)
def test_tallies_of_parts_add_to_that_of_the_whole(seed, first, second):
    rng = np.random.default_rng(seed)
    for made, positive in ((binary, 1), (several, None)):
        rows = made(rng, first + second)
        whole = tally_of(*rows, positive)
        parts = tally_of(*[one[:first] for one in rows], positive) + tally_of(*[one[first:] for one in rows], positive)
        np.testing.assert_array_equal(parts.counts, whole.counts)
        np.testing.assert_allclose(parts.sums, whole.sums, atol=1e-9)
    actual, error = rng.normal(5, 2, first + second), rng.normal(size=first + second)
    tallies = [Tally(EMPTY) for _ in range(3)]
    for tally, part in zip(tallies, (slice(None), slice(first), slice(first, None)), strict=True):
        add_numbers(tally, actual[part], (actual + error)[part])
    np.testing.assert_allclose((tallies[1] + tallies[2]).sums, tallies[0].sums, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal((tallies[1] + tallies[2]).counts, tallies[0].counts)


def test_rows_without_class_score_or_label_are_left_out():
    scores = np.array([[0.9], [np.nan], [0.2], [0.8]])
    tally = tally_of(np.array([1, 1, -1, 1]), np.array([1, 1, 0, -1]), scores, 1)
    assert tally.scores.sum() == tally.scored[0].sum() == 1
    assert tally.estimated.sum() == pytest.approx(2), "a prediction needs no label to be estimated"
    nothing = tally_of(np.array([1]), np.array([1]), np.array([[0.9]]), None)
    assert not nothing.sums.any(), "of which class it is the score is not known"


def test_a_label_of_no_known_class_is_not_positive_and_had_no_probability():
    tally = tally_of(np.array([20]), np.array([1]), np.array([[0.9]]), 1)
    assert (tally.scores[0].sum(), tally.scored[:, 1].tolist()) == (1, [1, 0])
    tally = tally_of(np.array([20]), np.array([1]), np.array([[0.1, 0.8, 0.1]]), None)
    assert tally.losses[0] == pytest.approx(-np.log(np.finfo(float).eps))


def test_numbers():
    rng = np.random.default_rng(2)
    actual = np.append(rng.normal(50, 10, 999), 0.0)
    predicted = actual + rng.normal(1, 3, 1_000)
    reference = ReferenceProfile.fit({"x": rng.normal(size=500), "y": rng.normal(50, 10, 500)}, label="y")
    layout = Layout.of(reference)
    assert 45 < layout.centre < 55
    assert np.abs(layout.residual_edges).max() == pytest.approx(4 * 13.5, rel=0.15), "4 interquartile ranges"
    tally = Tally(layout)
    add_numbers(tally, actual, predicted)
    add_numbers(tally, np.array([np.nan, 1.0, np.inf, 1e200]), np.array([1.0, np.nan, 1.0, 1.0]))
    found = figures(tally, Classes(), None).regression
    assert (found.labels, found.mape_labels) == (1_000, 999)
    assert found.r2 == pytest.approx(r2_score(actual, predicted))
    assert tally.residuals.sum() == 1_000
    assert np.isfinite(tally.sums).all(), "one absurd value must not stay in the sums for good"


# --- the reference's scores -----------------------------------------------------------------------------------------


def reference_data(n=4_000, seed=3):
    rng = np.random.default_rng(seed)
    honest = rng.beta(1, 1, n)
    return {
        "x": rng.normal(size=n),
        "late": np.where(rng.random(n) < honest, "late", "on time").tolist(),
        "score": honest**3,  # too low
    }


def test_scores_beside_labels_are_kept_and_calibrate_the_estimate(tmp_path):
    """Of the class that is named as positive; they are no feature."""
    data = reference_data()
    profile = ReferenceProfile.fit(data, label="late", score="score")
    assert [feature.name for feature in profile.features] == ["x", "late"]
    assert profile.scores.classes == ("late", "on time")
    assert sum(profile.scores.counts) == 4_000
    again = ReferenceProfile.load(profile.save(tmp_path / "reference.json"))
    assert again == profile
    layout = Layout.of(again, "late")
    honest = np.linspace(0.2, 0.9, 50)
    assert np.abs(layout.calibrator(honest**3) - honest).mean() < 0.05
    assert np.abs(honest**3 - honest).mean() > 0.2
    assert Layout.of(again, "late").fingerprint != Layout.of(again).fingerprint, "sums of other probabilities"
    assert Layout.of(again, "unknown").calibrator.scores == ()


def test_scores_are_the_same_from_a_table_in_memory_and_in_parts():
    data = reference_data(1_001)
    whole = ReferenceProfile.fit(data, label="late", score="score")
    parts = ({name: column[start : start + 100] for name, column in data.items()} for start in range(0, 1_001, 100))
    assert ReferenceProfile.fit(parts, label="late", score="score").scores.counts == whole.scores.counts


@pytest.mark.parametrize("labels", [[True, False], [1, 0], ["1", "0"], np.array([1.0, 0.0])])
def test_labels_of_any_kind_are_classes(labels):
    column = np.tile(labels, 100) if isinstance(labels, np.ndarray) else labels * 100
    profile = ReferenceProfile.fit({"x": np.arange(200.0), "y": column, "s": [0.9, 0.2] * 100}, label="y", score="s")
    assert profile.scores.classes in {("False", "True"), ("0", "1")}
    assert sum(profile.scores.counts) == 200


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"y": ["a", "b", "c"] * 50, "s": [0.1, 0.2, 0.3] * 50}, "more than two classes"),
        ({"y": ["a", "b"] * 50, "s": [-3.0, 2.0] * 50}, "no scores from 0 to 1"),
        ({"y": ["a", "a"] * 50, "s": [0.3, 0.2] * 50}, "no scores from 0 to 1 beside labels of two classes"),
    ],
)
def test_scores_that_cannot_calibrate_are_left_out_with_the_reason(data, reason):
    profile = ReferenceProfile.fit({"x": np.arange(float(len(data["y"])))} | data, label="y", score="s")
    assert profile.scores is None
    ((name, found),) = profile.skipped
    assert name == "s"
    assert reason in found


def test_a_score_needs_a_label_and_must_be_there():
    from ml_models.errors import ProfileError

    with pytest.raises(ProfileError, match="name the label column too"):
        ReferenceProfile.fit({"x": [1.0], "s": [0.5]}, score="s")
    with pytest.raises(ProfileError, match="no column 'q'; there are x, y"):
        ReferenceProfile.fit({"x": [1.0, 2.0], "y": ["a", "b"]}, label="y", score="q")
