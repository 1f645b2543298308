"""``mlmon config`` shows the settings in force, and tells right files from wrong ones."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import types

import bcrypt
import click
import pytest
from click.testing import CliRunner

from ml_models import __version__
from ml_models.cli import LAZY, Lazy, mlmon
from ml_models.config import Config
from ml_models.errors import DataError


@pytest.fixture
def run(monkeypatch):
    monkeypatch.delenv("ML_MODELS_CONFIG", raising=False)

    def invoke(*arguments, env=None):
        return CliRunner().invoke(mlmon, [str(argument) for argument in arguments], env=env, catch_exceptions=False)

    return invoke


@pytest.fixture
def files(tmp_path):
    right, wrong = tmp_path / "right.yml", tmp_path / "wrong.yml"
    right.write_text("monitoring: {performance: {window: 600}}")
    wrong.write_text("monitoring: {performance: {window: long, windw: 1}}")
    return right, wrong


def test_show_prints_the_settings_in_force_as_yaml_that_loads(run, files, tmp_path):
    result = run("config", "show", files[0], env={"ML_MODELS_SERVER__PORT": "8000"})
    assert result.exit_code == 0
    out = tmp_path / "out.yml"
    out.write_text(result.stdout)
    settings = Config(out, environ={}).monitoring
    assert (settings.performance.window, settings.server.port) == (600.0, 8000)


def test_show_prints_json(run):
    result = run("config", "show", "--format", "json")
    assert Config.from_dict(json.loads(result.stdout)) == Config(environ={})


def test_show_reads_the_file_that_the_environment_names(run, files):
    assert "window: 600.0" in run("config", "show", env={"ML_MODELS_CONFIG": str(files[0])}).stdout


def test_show_of_a_wrong_file_gives_every_fault_without_a_traceback(run, files):
    result = run("config", "show", files[1])
    assert result.exit_code == 2
    assert result.output.startswith(f"mlmon: {files[1]}: 2 faults\n")
    assert "did you mean window?" in result.output


def test_check_says_ok(run, files):
    result = run("config", "check", files[0])
    assert (result.exit_code, result.stdout) == (0, f"{files[0]}: ok\n")


def test_check_goes_through_all_files_and_exits_with_1(run, files, tmp_path):
    result = run("config", "check", files[1], tmp_path / "none.yml", files[0])
    assert result.exit_code == 1
    assert f"{files[1]}: 2 faults\n" in result.stdout
    assert f"{tmp_path / 'none.yml'}: 1 fault\n  no such file" in result.stdout
    assert f"{files[0]}: ok\n" in result.stdout


def test_check_is_about_the_file_alone(run, files):
    """A variable of the shell that checks says nothing about the place where the file will be used."""
    assert run("config", "check", files[0], env={"ML_MODELS_SERVER__PORT": "x"}).exit_code == 0


def test_check_needs_a_file(run):
    assert run("config", "check").exit_code == 2


def test_schema_is_the_json_schema(run):
    assert json.loads(run("config", "schema").stdout) == Config.json_schema()


def test_schema_as_markdown_is_the_reference_table(run):
    assert run("config", "schema", "--format", "markdown").stdout == Config.reference_table()


def test_help_lists_every_command_with_its_line(run):
    result = run("--help")
    for name, entry in LAZY.items():
        assert f"  {name} " in result.stdout
        assert entry.help in result.stdout


def test_help_imports_no_command():
    code = (
        "import sys\nfrom ml_models.cli import main\nsys.argv = ['mlmon', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "print([name for name in sys.modules if name.startswith(('ml_models.', 'numpy', 'pydantic', 'yaml'))])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['ml_models.errors', 'ml_models.cli']"


def test_version(run):
    assert run("--version").stdout == f"mlmon {__version__}\n"


def test_an_unknown_command_is_wrong_usage(run):
    assert run("confg").exit_code == 2


def test_an_error_of_the_package_is_a_message_and_exit_code_2(run, monkeypatch):
    """Whichever command raises it, and wherever its module is."""

    @click.command()
    def broken():
        raise DataError("x.csv: no rows; give a file with rows")

    module = types.ModuleType("broken_commands")
    module.broken = broken
    monkeypatch.setitem(sys.modules, "broken_commands", module)
    monkeypatch.setitem(LAZY, "broken", Lazy("broken_commands:broken", "Fails."))
    result = run("broken")
    assert (result.exit_code, result.output) == (2, "mlmon: x.csv: no rows; give a file with rows\n")


def test_check_also_tells_what_the_notifications_lack(run, tmp_path):
    file = tmp_path / "monitoring.yml"
    file.write_text("monitoring: {system: {alert_channels: [webhook, teams]}}")
    result = run("config", "check", file)
    assert result.exit_code == 1
    assert "webhook.url: is missing; alert_channels has webhook" in result.output
    assert "teams: needs Alertmanager 0.28" in result.output


def test_hash_password_reads_a_line_and_prints_a_hash_that_opens(run):
    result = CliRunner().invoke(mlmon, ["config", "hash-password", "--cost", "10"], input="pä ss:wörd\nrest\n")
    assert (result.exit_code, result.stderr) == (0, "")
    assert bcrypt.checkpw("pä ss:wörd".encode(), result.stdout.strip().encode())
    assert len(result.stdout.splitlines()) == 1


def test_hash_password_asks_at_a_terminal_twice_and_shows_nothing():
    """On a real terminal: what is typed is not echoed, and the hash alone goes to standard output."""
    code = "from ml_models.cli import main; main()"
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", code, "config", "hash-password", "--cost", "10"],
        stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        for prompt in (b"Password: ", b"confirmation: "):
            while prompt not in shown:
                shown += os.read(ours, 1000)
            os.write(ours, b"hunter2\n")
        out, _ = process.communicate(timeout=30)
        os.close(ours)
    assert bcrypt.checkpw(b"hunter2", out.strip())
    assert b"hunter2" not in shown


@pytest.mark.parametrize(("text", "fault"), [("\n", "is empty"), ("a" * 73 + "\n", "has 73 bytes")])
def test_hash_password_refuses_what_bcrypt_cannot_keep(text, fault):
    result = CliRunner().invoke(mlmon, ["config", "hash-password"], input=text)
    assert result.exit_code == 1
    assert fault in result.output


def test_main_writes_errors_to_stderr():
    done = subprocess.run(
        [sys.executable, "-c", "from ml_models.cli import main; main()", "config", "show", "/nowhere.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mlmon: /nowhere.yml: 1 fault\n")
    assert "Traceback" not in done.stderr
