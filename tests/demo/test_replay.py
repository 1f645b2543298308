"""The year is served in its own order: predicted at departure, labelled after landing, each flight once."""

import threading
import time
from itertools import pairwise

import numpy as np
import pytest

from ml_models.demo.flights import ON_TIME
from ml_models.demo.replay import Replay, steps

#: Seconds per month that no step waits for.
AT_ONCE = 1e-6


class Server:
    """Stands for the model: notes in which order it is asked and told."""

    def __init__(self):
        self.predicted = {}
        self.labelled = {}
        self.single_calls = 0

    def predict(self, flights):
        ids = [flights["flight_id"]] if isinstance(flights, dict) else flights["flight_id"].tolist()
        self.single_calls += isinstance(flights, dict)
        for flight in ids:
            assert flight not in self.predicted, "predicted twice"
            self.predicted[flight] = len(self.predicted)
        return np.array([ON_TIME] * len(ids))

    def record(self, ids, labels):
        for flight, label in zip(ids, labels, strict=True):
            assert flight in self.predicted, "labelled before it was predicted"
            assert flight not in self.labelled, "labelled twice"
            self.labelled[flight] = label


@pytest.fixture(scope="module")
def spring(live):
    return live[live["departure"].dt.month <= 5].reset_index(drop=True)


def play(flights, stop=None, lap=1, server=None):
    server, months = server or Server(), []
    replay = Replay(flights, server.predict, server.record, AT_ONCE)
    replay.play(stop or threading.Event(), months.append, lap)
    return server, months, replay


def test_every_flight_is_predicted_once_and_labelled_unless_cancelled(spring):
    server, _, _ = play(spring)
    assert list(server.predicted) == spring["flight_id"].tolist(), "in order of departure"
    arrived = spring[spring["label"].notna()]
    assert server.labelled == dict(zip(arrived["flight_id"], arrived["label"], strict=True))


def test_labels_come_in_order_of_landing(spring):
    server, _, _ = play(spring)
    landing = spring.set_index("flight_id")["landing"].loc[list(server.labelled)]
    assert landing.is_monotonic_increasing


def test_single_flights_are_served_besides_batches(spring):
    server, _, _ = play(spring)
    assert server.single_calls > 100


def test_months_are_told_with_what_happened_in_them(spring):
    _, months, replay = play(spring)
    assert [(month.first.month, month.flights) for month in months] == [(4, 28_330), (5, 28_796)]
    for month in months:
        # Each flight was called on time, so what is right is what is not late.
        assert month.accuracy == pytest.approx(1 - month.late)
    assert replay.now.date().isoformat() >= "2013-05-31"


def test_later_laps_have_ids_of_their_own(spring):
    server, _, _ = play(spring)
    play(spring, lap=2, server=server)
    assert len(server.predicted) == 2 * len(spring)


def test_stop_ends_it_between_two_steps(spring):
    stop = threading.Event()
    stop.set()
    server, months, _ = play(spring, stop=stop)
    assert not server.predicted
    assert not months


def test_pace_is_kept(spring):
    """Two days at ten seconds a month take two thirds of a second."""
    days = spring[spring["departure"] < spring["departure"].iloc[0].normalize() + np.timedelta64(2, "D")]
    server = Server()
    replay = Replay(days, server.predict, server.record, seconds_per_month=10.0)
    begun = time.monotonic()
    replay.play(threading.Event(), lambda _: None)
    assert time.monotonic() - begun >= 0.6


def test_steps_cover_all_departures_and_landings(spring):
    found = list(steps(spring))
    assert [step.departing.start for step in found[1:]] == [step.departing.stop for step in found[:-1]]
    assert found[-1].departing.stop == len(spring)
    assert sum(len(step.landed) for step in found) == spring["landing"].notna().sum()
    assert all(a.until < b.until for a, b in pairwise(found))
