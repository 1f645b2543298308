"""Rows of panels on Grafana's grid of 24 columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ml_models.mixin.dashboards.face import grafanalib

COLUMNS = 24


@dataclass(frozen=True, slots=True)
class Row:
    """A titled row; its panels flow from left to right in their own widths.

    Parameters
    ----------
    id : int
        Never changed and never used again.
    title : str
    panels : list
        Panels of grafanalib that have a width and a height.
    collapsed : bool
        Whether the row is folded: its queries run when it is opened.
    """

    id: int
    title: str
    panels: list[Any]
    collapsed: bool = False


def arranged(rows: Sequence[Row]) -> list[Any]:
    """Return the rows' panels with their positions, each row's title first.

    Panels of a folded row lie inside it, at the height that they take when it is opened; the next row follows
    directly under the folded row's title.
    """
    core = grafanalib()
    placed: list[Any] = []
    top = 0
    for row in rows:
        title = core.RowPanel(
            id=row.id,
            title=row.title,
            collapsed=row.collapsed,
            gridPos=core.GridPos(h=1, w=COLUMNS, x=0, y=top),
            panels=row.panels if row.collapsed else [],
        )
        bottom = _flow(row.panels, top + 1)
        placed += [title] if row.collapsed else [title, *row.panels]
        top = top + 1 if row.collapsed else bottom
    return placed


def _flow(panels: Sequence[Any], top: int) -> int:
    """Place panels line by line from ``top``; return the height at which they end."""
    left = bottom = 0
    for panel in panels:
        place = panel.gridPos
        if left + place.w > COLUMNS:
            left, top = 0, bottom
        place.x, place.y = left, top
        left += place.w
        bottom = max(bottom, top + place.h)
    return bottom
