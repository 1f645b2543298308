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

from .test_passes import cut, mixed

TABLE = mixed(2_000)
REFERENCE = ReferenceProfile.fit(TABLE, prediction="score", label="late", ignore=["extra"])


@given(st.lists(st.integers(0, TABLE.num_rows), max_size=6))
def test_parts_in_any_cut_and_order_are_the_whole(places):
    """However rows are cut and merged, in a tree or a chain, the bytes are those of all rows at once."""
    parts = [tally_batches(iter(part.to_batches(300)), REFERENCE) for part in cut(TABLE, places)]
    whole = tally_batches(TABLE, REFERENCE)
    assert merge(parts) == merge([merge(parts[::2]), *parts[1::2]]) == merge([whole])
    tally = tally_of(whole, REFERENCE)
    assert tally.cells[:, 0].tolist() == [TABLE.num_rows] * len(REFERENCE.features)
    assert tally.schema.tolist() == [0, TABLE.num_rows, TABLE.num_rows, TABLE.num_rows]  # `extra` is unexpected


def test_columns_that_stay_behind_are_counted_as_faults_all_the_same():
    """Where only profiled columns are sent, the data's other columns are named."""
    names = TABLE.schema.names
    few = TABLE.select([feature.name for feature in REFERENCE.features])
    assert tally_batches(few, REFERENCE, names) == tally_batches(TABLE, REFERENCE)


def test_what_does_not_belong_together_does_not_add():
    """Another reference, another kind of counts, another version and damaged bytes: each is refused with a remedy."""
    part = tally_batches(TABLE, REFERENCE)
    other = ReferenceProfile.fit({"x": [1.0]})
    with pytest.raises(DataError, match="different references do not add; count all of them with the same"):
        merge([part, tally_batches({"x": [1.0]}, other)])
    with pytest.raises(DataError, match="another reference; give the profile"):
        tally_of(part, other)
    with pytest.raises(DataError, match="nothing to merge"):
        merge([])
    with pytest.raises(DataError, match="damaged"):
        merge([part[:-9]])
    with pytest.raises(DataError, match="no packed counts"):
        merge([b"\x80\x04K\x01."])
    with pytest.raises(DataError, match="found a packed survey"):
        merge([pack("survey", {}, [])])


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
