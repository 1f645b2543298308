"""The unit of `mlmon watch`: systemd takes it, it is hardened, and what it starts runs."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import click
import pytest

from ml_models.cli import mlmon
from ml_models.config import Config
from ml_models.demo.servers import free_port

from .reading import ROOT

UNIT = ROOT / "deploy/systemd/mlmon-watch.service"
ENVIRONMENT = ROOT / "deploy/systemd/mlmon-watch.environment"


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str
    parser.read_string(UNIT.read_text())
    return parser


def environment() -> dict[str, str]:
    lines = [line for line in ENVIRONMENT.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def command(values: dict[str, str]) -> list[str]:
    """Return the words that systemd starts: ``${NAME}`` is one word, ``$NAME`` as many as it has blanks."""
    words = []
    for word in unit()["Service"]["ExecStart"].split():
        name = re.fullmatch(r"\$(\{?)(\w+)\}?", word)
        if name is None:
            words.append(word)
        elif name[1]:
            words.append(values[name[2]])
        else:
            words += shlex.split(values[name[2]])
    return words


@pytest.fixture
def installed(tmp_path):
    """Give the unit with a program that exists here, as systemd looks for it."""
    program = Path(sys.executable).with_name("mlmon")
    assert program.exists()
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text().replace("/opt/mlmon/bin/mlmon", str(program)))
    return path


def analyze(*arguments):
    program = shutil.which("systemd-analyze")
    assert program is not None, "install systemd: its own checks of units are run here"
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_systemd_takes_the_unit(installed):
    """Not one key or value that systemd does not know."""
    done = analyze("verify", "--man=no", installed)
    found = [line for line in (done.stdout + done.stderr).splitlines() if UNIT.name in line]
    assert (done.returncode, found) == (0, [])


def test_systemd_finds_a_wrong_key(installed):
    """The check above can fail."""
    installed.write_text(installed.read_text().replace("PrivateTmp=", "PrivateTemp="))
    done = analyze("verify", "--man=no", installed)
    assert "PrivateTemp" in done.stdout + done.stderr


def test_systemd_finds_little_exposed(installed):
    """Of ten points of exposure, as systemd counts them, at most two."""
    done = analyze("security", "--offline=true", "--threshold=20", "--no-pager", installed)
    assert done.returncode == 0, done.stdout + done.stderr
    bare = installed.with_name("bare.service")
    bare.write_text("[Service]\nExecStart=/bin/true\n")
    assert analyze("security", "--offline=true", "--threshold=20", "--no-pager", bare).returncode != 0


def test_options_of_the_example_are_those_of_the_command():
    """The example's options exist, and its variables are settings."""
    _, name, *arguments = command(environment())
    parsed = mlmon.get_command(click.Context(mlmon), name).make_context(name, arguments).params
    assert (parsed["data"], parsed["every"], parsed["host"], parsed["port"]) == (
        "/srv/scores",
        300.0,
        "127.0.0.1",
        9878,
    )


def test_settings_of_the_example_are_settings(monkeypatch):
    for name, value in environment().items():
        if name.startswith("ML_MODELS_"):
            monkeypatch.setenv(name, value)
    assert Config().get_data_monitoring_config()["log_level"] == "INFO"


def test_what_it_starts_serves_metrics_and_ends_at_sigterm(tmp_path):
    """The command with the example's options, state in the folder that systemd gives, and an end without loss."""
    data, state = tmp_path / "scores", tmp_path / "state"
    data.mkdir()
    state.mkdir()
    (data / "a.csv").write_text("x,city\n" + "".join(f"{n},Oslo\n" for n in range(2_000)))
    port = free_port()
    values = environment()
    values |= {"WATCH_DATA": str(data), "WATCH_OPTIONS": values["WATCH_OPTIONS"].replace("9878", str(port))}
    _, *arguments = command(values)
    given = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ML_MODELS"))}
    with subprocess.Popen(
        [str(Path(sys.executable).with_name("mlmon")), *arguments],
        env=given | values | {"STATE_DIRECTORY": str(state)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as service:
        try:
            limit = time.monotonic() + 60
            while True:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                        assert answer.status == 200
                    break
                except OSError:
                    assert service.poll() is None, service.stderr.read()
                    assert time.monotonic() < limit
                    time.sleep(0.1)
            while not list(state.rglob("*")):
                assert time.monotonic() < limit
                time.sleep(0.1)
            service.send_signal(signal.SIGTERM)
            assert service.wait(60) == 0
        finally:
            service.kill()
