"""Scores, calibration and estimates against scikit-learn, hand-worked values and the laws they must keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    classification_report,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
)

from ml_models.stats.calibration import Calibrator, fit_calibrator, isotonic
from ml_models.stats.estimation import estimate, gap
from ml_models.stats.intervals import logit, normal
from ml_models.stats.performance import class_scores, performance, weighted
from ml_models.stats.scores import (
    RELIABILITY_BINS,
    RELIABILITY_OF,
    SCORE_BINS,
    SCORE_EDGES,
    by_reliability,
    losses,
    pr_auc,
    reliability,
    roc_auc,
    score_bins,
)

#: Models by share of positives and by how far apart they keep the classes: (rows, base log-odds, spread).
MODELS = {
    "balanced": (20_000, 0.0, 1.5),
    "sharp": (20_000, 0.0, 5.0),
    "rare": (50_000, -4.5, 1.2),
    "fraud, 3 in 1,000": (100_000, -7.0, 1.5),
    "dull": (20_000, -1.2, 0.5),
    "small": (300, 0.0, 1.0),
}


def scored(n: int, base: float, spread: float, seed: int = 0):
    """Return labels and calibrated scores."""
    rng = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(-(rng.normal(size=n) * spread + base)))
    return rng.random(n) < scores, scores


def binned(labels, scores):
    bins = score_bins(np.asarray(scores))
    return np.stack([np.bincount(bins[np.asarray(labels) == y], minlength=SCORE_BINS) for y in (False, True)])


# --- bins -----------------------------------------------------------------------------------------------------------


def test_each_bin_holds_its_lower_edge_and_each_tenth_whole_bins():
    """So a threshold that is an edge parts the bins as it parts the predictions."""
    edges = np.array(SCORE_EDGES)
    assert SCORE_BINS == 40
    assert (np.diff(edges) > 0).all()
    np.testing.assert_array_equal(score_bins(edges), np.arange(1, SCORE_BINS))
    np.testing.assert_array_equal(score_bins(np.nextafter(edges, 0)), np.arange(SCORE_BINS - 1))
    np.testing.assert_allclose(edges + edges[::-1], 1, err_msg="scores of one class and of the other are alike")
    scores = np.random.default_rng(0).random(10_000)
    np.testing.assert_array_equal(RELIABILITY_OF[score_bins(scores)], (scores * RELIABILITY_BINS).astype(int))
    np.testing.assert_array_equal(
        by_reliability(np.bincount(score_bins(scores), minlength=SCORE_BINS)),
        np.bincount((scores * RELIABILITY_BINS).astype(int)),
    )


# --- areas ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_areas_are_scikit_learns_within_the_error_that_they_state(model):
    """And nearer in practice: within 0.01, also where positives are rare."""
    labels, scores = scored(*MODELS[model])
    bins = binned(labels, scores)
    for area, exact in (
        (roc_auc(bins), roc_auc_score(labels, scores)),
        (pr_auc(bins), average_precision_score(labels, scores)),
    ):
        assert abs(area.value - exact) <= area.error
        assert abs(area.value - exact) < 0.01
        assert area.interval[0] < exact < area.interval[1]


_ROWS = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=2, max_size=40).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


@given(_ROWS)
@example([(True, 0.5), (False, 0.5)])
@settings(deadline=None, max_examples=300)
def test_the_bound_of_the_bins_error_holds_for_any_rows(rows):
    labels, scores = np.array([label for label, _ in rows]), np.array([score for _, score in rows])
    for area, exact in (
        (roc_auc(binned(labels, scores)), roc_auc_score(labels, scores)),
        (pr_auc(binned(labels, scores)), average_precision_score(labels, scores)),
    ):
        assert abs(area.value - exact) <= area.error + 1e-9
        assert 0 <= area.value <= 1 + 1e-9


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.02, 0.3, 0.31, 0.5, 0.99])), min_size=2, max_size=60))
@settings(deadline=None, max_examples=100)
def test_ties_count_one_half(rows):
    """Where each bin holds one score, the area is exact; the order of the rows does not matter."""
    labels, scores = np.array([label for label, _ in rows]), np.array([round(score, 1) for _, score in rows])
    area = roc_auc(binned(labels, scores))
    if len(set(labels)) < 2:
        assert area is None
        return
    assert area.value == pytest.approx(roc_auc_score(labels, scores))
    assert area.value == roc_auc(binned(labels[::-1], scores[::-1])).value


def test_constant_scores_are_a_coin():
    """The source of the rule: an estimated area that ignores ties gave 0.1, 0.3 or 0.9 by the order of the rows."""
    area = roc_auc(binned([True, False, True, False, False], np.full(5, 0.7)))
    assert (area.value, area.error) == (0.5, 0.5)


def test_the_interval_of_the_area_covers_it_as_often_as_it_says():
    """DeLong's, on bins, over 400 samples of a model whose area is known."""
    labels, scores = scored(400_000, 0.0, 1.5, seed=1)
    true, inside = roc_auc_score(labels, scores), 0
    for part in range(400):
        rows = slice(part * 500, (part + 1) * 500)
        low, high = roc_auc(binned(labels[rows], scores[rows])).interval
        inside += low <= true <= high
    assert 0.92 <= inside / 400 <= 0.98


def test_areas_of_one_class_alone_are_undefined():
    assert roc_auc(binned([True, True], np.array([0.1, 0.9]))) is None
    assert pr_auc(binned([False, False], np.array([0.1, 0.9]))) is None
    assert pr_auc(binned([True, True], np.array([0.1, 0.9]))).value == 1.0


# --- losses and calibration -----------------------------------------------------------------------------------------


@given(_ROWS)
@settings(deadline=None, max_examples=80)
def test_losses_are_scikit_learns(rows):
    """Also of scores of 0 and 1 that were wrong."""
    labels, scores = np.array([label for label, _ in rows]), np.array([score for _, score in rows])
    found = losses(np.where(labels, scores, 1 - scores))
    assert found[0] / len(rows) == pytest.approx(log_loss(labels, scores, labels=[False, True]), abs=1e-9)
    assert found[1] / len(rows) == pytest.approx(brier_score_loss(labels, scores), abs=1e-12)


@given(_ROWS)
@settings(deadline=None, max_examples=80)
def test_the_calibration_error_is_that_of_the_rows(rows):
    """The textbook's: over ten bins of equal width, the mean of |mean score - share of positives|."""
    labels, scores = np.array([label for label, _ in rows]), np.array([score for _, score in rows])
    bins = binned(labels, scores)
    sums = np.bincount(RELIABILITY_OF[score_bins(scores)], scores, RELIABILITY_BINS)
    found = reliability(by_reliability(bins[1]), by_reliability(bins.sum(axis=0)), sums)
    edges = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    tenths = np.searchsorted(edges, scores, side="right")
    exact = sum(
        np.mean(tenths == tenth) * abs(scores[tenths == tenth].mean() - labels[tenths == tenth].mean())
        for tenth in np.unique(tenths)
    )
    assert found.ece == pytest.approx(exact)
    assert sum(one.count for one in found.bins) == len(rows)
    for one in found.bins:
        assert one.low <= one.score <= one.high + 1e-12
        assert one.interval[0] - 1e-12 <= one.observed <= one.interval[1] + 1e-12


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 100)), min_size=1, max_size=30))
@settings(deadline=None, max_examples=100)
def test_isotonic_regression_is_scikit_learns(pairs):
    values, weights = np.array(pairs).T
    theirs = IsotonicRegression().fit_transform(np.arange(len(values)), values, sample_weight=weights)
    np.testing.assert_allclose(isotonic(values, weights), theirs, atol=1e-9)


def halves_of(labels, scores):
    bins = np.stack([binned(labels[half::2], scores[half::2]) for half in (0, 1)])
    sums = np.stack([np.bincount(score_bins(scores[h::2]), scores[h::2], SCORE_BINS) for h in (0, 1)])
    return bins, sums


def test_overconfident_scores_are_calibrated_and_calibrated_ones_are_near_the_identity():
    labels, honest = scored(40_000, 0.0, 1.0)
    odds = np.log(honest / (1 - honest))
    boastful = 1 / (1 + np.exp(-3 * odds))
    calibrator = fit_calibrator(*halves_of(labels, boastful))
    assert np.abs(calibrator(boastful) - honest).mean() < 0.02
    assert np.abs(boastful - honest).mean() > 0.15
    plain = fit_calibrator(*halves_of(labels, honest))
    assert np.abs(plain(honest) - honest).mean() < 0.01


def test_a_map_that_does_not_help_held_out_rows_is_not_used():
    """Few rows of honest scores: the map would only learn their noise."""
    used = 0
    for seed in range(40):
        labels, honest = scored(400, 0.0, 1.0, seed=seed)
        used += bool(fit_calibrator(*halves_of(labels, honest)).scores)
    assert used < 20, "judged on its own rows it would be used every time"
    labels, honest = scored(60, 0.0, 1.0)
    assert fit_calibrator(*halves_of(labels, honest)) == Calibrator(), "too few rows"


def test_calibration_keeps_the_order():
    labels, scores = scored(5_000, -1.0, 2.0)
    calibrator = fit_calibrator(*halves_of(labels, scores**2))
    assert (np.diff(calibrator(np.linspace(0, 1, 1_001))) >= 0).all()


# --- performance per class ------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
@settings(deadline=None, max_examples=80)
def test_per_class_and_weighted_scores_are_scikit_learns(rows):
    actual, predicted = np.array(rows).T
    cells = np.zeros((6, 6), dtype=int)
    np.add.at(cells, (actual, predicted), 1)
    found = weighted(cells)
    theirs = precision_recall_fscore_support(actual, predicted, average="weighted", zero_division=0)
    assert [found.precision, found.recall, found.f1] == pytest.approx(theirs[:3])
    report = classification_report(actual, predicted, output_dict=True, zero_division=0)
    for place in np.unique(np.concatenate([actual, predicted])):
        one, other = class_scores(cells, int(place)), report[str(place)]
        assert [one.precision or 0, one.recall or 0, one.f1 or 0, one.support] == pytest.approx(
            [other["precision"], other["recall"], other["f1-score"], other["support"]]
        )


# --- estimates ------------------------------------------------------------------------------------------------------


def expected_cells(p, threshold=0.5):
    said = p >= threshold
    cells = np.array([[(1 - p[~said]).sum(), (1 - p[said]).sum()], [p[~said].sum(), p[said].sum()]])
    return cells, np.array([(p * (1 - p))[~said].sum(), (p * (1 - p))[said].sum()])


def test_the_known_value():
    """NannyML's documentation of CBPE describes the sums; worked out by hand for these eight probabilities."""
    p = np.array([0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1])
    found = estimate(*expected_cells(p), positive=1)
    assert [found.accuracy, found.precision, found.recall, found.f1] == pytest.approx([0.75] * 4)
    bins = np.zeros((2, SCORE_BINS))
    np.add.at(bins, (1, score_bins(p)), p)
    np.add.at(bins, (0, score_bins(p)), 1 - p)
    assert roc_auc(bins).value == pytest.approx(0.8125)


def test_what_comes_true_lies_in_the_interval_as_often_as_it_says():
    """Labels drawn from the probabilities themselves, 600 times, for each score."""
    rng = np.random.default_rng(5)
    p = rng.beta(1, 2, 300)
    found = estimate(*expected_cells(p), positive=1)
    said = (p >= 0.5).astype(int)
    inside = dict.fromkeys(found.intervals, 0)
    for _ in range(600):
        actual = (rng.random(300) < p).astype(int)
        cells = np.zeros((2, 2))
        np.add.at(cells, (actual, said), 1)
        realised = performance(cells, 1)
        for name, (low, high) in found.intervals.items():
            inside[name] += low <= getattr(realised, name) <= high
    for name, times in inside.items():
        assert 0.92 <= times / 600 <= 0.985, name


def test_the_gap_is_chance_where_labels_follow_the_probabilities_and_shows_where_they_do_not():
    rng = np.random.default_rng(6)
    noticed = {"same": 0, "changed": 0}
    for _ in range(300):
        p = rng.beta(1, 1, 500)
        said = (p >= 0.5).astype(int)
        for world, truth in (("same", p), ("changed", 0.5 + 0.6 * (p - 0.5))):
            right = ((rng.random(500) < truth) == said).astype(float)
            q = np.where(said, p, 1 - p)
            parts = [np.bincount(said, weights, 2) for weights in (np.ones(500), right, q, q * (1 - q))]
            found = gap(parts[:2], parts[2:], positive=1)
            noticed[world] += found.significant
            assert found.accuracy == pytest.approx(right.mean() - q.mean())
    assert noticed["same"] / 300 < 0.09
    assert noticed["changed"] / 300 > 0.95


def test_the_gap_of_precision_recall_and_f1_is_that_of_the_cells():
    rng = np.random.default_rng(7)
    p = rng.random(400)
    said, actual = (p >= 0.5).astype(int), (rng.random(400) < p**2).astype(int)
    cells = np.zeros((2, 2))
    np.add.at(cells, (actual, said), 1)
    realised, should = performance(cells, 1), estimate(*expected_cells(p), positive=1)
    right, q = (actual == said).astype(float), np.where(said, p, 1 - p)
    parts = [np.bincount(said, weights, 2) for weights in (np.ones(400), right, q, q * (1 - q))]
    found = gap(parts[:2], parts[2:], positive=1)
    for name in ("accuracy", "precision", "recall", "f1"):
        assert getattr(found, name) == pytest.approx(getattr(realised, name) - getattr(should, name)), name


def test_estimates_of_nothing_are_undefined():
    found = estimate(np.zeros((3, 3)), np.zeros(3), positive=1)
    assert (found.rows, found.accuracy, found.f1, set(found.intervals.values())) == (0, None, None, {None})
    nothing = gap(np.zeros((2, 3)), np.zeros((2, 3)), positive=1)
    assert (nothing.rows, nothing.accuracy, nothing.significant) == (0, None, None)


# --- intervals ------------------------------------------------------------------------------------------------------


@given(st.floats(0.001, 0.999), st.floats(0, 1))
def test_logit_intervals_hold_the_share_and_stay_inside(share, variance):
    low, high = logit(share, variance)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1


def test_intervals_without_odds_are_undefined_and_normal_ones_are_cut():
    assert logit(1.0, 0.1) is logit(0.0, 0.1) is None
    assert normal(0.1, 1.0, low=0.0, high=1.0) == (0.0, 1.0)
