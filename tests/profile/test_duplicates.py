"""Rows that repeat an earlier one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_models import compare
from ml_models.profile import columns, duplicates
from ml_models.profile.duplicates import Duplicates

cell = st.one_of(
    st.none(), st.integers(-3, 3), st.integers(2**53, 2**53 + 3), st.floats(-2, 2), st.sampled_from(["a", "b", ""])
)
rows = st.lists(st.tuples(cell, cell), max_size=30)


def repeated(parts, names=("a", "b")):
    found = Duplicates()
    for part in parts:
        found.add({name: [row[place] for row in part] for place, name in enumerate(names)}, len(part))
    return found


@given(rows, st.lists(st.integers(0, 30), max_size=4))
@settings(deadline=None, max_examples=150)
def test_they_are_those_that_a_set_of_rows_finds_however_rows_are_batched(table, cuts):
    ends = [0, *sorted(min(cut, len(table)) for cut in cuts), len(table)]
    found = repeated([table[start:stop] for start, stop in pairwise(ends)])
    assert (found.rows, found.count) == (len(table), len(table) - len(set(table)))


def test_every_form_of_the_same_rows_has_the_same_repeats():
    table = {"n": [1, 2, 2, None] * 100, "t": ["x", "y", "y", None] * 100, "f": [0.5, 0.0, -0.0, None] * 100}
    forms = [pd.DataFrame(table), pl.DataFrame(table), pa.table(table), table]
    found = Duplicates()
    for form in forms:
        read = columns(form)
        found.add(dict(reversed(read.by_name.items())), read.rows)
        assert found.count == found.rows - 3


def test_columns_are_told_apart():
    found = Duplicates()
    found.add({"a": np.array([1.0, 2.0]), "b": np.array([2.0, 1.0])}, 2)
    assert found.count == 0


def test_large_whole_numbers_are_told_apart_in_arrays_and_lists():
    base = 2**53
    found = Duplicates()
    found.add({"id": np.arange(base, base + 10)}, 10)
    found.add({"id": list(range(base, base + 10))}, 10)
    assert (found.rows, found.count) == (20, 10)


def test_memory_is_bounded_and_what_was_not_compared_is_said(monkeypatch):
    monkeypatch.setattr(duplicates, "MAX_ROWS", 1_000)
    found = Duplicates()
    for start in range(0, 5_000, 500):
        found.add({"x": np.arange(start, start + 500)}, 500)
    assert (found.rows, found.count, found.left_out) == (1_000, 0, 4_000)


def test_a_report_says_how_many_rows_were_not_compared(monkeypatch):
    monkeypatch.setattr(duplicates, "MAX_ROWS", 500)
    parts = ({"x": np.arange(start, start + 500.0)} for start in range(0, 1_500, 500))
    report = compare({"x": np.arange(1_500.0)}, parts, unique=True)
    assert (report.uncompared_rows, report.quality["uniqueness"]) == (1_000, 1.0)
    assert "The last 1,000 rows were not compared for uniqueness" in report.to_text()


def test_a_million_rows_of_which_a_tenth_repeat():
    values = np.random.default_rng(0).permutation(np.arange(1_000_000) % 900_000)
    found = Duplicates()
    for part in np.split(values, 20):
        found.add({"x": part, "y": part * 2}, len(part))
    assert found.count == 100_000


@pytest.mark.parametrize(("repeats", "known"), [(1, 1.0), (2, 0.5), (4, 0.25)])
def test_uniqueness_is_a_dimension_of_quality_where_it_is_asked_for(repeats, known):
    live = {"x": np.tile(np.arange(300.0), repeats)}
    report = compare({"x": np.arange(300.0)}, live, unique=True)
    assert report.quality["uniqueness"] == known
    assert report.quality_score == pytest.approx((3 + known) / 4)
    assert "uniqueness" not in compare(live, live).quality
