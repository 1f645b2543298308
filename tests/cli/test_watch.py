"""``mlmon watch``, as a service and once."""

from __future__ import annotations

import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import requests
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families
from pypdf import PdfReader

from ml_models.cli import mlmon
from ml_models.cli.watch import Duration
from ml_models.monitoring import ReferenceProfile
from watching_helpers import HEADER, lines

MAIN = "from ml_models.cli import main; main()"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Work in a folder with data and a reference; state goes there too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text(HEADER + lines(300))
    ReferenceProfile.fit({"x": np.arange(100.0), "city": ["Oslo", "Rome"] * 50}).save("reference.json")
    return tmp_path


def run(*arguments: str):
    return CliRunner().invoke(mlmon, ["watch", *arguments])


def rows_in(text: str) -> float:
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "ml_watch_rows_total"
    )


def test_once_says_what_there_is_and_goes_on_the_next_time():
    first, second = (run("data", "--once", "--reference", "reference.json") for _ in range(2))
    assert first.exit_code == second.exit_code == 0, first.output
    assert "rows counted: 300 (0 late)" in first.output
    assert "drift:" in first.output
    assert "rows counted: 300 (0 late)" in second.output


def test_without_a_reference_it_is_learnt():
    assert "reference:    learnt from the first 300 rows" in run("data", "--once").output
    found = json.loads(run("data", "--once", "--json", "--name", "scores").stdout)
    assert found["model"]["reference_learnt"] is True
    assert found["model"]["name"] == "scores"
    assert Path(found["source"]["checkpoint"]).is_dir()


def test_a_file_that_is_set_aside_is_named_and_is_exit_code_1():
    Path("data/bad.csv").write_text("x,city\n1,2,3\n")
    result = run("data", "--once", "--reference", "reference.json")
    assert result.exit_code == 1
    assert re.search(r"^rejected: data/bad.csv: .*another number of fields", result.output, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "--once"], "nowhere: no such file or folder"),
        (["data", "--once", "--every", "soon"], "'soon'; give a time such as 30s, 5m, 1h or 1d"),
        (["data", "--once", "--every", "0"], "'0'; give a time such as"),
        (["data", "--json"], "--json is for --once"),
        (["data", "--once", "--report", "x.txt"], "give a name that ends in .pdf or .json"),
        (["data", "--once", "--textfile", "x.txt"], "give a name that ends in .prom"),
        (["data", "--once", "--reference", "no.json"], "no.json: cannot be read"),
        (["data", "--once", "--config", "no.yml"], "no.yml"),
    ],
)
def test_wrong_usage_is_exit_code_2_with_the_remedy(arguments, message):
    result = run(*arguments)
    assert (result.exit_code, message in result.output) == (2, True), result.output


@pytest.mark.parametrize(
    ("text", "seconds"), [("60", 60.0), ("60s", 60.0), ("1.5m", 90.0), ("2h", 7_200.0), ("1d", 86_400.0)]
)
def test_a_time_may_have_a_unit(text, seconds):
    assert Duration().convert(text, None, None) == seconds


def test_options_override_the_settings():
    Path("monitoring.yml").write_text(
        "monitoring:\n  model: {name: churn, reference: reference.json}\n  data: {checkpoint: state, max_age: 60}\n"
    )
    found = json.loads(run("data", "--once", "--json", "--config", "monitoring.yml", "--max-age", "2h").stdout)
    assert found["model"]["name"] == "churn-data"
    assert found["thresholds"]["data_age_seconds_max"] == 7_200.0
    assert found["source"]["checkpoint"].endswith("/state")
    assert found["model"]["reference_learnt"] is False


def test_a_textfile_holds_the_metrics():
    assert run("data", "--once", "--textfile", "scores.prom").exit_code == 0
    text = Path("scores.prom").read_text()
    assert rows_in(text) == 300
    assert not list(Path().glob(".scores*"))


def test_a_report_is_written():
    assert run("data", "--once", "--report", "scores.pdf").exit_code == 0
    assert PdfReader("scores.pdf").metadata.title == "Data report: data"


def test_metrics_that_cannot_be_handed_over_are_exit_code_1():
    result = run("data", "--once", "--textfile", "no/such/folder.prom")
    assert (result.exit_code, "folder.prom: cannot be written" in result.output) == (1, True)


def test_a_job_that_runs_again_pushes_the_whole_count():
    """A Pushgateway does not add, so each push must carry what all runs have counted."""
    got: list[tuple[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_):
            """Write nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        for more in (0, 40):
            with Path("data/a.csv").open("a") as stream:
                stream.write(lines(more))
            url = f"http://127.0.0.1:{server.server_port}"
            assert run("data", "--once", "--pushgateway", url, "--job", "scores").exit_code == 0
        server.shutdown()
        thread.join()
    assert [(path, rows_in(body)) for path, body in got] == [
        ("/metrics/job/scores", 300.0),
        ("/metrics/job/scores", 340.0),
    ]


# --- the service -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_serves_hands_over_and_ends_cleanly(number):
    """Of a signal in the middle of its work: exit code 0, everything kept, a report at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "watch", "data", "--every", "0.2s", "--port", "0", "--reference", "reference.json",
         "--textfile", "scores.prom", "--report", "end.json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        try:
            url = ""
            while not url:
                line = process.stderr.readline()
                assert line, "it ended"
                url = (re.search(r"watching data at (\S+)/metrics", line) or ["", ""])[1]
            limit = time.monotonic() + 30
            while rows_in(requests.get(f"{url}/metrics", timeout=10).text) < 300:
                assert time.monotonic() < limit
            with Path("data/a.csv").open("a") as stream:
                stream.write(lines(50))
            while not Path("scores.prom").exists() or rows_in(Path("scores.prom").read_text()) < 350:
                assert time.monotonic() < limit
            process.send_signal(number)
            _, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert json.loads(Path("end.json").read_text())["metrics"]["rows"]["total"] == 350


def test_a_long_reading_once_ends_at_a_signal_with_what_is_counted():
    for number in range(400):
        Path(f"data/{number}.csv").write_text(HEADER + lines(2_000))
    command = [sys.executable, "-c", MAIN, "watch", "data", "--once", "--reference", "reference.json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        limit = time.monotonic() + 30
        while not list(Path("home").rglob("lock")):
            assert time.monotonic() < limit
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=30)
    assert process.returncode in {0, -signal.SIGTERM}, errors
    again = run("data", "--once", "--reference", "reference.json")
    assert "rows counted: 800,300 (0 late)" in again.output
    assert output or process.returncode


def test_the_help_shows_how_to_run_it_both_ways():
    text = run("--help").output
    for part in (
        "As a service that Prometheus scrapes:",
        "As a job that runs and ends:",
        "does not add",
        "Exit codes:",
    ):
        assert part in text
    assert "watch" in CliRunner().invoke(mlmon, ["--help"]).output
    assert os.environ["XDG_STATE_HOME"]
