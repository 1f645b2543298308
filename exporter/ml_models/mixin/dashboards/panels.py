"""Builders of panels: grafanalib's, completed with what its last release does not know.

Each takes a :class:`Face`, what a reader sees of any panel, and queries. The clean-up pass in
:mod:`ml_models.mixin.dashboards.cleanup` then removes what grafanalib adds and Grafana no longer knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from ml_models.errors import MissingExtraError
from ml_models.mixin.dashboards.palette import BAD, BLUE, GOOD, GREY, NEUTRAL, WARN
from ml_models.mixin.dashboards.queries import ABOVE, BELOW, CRITICAL, WARNING

#: A link to the dashboard itself that keeps range and variables and chooses the feature that was clicked.
_THIS_MODEL = "/d/ml-model?${__url_time_range}&${datasource:queryparam}&${job:queryparam}&${model:queryparam}"
FEATURE_OF_SERIES = "${__field.labels.feature:percentencode}"
FEATURE_OF_CELL = "${__value.raw:percentencode}"


def grafanalib() -> ModuleType:
    """Return grafanalib's module of panels.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        from grafanalib import core  # noqa: PLC0415 - an extra: the bare core must import without it
    except ImportError as error:
        raise MissingExtraError("generated dashboards", "grafanalib", "dashboards") from error
    module: ModuleType = core
    return module


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """What a reader sees of any panel.

    Parameters
    ----------
    id : int
        Never changed and never used again: links and annotations name panels by it.
    title : str
    meaning, threshold, action : str
        The description: what is shown, from where on it is bad, what to do then.
    unit : str
        One of Grafana's units.
    decimals : int
        Digits behind the point.
    empty : str
        Shown in place of a value where there is none.
    width, height : int
        In Grafana's grid of 24 columns.
    """

    id: int
    title: str
    meaning: str
    threshold: str
    action: str
    unit: str
    decimals: int = 0
    empty: str = "no data"
    width: int = 8
    height: int = 8

    def description(self) -> str:
        """Return the description in Markdown."""
        return f"{self.meaning}\n\n**Threshold:** {self.threshold}\n\n**What to do:** {self.action}"


@dataclass(frozen=True, slots=True)
class Query:
    """A query and how its series are drawn.

    Parameters
    ----------
    expr : str
        PromQL.
    legend : str
        Name of a series; ``{{label}}`` stands for a label's value.
    colour : str
        Of the series; several series of one query get shades of it.
    limit : bool
        Whether it is a threshold, drawn as a dashed line.
    """

    expr: str
    legend: str = ""
    colour: str = BLUE
    limit: bool = False


def _override(matcher: str, wanted: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "matcher": {"id": matcher, "options": wanted},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }


def by_name(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return an override of one field's settings, e.g. of a table's column."""
    return _override("byName", name, properties)


def by_state(states: Sequence[str], colour: str) -> dict[str, Any]:
    """Return an override of the colour of series whose name ends in a state, bare or in brackets."""
    pattern = f"/(^|\\()({'|'.join(states)})\\)?$/"
    return _override("byRegexp", pattern, {"color": {"mode": "fixed", "fixedColor": colour}})


def _drawn(query: Query, ref_id: str) -> dict[str, Any]:
    mode = "shades" if "{{" in query.legend else "fixed"
    properties: dict[str, Any] = {"color": {"mode": mode, "fixedColor": query.colour}}
    if query.limit:
        properties |= {
            "custom.lineStyle": {"fill": "dash", "dash": [10, 8]},
            "custom.lineWidth": 2,
            "custom.fillOpacity": 0,
            "custom.stacking": {"mode": "none", "group": "limits"},
        }
    return _override("byFrameRefID", ref_id, properties)


def _targets(queries: Sequence[Query], kind: str = "time_series", *, instant: bool = False) -> list[Any]:
    return [
        grafanalib().Target(
            expr=query.expr, refId=_letter(place), legendFormat=query.legend, format=kind, instant=instant
        )
        for place, query in enumerate(queries)
    ]


def _letter(place: int) -> str:
    return chr(ord("A") + place)


def _panel(kind: str, face: Face, targets: list[Any], extra: dict[str, Any], **settings: Any) -> Any:
    """Return a panel of grafanalib with what every panel has; ``extra`` is what grafanalib has no name for."""
    defaults = {"unit": face.unit, "decimals": face.decimals, "noValue": face.empty}
    field = extra.get("fieldConfig", {})
    extra["fieldConfig"] = {
        "defaults": defaults | field.get("defaults", {}),
        "overrides": field.get("overrides", []),
    }
    core = grafanalib()
    return getattr(core, kind)(
        id=face.id,
        title=face.title,
        description=face.description(),
        targets=targets,
        gridPos=core.GridPos(h=face.height, w=face.width, x=0, y=0),
        extraJson=extra,
        **settings,
    )


def feature_link(feature: str) -> dict[str, Any]:
    """Return a link that chooses the clicked feature in this dashboard."""
    return {"title": "Show only this feature", "url": f"{_THIS_MODEL}&var-feature={feature}", "targetBlank": False}


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
    overrides = [_drawn(query, _letter(place)) for place, query in enumerate(queries)]
    return _panel(
        "TimeSeries",
        face,
        _targets(queries),
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
    return _panel(
        "Stat",
        face,
        _targets([query], instant=True),
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
    return _panel(
        "BarGauge",
        face,
        _targets([query], instant=True),
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
    panel = _panel(
        "Heatmap",
        face,
        _targets([query], "heatmap"),
        {"fieldConfig": {"defaults": {"custom": {"scaleDistribution": {"type": "linear"}}}}},
    )
    panel.options = {
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
    return panel


def states(face: Face, queries: Sequence[Query], names: Sequence[tuple[str, str]]) -> Any:
    """Return a lane per series that is coloured by its value 0, 1, ..., each with a name and a colour."""
    mapped = {str(value): {"text": name, "color": colour, "index": value} for value, (name, colour) in enumerate(names)}
    return _panel(
        "StateTimeline",
        face,
        _targets(queries),
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
    return _panel(
        "Table",
        face,
        _targets(queries, "table", instant=True),
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
    names = {f"Value #{_letter(place)}": query.legend for place, query in enumerate(queries)}
    settings = {"repeat": core.Repeat(direction="h", variable=repeat, maxPerRow=3)} if repeat else {}
    return _panel(
        "BarChart",
        face,
        _targets(queries, "table", instant=True),
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
