"""What a report says in words; the same in every form."""

from __future__ import annotations

from collections.abc import Sequence

from ml_models.collectors.data import ALPHA
from ml_models.comparison.report import DriftReport, FeatureDrift
from ml_models.stats.significance import PVALUES

#: Stands where a value is undefined.
UNDEFINED = "n/a"


def number(value: float | None) -> str:
    """Return a score with three decimals.

    Examples
    --------
    >>> number(0.12345), number(None), number(12345.6)
    ('0.123', 'n/a', '12345.600')
    """
    return UNDEFINED if value is None else f"{value:.3f}"


def pvalue(value: float | None) -> str:
    """Return a p-value; a very small one as what it is below.

    Examples
    --------
    >>> pvalue(0.04312), pvalue(3e-9), pvalue(1.0), pvalue(None)
    ('0.043', '< 0.001', '1.000', 'n/a')
    """
    return "< 0.001" if value is not None and value < 0.001 else number(value)


def percent(value: float | None) -> str:
    """Return a share as percentage; one that is not 0 does not look like 0.

    Examples
    --------
    >>> percent(0.0331), percent(0.0), percent(0.00001), percent(1.0), percent(None)
    ('3.3 %', '0 %', '< 0.1 %', '100 %', 'n/a')
    """
    if value is None:
        return UNDEFINED
    if 0 < value < 0.001:
        return "< 0.1 %"
    return f"{value:.0%}".replace("%", " %") if value in {0.0, 1.0} else f"{value * 100:.1f} %"


def printable(value: str) -> str:
    r"""Return text without control characters, which could move a terminal's cursor: a name may hold anything.

    Examples
    --------
    >>> print(printable("age\x1b[2J\n"))
    age\x1b[2J\n
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in value)


def some(names: Sequence[str], most: int = 5) -> str:
    """Return names as a list that stays short.

    Examples
    --------
    >>> some(["a", "b"]), some(["a", "b", "c"], most=2)
    ('a, b', 'a, b and 1 more')
    """
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def headline(report: DriftReport) -> str:
    """Return the verdict as one sentence."""
    features = [feature for feature in report.features if feature.role == "feature"]
    judged = [feature for feature in features if feature.drifted is not None]
    drifted = sum(feature.drifted is True for feature in judged)
    if not features:
        return "Not judged: the reference has no features."
    if report.rows == 0:
        return "Not judged: there are no live rows."
    if not judged:
        return f"Not judged: none of {_features(len(features))} could be judged."
    left = f"; {len(features) - len(judged)} not judged" if len(judged) < len(features) else ""
    if not drifted:
        return f"No drift in {_features(len(judged))}{left}."
    share = f" ({percent(report.drift_share)})" if len(judged) > 1 else ""
    allowed = ""
    if report.verdict == "no drift":
        allowed = f", which is within the {percent(report.max_drift_share)} allowed"
    verb = "has" if drifted == 1 else "have"
    return f"{drifted} of {_features(len(judged))} {verb} drifted{share}{allowed}{left}."


def _features(count: int) -> str:
    return f"{count} feature" + ("" if count == 1 else "s")


def sizes(report: DriftReport) -> str:
    """Return what was compared with what."""
    beyond = f"an adjusted p-value of at most {ALPHA:g}" if report.method in PVALUES else "above noise"
    return (
        f"{report.rows:,} live rows against {report.reference_rows:,} of reference {report.reference}; "
        f"{report.method} above {report.thresholds['drift_warning_max']:g} and {beyond} is drift."
    )


def quality(report: DriftReport) -> str:
    """Return the quality of the live data and its parts."""
    if report.quality_score is None:
        return "Quality not judged."
    limit = report.thresholds["quality_min"]
    side = "at or above" if report.quality_ok else "below"
    parts = ", ".join(f"{name} {number(value)}" for name, value in report.quality.items())
    return f"Quality {number(report.quality_score)}, {side} {limit:g}: {parts}."


def notes(report: DriftReport) -> list[str]:
    """Return what else is to be known: other roles, faults of schema, columns left out."""
    lines = [
        f"The {feature.role}, column {feature.name}, has drifted."
        for feature in report.features
        if feature.role != "feature" and feature.drifted
    ]
    if report.uncompared_rows:
        lines.append(
            f"The last {report.uncompared_rows:,} rows were not compared for uniqueness: too many distinct ones before."
        )
    joint = report.multivariate
    if joint is not None and joint.pair is not None and joint.correlation_change is not None:
        verdict = {True: "has drifted", False: "has not drifted", None: "was not judged"}[joint.drifted]
        lines.append(
            f"How numeric features go together {verdict}: the correlation of {joint.pair[0]} and {joint.pair[1]} "
            f"changed most, from {joint.before:.2f} to {joint.after:.2f} (p {pvalue(joint.correlation_pvalue)}); "
            f"Frechet distance {number(joint.frechet)} (p {pvalue(joint.frechet_pvalue)})"
            + (f"; {joint.incomplete:,} incomplete rows left out." if joint.incomplete else ".")
        )
    if report.missing_columns:
        lines.append(f"Missing columns: {some(report.missing_columns)}.")
    if report.unexpected_columns:
        lines.append(f"Unexpected columns: {some(report.unexpected_columns)}.")
    if report.skipped:
        lines.append(
            f"Left out of the reference: {some([f'{name} ({reason})' for name, reason in report.skipped], 3)}."
        )
    return lines


def verdict(feature: FeatureDrift) -> str:
    """Return the verdict on one column in a word or two."""
    if feature.drifted is None:
        return "not judged"
    if not feature.drifted:
        return "ok"
    return "strong drift" if feature.strong else "drift"


def explanation(feature: FeatureDrift) -> str:
    """Return why it was not judged, or what changed most in a column that drifted."""
    change = feature.largest_change
    if feature.reason or not feature.drifted or change is None:
        return feature.reason
    name, before, after = change
    return f"{_bin(name)}: {percent(before)} before, {percent(after)} now"


def _bin(name: str) -> str:
    return {"__other__": "rarer categories", "__unseen__": "new categories"}.get(name, name)


def change_titles(feature: FeatureDrift) -> list[str]:
    """Return per bin what it holds and its shares."""
    count = len(feature.distribution.bins)
    reference = feature.distribution.reference or (None,) * count
    live = feature.distribution.live or (None,) * count
    return [
        f"{_bin(name)}: reference {percent(before)}, live {percent(after)}"
        for name, before, after in zip(feature.distribution.bins, reference, live, strict=True)
    ]


def shown(report: DriftReport, top: int) -> tuple[tuple[FeatureDrift, ...], str]:
    """Return the columns to show, and a sentence on those left out; ``top`` of 0 shows all."""
    ranked = report.ranked
    rest = ranked[top:] if top > 0 else ()
    if not rest:
        return ranked, ""
    counts = {word: sum(feature.drifted is state for feature in rest)
              for word, state in (("drifted", True), ("not judged", None), ("without drift", False))}  # fmt: skip
    parts = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return ranked[:top], f"{len(rest)} more columns: {parts}."
