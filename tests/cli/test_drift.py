"""``mlmon drift``: a table for people, exit codes for pipelines."""

import json
import os
import pty
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ml_models.cli import mlmon
from ml_models.comparison.conditions import CONDITIONS
from ml_models.profile import ReferenceProfile


@pytest.fixture
def folder(tmp_path, monkeypatch):
    random = np.random.default_rng(4)
    january = pd.DataFrame({"id": range(1_000), "temp": random.normal(5, 3, 1_000), "origin": ["JFK", "LGA"] * 500})
    january.to_csv(tmp_path / "january.csv", index=False)
    january.assign(temp=january["temp"] + 10).to_parquet(tmp_path / "july.parquet")
    january.iloc[:0].to_csv(tmp_path / "empty.csv", index=False)
    ReferenceProfile.fit(january, ignore=["id"]).save(tmp_path / "reference.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str):
    return CliRunner().invoke(mlmon, ["drift", *arguments, "--ignore", "id"])


def test_drift_is_shown_and_is_no_failure_unless_asked(folder):
    result = run("reference.json", "july.parquet")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("1 of 2 features has drifted (50.0 %).")
    assert "\x1b" not in result.output
    assert result.stderr == ""


def test_a_condition_that_holds_gives_1_and_says_why(folder):
    result = run("reference.json", "july.parquet", "--fail-on", "drift, quality", "--min-quality", "0.5")
    assert result.exit_code == 1
    assert "mlmon: drift: temp drifted" in result.stderr
    assert "mlmon: quality" not in result.stderr


def test_a_condition_that_does_not_hold_gives_0(folder):
    assert run("reference.json", "january.csv", "--fail-on", "drift,quality,schema,unjudged").exit_code == 0
    assert run("reference.json", "july.parquet", "--fail-on", "drift", "--threshold", "50").exit_code == 0
    assert run("reference.json", "july.parquet", "--fail-on", "drift", "--max-share", "0.5").exit_code == 0
    assert run("reference.json", "july.parquet", "--fail-on", "quality", "--min-quality", "1").exit_code == 1


def test_what_was_not_judged_does_not_pass_unnoticed(folder):
    result = run("reference.json", "july.parquet", "--fail-on", "drift", "--min-samples", "5000")
    assert result.exit_code == 0
    assert "drift was not judged; --fail-on drift,unjudged" in result.stderr
    assert run("reference.json", "july.parquet", "--fail-on", "unjudged", "--min-samples", "5000").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("reference.json", "nothing.csv"), "nothing.csv: no such file"),
        (("nothing.json", "july.parquet"), "nothing.json: cannot be read"),
        (("reference.json", "empty.csv"), "empty.csv: no rows"),
        (("reference.json", "july.parquet", "--fail-on", "drfit"), "choose from drift, prediction"),
        (("reference.json", "july.parquet", "--fail-on", ","), "choose from drift, prediction"),
        (("reference.json", "july.parquet", "--fail-on", "label"), "the reference has no label column"),
        (("reference.json", "july.parquet", "--method", "pzi"), "'pzi' is not one of"),
        (("reference.json", "july.parquet", "--prediction", "temp"), "given together with a reference profile"),
        (("reference.json", "july.parquet", "-o", "no/where.html"), "no/where.html: cannot be written"),
        (("reference.json",), "Missing argument 'LIVE'"),
    ],
)
def test_wrong_usage_and_data_give_2_and_one_message(folder, arguments, said):
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_each_form_is_written_to_standard_output(folder):
    assert json.loads(run("reference.json", "july.parquet", "--format", "json").stdout)["drifted"] == ["temp"]
    assert run("reference.json", "july.parquet", "--format", "html").stdout.startswith("<!doctype html>")
    assert run("reference.json", "july.parquet", "--format", "markdown").stdout.startswith("### ")


def test_a_file_is_written_in_the_form_of_its_suffix_unless_one_is_named(folder):
    result = run("reference.json", "july.parquet", "-o", "drift.html")
    assert result.exit_code == 0
    assert result.stdout == "1 of 2 features has drifted (50.0 %).\n"
    assert (folder / "drift.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    run("reference.json", "july.parquet", "-o", "drift.txt", "--format", "json")
    assert json.loads((folder / "drift.txt").read_text())["verdict"] == "drift"


def test_the_reference_may_be_data(folder):
    result = run("january.csv", "july.parquet", "--prediction", "origin", "--method", "js", "--format", "json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["method"] == "js"
    assert [feature["role"] for feature in report["features"]] == ["feature", "prediction"]


def test_top_bounds_the_table(folder):
    assert "1 more column" in run("reference.json", "july.parquet", "--top", "1").stdout


def test_help_names_every_condition():
    text = CliRunner().invoke(mlmon, ["drift", "--help"]).output
    assert all(name in text for name in CONDITIONS)


def test_a_terminal_gets_progress_and_colours(folder):
    """Progress on standard error is wiped, and a pipe gets neither."""
    main, terminal = pty.openpty()
    chunks: list[bytes] = []

    def read() -> None:
        while True:
            try:
                chunk = os.read(main, 65_536)
            except OSError:  # how Linux says that the other side is closed
                return
            if not chunk:
                return
            chunks.append(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    command = [sys.executable, "-c", "from ml_models.cli import main; main()", "drift", "reference.json",
               "july.parquet", "--ignore", "id"]  # fmt: skip
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "90", "PYTHONIOENCODING": "utf-8"}
    environment.pop("NO_COLOR", None)
    done = subprocess.run(
        command, stdout=terminal, stderr=terminal, env=environment, timeout=60, check=False, stdin=subprocess.DEVNULL
    )
    os.close(terminal)
    reader.join(10)
    os.close(main)
    shown = b"".join(chunks).decode()
    assert done.returncode == 0, shown
    assert "1,000 of 1,000 rows\x1b[K\r\x1b[K" in shown
    assert "\x1b[1;31mstrong drift\x1b[0m" in shown
    piped = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=True)
    assert b"\x1b" not in piped.stdout + piped.stderr
