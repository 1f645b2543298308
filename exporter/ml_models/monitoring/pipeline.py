"""From hooks to counts: one model's recorder, drain, windows and ledger, behind one lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ml_models.collectors.windows import SlidingWindow, Windowed
from ml_models.monitoring.drain import Drain
from ml_models.monitoring.held import Corrected
from ml_models.monitoring.ledger import Ledger, Written
from ml_models.monitoring.outcomes import count_outcomes
from ml_models.monitoring.outputs import Interpreter, Task
from ml_models.monitoring.recorder import Recorder
from ml_models.monitoring.timings import count_timings
from ml_models.profile.cells import category
from ml_models.profile.classes import Classes
from ml_models.profile.reference import ReferenceProfile
from ml_models.profile.tally import MAX_ENDPOINTS, Layout, Tally

T = TypeVar("T")

#: Seconds that a scrape waits for the ledger at most, before it goes on with what is counted.
_PATIENCE = 2.0


@dataclass(frozen=True, slots=True)
class Direct:
    """Predictions and labels that were joined elsewhere."""

    actuals: Sequence[Any]
    predicted: Sequence[Any] | None
    scores: Any


class Pipeline:
    """Takes what the hooks captured and keeps the counts of a sliding window and of all time.

    Parameters
    ----------
    recorder : Recorder
    reference : ReferenceProfile or None
    multivariate : bool
        Whether to tally how the numeric features go together.
    classes : sequence or None
        The model's classes, if known.
    task : {'auto', 'classification', 'regression'}
    decision_threshold : float
    positive_class : optional
    scored : bool
        Whether the model is known to give probabilities.
    span : float
        Seconds of the sliding window.
    ledger : callable
        Makes the ledger, at first and anew in a forked child.
    """

    def __init__(
        self,
        recorder: Recorder,
        reference: ReferenceProfile | None,
        *,
        multivariate: bool = False,
        classes: Sequence[Any] | None,
        task: Task,
        decision_threshold: float,
        positive_class: Any = None,
        scored: bool = False,
        span: float,
        ledger: Callable[[], Ledger],
    ) -> None:
        self.recorder, self.reference, self.span = recorder, reference, span
        named = category(positive_class)
        self.layout = Layout.of(reference, named if isinstance(named, str) else None, multivariate=multivariate)
        self._make_ledger = ledger
        self.ledger = ledger()
        self._interpreter_settings = (task, classes, decision_threshold, positive_class, scored)
        self._begin()

    def reset(self) -> None:
        """Begin anew in a forked child, whose parent counts what was there."""
        self.ledger.abandon()
        self.ledger = self._make_ledger()
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._settling = threading.Lock()
        task, classes, threshold, positive_class, scored = self._interpreter_settings
        self.classes = Classes(classes)
        self.interpreter = Interpreter(task, self.classes, threshold, positive_class, scored=scored)
        self._drain = Drain(
            self.reference, self.layout, self.interpreter, self.ledger, self.recorder.ids, self.recorder.on_fault
        )
        self._drain.extra = self.recorder.extra_keys
        self._window = SlidingWindow(self.layout, self.span, time.monotonic())
        self._delta = Tally(self.layout)
        self.last_drain = 0.0
        self.lag = 0.0
        self.overhead = 0.0
        self.last_label = 0.0

    def drain(self) -> None:
        """Tally everything captured so far and join its labels; when it returns, both are counted.

        Labels are not while the ledger's database is not there.
        """
        self.collect()
        self.settle()

    def collect(self) -> None:
        """Tally everything captured so far."""
        with self._lock:
            self._collect_locked()

    def settle(self, patience: float = -1.0) -> None:
        """Write predictions and labels to the ledger, and count the outcomes.

        Parameters
        ----------
        patience : float
            Seconds to wait for another thread that is at it; below 0 as long as it takes.
        """
        if not self._settling.acquire(timeout=patience):
            return
        try:
            begun, now = time.thread_time(), time.monotonic()
            written = self.ledger.settle(now)
            with self._lock:
                self._count_locked(written, now)
                self.overhead += time.thread_time() - begun
        finally:
            self._settling.release()

    def _count_locked(self, written: Sequence[Written], now: float) -> None:
        delta = self._delta
        for one in written:
            delta.clear()
            corrected = self._drain.settled(delta, one)
            self._window.add(delta, now)
            if corrected is not None:  # after the window has what was counted in this same transaction
                self._retract(corrected)
            if one.joined or one.corrected:
                self.last_label = time.time()

    def _collect_locked(self) -> None:
        begun = time.thread_time()
        recorder, now = self.recorder, time.monotonic()
        # Labels are taken first: a label whose id came from a call finds that call in what is taken next.
        labels = [recorder.labels.popleft() for _ in range(len(recorder.labels))]
        oldest = None
        delta = self._delta
        delta.clear()
        for slot, channel in enumerate(list(recorder.channels.values())):
            events = recorder.take(channel)
            if events:
                oldest = min(oldest or events[0][2], events[0][2])
                self._drain.events(delta, min(slot, MAX_ENDPOINTS - 1), events, now)
            count_timings(delta, min(slot, MAX_ENDPOINTS - 1), channel)
        if labels:
            self._labels(delta, labels, now)
        self._window.add(delta, now)
        self.lag = (time.perf_counter_ns() - oldest) / 1e9 if oldest is not None else 0.0
        self.last_drain = time.time()
        self.overhead += time.thread_time() - begun

    def _labels(self, delta: Tally, labels: Sequence[tuple[Any, Any]], now: float) -> None:
        pairs = []
        for one in labels:
            given = one[1]
            if not isinstance(given, Direct):
                pairs.append(one)
            elif self._drain.direct(delta, given.actuals, given.predicted, given.scores):
                self.last_label = time.time()
        self._drain.labels(delta, *_flat(pairs), now)

    def _retract(self, corrected: Corrected) -> None:
        """Take what was counted by labels that have been corrected out of the window, where it was counted."""
        numbers = self._window.numbers(corrected.counted)
        for number in np.unique(numbers).tolist():
            rows = np.flatnonzero(numbers == number)
            taken = Tally(self.layout)
            count_outcomes(taken, corrected.previous[rows], corrected.joined.held[rows], self.interpreter.positive)
            self._window.retract(taken, number)

    @property
    def retracted(self) -> Tally:
        """Counts of all time that corrected labels have taken back."""
        with self._lock:
            return self._window.retracted + Tally(self.layout)

    def counts(self, seconds: float | None = None) -> tuple[Tally, Windowed]:
        """Drain, and return the counts of all time and those of the last ``seconds`` (default: the whole window).

        Raises
        ------
        ValueError
            If more is asked for than the window holds.
        """
        self.collect()
        self.settle(_PATIENCE)
        with self._lock:
            return self._window.total.copy(), self._window.last(
                self.span if seconds is None else seconds, time.monotonic()
            )

    def close(self) -> None:
        """Let go of the ledger's database; it is opened again when there is something to write."""
        if self._settling.acquire(timeout=_PATIENCE):
            self.ledger.close()
            self._settling.release()

    @property
    def in_progress(self) -> int:
        """Calls that have started and not ended."""
        with self._lock:  # during a drain, calls are neither in the buffer nor yet counted
            return self.recorder.in_progress

    @property
    def endpoints(self) -> list[str]:
        """Names of the endpoints, in the order of their slots."""
        names = list(self.recorder.channels)
        return names if len(names) <= MAX_ENDPOINTS else [*names[: MAX_ENDPOINTS - 1], "__other__"]

    @property
    def queued(self) -> list[bool]:
        """Whether the calls of each endpoint tell when they were queued."""
        return _merged([channel.is_queued for channel in list(self.recorder.channels.values())], any)

    @property
    def streams(self) -> list[bool]:
        """Whether the calls of each endpoint are generators."""
        return _merged([channel.is_stream for channel in list(self.recorder.channels.values())], any)

    @property
    def dropped_rows(self) -> list[int]:
        """Rows per endpoint that were served and not tallied."""
        return _merged([channel.dropped_rows for channel in list(self.recorder.channels.values())], sum)


def _merged(values: list[T], merge: Callable[[list[T]], T]) -> list[T]:
    """Return a value per slot: the last one is shared by all endpoints beyond it."""
    if len(values) <= MAX_ENDPOINTS:
        return values
    return [*values[: MAX_ENDPOINTS - 1], merge(values[MAX_ENDPOINTS - 1 :])]


class Worker:
    """The threads in the background: one drains, often when there is much, seldom when there is little.

    The other writes to the ledger: a database that does not answer must not keep buffers from being drained.
    """

    #: Seconds between drains when nothing wakes the worker.
    INTERVAL = 0.25

    def __init__(self, pipeline: Pipeline, name: str) -> None:
        self._pipeline = pipeline
        self._stop = threading.Event()
        self._wake = threading.Event()
        pipeline.recorder.wake = self._wake.set
        self._threads = [
            threading.Thread(target=self._run, name=f"mlmon-drain-{name}", daemon=True),
            threading.Thread(target=self._settle, name=f"mlmon-ledger-{name}", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(self.INTERVAL)
            self._wake.clear()
            self._guard(self._pipeline.collect)

    def _settle(self) -> None:
        while not self._stop.wait(self.INTERVAL):
            self._guard(self._pipeline.settle)

    def _guard(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the worker must outlive any fault, or buffers fill for good
            self._pipeline.recorder.on_fault("drain", error)

    def stop(self) -> None:
        """Stop the thread and drain what is left."""
        self._stop.set()
        self._wake.set()
        for thread in self._threads:
            thread.join(timeout=10)
        self._guard(self._pipeline.collect)
        self._guard(lambda: self._pipeline.settle(_PATIENCE))


def _flat(labels: Sequence[tuple[Any, Any]]) -> tuple[list[Any], list[Any]]:
    """Spell out labels that were given as whole columns."""
    ids: list[Any] = []
    actuals: list[Any] = []
    for one, actual in labels:
        if isinstance(one, _Many):
            ids += one
            actuals += actual
        else:
            ids.append(one)
            actuals.append(actual)
    return ids, actuals


class _Many(list[Any]):
    """Ids that came together."""


def many(ids: Sequence[Any], actuals: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Return ids and labels for :meth:`Recorder.add_label` as one entry."""
    return _Many(listed(ids)), listed(actuals)


def listed(values: Any) -> list[Any]:
    """Return a column of any kind as a list of its own."""
    for method in ("to_pylist", "tolist", "to_list"):
        if hasattr(values, method):
            return list(getattr(values, method)())
    return list(values)
