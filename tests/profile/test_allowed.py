"""Valid values that are not the reference's own: they decide what is out of range, and nothing else."""

from __future__ import annotations

import pytest

from ml_models import compare
from ml_models.errors import ProfileError
from ml_models.profile import Layout, ReferenceProfile, Tally
from ml_models.profile.tally import ABOVE, BELOW, BINS

DATA = {
    "age": [20.0, 30.0, 40.0],
    "code": ["NO", "SE", "NO"],
    "when": ["2026-01-01", "2026-01-02", "2026-01-03"],
    "flag": [True, False, True],
}
KINDS = {"when": "datetime"}


def tallied(name, allowed, values):
    profile = ReferenceProfile.fit(DATA, kinds=KINDS, allowed={name: allowed} if allowed else None)
    again = ReferenceProfile.from_json(profile.to_json())
    assert again == profile
    layout = Layout.of(again)
    tally = Tally(layout)
    tally.add_column(layout.index["feature", name], values)
    return tally.cells[layout.index["feature", name]]


@pytest.mark.parametrize(
    ("name", "allowed", "values", "below", "above"),
    [
        ("age", None, [19, 41, 30], 1, 1),
        ("age", {"min": 0, "max": 120}, [-1, 0, 19, 41, 120, 121, float("inf")], 1, 2),
        ("age", {"min": 25}, [20, 1e300, float("inf"), float("-inf")], 2, 1),
        ("age", {"max": "25"}, [-1e300, 25, 26], 0, 1),
        ("when", {"min": "2025-01-01"}, ["2024-12-31", "2027-01-01T00:00+02:00"], 1, 0),
        ("code", None, ["NO", "DK"], 0, 1),
        ("code", {"categories": ["NO", "DK", 7]}, ["NO", "DK", "SE", "7", 7.0, None, [1]], 0, 1),
        ("code", {"pattern": "[A-Z]{2}"}, ["NO", "DK", "no", "NOR", None], 0, 2),
        ("code", {"pattern": "[A-Z]{2}", "categories": ["NO", "no"]}, ["NO", "no", "SE"], 0, 2),
        ("flag", {"categories": [True]}, [True, False, "True"], 0, 1),
    ],
)
def test_what_is_allowed_decides_what_is_out_of_range(name, allowed, values, below, above):
    cells = tallied(name, allowed, values)
    assert cells[[BELOW, ABOVE]].tolist() == [below, above]
    assert cells[BINS:].tolist() == tallied(name, None, values)[BINS:].tolist(), "bins are the reference's"


def test_tallies_of_other_allowed_values_do_not_add():
    profile = ReferenceProfile.fit(DATA)
    wider = profile.allowing({"age": {"max": 99}})
    assert wider.fingerprint != profile.fingerprint
    with pytest.raises(ValueError, match="different layouts"):
        Tally(Layout.of(profile)) + Tally(Layout.of(wider))


def test_quality_goes_by_what_is_allowed():
    profile = ReferenceProfile.fit({"age": [float(20 + i % 30) for i in range(300)]})
    live = {"age": [float(10 + i % 80) for i in range(320)]}
    assert compare(profile, live).quality["validity"] == pytest.approx(30 / 80)
    assert compare(profile.allowing({"age": {"min": 0, "max": 120}}), live).quality["validity"] == 1.0


@pytest.mark.parametrize(
    ("allowed", "message"),
    [
        ({"nothing": {"min": 0}}, "'nothing': no such column; age, code, when, flag"),
        ({"age": {"pattern": "x"}}, "'age': found 'pattern'; for kind numeric give min or max"),
        ({"age": {}}, "'age': found nothing; for kind numeric give min or max"),
        ({"code": {"min": 1}}, "for kind categorical give categories or pattern"),
        ({"age": {"min": 5, "max": 3}}, "min 5 is above max 3"),
        ({"age": {"min": "low"}}, "min: found 'low'; give a number"),
        ({"when": {"max": "soon"}}, "max: found 'soon'; give a moment"),
        ({"code": {"pattern": "["}}, "no regular expression"),
        ({"code": {"categories": [[1]]}}, "give texts, whole numbers or booleans"),
    ],
)
def test_impossible_values_are_refused_by_name(allowed, message):
    with pytest.raises(ProfileError, match=message):
        ReferenceProfile.fit(DATA, kinds=KINDS, allowed=allowed)
