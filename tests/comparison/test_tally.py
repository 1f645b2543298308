"""A tally that was counted elsewhere makes the report that its rows would make."""

from __future__ import annotations

import numpy as np
import pytest

from ml_models import compare
from ml_models.comparison.conditions import holding
from ml_models.comparison.measure import UNNAMED
from ml_models.errors import ConfigError, DataError
from ml_models.profile import ReferenceProfile
from ml_models.profile.partitions import merge, tally_batches, tally_of

RNG = np.random.default_rng(4)
BEFORE = {"x": RNG.normal(size=2_000), "y": RNG.normal(size=2_000), "c": ["a", "b"] * 1_000, "late": [0, 1] * 1_000}
REFERENCE = ReferenceProfile.fit(BEFORE, label="late")


def counted(*parts):
    return tally_of(merge((tally_batches(part, REFERENCE) for part in parts), REFERENCE), REFERENCE)


def test_the_report_is_that_of_the_rows():
    after = {**BEFORE, "x": BEFORE["x"] + 1, "c": ["b", "z"] * 1_000}
    assert compare(REFERENCE, counted(after)).to_dict() == compare(REFERENCE, after).to_dict()


def test_columns_that_are_missing_everywhere_are_named():
    """A column of which no part had a cell is named, and a label without a column is said to have none."""
    after = {name: BEFORE[name] for name in ("x", "c")}
    report = compare(REFERENCE, counted(after))
    assert report.to_dict() == compare(REFERENCE, after).to_dict()
    assert report.missing_columns == ("y",)
    assert report["late"].reason == "no such column in the live data"


def test_faults_of_schema_hold_even_where_a_tally_has_no_name_for_them():
    """Unexpected columns, and those that only some parts lack, still stop a pipeline."""
    without = {name: BEFORE[name] for name in ("x", "c")}
    report = compare(REFERENCE, counted({**BEFORE, "strange": [1] * 2_000}, without))
    assert (report.missing_columns, report.unexpected_columns) == ((UNNAMED,), (UNNAMED,))
    assert "schema" in holding(report, ["schema"])
    assert holding(compare(REFERENCE, counted(BEFORE)), ["schema"]) == {}


def test_a_tally_of_another_reference_is_refused():
    other = ReferenceProfile.fit({**BEFORE, "x": BEFORE["x"] + 1}, label="late")
    with pytest.raises(DataError, match="a tally of another reference; give the profile that it was counted with"):
        compare(other, counted(BEFORE))
    with pytest.raises(DataError, match="count again to leave columns out or to allow other values"):
        compare(REFERENCE, counted(BEFORE), ignore=["x"])
    with pytest.raises(DataError, match="count again to leave columns out or to allow other values"):
        compare(REFERENCE, counted(BEFORE), allowed={"x": {"min": 0}})


def test_features_are_compared_together_where_the_reference_has_their_moments():
    """Moments add over parts as all else does, to the last digits; the correlation that changed is found."""
    reference = ReferenceProfile.fit(BEFORE, label="late", multivariate=True)
    after = {**BEFORE, "y": BEFORE["x"] + RNG.normal(size=2_000)}
    halves = [{name: list(column)[half::2] for name, column in after.items()} for half in range(2)]
    parts = merge((tally_batches(half, reference) for half in halves), reference)
    found, expected = (compare(reference, live).multivariate for live in (tally_of(parts, reference), after))
    assert (found.pair, found.drifted, found.rows) == (expected.pair, True, 2_000)
    assert found.after == pytest.approx(expected.after)


def test_repeated_rows_are_not_to_be_found_in_a_tally():
    with pytest.raises(ConfigError, match="unique: rows are compared where all of them pass by"):
        compare(REFERENCE, counted(BEFORE), unique=True)
