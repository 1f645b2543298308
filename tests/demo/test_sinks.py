"""Messages that are sent over real SMTP and HTTP lie in the folder as files, and nothing else does."""

import http.client
import json
import smtplib
import threading
from email import message_from_bytes
from email.message import EmailMessage

import pytest

from ml_models.demo.sinks import MailSink, SlackSink


def send_mail(sink, subject):
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = subject, "a@example.org", "b@example.org"
    mail.set_content("line\n.dot\nümlaut\n")
    host, _, port = sink.address.partition(":")
    with smtplib.SMTP(host, int(port)) as client:
        client.send_message(mail)


def post(sink, body):
    address = sink.url.removeprefix("http://").partition("/")[0]
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("POST", "/services/demo", body=body)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_mails_are_kept_as_files_and_handed_on(tmp_path):
    seen = []
    with MailSink(tmp_path, seen.append) as sink:
        send_mail(sink, "first")
        send_mail(sink, "second")
    assert [mail["Subject"] for mail in seen] == ["first", "second"]
    assert seen[0].get_content().replace("\r\n", "\n") == "line\n.dot\nümlaut\n"
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["mail-001.eml", "mail-002.eml"]
    assert message_from_bytes(files[1].read_bytes())["Subject"] == "second"


def test_slack_messages_are_kept_as_files_and_answered_like_slack(tmp_path):
    seen = []
    with SlackSink(tmp_path, seen.append) as sink:
        assert post(sink, json.dumps({"attachments": [{"title": "ä"}]}).encode()) == (200, "ok")
    assert seen == [{"attachments": [{"title": "ä"}]}]
    assert json.loads((tmp_path / "slack-001.json").read_bytes()) == seen[0]


@pytest.mark.parametrize("body", [b"", b"not json", b"[1]", b"\xff"])
def test_what_is_no_slack_message_is_refused_and_not_kept(tmp_path, body):
    seen = []
    with SlackSink(tmp_path, seen.append) as sink:
        assert post(sink, body) == (400, "invalid_payload")
    assert not seen
    assert not list(tmp_path.iterdir())


def test_messages_at_the_same_time_get_files_of_their_own(tmp_path):
    with SlackSink(tmp_path, lambda _: None) as sink:
        threads = [threading.Thread(target=post, args=(sink, json.dumps({"n": n}))) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(json.loads(file.read_bytes())["n"] for file in tmp_path.iterdir()) == list(range(20))


@pytest.mark.parametrize("sink_type", [MailSink, SlackSink])
def test_sinks_leave_no_thread_and_no_port(tmp_path, sink_type):
    before = set(threading.enumerate())
    with sink_type(tmp_path, print) as sink:
        address = getattr(sink, "address", None) or sink.url.removeprefix("http://").partition("/")[0]
        assert set(threading.enumerate()) - before
    assert set(threading.enumerate()) - before == set()
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection(address, timeout=5).connect()
