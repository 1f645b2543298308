"""What was predicted on is what is counted, whatever form it has and whoever changes it afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ml_models.monitoring.capture import Batch, freeze, freeze_output, output_size, row_count

_STRUCTURED = np.array([(5.0, 25.0), (15.0, 35.0)], dtype=[("x", "f8"), ("y", "f4")])
_WIDE = np.array([[5.0, -1.0, 25.0, -1.0], [15.0, -1.0, 35.0, -1.0]])


def _overwrite(rows: Any) -> None:
    rows[...] = 95.0


def _overwrite_structured(rows: Any) -> None:
    rows["x"] = rows["y"] = 95.0


def _overwrite_dict(row: Any) -> None:
    row.update(x=95.0, y=95.0)


def _overwrite_columns(table: Any) -> None:
    for column in table.values():
        column[:] = [95] * len(column)
    table["x"] = None


def _overwrite_rows(rows: Any) -> None:
    for row in rows:
        row.update(x=95.0, y=95.0)
    rows.clear()


def _overwrite_lists(rows: Any) -> None:
    for row in rows:
        row[:] = [95.0, 95.0]
    rows.clear()


def _overwrite_list(row: Any) -> None:
    row[:] = [95.0, 95.0]


def _overwrite_pandas(frame: Any) -> None:
    frame.loc[:, "x"] = 95.0
    frame.iloc[0, 1] = 95.0
    if "z" not in frame:
        frame.insert(0, "z", 1.0)


def _overwrite_polars(frame: Any) -> None:
    frame[0, "x"] = 95.0
    frame.replace_column(1, pl.Series("y", [95.0] * len(frame)))


def _overwrite_polars_columns(table: Any) -> None:
    table["x"][0] = 95.0
    del table["y"]


def _leave(_rows: Any) -> None:
    """Arrow data cannot change."""


#: Features with x = 5 (and 15) and y = 25 (and 35), rows, and how a careless caller changes them.
FORMS: dict[str, tuple[Callable[[], Any], int, Callable[[Any], None]]] = {
    "dict row": (lambda: {"x": 5.0, "y": 25.0}, 1, _overwrite_dict),
    "dict row of numpy scalars": (lambda: {"x": np.float32(5), "y": np.int64(25)}, 1, _overwrite_dict),
    "read-only mapping": (lambda: MappingProxyType({"x": 5, "y": 25}), 1, _leave),
    "one list": (lambda: [5.0, 25.0], 1, _overwrite_list),
    "one tuple": (lambda: (5, 25), 1, _leave),
    "1-D float64": (lambda: np.array([5.0, 25.0]), 1, _overwrite),
    "1-D int64": (lambda: np.array([5, 25]), 1, _overwrite),
    "1 x 2 float64": (lambda: np.array([[5.0, 25.0]]), 1, _overwrite),
    "pandas row": (lambda: pd.Series({"x": 5.0, "y": 25.0}), 1, lambda row: row.update({"x": 95.0})),
    "2 x 2 float64": (lambda: np.array([[5.0, 25.0], [15.0, 35.0]]), 2, _overwrite),
    "2 x 2 float32": (lambda: np.array([[5, 25], [15, 35]], dtype=np.float32), 2, _overwrite),
    "2 x 2 int8": (lambda: np.array([[5, 25], [15, 35]], dtype=np.int8), 2, _overwrite),
    "2 x 2 big-endian": (lambda: np.array([[5, 25], [15, 35]], dtype=">f8"), 2, _overwrite),
    "2 x 2 objects": (lambda: np.array([[5, "25"], [15, 35]], dtype=object), 2, _overwrite),
    "2 x 2 non-contiguous": (lambda: _WIDE.copy()[:, ::2], 2, _overwrite),
    "2 x 2 column-major": (lambda: np.asfortranarray([[5.0, 25.0], [15.0, 35.0]]), 2, _overwrite),
    "1 x 2 non-contiguous": (lambda: _WIDE.copy()[:1, ::2], 1, _overwrite),
    "structured": (_STRUCTURED.copy, 2, _overwrite_structured),
    "list of dicts": (lambda: [{"x": 5, "y": 25}, {"x": 15.0, "y": 35.0}], 2, _overwrite_rows),
    "list of lists": (lambda: [[5, 25], [15, 35]], 2, _overwrite_lists),
    "list of arrays": (lambda: [np.array([5.0, 25.0]), np.array([15.0, 35.0])], 2, lambda rows: _overwrite(rows[0])),
    "dict of lists": (lambda: {"x": [5, 15], "y": [25, 35]}, 2, _overwrite_columns),
    "dict of arrays": (lambda: {"x": np.array([5, 15]), "y": np.array([25.0, 35.0])}, 2, _overwrite_columns),
    "dict of pandas columns": (lambda: {"x": pd.Series([5, 15]), "y": pd.Series([25, 35])}, 2, _overwrite_columns),
    "dict of polars columns": (
        lambda: {"x": pl.Series([5.0, 15.0]), "y": pl.Series([25, 35])}, 2, _overwrite_polars_columns,
    ),
    "pandas": (lambda: pd.DataFrame({"x": [5.0, 15.0], "y": [25.0, 35.0]}), 2, _overwrite_pandas),
    "pandas, columns in another order": (
        lambda: pd.DataFrame({"y": [25.0, 35.0], "x": [5.0, 15.0]}), 2, lambda f: f.__setitem__("x", 95.0),
    ),
    "pandas on an array": (
        lambda: pd.DataFrame(np.array([[5.0, 25.0], [15.0, 35.0]]), columns=["x", "y"]), 2, _overwrite_pandas,
    ),
    "polars": (lambda: pl.DataFrame({"x": [5.0, 15.0], "y": [25.0, 35.0]}), 2, _overwrite_polars),
    "Arrow table": (lambda: pa.table({"x": [5.0, 15.0], "y": [25, 35]}), 2, _leave),
    "Arrow batch": (lambda: pa.record_batch({"x": [5.0, 15.0], "y": [25, 35]}), 2, _leave),
}  # fmt: skip


def _plain(monitor: Any, model: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return monitor.track(model)


def _general(monitor: Any, model: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return monitor.track(output=lambda result: result)(model)


def _keyword(monitor: Any, model: Callable[[Any], Any]) -> Callable[[Any], Any]:
    tracked = monitor.track(model)
    return lambda rows: tracked(rows=rows)


def _method(monitor: Any, model: Callable[[Any], Any]) -> Callable[[Any], Any]:
    class Service:
        @monitor.track
        def predict(self, rows: Any) -> Any:
            return model(rows)

    return Service().predict


def _asynchronous(monitor: Any, model: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @monitor.track
    async def predict(rows: Any) -> Any:
        return model(rows)

    return lambda rows: asyncio.run(predict(rows))


@pytest.mark.parametrize("when", ["during the call", "after it"])
@pytest.mark.parametrize("how", [_plain, _general, _keyword, _method, _asynchronous])
@pytest.mark.parametrize("form", FORMS)
def test_what_was_predicted_on_is_counted_whoever_changes_it(form, how, when, make, counted, numeric):
    build, rows, change = FORMS[form]
    monitor = make(reference=numeric, task="regression")

    def model(rows: Any) -> Any:
        if when == "during the call":
            change(rows)
        return 0.5

    given = build()
    assert how(monitor, model)(given) == 0.5
    if when == "after it":
        change(given)
    found = counted(monitor)
    assert (found.calls, found.predictions, found.faults) == (1, rows, 0)
    expected = ({"00": 1}, {"02": 1}) if rows == 1 else ({"00": 1, "01": 1}, {"02": 1, "03": 1})
    assert (found.bins("x"), found.bins("y")) == expected


def test_a_table_after_a_row_is_still_counted_row_by_row_as_it_was(make, counted, numeric):
    """A function that got rows first may get columns later; its caller may reuse them right away."""
    monitor = make(reference=numeric, task="regression")

    @monitor.track
    def predict(data):
        return np.asarray(data["x"]) * 2.0

    assert predict({"x": 5.0, "y": 25.0}) == 10.0
    table = {"x": [5.0, 15.0, 15.0], "y": [25.0, 35.0, 35.0]}
    assert predict(table).tolist() == [10.0, 30.0, 30.0]
    _overwrite_columns(table)
    found = counted(monitor)
    assert found.predictions == 4
    assert found.bins("x") == {"00": 2, "01": 2}


@pytest.mark.parametrize(
    ("result", "change"),
    [
        (np.array([5.0, 15.0]), _overwrite),
        ([5.0, 15.0], lambda result: result.clear()),
        (pd.Series([5.0, 15.0]), lambda result: result.update(pd.Series([95.0, 95.0]))),
        (pl.Series([5.0, 15.0]), lambda result: result.__setitem__(0, 95.0)),
    ],
    ids=["array", "list", "pandas", "polars"],
)
def test_what_was_predicted_is_counted_though_the_caller_changes_it(result, change, make, numeric):
    profile = type(numeric).fit({"x": np.arange(100.0), "out": np.linspace(0.5, 99.5, 100)}, prediction="out")
    monitor = make(reference=profile, task="regression")
    returned = monitor.track(lambda rows: result)(np.zeros((2, 1)))
    assert returned is result
    change(returned)
    distribution = monitor.get_metrics()["data"]["prediction_distribution"]["out"]
    assert distribution["live"][:3] == [0.5, 0.5, 0.0]


@pytest.mark.parametrize(
    ("features", "rows"),
    [
        (np.float64(1.0), 1),
        (np.array(1.0), 1),
        (np.zeros(0), 1),
        (np.zeros((0, 2)), 0),
        (np.zeros((3, 2, 2)), 3),
        ([], 0),
        ({}, 1),
        ({"x": []}, 0),
        ("text", 1),
        (b"bytes", 1),
        (None, 1),
        (object(), 1),
        (pd.DataFrame(), 0),
        (pd.DataFrame({"x": [1, 2, 3]}), 3),
        (pl.DataFrame({"x": [1, 2, 3]}), 3),
        (pa.table({"x": [1, 2, 3]}), 3),
        ([{"x": 1}] * 4, 4),
        (((1, 2), (3, 4)), 2),
    ],
)
def test_rows_are_told_from_any_form(features, rows):
    assert row_count(features) == rows


def test_without_need_for_features_only_their_rows_are_kept():
    batch = freeze(np.zeros((7, 2)), keep=False)
    assert (batch.rows, batch.data, batch.nbytes, batch.fault) == (7, None, 0, "")


def test_bytes_of_a_batch_are_known():
    assert freeze(np.zeros((7, 2)), keep=True).nbytes == 112
    assert freeze({"text": "x" * 10_000_000}, keep=True).nbytes >= 10_000_000
    assert freeze(pd.DataFrame({"x": np.zeros(100)}), keep=True).nbytes == 800
    assert freeze(pl.DataFrame({"x": np.zeros(100)}), keep=True).nbytes == 800
    assert freeze(pa.table({"x": np.zeros(100)}), keep=True).nbytes == 800
    assert freeze([{"x": 1.0, "y": 2.0}] * 10, keep=True).nbytes >= 20 * 8
    assert output_size(np.zeros(100)) == 800
    assert output_size("text") == output_size(None) == output_size(object()) == 0


class _Tensor:
    """As much of a PyTorch tensor as capture looks at; PyTorch itself is too large to install for this."""

    def __init__(self, array: np.ndarray, device: str) -> None:
        self._array, self.shape, self.dtype = array, array.shape, "torch.float32"
        self.device = type("device", (), {"type": device})()
        self.detached = False

    def detach(self) -> _Tensor:
        other = _Tensor(self._array, self.device.type)
        other.detached = True
        return other

    def numpy(self) -> np.ndarray:
        assert self.detached, "a tensor that requires a gradient cannot be converted"
        return self._array


def test_a_tensor_is_detached_and_copied():
    array = np.array([[5.0, 25.0]])
    batch = freeze(_Tensor(array, "cpu"), keep=True)
    array[...] = 95.0
    assert batch.data.tolist() == [[5.0, 25.0]]
    output = np.array([1.0, 2.0])
    kept = freeze_output(_Tensor(output, "cpu"))
    output[...] = 0.0
    assert kept.tolist() == [1.0, 2.0]


def test_a_tensor_on_a_device_is_not_waited_for():
    batch = freeze(_Tensor(np.zeros((3, 2)), "cuda"), keep=True)
    assert (batch.rows, batch.data, batch.fault) == (3, None, "tensor on cuda")


def test_anything_with_an_array_protocol_is_copied():
    class Lazy:
        shape, dtype = (2, 2), "float64"

        def __array__(self, dtype=None, copy=None):
            return np.array([[5.0, 25.0], [15.0, 35.0]])

    assert freeze(Lazy(), keep=True).data.tolist() == [[5.0, 25.0], [15.0, 35.0]]


def test_a_generator_given_as_features_is_not_consumed():
    given = (n for n in range(3))
    batch = freeze(given, keep=True)
    assert isinstance(batch, Batch)
    assert batch.fault == "features of type generator"
    assert list(given) == [0, 1, 2]
