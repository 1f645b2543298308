"""The queries of a dashboard, and how its variables are filled in outside Grafana.

Reports and tests evaluate the dashboard's own queries on a Prometheus, so that a number in a report is the one on the
dashboard.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_models.errors import DataError

_VARIABLE = re.compile(r"\$(?:(?P<bare>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*)(?::\w+)?\})")
#: What Grafana's Prometheus data source escapes in the values of a multi-value variable.
_SPECIAL = re.compile(r"[\\^$*+?.()|\[\]{}]")


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel.

    Parameters
    ----------
    panel : str
        The panel's title.
    ref_id : str
        The query's letter in the panel.
    expr : str
        PromQL with Grafana's variables.
    panel_id : int
        The panel's id, as in ``?viewPanel=``.
    legend : str
        How a series is named, with ``{{label}}`` for a label's value.
    instant : bool
        Whether the panel shows one moment, not the course over time.
    """

    panel: str
    ref_id: str
    expr: str
    panel_id: int = 0
    legend: str = ""
    instant: bool = False


def targets(dashboard: Mapping[str, Any]) -> list[Target]:
    """Return every query of a dashboard, those in collapsed rows included, in the order of the panels.

    Parameters
    ----------
    dashboard : dict
        A dashboard as Grafana stores it.

    Examples
    --------
    >>> panel = {"id": 3, "title": "Up", "targets": [{"refId": "A", "expr": "up"}]}
    >>> targets({"panels": [{"type": "row", "title": "Row", "panels": [panel]}]})
    [Target(panel='Up', ref_id='A', expr='up', panel_id=3, legend='', instant=False)]
    """
    return [
        Target(
            panel=panel["title"],
            ref_id=target["refId"],
            expr=target["expr"],
            panel_id=panel["id"],
            legend=target.get("legendFormat", ""),
            instant=target.get("instant", False),
        )
        for panel in panels(dashboard)
        for target in panel.get("targets", [])
    ]


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every panel of a dashboard, a row before the panels that are folded into it.

    Examples
    --------
    >>> [panel["id"] for panel in panels({"panels": [{"id": 1, "panels": [{"id": 2}]}, {"id": 3}]})]
    [1, 2, 3]
    """
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def substitute(
    expr: str,
    variables: Mapping[str, str | Sequence[str]],
    rate_interval: str = "5m",
    range_: str = "1h",
    interval: str = "1m",
) -> str:
    r"""Return a query with its variables filled in, as Grafana does before it asks Prometheus.

    Parameters
    ----------
    expr : str
        PromQL with ``$name``, ``${name}`` or ``${name:format}``.
    variables : mapping of str to str or sequence of str
        Values by name. A string is the text of the PromQL string: in ``=~`` it is a regular expression, so ``".+"``
        selects all. A sequence is a choice of exact values, for ``=~``.
    rate_interval, range_, interval : str
        What ``$__rate_interval``, ``$__range`` and ``$__interval`` stand for, as Prometheus durations.

    Raises
    ------
    DataError
        If a variable of the query has no value, or an empty choice.

    Examples
    --------
    >>> substitute('x{feature=~"$feature"}[$__range]', {"feature": ["age", "f(x)"]}, range_="6h")
    'x{feature=~"(age|f\\\\(x\\\\))"}[6h]'
    >>> substitute('x{feature=~"${feature:regex}"}', {"feature": ".+"})
    'x{feature=~".+"}'
    """
    known = {"__rate_interval": rate_interval, "__range": range_, "__interval": interval}

    def value(match: re.Match[str]) -> str:
        name = match["bare"] or match["braced"]
        if name in known:
            return known[name]
        if not variables.get(name):
            raise DataError(f"{expr}: the variable ${name} has no value; give variables={{{name!r}: ...}}")
        chosen = variables[name]
        text = chosen if isinstance(chosen, str) else "(" + "|".join(map(_exactly, chosen)) + ")"
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    return _VARIABLE.sub(value, expr)


def _exactly(value: str) -> str:
    return _SPECIAL.sub(lambda special: "\\" + special[0], value)
