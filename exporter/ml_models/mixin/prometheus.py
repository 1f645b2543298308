"""The configuration of Prometheus; valid in 2.42 and in 3.x."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ml_models.mixin.promql import seconds


@dataclass(frozen=True, slots=True)
class PrometheusSettings:
    """How Prometheus is configured; durations as Prometheus writes them.

    Targets are read from files, so that the same configuration serves any place: only the folder differs.

    Parameters
    ----------
    scrape_interval, scrape_timeout : str
        How often exporters are scraped, and how long a scrape may take.
    evaluation_interval : str
        How often rules are evaluated whose group does not say.
    targets : str
        Folder of the target files, relative to the configuration file.
    rules : str
        Folder of the rule files, likewise.
    """

    scrape_interval: str = "15s"
    scrape_timeout: str = "10s"
    evaluation_interval: str = "1m"
    targets: str = "deploy/targets"
    rules: str = "alert_rules"

    def __post_init__(self) -> None:
        if not 0 < seconds(self.scrape_timeout) <= seconds(self.scrape_interval):
            raise ValueError(
                f"scrape_timeout: {self.scrape_timeout} must be above 0 and "
                f"at most the scrape_interval of {self.scrape_interval}"
            )


def prometheus_config(settings: PrometheusSettings, job: str) -> dict[str, Any]:
    """Return the content of ``prometheus.yml``.

    Parameters
    ----------
    settings : PrometheusSettings
        Intervals and folders.
    job : str
        Name of the exporters' scrape job, by which the rules know them; also that of their target files.
    """
    return {
        "global": {
            "scrape_interval": settings.scrape_interval,
            "scrape_timeout": settings.scrape_timeout,
            "evaluation_interval": settings.evaluation_interval,
        },
        "rule_files": [f"{settings.rules}/*.yml"],
        "alerting": {"alertmanagers": [{"file_sd_configs": [{"files": [f"{settings.targets}/alertmanager*.yml"]}]}]},
        "scrape_configs": [
            {
                "job_name": job,
                "file_sd_configs": [{"files": [f"{settings.targets}/{job}*.yml"], "refresh_interval": "1m"}],
            }
        ],
    }
