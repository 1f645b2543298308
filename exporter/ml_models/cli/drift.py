"""``mlmon drift``: has the data drifted? For people at a terminal and for pipelines."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ml_models.cli.progress import progress_bar
from ml_models.comparison import FORMS, THRESHOLDS, DriftReport, compare, form_of
from ml_models.comparison.conditions import CONDITIONS, holding
from ml_models.comparison.sentences import printable
from ml_models.comparison.text import can_draw, colourful, terminal_width
from ml_models.errors import ReportError
from ml_models.stats.drift import METHODS


def _conditions(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, ...]:
    if value is None:
        return ()
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    if not names or not set(names) <= set(CONDITIONS):
        raise click.BadParameter(f"{value!r}; choose from {', '.join(CONDITIONS)}, separated by commas")
    return names


@click.command(no_args_is_help=True)
@click.argument("reference")
@click.argument("live")
@click.option(
    "--fail-on",
    callback=_conditions,
    metavar="CONDITIONS",
    help="Exit with 1 if one holds: "
    "drift (more features drifted than --max-share), prediction, label (that column drifted), quality (below "
    "--min-quality), schema (a column is missing or unexpected), correlation (with --multivariate), "
    "unjudged (a column could not be judged).",
)
@click.option("--method", type=click.Choice(list(METHODS)), default="psi", show_default=True, help="Score to judge.")
@click.option(
    "--threshold", type=click.FloatRange(min=0), default=THRESHOLDS["drift_warning_max"], show_default=True,
    help="A score above it, and above noise, is drift.",
)  # fmt: skip
@click.option(
    "--min-samples", type=click.IntRange(min=0), default=int(THRESHOLDS["samples_min"]), show_default=True,
    help="Columns with fewer live values are not judged.",
)  # fmt: skip
@click.option(
    "--min-quality", type=click.FloatRange(0, 1), default=THRESHOLDS["quality_min"], show_default=True,
    help="Lowest quality score that is fine.",
)  # fmt: skip
@click.option(
    "--max-share", type=click.FloatRange(0, 1, max_open=True), default=0.0, show_default=True,
    help="Share of the judged features that may drift before the data set has.",
)  # fmt: skip
@click.option("--multivariate", is_flag=True, help="Compare how the numeric features go together, too.")
@click.option("--unique", is_flag=True, help="Count rows that repeat an earlier one against the quality.")
@click.option("--prediction", metavar="COLUMN", help="Column of the model's output, where REFERENCE is data.")
@click.option("--label", metavar="COLUMN", help="Column of the true label, where REFERENCE is data.")
@click.option("--ignore", metavar="COLUMN", multiple=True, help="Column to leave out, such as a row id. Repeatable.")
@click.option(
    "--format", "form", type=click.Choice(FORMS), help="Form of the report. Default: by the suffix of -o, else table."
)
@click.option("--top", type=click.IntRange(min=0), default=40, show_default=True,
              help="Show so many columns, those to look at first; 0 shows all. JSON always has all.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the report to a file.")
@click.pass_context
def drift(
    ctx: click.Context,
    reference: str,
    live: str,
    fail_on: tuple[str, ...],
    method: str,
    threshold: float,
    min_samples: int,
    min_quality: float,
    max_share: float,
    prediction: str | None,
    label: str | None,
    ignore: tuple[str, ...],
    multivariate: bool,
    unique: bool,
    form: str | None,
    top: int,
    output: Path | None,
) -> None:
    """Compare LIVE data with a REFERENCE and show what has drifted.

    REFERENCE is a profile made by `mlmon profile` (.json) or the data themselves; LIVE is a data file, a folder of
    them, a pattern in quotes or a URL. Live data are read in batches, so they may be larger than memory.

    \b
    Examples:
      mlmon drift reference.json live.parquet
      mlmon drift reference.json live.parquet --fail-on drift,quality -o drift.html
      mlmon drift january.csv february.csv --ignore id --format markdown

    Exit codes: 0 fine, 1 a condition of --fail-on holds, 2 wrong usage or data that cannot be read.
    """  # noqa: D301 - click keeps the lines after its escape as they are
    with progress_bar() as progress:
        report = compare(
            reference,
            live,
            thresholds={"drift_warning_max": threshold, "samples_min": min_samples, "quality_min": min_quality},
            method=method,
            max_drift_share=max_share,
            prediction=prediction,
            label=label,
            ignore=ignore,
            multivariate=multivariate,
            unique=unique,
            progress=progress,
        )
    reasons = holding(report, fail_on)
    form = form or (form_of(output) if output else "table")
    if output is None:
        click.echo(_shown(report, form, top))
    else:
        try:
            report.save(output, form=form, top=top)
        except OSError as error:
            raise ReportError(f"{output}: cannot be written: {error.strerror}; name another file with -o") from error
        click.echo(report.headline)
        click.echo(f"{output}: written", err=True)
    if "drift" in fail_on and report.verdict == "not judged" and "unjudged" not in fail_on:
        click.echo("mlmon: drift was not judged; --fail-on drift,unjudged fails on that too", err=True)
    for name, why in reasons.items():
        click.echo(f"mlmon: {name}: {printable(why)}", err=True)
    ctx.exit(1 if reasons else 0)


def _shown(report: DriftReport, form: str, top: int) -> str:
    if form != "table":
        return report.written(form, top=top).rstrip("\n")
    return report.to_text(
        width=terminal_width(),
        colour=colourful(tty=sys.stdout.isatty()),
        ascii_only=not can_draw(getattr(sys.stdout, "encoding", None)),
        top=top,
    )
