"""The comparison itself: live data are counted once, batch by batch, and scored against the reference."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ml_models import spark
from ml_models.catalog import SIGNALS
from ml_models.collectors.data import DEFAULT_THRESHOLDS, DataCollector
from ml_models.collectors.description import described
from ml_models.comparison.report import Distribution, DriftReport, FeatureDrift, MultivariateDrift, Verdict
from ml_models.errors import ConfigError, DataError
from ml_models.profile.counting import TableCounter
from ml_models.profile.duplicates import Duplicates
from ml_models.profile.ingest import columns
from ml_models.profile.reference import FeatureProfile, Kind, ReferenceProfile
from ml_models.profile.sources import Progress, Source
from ml_models.profile.tally import EXAMINED, FAULTS, MISSING, ROWS, Layout, Tally
from ml_models.stats.drift import METHODS
from ml_models.stats.quality import Quality, uniqueness

#: Thresholds of a comparison, by signal of the catalog.
THRESHOLDS: Mapping[str, float] = {
    **{name: DEFAULT_THRESHOLDS[name] for name in ("drift_warning_max", "drift_critical_max", "samples_min")},
    "quality_min": 0.9,
}

#: Stands for columns of which a tally counted rows and kept no name.
UNNAMED = "(not named in a tally)"


def compare(
    reference: Any,
    live: Any,
    *,
    thresholds: Mapping[str, float] | None = None,
    method: str = "psi",
    max_drift_share: float = 0.0,
    prediction: str | None = None,
    label: str | None = None,
    kinds: Mapping[str, Kind] | None = None,
    ignore: Collection[str] = (),
    allowed: Mapping[str, Mapping[str, Any]] | None = None,
    multivariate: bool = False,
    unique: bool = False,
    progress: Progress | None = None,
) -> DriftReport:
    """Compare live data with a reference and say what has drifted.

    Memory does not grow with the live rows: they are counted batch by batch in the bins of the reference.

    Parameters
    ----------
    reference : ReferenceProfile, path or data
        A profile, the path of one (``.json``), or data in any form that ``live`` may have, which a profile is then
        made of.
    live : path, URL, data or Tally
        Whatever :func:`ml_models.profile.sources.batches` reads: files, folders, patterns, frames, tables, dicts of
        columns, lists of dicts, queries, iterators of these. Arrays have the features of the reference as columns.
        Also a Spark data frame, which is counted where it lies, and a tally that was counted with the profile.
    thresholds : mapping, optional
        By signal: ``drift_warning_max`` (0.1; scores above it are drift), ``drift_critical_max`` (0.25; PSI above it
        is strong drift), ``samples_min`` (200; fewer values are not judged) and ``quality_min`` (0.9).
    method : str
        Whose score is judged, a key of :data:`ml_models.stats.drift.METHODS`.
    max_drift_share : float
        Share of drifted features above which the data set has drifted, in [0, 1). By default one feature is enough.
    prediction, label, kinds
        As :meth:`ReferenceProfile.fit` takes them; only where ``reference`` is data.
    ignore : collection of str
        Columns to leave out on both sides, such as row ids.
    allowed : mapping, optional
        Valid values by column, as :meth:`ReferenceProfile.allowing` takes them.
    multivariate : bool
        Compare how the numeric features go together, too. Not needed with a profile that was made with it.
    unique : bool
        Look for rows that repeat an earlier one, and count uniqueness as a dimension of the quality.
    progress : callable, optional
        Told of the rows read so far and of those in all, None where nothing tells them, after each batch; first of
        the reference, if that is data, then of the live data.

    Returns
    -------
    DriftReport

    Raises
    ------
    ConfigError
        If a threshold or the method is unknown or impossible.
    ProfileError, DataError
        If the reference or the live data cannot be read.

    Examples
    --------
    >>> before = {"age": [float(i % 50) for i in range(1000)], "city": ["a", "b"] * 500}
    >>> after = {"age": [float(i % 50) + 20 for i in range(1000)], "city": ["a", "b"] * 500}
    >>> report = compare(before, after)
    >>> report.verdict, report.drifted, report.drift_share
    ('drift', ('age',), 0.5)
    """
    limits = _limits(thresholds or {}, method, max_drift_share)
    profile = _profile(reference, prediction, label, kinds, ignore, progress, multivariate=multivariate)
    profile = profile.allowing({name: values for name, values in (allowed or {}).items() if name not in ignore})
    layout = Layout.of(profile, multivariate=True)
    counted = _counted(live, profile, layout, ignore, progress, unique=unique)
    repeated, rows = counted.repeated, int(counted.tally.schema[EXAMINED])
    drift, share, quality, joint = _scores(
        layout,
        counted.tally,
        limits,
        method,
        uniqueness(repeated.rows, repeated.count) if repeated is not None else None,
    )
    features = tuple(
        _feature(feature, facts, limits, method, rows, known=feature.name in counted.found)
        for feature, facts in zip(profile.features, drift, strict=True)
    )
    verdict: Verdict = "not judged" if share is None else "drift" if share > max_drift_share else "no drift"
    return DriftReport(
        verdict=verdict,
        drift_share=share,
        max_drift_share=float(max_drift_share),
        method=method,
        thresholds=limits,
        rows=rows,
        reference_rows=profile.rows,
        reference=profile.fingerprint,
        quality_score=quality.score,
        quality=quality.dimensions,
        missing_columns=tuple(name for name in (*profile.names, UNNAMED) if name in counted.missing),
        unexpected_columns=tuple(sorted(counted.unexpected)),
        skipped=profile.skipped,
        features=features,
        multivariate=joint,
        uncompared_rows=repeated.left_out if repeated is not None else 0,
    )


@dataclass(slots=True)
class _Counted:
    """Live data as counts, the names of their columns (found, missing, unexpected), and repeated rows if asked for."""

    tally: Tally
    found: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    unexpected: set[str] = field(default_factory=set)
    repeated: Duplicates | None = None


def _counted(
    live: Any,
    profile: ReferenceProfile,
    layout: Layout,
    ignore: Collection[str],
    progress: Progress | None,
    *,
    unique: bool,
) -> _Counted:
    if unique and (isinstance(live, Tally) or hasattr(live, "mapInArrow")):
        raise ConfigError(
            "compare",
            [
                "unique: rows are compared where all of them pass by, which those of a tally or a Spark frame do not; "
                "leave it out, and count them there, on Spark as df.count() - df.distinct().count()"
            ],
        )
    counter = TableCounter(layout, {*ignore, *(name for name, _ in profile.skipped)})
    others = {f.name: layout.index[f.role, f.name] for f in profile.features if f.role != "feature"}
    if isinstance(live, Tally):
        return _of_tally(live, layout)
    if hasattr(live, "mapInArrow"):
        counted = _Counted(spark.tally(live, profile, ignore=ignore), set(live.columns))
        counted.missing, counted.unexpected = counter.faults(live.columns, others)
        return counted
    counted = _Counted(Tally(layout), repeated=Duplicates() if unique else None)
    for table in Source(_named(live, profile.names)).tables(progress):
        counter.add(counted.tally, table, others)
        if counted.repeated is not None:
            known = {name: column for name, column in table.by_name.items() if name not in ignore}
            counted.repeated.add(known, table.rows)
        absent, strange = counter.faults(table.by_name, others)
        counted.missing |= absent
        counted.unexpected |= strange
        for name, row in others.items():
            if name in table.by_name:
                counted.tally.add_column(row, table.by_name[name])
        counted.found.update(table.by_name)
    return counted


def _of_tally(tally: Tally, layout: Layout) -> _Counted:
    """Return counts that somebody else made; a tally tells columns of which no cell was there, and no other names."""
    if tally.layout.fingerprint != layout.fingerprint:
        raise DataError(
            "live: a tally of another reference; give the profile that it was counted with, and count again to leave "
            "columns out or to allow other values"
        )
    cells, (lacking, strange) = tally.cells, tally.schema[: len(FAULTS)] > 0
    there = {
        f.name
        for f, rows, missing in zip(layout.features, cells[:, ROWS], cells[:, MISSING], strict=True)
        if rows > (missing if lacking and f.role == "feature" else 0)
    }
    absent = {f.name for f in layout.features if f.role == "feature"} - there
    return _Counted(tally, there, (absent or {UNNAMED}) if lacking else set(), {UNNAMED} if strange else set())


def _limits(given: Mapping[str, float], method: str, max_drift_share: float) -> dict[str, float]:
    faults = [
        f"thresholds: unknown {name!r}; choose from {', '.join(THRESHOLDS)}" for name in given if name not in THRESHOLDS
    ]
    faults += [
        f"thresholds.{name}: found {value!r}; give a number of 0 or more. {SIGNALS[name]}"
        for name, value in given.items()
        if name in THRESHOLDS and not _is_size(value)
    ]
    if method not in METHODS:
        faults.append(f"method: unknown {method!r}; choose from {', '.join(METHODS)}")
    if not _is_size(max_drift_share) or max_drift_share >= 1:
        faults.append(f"max_drift_share: found {max_drift_share!r}; give a share of at least 0 and below 1")
    if faults:
        raise ConfigError("compare", faults)
    return {name: float(given.get(name, default)) for name, default in THRESHOLDS.items()}


def _is_size(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _profile(
    reference: Any,
    prediction: str | None,
    label: str | None,
    kinds: Mapping[str, Kind] | None,
    ignore: Collection[str],
    progress: Progress | None,
    *,
    multivariate: bool,
) -> ReferenceProfile:
    made: ReferenceProfile | None = None
    if isinstance(reference, ReferenceProfile):
        made = reference
    elif isinstance(reference, str | Path) and Path(reference).suffix.lower() == ".json":
        made = ReferenceProfile.load(reference)
    given = (("prediction", prediction), ("label", label), ("kinds", kinds))
    settled = [name for name, value in given if value]
    settled += ["multivariate"] if multivariate and made is not None and made.together is None else []
    if made is not None and settled:
        raise ConfigError(
            "compare",
            [
                f"{name}: given together with a reference profile, which has settled it; leave it out, or give the "
                "reference's data instead"
                for name in settled
            ],
        )
    if made is None and hasattr(reference, "mapInArrow"):
        made = spark.profile(reference, prediction=prediction, label=label, kinds=kinds, multivariate=multivariate)
    if made is None:
        # What is ignored is left out below: only there may a side lack it.
        made = ReferenceProfile.fit(
            reference, prediction=prediction, label=label, kinds=kinds, multivariate=multivariate, progress=progress
        )
    if made.together is not None and not set(made.together.names).isdisjoint(ignore):
        made = replace(made, together=made.together.without(ignore))
    kept = tuple(feature for feature in made.features if feature.name not in ignore)
    skipped = tuple((name, reason) for name, reason in made.skipped if name not in ignore)
    return made if len(kept) == len(made.features) else replace(made, features=kept, skipped=skipped)


def _named(live: Any, names: Sequence[str]) -> Any:
    """Return data whose columns have names: those of arrays and lists are the reference's, in its order."""
    if isinstance(live, np.ndarray):
        return columns(live, names)
    if isinstance(live, list | tuple) and live and not all(isinstance(one, str | Path | Mapping) for one in live):
        return columns(live, names)
    return (_named(one, names) for one in live) if isinstance(live, Iterator) else live


def _scores(
    layout: Layout, tally: Tally, limits: Mapping[str, float], method: str, unique: float | None
) -> tuple[list[dict[str, Any]], float | None, Quality, MultivariateDrift | None]:
    if not layout.features:  # no bins at all, over which a score is not defined
        return [], None, Quality(None, {"completeness": None, "validity": None, "schema": None}), None
    collector = DataCollector("", layout, limits, method, methods=tuple(METHODS))
    drift = collector.drift(tally)
    facts = [described(layout, drift, tally, row) for row in range(len(layout.features))]
    quality = collector.quality(tally, uniqueness=unique)
    return facts, collector.share(drift), quality, _joint(collector, layout, tally)


def _joint(collector: DataCollector, layout: Layout, tally: Tally) -> MultivariateDrift | None:
    found, live = collector.multivariate(tally), tally.moments()
    if found is None or live is None or layout.together is None:
        return None
    pair = found.correlation.pair
    before = after = None
    if pair is not None:
        before, after = (float(side.correlation[pair]) for side in (layout.together.moments, live))
    return MultivariateDrift(
        rows=found.rows,
        incomplete=found.incomplete,
        drifted=collector.correlation_drifted(found),
        correlation_change=found.correlation.largest,
        correlation_pvalue=found.correlation_pvalue,
        pair=None if pair is None else (layout.together.names[pair[0]], layout.together.names[pair[1]]),
        before=before,
        after=after,
        frechet=found.frechet,
        frechet_pvalue=found.frechet_pvalue,
    )


def _feature(
    feature: FeatureProfile,
    facts: Mapping[str, Any],
    limits: Mapping[str, float],
    method: str,
    rows: int,
    *,
    known: bool,
) -> FeatureDrift:
    score, noise, shares = facts["drift"].get(method), facts["noise"], facts["distribution"]
    reference_samples = sum(feature.counts)
    threshold = limits["drift_warning_max"]
    reason = ""
    if facts["drifted"] is None:
        reason = _unjudged(feature, facts["samples"], limits["samples_min"], method, rows, known=known)
    elif not facts["drifted"] and score is not None and score > threshold:
        reason = (
            f"within noise: psi {facts['drift']['psi']:.3g} of {noise:.3g}"
            if facts["adjusted_pvalue"] is None
            else f"within noise: adjusted p-value {facts['adjusted_pvalue']:.2g}"
        )
    return FeatureDrift(
        name=feature.name,
        role=feature.role,
        kind=feature.kind,
        score=score,
        scores=facts["drift"],
        threshold=threshold,
        noise=noise,
        pvalue=facts["pvalue"],
        adjusted_pvalue=facts["adjusted_pvalue"],
        samples=facts["samples"],
        reference_samples=reference_samples,
        drifted=facts["drifted"],
        strong=bool(facts["drifted"] and method == "psi" and score > limits["drift_critical_max"]),
        reason=reason,
        missing_ratio=facts["missing_ratio"],
        invalid_ratio=facts["invalid_ratio"],
        out_of_range_ratio=facts["out_of_range_ratio"],
        reference_missing_ratio=feature.missing / feature.rows if feature.rows else None,
        distribution=Distribution(
            feature.ranges,
            tuple(shares["reference"]) if shares["reference"] is not None else None,
            tuple(shares["live"]) if shares["live"] is not None else None,
        ),
    )


def _unjudged(feature: FeatureProfile, samples: int, samples_min: float, method: str, rows: int, *, known: bool) -> str:
    if rows == 0:
        return "no live rows"
    if not known:
        return "no such column in the live data"
    if samples == 0:
        return "no valid live value"
    if samples < samples_min:
        return f"{samples:,} of {samples_min:,.0f} values needed"
    if not any(feature.counts):
        return "no value in the reference"
    return f"{method} is not defined for {feature.kind}"
