"""The one door for data of any size: files, folders, patterns, URLs, frames, queries and iterators, as batches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ml_models.errors import DataError
from ml_models.profile.by_column import row_groups
from ml_models.profile.cells import Coded
from ml_models.profile.files import DataFile, find
from ml_models.profile.ingest import Column, Columns, columns, taken
from ml_models.profile.readers import Types, record_batches, rows_in

Progress = Callable[[int, int | None], None]

#: Rows of a batch, and cells beyond which it has fewer rows: 4 million numbers are 32 MiB.
BATCH_ROWS = 65_536
BATCH_CELLS = 4_000_000


def batches(
    source: Any,
    *,
    columns: Collection[str] | None = None,
    batch_rows: int = BATCH_ROWS,
    progress: Progress | None = None,
) -> Iterator[Columns]:
    """Yield data as tables of bounded size.

    Parameters
    ----------
    source : path, URL, list of paths, frame, table, query, or iterator of such
        A path names a file, a folder or a pattern: CSV, TSV and JSON lines (also ``.gz``, ``.zst``), parquet, Arrow IPC
        and Feather. URLs are opened by fsspec. Anything that :func:`ml_models.profile.columns` takes, a polars
        ``LazyFrame``, an Arrow dataset or reader, a DuckDB relation or result, and iterators of these are read too.
    columns : collection of str, optional
        Columns to read; what the data lacks is absent from the batches. Default: all.
    batch_rows : int
        Largest number of rows of a batch; very wide data comes in batches of fewer.
    progress : callable, optional
        Called after each batch with the rows so far and the rows in all, None where nothing tells them.

    Raises
    ------
    DataError
        If the data cannot be read: names the file, the fault, the place and the remedy. Also if files hold no row.
    MissingExtraError
        If an optional dependency is needed.

    Examples
    --------
    >>> [table.rows for table in batches({"x": [1.0, 2.0, 3.0]}, batch_rows=2)]
    [2, 1]
    """
    return Source(source).batches(columns=columns, batch_rows=batch_rows, progress=progress)


class Source:
    """Data that is opened, possibly several times; it remembers what it has learnt about the types of text files.

    Attributes
    ----------
    rereadable : bool
        Whether it can be read more than once.
    in_memory : bool
        Whether it is a whole that :func:`ml_models.profile.columns` takes.
    """

    def __init__(self, source: Any) -> None:
        self._source = source
        self._types: Types = {}
        self._paths = _paths(source)
        lazy = hasattr(source, "collect") and hasattr(source, "collect_schema")
        dataset = hasattr(source, "to_batches") and hasattr(source, "scanner") and not hasattr(source, "num_rows")
        self._open: Callable[[int], Iterator[Any]] | None = None
        if lazy:
            self._open = self._lazy
        elif dataset:
            self._open = self._dataset
        elif self._paths is None:
            self._open = _once(source)
        self.rereadable = self._paths is not None or lazy or dataset or self._open is None
        self.in_memory = self._paths is None and self._open is None

    def row_groups(self) -> list[Columns] | None:
        """Return parquet files of this machine as tables whose columns are read when they are looked up, else None."""
        if self._paths is None:
            return None
        return row_groups([file for path in self._paths for file in find(path)])

    def tables(self, progress: Progress | None = None) -> Iterator[Columns]:
        """Yield the data for one look at each column: as row groups where there are such, else as batches."""
        groups = self.row_groups()
        if groups is None:
            yield from self.batches(progress=progress)
            return
        done, total = 0, sum(group.rows for group in groups)
        for group in groups:
            yield group
            done += group.rows
            if progress is not None:
                progress(done, total)

    def table(self) -> Columns:
        """Return data in memory as one table."""
        return _columns(self._source)

    @property
    def learnt(self) -> int:
        """Number that changes when reading showed a text file's column to be of a wider type than before."""
        return hash(tuple((key, str(kind)) for key, kind in self._types.items()))

    def batches(
        self,
        *,
        columns: Collection[str] | None = None,
        batch_rows: int = BATCH_ROWS,
        progress: Progress | None = None,
    ) -> Iterator[Columns]:
        """Yield the data as :func:`batches` does."""
        if batch_rows < 1:
            raise DataError(f"batch_rows: found {batch_rows}; give at least 1")
        wanted = None if columns is None else frozenset(columns)
        return self._read(wanted, batch_rows, progress)

    def _read(self, wanted: frozenset[str] | None, batch_rows: int, progress: Progress | None) -> Iterator[Columns]:
        total: int | None = None
        found: Iterator[Columns]
        if self._paths is not None:
            files = [file for path in self._paths for file in find(path)]
            counts = [rows_in(file) for file in files]
            total = sum(count for count in counts if count is not None) if None not in counts else None
            found = chain.from_iterable(
                _named(file, record_batches(file, wanted, lambda width: _rows(width, batch_rows), self._types), wanted)
                for file in files
            )
        elif self._open is not None:
            found = map(_columns, self._open(batch_rows))
        else:
            whole = _columns(self._source)
            total, found = whole.rows, iter([whole])
        done = 0
        for table in found:
            kept = {name: column for name, column in table.by_name.items() if wanted is None or name in wanted}
            size = _rows(len(kept), batch_rows)
            for start in range(0, table.rows, size):
                rows = min(size, table.rows - start)
                part = slice(start, start + rows)
                yield Columns(rows, kept if rows == table.rows else {n: taken(c, part) for n, c in kept.items()})
                done += rows
                if progress is not None:
                    progress(done, total)
        if self._paths is not None and not done:
            raise DataError(f"{', '.join(map(str, self._paths))}: no rows, a header at most; give files that hold data")

    def _lazy(self, batch_rows: int) -> Iterator[Any]:
        if hasattr(self._source, "collect_batches"):
            return iter(self._source.collect_batches(chunk_size=batch_rows))
        return iter([self._source.collect(engine="streaming")])  # older polars has no way to give it in parts

    def _dataset(self, batch_rows: int) -> Iterator[Any]:
        # Reading ahead, by default sixteen batches of four files, would take many times a batch's memory.
        return iter(self._source.to_batches(batch_size=batch_rows, batch_readahead=1, fragment_readahead=1))


def _rows(width: int, batch_rows: int) -> int:
    return max(1, min(batch_rows, BATCH_CELLS // max(width, 1)))


def _paths(source: Any) -> list[str | Path] | None:
    if isinstance(source, str | Path):
        return [source]
    if isinstance(source, list | tuple) and source and all(isinstance(one, str | Path) for one in source):
        return list(source)
    return None


def _once(source: Any) -> Callable[[int], Iterator[Any]] | None:
    """Return how to open a source that gives batches and can be read once, None if it is a whole."""
    # A DuckDB relation or connection with a result; the first name is that of newer versions.
    for name in ("to_arrow_reader", "fetch_arrow_reader", "fetch_record_batch"):
        if hasattr(source, name):
            return lambda batch_rows: _iterate(getattr(source, name)(batch_rows))
    if isinstance(source, Iterator) or hasattr(source, "read_next_batch"):
        return lambda _: _iterate(source)
    return None


def _iterate(source: Any) -> Iterator[Any]:
    """Yield what an iterator holds, and what the paths, queries and iterators among it hold."""
    for one in [source] if hasattr(source, "num_rows") else source:
        nested = Source(one)
        if nested.in_memory:
            yield one
        else:
            yield from nested.batches()


def _columns(data: Any) -> Columns:
    return data if isinstance(data, Columns) else columns(data)


def _named(file: DataFile, found: Iterator[Any], wanted: frozenset[str] | None) -> Iterator[Columns]:
    given = {name: _partition_value(text) for name, text in file.partition if wanted is None or name in wanted}
    for batch in found:
        try:
            table = columns(batch)
        except DataError as error:
            raise DataError(f"{file.shown}: {str(error).removeprefix('data: ')}") from None
        # A file that holds the column itself knows better than its folder's name.
        added = {name: value for name, value in given.items() if name not in table.by_name}
        yield Columns(
            table.rows, dict(table.by_name) | {name: _repeated(value, table.rows) for name, value in added.items()}
        )


def _partition_value(text: str | None) -> int | str | None:
    """Return a folder's value as the number that it is, unless it has leading zeros, as codes have."""
    if text is None:
        return None
    return int(text) if text.removeprefix("-").isdecimal() and str(int(text)) == text else text


def _repeated(value: int | str | None, rows: int) -> Column:
    if isinstance(value, int):
        return np.full(rows, value)
    return Coded([] if value is None else [value], np.full(rows, -1 if value is None else 0))
