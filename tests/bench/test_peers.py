"""The peers are installed from pinned versions, and each one that is measured has its environment and its way."""

import re

import pytest

from bench.peers import environments, measure
from bench.peers.__main__ import PATIENCE, TABLES, measured
from bench.peers.environments import CONSTRAINTS, OURS, PEERS, Peer, prepared


def test_constraints_hold_versions_and_nothing_else():
    """No address and no path: what is installed is the same wherever it is downloaded from."""
    assert {path.stem for path in CONSTRAINTS.glob("*.txt")} == {peer.name for peer in PEERS}
    for path in CONSTRAINTS.glob("*.txt"):
        lines = path.read_text().splitlines()
        assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)] == []
        assert lines


def test_whatever_is_measured_can_be():
    for _, _, runs in TABLES:
        assert runs[0].peer is OURS  # the others are told as multiples of it
        for run in runs:
            assert run.way in measure.WAYS
            assert run.peer in (OURS, *PEERS)
    assert {run.peer for _, _, runs in TABLES for run in runs} == {OURS, *PEERS}


def test_a_peer_that_cannot_be_installed_is_left_out_with_a_word(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    constraints = tmp_path / "constraints"
    constraints.mkdir()
    (constraints / "none.txt").write_text("")
    monkeypatch.setattr(environments, "CONSTRAINTS", constraints)
    assert prepared(Peer("none", (str(tmp_path / "no-such-folder"),), "import none")) is None
    assert "none: cannot be installed and is left out: " in capsys.readouterr().out


def test_a_peer_that_fails_is_told_in_its_place(tmp_path, monkeypatch):
    """A comparison that breaks costs its own row, and the row says what broke."""
    monkeypatch.setattr(Peer, "python", property(lambda _: __import__("sys").executable))
    run = TABLES[0][2][0]
    found = measured(run, (tmp_path / "a.parquet", tmp_path / "b.parquet"))
    assert isinstance(found, str)
    assert "fails: FileNotFoundError" in found
    assert PATIENCE > 0


@pytest.mark.parametrize("way", ["ours", "scipy KS"])
def test_ways_that_need_no_peer_run(way):
    """The row of ours and its neighbour are of real comparisons."""
    import numpy as np
    import pyarrow as pa

    table = pa.table({"x": np.random.default_rng(0).normal(size=500), "t": ["a", "b"] * 250})
    assert measure.WAYS[way](table, table)()
