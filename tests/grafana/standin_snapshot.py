"""What a dashboard must look like for Grafana, 9.4 to current, to show it as a snapshot."""

from __future__ import annotations

import re
from typing import Any

_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_SOURCE = {"type": "grafana", "uid": "grafana"}


def snapshot_fault(dashboard: dict[str, Any]) -> str:
    """Return the first thing that is wrong, empty if nothing is."""
    for key in ("from", "to"):
        if not _ISO.fullmatch(str(dashboard.get("time", {}).get(key))):
            return f"time.{key} is no absolute time"
    if dashboard.get("links"):
        return "links lead to places that the viewer cannot see"
    if dashboard.get("refresh"):
        return "it refreshes itself"
    for variable in dashboard.get("templating", {}).get("list", []):
        if variable.get("query") != "" or variable.get("refresh") != 0 or variable.get("datasource"):
            return f"variable {variable.get('name')} asks a data source"
        if not variable.get("current") or variable.get("options") != [variable["current"]]:
            return f"variable {variable.get('name')} has not its current value as only option"
    for annotation in dashboard.get("annotations", {}).get("list", []):
        if not isinstance(annotation.get("snapshotData"), list):
            return f"annotation {annotation.get('name')} has no snapshotData"
    panels = [inner for panel in dashboard.get("panels", []) for inner in (panel, *panel.get("panels", []))]
    if len({panel["id"] for panel in panels}) != len(panels):
        return "two panels have the same id"
    return next((fault for panel in panels if (fault := _panel_fault(panel))), "")


def _panel_fault(panel: dict[str, Any]) -> str:
    where = f"panel {panel.get('id')} {panel.get('title')!r}"
    if panel.get("repeat"):
        return f"{where} repeats itself"
    if panel["type"] in ("row", "text"):
        return ""
    if panel.get("datasource") != _SOURCE:
        return f"{where} asks {panel.get('datasource')}"
    if panel.get("links") or panel.get("fieldConfig", {}).get("defaults", {}).get("links"):
        return f"{where} has links"
    targets = panel.get("targets")
    if not isinstance(targets, list) or len(targets) != 1:
        return f"{where} has not one target"
    target = targets[0]
    if target.get("datasource") != _SOURCE or target.get("queryType") != "snapshot" or not target.get("refId"):
        return f"{where}: its target is no snapshot"
    if not isinstance(target.get("snapshot"), list):
        return f"{where}: its target has no frames"
    for frame in target["snapshot"]:
        fields, values = frame["schema"]["fields"], frame["data"]["values"]
        if len(fields) != len(values) or len({len(column) for column in values}) > 1:
            return f"{where}: fields and values of a frame do not fit"
        if not all(isinstance(field.get("name"), str) and field.get("type") for field in fields):
            return f"{where}: a field has no name or type"
    return ""
