"""Safe capture: what the caller may change after the call is copied, what cannot change is kept as it is.

Everything here runs on the serving thread, so it copies and does nothing else: no conversion, no look at values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

#: Outputs and cells that cannot change.
SCALARS: Final = frozenset(
    {bool, int, float, str, bytes, complex, type(None), np.float64, np.float32, np.int64, np.bool_}
)


class Batch:
    """Captured features that are not one plain row.

    ``data`` is None where only the number of rows is of interest; ``fault`` says what went wrong, if anything.
    """

    __slots__ = ("data", "fault", "nbytes", "rows")

    def __init__(self, rows: int, data: Any = None, nbytes: int = 0, fault: str = "") -> None:
        self.rows, self.data, self.nbytes, self.fault = rows, data, nbytes, fault


def row_count(features: Any) -> int:
    """Return how many rows the features of a call hold; 1 where that cannot be told.

    Examples
    --------
    >>> row_count(np.zeros((3, 2))), row_count([{"a": 1}, {"a": 2}]), row_count([1.0, 2.0]), row_count({"a": 1})
    (3, 2, 1, 1)
    """
    if isinstance(features, np.ndarray) or (hasattr(features, "shape") and hasattr(features, "dtype")):
        shape = features.shape
        return int(shape[0]) if len(shape) > 1 else (features.size if getattr(features.dtype, "names", None) else 1)
    if isinstance(features, Mapping):
        first: Any = next(iter(features.values()), None)
        return len(first) if is_column(first) else 1
    if isinstance(features, list | tuple):
        return len(features) if not features or isinstance(features[0], Mapping | list | tuple | np.ndarray) else 1
    if hasattr(features, "num_rows"):
        return int(features.num_rows)
    if hasattr(features, "columns"):
        return len(features)
    return 1


def is_column(value: Any) -> bool:
    """Return whether a value of a dict is a column, so that the dict is a table and not a row.

    Examples
    --------
    >>> is_column([1, 2]), is_column(np.float64(1)), is_column("text")
    (True, False, False)
    """
    return isinstance(value, list | tuple) or (hasattr(value, "__array__") and getattr(value, "ndim", 1) > 0)


def freeze(features: Any, *, keep: bool) -> Batch:
    """Return the features of a call, safe against later changes.

    Parameters
    ----------
    features : any
        As the model got them.
    keep : bool
        False counts the rows and keeps nothing else.
    """
    rows = row_count(features)
    if not keep:
        return Batch(rows)
    if isinstance(features, np.ndarray):
        return Batch(rows, features.copy(), features.nbytes)
    if isinstance(features, Mapping):
        data = {name: _copy_column(value) for name, value in features.items()}
        text = sum(len(value) for value in data.values() if isinstance(value, str | bytes))
        return Batch(rows, data, 64 * rows * len(data) + text)
    if isinstance(features, list | tuple):
        copied = [row.copy() if hasattr(row, "copy") else row for row in features]
        width = len(features[0]) if rows > 1 and hasattr(features[0], "__len__") else len(features)
        return Batch(rows, copied, 64 * rows * width)
    if hasattr(features, "iloc"):
        return Batch(rows, _copy_pandas(features), _size(features))
    if hasattr(features, "get_columns"):  # polars: the frame can change, its columns cannot
        return Batch(rows, features.clone(), int(features.estimated_size()))
    if hasattr(features, "num_rows"):  # Arrow data never changes
        return Batch(rows, features, int(features.nbytes))
    if hasattr(features, "detach") and hasattr(features, "numpy"):
        return _freeze_tensor(features, rows)
    if hasattr(features, "__array__"):
        array = np.array(features)
        return Batch(rows, array, array.nbytes)
    return Batch(rows, fault=f"features of type {type(features).__name__}")


def _copy_column(value: Any) -> Any:
    """Copy what can be copied; what cannot is taken to be unchangeable."""
    if hasattr(value, "get_chunks") and hasattr(value, "clone"):  # polars
        return value.clone()
    return value.copy() if hasattr(value, "copy") else value


def _copy_pandas(frame: Any) -> Any:
    # With copy-on-write (always on from pandas 3) a shallow copy is safe and free.
    import pandas as pd  # noqa: PLC0415 - the caller has it imported already

    return frame.copy(deep=int(pd.__version__.split(".")[0]) < 3)


def _size(frame: Any) -> int:
    return int(frame.memory_usage(index=False).sum()) if frame.ndim > 1 else int(frame.nbytes)


def _freeze_tensor(tensor: Any, rows: int) -> Batch:
    if getattr(tensor.device, "type", "cpu") != "cpu":
        # Copying from a device waits for its queue, which would slow the prediction down.
        return Batch(rows, fault=f"tensor on {tensor.device.type}")
    array = tensor.detach().numpy().copy()
    return Batch(rows, array, array.nbytes)


def freeze_output(result: Any) -> Any:
    """Return an output, safe against later changes.

    Examples
    --------
    >>> freeze_output(np.array([1])), freeze_output([0.5])
    (1, [0.5])
    """
    if isinstance(result, np.ndarray):
        return result.item() if result.size == 1 and result.ndim < 2 else result.copy()
    if isinstance(result, list):
        return list(result)
    if isinstance(result, Mapping):
        return dict(result)
    if hasattr(result, "detach") and hasattr(result, "numpy"):
        return _freeze_tensor(result, 1).data
    return _copy_column(result)


def output_size(result: Any) -> int:
    """Return about how many bytes a captured output holds.

    Examples
    --------
    >>> output_size(np.zeros(4)), output_size([0, 1]), output_size(0.5)
    (32, 128, 0)
    """
    if isinstance(result, list | tuple | dict):
        return 64 * len(result)
    return int(getattr(result, "nbytes", 0)) if type(result) not in SCALARS else 0
