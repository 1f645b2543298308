"""Drift: which features differ from the reference, since when, and how."""

from __future__ import annotations

from typing import Any

from ml_models import catalog
from ml_models.mixin.dashboards import queries as q
from ml_models.mixin.dashboards.face import FEATURE_OF_CELL, FEATURE_OF_SERIES, Face, Query, by_name, feature_link
from ml_models.mixin.dashboards.layout import Row
from ml_models.mixin.dashboards.palette import BAD, BLUE, GREY, NEUTRAL, WARN
from ml_models.mixin.dashboards.panels import DRIFT_LEVELS, bars, ranking, states, table, timeseries

_LIMITS = "`drift_warning_max` and `drift_critical_max`"
_WORST = "Drift of the exporter's sliding window; the worst replica counts, because one replica may be fed other data."
_COMPARE = "Open Distributions below and compare its bins; then ask what changed upstream: unit, encoding, population."


def row() -> Row:
    """Return the features ranked, their drift over time, and one line of numbers for each."""
    return Row(
        300,
        "Drift",
        [
            ranking(
                Face(
                    id=301,
                    title="Features by drift",
                    meaning=f"Population stability index (PSI) of each chosen feature, the largest first. {_WORST}",
                    threshold=f"{_LIMITS}; the state is written behind the name.",
                    action=f"Click a feature to see it alone. {_COMPARE}",
                    unit="none",
                    decimals=3,
                    empty="too few rows",
                    height=10,
                ),
                Query(f"sort_desc({q.drift_judged(q.drift())})", "{{feature}} ({{state}})", NEUTRAL),
                links=[feature_link(FEATURE_OF_SERIES)],
            ),
            timeseries(
                Face(
                    id=302,
                    title="Drift over time",
                    meaning=f"PSI of each chosen feature, in nats: 0 is no difference. {_WORST}",
                    threshold=f"{_LIMITS}, the dashed lines.",
                    action="A step is a change upstream at that time; a slow climb is a population that moves.",
                    unit="none",
                    decimals=3,
                    empty="too few rows",
                    height=10,
                ),
                [
                    Query(q.drift(), "{{feature}}", BLUE),
                    Query(q.limit("drift_warning_max"), "warning limit", WARN, limit=True),
                    Query(q.limit("drift_critical_max"), "critical limit", BAD, limit=True),
                ],
                links=[feature_link(FEATURE_OF_SERIES)],
            ),
            states(
                Face(
                    id=303,
                    title="Drift state by feature",
                    meaning="When each chosen feature was over the warning and over the critical limit.",
                    threshold=_LIMITS + ".",
                    action="Features that change colour together have a common source: start there.",
                    unit="none",
                    empty="too few rows",
                    height=10,
                ),
                [Query(q.drift_level(q.drift()), "{{feature}}")],
                DRIFT_LEVELS,
            ),
            _features(),
            timeseries(
                Face(
                    id=305,
                    title="Drift of predictions and labels",
                    meaning="PSI of what the model says and of what turned out to be true, against the reference.",
                    threshold=f"{_LIMITS}, the dashed lines.",
                    action="Inputs quiet and predictions moving: a new version or a broken feature join. "
                    "Labels moving: the world has changed.",
                    unit="none",
                    decimals=3,
                    empty="too few rows",
                    height=9,
                ),
                [
                    Query(
                        q.max_by("role, feature", q.select(catalog.DRIFT_SCORE, role=role, method="psi")),
                        "{{role}}: {{feature}}",
                        colour,
                    )
                    for role, colour in (("prediction", BLUE), ("label", GREY))
                ]
                + [
                    Query(q.limit("drift_warning_max"), "warning limit", WARN, limit=True),
                    Query(q.limit("drift_critical_max"), "critical limit", BAD, limit=True),
                ],
            ),
            *_together(),
        ],
    )


def distributions() -> Row:
    """Return reference against live bins: of predictions, of labels, and of each chosen feature."""
    return Row(
        400,
        "Distributions: reference against live",
        [
            *(
                bars(
                    Face(
                        id=number,
                        title=f"Distribution of {role}s",
                        meaning=f"Share of each bin among the {role}s of the reference and of the dashboard's time "
                        "range.",
                        threshold="none; PSI sums up what is seen here.",
                        action="A bin that doubles or empties is what to explain.",
                        unit="percentunit",
                        decimals=1,
                        empty=f"no {role}s",
                        width=12,
                    ),
                    [Query(q.reference_bins(role), "reference", GREY), Query(q.live_bins(role), "live", BLUE)],
                    category="bin",
                )
                for number, role in ((401, "prediction"), (402, "label"))
            ),
            bars(
                Face(
                    id=403,
                    title="Distribution of $feature",
                    meaning="Share of each bin among the values of the reference and of the dashboard's time range, "
                    "all replicas pooled. Numeric bins are named by their upper edge, categories by themselves. "
                    "Missing and invalid cells are no values.",
                    threshold="none; PSI sums up what is seen here.",
                    action="All mass in an outer bin: a unit changed. One bin grown: a default was filled in. "
                    "`__unseen__` grown: an encoding changed.",
                    unit="percentunit",
                    decimals=1,
                    empty="no values",
                ),
                [
                    Query(q.reference_bins("feature", chosen=True), "reference", GREY),
                    Query(q.live_bins("feature", chosen=True), "live", BLUE),
                ],
                category="bin",
                repeat="feature",
            ),
        ],
        collapsed=True,
    )


def _together() -> list[Any]:
    method = "method"
    rows = q.sum_by("model", q.rate(catalog.MULTIVARIATE_ROWS))
    incomplete = q.sum_by("model", q.rate(catalog.MULTIVARIATE_ROWS, status="incomplete"))
    meaning = "Every feature can look as always while two that went together no longer do."
    return [
        timeseries(
            Face(
                id=306,
                title="Change of how features go together",
                meaning=f"Largest change of a correlation between two numeric features, from 0 to 2, and the Fréchet "
                f"distance of all of them, in their standard deviations. {meaning}",
                threshold="none; the chance beside this panel says whether it is noise.",
                action="`mlmon drift` on the same rows names the pair. Look for a broken join, or one column shifted.",
                unit="none",
                decimals=3,
                empty="not tallied: set multivariate",
                width=12,
            ),
            [Query(q.max_by(method, q.select(catalog.MULTIVARIATE_SCORE)), "{{method}}", BLUE)],
        ),
        timeseries(
            Face(
                id=307,
                title="Chance of such a change, and rows left out",
                meaning="Probability that chance alone changes as much, of the replica with the smallest; and the share "
                "of rows with a missing numeric feature, which cannot be judged.",
                threshold="none; below 0.01 the change is hardly noise.",
                action="A small chance: see which pair changed. Many rows left out: mend the missing feature first.",
                unit="percentunit",
                decimals=1,
                empty="not tallied: set multivariate",
                width=12,
            ),
            [
                Query(q.min_by(method, q.select(catalog.MULTIVARIATE_PVALUE)), "chance: {{method}}", BLUE),
                Query(q.share(incomplete, rows), "rows left out", GREY),
            ],
        ),
    ]


def _features() -> Any:
    chi2 = q.max_by("feature", q.select(catalog.FEATURE_NOISE_CHI2, chosen=True, role="feature"))
    live = q.sum_by("feature", q.increase(catalog.BIN_OBSERVATIONS, chosen=True, role="feature"))
    reference = q.max_by("feature", q.select(catalog.FEATURE_REFERENCE_OBSERVATIONS, chosen=True, role="feature"))
    columns: dict[str, tuple[str, dict[str, Any]]] = {
        "PSI": (q.max_by("feature", q.drift()), {"decimals": 3}),
        "JS distance": (q.max_by("feature", q.drift("js")), {"decimals": 3}),
        "PSI by chance": (f"({chi2}) * (1 / ({live} > 0) + 1 / ({reference} > 0))", {"decimals": 3}),
        "values": (live, {"unit": "short"}),
        "missing": (q.cells_ratio(catalog.FEATURE_MISSING, whole_range=True), {"unit": "percentunit"}),
        "invalid": (q.cells_ratio(catalog.FEATURE_INVALID, whole_range=True), {"unit": "percentunit"}),
        "out of range": (q.cells_ratio(catalog.FEATURE_OUT_OF_RANGE, whole_range=True), {"unit": "percentunit"}),
    }
    letters = dict(zip("ABCDEFG", columns, strict=True))
    return table(
        Face(
            id=304,
            title="Features",
            meaning="Each chosen feature with its drift now and, over the dashboard's time range, its number of "
            "values, the PSI that chance alone reaches at that number, and its faulty cells.",
            threshold=f"{_LIMITS}; a PSI below the one by chance says nothing, whatever its size.",
            action=f"Click a feature to see it alone. {_COMPARE}",
            unit="none",
            decimals=1,
            empty="-",
            width=16,
            height=9,
        ),
        [Query(expr, name) for name, (expr, _) in columns.items()],
        transformations=[
            {"id": "merge", "options": {}},
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True},
                    "indexByName": {"feature": 0} | {f"Value #{letter}": i for i, letter in enumerate(letters, 1)},
                    "renameByName": {f"Value #{letter}": name for letter, name in letters.items()},
                },
            },
        ],
        overrides=[
            by_name("feature", {"links": [feature_link(FEATURE_OF_CELL)]}),
            *(by_name(name, shown) for name, (_, shown) in columns.items()),
        ],
        sort_by="PSI",
    )
