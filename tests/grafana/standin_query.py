"""Queries as Grafana's Prometheus data source runs them: its steps, its macros, its frames."""

from __future__ import annotations

import json
import math
import re
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

#: Roundings of an interval: below the first (ms), it becomes the second.
_ROUNDED = [
    (10, 1), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1500, 1000), (3500, 2000),
    (7500, 5000), (12500, 10000), (17500, 15000), (25000, 20000), (45000, 30000), (90000, 60000), (210000, 120000),
    (450000, 300000), (750000, 600000), (1050000, 900000), (1500000, 1200000), (2700000, 1800000), (5400000, 3600000),
    (9000000, 7200000), (16200000, 10800000), (32400000, 21600000), (86400000, 43200000), (604800000, 86400000),
]  # fmt: skip
_UNITS = {"ms": 1, "s": 1000, "m": 60000, "h": 3600000, "d": 86400000}


class QueryRefusedError(Exception):
    """The query is wrong: its result carries the reason."""


def evaluate(url: str, query: dict[str, Any], start: int, end: int, scrape: str) -> list[dict[str, Any]]:
    """Return the frames of a query."""
    for key, kinds in (("expr", str), ("refId", str), ("intervalMs", int), ("maxDataPoints", int)):
        if not isinstance(query.get(key), kinds) or query[key] in ("", 0):
            raise QueryRefusedError(f"{key} is missing or has the wrong type")
    if query.get("format") not in ("time_series", "table", "heatmap"):
        raise QueryRefusedError(f"unknown format {query.get('format')!r}")
    if not (query.get("range") or query.get("instant")):
        raise QueryRefusedError("neither range nor instant")
    step = max(_round((end - start) / query["maxDataPoints"]), query["intervalMs"])
    rate = max(step + _milliseconds(scrape), 4 * _milliseconds(scrape))
    macros = {
        "__interval": _text(step), "__rate_interval": _text(rate), "__range": f"{round((end - start) / 1000)}s",
        "__range_s": str(round((end - start) / 1000)), "__range_ms": str(end - start), "__interval_ms": str(step),
    }  # fmt: skip
    expr = re.sub(r"\$(?:(\w+)|\{(\w+)\})", lambda match: macros.get(match[1] or match[2], match[0]), query["expr"])
    frames = []
    if query.get("range"):
        first, last = (moment // step * step / 1000 for moment in (start, end))
        found = _ask(f"{url}/api/v1/query_range", query=expr, start=first, end=last, step=step / 1000)
        frames += _frames(query, expr, step, "matrix", [(one["metric"], one["values"]) for one in found["result"]])
    if query.get("instant"):
        found = _ask(f"{url}/api/v1/query", query=expr, time=end / 1000)
        series = (
            [({}, [found["result"]])] if found["resultType"] == "scalar"
            else [(one["metric"], [one["value"]]) for one in found["result"]]
        )  # fmt: skip
        frames += _frames(query, expr, step, "vector", series)
    return frames


def _frames(query, expr, step, kind, series) -> list[dict[str, Any]]:
    frames = []
    for metric, points in series:
        name = _legend(query.get("legendFormat", ""), metric)
        numbers = [float(value) for _, value in points]
        odd = {
            text: [place for place, number in enumerate(numbers) if same(number)]
            for text, same in (
                ("NaN", math.isnan), ("Inf", lambda number: number == math.inf),
                ("NegInf", lambda number: number == -math.inf),
            )
        }  # fmt: skip
        entities = {text: places for text, places in odd.items() if places}
        values = [number if math.isfinite(number) else None for number in numbers]
        frames.append({
            "schema": {
                "name": name, "refId": query["refId"],
                "meta": {"type": "timeseries-multi", "custom": {"resultType": kind}}
                | ({} if frames else {"executedQueryString": f"Expr: {expr}\nStep: {_text(step)}"}),
                "fields": [
                    {"name": "Time", "type": "time", "typeInfo": {"frame": "time.Time"}, "config": {"interval": step}},
                    {"name": "Value", "type": "number", "typeInfo": {"frame": "float64"}, "labels": metric,
                     "config": {"displayNameFromDS": name}},
                ],
            },
            "data": {"values": [[round(float(moment) * 1000) for moment, _ in points], values]}
            | ({"entities": [None, entities]} if entities else {}),
        })  # fmt: skip
    return frames


def _legend(form: str, metric: dict[str, str]) -> str:
    if form in ("", "__auto"):
        labels = ", ".join(f'{key}="{value}"' for key, value in sorted(metric.items()) if key != "__name__")
        return metric.get("__name__", "") + ("{" + labels + "}" if labels else "")
    return re.sub(r"\{\{\s*(.+?)\s*\}\}", lambda match: metric.get(match[1], ""), form)


def _ask(url: str, **parameters: Any) -> dict[str, Any]:
    request = urllib.request.Request(url, urllib.parse.urlencode(parameters).encode())  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        raise QueryRefusedError(f"{json.load(error)['error']}") from error


def _round(interval: float) -> int:
    return next((rounded for limit, rounded in _ROUNDED if interval < limit), 604800000)


def _milliseconds(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(ms|[smhd])", text).groups()
    return int(number) * _UNITS[unit]


def _text(milliseconds: int) -> str:
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"
