"""Every row of every file is counted once, whatever happens to the file."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from ml_models.errors import DataError
from ml_models.monitoring.watching import listing, parts, reading
from watching_helpers import HEADER, age, counted, lines, total


def test_rows_of_all_files_are_counted_once_however_often_they_are_read(watch, data):
    (data / "a.csv").write_text(HEADER + lines(300))
    (data / "b.jsonl").write_text("".join(json.dumps({"x": i, "city": "Oslo"}) + "\n" for i in range(200)))
    monitor = watch()
    assert [total(monitor.run_once()) for _ in range(3)] == [500, 500, 500]
    assert counted(monitor) == 500


def test_kinds_of_every_file_are_read(watch, data):
    table = pa.table({"x": np.arange(50.0), "city": ["Oslo"] * 50})
    parquet.write_table(table, data / "a.parquet")
    feather.write_feather(table, data / "b.feather")
    with pa.ipc.new_stream(data / "c.arrow", table.schema) as writer:
        writer.write_table(table)
    (data / "d.csv.gz").write_bytes(gzip.compress((HEADER + lines(50)).encode()))
    (data / "e.tsv").write_text((HEADER + lines(50)).replace(",", "\t"))
    for path in data.iterdir():
        age(path, 600)
    monitor = watch()
    assert [total(monitor.run_once()) for _ in range(2)] == [250, 250]


def test_appended_lines_are_counted_and_half_a_line_waits_for_its_other_half(watch, data):
    file = data / "log.csv"
    file.write_text(HEADER + lines(10) + "1")
    monitor = watch()
    found = monitor.run_once()
    assert total(found) == 10
    assert found["files"]["pending"] == [{"file": str(file), "reason": "its last line has no end yet"}]
    assert found["files"]["pending_bytes"] == 1
    with file.open("a") as stream:
        stream.write("7,Oslo\n" + lines(5))
    found = monitor.run_once()
    assert total(found) == 16
    assert found["files"]["events"]["appended"] == 1
    assert found["files"]["pending_bytes"] == 0
    cells = monitor._watch.published.counts.total.cells
    assert cells[0, 1:3].sum() == 0, "the halves were put together: nothing is missing or invalid"


def test_a_header_may_come_before_its_rows_and_in_halves(watch, data):
    file = data / "log.csv"
    monitor = watch()
    for text, expected in (("", 0), ("x,ci", 0), ("ty\n", 0), ("1,Oslo\n2,Rome\n", 2)):
        with file.open("a") as stream:
            stream.write(text)
        assert total(monitor.run_once()) == expected
    assert monitor.get_metrics()["files"]["rejected"] == []


def test_a_newline_in_quotes_is_no_end_of_a_line(watch, data):
    file = data / "log.csv"
    file.write_text('x,city\n1,"Os\nlo"\n2,"Ro\n')
    monitor = watch()
    assert total(monitor.run_once()) == 1
    with file.open("a") as stream:
        stream.write('me"\n')
    assert total(monitor.run_once()) == 2


def test_a_stray_quote_does_not_hide_the_rows_behind_it_for_ever(watch, data):
    file = data / "log.csv"
    file.write_text('x,city\n1,5" pipe\n2,Oslo\n3,Rome\n')
    age(file, 600)
    assert total(watch().run_once()) == 3


def test_a_last_line_without_an_end_is_counted_once_the_file_is_still(watch, data):
    file = data / "log.csv"
    file.write_text(HEADER + "1,Oslo\n2,Rome")
    monitor = watch()
    assert total(monitor.run_once()) == 1
    age(file, 600)
    assert [total(monitor.run_once()) for _ in range(2)] == [2, 2]
    with file.open("a") as stream:
        stream.write("\n3,Oslo\n")
    assert total(monitor.run_once()) == 3


def test_a_line_that_goes_on_after_it_was_counted_is_not_counted_again(watch, data, caplog):
    file = data / "log.csv"
    file.write_text(HEADER + "1,Oslo\n2,Ro")
    age(file, 600)
    monitor = watch()
    assert total(monitor.run_once()) == 2
    with file.open("a") as stream:
        stream.write("me\n3,Oslo\n")
    assert [total(monitor.run_once()) for _ in range(2)] == [3, 3]
    assert "went on after it had been counted" in caplog.text


def test_a_whole_json_object_needs_no_end_of_line(watch, data):
    (data / "log.jsonl").write_text('{"x": 1}\n{"x": 2}')
    assert total(watch().run_once()) == 2


def test_parts_are_counted_alike_whatever_the_size_of_a_block(watch, data, monkeypatch):
    """Blocks of 1,000 bytes: types differ from block to block, and lines end anywhere."""
    monkeypatch.setattr(parts, "BLOCK_BYTES", 1_000)
    (data / "a.csv").write_text(HEADER + "1,Oslo\n" * 300 + "1.5,Rome\n" * 300 + ",\n" * 100)
    monitor = watch()
    assert total(monitor.run_once()) == 700
    layout, cells = monitor._watch.published.counts.layout, monitor._watch.published.counts.total.cells
    assert cells[layout.index["feature", "x"], 1] == 100
    assert monitor.get_metrics()["files"]["rejected"] == []


# --- files that are not whole ----------------------------------------------------------------------------------------


def test_a_half_written_parquet_file_waits_for_its_footer(watch, data, tmp_path):
    whole = tmp_path / "whole.parquet"
    parquet.write_table(pa.table({"x": np.arange(5_000.0), "city": ["Oslo"] * 5_000}), whole)
    content = whole.read_bytes()
    file = data / "part.parquet"
    file.write_bytes(content[: len(content) // 2])
    monitor = watch()
    found = monitor.run_once()
    assert (total(found), found["files"]["rejected"]) == (0, [])
    assert "end has not been written" in found["files"]["pending"][0]["reason"]
    file.write_bytes(content)
    assert total(monitor.run_once()) == 5_000


def test_a_parquet_file_that_stays_cut_off_is_set_aside(watch, data, caplog):
    file = data / "part.parquet"
    file.write_bytes(b"PAR1" + b"\0" * 500)
    age(file, 600)
    (data / "good.csv").write_text(HEADER + lines(10))
    monitor = watch()
    found = monitor.run_once()
    assert total(found) == 10
    (rejected,) = found["files"]["rejected"]
    assert rejected["file"] == str(file)
    assert "cut off or no parquet file" in rejected["reason"]
    assert str(file) in caplog.text
    assert 'ml_watch_files{model="' + monitor.name + '",state="rejected"} 1.0' in monitor.metrics_text().decode()
    assert monitor.run_once()["files"]["events"]["rejected"] == 1, "it is not tried again while it is as it was"
    parquet.write_table(pa.table({"x": [1.0], "city": ["Oslo"]}), file)
    age(file, 300)
    found = monitor.run_once()
    assert (total(found), found["files"]["rejected"]) == (11, [])


def test_a_damaged_middle_of_a_file_counts_nothing_of_it_until_it_is_mended(watch, data):
    """Parquet is counted whole or not at all: mended, its rows are not counted a second time."""
    file = data / "a.parquet"
    table = pa.table({"x": np.random.default_rng(1).normal(size=200_000), "city": ["Oslo"] * 200_000})
    parquet.write_table(table, file, row_group_size=50_000, compression="snappy")
    content = bytearray(file.read_bytes())
    good = bytes(content)
    at = parquet.read_metadata(file).row_group(2).column(0).data_page_offset
    content[at : at + 64] = b"\xff" * 64
    file.write_bytes(content)
    age(file, 600)
    monitor = watch()
    found = monitor.run_once()
    assert (total(found), len(found["files"]["rejected"])) == (0, 1)
    assert counted(monitor) == 0
    file.write_bytes(good)
    age(file, 300)
    assert total(monitor.run_once()) == 200_000


def test_the_cells_of_a_bad_row_are_in_no_message(watch, data, caplog):
    (data / "a.csv").write_text(HEADER + "hunter2,Oslo,4111111111111111\n")
    found = watch().run_once()
    assert "got 3; a line has another number" in found["files"]["rejected"][0]["reason"]
    assert not {"hunter2", "4111111111111111"} & set(caplog.text.replace(":", " ").replace(",", " ").split())
    assert "hunter2" not in json.dumps(found)


def test_rows_before_a_bad_line_stay_counted_and_the_file_goes_on_when_it_is_mended(watch, data, monkeypatch):
    monkeypatch.setattr(parts, "BLOCK_BYTES", 1_000)
    good = HEADER + lines(200)
    file = data / "log.csv"
    file.write_text(good + "1,2,3\n")
    monitor = watch()
    found = monitor.run_once()
    before = total(found)
    assert 100 < before <= 200
    assert "in the part from byte" in found["files"]["rejected"][0]["reason"]
    file.write_text(good + lines(7, 200))
    found = monitor.run_once()
    assert (total(found), found["files"]["rejected"]) == (207, [])


@pytest.mark.parametrize("content", [b"\x00\xff" * 300, b"", b"a,b\n1,2,3\n"])
def test_no_content_ends_the_reading_of_the_other_files(watch, data, content):
    for suffix in ("csv", "tsv", "jsonl", "parquet", "arrow", "feather", "csv.gz", "jsonl.zst"):
        (data / f"bad.{suffix}").write_bytes(content)
        age(data / f"bad.{suffix}", 600)
    (data / "zz.csv").write_text(HEADER + lines(10))
    found = watch().run_once()
    assert counted_rows(found, "on_time") >= 10
    assert found["runs"]["last_error"] is None


def counted_rows(found, timing):
    return found["rows"][timing]


# --- which file is which ---------------------------------------------------------------------------------------------


def test_a_renamed_file_is_not_counted_again_and_goes_on(watch, data):
    file = data / "a.csv"
    file.write_text(HEADER + lines(10))
    monitor = watch()
    monitor.run_once()
    moved = file.rename(data / "b.csv")
    with moved.open("a") as stream:
        stream.write(lines(3, 10))
    found = monitor.run_once()
    assert (total(found), found["files"]["events"]["renamed"]) == (13, 1)


def test_a_log_that_is_rotated_is_read_to_its_end_and_from_its_beginning(watch, data):
    """The old file gets a new name and a last line, the new one the old name."""
    file = data / "log.csv"
    file.write_text(HEADER + lines(10))
    monitor = watch()
    monitor.run_once()
    with file.open("a") as stream:
        stream.write(lines(2, 10))
    file.rename(data / "log-1.csv")
    file.write_text(HEADER + lines(4, 50))
    assert [total(monitor.run_once()) for _ in range(2)] == [16, 16]


def test_files_that_change_names_with_each_other_are_not_counted_again(watch, data):
    one, two = data / "a.csv", data / "b.csv"
    one.write_text(HEADER + lines(10))
    two.write_text(HEADER + lines(20, 100))
    monitor = watch()
    monitor.run_once()
    aside = one.rename(data.parent / "aside.csv")
    two.rename(one)
    aside.rename(two)
    assert total(monitor.run_once()) == 30


def test_a_truncated_file_is_read_from_its_beginning(watch, data):
    file = data / "log.csv"
    file.write_text(HEADER + lines(100))
    monitor = watch()
    monitor.run_once()
    file.write_text(HEADER + lines(5, 500))
    found = monitor.run_once()
    assert (total(found), found["files"]["events"]["truncated"]) == (105, 1)


def test_a_file_that_is_written_anew_and_longer_is_read_from_its_beginning(watch, data):
    file = data / "log.csv"
    file.write_text(HEADER + lines(10))
    monitor = watch()
    monitor.run_once()
    file.write_text(HEADER + lines(50, 500))
    found = monitor.run_once()
    assert (total(found), found["files"]["events"]["replaced"]) == (60, 1)


def test_a_parquet_file_that_is_replaced_is_counted_as_new_and_a_touched_one_is_not(watch, data):
    file = data / "a.parquet"
    parquet.write_table(pa.table({"x": np.arange(10.0), "city": ["Oslo"] * 10}), file)
    age(file, 600)
    monitor = watch()
    monitor.run_once()
    age(file, 300)
    assert total(monitor.run_once()) == 10
    copy = data / ".copy"
    shutil.copy(file, copy)
    age(copy, 300)
    copy.replace(file)
    assert total(monitor.run_once()) == 10, "the same content under the same name"
    parquet.write_table(pa.table({"x": np.arange(30.0), "city": ["Rome"] * 30}), file)
    age(file, 200)
    found = monitor.run_once()
    assert (total(found), found["files"]["events"]["replaced"]) == (40, 1)


def test_a_new_file_with_the_number_of_a_deleted_one_is_new(watch, data):
    """File systems give a freed inode to the next file."""
    monitor = watch()
    for number in range(5):
        file = data / f"day-{number}.csv"
        file.write_text(HEADER + lines(10, 1_000 * number))
        age(file, 600 - number)
        assert total(monitor.run_once()) == 10 * (number + 1)
        file.unlink()


def test_a_file_that_comes_back_is_known_again_for_a_week(watch, data, monkeypatch):
    file = data / "a.csv"
    file.write_text(HEADER + lines(10))
    monitor = watch()
    monitor.run_once()
    aside = file.rename(data.parent / "aside.csv")
    monitor.run_once()
    aside.rename(file)
    assert total(monitor.run_once()) == 10
    file.unlink()
    monitor._watch._now = lambda now=monitor._watch._now: now() + reading.FORGOTTEN_SECONDS + reading.SEEN_SECONDS + 1
    found = monitor.run_once()
    assert found["files"]["events"]["forgotten"] == 1
    assert monitor._watch.published.files == {}


def test_what_is_remembered_is_bounded_and_what_is_beyond_is_said(watch, data, monkeypatch):
    monkeypatch.setattr(reading, "MAX_FILES", 5)
    for number in range(7):
        (data / f"{number}.csv").write_text(HEADER + lines(1))
    monitor = watch()
    found = monitor.run_once()
    assert (total(found), found["files"]["pending_files"]) == (5, 2)
    assert "5 files are remembered already; move old ones away" in found["files"]["pending"][0]["reason"]
    for number in range(3):
        (data / f"{number}.csv").unlink()
    monitor.run_once()
    assert total(monitor.run_once()) == 7


# --- places ----------------------------------------------------------------------------------------------------------


def test_a_missing_path_is_an_error_at_once_and_an_empty_folder_or_pattern_is_not(watch, data):
    with pytest.raises(DataError, match="no such file or folder"):
        watch(data / "nowhere").run_once()
    assert total(watch().run_once()) == 0
    monitor = watch(str(data / "*.csv"))
    assert total(monitor.run_once()) == 0
    (data / "a.csv").write_text(HEADER + lines(3))
    assert total(monitor.run_once()) == 3


def test_a_folder_that_vanishes_fails_the_reading_and_its_return_mends_it(watch, data, until):
    (data / "a.csv").write_text(HEADER + lines(3))
    monitor = watch(interval=0.1).start()
    until(lambda: total(monitor.get_metrics()) == 3)
    aside = data.rename(data.parent / "aside")
    until(lambda: monitor.get_metrics()["runs"]["last_error"])
    assert "no such file or folder" in monitor.get_metrics()["runs"]["last_error"]
    assert f'ml_watch_run_success{{model="{monitor.name}"}} 0.0' in monitor.metrics_text().decode()
    with (aside / "a.csv").open("a") as stream:
        stream.write(lines(2))
    aside.rename(data)
    until(lambda: total(monitor.get_metrics()) == 5)
    assert monitor.get_metrics()["runs"]["last_error"] is None


@pytest.fixture
def bound_data(monkeypatch):
    """Return a folder that is opened and listed as a user whom permissions bind, also where root runs the tests."""
    with tempfile.TemporaryDirectory() as name:  # not pytest's own, whose parents are closed to others
        yield _bound(Path(name), monkeypatch)


def _bound(folder: Path, monkeypatch) -> Path:
    folder.chmod(0o755)
    if os.geteuid() != 0:
        return folder

    def bound(call):
        # Not for the whole test: this user may not even be allowed to read Python's own modules.
        def as_nobody(*arguments):
            os.seteuid(65_534)
            try:
                return call(*arguments)
            finally:
                os.seteuid(0)

        return as_nobody

    monkeypatch.setattr(reading, "opened", bound(reading.opened))
    monkeypatch.setattr(listing.os, "scandir", bound(os.scandir))
    return folder


def test_a_file_without_permission_is_named_and_read_when_it_may_be(watch, bound_data):
    secret, good = bound_data / "a.csv", bound_data / "b.csv"
    secret.write_text(HEADER + lines(4))
    good.write_text(HEADER + lines(3))
    good.chmod(0o644)
    secret.chmod(0)
    monitor = watch(bound_data)
    found = monitor.run_once()
    assert total(found) == 3
    assert found["files"]["rejected"][0]["reason"] == "cannot be read: Permission denied; let this user read it"
    secret.chmod(0o644)
    found = monitor.run_once()
    assert (total(found), found["files"]["rejected"]) == (7, [])


def test_a_folder_without_permission_is_an_error_and_not_empty(watch, bound_data):
    bound_data.chmod(0)
    try:
        with pytest.raises(DataError, match="Permission denied; let this user list"):
            watch(bound_data).run_once()
    finally:
        bound_data.chmod(0o700)
