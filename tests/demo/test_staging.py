"""The run folder holds the production files with their time compressed; the servers' own tools accept them."""

import subprocess

import pytest
import yaml

from ml_models.demo.staging import MARKER, Addresses, FolderError, compression, make_folder, stage
from ml_models.mixin.files import GeneratorSettings, alertmanager_files, rule_files

ADDRESSES = Addresses(1001, 1002, 1003, "127.0.0.1:1025", "http://127.0.0.1:1004/services/demo")


@pytest.fixture
def staged(tmp_path):
    folder = make_folder(tmp_path / "run")
    stage(folder, ADDRESSES, compression(7.8))
    return folder


def test_promtool_and_amtool_accept_what_is_staged(staged):
    for command in (["promtool", "check", "config", "prometheus.yml"], ["amtool", "check-config", "alertmanager.yml"]):
        done = subprocess.run(command, cwd=staged, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_rules_are_the_production_rules_but_for_their_durations(staged):
    production = yaml.safe_load(rule_files(GeneratorSettings())["alert_rules/alerts.yml"])
    compressed = yaml.safe_load((staged / "alert_rules/alerts.yml").read_text())
    rules, fast = production["groups"][0]["rules"], compressed["groups"][0]["rules"]
    assert [rule["annotations"] for rule in rules] == [rule["annotations"] for rule in fast]
    accuracy = next(rule for rule in fast if rule["alert"] == "MLModelAccuracyLow")
    assert accuracy["for"] == "1950ms", "15 minutes of an hour that lasts 7.8 seconds"
    recording = (staged / "alert_rules/recording.yml").read_text()
    assert "[7800ms]" in recording
    assert "[1h]" not in recording


def test_only_the_mail_relay_and_the_time_differ_in_alertmanager_yml(staged):
    production = yaml.safe_load(alertmanager_files(GeneratorSettings())["alertmanager.yml"])
    compressed = yaml.safe_load((staged / "alertmanager.yml").read_text())
    assert compressed["global"]["smtp_smarthost"] == ADDRESSES.smtp
    compressed["global"] |= {key: production["global"][key] for key in ("smtp_smarthost", "resolve_timeout")}
    for key in ("group_wait", "group_interval", "repeat_interval"):
        compressed["route"][key] = production["route"][key]
    for one, other in zip(compressed["route"]["routes"], production["route"]["routes"], strict=True):
        if "repeat_interval" in other:
            one["repeat_interval"] = other["repeat_interval"]
    assert compressed == production


def test_targets_and_secret_are_where_the_configuration_looks(staged):
    config = yaml.safe_load((staged / "prometheus.yml").read_text())
    pattern = config["scrape_configs"][0]["file_sd_configs"][0]["files"][0]
    assert [yaml.safe_load(file.read_text()) for file in staged.glob(pattern)] == [[{"targets": ["127.0.0.1:1001"]}]]
    alertmanager = yaml.safe_load((staged / "alertmanager.yml").read_text())
    assert (staged / alertmanager["global"]["slack_api_url_file"]).read_text() == ADDRESSES.slack, "no newline"


def test_folder_of_an_earlier_demo_is_made_anew(tmp_path):
    folder = make_folder(tmp_path / "run")
    (folder / "old").touch()
    assert make_folder(folder) == folder
    assert [file.name for file in folder.iterdir()] == [MARKER]


def test_folder_with_other_content_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FolderError, match="--folder"):
        make_folder(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_file_in_the_folder_s_place_is_left_alone(tmp_path):
    file = tmp_path / "run"
    file.write_text("mine")
    with pytest.raises(FolderError):
        make_folder(file)
    with pytest.raises(FolderError, match="cannot be made"):
        make_folder(file / "below")
    assert file.read_text() == "mine"
