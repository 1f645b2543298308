"""A tracked function behaves as it did; what it was given and gave is found wherever it stands."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_models.errors import InstrumentationError
from ml_models.monitoring import ModelMonitor

# --- how functions are tracked ---------------------------------------------------------------------------------------


def test_track_works_with_and_without_arguments(make, counted):
    monitor = make()

    @monitor.track
    def plain(row):
        return row["x"]

    @monitor.track()
    def bare(row):
        return row["x"]

    @monitor.track(endpoint="named")
    def other(row):
        return row["x"]

    assert [plain({"x": 1}), bare({"x": 2}), other({"x": 3})] == [1, 2, 3]
    assert counted(monitor).calls == 3
    assert monitor.pipeline.endpoints == ["plain", "bare", "named"]


def test_a_tracked_function_keeps_its_name_document_and_signature(make):
    def predict(row: dict, /, scale: float = 2.0, *, strict: bool = False) -> float:
        """Predict."""
        return row["x"] * scale

    tracked = make().track(predict)
    assert (tracked.__name__, tracked.__doc__, tracked.__wrapped__) == ("predict", "Predict.", predict)
    assert inspect.signature(tracked) == inspect.signature(predict)


def test_functions_keep_their_kind(make):
    track = make().track

    async def coroutine(row):
        return row

    def generator(row):
        yield row

    async def async_generator(row):
        yield row

    assert inspect.iscoroutinefunction(track(coroutine))
    assert inspect.isgeneratorfunction(track(generator))
    assert inspect.isasyncgenfunction(track(async_generator))


def test_methods_of_every_kind_are_tracked(make, counted, numeric):
    monitor = make(reference=numeric, task="regression")

    class Service:
        factor = 2.0

        @monitor.track
        def method(self, row):
            return self.factor * row["x"]

        @monitor.track
        @classmethod
        def above_classmethod(cls, row):
            return cls.factor * row["x"]

        @classmethod
        @monitor.track
        def below_classmethod(cls, row):
            return cls.factor * row["x"]

        @monitor.track
        @staticmethod
        def above_staticmethod(row):
            return row["x"]

        @staticmethod
        @monitor.track
        def below_staticmethod(row):
            return row["x"]

    row = {"x": 5.0, "y": 25.0}
    service = Service()
    assert service.method(row) == Service.method(service, row) == service.method(row=row) == 10.0
    assert service.above_classmethod(row) == Service.above_classmethod(row) == service.below_classmethod(row) == 10.0
    assert service.above_staticmethod(row) == Service.above_staticmethod(row) == service.below_staticmethod(row) == 5.0
    found = counted(monitor)
    assert (found.predictions, found.bins("x"), found.faults) == (9, {"00": 9}, 0)


def test_callables_without_a_name_are_tracked(make, counted):
    class Scorer:
        def __call__(self, row):
            return row["x"]

    class AsyncScorer:
        async def __call__(self, row):
            return row["x"]

    monitor = make()
    partial = functools.partial(lambda scale, row: scale * row["x"], 3)
    assert monitor.track(partial)({"x": 2}) == 6
    assert monitor.track(Scorer())({"x": 2}) == 2
    assert asyncio.run(monitor.track(AsyncScorer())({"x": 2})) == 2
    assert monitor.track(max)([3, 4]) == 4
    assert counted(monitor).calls == 4
    assert monitor.pipeline.endpoints == ["partial", "Scorer", "AsyncScorer", "max"]


@pytest.mark.parametrize("wrong", ["predict", 5, ["rows"]])
def test_what_cannot_be_called_is_refused_when_decorated(make, wrong):
    with pytest.raises(InstrumentationError, match="cannot be called"):
        make().track(wrong)


def test_an_unknown_parameter_or_setting_is_refused_when_decorated(make):
    monitor = make()
    with pytest.raises(InstrumentationError, match=r"'rows'.*no such parameter; it has row, scale"):
        monitor.track(features="rows")(lambda row, scale: row)
    with pytest.raises(TypeError, match="feature"):
        monitor.track(feature="row")


def test_wrong_arguments_raise_what_the_function_raises(make, counted):
    monitor = make()

    @monitor.track
    def predict(row):
        return row

    with pytest.raises(TypeError, match="predict\\(\\) missing 1 required positional argument: 'row'"):
        predict()
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        predict({}, {})
    assert counted(monitor).errors == 2


# --- results and exceptions ------------------------------------------------------------------------------------------

RESULTS = [
    0.1 + 0.2, 7, True, None, "text", b"bytes", 1 + 2j, np.float32(0.1), np.int8(3), np.array([0.1, 0.2]),
    np.array([[0.3, 0.7]]), np.array(5.0), [0.1, [0.2]], (1, [2]), {"score": 0.5}, {1, 2}, pd.Series([1.0]),
    pd.DataFrame({"x": [1]}), pl.Series([1.0]), pl.DataFrame({"x": [1]}), pa.array([1]), object(),
    SimpleNamespace(label="x"), iter([1, 2]), (n for n in range(3)), ValueError("returned, not raised"), print, int,
]  # fmt: skip


@pytest.mark.parametrize("with_reference", [True, False])
@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_results_are_the_very_objects_that_the_function_returned(result, with_reference, make, numeric, counted):
    monitor = make(reference=numeric if with_reference else None)

    async def coroutine(_row):
        return result

    row = {"x": 5.0, "y": 25.0}
    assert monitor.track(lambda row: result)(row) is result
    assert monitor.track(prediction_id="id")(lambda row, id=None: result)(row) is result
    assert asyncio.run(monitor.track(coroutine)(row)) is result
    assert counted(monitor).predictions == 3


def _raising(error: BaseException) -> dict[str, Callable[[Any], Any]]:
    def function(_row):
        raise error

    async def coroutine(_row):
        raise error

    def generator(_row):
        yield 1
        raise error

    async def async_generator(_row):
        yield 1
        raise error

    return {"function": function, "coroutine": coroutine, "generator": generator, "async_generator": async_generator}


async def _collect(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


def _run(function: Callable[[Any], Any]) -> Any:
    found = function({"x": 5.0, "y": 25.0})
    if inspect.isasyncgen(found):
        return asyncio.run(_collect(found))
    if inspect.iscoroutine(found):
        return asyncio.run(found)
    return list(found) if inspect.isgenerator(found) else found


class ModelError(Exception):
    """An application's own."""


@pytest.mark.parametrize("general", [False, True])
@pytest.mark.parametrize("error", [ModelError("x"), KeyError("x"), KeyboardInterrupt(), SystemExit(3), MemoryError()])
@pytest.mark.parametrize("kind", ["function", "coroutine", "generator", "async_generator"])
def test_exceptions_pass_through_and_are_counted(kind, error, general, make, counted):
    """The same object arrives, its traceback leads to the user's code, and class and endpoint are counted."""
    monitor = make()
    function = _raising(error)[kind]
    tracked = monitor.track(output=lambda value: value)(function) if general else monitor.track(function)
    with pytest.raises(type(error)) as caught:
        _run(tracked)
    assert caught.value is error
    assert error.__cause__ is None
    assert error.__context__ is None
    assert traceback.extract_tb(error.__traceback__)[-1].name == kind
    error.__traceback__ = None
    found = counted(monitor)
    assert (found.calls, found.errors, found.predictions) == (1, 1, 0)
    name = f"{__name__}.ModelError" if isinstance(error, ModelError) else type(error).__name__
    sample = f'ml_prediction_errors_total{{endpoint="{kind}",exception="{name}",model="{monitor.name}"}} 1.0'
    assert sample in monitor.metrics_text().decode()
    (entry,) = monitor.get_metrics()["errors"]
    assert (entry["exception"], entry["endpoint"], entry["count"]) == (name, kind, 1)


def test_a_failed_call_makes_no_prediction_id(make):
    monitor = make()
    for tracked in (monitor.track(lambda row: row["x"]), monitor.track(output=float)(lambda row: row["x"])):
        tracked({"x": 1})
        before = monitor.last_prediction_id()
        with pytest.raises(KeyError):
            tracked({})
        assert monitor.last_prediction_id() == before is not None


def test_recursion_counts_each_call(make, counted):
    monitor = make()

    @monitor.track
    def factorial(n):
        return 1 if n == 0 else n * factorial(n - 1)

    assert factorial(5) == 120
    assert counted(monitor).calls == 6


# --- generators ------------------------------------------------------------------------------------------------------


def _server(log: list[Any]) -> Iterator[Any]:
    """Answer what is sent, survive ``LookupError``, end on "stop" and on ``ArithmeticError``."""
    try:
        answer: Any = "ready"
        while answer != "stop":
            try:
                answer = yield answer
            except LookupError as error:
                answer = f"survived {error!r}"
            except ArithmeticError:
                return "ended by an error"
            if answer == "raise":
                raise ModelError("asked for")
        return "ended"
    finally:
        log.append("cleaned up")


async def _async_server(log: list[Any]) -> AsyncIterator[Any]:
    try:
        answer: Any = "ready"
        while answer != "stop":
            try:
                await asyncio.sleep(0)
                answer = yield answer
            except LookupError as error:
                answer = f"survived {error!r}"
            except ArithmeticError:
                return
            if answer == "raise":
                raise ModelError("asked for")
    finally:
        log.append("cleaned up")


OPERATIONS = st.lists(
    st.one_of(
        st.just(("next", None)),
        st.tuples(st.just("send"), st.sampled_from([None, "a", 0, "stop", "raise"])),
        st.tuples(
            st.just("throw"),
            st.sampled_from([
                KeyError("k"), ZeroDivisionError(), ModelError("m"), StopIteration("s"), StopAsyncIteration(),
                GeneratorExit(),
            ]),
        ),
        st.just(("close", None)),
    ),
    max_size=6,
)  # fmt: skip


def _fresh(value: Any) -> Any:
    return type(value)(*value.args) if isinstance(value, BaseException) else value


def _play(function: Callable[..., Any], operations: list[tuple[str, Any]]) -> list[Any]:
    log: list[Any] = []
    generator = function(log)
    calls = {
        "next": lambda _: next(generator),
        "send": generator.send,
        "throw": generator.throw,
        "close": lambda _: generator.close(),
    }
    for name, value in operations:
        try:
            log.append((name, calls[name](_fresh(value))))
        except BaseException as error:  # noqa: BLE001 - whatever comes out is compared
            log.append((name, repr(error), getattr(error, "value", None), repr(error.__cause__)))
    generator.close()
    return log


async def _play_async(function: Callable[..., Any], operations: list[tuple[str, Any]]) -> list[Any]:
    log: list[Any] = []
    generator = function(log)
    calls = {
        "next": lambda _: anext(generator),
        "send": generator.asend,
        "throw": generator.athrow,
        "close": lambda _: generator.aclose(),
    }
    for name, value in operations:
        try:
            log.append((name, await calls[name](_fresh(value))))
        except BaseException as error:  # noqa: BLE001 - whatever comes out is compared
            log.append((name, repr(error), repr(error.__cause__)))
    await generator.aclose()
    return log


_SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_SETTINGS
@given(operations=OPERATIONS)
def test_a_generator_answers_any_sequence_as_without_tracking(operations, make):
    """What is sent, thrown, returned and closed goes through unchanged, and the generator cleans up as often."""
    monitor = make()
    assert _play(monitor.track(_server), operations) == _play(_server, operations)
    assert monitor.pipeline.in_progress == 0


@_SETTINGS
@given(operations=OPERATIONS)
def test_an_async_generator_answers_any_sequence_as_without_tracking(operations, make):
    monitor = make()
    plain = asyncio.run(_play_async(_async_server, operations))
    assert asyncio.run(_play_async(monitor.track(_async_server), operations)) == plain
    assert monitor.pipeline.in_progress == 0


def test_a_generator_that_refuses_to_close_says_so_as_without_tracking(make):
    def stubborn(_row):
        while True:
            with contextlib.suppress(GeneratorExit):
                yield 1

    generator = make().track(stubborn)({})
    next(generator)
    with pytest.raises(RuntimeError, match="generator ignored GeneratorExit"):
        generator.close()
    with pytest.raises(ModelError):
        generator.throw(ModelError())


def test_a_generator_counts_one_call_with_its_items_as_outputs(make, counted, numeric):
    monitor = make(reference=numeric, classes=["no", "yes"])

    @monitor.track
    def stream(rows):
        for row in rows:
            yield "yes" if row["x"] > 10 else "no"

    rows = [{"x": 5.0, "y": 1.0}, {"x": 15.0, "y": 1.0}, {"x": 25.0, "y": 1.0}]
    assert list(stream(rows)) == ["no", "yes", "yes"]
    found = counted(monitor)
    assert (found.calls, found.predictions) == (1, 3)
    assert found.tally.predicted[:2].tolist() == [1, 2]


def test_the_time_of_a_generators_consumer_is_not_its_own(make):
    monitor = make()

    @monitor.track
    def stream(rows):
        yield from rows

    @monitor.track
    async def async_stream(rows):
        for row in rows:
            yield row

    def consume():
        for _ in stream([1, 2]):
            time.sleep(0.02)

    async def consume_async():
        async for _ in async_stream([1, 2]):
            await asyncio.sleep(0.02)

    consume()
    asyncio.run(consume_async())
    assert monitor.get_metrics()["performance"]["latency_seconds"]["mean"] < 0.01


def test_a_generator_that_is_dropped_half_way_ends_its_call(make, counted):
    monitor = make()

    @monitor.track
    def stream(rows):
        yield from rows

    items = stream([1, 2, 3])
    next(items)
    assert monitor.pipeline.in_progress == 1
    del items
    assert monitor.pipeline.in_progress == 0
    found = counted(monitor)
    assert (found.calls, found.errors) == (1, 0)


def test_a_cancelled_coroutine_ends_its_call(make, counted):
    monitor = make()

    @monitor.track
    async def slow(_row):
        await asyncio.sleep(60)

    async def cancel():
        task = asyncio.ensure_future(slow({}))
        await asyncio.sleep(0)
        assert monitor.pipeline.in_progress == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert monitor.pipeline.in_progress == 0
    assert counted(monitor).errors == 1


# --- where features, outputs and ids are -----------------------------------------------------------------------------


def test_a_function_with_one_feature_per_parameter(make, counted, mixed):
    monitor = make(reference=mixed, task="regression")

    @monitor.track
    def predict(x, city="Rome"):
        return x * 2.0

    class Service:
        @monitor.track
        def predict(self, x, city="Rome"):
            return x * 2.0

    assert predict(5.0, "Oslo") == predict(x=5.0, city="Oslo") == predict(5.0, city="Oslo") == predict(5.0) == 10.0
    assert Service().predict(15.0) == Service().predict(city="Oslo", x=15.0) == 30.0
    found = counted(monitor)
    assert found.bins("x") == {"00": 4, "01": 2}
    assert found.bins("city") == {"Oslo": 4, "Rome": 2}, "a default is what was predicted on"
    assert (found.predictions, found.missing("city"), found.faults, found.tally.schema[:2].sum()) == (6, 0, 0, 0)


def test_an_id_among_parameters_is_no_feature(make, counted, mixed):
    monitor = make(reference=mixed, classes=[0, 1])

    @monitor.track(prediction_id="request")
    def predict(x, city, request=None):
        return int(x > 10)

    predict(5.0, "Oslo", "id 1")
    predict(15.0, city="Oslo", request="id 2")
    predict(15.0, "Oslo")
    made = monitor.last_prediction_id()
    assert made is not None
    monitor.record_outcomes(["id 1", "id 2", made], [0, 0, 1])
    found = counted(monitor)
    assert (found.tally.outcomes[0, 0], found.tally.outcomes[0, 1], found.tally.outcomes[1, 1]) == (1, 1, 1)
    assert found.tally.schema[:2].sum() == 0


@pytest.mark.parametrize("features", ["row", lambda context, row, **_: row, lambda context, row, **_: dict(row)])
def test_features_stand_where_one_says(features, make, counted, numeric):
    monitor = make(reference=numeric, task="regression")

    @monitor.track(features=features)
    def predict(context, row, *, scale=1.0):
        return row["x"] * scale

    assert predict("context", {"x": 5.0, "y": 25.0}) == 5.0
    assert predict(context="context", row={"x": 5.0, "y": 25.0}, scale=2.0) == 10.0
    assert predict("context", row={"x": 5.0, "y": 25.0}, scale=2.0) == 10.0
    found = counted(monitor)
    assert (found.bins("x"), found.faults) == ({"00": 3}, 0)


@pytest.mark.parametrize("output", ["label", lambda result: result["label"]])
def test_the_output_stands_where_one_says(output, make, counted):
    monitor = make(classes=["no", "yes"])

    @monitor.track(output=output)
    def predict(row):
        return {"label": row["x"], "explanation": object()}

    assert predict({"x": "yes"})["label"] == "yes"
    assert counted(monitor).tally.predicted[:2].tolist() == [0, 1]


def test_the_output_of_each_row_of_a_list_stands_under_a_key(make, counted):
    monitor = make(classes=["no", "yes"])

    @monitor.track(output="label")
    def predict(rows):
        return [{"label": row["x"]} for row in rows]

    predict([{"x": "yes"}, {"x": "yes"}, {"x": "no"}])
    found = counted(monitor)
    assert (found.predictions, found.tally.predicted[:2].tolist()) == (3, [1, 2])


def test_an_output_that_is_not_there_is_counted_as_a_fault_and_the_row_as_predicted(make, counted):
    monitor = make(classes=["no", "yes"])
    result = {"class": "yes"}
    assert monitor.track(output="label")(lambda row: result)({}) is result
    found = counted(monitor)
    assert (found.predictions, found.faults, found.tally.predicted.sum()) == (1, 1, 0)


TABLES = {
    "list of dicts": [{"id": "a", "x": 5.0, "y": 1.0}, {"id": "b", "x": 15.0, "y": 1.0}],
    "dict of lists": {"id": ["a", "b"], "x": [5.0, 15.0], "y": [1.0, 1.0]},
    "pandas": pd.DataFrame({"id": ["a", "b"], "x": [5.0, 15.0], "y": [1.0, 1.0]}),
    "polars": pl.DataFrame({"id": ["a", "b"], "x": [5.0, 15.0], "y": [1.0, 1.0]}),
    "Arrow": pa.table({"id": ["a", "b"], "x": [5.0, 15.0], "y": [1.0, 1.0]}),
    "structured": np.array([("a", 5.0, 1.0), ("b", 15.0, 1.0)], dtype=[("id", "U1"), ("x", "f8"), ("y", "f8")]),
}


@pytest.mark.parametrize("form", TABLES)
def test_ids_stand_in_a_column(form, make, counted, numeric):
    monitor = make(reference=numeric, classes=[0, 1])
    tracked = monitor.track(prediction_id="id")(lambda rows: np.array([0, 1]))
    tracked(TABLES[form])
    assert (monitor.last_prediction_id(), monitor.last_prediction_id(1), monitor.last_prediction_id(2)) == (
        "a",
        "b",
        None,
    )
    monitor.record_outcomes(["b", "a"], [1, 1])
    found = counted(monitor)
    assert (found.tally.outcomes[1, 0], found.tally.outcomes[1, 1]) == (1, 1)
    assert found.bins("x") == {"00": 1, "01": 1}
    assert (found.faults, found.tally.schema[:2].sum()) == (0, 0), "the id's column is no fault"


@pytest.mark.parametrize(
    "where", ["id", lambda row: row["id"], lambda *args, **kwargs: (args or tuple(kwargs.values()))[0]["id"]]
)
def test_an_id_stands_in_a_row(where, make, counted, numeric):
    monitor = make(reference=numeric, classes=[0, 1])
    tracked = monitor.track(prediction_id=where)(lambda row: 1)
    tracked({"id": 17, "x": 5.0, "y": 1.0})
    assert monitor.last_prediction_id() == 17
    monitor.record_outcome(17, 1)
    assert counted(monitor).tally.outcomes[1, 1] == 1


def test_an_id_that_is_not_found_costs_neither_row_nor_features(make, counted, numeric):
    monitor = make(reference=numeric, classes=[0, 1])
    tracked = monitor.track(prediction_id="id")(lambda rows: np.array([0, 1]))
    tracked(np.array([[5.0, 1.0], [15.0, 1.0]]))
    found = counted(monitor)
    assert (found.predictions, found.bins("x"), found.faults) == (2, {"00": 1, "01": 1}, 1)
    assert monitor.last_prediction_id() is not None, "an id is made then"


def test_the_callers_list_of_ids_may_change_after_the_call(make, counted):
    monitor = make(classes=[0, 1])
    ids = ["a", "b"]
    monitor.track(prediction_id="ids")(lambda rows, ids: [0, 1])(np.zeros((2, 2)), ids)
    ids[:] = ["c", "d"]
    monitor.record_outcomes(["a", "b"], [0, 1])
    assert counted(monitor).tally.outcomes[0, 0] == counted(monitor).tally.outcomes[1, 1] == 1


# --- counting --------------------------------------------------------------------------------------------------------


def test_sampling_leaves_calls_rows_and_outputs_exact(make, counted, numeric):
    monitor = make(reference=numeric, sampling_rate=0.1, task="regression", buffer_rows=10_000)
    predict = monitor.track(lambda row: 0.5)
    batch = monitor.track(endpoint="batch")(lambda rows: np.zeros(len(rows)))
    for _ in range(2_000):
        predict({"x": 5.0, "y": 25.0})
        batch(np.full((3, 2), 5.0))
    found = counted(monitor)
    assert (found.calls, found.predictions) == (4_000, 8_000)
    # Binomial: 2,000 + 3 x 2,000 draws at 10 %; six standard deviations of the batches are about 240 rows.
    assert 500 < found.rows("x") < 1_100
    assert f'ml_feature_sampling_ratio{{model="{monitor.name}"}} 0.1' in monitor.metrics_text().decode()


def test_calls_in_progress_are_those_that_have_not_ended(make):
    monitor = make()
    seen = []

    @monitor.track
    def predict(depth):
        seen.append(monitor.pipeline.in_progress)
        if depth:
            predict(depth - 1)
        return depth

    predict(3)
    assert seen == [1, 2, 3, 4]
    assert monitor.pipeline.in_progress == 0
    monitor.pipeline.drain()
    assert f'ml_predictions_in_progress{{model="{monitor.name}"}} 0.0' in monitor.metrics_text().decode()


def test_tracking_the_same_function_for_two_monitors_counts_for_both(make, counted):
    one, two = make(), make()
    predict = one.track(two.track(lambda row: 1))
    assert predict({}) == 1
    assert counted(one).calls == counted(two).calls == 1


def test_endpoints_beyond_the_limit_share_one(make, counted):
    monitor: ModelMonitor = make()
    for n in range(12):
        monitor.track(endpoint=f"e{n}")(lambda row: 1)({})
    assert counted(monitor).predictions == 12
    assert monitor.pipeline.endpoints == [*(f"e{n}" for n in range(7)), "__other__"]
    assert f'ml_predictions_total{{endpoint="__other__",model="{monitor.name}"}} 5.0' in monitor.metrics_text().decode()
