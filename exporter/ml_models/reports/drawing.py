"""The pen: colours, text and status symbols, drawn as vectors.

The palette is that of Okabe and Ito, "Color Universal Design" (2008), which people with any colour vision can tell
apart; and no state is told by colour alone: each has a shape and a word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from reportlab.lib.colors import Color, HexColor
from reportlab.platypus import Flowable

from ml_models.reports.checks import Check
from ml_models.reports.fonts import Typeface
from ml_models.reports.verdict import Level

INK, MUTED, HAIRLINE, PANEL = HexColor("#1B2733"), HexColor("#5B6673"), HexColor("#D8DEE5"), HexColor("#F5F7F9")
BLUE, GREEN, ORANGE, VERMILLION = HexColor("#0072B2"), HexColor("#009E73"), HexColor("#E69F00"), HexColor("#D55E00")
GREY, WHITE = HexColor("#6B7280"), HexColor("#FFFFFF")
REFERENCE, LIVE = HexColor("#C3CAD2"), BLUE

Sign = Literal["ok", "warning", "critical", "unknown"]
SIGN_COLOURS: dict[Sign, Color] = {"ok": GREEN, "warning": ORANGE, "critical": VERMILLION, "unknown": GREY}
LEVEL_SIGNS: dict[Level, Sign] = {
    "OK": "ok",
    "ATTENTION": "warning",
    "CRITICAL": "critical",
    "NOT ENOUGH DATA": "unknown",
}


def check_sign(check: Check) -> Sign:
    """Return the symbol of a check."""
    if check.status == "breached":
        return check.severity or "warning"
    return "ok" if check.status == "ok" else "unknown"


class Vector(Flowable):  # type: ignore[misc]  # reportlab is untyped
    """A drawing of fixed size, painted by a function of the canvas with the origin at its lower left.

    Parameters
    ----------
    width, height : float
        In points.
    paint : callable
        Given the pen.
    """

    def __init__(self, width: float, height: float, paint: Callable[[Pen], None], face: Typeface) -> None:
        super().__init__()
        self.width, self.height = width, height
        self._paint, self._face = paint, face

    def draw(self) -> None:
        """Paint; called by the layout engine with the canvas in place."""
        self._paint(Pen(self.canv, self._face))


@dataclass(frozen=True)
class Pen:
    """Draws on a canvas, with fonts that fall back character by character."""

    canvas: Any
    face: Typeface

    def text(
        self, x: float, y: float, text: str, size: float, *, bold: bool = False, colour: Color = INK,
        align: Literal["left", "right", "centre"] = "left",
    ) -> None:  # fmt: skip
        """Draw clean text with its baseline at ``y``."""
        if align != "left":
            width = self.face.width(text, size, bold=bold)
            x -= width if align == "right" else width / 2
        line = self.canvas.beginText(x, y)
        line.setFillColor(colour)
        for name, run in self.face.runs(text, bold=bold):
            line.setFont(name, size)
            line.textOut(run)
        self.canvas.drawText(line)

    def slanted(self, x: float, y: float, text: str, size: float, colour: Color) -> None:
        """Draw clean text that ends at a point, rising to it."""
        self.canvas.saveState()
        self.canvas.translate(x, y)
        self.canvas.rotate(35)
        self.text(0, 0, text, size, colour=colour, align="right")
        self.canvas.restoreState()

    def box(self, x: float, y: float, width: float, height: float, colour: Color, *, radius: float = 0.0) -> None:
        """Fill a rectangle."""
        self.canvas.setFillColor(colour)
        if radius:
            self.canvas.roundRect(x, y, width, height, radius, stroke=0, fill=1)
        else:
            self.canvas.rect(x, y, width, height, stroke=0, fill=1)

    def line(
        self, x1: float, y1: float, x2: float, y2: float, *, colour: Color = HAIRLINE, width: float = 0.5,
        dash: tuple[float, ...] = (),
    ) -> None:  # fmt: skip
        """Draw a straight line."""
        self.path([(x1, y1), (x2, y2)], colour=colour, width=width, dash=dash)

    def path(
        self, points: list[tuple[float, float]], *, colour: Color, width: float, dash: tuple[float, ...] = ()
    ) -> None:
        """Draw an open line through points."""
        self.canvas.setStrokeColor(colour)
        self.canvas.setLineWidth(width)
        self.canvas.setDash(list(dash))
        path = self.canvas.beginPath()
        path.moveTo(*points[0])
        for point in points[1:]:
            path.lineTo(*point)
        self.canvas.drawPath(path, stroke=1, fill=0)
        self.canvas.setDash([])

    def polygon(self, points: list[tuple[float, float]], colour: Color) -> None:
        """Fill a polygon."""
        self.canvas.setFillColor(colour)
        path = self.canvas.beginPath()
        path.moveTo(*points[0])
        for point in points[1:]:
            path.lineTo(*point)
        path.close()
        self.canvas.drawPath(path, stroke=0, fill=1)

    def sign(self, sign: Sign, x: float, y: float, size: float) -> None:
        """Draw a status symbol: a tick in a disc, ``!`` in a triangle, a cross in an octagon, a dash in a ring."""
        colour = SIGN_COLOURS[sign]
        stroke = size * 0.11

        def at(*points: tuple[float, float]) -> list[tuple[float, float]]:
            return [(x + px * size, y + py * size) for px, py in points]

        if sign == "ok":
            self.canvas.setFillColor(colour)
            self.canvas.circle(x + size / 2, y + size / 2, size / 2, stroke=0, fill=1)
            self.path(at((0.27, 0.5), (0.44, 0.33), (0.74, 0.66)), colour=WHITE, width=stroke)
        elif sign == "warning":
            self.polygon(at((0.5, 0.98), (1.03, 0.04), (-0.03, 0.04)), colour)
            self.path(at((0.5, 0.7), (0.5, 0.35)), colour=INK, width=stroke)
            self.path(at((0.5, 0.25), (0.5, 0.14)), colour=INK, width=stroke)
        elif sign == "critical":
            near, far = 0.293, 0.707
            self.polygon(at((near, 0), (far, 0), (1, near), (1, far), (far, 1), (near, 1), (0, far), (0, near)), colour)
            self.path(at((0.3, 0.3), (0.7, 0.7)), colour=WHITE, width=stroke)
            self.path(at((0.3, 0.7), (0.7, 0.3)), colour=WHITE, width=stroke)
        else:
            self.canvas.setStrokeColor(colour)
            self.canvas.setLineWidth(stroke)
            self.canvas.circle(x + size / 2, y + size / 2, size / 2 - stroke / 2, stroke=1, fill=0)
            self.path(at((0.3, 0.5), (0.7, 0.5)), colour=colour, width=stroke)


def status(face: Typeface, sign: Sign, word: str, width: float, size: float = 7.5) -> Vector:
    """Return a symbol and its word."""

    def paint(pen: Pen) -> None:
        pen.sign(sign, 0, 1.4, size + 0.5)
        pen.text(size + 5, 2.6, face.shorten(word, size, width - size - 5, bold=True), size, bold=True)

    return Vector(width, size + 3, paint, face)
