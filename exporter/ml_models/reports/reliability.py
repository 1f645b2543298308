"""Vector charts of performance: the reliability diagram, and the distribution of residuals."""

from __future__ import annotations

from typing import Any

from ml_models.reports.charts import distribution_chart, empty
from ml_models.reports.drawing import BLUE, GREY, HAIRLINE, MUTED, Vector
from ml_models.reports.fonts import Typeface
from ml_models.reports.formats import percent
from ml_models.reports.model import entries, mapping, number

_TITLE = 9


def reliability_diagram(face: Typeface, bins: Any, *, width: float, height: float) -> Vector:
    """Return what scores said (across) against what came true (up); on the diagonal the two agree.

    Parameters
    ----------
    bins : list of mapping
        ``score``, ``observed``, ``count`` and ``interval`` as in ``get_metrics()``.
    """
    points = [
        (said, seen, [number(end) for end in entries(one.get("interval"))])
        for one in map(mapping, entries(bins))
        if (said := number(one.get("score"))) is not None and (seen := number(one.get("observed"))) is not None
    ]

    def paint(pen: Any) -> None:
        pen.text(0, height - _TITLE, "Reliability", _TITLE, bold=True)
        pen.text(0, height - 20, "Mean score against the share that came true, with 95 % intervals", 7, colour=MUTED)
        left, bottom = 30.0, 15.0
        across, up = width - left - 10, height - 30 - bottom
        if not points:
            empty(pen, left, bottom, across, up)
            return
        for quarter in range(5):
            share = quarter / 4
            x, y = left + across * share, bottom + up * share
            pen.line(left, y, left + across, y, colour=GREY if not quarter else HAIRLINE)
            pen.text(left - 4, y - 2.2, percent(share, 0), 6.5, colour=MUTED, align="right")
            pen.text(x, bottom - 9.5, percent(share, 0), 6.5, colour=MUTED, align="centre")
        pen.line(left, bottom, left + across, bottom + up, colour=GREY, width=0.8, dash=(3, 2))
        places = [(left + across * _inside(said), bottom + up * _inside(seen)) for said, seen, _ in points]
        if len(places) > 1:
            pen.path(places, colour=BLUE, width=1.0)
        for (x, y), (_, _, span) in zip(places, points, strict=True):
            low, high = span if len(span) == 2 else (None, None)
            if low is not None and high is not None:
                pen.line(x, bottom + up * _inside(low), x, bottom + up * _inside(high), colour=BLUE, width=1.0)
            pen.canvas.setFillColor(BLUE)
            pen.canvas.circle(x, y, 2.0, stroke=0, fill=1)

    return Vector(width, height, paint, face)


def residual_chart(face: Typeface, residuals: Any, *, width: float, height: float) -> Vector:
    """Return the shares of the residuals' bins; ``residuals`` has ``upper_edges`` and ``counts``."""
    given = mapping(residuals)
    counts = [number(one) or 0.0 for one in entries(given.get("counts"))]
    total = sum(counts)
    # Bins outside all residuals are left out, but for one on each side.
    filled = [place for place, one in enumerate(counts) if one > 0]
    shown = slice(max(0, filled[0] - 1), filled[-1] + 2) if filled else slice(0)
    edges = entries(given.get("upper_edges"))[shown]
    shares = [one / total for one in counts[shown]] if total else []
    source = {"bins": [str(place) for place in range(len(shares))], "upper_edges": edges, "live": shares}
    note = "Prediction less label, in bins that widen outwards; above 0 too much was predicted"
    return distribution_chart(face, "Residuals", note, source, width=width, height=height, compared=False)


def _inside(share: float) -> float:
    return min(1.0, max(0.0, share))
