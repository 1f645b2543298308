"""The servers of the compose file load what it mounts: real ones, with its commands, laid out as in its containers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from ml_models.demo.servers import Server, StopSignals, Supervisor, find_programs, free_port

from .reading import ROOT, compose

SERVICES = compose()["services"]
#: Ports inside the containers.
PORTS = {"prometheus": 9090, "alertmanager": 9093}


def container(service: dict, root: Path) -> Path:
    """Lay out what a service mounts, at the paths of its container below a folder."""
    for mount in service["volumes"]:
        target = root / mount["target"].removeprefix("/")
        if mount["type"] == "volume":
            target.mkdir(parents=True)
            continue
        source = ROOT / mount["source"]
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, target)
    for secret in service.get("secrets", ()):
        target = root / secret["target"].removeprefix("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / compose()["secrets"][secret["source"]]["file"], target)
    return root


def rooted(argument: str, root: Path) -> str:
    """Put the root before the path that an option names, as the container has it."""
    return re.sub(r"=(?=/)", f"={root}", argument)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """Start both servers as their services are started; only addresses differ."""
    ports = {name: free_port() for name in PORTS}
    programs = find_programs()
    commands = {"prometheus": programs.prometheus, "alertmanager": programs.alertmanager}
    with StopSignals() as signals, Supervisor(signals) as supervisor:
        for name in ("alertmanager", "prometheus"):
            service = SERVICES[name]
            root = container(service, tmp_path_factory.mktemp(name))
            if name == "prometheus":
                targets = root / "etc/prometheus/deploy/targets/alertmanager.yml"
                text = targets.read_text()
                assert "alertmanager:9093" in text
                targets.write_text(text.replace("alertmanager:9093", f"127.0.0.1:{ports['alertmanager']}"))
            folder = root / service.get("working_dir", "/").removeprefix("/")
            arguments = [rooted(argument, root) for argument in service["command"]]
            command = [commands[name], *arguments, f"--web.listen-address=127.0.0.1:{ports[name]}"]
            supervisor.start(Server(name, command, ports[name], folder))
        yield ports


def ask(port: int, path: str):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.load(answer)


@pytest.mark.e2e
def test_prometheus_has_all_rules_and_the_exporter_as_its_target(running):
    """With what compose mounts, every rule group is loaded, and the service is scraped under the job of the rules."""
    groups = ask(running["prometheus"], "/api/v1/rules")["data"]["groups"]
    written = "".join(path.read_text() for path in (ROOT / "alert_rules").glob("*.yml"))
    assert {group["name"] for group in groups} == set(re.findall(r"^  - name: (\S+)", written, re.MULTILINE))
    limit = time.monotonic() + 60
    while not (targets := ask(running["prometheus"], "/api/v1/targets")["data"]["activeTargets"]):
        assert time.monotonic() < limit
        time.sleep(0.1)
    assert [(target["labels"]["job"], target["scrapeUrl"]) for target in targets] == [
        ("ml-models", "http://exporter:9877/metrics")
    ]


@pytest.mark.e2e
def test_prometheus_knows_alertmanager_and_its_alerts_arrive(running):
    """The Alertmanager of the target file gets what fires: the watchdog always does."""
    limit = time.monotonic() + 120
    while True:
        alerts = {alert["labels"]["alertname"] for alert in ask(running["alertmanager"], "/api/v2/alerts")}
        if "MLWatchdog" in alerts:
            break
        assert time.monotonic() < limit, alerts
        time.sleep(0.2)


@pytest.mark.e2e
def test_alertmanager_has_the_receivers_of_its_file(running):
    found = {receiver["name"] for receiver in ask(running["alertmanager"], "/api/v2/receivers")}
    assert {"null", "critical", "warning"} <= found


@pytest.mark.e2e
@pytest.mark.parametrize("name", PORTS)
def test_health_check_is_healthy_where_the_server_runs_and_fails_where_it_does_not(running, name):
    """The commands of the health checks, with the port of this test."""
    _, *check = SERVICES[name]["healthcheck"]["test"]

    def status(port):
        command = [word.replace(str(PORTS[name]), str(port)) for word in check]
        assert command != check
        return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode

    assert status(running[name]) == 0
    assert status(free_port()) != 0
