"""The HTTP endpoint: ``/metrics``, ``/healthz``, ``/readyz`` and a landing page."""

from __future__ import annotations

import contextlib
import gzip
import json
import logging
import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ml_models.errors import PortInUseError
from ml_models.exposition.render import OPENMETRICS, PLAIN

_LOG = logging.getLogger(__name__)

#: Seconds after which an idle or stuck connection is closed.
TIMEOUT = 30

#: Requests that are served at once; more are refused, so that a flood cannot take the process' threads.
MAX_CONNECTIONS = 32

#: Below this a body is sent as it is.
GZIP_BYTES = 1_024


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is served.

    Attributes
    ----------
    metrics : callable
        ``metrics(openmetrics) -> bytes``.
    ready : callable
        Returns whether the model can serve, and details as a JSON-able dict.
    landing : callable
        Returns the landing page as HTML.
    """

    metrics: Callable[[bool], bytes]
    ready: Callable[[], tuple[bool, dict[str, Any]]]
    landing: Callable[[], str]


class Server:
    """Serves an endpoint from background threads.

    Parameters
    ----------
    endpoint : Endpoint
    host : str
        Address to bind to.
    port : int
        0 takes a free one; see :attr:`port`.

    Raises
    ------
    PortInUseError
        If the address cannot be bound.
    """

    def __init__(self, endpoint: Endpoint, host: str, port: int) -> None:
        try:
            self._http = _Http((host, port), endpoint)
        except (OSError, OverflowError) as error:
            raise PortInUseError(
                f"cannot listen on {host}:{port}: {error}; stop what uses it, choose another port, "
                "or port=0 for a free one"
            ) from error
        self.host, self.port = host, int(self._http.server_address[1])
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.1,), name="mlmon-http", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it is reached from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}"

    def close(self) -> None:
        """Stop serving, end the connections that are kept open, and free the port."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(timeout=5)
        self._http.close_connections(timeout=5)

    def close_inherited(self) -> None:
        """Let go, in a forked child, of the socket that its parent serves."""
        self._http.socket.close()
        self._http.forget_connections()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    # On Linux this lets a restarted service bind while old connections linger; a live listener still excludes.
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], endpoint: Endpoint) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.endpoint = endpoint
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # Not HTTPServer's: it looks the host's name up, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        self._connections.add(request)
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # the system allows no more threads
            self._release(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._release(request)

    def _release(self, request: socket.socket) -> None:
        self._connections.discard(request)
        self._slots.release()

    def close_connections(self, timeout: float) -> None:
        """End the connections that clients keep open and wait for their threads; an answer in progress is sent."""
        for connection in list(self._connections):
            with contextlib.suppress(OSError):  # closed in the meantime
                connection.shutdown(socket.SHUT_RD)
        deadline = time.monotonic() + timeout
        taken = 0
        while taken < MAX_CONNECTIONS and self._slots.acquire(timeout=max(0.0, deadline - time.monotonic())):
            taken += 1  # all slots are free once all threads have ended
        if taken:
            self._slots.release(taken)

    def forget_connections(self) -> None:
        """Let go, in a forked child, of the connections that its parent answers."""
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                os.close(connection.detach())

    def handle_error(self, request: Any, client_address: Any) -> None:
        _LOG.debug("request failed", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "mlmon"
    sys_version = ""
    timeout = TIMEOUT
    wbufsize = -1  # headers and body go out together
    server: _Http

    def do_GET(self) -> None:
        route = self.path.partition("?")[0]
        endpoint = self.server.endpoint
        try:
            if route == "/metrics":
                openmetrics = "application/openmetrics-text" in self.headers.get("Accept", "")
                self._send(HTTPStatus.OK, OPENMETRICS if openmetrics else PLAIN, endpoint.metrics(openmetrics))
            elif route == "/healthz":
                self._send(HTTPStatus.OK, "text/plain; charset=utf-8", b"ok\n")
            elif route == "/readyz":
                ready, details = endpoint.ready()
                status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
                self._send(status, "application/json", json.dumps(details, indent=2).encode() + b"\n")
            elif route == "/":
                self._send(HTTPStatus.OK, "text/html; charset=utf-8", endpoint.landing().encode())
            else:
                self._send(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"not found; see /\n")
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.close_connection = True
        except Exception:  # noqa: BLE001 - the server goes on whatever one request meets
            _LOG.exception("serving %s failed", route)
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", b"failed; see the log\n")

    do_HEAD = do_GET  # noqa: N815 - the base class names it

    def _send(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        if len(body) >= GZIP_BYTES and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 1)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Vary", "Accept, Accept-Encoding")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        _LOG.debug(format, *args)
