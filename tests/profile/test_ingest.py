"""Data of every supported form becomes the same columns."""

from __future__ import annotations

import datetime as dt
import gzip
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from ml_models.errors import DataError, MissingExtraError
from ml_models.profile import columns
from ml_models.profile.cells import is_missing

ROWS = [{"age": 20.0, "city": "a"}, {"age": 30.0, "city": "b"}, {"age": 40.0, "city": None}]
AGES, CITIES = [20.0, 30.0, 40.0], ["a", "b", None]

FORMS = {
    "dict of lists": {"age": AGES, "city": CITIES},
    "dict of tuples": {"age": tuple(AGES), "city": tuple(CITIES)},
    "dict of arrays": {"age": np.array(AGES), "city": np.array(CITIES, dtype=object)},
    "dict of pandas series": {"age": pd.Series(AGES), "city": pd.Series(CITIES)},
    "dict of polars series": {"age": pl.Series(AGES), "city": pl.Series(CITIES)},
    "dict of Arrow arrays": {"age": pa.array(AGES), "city": pa.chunked_array([pa.array(CITIES)])},
    "list of dicts": ROWS,
    "tuple of dicts": tuple(ROWS),
    "pandas": pd.DataFrame({"age": AGES, "city": CITIES}),
    "polars": pl.DataFrame({"age": AGES, "city": CITIES}),
    "Arrow table": pa.table({"age": AGES, "city": CITIES}),
    "Arrow batch": pa.record_batch({"age": AGES, "city": CITIES}),
    "structured array": np.array(list(zip(AGES, CITIES, strict=True)), dtype=[("age", "f8"), ("city", object)]),
    "list of lists": [[20.0, "a"], [30.0, "b"], [40.0, None]],
    "list of tuples": [(20.0, "a"), (30.0, "b"), (40.0, None)],
    "object array": np.array([[20.0, "a"], [30.0, "b"], [40.0, None]], dtype=object),
}


def plain(table):
    return {name: [None if is_missing(cell) else cell for cell in list(cells)] for name, cells in table.by_name.items()}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_columns(form):
    table = columns(FORMS[form], names=["age", "city"])
    assert table.rows == 3
    assert plain(table) == {"age": AGES, "city": CITIES}


@pytest.mark.parametrize(
    "row",
    [
        {"age": 20.0, "city": "a"},
        pd.Series({"age": 20.0, "city": "a"}),
        [20.0, "a"],
        (20.0, "a"),
        np.array([(20.0, "a")], dtype=[("age", "f8"), ("city", "U1")])[0:1],
        {"age": np.float64(20.0), "city": np.array("a")},
    ],
)
def test_one_row_is_a_table_of_one(row):
    table = columns(row, names=["age", "city"])
    assert table.rows == 1
    assert plain(table) == {"age": [20.0], "city": ["a"]}


def test_a_flat_list_or_array_of_numbers_is_one_row():
    for row in ([1.0, 2, True, None], np.array([1.0, 2.0, 1.0, np.nan])):
        table = columns(row)
        assert table.rows == 1
        assert plain(table) == {"f0": [1], "f1": [2], "f2": [1], "f3": [None]}


def test_an_array_is_rows_by_columns():
    table = columns(np.array([[1, 2], [3, 4], [5, 6]]), names=["a"])
    assert table.rows == 3
    assert {name: column.tolist() for name, column in table.by_name.items()} == {"a": [1, 3, 5], "f1": [2, 4, 6]}


def test_ragged_rows_are_filled_with_missing_cells():
    assert columns([[1, 2], [3]]).by_name == {"f0": [1, 3], "f1": [2, None]}
    assert columns([{"a": 1}, {"b": 2}]).by_name == {"a": [1, None], "b": [None, 2]}


def test_a_single_value_beside_columns_of_one_row_is_a_cell():
    assert columns({"a": [1], "b": "xyz", "c": 5}).by_name == {"a": [1], "b": ["xyz"], "c": [5]}


def test_names_that_are_no_text_become_text():
    assert list(columns(pd.DataFrame([[1.0, 2.0]])).by_name) == ["0", "1"]
    assert columns({0: 1.0}).by_name == {"0": [1.0]}


def test_empty_data_has_no_rows():
    for empty in ([], pd.DataFrame({"a": []}), pl.DataFrame({"a": []}), np.empty((0, 2)), {"a": []}):
        assert columns(empty).rows == 0


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        (pd.array([1, None, 3], dtype="Int64"), [1, None, 3]),
        (pd.array([1, 2, 3], dtype="Int64"), [1, 2, 3]),
        (pd.array([1.5, None, np.nan], dtype="Float64"), [1.5, None, None]),
        (pd.array([True, None, False], dtype="boolean"), [True, None, False]),
        (pd.array(["a", None, "b"], dtype="string"), ["a", None, "b"]),
        (pd.Categorical(["a", None, "b"]), ["a", None, "b"]),
        (pd.Categorical([1, 2, 1]), [1, 2, 1]),
        (pd.array([1, None, 3], dtype="int64[pyarrow]"), [1, None, 3]),
        (pd.arrays.SparseArray([0.0, 1.0, 0.0]), [0, 1, 0]),
        (np.array([1, None, "a"], dtype=object), [1, None, "a"]),
    ],
)
def test_pandas_types_become_values_with_none_for_missing(series, expected):
    assert plain(columns(pd.DataFrame({"x": series}))) == {"x": expected}


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, None, 3], pl.Int64, [1, None, 3]),
        ([1, 2, 3], pl.UInt8, [1, 2, 3]),
        ([True, None, False], pl.Boolean, [True, None, False]),
        (["a", None, "b"], pl.Categorical, ["a", None, "b"]),
        ([Decimal("1.5"), None, Decimal(2)], pl.Decimal(10, 2), [Decimal("1.5"), None, Decimal(2)]),
    ],
)
def test_polars_types_become_values_with_none_for_missing(values, kind, expected):
    assert plain(columns(pl.DataFrame({"x": pl.Series(values, dtype=kind)}))) == {"x": expected}


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([1, None, 3], pa.int32()), [1, None, 3]),
        (pa.array([1, 2, 3], pa.uint8()), [1, 2, 3]),
        (pa.array(np.array([1, 2.5, 3], dtype=np.float16)), [1, 2.5, 3]),
        (pa.array([True, None, False]), [True, None, False]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
    ],
)
def test_arrow_types_become_values_with_none_for_missing(array, expected):
    for data in (pa.table({"x": array}), pa.record_batch({"x": array}), {"x": array}):
        assert plain(columns(data)) == {"x": expected}


def test_moments_are_never_taken_for_numbers():
    moments = np.array(["2026-01-01", "NaT"], dtype="datetime64[ns]")
    for data in ({"x": moments}, pd.DataFrame({"x": moments}), {"x": moments - moments[0]}):
        kinds = {type(value) for value in columns(data).by_name["x"] if value is not None}
        assert not kinds & {int, float}


# --- faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"a": [1, 2], "b": [1]}, "columns of unequal length: 1, 2"),
        ({"a": [1, 2], "b": 3}, "columns of unequal length: 1, 2"),
        (np.zeros((2, 2, 2)), "an array with 3 axes"),
        ({"a": np.zeros((2, 2))}, "a column with 2 axes"),
        (42, "found int; give a pandas"),
        ([1, {"a": 1}], "rows of dict, int; give dicts, lists or numbers"),
        ([object()], "rows of object"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "more than one column named 'a'"),
        (pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), "more than one column named 'a'"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "more than one column named '1'"),
    ],
)
def test_data_that_cannot_be_understood_is_named_with_the_remedy(data, message):
    with pytest.raises(DataError, match=message):
        columns(data)


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def csv_text():
    return "age,city,seen\n20,a,2026-01-01\n30.5,b,2026-01-02\n,,2026-01-03\n"


def test_csv_files_plain_and_packed(tmp_path, csv_text):
    flat, packed = tmp_path / "some.data.csv", tmp_path / "DATA.CSV.GZ"
    flat.write_text(csv_text)
    packed.write_bytes(gzip.compress(csv_text.encode()))
    for path in (flat, str(flat), packed):
        table = columns(path)
        assert table.rows == 3
        assert plain(table)["age"] == [20, 30.5, None]
        assert plain(table)["seen"][0] == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def test_parquet_files(tmp_path):
    parquet.write_table(pa.table({"age": AGES, "city": CITIES}), tmp_path / "x.parquet")
    assert plain(columns(tmp_path / "x.parquet")) == {"age": AGES, "city": CITIES}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.csv", None, "no such file"),
        ("x.xlsx", b"x", r"unknown kind of file; give \.csv, \.csv\.gz or \.parquet"),
        ("x.gz", b"x", "unknown kind of file"),
        ("damaged.parquet", b"PAR1 and then nothing", "cannot be read"),
        ("ragged.csv", b"a,b\n1,2\n3\n", "cannot be read"),
        ("empty.csv", b"", "cannot be read"),
        ("twice.csv", b"a,a\n1,2\n", "more than one column named 'a'"),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        columns(path)


def test_a_file_without_pyarrow_names_the_extra(tmp_path, monkeypatch, csv_text):
    (tmp_path / "x.csv").write_text(csv_text)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'ml-models-monitoring\[data\]'"):
        columns(tmp_path / "x.csv")
