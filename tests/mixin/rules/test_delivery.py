"""The generated configuration in a real Alertmanager: messages arrive on every channel, and say what they must."""

from __future__ import annotations

import email
import email.policy
import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from certificates import Authority
from ml_models.config import Config
from ml_models.mixin.alertmanager import AlertmanagerSettings, alertmanager_config
from ml_models.mixin.alerts import Alert, alerts
from ml_models.mixin.names import RuleSettings
from ml_models.mixin.timescale import scale

pytestmark = pytest.mark.e2e

#: The group wait of 30 s and the group interval of 5 min become the shortest there is.
FACTOR = 300
DEADLINE_SECONDS = 30.0
CHANNELS = ["email", "slack", "webhook", "pagerduty", "opsgenie"]
GOLDEN = Path(__file__).parent / "golden"


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
        return next((mail for mail in self.mails if subject in _subject(mail)), None)

    def to(self, path: str) -> list[dict[str, Any]]:
        """Return what was posted to a path that begins so."""
        return [post for where, post in self.posts if where.startswith(path)]


def _subject(mail: EmailMessage) -> str:
    return " ".join(mail["Subject"].split())  # a long one arrives folded


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
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            inbox.posts.append((self.path, body))
            # PagerDuty says that it has accepted, the others that all is well.
            answer = b'{"status": "success"}' if self.path == "/pagerduty" else b"ok"
            self.send_response(202 if self.path == "/pagerduty" else 200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

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

    def states(self) -> dict[str, str]:
        """Return active, suppressed or unprocessed by the name of the alert and its severity."""
        answer = requests.get(f"{self.url}/api/v2/alerts", timeout=5).json()
        return {
            f"{found['labels']['alertname']} {found['labels']['severity']}": found["status"]["state"]
            for found in answer
        }

    def state(self, name: str) -> str:
        """Return the state of an alert."""
        (state,) = {state for key, state in self.states().items() if key.startswith(f"{name} ")}
        return state

    def ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/-/ready", timeout=1).ok
        except requests.ConnectionError:
            return False


class Place:
    """A folder in which Alertmanager runs with the sinks of this test."""

    def __init__(self, folder: Path, smtp_port: int, web_port: int) -> None:
        self._folder, self._web = folder, f"http://127.0.0.1:{web_port}"
        self._notifications = {
            "email": {"to": ["oncall@example.org", "team@example.org"], "smarthost": f"127.0.0.1:{smtp_port}"},
            "webhook": {"url": f"{self._web}/webhook"},
            "pagerduty": {"url": f"{self._web}/pagerduty"},
            "opsgenie": {"url": f"{self._web}/opsgenie/", "team": "ML"},
            "watchdog_url": f"{self._web}/watchdog",
        }

    @contextmanager
    def run(
        self, channels: tuple[str, ...] = ("email", "slack"), known: tuple[Alert, ...] = (), **notifications: Any
    ) -> Iterator[Alertmanager]:
        """Run Alertmanager in the folder; ``known`` are the alerts whose chain mutes."""
        values = {"system": {"alert_channels": channels}, "notifications": {**self._notifications, **notifications}}
        monitoring = Config.from_dict({"monitoring": values}).monitoring
        settings = AlertmanagerSettings(monitoring.system.alert_channels, monitoring.notifications)
        content = alertmanager_config(settings, known or alerts(RuleSettings()))
        (self._folder / "secrets").mkdir()
        (self._folder / "alertmanager.yml").write_text(scale(content, FACTOR))
        # Found because Alertmanager is started in this folder; without newlines, which 0.25 would take as a part.
        secrets = {"slack_url": f"{self._web}/slack", "pagerduty_routing_key": "key1", "opsgenie_api_key": "key2"}
        for name, secret in secrets.items():
            (self._folder / "secrets" / name).write_text(secret)
        port = free_port()
        with (self._folder / "log").open("w") as log:
            process = subprocess.Popen(
                [
                    "prometheus-alertmanager",
                    f"--config.file={self._folder / 'alertmanager.yml'}",
                    f"--storage.path={self._folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                    "--web.external-url=https://alertmanager.example.org",
                    "--web.route-prefix=/",
                    "--cluster.listen-address=",
                ],
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                running = Alertmanager(f"http://127.0.0.1:{port}")
                eventually(running.ready, f"Alertmanager; its log is {self._folder / 'log'}")
                yield running
            finally:
                process.terminate()
                process.wait(timeout=10)


@pytest.fixture
def place(tmp_path: Path, smtp_port: int, web_port: int) -> Place:
    return Place(tmp_path, smtp_port, web_port)


@pytest.fixture
def alertmanager(place: Place) -> Iterator[Alertmanager]:
    with place.run() as running:
        yield running


def alert(name: str, severity: str, *, ends_in_minutes: float = 10, **labels: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "labels": {"alertname": name, "severity": severity, "category": "data", **labels},
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
    assert "Runbook:      https://example.org/runbooks/MLFeatureDrift.md" in plain
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


# --- as delivered ----------------------------------------------------------------------------------------------------


def drifted(*features: str, started: datetime, ends_in_minutes: float = 10) -> list[dict[str, Any]]:
    """Return alerts as the rules make them, of features that have drifted since the same moment."""
    top = ", ".join(f"{feature} ({3 - place / 10:.3g})" for place, feature in enumerate(features[:5]))
    found = []
    for place, feature in enumerate(features):
        one = alert(
            "MLFeatureDrift", "critical", ends_in_minutes=ends_in_minutes, model="delays <west>", role="feature",
            feature=feature,
        )  # fmt: skip
        score = f"{max(3 - place / 10, 0.3):.3g}"
        one["startsAt"] = started.isoformat()
        one["annotations"] |= {
            "summary": f"Feature {feature} of model delays <west> has drifted strongly: PSI {score}",
            "description": f"PSI over 1h is {score}, critical threshold 0.25. First compare the feature's live and "
            "reference bins on the dashboard, then ask what changed upstream: source, unit, encoding, or the "
            "population.",
            "dashboard_url": "https://grafana.example.org/d/ml-model?var-model=delays+%3Cwest%3E&var-feature="
            + feature.replace(" ", "+"),
            "top_features": top,
        }
        found.append(one)
    return found


def _timeless(text: str) -> str:
    """Leave out what differs from run to run: moments and ports."""
    text = text.replace("\r\n", "\n")  # as mail has them
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME", text)
    text = re.sub(r'"(starts|ends)At": "[^"]+"', r'"\1At": "TIME"', text)
    return re.sub(r"127\.0\.0\.1:\d+", "HOST", text)


def agrees(name: str, text: str) -> None:
    """Compare with a golden file; with MLMON_GOLDEN=write in the environment, write it instead."""
    file, text = GOLDEN / name, _timeless(text)
    if os.environ.get("MLMON_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"{file}: differs from what was delivered"


def _json(message: Any) -> str:
    return json.dumps(message, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


@pytest.mark.parametrize("status", ["firing", "resolved"])
def test_each_channels_message_is_as_agreed(status, place, inbox):
    """Byte for byte, but for moments and ports."""
    with place.run(tuple(CHANNELS)) as alertmanager:
        # Now: an alert older than the group wait is told at once, before the others are there.
        started = datetime.now(UTC)
        alertmanager.post(*drifted("temp", "dew point", started=started))
        title = "[CRITICAL] MLFeatureDrift: delays <west> (2 firing)"
        posted = {
            "slack": "/slack",
            "webhook": "/webhook",
            "pagerduty": "/pagerduty",
            "opsgenie": "/opsgenie/v2/alerts",
        }
        eventually(lambda: inbox.mail(title) and all(inbox.to(path) for path in posted.values()), "message everywhere")
        if status == "resolved":
            inbox.posts.clear()
            alertmanager.post(*drifted("temp", "dew point", started=started, ends_in_minutes=0))
            title = "[RESOLVED] MLFeatureDrift: delays <west>"
            eventually(lambda: inbox.mail(title) and all(inbox.to(path) for path in posted.values()), "all-clear")
    mail = inbox.mail(title)
    plain, html = parts(mail)
    agrees(f"{status}-mail.txt", f"Subject: {_subject(mail)}\nTo: {mail['To']}\n\n{plain}")
    agrees(f"{status}-mail.html", html)
    for channel, path in posted.items():
        (message,) = inbox.to(path)
        for key in ("notification_reason", "routeLabels"):  # which Alertmanager itself adds in newer versions
            message.pop(key, None)
        if channel == "pagerduty":  # where newer versions send numbers and null
            details = message["payload"]["custom_details"]
            details |= {key: "" if value is None else str(value) for key, value in details.items()}
        agrees(f"{status}-{channel}.json", _json(message))
    everything = html + plain + _json(inbox.posts)
    assert "<no value>" not in everything
    assert "#ZgotmplZ" not in everything, "a template's value was refused as unsafe"


def test_mail_goes_through_a_relay_that_wants_tls_and_a_password(place, inbox, tmp_path):
    """The relay's certificate is checked, and the password is sent under TLS alone."""
    signed = Authority(tmp_path / "certificates").sign("relay")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(signed.certificate, signed.key)
    seen: list[tuple[bytes, bytes]] = []

    def authenticate(_server, session, _envelope, _mechanism, given: LoginPassword) -> AuthResult:
        seen.append((given.login, given.password))
        return AuthResult(success=session.ssl is not None and given.password == b"relay password")

    relay = Controller(
        inbox, hostname="127.0.0.1", port=free_port(), tls_context=context, require_starttls=True,
        auth_required=True, authenticator=authenticate,
        auth_exclude_mechanism=["LOGIN"],  # its prompts are none that Alertmanager knows
    )  # fmt: skip
    relay.start()
    mail = {
        "smarthost": f"localhost:{relay.port}", "require_tls": True, "username": "ml",
        "ca_file": str(tmp_path / "certificates/authority.pem"), "password_file": str(tmp_path / "password"),
        "to": ["oncall@example.org"], "sender": "ml@example.org",
    }  # fmt: skip
    (tmp_path / "password").write_text("relay password")
    try:
        with place.run(("email",), email=mail) as alertmanager:
            alertmanager.post(alert("MLModelAccuracyLow", "critical", model="m"))
            delivered = eventually(lambda: inbox.mail("MLModelAccuracyLow"), "mail")
    finally:
        relay.stop()
    assert delivered["From"] == "ml@example.org"
    assert seen == [(b"ml", b"relay password")]


def test_a_hundred_features_at_once_give_one_message(place, inbox):
    """On each channel: the first are written out, all are counted."""
    with place.run(tuple(CHANNELS)) as alertmanager:
        alertmanager.post(*drifted(*(f"f{number:03}" for number in range(100)), started=datetime.now(UTC)))
        mail = eventually(lambda: inbox.mail("[CRITICAL] MLFeatureDrift: delays <west> (100 firing)"), "mail")
        # Whatever else the hundred would have brought comes before the message on a later alert.
        alertmanager.post(alert("MLModelAccuracyLow", "critical", model="other"))
        eventually(lambda: inbox.mail("MLModelAccuracyLow"), "later mail")
        eventually(lambda: inbox.slack("MLModelAccuracyLow"), "later Slack message")
    plain, html = parts(mail)
    assert len([one for one in inbox.mails if "MLFeatureDrift" in one["Subject"]]) == 1
    assert plain.count("FIRING  ") == 20
    assert "Drifting most: f000 (3), f001 (2.9)," in plain
    assert "and 80 more, see the dashboard" in plain
    assert "and 80 more" in html
    (slack,) = [
        post["attachments"][0] for post in inbox.to("/slack") if "MLFeatureDrift" in post["attachments"][0]["title"]
    ]
    assert "and 90 more, see the dashboard" in slack["text"]
    assert len(slack["text"]) < 4_000, "Slack folds longer texts away"
    for path in ("/pagerduty", "/opsgenie", "/webhook"):
        assert len([post for post in inbox.to(path) if "MLFeatureDrift" in json.dumps(post)]) == 1


def test_quiet_hours_hold_warnings_back_and_nothing_critical(place, inbox):
    with place.run(("slack",), quiet_hours=["mon-sun"], time_zone="Europe/Zurich") as alertmanager:
        alertmanager.post(alert("MLFeatureDrift", "warning", model="m", feature="a"))
        alertmanager.post(alert("MLModelAccuracyLow", "critical", model="m"))
        eventually(lambda: inbox.slack("[CRITICAL] MLModelAccuracyLow: m"), "critical message")
        alertmanager.post(alert("MLPredictionErrors", "critical", model="m"))
        eventually(lambda: inbox.slack("[CRITICAL] MLPredictionErrors: m"), "later message")
    assert inbox.slack("MLFeatureDrift") is None


# --- the chain from cause to effect ----------------------------------------------------------------------------------

_TIERS = ("schema", "quality", "dataset_drift", "drift", "label_coverage", "performance")
_CHAIN = tuple(
    Alert(f"ML{tier}", severity, "1", "", "", tier=tier) for tier in _TIERS for severity in ("critical", "warning")
)


@pytest.mark.parametrize(
    ("source", "labels", "muted"),
    [
        (("MLschema", "critical"), {}, {"quality", "dataset_drift", "drift", "performance"}),
        (("MLquality", "critical"), {}, {"dataset_drift", "drift", "performance"}),
        (("MLquality", "critical"), {"feature": "a"}, {"drift"}),
        (("MLquality", "critical"), {"feature": "b"}, set()),
        (("MLdataset_drift", "critical"), {}, {"drift", "performance"}),
        (("MLdrift", "critical"), {"feature": "a"}, set()),
        (("MLlabel_coverage", "critical"), {}, {"performance"}),
        (("MLperformance", "critical"), {}, set()),
        (("MLschema", "warning"), {}, set()),
        (("MLschema", "critical"), {"model": "other"}, set()),
    ],
)
def test_a_cause_mutes_its_effects(source, labels, muted, place):
    """Of the same model, and of the same feature where it is about one; each pair in a model of its own."""
    name, severity = source
    effects = [tier for tier in _TIERS if f"ML{tier}" != name]
    with place.run(("slack",), _CHAIN) as alertmanager:
        for tier in effects:
            feature = {"feature": "a"} if tier == "drift" else {}
            alertmanager.post(
                alert(name, severity, **{"model": tier, **labels}),
                alert(f"ML{tier}", "critical", model=tier, **feature),
            )

        def settled() -> bool:
            states = alertmanager.states()
            found = {tier for tier in effects if states[f"ML{tier} critical"] == "suppressed"}
            return "unprocessed" not in states.values() and found == muted

        eventually(settled, f"state in which {sorted(muted)} and no others are muted")


def test_a_warning_mutes_warnings_alone(place):
    with place.run(("slack",), _CHAIN) as alertmanager:
        alertmanager.post(
            alert("MLschema", "warning", model="m"),
            alert("MLquality", "warning", model="m"),
            alert("MLperformance", "critical", model="m"),
        )
        eventually(lambda: alertmanager.states().get("MLquality warning") == "suppressed", "muted warning")
        assert alertmanager.states()["MLperformance critical"] != "suppressed"
        assert alertmanager.states()["MLschema warning"] != "suppressed"
