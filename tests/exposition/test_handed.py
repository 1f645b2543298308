"""Metrics of a job that ends reach a real HTTP receiver, or a file that is whole."""

from __future__ import annotations

import http.server
import os
import socket
import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ml_models.catalog import WATCH_BYTES
from ml_models.collectors.families import family
from ml_models.errors import HandOverError
from ml_models.exposition import Registry, render
from ml_models.exposition.handed import push, write_textfile


def exposed(value: float = 7.0):
    made = family(WATCH_BYTES)
    made.add_metric(["churn"], value)
    return [made]


@pytest.fixture
def gateway():
    """Return the address of a receiver and what it got: method, path and body; the status can be set."""
    got: list[tuple[str, str, str]] = []
    status = {"code": 200}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((self.command, self.path, body))
            self.send_response(status["code"])
            self.end_headers()

        def log_message(self, *_):
            """Write nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", got, status
        server.shutdown()
        thread.join()


def test_a_push_replaces_what_the_job_has_pushed(gateway):
    """It is a PUT of the whole under the job's name, as a Pushgateway does not add."""
    url, got, _ = gateway
    for value in (7.0, 9.0):
        push(url, "nightly-scores", Registry(lambda value=value: exposed(value)))
    assert [(method, path) for method, path, _ in got] == [("PUT", "/metrics/job/nightly-scores")] * 2
    (found,) = text_string_to_metric_families(got[-1][2])
    assert [(s.labels, s.value) for s in found.samples] == [({"model": "churn"}, 9.0)]


def test_a_gateway_that_refuses_or_is_not_there_is_an_error_that_names_it(gateway):
    url, _, status = gateway
    status["code"] = 500
    with pytest.raises(HandOverError, match=f"{url}: does not take the metrics: .*500"):
        push(url, "job", Registry(exposed))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(HandOverError, match=f"http://127.0.0.1:{port}: does not take the metrics: .*refused"):
            push(f"127.0.0.1:{port}", "job", Registry(exposed))
    with pytest.raises(HandOverError, match="holds a user or password") as caught:
        push("http://user:hunter2@gateway", "job", Registry(exposed))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("address", ["", "ftp://gateway", "http://", "://"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(HandOverError, match=r"no address of a Pushgateway; give one such as http://pushgateway:9091"):
        push(address, "job", Registry(exposed))


def test_a_textfile_is_whole_readable_by_others_and_replaces_the_last_one(tmp_path):
    target = tmp_path / "scores.prom"
    for value in (7.0, 9.0):
        assert write_textfile(target, render(exposed(value))) == target
        (found,) = text_string_to_metric_families(target.read_text())
        assert found.samples[0].value == value
    assert target.stat().st_mode & 0o777 == 0o644
    assert os.listdir(tmp_path) == ["scores.prom"]


def test_a_textfile_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    (tmp_path / "taken.prom").mkdir()
    with pytest.raises(HandOverError, match=r"taken.prom: cannot be written: Is a directory; name another file"):
        write_textfile(tmp_path / "taken.prom", b"x")
    assert os.listdir(tmp_path) == ["taken.prom"]
    with pytest.raises(HandOverError, match=r"reads names that end in .prom only"):
        write_textfile(tmp_path / "scores.txt", b"x")
