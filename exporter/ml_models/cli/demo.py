"""``mlmon demo``: the whole way from a prediction to a message, on real data."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType

import click

_FOLDER = Path("demo-run")
_ONCE, _ENDLESS = 13.0, 60.0
#: Of a service: the hour that the rules look back on is the same share of a month as it is in the demo.
_SERVED = 6_000.0
_HOST, _PORT = "127.0.0.1", 9877
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
    help=f"Pace of the replay. [default: {_ENDLESS:g}; {_ONCE:g} with --once; {_SERVED:g} with --serve]",
)
@click.option("--serve", is_flag=True, help="Serve the model's metrics only, for servers that run elsewhere.")
@click.option("--host", default=_HOST, show_default=True, help="With --serve: address to serve /metrics on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=_PORT,
    show_default=True,
    help="With --serve: its port; 0 takes a free one.",
)
def demo(once: bool, folder: Path, seconds_per_month: float | None, serve: bool, host: str, port: int) -> None:
    """Run a monitored model with real data and watch it drift.

    A model learns from the flights that left New York in January to March 2013 which of them arrive late. Then it meets
    April to December, a month in some seconds. Real Prometheus and Alertmanager watch it with the rules that
    `mlmon generate` writes, and mails and Slack messages arrive in a folder: the weather drifts in spring, the model
    fails in April, June, July and December.

    Needs the extra "demo" and the programs prometheus and prometheus-alertmanager. Nothing is downloaded, and nothing
    stays but the folder. Ctrl-C ends it.

    With --serve it is a service as a container runs it: the model alone, on the rules' own hour, without servers and
    without a folder. SIGTERM or Ctrl-C ends it.

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
      mlmon demo --serve --port 9877        for a Prometheus that is there already
    """  # noqa: D301  # click's mark for text that is not to be wrapped
    if serve:
        if once:
            raise click.UsageError("--once ends after December, --serve never does; give one of them")
        _serve(host, port, seconds_per_month or _SERVED)
        return
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


def _serve(host: str, port: int, seconds_per_month: float) -> None:
    """Serve until a signal ends it."""
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        from ml_models.demo.served import serve  # noqa: PLC0415

        serve(host, port, seconds_per_month, stop)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
