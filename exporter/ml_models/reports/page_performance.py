"""The section on performance: scores with their uncertainty, confusion, latency, time series."""

from __future__ import annotations

from reportlab.platypus import Flowable, Spacer, Table

from ml_models.reports import page_scores
from ml_models.reports.drawing import check_sign, status
from ml_models.reports.formats import NO_DATA, UNSET, count, pair, percent, rate, score, seconds
from ml_models.reports.layout import BARE, GUTTER, Sheet, column
from ml_models.reports.marks import confusion_matrix, interval
from ml_models.reports.model import at, entries, mapping, number
from ml_models.reports.timelines import line_chart

_COLUMNS = (0.13, 0.11, 0.19, 0.12, 0.22, 0.23)

#: Larger matrices are told by their largest mistakes.
_MATRIX_CLASSES = 8
_MISTAKES = 12

#: Known series: title, unit, signal of the threshold.
_SERIES: dict[str, tuple[str, str, str]] = {
    "accuracy": ("Accuracy", "score", "accuracy_min"),
    "precision": ("Precision", "score", "precision_min"),
    "recall": ("Recall", "score", "recall_min"),
    "f1": ("F1", "score", "f1_min"),
    "throughput_per_second": ("Throughput", "rate", ""),
    "latency_p95_seconds": ("Latency, 95th percentile", "seconds", "latency_seconds_max"),
    "error_ratio": ("Failed calls", "share", "error_ratio_max"),
    "drift_share": ("Share of drifted features", "share", ""),
    "quality_score": ("Data quality", "score", "quality_min"),
    "rows": ("Rows", "count", ""),
    "cpu_ratio": ("CPU in use", "share", "cpu_ratio_max"),
    "memory_ratio": ("Memory in use", "share", "memory_ratio_max"),
    "disk_ratio": ("Disk in use", "share", "disk_ratio_max"),
}


def story(sheet: Sheet) -> list[Flowable]:
    """Return the section."""
    return [
        *sheet.section("Performance"),
        _scores(sheet),
        Spacer(0, 4),
        sheet.note(
            f"Labels joined in the window: {count(at(sheet.metrics, 'performance', 'labels'))}. "
            "Intervals are Wilson's at 95 %; the tick marks the threshold on a scale from 0 to 1."
        ),
        *_confusion(sheet),
        *page_scores.story(sheet),
        *sheet.part("Serving"),
        _serving(sheet),
        *timelines(sheet),
    ]


def _scores(sheet: Sheet) -> Flowable:
    rows: list[list[object]] = []
    for check in sheet.verdict.checks:
        if check.area != "performance":
            continue
        key = check.signal.removesuffix("_min")
        ends = at(sheet.metrics, "performance", "intervals", key)
        span = [number(end) for end in entries(ends)]
        text = f"{score(span[0])} to {score(span[1])}" if len(span) == 2 and None not in span else NO_DATA
        shown, bound = pair(check.value, check.threshold, check.unit)
        word = {"breached": f"Breached: {check.severity}", "ok": "OK", "not judged": "Not judged"}[check.status]
        rows.append([
            check.what, shown, text, bound if check.threshold is None else f"≥ {bound}",
            interval(sheet.face, check.value, ends, check.threshold, width=column(sheet, _COLUMNS[4])),
            status(sheet.face, check_sign(check), word, column(sheet, _COLUMNS[5])),
        ])  # fmt: skip
    head = ("Score", "Value", "95 % interval", "Threshold", "0 to 1", "Status")
    return sheet.table(head, rows, _COLUMNS, right=(1, 2, 3))


def _confusion(sheet: Sheet) -> list[Flowable]:
    confusion = mapping(at(sheet.metrics, "performance", "confusion"))
    classes = [str(name) for name in entries(confusion.get("classes"))]
    counts = [[number(cell) or 0.0 for cell in entries(row)] for row in entries(confusion.get("counts"))]
    if not classes or len(counts) != len(classes) or any(len(row) != len(classes) for row in counts):
        if at(sheet.metrics, "performance", "regression"):
            return []  # of numbers there is none
        return [*sheet.part("Confusion matrix"), sheet.paragraph("No data: no outcomes by class in the window.")]
    if len(classes) <= _MATRIX_CLASSES:
        matrix = confusion_matrix(sheet.face, classes, counts, sheet.width)
        return [*sheet.part("Confusion matrix", matrix.height + 40), matrix]
    whole = sum(map(sum, counts))
    mistakes = sorted(
        (-counts[a][p], a, p) for a in range(len(classes)) for p in range(len(classes)) if a != p and counts[a][p]
    )[:_MISTAKES]
    parts = (0.36, 0.36, 0.14, 0.14)
    rows = [
        [sheet.name(classes[a], parts[0] * sheet.width), sheet.name(classes[p], parts[1] * sheet.width),
         count(-n), percent(-n / whole)]
        for n, a, p in mistakes
    ]  # fmt: skip
    title = f"Most frequent mistakes among {len(classes)} classes"
    if not rows:
        return [*sheet.part(title), sheet.paragraph("Every outcome in the window was predicted right.")]
    return [*sheet.part(title), sheet.table(("Actual", "Predicted", "Outcomes", "Share"), rows, parts, right=(2, 3))]


def _serving(sheet: Sheet) -> Flowable:
    """Return counts and latency quantiles, beside each other."""
    metrics, limits = sheet.metrics, mapping(sheet.metrics.get("thresholds"))
    latency = mapping(at(metrics, "performance", "latency_seconds"))
    bounds = {"p95": number(limits.get("latency_seconds_max")), "errors": number(limits.get("error_ratio_max"))}
    left = [
        ("Predictions", count(at(metrics, "performance", "predictions"))),
        ("Labels", count(at(metrics, "performance", "labels"))),
        ("Throughput", rate(at(metrics, "performance", "throughput_per_second"))),
        ("Failed calls", _limited(percent(at(metrics, "performance", "error_ratio"), 2), percent(bounds["errors"]))),
    ]
    right = [
        ("Latency, mean", seconds(latency.get("mean"))),
        ("Latency, median", seconds(latency.get("p50"))),
        ("Latency, 95th percentile", _limited(seconds(latency.get("p95")), seconds(bounds["p95"]))),
        ("Latency, 99th percentile", seconds(latency.get("p99"))),
    ]
    narrow = Sheet(metrics, sheet.verdict, sheet.history, sheet.face, sheet.half)
    return Table(
        [[narrow.facts(left, 0.5), narrow.facts(right, 0.5)]],
        colWidths=[sheet.half + GUTTER, sheet.half],
        style=BARE,
        hAlign="LEFT",
    )


def _limited(shown: str, bound: str) -> str:
    return shown if bound in {NO_DATA, UNSET} else f"{shown} (at most {bound})"


def timelines(sheet: Sheet) -> list[Flowable]:
    """Return a chart for each series of the history."""
    history = sheet.history
    if history is None or not history.times or not history.series:
        return [*sheet.part("Over time"), sheet.paragraph("No data: the report was made without time series.")]
    limits = mapping(sheet.metrics.get("thresholds"))
    known = [name for name in _SERIES if name in history.series]
    charts: list[Flowable] = []
    for name in [*known, *sorted(set(history.series) - set(known))]:
        title, unit, signal = _SERIES.get(name, (name, "", ""))
        charts.append(
            line_chart(
                sheet.face, title, history.times, history.series[name],
                unit=unit, threshold=number(limits.get(signal)), width=sheet.half, height=104,
            )
        )  # fmt: skip
    return [*sheet.part("Over time (UTC)", 140), Spacer(0, 4), *sheet.side_by_side(charts)]
