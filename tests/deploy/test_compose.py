"""``docker-compose.yml`` is valid, hardened, pinned, and names only what is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from ml_models import __version__
from ml_models.cli import mlmon
from ml_models.mixin.files import GeneratorSettings, grafana_files

from .reading import COMPOSE, ROOT, compose

SERVICES = compose()["services"]
#: A version with all its parts: a tag that moves would change what runs without a change here.
PINNED = re.compile(r"^[\w./-]+:v?\d+\.\d+\.\d+(?:-[\w.]+)?$")


def valid(path: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(params=SERVICES, ids=str)
def service(request):
    return SERVICES[request.param]


def binds(service: dict) -> list[dict]:
    return [mount for mount in service.get("volumes", ()) if mount["type"] == "bind"]


def test_the_file_follows_the_specification():
    done = valid(COMPOSE)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_specification_finds_a_wrong_key(tmp_path):
    """The check above can fail."""
    wrong = compose()
    wrong["services"]["exporter"]["helthcheck"] = {}
    (tmp_path / "docker-compose.yml").write_text(yaml.safe_dump(wrong))
    assert valid(tmp_path / "docker-compose.yml").returncode == 1


def test_every_part_is_there():
    assert set(SERVICES) == {"exporter", "prometheus", "alertmanager", "mail", "grafana", "renderer"}


def test_image_is_pinned(service):
    assert PINNED.match(service["image"]), service["image"]


def test_our_own_image_has_the_version_of_the_package():
    assert SERVICES["exporter"]["image"].rpartition(":")[2] == __version__


def test_service_is_hardened(service):
    """No root, no capability, no new privilege, nothing written but volumes and memory."""
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].partition(":")[0]) > 0
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "env_file"} & set(service)


def test_service_is_limited_and_looked_after(service):
    """CPU, memory, processes and logs have limits; a health check is run and a crash ends in a restart."""
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["restart"] == "unless-stopped"
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert service["healthcheck"]["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])


def test_ports_are_those_of_this_host_only(service):
    for port in service.get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port), port


def test_no_secret_stands_in_the_environment(service):
    """What is secret comes from files."""
    for name, value in service.get("environment", {}).items():
        if re.search(r"PASSWORD|TOKEN|SECRET", name):
            assert name.endswith("__FILE"), name
            assert value.removeprefix("/run/secrets/") in service["secrets"]


def test_start_order_waits_for_health():
    for service in SERVICES.values():
        for name, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[name]
    assert set(SERVICES["prometheus"]["depends_on"]) == {"exporter", "alertmanager"}
    assert {"prometheus", "renderer"} <= set(SERVICES["grafana"]["depends_on"])


def test_what_is_mounted_exists_and_cannot_be_written(service):
    for mount in binds(service):
        assert (ROOT / mount["source"]).exists(), mount
        assert mount["read_only"] is True
        assert mount["bind"] == {"create_host_path": False}, "a wrong path must not become an empty folder"


def test_volumes_networks_and_secrets_are_all_declared_and_all_used():
    found = compose()
    used = {
        "volumes": {m["source"] for s in SERVICES.values() for m in s.get("volumes", ()) if m["type"] == "volume"},
        "networks": {name for s in SERVICES.values() for name in s.get("networks", ())},
        "secrets": {
            name if isinstance(name, str) else name["source"]
            for s in SERVICES.values()
            for name in s.get("secrets", ())
        },
    }
    assert used == {kind: set(found[kind]) for kind in used}


def test_secrets_have_examples_and_real_ones_stay_out_of_git():
    for secret in compose()["secrets"].values():
        path = ROOT / secret["file"]
        assert path.suffix == ".example"
        assert path.read_text().strip() == path.read_text(), "a newline would become part of the secret"
    ignored = (ROOT / "deploy/secrets/.gitignore").read_text().split("\n")
    assert ignored[1:4] == ["*", "!.gitignore", "!*.example"]


def test_servers_read_the_files_of_this_repository():
    """The same rules, configuration and dashboards as on a bare machine; only targets differ."""
    sources = {mount["source"].removeprefix("./") for service in SERVICES.values() for mount in binds(service)}
    assert sources == {
        "prometheus.yml", "alert_rules", "alertmanager.yml", "dashboards", "deploy/grafana/provisioning",
        "deploy/compose/targets",
    }  # fmt: skip
    local = {path.name for path in (ROOT / "deploy/targets").iterdir()}
    assert local == {path.name for path in (ROOT / "deploy/compose/targets").iterdir()}


@pytest.mark.parametrize("name", ["ml-models", "alertmanager"])
def test_targets_are_services_and_ports_of_the_local_files(name):
    """Compose's targets are its services, on the ports that the local targets have."""
    (local,), (here,) = (
        [target for group in yaml.safe_load((ROOT / folder / f"{name}.yml").read_text()) for target in group["targets"]]
        for folder in ("deploy/targets", "deploy/compose/targets")
    )
    service, port = here.split(":")
    assert service in SERVICES
    assert port == local.split(":")[1]
    assert f"127.0.0.1:{port}:{port}" in SERVICES[service]["ports"]


def test_grafana_asks_services_and_finds_its_dashboards():
    """The generated data sources and folders are those of the compose file."""
    texts = [yaml.safe_load(text) for text in grafana_files(GeneratorSettings()).values()]
    sources = [source for text in texts for source in text.get("datasources", ())]
    assert len(sources) == 2
    for source in sources:
        name, port = source["url"].removeprefix("http://").split(":")
        assert f"127.0.0.1:{port}:{port}" in SERVICES[name]["ports"]
        assert set(SERVICES[name]["networks"]) & set(SERVICES["grafana"]["networks"])
    (provider,) = [provider for text in texts for provider in text.get("providers", ())]
    assert provider["options"]["path"] in {mount["target"] for mount in binds(SERVICES["grafana"])}


def test_the_exporters_command_is_one_of_mlmon():
    """Its options exist, and it listens where it is scraped."""
    name, *arguments = SERVICES["exporter"]["command"]
    command = mlmon.get_command(click.Context(mlmon), name)
    parsed = command.make_context(name, list(arguments)).params
    assert (parsed["serve"], parsed["host"], parsed["port"]) == (True, "0.0.0.0", 9877)  # noqa: S104 - in a container


def test_mail_goes_to_the_service_beside_alertmanager():
    """The relay that alertmanager.yml names is the mail service, which shares Alertmanager's network."""
    smarthost = yaml.safe_load((ROOT / "alertmanager.yml").read_text())["global"]["smtp_smarthost"]
    assert SERVICES["mail"]["environment"]["MP_SMTP_BIND_ADDR"] == smarthost
    assert SERVICES["mail"]["network_mode"] == "service:alertmanager"


def test_alertmanager_finds_its_secret():
    """The file that alertmanager.yml names, from the folder that it is started in."""
    named = yaml.safe_load((ROOT / "alertmanager.yml").read_text())["global"]["slack_api_url_file"]
    (secret,) = SERVICES["alertmanager"]["secrets"]
    assert secret["target"] == f"{SERVICES['alertmanager']['working_dir']}/{named}"
