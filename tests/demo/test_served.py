"""``mlmon demo --serve``: the model alone, watched over the rules' own hour, until it is told to stop."""

from __future__ import annotations

import re
import threading
import time
import urllib.request

import pytest
from click.testing import CliRunner

from ml_models.cli import mlmon
from ml_models.demo import run, served
from ml_models.demo.narration import Narrator
from ml_models.errors import MissingExtraError
from ml_models.mixin.names import RuleSettings


class Listener(Narrator):
    """Keeps the address that is told, and says nothing."""

    def __init__(self):
        super().__init__()
        self.told = threading.Event()
        self.url = ""

    def say(self, line=""):
        pass

    def addresses(self, urls):
        self.url = urls[0][1]
        self.told.set()


def counted(url: str, name: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:  # noqa: S310 - our own endpoint
        text = answer.read().decode()
    return sum(float(value) for value in re.findall(rf"^{name}\{{.*\}} (\S+)$", text, re.MULTILINE))


def test_flights_are_served_and_labelled_until_it_is_told_to_stop(monkeypatch):
    """Predictions and outcomes reach the endpoint, over the rules' window; then it ends and the port is free."""
    stop, listener = threading.Event(), Listener()
    windows = []
    make_monitor = served.make_monitor
    monkeypatch.setattr(
        served, "make_monitor", lambda *given, **options: windows.append(given[1]) or make_monitor(*given, **options)
    )
    thread = threading.Thread(target=served.serve, args=("127.0.0.1", 0, 60.0, stop, listener))
    thread.start()
    try:
        assert listener.told.wait(120)
        limit = time.monotonic() + 60
        while not (counted(listener.url, "ml_predictions_total") and counted(listener.url, "ml_outcomes_total")):
            assert time.monotonic() < limit
            time.sleep(0.1)
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
    assert windows == [3600.0]
    assert RuleSettings().window == "1h"
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(listener.url, timeout=5)  # noqa: S310 - our own endpoint


def test_missing_package_is_named(monkeypatch):
    find_spec = run.importlib.util.find_spec
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: None if name == "sklearn" else find_spec(name))
    with pytest.raises(MissingExtraError, match=r"ml-models-monitoring\[demo\]"):
        served.serve("127.0.0.1", 0, 60.0, threading.Event())


def test_mails_and_reports_are_not_needed_to_serve():
    """A service needs the model's packages only."""
    assert not {"aiosmtpd", "reportlab"} & {module for module, *_ in run.MODEL_PACKAGES}


def test_once_and_serve_exclude_each_other():
    result = CliRunner().invoke(mlmon, ["demo", "--once", "--serve"])
    assert result.exit_code == 2
    assert "give one of them" in result.output


def test_signals_are_given_back_and_a_pace_is_chosen(monkeypatch):
    """The command's defaults reach the service, and its handlers of signals end with it."""
    import signal

    given = []
    monkeypatch.setattr(served, "serve", lambda *arguments: given.extend(arguments))
    before = signal.getsignal(signal.SIGTERM)
    assert CliRunner().invoke(mlmon, ["demo", "--serve"]).exit_code == 0
    assert given[:3] == ["127.0.0.1", 9877, 6000.0]
    assert signal.getsignal(signal.SIGTERM) is before
