"""Reading one data file in batches, with memory bounded by the batch and not by the file.

Batches are Arrow record batches, or lists of dict rows where JSON has no fixed types.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from ml_models.errors import DataError, MissingExtraError
from ml_models.profile.files import DataFile, without_secrets

#: Types of CSV columns that turned out wider than the first block showed, by file and column.
Types = dict[tuple[str, str], Any]

#: Bytes of text that are parsed at once; a line must be shorter. The first block gives a CSV's types.
BLOCK_BYTES = 8 << 20
#: Bytes that are fetched at once of a parquet column.
BUFFER_BYTES = 1 << 20

_CONVERSION = re.compile(r"In CSV column #(\d+): .*?conversion error to (.+?): invalid (value '(.*)'|UTF8)", re.DOTALL)

_REMEDIES = (
    ("Empty CSV file", "the file is empty; write it again, with a header"),
    ("cannot infer number of columns", "the file has no complete line; write it again, with a header"),
    (r"Expected \d+ columns, got", "a line has another number of fields than the header; quote fields with separators"),
    (
        "straddling object",
        f"a line is longer than {BLOCK_BYTES >> 20} MiB, or a quote is never closed; mend the quotes",
    ),
    ("Truncated compressed stream|unexpected end of file", "the file is cut off; copy it again"),
    ("incorrect header check|Unknown frame descriptor", "the file is not packed as its suffix says; rename or copy it"),
    ("Parquet|parquet|[Tt]hrift|magic bytes|footer", "the file is cut off or no parquet file; copy it again"),
    ("[Ii]nvalid UTF8", "the text is not UTF-8; convert it, such as with iconv -f latin1 -t utf-8"),
    ("Permission denied", "let this user read it"),
)


def record_batches(
    file: DataFile, wanted: Collection[str] | None, batch_rows: Callable[[int], int], types: Types
) -> Iterator[Any]:
    """Yield a file's batches.

    Parameters
    ----------
    file : DataFile
    wanted : collection of str or None
        Columns to read; those that the file lacks are absent. None: all.
    batch_rows : callable
        Gives the largest number of rows of a batch for a number of columns.
    types : dict
        What is learnt about a CSV's types, to be given to the next reading of the same file.

    Raises
    ------
    DataError
        Naming the file, the fault, the place and the remedy.
    MissingExtraError
        Without pyarrow.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional dependency
    except ImportError:
        raise MissingExtraError("data files", "pyarrow", "data") from None
    done = 0
    with faults(file, pa, lambda: done):
        if file.kind == "parquet":
            found = _parquet(file, wanted, batch_rows)
        elif file.kind == "arrow":
            found = _arrow(file, wanted)
        elif file.kind == "json":
            found = _json(file, wanted)
        else:
            found = _csv(file, wanted, types)
        for batch in found:
            rows = batch.num_rows if hasattr(batch, "num_rows") else len(batch)
            size = batch_rows(batch.num_columns if hasattr(batch, "num_columns") else len(batch[0]))
            for start in range(0, max(rows, 1), size):
                yield batch[start : start + size]
            done += rows


def rows_in(file: DataFile) -> int | None:
    """Return a file's number of rows where its footer says it, else None."""
    if file.kind != "parquet":
        return None
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional dependency
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise MissingExtraError("data files", "pyarrow", "data") from None
    with faults(file, pa, lambda: 0), _opened(file) as stream:
        return int(parquet.read_metadata(stream).num_rows)


@contextmanager
def faults(file: DataFile, pa: Any, done: Callable[[], int]) -> Iterator[None]:
    """Turn what Arrow raises into an error that names the file, the rows read before it and the remedy."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, FileNotFoundError):
            raise DataError(f"{file.shown}: no such file") from None
        text = without_secrets(f"{error}", file.path).removesuffix(".")
        remedy = next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, text)), "copy or write it again")
        where = f" after {done():,} rows" if done() else ""
        cause = error if file.filesystem is None else None  # which would show the URL with its credentials
        raise DataError(f"{file.shown}: cannot be read{where}: {text}; {remedy}") from cause
    except DataError:
        raise
    except Exception as error:
        if file.filesystem is None:
            raise
        where = f" after {done():,} rows" if done() else ""
        text = without_secrets(f"{error}" or type(error).__name__, file.path)
        raise DataError(f"{file.shown}: cannot be read{where}: {text}") from None


@contextmanager
def _opened(file: DataFile) -> Iterator[Any]:
    """Open a file as an Arrow stream, unpacked; Arrow itself would go by the suffix, in small letters only."""
    import pyarrow as pa  # noqa: PLC0415 - optional dependency

    raw = (
        pa.OSFile(file.path)
        if file.filesystem is None
        else pa.PythonFile(file.filesystem.open(file.path, "rb"), mode="r")
    )
    with raw:
        if file.packing is None:
            yield raw
        else:
            with pa.CompressedInputStream(raw, file.packing) as stream:
                yield stream


# --- columns ---------------------------------------------------------------------------------------------------------


def _parquet(file: DataFile, wanted: Collection[str] | None, batch_rows: Callable[[int], int]) -> Iterator[Any]:
    import pyarrow as pa  # noqa: PLC0415 - optional dependency
    from pyarrow import parquet  # noqa: PLC0415

    with _opened(file) as stream:
        # Without pre-buffering pages are fetched as they are needed: a row group of gigabytes costs a few MiB a column.
        table = parquet.ParquetFile(stream, pre_buffer=False, buffer_size=BUFFER_BYTES)
        names = [name for name in table.schema_arrow.names if wanted is None or name in wanted]
        found = False
        for batch in table.iter_batches(batch_rows(len(names)), columns=names, use_threads=False):
            found = True
            yield batch
        if not found:
            yield pa.RecordBatch.from_pylist([], schema=pa.schema([table.schema_arrow.field(name) for name in names]))


def _arrow(file: DataFile, wanted: Collection[str] | None) -> Iterator[Any]:
    import pyarrow as pa  # noqa: PLC0415 - optional dependency

    with _opened(file) as stream:
        is_file = stream.read(6) == b"ARROW1"
        stream.seek(0)
        reader = (pa.ipc.open_file if is_file else pa.ipc.open_stream)(stream)
        names = [name for name in reader.schema.names if wanted is None or name in wanted]
        batches = map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader
        yield pa.RecordBatch.from_pylist([], schema=reader.schema).select(names)
        for batch in batches:
            yield batch.select(names)


# --- text ------------------------------------------------------------------------------------------------------------


def _csv(file: DataFile, wanted: Collection[str] | None, types: Types) -> Iterator[Any]:
    """Read CSV with the first block's types; where a later block has another, go on with a type that holds both."""
    import pyarrow as pa  # noqa: PLC0415 - optional dependency

    done = 0
    while True:
        try:
            start = done
            for batch in _csv_once(file, wanted, types):
                rows = batch.num_rows
                skipped = min(start, rows)  # already given, before the type was widened
                start -= skipped
                if rows == skipped and rows:
                    continue
                yield batch.slice(skipped)
                done += rows - skipped
            return
        except pa.ArrowInvalid as error:
            if not _widen(file, types, error):
                raise


def _csv_once(file: DataFile, wanted: Collection[str] | None, types: Types) -> Iterator[Any]:
    import pyarrow as pa  # noqa: PLC0415 - optional dependency
    from pyarrow import csv  # noqa: PLC0415

    parsing = csv.ParseOptions(delimiter="\t" if file.kind == "tsv" else ",", newlines_in_values=True)
    reading = csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False)  # with threads a fault names no row
    known = {name: kind for (path, name), kind in types.items() if path == file.path}
    with _opened(file) as stream:
        reader = csv.open_csv(stream, reading, parsing, csv.ConvertOptions(column_types=known))
        names = reader.schema.names
        if wanted is None or set(names) <= set(wanted):
            yield pa.RecordBatch.from_pylist([], schema=reader.schema)
            yield from _utf8(reader)
            return
    # Columns that are not wanted are not converted; an empty list would mean all of them.
    kept = [name for name in names if name in wanted] or names[:1]
    with _opened(file) as stream:
        chosen = csv.ConvertOptions(column_types=known, include_columns=kept)
        for batch in _utf8(csv.open_csv(stream, reading, parsing, chosen)):
            yield batch.select([name for name in kept if name in wanted])


def _utf8(batches: Any) -> Iterator[Any]:
    """Refuse columns of bytes, as which text that is not UTF-8 is read."""
    import pyarrow as pa  # noqa: PLC0415 - optional dependency

    row = 2  # after the header, counted from 1
    for batch in batches:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if pa.types.is_binary(column.type):
                for place, value in enumerate(column):
                    try:
                        (value.as_py() or b"").decode()
                    except UnicodeDecodeError as error:
                        raise pa.ArrowInvalid(f"column {name!r}, row {row + place}: invalid UTF8 ({error})") from None
        row += batch.num_rows
        yield batch


def _widen(file: DataFile, types: Types, error: Exception) -> bool:
    """Note the wider type of the column that a conversion failed for; False if the error is another one."""
    import pyarrow as pa  # noqa: PLC0415 - optional dependency
    from pyarrow import csv  # noqa: PLC0415

    found = _CONVERSION.search(str(error))
    if found is None or found[4] is None:  # text that is not UTF-8 is no matter of types
        return False
    parsing = csv.ParseOptions(delimiter="\t" if file.kind == "tsv" else ",", newlines_in_values=True)
    with _opened(file) as stream:
        names = csv.open_csv(stream, csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False), parsing).schema.names
    name = names[int(found[1])]
    quoted = '"' + found[4].replace('"', '""') + '"'
    new = csv.read_csv(io.BytesIO(f'"x"\n{quoted}\n'.encode())).schema.field(0).type
    pair = {found[2], str(new)}
    wider = new if found[2] == "null" else pa.float64() if pair == {"int64", "double"} else pa.string()
    if types.get((file.path, name)) == wider:
        wider = pa.string()
        if types.get((file.path, name)) == wider:
            return False
    types[file.path, name] = wider
    return True


def _json(file: DataFile, wanted: Collection[str] | None) -> Iterator[Any]:
    """Read JSON lines in blocks of whole lines."""
    import pyarrow as pa  # noqa: PLC0415 - optional dependency
    from pyarrow import json as arrow_json  # noqa: PLC0415

    line = 1
    for block in _lines(file):
        try:
            batch = arrow_json.read_json(
                io.BytesIO(block), arrow_json.ReadOptions(block_size=len(block) + 1, use_threads=False)
            )
            names = [name for name in batch.schema.names if wanted is None or name in wanted]
            yield from batch.select(names).to_batches()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # values of several types, or a fault: look at each line
            rows = [
                row
                for place, text in enumerate(block.splitlines())
                if (row := _row(file, line + place, text)) is not None
            ]
            if rows:
                yield [{name: row[name] for name in row if wanted is None or name in wanted} for row in rows]
        line += block.count(b"\n")


def _lines(file: DataFile) -> Iterator[bytes]:
    with _opened(file) as stream:
        rest = b""
        while block := stream.read(BLOCK_BYTES):
            whole, newline, tail = (rest + block).rpartition(b"\n")
            if whole.strip():
                yield whole + newline
            rest = tail
        if rest.strip():
            yield rest


def _row(file: DataFile, line: int, text: bytes) -> dict[str, Any] | None:
    if not text.strip():
        return None
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file.shown}: line {line}: not JSON ({error}); write one object a line") from None
    if not isinstance(row, dict):
        raise DataError(f"{file.shown}: line {line}: found {type(row).__name__}; write one object a line")
    return row
