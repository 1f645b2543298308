"""The wrappers around prediction functions.

A wrapped call pays for two clock readings, a copy of what may change, and an append. Results and exceptions pass
through unchanged; a fault in here is counted and goes no further.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import numpy as np

from ml_models.errors import InstrumentationError
from ml_models.monitoring.capture import SCALARS, Batch, freeze, freeze_output, is_column
from ml_models.monitoring.recorder import FAILED, WAKE_CALLS, WAKE_EVERY, Channel, Recorder

P = ParamSpec("P")
R = TypeVar("R")

_FLOAT64 = np.dtype(np.float64)
_MISSING = object()
_NO_DEFAULT = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Selection:
    """Where a call's features, prediction id and output are found.

    Attributes
    ----------
    position : int
        Place of the features among the positional arguments.
    parameter : str or None
        Their name among the keyword arguments.
    names : tuple of str
        All parameters, for functions that take each feature as an argument.
    defaults : mapping
        Those of them that need not be given, with the value that then holds.
    features, output : callable or None
        User's own look-ups, on the arguments and on the result.
    prediction_id : str, callable or None
        Name of an argument or of a key or column of the features; or a callable on the arguments.
    queued_at : str, callable or None
        Name of an argument or of a key of the features that holds when the call was queued; or a callable.
    """

    position: int
    parameter: str | None
    names: tuple[str, ...]
    defaults: Mapping[str, Any]
    features: Callable[..., Any] | None
    output: Callable[[Any], Any] | None
    prediction_id: str | Callable[..., Any] | None
    queued_at: str | Callable[..., Any] | None

    @property
    def id_argument(self) -> bool:
        """Whether the prediction id is an argument of its own."""
        return isinstance(self.prediction_id, str) and self.prediction_id in self.names

    def find(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Return the features among the arguments."""
        if self.features is not None:
            return self.features(*args, **kwargs)
        if len(args) > self.position:
            found = args[self.position]
        elif self.parameter is not None and self.parameter in kwargs:
            found = kwargs[self.parameter]
        else:
            found = next(iter(kwargs.values()), None)
        if type(found) in SCALARS and len(args) + len(kwargs) > self.position:
            # Features as arguments of their own: predict(age, city)
            given = dict(zip(self.names[self.position :], args[self.position :], strict=False))
            row = {**self.defaults, **given, **kwargs}
            for one in (self.prediction_id, self.queued_at):
                if isinstance(one, str):
                    row.pop(one, None)
            return row
        return found

    def find_id(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], features: Any) -> Any:
        """Return the id or ids that the caller has for this call; None to make one."""
        wanted = self.prediction_id
        if wanted is None:
            return None
        if callable(wanted):
            return wanted(*args, **kwargs)
        if self.id_argument:
            return self._argument(wanted, args, kwargs)
        if isinstance(features, Mapping):
            return features.get(wanted)
        if isinstance(features, list | tuple):
            return [row.get(wanted) if isinstance(row, Mapping) else None for row in features]
        column = features[wanted]
        return column.to_pylist() if hasattr(column, "to_pylist") else list(column)

    def find_wait(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], features: Any) -> float | None:
        """Return the seconds since the call was queued, None where that is not said."""
        wanted = self.queued_at
        if wanted is None:
            return None
        if callable(wanted):
            queued = wanted(*args, **kwargs)
        elif wanted in self.names:
            queued = self._argument(wanted, args, kwargs)
        else:
            queued = features[wanted]
        if queued is None:
            return None
        # Clocks of two machines differ: a call that seems to begin before it was queued has not waited.
        return max(0.0, time.time() - float(queued.timestamp() if hasattr(queued, "timestamp") else queued))

    def _argument(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        if name in kwargs:
            return kwargs[name]
        place = self.names.index(name)
        return args[place] if place < len(args) else None


def selection(
    function: Callable[..., Any],
    features: str | Callable[..., Any] | None = None,
    output: str | Callable[[Any], Any] | None = None,
    prediction_id: str | Callable[..., Any] | None = None,
    queued_at: str | Callable[..., Any] | None = None,
) -> Selection:
    """Work out, once, where a function's calls hold what is monitored.

    Raises
    ------
    InstrumentationError
        If ``features`` names no parameter of the function.
    """
    try:
        parameters = dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # a built-in without a signature
        parameters = {}
    names = tuple(parameters)
    position = 1 if names[:1] in (("self",), ("cls",)) else 0
    if isinstance(features, str):
        if features not in names:
            raise InstrumentationError(
                f"features={features!r}: {getattr(function, '__qualname__', function)} has no such parameter; "
                f"it has {', '.join(names) or 'none'}"
            )
        position = names.index(features)
    if isinstance(output, str):
        key = output
        output = lambda result: [row[key] for row in result] if isinstance(result, list) else result[key]  # noqa: E731
    return Selection(
        position,
        names[position] if position < len(names) else None,
        names,
        {name: parameters[name].default for name in names[position:] if parameters[name].default is not _NO_DEFAULT},
        features if callable(features) else None,
        output,
        prediction_id,
        queued_at,
    )


def decorator(
    recorder: Recorder,
    *,
    endpoint: str | None,
    features: str | Callable[..., Any] | None,
    output: str | Callable[[Any], Any] | None,
    prediction_id: str | Callable[..., Any] | None,
    queued_at: str | Callable[..., Any] | None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return the decorator that has a recorder watch a function.

    Raises
    ------
    InstrumentationError
        From the decorator, if what it is given cannot be called or ``features`` names no parameter.
    """

    def decorate(function: Any) -> Any:
        if isinstance(function, staticmethod | classmethod):
            return type(function)(decorate(function.__func__))
        if not callable(function):
            raise InstrumentationError(
                f"track: found {function!r:.60}, which cannot be called; decorate a function, "
                "and give settings by keyword"
            )
        select = selection(function, features, output, prediction_id, queued_at)
        for one in (prediction_id, queued_at):
            if isinstance(one, str) and one not in select.names:
                recorder.extra_keys.add(one)
        channel = recorder.channel(str(endpoint or getattr(function, "__name__", type(function).__name__)))
        channel.is_queued |= queued_at is not None
        return wrap(function, recorder, channel, select)

    return decorate


class Call:
    """A call of any but the plainest kind, from its start to its end."""

    __slots__ = ("channel", "features", "ids", "number", "recorder", "select", "start")

    def __init__(
        self, recorder: Recorder, channel: Channel, select: Selection, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        self.recorder, self.channel, self.select = recorder, channel, select
        self.number = recorder.started.add()
        self.ids = None
        found: Any = None
        try:
            found = select.find(args, kwargs)
            self.features = _frozen(recorder, found)
        except Exception as error:  # noqa: BLE001 - the user's prediction goes on whatever its input does to us
            self.features = _broken(recorder, error)
        try:
            self.ids = freeze_output(select.find_id(args, kwargs, found))
            wait = select.find_wait(args, kwargs, found)
            if wait is not None:
                channel.waits.append(wait)
        except Exception as error:  # noqa: BLE001 - as above
            recorder.on_fault("capture", error)
        self.start = time.perf_counter_ns()

    def close(self, result: Any, *, busy: int | None = None) -> None:
        """Note the end of the call, with its result or :data:`FAILED`; ``busy`` is its duration in ns."""
        end = time.perf_counter_ns() if busy is None else self.start + busy
        if result is not FAILED:
            try:
                if self.select.output is not None:
                    result = self.select.output(result)
                result = result if type(result) in SCALARS else freeze_output(result)
            except Exception as error:  # noqa: BLE001 - as above
                result = None
                self.recorder.on_fault("output", error)
            self.recorder.last.set((self.number, self.start, self.ids))
        self.recorder.append(self.channel, (self.number, self.start, end, self.features, result, self.ids))

    def failed(self, error: BaseException, *, busy: int | None = None) -> None:
        """Note that the call raised."""
        lasted = time.perf_counter_ns() - self.start if busy is None else busy
        self.recorder.on_error(self.channel.endpoint, error, lasted / 1e9)
        self.close(FAILED, busy=lasted)


def wrap(function: Callable[P, R], recorder: Recorder, channel: Channel, select: Selection) -> Callable[P, R]:
    """Return the function with monitoring around it: sync, async, generator or async generator alike."""
    if inspect.isasyncgenfunction(function):
        wrapper: Any = _wrap_async_generator(function, recorder, channel, select)
    elif inspect.isgeneratorfunction(function):
        wrapper = _wrap_generator(function, recorder, channel, select)
    elif inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None)):  # noqa: B004
        wrapper = _wrap_async(function, recorder, channel, select)
    elif (
        select.position == 0
        and select.features is None
        and select.output is None
        and (select.prediction_id is None and select.queued_at is None)
    ):
        wrapper = _wrap_plain(function, recorder, channel, select)
    else:
        wrapper = _wrap_sync(function, recorder, channel, select)
    return functools.update_wrapper(wrapper, function) if hasattr(function, "__name__") else wrapper


def _wrap_plain(
    function: Callable[..., Any], recorder: Recorder, channel: Channel, select: Selection
) -> Callable[..., Any]:
    """Wrap a synchronous function whose features are its first argument: the hot path, so spelled out.

    Each line was measured: local names instead of attributes, ``is`` instead of a look-up, one positional argument
    apart from the rest, because building ``args`` costs as much as a clock reading.
    """
    clock, ndarray, float64, scalars = time.perf_counter_ns, np.ndarray, _FLOAT64, SCALARS
    events, set_last, started = channel.events, recorder.last.set, recorder.started.iterator
    nothing = _MISSING
    columnar = _Columnar()

    def wrapper(given: Any = nothing, /, *args: Any, **kwargs: Any) -> Any:
        features: Any
        number = next(started)
        try:
            kind = type(given)
            if kind is dict and recorder.takes_all:
                features = given.copy() if columnar.known else columnar.capture(given)
            elif kind is ndarray and given.size == recorder.width and given.dtype is float64 and recorder.takes_all:
                features = given.tobytes()
            else:
                features = _frozen(recorder, select.find(() if given is nothing else (given, *args), kwargs))
        except Exception as error:  # noqa: BLE001 - the user's prediction goes on whatever its input does to us
            features = _broken(recorder, error)
        begun = clock()
        try:
            if args or kwargs or given is nothing:
                result = function(*(() if given is nothing else (given, *args)), **kwargs)
            else:
                result = function(given)
        except BaseException as error:
            end = clock()
            recorder.on_error(channel.endpoint, error, (end - begun) / 1e9)
            recorder.append(channel, (number, begun, end, features, FAILED, None))
            raise
        end = clock()
        kept, kind = result, type(result)
        if kind is not float and kind is not int and kind not in scalars:
            try:
                kept = freeze_output(result)
                if type(features) is dict and type(kept) not in scalars:
                    features = columnar.check(features)
            except Exception as error:  # noqa: BLE001 - as above
                kept = None
                recorder.on_fault("output", error)
        event = (number, begun, end, features, kept, None)
        held = len(events)
        if type(features) is Batch or held >= recorder.free_calls:
            set_last((number, begun, None))
            recorder.append(channel, event)
        else:
            set_last(event)
            events.append(event)
            if held >= WAKE_CALLS and not held % WAKE_EVERY:
                recorder.wake()
        return result

    return wrapper


class _Columnar:
    """Knows whether the dicts that a function gets are plain rows.

    A row's values cannot change, so a shallow copy is safe; columns can. The first dict tells; should later ones
    differ, that is seen from their outputs, and what is counted is their contents after the call.
    """

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known = False

    def capture(self, given: dict[Any, Any]) -> Any:
        if any(map(is_column, given.values())):
            return freeze(given, keep=True)
        self.known = True
        return given.copy()

    def check(self, captured: dict[Any, Any]) -> Any:
        """Look again at what was taken for a row, once a call has returned more than a single value."""
        return freeze(captured, keep=True) if is_column(next(iter(captured.values()), None)) else captured


def _frozen(recorder: Recorder, found: Any) -> Batch:
    batch = freeze(found, keep=recorder.samples())
    if batch.fault:
        recorder.on_fault("capture", batch.fault)
    return batch


def _broken(recorder: Recorder, error: Exception) -> Batch:
    recorder.on_fault("capture", error)
    return Batch(1, fault=type(error).__name__)


def _wrap_sync(
    function: Callable[..., Any], recorder: Recorder, channel: Channel, select: Selection
) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = Call(recorder, channel, select, args, kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            call.failed(error)
            raise
        call.close(result)
        return result

    return wrapper


def _wrap_async(
    function: Callable[..., Any], recorder: Recorder, channel: Channel, select: Selection
) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = Call(recorder, channel, select, args, kwargs)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            call.failed(error)
            raise
        call.close(result)
        return result

    return wrapper


#: Items of one generator call that are kept as outputs.
MAX_ITEMS = 10_000


class _Items:
    """The items of a generator and the time that the generator itself took, its consumer's left out."""

    __slots__ = ("busy", "count", "first", "items", "recorder")

    def __init__(self, recorder: Recorder) -> None:
        self.recorder, self.busy, self.first, self.count = recorder, 0, -1, 0
        self.items: list[Any] = []

    def end(self, channel: Channel) -> None:
        """Note how long the items took."""
        channel.streams.append((self.first, self.count, self.busy))

    def add(self, item: Any) -> None:
        if not self.count:
            self.first = self.busy
        self.count += 1
        if len(self.items) < MAX_ITEMS:
            try:
                self.items.append(item if type(item) in SCALARS else freeze_output(item))
            except Exception as error:  # noqa: BLE001 - the consumer gets its item whatever that does to us
                self.recorder.on_fault("output", error)


def _wrap_generator(
    function: Callable[..., Any], recorder: Recorder, channel: Channel, select: Selection
) -> Callable[..., Any]:
    """Wrap a generator function; what the consumer sends or throws in goes to the generator itself."""
    channel.is_stream = True

    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        call = Call(recorder, channel, select, args, kwargs)
        seen = _Items(recorder)
        clock = time.perf_counter_ns
        try:
            source = function(*args, **kwargs)
            advance, given = source.send, None
            while True:
                begun = clock()
                try:
                    item = advance(given)
                finally:
                    seen.busy += clock() - begun
                seen.add(item)
                try:
                    advance, given = source.send, (yield item)
                except BaseException as error:  # noqa: BLE001 - the consumer's, GeneratorExit of close() included
                    advance, given = source.throw, error
        except StopIteration as end:
            call.close(seen.items, busy=seen.busy)
            return end.value
        except GeneratorExit:
            call.close(seen.items, busy=seen.busy)
            raise
        except BaseException as error:
            call.failed(error, busy=seen.busy)
            raise
        finally:
            seen.end(channel)

    return wrapper


def _wrap_async_generator(
    function: Callable[..., Any], recorder: Recorder, channel: Channel, select: Selection
) -> Callable[..., Any]:
    """Wrap an asynchronous generator function, in the same way."""
    channel.is_stream = True

    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        call = Call(recorder, channel, select, args, kwargs)
        seen = _Items(recorder)
        clock = time.perf_counter_ns
        try:
            source: AsyncGenerator[Any, Any] = function(*args, **kwargs)
            advance: Callable[[Any], Any] = source.asend
            given: Any = None
            while True:
                begun = clock()
                try:
                    item = await advance(given)
                finally:
                    seen.busy += clock() - begun
                seen.add(item)
                try:
                    advance, given = source.asend, (yield item)
                except BaseException as error:  # noqa: BLE001 - as above
                    advance, given = source.athrow, error
        except StopAsyncIteration:
            call.close(seen.items, busy=seen.busy)
        except GeneratorExit:
            call.close(seen.items, busy=seen.busy)
            raise
        except BaseException as error:
            call.failed(error, busy=seen.busy)
            raise
        finally:
            seen.end(channel)

    return wrapper
