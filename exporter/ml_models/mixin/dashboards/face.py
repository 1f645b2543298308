"""What all panels share: the face that a reader sees, queries with their colours, links, and grafanalib's part.

The builders in :mod:`ml_models.mixin.dashboards.panels` put a kind of panel on top.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from ml_models.errors import MissingExtraError
from ml_models.mixin.dashboards.palette import BLUE

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


def drawn(query: Query, ref_id: str) -> dict[str, Any]:
    """Return the override that gives a query its colour, and a limit its dashes."""
    mode = "shades" if "{{" in query.legend else "fixed"
    properties: dict[str, Any] = {"color": {"mode": mode, "fixedColor": query.colour}}
    if query.limit:
        properties |= {"custom.lineStyle": {"fill": "dash", "dash": [10, 8]}, "custom.lineWidth": 2}
    return _override("byFrameRefID", ref_id, properties)


def targets_of(queries: Sequence[Query], kind: str = "time_series", *, instant: bool = False) -> list[Any]:
    """Return grafanalib's targets, lettered in the order of the queries."""
    return [
        grafanalib().Target(
            expr=query.expr, refId=letter(place), legendFormat=query.legend, format=kind, instant=instant
        )
        for place, query in enumerate(queries)
    ]


def letter(place: int) -> str:
    """Return a query's letter: A for the first.

    Examples
    --------
    >>> letter(0), letter(2)
    ('A', 'C')
    """
    return chr(ord("A") + place)


def panel(kind: str, face: Face, targets: list[Any], extra: dict[str, Any], **settings: Any) -> Any:
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
