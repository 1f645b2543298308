"""compare(): whatever it is given, it says what has drifted, or why it cannot say."""

import inspect
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ml_models
from ml_models import DriftReport, compare
from ml_models.comparison.conditions import CONDITIONS, holding
from ml_models.errors import ConfigError, DataError, ProfileError
from ml_models.monitoring import ModelMonitor
from ml_models.profile import ReferenceProfile
from ml_models.stats.drift import METHODS, psi


def test_it_finds_the_feature_that_drifted_and_no_other(report):
    assert report.verdict == "drift"
    assert report.drifted == ("temp",)
    assert report.drift_share == pytest.approx(1 / 3)
    assert report["temp"].strong
    assert [feature.drifted for feature in report.features] == [True, False, False, False]
    assert report["late"].role == "prediction"
    assert report.judged("prediction") is False
    assert report.judged("label") is None
    assert report.rows == report.reference_rows == 2_000
    with pytest.raises(KeyError):
        report["nothing"]


def test_data_compared_with_itself_have_not_drifted(reference):
    report = compare(reference, reference)
    assert report.verdict == "no drift"
    assert report.drifted == ()
    assert report.quality_score == 1.0
    assert all(feature.score == pytest.approx(0, abs=1e-12) for feature in report.features)


def test_the_score_is_that_of_the_distributions_shown(report):
    shares = report["temp"].distribution
    assert report["temp"].score == pytest.approx(float(psi(shares.reference, shares.live)))
    assert len(shares.bins) == len(shares.live) == len(shares.reference)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_can_judge_and_says_where_it_is_not_defined(method, reference, live):
    report = compare(reference, live, method=method)
    assert report.method == method
    assert report["temp"].drifted is True
    if METHODS[method].ordered:
        assert report["origin"].drifted is None
        assert report["origin"].reason == f"{method} is not defined for categorical"
    else:
        assert report["origin"].drifted is False


FORMS = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "arrow": pa.table,
    "dict of columns": dict,
    "list of dicts": lambda data: pd.DataFrame(data).to_dict("records"),
    "iterator of frames": lambda data: iter(np.array_split(pd.DataFrame(data), 3)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_live_data_gives_the_same_report(form, reference, live):
    profile = ReferenceProfile.fit(reference)
    assert compare(profile, FORMS[form](live)).to_dict() == compare(profile, live).to_dict()


def test_files_are_read_whichever_side_they_are_on(reference, live, tmp_path):
    profile = ReferenceProfile.fit(reference)
    expected = compare(profile, live).to_dict()
    profile.save(tmp_path / "reference.json")
    for name, frame in (("january", reference), ("july", live)):
        pd.DataFrame(frame).to_parquet(tmp_path / f"{name}.parquet")
    assert compare(tmp_path / "reference.json", tmp_path / "july.parquet").to_dict() == expected
    assert compare(str(tmp_path / "january.parquet"), str(tmp_path / "july.parquet")).to_dict() == expected
    assert compare(profile, [tmp_path / "july.parquet"]).to_dict() == expected


@pytest.mark.parametrize("form", [np.asarray, np.ndarray.tolist, lambda table: iter([table[:900], table[900:]])])
def test_an_array_has_the_features_of_the_reference_as_columns(form):
    table = np.random.default_rng(1).normal(size=(1_000, 2))
    profile = ReferenceProfile.fit({"b": table[:, 0], "a": table[:, 1], "score": table[:, 0]}, prediction="score")
    report = compare(profile, form(table + np.array([5, 0])))
    assert report.drifted == ("b",)
    assert report.missing_columns == report.unexpected_columns == ()
    assert report["score"].reason == "no such column in the live data"


def test_many_batches_count_as_one(reference, live):
    whole = compare(reference, live)
    parts = (pd.DataFrame(live).iloc[start : start + 7] for start in range(0, 2_000, 7))
    seen = []
    assert compare(reference, parts, progress=lambda done, total: seen.append((done, total))).to_dict() == (
        whole.to_dict()
    )
    assert seen[-1] == (2_000, None)


def test_progress_is_told_up_to_the_end(reference, live):
    seen = []
    compare(ReferenceProfile.fit(reference), live, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2_000, 2_000)


def test_a_monitor_with_the_same_reference_says_the_same(reference, live):
    profile = ReferenceProfile.fit(reference, prediction="late")
    report = compare(profile, live)
    monitor = ModelMonitor(name="flights", reference=profile, port=0)
    predict = monitor.track(lambda rows: rows["late"].to_numpy())
    features = pd.DataFrame(live)
    predict(features)
    found = monitor.get_metrics()["data"]
    scores = report["temp"].scores
    assert found["features"]["temp"]["drift"] == {name: scores[name] for name in ("psi", "js", "ks")}
    assert found["features"]["temp"]["drifted"] is True
    assert found["drift_share"] == report.drift_share
    assert found["features"]["temp"]["distribution"]["live"] == list(report["temp"].distribution.live)


# --- thresholds --------------------------------------------------------------------------------------------------


def test_thresholds_decide(reference, live):
    high = compare(reference, live, thresholds={"drift_warning_max": 100})
    assert high.verdict == "no drift"
    assert high["temp"].threshold == 100
    assert compare(reference, live, thresholds={"drift_critical_max": 100})["temp"].strong is False
    few = compare(reference, live, thresholds={"samples_min": 2_001})
    assert few.verdict == "not judged"
    assert few.drift_share is None
    assert few["temp"].reason == "2,000 of 2,001 values needed"
    assert compare(reference, live, thresholds={"quality_min": 1}).quality_ok is False


def test_a_data_set_may_be_allowed_some_drift(reference, live):
    assert compare(reference, live, max_drift_share=0.5).verdict == "no drift"
    assert compare(reference, live, max_drift_share=0.2).verdict == "drift"


def test_noise_is_no_drift_and_is_said_to_be_noise():
    random = np.random.default_rng(3)
    report = compare(
        {"x": random.normal(size=1_000)},
        {"x": random.normal(size=100) * 1.2},
        thresholds={"samples_min": 50, "drift_warning_max": 0.05},
    )
    assert report["x"].score > 0.05
    assert report["x"].drifted is False
    assert report["x"].reason.startswith("within noise: psi")


def test_every_wrong_setting_is_told_at_once(reference, live):
    with pytest.raises(ConfigError) as caught:
        compare(
            reference,
            live,
            method="pzi",
            thresholds={"drift_max": 1, "samples_min": -1, "quality_min": float("nan")},
            max_drift_share=1.0,
        )
    assert len(caught.value.faults) == 5
    assert "unknown 'pzi'; choose from psi, js" in str(caught.value)
    assert "unknown 'drift_max'; choose from drift_warning_max" in str(caught.value)


def test_a_profile_has_settled_what_is_the_prediction(reference, live):
    with pytest.raises(ConfigError, match="prediction: given together with a reference profile"):
        compare(ReferenceProfile.fit(reference), live, prediction="late")


# --- odd data ----------------------------------------------------------------------------------------------------


def test_missing_and_unexpected_columns_are_named_and_lower_the_quality(reference, live):
    del live["wind"]
    report = compare(reference, {**live, "colour": ["red"] * 2_000})
    assert report.missing_columns == ("wind",)
    assert report.unexpected_columns == ("colour",)
    assert report.quality["schema"] == 0
    assert report["wind"].drifted is None
    assert report["wind"].reason == "no such column in the live data"
    assert report["wind"].missing_ratio == 1


def test_a_column_that_only_some_batches_have_is_missing_in_the_others(reference, live):
    frame = pd.DataFrame(live)
    report = compare(reference, iter([frame.iloc[:1_000], frame.iloc[1_000:].drop(columns="wind")]))
    assert report.missing_columns == ("wind",)
    assert report["wind"].missing_ratio == 0.5
    assert report.quality["schema"] == 0.5


def test_an_ignored_column_is_left_out_on_both_sides(reference, live):
    report = compare({**reference, "id": np.arange(2_000)}, {**live, "row": [1] * 2_000}, ignore=["id", "row", "temp"])
    assert [feature.name for feature in report.features] == ["wind", "origin", "late"]
    assert report.unexpected_columns == report.missing_columns == ()
    assert report.verdict == "no drift"


def test_a_column_that_the_reference_left_out_is_no_fault(reference, live):
    names = [f"u{row}" for row in range(2_000)]
    report = compare({**reference, "user": names}, {**live, "user": names})
    assert report.unexpected_columns == ()
    assert report.skipped[0][0] == "user"


def test_the_prediction_has_a_verdict_of_its_own(reference):
    report = compare(reference, {**reference, "late": [1] * 2_000}, prediction="late")
    assert report.verdict == "no drift"
    assert report.judged("prediction") is True
    assert report.drifted == ("late",)
    assert "The prediction, column late, has drifted." in str(report)


@pytest.mark.parametrize("nothing", [{"temp": [], "wind": []}, [], pd.DataFrame({"temp": []})])
def test_no_live_rows_are_not_judged(reference, nothing):
    report = compare(reference, nothing)
    assert report.verdict == "not judged"
    assert report.rows == 0
    assert report.quality_score is None
    assert report.quality_ok is None
    assert {feature.reason for feature in report.features} == {"no live rows"}
    assert "there are no live rows" in str(report)


def test_a_column_without_any_value_is_not_judged(reference, live):
    report = compare(reference, {**live, "temp": [None] * 2_000, "wind": ["?"] * 2_000})
    assert report["temp"].reason == report["wind"].reason == "no valid live value"
    assert report["temp"].missing_ratio == report["wind"].invalid_ratio == 1
    assert report["temp"].distribution.live is None
    assert report.verdict == "no drift"


def test_a_reference_without_features_is_not_judged():
    empty = ReferenceProfile((), 0)
    report = compare(empty, {"x": [1.0]})
    assert report.verdict == "not judged"
    assert report.unexpected_columns == ("x",)
    assert "the reference has no features" in str(report)
    for form in (report.to_html(), report.to_markdown(), report.to_json()):
        assert "x" in form
    only = compare({"late": [0, 1] * 300}, {"late": [1, 1] * 300}, prediction="late")
    assert only.verdict == "not judged"
    assert only.judged("prediction") is True


def test_what_cannot_be_read_is_told(reference, tmp_path):
    with pytest.raises(DataError, match="no such file"):
        compare(reference, tmp_path / "nothing.parquet")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ProfileError, match="not JSON"):
        compare(tmp_path / "broken.json", reference)
    with pytest.raises(DataError, match="found int"):
        compare(reference, 7)


# --- conditions --------------------------------------------------------------------------------------------------


def test_each_condition_holds_when_it_should_and_not_otherwise(reference, live):
    fine = compare(reference, reference, prediction="late", label="origin")
    asked = [name for name in CONDITIONS if name != "correlation"]  # which has tests of its own
    assert holding(fine, asked) == {}
    worse = {"temp": live["temp"] + 100, "late": [1] * 2_000, "origin": ["LAX"] * 2_000, "new": [0] * 2_000}
    found = holding(compare(reference, worse, prediction="late", label="origin"), asked)
    assert found == {
        "drift": "temp drifted",
        "prediction": "the prediction drifted",
        "label": "the label drifted",
        "quality": found["quality"],
        "schema": "missing wind; unexpected new",
        "unjudged": "wind could not be judged",
    }
    assert found["quality"].endswith("is below 0.9")
    assert holding(compare(reference, []), ["unjudged"]) == {"unjudged": "there are no live rows"}


def test_a_condition_that_could_never_hold_is_refused(report):
    with pytest.raises(ConfigError, match="label: the reference has no label column"):
        holding(report, ["label"])
    with pytest.raises(ConfigError, match="unknown 'drfit'; choose from drift"):
        holding(report, ["drfit"])


# --- the package -------------------------------------------------------------------------------------------------


def test_importing_the_package_imports_nothing_else():
    code = "import sys, ml_models; print([m for m in sys.modules if m.startswith(('ml_models.', 'numpy', 'scipy'))])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_package_offers_compare_and_its_report():
    assert {"compare", "DriftReport"} <= set(dir(ml_models))
    assert set(ml_models.__all__) <= set(dir(ml_models))
    assert ml_models.DriftReport is DriftReport
    assert list(inspect.signature(ml_models.compare).parameters)[:2] == ["reference", "live"]
    with pytest.raises(AttributeError, match="no attribute 'compar'"):
        _ = ml_models.compar
