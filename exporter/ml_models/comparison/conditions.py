"""Conditions under which a pipeline is to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ml_models.comparison import sentences
from ml_models.comparison.report import DriftReport
from ml_models.errors import ConfigError
from ml_models.profile.reference import Role


def _drift(report: DriftReport) -> str:
    drifted = [feature.name for feature in report.ranked if feature.drifted and feature.role == "feature"]
    return f"{sentences.some(drifted)} drifted" if report.verdict == "drift" else ""


def _role(role: Role) -> Callable[[DriftReport], str]:
    def drifted(report: DriftReport) -> str:
        return f"the {role} drifted" if report.judged(role) else ""

    return drifted


def _quality(report: DriftReport) -> str:
    limit = report.thresholds["quality_min"]
    return f"{sentences.number(report.quality_score)} is below {limit:g}" if report.quality_ok is False else ""


def _schema(report: DriftReport) -> str:
    faults = (("missing", report.missing_columns), ("unexpected", report.unexpected_columns))
    return "; ".join(f"{word} {sentences.some(names)}" for word, names in faults if names)


def _correlation(report: DriftReport) -> str:
    joint = report.multivariate
    return f"that of {' and '.join(joint.pair)} changed" if joint is not None and joint.pair and joint.drifted else ""


def _unjudged(report: DriftReport) -> str:
    if report.rows == 0:
        return "there are no live rows"
    names = [feature.name for feature in report.features if feature.drifted is None]
    return f"{sentences.some(names)} could not be judged" if names else ""


#: By name, what says why a condition holds; it is empty where the condition does not hold.
CONDITIONS: dict[str, Callable[[DriftReport], str]] = {
    "drift": _drift,
    "prediction": _role("prediction"),
    "label": _role("label"),
    "quality": _quality,
    "schema": _schema,
    "correlation": _correlation,
    "unjudged": _unjudged,
}


def holding(report: DriftReport, names: Iterable[str]) -> dict[str, str]:
    """Return which conditions hold for a report, and why.

    Parameters
    ----------
    report : DriftReport
    names : iterable of str
        Keys of :data:`CONDITIONS`.

    Raises
    ------
    ConfigError
        If a condition is unknown, or could never hold because the reference has no such column.

    Examples
    --------
    >>> from ml_models import compare
    >>> holding(compare({"x": [1.0] * 500}, {"x": [2.0] * 500}), ["drift", "schema"])
    {'drift': 'x drifted'}
    """
    names = list(dict.fromkeys(names))
    roles = {feature.role for feature in report.features}
    faults = [f"unknown {name!r}; choose from {', '.join(CONDITIONS)}" for name in names if name not in CONDITIONS]
    if "correlation" in names and report.multivariate is None:
        faults.append("correlation: the reference does not hold how its features go together; add --multivariate")
    faults += [
        f"{name}: the reference has no {name} column; make it with --{name} COLUMN"
        for name in names
        if name in {"prediction", "label"} and name not in roles
    ]
    if faults:
        raise ConfigError("fail-on", faults)
    found = {name: CONDITIONS[name](report) for name in names}
    return {name: why for name, why in found.items() if why}
