"""The first page: the verdict, what it rests on, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Flowable, Spacer, Table, TableStyle

from ml_models.reports.checks import Check
from ml_models.reports.drawing import (
    HAIRLINE,
    INK,
    LEVEL_SIGNS,
    MUTED,
    PANEL,
    SIGN_COLOURS,
    Pen,
    Sign,
    Vector,
    check_sign,
    status,
)  # fmt: skip
from ml_models.reports.formats import NO_DATA, UNSET, count, iso_time, pair, score, seconds
from ml_models.reports.layout import BODY, CELL_NOTE, TITLE, Sheet, column
from ml_models.reports.model import at, entries, mapping, number, watches_data

_LEAD = ParagraphStyle("lead", parent=BODY, fontSize=8.5, leading=12.5)
_CHECK_COLUMNS = (0.205, 0.12, 0.105, 0.22, 0.35)

#: So many reasons, drifted features and unjudged features are listed on the first page; the sections have them all.
_REASONS, _DRIFTED, _UNJUDGED = 5, {"critical": 6, "warning": 3}, 3


def story(sheet: Sheet) -> list[Flowable]:
    """Return the verdict page."""
    name = str(at(sheet.metrics, "model", "name") or "Unnamed model")
    # two lines at most
    title = sheet.face.shorten(name, TITLE.fontSize, 1.6 * sheet.width, bold=True)
    return [
        sheet.note("Data monitoring report" if watches_data(sheet.metrics) else "Model monitoring report"),
        sheet.paragraph(title, TITLE),
        Spacer(0, 6),
        _facts(sheet),
        Spacer(0, 10),
        _banner(sheet),
        Spacer(0, 10),
        _tiles(sheet),
        *sheet.part("Checks"),
        _checks(sheet),
        Spacer(0, 6),
        *(sheet.note(caveat) for caveat in sheet.verdict.caveats),
    ]


def _facts(sheet: Sheet) -> Flowable:
    """Which model, which window, how much data: four columns of name over value."""
    metrics = sheet.metrics
    if watches_data(metrics):
        return _fact_grid(sheet, _data_facts(metrics))
    labels, predictions = at(metrics, "performance", "labels"), at(metrics, "performance", "predictions")
    facts = (
        ("Version", str(at(metrics, "model", "version") or "not given")),
        ("Task", str(at(metrics, "model", "task") or "not given")),
        ("Window", seconds(metrics.get("window_seconds"))),
        ("Until", iso_time(metrics.get("generated_at"))),
        ("Predictions", count(predictions)),
        ("Labels", count(labels)),
        ("Rows checked", count(at(metrics, "data", "rows"))),
        ("Features", count(len(mapping(at(metrics, "data", "features"))))),
    )
    return _fact_grid(sheet, facts)


def _data_facts(metrics: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Which data, which window, how much of it."""
    trends = entries(metrics.get("trends"))
    return (
        ("Data", str(at(metrics, "source", "path") or "not given")),
        ("Time of a row", str(at(metrics, "source", "time_column") or "when it was read")),
        ("Window", seconds(metrics.get("window_seconds"))),
        ("Newest data", iso_time(at(metrics, "freshness", "newest"))),
        ("Rows in the window", count(at(metrics, "data", "rows"))),
        ("Rows in all", count(at(metrics, "rows", "total"))),
        ("Windows", count(len(trends))),
        ("Features", count(len(mapping(at(metrics, "data", "features"))))),
    )


def _fact_grid(sheet: Sheet, facts: Sequence[tuple[str, str]]) -> Flowable:
    room = sheet.width / 4

    def paint(pen: Pen) -> None:
        for index, (name, value) in enumerate(facts):
            x, y = room * (index % 4), 30 - 31 * (index // 4) + 13
            pen.text(x, y + 12, name, 7, colour=MUTED)
            pen.text(x, y, sheet.face.shorten(value, 9, room - 8, bold=True), 9, bold=True)

    return Vector(sheet.width, 62, paint, sheet.face)


def _banner(sheet: Sheet) -> Flowable:
    sign = LEVEL_SIGNS[sheet.verdict.level]

    def paint(pen: Pen) -> None:
        pen.sign(sign, 0, 2, 22)
        pen.text(32, 12, sheet.verdict.level, 15, bold=True)
        pen.text(32, 0.5, sheet.verdict.headline, 8, colour=MUTED)

    found = sheet.verdict.reasons
    reasons = [sheet.paragraph(f"• {reason}", _LEAD) for reason in found[:_REASONS]]
    if len(found) > _REASONS:
        reasons.append(sheet.paragraph(f"… and {len(found) - _REASONS} more, in the table below.", _LEAD))
    content = [Vector(sheet.width - 40, 27, paint, sheet.face), Spacer(0, 6), *reasons]
    return Table(
        [[content]],
        colWidths=[sheet.width],
        hAlign="LEFT",
        style=TableStyle([
            ("BACKGROUND", (0, 0), (-1, -1), PANEL),
            ("LINEBEFORE", (0, 0), (0, -1), 4, SIGN_COLOURS[sign]),
            ("LEFTPADDING", (0, 0), (-1, -1), 16),
            ("RIGHTPADDING", (0, 0), (-1, -1), 12),
            ("TOPPADDING", (0, 0), (-1, -1), 10),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 10),
        ]),
    )  # fmt: skip


_MODEL_TILES = (
    ("accuracy_min", "Accuracy"),
    ("latency_seconds_max", "Latency p95"),
    ("error_ratio_max", "Failed calls"),
    ("quality_min", "Data quality"),
)
_DATA_TILES = (
    ("data_age_seconds_max", "Age of data"),
    ("rejected_files_max", "Files set aside"),
    ("quality_min", "Data quality"),
)


def _tiles(sheet: Sheet) -> Flowable:
    """Return the headline numbers, each with its status and threshold."""
    by_signal = {check.signal: check for check in sheet.verdict.checks if check.area != "drift"}
    shown = _DATA_TILES if watches_data(sheet.metrics) else _MODEL_TILES
    tiles = [_tile_of(by_signal[signal], title) for signal, title in shown]
    drift = [check for check in sheet.verdict.checks if check.area == "drift"]
    drifted = [check for check in drift if check.status == "breached"]
    judged = [check for check in drift if check.status != "not judged"]
    worst: Sign = "critical" if any(c.severity == "critical" for c in drifted) else "warning"
    scope = f"{len(drift) - len(judged)} not judged" if len(drift) > len(judged) else "all judged"
    tiles.insert(len(tiles) - 1, (
        "Drifted features",
        f"{len(drifted)} of {len(judged)}" if judged else NO_DATA,
        scope if drift else "no features",
        (worst if drifted else "ok") if judged else "unknown",
    ))  # fmt: skip
    gap = 8.0
    room = (sheet.width - gap * (len(tiles) - 1)) / len(tiles)

    def paint(pen: Pen) -> None:
        for index, (title, value, under, sign) in enumerate(tiles):
            x = index * (room + gap)
            pen.canvas.setStrokeColor(HAIRLINE)
            pen.canvas.setLineWidth(0.7)
            pen.canvas.roundRect(x, 0.5, room, 53, 3, stroke=1, fill=0)
            pen.text(x + 8, 41, title, 7, colour=MUTED)
            pen.sign(sign, x + room - 17, 39, 9)
            size = min(14.0 if value != NO_DATA else 10.0, (room - 14) / sheet.face.width(value, 1, bold=True))
            pen.text(x + 8, 20, value, size, bold=True, colour=INK if value != NO_DATA else MUTED)
            pen.text(x + 8, 8, sheet.face.shorten(under, 6.8, room - 14), 6.8, colour=MUTED)

    return Vector(sheet.width, 54, paint, sheet.face)


def _tile_of(check: Check, title: str) -> tuple[str, str, str, Sign]:
    shown, bound = pair(check.value, check.threshold, check.unit)
    side = "at least" if check.signal.endswith("_min") else "at most"
    under = f"{side} {bound}" if check.threshold is not None else "no threshold"
    return title, shown, under, check_sign(check)


def _checks(sheet: Sheet) -> Flowable:
    """Return every check, breached ones first; what is alike in many features is one row."""
    checks = [c for c in sheet.verdict.checks if c.threshold is not None or c.area in {"drift", "health"}]
    drift = sorted((c for c in checks if c.area == "drift"), key=lambda c: -(number(c.value) or 0.0))
    rows: list[list[object]] = []
    for severity in ("critical", "warning"):
        others = [c for c in checks if c.area != "drift" and c.severity == severity]
        drifted = [c for c in drift if c.severity == severity]
        rows += [_row(sheet, check) for check in [*others, *drifted[: _DRIFTED[severity]]]]
        rows += _summary(sheet, drifted[_DRIFTED[severity] :], f"with {severity} drift")
    rows += [_row(sheet, c) for c in checks if c.area != "drift" and c.status == "not judged"]
    unjudged = [c for c in drift if c.status == "not judged"]
    if len(unjudged) > _UNJUDGED:
        rows += _summary(sheet, unjudged, "not judged")
    else:
        rows += [_row(sheet, check) for check in unjudged]
    rows += [_row(sheet, c) for c in checks if c.area != "drift" and c.status == "ok"]
    rows += _summary(sheet, [c for c in drift if c.status == "ok"], "without drift")
    if not rows:
        return sheet.paragraph("No data: there are no thresholds, features or health checks to judge by.")
    return sheet.table(("Check", "Value", "Threshold", "Status", "What to do next"), rows, _CHECK_COLUMNS, right=(1, 2))


def _row(sheet: Sheet, check: Check) -> list[object]:
    shown, bound = pair(check.value, check.threshold, check.unit)
    if check.area == "drift" and check.value is not None:
        shown = f"PSI {shown}"
    return [
        sheet.name(check.what, _CHECK_COLUMNS[0] * sheet.width),
        shown,
        _bound(check, bound),
        _status_cell(sheet, check),
        check.action or UNSET,
    ]


def _bound(check: Check, bound: str) -> str:
    if check.threshold is None:
        return bound
    return f"{'≥' if check.signal.endswith('_min') else '≤'} {bound}"


def _status_cell(sheet: Sheet, check: Check) -> list[Flowable]:
    room = column(sheet, _CHECK_COLUMNS[3])
    if check.status == "breached":
        return [status(sheet.face, check_sign(check), f"Breached: {check.severity}", room)]
    word = "OK" if check.status == "ok" else "Not judged"
    mark: list[Flowable] = [status(sheet.face, check_sign(check), word, room)]
    return [*mark, sheet.paragraph(check.reason, CELL_NOTE)] if check.reason else mark


def _summary(sheet: Sheet, checks: list[Check], state: str) -> list[list[object]]:
    """Return one row for several features, with the largest score among them; none for no feature."""
    if not checks:
        return []
    first = checks[0]
    noun = "feature" if len(checks) == 1 else "features"
    top = max((c.value for c in checks if c.value is not None), default=None)
    cell = _status_cell(sheet, first)[:1]
    if first.status == "not judged":
        reasons = sorted({c.reason for c in checks})
        cell.append(sheet.paragraph(reasons[0] if len(reasons) == 1 else "too little data or no threshold", CELL_NOTE))
    what = f"{len(checks)} {'more ' if state.startswith('with ') else ''}{noun} {state}"
    bound = _bound(first, score(first.threshold)) if first.threshold is not None else UNSET
    shown = NO_DATA if top is None else f"{'up to' if len(checks) > 1 else 'PSI'} {score(top)}"
    return [[sheet.name(what, _CHECK_COLUMNS[0] * sheet.width), shown, bound, cell, "See the section on drift."]]
