"""The one door for data: any frame, table, array, row or list of rows becomes named columns.

Optional libraries are recognised by their objects' own methods and never imported here unless a file asks for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ml_models.errors import DataError, MissingExtraError
from ml_models.profile.cells import is_missing

#: A column: an array of numbers, or a list of Python values.
Column: TypeAlias = "NDArray[Any] | list[Any]"

_SCALARS = (str, bool, int, float, np.number, np.bool_)


@dataclass(frozen=True, slots=True)
class Columns:
    """Named columns of equal length."""

    rows: int
    by_name: dict[str, Column]


def columns(data: Any, names: Sequence[str] | None = None) -> Columns:
    """Return the columns of any supported data.

    Parameters
    ----------
    data : pandas, polars or Arrow frame; dict of columns; dict row; list of dict rows; array; list of lists; or path
        A one-dimensional array or list of numbers is one row. Paths name ``.csv``, ``.csv.gz`` or ``.parquet`` files.
    names : sequence of str, optional
        Names for the columns of arrays and lists, in order. Default: ``f0``, ``f1``, ...

    Raises
    ------
    DataError
        If the data has no form that is known, columns of unequal length or two of the same name.
    MissingExtraError
        If reading a file needs an optional dependency.

    Examples
    --------
    >>> columns([{"a": 1, "b": "x"}, {"a": 2}])
    Columns(rows=2, by_name={'a': [1, 2], 'b': ['x', None]})
    >>> columns(np.array([[1.0, 2.0]]), names=["a", "b"]).by_name["b"]
    array([2.])
    """
    if isinstance(data, str | Path):
        data = read_table(Path(data))
    if isinstance(data, Mapping):
        return _from_mapping(data)
    if isinstance(data, np.ndarray):
        return _from_array(data, names)
    if hasattr(data, "schema") and hasattr(data, "num_rows"):
        labels = _distinct(data.schema.names)
        return Columns(data.num_rows, {name: _arrow(data.column(i)) for i, name in enumerate(labels)})
    if hasattr(data, "columns") and hasattr(data, "iloc"):
        labels = _distinct(data.columns)
        return Columns(len(data), {name: _pandas(data.iloc[:, i]) for i, name in enumerate(labels)})
    if hasattr(data, "get_columns"):
        return Columns(len(data), {series.name: _polars(series) for series in data.get_columns()})
    if hasattr(data, "index") and hasattr(data, "to_dict") and hasattr(data, "iloc"):
        return _from_rows([data.to_dict()])
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _from_sequence(data, names)
    raise DataError(
        f"data: found {type(data).__name__}; give a pandas, polars or Arrow table, a dict of columns, "
        "a list of dicts, an array, or the path of a csv or parquet file"
    )


def read_table(path: Path) -> Any:
    """Read a CSV or parquet file into an Arrow table.

    Raises
    ------
    DataError
        If the file is missing, of an unknown kind or damaged.
    MissingExtraError
        Without pyarrow.
    """
    kind = "".join(path.suffixes[-2:]).lower()
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional dependency
        from pyarrow import csv, parquet  # noqa: PLC0415
    except ImportError:
        raise MissingExtraError("data files", "pyarrow", "data") from None
    try:
        if kind.endswith(".parquet"):
            return parquet.read_table(path)
        if kind.endswith((".csv", ".csv.gz")):
            # Said here, because pyarrow itself goes by the suffix in small letters.
            with pa.input_stream(str(path), compression="gzip" if kind.endswith(".gz") else None) as stream:
                return csv.read_csv(stream)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    raise DataError(f"{path}: unknown kind of file; give .csv, .csv.gz or .parquet")


def _from_mapping(data: Mapping[Any, Any]) -> Columns:
    values = list(data.values())
    if not any(_is_column(value) for value in values):
        return Columns(1, {str(name): [value] for name, value in data.items()})
    lengths = {len(value) if _is_column(value) else 1 for value in values}
    if len(lengths) != 1:
        raise DataError(f"data: columns of unequal length: {', '.join(map(str, sorted(lengths)))}")
    labels = _distinct(data)
    return Columns(lengths.pop(), {name: _sequence(value) for name, value in zip(labels, values, strict=True)})


def _distinct(names: Iterable[Any]) -> list[str]:
    labels = list(map(str, names))
    if len(set(labels)) < len(labels):
        twice = [label for label, count in Counter(labels).items() if count > 1]
        raise DataError(f"data: more than one column named {', '.join(map(repr, twice))}; rename or drop one")
    return labels


def _is_column(value: Any) -> bool:
    return isinstance(value, list | tuple) or (hasattr(value, "__array__") and getattr(value, "ndim", 1) > 0)


def _sequence(value: Any) -> Column:
    if hasattr(value, "iloc"):
        return _pandas(value)
    if isinstance(value, np.ndarray):
        return _numpy(value)
    if hasattr(value, "to_pylist"):
        return _arrow(value)
    if hasattr(value, "get_chunks"):
        return _polars(value)
    if hasattr(value, "__array__"):
        return _numpy(np.asarray(value))
    return list(value) if isinstance(value, list | tuple) else [value]


def _from_array(data: NDArray[Any], names: Sequence[str] | None) -> Columns:
    if data.dtype.names:
        return Columns(data.size, {name: _numpy(np.atleast_1d(data[name])) for name in data.dtype.names})
    table = data.reshape(1, -1) if data.ndim < 2 else data
    if table.ndim != 2:
        raise DataError(f"data: found an array with {data.ndim} axes; give rows or rows x columns")
    labels = _labels(table.shape[1], names)
    return Columns(table.shape[0], {name: _numpy(table[:, i]) for i, name in enumerate(labels)})


def _labels(width: int, names: Sequence[str] | None) -> list[str]:
    labels = list(names or ())[:width]
    return labels + [f"f{i}" for i in range(len(labels), width)]


def _from_sequence(data: Sequence[Any], names: Sequence[str] | None) -> Columns:
    if all(isinstance(row, Mapping) for row in data):
        return _from_rows(data)
    rows = [data] if all(row is None or isinstance(row, _SCALARS) for row in data) else list(data)
    if not all(isinstance(row, list | tuple | np.ndarray) for row in rows):
        found = sorted({type(row).__name__ for row in rows})
        raise DataError(f"data: rows of {', '.join(found)}; give dicts, lists or numbers")
    width = max((len(row) for row in rows), default=0)
    labels = _labels(width, names)
    return Columns(
        len(rows), {name: [row[i] if i < len(row) else None for row in rows] for i, name in enumerate(labels)}
    )


def _from_rows(rows: Iterable[Mapping[Any, Any]]) -> Columns:
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row)
    return Columns(len(rows), {str(name): [row.get(name) for row in rows] for name in names})


def _numpy(values: NDArray[Any]) -> Column:
    if values.ndim > 1:
        raise DataError(f"data: a column with {values.ndim} axes; give one value per row")
    if values.dtype.kind in "mM":
        return list(values)  # tolist() would make plain numbers of nanoseconds
    return values if values.dtype.kind in "biuf" else values.tolist()


def _pandas(series: Any) -> Column:
    if series.dtype.kind in "biuf" and isinstance(series.to_numpy(), np.ndarray):
        values = series.to_numpy()
        if values.dtype.kind in "biuf":
            return np.asarray(values)
    return [None if is_missing(value) else value for value in series]


def _polars(series: Any) -> Column:
    if series.dtype.is_numeric() and not series.dtype.is_decimal():
        return np.asarray(series.cast(float).to_numpy() if series.null_count() else series.to_numpy())
    values: list[Any] = series.to_list()
    return values


def _arrow(array: Any) -> Column:
    kind = str(array.type)
    if kind.startswith(("int", "uint", "float", "double", "halffloat")):
        return np.asarray(array.to_numpy() if hasattr(array, "chunks") else array.to_numpy(zero_copy_only=False))
    values: list[Any] = array.to_pylist()
    return values
