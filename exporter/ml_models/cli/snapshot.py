"""``mlmon snapshot``: a dashboard as it is now, with its data, to keep and to show."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ml_models.cli.dashboards import read_dashboard
from ml_models.cli.grafana import connected, grafana_options
from ml_models.config import Config
from ml_models.errors import DataError, ReportError
from ml_models.reports.connection import Connection
from ml_models.reports.grafana import Grafana
from ml_models.reports.grafana.snapshots import embedded
from ml_models.reports.panels.collect import Collected, collect
from ml_models.reports.panels.page import page
from ml_models.reports.panels.resolve import described
from ml_models.reports.panels.sources import GrafanaSource, PrometheusSource
from ml_models.reports.panels.timerange import milliseconds, time_range


class _DashboardFirst(click.Group):
    """A group whose first word may be a dashboard: anything but a subcommand is given to ``make``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            args = ["make", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_DashboardFirst, no_args_is_help=True, subcommand_metavar="DASHBOARD [OPTIONS] | COMMAND [ARGS]...")
def snapshot() -> None:
    """Keep a dashboard as it is now, with its data.

    \b
    mlmon snapshot DASHBOARD   makes one; `mlmon snapshot make --help` lists its options
    mlmon snapshot list        lists those in Grafana
    mlmon snapshot delete KEY  deletes one
    """  # noqa: D301 - click keeps the lines after its escape as they are


def _variables(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in given:
        name, separator, value = one.partition("=")
        if not separator or not name or not value:
            raise click.BadParameter(f"{one!r}; write NAME=VALUE, e.g. model=churn")
        found.setdefault(name, []).append(value)
    return found


def _length(_ctx: click.Context, _param: click.Parameter, text: str) -> int:
    """Return seconds, 0 for never."""
    try:
        return 0 if text == "never" else max(milliseconds(text) // 1000, 1)
    except DataError as error:
        raise click.BadParameter(f"{error}, or never") from error


@snapshot.command()
@click.argument("dashboard")
@grafana_options
@click.option("--from", "start", default="", help="now-6h, 2026-01-31T08:00 (UTC), or ms since 1970; default: its own.")
@click.option("--to", "end", default="", help="Likewise.")
@click.option("--var", "variables", multiple=True, callback=_variables, metavar="NAME=VALUE",
              help="Value of a variable; repeat it for several. Others are chosen as Grafana does.")  # fmt: skip
@click.option("--expires", default="7d", show_default=True, callback=_length, help="1h, 7d, or never (grafana only).")
@click.option("--name", help="Title of the snapshot; default: dashboard, model and time.")
@click.option("--format", "form", type=click.Choice(["grafana", "html"]), help="Default: html with -o, else grafana.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="HTML file to write.")
@click.option("--prometheus", help="Ask this Prometheus, without Grafana (html only).")
@click.option("--scrape-interval", default="15s", show_default=True, help="How often that Prometheus scrapes.")
@click.pass_context
def make(
    ctx: click.Context,
    dashboard: str,
    url: str | None,
    token_file: str | None,
    ca_file: str | None,
    settings: Path | None,
    start: str,
    end: str,
    variables: dict[str, list[str]],
    expires: int,
    name: str | None,
    form: str | None,
    output: Path | None,
    prometheus: str | None,
    scrape_interval: str,
) -> None:
    """Make a snapshot of DASHBOARD: in Grafana, or as an HTML file that needs no server.

    DASHBOARD is its uid; with --prometheus, the uid of one of this package's dashboards, or a dashboard's file.
    Whoever knows the address of a snapshot in Grafana sees it without logging in, until it expires.

    \b
    Examples:
      mlmon snapshot ml-model --var model=churn
      mlmon snapshot ml-model --var model=churn --from now-1d --expires 30d
      mlmon snapshot ml-model --var model=churn -o churn.html
      mlmon snapshot ml-model --prometheus http://127.0.0.1:9090 -o churn.html

    Exit codes: 0 made, 1 made but a query has failed, 2 wrong usage or a failure.
    """  # noqa: D301 - click keeps the lines after its escape as they are
    form = form or ("html" if output or prometheus else "grafana")
    if prometheus and form == "grafana":
        raise click.UsageError("--prometheus gives data without Grafana; use --format html")
    source: GrafanaSource | PrometheusSource
    if prometheus:
        grafana = None
        stored = _local(dashboard)
        timeout = Config(settings).monitoring.grafana.timeout
        connection = Connection(prometheus, name="Prometheus", timeout=timeout, ca_file=ca_file)
        source = PrometheusSource(connection, milliseconds(scrape_interval))
    else:
        grafana = connected(url, token_file, ca_file, settings)
        stored = _stored(grafana, dashboard)
        source = GrafanaSource(grafana, *variables.get("datasource", [])[:1])
    own = stored.get("time") or {}
    span = time_range(start or own.get("from", "now-6h"), end or own.get("to", "now"), datetime.now(UTC))
    with _progress() as progress:
        collected = collect(stored, source, span, variables, progress)
    if grafana is not None and form == "grafana":
        made = grafana.make_snapshot(embedded(collected), name or _title(collected), expires)
        click.echo(f"url     {made['url']}")
        click.echo(f"key     {made['key']}")
        click.echo(f"delete  mlmon snapshot delete {made['key']}")
    else:
        file = output or Path(f"{stored.get('uid', 'dashboard')}.html")
        try:
            file.write_text(page(collected), encoding="utf-8")
        except OSError as error:
            raise ReportError(f"{file}: cannot be written: {error.strerror}; name another file with -o") from error
        click.echo(f"wrote {file}")
    for line in collected.errors:
        click.echo(f"mlmon: query failed: {line}", err=True)
    ctx.exit(1 if collected.errors else 0)


def _local(dashboard: str) -> dict[str, Any]:
    if dashboard.endswith(".json") or os.sep in dashboard:
        return read_dashboard(Path(dashboard))
    from ml_models.mixin import dashboards as generated  # noqa: PLC0415 - it needs an extra

    made: list[dict[str, Any]] = [json.loads(text) for text in generated.files().values()]
    known = {one["uid"]: one for one in made}
    if dashboard not in known:
        raise DataError(f"no dashboard {dashboard!r} in this package; there is {', '.join(known)}; or name a file")
    return known[dashboard]


def _stored(grafana: Grafana, uid: str) -> dict[str, Any]:
    stored = grafana.dashboard(uid)
    if stored is None:
        raise DataError(f"Grafana has no dashboard {uid!r}; push it first: mlmon dashboards push")
    return stored.dashboard


def _title(collected: Collected) -> str:
    model = described(collected.choices).get("model", "")
    moment = datetime.fromtimestamp(collected.span.end / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return " ".join(part for part in (str(collected.dashboard["title"]), model, moment) if part)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """Give what draws how many panels are done, None if there is no terminal; the line is wiped afterwards."""
    if not sys.stderr.isatty():
        yield None
        return
    try:
        yield lambda done, total: click.echo(f"\r{done} of {total} panels", nl=False, err=True)
    finally:
        click.echo("\r\x1b[K", nl=False, err=True)


@snapshot.command("list")
@grafana_options
def list_(url: str | None, token_file: str | None, ca_file: str | None, settings: Path | None) -> None:
    """List the snapshots in Grafana: key, when made, when it expires, title."""
    for one in connected(url, token_file, ca_file, settings).snapshots():
        click.echo(f"{one['key']}  {_day(one.get('created'))}  {_day(one.get('expires'))}  {one.get('name', '')}")


def _day(text: str | None) -> str:
    return (text or "")[:16].replace("T", " ") or "?"


@snapshot.command()
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@grafana_options
def delete(
    keys: tuple[str, ...], url: str | None, token_file: str | None, ca_file: str | None, settings: Path | None
) -> None:
    """Delete snapshots in Grafana by their keys."""
    grafana = connected(url, token_file, ca_file, settings)
    for key in keys:
        grafana.delete_snapshot(key)
        click.echo(f"deleted {key}")
