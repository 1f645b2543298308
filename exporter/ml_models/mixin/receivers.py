"""The receivers of Alertmanager: for each channel what it needs, secrets by file only."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from ml_models.config.notifications import NotificationsSection, RouteSection
from ml_models.mixin import messages

Receiver = dict[str, Any]

_NO_ROUTE = RouteSection(name="default")


def receiver(
    name: str, channels: tuple[str, ...], settings: NotificationsSection, route: RouteSection = _NO_ROUTE
) -> Receiver:
    """Return a receiver that tells all of some channels.

    Parameters
    ----------
    name : str
    channels : tuple of str
    settings : NotificationsSection
    route : RouteSection
        Whose own addresses come before those of the settings.
    """
    built: Receiver = {"name": name}
    for channel in channels:
        key, build = _BUILDERS[channel]
        built[key] = [{"send_resolved": settings.send_resolved, **build(settings, route)}]
    return built


def on_this_machine(smarthost: str) -> bool:
    """Tell whether a mail relay is on Alertmanager's own machine.

    Examples
    --------
    >>> [on_this_machine(host) for host in ("localhost:25", "[::1]:25", "mail.example.org:587")]
    [True, True, False]
    """
    host = smarthost.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def global_settings(channels: tuple[str, ...], settings: NotificationsSection) -> dict[str, Any]:
    """Return what all receivers share."""
    content: dict[str, Any] = {"resolve_timeout": "5m"}
    if "email" in channels:
        email = settings.email
        requires = email.require_tls if email.require_tls is not None else not on_this_machine(email.smarthost)
        content |= {"smtp_smarthost": email.smarthost, "smtp_from": email.sender, "smtp_require_tls": requires}
        if email.username:
            content |= {"smtp_auth_username": email.username, "smtp_auth_password_file": email.password_file}
    if "slack" in channels:
        content["slack_api_url_file"] = settings.slack.url_file
    if "pagerduty" in channels and settings.pagerduty.url:
        content["pagerduty_url"] = settings.pagerduty.url
    if "opsgenie" in channels:
        content["opsgenie_api_key_file"] = settings.opsgenie.api_key_file
        if settings.opsgenie.url:
            content["opsgenie_api_url"] = settings.opsgenie.url
    return content


def _email(settings: NotificationsSection, route: RouteSection) -> dict[str, Any]:
    ca = settings.email.ca_file
    return {
        "to": ", ".join(route.email_to or settings.email.to),
        **({"tls_config": {"ca_file": ca}} if ca else {}),
        "headers": {"Subject": messages.TITLE},
        "html": messages.HTML,
        "text": messages.TEXT,
    }


def _slack(settings: NotificationsSection, route: RouteSection) -> dict[str, Any]:
    return {
        "channel": route.slack_channel or settings.slack.channel,
        "color": messages.SLACK_COLOR,
        "fallback": messages.SLACK_TITLE,
        "title": messages.SLACK_TITLE,
        "title_link": messages.FIRST_DASHBOARD,
        "text": messages.SLACK_TEXT,
        "footer": messages.FOOTER,
    }


def _webhook(settings: NotificationsSection, route: RouteSection) -> dict[str, Any]:
    own = settings.webhook
    where = {"url": route.webhook_url} if route.webhook_url else _address(own.url, own.url_file)
    token = own.token_file
    bearer = {"type": "Bearer", "credentials_file": token}
    return {**where, **({"http_config": {"authorization": bearer}} if token else {})}


def _address(url: str | None, url_file: str | None) -> dict[str, Any]:
    return {"url_file": url_file} if url_file else {"url": url}


def _pagerduty(settings: NotificationsSection, route: RouteSection) -> dict[str, Any]:
    return {
        "routing_key_file": route.pagerduty_routing_key_file or settings.pagerduty.routing_key_file,
        "description": messages.TITLE,
        "severity": '{{ if eq .CommonLabels.severity "critical" }}critical{{ else }}warning{{ end }}',
        "class": "{{ .CommonLabels.category }}",
        "component": "{{ .CommonLabels.model }}",
        "group": "{{ .GroupLabels.alertname }}",
        "client": "Alertmanager",
        "client_url": "{{ .ExternalURL }}",
        "details": {
            "firing": messages.LINES,
            "resolved": messages.RESOLVED_LINES,
            "num_firing": "{{ .Alerts.Firing | len }}",
            "num_resolved": "{{ .Alerts.Resolved | len }}",
            "drifting_most": "{{ .CommonAnnotations.top_features }}",
        },
        "links": [
            {"href": messages.FIRST_DASHBOARD, "text": "Dashboard"},
            {"href": messages.FIRST_RUNBOOK, "text": "Runbook"},
            {"href": messages.SILENCE, "text": "Silence"},
        ],
    }


def _opsgenie(settings: NotificationsSection, route: RouteSection) -> dict[str, Any]:
    key, team = route.opsgenie_api_key_file, settings.opsgenie.team
    return {
        **({"api_key_file": key} if key else {}),
        "message": messages.TITLE,
        "description": messages.TEXT,
        "priority": '{{ if eq .CommonLabels.severity "critical" }}P1{{ else }}P3{{ end }}',
        "entity": "{{ .CommonLabels.model }}",
        "tags": "{{ .CommonLabels.category }},{{ .CommonLabels.severity }}",
        "details": {
            "dashboard": messages.FIRST_DASHBOARD,
            "runbook": messages.FIRST_RUNBOOK,
            "silence": messages.SILENCE,
        },
        **({"responders": [{"name": team, "type": "team"}]} if team else {}),
    }


def _teams(settings: NotificationsSection, route: RouteSection) -> dict[str, Any]:
    return {
        "webhook_url_file": route.teams_url_file or settings.teams.url_file,
        "title": messages.TITLE,
        "text": messages.TEAMS_TEXT,
    }


_BUILDERS: dict[str, tuple[str, Callable[[NotificationsSection, RouteSection], dict[str, Any]]]] = {
    "email": ("email_configs", _email),
    "slack": ("slack_configs", _slack),
    "webhook": ("webhook_configs", _webhook),
    "pagerduty": ("pagerduty_configs", _pagerduty),
    "opsgenie": ("opsgenie_configs", _opsgenie),
    "teams": ("msteamsv2_configs", _teams),
}


def watchdog(name: str, settings: NotificationsSection) -> Receiver:
    """Return the receiver that calls the dead man's switch."""
    where = _address(settings.watchdog_url, settings.watchdog_url_file)
    return {"name": name, "webhook_configs": [{"send_resolved": False, **where}]}
