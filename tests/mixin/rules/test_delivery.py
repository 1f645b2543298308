"""The generated configuration in a real Alertmanager: messages arrive by email and in Slack, and say what they must."""

from __future__ import annotations

import email
import email.policy
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from aiosmtpd.controller import Controller

from ml_models.mixin.alertmanager import AlertmanagerSettings
from ml_models.mixin.files import GeneratorSettings, alertmanager_files
from ml_models.mixin.timescale import scale

pytestmark = pytest.mark.e2e

#: The group wait of 30 s and the group interval of 5 min become the shortest there is.
FACTOR = 300
DEADLINE_SECONDS = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(found: Callable[[], Any], what: str) -> Any:
    """Return the first true value before the deadline."""
    end = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError(f"no {what} in {DEADLINE_SECONDS:g} s")


@dataclass
class Inbox:
    """What a mail relay and a web server received."""

    mails: list[EmailMessage] = field(default_factory=list)
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"

    def slack(self, title: str) -> dict[str, Any] | None:
        """Return the first Slack attachment with this in its title."""
        found = [post["attachments"][0] for path, post in self.posts if path == "/slack"]
        return next((attachment for attachment in found if title in attachment["title"]), None)

    def mail(self, subject: str) -> EmailMessage | None:
        """Return the first mail with this in its subject."""
        return next((mail for mail in self.mails if subject in mail["Subject"]), None)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def smtp_port(inbox: Inbox) -> Iterator[int]:
    port = free_port()
    relay = Controller(inbox, hostname="127.0.0.1", port=port)
    relay.start()
    yield port
    relay.stop()


@pytest.fixture
def web_port(inbox: Inbox) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            inbox.posts.append((self.path, json.loads(body)))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(frozen=True)
class Alertmanager:
    """A running Alertmanager."""

    url: str

    def post(self, *alerts: dict[str, Any]) -> None:
        """Send alerts as Prometheus does."""
        requests.post(f"{self.url}/api/v2/alerts", json=alerts, timeout=5).raise_for_status()

    def state(self, name: str) -> str:
        """Return active, suppressed or unprocessed."""
        answer = requests.get(f"{self.url}/api/v2/alerts", timeout=5).json()
        (state,) = {found["status"]["state"] for found in answer if found["labels"]["alertname"] == name}
        return str(state)

    def ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/-/ready", timeout=1).ok
        except requests.ConnectionError:
            return False


@pytest.fixture
def alertmanager(tmp_path: Path, smtp_port: int, web_port: int) -> Iterator[Alertmanager]:
    settings = AlertmanagerSettings(
        email_to=("oncall@example.org", "team@example.org"),
        smtp_smarthost=f"127.0.0.1:{smtp_port}",
        watchdog_url=f"http://127.0.0.1:{web_port}/watchdog",
    )
    (text,) = alertmanager_files(GeneratorSettings(alertmanager=settings)).values()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "alertmanager.yml").write_text(scale(text, FACTOR))
    # Found because Alertmanager is started in this folder.
    (tmp_path / "secrets/slack_url").write_text(f"http://127.0.0.1:{web_port}/slack")
    port = free_port()
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [
                "prometheus-alertmanager",
                f"--config.file={tmp_path / 'alertmanager.yml'}",
                f"--storage.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            cwd=tmp_path,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            running = Alertmanager(f"http://127.0.0.1:{port}")
            eventually(running.ready, f"Alertmanager; its log is {tmp_path / 'log'}")
            yield running
        finally:
            process.terminate()
            process.wait(timeout=10)


def alert(name: str, severity: str, *, ends_in_minutes: float = 10, **labels: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "labels": {"alertname": name, "severity": severity, **labels},
        "annotations": {
            "summary": f"{labels.get('feature', name)} of <{labels.get('model', '')}> & others: 0.61",
            "description": "PSI over 1h is 0.607, critical threshold 0.25.",
            "runbook_url": f"https://example.org/runbooks/{name}.md",
            "dashboard_url": "https://grafana.example.org/d/ml-model?var-model=m&var-feature=a",
        },
        "startsAt": (now - timedelta(minutes=20)).isoformat(),
        "endsAt": (now + timedelta(minutes=ends_in_minutes)).isoformat(),
        "generatorURL": "http://127.0.0.1:9090/graph",
    }


def parts(mail: EmailMessage) -> tuple[str, str]:
    """Return the plain and the HTML part."""
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    return plain.get_content(), html.get_content()


def test_a_critical_alert_reaches_email_and_slack_and_so_does_its_end(alertmanager, inbox):
    """Value, threshold and links arrive; what the user's names contain is shown and not interpreted."""
    alertmanager.post(alert("MLFeatureDrift", "critical", model="m", feature="<!channel>"))

    mail = eventually(lambda: inbox.mail("[CRITICAL] MLFeatureDrift: m"), "mail")
    assert mail["To"] == "oncall@example.org, team@example.org"
    plain, html = parts(mail)
    assert "FIRING  <!channel> of <m> & others: 0.61" in plain
    assert "PSI over 1h is 0.607, critical threshold 0.25." in plain
    assert "Runbook:   https://example.org/runbooks/MLFeatureDrift.md" in plain
    assert "&lt;!channel&gt; of &lt;m&gt; &amp; others: 0.61" in html
    assert 'href="https://grafana.example.org/d/ml-model?var-model=m&amp;var-feature=a"' in html
    assert "#ZgotmplZ" not in html + plain, "a template's value was refused as unsafe"
    assert "<no value>" not in html + plain

    slack = eventually(lambda: inbox.slack("[CRITICAL] MLFeatureDrift: m"), "Slack message")
    assert slack["color"] == "danger"
    assert slack["title_link"].startswith("https://grafana.example.org/d/ml-model")
    assert "*&lt;!channel&gt; of &lt;m&gt; &amp; others: 0.61*" in slack["text"]
    assert "<https://example.org/runbooks/MLFeatureDrift.md|Runbook>" in slack["text"]

    alertmanager.post(alert("MLFeatureDrift", "critical", model="m", feature="<!channel>", ends_in_minutes=-0.01))
    resolved = eventually(lambda: inbox.slack("[RESOLVED] MLFeatureDrift: m"), "all-clear in Slack")
    assert resolved["color"] == "good"
    assert "Resolved:" in resolved["text"]
    plain, html = parts(eventually(lambda: inbox.mail("[RESOLVED] MLFeatureDrift: m"), "all-clear by mail"))
    assert "RESOLVED  <!channel>" in plain
    assert "<b>Resolved:</b>" in html


def test_a_warning_reaches_slack_only_and_features_are_grouped(alertmanager, inbox):
    alertmanager.post(*(alert("MLFeatureDrift", "warning", model="m", feature=name) for name in ("age", "fare")))
    slack = eventually(lambda: inbox.slack("[WARNING] MLFeatureDrift: m (2 firing)"), "Slack message")
    assert slack["color"] == "warning"
    assert slack["text"].index("age of") < slack["text"].index("fare of")
    # A later critical alert has come by mail, so the warning would have had its time.
    alertmanager.post(alert("MLModelAccuracyLow", "critical", model="m"))
    eventually(lambda: inbox.mail("MLModelAccuracyLow"), "mail")
    assert inbox.mail("MLFeatureDrift") is None


def test_what_is_muted_and_what_is_not(alertmanager):
    """Critical mutes the same warning; a dead exporter mutes its own model only, a dead replica nothing."""
    alertmanager.post(
        alert("MLFeatureDrift", "critical", model="m", feature="a"),
        alert("MLExporterDown", "critical", model="dead", instance="i1"),
        alert("MLExporterDown", "warning", model="half", instance="i2"),
    )
    alertmanager.post(
        alert("MLModelAccuracyLow", "critical", model="dead"),
        alert("MLPredictionErrors", "critical", model="half"),
        alert("MLPredictionLatencyHigh", "warning", model="m"),
        alert("MLMemoryHigh", "warning", model="dead", instance="i1"),
    )
    eventually(lambda: alertmanager.state("MLModelAccuracyLow") == "suppressed", "muted accuracy")
    eventually(lambda: alertmanager.state("MLMemoryHigh") == "suppressed", "muted memory")
    eventually(lambda: alertmanager.state("MLPredictionErrors") == "active", "active errors")
    eventually(lambda: alertmanager.state("MLPredictionLatencyHigh") == "active", "active latency")
    alertmanager.post(alert("MLExporterAbsent", "critical", job="ml-models"))
    alertmanager.post(alert("MLPredictionErrors", "critical", model="half"))
    eventually(lambda: alertmanager.state("MLPredictionErrors") == "suppressed", "muted errors")
    assert alertmanager.state("MLExporterAbsent") == "active"


def test_the_watchdog_calls_its_switch_again_and_again_and_nobody_else(alertmanager, inbox):
    alertmanager.post(alert("MLWatchdog", "none"))
    eventually(lambda: [path for path, _ in inbox.posts].count("/watchdog") >= 3, "third call of the switch")
    assert {path for path, _ in inbox.posts} == {"/watchdog"}
    assert inbox.mails == []
