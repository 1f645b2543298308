"""Several features together: a change that no single feature shows."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from ml_models import compare
from ml_models.collectors.data import DataCollector
from ml_models.comparison.conditions import holding
from ml_models.errors import ConfigError, ProfileError
from ml_models.exposition import render
from ml_models.profile import Layout, ReferenceProfile, Tally
from ml_models.profile.counting import TableCounter
from ml_models.profile.ingest import columns
from ml_models.stats.moments import Moments, correlation_pvalue, frechet_pvalue


def table(seed, rows=3_000, correlation=0.8, spread=1.0):
    rng = np.random.default_rng(seed)
    x, other = rng.normal(size=(2, rows))
    y = correlation * x + (1 - correlation**2) ** 0.5 * other
    return {
        "x": x * spread,
        "y": y * 100 + 7,
        "z": rng.exponential(size=rows),
        "c": rng.choice(["a", "b"], rows).tolist(),
    }


def test_a_lost_correlation_is_found_where_no_feature_drifted():
    report = compare(table(0), table(1, correlation=0.0), multivariate=True)
    assert report.verdict == "no drift"
    joint = report.multivariate
    assert joint.drifted is True
    assert joint.pair == ("x", "y")
    assert (joint.before, joint.after) == (pytest.approx(0.8, abs=0.02), pytest.approx(0, abs=0.05))
    assert joint.correlation_change == pytest.approx(abs(joint.after - joint.before))
    assert joint.frechet_pvalue < 1e-9
    assert holding(report, ["drift", "correlation"]) == {"correlation": "that of x and y changed"}
    for text in (report.to_text(), report.to_markdown(), report.to_html()):
        assert "the correlation of x and y changed most, from 0.8" in text
    assert report.to_dict()["multivariate"]["pair"] == ["x", "y"]


def test_the_same_correlation_is_no_drift():
    joint = compare(table(0), table(1), multivariate=True).multivariate
    assert joint.drifted is False
    assert joint.correlation_pvalue > 0.001
    assert joint.frechet_pvalue > 0.001


def test_it_is_absent_unless_asked_for_and_refused_where_the_profile_lacks_it():
    profile = ReferenceProfile.fit(table(0))
    report = compare(profile, table(1))
    assert report.multivariate is None
    with pytest.raises(ConfigError, match="add --multivariate"):
        holding(report, ["correlation"])
    with pytest.raises(ConfigError, match="multivariate: given together with a reference profile"):
        compare(profile, table(1), multivariate=True)


def test_a_profile_keeps_it_and_is_small_without(tmp_path):
    profile = ReferenceProfile.fit(table(0), multivariate=True)
    again = ReferenceProfile.load(profile.save(tmp_path / "reference.json"))
    assert again == profile
    assert again.fingerprint == profile.fingerprint != ReferenceProfile.fit(table(0)).fingerprint
    assert compare(again, table(1)).multivariate == compare(profile, table(1)).multivariate
    rng = np.random.default_rng(0)
    wide = {f"x{i}": rng.normal(size=500) for i in range(100)}
    with_it, without = (len(ReferenceProfile.fit(wide, multivariate=m).to_json()) for m in (True, False))
    assert 50_000 < with_it - without < 60_000


def test_data_in_parts_has_the_same_moments(tmp_path):
    data = pd.DataFrame(table(0, 5_000))
    data.to_parquet(tmp_path / "x.parquet", row_group_size=700)
    one, parts = ReferenceProfile.fit(data, multivariate=True), ReferenceProfile.fit(tmp_path, multivariate=True)
    np.testing.assert_allclose(one.together.moments.covariance, parts.together.moments.covariance, rtol=1e-12)
    with pytest.raises(ProfileError, match="can be read only once"):
        ReferenceProfile.fit(iter([data]), multivariate=True)


@pytest.mark.parametrize("features", [1, 101])
def test_too_few_or_too_many_features_are_refused(features):
    with pytest.raises(ProfileError, match=rf"found {features} numeric features; it takes 2 to 100"):
        ReferenceProfile.fit({f"x{i}": [1.0, 2.0, 3.0] for i in range(features)}, multivariate=True)


def test_tallies_of_parts_add_to_that_of_the_whole():
    layout = Layout.of(ReferenceProfile.fit(table(0), multivariate=True), multivariate=True)
    counter, whole = TableCounter(layout), Tally(layout)
    live = pd.DataFrame(table(1, 1_000))
    live.loc[::10, "z"] = None
    counter.add(whole, columns(live))
    total = Tally(layout)
    for part in (live[:400], live[400:401], live[401:]):
        piece = Tally(layout)
        counter.add(piece, columns(part))
        total += Tally.from_bytes(layout, piece.to_bytes())
    np.testing.assert_array_equal(total.counts, whole.counts)
    np.testing.assert_allclose(total.sums, whole.sums, rtol=1e-9, atol=1e-9)
    assert (whole.moments().rows, whole.moments().incomplete) == (900, 100)
    complete = np.clip(live.dropna()[["x", "y", "z"]].to_numpy(), layout.together.low, layout.together.high)
    np.testing.assert_allclose(whole.moments().correlation, np.corrcoef(complete.T), atol=1e-9)


@pytest.mark.parametrize("absurd", [1e9, -1e300, np.inf])
def test_one_absurd_value_neither_hides_nor_makes_a_change(absurd):
    steady, lost = table(1), table(1, correlation=0.0)
    for data in (steady, lost):
        data["x"][17] = absurd
    profile = ReferenceProfile.fit(table(0), multivariate=True)
    assert compare(profile, steady).multivariate.drifted is False
    assert compare(profile, lost).multivariate.drifted is True


def test_columns_left_out_are_left_out_of_it():
    profile = ReferenceProfile.fit(table(0), multivariate=True)
    assert compare(profile, table(1), ignore=["x"]).multivariate.pair == ("y", "z")
    assert compare(profile, table(1), ignore=["x", "y"]).multivariate is None


def test_too_few_complete_rows_are_not_judged():
    live = table(1, correlation=0.0)
    live["z"][:2_900] = np.nan
    joint = compare(table(0), live, multivariate=True).multivariate
    assert (joint.rows, joint.incomplete, joint.drifted) == (100, 2_900, None)
    nothing = compare(table(0), {"x": [1.0], "y": [None], "z": [1.0], "c": ["a"]}, multivariate=True).multivariate
    assert (nothing.drifted, nothing.correlation_change, nothing.frechet, nothing.pair) == (None,) * 4


def test_collectors_expose_it_only_where_it_is_tallied():
    profile = ReferenceProfile.fit(table(0), multivariate=True)
    for wanted in (True, False):
        layout = Layout.of(profile, multivariate=wanted)
        tally = Tally(layout)
        TableCounter(layout).add(tally, columns(table(1, correlation=0.0)))
        text = render(DataCollector("m", layout, {}).families(tally, tally)).decode()
        score = re.search(r'ml_multivariate_drift_score{method="correlation",model="m"} 0\.[78]', text)
        assert (score is not None) is wanted
        assert ('ml_multivariate_rows_total{model="m",status="complete"} 3000.0' in text) is wanted
        assert ("ml_multivariate_drift_pvalue_ratio" in text) is wanted


def test_a_shift_far_beyond_the_reference_is_no_change_of_correlation():
    live = table(1)
    report = compare(table(0), {**live, "x": live["x"] + 4, "y": live["y"] + 300}, multivariate=True)
    assert set(report.drifted) == {"x", "y"}
    assert report.multivariate.drifted is False
    assert report.multivariate.frechet == pytest.approx(5, rel=0.02)


SHAPES = {
    "normal": lambda rng, n: rng.multivariate_normal(np.zeros(4), np.full((4, 4), 0.5) + np.eye(4) / 2, n),
    "exponential": lambda rng, n: rng.exponential(size=(n, 4)) + rng.exponential(size=(n, 1)) / 2,
    "lognormal": lambda rng, n: rng.lognormal(size=(n, 4)),
    "integers": lambda rng, n: rng.poisson(3, (n, 4)).astype(float),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rows", [200, 2_000])
def test_the_same_distribution_is_called_drifted_in_under_one_percent(shape, rows):
    rng = np.random.default_rng(rows)
    names = ["a", "b", "c", "d"]
    profile = ReferenceProfile.fit(dict(zip(names, SHAPES[shape](rng, 5_000).T, strict=True)), multivariate=True)
    layout = Layout.of(profile, multivariate=True)
    collector, found = DataCollector("m", layout, {}), []
    for _ in range(300):
        tally = Tally(layout)
        tally.add_moments(SHAPES[shape](rng, rows).T)
        found.append(collector.correlation_drifted(collector.multivariate(tally)))
    assert None not in found
    assert sum(found) <= 3


def test_pvalues_of_normal_data_are_as_frequent_as_they_say():
    rng = np.random.default_rng(2)
    reference = Moments.of(SHAPES["normal"](rng, 4_000))
    found = []
    for _ in range(1_000):
        live = Moments.of(SHAPES["normal"](rng, 500), reference.centre)
        found.append((correlation_pvalue(reference, live), frechet_pvalue(reference, live)))
    for pvalues, least in zip(np.array(found).T, (0.3, 0.5), strict=True):
        for p in (0.01, 0.1):  # Bonferroni's are larger than they could be; one reference moves all of them together
            assert least * p - 0.005 <= np.mean(pvalues <= p) <= 2 * p + 0.01
