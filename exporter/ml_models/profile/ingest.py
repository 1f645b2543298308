"""The door for data in memory: any frame, table, array, row or list of rows becomes named columns.

Optional libraries are recognised by their objects' own methods and never imported here unless a file asks for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ml_models.errors import DataError
from ml_models.profile import files, readers
from ml_models.profile.cells import Coded, Times, is_missing

#: A column: an array of numbers, a list of Python values, distinct values and the code of each cell, or moments.
Column: TypeAlias = "NDArray[Any] | list[Any] | Coded | Times"

#: Cells from which a column of text is worth coding.
CODED_ROWS = 256

_SCALARS = (str, bool, int, float, np.number, np.bool_)


@dataclass(frozen=True, slots=True)
class Columns:
    """Named columns of equal length."""

    rows: int
    by_name: Mapping[str, Column]


def columns(data: Any, names: Sequence[str] | None = None) -> Columns:
    """Return the columns of any supported data.

    Parameters
    ----------
    data : pandas, polars or Arrow frame; dict of columns; dict row; list of dict rows; array; list of lists; or path
        A one-dimensional array or list of numbers is one row. A path names one file; for more than one, or one that is
        larger than memory, see :func:`ml_models.profile.sources.batches`.
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
        return _from_file(data)
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


def _from_file(path: str | Path) -> Columns:
    """Read one file whole; text whose type changes on the way is read again, so that a column has one type."""
    found = files.find(path)
    if len(found) > 1:
        raise DataError(f"{path}: {len(found)} files; read them with ml_models.profile.sources.batches")
    types: readers.Types = {}
    while True:
        known = len(types), *map(str, types.values())
        batches = list(readers.record_batches(found[0], None, lambda _: _WHOLE, types))
        if known == (len(types), *map(str, types.values())):
            break
    try:
        return joined([columns(batch) for batch in batches])
    except DataError as error:
        raise DataError(f"{found[0].shown}: {str(error).removeprefix('data: ')}") from None


_WHOLE = 1 << 40


def joined(tables: Sequence[Columns]) -> Columns:
    """Return tables one after the other; a column that one of them lacks is missing there.

    Examples
    --------
    >>> joined([columns({"a": [1.0]}), columns({"b": ["x"]})]).by_name
    {'a': [1.0, None], 'b': [None, 'x']}
    """
    names = list(dict.fromkeys(name for table in tables for name in table.by_name))
    if len(tables) == 1:
        return tables[0]
    parts = {name: [table.by_name.get(name, absent(table.rows)) for table in tables if table.rows] for name in names}
    return Columns(sum(table.rows for table in tables), {name: _joined(parts[name]) for name in names})


def absent(rows: int) -> Coded:
    """Return a column of missing cells."""
    return Coded([], np.full(rows, -1))


def taken(column: Column, places: slice | NDArray[np.intp]) -> Column:
    """Return some cells of a column."""
    if isinstance(column, Coded):
        return Coded(column.values, column.codes[places])
    if isinstance(column, Times):
        return Times(column.seconds[places])
    if isinstance(column, np.ndarray):
        return column[places]
    return column[places] if isinstance(places, slice) else [column[place] for place in places.tolist()]


def _joined(parts: list[Column]) -> Column:
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    empty = [isinstance(part, Coded) and not part.values for part in parts]
    if arrays and len(arrays) + sum(empty) == len(parts) and len({part.dtype.kind == "b" for part in arrays}) == 1:
        if not any(empty):
            return np.concatenate(arrays)
        if arrays[0].dtype.kind != "b":
            return np.concatenate(
                [part if isinstance(part, np.ndarray) else np.full(len(part), np.nan) for part in parts]
            )
    moments = [part for part in parts if isinstance(part, Times)]
    if moments and len(moments) + sum(empty) == len(parts):
        return Times(np.concatenate([p.seconds if isinstance(p, Times) else np.full(len(p), np.nan) for p in parts]))
    if parts and all(isinstance(part, Coded) for part in parts):
        return _recoded([part for part in parts if isinstance(part, Coded)])
    return [value for part in parts for value in (part.tolist() if isinstance(part, np.ndarray) else part)]


def _recoded(parts: Sequence[Coded]) -> Coded:
    places: dict[Any, int] = {}
    values: list[Any] = []
    codes = []
    for part in parts:
        table = np.full(len(part.values) + 1, -1)
        for code in np.flatnonzero(part.counts).tolist():
            value = part.values[code]
            # 1, 1.0 and True are equal and yet not the same; a value that cannot be looked up is one of its type.
            key = (type(value), value) if isinstance(value, Hashable) else type(value)
            table[code] = places.setdefault(key, len(values))
            if table[code] == len(values):
                values.append(value)
        codes.append(table[part.codes])
    return Coded(values, np.concatenate(codes))


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
    if values.dtype.kind == "M":
        return Times.of(values)
    if values.dtype.kind == "m":
        return list(values)  # tolist() would make plain numbers of nanoseconds
    return values if values.dtype.kind in "biuf" else values.tolist()


def _pandas(series: Any) -> Column:
    if series.dtype.kind in "biuf" and isinstance(series.to_numpy(), np.ndarray):
        values = series.to_numpy()
        if values.dtype.kind in "biuf":
            return np.asarray(values)
    if series.dtype.kind == "M":
        return (
            _arrow(series.array.__arrow_array__()) if hasattr(series.dtype, "pyarrow_dtype") else Times.of(_utc(series))
        )
    if len(series) >= CODED_ROWS:
        if hasattr(series.dtype, "categories"):
            return Coded(series.dtype.categories.tolist(), series.cat.codes.to_numpy())
        if str(series.dtype).startswith(("str", "large_string")):
            try:
                return _arrow(series.array.__arrow_array__())
            except ImportError:  # text that pandas keeps itself; without pyarrow each cell is looked at
                pass
    return [None if is_missing(value) else value for value in series]


def _utc(series: Any) -> NDArray[Any]:
    """Return moments of pandas, which of a time zone would come as objects."""
    aware = getattr(series.dtype, "tz", None) is not None
    return np.asarray(
        (series.dt.tz_convert("UTC").dt.tz_localize(None) if aware else series).to_numpy("datetime64[us]")
    )


def _polars(series: Any) -> Column:
    if series.dtype.is_numeric() and not series.dtype.is_decimal():
        return np.asarray(series.cast(float).to_numpy() if series.null_count() else series.to_numpy())
    if str(series.dtype).startswith(("Date", "Datetime")):
        return Times.of(np.asarray(series.to_numpy()))
    if len(series) >= CODED_ROWS and not series.dtype.is_temporal() and str(series.dtype) != "Object":
        try:
            return _arrow(series.to_arrow())
        except ImportError:  # polars itself works without pyarrow
            pass
    values: list[Any] = series.to_list()
    return values


def _arrow(array: Any) -> Column:
    kind = str(array.type)
    if kind.startswith(("int", "uint", "float", "double", "halffloat")):
        return np.asarray(array.to_numpy() if hasattr(array, "chunks") else array.to_numpy(zero_copy_only=False))
    if kind.startswith(("timestamp", "date")):
        moments = array.cast("timestamp[us]", safe=False)  # of any time zone: Arrow itself holds them in UTC
        return Times.of(moments.to_numpy() if hasattr(moments, "chunks") else moments.to_numpy(zero_copy_only=False))
    if len(array) >= CODED_ROWS:
        if kind.startswith(_CODED):
            return _coded(array)
        if kind.startswith(_NESTED):
            # Nobody looks into them, and as Python objects they would take fifty times their room.
            present = np.asarray(array.is_valid())
            first = int(np.argmax(present))
            return Coded([array[first].as_py()] if present[first] else [], np.where(present, 0, -1))
    values: list[Any] = array.to_pylist()
    return values


_CODED = ("string", "large_string", "binary", "large_binary", "bool", "dictionary", "null")
_NESTED = ("list", "large_list", "fixed_size_list", "struct", "map")


def _coded(array: Any) -> Coded:
    if str(array.type) == "null":
        return absent(len(array))
    if hasattr(array, "chunks"):
        if array.num_chunks == 1:
            return _coded(array.chunk(0))
        if array.num_chunks > 1 and not str(array.type).startswith("dictionary"):
            return _coded(array.dictionary_encode().unify_dictionaries().combine_chunks())
        return _recoded([_coded(chunk) for chunk in array.chunks])
    if hasattr(array, "dictionary") and len(array.dictionary) > len(array):  # a slice of a larger whole
        array = array.dictionary_decode()
    array = array.dictionary_encode()
    indices = array.indices if str(array.indices.type) == "int32" else array.indices.cast("int64")
    codes = indices.fill_null(-1).to_numpy(zero_copy_only=False)
    values = array.dictionary.to_pylist()
    return Coded(values, codes) if not array.dictionary.null_count else _recoded([_without_none(values, codes)])


def _without_none(values: list[Any], codes: NDArray[np.int64]) -> Coded:
    nothing = np.array([value is None for value in values] + [True])
    return Coded(values, np.where(nothing[codes], -1, codes))
