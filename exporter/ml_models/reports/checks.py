"""The checks: each value of the metrics against its threshold, *breached*, *ok* or *not judged*."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ml_models.reports.formats import count, pair, score
from ml_models.reports.model import at, entries, mapping, number, watches_data

Status = Literal["breached", "ok", "not judged"]
Severity = Literal["critical", "warning"]


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison of a value with its threshold.

    Parameters
    ----------
    what : str
        In words, e.g. ``"Accuracy"`` or ``"Drift of temp"``.
    area : str
        performance, serving, drift, quality, system, health, freshness or files.
    signal : str
        Name in :data:`ml_models.catalog.SIGNALS` of the threshold; empty for a health check.
    subject : str
        The feature or health check that is meant; else empty.
    value, threshold : float or None
        In base units.
    unit : str
        A name that :func:`ml_models.reports.formats.quantity` knows.
    status : {'breached', 'ok', 'not judged'}
    severity : {'critical', 'warning'} or None
        Of a breach; None if there is none.
    reason : str
        Why it is breached or not judged; may be empty for ok.
    action : str
        What to do next; empty if nothing is to be done.
    suspect : bool
        The value is on the wrong side of its threshold, but was not judged for want of data.
    """

    what: str
    area: str
    signal: str
    subject: str
    value: float | None
    threshold: float | None
    unit: str
    status: Status
    severity: Severity | None = None
    reason: str = ""
    action: str = ""
    suspect: bool = False


@dataclass(frozen=True, slots=True)
class _Limit:
    """How one signal of the catalog is checked."""

    signal: str
    what: str
    area: str
    path: tuple[str, ...]
    unit: str
    severity: Severity
    action: str
    interval: str = ""  # key under performance.intervals


_RETRAIN = "Compare with the drifted features and with the labels' own distribution; then retrain or roll back."
_LIMITS = (
    _Limit(
        "accuracy_min", "Accuracy", "performance", ("performance", "accuracy"), "score", "critical",
        _RETRAIN, "accuracy",
    ),
    _Limit(
        "precision_min", "Precision", "performance", ("performance", "precision"), "score", "critical",
        "See the confusion matrix for false positives; raise the decision threshold or retrain.", "precision",
    ),
    _Limit(
        "recall_min", "Recall", "performance", ("performance", "recall"), "score", "critical",
        "See the confusion matrix for missed cases; lower the decision threshold or retrain.", "recall",
    ),
    _Limit("f1_min", "F1", "performance", ("performance", "f1"), "score", "critical", _RETRAIN, "f1"),
    _Limit(
        "latency_seconds_max", "Latency, 95th percentile", "serving", ("performance", "latency_seconds", "p95"),
        "seconds", "warning", "Look at CPU, memory and batch sizes of the same time; add replicas or a faster model.",
    ),
    _Limit(
        "error_ratio_max", "Failed calls", "serving", ("performance", "error_ratio"), "share", "critical",
        "Start with the most frequent exception in the section on errors.",
    ),
    _Limit(
        "quality_min", "Data quality", "quality", ("data", "quality_score"), "score", "warning",
        "Find the lowest dimension and its features in the section on quality; repair the source.",
    ),
    _Limit(
        "cpu_ratio_max", "CPU in use", "system", ("system", "cpu_ratio"), "share", "warning",
        "Add replicas or raise the CPU limit.",
    ),
    _Limit(
        "memory_ratio_max", "Memory in use", "system", ("system", "memory_ratio"), "share", "warning",
        "Raise the memory limit, or look for a leak if memory only grows.",
    ),
    _Limit(
        "disk_ratio_max", "Disk in use", "system", ("system", "disk_ratio"), "share", "warning",
        "Free or add disk space.",
    ),
)  # fmt: skip

#: What is checked of watched data.
_WATCHED = (
    *(limit for limit in _LIMITS if limit.area == "quality"),
    _Limit(
        "data_age_seconds_max", "Age of the newest data", "freshness", ("freshness", "age_seconds"), "seconds",
        "warning", "See whether readings succeed, then look at the job that writes the data.",
    ),
    _Limit(
        "rejected_files_max", "Files set aside", "files", ("files", "rejected_files"), "count", "warning",
        "Read the reasons in the section on watched data; write the files again or move them away.",
    ),
)  # fmt: skip

_DRIFT_CRITICAL = "Confirm the change at its source; retrain on recent data or stop relying on this feature."
_DRIFT_WARNING = "Watch it; check the source and whether performance moved with it."


def beyond(value: float | None, threshold: float | None, signal: str) -> bool:
    """Return whether a value is on the wrong side of the threshold of a ``..._min`` or ``..._max`` signal.

    Examples
    --------
    >>> beyond(0.724, 0.75, "accuracy_min"), beyond(0.2, 0.25, "drift_critical_max"), beyond(None, 1, "f1_min")
    (True, False, False)
    """
    if value is None or threshold is None:
        return False
    return value < threshold if signal.endswith("_min") else value > threshold


def all_checks(metrics: Mapping[str, Any]) -> tuple[Check, ...]:
    """Return every check on the metrics, in the order performance, serving, quality, system, drift, health."""
    return (*_limit_checks(metrics), *_drift_checks(metrics), *_health_checks(metrics))


def _limit_checks(metrics: Mapping[str, Any]) -> Iterator[Check]:
    thresholds = mapping(metrics.get("thresholds"))
    labels = number(at(metrics, "performance", "labels")) or 0.0
    labels_min = number(thresholds.get("labels_min")) or 0.0
    for limit in _WATCHED if watches_data(metrics) else _LIMITS:
        value, threshold = number(at(metrics, *limit.path)), number(thresholds.get(limit.signal))
        status: Status = "not judged"
        severity: Severity | None = None
        reason = action = ""
        suspect = False
        few_labels = limit.area == "performance" and labels < labels_min
        if threshold is None:
            reason = "no threshold is set"
        elif value is None:
            reason = f"{count(labels)} of {count(labels_min)} labels needed" if few_labels else "no data in the window"
            action = "Record outcomes, or widen the window." if limit.area == "performance" else ""
        elif few_labels:
            reason = f"{count(labels)} of {count(labels_min)} labels needed"
            action, suspect = "Record outcomes, or widen the window.", beyond(value, threshold, limit.signal)
        elif beyond(value, threshold, limit.signal):
            status, severity, action = "breached", limit.severity, limit.action
            reason = _breach_reason(metrics, limit, value, threshold)
        else:
            status = "ok"
        yield Check(
            limit.what,
            limit.area,
            limit.signal,
            "",
            value,
            threshold,
            limit.unit,
            status,
            severity,
            reason,
            action,
            suspect,
        )


def _breach_reason(metrics: Mapping[str, Any], limit: _Limit, value: float, threshold: float) -> str:
    shown, bound = pair(value, threshold, limit.unit)
    side = "below" if limit.signal.endswith("_min") else "above"
    ends = [number(end) for end in entries(at(metrics, "performance", "intervals", limit.interval))]
    between = ""
    if len(ends) == 2 and ends[0] is not None and ends[1] is not None:
        between = f" (95 % interval {score(ends[0])} to {score(ends[1])}"
        between += (
            ", which reaches the threshold)"
            if beyond(value, threshold, limit.signal) and ends[0] <= threshold <= ends[1]
            else ")"
        )
    return f"{limit.what} is {shown}{between}, {side} its threshold of {bound}."


def _drift_checks(metrics: Mapping[str, Any]) -> Iterator[Check]:
    thresholds = mapping(metrics.get("thresholds"))
    for name, feature in mapping(at(metrics, "data", "features")).items():
        yield drift_check(str(name), mapping(feature), thresholds)


def drift_check(name: str, feature: Mapping[str, Any], thresholds: Mapping[str, Any]) -> Check:
    """Judge one feature: PSI over its threshold *and* over what noise alone reaches, on enough values.

    Parameters
    ----------
    name : str
        Of the feature.
    feature : mapping
        ``drift``, ``drifted``, ``noise`` and ``samples`` as in ``get_metrics()``.
    thresholds : mapping
        May hold ``drift_warning_max``, ``drift_critical_max`` and ``samples_min``.

    Examples
    --------
    >>> limits = {"drift_warning_max": 0.1, "drift_critical_max": 0.25, "samples_min": 200}
    >>> drift_check("temp", {"drift": {"psi": 8.0}, "noise": 0.01, "samples": 9000}, limits).severity
    'critical'
    >>> drift_check("temp", {"drift": {"psi": 0.3}, "noise": 0.5, "samples": 210}, limits).status
    'ok'
    """
    warning, critical = number(thresholds.get("drift_warning_max")), number(thresholds.get("drift_critical_max"))
    psi, noise = number(at(feature, "drift", "psi")), number(feature.get("noise"))
    samples, samples_min = number(feature.get("samples")) or 0.0, number(thresholds.get("samples_min")) or 0.0
    above_critical = beyond(psi, critical, "drift_critical_max")
    above = above_critical or beyond(psi, warning, "drift_warning_max")
    in_noise = psi is not None and noise is not None and psi <= noise
    signal, threshold = (
        ("drift_critical_max", critical) if above_critical or warning is None else ("drift_warning_max", warning)
    )

    status: Status = "not judged"
    severity: Severity | None = None
    action = ""
    suspect = False
    if samples < samples_min and (psi is None or feature.get("drifted") is not True):
        reason = f"{count(samples)} of {count(samples_min)} values needed"
        suspect = above and not in_noise
    elif feature.get("drifted") is True and not (above and not in_noise):
        status, severity, action = "breached", "warning", _DRIFT_WARNING
        reason = f"{name} has drifted by the configured method (PSI {score(psi)})."
    elif psi is None:
        reason = "no values in the window" if samples == 0 else "no score"
    elif threshold is None:
        reason = "no threshold is set"
    elif above and not in_noise:
        status, severity = "breached", "critical" if above_critical else "warning"
        action = _DRIFT_CRITICAL if above_critical else _DRIFT_WARNING
        alone = f"; noise alone reaches {score(noise)} at {count(samples)} values" if noise is not None else ""
        shown, bound = pair(psi, threshold, "score")
        reason = f"{name} has drifted: PSI {shown}, above {bound}{alone}."
    else:
        status = "ok"
        reason = f"within noise, which alone reaches {score(noise)}" if above else ""
    return Check(
        f"Drift of {name}", "drift", signal, name, psi, threshold, "score", status, severity, reason, action, suspect
    )


def _health_checks(metrics: Mapping[str, Any]) -> Iterator[Check]:
    for name, result in mapping(at(metrics, "system", "health")).items():
        up, error = at(result, "up"), at(result, "error")
        what = f"Health of {name}"
        if up is False:
            why = f": {error}" if error else ""
            yield Check(
                what, "health", "", str(name), 0.0, None, "state", "breached", "critical",
                f"Health check {name} is down{why}.", "Repair what the check names; see the section on health.",
            )  # fmt: skip
        elif up is True:
            yield Check(what, "health", "", str(name), 1.0, None, "state", "ok")
        else:
            yield Check(what, "health", "", str(name), None, None, "state", "not judged", reason="it has not run yet")
