"""The verdict: what must arrive has to, on every channel and in its time; what must not, nowhere."""

from datetime import date, datetime

import pytest

from ml_models.demo.messages import Notice
from ml_models.demo.story import Expectation, expectations, judge

LOW = Expectation("low", "because", "MLModelAccuracyLow", since=date(2013, 4, 15), until=date(2013, 5, 20))
QUIET = Expectation("quiet", "because", "MLFeatureDrift", feature="hour", must=False)


def notice(alert="MLModelAccuracyLow", channel="mail", status="firing", feature="", when=(5, 1)):
    return Notice(datetime(2013, *when), channel, status, alert, "critical", feature, "summary")


def test_message_on_both_channels_in_its_time_is_enough():
    verdict = judge([LOW], [notice(), notice(channel="slack", when=(5, 2)), notice(when=(5, 19))])
    assert verdict.ok
    assert [(n.channel, n.when.day) for n in verdict.judgements[0].arrived] == [("mail", 1), ("slack", 2)], "the first"


@pytest.mark.parametrize(
    "notices",
    [
        [],
        [notice()],
        [notice(), notice(channel="slack", when=(4, 14))],
        [notice(), notice(channel="slack", when=(5, 21))],
        [notice(), notice(channel="slack", status="resolved")],
        [notice(), notice(channel="slack", alert="MLFeatureDrift", feature="temp")],
    ],
    ids=["nothing", "one channel", "too early", "too late", "only resolved", "another alert"],
)
def test_missing_message_fails(notices):
    assert not judge([LOW], notices).ok


def test_first_and_last_day_are_inside():
    assert judge([LOW], [notice(when=(4, 15)), notice(channel="slack", when=(5, 20))]).ok


def test_forbidden_message_fails_on_any_channel():
    assert judge([QUIET], [notice("MLFeatureDrift", feature="temp")]).ok
    assert not judge([QUIET], [notice("MLFeatureDrift", "slack", feature="hour")]).ok


def test_one_failure_fails_the_whole():
    verdict = judge([QUIET, LOW], [])
    assert [judgement.ok for judgement in verdict.judgements] == [True, False]
    assert not verdict.ok


#: A year as it should be: what arrives on both channels, on which day.
YEAR = [
    (notice("MLFeatureDrift", feature="temp"), (4, 26)),
    (notice("MLFeatureDrift", feature="dewp"), (4, 26)),
    (notice(), (5, 1)),
    (notice(status="resolved"), (5, 15)),
    (notice(), (7, 6)),
    (notice(status="resolved"), (9, 2)),
    (notice(), (12, 21)),
]


def year(without=None):
    return [
        notice(message.alert, channel, message.status, message.feature, when)
        for place, (message, when) in enumerate(YEAR)
        if place != without
        for channel in ("mail", "slack")
    ]


def test_good_year_meets_all_expectations():
    assert judge(expectations(), year()).ok


@pytest.mark.parametrize("place", range(len(YEAR)))
def test_each_message_of_the_year_is_needed(place):
    assert not judge(expectations(), year(without=place)).ok


@pytest.mark.parametrize(
    "unwanted",
    [
        notice("MLFeatureDrift", feature="hour"),
        notice("MLFeatureDrift", feature="distance"),
        notice("MLPredictionErrors"),
        notice("MLPredictionLatencyHigh", "slack"),
        notice("MLMemoryHigh", "slack"),
        notice("MLExporterDown"),
        notice("MLExporterAbsent"),
        notice(when=(11, 1)),
    ],
    ids=lambda unwanted: f"{unwanted.alert}{unwanted.feature}",
)
def test_each_unwanted_message_fails_the_year(unwanted):
    assert not judge(expectations(), [*year(), unwanted]).ok


def test_expected_alerts_exist():
    """A renamed alert must not turn "must not arrive" into a promise that is kept by nobody."""
    from ml_models.mixin.alerts import alerts
    from ml_models.mixin.names import RuleSettings

    assert {expectation.alert for expectation in expectations()} <= {alert.name for alert in alerts(RuleSettings())}


def test_thresholds_that_the_story_needs_are_set(trained):
    """Without a threshold an alert cannot fire, and its silence would prove nothing."""
    from ml_models.demo.run import make_monitor

    needed = {"accuracy_min", "error_ratio_max", "latency_seconds_max", "memory_ratio_max", "drift_critical_max"}
    assert needed <= set(make_monitor(trained, window=10.0).thresholds)
