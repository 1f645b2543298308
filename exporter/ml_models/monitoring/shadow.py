"""Shadow predictions: a challenger gets what the served model gets, beside it, and its outputs are never served.

The served call pays for a shallow copy of its arguments and a place in a bounded queue. The challenger runs in a
thread of its own; what it raises is counted as its error and goes no further.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import inspect
import queue
import threading
import weakref
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

import numpy as np

from ml_models.errors import InstrumentationError
from ml_models.monitoring.capture import row_count
from ml_models.monitoring.hooks import decorator
from ml_models.monitoring.recorder import Recorder

P = ParamSpec("P")
R = TypeVar("R")

#: Calls that wait for a challenger at most; further ones are dropped and counted.
MAX_WAITING = 1_000

_END = object()


class Shadow:
    """Runs a challenger's function on the calls of a served one.

    Parameters
    ----------
    served, challenger : Recorder
    function : callable
        The challenger's, sync or async.
    max_waiting : int

    Raises
    ------
    InstrumentationError
        If the function cannot be called or is a generator.
    """

    def __init__(
        self, served: Recorder, challenger: Recorder, function: Callable[..., Any], max_waiting: int = MAX_WAITING
    ) -> None:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise InstrumentationError("shadow: generators cannot run in the shadow; give a function that returns")
        self._served, self._challenger = served, challenger
        self._ids: ContextVar[Any] = ContextVar("ids of the served call", default=None)
        self._function = decorator(
            challenger,
            endpoint=None,
            features=None,
            output=None,
            prediction_id=lambda *_args, **_kwargs: self._ids.get(),
            queued_at=None,
        )(function)
        self._is_async = inspect.iscoroutinefunction(function)
        self._max_waiting = max_waiting
        self.reset()

    def reset(self) -> None:
        """Begin with no call and no thread: at first, and in a forked child."""
        self._queue: queue.Queue[Any] = queue.Queue(self._max_waiting)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        weakref.finalize(self, _end, self._queue)

    def follow(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return the served function, after each call of which the challenger is given the same arguments.

        Raises
        ------
        InstrumentationError
            If it is a generator.
        """
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise InstrumentationError("shadow: a generator has no shadow; decorate a function that returns")

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            given = self._copied(args, kwargs)
            result = await served(*args, **kwargs)
            self._offer(given)
            return result

        def called(*args: Any, **kwargs: Any) -> Any:
            given = self._copied(args, kwargs)
            result = served(*args, **kwargs)
            self._offer(given)
            return result

        served: Callable[..., Any] = function
        followed: Any = awaited if inspect.iscoroutinefunction(function) else called
        return functools.update_wrapper(followed, function)

    def _copied(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Return the arguments as they are before the served call, which may change them."""
        try:
            return tuple(map(_copy, args)), {name: _copy(value) for name, value in kwargs.items()}
        except Exception as error:  # noqa: BLE001 - the served call goes on whatever its arguments do to us
            self._challenger.on_fault("shadow", error)
            return None

    def _offer(self, given: Any) -> None:
        last = self._served.last.get(None)
        if last is None:
            self._challenger.on_fault("shadow", "the served function is not tracked: put @monitor.track below")
        if given is None or last is None:
            return
        try:
            self._queue.put_nowait((*given, last))
        except queue.Full:
            self._challenger.dropped_shadows.add()
            return
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                name = f"mlmon-shadow-{self._challenger.name}"
                # It must not keep a monitor alive that nobody else holds.
                self._thread = threading.Thread(
                    target=_run, args=(weakref.ref(self), self._queue), name=name, daemon=True
                )
                self._thread.start()

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any], last: Any) -> None:
        """Give the challenger one call, under the ids that the served one has."""
        rows = row_count(args[0]) if args else 1
        ids = [self._served.id_of(last, row) for row in range(rows)]
        self._ids.set(ids if rows > 1 else ids[0])
        try:
            if self._is_async:
                asyncio.run(self._function(*args, **kwargs))
            else:
                self._function(*args, **kwargs)
        except Exception:  # noqa: BLE001, S110 - the challenger's hook has counted it; nobody waits for this call
            pass

    def flush(self) -> None:
        """Wait until the challenger has got every call so far."""
        self._queue.join()

    def stop(self) -> None:
        """End the thread after the calls that wait; a later call starts it again."""
        thread = self._thread
        if thread is not None and thread.is_alive():
            self._queue.put(_END)
            thread.join(timeout=10)


def _run(shadow: weakref.ref[Shadow], calls: queue.Queue[Any]) -> None:
    while True:
        call = calls.get()
        try:
            found = shadow()
            if call is _END or found is None:
                return
            found.run(*call)
        finally:
            found = None
            calls.task_done()


def _end(calls: queue.Queue[Any]) -> None:
    """Let the thread of a shadow that is gone end; it is at work if there is no room, and will see by itself."""
    with contextlib.suppress(queue.Full):
        calls.put_nowait(_END)


def _copy(value: Any) -> Any:
    """Return a value that later changes of the caller's do not reach: a copy of containers, not of what they hold."""
    if isinstance(value, np.ndarray | dict) or hasattr(value, "iloc"):
        return value.copy()
    return [_copy(one) for one in value] if isinstance(value, list) else copy.copy(value)
