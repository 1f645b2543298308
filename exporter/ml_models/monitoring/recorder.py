"""The recorder: bounded buffers that hooks append to and a drain takes from.

The serving thread appends and goes on. Nothing here waits, computes a statistic or raises.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from itertools import count
from random import random
from typing import Any

from ml_models.monitoring.capture import Batch, output_size
from ml_models.monitoring.ids import IdMaker

#: The result of a call that raised.
FAILED = object()

#: Buffered calls at which the drain is woken: about what the L2 cache holds.
WAKE_CALLS = 4_096
#: From there on it is woken again at multiples of this.
WAKE_EVERY = 512

#: Timings of generators and of queues that are held between two drains.
MAX_TIMINGS = 65_536

#: Labels that may wait for the drain.
MAX_PENDING_LABELS = 1_000_000


class Counted:
    """A counter that threads can raise without a lock: ``next`` of a C iterator is atomic."""

    __slots__ = ("iterator",)

    def __init__(self) -> None:
        self.iterator = count(1)

    def add(self) -> int:
        """Count one more and return the count."""
        return next(self.iterator)

    @property
    def value(self) -> int:
        """The count."""
        # Reading it must not advance it, and copying it goes away with Python 3.14; its repr, count(7), stays.
        return int(repr(self.iterator)[len("count(") : -1]) - 1


class Channel:
    """The buffer of one endpoint of a model."""

    __slots__ = (
        "drained_calls",
        "dropped_bytes",
        "dropped_calls",
        "dropped_rows",
        "endpoint",
        "events",
        "held_bytes",
        "is_queued",
        "is_stream",
        "streams",
        "waits",
    )

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        # Plain tuples, which cost least: (number, start, end, features, result, ids), times in ns.
        self.events: deque[Any] = deque()
        #: Whether calls tell when they were queued, and whether they are generators.
        self.is_queued = self.is_stream = False
        #: Of generators: (ns until the first item or -1, items, ns in all); the oldest go where there are too many.
        self.streams: deque[tuple[int, int, int]] = deque(maxlen=MAX_TIMINGS)
        #: Seconds that calls waited before they began.
        self.waits: deque[float] = deque(maxlen=MAX_TIMINGS)
        self.reset()

    def reset(self) -> None:
        """Empty the buffer in place: the hooks hold it."""
        self.events.clear()
        self.streams.clear()
        self.waits.clear()
        self.drained_calls = 0
        self.dropped_calls = Counted()
        self.dropped_rows = 0
        self.dropped_bytes = 0
        self.held_bytes = 0


class Recorder:
    """What the hooks of one model share.

    Parameters
    ----------
    name : str
    capacity : int
        Calls that each endpoint's buffer holds; further ones are dropped and counted.
    max_bytes : int
        Bytes of captured batches that the buffers hold.
    """

    def __init__(self, name: str, capacity: int = 65_536, max_bytes: int = 64 << 20) -> None:
        self.name = name
        self.sampling_rate = 1.0
        #: Values in a row of numbers, as the reference has it; -1 while there is none.
        self.width = -1
        self.bound(capacity, max_bytes)
        #: Whether features are wanted at all.
        self.keep_features = False
        #: Whether the features of every call are wanted, in one attribute for the hot path.
        self.takes_all = False
        #: The monitor that has taken it.
        self.owner: Callable[[], object] = _nothing
        #: Keys of a row that are no features and no fault, such as a prediction id.
        self.extra_keys: set[str] = set()
        #: Called with endpoint, exception and duration in seconds when a model raises.
        self.on_error: Callable[[str, BaseException, float], None] = _ignore
        #: Called with a stage and an exception when the monitoring itself fails.
        self.on_fault: Callable[[str, BaseException | str], None] = _ignore
        self.wake: Callable[[], None] = _nothing
        self.last: ContextVar[Any] = ContextVar(f"last_prediction_of_{name}")
        self.channels: dict[str, Channel] = {}
        self.started = Counted()
        self._reset()
        _recorders.add(self)

    def _reset(self) -> None:
        self.ids = IdMaker()
        self._started_before = self.started.value
        self.labels: deque[tuple[Any, Any]] = deque()
        self.dropped_labels = Counted()
        self.dropped_shadows = Counted()
        self._lock = threading.Lock()
        for channel in self.channels.values():
            channel.reset()

    def bound(self, capacity: int, max_bytes: int) -> None:
        """Set how many calls and bytes of captured batches each endpoint's buffer holds."""
        self.capacity, self.max_bytes = capacity, max_bytes
        self._set_free_calls()

    def want_features(self, sampling_rate: float, width: int) -> None:
        """Capture the features of this share of the calls, in rows of ``width`` values where they are numbers."""
        self.sampling_rate, self.width, self.keep_features = sampling_rate, width, True
        self.takes_all = sampling_rate >= 1.0
        self._set_free_calls()

    def _set_free_calls(self) -> None:
        row_bytes = 8 * max(1, self.width)
        #: Buffered calls up to which the hooks append plain rows without a look at the bounds.
        self.free_calls = min(self.capacity, self.max_bytes // row_bytes)

    def samples(self) -> bool:
        """Return whether to capture the features of this call."""
        return self.keep_features and (self.takes_all or random() < self.sampling_rate)  # noqa: S311 - no secret

    def channel(self, endpoint: str) -> Channel:
        """Return the buffer of an endpoint, making it at first."""
        with self._lock:
            return self.channels.setdefault(endpoint, Channel(endpoint))

    def append(self, channel: Channel, event: tuple[Any, ...]) -> None:
        """Take an event, or drop it, within the bounds of calls and bytes.

        Hooks come here with batches, and with plain rows once there are :attr:`free_calls` in the buffer.
        """
        batch = event[3]
        rows = batch.rows if type(batch) is Batch else 1
        with self._lock:
            full = len(channel.events) >= self.capacity
            if full:
                # A call that raised has predicted nothing.
                channel.dropped_rows += 0 if event[4] is FAILED else rows
                channel.dropped_calls.add()
            else:
                channel.events.append(self._within_bytes(channel, event, rows))
        if full or len(channel.events) >= WAKE_CALLS or channel.held_bytes > self.max_bytes // 4:
            self.wake()

    def _within_bytes(self, channel: Channel, event: tuple[Any, ...], rows: int) -> tuple[Any, ...]:
        """Return the event without what there is no room for: its features, then its output. The rows still count."""
        batch, result = event[3], event[4]
        if type(batch) is not Batch:
            # Plain rows of numbers are of one size, so theirs need not be summed.
            if type(batch) is bytes and len(batch) * len(channel.events) > self.max_bytes:
                channel.dropped_bytes += 1
                return *event[:3], Batch(1), *event[4:]
            return event
        room, output = self.max_bytes - channel.held_bytes, output_size(result)
        if batch.nbytes + output <= room:
            batch.nbytes += output
        else:
            channel.dropped_bytes += rows
            if output > room:
                result, output = None, 0
            batch = Batch(rows, nbytes=output)
        channel.held_bytes += batch.nbytes
        return *event[:3], batch, result, event[5]

    def take(self, channel: Channel) -> list[Any]:
        """Take all events out of a buffer."""
        events = channel.events
        taken = [events.popleft() for _ in range(len(events))]
        channel.drained_calls += len(taken)
        if channel.held_bytes:
            with self._lock:
                channel.held_bytes -= sum(event[3].nbytes for event in taken if type(event[3]) is Batch)
        return taken

    def add_label(self, prediction_id: Any, actual: Any) -> None:
        """Take labels for the next drain, or drop and count them."""
        if len(self.labels) >= MAX_PENDING_LABELS:
            self.dropped_labels.add()
            return
        self.labels.append((prediction_id, actual))

    def id_of(self, last: Any, row: int = 0) -> Any:
        """Return the id of a row of a call, from what :attr:`last` holds of it; None if it has none."""
        number, start, own = last[0], last[1], last[-1]
        if isinstance(own, list | tuple):
            return own[row] if row < len(own) else None
        return own if own is not None else self.ids.make(number, row, start)

    @property
    def in_progress(self) -> int:
        """Calls that have started and not ended."""
        ended = sum(c.drained_calls + len(c.events) + c.dropped_calls.value for c in list(self.channels.values()))
        return max(0, self.started.value - self._started_before - ended)


def _ignore(*_what: object) -> None:
    return None


def _nothing() -> None:
    return None


_recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()
_named: weakref.WeakValueDictionary[str, Recorder] = weakref.WeakValueDictionary()
_named_lock = threading.Lock()


def named(model: str) -> Recorder:
    """Return the recorder of a model by name; a monitor of that name, now or later, takes its events."""
    with _named_lock:
        return _named.setdefault(model, Recorder(model))


def adopt(model: str, owner: object) -> Recorder:
    """Return the recorder for a new monitor: the one that functions already use, unless a monitor has it."""
    with _named_lock:
        recorder = _named.get(model)
        if recorder is None or recorder.owner() is not None:
            recorder = _named[model] = Recorder(model)
        recorder.owner = weakref.ref(owner)
        return recorder


def weakly(method: Callable[..., None]) -> Callable[..., None]:
    """Return a callable that calls a bound method while its object lives: functions may outlive their monitor."""
    reference = weakref.WeakMethod(method)

    def call(*what: Any) -> None:
        found = reference()
        if found is not None:
            found(*what)

    return call


def reset_after_fork() -> None:
    """Forget, in a forked child, what its parent will count."""
    global _named_lock  # noqa: PLW0603 - another thread of the parent may have held it
    _named_lock = threading.Lock()
    for recorder in list(_recorders):
        recorder._reset()
