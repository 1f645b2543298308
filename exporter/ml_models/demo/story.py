"""What the year must raise and what it must not, and the judgement of what arrived.

The dates are those of the replayed year and generous: a window lags behind the data by half its length, an alert waits
for its ``for``, and messages are collected before they are sent. Together that is up to half a month.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ml_models.demo.messages import Channel, Notice, Status

#: Below the accuracy of January to March (0.79), above that of the months in which the model fails (0.71 to 0.74).
ACCURACY_MIN = 0.75

_DRIFT, _ACCURACY = "MLFeatureDrift", "MLModelAccuracyLow"
_BOTH: tuple[Channel, ...] = ("mail", "slack")
#: What is raised in the last days of the year arrives just after them.
_FIRST, _LAST = date(2013, 4, 1), date(2014, 1, 1)


@dataclass(frozen=True, slots=True)
class Expectation:
    """One message that must arrive, or must not.

    Parameters
    ----------
    what : str
        In words, for the summary.
    reason : str
        Why the data raises it, or does not.
    alert : str
        Name of the alert.
    status : {'firing', 'resolved'}
    feature : str
        Empty if the alert is about none.
    since, until : date
        First and last day on which it may arrive, or must not.
    must : bool
        Whether it must arrive, on all channels; else it must not, on any.
    channels : tuple of {'mail', 'slack'}
    """

    what: str
    reason: str
    alert: str
    status: Status = "firing"
    feature: str = ""
    since: date = _FIRST
    until: date = _LAST
    must: bool = True
    channels: tuple[Channel, ...] = _BOTH

    def matches(self, notice: Notice) -> bool:
        """Whether a notice is this message, and in its time."""
        return (
            notice.alert == self.alert
            and notice.status == self.status
            and notice.feature == self.feature
            and notice.channel in self.channels
            and self.since <= notice.when.date() <= self.until
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """An expectation and what came of it.

    Parameters
    ----------
    expectation : Expectation
    arrived : tuple of Notice
        The first match of each channel.
    ok : bool
    """

    expectation: Expectation
    arrived: tuple[Notice, ...]
    ok: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """All judgements."""

    judgements: tuple[Judgement, ...]

    @property
    def ok(self) -> bool:
        """Whether all that had to arrive did, and nothing that must not."""
        return all(judgement.ok for judgement in self.judgements)


def judge(expectations: Sequence[Expectation], notices: Sequence[Notice]) -> Verdict:
    """Compare what arrived with what had to.

    Examples
    --------
    >>> quiet = Expectation("no errors", "the model answers every call", "MLPredictionErrors", must=False)
    >>> judge([quiet], []).ok
    True
    """
    judgements = []
    for expectation in expectations:
        first: dict[Channel, Notice] = {}
        for notice in notices:
            if expectation.matches(notice):
                first.setdefault(notice.channel, notice)
        ok = len(first) == len(set(expectation.channels)) if expectation.must else not first
        judgements.append(Judgement(expectation, tuple(first.values()), ok))
    return Verdict(tuple(judgements))


def expectations() -> tuple[Expectation, ...]:
    """Return what flights of 2013 must raise in a model that was trained on January to March."""
    drift = tuple(
        Expectation(
            f"drift of {feature} in spring",
            f"only winter's {name} were learnt",
            _DRIFT,
            feature=feature,
            until=date(2013, 5, 31),
        )
        for feature, name in (("temp", "temperatures"), ("dewp", "dew points"))
    )
    accuracy = (
        _accuracy("low accuracy in April", "28 % of flights late, 22 % in winter", (4, 15), (5, 25)),
        _accuracy("its end in May", "22 % late, as in winter", (5, 3), (6, 20), "resolved"),
        _accuracy("low accuracy in June or July", "31 % late", (6, 12), (8, 20)),
        _accuracy("its end in August", "24 % late, in September 13 %", (8, 5), (10, 15), "resolved"),
        _accuracy("low accuracy in December", "33 % late, 22 % in winter", (12, 9)),
        Expectation(
            "no low accuracy in autumn",
            "13 to 17 % late: easy to be right",
            _ACCURACY,
            since=date(2013, 10, 1),
            until=date(2013, 12, 5),
            must=False,
        ),
    )
    quiet = (
        *(
            Expectation(f"no drift of {feature}", "the timetable hardly changes", _DRIFT, feature=feature, must=False)
            for feature in ("hour", "distance")
        ),
        *(
            Expectation(what, reason, alert, must=False)
            for what, reason, alert in (
                ("no errors", "the model answers every call", "MLPredictionErrors"),
                ("no high latency", "200 flights take some milliseconds", "MLPredictionLatencyHigh"),
                ("no full memory", "the monitor's memory does not grow", "MLMemoryHigh"),
                ("exporter never down", "the metrics page answers throughout", "MLExporterDown"),
                ("exporter never absent", "Prometheus knows its target", "MLExporterAbsent"),
            )
        ),
    )
    return (*drift, *accuracy, *quiet)


def _accuracy(
    what: str, reason: str, since: tuple[int, int], until: tuple[int, int] | None = None, status: Status = "firing"
) -> Expectation:
    last = date(2013, *until) if until else _LAST
    return Expectation(what, reason, _ACCURACY, status, since=date(2013, *since), until=last)
