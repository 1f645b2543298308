"""Delivered messages are read as a person reads them: one notice per alert."""

from datetime import datetime
from email import message_from_string, policy

from ml_models.demo.messages import mail_notices, slack_notices

NOW = datetime(2013, 7, 14)

#: Text parts as Alertmanager delivered them in a run of the demo, shortened.
MAIL = """\
From: alertmanager@example.org
Subject: [CRITICAL] MLFeatureDrift: flight_delays (2 firing)
Content-Type: multipart/alternative; boundary=b
MIME-Version: 1.0

--b
Content-Transfer-Encoding: quoted-printable
Content-Type: text/plain; charset=UTF-8

FIRING  Feature dewp of model flight_delays has drifted strongly: PSI 8.1
  PSI over 1h is 8.1, critical threshold 0.25. First compare the feature's li=
ve and reference bins on the dashboard.
  Severity:  critical

FIRING  Feature temp of model flight_delays has drifted strongly: PSI 8.36
  PSI over 1h is 8.36, critical threshold 0.25.
  Severity:  critical

RESOLVED  Feature humid of model flight_delays has drifted strongly: PSI 0.=
26 (last value)
  From 2026-11-23 11:31:44 UTC to 2026-11-23 11:31:52 UTC

Alertmanager: http://127.0.0.1:59975

--b
Content-Type: text/html; charset=UTF-8

<p>FIRING  not read twice</p>
--b--
"""

SLACK = {
    "channel": "#ml-alerts",
    "attachments": [
        {
            "title": "[WARNING] MLFeatureDrift: flight_delays",
            "text": "*Feature visib of model flight_delays has drifted: PSI 0.12*\nPSI over 1h is 0.12 &gt; 0.1.\n"
            "<https://grafana.example.org|Dashboard>\n\n"
            ":white_check_mark: Resolved: Feature a&lt;b of model flight_delays has drifted: PSI 0.1 (last value)\n",
        }
    ],
}


def test_mail_with_several_alerts_gives_a_notice_each():
    notices = mail_notices(message_from_string(MAIL, policy=policy.default), NOW)
    assert [(notice.status, notice.feature) for notice in notices] == [
        ("firing", "dewp"),
        ("firing", "temp"),
        ("resolved", "humid"),
    ]
    assert {(n.alert, n.channel, n.severity, n.when) for n in notices} == {("MLFeatureDrift", "mail", "critical", NOW)}
    assert notices[2].summary == "Feature humid of model flight_delays has drifted strongly: PSI 0.26"


def test_slack_message_is_read_with_its_escapes_undone():
    notices = slack_notices(SLACK, NOW)
    assert [(notice.status, notice.feature, notice.severity) for notice in notices] == [
        ("firing", "visib", "warning"),
        ("resolved", "a<b", "warning"),
    ]


def test_messages_of_others_say_nothing():
    assert mail_notices(message_from_string("Subject: hello\n\nFIRING  x", policy=policy.default), NOW) == []
    assert slack_notices({"text": "hello"}, NOW) == []
    assert slack_notices({"attachments": [{"title": "hello", "text": "*x*"}]}, NOW) == []
