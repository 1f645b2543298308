"""``mlmon generate``: write rules, configurations and dashboards, or compare them with what is on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click
import yaml
from pydantic import TypeAdapter, ValidationError

from ml_models.config import Config
from ml_models.errors import ConfigError
from ml_models.mixin import files
from ml_models.mixin.alertmanager import AlertmanagerSettings
from ml_models.mixin.files import GeneratorSettings
from ml_models.mixin.kubernetes import kubernetes_files

Generator = Callable[[GeneratorSettings], dict[str, str]]


def _dashboards(_settings: GeneratorSettings) -> dict[str, str]:
    # Imported here: it needs an extra, without which the other generators work.
    from ml_models.mixin import dashboards  # noqa: PLC0415

    return dashboards.files()


def _kubernetes(settings: GeneratorSettings) -> dict[str, str]:
    return kubernetes_files(files.rule_files(settings), _dashboards(settings))


#: What can be generated: each gives texts by path below the output folder.
GENERATORS: dict[str, Generator] = {
    "rules": files.rule_files,
    "prometheus": files.prometheus_files,
    "alertmanager": files.alertmanager_files,
    "grafana": files.grafana_files,
    "dashboards": _dashboards,
    "kubernetes": _kubernetes,
}

_HELP: dict[str, str] = {
    "rules": "Recording rules and alerts, for Prometheus 2.42 and later.",
    "prometheus": "prometheus.yml: what to scrape, which rules to load.",
    "alertmanager": "alertmanager.yml: who is told of which alert, and the messages.",
    "grafana": "Provisioning of Grafana: its data source, and where the dashboards lie.",
    "dashboards": "Dashboards for Grafana.",
    "kubernetes": "Rules and dashboards as objects of a Kubernetes cluster.",
    "all": "All of the above.",
}


def read_settings(path: Path) -> GeneratorSettings:
    """Read the settings of the generators from a YAML file.

    The file's keys are those of ``GeneratorSettings``, with the fields of their settings below. Who is told of alerts
    stands in the monitors' own configuration.

    Raises
    ------
    ConfigError
        If the file is not YAML, or has unknown keys or wrong values; all faults are reported at once.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [f"cannot be read as YAML: {error}"]) from error
    faults = _unknown_keys(content)
    try:
        settings = TypeAdapter(GeneratorSettings).validate_python(content)
    except ValidationError as error:
        faults += [f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors()]
        raise ConfigError(str(path), faults) from error
    if faults:
        raise ConfigError(str(path), faults)
    return settings


def _unknown_keys(content: object) -> list[str]:
    """Return a fault per key that is no setting; a dataclass would be built without it and say nothing."""
    defaults, faults = GeneratorSettings(), []
    parts = ["rules", "prometheus"]
    levels = [("", parts, content)]
    if isinstance(content, dict):
        levels += [
            (f"{part}.", [one.name for one in fields(getattr(defaults, part))], content.get(part)) for part in parts
        ]
        if "alertmanager" in content:
            faults.append("alertmanager: stands in the monitors' configuration; give that with --config")
            parts.append("alertmanager")
    for prefix, known, given in levels:
        for key in given if isinstance(given, dict) else ():
            if key not in known:
                faults.append(f"{prefix}{key}: unknown; choose from {', '.join(known)}")
    return faults


def differences(texts: dict[str, str], folder: Path) -> list[str]:
    """Return the paths whose files are missing or have another text."""
    return [path for path, text in texts.items() if not _holds(folder / path, text)]


def _holds(file: Path, text: str) -> bool:
    return file.is_file() and file.read_bytes() == text.encode()


def write(texts: dict[str, str], folder: Path) -> None:
    """Write the texts below the folder."""
    for path, text in texts.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())


@click.group()
def generate() -> None:
    """Write rules, configurations and dashboards from the catalog of metrics.

    The files are the same for the same version and settings, so commit them, and let CI run
    `mlmon generate all --check`.
    """


def read_notifications(path: Path) -> AlertmanagerSettings:
    """Read from the monitors' configuration who is told of alerts.

    Raises
    ------
    ConfigError
        If the configuration is wrong, or what it asks for cannot be done; all faults at once.
    """
    monitoring = Config(path).monitoring
    return AlertmanagerSettings(monitoring.system.alert_channels, monitoring.notifications)


def _run(names: tuple[str, ...], output: Path, settings: Path | None, config: Path | None, check: bool) -> None:
    chosen = read_settings(settings) if settings else GeneratorSettings()
    if config:
        chosen = replace(chosen, alertmanager=read_notifications(config))
        if "alertmanager" in names and not chosen.alertmanager.channels:
            click.echo(f"note: {config} names no system.alert_channels, so nobody is told of alerts", err=True)
    texts = {path: text for name in names for path, text in GENERATORS[name](chosen).items()}
    if not check:
        write(texts, output)
        for path in texts:
            click.echo(f"wrote {output / path}")
        return
    differing = differences(texts, output)
    for path in differing:
        click.echo(f"differs: {output / path}", err=True)
    if differing:
        raise click.ClickException(f"{len(differing)} of {len(texts)} differ; run: mlmon generate {_goal(names)}")
    click.echo(f"up to date: {', '.join(texts)}")


def _goal(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else "all"


def _command(goal: str, names: tuple[str, ...]) -> click.Command:
    def run(**options: Any) -> None:
        _run(names, **options)

    return click.Command(
        goal,
        callback=run,
        help=_HELP[goal],
        params=[
            click.Option(
                ["--output"],
                type=click.Path(file_okay=False, path_type=Path),
                default=Path(),
                help="Folder to write below; the current one by default.",
            ),
            click.Option(
                ["--settings"],
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                help="YAML file with windows and addresses: keys rules, prometheus, grafana.",
            ),
            click.Option(
                ["--config"],
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                help="The monitors' YAML file: alert_channels and notifications. Without it, examples stand there.",
            ),
            click.Option(
                ["--check"],
                is_flag=True,
                help="Write nothing; exit with 1 and name the files if any differs from what is on disk.",
            ),
        ],
    )


for _name in GENERATORS:
    generate.add_command(_command(_name, (_name,)))
generate.add_command(_command("all", tuple(GENERATORS)))
