"""The run folder: the generated production files with their time compressed, and what they refer to."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from ml_models.demo.servers import HOST, Programs, Server
from ml_models.errors import MonitoringError
from ml_models.mixin.files import GeneratorSettings, alertmanager_files, prometheus_files, rule_files
from ml_models.mixin.promql import seconds
from ml_models.mixin.timescale import scale

#: Marks a folder as one that the demo made and may remove.
MARKER = ".mlmon-demo"
#: Files and folders that the demo makes.
MESSAGES = "messages"
REPORT = "report.pdf"


class FolderError(MonitoringError):
    """The folder to run in holds something that the demo did not make."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything listens.

    Parameters
    ----------
    exporter, prometheus, alertmanager : int
        Ports of this machine.
    smtp : str
        ``host:port`` of the mail sink.
    slack : str
        URL of the Slack sink.
    """

    exporter: int
    prometheus: int
    alertmanager: int
    smtp: str
    slack: str


def make_folder(folder: Path) -> Path:
    """Make the run folder anew and return its absolute path.

    Raises
    ------
    FolderError
        If it exists, is not empty, and was not made by an earlier demo.
    """
    folder = folder.absolute()
    try:
        if folder.is_dir() and (folder / MARKER).is_file():
            shutil.rmtree(folder)
        elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise FolderError(f"{folder}: holds something else than an earlier demo; name another one with --folder")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARKER).write_text("Made by `mlmon demo`, which removes this folder when it runs again.\n")
    except OSError as error:
        raise FolderError(f"{folder}: cannot be made: {error.strerror}; name another one with --folder") from error
    return folder


def compression(window_seconds: float) -> float:
    """Return the factor by which time is compressed where the rules' window shall last ``window_seconds``.

    Examples
    --------
    >>> compression(12.0)
    300.0
    """
    return seconds(GeneratorSettings().rules.window) / window_seconds


def stage(folder: Path, addresses: Addresses, factor: float) -> None:
    """Write all that Prometheus and Alertmanager read.

    The files are those that ``mlmon generate`` writes, and stay as they are but for two things: time is compressed,
    and mail goes to the sink.

    Parameters
    ----------
    folder : Path
        The run folder.
    addresses : Addresses
    factor : float
        By which time is compressed.
    """
    settings = GeneratorSettings()
    notifications = settings.alertmanager.notifications
    email = notifications.email.model_copy(update={"smarthost": addresses.smtp})
    notifications = notifications.model_copy(update={"email": email})
    settings = replace(settings, alertmanager=replace(settings.alertmanager, notifications=notifications))
    job, targets = settings.rules.job, settings.prometheus.targets
    generated = rule_files(settings) | prometheus_files(settings) | alertmanager_files(settings)
    texts = {path: scale(text, factor) for path, text in generated.items()}
    texts |= {
        f"{targets}/{job}.yml": _targets(addresses.exporter),
        f"{targets}/alertmanager.yml": _targets(addresses.alertmanager),
        # Without a newline: Alertmanager before 0.27 would take it as part of the address.
        notifications.slack.url_file: addresses.slack,
    }
    for path, text in texts.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def _targets(port: int) -> str:
    return f'- targets: ["{HOST}:{port}"]\n'


def servers(folder: Path, addresses: Addresses, programs: Programs) -> tuple[Server, ...]:
    """Return the servers to start, in order."""
    return (
        Server(
            "Alertmanager",
            (
                programs.alertmanager,
                "--config.file=alertmanager.yml",
                "--storage.path=alertmanager-data",
                f"--web.listen-address={HOST}:{addresses.alertmanager}",
                f"--web.external-url=http://{HOST}:{addresses.alertmanager}",
                "--cluster.listen-address=",
                "--log.level=warn",
            ),
            addresses.alertmanager,
            folder,
        ),
        Server(
            "Prometheus",
            (
                programs.prometheus,
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=prometheus-data",
                "--storage.tsdb.retention.time=1d",
                f"--web.listen-address={HOST}:{addresses.prometheus}",
                f"--web.external-url=http://{HOST}:{addresses.prometheus}",
                "--log.level=warn",
            ),
            addresses.prometheus,
            folder,
        ),
    )
