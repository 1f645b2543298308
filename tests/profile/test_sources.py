"""Data of every form and size comes through one door, in batches; what cannot be read says why."""

from __future__ import annotations

import gzip
import os
import sys
import warnings
from urllib.parse import quote

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import csv, dataset, feather, parquet

from ml_models.errors import DataError, MissingExtraError
from ml_models.profile import ReferenceProfile, columns, readers
from ml_models.profile.cells import Coded, is_missing
from ml_models.profile.files import find
from ml_models.profile.ingest import joined
from ml_models.profile.sources import batches

N = 1_000
DATA = {
    "x": [i / 4 for i in range(N)],
    "n": list(range(N)),
    "city": [None if i % 7 == 0 else f"c{i % 5}" for i in range(N)],
    "flag": [i % 3 == 0 for i in range(N)],
}


def plain(tables):
    return {
        name: [None if is_missing(v) or v == "" else v for v in c] for name, c in joined(list(tables)).by_name.items()
    }


def packed(text, packing):
    return pa.compress(text, "zstd", asbytes=True) if packing == ".zst" else gzip.compress(text) if packing else text


@pytest.fixture
def folder(tmp_path):
    """Return a folder with the data in a file of every kind."""
    table = pa.table(DATA)
    sink = pa.BufferOutputStream()
    csv.write_csv(table, sink)
    text = sink.getvalue().to_pybytes()
    lines = table.to_pandas().to_json(orient="records", lines=True).encode()
    for packing in ("", ".gz", ".zst"):
        (tmp_path / f"d.csv{packing}").write_bytes(packed(text, packing))
        (tmp_path / f"d.tsv{packing}").write_bytes(packed(text.replace(b",", b"\t"), packing))
        (tmp_path / f"d.jsonl{packing}").write_bytes(packed(lines, packing))
    parquet.write_table(table, tmp_path / "d.parquet", row_group_size=300)
    feather.write_feather(table, tmp_path / "d.feather", chunksize=170)
    with pa.ipc.new_stream(tmp_path / "d.arrow", table.schema) as writer:
        writer.write_table(table)
    return tmp_path


KINDS = [f"d.{kind}{packing}" for kind in ("csv", "tsv", "jsonl") for packing in ("", ".gz", ".zst")]


@pytest.mark.parametrize("name", [*KINDS, "d.parquet", "d.feather", "d.arrow"])
def test_files_of_every_kind_give_the_same_rows_in_batches(folder, name):
    seen = []
    tables = list(batches(folder / name, batch_rows=256, progress=lambda *step: seen.append(step)))
    assert max(table.rows for table in tables) <= 256
    assert plain(tables) == DATA
    assert plain([columns(folder / name)]) == DATA
    assert seen[-1] == (N, N if name == "d.parquet" else None)
    (chosen,) = {tuple(table.by_name) for table in batches(folder / name, columns=["city", "n", "absent"])}
    assert chosen == ("n", "city")


FORMS = {
    "pandas": lambda: pd.DataFrame(DATA),
    "polars": lambda: pl.DataFrame(DATA),
    "polars, lazy": lambda: pl.LazyFrame(DATA),
    "Arrow table": lambda: pa.table(DATA),
    "Arrow reader": lambda: pa.table(DATA).to_reader(100),
    "Arrow dataset": lambda: dataset.dataset(pa.table(DATA)),
    "dict": lambda: DATA,
    "iterator of frames": lambda: (pd.DataFrame(DATA).iloc[i : i + 100] for i in range(0, N, 100)),
    "iterator of rows": lambda: iter([pa.table(DATA).to_pylist()]),
    "iterator of columns": lambda: batches(DATA, batch_rows=90),
}


@pytest.mark.parametrize("form", FORMS)
def test_frames_queries_and_iterators_give_the_same_rows(form):
    tables = list(batches(FORMS[form](), batch_rows=256))
    assert max(table.rows for table in tables) <= 256
    assert plain(tables) == DATA
    assert all(set(table.by_name) == {"n"} for table in batches(FORMS[form](), columns=["n"]))


def test_duckdb_relations_and_results_are_read_in_batches():
    import duckdb

    table = pa.table(DATA)
    with duckdb.connect() as connection:
        connection.register("live", table)
        tables = list(batches(connection.sql("select * from live"), batch_rows=400))
        assert max(part.rows for part in tables) <= 400
        assert plain(tables) == DATA
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # newer versions would rather be given the relation
            assert plain(batches(connection.execute("select * from live"), batch_rows=400)) == DATA
        profile = ReferenceProfile.fit(connection.sql("select x, city from live"))
        expected = ReferenceProfile.fit({name: DATA[name] for name in ("x", "city")})
        assert profile.features == expected.features


def partitioned(folder):
    for year, month, city in ((2013, "01", "New York"), (2013, "02", "Oslo"), (2014, "01", None)):
        place = (
            folder / f"year={year}" / f"month={month}" / f"city={quote(city) if city else '__HIVE_DEFAULT_PARTITION__'}"
        )
        place.mkdir(parents=True)
        parquet.write_table(pa.table({"x": [1.0, 2.0]}), place / "part-0.parquet")
    return folder


def test_folders_named_by_values_are_columns(tmp_path):
    """As Hive and Spark write them; a number with a leading zero is a code."""
    assert plain(batches(partitioned(tmp_path))) == {
        "x": [1.0, 2.0] * 3,
        "year": [2013] * 4 + [2014] * 2,
        "month": ["01"] * 2 + ["02"] * 2 + ["01"] * 2,
        "city": ["New York"] * 2 + ["Oslo"] * 2 + [None] * 2,
    }
    for wanted in (["month"], ["year", "x"]):
        assert {tuple(sorted(table.by_name)) for table in batches(tmp_path, columns=wanted)} == {tuple(sorted(wanted))}
        assert sum(table.rows for table in batches(tmp_path, columns=wanted)) == 6
    profile = ReferenceProfile.fit(tmp_path)
    assert {f.name: f.kind for f in profile.features} == {
        "x": "numeric", "year": "numeric", "month": "categorical", "city": "categorical"}  # fmt: skip


def test_a_column_in_the_file_counts_more_than_its_folder_name(tmp_path):
    (tmp_path / "x=9").mkdir()
    (tmp_path / "x=9" / "a.csv").write_text("x\n1\n")
    assert plain(batches(tmp_path)) == {"x": [1]}


def test_arrays_and_wide_data_come_in_small_batches():
    assert [t.rows for t in batches(np.zeros((10, 3)), batch_rows=4)] == [4, 4, 2]
    assert [t.rows for t in batches({f"c{i}": [0.0] * 900 for i in range(10_000)})] == [400, 400, 100]


def test_folders_patterns_and_lists_are_read_in_order(tmp_path):
    (tmp_path / "sub").mkdir()
    for name, value in {
        "b.csv": 2,
        "a.csv": 1,
        "sub/c.csv.gz": 3,
        "_tmp.csv": 9,
        ".hidden.csv": 9,
        "notes.txt": 9,
    }.items():
        text = f"x\n{value}\n".encode()
        (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    for source, values in {
        tmp_path: [1, 2, 3],
        str(tmp_path / "*.csv"): [1, 2],
        str(tmp_path / "**" / "*.csv*"): [1, 2, 3],
        (tmp_path / "b.csv", str(tmp_path / "a.csv")): [2, 1],
    }.items():
        assert plain(batches(source)) == {"x": values}
    with pytest.raises(DataError, match=r"3 files; read them with ml_models\.profile\.sources\.batches"):
        columns(tmp_path)


def test_columns_that_a_file_lacks_are_absent(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("y,z\n3,4\n")
    assert [list(table.by_name) for table in batches(tmp_path)] == [["x", "y"], ["y", "z"]]
    assert [list(table.by_name) for table in batches(tmp_path, columns=["x", "z"])] == [["x"], ["z"]]


@pytest.mark.parametrize(
    ("first", "late", "ends"),
    [
        ("1", "x", (1, "x")),
        ("1", "2.5", (1, 2.5)),
        ("", "7", (None, 7)),
        ("", "x", (None, "x")),
        ("true", "maybe", (True, "maybe")),
    ],
)
def test_a_csv_column_whose_type_changes_late_is_read_on(tmp_path, monkeypatch, first, late, ends):
    """No row is lost or given twice, and read as one table the column has one type."""
    monkeypatch.setattr(readers, "BLOCK_BYTES", 256)
    cells = [first] * 200 + [late] * 5
    (tmp_path / "x.csv").write_text("k,v\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells)))
    for wanted in (None, ["v"]):
        tables = list(batches(tmp_path / "x.csv", columns=wanted))
        values = plain(tables)["v"]
        assert len(values) == 205
        assert (values[0], values[-1]) == ends
    assert plain(batches(tmp_path / "x.csv"))["k"] == list(range(205))
    assert len({type(cell) for cell in columns(tmp_path / "x.csv").by_name["v"] if cell is not None} - {float}) <= 1


def test_json_values_of_several_types_are_read_line_by_line(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n\n{"a": "x", "b": [1]}\n{}\n')
    assert plain(batches(tmp_path / "x.jsonl")) == {"a": [1, "x", None], "b": [None, [1], None]}


TEXT = b"a,b\n" + b"".join(b"%d,x%d\n" % (i, i) for i in range(9_000))


def cut_parquet():
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(DATA), sink)
    return sink.getvalue().to_pybytes()[:2_000]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", b"", "empty.*write it again, with a header"),
        ("x.csv", b"a,b\n", "no rows, a header at most"),
        ("x.jsonl", b"\n", "no rows"),
        ("x.csv", b"a,b\n1,2\n3\n", r"Row #3: Expected 2 columns, got 1.*quote fields"),
        ("x.csv", b"a,b\n1,caf\xe9\n", r"column 'b', row 2: invalid UTF8 .*position 3.*iconv"),
        ("x.csv", TEXT + b"1,caf\xe9\n", r"Row #9002.*not UTF-8|invalid UTF8"),
        ("x.csv", b"a,a\n1,2\n", "more than one column named 'a'"),
        ("x.csv.gz", gzip.compress(TEXT)[:-2_000], "cut off; copy it again"),
        ("x.csv.gz", TEXT, "not packed as its suffix says"),
        ("x.parquet", cut_parquet(), "cut off or no parquet file; copy it again"),
        ("x.parquet", b"", "cut off or no parquet file"),
        ("x.arrow", b"hello, world", "cannot be read"),
        ("x.jsonl", b'{"a": 1}\n{"a": \n', "line 2: not JSON .*write one object a line"),
        ("x.jsonl", b'{"a": 1}\n[1]\n', "line 2: found list; write one object a line"),
        ("x.xlsx", b"x", r"unknown kind of file; give \.csv"),
        ("x.parquet.gz", b"x", "unknown kind of file"),
    ],
)
def test_files_that_cannot_be_read_name_fault_place_and_remedy(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        list(batches(tmp_path / name))
    assert str(tmp_path / name) in str(caught.value)


def test_what_is_not_there_is_said(tmp_path):
    for source, message in {
        tmp_path: "no data in the folder",
        str(tmp_path / "*.csv"): "no file matches the pattern",
        tmp_path / "absent.csv": "no such file",
    }.items():
        with pytest.raises(DataError, match=message):
            list(batches(source))
    with pytest.raises(DataError, match="batch_rows: found 0"):
        batches(DATA, batch_rows=0)


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    path = tmp_path / "x.csv"
    path.write_text("a\n1\n")
    path.chmod(0)
    if os.geteuid() == 0:  # root reads everything
        for parent in (tmp_path, *list(tmp_path.parents)[:2]):
            parent.chmod(0o711)
        os.seteuid(65534)
    try:
        with pytest.raises(DataError, match=r"x\.csv: cannot be read: .*Permission denied; let this user read it"):
            list(batches(path))
    finally:
        if os.getuid() == 0:
            os.seteuid(0)


def test_faults_behind_the_first_rows_say_how_many_were_read(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "BLOCK_BYTES", 4_096)
    (tmp_path / "x.csv").write_bytes(TEXT + b"1\n")
    with pytest.raises(DataError, match=r"cannot be read after \d,\d{3} rows: .*Row #9002"):
        list(batches(tmp_path / "x.csv"))


def test_urls_are_opened_by_fsspec(folder):
    import fsspec

    memory = fsspec.filesystem("memory")
    for name in ("d.csv.gz", "d.parquet", "_d.csv"):
        memory.pipe(f"/bucket/data/{name}", (folder / name.removeprefix("_")).read_bytes())
    assert plain(batches("memory://bucket/data/d.csv.gz")) == DATA
    assert plain(batches("memory://bucket/data/*.parquet")) == DATA
    assert [file.path for file in find("memory://bucket/data")] == ["/bucket/data/d.csv.gz", "/bucket/data/d.parquet"]
    for url, message in {
        "memory://bucket/none.csv": r"memory://bucket/none\.csv: no such file",
        "memory://bucket/*.csv": "no file matches",
        "nothing://user:secret@host/x.csv": r"nothing://host/x\.csv: cannot be read: Protocol not known",
    }.items():
        with pytest.raises(DataError, match=message):
            list(batches(url))


def test_a_url_without_fsspec_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'ml-models-monitoring\[remote\]'"):
        list(batches("s3://bucket/x.csv"))


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["a", None, "b"] * 100),
        pa.array(["a", None, "b"] * 100).dictionary_encode(),
        pa.chunked_array([["a", None, "b"] * 50, ["b", "a", None] * 50]),
        pa.DictionaryArray.from_arrays(
            pa.array([0, 1, None, 2] * 75, pa.uint8()), pa.array(["a", None, "unused", "c"])
        ),
        pa.array([True, None, False] * 100),
        pa.array([None] * 300),
    ],
)
def test_coded_columns_hold_the_cells_of_the_array(column):
    table = pa.table({"c": column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column})
    for data in (pa.table({"c": column}), pl.DataFrame(table), table.to_pandas(), table.to_pandas().astype("category")):
        found = columns(data).by_name["c"]
        assert [None if is_missing(cell) else cell for cell in found] == column.to_pylist()
    assert isinstance(columns(pa.table({"c": column})).by_name["c"], Coded)


def test_nested_arrow_columns_keep_one_example_and_what_is_missing():
    nested = columns(pa.table({"v": pa.array([[1, 2], None, [3]] * 100)})).by_name["v"]
    assert (len(nested), nested[0], nested[1], nested[2]) == (300, [1, 2], None, [1, 2])
