"""The parts that every section is set from: headings, paragraphs, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import CondPageBreak, Flowable, KeepTogether, Paragraph, Spacer, Table, TableStyle

from ml_models.reports.drawing import HAIRLINE, INK, MUTED, PANEL, Pen, Vector
from ml_models.reports.fonts import BOLD, REGULAR, Typeface
from ml_models.reports.model import History
from ml_models.reports.verdict import Verdict

TITLE = ParagraphStyle("title", fontName=BOLD, fontSize=20, leading=25, textColor=INK)
SECTION = ParagraphStyle("section", fontName=BOLD, fontSize=14, leading=18, textColor=INK, spaceBefore=18, spaceAfter=4)
PART = ParagraphStyle("part", fontName=BOLD, fontSize=9.5, leading=13, textColor=INK, spaceBefore=11, spaceAfter=3)
BODY = ParagraphStyle("body", fontName=REGULAR, fontSize=8, leading=11.5, textColor=INK)
NOTE = ParagraphStyle("note", fontName=REGULAR, fontSize=7.5, leading=10.5, textColor=MUTED)
CELL = ParagraphStyle("cell", fontName=REGULAR, fontSize=7.5, leading=10, textColor=INK)
CELL_NOTE = ParagraphStyle("cell-note", fontName=REGULAR, fontSize=6.8, leading=9, textColor=MUTED)
CELL_RIGHT = ParagraphStyle("cell-right", parent=CELL, alignment=TA_RIGHT)
HEAD = ParagraphStyle("head", fontName=BOLD, fontSize=7, leading=9, textColor=MUTED)
HEAD_RIGHT = ParagraphStyle("head-right", parent=HEAD, alignment=TA_RIGHT)

#: Space between the two columns of charts.
GUTTER = 22.0

#: Cells of a table keep this distance from their column's left and right.
PADDING = 4.0


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a section is made from and the room it has.

    Parameters
    ----------
    metrics : mapping
        As from ``ModelMonitor.get_metrics()``.
    verdict : Verdict
        On these metrics.
    history : History or None
    face : Typeface
    width : float
        Of the text area, in points.
    """

    metrics: Mapping[str, Any]
    verdict: Verdict
    history: History | None
    face: Typeface
    width: float

    @property
    def half(self) -> float:
        """Width of a chart that stands beside another."""
        return (self.width - GUTTER) / 2

    def paragraph(
        self, text: object, style: ParagraphStyle = BODY, *, bold: bool = False, width: float | None = None
    ) -> Flowable:
        """Return any text as a paragraph; one that would fill much more than four lines has its middle left out.

        Parameters
        ----------
        text : object
        style : ParagraphStyle
        bold : bool
        width : float, optional
            Room on a line; the text area's if not given.
        """
        bold = bold or style.fontName == BOLD
        # a table cell cannot break over pages, so no text may grow without bound
        shown = self.face.shorten(text, style.fontSize, 4 * (width or self.width), bold=bold)
        return Paragraph(self.face.markup(shown, bold=bold), style)

    def note(self, text: object) -> Flowable:
        """Return a remark in small print."""
        return self.paragraph(text, NOTE)

    def name(self, text: object, width: float, *, bold: bool = False) -> Flowable:
        """Return a name for a table cell on at most three lines, its middle left out if it is longer."""
        lines = self.face.wrap(text, CELL.fontSize, width - 2 * PADDING, 3, bold=bold)
        return Paragraph("<br/>".join(self.face.markup(line, bold=bold) for line in lines), CELL)

    def section(self, title: str) -> list[Flowable]:
        """Return the heading of a section with its entry in the outline; it starts no page that it cannot use."""
        return [CondPageBreak(190), self.paragraph(title, SECTION), self._outline(title, 0, 24)]

    def part(self, title: str, room: float = 90) -> list[Flowable]:
        """Return the heading of a part of a section, on the next page if there is not so much room left."""
        return [CondPageBreak(room), self.paragraph(title, PART), self._outline(title, 1, 18)]

    def _outline(self, title: str, level: int, above: float) -> Flowable:
        def paint(pen: Pen) -> None:
            # reportlab needs a key that is unique in the file; the page and the title are
            key = f"{pen.canvas.getPageNumber()}-{level}-{title}"
            pen.canvas.bookmarkHorizontal(key, 0, above)
            pen.canvas.addOutlineEntry(title, key, level)

        return Vector(0, 0, paint, self.face)

    def table(
        self,
        head: Sequence[str],
        rows: Sequence[Sequence[object]],
        parts: Sequence[float],
        right: Sequence[int] = (),
    ) -> Flowable:
        """Return a table that runs over pages with its head repeated.

        Parameters
        ----------
        head : sequence of str
        rows : sequence of sequences
            A cell is text or a flowable or a list of flowables.
        parts : sequence of float
            Share of the width of each column; they add up to 1.
        right : sequence of int
            Columns set to the right, for numbers.
        """
        heads = [self.paragraph(text, HEAD_RIGHT if at in right else HEAD) for at, text in enumerate(head)]
        body = [
            [self.paragraph(cell, CELL_RIGHT if at in right else CELL, width=column(self, parts[at]))
             if isinstance(cell, str) else cell
             for at, cell in enumerate(row)]
            for row in rows
        ]  # fmt: skip
        return Table(
            [heads, *body],
            colWidths=[part * self.width for part in parts],
            repeatRows=1,
            style=_ROWS,
            hAlign="LEFT",
        )

    def facts(self, facts: Sequence[tuple[str, str]], left: float = 0.3) -> Flowable:
        """Return names and values below each other."""
        rows = [
            [self.paragraph(name, CELL_NOTE), self.paragraph(value, CELL, width=column(self, 1 - left))]
            for name, value in facts
        ]
        return Table(rows, colWidths=[left * self.width, (1 - left) * self.width], style=_FACTS, hAlign="LEFT")

    def side_by_side(self, charts: Sequence[Flowable]) -> list[Flowable]:
        """Return charts in two columns."""
        result: list[Flowable] = []
        for start in range(0, len(charts), 2):
            couple = [*charts[start : start + 2], ""][:2]
            row = Table([couple], colWidths=[self.half + GUTTER, self.half], style=BARE, hAlign="LEFT")
            result += [KeepTogether([row]), Spacer(0, 6)]
        return result


def column(sheet: Sheet, part: float) -> float:
    """Return the room inside a table column that has this share of the width."""
    return sheet.width * part - 2 * PADDING


BARE = TableStyle([
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 0),
    ("TOPPADDING", (0, 0), (-1, -1), 0),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
])  # fmt: skip
_ROWS = TableStyle([
    ("LEFTPADDING", (0, 0), (-1, -1), PADDING),
    ("RIGHTPADDING", (0, 0), (-1, -1), PADDING),
    ("TOPPADDING", (0, 0), (-1, -1), 3.2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 3.6),
    ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
    ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
    ("BACKGROUND", (0, 0), (-1, 0), PANEL),
    ("LINEBELOW", (0, 0), (-1, -1), 0.4, HAIRLINE),
])  # fmt: skip
_FACTS = TableStyle([
    ("LEFTPADDING", (0, 0), (-1, -1), PADDING),
    ("RIGHTPADDING", (0, 0), (-1, -1), PADDING),
    ("TOPPADDING", (0, 0), (-1, -1), 2.4),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.8),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LINEBELOW", (0, 0), (-1, -2), 0.3, HAIRLINE),
])  # fmt: skip
