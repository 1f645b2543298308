"""``mlmon watch``: a data monitor as a service, or once."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from ml_models.config import Config
from ml_models.errors import HandOverError, ReportError
from ml_models.exposition import handed
from ml_models.monitoring import DataMonitor
from ml_models.monitoring.watching.book import Progress

#: Seconds without a unit, and what a unit stands for.
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Duration(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A number of seconds, or one with the unit s, m, h or d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        if isinstance(value, int | float):
            return float(value)
        unit = value[-1:] if value[-1:] in _UNITS else ""
        try:
            seconds = float(value.removesuffix(unit)) * _UNITS[unit]
        except ValueError:
            seconds = 0.0
        if not 0.1 <= seconds <= 31_622_400:
            self.fail(f"{value!r}; give a time such as 30s, 5m, 1h or 1d, from 0.1s to 366d", param, ctx)
        return seconds


@click.command(no_args_is_help=True)
@click.argument("data")
@click.option("--reference", metavar="FILE", help="Profile made by `mlmon profile`. Without it, it is learnt from the "
              "first rows.")  # fmt: skip
@click.option("--every", type=Duration(), help="Time between two readings, such as 60s, 5m or 1h.  [default: 1h]")
@click.option("--once", is_flag=True, help="Read once what is new, and end.")
@click.option("--window", type=Duration(), help="Length of the windows that drift and quality are about.  "
              "[default: 1h]")  # fmt: skip
@click.option("--time-column", metavar="COLUMN", help="Column that tells when a row happened.")
@click.option("--prediction", metavar="COLUMN", help="Column of the model's output, for a reference that is learnt.")
@click.option("--label", metavar="COLUMN", help="Column of the true label, for a reference that is learnt.")
@click.option("--ignore", metavar="COLUMN", multiple=True, help="Column that is no feature. Repeatable.")
@click.option("--max-age", type=Duration(), help="Alert when the newest data are older than this.")
@click.option("--checkpoint", metavar="DIR", help="Where counts and positions are kept. Default: below "
              "$STATE_DIRECTORY, $XDG_STATE_HOME or ~/.local/state.")  # fmt: skip
@click.option("--name", help="The `model` label. Default: of the settings, else the name of the file or folder.")
@click.option("--host", help="Address to serve /metrics on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="Its port; 0 takes a free one.  [default: 9878]")
@click.option("--textfile", type=click.Path(path_type=Path, dir_okay=False), help="Write the metrics to this .prom "
              "file after each reading, for node_exporter's textfile collector.")  # fmt: skip
@click.option("--pushgateway", metavar="URL", help="Push the metrics there after each reading.")
@click.option("--job", default="mlmon-watch", show_default=True, help="Job under which they are pushed.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write a report (.pdf or .json) at the "
              "end.")  # fmt: skip
@click.option("--config", "config_file", type=click.Path(path_type=Path, dir_okay=False), help="YAML file of settings; "
              "options given here override it.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="With --once: print everything known as JSON.")
@click.pass_context
def watch(ctx: click.Context, /, data: str, once: bool, config_file: Path | None, as_json: bool, **given: Any) -> None:
    """Watch DATA that grow: drift, distributions, quality and freshness, as metrics for Prometheus.

    DATA is a file, a folder, a pattern in quotes or a URL. Each file, and each line appended to one, is counted once,
    also over restarts: counts and positions are kept in a checkpoint. A file that cannot be read is set aside and
    named; the others go on. SIGTERM or Ctrl-C ends the service where it is, with nothing lost.

    \b
    As a service that Prometheus scrapes:
      mlmon watch scores/ --reference reference.json --every 5m --max-age 2h
      mlmon watch 's3://bucket/scores/*.parquet' --time-column scored_at --window 1d

    \b
    As a job that runs and ends:
      mlmon watch scores/ --once --textfile /var/lib/node_exporter/scores.prom
      mlmon watch scores/ --once --pushgateway http://pushgateway:9091 --job scores
      mlmon watch scores/ --once --report scores.pdf

    A Pushgateway does not add: what a job pushes replaces what it pushed before. Counts are right all the same, as each
    push carries the whole count of the checkpoint; give two jobs two names.

    Exit codes: 0 fine, 1 some data could not be read (with --once) or metrics or report could not be handed over,
    2 wrong usage or settings, or no such data.
    """  # noqa: D301 - click keeps the lines after its escape as they are
    if as_json and not once:
        raise click.UsageError("--json is for --once; a service shows everything at /metrics")
    if given["report"] is not None and given["report"].suffix.lower() not in {".pdf", ".json"}:
        raise click.BadParameter(f"{given['report']}; give a name that ends in .pdf or .json", param_hint="--report")
    if given["textfile"] is not None and given["textfile"].suffix != ".prom":
        raise click.BadParameter(f"{given['textfile']}; give a name that ends in .prom", param_hint="--textfile")
    monitor = DataMonitor(data, **_settings(config_file, given))
    hand_over = _HandOver(monitor, given["textfile"], given["pushgateway"], given["job"])
    code = _once(monitor, hand_over, as_json=as_json) if once else _serve(monitor, hand_over)
    if given["report"] is not None:
        try:
            click.echo(f"{monitor.generate_report(given['report'])}: written", err=True)
        except ReportError as error:
            click.echo(f"mlmon: {error}", err=True)
            code = 1
    ctx.exit(code)


def _settings(config_file: Path | None, given: dict[str, Any]) -> dict[str, Any]:
    """Return the monitor's arguments: of the settings, with the options over them."""
    settings = Config(config_file).get_data_monitoring_config()
    options = {
        "interval": given["every"],
        **{name: given[name] for name in (
            "reference", "window", "time_column", "prediction", "label", "checkpoint", "name", "host", "port"
        )},
        "ignore": given["ignore"] or None,
    }  # fmt: skip
    settings |= {name: value for name, value in options.items() if value is not None}
    if given["max_age"] is not None:
        settings["alert_thresholds"] = {**settings["alert_thresholds"], "data_age_seconds_max": given["max_age"]}
    settings["log_level"] = settings["log_level"] or "INFO"
    return settings


class _HandOver:
    """Hands the metrics over after a reading; a fault is said, and remembered for the exit code."""

    def __init__(self, monitor: DataMonitor, textfile: Path | None, gateway: str | None, job: str) -> None:
        self._monitor, self._textfile, self._gateway, self._job = monitor, textfile, gateway, job
        self.wanted = textfile is not None or gateway is not None
        self.failed = False

    def __call__(self) -> None:
        self.failed = False
        try:
            if self._textfile is not None:
                handed.write_textfile(self._textfile, self._monitor.metrics_text())
            if self._gateway is not None:
                handed.push(self._gateway, self._job, self._monitor.registry)
        except HandOverError as error:
            self.failed = True
            click.echo(f"mlmon: {error}", err=True)


def _once(monitor: DataMonitor, hand_over: _HandOver, *, as_json: bool) -> int:
    try:
        with _signals(monitor.ask_to_stop), _progress() as progress:
            found = monitor.run_once(progress)
        hand_over()
    finally:
        monitor.stop()
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _say(found)
    return int(bool(found["files"]["rejected"] or found["runs"]["last_error"] or hand_over.failed))


def _say(found: dict[str, Any]) -> None:
    files, share, score = found["files"], found["data"]["drift_share"], found["data"]["quality_score"]
    learning = found["learning"]
    if learning is not None:
        there = f"{learning['rows']:,} of {learning['needed']:,} rows"
        click.echo(f"{there} to learn the reference from; nothing is counted yet")
    elif found["model"]["reference_learnt"]:
        click.echo(f"reference:    learnt from the first {found['model']['reference_rows']:,} rows")
    drifted = [name for name, feature in found["data"]["features"].items() if feature["drifted"]]
    click.echo(f"rows counted: {found['rows']['total']:,} ({found['rows']['late']:,} late)")
    click.echo(f"drift:        {'not judged' if share is None else ', '.join(drifted) or 'none'}")
    click.echo(f"quality:      {'not judged' if score is None else f'{score:.3f}'}")
    click.echo(f"newest data:  {found['freshness']['newest'] or 'none'}")
    for kind in ("pending", "rejected"):
        for file in files[kind]:
            click.echo(f"{kind}: {file['file']}: {file['reason']}")
    if found["runs"]["last_error"]:
        click.echo(f"failed: {found['runs']['last_error']}")


def _serve(monitor: DataMonitor, hand_over: _HandOver) -> int:
    stop = threading.Event()
    with _signals(stop.set):
        if hand_over.wanted:
            monitor.after_reading = hand_over
        monitor.start()
        try:
            click.echo(f"watching {monitor.data_path} at {monitor.url}/metrics", err=True)
            stop.wait()
        finally:
            monitor.stop()
        if hand_over.wanted:
            hand_over()  # what the last reading counted until it was ended
    return int(hand_over.failed)


@contextmanager
def _signals(call: Any) -> Iterator[None]:
    """Call a function at SIGTERM and Ctrl-C, instead of ending at once."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        call()

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def _progress() -> Iterator[Any]:
    """Give what draws how far a file is on standard error, None if that is no terminal."""
    stream = sys.stderr
    if not stream.isatty():
        yield None
        return

    def draw(progress: Progress) -> None:
        share = f"{100 * progress.done // progress.size} %" if progress.size and progress.done else ""
        stream.write(f"\r{Path(progress.file).name} {share}\x1b[K")
        stream.flush()

    try:
        yield draw
    finally:
        stream.write("\r\x1b[K")
        stream.flush()
