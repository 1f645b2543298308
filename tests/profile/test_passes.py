"""A profile from passes over parts is the one of the same rows in memory; parts bring back bounded counts."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_models.errors import DataError, ProfileError
from ml_models.profile import ReferenceProfile, features, passes
from ml_models.profile.passes import Passes
from ml_models.profile.survey import Survey, merge_surveys, survey_batches, survey_of

ROWS = 4_000


def profile(parts, *, most=9, **arguments):
    """Make a profile of tables as many machines would, merging in a tree; return it and the number of passes."""
    asked = Passes(parts[0].schema.names, **arguments)
    number = 0
    while asked.question is not None:
        number += 1
        assert number <= most
        answers = [survey_batches(iter(part.to_batches(max_chunksize=700)), asked.question) for part in parts]
        halves = [merge_surveys(answers[i::2], asked.question) for i in range(2)]
        asked.take(merge_surveys(halves, asked.question))
    return asked.profile, number


def cut(table, places):
    ends = [0, *sorted(places), table.num_rows]
    return [table.slice(start, stop - start) for start, stop in pairwise(ends)]


def mixed(rows=ROWS):
    """Return columns of every type that Arrow data on many machines has."""
    rng = np.random.default_rng(3)
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    number = rng.normal(size=rows)
    return pa.table(
        {
            "normal": pa.array(number, mask=rng.random(rows) < 0.1),
            "tail": np.exp(3 * rng.normal(size=rows)),
            "whole": pa.array(rng.integers(-9, 9, rows), mask=rng.random(rows) < 0.1),
            "small": pa.array(number.astype(np.float32)),
            "zeros": np.where(rng.random(rows) < 0.5, rng.choice([0.0, -0.0], rows), number),
            "wild": rng.choice([np.nan, np.inf, -np.inf, 1e300, -5e-324, 1.0], rows),
            "endless": np.full(rows, np.inf),
            "same": np.full(rows, 7.5),
            "none": pa.array([None] * rows, pa.float64()),
            "null": pa.nulls(rows),
            "flag": pa.array(rng.random(rows) < 0.3, mask=rng.random(rows) < 0.2),
            "city": [None if i % 11 == 0 else f"c{i}" for i in rng.geometric(0.05, rows).tolist()],
            "raw": [f"b{i % 5}".encode() for i in range(rows)],
            "long": ["x" * 300 + str(i % 40) if i % 2 else "short" for i in range(rows)],
            "essay": ["x" * 300 + str(i) for i in range(rows)],
            "user": [f"user-{i}" for i in range(rows)],
            "id": np.arange(rows),
            "when": [f"2026-01-{1 + i % 28:02d}T{i % 24:02d}:00" if i % 9 else "soon" for i in range(rows)],
            "price": [Decimal(i) / 4 for i in range(rows)],
            "at": [moment + dt.timedelta(hours=i) for i in range(rows)],
            "day": [dt.date(2026, 1, 1 + i % 28) for i in range(rows)],
            "list": [[1.0, 2.0]] * rows,
            "struct": [{"a": i, "b": None} for i in range(rows)],
            "score": rng.random(rows),
            "late": pa.array(rng.integers(0, 2, rows), mask=rng.random(rows) < 0.4),
            "digits": [str(i % 7) if i % 5 else "n/a" for i in range(rows)],
            "extra": rng.random(rows),
        }
    )


def test_a_profile_of_every_type_is_that_of_memory():
    """Nulls, empty parts, infinities, both zeros, classes, identifiers and what has no bins: exactly the same."""
    table = mixed()
    arguments = {
        "prediction": "score",
        "label": "late",
        "kinds": {
            "digits": "numeric",
            "whole": "categorical",
            "price": "numeric",
            "list": "categorical",
            "when": "datetime",
        },
        "ignore": ["extra"],
        "min_count": 3,
    }
    found, _ = profile(cut(table, [0, 3, 900, 900, 2_500]), **arguments)
    expected = ReferenceProfile.fit(table, **arguments)
    assert found.skipped == expected.skipped
    assert {f.name: f for f in found.features} == {f.name: f for f in expected.features}
    assert {f.name: f.kind for f in found.features}["at"] == "datetime"
    assert [f.note for f in found.features] == [f.note for f in expected.features]
    assert any(f.note for f in found.features)
    assert found.to_json() == expected.to_json()


@settings(max_examples=60)
@given(st.data())
def test_any_numbers_in_any_parts_have_the_edges_and_counts_of_memory(data):
    """Any floats, repeated or not, in any parts, with room for few cells, have exactly the profile of memory."""
    some = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 1.0, 1.0 + 2**-52]), st.none())
    values = [*data.draw(st.lists(some, min_size=1, max_size=300)), 1.0]
    table = pa.table({"x": pa.array(values, pa.float64())})
    places = data.draw(st.lists(st.integers(0, len(values)), max_size=5))
    role = data.draw(st.sampled_from([None, "x"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "CELLS_OF_COLUMN", (250, 250))
        found, _ = profile(cut(table, places), label=role)
    assert found.to_json() == ReferenceProfile.fit(table, label=role).to_json()


def test_many_continuous_numbers_take_few_passes(monkeypatch):
    """A million numbers of a smooth distribution take three passes; those of few distinct values take one."""
    rng = np.random.default_rng(1)
    table = pa.table({"x": rng.normal(size=1_000_000)})
    found, number = profile(cut(table, [400_000]))
    monkeypatch.setattr(features, "EDGE_SAMPLE_ROWS", table.num_rows)
    assert (found.to_json(), number) == (ReferenceProfile.fit(table).to_json(), 3)
    assert profile([pa.table({"x": rng.integers(0, 1_000, 10_000)})])[1] == 1


def test_whole_numbers_that_are_all_different_get_their_word_however_many():
    """Where not every number has a cell of its own, those around the quantiles speak for all."""
    ids, twice = np.arange(200_000), np.arange(200_000) // 2
    found, _ = profile([pa.table({"id": ids, "twice": twice, "half": ids / 2})])
    expected = ReferenceProfile.fit({"id": ids, "twice": twice, "half": ids / 2})
    assert [f.note for f in found.features] == [f.note for f in expected.features]
    assert [bool(f.note) for f in found.features] == [True, False, False]


def test_answers_are_bounded_whatever_the_data(monkeypatch):
    """Neither distinct numbers nor distinct texts make an answer larger than the question allows."""
    monkeypatch.setattr(passes, "CELLS_OF_COLUMN", (1_024, 1_024))
    monkeypatch.setattr(passes, "DISTINCT_OF_COLUMN", 100)
    monkeypatch.setattr(passes, "DISTINCT", 200)
    rows = 50_000
    table = pa.table({"x": np.random.default_rng(1).normal(size=rows), "t": [f"t{i % 150}" for i in range(rows)]})
    question = Passes(table.schema.names).question
    answer = survey_batches(iter(table.to_batches(5_000)), question)
    assert len(answer) < 1_024 * 16
    survey = survey_of(answer, question)
    assert len(survey.columns["x"].numbers.finite.cells) <= 1_024
    assert (survey.columns["t"].values.full, survey.columns["t"].values.distinct) == (True, 0)
    found, _ = profile(cut(table, [100]))
    assert found.names == ("x",)
    assert "more than 100 distinct values" in dict(found.skipped)["t"]


def test_what_cannot_be_profiled_is_said():
    table = pa.table({"x": [1.0, 2.0]})
    with pytest.raises(ProfileError, match="no column 'y'; there are x"):
        profile([table], label="y")
    with pytest.raises(ProfileError, match="no rows"):
        profile([table.slice(0, 0)])
    with pytest.raises(ProfileError, match=r"no column can be profiled \(v: values of type list have no bins"):
        profile([pa.table({"v": [[1]]})])
    with pytest.raises(DataError, match="column 'x': categorical and numeric in different parts; cast it"):
        profile([table, pa.table({"x": ["a"]})])


@pytest.mark.parametrize("change", [lambda x: x + 1, lambda x: x[1:], lambda x: np.full(len(x), np.nan)])
def test_data_that_changes_between_two_passes_is_refused(change):
    """Counts of two passes over different data would make a profile of neither."""
    before = np.random.default_rng(1).normal(size=200_000)
    asked = Passes(["x"])
    asked.take(survey_batches({"x": before}, asked.question))
    answer = survey_batches({"x": change(before)}, asked.question)
    with pytest.raises(ProfileError, match=r"changed between two passes over it; .* cache\(\)"):
        asked.take(answer)


@pytest.mark.parametrize("change", [lambda x: x + 1, lambda x: np.where(x > 2, np.nan, x)])
def test_data_that_changes_before_the_last_pass_is_refused(change):
    """The counts up to the edges must go with the quantiles that gave the edges."""
    before = np.random.default_rng(1).normal(size=200_000)
    asked = Passes(["x"])
    while not asked.question.edges:
        asked.take(survey_batches({"x": before}, asked.question))
    answer = survey_batches({"x": change(before)}, asked.question)
    with pytest.raises(ProfileError, match=r"changed between two passes over it"):
        asked.take(answer)


def test_answers_to_another_question_are_refused():
    table = {"x": np.random.default_rng(1).normal(size=200_000)}
    asked = Passes(["x"])
    first = asked.question
    answer = survey_batches(table, first)
    asked.take(answer)
    with pytest.raises(DataError, match="answer to another question"):
        merge_surveys([answer], asked.question)
    assert isinstance(survey_of(answer, first), Survey)
