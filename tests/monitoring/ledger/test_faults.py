"""What can go wrong with a ledger's database, and what is lost by it: nothing that was acknowledged."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter

import numpy as np
import pytest

from ml_models.errors import ConfigError, MissingExtraError
from ml_models.monitoring import ModelMonitor
from ml_models.monitoring.held import Held
from ml_models.monitoring.ids import IdMaker, keys
from ml_models.monitoring.ledger import Ledger, LedgerSettings, Sqlite, databases, open_ledger
from ml_models.monitoring.ledger import ledger as ledger_module
from monitoring.ledger.driven import CLASSES, EVERY_SHARED_KIND, Driven

NO, YES, PERHAPS = range(3)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(databases, "BUSY_SECONDS", 0.05)


def _recovers(driven, before):
    """Assert that what waited is written once the database is back."""
    driven.now += 60
    driven.settle()
    state = driven.ledger.state
    assert (state.up, state.error, state.spooled) == (True, None, {"predictions": 0, "labels": 0})
    assert state.writes["failed"] >= 1
    assert driven.joined[before:], "the label that waited was joined"


# --- the database is not there --------------------------------------------------------------------------------------


def test_a_full_disk(drive, monkeypatch, caplog):
    full, connect = [False], Sqlite._connect

    def limited(self):
        connection = connect(self)
        if full[0]:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    monkeypatch.setattr(Sqlite, "_connect", limited)
    driven = drive()
    (first,) = driven.predict([YES])
    full[0] = True
    driven.ledger.close()
    for _ in range(3):
        driven.predict([YES, NO, PERHAPS] * 2_000)
        driven.now += 60
    driven.label(first, "yes")
    state = driven.ledger.state
    assert not state.up
    assert state.error == "OperationalError"
    assert state.spooled["predictions"] > 0
    assert state.spooled["labels"] == 1
    assert "cannot be written to (OperationalError): labels wait in memory" in caplog.text
    full[0] = False
    caplog.clear()
    caplog.set_level(logging.WARNING)
    driven.now -= 120  # still within the horizon of the first
    driven.ledger._retry_at = -1.0
    driven.settle()
    assert driven.ledger.state.up
    assert driven.joined == [(YES, "yes")]
    assert "can be written to again" in caplog.text
    assert driven.ledger.state.spooled == {"predictions": 0, "labels": 0}


def test_a_lock_that_another_process_holds(drive, target):
    driven = drive(horizon=1e6)
    (one,) = driven.predict([YES])
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(f"""
            import sqlite3, sys
            connection = sqlite3.connect({target!r}, isolation_level=None)
            connection.execute("BEGIN IMMEDIATE")
            print("held", flush=True)
            sys.stdin.read()
        """)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout.readline() == "held\n"
    driven.label(one, "yes")
    driven.predict([NO])
    assert not driven.ledger.state.up
    assert driven.ledger.state.spooled == {"predictions": 1, "labels": 1}
    holder.communicate(timeout=10)
    _recovers(driven, 0)
    assert driven.ledger.state.awaiting == 1


@pytest.mark.parametrize("target", ["postgresql"], indirect=True)
def test_a_server_that_stops_and_comes_back(drive, cluster):
    driven = drive(horizon=1e6)
    (one,) = driven.predict([YES])
    cluster.stop()
    try:
        driven.label(one, "yes")
        driven.predict([NO, NO])
        state = driven.ledger.state
        assert (state.kind, state.up, state.durable) == ("postgresql", False, True)
        assert state.spooled == {"predictions": 2, "labels": 1}
    finally:
        cluster.start()
    _recovers(driven, 0)
    assert driven.ledger.state.awaiting == 2


def test_while_it_is_away_it_is_asked_seldom(drive, target, monkeypatch):
    monkeypatch.setattr(Sqlite, "begin", lambda self, name: (_ for _ in ()).throw(sqlite3.OperationalError("away")))
    driven = drive()
    for _ in range(600):
        driven.predict([YES])
        driven.now += 0.1
    assert 4 <= driven.ledger.state.writes["failed"] <= 9, "0.5, 1, 2, 4, 8, 16 and 30 seconds apart"


def test_what_waits_is_bounded_and_what_is_too_much_is_counted(drive, monkeypatch):
    monkeypatch.setattr(ledger_module, "MAX_SPOOLED", 10)
    begin = Sqlite.begin
    monkeypatch.setattr(Sqlite, "begin", lambda self, name: (_ for _ in ()).throw(sqlite3.OperationalError("away")))
    driven = drive(horizon=1e6)
    for number in range(8):
        driven.predict([YES, NO])
        driven.label(f"one {number}", "yes")
        driven.label(f"two {number}", "yes")
    state = driven.ledger.state
    assert state.spooled == {"predictions": 10, "labels": 10}
    assert state.dropped == {"predictions": 6, "labels": 6}
    monkeypatch.setattr(Sqlite, "begin", begin)
    driven.now += 60
    driven.settle()
    assert driven.ledger.state.awaiting == 10
    driven.predict([YES] * 10)
    assert driven.ledger.state.dropped["predictions"] == 6


def test_a_commit_whose_answer_is_lost_is_not_done_twice(tmp_path):
    lose = [False]

    class Losing(Sqlite):
        def commit(self):
            super().commit()
            if lose[0]:
                lose[0] = False
                raise sqlite3.OperationalError("the connection broke")

    driven = Driven(Ledger("m", Losing(tmp_path / "l.sqlite"), LedgerSettings(1_000, 1e6)))
    (one,) = driven.predict([YES])
    lose[0] = True
    driven.predict([NO], settle=False)
    driven.label(one, "yes")
    assert driven.joined == [], "it cannot know yet"
    driven.now += 60
    driven.settle()
    assert driven.joined == [(YES, "yes")]
    assert driven.ends == {"joined": 1}
    assert driven.ledger.state.awaiting == 1
    assert driven.ledger.state.spooled == {"predictions": 0, "labels": 0}
    driven.ledger.close()


# --- the file -------------------------------------------------------------------------------------------------------


def test_the_file_is_its_owners_alone(tmp_path):
    path = tmp_path / "new" / "ledger.sqlite"
    old = os.umask(0)
    try:
        driven = Driven(open_ledger("m", path, None, LedgerSettings(100, 60.0)))
        driven.predict([YES])
        modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(old)
    assert modes == {"ledger.sqlite": 0o600, "ledger.sqlite-wal": 0o600, "ledger.sqlite-shm": 0o600}
    driven.ledger.close()


def test_a_file_that_is_no_ledger_is_left_as_it_is(tmp_path):
    path = tmp_path / "precious.txt"
    path.write_text("not a database" * 100)
    driven = Driven(open_ledger("m", path, None, LedgerSettings(100, 60.0)))
    driven.predict([YES])
    assert (driven.ledger.state.up, driven.ledger.state.error) == (False, "DatabaseError")
    assert path.read_text() == "not a database" * 100


def test_a_file_that_was_deleted_is_made_anew(drive, tmp_path):
    driven = drive()
    driven.predict([YES])
    for one in tmp_path.glob("ledger.sqlite*"):
        one.unlink()
    (one,) = driven.predict([NO])
    assert (tmp_path / "ledger.sqlite").exists()
    driven.label(one, "no")
    assert driven.joined == [(NO, "no")]


def test_tables_of_another_release_are_not_touched(drive, target, caplog):
    before = drive()
    before.predict([YES])
    before.ledger.close()
    with contextlib.closing(sqlite3.connect(target)) as connection:
        connection.execute("UPDATE ml_ledger_version SET version = 99")
        connection.commit()
    driven = drive()
    driven.predict([NO])
    assert driven.ledger.state.error == "LedgerVersionError"
    assert "found tables of version 99, this release has 1; use another file" in caplog.text


def test_where_the_default_file_cannot_be_made_the_ledger_is_in_memory_and_says_so(make, tmp_path, monkeypatch, caplog):
    """As in a container whose file system is read-only."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monitor = make(classes=["no", "yes"])
    monitor.track(lambda row: "yes")({})
    monitor.record_outcome(monitor.last_prediction_id(), "yes")
    labels = monitor.get_metrics()["labels"]
    assert labels["joined"] == 1
    assert (labels["ledger"]["kind"], labels["ledger"]["durable"], labels["ledger"]["up"]) == ("memory", False, True)
    text = monitor.metrics_text().decode()
    assert f'ml_ledger_durable{{model="{monitor.name}"}} 0.0' in text
    assert f'ml_ledger_up{{kind="memory",model="{monitor.name}"}} 1.0' in text
    assert "cannot be kept in the default file (NotADirectoryError)" in caplog.text


def test_a_file_that_was_asked_for_is_waited_for(make, tmp_path):
    """Its folder may be a volume that is not there yet."""
    (tmp_path / "late").touch()
    monitor = make(label_ledger=tmp_path / "late" / "ledger.sqlite")
    monitor.track(lambda row: 1)({})
    assert not monitor.flush()
    ledger = monitor.get_metrics()["labels"]["ledger"]
    assert (ledger["kind"], ledger["up"], ledger["spooled"]) == ("sqlite", False, 1)
    (tmp_path / "late").unlink()
    monitor.pipeline.ledger._retry_at = 0.0
    assert monitor.flush()


# --- secrets --------------------------------------------------------------------------------------------------------


def test_the_password_of_a_database_is_never_shown(make, tmp_path, caplog):
    secret = tmp_path / "url"
    secret.write_text("postgresql://monitor:hunter2@127.0.0.1:1/labels\n")
    monitor = make(label_ledger_url_file=secret)
    monitor.track(lambda row: 1)({})
    assert not monitor.flush()
    shown = repr(monitor.get_metrics()) + monitor.metrics_text().decode() + caplog.text + repr(vars(monitor))
    assert monitor.get_metrics()["labels"]["ledger"]["error"] == "OperationalError"
    assert "hunter2" not in shown


@pytest.mark.parametrize("url", ["mysql://me:hunter2@db/x", "postgresql://me:hunter2@db:port/x", "://hunter2"])
def test_another_url_is_refused_without_showing_it(url):
    with pytest.raises(ConfigError, match=r"labels\.ledger: found another URL; postgresql://") as raised:
        ModelMonitor(name="refused", label_ledger=url)
    assert "hunter2" not in str(raised.value)


def test_the_file_of_a_url_must_hold_one(tmp_path):
    for content, fault in (
        (None, "cannot be read (FileNotFoundError)"),
        ("secret", "holds no URL"),
        (b"\xff", "cannot"),
    ):
        path = tmp_path / f"url-{fault[:5]}-{content!r:.5}"
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(ConfigError) as raised:
            ModelMonitor(name="refused", label_ledger_url_file=path)
        assert fault in str(raised.value)
        assert "secret" not in str(raised.value)
    with pytest.raises(ConfigError, match="found both; set one"):
        ModelMonitor(name="refused", label_ledger="memory", label_ledger_url_file=path)


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(MissingExtraError, match=r"ml-models-monitoring\[sql\]"):
        ModelMonitor(name="refused", label_ledger="postgresql://db/labels")


# --- processes ------------------------------------------------------------------------------------------------------

_SERVE = """
    import sys
    from ml_models.monitoring import ModelMonitor
    monitor = ModelMonitor(name="killed", port=0, label_ledger=sys.argv[1], classes=["no", "yes"]).start()
    own = monitor.track(prediction_id="order")(lambda row: "yes")
    made = monitor.track(lambda rows: ["no"] * len(rows))
    for number in range(10**9):
        own({"order": number})
        made([[0.0]] * 3)
        second = monitor.last_prediction_id(1)
        monitor.record_outcome(number, "yes")
        assert monitor.flush()
        print(number, second, flush=True)
"""


@EVERY_SHARED_KIND
def test_a_killed_process_has_lost_no_acknowledged_prediction_and_no_label(target, make):
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_SERVE), target], stdout=subprocess.PIPE, text=True
    )
    acknowledged = [process.stdout.readline().split() for _ in range(30)]
    process.kill()
    rest, _ = process.communicate(timeout=20)
    acknowledged += [
        line.split() for line in rest.splitlines() if len(line.split()) == 2 and len(line.split()[1]) == 36
    ]
    assert process.returncode == -signal.SIGKILL
    monitor = make(name="killed", label_ledger=target, classes=["no", "yes"])
    for number, made in acknowledged:
        monitor.record_outcome(int(number), "yes")
        monitor.record_outcome(made, "yes")
    assert monitor.flush()
    labels = monitor.get_metrics()["labels"]
    assert labels["duplicate"] == len(acknowledged), "its labels are there"
    assert labels["joined"] == len(acknowledged), "and so are its predictions"
    assert monitor.get_metrics()["performance"]["confusion"]["counts"] == [[0, 0], [len(acknowledged), 0]]


_LABEL = """
    import sys
    from ml_models.monitoring import ModelMonitor
    monitor = ModelMonitor(name="shared", port=0, label_ledger=sys.argv[1], classes=["no", "yes"]).start()
    predict = monitor.track(lambda row: "no")
    print("ready", flush=True)
    for line in sys.stdin:
        predict({"x": 1.0})
        monitor.record_outcome(line.strip(), "yes")
    assert monitor.flush()
    labels = monitor.get_metrics()["labels"]
    print(labels["joined"], labels["duplicate"], labels["awaiting"], labels["early"], flush=True)
    sys.stdout.close()
"""


@EVERY_SHARED_KIND
def test_of_two_processes_that_get_the_same_label_at_once_one_counts_it(target, make):
    monitor = make(name="shared", label_ledger=target, classes=["no", "yes"])
    monitor.track(lambda rows: ["yes"] * len(rows))([[0.0]] * 2_000)
    ids = [monitor.last_prediction_id(row) for row in range(2_000)]
    assert monitor.flush()
    command = [sys.executable, "-c", textwrap.dedent(_LABEL), target]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, **pipes) for _ in range(2)]
    assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 2
    feeders = [threading.Thread(target=worker.stdin.write, args=("\n".join(ids) + "\n",)) for worker in workers]
    for feeder in feeders:
        feeder.start()
    for feeder in feeders:
        feeder.join(60)
    found = [worker.communicate(timeout=60)[0].split() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    joined, duplicate = (sum(int(one[place]) for one in found) for place in (0, 1))
    assert (joined, duplicate) == (2_000, 2_000)
    monitor.track(lambda row: "yes")({})
    monitor.flush()
    assert monitor.get_metrics()["labels"]["awaiting"] == 4_001, "what both have predicted meanwhile, and this"


# --- load -----------------------------------------------------------------------------------------------------------


def test_a_million_predictions_without_a_label_stay_within_the_bound(drive, tmp_path):
    driven, ids = drive(max_rows=400_000, horizon=1e6), IdMaker()
    held = Held.of(np.ones(4_096, dtype=np.int64), np.random.default_rng(0).random((4_096, 1)))
    for number in range(250):
        when = ids.milliseconds(int(driven.now * 1e9))
        driven.ledger.add(ids.process, keys(number, 4_096), held, CLASSES, None, when, when, now=driven.now)
        driven.settle()
    state = driven.ledger.state
    assert 400_000 - 1_024 < state.awaiting <= 400_000
    assert driven.ends["evicted"] + state.awaiting == 250 * 4_096
    size = sum(one.stat().st_size for one in tmp_path.glob("ledger.sqlite*"))
    assert size < 400_000 * 24 + (8 << 20), "a number of 8 bytes, its place in a page, and the log"
    assert state.spooled == {"predictions": 0, "labels": 0}


def test_a_thousand_labels_while_predicting_are_all_joined(make, until):
    monitor = make(classes=["no", "yes"]).start()
    predict = monitor.track(lambda row: row["answer"])
    ids: list[str] = []
    done = threading.Event()

    def label() -> None:
        given = 0
        while not (done.is_set() and given == len(ids)):
            for one in ids[given:]:
                monitor.record_outcome(one, "yes")
                given += 1
            time.sleep(0.001)

    labeller = threading.Thread(target=label)
    labeller.start()
    for number in range(4_000):
        predict({"answer": "yes" if number % 4 else "no"})
        ids.append(monitor.last_prediction_id())
    done.set()
    labeller.join(60)
    until(lambda: monitor.get_metrics()["labels"]["joined"] == 4_000)
    metrics = monitor.get_metrics()
    assert metrics["performance"]["confusion"]["counts"] == [[0, 0], [1_000, 3_000]]
    ends = Counter({end: n for end, n in metrics["labels"].items() if isinstance(n, int) and n})
    assert ends == {"joined": 4_000}
