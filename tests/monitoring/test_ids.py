"""Ids that carry the number of their call."""

from __future__ import annotations

import re
import time
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_models.monitoring.ids import NUMBER_BITS, ROW_BITS, IdMaker, parse

IDS = IdMaker()


@given(st.integers(0, 2**NUMBER_BITS - 1), st.integers(0, 2**ROW_BITS - 1))
def test_an_id_gives_back_its_call_and_row(number, row):
    start = time.perf_counter_ns()
    made = parse(IDS.make(number, row, start))
    assert made == (IDS.process, IDS.milliseconds(start), number << ROW_BITS | row)


@given(st.integers(0, 2**40))
def test_numbers_go_round(number):
    assert parse(IDS.make(number, 0, 0)).key == number % 2**NUMBER_BITS << ROW_BITS


def test_ids_are_uuids_of_version_7_with_the_time_of_the_call():
    before = time.time()
    text = IDS.make(123, 4, time.perf_counter_ns())
    parsed = UUID(text)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text)
    assert (parsed.version, parsed.variant) == (7, RFC_4122)
    assert (parsed.int >> 80) / 1000 == pytest.approx(before, abs=1)


def test_ids_of_later_calls_sort_later():
    starts = [time.perf_counter_ns() + 2_000_000 * i for i in range(50)]
    made = [IDS.make(i, 0, start) for i, start in enumerate(starts)]
    assert made == sorted(made)
    assert len(set(made)) == 50


def test_other_spellings_of_the_same_id_are_found():
    """A database column of type uuid gives back objects, another system may write capitals."""
    text = IDS.make(7, 2, 0)
    assert parse(UUID(text)) == parse(text.upper()) == parse(text)


@pytest.mark.parametrize(
    "stranger",
    ["", "x" * 36, "-" * 36, "00000000-0000-7000-8000-000000000000"[:-1], None, 7, 1.5, b"x" * 36, [1], UUID(int=0),
     "12345678-1234-4234-8234-123456789abc", "\u0663" * 36],
)  # fmt: skip
def test_ids_that_were_not_made_here_are_none(stranger):
    assert parse(stranger) is None


def test_ids_of_another_process_are_told_apart(monkeypatch):
    monkeypatch.setattr("os.urandom", lambda size: b"\x01" * size)
    ours = IdMaker()
    monkeypatch.setattr("os.urandom", lambda size: b"\x02" * size)
    other = parse(IdMaker().make(5, 0, 0))
    assert other.process != ours.process == parse(ours.make(5, 0, 0)).process


@given(st.text(alphabet="0123456789abcdef-", min_size=36, max_size=36))
def test_any_text_of_that_length_is_parsed_or_refused_and_raises_nothing(text):
    found = parse(text)
    assert found is None or found.key < 2 ** (NUMBER_BITS + ROW_BITS)
