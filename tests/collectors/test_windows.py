"""The sliding window against a list of everything that ever arrived."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_models.collectors.windows import SLOTS, SlidingWindow
from ml_models.profile import Layout, Tally

LAYOUT = Layout.of(None)


def of(count):
    delta = Tally(LAYOUT)
    delta.schema[-1] = count
    delta.seconds[0, 0] = count / 2
    return delta


def seen(windowed):
    return int(windowed.tally.schema[-1])


@given(
    st.lists(st.tuples(st.floats(0, 40), st.integers(1, 9)), max_size=40),
    st.floats(0.5, 60),
    st.floats(0, 200),
    st.integers(1, 12),
    st.sampled_from([0.0, 1e6]),
)
@settings(deadline=None, max_examples=200)
def test_a_window_holds_all_that_is_younger_and_nothing_older_than_a_sub_window_more(gaps, asked, idle, slots, started):
    """Times between arrivals, the window asked for, and a pause before it is asked."""
    window, now, events = SlidingWindow(LAYOUT, span=60.0, now=started, slots=slots), started, []
    for gap, count in gaps:
        now += gap
        window.add(of(count), now)
        events.append((now, count))
    now += idle
    width, slack = 60.0 / slots, 1e-6
    found = window.last(asked, now)
    surely = sum(count for when, count in events if when > now - asked + slack)
    perhaps = sum(count for when, count in events if when > now - asked - width - slack)
    assert surely <= seen(found) <= perhaps
    assert found.tally.seconds[0, 0] == seen(found) / 2
    assert min(asked, now - started) - slack <= max(found.seconds, 0) <= asked + width + slack
    began = now - found.seconds  # exactly these seconds, so that a rate is one
    at_least, at_most = (sum(count for when, count in events if when >= began + e) for e in (slack, -slack))
    assert at_least <= seen(found) <= at_most
    assert int(window.total.schema[-1]) == sum(count for _, count in events)


def test_the_seconds_are_those_that_were_observed():
    """A rate over a window that has only begun is not diluted by the time before."""
    window = SlidingWindow(LAYOUT, span=3600.0, now=50.0)
    window.add(of(10), 55.0)
    found = window.last(3600.0, 60.0)
    assert (seen(found), found.seconds) == (10, 10.0)
    assert window.last(3600.0, 50.0).seconds > 0


def test_what_expired_is_gone_from_the_window_and_not_from_the_total():
    window = SlidingWindow(LAYOUT, span=60.0, now=0.0)
    window.add(of(3), 1.0)
    assert seen(window.last(60.0, 60.0)) == 3
    assert seen(window.last(60.0, 62.1)) == 0
    window.add(of(4), 1e6)
    assert seen(window.last(60.0, 1e6)) == 4
    assert int(window.total.schema[-1]) == 7


def test_a_shorter_window_can_be_asked_for_at_any_time():
    window = SlidingWindow(LAYOUT, span=60.0, now=0.0, slots=SLOTS)
    for second in range(60):
        window.add(of(1), second + 0.5)
    assert [seen(window.last(seconds, 60.0)) for seconds in (1.0, 10.0, 59.0, 60.0)] == [1, 10, 59, 60]


def test_a_result_does_not_change_with_what_comes_later():
    window = SlidingWindow(LAYOUT, span=60.0, now=0.0)
    window.add(of(1), 1.0)
    found = window.last(60.0, 1.0)
    window.add(of(1), 1.0)
    assert seen(found) == 1
    found.tally.counts[:] = 99
    assert seen(window.last(60.0, 1.0)) == 2


@pytest.mark.parametrize("seconds", [60.1, 0.0, -5.0, float("nan")])
def test_more_than_is_kept_is_refused(seconds):
    window = SlidingWindow(LAYOUT, span=60.0, now=0.0)
    with pytest.raises(ValueError, match="above 0 and at most the monitor's window, 60 s"):
        window.last(seconds, 100.0)


def test_tallies_of_another_layout_are_refused_and_change_nothing():
    from ml_models.profile import ReferenceProfile

    window = SlidingWindow(LAYOUT, span=60.0, now=0.0)
    with pytest.raises(ValueError, match="different layouts"):
        window.add(Tally(Layout.of(ReferenceProfile.fit({"x": [1, 2]}))), 1.0)
    assert not np.any(window.total.counts)


def test_what_is_taken_back_leaves_the_window_and_is_summed_apart():
    window = SlidingWindow(Layout.of(None), span=60.0, now=0.0, slots=6)
    delta = Tally(Layout.of(None))
    delta.outcomes[1, 1] = 3
    window.add(delta, now=5.0)
    taken = Tally(Layout.of(None))
    taken.outcomes[1, 1] = 2
    (number,) = window.numbers(np.array([5.0])).tolist()
    window.retract(taken, number)
    assert window.last(60.0, now=6.0).tally.outcomes[1, 1] == 1
    assert window.total.outcomes[1, 1] == 3, "a counter never goes down"
    assert window.retracted.outcomes[1, 1] == 2


def test_what_left_the_window_is_not_taken_back_from_what_is_in_it():
    window = SlidingWindow(Layout.of(None), span=60.0, now=0.0, slots=6)
    delta = Tally(Layout.of(None))
    delta.outcomes[0, 0] = 1
    window.add(delta, now=75.0)  # in the same place of the ring as the time of the first label
    for when in (5.0, -100.0):
        (number,) = window.numbers(np.array([when])).tolist()
        window.retract(delta, number)
    assert window.last(60.0, now=76.0).tally.outcomes[0, 0] == 1
    assert window.retracted.outcomes[0, 0] == 2


def test_no_count_of_a_window_is_below_zero():
    """A process may take back what another one has counted: over both the sum is right, here it is nothing."""
    window = SlidingWindow(Layout.of(None), span=60.0, now=0.0, slots=6)
    delta = Tally(Layout.of(None))
    window.add(delta, now=1.0)
    delta.outcomes[0, 0] = 1
    window.retract(delta, 0)
    assert window.last(60.0, now=2.0).tally.outcomes.sum() == 0
