"""What docs/security.md shows works as it stands there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import requests
import yaml

from certificates import Authority
from ml_models import catalog
from ml_models.config import Config
from ml_models.exposition.web_form import HEADERS, TlsSection
from ml_models.monitoring import ModelMonitor

GUIDE = (Path(__file__).parents[2] / "docs/security.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", GUIDE, flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path) -> Path:
    Authority(tmp_path, "ca").sign("server")
    for name, text in zip(("monitoring.yml", "web.yml", "prometheus.yml"), BLOCKS, strict=True):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/exporter_password").write_text("x")
    return tmp_path


def test_the_examples_guard_an_endpoint(folder, caplog):
    config = Config(folder / "monitoring.yml", environ={}).get_monitoring_config()
    with ModelMonitor(**{**config, "name": "guide", "port": 0}) as monitor:
        trust = str(folder / "ca.pem")
        assert requests.get(f"{monitor.url}/metrics", verify=trust, timeout=10).status_code == 401
        auth = ("prometheus", "correct horse battery staple")
        assert "ml_model_info" in requests.get(f"{monitor.url}/metrics", verify=trust, auth=auth, timeout=10).text
    assert "the endpoint listens" not in caplog.text


def test_promtool_accepts_the_scrape(folder):
    done = subprocess.run(
        ["promtool", "check", "config", "prometheus.yml"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_guide_names_every_key_and_metric():
    for key in (*TlsSection.model_fields, "client_allowed_sans", "basic_auth_users", *HEADERS):
        assert f"{key}`" in GUIDE
    for metric in (
        catalog.HTTP_AUTH_FAILURES, catalog.TLS_CERTIFICATE_EXPIRY, catalog.WEB_CONFIG_RELOAD_SUCCESS,
        catalog.SECRET_FILE_EXPOSED,
    ):  # fmt: skip
        assert f"`{metric.name}`" in GUIDE
    assert yaml.safe_load(BLOCKS[1]).keys() == {"tls_server_config", "basic_auth_users"}
