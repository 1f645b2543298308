"""Drift and quality of a window, and the families that say them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse
from scipy.stats import false_discovery_control

from ml_models.collectors.data import DEFAULT_THRESHOLDS, DataCollector
from ml_models.collectors.isolation import collect
from ml_models.exposition import render
from ml_models.profile import Layout, ReferenceProfile, Tally
from ml_models.profile.tally import BINS
from ml_models.stats.drift import METHODS, psi

REPEATS, REFERENCES = 500, 20


def many(draw, kind):
    """Return a layout of 500 features of one distribution, from 20 references of 10,000 rows."""
    rng = np.random.default_rng(11)
    fitted = [ReferenceProfile.fit({"x": draw(rng, 10_000)}, kinds={"x": kind}).features[0] for _ in range(REFERENCES)]
    return Layout(tuple(replace(fitted[i % REFERENCES], name=f"x{i}") for i in range(REPEATS)))


@pytest.fixture(scope="module")
def normals():
    return many(lambda rng, size: rng.normal(size=size), "numeric")


def drifted(layout, rows, *, shift=0.0, method="psi", **thresholds):
    """Return how many of the features are said to have drifted, and how many are judged."""
    tally = Tally(layout)
    live = np.random.default_rng(rows).normal(shift, 1, size=(len(layout.features), rows))
    tally.add_block(np.arange(len(layout.features)), live)
    verdicts = DataCollector("m", layout, thresholds, method).drift(tally).drifted.tolist()
    return verdicts.count(True), REPEATS - verdicts.count(None)


# --- false and true alarms ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [50, 200, 1_000, 10_000])
def test_undrifted_samples_are_called_drifted_in_under_one_percent(normals, rows):
    found, judged = drifted(normals, rows)
    assert judged == (REPEATS if rows >= DEFAULT_THRESHOLDS["samples_min"] else 0)
    assert found < REPEATS / 100


@pytest.mark.parametrize("rows", [50, 200, 1_000, 10_000])
def test_the_noise_criterion_alone_holds_false_alarms_under_one_percent(normals, rows):
    """With a threshold of 0 nothing else stands between noise and an alarm."""
    found, judged = drifted(normals, rows, drift_warning_max=0.0, samples_min=50)
    assert judged == REPEATS
    assert found < REPEATS / 100


@pytest.mark.parametrize("method", ["ks", "chi2"])
@pytest.mark.parametrize("rows", [50, 200, 1_000, 10_000])
def test_of_many_tested_features_hardly_any_is_called_drifted_by_chance(normals, method, rows):
    """With a threshold of 0 the adjusted p-values alone stand between noise and an alarm."""
    found, judged = drifted(normals, rows, method=method, drift_warning_max=0.0, samples_min=50)
    assert judged == REPEATS
    assert found < REPEATS / 100


@pytest.mark.parametrize("method", ["ks", "chi2"])
def test_tests_find_a_shift_in_every_feature_that_has_it(normals, method):
    assert drifted(normals, 1_000, shift=0.5, method=method) == (REPEATS, REPEATS)


@pytest.mark.parametrize("method", ["ks", "chi2", "psi"])
def test_pvalues_are_adjusted_for_the_columns_that_could_be_judged(layout, live, method):
    drift = DataCollector("m", layout, {}, method).drift(live)
    judged = by_name(layout, ~np.isnan(drift.pvalues))
    tested = {"ks": {"steady", "moved", "constant", "score"}, "chi2": {"steady", "moved", "kind", "constant", "score"}}
    assert {name for name, known in judged.items() if known} == tested.get(method, set())
    known = ~np.isnan(drift.pvalues)
    np.testing.assert_allclose(drift.adjusted[known], false_discovery_control(drift.pvalues[known]))
    if method != "psi":
        assert by_name(layout, drift.adjusted)["moved"] < 1e-6 < by_name(layout, drift.adjusted)["steady"]


@pytest.mark.parametrize("rows", [200, 1_000])
def test_categories_of_which_most_are_rare_raise_no_more_false_alarms(rows):
    """By the chi-square quantile alone one window in seven of 200 rows would."""
    shares = 1 / np.arange(1, 41)
    shares /= shares.sum()
    layout = many(lambda rng, size: rng.choice(40, size=size, p=shares), "categorical")
    tally, rng = Tally(layout), np.random.default_rng(rows)
    for feature in range(REPEATS):
        tally.add_column(feature, rng.choice(40, size=rows, p=shares))
    for method in ("psi", "chi2"):
        verdicts = DataCollector("m", layout, {"drift_warning_max": 0.0}, method).drift(tally).drifted.tolist()
        assert verdicts.count(True) < REPEATS / 100


@pytest.mark.parametrize("method", ["psi", "js", "ks", "hellinger"])
def test_too_few_samples_are_not_judged(normals, method):
    assert DEFAULT_THRESHOLDS["samples_min"] == 200
    assert drifted(normals, 50, method=method) == (0, 0)
    assert drifted(normals, 199, shift=3.0, method=method) == (0, 0)
    assert drifted(normals, 200, shift=3.0, method=method) == (REPEATS, REPEATS)


def test_a_shift_by_half_a_deviation_is_found(normals):
    assert drifted(normals, 1_000, shift=0.5) == (REPEATS, REPEATS)


# --- one layout with everything -------------------------------------------------------------------------------------

ROWS = 1_000


@pytest.fixture(scope="module")
def layout():
    rng = np.random.default_rng(0)
    data = {
        "steady": rng.normal(size=ROWS),
        "moved": rng.normal(size=ROWS),
        "kind": rng.choice(["a", "b", "c"], ROWS).tolist(),
        "constant": [7.0] * ROWS,
        "score": rng.random(ROWS),
        "late": rng.integers(0, 2, ROWS),
    }
    return Layout.of(ReferenceProfile.fit(data, prediction="score", label="late"))


@pytest.fixture
def live(layout):
    """Return a window of which one feature has moved, one is constant and one holds what it should not."""
    rng = np.random.default_rng(1)
    tally = Tally(layout)
    columns = {
        "steady": rng.normal(size=ROWS),
        "moved": [*rng.normal(2, 1, ROWS - 100), *[None] * 60, *["wrong"] * 40],
        "kind": [*rng.choice(["a", "b", "c"], ROWS - 10), *["new"] * 10],
        "constant": [7.0] * ROWS,
        "score": rng.random(ROWS) ** 3,
    }
    for (role, name), row in layout.index.items():
        if role != "label":
            tally.add_column(row, columns[name])
    tally.schema[:] = [20, 30, 40, ROWS]
    return tally


def by_name(layout, values):
    return {feature.name: value for feature, value in zip(layout.features, list(values), strict=True)}


def test_verdicts_scores_and_samples(layout, live):
    collector = DataCollector("m", layout, {})
    drift = collector.drift(live)
    assert by_name(layout, drift.drifted) == {
        "steady": False, "moved": True, "kind": False, "constant": False, "score": True, "late": None}  # fmt: skip
    assert by_name(layout, drift.samples)["moved"] == ROWS - 100
    assert by_name(layout, drift.scores["psi"])["constant"] == 0
    assert by_name(layout, np.isnan(drift.scores["ks"])) == {
        "steady": False, "moved": False, "kind": True, "constant": False, "score": False, "late": True}  # fmt: skip
    coarse = layout.coarsen(live.cells)
    np.testing.assert_array_equal(drift.live, coarse)
    np.testing.assert_array_equal(drift.scores["psi"], psi(layout.reference_coarse, coarse))


def test_the_share_is_of_the_features_that_could_be_judged(layout, live):
    collector = DataCollector("m", layout, {})
    assert collector.share(collector.drift(live)) == 1 / 4, "neither prediction nor label is a feature"
    partly = Tally(layout)
    partly.add_column(layout.index["feature", "steady"], np.random.default_rng(2).normal(size=500))
    partly.add_column(layout.index["feature", "moved"], [2.0] * 500)
    assert collector.share(collector.drift(partly)) == 1 / 2
    assert collector.share(collector.drift(Tally(layout))) is None


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_can_be_the_one_that_decides(layout, live, method):
    drift = DataCollector("m", layout, {"drift_warning_max": 0.15}, method).drift(live)
    verdicts = by_name(layout, drift.drifted)
    assert (verdicts["steady"], verdicts["moved"]) == (False, True)
    assert method in drift.scores


@pytest.mark.parametrize("shift", [0.5, 5.0, 500.0, -50.0])
def test_wasserstein_of_a_window_has_the_full_size_of_a_shift(normals, shift):
    """Also far beyond the reference's range, where bins alone hold no distance, to a tenth."""
    few = Layout(normals.features[:5])
    tally = Tally(few)
    tally.add_block(np.arange(5), np.random.default_rng(4).normal(shift, 1, (5, 4_000)))
    merged = Tally(few) + tally + Tally(few)
    scores = DataCollector("m", few, {}, "wasserstein").drift(merged).scores["wasserstein"]
    np.testing.assert_allclose(scores, abs(shift), rtol=0.1, atol=0.05)


def test_drift_below_its_threshold_or_within_noise_is_none(layout, live):
    assert by_name(layout, DataCollector("m", layout, {"drift_warning_max": 99}).drift(live).drifted)["moved"] is False
    barely = Tally(layout)
    barely.add_column(layout.index["feature", "steady"], np.random.default_rng(3).normal(0.4, 1, 12))
    drift = DataCollector("m", layout, {"samples_min": 1}).drift(barely)
    assert by_name(layout, drift.scores["psi"])["steady"] > 0.25
    assert by_name(layout, drift.noise)["steady"] > by_name(layout, drift.scores["psi"])["steady"]
    assert by_name(layout, drift.drifted)["steady"] is False


def test_a_constant_that_changes_has_drifted(layout):
    tally = Tally(layout)
    tally.add_column(layout.index["feature", "constant"], [8.0] * 300)
    assert by_name(layout, DataCollector("m", layout, {}).drift(tally).drifted)["constant"] is True


def test_an_empty_window_is_undefined_throughout(layout):
    drift = DataCollector("m", layout, {}).drift(Tally(layout))
    assert all(np.isnan(scores).all() for scores in drift.scores.values())
    assert set(drift.drifted.tolist()) == {None}


def test_quality_is_over_the_cells_of_features(layout, live):
    quality = DataCollector("m", layout, {}).quality(live)
    cells = 4 * ROWS
    outside = int(live.cells[:, 3:5].sum() - live.cells[layout.index["prediction", "score"], 3:5].sum())
    assert quality.dimensions["completeness"] == pytest.approx(1 - 60 / cells)
    assert quality.dimensions["validity"] == pytest.approx(1 - (40 + outside) / (cells - 60))
    assert outside >= 10, "the ten categories that the reference lacks"
    assert quality.dimensions["schema"] == 1 - 40 / ROWS, "rows with any fault, not faults"
    assert quality.score == pytest.approx(np.mean(list(quality.dimensions.values())))


# --- families -------------------------------------------------------------------------------------------------------


def samples(exposed):
    return {
        (sample.name, *(value for label, value in sorted(sample.labels.items()) if label != "model")): sample.value
        for family in parse(render(exposed).decode())
        for sample in family.samples
    }


def test_families_say_what_the_tallies_hold(layout, live):
    collector = DataCollector("m", layout, {})
    found = samples(collector.families(live + live, live))
    for (role, name), row in layout.index.items():
        feature, cells = layout.features[row], 2 * live.cells[row]
        key = (name, role)
        assert found["ml_feature_observations_total", *key] == cells[0]
        assert found["ml_feature_missing_total", *key] == cells[1]
        assert found["ml_feature_invalid_total", *key] == cells[2]
        assert found["ml_feature_out_of_range_total", *key] == cells[3] + cells[4]
        assert found["ml_feature_reference_observations", *key] == ROWS
        assert (
            sum(found["ml_feature_bin_observations_total", bin_, *key] for bin_ in feature.bins) == cells[BINS:].sum()
        )
        assert sum(found["ml_feature_bin_reference_ratio", bin_, *key] for bin_ in feature.bins) == pytest.approx(1)
        edges = [found.get(("ml_feature_bin_upper_edge", bin_, *key)) for bin_ in feature.bins]
        assert edges == ([*feature.coarse_edges, None] if feature.kind == "numeric" else [None] * len(feature.bins))
    assert found["ml_schema_faults_total", "missing_column"] == 40
    assert found["ml_schema_faults_total", "unexpected_column"] == 60
    assert found["ml_feature_drift_share_ratio",] == 0.25
    assert found["ml_data_quality_dimension_ratio", "schema"] == 0.96
    scores = {key[1:]: value for key, value in found.items() if key[0] == "ml_feature_drift_score"}
    assert ("moved", "ks", "feature") in scores
    assert ("kind", "psi", "feature") in scores
    assert ("kind", "ks", "feature") not in scores, "undefined, so left out"
    assert not [key for key in scores if key[0] == "late"]


def test_undefined_scores_are_left_out_so_that_rules_on_gauges_never_see_nan(layout):
    found = samples(DataCollector("m", layout, {}).families(Tally(layout), Tally(layout)))
    assert np.isfinite(list(found.values())).all()
    assert not [key for key in found if key[0] in {"ml_feature_drift_score", "ml_feature_drift_share_ratio"}]
    assert found["ml_feature_bin_observations_total", "00", "steady", "feature"] == 0


def test_no_series_is_exposed_twice_whatever_the_categories_are_called():
    reference = ReferenceProfile.fit({"c": ["__other__", "__unseen__", "a", 'x"y', "x\\y", "a\nb", "\ud800", "?", ""]})
    layout = Layout.of(reference)
    text = render(collect({"data": lambda: DataCollector("m", layout, {}).families(Tally(layout), Tally(layout))}, "m"))
    series = [line.rsplit(" ", 1)[0] for line in text.decode().splitlines() if not line.startswith("#")]
    assert len(series) == len(set(series)) > 20


def test_without_a_reference_there_is_nothing_to_say():
    layout = Layout.of(None)
    assert DataCollector("m", layout, {}).families(Tally(layout), Tally(layout)) == []
