"""``mlmon demo`` as a user runs it: real data, real servers, delivered messages."""

import json
import os
import signal
import subprocess
import sys
import time
from email import message_from_bytes, policy
from pathlib import Path

import psutil
import pypdf
import pytest

import ml_models

COMMAND = [sys.executable, "-c", "from ml_models.cli import main; main()", "demo"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(ml_models.__file__).parents[1])}


def processes_in(folder):
    """Return the processes whose working directory is inside the folder, as that of every server of the demo is."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


@pytest.mark.e2e
def test_demo_ends_by_itself_with_all_messages_delivered(tmp_path):
    """Exit code 0 within three minutes: what the year must raise arrived by mail and Slack, and nothing it must not."""
    begun = time.monotonic()
    done = subprocess.run(
        [*COMMAND, "--once"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=240, check=False
    )
    took = time.monotonic() - begun
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "All 15 expectations were met." in done.stdout
    assert took < 180

    folder = tmp_path / "demo-run"
    assert [file.name for file in tmp_path.iterdir()] == ["demo-run"], "nothing outside of its folder"
    text = "\n".join(page.extract_text() for page in pypdf.PdfReader(folder / "report.pdf").pages)
    for word in ("flight_delays", "Accuracy", "temp", "dewp"):
        assert word in text

    mails = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in folder.glob("messages/*.eml")]
    assert {mail["To"] for mail in mails} == {"ml-oncall@example.org"}
    assert any("MLModelAccuracyLow" in mail["Subject"] for mail in mails)
    assert all(mail.get_body(("plain",)) and mail.get_body(("html",)) for mail in mails)
    messages = [json.loads(file.read_bytes()) for file in folder.glob("messages/*.json")]
    assert {message["channel"] for message in messages} == {"#ml-alerts"}
    assert any("MLModelAccuracyLow" in message["attachments"][0]["title"] for message in messages)

    assert not processes_in(tmp_path)


@pytest.mark.e2e
def test_demo_that_is_told_to_stop_leaves_no_process(tmp_path):
    """SIGTERM while servers run and flights are served."""
    with subprocess.Popen(
        COMMAND, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as program:
        try:
            seen = next((line for line in program.stdout if "drifted features" in line), "")
            assert seen, "the replay did not begin"
            assert len(processes_in(tmp_path / "demo-run")) == 2
            program.send_signal(signal.SIGTERM)
            rest = program.stdout.read()
            assert program.wait(30) == 128 + signal.SIGTERM
            assert "Traceback" not in rest
        finally:
            program.kill()
    assert not processes_in(tmp_path)
