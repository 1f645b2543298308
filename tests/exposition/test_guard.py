"""A guarded endpoint: who is let in, who is not, what is told of it, and what happens when its files change."""

from __future__ import annotations

import json
import logging
import os
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
import requests

from certificates import Authority
from ml_models.exposition import server as module
from ml_models.exposition.guard import Guard

from .conftest import HASH, PASSWORD, wait

USERS = f"basic_auth_users: {{prometheus: {HASH}}}\n"
RIGHT = ("prometheus", PASSWORD)


def tls(signed, **more: str) -> str:
    lines = {"cert_file": signed.certificate, "key_file": signed.key, **more}
    return "tls_server_config:\n" + "".join(f"  {key}: {value}\n" for key, value in lines.items())


def ask(site, path="/metrics", **options) -> requests.Response:
    return requests.get(f"{site.served.url}{path}", timeout=10, **options)


# --- passwords -------------------------------------------------------------------------------------------------------


def test_a_password_opens_and_nothing_else_does(site):
    site.serve(USERS)
    assert ask(site, auth=RIGHT).text == "up 1\n"
    for auth in (None, ("prometheus", "guess"), ("other", PASSWORD), ("", "")):
        for path in ("/metrics", "/", "/nowhere"):
            refused = ask(site, path, auth=auth)
            assert refused.status_code == 401
            assert refused.headers["WWW-Authenticate"] == 'Basic realm="mlmon", charset="UTF-8"'
            assert refused.text == "user and password, please\n"
    assert requests.head(f"{site.served.url}/metrics", timeout=10).status_code == 401


def test_probes_need_no_password_and_learn_yes_or_no(site):
    site.serve(USERS)
    assert ask(site, "/healthz").text == "ok\n"
    assert ask(site, "/readyz").json() == {"ready": True}
    assert "checks" in ask(site, "/readyz", auth=RIGHT).json()
    assert ask(site, "/readyz", auth=("prometheus", "guess")).status_code == 401


def test_what_is_refused_is_counted_and_logged_now_and_then(site, caplog):
    """The log names the client; what was typed as user or password is nowhere."""
    site.serve(USERS)
    for _ in range(5):
        ask(site, auth=("my secret", "my other secret"))
    ask(site)
    assert site.guard.state().failures == {"missing": 1, "wrong": 5, "busy": 0, "certificate": 0}
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [line for line in lines if "request from" in line] == [
        "request from 127.0.0.1 refused: wrong user or password"
    ]
    site.ticks += 61
    ask(site)
    assert "no password (5 more since the last such line)" in caplog.text
    assert "secret" not in caplog.text


def test_one_connection_is_asked_for_each_request(site):
    """Keep-alive: a refusal leaves the connection usable, a right answer opens nothing for the next request."""
    site.serve(USERS)
    with requests.Session() as session:
        codes = [
            session.get(f"{site.served.url}/metrics", auth=auth, timeout=10).status_code
            for auth in (None, RIGHT, None, ("prometheus", "guess"), RIGHT)
        ]
        assert codes == [401, 200, 401, 401, 200]
    assert len(site.served._http.connections) <= 1


def test_headers_of_the_form_are_sent(site):
    site.serve(USERS + "http_server_config: {headers: {X-Frame-Options: deny}}")
    for answer in (ask(site), ask(site, auth=RIGHT)):
        assert answer.headers["X-Frame-Options"] == "deny"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


# --- TLS -------------------------------------------------------------------------------------------------------------


def test_tls_speaks_to_who_trusts_it(site, authority):
    site.serve(tls(authority.sign("server")))
    assert site.served.url.startswith("https://")
    answer = ask(site, verify=str(authority.certificate))
    assert (answer.status_code, answer.text) == (200, "up 1\n")
    with pytest.raises(requests.exceptions.SSLError):
        ask(site)
    plain = f"http://127.0.0.1:{site.served.port}/metrics"
    with pytest.raises(requests.ConnectionError):
        requests.get(plain, timeout=10)
    assert ask(site, verify=str(authority.certificate)).status_code == 200


@pytest.mark.parametrize(("most", "spoken"), [("TLS12", None), ("TLS13", "TLSv1.3")])
def test_old_versions_are_refused(most, spoken, site, authority):
    site.serve(tls(authority.sign("server"), min_version="TLS13"))
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.maximum_version = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}[most]

    def speak() -> str | None:
        with (
            socket.create_connection(("127.0.0.1", site.served.port), timeout=10) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as client,
        ):
            return client.version()

    if spoken is None:
        with pytest.raises(ssl.SSLError):
            speak()
    else:
        assert speak() == spoken


@pytest.fixture
def stranger(tmp_path) -> Authority:
    return Authority(tmp_path / "strangers", "stranger")


def test_clients_show_their_certificates(site, authority, stranger):
    """Required: nobody without, nobody signed by another; all of it counted."""
    site.serve(
        tls(authority.sign("server"), client_auth_type="RequireAndVerifyClientCert",
            client_ca_file=str(authority.certificate))
    )  # fmt: skip
    trust = {"verify": str(authority.certificate)}
    known, unknown = authority.sign("client"), stranger.sign("client")
    assert ask(site, **trust, cert=(str(known.certificate), str(known.key))).status_code == 200
    for cert in (None, (str(unknown.certificate), str(unknown.key))):
        with pytest.raises(requests.ConnectionError):  # also SSLError
            ask(site, **trust, cert=cert)
    wait(lambda: site.guard.state().failures["certificate"] == 2, "two refused certificates")
    assert site.guard.knows_clients


def test_a_certificate_must_be_for_an_allowed_name(site, authority):
    site.serve(
        tls(authority.sign("server"), client_auth_type="VerifyClientCertIfGiven",
            client_ca_file=str(authority.certificate), client_allowed_sans="[prometheus.example.org]")
    )  # fmt: skip
    good = authority.sign("good", names=("prometheus.example.org",))
    bad = authority.sign("bad", names=("other.example.org",))
    trust = {"verify": str(authority.certificate)}
    assert ask(site, **trust, cert=(str(good.certificate), str(good.key))).status_code == 200
    assert ask(site, **trust).status_code == 200, "given none, none is checked"
    with pytest.raises(requests.ConnectionError):
        ask(site, **trust, cert=(str(bad.certificate), str(bad.key)))
    assert site.guard.state().failures["certificate"] == 1


def test_clients_that_dawdle_keep_nobody_waiting(site, authority):
    """Neither in the handshake nor in the request, even as many as there is place for."""
    site.serve(tls(authority.sign("server")) + USERS)
    silent = [
        socket.create_connection(("127.0.0.1", site.served.port), timeout=10) for _ in range(module.MAX_CONNECTIONS)
    ]
    wait(lambda: len(site.served._http.connections) == module.MAX_CONNECTIONS)
    for client in silent[::2]:
        client.sendall(b"\x16\x03\x01\x02\x00\x01")  # how a handshake begins
    context = ssl.create_default_context(cafile=str(authority.certificate))
    half = context.wrap_socket(
        socket.create_connection(("127.0.0.1", site.served.port), timeout=10), server_hostname="localhost"
    )
    half.sendall(b"GET /metrics HTTP/1.1\r\nHost: ")
    for _ in range(3):
        assert ask(site, verify=str(authority.certificate), auth=RIGHT).status_code == 200
    for client in (*silent, half):
        client.close()
    wait(lambda: not site.served._http.connections)


def test_close_lets_an_encrypted_answer_be_sent(site, authority, monkeypatch):
    """Ending a TLS connection must not go on in plain text under an answer."""
    served = site.serve(tls(authority.sign("server")))
    inside, leave = threading.Event(), threading.Event()
    body = b"x" * 3_000_000

    def slow(_openmetrics: bool) -> bytes:
        inside.set()
        assert leave.wait(10)
        return body

    endpoint = served._http.endpoint
    monkeypatch.setattr(served._http, "endpoint", type(endpoint)(slow, endpoint.ready, endpoint.landing))
    found: list[bytes] = []
    client = threading.Thread(
        target=lambda: found.append(
            ask(site, verify=str(authority.certificate), headers={"Accept-Encoding": "identity"}).content
        )
    )
    client.start()
    assert inside.wait(10)
    closing = threading.Thread(target=served.close)
    closing.start()
    leave.set()
    closing.join(10)
    client.join(10)
    assert found == [body]


# --- files that change -----------------------------------------------------------------------------------------------


def _served_until(site, authority) -> float:
    """Return the end of the certificate that is served, as a client sees it."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    with (
        socket.create_connection(("127.0.0.1", site.served.port), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as client,
    ):
        return float(ssl.cert_time_to_seconds(client.getpeercert()["notAfter"]))


def test_a_renewed_certificate_is_served_without_a_restart(site, authority):
    """Also to who kept a connection open, which is ended so that the client meets the new one."""
    first = authority.sign("server")
    site.serve(tls(first))
    assert _served_until(site, authority) == first.expiry == site.guard.state().certificate_expiry
    with requests.Session() as session:
        url, trust = f"{site.served.url}/metrics", str(authority.certificate)
        assert session.get(url, verify=trust, timeout=10).status_code == 200
        renewed = authority.sign("server", end=datetime.now(UTC) + timedelta(days=20))  # over the same files
        assert _served_until(site, authority) == first.expiry, "files are looked at once a second at most"
        site.later()
        answer = session.get(url, verify=trust, timeout=10)
        assert (answer.status_code, answer.headers["Connection"]) == (200, "close")
        assert session.get(url, verify=trust, timeout=10).status_code == 200
    assert _served_until(site, authority) == renewed.expiry == site.guard.state().certificate_expiry
    assert renewed.expiry > first.expiry


def test_a_password_that_is_changed_opens_no_more(site):
    site.serve(USERS)
    with requests.Session() as session:
        session.auth = RIGHT
        assert session.get(f"{site.served.url}/metrics", timeout=10).status_code == 200
        site.write(USERS.replace("prometheus", "grafana"))
        site.later()
        assert session.get(f"{site.served.url}/metrics", timeout=10).status_code == 401
    assert ask(site, auth=("grafana", PASSWORD)).status_code == 200


@pytest.mark.parametrize(
    "text", ["", "basic_auth_users: {prometheus: hunter2}", "tls_server_config: {cert_file: none, key_file: none}", "{"]
)
def test_a_file_that_becomes_wrong_changes_nothing_and_is_told_once(text, site, caplog):
    """Also one that is empty for the moment in which it is written anew: the endpoint stays shut."""
    site.serve(USERS)
    site.write(text)
    for _ in range(3):
        site.later()
        assert ask(site, auth=RIGHT).status_code == 200
        assert ask(site).status_code == 401
    assert site.guard.state().reload_succeeded is False
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "what was in force stays so" in errors[0]
    assert "hunter2" not in caplog.text
    site.write(USERS)
    site.later()
    assert ask(site, auth=RIGHT).status_code == 200
    assert site.guard.state().reload_succeeded is True


def test_a_file_that_goes_and_comes_back_is_seen(site):
    site.serve(USERS)
    site.path.unlink()
    site.later()
    assert ask(site, auth=RIGHT).status_code == 200
    assert site.guard.state().reload_succeeded is False
    site.write(USERS)
    site.later()
    assert site.guard.state().reload_succeeded is True


def test_a_renewal_in_two_steps_is_taken_when_both_files_are_there(site, authority):
    """The certificate comes before its key: meanwhile the old pair is served."""
    first = authority.sign("server")
    old_key = first.key.read_bytes()
    site.serve(tls(first))
    renewed = authority.sign("server", end=datetime.now(UTC) + timedelta(days=20))
    new_key = renewed.key.read_bytes()
    first.key.write_bytes(old_key)
    site.later()
    assert _served_until(site, authority) == first.expiry
    assert site.guard.state().reload_succeeded is False
    first.key.write_bytes(new_key)
    site.later()
    assert _served_until(site, authority) == renewed.expiry
    assert site.guard.state().reload_succeeded is True


def test_many_ask_while_it_changes(site):
    """Every answer is one of the two that are right."""
    site.serve(USERS)
    codes: set[int] = set()

    def client() -> None:
        with requests.Session() as session:
            session.auth = RIGHT
            codes.update(session.get(f"{site.served.url}/metrics", timeout=10).status_code for _ in range(40))

    clients = [threading.Thread(target=client) for _ in range(4)]
    for one in clients:
        one.start()
    for text in (USERS + "http_server_config: {headers: {X-Frame-Options: deny}}", USERS) * 5:
        site.write(text)
        site.later()
    for one in clients:
        one.join(30)
    assert codes == {200}


# --- what is told ----------------------------------------------------------------------------------------------------


def test_secrets_that_others_can_read_are_told(site, authority, caplog):
    signed = authority.sign("server")
    site.serve(tls(signed) + USERS)
    assert site.guard.state().exposed == {"web_config": False, "key": False}
    signed.key.chmod(0o644)
    assert site.guard.state().exposed == {"web_config": False, "key": True}
    Guard(site.path)
    assert f"{signed.key} can be read by every user of this machine; run: chmod o-rwx" in caplog.text
    signed.key.unlink()
    assert site.guard.state().exposed["key"] is False


def test_a_weak_hash_is_told(site, caplog):
    site.serve(USERS)
    assert "bcrypt costs below 10 are soon broken (users: prometheus)" in caplog.text


@pytest.mark.parametrize(
    ("host", "text", "said"),
    [
        ("0.0.0.0", None, "without TLS and authentication"),  # noqa: S104
        ("0.0.0.0", "users", "without TLS: passwords can be read"),  # noqa: S104
        ("0.0.0.0", "tls", "without authentication"),  # noqa: S104
        ("0.0.0.0", "both", ""),  # noqa: S104
        ("127.0.0.1", None, ""),
        ("127.0.0.1", "users", ""),
        ("localhost", None, ""),
        ("::1", None, ""),
    ],
)
def test_an_open_endpoint_says_what_it_lacks(host, text, said, site, authority, caplog):
    if text is None:
        served = module.Server(None, host, 0)  # type: ignore[arg-type]
    else:
        parts = {"users": USERS, "tls": tls(authority.sign("server")), "both": USERS + tls(authority.sign("server"))}
        served = site.serve(parts[text], host)
    lines = [record.getMessage() for record in caplog.records if "the endpoint listens" in record.getMessage()]
    assert len(lines) == bool(said)
    assert all(said in line and ("web_config" in line or "web configuration" in line) for line in lines)
    if text is None:
        served.close()


def test_a_forked_child_can_judge(site):
    """Whatever the parent's threads held when it forked."""
    site.serve(USERS)
    guard = site.guard
    with guard._counting, guard._loaded.passwords._one_at_a_time:
        child = os.fork()
        if child == 0:
            guard.after_fork()
            os._exit(0 if json.dumps(guard.judge("Basic eDp5", "test")) == '"wrong"' else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_forked_child_lets_go_of_encrypted_connections(site, authority):
    """Without a word on them: the parent goes on answering."""
    served = site.serve(tls(authority.sign("server")))
    with requests.Session() as session:
        options = {"verify": str(authority.certificate), "timeout": 10}
        assert session.get(f"{served.url}/metrics", **options).status_code == 200
        child = os.fork()
        if child == 0:
            served.close_inherited()
            os._exit(0 if len(served._http.connections) == 0 else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert session.get(f"{served.url}/metrics", **options).status_code == 200
        assert len(served._http.connections) == 1, "the same connection"
