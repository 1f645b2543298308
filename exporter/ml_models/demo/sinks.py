"""Where notifications arrive: a mail server and a Slack webhook on this machine, which keep each message as a file."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ml_models.demo.servers import HOST, free_port
from ml_models.errors import MissingExtraError

#: What a message may have at most; Alertmanager's have some kilobytes.
_MAX_BYTES = 4 << 20
_READY_SECONDS = 30.0


class _Files:
    """A folder that messages are written into under running numbers, by several threads."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._name = folder, name
        self._count = 0
        self._lock = threading.Lock()

    def write(self, content: bytes) -> Path:
        with self._lock:
            self._count += 1
            path = self._folder / self._name.format(self._count)
        path.write_bytes(content)
        return path


class MailSink:
    """An SMTP server that accepts every mail; a context manager.

    Parameters
    ----------
    folder : Path
        Gets ``mail-001.eml`` and so on.
    on_mail : callable
        Called with each mail, on the server's thread.

    Raises
    ------
    MissingExtraError
        If aiosmtpd is not installed.
    """

    def __init__(self, folder: Path, on_mail: Callable[[EmailMessage], None]) -> None:
        try:
            from aiosmtpd.controller import Controller  # noqa: PLC0415 - optional dependency
        except ImportError:
            raise MissingExtraError("The demo's mails", "aiosmtpd", "demo") from None
        files = _Files(folder, "mail-{:03}.eml")

        class Handler:
            """What aiosmtpd calls."""

            async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - its name
                files.write(envelope.content)
                on_mail(message_from_bytes(envelope.content, policy=policy.default))
                return "250 OK"

        self._controller = Controller(
            Handler(), hostname=HOST, port=free_port(), data_size_limit=_MAX_BYTES, ready_timeout=_READY_SECONDS
        )

    @property
    def address(self) -> str:
        """Host and port, as Alertmanager wants them."""
        return f"{HOST}:{self._controller.port}"

    def __enter__(self) -> MailSink:
        self._controller.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._controller.stop()


class _SlackServer(ThreadingHTTPServer):
    daemon_threads = True
    # By default five, beyond which simultaneous messages are refused.
    request_queue_size = 64


class SlackSink:
    """An HTTP server with the shape of Slack's incoming webhook; a context manager.

    Parameters
    ----------
    folder : Path
        Gets ``slack-001.json`` and so on.
    on_message : callable
        Called with each message, on the server's thread.
    """

    def __init__(self, folder: Path, on_message: Callable[[dict[str, Any]], None]) -> None:
        files = _Files(folder, "slack-{:03}.json")

        class Handler(BaseHTTPRequestHandler):
            """Takes JSON objects and answers as Slack does."""

            # A client that says nothing must not hold the server when it closes.
            timeout = 5.0

            def do_POST(self) -> None:
                length = self.headers.get("Content-Length", "")
                if not length.isdecimal() or int(length) > _MAX_BYTES:
                    self._answer(400, "invalid_payload")
                    return
                content = self.rfile.read(int(length))
                try:
                    message = json.loads(content)
                except ValueError:
                    message = None
                if not isinstance(message, dict):
                    self._answer(400, "invalid_payload")
                    return
                files.write(content)
                on_message(message)
                self._answer(200, "ok")

            def _answer(self, status: int, text: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: the terminal belongs to the demo."""

        self._server = _SlackServer((HOST, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="slack-sink", daemon=True)

    @property
    def url(self) -> str:
        """The webhook's address."""
        return f"http://{HOST}:{self._server.server_port}/services/demo"

    def __enter__(self) -> SlackSink:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
