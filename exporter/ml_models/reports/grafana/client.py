"""The part of Grafana's HTTP API that dashboards, queries, snapshots and pictures need, from 9.4 on.

References
----------
https://grafana.com/docs/grafana/latest/developers/http_api/
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ml_models.errors import ServerError
from ml_models.reports.connection import Answer, Connection
from ml_models.reports.grafana.faults import refusal

_PNG = b"\x89PNG\r\n\x1a\n"
#: Seconds beyond the renderer's own limit after which no picture is waited for.
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Stored:
    """A dashboard as Grafana has it.

    Parameters
    ----------
    dashboard : dict
        What was saved, with ``id`` and ``version``.
    meta : dict
        Where it lies, who saved it, whether it is provisioned.
    """

    dashboard: dict[str, Any]
    meta: dict[str, Any]

    @property
    def version(self) -> int:
        """Number of its last version."""
        return int(self.dashboard.get("version", 0))


@dataclass(frozen=True, slots=True)
class Result:
    """What one query gave.

    Parameters
    ----------
    frames : list of dict
        In Grafana's wire form, ``{"schema": ..., "data": ...}``.
    error : str
        Empty if it went well.
    """

    frames: list[dict[str, Any]]
    error: str = ""


@dataclass(frozen=True, slots=True)
class DataSource:
    """A data source of Grafana.

    Parameters
    ----------
    uid, name : str
    default : bool
    interval : str
        Its scrape interval, ``""`` if it does not say.
    """

    uid: str
    name: str
    default: bool = False
    interval: str = ""


class Grafana:
    """A Grafana server; each method is one request and raises :class:`~ml_models.errors.ServerError` if it fails.

    Parameters
    ----------
    connection : Connection
        With address and credentials.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @property
    def url(self) -> str:
        """The address, without a slash at the end."""
        return self.connection.url

    def _json(self, method: str, path: str, subject: str = "", **options: Any) -> Any:
        answer = self.connection.request(method, path, **options)
        if not answer.ok:
            raise refusal(answer, subject)
        return answer.json()

    # --- the server --------------------------------------------------------------------------------------------------
    def health(self) -> dict[str, Any]:
        """Return ``database``, ``version`` and ``commit``; the token is not needed and not sent."""
        found: dict[str, Any] = self._json("GET", "/api/health", authenticated=False)
        return found

    def settings(self) -> dict[str, Any]:
        """Return what Grafana's own pages are told: data sources, whether there is a renderer."""
        found: dict[str, Any] = self._json("GET", "/api/frontend/settings")
        return found

    def data_sources(self, kind: str = "prometheus") -> list[DataSource]:
        """Return the data sources of a kind that the token may query, the default one first."""
        known = self.settings().get("datasources") or {}
        found = [
            DataSource(
                source["uid"],
                name,
                bool(source.get("isDefault")),
                (source.get("jsonData") or {}).get("timeInterval", ""),
            )
            for name, source in known.items()
            if source.get("type") == kind and source.get("uid")
        ]
        return sorted(found, key=lambda source: (not source.default, source.name))

    def add_data_source(self, source: Mapping[str, Any]) -> dict[str, Any]:
        """Add a data source, given as Grafana stores it; one of that name or uid must not exist."""
        found: dict[str, Any] = self._json("POST", "/api/datasources", f"data source {source['name']}", body=source)
        return found

    def delete_data_source(self, uid: str) -> None:
        """Delete a data source."""
        self._json("DELETE", f"/api/datasources/uid/{quote(uid, '')}", f"data source {uid}")

    def data_source_health(self, uid: str) -> tuple[bool, str]:
        """Return whether Grafana reaches a data source, and what it says."""
        answer = self.connection.request("GET", f"/api/datasources/uid/{quote(uid, '')}/health")
        if answer.status not in (200, 400):
            raise refusal(answer, f"data source {uid}")
        return answer.ok, answer.message()

    # --- dashboards --------------------------------------------------------------------------------------------------
    def dashboard(self, uid: str) -> Stored | None:
        """Return a dashboard, None if there is none of that uid."""
        answer = self.connection.request("GET", f"/api/dashboards/uid/{quote(uid, '')}")
        if answer.status == 404:
            answer.json()  # a 404 of something that is no Grafana must not pass for "no such dashboard"
            return None
        if not answer.ok:
            raise refusal(answer, f"dashboard {uid}")
        found = answer.json()
        return Stored(found["dashboard"], found["meta"])

    def versions(self, uid: str, limit: int = 1) -> list[dict[str, Any]]:
        """Return a dashboard's last versions, newest first: ``version``, ``createdBy``, ``created``, ``message``."""
        found = self._json("GET", f"/api/dashboards/uid/{quote(uid, '')}/versions", uid, params={"limit": limit})
        return list(found["versions"] if isinstance(found, dict) else found)

    def search(self, *, tag: str = "", query: str = "") -> list[dict[str, Any]]:
        """Return the dashboards with a tag or with words in their title."""
        params = (
            {"type": "dash-db", "limit": 5000} | ({"tag": tag} if tag else {}) | ({"query": query} if query else {})
        )
        return list(self._json("GET", "/api/search", params=params))

    def save(
        self, dashboard: Mapping[str, Any], *, folder: str = "", message: str = "", version: int | None = None
    ) -> dict[str, Any]:
        """Save a dashboard; the server refuses if its last version is not ``version``.

        Parameters
        ----------
        dashboard : dict
            With ``uid`` and ``title``.
        folder : str
            Uid of the folder, empty for the top.
        message : str
            Shown in the history of versions.
        version : int, optional
            The version that this one follows; None for a dashboard that must not exist yet.
        """
        body = {
            "dashboard": {**dashboard, "id": None, "version": version or 0},
            "folderUid": folder,
            "message": message,
            "overwrite": False,
        }
        subject = f"dashboard {dashboard.get('uid')}"
        saved: dict[str, Any] = self._json("POST", "/api/dashboards/db", subject, body=body)
        return saved

    def delete(self, uid: str) -> None:
        """Delete a dashboard."""
        self._json("DELETE", f"/api/dashboards/uid/{quote(uid, '')}", f"dashboard {uid}")

    def folder(self, title: str) -> str | None:
        """Return the uid of the folder of that title, None if there is none."""
        folders = self._json("GET", "/api/folders", params={"limit": 1000})
        return next((folder["uid"] for folder in folders if folder["title"] == title), None)

    def make_folder(self, title: str) -> str:
        """Make a folder and return its uid."""
        uid = re.sub(r"[^a-z0-9]+", "-", title.casefold()).strip("-")[:40] or "ml-models"
        made = self._json("POST", "/api/folders", f"folder {title!r}", body={"uid": uid, "title": title})
        return str(made["uid"])

    def delete_folder(self, uid: str) -> None:
        """Delete a folder with what is in it."""
        self._json("DELETE", f"/api/folders/{quote(uid, '')}", f"folder {uid}")

    # --- data --------------------------------------------------------------------------------------------------------
    def query(self, queries: Sequence[Mapping[str, Any]], start: int, end: int) -> dict[str, Result]:
        """Run queries together; one that fails does not take the others with it.

        Parameters
        ----------
        queries : sequence of dict
            Each with ``refId``, ``datasource`` and what its data source needs.
        start, end : int
            Milliseconds since 1970.

        Returns
        -------
        dict of str to Result
            By ``refId``.
        """
        body = {"from": str(start), "to": str(end), "queries": list(queries)}
        answer = self.connection.request("POST", "/api/ds/query", body=body, repeatable=True)
        # 400, from 10 on optionally 207, also says that one of several queries has failed
        found = answer.json() if answer.status in (200, 207, 400) else None
        if not isinstance(found, dict) or "results" not in found:
            raise refusal(answer, ", ".join(sorted({_source(query) for query in queries})))
        return {
            ref_id: Result(result.get("frames") or [], str(result.get("error") or ""))
            for ref_id, result in found["results"].items()
        }

    def annotate(
        self, text: str, tags: Sequence[str], time: int, *, end: int | None = None, dashboard: str = "", panel: int = 0
    ) -> int:
        """Mark a moment or a span, given in milliseconds since 1970, and return the mark's id."""
        body = {"time": time, "tags": list(tags), "text": text}
        body |= {"timeEnd": end} if end is not None else {}
        body |= {"dashboardUID": dashboard} if dashboard else {}
        body |= {"panelId": panel} if panel else {}
        return int(self._json("POST", "/api/annotations", "annotation", body=body)["id"])

    # --- snapshots and pictures --------------------------------------------------------------------------------------
    def make_snapshot(self, dashboard: Mapping[str, Any], name: str, expires: int) -> dict[str, str]:
        """Store a dashboard that holds its data, on this server only; ``expires`` in seconds, 0 for never.

        Returns
        -------
        dict
            ``key``, ``deleteKey``, ``url``, ``deleteUrl``.
        """
        # "external" is on by default where the server allows it, and would publish the data on another one
        body = {"dashboard": dashboard, "name": name, "expires": expires, "external": False}
        made: dict[str, str] = self._json("POST", "/api/snapshots", f"snapshot {name!r}", body=body)
        return made

    def snapshot(self, key: str) -> dict[str, Any]:
        """Return a snapshot, as anybody who knows its key gets it."""
        path = f"/api/snapshots/{quote(key, '')}"
        found: dict[str, Any] = self._json("GET", path, f"snapshot {key}", authenticated=False)
        return found

    def snapshots(self) -> list[dict[str, Any]]:
        """Return the snapshots that the token may see, without their data."""
        return list(self._json("GET", "/api/dashboard/snapshots", params={"limit": 1000}) or [])

    def delete_snapshot(self, key: str) -> None:
        """Delete a snapshot."""
        self._json("DELETE", f"/api/snapshots/{quote(key, '')}", f"snapshot {key}")

    def render(
        self,
        uid: str,
        panel: int,
        start: int,
        end: int,
        variables: Mapping[str, Sequence[str]],
        *,
        width: int = 1000,
        height: int = 500,
        scale: int = 1,
        theme: str = "light",
        timeout: int = 60,
    ) -> bytes:
        """Return a panel as PNG, drawn by Grafana's renderer.

        Raises
        ------
        ServerError
            If there is no renderer. Grafana then answers 200 with a picture that says so, which must not end up in a
            report; it is asked beforehand, and the size of the picture is compared with the one asked for.
        """
        if not self.settings().get("rendererAvailable"):
            raise ServerError(
                f"{self.url}: Grafana has no image renderer; install the grafana-image-renderer plugin or service",
                "no-renderer",
            )
        params: list[tuple[str, Any]] = [("panelId", panel), ("from", start), ("to", end)]
        params += [("width", width), ("height", height), ("scale", scale), ("theme", theme), ("timeout", timeout)]
        params += [("tz", "UTC"), *((f"var-{name}", value) for name, values in variables.items() for value in values)]
        path = f"/render/d-solo/{quote(uid, '')}/_"
        answer = self.connection.request("GET", path, params=params, timeout=timeout + _PATIENCE)
        if not answer.ok:
            raise refusal(answer, f"picture of panel {panel} of {uid}")
        _check_picture(answer, (width * scale, height * scale))
        return answer.content


def _source(query: Mapping[str, Any]) -> str:
    return f"data source {(query.get('datasource') or {}).get('uid', '?')}"


def _check_picture(answer: Answer, asked: tuple[int, int]) -> None:
    content = answer.content
    if not content.startswith(_PNG) or len(content) < 24:
        raise ServerError(f"{answer.what}: answered with {answer.content_type or 'something'}, not a PNG", "no-picture")
    size = struct.unpack(">II", content[16:24])
    if size != asked:
        raise ServerError(
            f"{answer.what}: answered with a picture of {size[0]}x{size[1]} instead of {asked[0]}x{asked[1]} pixels, "
            "which is Grafana's placeholder for a renderer that is missing, overloaded or too slow; see Grafana's log",
            "placeholder",
        )
