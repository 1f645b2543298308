"""The configuration of Alertmanager: routes by severity, inhibition, receivers; valid from 0.25 on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ml_models.mixin import messages
from ml_models.mixin.alerts import EXPORTER_ABSENT, EXPORTER_DOWN, WATCHDOG, Alert
from ml_models.mixin.promql import duration, seconds

Channel = Literal["email", "slack"]

#: A repetition is sent at the first group interval after it is due: equal to it, every second one is missed.
REPEAT_TO_GROUP = 0.9

_NOBODY = "null"


@dataclass(frozen=True, slots=True)
class AlertmanagerSettings:
    """Who is told, and how; durations as Prometheus writes them.

    Secrets are read by Alertmanager from files. It looks for relative paths in the folder in which it was started,
    not in that of its configuration. Before Alertmanager 0.27 such a file must not end in a newline.

    Parameters
    ----------
    channels : tuple of {'email', 'slack'}
        Critical alerts go to all of them, warnings to Slack, or by email where Slack is not among them.
    email_to : tuple of str
        Addresses.
    email_from : str
        Sender.
    smtp_smarthost : str
        ``host:port`` of the mail relay.
    smtp_require_tls : bool
        Whether to insist on STARTTLS; needed wherever the relay is not on the same machine.
    smtp_auth_username, smtp_auth_password_file : str
        Credentials for the relay; none by default.
    slack_channel : str
        With its ``#``.
    slack_api_url_file : str
        File that holds the address of Slack's incoming webhook.
    watchdog_url : str
        Address of a dead man's switch; without one, the watchdog is shown in Alertmanager only.
    group_wait, group_interval, repeat_interval : str
        How long to collect alerts before a group's first message, how often to tell what changed in it,
        and how often to remind.
    watchdog_interval : str
        How often the dead man's switch is called.
    """

    channels: tuple[Channel, ...] = ("email", "slack")
    email_to: tuple[str, ...] = ("ml-oncall@example.org",)
    email_from: str = "alertmanager@example.org"
    smtp_smarthost: str = "127.0.0.1:1025"
    smtp_require_tls: bool = False
    smtp_auth_username: str = ""
    smtp_auth_password_file: str = "secrets/smtp_password"  # noqa: S105 (the name of a file)
    slack_channel: str = "#ml-alerts"
    slack_api_url_file: str = "secrets/slack_url"
    watchdog_url: str = ""
    group_wait: str = "30s"
    group_interval: str = "5m"
    repeat_interval: str = "4h"
    watchdog_interval: str = "1m"

    def __post_init__(self) -> None:
        unknown = set(self.channels) - {"email", "slack"}
        if unknown:
            raise ValueError(f"channels: unknown {', '.join(sorted(unknown))}; choose from email, slack")
        if "email" in self.channels and not self.email_to:
            raise ValueError("email_to: is empty; name an address or take email out of channels")
        for setting in ("group_wait", "group_interval", "repeat_interval", "watchdog_interval"):
            seconds(getattr(self, setting))


def alertmanager_config(settings: AlertmanagerSettings, alerts: Sequence[Alert]) -> dict[str, Any]:
    """Return the content of ``alertmanager.yml``.

    Parameters
    ----------
    settings : AlertmanagerSettings
        Channels, addresses and intervals.
    alerts : sequence of Alert
        The alerts to come; decides on which are muted while exporters are down.
    """
    return {
        "global": _global(settings),
        "route": _route(settings),
        "inhibit_rules": _inhibitions(alerts),
        "receivers": _receivers(settings),
    }


def _global(settings: AlertmanagerSettings) -> dict[str, Any]:
    content: dict[str, Any] = {"resolve_timeout": "5m"}
    if "email" in settings.channels:
        content |= {
            "smtp_smarthost": settings.smtp_smarthost,
            "smtp_from": settings.email_from,
            "smtp_require_tls": settings.smtp_require_tls,
        }
        if settings.smtp_auth_username:
            content |= {
                "smtp_auth_username": settings.smtp_auth_username,
                "smtp_auth_password_file": settings.smtp_auth_password_file,
            }
    if "slack" in settings.channels:
        content["slack_api_url_file"] = settings.slack_api_url_file
    return content


def _route(settings: AlertmanagerSettings) -> dict[str, Any]:
    watchdog: dict[str, Any] = {"receiver": _NOBODY, "matchers": [f'alertname = "{WATCHDOG}"']}
    if settings.watchdog_url:
        watchdog |= {
            "receiver": "watchdog",
            "group_wait": "0s",
            "group_interval": settings.watchdog_interval,
            "repeat_interval": duration(REPEAT_TO_GROUP * seconds(settings.watchdog_interval)),
        }
    return {
        # Whatever has no severity is not lost.
        "receiver": "warning",
        "group_by": ["alertname", "model"],
        "group_wait": settings.group_wait,
        "group_interval": settings.group_interval,
        "repeat_interval": settings.repeat_interval,
        "routes": [
            watchdog,
            {"receiver": "critical", "matchers": ['severity = "critical"']},
            {"receiver": "warning", "matchers": ['severity = "warning"']},
            {"receiver": _NOBODY, "matchers": ['severity = "none"']},
        ],
    }


def _inhibitions(alerts: Sequence[Alert]) -> list[dict[str, Any]]:
    about_models = "|".join(sorted({alert.name for alert in alerts if alert.about_model}))
    return [
        {
            "source_matchers": ['severity = "critical"'],
            "target_matchers": ['severity = "warning"'],
            "equal": ["alertname", "model", "feature"],
        },
        # Critical only: while another replica of the model is up, its alerts still tell the truth.
        {
            "source_matchers": [f'alertname = "{EXPORTER_DOWN}"', 'severity = "critical"'],
            "target_matchers": [f'alertname =~ "{about_models}"'],
            "equal": ["model"],
        },
        {
            "source_matchers": [f'alertname = "{EXPORTER_ABSENT}"'],
            "target_matchers": [f'alertname =~ "{about_models}"'],
        },
    ]


def _receivers(settings: AlertmanagerSettings) -> list[dict[str, Any]]:
    by_channel = {"email": ("email_configs", _email(settings)), "slack": ("slack_configs", [_slack(settings)])}
    warned: tuple[Channel, ...] = ("slack",) if "slack" in settings.channels else settings.channels
    receivers: list[dict[str, Any]] = [
        {"name": _NOBODY},
        {"name": "critical", **dict(by_channel[channel] for channel in settings.channels)},
        {"name": "warning", **dict(by_channel[channel] for channel in warned)},
    ]
    if settings.watchdog_url:
        receivers.append(
            {"name": "watchdog", "webhook_configs": [{"url": settings.watchdog_url, "send_resolved": False}]}
        )
    return receivers


def _email(settings: AlertmanagerSettings) -> list[dict[str, Any]]:
    return [
        {
            "to": ", ".join(settings.email_to),
            "send_resolved": True,
            "headers": {"Subject": messages.TITLE},
            "html": messages.HTML,
            "text": messages.TEXT,
        }
    ]


def _slack(settings: AlertmanagerSettings) -> dict[str, Any]:
    return {
        "channel": settings.slack_channel,
        "send_resolved": True,
        "color": messages.SLACK_COLOR,
        "fallback": messages.SLACK_FALLBACK,
        "title": messages.TITLE,
        "title_link": "{{ (index .Alerts 0).Annotations.dashboard_url }}",
        "text": messages.SLACK_TEXT,
    }
