"""Dashboards in files and in Grafana: what differs, what may be overwritten.

Each push writes a fingerprint of the dashboard into the message of its version. If the last version in Grafana carries
one, nobody but a push has changed the dashboard, and the next push may. Otherwise somebody has, and is not overwritten
unless that is asked for.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_models import __version__
from ml_models.errors import DataError, ServerError
from ml_models.reports.grafana.client import Grafana, Stored

_FINGERPRINT = re.compile(r"^mlmon \S+ sha256:([0-9a-f]{16})$")
#: What Grafana sets when it stores or opens a dashboard.
_SET_BY_GRAFANA = ("id", "version", "iteration")

NEW, UNCHANGED, UPDATED, CONFLICT = "new", "unchanged", "updated", "conflict"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a push of one dashboard would do.

    Parameters
    ----------
    uid : str
    action : str
        ``new``, ``unchanged``, ``updated`` or ``conflict``.
    stored : Stored, optional
        What Grafana has.
    who : str
        For a conflict: who saved which version, when, with which message.
    """

    uid: str
    action: str
    stored: Stored | None = None
    who: str = ""


def normalised(dashboard: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dashboard without what Grafana sets itself, so that two can be compared.

    Examples
    --------
    >>> normalised({"id": 7, "version": 3, "uid": "a", "panels": [{"id": 1, "pluginVersion": "9.4.7"}]})
    {'uid': 'a', 'panels': [{'id': 1}]}
    """
    kept = {key: value for key, value in dashboard.items() if key not in _SET_BY_GRAFANA}
    if "panels" in kept:
        kept["panels"] = [_panel(panel) for panel in kept["panels"]]
    return kept


def _panel(panel: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in panel.items() if key != "pluginVersion"}
    if "panels" in kept:
        kept["panels"] = [_panel(inner) for inner in kept["panels"]]
    return kept


def text(dashboard: Mapping[str, Any]) -> str:
    """Return a normalised dashboard as JSON, in the form of the generated files."""
    return json.dumps(normalised(dashboard), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def message(dashboard: Mapping[str, Any]) -> str:
    """Return the message of the version that a push makes."""
    return f"mlmon {__version__} sha256:{_fingerprint(dashboard)}"


def _fingerprint(dashboard: Mapping[str, Any]) -> str:
    return hashlib.sha256(text(dashboard).encode()).hexdigest()[:16]


def checked(dashboard: dict[str, Any], source: str) -> dict[str, Any]:
    """Return a dashboard if it has what a push needs.

    Raises
    ------
    DataError
        If it has no uid, no title or no panels.
    """
    for key in ("uid", "title"):
        if not isinstance(dashboard.get(key), str) or not dashboard[key]:
            raise DataError(f"{source}: a dashboard without {key}; give it one in Grafana, or in the file")
    if not isinstance(dashboard.get("panels"), list):
        raise DataError(f"{source}: holds no dashboard; give the JSON object that has its panels")
    return dashboard


def plan(grafana: Grafana, dashboard: Mapping[str, Any]) -> Plan:
    """Find out what a push of the dashboard would do.

    Raises
    ------
    ServerError
        If Grafana reads the dashboard from a file, or the request fails.
    """
    uid = dashboard["uid"]
    stored = grafana.dashboard(uid)
    if stored is None:
        return Plan(uid, NEW)
    if text(stored.dashboard) == text(dashboard):
        return Plan(uid, UNCHANGED, stored)
    if stored.meta.get("provisioned"):
        raise ServerError(
            f"dashboard {uid}: Grafana reads it from a provisioned file; change that file, or remove it to push",
            "provisioned",
        )
    # a Grafana that keeps no history still says who saved last
    kept: dict[str, Any] = {
        "version": stored.version,
        "createdBy": stored.meta.get("updatedBy"),
        "created": stored.meta.get("updated"),
    }
    last = next(iter(grafana.versions(uid)), kept)
    pushed = _FINGERPRINT.match(last.get("message") or "")
    if pushed is None:
        return Plan(uid, CONFLICT, stored, _who(last))
    # Grafana may have rewritten what was pushed, for example to a newer schema: that is no change of ours
    return Plan(uid, UNCHANGED if pushed[1] == _fingerprint(dashboard) else UPDATED, stored)


def _who(version: Mapping[str, Any]) -> str:
    said = f" with the message {version['message']!r}" if version.get("message") else ""
    who = version.get("createdBy") or "somebody"
    return f"version {version['version']} was saved by {who} at {version.get('created', 'an unknown time')}{said}"


def push(grafana: Grafana, dashboard: Mapping[str, Any], planned: Plan, folder: str | None) -> dict[str, Any]:
    """Save a dashboard as the next version of the one that was looked at.

    Parameters
    ----------
    grafana : Grafana
    dashboard : dict
    planned : Plan
        What :func:`plan` found. If the dashboard was changed since, Grafana refuses (``version-conflict``).
    folder : str, optional
        Uid of the folder; None leaves a dashboard that exists where it is.
    """
    stored = planned.stored
    if stored is None:
        return grafana.save(dashboard, folder=folder or "", message=message(dashboard))
    where = stored.meta.get("folderUid") or "" if folder is None else folder
    return grafana.save(dashboard, folder=where, message=message(dashboard), version=stored.version)


def difference(stored: Stored | None, dashboard: Mapping[str, Any]) -> str:
    """Return a unified diff from what Grafana has to the dashboard given, empty if they are equal."""
    before = text(stored.dashboard).splitlines() if stored else []
    uid = dashboard["uid"]
    name = f"grafana/{uid} (version {stored.version})" if stored else "/dev/null"
    lines = difflib.unified_diff(before, text(dashboard).splitlines(), name, f"dashboards/{uid}.json", lineterm="")
    return "".join(f"{line}\n" for line in lines)
