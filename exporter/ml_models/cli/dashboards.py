"""``mlmon dashboards``: keep Grafana's dashboards in step with files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ml_models.cli.grafana import connected, grafana_options
from ml_models.config import Config
from ml_models.errors import DataError, ReportError, ServerError
from ml_models.reports.grafana import Grafana, sync

_FILES = click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False, exists=True))


@click.group()
def dashboards() -> None:
    """Push dashboards to Grafana, compare them, and pull what was changed there.

    Without files, the dashboards of this package are meant. The token comes from a file or the environment:
    `GRAFANA_TOKEN_FILE`, `GRAFANA_TOKEN`, or `grafana.token_file` in the settings.
    """


def _read(files: tuple[Path, ...]) -> list[dict[str, Any]]:
    if not files:
        from ml_models.mixin import dashboards as generated  # noqa: PLC0415 - it needs an extra

        return [json.loads(text) for text in generated.files().values()]
    return [read_dashboard(file) for file in files]


def read_dashboard(file: Path) -> dict[str, Any]:
    """Read a dashboard's file.

    Raises
    ------
    DataError
        If it holds no dashboard.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise DataError(f"{file}: cannot be read as JSON: {error}; give a dashboard's file") from error
    if not isinstance(found, dict):
        raise DataError(f"{file}: holds no dashboard; give the JSON object that has its panels")
    return sync.checked(found, str(file))


@dashboards.command()
@_FILES
@grafana_options
@click.option("--folder", help="Title of the folder for them; default: grafana.folder, and those there stay in place.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--overwrite", is_flag=True, help="Replace also what somebody has changed in Grafana.")
@click.pass_context
def push(
    ctx: click.Context,
    files: tuple[Path, ...],
    url: str | None,
    token_file: str | None,
    ca_file: str | None,
    settings: Path | None,
    folder: str | None,
    dry_run: bool,
    overwrite: bool,
) -> None:
    """Save dashboards in Grafana, those only that differ from what is there.

    What somebody has changed in Grafana since the last push is left as it is, unless --overwrite is given.

    \b
    Examples:
      mlmon dashboards push --url https://grafana.example.org --token-file token
      mlmon dashboards push --dry-run
      mlmon dashboards push dashboards/*.json --folder "ML models"

    Exit codes: 0 all are in step, 1 a dashboard was changed in Grafana and left as it is, 2 wrong usage or a failure.
    """  # noqa: D301 - click keeps the lines after its escape as they are
    read = _read(files)
    grafana = connected(url, token_file, ca_file, settings)
    title = folder or Config(settings).monitoring.grafana.folder
    place: str | None = None
    conflicts = 0
    for dashboard in read:
        planned = sync.plan(grafana, dashboard)
        if planned.action == sync.CONFLICT and not overwrite:
            conflicts += 1
            _say_conflict(planned.uid, planned.who)
            continue
        if planned.action == sync.UNCHANGED:
            click.echo(f"unchanged  {planned.uid}")
            continue
        done = sync.UPDATED if planned.stored else sync.NEW
        if dry_run:
            click.echo(f"would be {done}  {planned.uid}")
            continue
        if place is None and (folder or planned.stored is None):
            place = _folder(grafana, title)
        try:
            saved = sync.push(grafana, dashboard, planned, place if folder or planned.stored is None else None)
        except ServerError as error:
            if error.reason != "version-conflict":
                raise
            conflicts += 1
            _say_conflict(planned.uid, "it was saved by somebody at this moment")
            continue
        click.echo(f"{done:<9}  {planned.uid}  version {saved['version']}  {grafana.url}/d/{planned.uid}")
    ctx.exit(1 if conflicts else 0)


def _folder(grafana: Grafana, title: str) -> str:
    return grafana.folder(title) or grafana.make_folder(title)


def _say_conflict(uid: str, who: str) -> None:
    click.echo(
        f"conflict   {uid}: {who}; see `mlmon dashboards diff`, keep it with `mlmon dashboards pull`, "
        "replace it with --overwrite",
        err=True,
    )


@dashboards.command()
@_FILES
@grafana_options
@click.pass_context
def diff(
    ctx: click.Context,
    files: tuple[Path, ...],
    url: str | None,
    token_file: str | None,
    ca_file: str | None,
    settings: Path | None,
) -> None:
    """Show how the dashboards in Grafana differ from the files: lines with + are those of the files.

    Exit codes: 0 they are equal, 1 they differ, 2 wrong usage or a failure.
    """
    read = _read(files)
    grafana = connected(url, token_file, ca_file, settings)
    differing = 0
    for dashboard in read:
        shown = sync.difference(grafana.dashboard(dashboard["uid"]), dashboard)
        differing += bool(shown)
        click.echo(shown, nl=False)
    ctx.exit(1 if differing else 0)


@dashboards.command()
@click.argument("uids", nargs=-1)
@grafana_options
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("dashboards"),
              show_default=True, help="Folder to write into.")  # fmt: skip
@click.option("--tag", default="ml-models", show_default=True, help="Without UIDS: the dashboards with this tag.")
def pull(
    uids: tuple[str, ...],
    url: str | None,
    token_file: str | None,
    ca_file: str | None,
    settings: Path | None,
    output: Path,
    tag: str,
) -> None:
    """Write dashboards as they are in Grafana to files, named by their uids."""
    grafana = connected(url, token_file, ca_file, settings)
    chosen = uids or tuple(sorted(found["uid"] for found in grafana.search(tag=tag)))
    if not chosen:
        raise DataError(f"Grafana has no dashboard with the tag {tag!r}; name uids, or another --tag")
    for uid in chosen:
        stored = grafana.dashboard(uid)
        if stored is None:
            raise DataError(f"Grafana has no dashboard {uid!r}; its uid is the part after /d/ in its address")
        file = output / f"{uid}.json"
        try:
            output.mkdir(parents=True, exist_ok=True)
            file.write_text(sync.text(stored.dashboard), encoding="utf-8")
        except OSError as error:
            raise ReportError(f"{file}: cannot be written: {error.strerror}; name another folder with -o") from error
        click.echo(f"wrote {file}  version {stored.version}")
