"""Quality of the data that the model is asked about."""

from __future__ import annotations

from ml_models import catalog
from ml_models.mixin.dashboards import queries as q
from ml_models.mixin.dashboards.face import FEATURE_OF_SERIES, Face, Query, feature_link
from ml_models.mixin.dashboards.layout import Row
from ml_models.mixin.dashboards.palette import BAD, BLUE, GREEN, ORANGE, VERMILLION
from ml_models.mixin.dashboards.panels import timeseries

_LOW = ("lastNotNull", "mean", "min")


def row() -> Row:
    """Return the score, its dimensions and the faulty cells by feature."""
    return Row(
        500,
        "Quality",
        [
            timeseries(
                Face(
                    id=501,
                    title="Quality score",
                    meaning="Mean of the quality dimensions in the exporter's sliding window; the worst replica.",
                    threshold="`quality_min`, the dashed line.",
                    action="See beside which dimension has lost.",
                    unit="percentunit",
                    decimals=1,
                    empty="no rows",
                ),
                [
                    Query(q.min_by("model", q.select(catalog.QUALITY_SCORE)), "score", BLUE),
                    Query(q.limit("quality_min"), "limit", BAD, limit=True),
                ],
                minimum=None,
                maximum=1.0,
                calcs=_LOW,
            ),
            timeseries(
                Face(
                    id=502,
                    title="Quality dimensions",
                    meaning="Completeness: cells that are there. Validity: cells of the right type and in range. "
                    "Schema: rows with all columns and no others. The worst replica of each.",
                    threshold="only their mean is judged.",
                    action="Completeness or validity low: see the features below. Schema low: see Schema faults.",
                    unit="percentunit",
                    decimals=1,
                    empty="no rows",
                ),
                [Query(q.min_by("dimension", q.select(catalog.QUALITY_DIMENSION)), "{{dimension}}", GREEN)],
                minimum=None,
                maximum=1.0,
                calcs=_LOW,
            ),
            timeseries(
                Face(
                    id=503,
                    title="Schema faults",
                    meaning="Rows per second that lack a column of the reference or have one that it does not know.",
                    threshold="any.",
                    action="A caller sends another version of the schema: find it by the time at which this began.",
                    unit="cps",
                    decimals=2,
                    empty="no faults",
                ),
                [Query(q.sum_by("fault", q.rate(catalog.SCHEMA_FAULTS)), "{{fault}}", VERMILLION)],
            ),
            *(
                timeseries(
                    Face(
                        id=number,
                        title=f"{title} by feature",
                        meaning=f"Share of the chosen features' cells that {what}, all replicas together.",
                        threshold="none; it enters the quality score.",
                        action=action,
                        unit="percentunit",
                        decimals=2,
                        empty="no rows",
                    ),
                    [Query(q.cells_ratio(metric), "{{feature}}", colour)],
                    links=[feature_link(FEATURE_OF_SERIES)],
                )
                for number, title, what, action, metric, colour in (
                    (
                        504, "Missing cells", "were NaN, None or absent",
                        "All features of one source together: its join failed. One alone: its field was renamed.",
                        catalog.FEATURE_MISSING, BLUE,
                    ),
                    (
                        505, "Invalid cells", "had a type that the feature cannot have",
                        "Text where numbers were: look for a changed format or a placeholder such as `n/a`.",
                        catalog.FEATURE_INVALID, VERMILLION,
                    ),
                    (
                        506, "Cells out of range", "lay outside the reference's range or categories",
                        "Check units first; a category that is new for good belongs into a new reference.",
                        catalog.FEATURE_OUT_OF_RANGE, ORANGE,
                    ),
                )
            ),
        ],
    )  # fmt: skip
