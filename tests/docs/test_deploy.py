"""What docs/deploy.md shows is what the deployment files hold."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
SERVICES = yaml.safe_load(COMPOSE)["services"]


def block(word: str) -> str:
    """Return the fenced commands in which a word stands."""
    (found,) = [text for text in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL) if word in text]
    return found


def test_files_of_the_table_exist():
    table = GUIDE.partition("| file | is for |")[2].partition("\n\n")[0]
    files = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(files) >= 7
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_pages_are_the_published_ports():
    named = set(re.findall(r"<http://127\.0\.0\.1:(\d+)>", GUIDE))
    published = {port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", ())}
    assert named == published


def test_the_password_is_that_of_the_example():
    example = (ROOT / "deploy/secrets/grafana_admin_password.example").read_text()
    assert f"password `{example}`" in GUIDE


def test_commands_for_secrets_give_what_compose_reads(tmp_path):
    """Run as they stand, they give files without a newline, at the paths that ``.env`` tells compose."""
    (tmp_path / "deploy/secrets").mkdir(parents=True)
    commands = block("SLACK_WEBHOOK").replace("docker compose up --detach --wait\n", "")
    environment = {"PATH": os.environ["PATH"], "SLACK_WEBHOOK": "https://hooks.example.org/x"}
    subprocess.run(["sh", "-euc", commands], cwd=tmp_path, env=environment, check=True)
    settings = dict(line.split("=") for line in (tmp_path / ".env").read_text().splitlines())
    assert set(settings) == set(re.findall(r"\$\{(\w+):-", COMPOSE))
    contents = {path: (tmp_path / path).read_text() for path in settings.values()}
    assert contents["deploy/secrets/slack_url"] == "https://hooks.example.org/x"
    for path, content in contents.items():
        assert content == content.strip() != ""
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == 0o644
        assert f"{path}.example" in COMPOSE


def test_services_that_commands_name_exist():
    named = re.findall(
        r"docker compose (?:stop|start|exec|logs|kill --signal SIGHUP|build --pull) ([\w -]+?)[`\n]", GUIDE
    )
    words = {words.split()[0] for words in named}
    assert {"prometheus", "grafana", "exporter"} <= words <= set(SERVICES)


def test_volumes_that_commands_name_exist():
    found = yaml.safe_load(COMPOSE)
    named = set(re.findall(rf"{found['name']}_([\w-]+):/", GUIDE))
    assert named
    assert named <= set(found["volumes"])
    assert {f"`{name}`" for name in found["volumes"]} <= set(re.findall(r"`[\w-]+`", GUIDE))


def test_files_that_are_installed_exist_and_go_where_the_unit_looks():
    commands = block("systemctl daemon-reload")
    sources = re.findall(r"(deploy/\S+)", commands)
    assert len(sources) == 2
    assert all((ROOT / name).is_file() for name in sources)
    unit = (ROOT / "deploy/systemd/mlmon-watch.service").read_text()
    for path in ("/etc/mlmon-watch/environment", "/opt/mlmon/bin/"):
        assert path in commands
        assert path in unit
