"""Quality: each dimension by itself, and their mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_models.stats.quality import DIMENSIONS, quality, timeliness, uniqueness


def test_quality_is_the_mean_of_its_dimensions():
    found = quality(cells=200, missing=20, invalid=9, out_of_range=9, rows=100, faulty_rows=25)
    assert found.dimensions == {"completeness": 0.9, "validity": 0.9, "schema": 0.75}
    assert found.score == pytest.approx((0.9 + 0.9 + 0.75) / 3)


def test_quality_weighs_dimensions_as_told():
    weights = {"completeness": 2.0, "validity": 1.0, "schema": 0.0}
    found = quality(cells=200, missing=20, invalid=90, out_of_range=0, rows=100, faulty_rows=25, weights=weights)
    assert found.score == pytest.approx((2 * 0.9 + 0.5) / 3)
    assert quality(cells=1, missing=0, invalid=0, out_of_range=0, rows=0, faulty_rows=0, weights={
        "completeness": 0, "validity": 0}).score is None  # fmt: skip


def test_dimensions_of_which_nothing_was_seen_are_undefined_and_do_not_count():
    nothing = quality(cells=0, missing=0, invalid=0, out_of_range=0, rows=0, faulty_rows=0)
    assert nothing.score is None
    assert set(nothing.dimensions.values()) == {None}
    missing = quality(cells=10, missing=10, invalid=0, out_of_range=0, rows=5, faulty_rows=0)
    assert missing.dimensions == {"completeness": 0.0, "validity": None, "schema": 1.0}
    assert missing.score == 0.5


@given(st.tuples(*[st.integers(0, 1000)] * 5))
def test_quality_is_a_ratio(parts):
    missing, invalid, outside, fine, faulty = parts
    cells = missing + invalid + outside + fine
    found = quality(
        cells=cells, missing=missing, invalid=invalid, out_of_range=outside, rows=faulty + fine, faulty_rows=faulty
    )
    values = [value for value in (found.score, *found.dimensions.values()) if value is not None]
    assert all(0 <= value <= 1 + 1e-12 for value in values)


@pytest.mark.parametrize(
    ("age", "known"), [(-5, 1.0), (0, 1.0), (60, 1.0), (75, 0.75), (90, 0.5), (120, 0.0), (1e9, 0.0)]
)
def test_timeliness_is_1_up_to_the_age_and_falls_to_0_at_twice_it(age, known):
    assert timeliness(age, 60) == pytest.approx(known)


def test_an_unknown_age_is_undefined_and_an_impossible_limit_is_refused():
    assert timeliness(None, 60) is None
    for wrong in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="give seconds above 0"):
            timeliness(1, wrong)


def test_uniqueness_is_the_share_of_rows_that_repeat_none():
    assert (uniqueness(4, 0), uniqueness(4, 3), uniqueness(0, 0)) == (1.0, 0.25, None)


def test_dimensions_that_apply_take_part_and_those_that_do_not_are_left_out():
    fine = {"cells": 10, "missing": 0, "invalid": 0, "out_of_range": 0, "rows": 10, "faulty_rows": 0}
    assert set(quality(**fine).dimensions) == {"completeness", "validity", "schema"}
    found = quality(**fine, uniqueness=0.5, timeliness=0.0)
    assert tuple(found.dimensions) == DIMENSIONS
    assert found.score == pytest.approx((1 + 1 + 1 + 0.5 + 0) / 5)
    assert quality(**fine, timeliness=0.0, weights={"timeliness": 3}).score == pytest.approx(0.5)


@given(st.floats(allow_nan=False), st.floats(1e-300, 1e300))
def test_timeliness_is_a_ratio_of_any_age(age, limit):
    assert 0 <= timeliness(age, limit) <= 1
