"""The reference profile: what it takes, what it leaves out and why, and that it is read back exactly."""

from __future__ import annotations

import copy
import datetime as dt
import json
import os
import re
import stat

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv, parquet

from ml_models.errors import ProfileError
from ml_models.profile import ReferenceProfile
from ml_models.profile.reference import MAX_CATEGORIES, MAX_HASHED, VERSION, _checksum, infer_kind

LARGEST = float(np.finfo(np.float64).max)


def table(rows=400):
    rng = np.random.default_rng(7)
    return {
        "amount": rng.lognormal(3, 1, rows),
        "visits": rng.integers(0, 9, rows),
        "member": rng.random(rows) < 0.3,
        "city": rng.choice(["Oslo", "Bergen", "Troms\u00f8"], rows).tolist(),
    }


def structured(data):
    kinds = [("amount", "f8"), ("visits", "i8"), ("member", "?"), ("city", "U10")]
    return np.array(list(zip(*data.values(), strict=True)), dtype=kinds)


@pytest.fixture
def profile():
    data = table() | {
        "id": [f"user-{i}" for i in range(400)],
        "nothing": [None] * 400,
        "score": np.linspace(0, 1, 400),
        "late": np.arange(400) % 2,
    }
    return ReferenceProfile.fit(data, prediction="score", label="late")


# --- fitting --------------------------------------------------------------------------------------------------------


def test_every_form_of_the_same_data_gives_the_same_profile(tmp_path):
    data = table()
    arrow = pa.table(data)
    csv.write_csv(arrow, tmp_path / "x.csv")
    parquet.write_table(arrow, tmp_path / "x.parquet")
    forms = {
        "pandas": pd.DataFrame(data),
        "pandas, nullable": pd.DataFrame(data).convert_dtypes(),
        "pandas, category": pd.DataFrame(data).astype({"city": "category"}),
        "polars": pl.DataFrame(data),
        "Arrow": arrow,
        "structured": structured(data),
        "rows": arrow.to_pylist(),
        "csv": tmp_path / "x.csv",
        "parquet": str(tmp_path / "x.parquet"),
    }
    expected = ReferenceProfile.fit(data)
    assert [(f.name, f.kind) for f in expected.features] == [
        ("amount", "numeric"), ("visits", "numeric"), ("member", "boolean"), ("city", "categorical")]  # fmt: skip
    for form, same in forms.items():
        assert ReferenceProfile.fit(same) == expected, form


def test_counts_are_those_of_the_data():
    data = table()
    profile = ReferenceProfile.fit(data)
    amount, visits, member, city = profile.features
    assert (profile.rows, amount.rows, amount.missing, amount.invalid) == (400, 400, 0, 0)
    assert (amount.minimum, amount.maximum) == (data["amount"].min(), data["amount"].max())
    assert len(amount.bins) == 10
    assert set(np.bincount(amount.coarse_of_fine, weights=amount.counts)) == {40}
    assert [count for count in visits.counts if count] == np.bincount(data["visits"]).tolist()
    assert member.counts == (int((~data["member"]).sum()), int(data["member"].sum()), 0, 0)
    assert city.bins == (*city.categories, "__other__", "__unseen__")
    assert dict(zip(city.categories, city.counts, strict=False)) == {
        name: data["city"].count(name) for name in city.categories
    }


@pytest.mark.parametrize(
    ("column", "kind", "reason"),
    [
        ([True, False, None], "boolean", ""),
        (np.array([True, False]), "boolean", ""),
        ([1, 2, None], "numeric", ""),
        ([1.5, 2, True], "numeric", ""),
        ([np.float32(1), np.int8(2)], "numeric", ""),
        (np.array([1.0, np.nan]), "numeric", ""),
        (["a", "b", None], "categorical", ""),
        (["a", 1, 2.5], "categorical", ""),
        ([b"a", b"b"], "categorical", ""),
        ([f"u{i}" for i in range(100)], None, r"looks like an identifier \(100 distinct values in 100 rows\)"),
        ([f"u{i}" for i in range(30)], "categorical", ""),
        ([f"u{i % 40}" for i in range(100)], "categorical", ""),
        ([None, float("nan"), pd.NA], None, "every value is missing"),
        (np.array([np.nan, np.nan]), None, "every value is missing"),
        ([dt.datetime(2026, 1, 1, tzinfo=dt.UTC)], "datetime", ""),
        ([dt.date(2026, 1, 1), None], "datetime", ""),
        (list(np.array(["2026-01-01"], dtype="datetime64[ns]")), "datetime", ""),
        ([np.datetime64("NaT")], None, "every value is missing"),
        ([dt.time(1)], None, "values of type time have no bins"),
        ([dt.datetime(2026, 1, 1, tzinfo=dt.UTC), 3], None, "values of type datetime, int have no bins"),
        (list(range(100)), "numeric", "whole numbers, all different"),
        (np.arange(100.0), "numeric", "whole numbers, all different"),
        (np.arange(99), "numeric", ""),
        ([*range(100), 99], "numeric", ""),
        ([i + 0.5 for i in range(200)], "numeric", ""),
        ([np.timedelta64(1, "s")], None, "values of type timedelta64 have no bins"),
        ([[1], [2]], None, "values of type list have no bins"),
    ],
)
def test_kinds_are_inferred_or_the_reason_is_given(column, kind, reason):
    found, why = infer_kind(column)
    assert found == kind
    if reason:
        assert re.match(reason, why)


def test_columns_without_bins_are_left_out_with_the_reason():
    spans = [dt.timedelta(hours=i) for i in range(60)]
    data = pd.DataFrame({"x": range(60), "id": [f"u{i}" for i in range(60)], "span": spans, "none": [None] * 60})
    profile = ReferenceProfile.fit(data)
    assert profile.names == ("x",)
    reasons = dict(profile.skipped)
    assert "identifier (60 distinct values in 60 rows)" in reasons["id"]
    assert "Timedelta" in reasons["span"]
    assert reasons["none"] == "every value is missing"


def test_a_kind_that_is_named_holds():
    profile = ReferenceProfile.fit({"zip": [1000, 2000, 1000], "id": [f"u{i}" for i in range(3)], "n": ["1", "2", "x"]},
                                   kinds={"zip": "categorical", "n": "numeric"}, ignore=["id"])  # fmt: skip
    zip_code, number = profile.features
    assert (zip_code.kind, zip_code.categories, zip_code.counts) == ("categorical", ("1000", "2000"), (2, 1, 0, 0))
    assert (number.kind, number.invalid, sum(number.counts)) == ("numeric", 1, 2)


def test_roles(profile):
    assert profile.names == ("amount", "visits", "member", "city")
    assert (profile.role("prediction").name, profile.role("prediction").kind) == ("score", "numeric")
    assert (profile.role("label").name, profile.role("label").kind) == ("late", "categorical"), "0 and 1 are classes"
    assert ReferenceProfile.fit({"x": [1, 2]}).role("label") is None


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 1, 2], "categorical"),
        ([0.5, 1.0], "numeric"),
        (list(range(40)), "numeric"),
        ([0.0, 1.0, np.inf], "categorical"),
    ],
)
def test_whole_numbers_of_few_values_are_classes_as_predictions(values, kind):
    assert ReferenceProfile.fit({"x": values, "p": values}, prediction="p").role("prediction").kind == kind


def test_missing_and_invalid_cells_are_counted_and_in_no_bin():
    profile = ReferenceProfile.fit({"x": [1.0, None, float("nan"), 2.0], "c": ["a", None, [1], "a"]})
    x, c = profile.features
    assert (x.rows, x.missing, x.invalid, sum(x.counts)) == (4, 2, 0, 2)
    assert (c.rows, c.missing, c.invalid, c.counts) == (4, 1, 1, (2, 0, 0))


def test_rare_categories_share_a_bin_and_are_kept_as_hashes():
    values = [f"c{i:02d}" for i in range(40) for _ in range(100 - i)]
    feature = ReferenceProfile.fit({"c": values}).features[0]
    assert len(feature.categories) == MAX_CATEGORIES
    assert feature.categories[:2] == ("c00", "c01")
    assert len(feature.others) == 10
    assert feature.counts[-2:] == (sum(100 - i for i in range(30, 40)), 0)
    assert not any("c35" in other for other in feature.others)
    many = ReferenceProfile.fit({"c": [f"c{i}" for i in range(2_000)] * 3}).features[0]
    assert len(many.others) == MAX_HASHED


def test_categories_named_as_our_own_bins_are_not_exposed_twice():
    feature = ReferenceProfile.fit({"c": ["a", "__other__", "__unseen__", "__other__"]}).features[0]
    assert feature.bins == ("a", "__other__", "__unseen__")
    assert feature.counts == (1, 3, 0)


@pytest.mark.parametrize(
    ("values", "bins"),
    [
        ([5.0] * 20, 3),
        ([0.0] * 50 + [1.0] * 50, 5),
        ([np.inf, -np.inf, 1.0], 3),
        ([np.inf, -np.inf], 1),
        ([-LARGEST] * 3 + [LARGEST], None),
        ([5e-324, 0.0, -5e-324] * 9, None),
        ([1], None),
    ],
)
def test_odd_numeric_columns_have_a_profile_that_is_read_back(values, bins):
    profile = ReferenceProfile.fit({"x": values})
    feature = profile.features[0]
    assert bins is None or len(feature.bins) == bins
    assert sum(feature.counts) == len(values)
    assert len(feature.ranges) == len(feature.bins)
    assert ReferenceProfile.from_json(profile.to_json()) == profile


def test_edges_of_a_large_reference_come_from_a_sample_and_counts_from_all(monkeypatch):
    monkeypatch.setattr("ml_models.profile.reference.EDGE_SAMPLE_ROWS", 500)
    values = np.random.default_rng(0).normal(size=20_000)
    feature = ReferenceProfile.fit({"x": values}).features[0]
    assert sum(feature.counts) == 20_000
    coarse = np.bincount(feature.coarse_of_fine, weights=feature.counts)
    assert np.abs(coarse - 2_000).max() < 60


@pytest.mark.parametrize(
    ("data", "arguments", "message"),
    [
        ({"a": [1]}, {"prediction": "b"}, "no column 'b'; there are a"),
        ({"a": [1]}, {"ignore": ["c"]}, "no column 'c'"),
        (
            {"a": [1]},
            {"kinds": {"a": "number"}},
            "unknown kind 'number'; choose from numeric, datetime, categorical, boolean",
        ),
        ([], {}, "no rows"),
        ({"a": [None, None]}, {}, r"no column can be profiled \(a: every value is missing\)"),
    ],
)
def test_a_reference_that_cannot_be_made_says_why(data, arguments, message):
    with pytest.raises(ProfileError, match=message):
        ReferenceProfile.fit(data, **arguments)


# --- files ----------------------------------------------------------------------------------------------------------


def test_a_profile_is_read_back_exactly(profile, tmp_path):
    path = profile.save(tmp_path / "reference.json")
    again = ReferenceProfile.load(path)
    assert again == profile
    assert again.fingerprint == profile.fingerprint
    assert hash(again) == hash(profile)
    assert again.to_json() == profile.to_json()


@given(st.lists(st.floats(), min_size=1, max_size=40), st.lists(st.text(max_size=4), min_size=1, max_size=10))
@settings(deadline=None, max_examples=60)
def test_profiles_of_any_numbers_and_texts_are_read_back_exactly(numbers, texts):
    rows = min(len(numbers), len(texts))
    profile = ReferenceProfile.fit({"x": numbers[:rows], "t": texts[:rows]})
    assert ReferenceProfile.from_json(profile.to_json()) == profile


def test_other_data_has_another_fingerprint(profile):
    assert ReferenceProfile.fit(table(401)).fingerprint != ReferenceProfile.fit(table(400)).fingerprint
    assert len(profile.fingerprint) == 12


def test_a_profile_of_100_features_is_under_200_kb(tmp_path):
    """Of 100,000 rows, with values of many digits, which would take most room."""
    rng = np.random.default_rng(0)
    shapes = (rng.standard_normal, rng.standard_exponential, rng.standard_cauchy, rng.random)
    data = {f"numeric_feature_{i}": shapes[i % 4](100_000) * 10.0 ** (i % 9) for i in range(90)}
    data |= {f"category_{i}": rng.integers(0, 40, 100_000).astype(str) for i in range(5)}
    data |= {f"steps_{i}": rng.poisson(5, 100_000) / 7 for i in range(5)}
    assert ReferenceProfile.fit(data).save(tmp_path / "reference.json").stat().st_size < 200_000


def test_edges_of_few_digits_leave_every_bin_as_full_as_exact_ones():
    values = np.random.default_rng(4).lognormal(3, 2, 50_000)
    (x,) = ReferenceProfile.fit({"x": values}).features
    assert np.abs(np.array(x.counts) - 500).max() <= 5
    assert np.abs(np.bincount(x.coarse_of_fine, weights=x.counts) - 5_000).max() <= 5
    assert sum(len(repr(edge)) for edge in x.edges) / len(x.edges) < 9
    assert not set(x.edges) & set(values), "an edge is no value of a row"


def test_a_profile_holds_no_rows(profile):
    """Neither identifiers nor rare categories can be read out of it."""
    assert "user-17" not in profile.to_json()


def damaged(document):
    document["features"][0]["counts"][0] += 1


def misshapen(document):
    """Sign what no package wrote."""
    document["features"][0] = {"name": "x"}
    content = {key: document[key] for key in ("rows", "skipped", "features")}
    document["checksum"] = _checksum(content)


def newer(document):
    document["version"] = VERSION + 1


def foreign(document):
    document["format"] = "someone-elses"


def unsigned(document):
    del document["checksum"]


def hollow(document):
    del document["features"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (damaged, "damaged: the checksum does not match"),
        (unsigned, "damaged"),
        (hollow, "damaged"),
        (misshapen, r"damaged \(KeyError\('kind'\)\)"),
        (newer, rf"format version {VERSION + 1}; this package reads version {VERSION}: upgrade it"),
        (foreign, "not a reference profile"),
    ],
)
def test_a_changed_file_is_refused_by_name(profile, tmp_path, change, message):
    document = copy.deepcopy(json.loads(profile.to_json()))
    change(document)
    path = tmp_path / "reference.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ProfileError, match=rf"reference\.json: {message}"):
        ReferenceProfile.load(path)


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", "{}", "\ufeff{}"])
def test_text_that_is_no_profile_is_refused(text):
    with pytest.raises(ProfileError, match=r"not JSON|not a reference profile"):
        ReferenceProfile.from_json(text)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    for name in ("absent.json", "binary.json", "."):
        with pytest.raises(ProfileError, match="cannot be read"):
            ReferenceProfile.load(tmp_path / name)


def test_saving_replaces_the_file_and_leaves_nothing_else(profile, tmp_path):
    path = tmp_path / "reference.json"
    path.write_text("old")
    profile.save(str(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["reference.json"]
    assert ReferenceProfile.load(path) == profile


def test_a_saved_profile_may_be_read_by_whom_the_umask_lets(profile, tmp_path):
    """The service that loads it seldom runs as the user that made it."""
    before = os.umask(0o022)
    try:
        path = profile.save(tmp_path / "reference.json")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_failed_save_keeps_the_old_file_and_leaves_no_temporary_one(profile, tmp_path, monkeypatch):
    path = tmp_path / "reference.json"
    path.write_text("old")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    for broken in ("pathlib.Path.replace", "pathlib.Path.write_text"):
        with monkeypatch.context() as patched:
            patched.setattr(broken, full)
            with pytest.raises(OSError, match="No space left"):
                profile.save(path)
        assert [entry.name for entry in tmp_path.iterdir()] == ["reference.json"]
        assert path.read_text() == "old"
    with pytest.raises(OSError, match=r"No such file|cannot find"):
        profile.save(tmp_path / "absent" / "reference.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        profile.save(tmp_path / "folder")
    assert {entry.name for entry in tmp_path.iterdir()} == {"reference.json", "folder"}
