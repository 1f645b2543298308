"""Vector marks for scores: meters and intervals in table cells, the confusion matrix."""

from __future__ import annotations

from typing import Any

from reportlab.lib.colors import Color

from ml_models.reports.drawing import BLUE, HAIRLINE, MUTED, VERMILLION, Pen, Vector
from ml_models.reports.fonts import Typeface
from ml_models.reports.formats import UNSET, count, percent
from ml_models.reports.model import entries, number


def meter(face: Typeface, value: Any, threshold: Any, *, width: float) -> Vector:
    """Return a ratio as a bar from 0 to 1, with a tick at its threshold."""
    shown, limit = number(value), number(threshold)
    height = 8.0

    def paint(pen: Pen) -> None:
        pen.box(0, 1, width, height - 2, HAIRLINE)
        if shown is not None:
            pen.box(0, 1, width * min(1.0, max(0.0, shown)), height - 2, BLUE)
        _tick(pen, limit, width, height)

    return Vector(width, height, paint, face)


def interval(face: Typeface, value: Any, ends: Any, threshold: Any, *, width: float) -> Vector:
    """Return a score from 0 to 1 as a point with its interval as whiskers, and a tick at its threshold."""
    shown, limit = number(value), number(threshold)
    span = [number(end) for end in entries(ends)]
    height = 9.0

    def place(score: float) -> float:
        return width * min(1.0, max(0.0, score))

    def paint(pen: Pen) -> None:
        middle = height / 2
        pen.line(0, middle, width, middle, colour=HAIRLINE, width=1.5)
        _tick(pen, limit, width, height)
        if len(span) == 2 and span[0] is not None and span[1] is not None:
            pen.line(place(span[0]), middle, place(span[1]), middle, colour=BLUE, width=2.2)
        if shown is not None:
            pen.canvas.setFillColor(BLUE)
            pen.canvas.circle(place(shown), middle, 2.4, stroke=0, fill=1)

    return Vector(width, height, paint, face)


def _tick(pen: Pen, limit: float | None, width: float, height: float) -> None:
    if limit is not None and 0 <= limit <= 1:
        pen.line(width * limit, -1, width * limit, height + 1, colour=VERMILLION, width=1.1)


def confusion_matrix(face: Typeface, classes: list[str], counts: list[list[float]], width: float) -> Vector:
    """Return the matrix of actual (rows) against predicted (columns), tinted by the share of the row."""
    n_classes = len(classes)
    left, cell = 92.0, min(84.0, (width - 92.0) / max(1, n_classes))
    tall = 26.0
    height = tall * n_classes + 30

    def paint(pen: Pen) -> None:
        pen.text(left + cell * n_classes / 2, height - 8, "Predicted", 7.5, bold=True, colour=MUTED, align="centre")
        pen.text(0, height - 8, "Actual", 7.5, bold=True, colour=MUTED)
        for column, name in enumerate(classes):
            label = face.shorten(name, 7.5, cell - 4)
            pen.text(left + cell * (column + 0.5), height - 21, label, 7.5, align="centre")
        for row, name in enumerate(classes):
            y, whole = height - 27 - tall * (row + 1), sum(counts[row])
            pen.text(left - 8, y + tall / 2 - 3, face.shorten(name, 7.5, left - 12), 7.5, align="right")
            for column, value in enumerate(counts[row]):
                share = value / whole if whole else 0.0
                # right cells towards blue, wrong ones towards vermillion; the number is in the cell in any case
                tint = BLUE if row == column else VERMILLION
                pen.box(left + cell * column, y, cell - 1.5, tall - 1.5, _mixed(tint, 0.08 + 0.5 * share))
                x = left + cell * (column + 0.5)
                pen.text(x, y + tall / 2 + 0.5, count(value), 8, bold=True, align="centre")
                under = percent(share, 0) if whole else UNSET
                pen.text(x, y + tall / 2 - 8.5, under, 6.5, align="centre")

    return Vector(left + cell * n_classes, height, paint, face)


def _mixed(colour: Color, part: float) -> Color:
    """Mix a colour with white."""
    return Color(*(1 - part * (1 - channel) for channel in (colour.red, colour.green, colour.blue)))
