"""Parquet files read column by column give what the same data gives in memory and in batches."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import ml_models
from ml_models.errors import DataError, ProfileError
from ml_models.profile import ReferenceProfile, by_column, fitting
from ml_models.profile.sources import Source, batches

ROWS = 3_000


def table(rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "x": rng.normal(size=rows),
            "n": pa.array([None if i % 7 == 0 else i % 50 for i in range(rows)]),
            "city": pa.array([None if i % 11 == 0 else f"c{i % 40}" for i in range(rows)]),
            "flag": rng.random(rows) < 0.4,
            "id": [f"u{i}" for i in range(rows)],
            "vector": [[1.0, 2.0]] * rows,
            "half": pa.array(rng.normal(size=rows).astype(np.float32)),
        }
    )


@pytest.fixture
def folder(tmp_path):
    """Return a folder of two files of several row groups, of which one lacks a column and has another one."""
    whole = table()
    parquet.write_table(whole.slice(0, 2_000), tmp_path / "a.parquet", row_group_size=700)
    parquet.write_table(whole.slice(2_000).drop_columns(["n"]), tmp_path / "b.parquet", row_group_size=400)
    return tmp_path


def test_a_file_has_exactly_the_profile_of_its_rows_in_memory(tmp_path):
    parquet.write_table(table(), tmp_path / "x.parquet", row_group_size=700)
    assert ReferenceProfile.fit(tmp_path / "x.parquet", label="flag") == ReferenceProfile.fit(table(), label="flag")


def test_a_folder_has_the_profile_of_its_batches(folder, monkeypatch):
    by_columns = ReferenceProfile.fit(folder)
    monkeypatch.setattr(fitting, "COLUMN_ROWS", 0)
    assert by_columns == ReferenceProfile.fit(folder)
    assert next(f for f in by_columns.features if f.name == "n").missing > 1_000


def test_a_comparison_is_the_one_of_batches(folder):
    profile = ReferenceProfile.fit(table(seed=1))
    found = ml_models.compare(profile, folder)
    assert found == ml_models.compare(profile, batches(folder))
    assert found.missing_columns == ("n",)
    assert found.rows == ROWS


def test_one_column_is_read_at_a_time_and_only_where_it_is_looked_up(folder, monkeypatch):
    read = []
    original = by_column.RowGroup.__getitem__
    monkeypatch.setattr(
        by_column.RowGroup, "__getitem__", lambda group, name: read.append(name) or original(group, name)
    )
    profile = ReferenceProfile.fit(table().select(["x", "city"]))
    ml_models.compare(profile, folder, ignore=["id", "n", "flag", "vector", "half"])
    assert sorted(set(read)) == ["city", "x"]


def test_progress_is_told_in_rows(folder):
    told = []
    ReferenceProfile.fit(folder, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (ROWS, ROWS)
    assert told == sorted(told)
    told.clear()
    ml_models.compare(ReferenceProfile.fit(table()), folder, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (ROWS, ROWS)


@pytest.mark.parametrize("limit", ["GROUP_ROWS", "OPEN_FILES"])
def test_what_is_too_large_to_be_read_so_is_read_in_batches(folder, monkeypatch, limit):
    expected = ml_models.compare(ReferenceProfile.fit(table()), folder)
    monkeypatch.setattr(by_column, limit, 1)
    assert Source(folder).row_groups() is None
    assert ml_models.compare(ReferenceProfile.fit(table()), folder) == expected


def test_faults_of_a_file_are_named(tmp_path):
    path = tmp_path / "x.parquet"
    parquet.write_table(table(), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    with pytest.raises(DataError, match=r"x\.parquet: cannot be read.*copy it again"):
        ReferenceProfile.fit(path)
    damaged = bytearray(whole)
    damaged[4:400] = b"\xff" * 396  # the footer is sound, a page of the first column is not
    path.write_bytes(damaged)
    with pytest.raises(DataError, match=r"x\.parquet: cannot be read"):
        ReferenceProfile.fit(path)
    parquet.write_table(table().slice(0, 0), path)
    with pytest.raises(DataError, match="no rows"):
        ReferenceProfile.fit(path)
    parquet.write_table(table().select(["id"]), path)
    with pytest.raises(ProfileError, match="no column can be profiled"):
        ReferenceProfile.fit(path)


def test_a_column_that_no_file_has_is_refused(folder):
    for tables in (by_column.Whole(Source(folder).row_groups() or []), (Source(folder).row_groups() or [])[0].by_name):
        with pytest.raises(KeyError):
            tables["none"]
        assert "none" not in tables
        assert len(tables) == len(list(tables))
