"""Nanoseconds per call of small statements: in turns, over several threads, less what a bare call costs.

A statement runs in a compiled loop (:class:`timeit.Timer`), its names as local variables. All items take turns, round
by round, so that a machine that slows down slows all of them. An item may name a ``base``, usually the bare model
call: each round's figure is less the same round's figure of its base.

Three clocks are read, because they answer different questions:

``caller``
    CPU of the calling threads inside the loop: what the call costs the one who makes it.
``process``
    CPU of the whole process until ``settle`` has returned: with the background's share.
``wall``
    Time from the start of all threads to the end of the last one, over the calls of all threads. Under the GIL the
    same work costs the same with four threads as with one; what is above is contention.

Every thread runs for the whole target time: a loop shorter than the interpreter's switch interval (5 ms) would run
undisturbed and hide contention. The garbage collector stays on, because what a call leaves to it is part of its cost.
"""

from __future__ import annotations

import gc
import statistics
import threading
import time
import timeit
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

_SIZING_NS = 2_000_000  # a loop of 2 ms is long enough to foresee a longer one


def _nothing() -> None:
    """Settle nothing: for statements that leave no work behind."""


@dataclass(frozen=True, slots=True)
class Item:
    """A statement to measure.

    Parameters
    ----------
    name : str
        Its key in the result.
    statement : str
        Python statements, e.g. ``"predict(row)"``.
    names : mapping of str to object
        What the names in the statement stand for.
    base : str or None
        The item whose cost is subtracted; None subtracts nothing.
    settle : callable
        Called once after each timed loop, for work that the calls left behind (draining a buffer); it counts in
        ``process`` and in neither ``caller`` nor ``wall``.
    """

    name: str
    statement: str
    names: Mapping[str, object] = field(default_factory=dict)
    base: str | None = None
    settle: Callable[[], None] = _nothing


@dataclass(frozen=True, slots=True)
class Spread:
    """Least, middle and greatest figure over the rounds, in nanoseconds per call."""

    least: float
    median: float
    greatest: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Spread:
        """Summarise figures.

        Examples
        --------
        >>> Spread.of([30.0, 10.0, 20.0])
        Spread(least=10.0, median=20.0, greatest=30.0)
        """
        return cls(min(figures), statistics.median(figures), max(figures))


@dataclass(frozen=True, slots=True)
class Timing:
    """What one item costs, in nanoseconds per call, less its base.

    Parameters
    ----------
    calls : int
        Calls in each round, all threads together.
    caller, process, wall : Spread
        By the three clocks of this module.
    """

    calls: int
    caller: Spread
    process: Spread
    wall: Spread


class _Round(NamedTuple):
    """One round's figures of one item, nanoseconds per call, nothing subtracted."""

    caller: float
    process: float
    wall: float

    def less(self, base: _Round) -> _Round:
        return _Round(self.caller - base.caller, self.process - base.process, self.wall - base.wall)


def measure(items: Sequence[Item], threads: int = 1, rounds: int = 9, target_ms: float = 30.0) -> dict[str, Timing]:
    """Measure statements in turns.

    Parameters
    ----------
    items : sequence of Item
        In the order in which they take turns. A base must be among them.
    threads : int
        Threads that run the statement at the same time.
    rounds : int
        Turns of each item.
    target_ms : float
        About how long each thread's loop lasts, in milliseconds.

    Returns
    -------
    dict of str to Timing
        By item name, in the order given.

    Raises
    ------
    ValueError
        If two items share a name, a base is unknown, or a number is not positive.
    Exception
        What a statement raises is raised here.

    Examples
    --------
    >>> items = [
    ...     Item("bare", "f(1)", {"f": abs}),
    ...     Item("sum", "f(range(1000))", {"f": sum}, base="bare"),
    ... ]
    >>> timings = measure(items, threads=2, rounds=3, target_ms=1)
    >>> 0 < timings["bare"].caller.median < timings["sum"].caller.median
    True
    """
    _check(items, threads, rounds, target_ms)
    loops = {item.name: _compile(item) for item in items}
    turns = {item.name: _turns(loops[item.name], item.settle, target_ms * 1e6) for item in items}
    figures: dict[str, list[_Round]] = {item.name: [] for item in items}
    for _ in range(rounds):
        for item in items:
            figures[item.name].append(_run(loops[item.name], turns[item.name], threads, item.settle))
    return {item.name: _summary(figures, item, turns[item.name] * threads) for item in items}


def table(timings: Mapping[str, Timing]) -> str:
    """Return timings as text, one line an item: median, least and greatest by each clock.

    Examples
    --------
    >>> spread = Spread(90.0, 100.4, 120.0)
    >>> print(table({"bare model": Timing(1000, spread, spread, spread)}))
    ns per call      caller                          process                             wall
    bare model          100 (90..120)                    100 (90..120)                    100 (90..120)
    """
    width = max(len("ns per call"), *map(len, timings))
    lines = [f"{'ns per call':{width}s}" + "".join(f"{clock:>12s}{'':21s}" for clock in _Round._fields)]
    for name, timing in timings.items():
        cells = (
            f"{spread.median:12,.0f} {f'({spread.least:,.0f}..{spread.greatest:,.0f})':<20s}"
            for spread in (timing.caller, timing.process, timing.wall)
        )
        lines.append(f"{name:{width}s}" + "".join(cells))
    return "\n".join(line.rstrip() for line in lines)


def _check(items: Sequence[Item], threads: int, rounds: int, target_ms: float) -> None:
    names = [item.name for item in items]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"items: the name {repeated[0]!r} is given more than once; give each item its own")
    for item in items:
        if item.base is not None and item.base not in names:
            raise ValueError(f"item {item.name!r}: unknown base {item.base!r}; choose from {', '.join(names)}")
    for setting, value in (("threads", threads), ("rounds", rounds), ("target_ms", target_ms)):
        if value <= 0:
            raise ValueError(f"{setting}: {value} is not positive")


def _compile(item: Item) -> timeit.Timer:
    """Compile a statement into a loop with its names as local variables, timed by the calling thread's CPU."""
    # timeit switches the collector off for the whole process; the setup, which is not timed, switches it on again.
    setup = "\n".join(["gc.enable()", *(f"{name} = names[{name!r}]" for name in item.names)])
    return timeit.Timer(item.statement, setup, timer=time.thread_time_ns, globals={"gc": gc, "names": dict(item.names)})


def _turns(loop: timeit.Timer, settle: Callable[[], None], target_ns: float) -> int:
    """Return how many turns of a loop last about the target time; they warm the statement up on the way."""
    turns = 1
    while True:
        tries = []
        for _ in range(3):  # one that was interrupted would pass for a slow one
            begun = time.perf_counter_ns()
            loop.timeit(turns)
            tries.append(time.perf_counter_ns() - begun)
            settle()
        elapsed = min(tries)
        if elapsed >= min(_SIZING_NS, target_ns):
            return max(1, round(turns * target_ns / elapsed))
        turns *= 4


def _run(loop: timeit.Timer, turns: int, threads: int, settle: Callable[[], None]) -> _Round:
    """Run a loop in each of several threads at once and return what a call cost."""
    gc.collect()
    ready = threading.Semaphore(0)
    go = threading.Event()
    cpu_ns: list[float] = []
    ends: list[int] = []
    failures: list[BaseException] = []

    def body() -> None:
        ready.release()
        go.wait()
        try:
            cpu_ns.append(loop.timeit(turns))
            ends.append(time.perf_counter_ns())
        except BaseException as error:  # noqa: BLE001 - carried to the caller's thread and raised there
            failures.append(error)

    workers = [threading.Thread(target=body, name=f"measured-{number}", daemon=True) for number in range(threads)]
    for worker in workers:
        worker.start()
    for _ in workers:
        ready.acquire()
    # The clocks are read before the start: read after it, they would wait for the GIL while the threads run.
    process_begun, wall_begun = time.process_time_ns(), time.perf_counter_ns()
    go.set()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]
    settle()
    process = time.process_time_ns() - process_begun
    calls = turns * threads
    return _Round(caller=sum(cpu_ns) / calls, process=process / calls, wall=(max(ends) - wall_begun) / calls)


def _summary(figures: Mapping[str, Sequence[_Round]], item: Item, calls: int) -> Timing:
    rounds = list(figures[item.name])
    if item.base is not None:
        rounds = [own.less(base) for own, base in zip(rounds, figures[item.base], strict=True)]
    return Timing(
        calls=calls,
        caller=Spread.of([figure.caller for figure in rounds]),
        process=Spread.of([figure.process for figure in rounds]),
        wall=Spread.of([figure.wall for figure in rounds]),
    )
