"""Tallies of parts add up to the tally of the whole, and nothing else can be mixed with them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_models.errors import DataError
from ml_models.profile import ReferenceProfile, partitions
from ml_models.profile.packing import pack, unpack
from ml_models.profile.partitions import merge, tally_batches, tally_of
from ml_models.profile.tally import Tally

from .test_passes import cut, mixed

TABLE = mixed(2_000)
REFERENCE = ReferenceProfile.fit(TABLE, prediction="score", label="late", ignore=["extra"])


@given(st.lists(st.integers(0, TABLE.num_rows), max_size=6))
def test_parts_in_any_cut_and_order_are_the_whole(places):
    """However rows are cut and merged, in a tree or a chain, the bytes are those of all rows at once."""
    parts = [tally_batches(iter(part.to_batches(300)), REFERENCE) for part in cut(TABLE, places)]
    whole = tally_batches(TABLE, REFERENCE)
    halves = [merge(parts[::2], REFERENCE), *parts[1::2]]
    assert merge(parts, REFERENCE) == merge(halves, REFERENCE) == merge([whole], REFERENCE) == whole
    tally = tally_of(whole, REFERENCE)
    assert tally.cells[:, 0].tolist() == [TABLE.num_rows] * len(REFERENCE.features)
    assert tally.schema.tolist() == [0, TABLE.num_rows, TABLE.num_rows, TABLE.num_rows]  # `extra` is unexpected


def test_columns_that_stay_behind_are_counted_as_faults_all_the_same():
    """Where only profiled columns are sent, the data's other columns are named."""
    names = TABLE.schema.names
    few = TABLE.select([feature.name for feature in REFERENCE.features])
    assert tally_batches(few, REFERENCE, names) == tally_batches(TABLE, REFERENCE)


def test_sums_add_and_extremes_are_the_farthest():
    """What parts hold beside counts merges as it does in memory; of no part at all the empty tally is left."""
    whole = tally_of(merge([], REFERENCE), REFERENCE)
    assert (whole.counts.any(), np.isinf(whole.extremes).all()) == (False, True)
    for scale in (1.0, 100.0):
        part = Tally(whole.layout)
        part.sums += scale
        part.add_column(whole.layout.index["feature", "normal"], [scale, -scale])
        whole = tally_of(merge([whole.to_bytes(), part.to_bytes()], REFERENCE), REFERENCE)
    assert set(whole.sums.tolist()) == {101.0}
    assert whole.extremes[:, whole.layout.index["feature", "normal"]].tolist() == [-100.0, 100.0]


def test_either_zero_has_the_same_bytes():
    """Which of two equal zeros comes first is not told."""
    assert len({tally_batches({"normal": zeros}, REFERENCE) for zeros in ([0.0, -0.0], [-0.0, 0.0])}) == 1


def test_what_does_not_belong_together_does_not_add():
    """Another reference, another kind of counts, another version and damaged bytes: each is refused with a remedy."""
    part = tally_batches(TABLE, REFERENCE)
    other = ReferenceProfile.fit({"x": [1.0]})
    with pytest.raises(DataError, match="another reference; give the profile"):
        merge([part, tally_batches({"x": [1.0]}, other)], REFERENCE)
    with pytest.raises(DataError, match="another reference; give the profile"):
        tally_of(part, other)
    with pytest.raises(DataError, match="damaged"):
        merge([part[:-9]], REFERENCE)
    with pytest.raises(DataError, match="no packed counts"):
        merge([b"\x80\x04K\x01."], REFERENCE)
    with pytest.raises(DataError, match="found a packed survey"):
        merge([pack("survey", {}, [])], REFERENCE)


def test_another_version_is_refused(monkeypatch):
    """A machine with a newer package does not mix its counts in."""
    with monkeypatch.context() as patch:
        patch.setattr("ml_models.profile.packing.VERSION", 2)
        part = tally_batches({"x": [1.0]}, REFERENCE)
    with pytest.raises(DataError, match="version 2, this package reads 1; install the same version"):
        unpack("tally", part)


def test_a_tally_is_small_and_its_layout_is_made_once(monkeypatch):
    """A hundred features take less than their bins do, and a process that counts many parts does not start anew."""
    rng = np.random.default_rng(2)
    table = {f"f{i}": rng.normal(size=5_000) for i in range(100)}
    reference = ReferenceProfile.fit(table)
    part = tally_batches(pa.table(table), reference)
    assert len(part) < 100 * 105 * 2
    monkeypatch.setattr(partitions.Layout, "of", None)
    assert tally_batches(pa.table(table), reference) == part
