"""Vector charts of distributions: live against reference."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ml_models.reports.drawing import (
    GREY,
    HAIRLINE,
    LIVE,
    MUTED,
    PANEL,
    REFERENCE,
    Pen,
    Vector,
)
from ml_models.reports.fonts import Typeface
from ml_models.reports.formats import NO_DATA, compact, percent
from ml_models.reports.model import entries, number

#: More bins than this are drawn without a label for each.
_READABLE_BINS = 40
_SPECIAL = {"__other__": "other", "__unseen__": "unseen"}


@dataclass(frozen=True, slots=True)
class Distribution:
    """Shares per bin of the reference and, if there were values, of the live window.

    Parameters
    ----------
    bins : tuple of str
        Category names, or bin numbers of a numeric feature.
    edges : tuple of (float or None), or None
        Upper edge of each numeric bin; None for an open end.
    reference, live : tuple of float, or None
    """

    bins: tuple[str, ...]
    edges: tuple[float | None, ...] | None
    reference: tuple[float, ...] | None
    live: tuple[float, ...] | None

    @property
    def top(self) -> float:
        """The largest share."""
        return max([0.0, *(self.reference or ()), *(self.live or ())])


def distribution(source: Any) -> Distribution | None:
    """Read a distribution of the metrics; None if there is none or its parts do not fit each other."""
    if not isinstance(source, Mapping):
        return None
    bins = tuple(_SPECIAL.get(str(name), str(name)) for name in entries(source.get("bins")))
    edges = tuple(number(edge) for edge in entries(source.get("upper_edges")))
    reference, live = _shares(source.get("reference"), len(bins)), _shares(source.get("live"), len(bins))
    if not bins or (reference is None and live is None):
        return None
    return Distribution(bins, edges if len(edges) == len(bins) else None, reference, live)


def _shares(values: Any, n_bins: int) -> tuple[float, ...] | None:
    # a share that no axis can show counts as none
    shares = tuple(share if (share := number(value) or 0.0) > 1e-9 else 0.0 for value in entries(values))
    return shares if len(shares) == n_bins else None


def _bars(pen: Pen, shown: Distribution, *, x: float, y: float, width: float, height: float, top: float) -> None:
    """Draw wide reference bars and, in front of them, narrow live bars."""
    step = width / len(shown.bins)
    for shares, colour, part in ((shown.reference, REFERENCE, 0.84), (shown.live, LIVE, 0.42)):
        for index, share in enumerate(shares or ()):
            tall = min(1.0, share / top) * height
            if share > 0:  # a bin with anything in it can be seen
                pen.box(x + step * (index + (1 - part) / 2), y, step * part, max(tall, 0.6), colour)


def mini_bars(face: Typeface, source: Any, width: float, height: float) -> Vector:
    """Return a distribution for a table cell."""
    shown = distribution(source)

    def paint(pen: Pen) -> None:
        if shown is None or shown.top == 0:
            pen.text(0, height / 2 - 2.5, NO_DATA, 7, colour=MUTED)
            return
        _bars(pen, shown, x=0, y=0.5, width=width, height=height - 0.5, top=shown.top)
        pen.line(0, 0.5, width, 0.5, colour=GREY, width=0.4)

    return Vector(width, height, paint, face)


def legend(face: Typeface, width: float) -> Vector:
    """Return the key to the bars: wide for the reference, narrow for live."""

    def paint(pen: Pen) -> None:
        pen.box(0, 0, 11, 8, REFERENCE)
        pen.text(15, 1, "Reference", 7.5, colour=MUTED)
        pen.box(66, 0, 5, 8, LIVE)
        pen.text(75, 1, "Live window", 7.5, colour=MUTED)

    return Vector(width, 10, paint, face)


def distribution_chart(
    face: Typeface, title: str, note: str, source: Any, *, width: float, height: float, compared: bool = True
) -> Vector:
    """Return a bar chart of the live window against the reference.

    Parameters
    ----------
    title, note : str
        Name and, below it, a line on scores and sizes.
    source : mapping
        ``bins``, ``upper_edges``, ``reference`` and ``live`` as in ``get_metrics()``.
    compared : bool
        Whether to say so where one of the two is absent.
    """
    shown = distribution(source)

    def paint(pen: Pen) -> None:
        pen.text(0, height - 9, face.shorten(title, 9, width, bold=True), 9, bold=True)
        pen.text(0, height - 20, face.shorten(note, 7, width), 7, colour=MUTED)
        slanting = shown is not None and shown.edges is None and _slanting(pen, shown.bins, width - 30)
        left, bottom = 30.0, 30.0 if slanting else 15.0
        inner, tall = width - left, height - 30 - bottom
        if shown is None or shown.top == 0:
            empty(pen, left, bottom, inner, tall)
            return
        step = _nice(shown.top / 2.5)
        top = step * math.ceil(shown.top / step - 1e-9)
        for line in range(round(top / step) + 1):
            y = bottom + tall * line * step / top
            pen.line(left, y, width, y, colour=GREY if line == 0 else HAIRLINE, width=0.5)
            pen.text(
                left - 4, y - 2.2, percent(line * step, 0 if step >= 0.01 else 2), 6.5, colour=MUTED, align="right"
            )
        _bars(pen, shown, x=left, y=bottom, width=inner, height=tall, top=top)
        if compared and (shown.live is None or shown.reference is None):
            absent = "No live data" if shown.live is None else "No reference"
            pen.text(width, height - 20, absent, 7, bold=True, colour=MUTED, align="right")
        if shown.edges is None:
            _category_labels(pen, shown.bins, left, bottom, inner)
        else:
            _edge_labels(pen, shown.edges, left, bottom, inner)

    return Vector(width, height, paint, face)


def empty(pen: Pen, x: float, y: float, width: float, height: float) -> None:
    """Say that a chart has no data, where the data would be."""
    pen.box(x, y, width, height, PANEL)
    pen.text(x + width / 2, y + height / 2 - 3, NO_DATA, 8, colour=MUTED, align="centre")


def _nice(size: float) -> float:
    """Round up to 1, 2, 2.5 or 5 times a power of ten."""
    base = 10.0 ** math.floor(math.log10(size))
    return next(factor * base for factor in (1, 2, 2.5, 5, 10) if factor * base >= size * (1 - 1e-9))


def _edge_labels(pen: Pen, edges: tuple[float | None, ...], left: float, bottom: float, width: float) -> None:
    """Write the edges between bins, leaving out those that would touch the one before."""
    step, free = width / len(edges), left - 8
    label = edge_format(edges)
    for index, edge in enumerate(edges[:-1]):
        if edge is None:
            continue
        x, text = left + step * (index + 1), label(edge)
        half = pen.face.width(text, 6.5) / 2
        if x - half < free:
            continue
        pen.line(x, bottom, x, bottom - 2.5, colour=GREY)
        pen.text(x, bottom - 9.5, text, 6.5, colour=MUTED, align="centre")
        free = x + half + 4


def edge_format(edges: tuple[float | None, ...]) -> Callable[[float], str]:
    """Return how to write edges: all with the decimals that their usual distance asks for.

    Examples
    --------
    >>> label = edge_format((13.02, 16.8, 20.39, None))
    >>> label(13.02), label(16.8)
    ('13.0', '16.8')
    """
    known = sorted(edge for edge in edges if edge is not None)
    gaps = sorted(high - low for low, high in itertools.pairwise(known) if high > low)
    if not gaps or max(map(abs, known)) >= 1e7:
        return compact
    decimals = 1 - math.floor(math.log10(gaps[len(gaps) // 2]))
    return compact if decimals > 6 else lambda edge: f"{edge:,.{max(0, decimals)}f}"


def _category_labels(pen: Pen, names: tuple[str, ...], left: float, bottom: float, width: float) -> None:
    if len(names) > _READABLE_BINS:
        pen.text(left, bottom - 9.5, f"{len(names)} categories, most frequent first", 6.5, colour=MUTED)
        return
    step = width / len(names)
    slanting = _slanting(pen, names, width)
    for index, name in enumerate(names):
        if slanting:
            # the first labels have less room to their left
            x = left + step * (index + 0.5) + 2
            pen.slanted(x, bottom - 7, pen.face.shorten(name, 6.5, min(34.0, (x - 2) * 1.2)), 6.5, MUTED)
        else:
            label = pen.face.clean(name)
            pen.text(left + step * (index + 0.5), bottom - 9.5, label, 6.5, colour=MUTED, align="centre")


def _slanting(pen: Pen, names: tuple[str, ...], width: float) -> bool:
    """Return whether names are too long to stand side by side."""
    if len(names) > _READABLE_BINS:
        return False
    return any(pen.face.width(pen.face.clean(name), 6.5) > width / len(names) - 3 for name in names)
