"""The terminal shows what happened in at most 100 columns, plain where no terminal reads it."""

from datetime import datetime
from pathlib import Path

import pytest

from ml_models.demo.messages import Notice
from ml_models.demo.narration import Narrator
from ml_models.demo.replay import Month
from ml_models.demo.story import expectations, judge

DRIFTED = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib", "carrier", "origin", "dest"]


def notice(status, feature="", severity="critical", channel="mail"):
    summary = f"Feature {feature} of model m has drifted" if feature else "Accuracy of model m is 71%"
    alert = "MLFeatureDrift" if feature else "MLModelAccuracyLow"
    return Notice(datetime(2013, 7, 14), channel, status, alert, severity, feature, summary)


@pytest.fixture
def lines(capsys):
    def read():
        text = capsys.readouterr().out
        assert "\x1b" not in text, "colour codes in a file"
        found = text.splitlines()
        assert all(len(line) <= 100 for line in found), max(found, key=len)
        return found

    return read


def test_month_shows_flights_late_share_accuracy_and_drift(lines):
    narrator = Narrator()
    narrator.months()
    narrator.month(Month(datetime(2013, 9, 1), 27_574, 0.132, 0.857), low=False, drifted=DRIFTED)
    _, head, september = lines()
    assert september.split()[:4] == ["September", "27,574", "13.2%", "85.7%"]
    assert september.endswith("...")
    assert head.index("drifted") == september.index("temp")


def test_message_is_one_line_per_status_with_all_its_features(lines):
    Narrator().notices([*(notice("firing", name) for name in DRIFTED), notice("resolved", "hour")])
    firing, resolved = lines()
    assert firing.split()[:7] == ["14", "Jul", "mail", "firing", "critical", "MLFeatureDrift:", "temp,"]
    assert resolved.split() == ["14", "Jul", "mail", "resolved", "MLFeatureDrift:", "hour"]


def test_resolved_message_says_that_its_value_is_the_last_one(lines):
    Narrator().notices([notice("resolved")])
    assert lines()[0].endswith("Accuracy of model m is 71% (last value)")


def test_verdict_lists_every_expectation_and_counts(lines):
    arrived = [notice("firing", "temp", channel=channel) for channel in ("mail", "slack")]
    verdict = judge(expectations(), arrived)
    Narrator().verdict(verdict, [("report", Path("demo-run/report.pdf"))])
    shown = lines()
    failed = sum(not judgement.ok for judgement in verdict.judgements)
    assert failed > 1
    assert sum(line.startswith(" FAIL") for line in shown) == failed
    assert sum(line.startswith(" ok") for line in shown) == len(verdict.judgements) - failed
    assert shown[-1] == f" {failed} of {len(verdict.judgements)} expectations were not met."
    assert any("report.pdf" in line for line in shown)


def test_verdict_of_a_good_year_says_so(lines):
    quiet = [expectation for expectation in expectations() if not expectation.must]
    Narrator().verdict(judge(quiet, []), [])
    assert lines()[-1] == f" All {len(quiet)} expectations were met."
