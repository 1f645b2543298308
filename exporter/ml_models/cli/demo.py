"""``mlmon demo``: the whole way from a prediction to a message, on real data."""

from __future__ import annotations

from pathlib import Path

import click

_FOLDER = Path("demo-run")
_ONCE, _ENDLESS = 13.0, 60.0
#: As ml_models.demo.run has it, which would load numpy only to say --help.
_SHORTEST = 10.0


@click.command()
@click.option("--once", is_flag=True, help="End after December, with a report and a check of what arrived.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=_FOLDER,
    show_default=True,
    help="Everything is written here. What an earlier demo left in it is removed; other content is never touched.",
)
@click.option(
    "--seconds-per-month",
    type=click.FloatRange(min=_SHORTEST),
    help=f"Pace of the replay. [default: {_ENDLESS:g}; {_ONCE:g} with --once]",
)
def demo(once: bool, folder: Path, seconds_per_month: float | None) -> None:
    """Run a monitored model with real data and watch it drift.

    A model learns from the flights that left New York in January to March 2013 which of them arrive late. Then it meets
    April to December, a month in some seconds. Real Prometheus and Alertmanager watch it with the rules that
    `mlmon generate` writes, and mails and Slack messages arrive in a folder: the weather drifts in spring, the model
    fails in April, June, July and December.

    Needs the extra "demo" and the programs prometheus and prometheus-alertmanager. Nothing is downloaded, and nothing
    stays but the folder. Ctrl-C ends it.

    \b
    Exit codes with --once:
      0  all that the year must raise has arrived, and nothing else
      1  something is missing, or arrived that must not
      2  something is not installed or did not start

    \b
    Examples:
      mlmon demo                            until Ctrl-C, a month a minute
      mlmon demo --once                     within three minutes, with a verdict
      mlmon demo --seconds-per-month 20     faster
    """  # noqa: D301  # click's mark for text that is not to be wrapped
    # Imported here: --help must not load the model's libraries.
    from ml_models.demo.run import run  # noqa: PLC0415

    pace = seconds_per_month or (_ONCE if once else _ENDLESS)
    try:
        ok = run(folder, pace, once=once)
    except KeyboardInterrupt:
        # What anyone does to end it is no failure, unless a verdict was wanted.
        click.echo("\n Stopped; all servers have ended.")
        ok = not once
    if not ok:
        raise click.exceptions.Exit(1)
