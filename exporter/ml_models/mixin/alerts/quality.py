"""Alerts of the quality of data: schema, missing values, the score of quality, and data that stop coming."""

from __future__ import annotations

from ml_models import catalog
from ml_models.mixin.alerts.alert import Alert
from ml_models.mixin.alerts.parts import PER_MODEL, RATIO, graded, looked_up
from ml_models.mixin.names import MODEL, RuleSettings
from ml_models.mixin.promql import last, text


def quality(settings: RuleSettings) -> tuple[Alert, ...]:
    """Return the alerts of quality."""
    return (*_schema(settings), *_score(settings), *_missing(settings), _no_data(settings))


def _schema(settings: RuleSettings) -> tuple[Alert, Alert]:
    """Critical is a column that the model needs; one too many harms no prediction."""
    names = settings.names
    limit = names.threshold("schema_fault_ratio_max")
    missing, unexpected = (
        f'max by (model) ({names.schema_faults}{{fault="{fault}_column"}})' for fault in ("missing", "unexpected")
    )
    few = f"({names.rows} < on (model) {names.threshold('samples_min')})"
    return graded(
        settings,
        Alert(
            name="MLSchemaBroken",
            severity="warning",
            expr="",
            summary="{{ $value | humanizePercentage }} of the rows of model {{ $labels.model }} have missing or "
            "unexpected columns",
            description=f"{{{{ $value | humanizePercentage }}}} of the rows over {settings.window} have other columns "
            f"than the reference, threshold {looked_up(limit, RATIO)}; critical where columns are missing. First see "
            "on the dashboard which fault it is and which features are missing; then what the caller has changed.",
            for_=settings.serving_for,
            category="data",
            tier="schema",
        ),
        warning=f"(({missing} > on (model) {limit}) or ({unexpected} > on (model) {limit})) unless on (model) {few}",
        critical=f"({missing} > on (model) {limit}) unless on (model) {few}",
    )


def _score(settings: RuleSettings) -> tuple[Alert, Alert]:
    names = settings.names
    limit = names.threshold("quality_min")
    # The worst replica. Few rows say little; no rows, as between two readings of data, change nothing.
    score = f"min by (model) ({last(catalog.QUALITY_SCORE, settings.lookback)})"
    few = f"(({names.rows} > 0) < on (model) {names.threshold('samples_min')})"
    return graded(
        settings,
        Alert(
            name="MLDataQualityLow",
            severity="warning",
            expr="",
            summary="Data quality of model {{ $labels.model }} is {{ $value | humanizePercentage }}",
            description="The quality score is {{ $value | humanizePercentage }}, threshold "
            f"{looked_up(limit, RATIO)} (critical where twice as much is lacking). First see on the dashboard which "
            "dimension is low, and in which features; then look at their source.",
            for_=settings.for_,
            category="data",
            tier="quality",
        ),
        warning=f"({score} < on (model) {limit}) unless on (model) {few}",
        critical=f"({score} < on (model) (2 * {limit} - 1)) unless on (model) {few}",
    )


def _missing(settings: RuleSettings) -> tuple[Alert, Alert]:
    names = settings.names
    limit = names.threshold("missing_rise_max")
    rise = f'{names.missing_rise}{{role="feature"}}'
    few = f"({names.cells_increase} < {PER_MODEL} {names.threshold('samples_min')})"
    return graded(
        settings,
        Alert(
            name="MLMissingValuesRising",
            severity="warning",
            expr="",
            summary="Feature {{ $labels.feature }} of model {{ $labels.model }}: the share of missing values has risen "
            "by {{ $value | humanizePercentage }}",
            description=f"Of all cells over {settings.window}, {{{{ $value | humanizePercentage }}}} more are missing "
            f"than over the day before, threshold {looked_up(limit, RATIO)} (critical from twice that). First see "
            "whether other features of the same source lose values too; then look at that source.",
            for_=settings.for_,
            category="data",
            tier="quality",
            dashboard="?var-model={{ $labels.model | urlquery }}&var-feature={{ $labels.feature | urlquery }}",
        ),
        warning=f"({rise} > {PER_MODEL} {limit}) unless {few}",
        critical=f"({rise} > {PER_MODEL} (2 * {limit})) unless {few}",
    )


#: Rows that would usually have come while the alert waits; with fewer, their absence may be chance.
FEWEST_ROWS = 20


def _no_data(settings: RuleSettings) -> Alert:
    names = settings.names
    return Alert(
        name="MLNoData",
        severity="critical",
        # Of the usual rate, so that a model that always rests at this hour is not told.
        expr=text(f"""
            (
              {names.usual_rate}
                > {FEWEST_ROWS / 900:.4g}
            )
              and on ({", ".join(MODEL)})
            ({names.predictions_rate} == 0)"""),
        summary="Model {{ $labels.model }} predicts nothing; at this hour it is usually "
        "{{ $value | humanize }} rows a second",
        description="No row has been predicted for {{ $labels.model }} in "
        f"{settings.serving_window}, though the exporter is up. First see whether callers reach the model, then "
        "whether they have anything to send; last whether the tracking was removed by a deployment.",
        for_=settings.for_,
        keep_firing_for=settings.serving_for,
        category="data",
    )
