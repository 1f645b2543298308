"""What the commands that talk to Grafana share: how it is found."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ml_models.config import Config
from ml_models.errors import ConfigError
from ml_models.reports.connection import Connection, read_credentials
from ml_models.reports.grafana import Grafana

_OPTIONS = (
    click.option("--url", envvar="GRAFANA_URL", help="Address of Grafana; else GRAFANA_URL, else grafana.url."),
    click.option(
        "--token-file",
        type=click.Path(dir_okay=False, exists=True),
        help="File with a service account's token; else GRAFANA_TOKEN, GRAFANA_TOKEN_FILE, grafana.token_file.",
    ),
    click.option(
        "--ca-file", type=click.Path(dir_okay=False, exists=True), help="Certificates (PEM) to verify Grafana by."
    ),
    click.option(
        "--config", "settings", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="File of settings."
    ),
)


def grafana_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which Grafana is meant."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def connected(url: str | None, token_file: str | None, ca_file: str | None, settings: Path | None) -> Grafana:
    """Return the Grafana of the options, environment and settings, in that order.

    Raises
    ------
    ConfigError
        If no address or no token is given.
    """
    section = Config(settings).monitoring.grafana
    address = url or section.url
    if address is None:
        raise ConfigError("grafana.url", ["not set; give --url, GRAFANA_URL, or grafana.url in the settings"])
    environ = {} if token_file else os.environ
    credentials = read_credentials(environ, token_file or section.token_file)
    return Grafana(
        Connection(
            address,
            name="Grafana",
            credentials=credentials,
            timeout=section.timeout,
            ca_file=ca_file or section.ca_file,
        )
    )
