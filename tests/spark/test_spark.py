"""On Spark the counts are those of one machine, tasks may fail, and nothing but counts comes back."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

import ml_models
from ml_models import spark as on_spark
from ml_models.demo.flights import data_folder
from ml_models.errors import DataError, MissingExtraError, ProfileError
from ml_models.profile import ReferenceProfile, features
from ml_models.profile.partitions import tally_batches

from ..profile.test_passes import mixed

pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")

ROLES = {"prediction": "score", "label": "late"}
#: Spark has no column of its own for what Arrow calls null.
TABLE = mixed(3_000).drop_columns(["null", "struct"]).append_column("nested", [[{"a": {"b": 1}}] * 3_000])


def on_one_machine(table, reference):
    return tally_batches(table, reference)


@pytest.fixture(scope="module")
def frame(spark, tmp_path_factory):
    """Return the table as 12 partitions on two executors, some of them empty."""
    folder = tmp_path_factory.mktemp("table")
    parquet.write_table(TABLE, folder / "table.parquet")
    df = spark.read.parquet(str(folder)).repartition(5, "user")
    return df.union(df.filter("user = 'nobody'")).union(df.limit(0))


def test_every_type_is_counted_as_on_one_machine(frame):
    """Nulls, empty partitions, nested columns, moments, decimals: profile and tally are those of one machine."""
    kinds = {"digits": "numeric", "whole": "categorical", "price": "numeric", "when": "datetime"}
    expected = ReferenceProfile.fit(TABLE, **ROLES, kinds=kinds, ignore=["extra"], min_count=2)
    found = on_spark.profile(frame, **ROLES, kinds=kinds, ignore=["extra"], min_count=2)
    assert found.skipped == expected.skipped
    assert [f.note for f in found.features] == [f.note for f in expected.features]
    assert found.to_json() == expected.to_json()
    assert on_spark.tally(frame, expected).to_bytes() == on_one_machine(TABLE, expected)


def test_the_flights_of_a_year_are_counted_as_on_one_machine(spark, tmp_path, monkeypatch):
    """All 336,776 flights: the same profile if its edges are of all rows, the same counts, and so the same report."""
    monkeypatch.setattr(features, "EDGE_SAMPLE_ROWS", 1_000_000)
    flights = pd.read_csv(data_folder() / "flights.csv.zip", compression="zip")
    flights.to_parquet(tmp_path / "flights.parquet", row_group_size=40_000, index=False)
    table = parquet.read_table(tmp_path / "flights.parquet")
    df = spark.read.parquet(str(tmp_path)).repartition(5)
    reference = on_spark.profile(df.filter("month <= 3"), prediction="arr_delay")
    assert (
        reference.to_json()
        == ReferenceProfile.fit(table.filter(pa.compute.field("month") <= 3), prediction="arr_delay").to_json()
    )
    later, rest = df.filter("month > 3"), table.filter(pa.compute.field("month") > 3)
    tally = on_spark.tally(later, reference)
    assert tally.schema[-1] == len(rest)
    assert tally.to_bytes() == on_one_machine(rest, reference)
    expected = ml_models.compare(reference, rest).to_dict()
    assert ml_models.compare(reference, later).to_dict() == expected
    assert ml_models.compare(reference, tally).to_dict() == expected


@settings(max_examples=3)
@given(data=st.data())
def test_any_frame_is_counted_as_on_one_machine(spark, data):
    """Whatever the cells and the partitions are."""
    rows = data.draw(st.integers(1, 40))
    cells = {
        "x": st.one_of(st.none(), st.floats()),
        "n": st.one_of(st.none(), st.integers(-(2**31), 2**31)),
        "c": st.one_of(st.none(), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)),
        "b": st.one_of(st.none(), st.booleans()),
    }
    drawn = {name: data.draw(st.lists(one, min_size=rows, max_size=rows)) for name, one in cells.items()}
    schema = pa.schema([("x", pa.float64()), ("n", pa.int64()), ("c", pa.string()), ("b", pa.bool_())])
    table = pa.table({**drawn, "one": [1] * rows}, pa.schema([*schema, ("one", pa.int64())]))
    df = spark.createDataFrame(table.to_pylist(), "x double, n long, c string, b boolean, one long")
    df = df.repartition(data.draw(st.integers(1, 4)))
    reference = ReferenceProfile.fit(table, label="n")
    assert on_spark.profile(df, label="n").to_json() == reference.to_json()
    assert on_spark.tally(df, reference, depth=1).to_bytes() == on_one_machine(table, reference)


@pytest.mark.parametrize("depth", [1, 3])
def test_a_task_that_fails_once_counts_once(spark, tmp_path, depth):
    """A partition that fails after half its rows, and is counted anew by its next attempt, is counted once."""
    marker = tmp_path / "failed"

    def fails_once(batches):
        for number, batch in enumerate(batches):
            if number == 1 and not os.path.exists(marker) and batch.column(0)[0].as_py() < 20_000:
                marker.touch()
                raise ValueError("the first attempt")
            yield batch

    df = spark.range(120_000, numPartitions=3).mapInArrow(fails_once, "id long")
    reference = ReferenceProfile.fit({"id": np.arange(1_000)})
    found = on_spark.tally(df, reference, depth=depth)
    assert marker.exists()
    assert found.to_bytes() == on_one_machine({"id": np.arange(120_000)}, reference)


def test_a_task_that_always_fails_is_explained(spark):
    """The error names the cause and what to do, in a line; the whole of Spark's own is its cause."""

    def fails(batches):
        for batch in batches:
            if batch.column(0)[0].as_py() >= 500:
                raise ValueError("no such currency: 'XYZ'")
            yield batch

    df = spark.range(1_000, numPartitions=2).mapInArrow(fails, "id long")
    with pytest.raises(DataError) as caught:
        on_spark.tally(df, ReferenceProfile.fit({"id": np.arange(1_000)}))
    message = str(caught.value)
    assert message.startswith("df: Spark could not count it: ValueError: no such currency: 'XYZ'; mend the rows")
    assert "spark.task.maxFailures" in message
    assert "\n" not in message
    assert "Traceback" in str(caught.value.__cause__)


def test_the_driver_gets_one_part_however_many_there_are(spark, monkeypatch):
    """Parts are merged on the executors: what is collected is one row of a few kilobytes."""
    collected = []
    from pyspark.sql.classic.dataframe import DataFrame

    collect = DataFrame.collect

    def collecting(self):
        rows = collect(self)
        collected.extend(len(row.part) for row in rows)
        return rows

    monkeypatch.setattr(DataFrame, "collect", collecting)
    df = spark.range(100_000, numPartitions=12).selectExpr("id", "rand(3) AS x")
    reference = ReferenceProfile.fit({"x": np.linspace(0, 1, 1_000)})
    assert on_spark.tally(df, reference).schema.tolist() == [0, 100_000, 100_000, 100_000]
    (size,) = collected
    assert size < 1_000


def test_columns_of_any_name_and_type_are_counted(spark):
    """Dots, backticks, names that differ in case only, and types that Spark cannot hand to Python."""
    df = spark.sql(
        "SELECT id * 1.5D AS `a.b`, id AS `c``d`, id AS x, id % 3 AS X, make_ym_interval(1, CAST(id AS int)) AS gap "
        "FROM range(100)"
    )
    reference = on_spark.profile(df)
    assert reference.names == ("a.b", "c`d", "x", "X")
    assert dict(reference.skipped) == {
        "gap": "values of type interval year to month have no bins; convert them, or name a kind"
    }
    assert [feature.maximum for feature in reference.features] == [148.5, 99.0, 99.0, 2.0]
    changed = spark.sql("SELECT make_ym_interval(1, 2) AS `a.b`, 1 AS other FROM range(10)")
    tally = on_spark.tally(changed, reference)
    assert tally.cells[:, :3].tolist() == [[10, 0, 10], [10, 10, 0], [10, 10, 0], [10, 10, 0]]
    assert tally.schema.tolist() == [10, 10, 10, 10]


def test_a_frame_without_rows_or_known_columns(spark):
    """No rows make no counts and no profile; rows without any known column are all faulty."""
    reference = ReferenceProfile.fit({"x": [1.0, 2.0]})
    nothing = on_spark.tally(spark.range(0), reference)
    assert nothing.counts.tolist() == [0] * len(nothing.counts)
    with pytest.raises(ProfileError, match="no rows"):
        on_spark.profile(spark.range(0))
    strange = on_spark.tally(spark.range(7), reference, ignore=["id"])
    assert strange.schema.tolist() == [7, 0, 7, 7]
    assert strange.cells[0, :3].tolist() == [7, 7, 0]


def test_rows_that_change_between_two_passes_are_refused(spark):
    """Numbers drawn anew in every pass cannot be profiled; the remedy is said."""
    with pytest.raises(ProfileError, match=r"changed between two passes over it; .*cache\(\)"):
        on_spark.profile(spark.range(200_000).selectExpr("rand() * rand(unix_micros(now())) AS x"))


def test_what_cannot_be_counted_is_said_at_once(spark, monkeypatch):
    reference = ReferenceProfile.fit({"x": [1.0]})
    with pytest.raises(DataError, match="found dict; give a Spark data frame"):
        on_spark.tally({"x": [1.0]}, reference)
    with pytest.raises(DataError, match="more than one column named 'id'; rename or drop one"):
        on_spark.tally(spark.sql("SELECT id, id FROM range(3)"), reference)
    with pytest.raises(DataError, match=r"is a stream; count each of its batches with writeStream\.foreachBatch"):
        on_spark.tally(spark.readStream.format("rate").load(), reference)
    with pytest.raises(DataError, match="depth: found 0; give at least 1"):
        on_spark.tally(spark.range(3), reference, depth=0)
    with pytest.raises(ProfileError, match=r"score='p' and multivariate: .* of a sample: dataclasses\.replace"):
        on_spark.profile(spark.range(3), label="id", score="p", multivariate=True)
    with pytest.raises(ProfileError, match="no column 'y'; there are id"):
        on_spark.profile(spark.range(3), label="y")
    monkeypatch.setattr(on_spark, "find_spec", lambda name: None if name == "pyspark" else name)
    with pytest.raises(MissingExtraError, match=r"pip install 'ml-models-monitoring\[spark\]'"):
        on_spark.profile(None)
