"""Live data that is not what it should be: counted, matched, and never a crash."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_models import compare
from ml_models.profile import Layout, ReferenceProfile, Tally, columns
from ml_models.profile.counting import TableCounter
from ml_models.profile.tally import ABOVE, BINS, EXAMINED, FAULTY, INVALID, MISSING, ROWS

N = 300
REFERENCE = {
    "number": np.random.default_rng(0).normal(5, 2, N),
    "whole": np.arange(N) % 40,
    "code": [f"{i % 12}" for i in range(N)],
    "flag": [i % 3 == 0 for i in range(N)],
    "when": [dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=i) for i in range(N)],
}
PROFILE = ReferenceProfile.fit(REFERENCE)
LAYOUT = Layout.of(PROFILE)


def counted(data):
    tally = Tally(LAYOUT)
    TableCounter(LAYOUT).add(tally, columns(data))
    return tally


cell = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=4), st.datetimes(),
    st.dates(), st.times(), st.timedeltas(), st.decimals(), st.uuids(), st.complex_numbers(), st.just([1, 2]),
    st.just({"a": 1}), st.just(object()), st.just(np.datetime64("NaT")), st.just(np.float32(1.5)), st.just(pd.NaT),
    st.just(pd.NA), st.sampled_from(["1", "1.0", " 1 ", "True", "true", "2026-01-01", "nan", "inf", "-", "__other__"]),
)  # fmt: skip
names = st.lists(st.sampled_from([*REFERENCE, "new", "newer"]), unique=True, min_size=1, max_size=7)


@st.composite
def tables(draw):
    rows = draw(st.integers(1, 6))
    return {name: draw(st.lists(cell, min_size=rows, max_size=rows)) for name in draw(names)}


@given(tables(), st.booleans())
@settings(deadline=None, max_examples=300)
def test_any_table_is_counted_cell_by_cell(table, as_rows):
    """Missing, extra and reordered columns, cells of any type: each expected cell is in exactly one count."""
    rows = len(next(iter(table.values())))
    lines = [dict(zip(table, line, strict=True)) for line in zip(*table.values(), strict=True)]
    tally = counted(lines if as_rows else table)
    assert (tally.cells[:, ROWS] == rows).all()
    parts = tally.cells[:, MISSING] + tally.cells[:, INVALID] + tally.cells[:, BINS:].sum(axis=1)
    np.testing.assert_array_equal(parts, tally.cells[:, ROWS])
    absent, strange = bool(set(REFERENCE) - set(table)), bool(set(table) - set(REFERENCE))
    assert tally.schema.tolist() == [rows * absent, rows * strange, rows * (absent or strange), rows]
    for name in set(REFERENCE) - set(table):
        assert tally.cells[LAYOUT.index["feature", name], MISSING] == rows


@given(tables())
@settings(deadline=None, max_examples=60)
def test_any_table_can_be_compared_and_shown(table):
    report = compare(PROFILE, table)
    assert report.verdict == "not judged"
    assert set(report.missing_columns) == set(REFERENCE) - set(table)
    assert report.to_text()
    assert report.to_json()


WHOLE = [0, 3, 7, 39, 3]
SPELLINGS = {
    "whole": [
        np.array(WHOLE), np.array(WHOLE, dtype=np.float32), np.array(WHOLE, dtype=np.uint8), [str(i) for i in WHOLE],
        [f"{i}.0" for i in WHOLE], [Decimal(i) for i in WHOLE], pd.Series(WHOLE, dtype="Int64"),
        pd.Series([str(i) for i in WHOLE], dtype="category"), pl.Series(WHOLE, dtype=pl.Int16), pa.array(WHOLE),
        pa.array([str(i) for i in WHOLE]).dictionary_encode(),
    ],
    "code": [
        ["0", "3", "7", "11", "3"], [0, 3, 7, 11, 3], [0.0, 3.0, 7.0, 11.0, 3.0], np.array([0, 3, 7, 11, 3]),
        [b"0", b"3", b"7", b"11", b"3"], pd.Series(["0", "3", "7", "11", "3"], dtype="category"),
        pd.Series([0, 3, 7, 11, 3], dtype="category"), pa.array(["0", "3", "7", "11", "3"]),
    ],
    "flag": [
        [True, False, True], np.array([True, False, True]), ["True", "False", "True"],
        pd.Series([True, False, True], dtype="boolean"), pa.array([True, False, True]),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", SPELLINGS)
def test_the_same_values_of_other_types_are_the_same(name):
    row = LAYOUT.index["feature", name]
    found = [counted({name: values}).cells[row] for values in SPELLINGS[name]]
    for cells in found:
        np.testing.assert_array_equal(cells, found[0])
    assert found[0][[MISSING, INVALID, ABOVE]].tolist() == [0, 0, 0]


@pytest.mark.parametrize("name", SPELLINGS)
def test_long_columns_of_other_types_are_the_same_too(name):
    """From 256 rows on text comes coded, which is another way through the code."""
    row = LAYOUT.index["feature", name]
    many = [list(values) * 100 for values in SPELLINGS[name] if isinstance(values, list)]
    plain = counted({name: many[0]}).cells[row]
    for values in many:
        for data in (pd.DataFrame({name: values}), pa.table({name: values}), pl.DataFrame({name: values})):
            np.testing.assert_array_equal(counted(data).cells[row], plain)


def test_reordered_columns_are_found_by_name():
    frame = pd.DataFrame(REFERENCE)
    np.testing.assert_array_equal(counted(frame[frame.columns[::-1]]).cells, LAYOUT.reference_cells)
    assert counted(frame[frame.columns[::-1]]).schema[[FAULTY, EXAMINED]].tolist() == [0, N]


def test_columns_of_nothing_but_gaps_are_missing_and_not_judged():
    """A chunk of NaN crashes one peer."""
    for nothing in (None, float("nan"), pd.NA, pd.NaT, np.datetime64("NaT")):
        report = compare(PROFILE, {name: [nothing] * 500 for name in REFERENCE})
        assert report.verdict == "not judged"
        assert {feature.missing_ratio for feature in report.features} == {1.0}
        assert {feature.reason for feature in report.features} == {"no valid live value"}
        assert report.quality["completeness"] == 0.0


def test_kinds_are_the_references_whatever_live_data_looks_like():
    """One peer guesses types anew on each side: whole numbers that are few become categories there."""
    report = compare(PROFILE, {**REFERENCE, "number": [5] * N, "code": [3] * N})
    kinds = {feature.name: feature.kind for feature in report.features}
    assert kinds == {"number": "numeric", "whole": "numeric", "code": "categorical", "flag": "boolean",
                     "when": "datetime"}  # fmt: skip
    assert set(report.drifted) == {"number", "code"}
