"""A real Prometheus scrapes a guarded endpoint: TLS, its own certificate and a password; renewed while it does."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest

from certificates import Authority
from ml_models.demo.servers import Server, StopSignals, Supervisor, find_programs, free_port
from ml_models.exposition.passwords import make_hash
from ml_models.monitoring import ModelMonitor

from .test_prometheus import wait_for

pytestmark = pytest.mark.e2e

SCRAPE = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: {job}
    scheme: https
    tls_config: {{ca_file: {ca}, cert_file: {cert}, key_file: {key}, server_name: localhost}}
    basic_auth: {{username: prometheus, password_file: {password}}}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def test_prometheus_scrapes_with_tls_certificate_and_password(tmp_path):
    authority = Authority(tmp_path / "certificates")
    server, client = authority.sign("server"), authority.sign("client")
    web_config = tmp_path / "web.yml"
    web_config.write_text(
        f"""
tls_server_config:
  cert_file: {server.certificate}
  key_file: {server.key}
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: {authority.certificate}
basic_auth_users:
  prometheus: {make_hash("right", 10)}
"""
    )
    web_config.chmod(0o600)
    port = free_port()
    with ModelMonitor(name="guarded", port=0, web_config=web_config) as monitor, StopSignals() as signals:
        texts = {
            "prometheus.yml": "".join(
                part if job == "good" else part.partition("scrape_configs:\n")[2]
                for job in ("good", "bad")
                for part in [
                    SCRAPE.format(
                        job=job, ca=authority.certificate, cert=client.certificate, key=client.key,
                        password=tmp_path / job, port=monitor.url.rpartition(":")[2],
                    )
                ]
            ),
            "good": "right",
            "bad": "wrong",
        }  # fmt: skip
        for name, text in texts.items():
            (tmp_path / name).write_text(text)
        command = (
            find_programs().prometheus, "--config.file=prometheus.yml", "--storage.tsdb.path=data",
            f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
        )  # fmt: skip

        def ask(query: str) -> dict[str, float]:
            """Return values by the first label that tells series apart."""
            address = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
            with urllib.request.urlopen(address, timeout=10) as answer:
                found = json.load(answer)["data"]["result"]
            return {one["metric"].get("reason") or one["metric"]["job"]: float(one["value"][1]) for one in found}

        with Supervisor(signals) as supervisor:
            supervisor.start(Server("Prometheus", command, port, tmp_path))
            wait_for(lambda: ask("up").get("good") == 1.0)
            assert wait_for(lambda: ask("up").get("bad") == 0.0)
            assert ask("ml_tls_certificate_expiry_timestamp_seconds") == {"good": server.expiry}
            assert wait_for(lambda: ask('ml_http_auth_failures_total{job="good"}').get("wrong", 0) >= 2)
            assert ask('ml_secret_file_exposed{job="good",file="key"}') == {"good": 0.0}
            renewed = authority.sign("server", end=datetime.now(UTC) + timedelta(days=20))
            wait_for(
                lambda: (
                    ask("ml_tls_certificate_expiry_timestamp_seconds").get("good") == renewed.expiry
                    and ask("ml_web_config_reload_success").get("good") == 1.0
                )
            )
            assert ask('min_over_time(up{job="good"}[10s])') == {"good": 1.0}, "no scrape was lost over the renewal"
