"""One panel with its data as HTML."""

from __future__ import annotations

import html
import itertools
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

from ml_models.errors import ReportError
from ml_models.mixin.dashboards.palette import GREY
from ml_models.reports.panels import svg
from ml_models.reports.panels.collect import PanelData
from ml_models.reports.panels.frames import Frame, times, value_field
from ml_models.reports.panels.looks import Look, colours, level, look, safe, shown
from ml_models.reports.panels.svg import Line
from ml_models.reports.panels.tables import Cell, sorted_by, table
from ml_models.reports.panels.timerange import TimeRange

_COLUMN = 50.0  # pixels of a column of the dashboard's grid
_LINE = 38.0
#: More series or rows than this are left out, and said to be.
_MOST = 40
_CALCS: dict[str, tuple[str, Callable[[list[float]], float]]] = {
    "lastNotNull": ("last", lambda values: values[-1]),
    "mean": ("mean", fmean),
    "max": ("max", max),
    "min": ("min", min),
}


def drawn(data: PanelData, span: TimeRange) -> str:
    """Return a panel's content: a chart, numbers, a table, or what it says where there are no data."""
    panel = data.panel
    if panel["type"] == "text":
        return f'<p class="text">{html.escape(str((panel.get("options") or {}).get("content", "")))}</p>'
    filled = [frame for frame in data.frames if times(frame)]
    draw = _KINDS.get(panel["type"], _table)
    if not filled and not data.errors:
        nothing = (panel.get("fieldConfig") or {}).get("defaults", {}).get("noValue") or "no data"
        return f'<p class="nothing">{html.escape(nothing)}</p>'
    try:
        return draw(panel, filled, span) if filled else ""
    except ReportError as error:  # one panel that cannot be drawn must not cost the page
        return f'<p class="error">{html.escape(str(error))}</p>'


def _size(panel: Mapping[str, Any]) -> tuple[float, float]:
    place = panel.get("gridPos") or {}
    return place.get("w", 24) * _COLUMN, max(place.get("h", 8) * _LINE - 90, 120.0)


def _series(panel: Mapping[str, Any], frames: Sequence[Frame]) -> tuple[list[Line], list[Look]]:
    found, looks = [], []
    for frame in frames:
        values = value_field(frame)
        if values is None:
            continue
        field, numbers = values
        config = field.get("config") or {}
        name = config.get("displayNameFromDS") or frame["schema"].get("name") or field["name"]
        looks.append(look(panel, name, frame["schema"].get("refId", "")))
        interval = (frame["schema"]["fields"][0].get("config") or {}).get("interval", 0)
        found.append(Line(name, times(frame), numbers, "", looks[-1].dashed, round(interval * 1.5)))
    painted = [
        Line(line.name, line.times, line.values, colour, line.dashed, line.gap)
        for line, colour in zip(found, colours(looks), strict=True)
    ]
    return painted, looks


def _timeseries(panel: Mapping[str, Any], frames: Sequence[Frame], span: TimeRange) -> str:
    series, looks = _series(panel, frames)
    defaults = panel["fieldConfig"]["defaults"]
    width, height = _size(panel)
    chart = svg.lines(
        series[:_MOST],
        span,
        width=width,
        height=height,
        label=panel["title"],
        write=lambda value: level(value, defaults.get("unit", "none")),
        least=defaults.get("min"),
        stacked=(defaults.get("custom") or {}).get("stacking", {}).get("mode") == "normal",
    )
    calcs = [calc for calc in panel.get("options", {}).get("legend", {}).get("calcs", []) if calc in _CALCS]
    head = "".join(f'<th class="n">{_CALCS[calc][0]}</th>' for calc in calcs)
    rows = []
    for line, one in zip(series[:_MOST], looks, strict=False):
        numbers = [value for value in line.values if value is not None]
        totals = [shown(_CALCS[calc][1](numbers), one.unit, one.decimals) if numbers else "-" for calc in calcs]
        cells = "".join(f'<td class="n">{html.escape(total)}</td>' for total in totals)
        rows.append(f"<tr><td>{_swatch(line)}{html.escape(line.name)}</td>{cells}</tr>")
    legend = f'<table class="legend"><tr><th></th>{head}</tr>{"".join(rows)}</table>'
    return f'<div class="chart">{chart}</div>{legend}{_more(len(series))}'


def _swatch(line: Line) -> str:
    return f'<i class="{"dashed" if line.dashed else "line"}" style="--colour:{line.colour}"></i>'


def _more(count: int) -> str:
    return f'<p class="dim">and {count - _MOST:,} more, which are left out here</p>' if count > _MOST else ""


def _states(panel: Mapping[str, Any], frames: Sequence[Frame], span: TimeRange) -> str:
    series, _ = _series(panel, frames)
    states = {
        value: (str(state.get("text", value)), safe(state.get("color")) or GREY)
        for mapping in panel["fieldConfig"]["defaults"].get("mappings", [])
        for value, state in (mapping.get("options") or {}).items()
    }
    key = "".join(
        f'<span><i class="box" style="--colour:{colour}"></i>{html.escape(text)}</span>'
        for text, colour in states.values()
    )
    chart = svg.lanes(series[:_MOST], span, states, width=_size(panel)[0], label=panel["title"])
    return f'<div class="chart">{chart}</div><p class="key">{key}</p>{_more(len(series))}'


def _heat(panel: Mapping[str, Any], frames: Sequence[Frame], span: TimeRange) -> str:
    frame = frames[0]
    moments = times(frame)
    unit = panel["fieldConfig"]["defaults"].get("unit", "none")
    cells = panel.get("options", {}).get("cellValues", {}).get("unit", "none")
    rows = [
        Line(_bound(field["name"], unit), moments, values, "")
        for field, values in zip(frame["schema"]["fields"], frame["data"]["values"], strict=True)
        if field["type"] == "number"
    ]
    step = min((after - before for before, after in itertools.pairwise(moments)), default=span.length)
    width, height = _size(panel)
    chart = svg.heatmap(
        rows, span, step=step, width=width, height=height, label=panel["title"], write=lambda value: shown(value, cells)
    )
    return f'<div class="chart">{chart}</div>'


def _bound(text: str, unit: str) -> str:
    return "above" if text == "+Inf" else f"≤ {shown(float(text), unit)}"


def _last(panel: Mapping[str, Any], frames: Sequence[Frame]) -> list[tuple[Line, Look, float]]:
    series, looks = _series(panel, frames)
    found = []
    for line, one in zip(series, looks, strict=True):
        numbers = [value for value in line.values if value is not None]
        if numbers:
            found.append((line, one, numbers[-1]))
    return found


def _stat(panel: Mapping[str, Any], frames: Sequence[Frame], _: TimeRange) -> str:
    named = panel.get("options", {}).get("textMode") == "value_and_name"
    shown_ = []
    for line, one, value in _last(panel, frames)[:_MOST]:
        name = f"<small>{html.escape(line.name)}</small>" if named or len(frames) > 1 else ""
        number = html.escape(shown(value, one.unit, one.decimals))
        shown_.append(f'<div style="--colour:{line.colour}"><b>{number}</b>{name}</div>')
    return f'<div class="stat">{"".join(shown_)}</div>'


def _gauges(panel: Mapping[str, Any], frames: Sequence[Frame], _: TimeRange) -> str:
    found = _last(panel, frames)
    highest = max((abs(value) for _, _, value in found), default=0.0) or 1.0
    rows = "".join(
        f'<tr><th scope="row">{html.escape(line.name)}</th><td class="bar"><i style="--colour:{line.colour};'
        f'width:{max(abs(value) / highest * 100, 0.5):.1f}%"></i></td>'
        f'<td class="n">{html.escape(shown(value, one.unit, one.decimals))}</td></tr>'
        for line, one, value in found[:_MOST]
    )
    return f'<table class="gauges">{rows}</table>{_more(len(found))}'


def _bars(panel: Mapping[str, Any], frames: Sequence[Frame], _: TimeRange) -> str:
    made = table(frames, panel.get("transformations") or ())
    category = panel.get("options", {}).get("xField", "")
    if category not in made.columns:
        return _table(panel, frames, _)
    names = [str(name) for name in made.columns[category]]
    kinds = [name for name in made.columns if name != category]
    looks = [look(panel, name) for name in kinds]
    groups = [
        (name, colour, [value if isinstance(value, float | int) else None for value in made.columns[name]])
        for name, colour in zip(kinds, colours(looks), strict=True)
    ]
    width, height = _size(panel)
    unit = panel["fieldConfig"]["defaults"].get("unit", "none")
    chart = svg.bars(
        names, groups, width=width, height=height + 40, label=panel["title"], write=lambda value: level(value, unit)
    )
    key = "".join(
        f'<span><i class="box" style="--colour:{colour}"></i>{html.escape(name)}</span>' for name, colour, _ in groups
    )
    return f'<div class="chart">{chart}</div><p class="key">{key}</p>'


def _table(panel: Mapping[str, Any], frames: Sequence[Frame], _: TimeRange) -> str:
    made = table(frames, panel.get("transformations") or ())
    for sort in (panel.get("options") or {}).get("sortBy") or ():
        made = sorted_by(made, sort["displayName"], descending=bool(sort.get("desc")))
    names = [name for name in made.columns if name != "Time"]
    looks = {name: look(panel, name) for name in names}
    numeric = {name: not any(isinstance(value, str) for value in made.columns[name]) for name in names}
    head = "".join(f'<th class="{"n" if numeric[name] else ""}">{html.escape(name)}</th>' for name in names)
    body = "".join(
        "<tr>" + "".join(_cell(row[name], looks[name], numeric=numeric[name]) for name in names) + "</tr>"
        for row in made.rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(value: Cell, one: Look, *, numeric: bool) -> str:
    text = value if isinstance(value, str) else shown(value, one.unit, one.decimals)
    return f'<td class="{"n" if numeric else ""}">{html.escape(text)}</td>'


_KINDS: dict[str, Callable[[Mapping[str, Any], Sequence[Frame], TimeRange], str]] = {
    "timeseries": _timeseries,
    "state-timeline": _states,
    "heatmap": _heat,
    "stat": _stat,
    "gauge": _stat,
    "bargauge": _gauges,
    "barchart": _bars,
    "table": _table,
}
