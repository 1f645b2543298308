"""Builders of panels: grafanalib's, completed with what its last release does not know.

Each takes a :class:`~ml_models.mixin.dashboards.face.Face`, what a reader sees of any panel, and queries. The clean-up
pass in :mod:`ml_models.mixin.dashboards.cleanup` then removes what grafanalib adds and Grafana no longer knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ml_models.mixin.dashboards.face import Face, Query, by_name, by_state, drawn, grafanalib, letter, panel, targets_of
from ml_models.mixin.dashboards.palette import BAD, BLUE, GOOD, GREY, NEUTRAL, WARN
from ml_models.mixin.dashboards.queries import ABOVE, BELOW, CRITICAL, WARNING


def timeseries(
    face: Face,
    queries: Sequence[Query],
    *,
    minimum: float | None = 0.0,
    maximum: float | None = None,
    stacked: bool = False,
    calcs: Sequence[str] = ("lastNotNull", "mean", "max"),
    links: Sequence[dict[str, Any]] = (),
) -> Any:
    """Return lines over time, with limits dashed and a legend that carries numbers."""
    defaults = {
        key: value
        for key, value in (("min", minimum), ("max", maximum), ("links", [*links]))
        if value not in (None, [])
    }
    custom: dict[str, Any] = {"axisColorMode": "text"}
    if stacked:
        custom["stacking"] = {"mode": "normal", "group": "A"}
    overrides = [drawn(query, letter(place)) for place, query in enumerate(queries)]
    return panel(
        "TimeSeries",
        face,
        targets_of(queries),
        {
            "fieldConfig": {"defaults": defaults | {"custom": custom}, "overrides": overrides},
            "options": {"legend": {"showLegend": True}},
        },
        legendDisplayMode="table",
        legendCalcs=list(calcs),
        tooltipMode="multi",
        tooltipSort="desc",
        showPoints="never",
        fillOpacity=25 if stacked else 0,
        lineWidth=1,
    )


def _reduced(orientation: str) -> dict[str, Any]:
    return {"orientation": orientation, "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}


def stat(face: Face, query: Query, *, overrides: Sequence[dict[str, Any]] = (), text: str = "auto") -> Any:
    """Return the last value as a number; a query with a ``state`` names it and colours it by that name."""
    judged = "{{state}}" in query.legend
    states = [by_state([ABOVE, BELOW], BAD)] if judged else []
    return panel(
        "Stat",
        face,
        targets_of([query], instant=True),
        {
            "fieldConfig": {
                "defaults": {"color": {"mode": "fixed", "fixedColor": query.colour}},
                "overrides": [*states, *overrides],
            },
            "options": _reduced("auto") | {"wideLayout": True, "showPercentChange": False},
        },
        textMode="value_and_name" if judged else text,
        graphMode="none",
        reduceCalc="lastNotNull",
        thresholds=[],
    )


def ranking(face: Face, query: Query, *, links: Sequence[dict[str, Any]] = ()) -> Any:
    """Return one bar per series in the order of the query, coloured and named by its drift state."""
    return panel(
        "BarGauge",
        face,
        targets_of([query], instant=True),
        {
            "fieldConfig": {
                "defaults": {"color": {"mode": "fixed", "fixedColor": query.colour}, "min": 0, "links": [*links]},
                "overrides": [by_state([WARNING], WARN), by_state([CRITICAL], BAD)],
            },
            "options": _reduced("horizontal")
            | {
                "displayMode": "basic",
                "valueMode": "text",
                "showUnfilled": False,
                "namePlacement": "left",
                "sizing": "auto",
                "minVizWidth": 8,
                "minVizHeight": 16,
                "maxVizHeight": 32,
            },
        },
        thresholds=[],
    )


def heatmap(face: Face, query: Query) -> Any:
    """Return the buckets of a histogram over time, in colours whose lightness alone tells the order."""
    made = panel(
        "Heatmap",
        face,
        targets_of([query], "heatmap"),
        {"fieldConfig": {"defaults": {"custom": {"scaleDistribution": {"type": "linear"}}}}},
    )
    made.options = {
        "calculate": False,
        "cellGap": 1,
        "cellValues": {"unit": "cps"},
        "color": {
            "mode": "scheme",
            "scheme": "Cividis",
            "fill": BLUE,
            "scale": "exponential",
            "exponent": 0.5,
            "steps": 64,
            "reverse": False,
        },
        "exemplars": {"color": NEUTRAL},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "yHistogram": True, "showColorScale": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": face.unit, "decimals": face.decimals},
    }
    return made


def states(face: Face, queries: Sequence[Query], names: Sequence[tuple[str, str]]) -> Any:
    """Return a lane per series that is coloured by its value 0, 1, ..., each with a name and a colour."""
    mapped = {str(value): {"text": name, "color": colour, "index": value} for value, (name, colour) in enumerate(names)}
    return panel(
        "StateTimeline",
        face,
        targets_of(queries),
        {
            "fieldConfig": {"defaults": {"mappings": [{"type": "value", "options": mapped}], "min": 0}},
            "options": {"legend": {"showLegend": True, "calcs": []}, "tooltip": {"sort": "none"}},
        },
        thresholds=[{"color": GREY, "value": None}],
    )


def table(
    face: Face,
    queries: Sequence[Query],
    *,
    transformations: Sequence[dict[str, Any]],
    overrides: Sequence[dict[str, Any]] = (),
    sort_by: str = "",
) -> Any:
    """Return the last values as rows and columns."""
    core = grafanalib()
    return panel(
        "Table",
        face,
        targets_of(queries, "table", instant=True),
        {
            "fieldConfig": {
                "defaults": {"color": {"mode": "fixed", "fixedColor": BLUE}, "custom": {"inspect": False}},
                "overrides": [*overrides],
            },
            "options": {
                "cellHeight": "sm",
                "footer": {"show": False, "reducer": [], "countRows": False},
            },
        },
        transformations=[*transformations],
        filterable=True,
        sortBy=[core.TableSortByField(displayName=sort_by, desc=True)] if sort_by else [],
    )


def bars(face: Face, queries: Sequence[Query], *, category: str, repeat: str = "") -> Any:
    """Return groups of bars, one group per value of the label ``category``, one bar per query.

    Parameters
    ----------
    repeat : str
        A variable for each of whose values the panel is shown.
    """
    core = grafanalib()
    names = {f"Value #{letter(place)}": query.legend for place, query in enumerate(queries)}
    settings = {"repeat": core.Repeat(direction="h", variable=repeat, maxPerRow=3)} if repeat else {}
    return panel(
        "BarChart",
        face,
        targets_of(queries, "table", instant=True),
        {
            "fieldConfig": {
                "defaults": {"min": 0, "color": {"mode": "fixed", "fixedColor": GREY}},
                "overrides": [
                    by_name(query.legend, {"color": {"mode": "fixed", "fixedColor": query.colour}}) for query in queries
                ],
            },
            "options": {
                "xField": category,
                "xTickLabelRotation": -45,
                "xTickLabelMaxLength": 24,
                "fullHighlight": False,
                "barRadius": 0,
            },
        },
        transformations=[
            {"id": "merge", "options": {}},
            {"id": "organize", "options": {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": names}},
            {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": category, "desc": False}]}},
        ],
        showValue="never",
        tooltipMode="multi",
        thresholdSteps=[],
        **settings,
    )


GOOD_OR_BAD = (("within limit", GOOD), ("past limit", BAD))
DOWN_OR_UP = (("down", BAD), ("up", GOOD))
DRIFT_LEVELS = (("within limit", GOOD), (WARNING, WARN), (CRITICAL, BAD))
