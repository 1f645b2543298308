"""A real Prometheus that scrapes the filled catalog of the dashboards' tests."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ..mixin.dashboards.test_prometheus import _exposition


@contextmanager
def exporting() -> Iterator[int]:
    """Serve the catalog, filled, of two replicas as ``/0`` and ``/1``; give the port."""
    started = time.monotonic()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = _exposition(int(self.path[1:]), time.monotonic() - started).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Write nothing: each scrape would be a line."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@contextmanager
def scraping(exporter: int, folder: Path) -> Iterator[str]:
    """Run Prometheus until the two replicas have been scraped six times; give its address."""
    targets = [
        {"targets": [f"127.0.0.1:{exporter}"], "labels": {"instance": f"replica-{at}", "__metrics_path__": f"/{at}"}}
        for at in (0, 1)
    ]
    settings = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "ml-models", "static_configs": targets}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(settings), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address={url.removeprefix('http://')}"],
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 90
            while scrapes(url) < 2:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.2)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=20)


def scrapes(url: str) -> int:
    """Count the targets that have been scraped six times."""
    query = urllib.parse.urlencode({"query": "count_over_time(up[2m]) >= 6"})
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=10) as answer:  # noqa: S310 - its own
            return len(json.load(answer)["data"]["result"])
    except OSError:  # it does not listen yet
        return 0
