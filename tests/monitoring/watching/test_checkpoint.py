"""Counts and positions survive everything together, and are never lost in silence."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pyarrow as pa
import pytest
import requests
from pyarrow import parquet

from ml_models.errors import CheckpointError, LifecycleError
from ml_models.monitoring import DataMonitor, ReferenceProfile
from ml_models.monitoring.watching import checkpoint, engine, parts
from watching_helpers import HEADER, age, counted, lines, total


def test_a_new_monitor_goes_on_where_the_last_one_ended(watch, data):
    file = data / "log.csv"
    file.write_text(HEADER + lines(100))
    assert total(watch().run_once()) == 100
    with file.open("a") as stream:
        stream.write(lines(20, 100))
    again = watch()
    assert total(again.run_once()) == 120
    assert counted(again) == 120
    bins = [line for line in again.metrics_text().decode().splitlines() if "bin_observations_total{" in line]
    assert sum(float(line.split()[-1]) for line in bins if 'feature="city"' in line) == 120


def test_what_was_learnt_goes_on_too(watch, data):
    (data / "log.csv").write_text(HEADER + lines(300))
    first = watch(reference=None).run_once()
    (data / "log.csv").write_text("")
    again = watch(reference=None).run_once()
    assert again["model"]["reference_learnt"] is True
    assert again["model"]["reference"] == first["model"]["reference"]
    assert total(again) == 300


def test_the_learnt_reference_lies_beside_the_checkpoint(watch, data):
    (data / "log.csv").write_text(HEADER + lines(300))
    monitor = watch(reference=None)
    monitor.run_once()
    assert ReferenceProfile.load(monitor.checkpoint / "reference.json").fingerprint == monitor.reference.fingerprint


WATCHER = """
import sys
from ml_models.monitoring import DataMonitor, ReferenceProfile
from ml_models.monitoring.watching import engine, parts
engine.COMMIT_SECONDS = engine.COMMIT_SHARE = 0.0
parts.BLOCK_BYTES = 20_000
data, state, reference = sys.argv[1:]
monitor = DataMonitor(data, name="killed", checkpoint=state, reference=reference, interval=0.1, port=0)
monitor.start()
print(monitor.url, flush=True)
sys.stdin.read()
monitor.stop()
"""


def _scraped(url: str) -> int:
    text = requests.get(f"{url}/metrics", timeout=10).text
    found = [line for line in text.splitlines() if line.startswith("ml_watch_rows_total{")]
    return int(sum(float(line.split()[-1]) for line in found))


def test_every_row_is_counted_once_however_often_the_process_is_killed(data, tmp_path):
    """Kill -9 at random moments while files come and grow; in the end counts equal the rows, and never went back."""
    rng = random.Random(7)  # noqa: S311 - moments, not secrets
    reference = tmp_path / "reference.json"
    ReferenceProfile.fit({"x": np.arange(100.0), "city": ["Oslo", "Rome"] * 50}).save(reference)
    rows = 0
    seen = [0]
    for life in range(12):
        with (data / "log.csv").open("a") as stream:
            stream.write((HEADER if life == 0 else "") + lines(4_000, rows))
        parquet.write_table(
            pa.table({"x": np.arange(3_000.0) % 100, "city": ["Oslo"] * 3_000}), data / f"{life}.parquet"
        )
        age(data / f"{life}.parquet", 600)
        (data / f"{life}.jsonl").write_text("".join(json.dumps({"x": i, "city": "Rome"}) + "\n" for i in range(2_000)))
        rows += 9_000
        process = subprocess.Popen(
            [sys.executable, "-c", WATCHER, data, tmp_path / "state", reference],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        with process:
            try:
                url = process.stdout.readline().strip()
                # Killed when the exposed count has changed so many times, or is complete.
                changes, last, limit = rng.randint(0, 10), seen[-1], time.monotonic() + 60
                while changes and last < rows:
                    assert time.monotonic() < limit
                    now = _scraped(url)
                    assert now >= last, "what was scraped is never taken back"
                    changes, last = changes - (now != last), now
            finally:
                os.kill(process.pid, signal.SIGKILL)
        peek = DataMonitor(data, name="peek", checkpoint=tmp_path / "state", reference=reference, port=0)
        peek._watch.open()
        published = peek._watch.published
        cells = published.counts.total.cells
        assert sum(record.rows for record in published.files.values()) == sum(published.counts.rows.values())
        assert cells[0, 0] == sum(published.counts.rows.values()), "counts and positions agree at every moment"
        assert cells[0, 0] >= last
        seen.append(int(cells[0, 0]))
        peek.stop()
    assert seen == sorted(seen)
    assert any(count % 9_000 for count in seen), "it was killed in the middle, too"
    monitor = DataMonitor(data, name="peek", checkpoint=tmp_path / "state", reference=reference, port=0)
    assert total(monitor.run_once()) == rows
    assert counted(monitor) == rows
    monitor.stop()


def test_stopping_in_the_middle_of_a_large_file_is_prompt_and_loses_nothing(watch, data, monkeypatch, until):
    monkeypatch.setattr(parts, "BLOCK_BYTES", 50_000)
    (data / "log.csv").write_text(HEADER + lines(100_000))
    monitor = watch().start()
    until(lambda: monitor._watch._book.counts.rows["on_time"] > 0)
    monitor.stop()
    published = monitor._watch.published
    got = published.counts.rows["on_time"]
    assert 0 < got < 100_000
    assert counted(monitor) == got
    again = watch()
    assert total(again.run_once()) == 100_000
    assert counted(again) == 100_000


def test_stopping_in_the_middle_of_a_parquet_file_leaves_it_to_the_next_time(watch, data, until):
    file = data / "a.parquet"
    parquet.write_table(pa.table({"x": np.arange(3_000_000.0), "city": ["Oslo"] * 3_000_000}), file)
    age(file, 600)
    monitor = watch().start()
    until(lambda: monitor._watch.progress is not None)
    monitor.stop()
    assert monitor._watch.published.counts.rows["on_time"] in {0, 3_000_000}
    assert total(watch().run_once()) == 3_000_000


# --- the file --------------------------------------------------------------------------------------------------------


def _file(monitor):
    (file,) = monitor.checkpoint.glob("checkpoint-*.json")
    return file


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: data[:-100], "checksum does not match"),
        (lambda data: data.replace(b'"rows":{', b'"rows":{ ', 1), "checksum does not match"),
        (lambda data: b"", "damaged or no checkpoint"),
        (lambda data: b"{}\n{}\n", "damaged or no checkpoint"),
        (lambda data: b"\x00\xff", "damaged or no checkpoint"),
        (lambda data: data.replace(b'"version": 1', b'"version": 2', 1), "version 2, this package reads version 1"),
    ],
)  # fmt: skip
def test_a_damaged_or_foreign_checkpoint_is_an_error_that_says_what_to_do(watch, data, spoil, message):
    (data / "a.csv").write_text(HEADER + lines(10))
    monitor = watch()
    monitor.run_once()
    monitor.stop()
    file = _file(monitor)
    content = file.read_bytes()
    file.write_bytes(spoil(content))
    with pytest.raises(CheckpointError, match=f"{message}.*(move (it|the file) away).*counted anew"):
        watch().run_once()
    file.write_bytes(content)
    assert total(watch().run_once()) == 10


def test_another_reference_begins_anew_and_the_old_counts_stay(watch, data, caplog):
    (data / "a.csv").write_text(HEADER + lines(10))
    old = watch()
    old.run_once()
    other = ReferenceProfile.fit({"x": np.arange(50.0)})
    found = watch(reference=other).run_once()
    assert total(found) == 10
    assert "there is no checkpoint of this reference yet" in caplog.text
    assert len(list(old.checkpoint.glob("checkpoint-*.json"))) == 2
    (data / "a.csv").write_text(HEADER + lines(10) + lines(2, 10))
    assert total(watch().run_once()) == 12, "the old reference goes on where it was"


def test_another_window_begins_the_windows_anew_and_keeps_all_other_counts(watch, data, caplog):
    (data / "a.csv").write_text(HEADER + lines(300))
    watch().run_once()
    found = watch(window=60.0).run_once()
    assert (total(found), found["data"]["rows"], found["trends"]) == (300, 0, [])
    assert "the windows begin anew" in caplog.text


def test_two_monitors_cannot_hold_one_checkpoint(watch, data, tmp_path):
    monitor = watch(name="one")
    monitor.run_once()
    other = DataMonitor(data, name="two", checkpoint=tmp_path / "state", port=0)
    with pytest.raises(CheckpointError, match=f"held by another data monitor .process {os.getpid()}.; stop that one"):
        other.run_once()
    with pytest.raises(CheckpointError, match="held by another"):
        other.start()
    assert not other.running
    monitor.stop()
    assert total(other.run_once()) == 0
    other.stop()


def test_two_monitors_of_one_name_do_not_run_at_once(watch, data, tmp_path):
    monitor = watch(name="twin").start()
    other = DataMonitor(data, name="twin", checkpoint=tmp_path / "other", port=0)
    with pytest.raises(LifecycleError, match="'twin', version '', is already running"):
        other.start()
    monitor.stop()


def test_another_process_cannot_hold_it_either(watch, data, tmp_path):
    monitor = watch()
    monitor.run_once()
    code = "from ml_models.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "watch", data, "--once", "--checkpoint", tmp_path / "state"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, "is held by another data monitor" in done.stderr) == (2, True)


def test_what_a_killed_process_left_half_written_is_swept_away(watch, data, tmp_path):
    left = tmp_path / "state" / ".checkpoint-learnt.json.0123.tmp"
    left.parent.mkdir()
    left.write_text("half")
    watch().run_once()
    assert not left.exists()


# --- a disk that is full ---------------------------------------------------------------------------------------------


@pytest.fixture
def full_disk(monkeypatch):
    """Let the disk be full for the checkpoint while the event is set."""
    full = threading.Event()
    sync = os.fsync

    def fsync(number: int) -> None:
        if full.is_set():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(number)

    monkeypatch.setattr(checkpoint.os, "fsync", fsync)
    return full


def test_while_the_disk_is_full_nothing_is_shown_that_could_be_lost(watch, data, full_disk):
    """Counts that are not on disk are not exposed; when there is room again, all are there once."""
    file = data / "log.csv"
    file.write_text(HEADER + lines(100))
    monitor = watch()
    assert total(monitor.run_once()) == 100
    full_disk.set()
    with file.open("a") as stream:
        stream.write(lines(50, 100))
    found = monitor.run_once()
    assert total(found) == counted(monitor) == 100
    assert "No space left on device" in found["runs"]["last_error"]
    assert "make room" in found["runs"]["last_error"]
    assert not list(monitor.checkpoint.glob(".*.tmp"))
    full_disk.clear()
    found = monitor.run_once()
    assert total(found) == counted(monitor) == 150
    assert found["runs"]["last_error"] is None
    assert total(watch().run_once()) == 150


def test_a_process_that_dies_with_a_full_disk_has_counted_nothing_twice(watch, data, full_disk):
    file = data / "log.csv"
    file.write_text(HEADER + lines(100))
    monitor = watch()
    monitor.run_once()
    full_disk.set()
    with file.open("a") as stream:
        stream.write(lines(50, 100))
    monitor.run_once()
    monitor.stop()
    full_disk.clear()
    assert total(watch().run_once()) == 150


def test_a_checkpoint_is_written_only_when_something_has_changed(watch, data, monkeypatch):
    (data / "a.csv").write_text(HEADER + lines(10))
    monitor = watch()
    monitor.run_once()
    before = _file(monitor).stat().st_mtime_ns
    for _ in range(3):
        monitor.run_once()
    assert _file(monitor).stat().st_mtime_ns == before


def test_a_folder_that_cannot_be_made_is_named_with_the_remedy(watch, data, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"file/state: cannot be written: Not a directory; name another folder"):
        watch(checkpoint=tmp_path / "file" / "state").run_once()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"STATE_DIRECTORY": "/var/lib/mlmon:/x", "XDG_STATE_HOME": "/s"}, "/var/lib/mlmon"),
        ({"XDG_STATE_HOME": "/s"}, "/s/ml-models-monitoring"),
        ({"HOME": "/users/ann"}, "/users/ann/.local/state/ml-models-monitoring"),
    ],
)
def test_the_default_folder_is_where_state_belongs(variables, expected, monkeypatch):
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    folder = checkpoint.default_folder("a/b c", "data")
    assert str(folder.parent) == expected
    assert folder.name.startswith("a-b-c-")
    assert folder != checkpoint.default_folder("a/b c", "other")


def test_a_reading_commits_from_time_to_time(watch, data, monkeypatch):
    monkeypatch.setattr(engine, "COMMIT_SECONDS", 0.0)
    monkeypatch.setattr(engine, "COMMIT_SHARE", 0.0)
    for number in range(5):
        (data / f"{number}.csv").write_text(HEADER + lines(1))
    saved = []
    save = checkpoint.save
    monkeypatch.setattr(checkpoint, "save", lambda *arguments: (saved.append(1), save(*arguments)))
    watch().run_once()
    assert len(saved) >= 5
