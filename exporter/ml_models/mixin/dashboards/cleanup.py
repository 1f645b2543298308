"""From grafanalib's objects to the JSON that today's Grafana stores.

grafanalib 0.7.1 writes what Grafana 6 understood: keys of the removed Angular panels, ``null`` for whatever is not set,
thresholds that are the string ``"null"``. This pass keeps what a current Grafana knows and drops the rest.
"""

from __future__ import annotations

import json
from typing import Any

SCHEMA_VERSION = 39
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

_DASHBOARD = {
    "annotations", "description", "editable", "graphTooltip", "links", "panels", "refresh", "schemaVersion", "tags",
    "templating", "time", "timepicker", "timezone", "title", "uid",
}  # fmt: skip
_ROW = {"collapsed", "gridPos", "id", "panels", "title", "type"}
_PANEL = {
    "datasource", "description", "fieldConfig", "gridPos", "id", "maxPerRow", "options", "repeat", "repeatDirection",
    "targets", "title", "transformations", "type",
}  # fmt: skip
_TARGET = {"datasource", "expr", "format", "instant", "legendFormat", "range", "refId"}
_VARIABLE = {
    "allValue", "current", "datasource", "definition", "hide", "includeAll", "label", "multi", "name", "options",
    "query", "refresh", "regex", "sort", "type",
}  # fmt: skip
#: What grafanalib puts into the options of panels that have moved it to ``fieldConfig``.
_OBSOLETE_OPTIONS = {"fieldOptions", "showThresholdLabels", "showThresholdMarkers"}


def dashboard_json(dashboard: Any) -> dict[str, Any]:
    """Return a grafanalib dashboard as the JSON object that a current Grafana stores.

    Parameters
    ----------
    dashboard : grafanalib.core.Dashboard
        Its panels have ids, positions and, for each query, a letter.
    """
    raw: dict[str, Any] = json.loads(json.dumps(dashboard, default=lambda part: part.to_json_data()))
    clean: dict[str, Any] = _without_nulls(_only(raw, _DASHBOARD))
    clean["schemaVersion"] = SCHEMA_VERSION
    clean["timepicker"] = _only(clean["timepicker"], {"refresh_intervals"})
    clean["panels"] = [_panel(panel) for panel in clean["panels"]]
    clean["templating"]["list"] = [_variable(variable) for variable in clean["templating"]["list"]]
    return clean


def _panel(panel: dict[str, Any]) -> dict[str, Any]:
    if panel["type"] == "row":
        return _only(panel, _ROW) | {"panels": [_panel(folded) for folded in panel["panels"]]}
    clean = _only(panel, _PANEL) | {"datasource": DATASOURCE}
    clean["targets"] = [_target(target) for target in panel["targets"]]
    clean["options"] = {key: value for key, value in panel["options"].items() if key not in _OBSOLETE_OPTIONS}
    defaults = panel["fieldConfig"]["defaults"]
    if not defaults["thresholds"]["steps"]:
        del defaults["thresholds"]
    custom = defaults.get("custom", {})
    # Panels that were drawn by Angular had these in their own place; the table's cell options replaced displayMode.
    custom.pop("displayMode", None)
    if not custom.get("stacking", True):
        del custom["stacking"]
    if custom.get("scaleDistribution", {}).get("type") == "linear":
        custom["scaleDistribution"].pop("log", None)  # the base of a logarithm that is not drawn
    if not custom:
        defaults.pop("custom", None)
    if not clean["transformations"]:
        del clean["transformations"]
    return clean


def _target(target: dict[str, Any]) -> dict[str, Any]:
    return _only(target, _TARGET) | {"datasource": DATASOURCE, "range": not target["instant"]}


def _variable(variable: dict[str, Any]) -> dict[str, Any]:
    clean = _only(variable, _VARIABLE)
    if "text" not in clean["current"]:
        del clean["current"]  # Grafana then takes the first value that it finds
    if variable["type"] == "query":
        clean["definition"] = variable["query"]
    return clean


def _only(source: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in source.items() if key in keys}


def _without_nulls(value: Any) -> Any:
    """Drop nulls, except the value of a threshold's first step, which is minus infinity."""
    if isinstance(value, dict):
        return {
            key: _without_nulls(inner)
            for key, inner in value.items()
            if inner is not None or (key == "value" and "color" in value)
        }
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value
