"""The endpoint answers what it should, refuses the rest, and cannot be worn down by its clients."""

from __future__ import annotations

import gzip
import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from ml_models.errors import PortInUseError
from ml_models.exposition import OPENMETRICS, PLAIN, Endpoint, Server
from ml_models.exposition import server as module
from ml_models.exposition.handler import Handler

LARGE = b"# a line of text\n" * 200


class Answers:
    """What the endpoint serves, which tests change."""

    def __init__(self) -> None:
        self.metrics: Callable[[bool], bytes] = lambda openmetrics: b"openmetrics\n" if openmetrics else b"plain\n"
        self.ready: tuple[bool, dict[str, Any]] = (True, {"ready": True})

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self._metrics, lambda: self.ready, lambda: "<h1>Zürich</h1>")

    def _metrics(self, openmetrics: bool) -> bytes:
        return self.metrics(openmetrics)


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def served(answers) -> Iterator[Server]:
    server = Server(answers.endpoint, "127.0.0.1", 0)
    yield server
    server.close()


def _ask(
    server: Server, path: str = "/metrics", method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def _raw(server: Server, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        parts = []
        while part := client.recv(65_536):
            parts.append(part)
        return b"".join(parts)


def _wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.005)


# --- what is answered ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "content_type", "body"),
    [
        ("/metrics", PLAIN, b"plain\n"),
        ("/metrics?name[]=x", PLAIN, b"plain\n"),
        ("/healthz", "text/plain; charset=utf-8", b"ok\n"),
        ("/readyz", "application/json", b'{\n  "ready": true\n}\n'),
        ("/", "text/html; charset=utf-8", "<h1>Zürich</h1>".encode()),
    ],
)
def test_each_page_has_its_type_and_body_and_head_its_headers(path, content_type, body, served):
    answer, found = _ask(served, path)
    assert (answer.status, answer.headers["Content-Type"], found) == (200, content_type, body)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    head, nothing = _ask(served, path, "HEAD")
    assert (head.status, nothing) == (200, b"")
    for name in ("Content-Type", "Content-Length"):
        assert head.headers[name] == answer.headers[name]


def test_openmetrics_is_given_to_who_asks_for_it(served):
    """As Prometheus asks, among others."""
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1"
    answer, found = _ask(served, Accept=accept)
    assert (answer.headers["Content-Type"], found) == (OPENMETRICS, b"openmetrics\n")
    assert "Accept" in answer.headers["Vary"]
    assert _ask(served, Accept="text/plain")[1] == b"plain\n"


def test_a_large_body_is_compressed_for_who_can_read_it(served, answers):
    answers.metrics = lambda openmetrics: LARGE
    answer, found = _ask(served, Accept_Encoding="gzip, deflate")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) == len(found) < len(LARGE)
    assert gzip.decompress(found) == LARGE
    assert "Accept-Encoding" in answer.headers["Vary"]
    for headers in ({}, {"Accept_Encoding": "deflate"}):
        answer, found = _ask(served, **headers)
        assert (answer.headers["Content-Encoding"], found) == (None, LARGE)
    answers.metrics = lambda openmetrics: b"small\n"
    assert _ask(served, Accept_Encoding="gzip")[0].headers["Content-Encoding"] is None


def test_readiness_is_503_while_a_check_fails(served, answers):
    answers.ready = (False, {"ready": False, "checks": {"database": {"up": False}}})
    answer, found = _ask(served, "/readyz")
    assert (answer.status, json.loads(found)) == (503, answers.ready[1])
    assert _ask(served, "/healthz")[0].status == 200
    answers.ready = (True, {"ready": True})
    assert _ask(served, "/readyz")[0].status == 200


def test_one_connection_serves_many_requests_promptly(served):
    """Headers and body go out together: sent apart, each answer would wait for the client's delayed acknowledgement."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    begun = time.monotonic()
    for _ in range(50):
        connection.request("GET", "/metrics")
        assert connection.getresponse().read() == b"plain\n"
    assert time.monotonic() - begun < 1.0
    connection.close()


def test_a_page_that_fails_says_so_without_telling_why(served, answers, caplog):
    def fail(_openmetrics: bool) -> bytes:
        raise ValueError("a secret")

    answers.metrics = fail
    answer, found = _ask(served)
    assert (answer.status, found) == (500, b"failed; see the log\n")
    assert "serving /metrics failed" in caplog.text
    assert _ask(served, "/healthz")[0].status == 200


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/metric", "/metrics/", "/METRICS", "/../metrics", "/metrics/../../etc/passwd", "/%2e%2e/etc/passwd",
     "/etc/passwd", "/..%2f..%2fetc/passwd", "/static/../../etc/passwd", "/favicon.ico", "/\\..\\..\\etc"],
)  # fmt: skip
def test_there_is_nothing_but_the_four_pages(path, served):
    answer, found = _ask(served, path)
    assert (answer.status, found) == (404, b"not found; see /\n")
    assert _ask(served, path, "HEAD")[1] == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_other_methods_are_not_implemented(method, served):
    answer, found = _ask(served, "/metrics", method)
    assert answer.status == 501
    assert b"plain" not in found


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /metrics HTTP/1.0\r\n\r\n", b"200"),
        (b"GET\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"505"),
        (b"GET / HTTP/x\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * 70_000 + b"\r\n\r\n", b"431"),
    ],
    ids=["HTTP 1.0", "half a line", "HTTP 9.9", "no version", "TLS", "long path", "many headers", "long header"],
)
def test_requests_that_are_none_are_refused_and_harm_no_one(request_, status, served):
    answer = _raw(served, request_)
    assert status in answer.split(b"\r\n", 1)[0] or status in answer  # HTTP 0.9 has no status line
    assert _ask(served)[0].status == 200


@pytest.mark.parametrize("request_", [b"", b"\r\n", b"GET / HT"])
def test_a_client_that_leaves_is_let_go(request_, served):
    _raw(served, request_)
    _wait(lambda: not served._http.connections)
    assert _ask(served)[0].status == 200


def test_a_client_that_leaves_before_its_answer_is_no_error(served, answers, caplog):
    caplog.set_level(logging.INFO)
    inside, leave = threading.Event(), threading.Event()

    def slow(_openmetrics: bool) -> bytes:
        inside.set()
        assert leave.wait(10)
        return LARGE * 1_000

    answers.metrics = slow
    client = socket.create_connection(("127.0.0.1", served.port), timeout=10)
    client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert inside.wait(10)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # a reset, not an orderly end
    client.close()
    leave.set()
    _wait(lambda: not served._http.connections)
    assert caplog.text == ""
    assert _ask(served, "/healthz")[0].status == 200


def test_a_client_that_says_nothing_is_let_go_after_a_while(answers, monkeypatch):
    monkeypatch.setattr(Handler, "timeout", 0.05)
    server = Server(answers.endpoint, "127.0.0.1", 0)
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            assert client.recv(1) == b""
    finally:
        server.close()


def test_connections_are_bounded_and_who_says_nothing_makes_place(served):
    """A flood takes no more than so many threads and keeps nobody out: the longest silent client goes first."""
    before = threading.active_count()
    flood = [socket.create_connection(("127.0.0.1", served.port), timeout=10) for _ in range(module.MAX_CONNECTIONS)]
    _wait(lambda: len(served._http.connections) == module.MAX_CONNECTIONS)
    for client in flood[1:]:
        client.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")  # and no end of it
    assert _ask(served)[0].status == 200
    assert flood[0].recv(1) == b""
    assert threading.active_count() - before <= module.MAX_CONNECTIONS
    for client in flood:
        client.close()
    _wait(lambda: not served._http.connections)
    assert _ask(served)[0].status == 200


def test_who_is_being_answered_keeps_the_place_and_who_comes_too_late_is_told(served, answers):
    leave, begun = threading.Event(), threading.Semaphore(0)

    def slow(_openmetrics: bool) -> bytes:
        begun.release()
        assert leave.wait(10)
        return b"in time\n"

    answers.metrics = slow
    clients = [socket.create_connection(("127.0.0.1", served.port), timeout=10) for _ in range(module.MAX_CONNECTIONS)]
    for client in clients:
        client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert begun.acquire(timeout=10)
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as late:
        assert late.recv(1) == b""
    leave.set()
    for client in clients:
        with client, client.makefile("rb") as answer:
            assert answer.read().endswith(b"in time\n")


def test_a_thread_that_cannot_be_started_costs_one_answer_and_no_place(served, monkeypatch):
    start = threading.Thread.start

    def fail(thread: threading.Thread) -> None:
        if "process_request_thread" in thread.name:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", fail)
    for _ in range(module.MAX_CONNECTIONS + 5):
        with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
            assert client.recv(1) == b""
    monkeypatch.undo()
    assert _ask(served)[0].status == 200


# --- where it listens ------------------------------------------------------------------------------------------------


def test_a_port_of_0_is_a_free_one_and_the_url_tells_it(served, answers):
    other = Server(answers.endpoint, "127.0.0.1", 0)
    try:
        assert served.port != other.port
        assert served.url == f"http://127.0.0.1:{served.port}"
    finally:
        other.close()


def test_it_is_reached_at_the_address_given_and_no_other(served):
    assert served._http.server_address[0] == "127.0.0.1"
    with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
        socket.create_connection(("127.0.0.2", served.port), timeout=2)


@pytest.mark.parametrize(
    ("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("localhost", "localhost"), ("::1", "[::1]"), ("::", "[::1]")],  # noqa: S104
)  # fmt: skip
def test_any_kind_of_address_has_a_url_that_works(host, shown, answers):
    server = Server(answers.endpoint, host, 0)
    try:
        assert server.url == f"http://{shown}:{server.port}"
        connection = http.client.HTTPConnection(urlsplit(server.url).hostname, server.port, timeout=10)
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b"ok\n"
        connection.close()
    finally:
        server.close()


def test_a_taken_port_is_told_and_free_after_close(served, answers):
    with pytest.raises(PortInUseError, match=f"cannot listen on 127.0.0.1:{served.port}.*choose another port"):
        Server(answers.endpoint, "127.0.0.1", served.port)
    served.close()
    again = Server(answers.endpoint, "127.0.0.1", served.port)
    assert _ask(again)[0].status == 200
    again.close()


def test_close_lets_an_answer_in_progress_be_sent(answers):
    inside, leave = threading.Event(), threading.Event()

    def slow(_openmetrics: bool) -> bytes:
        inside.set()
        assert leave.wait(10)
        return b"in time\n"

    answers.metrics = slow
    server = Server(answers.endpoint, "127.0.0.1", 0)
    found: list[bytes] = []
    client = threading.Thread(target=lambda: found.append(_ask(server)[1]))
    client.start()
    assert inside.wait(10)
    closing = threading.Thread(target=server.close)
    closing.start()
    leave.set()
    closing.join(10)
    client.join(10)
    assert found == [b"in time\n"]
