"""The HTTP endpoint: ``/metrics``, ``/healthz``, ``/readyz`` and a landing page."""

from __future__ import annotations

import ipaddress
import logging
import socket
import socketserver
import ssl
import threading
from http.server import ThreadingHTTPServer
from typing import Any

from ml_models.errors import PortInUseError
from ml_models.exposition.connections import Connections
from ml_models.exposition.guard import Guard
from ml_models.exposition.handler import TIMEOUT, Endpoint, Handler

_LOG = logging.getLogger(__name__)

#: Connections at once: a flood cannot take the process' threads.
MAX_CONNECTIONS = 32

#: Seconds within which a client must have agreed on TLS.
HANDSHAKE_SECONDS = 10.0


class Server:
    """Serves an endpoint from background threads.

    Parameters
    ----------
    endpoint : Endpoint
    host : str
        Address to bind to.
    port : int
        0 takes a free one; see :attr:`port`.
    guard : Guard, optional
        TLS and passwords; without one everybody who reaches the port may read.

    Raises
    ------
    PortInUseError
        If the address cannot be bound.
    """

    def __init__(self, endpoint: Endpoint, host: str, port: int, guard: Guard | None = None) -> None:
        try:
            self._http = _Http((host, port), endpoint, guard)
        except (OSError, OverflowError) as error:
            raise PortInUseError(
                f"cannot listen on {host}:{port}: {error}; stop what uses it, choose another port, "
                "or port=0 for a free one"
            ) from error
        self.host, self.port, self._guard = host, int(self._http.server_address[1]), guard
        _advise(host, guard)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.1,), name="mlmon-http", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it is reached from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        scheme = "https" if self._guard is not None and self._guard.has_tls else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}"

    def close(self) -> None:
        """Stop serving, end the connections that are kept open, and free the port."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(timeout=5)
        self._http.connections.close(timeout=5)

    def close_inherited(self) -> None:
        """Let go, in a forked child, of the socket that its parent serves."""
        self._http.socket.close()
        self._http.connections.forget()


def _advise(host: str, guard: Guard | None) -> None:
    """Say what an endpoint that others can reach lacks."""
    try:
        reachable = not ipaddress.ip_address(host).is_loopback
    except ValueError:
        reachable = host != "localhost"
    if not reachable:
        return
    if guard is None or not (guard.has_tls or guard.knows_clients):
        _LOG.warning(
            "the endpoint listens on %s without TLS and authentication: whoever reaches it reads what the model does; "
            "name a file with tls_server_config and basic_auth_users in server.web_config (web_config=...), or set "
            "server.host to 127.0.0.1", host,
        )  # fmt: skip
    elif not guard.has_tls:
        _LOG.warning(
            "the endpoint listens on %s without TLS: passwords can be read on their way; add tls_server_config to the "
            "web configuration", host,
        )  # fmt: skip
    elif not guard.knows_clients:
        _LOG.warning(
            "the endpoint listens on %s without authentication: whoever reaches it reads what the model does; add "
            "basic_auth_users, or a client_auth_type that requires certificates, to the web configuration", host,
        )  # fmt: skip


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    # On Linux this lets a restarted service bind while old connections linger; a live listener still excludes.
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], endpoint: Endpoint, guard: Guard | None) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.endpoint, self.guard = endpoint, guard
        self.connections = Connections(MAX_CONNECTIONS, TIMEOUT)
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        # Not HTTPServer's: it looks the host's name up, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self.connections.enter(request):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # the system allows no more threads
            self.connections.leave(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        connection = request
        try:
            context = self.guard.context() if self.guard is not None else None
            if self.guard is not None and context is not None:
                # In the connection's own thread: a client that is slow to agree keeps nobody else waiting.
                request.settimeout(HANDSHAKE_SECONDS)
                connection = context.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
                self.connections.replace(request, connection)
                if not self._agreed(self.guard, connection, str(client_address[0])):
                    connection.close()
                    return
            super().process_request_thread(connection, client_address)
        except OSError:  # gone before it could be wrapped
            self.close_request(request)
        finally:
            self.connections.leave(connection)

    def _agreed(self, guard: Guard, connection: ssl.SSLSocket, address: str) -> bool:
        try:
            connection.do_handshake()
        except OSError as error:
            _LOG.debug("no TLS with %s: %s", address, error)
            guard.refused_handshake(error, address)
            return False
        return guard.knows(connection, address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        _LOG.debug("request failed", exc_info=True)
