"""The configuration of Alertmanager: routes by model, category and severity; valid from 0.25 on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ml_models.config.notifications import ALERT_CHANNELS, SEVERITIES, NotificationsSection, RouteSection
from ml_models.errors import ConfigError
from ml_models.mixin.alerts import WATCHDOG, Alert
from ml_models.mixin.inhibition import inhibitions
from ml_models.mixin.promql import duration, quote_regex
from ml_models.mixin.quiet_times import NAME as QUIET
from ml_models.mixin.quiet_times import time_intervals
from ml_models.mixin.receivers import Receiver, global_settings, receiver, watchdog

#: A repetition is sent at the first group interval after it is due: equal to it, every second one is missed.
REPEAT_TO_GROUP = 0.9

_NOBODY = "null"
#: Channels that people look at when they have time.
_CHAT = ("slack", "teams", "webhook")
#: What a route may have of its own, and the channel that it is for.
_OWN_ADDRESSES = {
    "email_to": "email",
    "slack_channel": "slack",
    "webhook_url": "webhook",
    "pagerduty_routing_key_file": "pagerduty",
    "opsgenie_api_key_file": "opsgenie",
    "teams_url_file": "teams",
}


@dataclass(frozen=True, slots=True)
class AlertmanagerSettings:
    """Who is told, and how.

    Parameters
    ----------
    channels : tuple of str
        Where alerts go: some of :data:`ml_models.config.ALERT_CHANNELS`.
    notifications : NotificationsSection
        How; the section of that name of the settings.

    Raises
    ------
    ConfigError
        If a channel lacks what it needs, or the version of Alertmanager cannot do what is asked for; all faults at
        once.
    """

    channels: tuple[str, ...] = ("email", "slack")
    notifications: NotificationsSection = field(default_factory=NotificationsSection)

    def __post_init__(self) -> None:
        faults = [*_faults(self.channels, self.notifications), *self._unused()]
        if faults:
            raise ConfigError("notifications", faults)

    def _unused(self) -> Iterator[str]:
        """Yield a fault for each address of a route that nothing is sent to."""
        for route in self.notifications.routes:
            told = {channel for severity in route.severities for channel in self.told(severity, route)}
            for key, channel in _OWN_ADDRESSES.items():
                if getattr(route, key) is not None and channel not in told:
                    yield f"routes.{route.name}.{key}: the route does not tell {channel}; add it to channels"

    def told(self, severity: str, route: RouteSection | None = None) -> tuple[str, ...]:
        """Return the channels that alerts of a severity go to."""
        if route is not None and route.channels is not None:
            return route.channels
        chosen = getattr(self.notifications, severity)
        if chosen is not None:
            return tuple(chosen)
        if severity == "critical":
            return self.channels
        chat = tuple(channel for channel in self.channels if channel in _CHAT)
        return chat or tuple(channel for channel in self.channels if channel == "email") or self.channels


def _faults(channels: tuple[str, ...], settings: NotificationsSection) -> Iterator[str]:
    yield from (
        f"alert_channels: unknown {channel}; choose from {', '.join(ALERT_CHANNELS)}"
        for channel in channels
        if channel not in ALERT_CHANNELS
    )
    named = [(severity, getattr(settings, severity) or ()) for severity in SEVERITIES]
    named += [(f"routes.{route.name}.channels", route.channels or ()) for route in settings.routes]
    for place, wanted in named:
        for channel in wanted:
            if channel not in channels:
                yield f"{place}: {channel} is not among system.alert_channels ({', '.join(channels) or 'none'})"
    names = [route.name for route in settings.routes]
    for number, route in enumerate(settings.routes):
        if route.name in (*names[:number], *SEVERITIES, "watchdog", _NOBODY):
            yield f"routes.{route.name}: the name is taken; choose another"
        if not route.models and not route.categories:
            yield f"routes.{route.name}: fits every alert; name models or categories, or change what holds for all"
        if not route.severities:
            yield f"routes.{route.name}.severities: is empty; choose from {', '.join(SEVERITIES)}"
    yield from _missing(channels, settings)
    yield from _too_new(channels, settings)


def _missing(channels: tuple[str, ...], settings: NotificationsSection) -> Iterator[str]:
    own = settings.webhook
    for place, one, other in (("webhook", own.url, own.url_file),
                              ("watchdog", settings.watchdog_url, settings.watchdog_url_file)):  # fmt: skip
        if one and other:
            yield f"{place}: has an address and a file with one; give one of them"
    if "webhook" in channels and not own.url and not own.url_file:
        yield "webhook.url: is missing; alert_channels has webhook"


def _too_new(channels: tuple[str, ...], settings: NotificationsSection) -> Iterator[str]:
    major, minor = (int(part) for part in settings.alertmanager_version.split(".")[:2])
    needed = {
        "teams": ((0, 28), "teams" in channels),
        "webhook.url_file": ((0, 26), bool(settings.webhook.url_file)),
        "watchdog_url_file": ((0, 26), bool(settings.watchdog_url_file)),
    }
    for what, (version, used) in needed.items():
        if used and (major, minor) < version:
            yield (
                f"{what}: needs Alertmanager {version[0]}.{version[1]}, and the file is for "
                f"{settings.alertmanager_version}; set alertmanager_version to what runs, or leave it out"
            )
    if (major, minor) < (0, 25):
        yield f"alertmanager_version: found {settings.alertmanager_version}; 0.25 or newer"


def alertmanager_config(settings: AlertmanagerSettings, alerts: Sequence[Alert]) -> dict[str, Any]:
    """Return the content of ``alertmanager.yml``.

    Parameters
    ----------
    settings : AlertmanagerSettings
        Channels, addresses, routes, intervals.
    alerts : sequence of Alert
        The alerts to come; decides on what mutes what.
    """
    notifications = settings.notifications
    quiet = time_intervals(notifications.quiet_hours, notifications.time_zone)
    return {
        "global": global_settings(settings.channels, notifications),
        "route": _tree(settings),
        "inhibit_rules": inhibitions(alerts),
        **({"time_intervals": quiet} if quiet else {}),
        "receivers": list(_receivers(settings)),
    }


def _tree(settings: AlertmanagerSettings) -> dict[str, Any]:
    notifications = settings.notifications
    return {
        # Whatever has no severity is not lost.
        "receiver": "warning",
        "group_by": ["alertname", "model"],
        "group_wait": duration(notifications.group_wait),
        "group_interval": duration(notifications.group_interval),
        "repeat_interval": _repeat(settings, "warning"),
        "routes": [
            _watchdog_route(notifications),
            {"receiver": _NOBODY, "matchers": ['severity = "none"']},
            *(_own_route(settings, route, severity) for route in notifications.routes for severity in route.severities),
            *(_severity_route(settings, severity) for severity in SEVERITIES),
        ],
    }


def _repeat(settings: AlertmanagerSettings, severity: str) -> str:
    notifications = settings.notifications
    critical = severity == "critical"
    length = notifications.critical_repeat_interval if critical else notifications.warning_repeat_interval
    # Never equal to the group interval; see REPEAT_TO_GROUP.
    return duration(REPEAT_TO_GROUP * length if length == notifications.group_interval else length)


def _watchdog_route(notifications: NotificationsSection) -> dict[str, Any]:
    route: dict[str, Any] = {"receiver": _NOBODY, "matchers": [f'alertname = "{WATCHDOG}"']}
    if notifications.watchdog_url or notifications.watchdog_url_file:
        route |= {
            "receiver": "watchdog",
            "group_wait": "0s",
            "group_interval": duration(notifications.watchdog_interval),
            "repeat_interval": duration(REPEAT_TO_GROUP * notifications.watchdog_interval),
        }
    return route


def _severity_route(settings: AlertmanagerSettings, severity: str) -> dict[str, Any]:
    matchers = [f'severity = "{severity}"']
    if not settings.told(severity):
        return {"receiver": _NOBODY, "matchers": matchers}
    return {"receiver": severity, "matchers": matchers, **_timing(settings, severity)}


def _own_route(settings: AlertmanagerSettings, route: RouteSection, severity: str) -> dict[str, Any]:
    matchers = [f'severity = "{severity}"']
    if route.models:
        matchers.append(f"model =~ {quote_regex(route.models)}")
    if route.categories:
        matchers.append(f"category =~ {quote_regex(route.categories)}")
    on = {"continue": True} if route.also_default else {}
    if not settings.told(severity, route):
        return {"receiver": _NOBODY, "matchers": matchers, **on}
    return {"receiver": f"{route.name} {severity}", "matchers": matchers, **on, **_timing(settings, severity)}


def _timing(settings: AlertmanagerSettings, severity: str) -> dict[str, Any]:
    notifications = settings.notifications
    quiet = bool(notifications.quiet_hours) and severity in notifications.quiet_severities
    return {
        "repeat_interval": _repeat(settings, severity),
        **({"mute_time_intervals": [QUIET]} if quiet else {}),
    }


def _receivers(settings: AlertmanagerSettings) -> Iterator[Receiver]:
    notifications = settings.notifications
    yield {"name": _NOBODY}
    for severity in SEVERITIES:
        told = settings.told(severity)
        if told or severity == "warning":  # which also gets what has no severity
            yield receiver(severity, told, notifications)
    for route in notifications.routes:
        for severity in route.severities:
            if told := settings.told(severity, route):
                yield receiver(f"{route.name} {severity}", told, notifications, route)
    if notifications.watchdog_url or notifications.watchdog_url_file:
        yield watchdog("watchdog", notifications)
