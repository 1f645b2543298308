"""``mlmon config``: show, check and describe the settings."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from ml_models.config import Config
from ml_models.errors import ConfigError
from ml_models.exposition.passwords import make_hash
from ml_models.mixin.alertmanager import AlertmanagerSettings


@click.group()
def config() -> None:
    """Show, check and describe the settings.

    A setting comes from the environment (ML_MODELS_...), else from the YAML file, else it is the default.
    """


@config.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
def show(file: Path | None, form: str) -> None:
    """Print every setting in force, defaults and environment included.

    FILE is a YAML file with the top key monitoring; without it, the file that the environment variable
    ML_MODELS_CONFIG names is read, if any.

    \b
    Examples:
      mlmon config show
      mlmon config show monitoring.yml --format json
      ML_MODELS_PERFORMANCE__WINDOW=600 mlmon config show
    """  # noqa: D301  # click's mark for text that is not to be wrapped
    settings = Config(file)
    text = settings.to_yaml() if form == "yaml" else json.dumps(settings.to_dict(), indent=2, ensure_ascii=False)
    click.echo(text.rstrip("\n"))


@config.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "markdown"]),
    default="json",
    show_default=True,
    help="json: a JSON schema, with which editors complete and check the file; markdown: a table to read.",
)
def schema(form: str) -> None:
    """Print every parameter with its meaning, unit, range and default.

    \b
    Examples:
      mlmon config schema > monitoring.schema.json
      mlmon config schema --format markdown
    """  # noqa: D301  # click's mark for text that is not to be wrapped
    text = json.dumps(Config.json_schema(), indent=2) if form == "json" else Config.reference_table()
    click.echo(text.rstrip("\n"))


@config.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
def check(files: tuple[Path, ...]) -> None:
    """Check YAML files and print all that is wrong in them.

    The environment is left out, so that the answer is about the file. Exits with 1 if any file has a fault.

    \b
    Example:
      mlmon config check monitoring.yml staging/*.yml
    """  # noqa: D301  # click's mark for text that is not to be wrapped
    failed = False
    for file in files:
        try:
            monitoring = Config(file, environ={}).monitoring
            AlertmanagerSettings(monitoring.system.alert_channels, monitoring.notifications)
        except ConfigError as error:
            failed = True
            click.echo(str(error))
        else:
            click.echo(f"{file}: ok")
    if failed:
        raise click.exceptions.Exit(1)


@config.command("hash-password")
@click.option("--cost", type=click.IntRange(10, 15), default=12, show_default=True, help="Each step doubles the time.")
def hash_password(cost: int) -> None:
    """Make the bcrypt hash of a password, for basic_auth_users in a web configuration.

    Asks for the password twice, unseen; or reads it from standard input, the line's end left out. It appears neither
    in the shell's history nor in the list of processes.

    \b
    Examples:
      mlmon config hash-password
      mlmon config hash-password < password.txt
    """  # noqa: D301  # click's mark for text that is not to be wrapped
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    try:
        click.echo(make_hash(password, cost))
    except ValueError as error:
        raise click.ClickException(str(error)) from error
