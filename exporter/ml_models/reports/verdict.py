"""The verdict on a model: every check against its threshold, as a pure function of the metrics.

A check is *breached*, *ok* or *not judged*, the last with the reason. The overall level is

- ``CRITICAL`` if a critical check is breached,
- ``ATTENTION`` if any other check is breached,
- ``NOT ENOUGH DATA`` if nothing about the model's work could be judged, or if a value is on the wrong side of its
  threshold but rests on too few values to be judged,
- ``OK`` otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ml_models.reports.checks import Check, all_checks
from ml_models.reports.formats import count, score
from ml_models.reports.model import at, mapping, number, total, watches_data

Level = Literal["OK", "ATTENTION", "CRITICAL", "NOT ENOUGH DATA"]

#: Areas whose checks say something about the model's work, and not only about the machine under it.
MODEL_AREAS = frozenset({"performance", "serving", "drift", "quality"})

#: So many drifted features are named in a reason; the checks have them all.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """The overall level, why, every check, and what limits the meaning of the scores."""

    level: Level
    headline: str
    reasons: tuple[str, ...]
    caveats: tuple[str, ...]
    checks: tuple[Check, ...]


def verdict(metrics: Mapping[str, Any]) -> Verdict:
    """Judge the metrics by the thresholds that they carry.

    Parameters
    ----------
    metrics : mapping
        As from ``ModelMonitor.get_metrics()``. Whatever is missing or None in it is *not judged*.

    Returns
    -------
    Verdict
        Checks in the order performance, serving, quality, system, drift by feature, health.

    Examples
    --------
    >>> found = verdict({"thresholds": {"accuracy_min": 0.75}, "performance": {"accuracy": 0.724, "labels": 28000}})
    >>> found.level, found.reasons
    ('CRITICAL', ('Accuracy is 0.724, below its threshold of 0.750.',))
    """
    metrics = mapping(metrics)
    checks = all_checks(metrics)
    breached = sorted((c for c in checks if c.status == "breached"), key=lambda c: c.severity != "critical")
    critical = sum(check.severity == "critical" for check in breached)
    suspects = [check for check in checks if check.suspect]
    judged = sum(check.status != "not judged" for check in checks)
    level: Level
    reasons = tuple(_reasons(breached))
    if breached:
        level = "CRITICAL" if critical else "ATTENTION"
        warnings = len(breached) - critical
        parts = [f"{critical} critical"] if critical else []
        parts += [f"{warnings} {'warning' if warnings == 1 else 'warnings'}"] if warnings else []
        headline = f"{' and '.join(parts)} among {judged} judged {'check' if judged == 1 else 'checks'}"
    elif suspects or not any(c.status == "ok" and c.area in MODEL_AREAS for c in checks):
        level, headline = "NOT ENOUGH DATA", "No threshold is known to be breached, but too little could be judged"
        reasons = tuple(f"{check.what}: {check.reason}." for check in suspects) or (_why_nothing(metrics, checks),)
    else:
        level, headline = "OK", f"Every judged check is within its threshold ({judged} judged)"
        reasons = ("No threshold is breached.",)
    return Verdict(level, headline, reasons, tuple(_caveats(metrics, checks)), checks)


def _reasons(breached: list[Check]) -> Iterator[str]:
    """Say every breach, critical ones first; several drifted features in one sentence."""
    for severity in ("critical", "warning"):
        yield from (check.reason for check in breached if check.severity == severity and check.area != "drift")
        drifted = [check for check in breached if check.severity == severity and check.area == "drift"]
        drifted.sort(key=lambda check: -(check.value or 0.0))
        if len(drifted) == 1:
            yield drifted[0].reason
        elif drifted:
            named = ", ".join(f"{check.subject} (PSI {score(check.value)})" for check in drifted[:_NAMED])
            more = f" and {len(drifted) - _NAMED} more" if len(drifted) > _NAMED else ""
            yield f"{len(drifted)} features have drifted ({severity}): {named}{more}."


def _why_nothing(metrics: Mapping[str, Any], checks: tuple[Check, ...]) -> str:
    if not number(at(metrics, "performance", "predictions")) and not number(at(metrics, "data", "rows")):
        return f"There were no {'rows' if watches_data(metrics) else 'predictions'} in the window."
    areas = "drift or quality" if watches_data(metrics) else "performance, serving, drift or quality"
    if all(check.threshold is None for check in checks if check.area in MODEL_AREAS):
        return f"No threshold is set for {areas}."
    return f"No check of {areas} had enough data in the window."


def _caveats(metrics: Mapping[str, Any], checks: tuple[Check, ...]) -> Iterator[str]:
    starved = [c for c in checks if c.status == "not judged" and c.threshold is not None and c.area != "drift"]
    if starved:
        yield "Not judged: " + "; ".join(f"{check.what.lower()} ({check.reason})" for check in starved) + "."
    features = [c for c in checks if c.status == "not judged" and c.area == "drift"]
    if features:
        yield f"Drift is not judged for {len(features)} of {sum(c.area == 'drift' for c in checks)} features."
    unset = [c.what for c in checks if c.threshold is None and c.area not in {"drift", "health"}]
    if unset:
        yield "No threshold is set for: " + ", ".join(unset) + "."
    dropped = total(at(metrics, "monitor", "dropped_rows"))
    if dropped:
        yield f"{count(dropped)} served rows were not tallied, as the buffer was full; the scores leave them out."
    failures = total(at(metrics, "monitor", "hook_failures"))
    if failures:
        yield f"Monitoring itself failed {count(failures)} times; counts of those calls may be missing."
    late, undated = number(at(metrics, "rows", "late")), number(at(metrics, "rows", "undated"))
    if late or undated:
        yield f"{count(late)} late rows and {count(undated)} without a time are counted, but are in no window."
    if at(metrics, "model", "reference_learnt") is True:
        rows = count(at(metrics, "model", "reference_rows"))
        yield f"The reference was learnt from the first {rows} rows; nobody has said that these were good."
    fault = at(metrics, "runs", "last_error")
    if fault:
        yield f"The last reading failed: {fault}."
