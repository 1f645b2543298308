"""A Grafana to test against where there is no real one: an HTTP server that refuses what Grafana refuses.

It keeps dashboards with their versions, folders, data sources, snapshots and annotations in memory, and evaluates
queries on a real Prometheus. Faults can be switched on. The checks in ``test_contract.py`` run on it and on a real
Grafana alike.
"""

from __future__ import annotations

import base64
import json
import re
import struct
import sys
import threading
import time
import urllib.parse
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .standin_query import QueryRefusedError, evaluate
from .standin_snapshot import snapshot_fault

TOKEN = "glsa_standin_admin"  # noqa: S105 - of the stand-in
VIEWER = "glsa_standin_viewer"
PLACEHOLDER = (640, 210)


class RefusedError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, message: str, /, **more: Any) -> None:
        self.status, self.body = status, {"message": message, **more}


@dataclass
class Fault:
    """What goes wrong with requests whose path starts with ``path``, the next ``times`` times.

    ``status`` is answered with ``headers`` and ``body``; ``hold`` is waited for before the request is served;
    ``broken`` closes the connection without an answer.
    """

    path: str
    times: int = 1
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"message":"out of order"}'
    hold: threading.Event | None = None
    broken: bool = False


@dataclass
class Standin:
    """The server's state and its switches."""

    version: str = "9.4.7"
    renderer: bool = True
    snapshots_enabled: bool = True
    #: Current versions make snapshots only of dashboards that are stored.
    snapshots_of_stored_only: bool = True
    multi_status: bool = False
    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    dashboards: dict[str, dict[str, Any]] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    lock: Any = field(default_factory=threading.RLock)

    def provision(self, dashboard: dict[str, Any]) -> None:
        """Store a dashboard as if it came from a file."""
        self._store(dashboard, "", "", "provisioning", provisioned=True)

    def save_by_hand(self, dashboard: dict[str, Any], user: str, message: str = "") -> None:
        """Store a dashboard as if a user had edited it in the browser."""
        self._store(dashboard, self.dashboards.get(dashboard["uid"], {}).get("folder", ""), message, user)

    def asked(self, method: str, path: str) -> int:
        """Count the requests of a method whose path starts so."""
        return sum(found[0] == method and found[1].startswith(path) for found in self.requests)

    def _store(self, dashboard, folder, message, user, *, provisioned=False) -> dict[str, Any]:
        with self.lock:
            kept = self.dashboards.setdefault(dashboard["uid"], {"id": len(self.dashboards) + 1, "versions": []})
            version = len(kept["versions"]) + 1
            stored = {**dashboard, "id": kept["id"], "version": version}
            kept["versions"].insert(
                0, {"id": version, "version": version, "message": message, "createdBy": user,
                    "created": datetime.now(UTC).isoformat()},
            )  # fmt: skip
            kept |= {"dashboard": stored, "folder": folder, "provisioned": provisioned}
            return stored

    # --- routes ------------------------------------------------------------------------------------------------------
    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any, user: str, role: str) -> Any:
        """Return the body of a 200, or bytes of a picture; raise RefusedError for anything else."""
        for verb, pattern, least, handler in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match is None or verb != method:
                continue
            if least and not role:
                if path.startswith("/render"):
                    raise RefusedError(302, "", location="/login")
                raise RefusedError(401, "Unauthorized")
            if least == "Editor" and role == "Viewer":
                raise RefusedError(403, "You'll need additional permissions to perform this action.",
                                   title="Access denied")  # fmt: skip
            parts = [urllib.parse.unquote(part) for part in match.groups()]
            with self.lock:
                return handler(self, *parts, query=query, body=body, user=user)
        raise RefusedError(404, "Not found")

    def health(self, **_: Any) -> Any:
        return {"commit": "abc", "database": "ok", "version": self.version}

    def frontend(self, **_: Any) -> Any:
        sources = {
            source["name"]: {
                key: source.get(key) for key in ("uid", "type", "name", "url", "isDefault", "jsonData")
            } for source in self.sources.values()
        }  # fmt: skip
        return {"rendererAvailable": self.renderer, "datasources": sources, "buildInfo": {"version": self.version}}

    def list_folders(self, **_: Any) -> Any:
        return [{"id": 1, "uid": uid, "title": title} for uid, title in self.folders.items()]

    def add_folder(self, body: Any, **_: Any) -> Any:
        if not _text(body.get("title")):
            raise RefusedError(400, "folder title cannot be empty")
        if body.get("uid") in self.folders:
            raise RefusedError(412, "a folder with the same uid already exists", status="version-mismatch")
        if body["title"] in self.folders.values():
            raise RefusedError(409, "a folder with the same name already exists in the current location")
        uid = body.get("uid") or f"f{len(self.folders)}"
        _check_uid(uid)
        self.folders[uid] = body["title"]
        return {"id": len(self.folders), "uid": uid, "title": body["title"], "version": 1}

    def delete_folder(self, uid: str, **_: Any) -> Any:
        if self.folders.pop(uid, None) is None:
            raise RefusedError(404, "folder not found", status="not-found")
        self.dashboards = {name: one for name, one in self.dashboards.items() if one["folder"] != uid}
        return {"message": f"Folder {uid} deleted", "id": 1}

    def save(self, body: Any, user: str, **_: Any) -> Any:
        dashboard = body.get("dashboard")
        if not isinstance(dashboard, dict):
            raise RefusedError(400, "bad request data")
        if not isinstance(dashboard.get("id"), int | None) or not isinstance(dashboard.get("version", 0), int):
            raise RefusedError(400, "bad request data")
        if not _text(dashboard.get("title")):
            raise RefusedError(400, "Dashboard title cannot be empty", status="empty-name")
        uid = dashboard.get("uid") or f"d{len(self.dashboards)}"
        _check_uid(uid)
        folder = body.get("folderUid") or ""
        if folder and folder not in self.folders:
            raise RefusedError(400, "folder not found", status="not-found")
        kept = self.dashboards.get(uid)
        if kept and kept["provisioned"]:
            raise RefusedError(400, "Cannot save provisioned dashboard")
        overwrite = body.get("overwrite", False)
        if kept and not overwrite and dashboard.get("version", 0) != kept["dashboard"]["version"]:
            raise RefusedError(412, "The dashboard has been changed by someone else", status="version-mismatch")
        if any(
            other != uid and one["folder"] == folder and one["dashboard"]["title"] == dashboard["title"]
            for other, one in self.dashboards.items()
        ):
            raise RefusedError(412, "A dashboard with the same name in the folder already exists", status="name-exists")
        stored = self._store({**dashboard, "uid": uid}, folder, body.get("message", ""), user)
        return {
            "id": stored["id"], "uid": uid, "url": f"/d/{uid}/{_slug(stored['title'])}", "status": "success",
            "version": stored["version"], "slug": _slug(stored["title"]),
        }  # fmt: skip

    def dashboard(self, uid: str, **_: Any) -> Any:
        kept = self._kept(uid)
        last = kept["versions"][0]
        meta = {
            "type": "db", "canSave": True, "slug": _slug(kept["dashboard"]["title"]), "version": last["version"],
            "url": f"/d/{uid}/{_slug(kept['dashboard']['title'])}", "updatedBy": last["createdBy"],
            "updated": last["created"], "folderUid": kept["folder"], "provisioned": kept["provisioned"],
            "folderTitle": self.folders.get(kept["folder"], "General"),
        }  # fmt: skip
        return {"dashboard": kept["dashboard"], "meta": meta}

    def delete_dashboard(self, uid: str, **_: Any) -> Any:
        title = self._kept(uid)["dashboard"]["title"]
        del self.dashboards[uid]
        return {"title": title, "message": f"Dashboard {title} deleted", "id": 1}

    def versions(self, uid: str, query: dict[str, list[str]], **_: Any) -> Any:
        found = self._kept(uid)["versions"][: int(query.get("limit", ["0"])[0]) or None]
        newer = int(self.version.split(".")[0]) >= 11
        return {"continueToken": "", "versions": found} if newer else found

    def _kept(self, uid: str) -> dict[str, Any]:
        if uid not in self.dashboards:
            raise RefusedError(404, "Dashboard not found", status="not-found")
        return self.dashboards[uid]

    def search(self, query: dict[str, list[str]], **_: Any) -> Any:
        if query.get("type", ["dash-db"]) != ["dash-db"]:
            raise RefusedError(400, "only dash-db is known to the stand-in")
        tags, words = set(query.get("tag", [])), query.get("query", [""])[0].casefold()
        return [
            {
                "uid": uid,
                "title": one["dashboard"]["title"],
                "type": "dash-db",
                "tags": one["dashboard"].get("tags", []),
            }
            for uid, one in self.dashboards.items()
            if tags <= set(one["dashboard"].get("tags", [])) and words in one["dashboard"]["title"].casefold()
        ]

    def add_source(self, body: Any, **_: Any) -> Any:
        if not all(_text(body.get(key)) for key in ("name", "type")) or body.get("access") not in ("proxy", "direct"):
            raise RefusedError(400, "bad request data")
        uid = body.get("uid") or f"s{len(self.sources)}"
        if uid in self.sources or body["name"] in {source["name"] for source in self.sources.values()}:
            raise RefusedError(409, "data source with the same name already exists")
        self.sources[uid] = {**body, "uid": uid, "id": len(self.sources) + 1}
        return {"message": "Datasource added", "id": 1, "name": body["name"], "datasource": self.sources[uid]}

    def delete_source(self, uid: str, **_: Any) -> Any:
        if self.sources.pop(uid, None) is None:
            raise RefusedError(404, "Data source not found")
        return {"message": "Data source deleted", "id": 1}

    def source_health(self, uid: str, **_: Any) -> Any:
        if uid not in self.sources:
            raise RefusedError(404, "Data source not found")
        try:
            evaluate(self.sources[uid]["url"], {"refId": "A", "expr": "1", "instant": True, "range": False,
                     "format": "time_series", "intervalMs": 1000, "maxDataPoints": 1}, 0, 1000, "15s")  # fmt: skip
        except OSError as error:
            raise RefusedError(400, f"{error}: error returned querying the Prometheus API", status="ERROR") from error
        return {"message": "Successfully queried the Prometheus API.", "status": "OK"}

    def query(self, body: Any, **_: Any) -> Any:
        asked = body.get("queries")
        if not isinstance(asked, list) or not asked:
            raise RefusedError(400, "no queries found")
        if not all(isinstance(body.get(key), str) for key in ("from", "to")):
            raise RefusedError(400, "bad request data")
        if len({one.get("refId") for one in asked}) != len(asked):
            raise RefusedError(400, "multiple queries using the same RefId is not allowed")
        results = {}
        for one in asked:
            source = self.sources.get((one.get("datasource") or {}).get("uid", ""))
            if source is None:
                raise RefusedError(404, "Data source not found")
            if one["datasource"].get("type") != source["type"]:
                raise RefusedError(400, "data source type does not fit its uid")
            interval = (source.get("jsonData") or {}).get("timeInterval") or "15s"
            try:
                frames = evaluate(source["url"], one, int(body["from"]), int(body["to"]), interval)
                results[one["refId"]] = {"status": 200, "frames": frames}
            except (QueryRefusedError, OSError) as error:
                results[one["refId"]] = {"error": str(error), "status": 400, "frames": []}
        if any("error" in result for result in results.values()):
            refused = RefusedError(207 if self.multi_status else 400, "")
            refused.body = {"results": results}
            raise refused
        return {"results": results}

    def annotate(self, body: Any, **_: Any) -> Any:
        if not _text(body.get("text")):
            raise RefusedError(400, "Failed to save annotation: text field should not be empty")
        if body.get("dashboardUID") and body["dashboardUID"] not in self.dashboards:
            raise RefusedError(404, "Dashboard not found")
        self.annotations.append(body)
        return {"message": "Annotation added", "id": len(self.annotations)}

    def make_snapshot(self, body: Any, **_: Any) -> Any:
        if not self.snapshots_enabled:
            raise RefusedError(403, "Dashboard Snapshots are disabled")
        dashboard = body.get("dashboard")
        if not isinstance(dashboard, dict) or not isinstance(body.get("expires", 0), int):
            raise RefusedError(400, "bad request data")
        if body.get("external", True):
            raise RefusedError(500, "Failed to create external snapshot")
        if self.snapshots_of_stored_only and dashboard.get("uid") not in self.dashboards:
            raise RefusedError(400, "Dashboard not found")
        if fault := snapshot_fault(dashboard):
            raise RefusedError(400, f"this snapshot would show nothing: {fault}")
        key, delete_key = f"key{len(self.snapshots)}", f"delete{len(self.snapshots)}"
        expires = body.get("expires", 0) or 50 * 365 * 86400
        now = datetime.now(UTC)
        self.snapshots[key] = {
            "dashboard": dashboard, "deleteKey": delete_key, "name": body.get("name") or dashboard["title"],
            "created": now, "expires": now + timedelta(seconds=expires),
        }  # fmt: skip
        return {
            "key": key, "deleteKey": delete_key, "id": len(self.snapshots),
            "url": f"{self.url}/dashboard/snapshot/{key}", "deleteUrl": f"{self.url}/api/snapshots-delete/{delete_key}",
        }  # fmt: skip

    def snapshot(self, key: str, **_: Any) -> Any:
        kept = self.snapshots.get(key)
        if kept is None or kept["expires"] <= datetime.now(UTC):
            raise RefusedError(404, "Dashboard snapshot not found")
        meta = {"isSnapshot": True, "created": kept["created"].isoformat(), "expires": kept["expires"].isoformat()}
        return {"meta": meta, "dashboard": kept["dashboard"]}

    def list_snapshots(self, **_: Any) -> Any:
        return [
            {"id": place, "key": key, "name": kept["name"], "external": False, "created": kept["created"].isoformat(),
             "expires": kept["expires"].isoformat()}
            for place, (key, kept) in enumerate(self.snapshots.items())
        ]  # fmt: skip

    def delete_snapshot(self, key: str, **_: Any) -> Any:
        self.snapshot(key)
        del self.snapshots[key]
        return {"message": "Snapshot deleted. It might take an hour before it's cleared from any CDN caches.", "id": 1}

    def delete_by_key(self, delete_key: str, **_: Any) -> Any:
        for key, kept in list(self.snapshots.items()):
            if kept["deleteKey"] == delete_key:
                return self.delete_snapshot(key)
        raise RefusedError(404, "Dashboard snapshot not found")

    def render(self, uid: str, query: dict[str, list[str]], **_: Any) -> Any:
        self._kept(uid)
        if not query.get("panelId"):
            raise RefusedError(500, "Rendering failed.")
        if not self.renderer:
            return picture(*PLACEHOLDER)
        sizes = [int(query.get(key, ["0"])[0]) for key in ("width", "height")]
        scale = int(query.get("scale", ["1"])[0])
        return picture(*(size * scale for size in sizes))


_ROUTES = [
    ("GET", "/api/health", "", Standin.health),
    ("GET", "/api/frontend/settings", "Viewer", Standin.frontend),
    ("GET", "/api/folders", "Viewer", Standin.list_folders),
    ("POST", "/api/folders", "Editor", Standin.add_folder),
    ("DELETE", "/api/folders/([^/]+)", "Editor", Standin.delete_folder),
    ("POST", "/api/dashboards/db", "Editor", Standin.save),
    ("GET", "/api/dashboards/uid/([^/]+)", "Viewer", Standin.dashboard),
    ("DELETE", "/api/dashboards/uid/([^/]+)", "Editor", Standin.delete_dashboard),
    ("GET", "/api/dashboards/uid/([^/]+)/versions", "Editor", Standin.versions),
    ("GET", "/api/search", "Viewer", Standin.search),
    ("POST", "/api/datasources", "Editor", Standin.add_source),
    ("DELETE", "/api/datasources/uid/([^/]+)", "Editor", Standin.delete_source),
    ("GET", "/api/datasources/uid/([^/]+)/health", "Viewer", Standin.source_health),
    ("POST", "/api/ds/query", "Viewer", Standin.query),
    ("POST", "/api/annotations", "Editor", Standin.annotate),
    ("POST", "/api/snapshots", "Viewer", Standin.make_snapshot),
    ("GET", "/api/snapshots/([^/]+)", "", Standin.snapshot),
    ("DELETE", "/api/snapshots/([^/]+)", "Viewer", Standin.delete_snapshot),
    ("GET", "/api/snapshots-delete/([^/]+)", "", Standin.delete_by_key),
    ("GET", "/api/dashboard/snapshots", "Viewer", Standin.list_snapshots),
    ("GET", "/render/d-solo/([^/]+)/[^/]+", "Viewer", Standin.render),
]


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _check_uid(uid: str) -> None:
    if len(uid) > 40:
        raise RefusedError(400, "uid too long, max 40 characters")
    if not re.fullmatch(r"[a-zA-Z0-9_-]+", uid):
        raise RefusedError(400, "uid contains illegal characters")


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.casefold()).strip("-")


def picture(width: int, height: int) -> bytes:
    """Return a white PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + b"\xff" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _identity(header: str) -> tuple[str, str]:
    """Return user and role of an Authorization header; a wrong one is refused, none is nobody."""
    if not header:
        return "", ""
    if header == f"Bearer {TOKEN}":
        return "sa-admin", "Admin"
    if header == f"Bearer {VIEWER}":
        return "sa-viewer", "Viewer"
    if header == "Basic " + base64.b64encode(b"admin:admin").decode():
        return "admin", "Admin"
    raise RefusedError(401, "Invalid API key" if header.startswith("Bearer") else "invalid username or password")


def _body(raw: bytes, content_type: str) -> dict[str, Any]:
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except json.JSONDecodeError as error:
        raise RefusedError(400, "bad request data") from error
    if "json" not in content_type or not isinstance(body, dict):
        raise RefusedError(400, "bad request data")
    return body


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        standin: Standin = self.server.standin  # type: ignore[attr-defined]
        parts = urllib.parse.urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        standin.requests.append((self.command, parts.path, dict(self.headers)))
        fault = next((one for one in standin.faults if one.times > 0 and parts.path.startswith(one.path)), None)
        if fault is not None:
            fault.times -= 1
            if fault.hold is not None:
                fault.hold.wait(30)
            if fault.broken:
                self.close_connection = True
                return
            if fault.status:
                self._send(fault.status, fault.body, fault.headers)
                return
        try:
            user, role = _identity(self.headers.get("Authorization", ""))
            body = _body(raw, self.headers.get("Content-Type", ""))
            query = urllib.parse.parse_qs(parts.query)
            found = standin.answer(self.command, parts.path, query, body, user, role)
        except RefusedError as refused:
            headers = {"Location": refused.body["location"]} if "location" in refused.body else {}
            self._send(refused.status, json.dumps(refused.body).encode(), headers)
        else:
            content = found if isinstance(found, bytes) else json.dumps(found, allow_nan=False).encode()
            self._send(200, content, {"Content-Type": "image/png"} if isinstance(found, bytes) else {})

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - the names that http.server looks for

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Write nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up; what is wrong in the stand-in is still shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


@contextmanager
def serving(standin: Standin, wrap: Any = None) -> Iterator[Standin]:
    """Serve the stand-in on a free port; ``wrap`` makes its socket one of TLS."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.standin = standin  # type: ignore[attr-defined]
    if wrap is not None:
        server.socket = wrap(server.socket)
    standin.url = f"{'https' if wrap else 'http'}://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield standin
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def wait_until(condition: Any, what: str, seconds: float = 60.0) -> None:
    """Wait for a condition, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.05)
