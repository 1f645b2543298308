"""The pages: who may read which, and how they are sent."""

from __future__ import annotations

import gzip
import json
import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from ml_models.exposition.render import OPENMETRICS, PLAIN

if TYPE_CHECKING:
    from ml_models.exposition.server import _Http

_LOG = logging.getLogger(__name__)

#: Seconds after which an idle or stuck connection is closed.
TIMEOUT = 30

#: Below this a body is sent as it is.
GZIP_BYTES = 1_024

_TEXT = "text/plain; charset=utf-8"

#: What is answered without a password: probes have none, and the answer is yes or no.
_OPEN = frozenset({"/healthz", "/readyz"})


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


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "mlmon"
    sys_version = ""
    timeout = TIMEOUT
    wbufsize = -1  # headers and body go out together
    server: _Http

    def setup(self) -> None:
        """Remember under which certificates the connection was made."""
        super().setup()
        self._context = self.request.context if isinstance(self.request, ssl.SSLSocket) else None

    def do_GET(self) -> None:
        """Answer a request."""
        with self.server.connections.answering(self.request):
            route = self.path.partition("?")[0]
            try:
                if self._may_read(route):
                    self._answer(route)
                self.wfile.flush()
            except (BrokenPipeError, ConnectionResetError, TimeoutError, ssl.SSLError):
                self.close_connection = True

    do_HEAD = do_GET  # noqa: N815 - the base class names it

    def _may_read(self, route: str) -> bool:
        """Tell whether the client may read a page; if not, it has been told so."""
        guard = self.server.guard
        if guard is None:
            return True
        if guard.context() is not self._context:  # renewed: the client comes again and meets the new one
            self.close_connection = True
        header = self.headers.get("Authorization")
        if route in _OPEN and header is None:
            return True
        verdict = guard.judge(header, str(self.client_address[0]))
        if verdict == "right":
            return True
        if verdict == "busy":
            self._send(HTTPStatus.TOO_MANY_REQUESTS, _TEXT, b"too many passwords to check\n", {"Retry-After": "5"})
        else:
            challenge = {"WWW-Authenticate": 'Basic realm="mlmon", charset="UTF-8"'}
            self._send(HTTPStatus.UNAUTHORIZED, _TEXT, b"user and password, please\n", challenge)
        return False

    def _answer(self, route: str) -> None:
        endpoint = self.server.endpoint
        try:
            if route == "/metrics":
                openmetrics = "application/openmetrics-text" in self.headers.get("Accept", "")
                self._send(HTTPStatus.OK, OPENMETRICS if openmetrics else PLAIN, endpoint.metrics(openmetrics))
            elif route == "/healthz":
                self._send(HTTPStatus.OK, _TEXT, b"ok\n")
            elif route == "/readyz":
                ready, details = endpoint.ready()
                guard = self.server.guard
                if guard is not None and guard.has_passwords and self.headers.get("Authorization") is None:
                    details = {"ready": ready}
                status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
                self._send(status, "application/json", json.dumps(details, indent=2).encode() + b"\n")
            elif route == "/":
                self._send(HTTPStatus.OK, "text/html; charset=utf-8", endpoint.landing().encode())
            else:
                self._send(HTTPStatus.NOT_FOUND, _TEXT, b"not found; see /\n")
        except (BrokenPipeError, ConnectionResetError, TimeoutError, ssl.SSLError):
            raise
        except Exception:  # noqa: BLE001 - the server goes on whatever one request meets
            _LOG.exception("serving %s failed", route)
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, _TEXT, b"failed; see the log\n")

    def _send(
        self, status: HTTPStatus, content_type: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        own = {
            "Content-Type": content_type,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            "Vary": "Accept, Accept-Encoding",
            **(headers or {}),
        }
        if len(body) >= GZIP_BYTES and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 1)
            own["Content-Encoding"] = "gzip"
        own["Content-Length"] = str(len(body))
        if self.close_connection:
            own["Connection"] = "close"
        set_by_user = self.server.guard.headers() if self.server.guard is not None else {}
        self.send_response(status)
        for name, value in {**own, **set_by_user}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Write requests to the log only where it is verbose."""
        _LOG.debug(format, *args)
