"""The commands and the code of the guide work as they stand there."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from ml_models.cli import mlmon
from ml_models.config import Config
from ml_models.reports import connection
from ml_models.reports.grafana import client, faults

from .standin import TOKEN

GUIDE = Path(__file__).parents[2] / "docs" / "grafana.md"
TEXT = GUIDE.read_text(encoding="utf-8")

pytestmark = pytest.mark.e2e


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.fixture
def place(standin, source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAFANA_URL", standin.url)
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)


def run(line: str, prometheus: str) -> str:
    # the guide's model is called churn; that of the test's Prometheus well
    line = line.replace("model=churn", "model=well").replace("PROMETHEUS", prometheus).replace("now-1h", "now-1m")
    program, *arguments = shlex.split(line)
    assert program == "mlmon"
    done = CliRunner().invoke(mlmon, arguments)
    assert done.exit_code == 0, line + done.output
    return done.output


def test_the_commands_run_and_print_what_the_guide_says(place, standin, prometheus, tmp_path):
    dashboards, snapshots, alone = blocks("sh")
    (printed,) = blocks("text")
    output = "".join(run(line, prometheus) for line in dashboards.splitlines())
    assert output == printed.replace("GRAFANA", standin.url)
    for line in (*snapshots.splitlines(), *alone.splitlines()):
        run(line, prometheus)
    assert (tmp_path / "churn.html").stat().st_size > 50000
    assert standin.snapshots == {}


def test_the_code_runs(place, standin, capsys):
    (code,) = blocks("python")
    exec(compile(code, str(GUIDE), "exec"), {"os": os})  # noqa: S102 - our own guide
    assert capsys.readouterr().out == "ok\n"
    assert standin.annotations[0]["text"] == "churn 4 is live"


def test_the_settings_shown_are_valid():
    (text,) = blocks("yaml")
    assert Config.from_dict(yaml.safe_load(text)).monitoring.grafana.url == "https://grafana.example.org"


def test_every_reason_is_documented_and_none_is_made_up():
    (table,) = re.findall(r"\| reason \| what is wrong \|\n\|---\|---\|\n((?:\|.*\n)+)", TEXT)
    documented = {reason for row in table.splitlines() for reason in re.findall(r"`([a-z-]+)`", row.split("|")[1])}
    code = "".join(Path(module.__file__).read_text(encoding="utf-8") for module in (client, connection, faults))
    assert [reason for reason in documented if f'"{reason}"' not in code] == []
    raised = set(re.findall(r'return "([a-z-]+)"', Path(faults.__file__).read_text(encoding="utf-8")))
    assert raised - documented <= {"server-error", "refused", "bad-request"}


def test_every_relative_link_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert [link for link in links if "://" not in link and not (GUIDE.parent / link).exists()] == []
