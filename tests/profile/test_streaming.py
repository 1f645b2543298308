"""A profile of data that is read in batches is the one of the same data in memory, in bounded memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from ml_models.errors import ProfileError
from ml_models.profile import ReferenceProfile, columns, features, fitting, readers
from ml_models.profile.cells import Coded, hashed
from ml_models.profile.features import infer_kind
from ml_models.profile.sources import batches

N = 6_000


def table(rows=N):
    rng = np.random.default_rng(5)
    return {
        "x": np.where(rng.random(rows) < 0.1, np.nan, rng.exponential(3, rows)),
        "zeros": np.where(rng.random(rows) < 0.6, 0.0, rng.normal(size=rows)),
        "city": [None if i % 11 == 0 else f"c{i}" for i in rng.geometric(0.05, rows).tolist()],
        "flag": rng.random(rows) < 0.3,
        "late": rng.integers(0, 2, rows),
        "id": [f"user-{i}" for i in range(rows)],
        "vector": [[1.0, 2.0]] * rows,
    }


@pytest.fixture
def small(monkeypatch):
    """Make the sample of 2,000 rows, so that 6,000 rows are large data."""
    for module in (features, fitting):
        monkeypatch.setattr(module, "EDGE_SAMPLE_ROWS", 2_000)
    monkeypatch.setattr(fitting, "COLUMN_ROWS", 0)


def test_data_that_fits_in_the_sample_has_exactly_the_profile_of_memory(tmp_path):
    arrow = pa.table(table())
    expected = ReferenceProfile.fit(table(), label="late")
    parquet.write_table(arrow, tmp_path / "x.parquet", row_group_size=700)
    assert ReferenceProfile.fit(arrow, label="late") == expected
    assert ReferenceProfile.fit(tmp_path, label="late") == expected
    assert ReferenceProfile.fit(batches(arrow, batch_rows=500), label="late") == expected


def counts(profile):
    return {
        f.name: (f.kind, f.role, f.rows, f.missing, f.invalid, f.minimum, f.maximum, f.categories, f.others)
        for f in profile.features
    }


@pytest.mark.parametrize("form", ["parquet", "csv", "iterator", "small spool"])
def test_of_larger_data_all_rows_are_counted_and_a_sample_gives_the_edges(tmp_path, small, monkeypatch, form):
    data = table()
    del data["vector"]
    expected = ReferenceProfile.fit(data, label="late")
    arrow = pa.table(data)
    parquet.write_table(arrow, tmp_path / "x.parquet")
    csv.write_csv(arrow, tmp_path / "x.csv")
    if form == "small spool":
        monkeypatch.setattr(fitting, "SPOOL_BYTES", 100_000)
    is_file = form in {"parquet", "csv"}
    source = tmp_path / f"x.{form}" if is_file else batches(arrow, batch_rows=500)
    found = ReferenceProfile.fit(source, label="late", kinds={"city": "categorical"})
    if form == "csv":  # an empty field of text is text
        data["city"] = [value or "" for value in data["city"]]
        expected = ReferenceProfile.fit(data, label="late")
    assert counts(found) == counts(expected)
    assert found.rows == N
    assert "identifier" in dict(found.skipped)["id"]
    assert "in a sample of 2,000 rows" in dict(found.skipped)["id"] or not is_file
    for feature in found.features:
        assert sum(feature.counts) + feature.missing + feature.invalid == N
        if feature.kind == "numeric":
            values = np.sort(data[feature.name][~np.isnan(data[feature.name])])
            cumulative = np.searchsorted(values, feature.edges, side="right")
            assert np.cumsum(feature.counts)[:-1].tolist() == cumulative.tolist()
            shares = np.bincount(feature.coarse_of_fine, weights=feature.counts) / len(values)
            if feature.name == "x":
                assert np.abs(shares - 0.1).max() < 0.03


def test_the_same_data_has_the_same_profile_every_time(small):
    arrow = pa.table(table())
    assert ReferenceProfile.fit(batches(arrow)).to_json() == ReferenceProfile.fit(batches(arrow)).to_json()


def test_a_csv_column_that_turns_to_text_late_is_of_text_throughout(tmp_path, monkeypatch, small):
    monkeypatch.setattr(readers, "BLOCK_BYTES", 512)
    cells = ["1"] * N + ["x"] * 5
    (tmp_path / "x.csv").write_text("v\n" + "\n".join(cells))
    (feature,) = ReferenceProfile.fit(tmp_path / "x.csv").features
    assert (feature.kind, feature.categories, feature.counts) == ("categorical", ("1", "x"), (N, 5, 0, 0))


def test_columns_that_a_file_lacks_are_missing_cells(tmp_path):
    pd.DataFrame({"x": [1.0, 2.0]}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"x": [3.0], "y": [1.0]}).to_parquet(tmp_path / "b.parquet")
    x, y = ReferenceProfile.fit(tmp_path).features
    assert (x.rows, x.missing, y.rows, y.missing) == (3, 0, 3, 2)


def test_too_many_categories_are_left_out_with_the_reason(small, monkeypatch):
    monkeypatch.setattr(fitting, "MAX_DISTINCT", 50)
    data = {"x": np.arange(N), "c": [f"c{i % 60}" for i in range(N)]}
    profile = ReferenceProfile.fit(batches(data, batch_rows=500))
    assert profile.names == ("x",)
    assert "more than 50 distinct values" in dict(profile.skipped)["c"]


def test_data_of_many_columns_has_a_smaller_sample(monkeypatch):
    monkeypatch.setattr(fitting, "SAMPLE_CELLS", 10_000)
    monkeypatch.setattr(fitting, "SAMPLE_ROWS_MIN", 20)
    data = {f"c{i}": np.arange(100.0) + i for i in range(1_000)}
    profile = ReferenceProfile.fit(batches(data, batch_rows=30))
    assert len(profile.features) == 1_000
    assert {(sum(f.counts), f.maximum - f.minimum) for f in profile.features} == {(100, 99.0)}


def test_what_cannot_be_fitted_is_said_of_streams_too(small):
    for arguments, message in [
        ({"ignore": ["none"]}, "no column 'none'; there are x"),
        ({"kinds": {"x": "number"}}, "unknown kind 'number'"),
        ({"min_count": 0}, "min_count: found 0; give at least 1"),
    ]:
        with pytest.raises(ProfileError, match=message):
            ReferenceProfile.fit(batches({"x": np.arange(N)}), **arguments)
    with pytest.raises(ProfileError, match="no rows"):
        ReferenceProfile.fit(iter([]))
    with pytest.raises(ProfileError, match="no column can be profiled"):
        ReferenceProfile.fit(batches({"v": [[1]] * N}))


def test_categories_below_the_least_count_share_a_bin():
    data = {"c": ["a"] * 5 + ["b"] * 4 + ["c"] * 3 + ["d"]}
    feature = ReferenceProfile.fit(data, min_count=4).features[0]
    assert (feature.categories, feature.counts) == (("a", "b"), (5, 4, 4, 0))
    assert set(feature.others) == {hashed("c"), hashed("d")}
    assert ReferenceProfile.fit(data, min_count=1) == ReferenceProfile.fit(data)
    assert ReferenceProfile.fit(data, min_count=6).features[0].counts == (13, 0)


def test_a_coded_column_is_of_the_same_kind_as_its_cells():
    for cells in (["a", None, "b"] * 100, [True, None] * 150, [None] * 300, [f"u{i}" for i in range(300)]):
        coded = columns(pa.table({"c": cells})).by_name["c"]
        assert isinstance(coded, Coded)
        assert infer_kind(coded) == infer_kind(cells)


def test_the_steps_of_a_fit_are_told(tmp_path):
    parquet.write_table(pa.table({"x": np.arange(100.0)}), tmp_path / "x.parquet")
    seen = []
    ReferenceProfile.fit(tmp_path / "x.parquet", progress=lambda *step: seen.append(step))
    assert seen == [(100, 100)]
