"""From a dashboard's panels to queries that can be asked: steps, macros, variables, repeats. Pure.

References
----------
Grafana, "Prometheus query editor" and "Global variables": ``$__rate_interval`` is the longer of four scrape intervals,
and the step and a scrape interval.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_models.errors import DataError
from ml_models.mixin.dashboards.targets import substitute
from ml_models.reports.panels.timerange import TimeRange, duration, milliseconds

#: Scrape interval of a data source that does not say.
SCRAPE = 15000
#: Prometheus refuses to give more points of a series than this.
_MOST_POINTS = 11000
#: A dashboard's width in pixels, at one point a pixel.
_POINTS = 1500
_COLUMNS = 24
_ALL = "$__all"
#: Intervals (ms) that people read, each with the bound up to which a length is rounded to it.
_ROUND = (
    (10, 1), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1500, 1000), (3500, 2000),
    (7500, 5000), (12500, 10000), (17500, 15000), (25000, 20000), (45000, 30000), (90000, 60000), (210000, 120000),
    (450000, 300000), (750000, 600000), (1050000, 900000), (1500000, 1200000), (2700000, 1800000), (5400000, 3600000),
    (9000000, 7200000), (16200000, 10800000), (32400000, 21600000), (86400000, 43200000), (604800000, 86400000),
    (1814400000, 604800000), (3628800000, 2592000000),
)  # fmt: skip
_YEAR = 31536000000
_VARIABLE = re.compile(r"\$(?:(?P<bare>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*)(?::\w+)?\})")
_LABEL_VALUES = re.compile(r"label_values\((?:(?P<selector>.+),)?\s*(?P<label>[A-Za-z_]\w*)\s*\)", re.DOTALL)

#: Gives the values that a label has in the series of a selector, within the time range.
LabelValues = Callable[[str, str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Choice:
    """A variable's value.

    Parameters
    ----------
    name : str
    values : tuple of str
        What is chosen; with ``all``, everything that could be.
    all : bool
        Whether All is chosen.
    all_value : str
        The regular expression that stands for All, if the dashboard names one.
    several : bool
        Whether the variable may have several values: they are then joined to a regular expression.
    """

    name: str
    values: tuple[str, ...]
    all: bool = False
    all_value: str = ""
    several: bool = False

    @property
    def pattern(self) -> str | tuple[str, ...]:
        """The value for PromQL, in the form of :func:`~ml_models.mixin.dashboards.substitute`."""
        if self.all and self.all_value:
            return self.all_value
        return self.values if self.several else self.values[0]

    @property
    def text(self) -> str:
        """The value for people."""
        return "All" if self.all else " + ".join(self.values)


@dataclass(frozen=True, slots=True)
class Query:
    """A target, ready to be asked.

    Parameters
    ----------
    ref_id : str
    expr : str
        PromQL. Grafana's macros may be left in it for Grafana to fill in.
    legend : str
    form : str
        ``time_series``, ``table`` or ``heatmap``.
    instant : bool
        Whether one moment is asked for, the end of the range.
    step : int
        Milliseconds between two points.
    points : int
        How many points are wanted at most.
    """

    ref_id: str
    expr: str
    legend: str
    form: str
    instant: bool
    step: int
    points: int


def step(length: int, points: int, least: int) -> int:
    """Return the milliseconds between two points of a time range, rounded as Grafana does.

    Parameters
    ----------
    length : int
        Of the range, in milliseconds.
    points : int
        How many points are wanted at most.
    least : int
        Lower bound in milliseconds, the scrape interval.

    Examples
    --------
    >>> step(6 * 3600_000, 1000, 15000), step(3600_000, 1000, 15000), step(7 * 86400_000, 1000, 15000)
    (20000, 15000, 600000)
    """
    return max(_rounded(length / points), least, -(-length // _MOST_POINTS))


def _rounded(interval: float) -> int:
    return next((round_ for bound, round_ in _ROUND if interval < bound), _YEAR)


def rate_interval(step_: int, scrape: int) -> int:
    """Return what ``$__rate_interval`` stands for, in milliseconds: a window that holds at least four scrapes.

    Examples
    --------
    >>> rate_interval(15000, 15000), rate_interval(600000, 15000)
    (60000, 615000)
    """
    return max(step_ + scrape, 4 * scrape)


def queries(
    panel: Mapping[str, Any],
    choices: Mapping[str, Choice],
    span: TimeRange,
    scrape: int = SCRAPE,
    *,
    keep_macros: bool = False,
) -> list[Query]:
    """Return the queries of a panel with everything filled in; hidden targets are left out.

    Parameters
    ----------
    panel : dict
        As :func:`expanded` gives it.
    choices : mapping of str to Choice
    span : TimeRange
    scrape : int
        Scrape interval in milliseconds.
    keep_macros : bool
        Whether ``$__rate_interval``, ``$__interval`` and ``$__range`` are left for Grafana, which knows better how its
        data source is scraped.

    Raises
    ------
    DataError
        If a target uses a variable that the dashboard does not have.
    """
    own = _scoped(panel, choices)
    width = panel.get("gridPos", {}).get("w", _COLUMNS)
    points = int(panel.get("maxDataPoints") or max(100, _POINTS * width // _COLUMNS))
    found = []
    for target in panel.get("targets", []):
        if target.get("hide") or not target.get("expr"):
            continue
        least = target.get("interval") or panel.get("interval") or ""
        step_ = step(span.length, points, milliseconds(_filled(least, own)) if least else scrape)
        macros = _macros(span, step_, scrape, keep=keep_macros)
        variables = {name: choice.pattern for name, choice in own.items()} | macros
        expr = substitute(
            target["expr"],
            variables,
            rate_interval=macros["__rate_interval"],
            range_=macros["__range"],
            interval=macros["__interval"],
        )
        found.append(
            Query(
                ref_id=target["refId"],
                expr=expr,
                legend=_filled(target.get("legendFormat") or "", own),
                form=target.get("format") or "time_series",
                instant=bool(target.get("instant")) and not target.get("range"),
                step=step_,
                points=points,
            )
        )
    return found


def _macros(span: TimeRange, step_: int, scrape: int, *, keep: bool) -> dict[str, str]:
    names = ("__rate_interval", "__interval", "__interval_ms", "__range", "__range_s", "__range_ms")
    if keep:
        return {name: f"${name}" for name in names}
    seconds = round(span.length / 1000)
    values = (duration(rate_interval(step_, scrape)), duration(step_), step_, f"{seconds}s", seconds, span.length)
    return dict(zip(names, map(str, values), strict=True))


def _scoped(panel: Mapping[str, Any], choices: Mapping[str, Choice]) -> dict[str, Choice]:
    """Return the variables with the value that a copy of a repeated panel was made for."""
    copied = {
        name: Choice(name, (scoped["value"],), several=choices[name].several)
        for name, scoped in panel.get("scopedVars", {}).items()
    }
    return {**choices, **copied}


def _filled(text: str, choices: Mapping[str, Choice]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match["bare"] or match["braced"]
        return choices[name].text if name in choices else match[0]

    return _VARIABLE.sub(value, text)


def choose(
    dashboard: Mapping[str, Any], given: Mapping[str, Sequence[str]], sources: Sequence[str], ask: LabelValues
) -> dict[str, Choice]:
    """Decide on the value of every variable of a dashboard, in their order, as each may depend on those before it.

    Parameters
    ----------
    dashboard : dict
    given : mapping of str to sequence of str
        Values by variable; ``All`` for all of them.
    sources : sequence of str
        Uids of the data sources, the default one first.
    ask : callable
        Gives the values of a label.

    Raises
    ------
    DataError
        If a value is not among the variable's, or one is needed and not given.
    """
    listed = dashboard.get("templating", {}).get("list", [])
    names = [variable["name"] for variable in listed]
    for name in given:
        if name not in names:
            raise DataError(f"the dashboard has no variable {name!r}; it has {', '.join(names) or 'none'}")
    choices: dict[str, Choice] = {}
    for variable in listed:
        name = variable["name"]
        choices[name] = _chosen(variable, tuple(given.get(name, ())), _options(variable, choices, sources, ask))
    return choices


def _options(
    variable: Mapping[str, Any], choices: Mapping[str, Choice], sources: Sequence[str], ask: LabelValues
) -> tuple[str, ...]:
    kind, query = variable.get("type"), variable.get("query", "")
    if kind == "datasource":
        return tuple(sources)
    if kind in ("constant", "textbox"):
        return (str(query),)
    if kind == "custom":
        return tuple(part.strip() for part in str(query).split(",") if part.strip())
    text = query.get("query", "") if isinstance(query, Mapping) else str(query)
    if kind == "query" and (match := _LABEL_VALUES.fullmatch(text.strip())):
        selector = match["selector"] or f'{{{match["label"]}!=""}}'
        filled = substitute(selector.strip(), {name: choice.pattern for name, choice in choices.items()})
        return tuple(sorted(ask(filled, match["label"])))
    raise DataError(f"the variable {variable['name']!r} of the type {kind} ({text!r}) is not understood; "
                    "use label_values(...), custom, constant or textbox")  # fmt: skip


def _chosen(variable: Mapping[str, Any], given: tuple[str, ...], options: tuple[str, ...]) -> Choice:
    name = variable["name"]
    several = bool(variable.get("multi") or variable.get("includeAll"))
    all_value = variable.get("allValue") or ""
    known = f"it can be {', '.join(options[:20])}{' ...' if len(options) > 20 else ''}" if options else (
        "there is none in this time range")  # fmt: skip
    if given and not {"All", _ALL} & set(given):
        if variable.get("type") == "query" and (wrong := [value for value in given if value not in options]):
            raise DataError(f"{name}: found {wrong[0]!r}; {known}")
        if len(given) > 1 and not several:
            raise DataError(f"{name}: found {len(given)} values; it takes one")
        return Choice(name, given, several=several)
    if variable.get("includeAll"):
        if not options and not all_value:
            raise DataError(f"{name}: nothing to choose from; {known}")
        return Choice(name, options, all=True, all_value=all_value, several=True)
    if given:
        raise DataError(f"{name}: found All; it takes one value; {known}")
    if variable.get("type") == "datasource" and options:
        return Choice(name, options[:1])
    if several and options:
        return Choice(name, options, several=True)
    if len(options) == 1:
        return Choice(name, options)
    raise DataError(f"{name}: a value is needed; {known}; give it with --var {name}=...")


def expanded(dashboard: Mapping[str, Any], choices: Mapping[str, Choice]) -> list[dict[str, Any]]:
    """Return a dashboard's panels, with one copy per value of those that repeat themselves and with titles filled in.

    Copies get ids of their own and flow to the right or downwards; what lies below moves down.

    Raises
    ------
    DataError
        If a row repeats itself, which is not supported.
    """
    ids = _free_ids(dashboard["panels"])
    return _expanded(dashboard["panels"], choices, ids)


def _free_ids(panels: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    used = {panel["id"] for outer in panels for panel in (outer, *outer.get("panels", []))}
    return iter(range(max(used, default=0) + 1, 1 << 31))


def _expanded(
    panels: Iterable[Mapping[str, Any]], choices: Mapping[str, Choice], ids: Iterator[int]
) -> list[dict[str, Any]]:
    placed: list[dict[str, Any]] = []
    moved: list[tuple[int, int]] = []  # everything from this height on has moved down by so much
    for panel in panels:
        down = sum(by for height, by in moved if panel["gridPos"]["y"] >= height)
        own = {**panel, "gridPos": {**panel["gridPos"], "y": panel["gridPos"]["y"] + down}}
        name = own.pop("repeat", None)
        if name is None:
            placed.append(_titled(own, choices, ids))
            continue
        if own.get("type") == "row":
            raise DataError(f"the row {own.get('title')!r} repeats itself by {name!r}; only panels may")
        copies = _copies(own, choices[name] if name in choices else Choice(name, ()), ids)
        placed += [_titled(copy, choices, ids) for copy in copies]
        bottom = max((copy["gridPos"]["y"] + copy["gridPos"]["h"] for copy in copies), default=own["gridPos"]["y"])
        growth = bottom - own["gridPos"]["y"] - own["gridPos"]["h"]
        if growth > 0:
            moved.append((panel["gridPos"]["y"] + 1, growth))
    return placed


def _titled(panel: dict[str, Any], choices: Mapping[str, Choice], ids: Iterator[int]) -> dict[str, Any]:
    own = _scoped(panel, choices)
    panel = {**panel, "title": _filled(panel.get("title", ""), own)}
    if panel.get("panels"):
        panel["panels"] = _expanded(panel["panels"], choices, ids)
    return panel


def _copies(panel: dict[str, Any], choice: Choice, ids: Iterator[int]) -> list[dict[str, Any]]:
    """Return a panel's copies side by side, as wide as their number and ``maxPerRow`` allow, or below each other."""
    panel = dict(panel)
    downwards = panel.pop("repeatDirection", "h") == "v"
    per_row = 1 if downwards else max(1, min(int(panel.pop("maxPerRow", 4)), len(choice.values)))
    place = panel["gridPos"]
    width = place["w"] if downwards else _COLUMNS // per_row
    copies = []
    for number, value in enumerate(choice.values):
        line, column = divmod(number, per_row)
        left = place["x"] if downwards else column * width
        grid = {"h": place["h"], "w": width, "x": left, "y": place["y"] + line * place["h"]}
        scoped = {choice.name: {"selected": True, "text": value, "value": value}}
        copies.append({**panel, "id": panel["id"] if number == 0 else next(ids), "gridPos": grid, "scopedVars": scoped})
    return copies


def described(choices: Mapping[str, Choice]) -> dict[str, str]:
    """Return the chosen values for people, without the data source."""
    return {name: choice.text for name, choice in choices.items() if name != "datasource"}
