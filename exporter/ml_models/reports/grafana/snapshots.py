"""A dashboard that holds its data, in the form in which Grafana shows snapshots.

Grafana's server embeds nothing. Each panel gets its frames as a query to the built-in data source ``grafana``, which
Grafana 9.4 to current understand; variables keep their value only, and nothing asks or links to anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml_models.reports.panels.collect import Collected, PanelData
from ml_models.reports.panels.timerange import iso

_SOURCE = {"type": "grafana", "uid": "grafana"}
_LINKS = "links"


def embedded(collected: Collected) -> dict[str, Any]:
    """Return the dashboard of a snapshot.

    Its uid stays that of the dashboard, because current versions make snapshots of stored dashboards only.
    """
    dashboard = collected.dashboard
    return {
        **dashboard,
        "id": None,
        "time": {"from": iso(collected.span.start), "to": iso(collected.span.end)},
        "refresh": "",
        "links": [],
        "snapshot": {"timestamp": iso(collected.span.end)},
        "templating": {"list": [_variable(one, collected) for one in dashboard.get("templating", {}).get("list", [])]},
        "annotations": {"list": [_annotation(one) for one in dashboard.get("annotations", {}).get("list", [])]},
        "panels": [_panel(panel, collected) for panel in collected.panels],
    }


def _variable(variable: Mapping[str, Any], collected: Collected) -> dict[str, Any]:
    choice = collected.choices[variable["name"]]
    text: Any = ["All"] if choice.all else list(choice.values) if choice.several else choice.values[0]
    value: Any = ["$__all"] if choice.all else text
    current = {"selected": True, "text": text, "value": value}
    kept = {key: one for key, one in variable.items() if key not in ("datasource", "definition", "allValue")}
    return kept | {"query": "", "refresh": 0, "current": current, "options": [current]}


def _annotation(annotation: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: one for key, one in annotation.items() if key in ("builtIn", "name", "iconColor", "type", "hide")}
    return kept | {"datasource": _SOURCE, "enable": bool(annotation.get("enable")), "snapshotData": []}


def _panel(panel: dict[str, Any], collected: Collected) -> dict[str, Any]:
    data = collected.data.get(panel["id"])
    made = {
        key: _unlinked(value) for key, value in panel.items() if key not in (_LINKS, "maxPerRow", "repeatDirection")
    }
    if panel.get("panels"):
        made["panels"] = [_panel(inner, collected) for inner in panel["panels"]]
    return made | (_data(data) if data is not None and panel.get("targets") else {})


def _data(data: PanelData) -> dict[str, Any]:
    target = {"refId": "A", "datasource": _SOURCE, "queryType": "snapshot", "snapshot": data.frames}
    return {"datasource": _SOURCE, "targets": [target]}


def _unlinked(value: Any) -> Any:
    """Return a setting without links: who sees a snapshot may not see where they lead."""
    if isinstance(value, dict):
        return {key: _unlinked(inner) for key, inner in value.items() if key != _LINKS}
    if isinstance(value, list):
        return [_unlinked(inner) for inner in value if not (isinstance(inner, dict) and inner.get("id") == _LINKS)]
    return value
