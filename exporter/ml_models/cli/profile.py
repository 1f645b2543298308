"""``mlmon profile``: a reference profile from data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from ml_models.cli.progress import progress_bar
from ml_models.comparison.sentences import percent, printable
from ml_models.profile.allowed import Allowed
from ml_models.profile.reference import MAX_HASHED, FeatureProfile, Kind, ReferenceProfile
from ml_models.profile.times import shown


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
@click.option(
    "--score",
    metavar="COLUMN",
    help="Column that holds the score of the positive class, from 0 to 1; for estimates before labels come.",
)
@click.option("--ignore", metavar="COLUMN", multiple=True, help="Column to leave out, such as a row id. Repeatable.")
@click.option(
    "--kind",
    "kinds",
    metavar="COLUMN=KIND",
    multiple=True,
    help=f"Kind of a column ({', '.join(get_args(Kind))}) where the inferred one is wrong. Repeatable.",
)
@click.option(
    "--allow",
    "allowed",
    metavar="COLUMN=VALUES",
    multiple=True,
    help="Valid values of a column where those of the reference are not the measure: LOW..HIGH, /PATTERN/ or A,B,C. "
    "Repeatable.",
)
@click.option(
    "--multivariate", is_flag=True, help="Keep how the numeric features go together too, for drift of correlations."
)
@click.option(
    "--min-count", type=click.IntRange(min=1), default=1, show_default=True,
    help="Categories seen fewer times have no bin of their own, and their names are not written.",
)  # fmt: skip
def profile(
    data: str,
    output: Path,
    prediction: str | None,
    label: str | None,
    score: str | None,
    ignore: tuple[str, ...],
    kinds: tuple[str, ...],
    allowed: tuple[str, ...],
    min_count: int,
    multivariate: bool,
) -> None:
    """Describe reference DATA: what the model's input looks like when all is well.

    DATA is a file (CSV, TSV, JSON lines, parquet, Arrow; .gz and .zst too), a folder, a pattern in quotes or a URL,
    best the data the model was accepted on, with its predictions and labels as columns. The profile holds bin edges and
    counts, no rows. Give it to ModelMonitor(reference="reference.json"). What each column was taken for is printed.

    \b
    Example:
      mlmon profile holdout.parquet --prediction prediction --label label -o reference.json
    """  # noqa: D301 - click keeps the lines after its escape as they are
    with progress_bar() as progress:
        made = ReferenceProfile.fit(
            data,
            prediction=prediction,
            label=label,
            score=score,
            ignore=ignore,
            kinds=_kinds(kinds),
            allowed=_allowed(allowed),
            min_count=min_count,
            multivariate=multivariate,
            progress=progress,
        )
    made.save(output)
    for line in described(made):
        click.echo(line)
    click.echo(f"{output}: {len(made.features)} columns of {made.rows:,} rows, fingerprint {made.fingerprint}")


def described(profile: ReferenceProfile) -> list[str]:
    """Return a line for each column: what it was taken for, and what is odd about it.

    Examples
    --------
    >>> made = ReferenceProfile.fit({"age": [20.0, 30.0, None], "city": ["Oslo"] * 3, "none": [None] * 3})
    >>> for line in described(made):
    ...     print(line)
      age   numeric      20 to 30, 1 missing (33.3 %)
      city  categorical  1 category; constant
      none  left out     every value is missing
    """
    rows: list[tuple[str, str, str]] = [(feature.name, feature.kind, _facts(feature)) for feature in profile.features]
    if profile.scores is not None:
        rows.append((profile.scores.column, "score", f"beside the label, {sum(profile.scores.counts):,} rows"))
    rows += [(name, "left out", reason) for name, reason in profile.skipped]
    widths = [max(len(printable(row[place])) for row in rows) for place in (0, 1)]
    return [f"  {printable(name):<{widths[0]}}  {word:<{widths[1]}}  {facts}" for name, word, facts in rows]


def _facts(feature: FeatureProfile) -> str:
    facts: list[str] = [feature.role] if feature.role != "feature" else []
    if feature.ordered and feature.minimum is not None and feature.maximum is not None:
        span = feature.maximum - feature.minimum
        ends = [
            shown(end, span) if feature.kind == "datetime" else f"{end:.6g}"
            for end in (feature.minimum, feature.maximum)
        ]
        facts.append(" to ".join(dict.fromkeys(ends)))
    elif not feature.ordered:
        known, others = len(feature.categories), len(feature.others)
        more = f" and {'at least ' if others >= MAX_HASHED else ''}{others:,} rarer" if others else ""
        facts.append(f"{known} categor{'y' if known == 1 else 'ies'}{more}")
    for word, count in (("missing", feature.missing), ("invalid", feature.invalid)):
        if count:
            facts.append(f"{count:,} {word} ({percent(count / feature.rows)})")
    odd = "constant" if feature.constant else feature.note
    return ", ".join(facts) + (f"; {odd}" if odd else "")


def _allowed(given: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    allowed = {}
    for pair in given:
        name, equals, values = pair.partition("=")
        if not name or not equals or not values:
            raise click.BadParameter(
                f"{pair!r}; give COLUMN=LOW..HIGH, COLUMN=/PATTERN/ or COLUMN=A,B,C", param_hint="--allow"
            )
        allowed[name] = Allowed.parse(values)
    return allowed


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
