"""Charts as SVG text: lines over time, lanes of states, heat maps, groups of bars.

Colours of axes and text come from the page's style (``currentColor`` and the classes ``grid`` and ``dim``), so that a
chart fits a light and a dark page. Each mark has a title, which browsers show under the pointer.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ml_models.reports.panels.timerange import TimeRange

_FONT = 11
_BOTTOM = 20
_TOP = 8
_CHARACTER = 6.2
_SMALLEST = 0.7
_MINUTE = 60000
#: Distances of the marks of a time axis, in milliseconds.
_TIME_STEPS = tuple(
    _MINUTE * minutes for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 14400, 43200)
)
#: Cividis in a few steps, dark to light: lightness alone tells the order.
_CIVIDIS = (
    "#00224e",
    "#123570",
    "#3b496c",
    "#575d6d",
    "#707173",
    "#8a8678",
    "#a59c74",
    "#c3b369",
    "#e1cc55",
    "#fee838",
)


@dataclass(frozen=True, slots=True)
class Line:
    """A series over time.

    Parameters
    ----------
    name : str
    times : sequence of int
        Milliseconds since 1970.
    values : sequence of (float or None)
    colour : str
    dashed : bool
    gap : int
        Distance between two times from which on they are not joined, in milliseconds.
    """

    name: str
    times: Sequence[int]
    values: Sequence[float | None]
    colour: str
    dashed: bool = False
    gap: int = 0


def _picture(width: float, height: float, label: str, parts: Sequence[str]) -> str:
    # on a narrow screen it is scrolled rather than shrunk until nobody can read it
    return (
        f'<svg role="img" aria-label="{html.escape(label)}" viewBox="0 0 {width:g} {height:g}" '
        f'style="min-width:{width * _SMALLEST:.0f}px" font-size="{_FONT}">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", kind: str = "dim") -> str:
    placed = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {placed}>{html.escape(text)}</text>'


def cut(text: str, width: float) -> str:
    """Return text cut to about so many pixels.

    Examples
    --------
    >>> cut("a long name", 40), cut("short", 40)
    ('a lon…', 'short')
    """
    most = max(int(width / _CHARACTER), 2)
    return text if len(text) <= most else text[: most - 1] + "…"


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Return round levels from below ``low`` to above ``high``.

    Examples
    --------
    >>> ticks(0, 0.93), ticks(3, 3)
    ([0.0, 0.25, 0.5, 0.75, 1.0], [0.0, 2.0, 4.0, 6.0])
    """
    if not high - low > max(1e-9 * max(abs(low), abs(high)), 1e-200):  # nothing that an axis could tell apart
        span = abs(low) / 2
        low, high = (low - span, high + span) if span > 1e-200 else (0.0, 1.0)
        about = 2
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{at * step:.12g}") for at in range(first, last + 1)]


def _time_axis(span: TimeRange, left: float, width: float, bottom: float) -> list[str]:
    most = max(int(width // 70), 1)
    step = next((one for one in _TIME_STEPS if span.length / one <= most), _TIME_STEPS[-1])
    form = "%H:%M" if step < 1440 * _MINUTE else "%m-%d"
    parts = []
    for moment in range(-(-span.start // step) * step, span.end + 1, step):
        x = left + width * (moment - span.start) / span.length
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom:.1f}"/>')
        if left + 14 < x < left + width - 14:
            text = datetime.fromtimestamp(moment / 1000, UTC).strftime(form)
            parts.append(_text(x, bottom + 14, text, anchor="middle"))
    return parts


def lines(
    series: Sequence[Line],
    span: TimeRange,
    *,
    width: float,
    height: float,
    label: str,
    write: Callable[[float], str],
    least: float | None = None,
    stacked: bool = False,
) -> str:
    """Return lines over time.

    Parameters
    ----------
    series : sequence of Line
    span : TimeRange
        The axis.
    width, height : float
        In pixels.
    label : str
        For those who cannot see it.
    write : callable
        Writes a level of the axis.
    least : float, optional
        Where the axis starts at the latest.
    stacked : bool
        Whether each line stands on those before it.
    """
    drawn = _stacked(series) if stacked else list(series)
    values = [value for line in drawn for value in line.values if value is not None]
    low = min([*values, *([] if least is None else [least])], default=0.0)
    levels = ticks(low, max([*values, low], default=1.0))
    labels = [write(level) for level in levels]
    left = max(len(text) for text in labels) * _CHARACTER + 8
    bottom, wide = height - _BOTTOM, width - left - 6
    span_y = levels[-1] - levels[0]

    def place(moment: int, value: float) -> tuple[float, float]:
        x = left + wide * (moment - span.start) / span.length
        return x, bottom - (bottom - _TOP) * (value - levels[0]) / span_y

    parts = _time_axis(span, left, wide, bottom)
    for level, text in zip(levels, labels, strict=True):
        y = place(span.start, level)[1]
        parts.append(f'<line class="grid" x1="{left:.1f}" x2="{left + wide:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(left - 5, y + 4, text, anchor="end"))
    for line in drawn:
        parts.append(_path(line, place))
    return _picture(width, height, label, parts)


def _path(line: Line, place: Callable[[int, float], tuple[float, float]]) -> str:
    commands: list[str] = []
    dots: list[str] = []
    run: list[tuple[float, float]] = []
    before: int | None = None

    def close() -> None:
        if len(run) == 1:  # a lone point has no line to be seen by
            dots.append(f'<circle cx="{run[0][0]:.1f}" cy="{run[0][1]:.1f}" r="2" fill="{line.colour}"/>')
        elif run:
            commands.append("M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in run))
        run.clear()

    for moment, value in zip(line.times, line.values, strict=True):
        if value is None or (before is not None and line.gap and moment - before > line.gap):
            close()
        if value is not None:
            run.append(place(moment, value))
        before = moment
    close()
    style = ' stroke-dasharray="6 4" stroke-width="1.8"' if line.dashed else ' stroke-width="1.5"'
    path = f'<path d="{"".join(commands)}" fill="none" stroke="{line.colour}"{style}/>' if commands else ""
    return f"<g><title>{html.escape(line.name)}</title>{path}{''.join(dots)}</g>"


def _stacked(series: Sequence[Line]) -> list[Line]:
    below: dict[int, float] = {}
    drawn = []
    for line in series:
        values: list[float | None] = []
        for moment, value in zip(line.times, line.values, strict=True):
            if value is not None:
                below[moment] = below.get(moment, 0.0) + value
            values.append(None if value is None else below[moment])
        drawn.append(Line(line.name, line.times, values, line.colour, line.dashed, line.gap))
    return drawn


def lanes(
    series: Sequence[Line], span: TimeRange, states: Mapping[str, tuple[str, str]], *, width: float, label: str
) -> str:
    """Return a lane per series, coloured by the state (name, colour) that its value stands for."""
    left = min(max((len(line.name) for line in series), default=0) * _CHARACTER + 8, width / 3)
    wide, lane = width - left - 6, 20.0
    bottom = _TOP + lane * len(series)
    parts = _time_axis(span, left, wide, bottom)
    for row, line in enumerate(series):
        y = _TOP + row * lane
        parts.append(_text(left - 6, y + 14, cut(line.name, left), anchor="end", kind="ink"))
        parts += _boxes(line, span, states, left, wide, y + 2, lane - 4)
    return _picture(width, bottom + _BOTTOM, label, parts)


def _boxes(
    line: Line, span: TimeRange, states: Mapping[str, tuple[str, str]], left: float, wide: float, y: float, tall: float
) -> list[str]:
    runs: list[tuple[int, int, float]] = []
    for moment, value in zip(line.times, line.values, strict=True):
        if value is None:
            continue
        end = min(moment + (line.gap or 0), span.end) if line.gap else moment
        if runs and runs[-1][2] == value and moment - runs[-1][1] <= 0:
            runs[-1] = (runs[-1][0], end, value)
        else:
            if runs and runs[-1][1] > moment:
                runs[-1] = (runs[-1][0], moment, runs[-1][2])
            runs.append((moment, end, value))
    parts = []
    for start, end, value in runs:
        name, colour = states.get(f"{value:g}", (f"{value:g}", "#999999"))
        x = left + wide * (max(start, span.start) - span.start) / span.length
        right = left + wide * (min(end, span.end) - span.start) / span.length
        title = f"{line.name}: {name}, {_clock(start)} to {_clock(end)}"
        size = f'width="{max(right - x, 1):.1f}" height="{tall:g}"'
        parts.append(f'<rect x="{x:.1f}" y="{y:g}" {size} fill="{colour}"><title>{html.escape(title)}</title></rect>')
    return parts


def _clock(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%m-%d %H:%M:%S")


def heatmap(
    rows: Sequence[Line], span: TimeRange, *, step: int, width: float, height: float, label: str,
    write: Callable[[float], str],
) -> str:  # fmt: skip
    """Return rows of cells, the first at the bottom; the lighter, the more. Rows without anything are left out."""
    kept = [line for line in rows if any(line.values)]
    top = max((value for line in kept for value in line.values if value), default=1.0)
    left = max((len(line.name) for line in kept), default=0) * _CHARACTER + 8
    bottom, wide = height - _BOTTOM, width - left - 6
    tall = (bottom - _TOP) / max(len(kept), 1)
    parts = _time_axis(span, left, wide, bottom)
    every = max(1, math.ceil(13 / tall))
    for place, line in enumerate(kept):
        y = bottom - (place + 1) * tall
        if place % every == 0:
            parts.append(_text(left - 5, y + tall / 2 + 4, line.name, anchor="end"))
        for moment, value in zip(line.times, line.values, strict=True):
            if not value:
                continue
            x = max(left + wide * (moment - span.start) / span.length, left)
            right = min(left + wide * (moment + step - span.start) / span.length, left + wide)
            colour = _CIVIDIS[min(int(math.sqrt(value / top) * len(_CIVIDIS)), len(_CIVIDIS) - 1)]
            title = f"{line.name}: {write(value)}, {_clock(moment)}"
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(right - x, 0.5):.1f}" height="{max(tall - 1, 1):.1f}" '
                f'fill="{colour}"><title>{html.escape(title)}</title></rect>'
            )
    return _picture(width, height, label, parts)


def bars(
    names: Sequence[str],
    groups: Sequence[tuple[str, str, Sequence[float | None]]],
    *,
    width: float,
    height: float,
    label: str,
    write: Callable[[float], str],
) -> str:
    """Return groups of bars.

    Parameters
    ----------
    names : sequence of str
        One per group.
    groups : sequence of (str, str, sequence of float)
        Per kind of bar its name, its colour, and a value per group.
    """
    highest = max((value for _, _, values in groups for value in values if value is not None), default=0.0)
    levels = ticks(0.0, highest or 1.0)
    labels = [write(level) for level in levels]
    left = max(len(text) for text in labels) * _CHARACTER + 8
    bottom, wide = height - 58.0, width - left - 6
    parts = []
    for level, text in zip(levels, labels, strict=True):
        y = bottom - (bottom - _TOP) * level / levels[-1]
        parts.append(f'<line class="grid" x1="{left:.1f}" x2="{left + wide:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(left - 5, y + 4, text, anchor="end"))
    step = wide / max(len(names), 1)
    every = max(1, math.ceil(13 / step))
    for place, name in enumerate(names):
        x = left + place * step
        if place % every == 0:
            middle, y = x + step / 2 + 4, bottom + 12
            parts.append(
                f'<text class="dim" text-anchor="end" transform="rotate(-40 {middle:.1f} {y:.1f})" x="{middle:.1f}" '
                f'y="{y:.1f}">{html.escape(cut(name, 68))}</text>'
            )
        own = step * 0.8 / max(len(groups), 1)
        for at, (kind, colour, values) in enumerate(groups):
            value = values[place]
            if value is None:
                continue
            tall = max((bottom - _TOP) * value / levels[-1], 0.0)
            title = f"{name}, {kind}: {write(value)}"
            parts.append(
                f'<rect x="{x + step * 0.1 + at * own:.1f}" y="{bottom - tall:.1f}" width="{own * 0.94:.1f}" '
                f'height="{tall:.1f}" fill="{colour}"><title>{html.escape(title)}</title></rect>'
            )
    return _picture(width, height, label, parts)
