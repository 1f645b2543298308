"""What a delivered message says: mails and Slack messages of Alertmanager as notices, one per alert.

The demo reads what a person would read, the delivered text, and asks no API: so it checks the whole way to the reader.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Any, Literal

Channel = Literal["mail", "slack"]
Status = Literal["firing", "resolved"]

_TITLE = re.compile(r"\[(?P<state>\w+)\] (?P<alert>\w+)")
_MAIL_LINE = re.compile(r"^(?P<status>FIRING|RESOLVED)  (?P<summary>.+?)(?: \(last value\))?$", re.MULTILINE)
_SLACK_LINE = re.compile(
    r"^(?:\*(?P<firing>.+)\*|:white_check_mark: Resolved: (?P<resolved>.+?) \(last value\))$", re.MULTILINE
)
_FEATURE = re.compile(r"^Feature (?P<feature>\S+) of model ")


@dataclass(frozen=True, slots=True)
class Notice:
    """What a message says of one alert.

    Parameters
    ----------
    when : datetime
        The moment of the replayed year at which the message arrived.
    channel : {'mail', 'slack'}
    status : {'firing', 'resolved'}
    alert : str
        Name of the alert.
    severity : str
        ``critical`` or ``warning``; empty where a message that only resolves does not say.
    feature : str
        The feature that it is about; empty if it is about none.
    summary : str
        The line that a person reads.
    """

    when: datetime
    channel: Channel
    status: Status
    alert: str
    severity: str
    feature: str
    summary: str


def mail_notices(mail: EmailMessage, when: datetime) -> list[Notice]:
    r"""Return what a mail says; nothing if it is none of Alertmanager's.

    Examples
    --------
    >>> mail = EmailMessage()
    >>> mail["Subject"] = "[CRITICAL] MLFeatureDrift: delays"
    >>> mail.set_content("FIRING  Feature temp of model delays has drifted strongly: PSI 3.2\n  PSI over 1h is 3.2.")
    >>> [(n.status, n.severity, n.feature) for n in mail_notices(mail, datetime(2013, 4, 20))]
    [('firing', 'critical', 'temp')]
    """
    body = mail.get_body(("plain",))
    text = body.get_content().replace("\r\n", "\n") if body is not None else ""
    found = [(line["status"].lower(), line["summary"].strip()) for line in _MAIL_LINE.finditer(text)]
    # A long subject arrives folded over two lines.
    return _notices("mail", " ".join(str(mail["Subject"] or "").split()), found, when)


def slack_notices(payload: Mapping[str, Any], when: datetime) -> list[Notice]:
    """Return what a Slack message says; nothing if it is none of Alertmanager's.

    Examples
    --------
    >>> text = ":white_check_mark: Resolved: Accuracy of model delays is 74% (last value)"
    >>> message = {"attachments": [{"title": "[RESOLVED] MLModelAccuracyLow: delays", "text": text}]}
    >>> [(n.status, n.alert, n.summary) for n in slack_notices(message, datetime(2013, 5, 20))]
    [('resolved', 'MLModelAccuracyLow', 'Accuracy of model delays is 74%')]
    """
    notices = []
    for attachment in payload.get("attachments", []):
        found = [
            ("firing", line["firing"]) if line["firing"] else ("resolved", line["resolved"])
            for line in _SLACK_LINE.finditer(str(attachment.get("text", "")))
        ]
        read = [(status, html.unescape(summary)) for status, summary in found]
        notices += _notices("slack", html.unescape(str(attachment.get("title", ""))), read, when)
    return notices


def _notices(channel: Channel, title: str, found: list[tuple[str, str]], when: datetime) -> list[Notice]:
    head = _TITLE.match(title)
    if head is None:
        return []
    severity = "" if head["state"] == "RESOLVED" else head["state"].lower()
    return [
        Notice(
            when=when,
            channel=channel,
            status="firing" if status == "firing" else "resolved",
            alert=head["alert"],
            severity=severity,
            feature=feature["feature"] if (feature := _FEATURE.match(summary)) else "",
            summary=summary,
        )
        for status, summary in found
    ]
