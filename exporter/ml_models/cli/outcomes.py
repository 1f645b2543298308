"""``mlmon outcomes``: how right the predictions in one file were, by the labels in another."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ml_models.cli.progress import progress_bar
from ml_models.config import Config
from ml_models.monitoring.outcome_files import OutcomeColumns, OutcomeReport, outcomes_of_files

_JUDGED = ("accuracy", "precision", "recall", "f1")


@click.command(no_args_is_help=True)
@click.argument("predictions")
@click.argument("labels")
@click.option("--id", "id_column", default="id", show_default=True, metavar="COLUMN", help="Id, in both.")
@click.option("--prediction", metavar="COLUMN", help="Class or number predicted.  [default: prediction]")
@click.option("--score", metavar="COLUMN", help="Score of the positive class, or list of probabilities.")
@click.option("--label", default="label", show_default=True, metavar="COLUMN", help="True label, in LABELS.")
@click.option("--positive", metavar="CLASS", help="Class that precision, recall and F1 are about.")
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path, dir_okay=False),
    help="Settings: task, classes, positive class and thresholds.",
)  # fmt: skip
@click.option("--min-coverage", type=click.FloatRange(0, 1), help="Exit with 1 below this share of labelled rows.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.pass_context
def outcomes(
    ctx: click.Context,
    predictions: str,
    labels: str,
    id_column: str,
    prediction: str | None,
    score: str | None,
    label: str,
    positive: str | None,
    config_file: Path | None,
    min_coverage: float | None,
    form: str,
) -> None:
    """Join the LABELS of one file to the PREDICTIONS of another and show how right they were.

    Both are a data file, a folder of them, a pattern in quotes or a URL. They are read in batches and joined on disk,
    so they may be larger than memory. Of an id that a file has twice, the last row counts.

    \b
    Examples:
      mlmon outcomes predictions.parquet labels.parquet
      mlmon outcomes scored.csv truth.csv --id order --score probability --label churned
      mlmon outcomes predictions.parquet labels.parquet --config monitoring.yml --min-coverage 0.9

    Exit codes: 0 fine, 1 nothing joined, performance below a threshold of --config or coverage below --min-coverage,
    2 wrong usage or data that cannot be read.
    """  # noqa: D301 - click keeps the lines after its escape as they are
    settings = (Config(config_file) if config_file else Config.from_dict({})).monitoring
    chosen = prediction or (None if score else "prediction")
    with progress_bar() as progress:
        report = outcomes_of_files(
            predictions,
            labels,
            OutcomeColumns(id_column, chosen, score, label),
            task=settings.model.task,  # type: ignore[arg-type]
            classes=settings.model.classes,
            positive_class=settings.model.positive_class if positive is None else positive,
            decision_threshold=settings.model.decision_threshold,
            progress=progress,
        )
    thresholds = settings.performance.alert_thresholds
    faults = _faults(report, {name: getattr(thresholds, name) for name in _JUDGED}, thresholds.min_labels, min_coverage)
    if form == "json":
        click.echo(json.dumps({**asdict(report), "coverage": report.coverage, "faults": faults}, indent=2))
    else:
        click.echo(_table(report))
    for fault in faults:
        click.echo(f"mlmon: {fault}", err=True)
    ctx.exit(1 if faults else 0)


def _faults(
    report: OutcomeReport, thresholds: dict[str, float | None], min_labels: int, min_coverage: float | None
) -> list[str]:
    if not report.joined:
        return ["no label was joined; see whether the ids of both files are the same"]
    faults = []
    if min_coverage is not None and (report.coverage or 0.0) < min_coverage:
        faults.append(f"coverage is {report.coverage:.3f}, below {min_coverage:g}")
    for name, limit in thresholds.items():
        value = report.performance[name]
        if limit is not None and value is not None and report.joined >= min_labels and value < limit:
            faults.append(f"{name} is {value:.4f}, below {limit:g}")
    return faults


def _table(report: OutcomeReport) -> str:
    """Return the report as lines of a name and a value."""
    lines = [("predictions", f"{report.predictions:,}"), ("labels", f"{report.labels:,}")]
    lines.append(("joined", f"{report.joined:,}" + ("" if report.coverage is None else f"  ({report.coverage:.1%})")))
    for name in ("orphans", "duplicates", "corrected", "repeated", "invalid", "without_id"):
        if getattr(report, name):
            lines.append((name.replace("_", " "), f"{getattr(report, name):,}"))
    lines.append(("", ""))
    intervals = report.performance.get("intervals") or {}
    regression = report.performance.get("regression") or {}
    intervals = {**intervals, **regression.get("intervals", {})}
    for name, value in [*_numbers(report.performance), *_numbers(regression)]:
        ends = intervals.get(name)
        between = f"  ({ends[0]:.4f} to {ends[1]:.4f})" if ends else ""
        lines.append((name, f"{value:.4f}{between}" if isinstance(value, float) else f"{value:,}"))
    confusion = report.performance.get("confusion")
    width = max(len(name) for name, _ in lines)
    text = "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in lines)
    return text + (f"\n\n{_confusion(confusion)}" if confusion else "")


def _numbers(performance: dict[str, Any]) -> list[tuple[str, float | int]]:
    """Return the numbers of the performance, one a line, without the counts of labels that are shown above."""
    return [
        (name, value)
        for name, value in performance.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and "labels" not in name
    ]


def _confusion(confusion: dict[str, Any]) -> str:
    names, counts = confusion["classes"], confusion["counts"]
    rows = [
        ["actual \\ predicted", *names],
        *([name, *(f"{n:,}" for n in row)] for name, row in zip(names, counts, strict=True)),
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )
