"""Frames to tables: the transformations that dashboards ask Grafana's pages for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_models.errors import ReportError
from ml_models.reports.panels.frames import Frame

Cell = str | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns of equal length.

    Parameters
    ----------
    columns : mapping of str to list
        Texts or numbers, in the order in which they are shown.
    """

    columns: Mapping[str, list[Cell]]

    @property
    def rows(self) -> list[dict[str, Cell]]:
        """The rows, each by column."""
        names = list(self.columns)
        return [dict(zip(names, row, strict=True)) for row in zip(*self.columns.values(), strict=True)]


def table(frames: Sequence[Frame], transformations: Iterable[Mapping[str, Any]] = ()) -> Table:
    """Return the table that a panel shows.

    Raises
    ------
    ReportError
        If a transformation is not known here.

    Examples
    --------
    >>> fields = [{"name": "city"}, {"name": "Value #A"}]
    >>> one = {"schema": {"refId": "A", "fields": fields}, "data": {"values": [["Rome", "Oslo"], [1.0, 2.0]]}}
    >>> rename = {"id": "organize", "options": {"renameByName": {"Value #A": "rows"}}}
    >>> dict(table([one], [{"id": "merge", "options": {}}, rename]).columns)
    {'city': ['Rome', 'Oslo'], 'rows': [1.0, 2.0]}
    """
    tables = [_read(frame) for frame in frames]
    for transformation in transformations:
        known = _KNOWN.get(transformation["id"])
        if known is None:
            raise ReportError(f"the transformation {transformation['id']!r} is not known; use {', '.join(_KNOWN)}")
        tables = known(tables, transformation.get("options") or {})
    return tables[0] if tables else Table({})


def _read(frame: Frame) -> Table:
    pairs = zip(frame["schema"]["fields"], frame["data"]["values"], strict=True)
    return Table({field["name"]: list(values) for field, values in pairs})


def _from_rows(rows: Sequence[Mapping[str, Cell]]) -> Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Table({name: [row.get(name) for row in rows] for name in names})


def _merge(tables: list[Table], _: Mapping[str, Any]) -> list[Table]:
    """Join rows that agree in all the columns that the tables share."""
    present = [one for one in tables if one.columns]
    if not present:
        return []
    shared = set(present[0].columns).intersection(*(one.columns for one in present[1:]))
    merged: dict[tuple[Cell, ...], dict[str, Cell]] = {}
    for one in present:
        for row in one.rows:
            key = tuple(row[name] for name in sorted(shared))
            merged.setdefault(key, {}).update(row)
    return [_from_rows(list(merged.values()))]


def _organize(tables: list[Table], options: Mapping[str, Any]) -> list[Table]:
    """Leave columns out, order and rename them."""
    excluded, order = options.get("excludeByName") or {}, options.get("indexByName") or {}
    names = options.get("renameByName") or {}

    def organized(one: Table) -> Table:
        kept = [name for name in one.columns if not excluded.get(name)]
        kept.sort(key=lambda name: order.get(name, len(order)))
        return Table({names.get(name) or name: one.columns[name] for name in kept})

    return [organized(one) for one in tables]


def _sort_by(tables: list[Table], options: Mapping[str, Any]) -> list[Table]:
    for sort in options.get("sort") or ():
        tables = [sorted_by(one, sort["field"], descending=bool(sort.get("desc"))) for one in tables]
    return tables


def sorted_by(one: Table, column: str, *, descending: bool) -> Table:
    """Return a table in the order of a column; what has no value comes last."""
    if column not in one.columns:
        return one
    known = [row for row in one.rows if row[column] is not None]
    unknown = [row for row in one.rows if row[column] is None]
    known.sort(key=lambda row: (isinstance(row[column], str), row[column]), reverse=descending)
    return _from_rows(known + unknown)


def _matrix(tables: list[Table], options: Mapping[str, Any]) -> list[Table]:
    """Spread a column's values over columns of their own."""
    row_name, column_name, value_name = (options.get(key, "") for key in ("rowField", "columnField", "valueField"))
    found = [one for one in tables if {row_name, column_name, value_name} <= set(one.columns)]
    made = []
    for one in found:
        headings = list(dict.fromkeys(map(str, one.columns[column_name])))
        corner = f"{row_name}\\{column_name}"
        cells = {(row[row_name], str(row[column_name])): row[value_name] for row in one.rows}
        made.append(
            _from_rows([
                {corner: name} | {heading: cells.get((name, heading)) for heading in headings}
                for name in dict.fromkeys(one.columns[row_name])
            ])
        )  # fmt: skip
    return made


_KNOWN: dict[str, Callable[[list[Table], Mapping[str, Any]], list[Table]]] = {
    "merge": _merge,
    "organize": _organize,
    "sortBy": _sort_by,
    "groupingToMatrix": _matrix,
}
