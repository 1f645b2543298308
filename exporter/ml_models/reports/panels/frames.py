"""Data frames in the form in which Grafana's servers and pages exchange them.

A frame is a dict ``{"schema": {"refId", "name", "meta", "fields"}, "data": {"values", "entities"}}`` with one list of
values per field. JSON has no NaN and no infinity: they are null, and ``entities`` says where each was.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ml_models.reports.panels.resolve import Query

Frame = dict[str, Any]
_LEGEND = re.compile(r"\{\{\s*(.+?)\s*\}\}")
_ODD: dict[str, Callable[[float], bool]] = {
    "NaN": math.isnan,
    "Inf": lambda value: value == math.inf,
    "NegInf": lambda value: value == -math.inf,
}


def series_frame(query: Query, metric: Mapping[str, str], points: Sequence[tuple[float, str]], first: bool) -> Frame:
    """Return a series of Prometheus as frame.

    Parameters
    ----------
    query : Query
    metric : mapping of str to str
        Its labels.
    points : sequence of (float, str)
        Seconds since 1970, and the value as Prometheus writes it.
    first : bool
        Whether this is the query's first frame, which tells what was asked.
    """
    name = series_name(query.legend, metric)
    numbers = [float(value) for _, value in points]
    entities = {
        text: places for text, same in _ODD.items() if (places := [at for at, one in enumerate(numbers) if same(one)])
    }
    meta: dict[str, Any] = {
        "type": "timeseries-multi",
        "custom": {"resultType": "vector" if query.instant else "matrix"},
    }
    if first:
        meta["executedQueryString"] = f"Expr: {query.expr}\nStep: {query.step / 1000:g}s"
    fields = [
        {"name": "Time", "type": "time", "config": {"interval": query.step}},
        {"name": "Value", "type": "number", "labels": dict(metric), "config": {"displayNameFromDS": name}},
    ]
    values: list[list[Any]] = [
        [round(moment * 1000) for moment, _ in points],
        [one if math.isfinite(one) else None for one in numbers],
    ]
    data: dict[str, Any] = {"values": values} | ({"entities": [None, entities]} if entities else {})
    return {"schema": {"refId": query.ref_id, "name": name, "meta": meta, "fields": fields}, "data": data}


def series_name(legend: str, metric: Mapping[str, str]) -> str:
    """Return what a series is called in a legend.

    Examples
    --------
    >>> series_name("{{feature}} ({{state}})", {"feature": "age", "state": "ok"}), series_name("", {"__name__": "up"})
    ('age (ok)', 'up')
    """
    if legend and legend != "__auto":
        return _LEGEND.sub(lambda match: metric.get(match[1], ""), legend)
    labels = ", ".join(f'{key}="{value}"' for key, value in sorted(metric.items()) if key != "__name__")
    return metric.get("__name__", "") + (f"{{{labels}}}" if labels else "")


def as_shown(frames: Iterable[Frame], queries: Sequence[Query]) -> list[Frame]:
    """Return the frames that a panel gets from its data source, given those that the server gave.

    Grafana's Prometheus data source turns results into tables and heat maps in the browser. Data that are embedded in
    a snapshot do not go through it, so that is done here: without it a table shows a series, and a heat map cumulated
    buckets.

    Parameters
    ----------
    frames : iterable of dict
        Of all queries of a panel.
    queries : sequence of Query
        Of the panel.
    """
    by_ref: dict[str, list[Frame]] = {}
    for frame in frames:
        by_ref.setdefault(frame["schema"].get("refId", ""), []).append(frame)
    forms = {query.ref_id: query.form for query in queries}
    tables = [ref for ref, found in by_ref.items() if forms.get(ref) == "table" and any(map(length, found))]
    shown: list[Frame] = []
    for ref, found in by_ref.items():
        if ref in tables:
            shown.append(_table(ref, found, f"Value #{ref}" if len(tables) > 1 else "Value"))
        elif forms.get(ref) == "heatmap" and found:
            shown.append(_heatmap(ref, found))
        else:
            shown += found
    return shown


def length(frame: Frame) -> int:
    """Return how many rows a frame has."""
    columns = frame["data"]["values"]
    return len(columns[0]) if columns else 0


def value_field(frame: Frame) -> tuple[Mapping[str, Any], list[float | None]] | None:
    """Return the first field of numbers with its values, None if there is none."""
    for field, values in zip(frame["schema"]["fields"], frame["data"]["values"], strict=True):
        if field["type"] == "number":
            return field, values
    return None


def times(frame: Frame) -> list[int]:
    """Return the values of the field of times, in milliseconds."""
    pairs = zip(frame["schema"]["fields"], frame["data"]["values"], strict=True)
    return next((values for field, values in pairs if field["type"] == "time"), [])


def _rows(frames: Iterable[Frame]) -> Iterator[tuple[int, Mapping[str, str], float | None]]:
    for frame in frames:
        found = value_field(frame)
        if found is None:
            continue
        field, values = found
        for moment, value in zip(times(frame), values, strict=True):
            yield moment, field.get("labels") or {}, value


def _table(ref: str, frames: Sequence[Frame], value_name: str) -> Frame:
    rows = list(_rows(frames))
    labels = sorted({name for _, own, _ in rows for name in own})
    fields = [
        {"name": "Time", "type": "time", "config": {}},
        *({"name": name, "type": "string", "config": {"filterable": True}} for name in labels),
        {"name": value_name, "type": "number", "config": {}},
    ]
    columns: list[list[Any]] = [
        [moment for moment, _, _ in rows],
        *([own.get(name, "") for _, own, _ in rows] for name in labels),
        [value for _, _, value in rows],
    ]
    return _made(ref, frames, fields, columns, {"preferredVisualisationType": "table"})


def _bound(frame: Frame) -> float:
    found = value_field(frame)
    text = ((found[0].get("labels") or {}).get("le") if found else None) or "+Inf"
    try:
        return float(text)
    except ValueError:
        return math.inf


def _heatmap(ref: str, frames: Sequence[Frame]) -> Frame:
    """Return one column per bucket, what lies in it alone: the buckets of a histogram are cumulated."""
    ordered = sorted(frames, key=_bound)
    moments = sorted({moment for frame in ordered for moment in times(frame)})
    fields: list[dict[str, Any]] = [{"name": "Time", "type": "time", "config": {}}]
    columns: list[list[Any]] = [moments]
    below: list[float | None] = [0.0] * len(moments)
    for frame in ordered:
        found = value_field(frame)
        if found is None:
            continue
        known = dict(zip(times(frame), found[1], strict=True))
        counts = [known.get(moment) for moment in moments]
        pairs = zip(counts, below, strict=True)
        columns.append([None if now is None else max(now - (before or 0.0), 0.0) for now, before in pairs])
        below = counts
        le = (found[0].get("labels") or {}).get("le", "+Inf")
        fields.append({"name": le, "type": "number", "labels": {"le": le}, "config": {"displayNameFromDS": le}})
    return _made(ref, frames, fields, columns, {"type": "heatmap-rows"})


def _made(ref: str, frames: Sequence[Frame], fields: list[Any], columns: list[Any], meta: dict[str, Any]) -> Frame:
    asked = (frames[0]["schema"].get("meta") or {}).get("executedQueryString")
    meta = meta | ({"executedQueryString": asked} if asked else {})
    return {"schema": {"refId": ref, "meta": meta, "fields": fields}, "data": {"values": columns}}
