"""Who is told of alerts, and how: the section that ``alertmanager.yml`` is generated from.

Secrets never stand here: Alertmanager reads them from files, whose paths it takes from the folder in which it was
started. Before Alertmanager 0.27 such a file must not end in a newline.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from ml_models.config.kinds import (
    AnyText,
    Choice,
    FilePath,
    Flag,
    Kind,
    Text,
    Texts,
    Url,
    as_tuple,
    distinct,
    parse_json,
    parse_list,
    parse_number,
    parse_parts,
)
from ml_models.config.quiet import quiet_time, time_zone
from ml_models.config.section import Section

#: Where alerts can go.
ALERT_CHANNELS = ("email", "slack", "webhook", "pagerduty", "opsgenie", "teams")
SEVERITIES = ("critical", "warning", "info")
CATEGORIES = ("performance", "data", "system", "security")


def _list_of(names: tuple[str, ...]) -> Kind:
    return Kind("a list of " + ", ".join(names), parse=parse_list)


Channels = Annotated[
    tuple[Annotated[str, Choice(ALERT_CHANNELS)], ...],
    Field(strict=True),
    BeforeValidator(as_tuple),
    AfterValidator(distinct),
    _list_of(ALERT_CHANNELS),
]
Severities = Annotated[
    tuple[Annotated[str, Choice(SEVERITIES)], ...],
    Field(strict=True),
    BeforeValidator(as_tuple),
    AfterValidator(distinct),
    _list_of(SEVERITIES),
]
Categories = Annotated[
    tuple[Annotated[str, Choice(CATEGORIES)], ...],
    Field(strict=True),
    BeforeValidator(as_tuple),
    AfterValidator(distinct),
    _list_of(CATEGORIES),
]
Address = Annotated[
    str,
    Field(strict=True, pattern=r"^[^@\s,<>]+@[^@\s,<>]+$"),
    Kind("an address such as oncall@example.org", parse=str.strip),
]
Addresses = Annotated[
    tuple[Address, ...],
    Field(strict=True, min_length=1),
    BeforeValidator(as_tuple),
    AfterValidator(distinct),
    Kind("a list of at least one mail address", parse=parse_list),
]
HostPort = Annotated[
    str,
    Field(strict=True, pattern=r"^(\[[0-9A-Fa-f:]+\]|[^\s:@/]+):[0-9]{1,5}$"),
    Kind("host:port", parse=str.strip),
]
Version = Annotated[
    str,
    Field(strict=True, pattern=r"^[0-9]+\.[0-9]+(\.[0-9]+)?$"),
    Kind("a version in quotes, such as '0.25'", parse=str.strip),
]
#: Alertmanager forgets after five days what it has sent, and would send it again.
Wait = Annotated[
    float,
    Field(strict=True, allow_inf_nan=False, ge=0, le=432000),
    Kind("a number of seconds from 0 to 432000 (5 days)", "seconds", parse_number),
]
Interval = Annotated[
    float,
    Field(strict=True, allow_inf_nan=False, ge=1, le=432000),
    Kind("a number of seconds from 1 to 432000 (5 days)", "seconds", parse_number),
]
QuietTimes = Annotated[
    tuple[
        Annotated[
            str,
            Field(strict=True),
            AfterValidator(quiet_time),
            Kind("weekdays, times or both, such as 'mon-fri 20:00-07:00', 'sat,sun' or '22:00-06:00'"),
        ],
        ...,
    ],
    Field(strict=True),
    BeforeValidator(as_tuple),
    AfterValidator(distinct),
    Kind("a list of weekdays, times or both, such as 'mon-fri 20:00-07:00'", parse=parse_parts),
]
Zone = Annotated[
    str,
    Field(strict=True),
    AfterValidator(time_zone),
    Kind("a time zone such as Europe/Zurich or UTC", parse=str.strip),
]


class EmailSection(Section):
    """Alerts by mail."""

    to: Addresses = Field(default=("ml-oncall@example.org",), description="Who gets mails.")
    sender: Address = Field(default="alertmanager@example.org", description="Address that mails come from.")
    smarthost: HostPort = Field(default="127.0.0.1:1025", description="Mail relay.")
    require_tls: Flag | None = Field(
        default=None,
        description="Whether the relay must speak TLS. Not set: it must, unless it is on Alertmanager's own machine.",
    )
    ca_file: FilePath | None = Field(
        default=None, description="Certificates that the relay's is checked with. Not set: the machine's own."
    )
    username: AnyText = Field(default="", description="User at the relay; empty for none.")
    password_file: FilePath = Field(default="secrets/smtp_password", description="File with the user's password.")


class SlackSection(Section):
    """Alerts in Slack."""

    channel: Text = Field(default="#ml-alerts", description="Channel, with its `#`.")
    url_file: FilePath = Field(
        default="secrets/slack_url", description="File with the address of Slack's incoming webhook."
    )


class WebhookSection(Section):
    """Alerts as JSON to any receiver."""

    url: Url | None = Field(
        default=None, description="Address that is posted to; it stands in `alertmanager.yml`, so no secret in it."
    )
    url_file: FilePath | None = Field(
        default=None, description="File with the address, where it is a secret; from Alertmanager 0.26 on."
    )
    token_file: FilePath | None = Field(default=None, description="File with a bearer token for it.")


class PagerdutySection(Section):
    """Alerts in PagerDuty."""

    routing_key_file: FilePath = Field(
        default="secrets/pagerduty_routing_key", description="File with the integration key (Events API v2)."
    )
    url: Url | None = Field(default=None, description="Address of the events API. Not set: PagerDuty's.")


class OpsgenieSection(Section):
    """Alerts in Opsgenie."""

    api_key_file: FilePath = Field(default="secrets/opsgenie_api_key", description="File with the API key.")
    url: Url | None = Field(
        default=None, description="Address of the API, such as https://api.eu.opsgenie.com/. Not set: Opsgenie's."
    )
    team: AnyText = Field(default="", description="Team that is responsible; empty for the key's own.")


class TeamsSection(Section):
    """Alerts in Microsoft Teams."""

    url_file: FilePath = Field(
        default="secrets/teams_url",
        description="File with the address of the workflow's webhook; from Alertmanager 0.28 on.",
    )


class RouteSection(Section):
    """Alerts of some models or categories that go elsewhere; the first route that fits is taken."""

    name: Text
    models: Texts = ()
    categories: Categories = ()
    severities: Severities = SEVERITIES
    channels: Channels | None = None
    also_default: Flag = False
    email_to: Addresses | None = None
    slack_channel: Text | None = None
    webhook_url: Url | None = None
    pagerduty_routing_key_file: FilePath | None = None
    opsgenie_api_key_file: FilePath | None = None
    teams_url_file: FilePath | None = None


Routes = Annotated[
    tuple[RouteSection, ...],
    BeforeValidator(as_tuple),
    Kind("a list of mappings with " + ", ".join(RouteSection.model_fields), parse=parse_json),
]


class NotificationsSection(Section):
    """Who is told of alerts, and how."""

    alertmanager_version: Version = Field(
        default="0.25", description="Oldest Alertmanager that must read the file; what it cannot do is refused."
    )
    email: EmailSection = EmailSection()
    slack: SlackSection = SlackSection()
    webhook: WebhookSection = WebhookSection()
    pagerduty: PagerdutySection = PagerdutySection()
    opsgenie: OpsgenieSection = OpsgenieSection()
    teams: TeamsSection = TeamsSection()
    critical: Channels | None = Field(
        default=None, description="Channels that critical alerts go to. Not set: all of `system.alert_channels`."
    )
    warning: Channels | None = Field(
        default=None,
        description="Channels that warnings go to. Not set: those of Slack, Teams and the webhook that are used, which "
        "wake nobody; where none is, email; else all.",
    )
    info: Channels = Field(
        default=(), description="Channels that alerts of severity `info` go to; by default they are shown only."
    )
    routes: Routes = Field(
        default=(), description="Alerts of some models or categories that go elsewhere; see docs/alerting.md."
    )
    group_wait: Wait = Field(default=30.0, description="Seconds that alerts are collected before a first message.")
    group_interval: Interval = Field(
        default=300.0, description="Seconds between two messages about what changed among the same alerts."
    )
    critical_repeat_interval: Interval = Field(
        default=14400.0, description="Seconds after which a critical alert that lasts is told again."
    )
    warning_repeat_interval: Interval = Field(
        default=86400.0, description="Seconds after which a warning that lasts is told again."
    )
    send_resolved: Flag = Field(default=True, description="Whether the end of an alert is told too.")
    quiet_hours: QuietTimes = Field(
        default=(),
        description="When alerts of `quiet_severities` wait, such as `mon-fri 20:00-07:00` or `sat,sun`; what still "
        "fires afterwards is told then.",
    )
    quiet_severities: Severities = Field(default=("warning", "info"), description="Severities that can wait.")
    time_zone: Zone = Field(default="UTC", description="Time zone of the quiet hours.")
    watchdog_url: Url | None = Field(
        default=None,
        description="Address of a dead man's switch, which tells when alerting itself has stopped. Not set: none.",
    )
    watchdog_url_file: FilePath | None = Field(
        default=None, description="File with that address, where it is a secret; from Alertmanager 0.26 on."
    )
    watchdog_interval: Interval = Field(default=60.0, description="Seconds between two calls of that switch.")
