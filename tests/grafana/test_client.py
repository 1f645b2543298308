"""Each failure of Grafana gets its own error, passing ones are sat out, and the token goes nowhere else."""

# ruff: noqa: S105, S106 - the tokens are those of the stand-in
from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ml_models.errors import ConfigError, ServerError
from ml_models.reports.connection import Connection, Credentials, read_credentials
from ml_models.reports.grafana import Grafana

from .standin import VIEWER, Fault, Standin, picture, serving

BOARD = {"uid": "board", "title": "Board", "panels": [], "tags": ["ml-models"]}


def reason_of(call, *arguments, **options) -> str:
    with pytest.raises(ServerError) as caught:
        call(*arguments, **options)
    assert "glsa_" not in str(caught.value), "a token must never be shown"
    return caught.value.reason


# --- passing failures ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_failure_is_sat_out(standin, grafana, pauses, status):
    standin.faults.append(Fault("/api/search", times=2, status=status))
    assert grafana.search() == []
    assert pauses == [0.5, 1.0]


def test_it_waits_as_long_as_the_server_asks(standin, grafana, pauses):
    standin.faults.append(Fault("/api/search", status=503, headers={"Retry-After": "7"}))
    assert grafana.search() == []
    assert pauses == [7.0]


def test_a_date_to_come_back_at_is_understood(standin, grafana, pauses):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    standin.faults.append(Fault("/api/search", status=429, headers={"Retry-After": later}))
    assert grafana.search() == []
    assert 0.5 <= pauses[0] <= 20.0


def test_a_server_that_asks_for_hours_is_not_waited_for(standin, grafana, pauses):
    standin.faults.append(Fault("/api/search", status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(ServerError, match=r"asks to come back in 3600 s"):
        grafana.search()
    assert pauses == []


def test_it_gives_up_after_four_times(standin, grafana, pauses):
    standin.faults.append(Fault("/api/search", times=99, status=502))
    assert reason_of(grafana.search) == "server-error"
    assert standin.asked("GET", "/api/search") == 4
    assert pauses == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("fault", [{"status": 502}, {"broken": True}])
def test_what_changes_something_is_sent_once(standin, grafana, fault):
    """A dashboard that was saved although the answer got lost must not be saved twice."""
    standin.faults.append(Fault("/api/dashboards/db", times=9, **fault))
    assert reason_of(grafana.save, BOARD) in {"server-error", "unreachable"}
    assert standin.asked("POST", "/api/dashboards/db") == 1


def test_a_refusal_of_too_many_requests_is_repeated_even_then(standin, grafana):
    standin.faults.append(Fault("/api/dashboards/db", status=429))
    assert grafana.save(BOARD)["version"] == 1


def test_queries_only_read_and_are_repeated(standin, grafana):
    standin.faults.append(Fault("/api/ds/query", times=1, status=502))
    assert reason_of(grafana.query, [{"refId": "A", "datasource": {"uid": "none"}}], 0, 1) == "no-data-source"
    assert standin.asked("POST", "/api/ds/query") == 2


def test_a_connection_that_breaks_is_made_again(standin, grafana, pauses):
    standin.faults.append(Fault("/api/search", times=2, broken=True))
    assert grafana.search() == []
    assert len(pauses) == 2


def test_a_slow_server_is_not_waited_for_without_end(standin, connect):
    hold = threading.Event()
    standin.faults.append(Fault("/api/search", times=9, hold=hold))
    try:
        with pytest.raises(ServerError, match=r"no answer within 0.2 s; tried 4 times"):
            connect(standin, timeout=0.2).search()
    finally:
        hold.set()


def test_a_server_that_is_not_there(pauses):
    grafana = Grafana(Connection("http://127.0.0.1:9", name="Grafana", sleep=pauses.append))
    with pytest.raises(ServerError, match=r"cannot be reached: .*refused; tried 4 times; is the address right"):
        grafana.health()


# --- refusals --------------------------------------------------------------------------------------------------------
def test_a_wrong_token_and_a_missing_one(standin, connect):
    assert reason_of(connect(standin, token="glsa_wrong").search) == "bad-token"
    assert reason_of(connect(standin, token="").search) == "bad-token"


def test_health_needs_no_token_and_gets_none(standin, connect):
    assert connect(standin, token="glsa_wrong").health()["database"] == "ok"
    assert "Authorization" not in standin.requests[-1][2]


def test_a_token_without_the_permission(standin, connect):
    assert reason_of(connect(standin, token=VIEWER).save, BOARD) == "no-permission"


def test_versions_conflict(grafana):
    first = grafana.save(BOARD)["version"]
    grafana.save(BOARD, version=first)
    assert reason_of(grafana.save, BOARD, version=first) == "version-conflict"
    assert reason_of(grafana.save, BOARD) == "version-conflict"


def test_another_dashboard_has_the_title(grafana):
    grafana.save(BOARD)
    assert reason_of(grafana.save, {**BOARD, "uid": "other"}) == "name-exists"


def test_a_provisioned_dashboard_is_not_saved(standin, grafana):
    standin.provision(BOARD)
    assert reason_of(grafana.save, BOARD, version=1) == "provisioned"


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"uid": "u" * 41}, "uid-too-long"), ({"uid": "a b"}, "bad-uid"), ({"title": ""}, "no-title")],
)
def test_what_a_dashboard_must_not_be(grafana, change, reason):
    assert reason_of(grafana.save, {**BOARD, **change}) == reason


def test_a_folder_that_exists(grafana):
    assert grafana.folder("ML models") is None
    assert grafana.make_folder("ML models") == "ml-models"
    assert grafana.folder("ML models") == "ml-models"
    assert reason_of(grafana.make_folder, "ML models") == "exists"


def test_what_is_not_there(grafana):
    assert grafana.dashboard("none") is None
    assert reason_of(grafana.versions, "none") == "not-found"
    assert reason_of(grafana.delete, "none") == "not-found"
    assert reason_of(grafana.data_source_health, "none") == "no-data-source"
    assert reason_of(grafana.delete_snapshot, "none") == "no-snapshot"
    assert reason_of(grafana.snapshot, "none") == "no-snapshot"


def test_a_data_source_that_exists(grafana):
    source = {"name": "P", "uid": "p", "type": "prometheus", "access": "proxy", "url": "http://127.0.0.1:9"}
    assert grafana.add_data_source(source)["name"] == "P"
    assert reason_of(grafana.add_data_source, source) == "exists"
    well, said = grafana.data_source_health("p")
    assert not well
    assert "refused" in said


def test_the_default_data_source_comes_first_with_its_interval(grafana):
    common = {"type": "prometheus", "access": "proxy", "url": "http://127.0.0.1:9"}
    grafana.add_data_source({**common, "name": "A", "uid": "a"})
    grafana.add_data_source({**common, "name": "Z", "uid": "z", "isDefault": True, "jsonData": {"timeInterval": "5s"}})
    grafana.add_data_source({**common, "name": "L", "uid": "l", "type": "loki"})
    assert [(source.uid, source.interval) for source in grafana.data_sources()] == [("z", "5s"), ("a", "")]


def test_snapshots_may_be_disabled(standin, grafana):
    standin.snapshots_enabled = False
    assert reason_of(grafana.make_snapshot, BOARD, "x", 60) == "snapshots-disabled"


def test_something_else_than_grafana_answers(standin, grafana):
    standin.faults.append(Fault("/api", times=9, status=200, body=b"<!doctype html>"))
    with pytest.raises(ServerError, match=r"answered 200 with no JSON but '<!doctype html>'; is the address right"):
        grafana.search()
    standin.faults[0].status = 404
    assert reason_of(grafana.dashboard, "board") == "no-json"


def test_marks(standin, grafana):
    assert grafana.annotate("Version 4", ["deployment"], 1700000000000, end=1700000060000) == 1
    assert standin.annotations == [
        {"time": 1700000000000, "timeEnd": 1700000060000, "tags": ["deployment"], "text": "Version 4"}
    ]


# --- pictures --------------------------------------------------------------------------------------------------------
def test_a_picture(standin, grafana):
    grafana.save(BOARD)
    png = grafana.render("board", 1, 0, 1000, {"model": ["churn"]}, width=300, height=200, scale=2)
    assert png == picture(600, 400)


def test_without_a_renderer_there_is_an_error_and_no_picture_is_asked_for(standin, grafana):
    standin.renderer = False
    grafana.save(BOARD)
    assert reason_of(grafana.render, "board", 1, 0, 1000, {}) == "no-renderer"
    assert standin.asked("GET", "/render") == 0


def test_a_placeholder_that_comes_with_200_is_not_taken_for_a_picture(standin, grafana):
    grafana.save(BOARD)
    png = {"status": 200, "body": picture(640, 210), "headers": {"Content-Type": "image/png"}}
    standin.faults += [Fault("/render", **png), Fault("/render", status=200, body=b"<html>")]
    assert reason_of(grafana.render, "board", 1, 0, 1000, {}) == "placeholder"
    assert reason_of(grafana.render, "board", 1, 0, 1000, {}) == "no-picture"


def test_a_picture_without_a_token_leads_to_the_login_page(standin, connect):
    standin.faults.append(Fault("/render", status=302, headers={"Location": "/login"}))
    assert reason_of(connect(standin).render, "board", 1, 0, 1000, {}) == "bad-token"


# --- safety ----------------------------------------------------------------------------------------------------------
def test_a_redirect_does_not_carry_the_token_away(standin, grafana):
    with serving(Standin()) as elsewhere:
        target = f"{elsewhere.url}/api/search"
        for status in (301, 302, 307, 308):
            standin.faults.append(Fault("/api/search", status=status, headers={"Location": target}))
            with pytest.raises(ServerError, match=r"redirected to http://localhost:\d+/api/search, which is not"):
                grafana.search()
        assert elsewhere.requests == []


def test_a_password_in_netrc_does_not_replace_the_token(standin, grafana, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine localhost login eve password secret\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    grafana.search()
    assert standin.requests[-1][2]["Authorization"] == "Bearer glsa_standin_admin"
    grafana.health()
    assert "Authorization" not in standin.requests[-1][2]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Make a certificate for localhost, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    assert shutil.which("openssl"), "install openssl"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", folder / "key.pem", "-out", folder / "ca.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


def test_certificates_are_verified_by_the_file_given_and_never_taken_on_trust(certificate, connect):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "ca.pem", certificate / "key.pem")
    with serving(Standin(), wrap=lambda one: context.wrap_socket(one, server_side=True)) as secure:
        with pytest.raises(ServerError, match=r"certificate is not trusted: .*name that authority's file in ca_file"):
            connect(secure).search()
        assert connect(secure, ca_file=str(certificate / "ca.pem")).search() == []


@pytest.mark.parametrize(
    ("url", "said"),
    [("grafana:3000", "starts with http"), ("ftp://grafana", "starts with http"), ("http://a:b@grafana", "password")],
)
def test_addresses_that_cannot_be(url, said):
    with pytest.raises(ConfigError, match=said) as caught:
        Connection(url, name="grafana.url")
    assert "a:b" not in str(caught.value)


def test_a_certificate_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"ca.pem: no such file"):
        Connection("https://grafana", name="grafana", ca_file=str(tmp_path / "ca.pem"))


def test_credentials_come_from_environment_or_file_and_are_not_shown(tmp_path):
    file = tmp_path / "token"
    file.write_text("glsa_1\n", encoding="utf-8")
    assert read_credentials({"GRAFANA_TOKEN": "glsa_0"}, str(file)).token == "glsa_0"
    assert read_credentials({"GRAFANA_TOKEN_FILE": str(file)}).token == "glsa_1"
    found = read_credentials({"GRAFANA_USER": "admin"}, str(file))
    assert found == Credentials(token="glsa_1")
    assert "glsa" not in repr(found)


def test_a_user_with_a_password_serves_until_there_is_a_token(standin, connect):
    credentials = read_credentials({"GRAFANA_USER": "admin", "GRAFANA_PASSWORD": "admin"})
    assert "password" not in repr(credentials)
    assert connect(standin, credentials=credentials).search() == []
    wrong = Credentials(user="admin", password="guess")
    assert reason_of(connect(standin, credentials=wrong).search) == "bad-token"


@pytest.mark.parametrize("content", ["", "two\nlines", "spa ce", "ümlaut"])
def test_a_file_without_a_token(tmp_path, content):
    file = tmp_path / "token"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"token alone|is empty"):
        read_credentials({}, str(file))


def test_no_credentials_at_all(tmp_path):
    with pytest.raises(ConfigError, match=r"make a service account"):
        read_credentials({})
    with pytest.raises(ConfigError, match=r"cannot be read"):
        read_credentials({}, str(tmp_path / "none"))
