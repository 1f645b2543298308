"""``mlmon profile``: a reference profile from data."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from ml_models.profile.reference import Kind, ReferenceProfile


@click.command(no_args_is_help=True)
@click.argument("data")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("reference.json"),
    show_default=True,
    help="Where to write the profile.",
)
@click.option("--prediction", metavar="COLUMN", help="Column that holds the model's output.")
@click.option("--label", metavar="COLUMN", help="Column that holds the true label.")
@click.option("--ignore", metavar="COLUMN", multiple=True, help="Column to leave out, such as a row id. Repeatable.")
@click.option(
    "--kind",
    "kinds",
    metavar="COLUMN=KIND",
    multiple=True,
    help="Kind of a column (numeric, categorical, boolean) where the inferred one is wrong. Repeatable.",
)
def profile(
    data: str, output: Path, prediction: str | None, label: str | None, ignore: tuple[str, ...], kinds: tuple[str, ...]
) -> None:
    """Describe reference DATA: what the model's input looks like when all is well.

    DATA is a file (CSV, TSV, JSON lines, parquet, Arrow; .gz and .zst too), a folder or a URL, best the data the model
    was accepted on, with its predictions and labels as columns. The profile holds bin edges and counts, no rows. Give
    it to ModelMonitor(reference="reference.json").

    \b
    Example:
      mlmon profile holdout.parquet --prediction prediction --label label -o reference.json
    """  # noqa: D301 - click keeps the lines after its escape as they are
    made = ReferenceProfile.fit(data, prediction=prediction, label=label, ignore=ignore, kinds=_kinds(kinds))
    made.save(output)
    for feature in made.features:
        empty = f", {feature.missing:,} missing" if feature.missing else ""
        click.echo(f"  {feature.name}: {feature.kind} {feature.role}, {len(feature.bins)} bins{empty}")
    for name, reason in made.skipped:
        click.echo(f"  {name}: left out: {reason}")
    click.echo(f"{output}: {len(made.features)} columns of {made.rows:,} rows, fingerprint {made.fingerprint}")


def _kinds(given: tuple[str, ...]) -> dict[str, Kind]:
    allowed: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}
    kinds: dict[str, Kind] = {}
    for pair in given:
        name, _, kind = pair.rpartition("=")
        if not name or kind not in allowed:
            raise click.BadParameter(
                f"{pair!r}; give COLUMN=KIND, KIND one of {', '.join(allowed)}", param_hint="--kind"
            )
        kinds[name] = allowed[kind]
    return kinds
