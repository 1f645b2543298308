"""Vector charts of scores over time."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from ml_models.reports.charts import empty
from ml_models.reports.drawing import BLUE, GREY, HAIRLINE, MUTED, VERMILLION, Pen, Vector
from ml_models.reports.fonts import Typeface
from ml_models.reports.formats import compact, percent, quantity, rate, seconds
from ml_models.reports.model import number

_LEFT, _BOTTOM, _HEAD = 40.0, 16.0, 26.0


def line_chart(
    face: Typeface, title: str, times: tuple[float, ...], values: tuple[float | None, ...], *,
    unit: str, threshold: float | None, width: float, height: float,
) -> Vector:  # fmt: skip
    """Return a score over time, with gaps where there was no data and its threshold as a dashed line.

    Parameters
    ----------
    times : tuple of float
        Unix times; labelled in UTC.
    values : tuple of (float or None)
        In base units.
    unit : str
        A name that :func:`ml_models.reports.formats.quantity` knows.
    """
    points = [(time, number(value)) for time, value in zip(times, values, strict=True)]
    known = [value for _, value in points if value is not None]

    def paint(pen: Pen) -> None:
        pen.text(0, height - 9, face.shorten(title, 9, width * 0.66, bold=True), 9, bold=True)
        inner, tall = width - _LEFT, height - _HEAD - _BOTTOM
        if not known:
            empty(pen, _LEFT, _BOTTOM, inner, tall)
            return
        latest = next(value for _, value in reversed(points) if value is not None)
        pen.text(width, height - 9, f"latest {quantity(latest, unit)}", 7.5, colour=MUTED, align="right")
        low, high, step = scale([*known, *([] if threshold is None else [threshold])])

        def place_y(value: float) -> float:
            return _BOTTOM + tall * (value - low) / (high - low)

        def place_x(time: float) -> float:
            span = times[-1] - times[0]
            return _LEFT + (inner * (time - times[0]) / span if span > 0 else inner / 2)

        for index in range(round((high - low) / step) + 1):
            level = low + step * index
            y = place_y(level)
            pen.line(_LEFT, y, width, y, colour=GREY if index == 0 else HAIRLINE)
            pen.text(_LEFT - 4, y - 2.2, _axis(level, step, unit), 6.5, colour=MUTED, align="right")
        _time_labels(pen, times[0], times[-1], width)
        if threshold is not None:
            y = place_y(threshold)
            pen.line(_LEFT, y, width, y, colour=VERMILLION, width=0.9, dash=(3, 2))
            pen.text(_LEFT, height - 20, f"dashed: threshold {quantity(threshold, unit)}", 6.5, colour=MUTED)
        for stretch in stretches(points):
            placed = [(place_x(time), place_y(value)) for time, value in stretch]
            if len(placed) == 1:
                pen.canvas.setFillColor(BLUE)
                pen.canvas.circle(*placed[0], 1.6, stroke=0, fill=1)
            else:
                pen.path(placed, colour=BLUE, width=1.4)

    return Vector(width, height, paint, face)


def stretches(points: list[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    """Split points at those without a value.

    Examples
    --------
    >>> stretches([(0, 1.0), (1, None), (2, 3.0), (3, 4.0)])
    [[(0, 1.0)], [(2, 3.0), (3, 4.0)]]
    """
    result: list[list[tuple[float, float]]] = [[]]
    for time, value in points:
        if value is not None:
            result[-1].append((time, value))
        elif result[-1]:
            result.append([])
    return [stretch for stretch in result if stretch]


def scale(values: list[float]) -> tuple[float, float, float]:
    """Return round ends of an axis and its step, with room around the values.

    Examples
    --------
    >>> [round(end, 6) for end in scale([0.71, 0.79])]
    [0.7, 0.8, 0.05]
    >>> scale([0.0, 0.0])
    (0.0, 1.0, 0.5)
    """
    low, high = min(values), max(values)
    if high - low <= max(1e-12, 1e-9 * max(abs(low), abs(high))):
        low, high = (0.0, 1.0) if abs(low) < 1e-12 else (low - abs(low) / 2, high + abs(high) / 2)
    size = (high - low) / 3
    base = 10.0 ** math.floor(math.log10(size))
    step = next(factor * base for factor in (1, 2, 5, 10) if factor * base >= size * (1 - 1e-9))
    return step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9), step


def _axis(level: float, step: float, unit: str) -> str:
    if abs(level) < step * 1e-6:
        level = 0.0
    if unit == "share":
        return percent(level, 0 if step >= 0.01 else 1 if step >= 0.001 else 2)
    return {"seconds": seconds, "rate": rate}.get(unit, compact)(level)


def _time_labels(pen: Pen, first: float, last: float, width: float) -> None:
    span = last - first
    form = "%H:%M" if span <= 2 * 86400 else "%m-%d"
    for part, align in ((0.0, "left"), (0.5, "centre"), (1.0, "right")) if span > 0 else ((0.5, "centre"),):
        x = _LEFT + (width - _LEFT) * part
        try:
            moment = datetime.fromtimestamp(first + span * part, UTC)
        except (OverflowError, ValueError, OSError):
            return  # no such date: the axis stays without labels
        pen.text(x, 4, moment.strftime(form), 6.5, colour=MUTED, align=align)  # type: ignore[arg-type]  # of the literal
