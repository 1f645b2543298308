"""Parquet files of this machine, column by column.

A column of a row group is decoded in one go when it is asked for, and kept by nobody here: that takes a third of the
time of reading all columns in batches, and no more memory than one column of one row group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ml_models.errors import MissingExtraError
from ml_models.profile.files import DataFile
from ml_models.profile.ingest import Column, Columns, columns, joined
from ml_models.profile.readers import BUFFER_BYTES, faults

#: Rows of a row group beyond which a column of it is too large to be in memory at once.
GROUP_ROWS = 1 << 21
#: Files that are open at the same time.
OPEN_FILES = 64


class RowGroup(Mapping[str, Column]):
    """The columns of a row group, each read when it is looked up."""

    def __init__(self, file: DataFile, table: Any, group: int) -> None:
        self._file, self._table, self._group = file, table, group
        self._names = dict.fromkeys(table.schema_arrow.names)

    def __getitem__(self, name: str) -> Column:
        if name not in self._names:
            raise KeyError(name)
        import pyarrow as pa  # noqa: PLC0415 - optional dependency

        with faults(self._file, pa, lambda: 0):
            table = self._table.read_row_group(self._group, columns=[name], use_threads=False)
        return columns(table).by_name[name]

    def __contains__(self, name: object) -> bool:  # without reading it, as Mapping would
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def row_groups(files: Sequence[DataFile]) -> list[Columns] | None:
    """Return the row groups of parquet files, None where they are better read in batches.

    Raises
    ------
    DataError
        If a file cannot be read: names it, the fault and the remedy.
    MissingExtraError
        Without pyarrow.
    """
    if len(files) > OPEN_FILES or any(
        file.kind != "parquet" or file.filesystem is not None or file.packing is not None or file.partition
        for file in files
    ):
        return None
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional dependency
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise MissingExtraError("data files", "pyarrow", "data") from None
    found = []
    for file in files:
        with faults(file, pa, lambda: 0):
            table = parquet.ParquetFile(pa.OSFile(file.path), pre_buffer=False, buffer_size=BUFFER_BYTES)
            sizes = [table.metadata.row_group(group).num_rows for group in range(table.num_row_groups)]
        names = table.schema_arrow.names
        if max(sizes, default=0) > GROUP_ROWS or len(set(names)) < len(names):
            return None
        found += [Columns(rows, RowGroup(file, table, group)) for group, rows in enumerate(sizes) if rows]
    return found or None  # no row at all is for the batches to report


class Whole(Mapping[str, Column]):
    """The columns of several tables one after the other, each put together when it is looked up."""

    def __init__(self, tables: Sequence[Columns]) -> None:
        self._tables = tables
        self._names = dict.fromkeys(name for table in tables for name in table.by_name)

    def __getitem__(self, name: str) -> Column:
        if name not in self._names:
            raise KeyError(name)
        return joined(
            [Columns(t.rows, {name: t.by_name[name]} if name in t.by_name else {}) for t in self._tables]
        ).by_name[name]

    def __contains__(self, name: object) -> bool:  # without reading it, as Mapping would
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
