"""The report as PDF: vector drawings, embedded fonts, the same bytes for the same input."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from reportlab.lib.pagesizes import A4, LETTER
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, CondPageBreak, Flowable, Frame, PageTemplate

from ml_models import __version__
from ml_models.reports import page_data, page_operations, page_performance, page_provenance, page_verdict, page_watched
from ml_models.reports.drawing import HAIRLINE, LEVEL_SIGNS, MUTED, Pen
from ml_models.reports.fonts import typeface
from ml_models.reports.formats import iso_time
from ml_models.reports.layout import Sheet
from ml_models.reports.model import History, at, mapping, watches_data
from ml_models.reports.verdict import verdict

_SIZES: dict[str, tuple[float, float]] = {"A4": A4, "Letter": LETTER}
#: The verdict has its page to itself, unless more than this is left on the page where its table ends.
_WORTH_STARTING = 400.0

_SIDE, _TOP, _BOTTOM = 48.0, 54.0, 48.0


def render(metrics: Mapping[str, Any], history: History | None, page_size: str) -> bytes:
    """Return the report on some metrics as PDF.

    Parameters
    ----------
    metrics : mapping
        As from ``ModelMonitor.get_metrics()``.
    history : History or None
    page_size : str
        ``A4`` or ``Letter``.
    """
    size = _SIZES[page_size]
    metrics = mapping(metrics)
    sheet = Sheet(metrics, verdict(metrics), history, typeface(), size[0] - 2 * _SIDE)
    # once to learn how many pages there are, and once with that number on each
    _, n_pages = _build(sheet, size, 0)
    content, _ = _build(sheet, size, n_pages)
    return content


def _story(sheet: Sheet) -> list[Flowable]:
    if watches_data(sheet.metrics):
        return [
            *page_verdict.story(sheet),
            CondPageBreak(_WORTH_STARTING),
            *page_data.drift(sheet),
            *page_data.outcomes(sheet),
            *page_data.quality(sheet),
            *page_watched.story(sheet),
            *page_provenance.story(sheet),
        ]
    return [
        *page_verdict.story(sheet),
        CondPageBreak(_WORTH_STARTING),
        *page_performance.story(sheet),
        *page_data.drift(sheet),
        *page_data.outcomes(sheet),
        *page_data.quality(sheet),
        *page_operations.system(sheet),
        *page_operations.monitor(sheet),
        *page_operations.errors(sheet),
        *page_operations.alerts(sheet),
        *page_provenance.story(sheet),
    ]


def _build(sheet: Sheet, size: tuple[float, float], n_pages: int) -> tuple[bytes, int]:
    name = sheet.face.clean(at(sheet.metrics, "model", "name") or "Unnamed model")
    about = "Data" if watches_data(sheet.metrics) else "Model"
    version = sheet.face.clean(at(sheet.metrics, "model", "version") or "")
    target = BytesIO()
    document = BaseDocTemplate(
        target,
        pagesize=size,
        title=f"{about} report: {name} {version}".strip(),
        author=f"ml-models-monitoring {__version__}",
        subject=f"Verdict: {sheet.verdict.level}",
        creator=f"ml-models-monitoring {__version__}",
        lang="en",
        invariant=1,
        pageCompression=1,
    )
    frame = Frame(
        _SIDE, _BOTTOM, size[0] - 2 * _SIDE, size[1] - _TOP - _BOTTOM,
        leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0,
    )  # fmt: skip

    def furnish(canvas: Canvas, _: BaseDocTemplate) -> None:
        _furnish(Pen(canvas, sheet.face), sheet, name, size, n_pages)

    document.addPageTemplates(PageTemplate("page", [frame], onPage=furnish))
    document.build(_story(sheet))
    return target.getvalue(), document.page


def _furnish(pen: Pen, sheet: Sheet, name: str, size: tuple[float, float], n_pages: int) -> None:
    """Draw what every page has: the model and verdict at the top, the time and page number at the bottom."""
    page, right = pen.canvas.getPageNumber(), size[0] - _SIDE
    if page == 1:
        pen.canvas.showOutline()
        pen.canvas.bookmarkPage("verdict")
        pen.canvas.addOutlineEntry("Verdict", "verdict", 0)
    else:
        y, level = size[1] - 36, sheet.verdict.level
        pen.text(_SIDE, y, sheet.face.shorten(name, 7.5, sheet.width * 0.65), 7.5, colour=MUTED)
        pen.text(right, y, level, 7.5, bold=True, colour=MUTED, align="right")
        pen.sign(LEVEL_SIGNS[level], right - sheet.face.width(level, 7.5, bold=True) - 13, y - 1, 8)
        pen.line(_SIDE, y - 6, right, y - 6, colour=HAIRLINE)
    made = f"ml-models-monitoring {__version__}, data up to {iso_time(sheet.metrics.get('generated_at'))}"
    pen.text(_SIDE, 28, sheet.face.shorten(made, 7, sheet.width * 0.75), 7, colour=MUTED)
    pen.text(right, 28, f"Page {page} of {n_pages}", 7, colour=MUTED, align="right")
