"""The sections on data: drift of the features, predictions and labels, quality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reportlab.platypus import Flowable, Spacer

from ml_models.reports.charts import distribution_chart, legend, mini_bars
from ml_models.reports.checks import Check
from ml_models.reports.drawing import check_sign, status
from ml_models.reports.formats import UNSET, count, percent, score
from ml_models.reports.layout import CELL_NOTE, Sheet, column
from ml_models.reports.marks import meter
from ml_models.reports.model import at, mapping, number

_DRIFT_COLUMNS = (0.245, 0.145, 0.075, 0.075, 0.075, 0.08, 0.095, 0.21)
_FAULT_COLUMNS = (0.37, 0.15, 0.16, 0.16, 0.16)
_CHARTS = 6
_CHART_HEIGHT = 112.0


def drift(sheet: Sheet) -> list[Flowable]:
    """Return the section on drift: every feature in a table, the most drifted ones as charts."""
    checks = sorted(
        (check for check in sheet.verdict.checks if check.area == "drift"),
        key=lambda check: -(check.value if check.value is not None else -1.0),
    )
    found = sheet.section("Drift")
    if not checks:
        return [*found, sheet.paragraph("No data: the monitor has no features to compare with a reference.")]
    share = number(at(sheet.metrics, "data", "drift_share"))
    drifted = [check for check in checks if check.status == "breached"]
    judged = sum(check.status != "not judged" for check in checks)
    summary = f"{len(drifted)} of {judged} judged features drifted" if judged else "No feature could be judged"
    summary += f" ({len(checks)} features in all). Share of significant drift in the window: {percent(share)}."
    head = ("Feature", "Distribution", "PSI", "JS", "KS", "Noise", "Values", "Status")
    rows = [_row(sheet, check) for check in checks]
    return [
        *found,
        sheet.paragraph(summary),
        Spacer(0, 5),
        legend(sheet.face, sheet.width),
        Spacer(0, 4),
        sheet.table(head, rows, _DRIFT_COLUMNS, right=(2, 3, 4, 5, 6)),
        Spacer(0, 4),
        sheet.note("Ranked by PSI. Noise is the PSI that chance alone reaches with this many values."),
        *_charts(sheet, drifted),
    ]


def _feature(sheet: Sheet, check: Check) -> Mapping[str, Any]:
    features = mapping(at(sheet.metrics, "data", "features"))
    return next((mapping(value) for name, value in features.items() if str(name) == check.subject), {})


def _row(sheet: Sheet, check: Check) -> list[object]:
    feature = _feature(sheet, check)
    scores = mapping(feature.get("drift"))
    word = {"breached": f"Breached: {check.severity}", "ok": "OK", "not judged": "Not judged"}[check.status]
    mark: list[Flowable] = [status(sheet.face, check_sign(check), word, column(sheet, _DRIFT_COLUMNS[7]))]
    if check.reason and check.status != "breached":
        mark.append(sheet.paragraph(check.reason, CELL_NOTE))
    return [
        sheet.name(check.subject, _DRIFT_COLUMNS[0] * sheet.width),
        mini_bars(sheet.face, feature.get("distribution"), column(sheet, _DRIFT_COLUMNS[1]), 14),
        score(check.value),
        score(scores.get("js")),
        score(scores.get("ks")) if feature.get("kind") in {"numeric", "datetime", None} else "n/a",
        score(feature.get("noise")),
        count(feature.get("samples")),
        mark,
    ]


def _charts(sheet: Sheet, drifted: list[Check]) -> list[Flowable]:
    if not drifted:
        return []
    shown = drifted[:_CHARTS]
    title = "Drifted features" if len(drifted) <= _CHARTS else f"The {_CHARTS} most drifted features"
    charts = []
    for check in shown:
        feature = _feature(sheet, check)
        note = f"PSI {score(check.value)}, {check.severity}; {count(feature.get('samples'))} live values"
        charts.append(
            distribution_chart(
                sheet.face, check.subject, note, feature.get("distribution"), width=sheet.half, height=_CHART_HEIGHT
            )
        )
    return [
        *sheet.part(title, _CHART_HEIGHT + 60),
        legend(sheet.face, sheet.width),
        Spacer(0, 8),
        *sheet.side_by_side(charts),
    ]


def outcomes(sheet: Sheet) -> list[Flowable]:
    """Return the section on what was predicted and what came true, each against the reference."""
    charts: list[Flowable] = []
    for key, what in (("prediction_distribution", "Predictions"), ("label_distribution", "Labels")):
        for name, source in mapping(at(sheet.metrics, "data", key)).items():
            title = what if str(name) in {"prediction", "label"} else f"{what}: {name}"
            charts.append(
                distribution_chart(
                    sheet.face, title, "Share of values", source,
                    width=sheet.half, height=_CHART_HEIGHT,
                )
            )  # fmt: skip
    found = sheet.section("Predictions and labels")
    if not charts:
        return [*found, sheet.paragraph("No data: neither predictions nor labels were tallied against a reference.")]
    return [*found, legend(sheet.face, sheet.width), Spacer(0, 8), *sheet.side_by_side(charts)]


def quality(sheet: Sheet) -> list[Flowable]:
    """Return the section on data quality: the score, its dimensions, the features with faults."""
    data = mapping(sheet.metrics.get("data"))
    limit = number(at(sheet.metrics, "thresholds", "quality_min"))
    dimensions = mapping(data.get("quality"))
    parts = (0.25, 0.15, 0.15, 0.45)
    rows: list[list[object]] = [
        [
            name, score(value), UNSET if bound is None else f"≥ {score(bound)}",
            meter(sheet.face, value, bound, width=column(sheet, parts[3])),
        ]
        for name, value, bound in (
            ("Quality score", data.get("quality_score"), limit),
            *((str(name).capitalize(), value, None) for name, value in dimensions.items()),
        )
    ]  # fmt: skip
    return [
        *sheet.section("Data quality"),
        sheet.table(("Dimension", "Value", "Threshold", "0 to 1"), rows, parts, right=(1, 2)),
        Spacer(0, 4),
        sheet.note(f"Rows in the window: {count(data.get('rows'))}. The quality score is the mean of its dimensions."),
        *_faults(sheet),
    ]


def _faults(sheet: Sheet) -> list[Flowable]:
    """Return the features with a fault, worst first, and a line on those without."""
    keys = ("missing_ratio", "invalid_ratio", "out_of_range_ratio")
    features = {str(name): mapping(value) for name, value in mapping(at(sheet.metrics, "data", "features")).items()}
    known = {
        name: [number(feature.get(key)) for key in keys]
        for name, feature in features.items()
        if any(number(feature.get(key)) is not None for key in keys)
    }
    faulty = {name: ratios for name, ratios in known.items() if any(ratios)}
    worst_first = sorted(faulty, key=lambda name: -max(ratio or 0.0 for ratio in faulty[name]))
    rows = [
        [sheet.name(name, _FAULT_COLUMNS[0] * sheet.width), str(features[name].get("kind") or ""),
         *(percent(ratio, 2) for ratio in faulty[name])]
        for name in worst_first
    ]  # fmt: skip
    result = sheet.part("Features with faults")
    if not known:
        return [*result, sheet.paragraph("No data: no cells were checked in the window.")]
    if rows:
        head = ("Feature", "Kind", "Missing", "Invalid", "Out of range")
        result += [sheet.table(head, rows, _FAULT_COLUMNS, right=(2, 3, 4)), Spacer(0, 4)]
    clean, unknown = len(known) - len(faulty), len(features) - len(known)
    remarks = [f"{clean} of {len(features)} features have no missing, invalid or out-of-range cell."]
    if unknown:
        remarks.append(f"No data for {unknown}.")
    return [*result, sheet.note(" ".join(remarks))]
