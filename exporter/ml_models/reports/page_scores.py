"""Parts of the section on performance: classes, scores, estimates beside what came true, and errors of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reportlab.platypus import Flowable, Spacer, Table

from ml_models.reports.formats import NO_DATA, count, percent, score
from ml_models.reports.layout import BARE, GUTTER, Sheet
from ml_models.reports.model import at, entries, mapping, number
from ml_models.reports.reliability import reliability_diagram, residual_chart

#: More classes than this are told by those with the lowest F1.
_CLASSES = 12


def story(sheet: Sheet) -> list[Flowable]:
    """Return the parts for which there is something to show."""
    performance = mapping(at(sheet.metrics, "performance"))
    return [
        *_classes(sheet, mapping(performance.get("per_class")), performance),
        *_scores(sheet, performance),
        *_estimates(sheet, performance),
        *_errors(sheet, mapping(performance.get("regression"))),
    ]


def _classes(sheet: Sheet, per_class: Mapping[str, Any], performance: Mapping[str, Any]) -> list[Flowable]:
    if not per_class:
        return []
    ranked = sorted(per_class, key=lambda name: number(mapping(per_class[name]).get("f1")) or 0.0)
    shown = ranked[:_CLASSES] if len(ranked) > _CLASSES else list(per_class)
    parts = (0.28, 0.12, 0.12, 0.16, 0.16, 0.16)
    rows: list[list[object]] = []
    for name in shown:
        one = mapping(per_class[name])
        figures = [score(one.get(key)) for key in ("precision", "recall", "f1")]
        rows.append(
            [sheet.name(name, parts[0] * sheet.width), count(one.get("support")), count(one.get("predicted")), *figures]
        )
    for title, key in (("Mean of the classes (macro)", "macro"), ("Mean weighted by frequency", "weighted")):
        mean = mapping(performance.get(key))
        if mean:
            rows.append([title, "", "", *(score(mean.get(name)) for name in ("precision", "recall", "f1"))])
    title = "Classes" if len(shown) == len(per_class) else f"The {len(shown)} of {len(per_class)} classes told worst"
    head = ("Class", "True", "Predicted", "Precision", "Recall", "F1")
    return [*sheet.part(title), sheet.table(head, rows, parts, right=(1, 2, 3, 4, 5))]


def _scores(sheet: Sheet, performance: Mapping[str, Any]) -> list[Flowable]:
    labels = number(performance.get("labels_scored"))
    if not labels:
        return []
    facts = [
        (title, _area(performance, key))
        for title, key in (("ROC AUC", "roc_auc"), ("PR AUC", "pr_auc"))
        if number(performance.get(key)) is not None
    ]
    facts += [
        ("Log loss, nats", score(performance.get("log_loss"))),
        ("Brier score", score(performance.get("brier"))),
        ("Calibration error", score(performance.get("ece"))),
        ("Labels scored", count(labels)),
    ]
    narrow = Sheet(sheet.metrics, sheet.verdict, sheet.history, sheet.face, sheet.half)
    diagram = reliability_diagram(sheet.face, performance.get("reliability"), width=sheet.half, height=150)
    return [*sheet.part("Scores", 190), _beside(sheet, narrow.facts(facts, 0.34), diagram)]


def _area(performance: Mapping[str, Any], key: str) -> str:
    span = _span(at(performance, "intervals", key))
    hidden = number(performance.get(f"{key}_error"))
    return f"{score(performance.get(key))} ({span}; bins hide {score(hidden)})"


def _estimates(sheet: Sheet, performance: Mapping[str, Any]) -> list[Flowable]:
    estimated = mapping(performance.get("estimated"))
    if not estimated:
        return []
    gap = mapping(estimated.get("gap"))
    rows: list[list[object]] = []
    for title, key in (
        ("Accuracy", "accuracy"),
        ("Precision", "precision"),
        ("Recall", "recall"),
        ("F1", "f1"),
        ("ROC AUC", "roc_auc"),
    ):
        rows.append([
            title, score(performance.get(key)), score(estimated.get(key)), _span(at(estimated, "intervals", key)),
            _signed(gap.get(key)),
        ])  # fmt: skip
    head = ("Score", "Realised", "Estimated", "95 % interval", "Gap, same rows")
    labels = count(gap.get("labels"))
    ends = [number(end) for end in entries(gap.get("interval"))]
    if gap.get("significant") is None or len(ends) != 2 or ends[1] is None:
        verdict = "No label of a prediction with a score has come, so whether the estimate holds is not known."
    elif gap.get("significant"):
        verdict = (
            f"The gap in accuracy over {labels} labels is beyond the {percent(ends[1])} that chance explains: data of "
            "this kind has other labels now (concept drift), or the probabilities are not calibrated."
        )
    else:
        verdict = f"The gap in accuracy over {labels} labels is within the {percent(ends[1])} that chance explains."
    return [
        *sheet.part("Estimated without labels"),
        sheet.table(head, rows, (0.28, 0.16, 0.16, 0.22, 0.18), right=(1, 2, 3, 4)),
        Spacer(0, 4),
        sheet.note(f"Estimates are of all {count(estimated.get('predictions'))} predictions with a score. {verdict}"),
    ]


def _errors(sheet: Sheet, regression: Mapping[str, Any]) -> list[Flowable]:
    if not regression:
        return []
    intervals = mapping(regression.get("intervals"))
    facts = [
        ("Mean absolute error", _number(regression.get("mae"), intervals.get("mae"))),
        ("Root mean squared error", _number(regression.get("rmse"))),
        ("Bias", _number(regression.get("bias"), intervals.get("bias"))),
        ("R2", score(regression.get("r2"))),
        ("MAPE", percent(regression.get("mape"))),
        ("Labels", count(regression.get("labels"))),
        ("Labels other than 0", count(regression.get("mape_labels"))),
    ]
    narrow = Sheet(sheet.metrics, sheet.verdict, sheet.history, sheet.face, sheet.half)
    chart = residual_chart(sheet.face, regression.get("residuals"), width=sheet.half, height=150)
    return [*sheet.part("Errors of numbers", 190), _beside(sheet, narrow.facts(facts, 0.46), chart)]


def _beside(sheet: Sheet, left: Flowable, right: Flowable) -> Flowable:
    return Table([[left, right]], colWidths=[sheet.half + GUTTER, sheet.half], style=BARE, hAlign="LEFT")


def _span(ends: Any) -> str:
    span = [number(end) for end in entries(ends)]
    return f"{score(span[0])} to {score(span[1])}" if len(span) == 2 and None not in span else NO_DATA


def _signed(value: Any) -> str:
    found = number(value)
    return NO_DATA if found is None else f"{found:+.3f}"


def _number(value: Any, ends: Any = None) -> str:
    found, span = number(value), [number(end) for end in entries(ends)]
    if found is None:
        return NO_DATA
    shown = f"{found:.4g}"
    return f"{shown} ({span[0]:.4g} to {span[1]:.4g})" if len(span) == 2 and None not in span else shown
