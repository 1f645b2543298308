"""``mlmon dashboards``: what differs is pushed, what somebody has changed is left alone."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from ml_models.cli import mlmon

from .standin import TOKEN, VIEWER, Fault

BOARD = {"uid": "board", "title": "Board", "panels": [{"id": 1, "type": "stat", "title": "One"}], "tags": ["ml-models"]}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "board.json"
    path.write_text(json.dumps(BOARD), encoding="utf-8")
    return path


@pytest.fixture
def run(standin, monkeypatch):
    monkeypatch.setenv("GRAFANA_URL", standin.url)
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)

    def run(*arguments, exits=0):
        done = CliRunner().invoke(mlmon, ["dashboards", *map(str, arguments)])
        assert done.exit_code == exits, done.output + repr(done.exception)
        assert "glsa_" not in done.output
        return done.output

    return run


def change(file, title):
    panel = {"id": 1, "type": "stat", "title": title}
    file.write_text(json.dumps({**BOARD, "panels": [panel]}), encoding="utf-8")


def test_the_generated_dashboards_are_pushed_once_into_their_folder(standin, run):
    assert "new        ml-model  version 1  http://localhost" in run("push")
    assert {one["folder"] for one in standin.dashboards.values()} == {"ml-models"}
    assert standin.folders == {"ml-models": "ML models"}
    saved = standin.asked("POST", "/api/dashboards/db")
    assert "unchanged  ml-model" in run("push")
    assert standin.asked("POST", "/api/dashboards/db") == saved
    assert run("diff") == ""


def test_what_differs_is_pushed_as_the_next_version(standin, run, file):
    run("push", file)
    change(file, "Two")
    shown = run("diff", file, exits=1)
    assert "--- grafana/board (version 1)\n+++ dashboards/board.json\n" in shown
    assert '-      "title": "One",\n+      "title": "Two",\n' in shown
    assert "updated    board  version 2" in run("push", file)
    assert standin.dashboards["board"]["versions"][0]["message"].startswith("mlmon ")


def test_a_dry_run_changes_nothing(standin, run, file):
    assert run("push", file, "--dry-run") == "would be new  board\n"
    assert standin.dashboards == standin.folders == {}
    run("push", file)
    change(file, "Two")
    assert run("push", file, "--dry-run") == "would be updated  board\n"
    assert standin.dashboards["board"]["dashboard"]["version"] == 1


def test_what_somebody_has_changed_is_left_alone_and_named(standin, run, file):
    run("push", file)
    standin.save_by_hand({**BOARD, "title": "Ada's"}, "ada", "my view")
    for arguments in ([], ["--dry-run"]):
        said = run("push", file, *arguments, exits=1)
        assert "conflict   board: version 2 was saved by ada at 2" in said
        assert "'my view'; see `mlmon dashboards diff`" in said
    assert standin.dashboards["board"]["dashboard"]["title"] == "Ada's"
    assert "updated    board  version 3" in run("push", file, "--overwrite")
    assert "unchanged  board" in run("push", file)


def test_a_change_by_hand_to_what_the_file_says_is_no_conflict(standin, run, file):
    run("push", file)
    standin.save_by_hand({**BOARD, "panels": [{**BOARD["panels"][0], "pluginVersion": "9.4.7"}]}, "ada")
    assert "unchanged  board" in run("push", file)


def test_what_grafana_itself_rewrites_is_no_change(standin, run, file):
    """A newer Grafana may store an upgraded form of what was pushed."""
    run("push", file)
    standin.dashboards["board"]["dashboard"]["schemaVersion"] = 41
    assert "unchanged  board" in run("push", file)
    change(file, "Two")
    assert "updated    board  version 2" in run("push", file)


def test_somebody_saves_between_the_look_and_the_push(standin, run, file, monkeypatch):
    run("push", file)
    change(file, "Two")
    refused = b'{"status":"version-mismatch","message":"The dashboard has been changed by someone else"}'
    standin.faults.append(Fault("/api/dashboards/db", status=412, body=refused))
    assert "conflict   board: it was saved by somebody at this moment" in run("push", file, exits=1)


def test_one_conflict_does_not_keep_the_others_from_being_pushed(standin, run, file, tmp_path):
    run("push", file)
    standin.save_by_hand({**BOARD, "title": "Ada's"}, "ada")
    other = tmp_path / "other.json"
    other.write_text(json.dumps({**BOARD, "uid": "other", "title": "Other"}), encoding="utf-8")
    assert "new        other  version 1" in run("push", file, other, exits=1)


@pytest.mark.parametrize("version", ["9.4.7", "12.1.0"])
def test_histories_of_old_and_new_versions_are_read(standin, run, file, version):
    standin.version = version
    run("push", file)
    standin.save_by_hand({**BOARD, "title": "Ada's"}, "ada")
    assert "saved by ada" in run("push", file, exits=1)


def test_without_a_history_nothing_is_overwritten(standin, run, file):
    run("push", file)
    standin.faults.append(Fault("/api/dashboards/uid/board/versions", status=200, body=b'{"versions": []}'))
    change(file, "Two")
    assert "version 1 was saved by sa-admin at 2" in run("push", file, exits=1)


def test_a_dashboard_stays_where_it_was_moved_to(standin, run, file):
    run("push", file)
    standin.folders["ops"] = "Ops"
    standin.dashboards["board"]["folder"] = "ops"
    change(file, "Two")
    run("push", file)
    assert standin.dashboards["board"]["folder"] == "ops"
    change(file, "Three")
    run("push", file, "--folder", "ML models")
    assert standin.dashboards["board"]["folder"] == "ml-models"


def test_a_provisioned_dashboard_is_named_as_such(standin, run, file):
    standin.provision(BOARD)
    assert "unchanged  board" in run("push", file)
    change(file, "Two")
    assert "provisioned file; change that file" in run("push", file, exits=2)
    assert '+      "title": "Two"' in run("diff", file, exits=1)


def test_pull_writes_what_is_in_grafana(standin, run, file, tmp_path):
    run("push", file)
    standin.save_by_hand({**BOARD, "title": "Ada's"}, "ada")
    assert "version 2" in run("pull", "-o", tmp_path / "pulled")
    pulled = tmp_path / "pulled" / "board.json"
    assert json.loads(pulled.read_text(encoding="utf-8")) == {**BOARD, "title": "Ada's"}
    assert run("diff", pulled) == ""
    assert "unchanged" in run("push", pulled)
    assert "has no dashboard 'none'" in run("pull", "none", exits=2)
    assert "no dashboard with the tag 'x'" in run("pull", "--tag", "x", exits=2)


def test_diff_of_a_dashboard_that_is_not_there_shows_all_of_it(run, file):
    assert run("diff", file, exits=1).startswith("--- /dev/null\n+++ dashboards/board.json\n@@")


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "cannot be read as JSON"), ("[]", "holds no dashboard"), ('{"uid": "a", "panels": []}', "without title")],
)
def test_files_that_are_no_dashboards(run, file, content, said):
    file.write_text(content, encoding="utf-8")
    assert said in run("push", file, exits=2)


def test_settings_name_the_server_and_the_token_file(standin, file, tmp_path, monkeypatch):
    for name in ("GRAFANA_URL", "GRAFANA_TOKEN", "GRAFANA_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "token").write_text(TOKEN + "\n", encoding="utf-8")
    settings = tmp_path / "monitoring.yml"
    settings.write_text(
        f"monitoring: {{grafana: {{url: '{standin.url}', token_file: token, folder: Churn}}}}", encoding="utf-8"
    )
    done = CliRunner().invoke(mlmon, ["dashboards", "push", str(file), "--config", str(settings)])
    assert done.exit_code == 0, done.output
    assert standin.folders == {"churn": "Churn"}
    done = CliRunner().invoke(mlmon, ["dashboards", "push", str(file)])
    assert done.exit_code == 2
    assert "give --url, GRAFANA_URL, or grafana.url" in done.output


def test_a_viewers_token_says_what_it_lacks(run, file, monkeypatch):
    monkeypatch.setenv("GRAFANA_TOKEN", VIEWER)
    assert "lacks the permission; give the service account a higher role" in run("push", file, exits=2)
