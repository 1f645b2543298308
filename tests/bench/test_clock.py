"""The clock that the benchmarks quote tells the truth on statements whose cost is known."""

import gc
import threading
import time

import pytest

from bench.clock import Item, measure


def burn(nanoseconds):
    """Use this much CPU of the calling thread."""
    end = time.thread_time_ns() + nanoseconds
    while time.thread_time_ns() < end:
        pass


def test_known_cost_is_found_by_every_clock():
    """A statement that burns 100 us costs 100 us by the caller's and the process's clock, and no less by the wall."""
    timing = measure([Item("burn", "burn(100_000)", {"burn": burn})], rounds=5, target_ms=5)["burn"]
    assert 100_000 <= timing.caller.median < 200_000
    assert timing.process.median >= timing.caller.median
    assert timing.wall.least >= 100_000
    assert timing.caller.least <= timing.caller.median <= timing.caller.greatest


def test_base_is_subtracted():
    """An item is less its base: 150 us above a base of 100 us are 50 us."""
    items = [
        Item("base", "burn(100_000)", {"burn": burn}),
        Item("more", "burn(150_000)", {"burn": burn}, base="base"),
    ]
    timings = measure(items, rounds=7, target_ms=5)
    assert list(timings) == ["base", "more"]
    assert 0 < timings["more"].caller.median < 100_000


def test_what_a_call_leaves_behind_counts_for_the_process_only():
    """CPU that ``settle`` burns is in the process's figure, and in neither the caller's nor the wall's."""
    item = Item("light", "pass", settle=lambda: burn(20_000_000))
    timing = measure([item], rounds=3, target_ms=2)["light"]
    assert timing.process.least * timing.calls > 20_000_000
    assert timing.caller.least * timing.calls < 20_000_000
    assert timing.wall.least * timing.calls < 20_000_000


@pytest.mark.parametrize("threads", [1, 4, 8])
def test_threads_run_at_the_same_time(threads):
    """Sleeping calls overlap: per call the wall shows less than one sleep, and next to no CPU is used."""
    timing = measure([Item("sleep", "sleep(0.002)", {"sleep": time.sleep})], threads, rounds=3, target_ms=10)["sleep"]
    assert timing.calls % threads == 0
    assert (timing.wall.least < 2_000_000) == (threads > 1)
    assert timing.caller.least < 1_000_000


def test_names_are_local_to_their_item():
    """Two items may use the same name for different objects."""
    first, second = [], []
    items = [Item("first", "x.append(1)", {"x": first}), Item("second", "x.append(2)", {"x": second})]
    measure(items, rounds=1, target_ms=0.1)
    assert set(first) == {1}
    assert set(second) == {2}


def test_collector_stays_on():
    """The garbage collector is on inside the loop, and after it, with any number of threads."""
    seen = set()
    item = Item("gc", "seen.add(on())", {"seen": seen, "on": gc.isenabled})
    measure([item], threads=1, rounds=2, target_ms=0.1)
    assert seen == {True}
    measure([item], threads=8, rounds=3, target_ms=0.1)
    assert gc.isenabled()


def test_failing_statement_fails_the_measuring():
    """What a statement raises comes out as it is."""
    with pytest.raises(KeyError, match="income"):
        measure([Item("fails", "row['income']", {"row": {}})])


@pytest.mark.parametrize("threads", [1, 4])
def test_failure_in_a_measured_thread_comes_out(threads):
    """A statement that fails only in the timed threads fails the measuring too, and leaves no thread behind."""

    def fail_elsewhere():
        if threading.current_thread() is not threading.main_thread():
            raise KeyError("income")

    with pytest.raises(KeyError, match="income"):
        measure([Item("fails", "f()", {"f": fail_elsewhere})], threads, rounds=1, target_ms=1)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("measured-")]


@pytest.mark.parametrize(
    ("items", "settings", "message"),
    [
        ([Item("a", "pass"), Item("a", "pass")], {}, "'a' is given more than once"),
        ([Item("a", "pass", base="b")], {}, "unknown base 'b'; choose from a"),
        ([Item("a", "pass")], {"threads": 0}, "threads: 0 is not positive"),
        ([Item("a", "pass")], {"rounds": 0}, "rounds: 0 is not positive"),
        ([Item("a", "pass")], {"target_ms": -1.0}, "target_ms: -1.0 is not positive"),
    ],
)
def test_impossible_settings_are_refused(items, settings, message):
    """A setting that cannot be measured is named with its value."""
    with pytest.raises(ValueError, match=message):
        measure(items, **settings)
