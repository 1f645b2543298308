"""Performance, intervals, latency quantiles and quality against other implementations and hand-worked values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from ml_models.stats.intervals import wilson
from ml_models.stats.latency import histogram_quantile
from ml_models.stats.performance import performance


def confusion_of(actual, predicted, classes):
    cells = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(cells, (actual, predicted), 1)
    return cells


def labelled(classes):
    """Labels and predictions of some rows; classes may be missing on either side."""
    row = st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1))
    return st.lists(row, min_size=1, max_size=60).map(lambda rows: tuple(np.array(rows).T))


# --- performance ----------------------------------------------------------------------------------------------------


@given(labelled(2), st.sampled_from([0, 1]))
@settings(deadline=None, max_examples=60)
def test_binary_performance_is_scikit_learns(rows, positive):
    """Where scikit-learn puts 0 for what is undefined, we say so."""
    actual, predicted = rows
    found = performance(confusion_of(actual, predicted, 2), positive)
    theirs = precision_recall_fscore_support(
        actual, predicted, labels=[0, 1], pos_label=positive, average="binary", zero_division=0
    )
    assert found.accuracy == pytest.approx(accuracy_score(actual, predicted))
    assert [found.precision or 0, found.recall or 0, found.f1 or 0] == pytest.approx(theirs[:3])
    assert (found.precision is None) == (positive not in predicted)
    assert (found.recall is None) == (positive not in actual)
    assert found.labels == len(actual)


@given(labelled(6))
@settings(deadline=None, max_examples=80)
def test_multiclass_performance_is_scikit_learns_macro_mean_over_the_classes_that_occur(rows):
    actual, predicted = rows
    found = performance(confusion_of(actual, predicted, 21))
    theirs = precision_recall_fscore_support(actual, predicted, average="macro", zero_division=0)
    assert found.accuracy == pytest.approx(accuracy_score(actual, predicted))
    assert [found.precision, found.recall, found.f1] == pytest.approx(theirs[:3])


def test_without_labels_everything_is_undefined():
    for positive in (None, 1):
        found = performance(np.zeros((3, 3)), positive)
        assert (found.labels, found.accuracy, found.precision, found.recall, found.f1) == (0, None, None, None, None)
        assert found.intervals == {"accuracy": None, "precision": None, "recall": None}


def test_intervals_are_wilsons_on_the_rows_that_each_ratio_is_about():
    found = performance([[50, 10], [5, 35]], positive=1)
    assert found.intervals == {"accuracy": wilson(85, 100), "precision": wilson(35, 45), "recall": wilson(35, 40)}
    assert performance([[50, 10], [5, 35]]).intervals["precision"] is None, "a mean of ratios has no such interval"


# --- intervals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_published_intervals(successes, trials, low, high):
    """Source: R. G. Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I, method 3."""
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_wilson_holds_the_share_and_stays_between_0_and_1(trials, share):
    successes = round(share * trials)
    low, high = wilson(successes, trials)
    assert 0 <= low <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= high <= 1


def test_wilson_without_trials_is_undefined():
    assert wilson(0, 0) is None


# --- latency --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantile", "expected"),
    [
        (0.0, 0.0),
        (0.25, 0.1 * 2.75 / 5),  # rank 2.75 of the 5 in the first bucket, which begins at 0
        (0.5, 0.1 + 0.1 * 0.5 / 3),  # rank 5.5: half an observation into the second
        (10 / 11, 0.4),  # the last of the fourth bucket: its upper bound
        (0.95, 0.4),  # above all bounds: the highest one
        (1.0, 0.4),
    ],
)
def test_quantiles_worked_out_by_hand(quantile, expected):
    """5 up to 0.1 s, 3 up to 0.2, none up to 0.3, 2 up to 0.4, 1 above."""
    found = histogram_quantile(quantile, [5, 3, 0, 2, 1], [0.1, 0.2, 0.3, 0.4])
    assert found == pytest.approx(expected)


def test_a_quantile_of_nothing_is_undefined():
    assert histogram_quantile(0.5, [0, 0, 0], [1.0, 2.0]) is None


@given(st.lists(st.integers(0, 1000), min_size=5, max_size=5).filter(any))
@example([0, 0, 0, 203, 0])  # rounding would lead past the last bound
def test_quantiles_rise_and_stay_inside_the_bounds(counts):
    bounds = [0.001, 0.01, 0.1, 1.0]
    found = [histogram_quantile(q, counts, bounds) for q in (0.0, 0.1, 0.5, 0.9, 0.95, 0.99, 1.0)]
    assert found == sorted(found)
    assert found[0] >= 0
    assert found[-1] <= 1.0


def test_the_quantile_lies_in_the_bucket_of_the_true_one():
    values = np.random.default_rng(0).lognormal(-4, 1, 5_000)
    bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0]
    counts = np.bincount(np.searchsorted(bounds, values), minlength=11)
    for quantile in (0.5, 0.95, 0.99):
        true = np.quantile(values, quantile, method="inverted_cdf")
        found = histogram_quantile(quantile, counts, bounds)
        assert np.searchsorted(bounds, found) == np.searchsorted(bounds, true)
