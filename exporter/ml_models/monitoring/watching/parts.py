"""The parts that a file is read in: text up to its last complete line, everything else whole.

A part of text is at most a block long; it is parsed by the same reader as a whole file, behind the file's own header.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import IO

import numpy as np

from ml_models.errors import DataError
from ml_models.monitoring.watching.listing import Found
from ml_models.profile.files import DataFile
from ml_models.profile.ingest import Columns, columns
from ml_models.profile.readers import BLOCK_BYTES, Types, record_batches
from ml_models.profile.sources import BATCH_CELLS, BATCH_ROWS

#: Bytes at the beginning and before the position by which a file is known again.
MARK_BYTES = 1_024
_QUOTE, _NEWLINE = 0x22, 0x0A
_ENDS = {"parquet": b"PAR1", "arrow": b"ARROW1"}


@dataclass(frozen=True, slots=True)
class Marks:
    """Hashes of a file's first bytes and of those before a position."""

    head: str = ""
    head_bytes: int = 0
    tail: str = ""
    tail_bytes: int = 0

    def after(self, part: Part) -> Marks:
        """Return the marks when a part of text has been counted."""
        tail = part.text[-MARK_BYTES:]
        head = part.text[:MARK_BYTES] if part.start == 0 else None
        if head is None:
            return Marks(self.head, self.head_bytes, _hash(tail), len(tail))
        return Marks(_hash(head), len(head), _hash(tail), len(tail))


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a text file that ends with a line.

    Attributes
    ----------
    start, end : int
        Bytes from the beginning of the file.
    text : bytes
        What is between them.
    """

    start: int
    end: int
    text: bytes


def opened(file: DataFile) -> IO[bytes]:
    """Open a file as it is, packed or not.

    Raises
    ------
    OSError
    """
    stream: IO[bytes] = open(file.path, "rb") if file.filesystem is None else file.filesystem.open(file.path, "rb")  # noqa: SIM115 - the caller closes it
    return stream


def marks(stream: IO[bytes], position: int) -> Marks:
    """Return the marks of a file at a position."""
    stream.seek(0)
    head = stream.read(min(MARK_BYTES, position))
    length = min(MARK_BYTES, position)
    stream.seek(position - length)
    tail = stream.read(length)
    return Marks(_hash(head), len(head), _hash(tail), len(tail))


def agrees(stream: IO[bytes], position: int, known: Marks) -> bool:
    """Return whether a file still begins, and goes on up to a position, as it did."""
    stream.seek(0)
    if _hash(stream.read(known.head_bytes)) != known.head:
        return False
    stream.seek(position - known.tail_bytes)
    return _hash(stream.read(known.tail_bytes)) == known.tail


def _hash(data: bytes) -> str:
    return sha256(data).hexdigest()[:16]


def is_whole(stream: IO[bytes], found: Found) -> bool:
    """Return whether a binary file has the end that its kind ends with; True for kinds that have none."""
    end = _ENDS.get(found.file.kind)
    if end is None:
        return True
    stream.seek(0)
    if found.file.kind == "arrow" and stream.read(len(end)) != end:
        return True  # a stream, not a file: it has no footer
    if found.size < 2 * len(end):
        return False
    stream.seek(found.size - len(end))
    return stream.read(len(end)) == end


# --- text ------------------------------------------------------------------------------------------------------------


def text_parts(stream: IO[bytes], found: Found, position: int, *, still: bool) -> Iterator[Part]:
    """Yield the parts of a text file from a position up to its last complete line.

    Parameters
    ----------
    stream : binary file
    found : Found
        What is behind its size is left for the next time.
    position : int
        Where a line begins.
    still : bool
        Whether the file has not changed for long: then its last line may do without an end.

    Raises
    ------
    DataError
        If a line is longer than a block.
    """
    quoted = found.file.kind != "json"
    stream.seek(position)
    rest = b""
    while position + len(rest) < found.size:
        more = stream.read(min(BLOCK_BYTES - len(rest), found.size - position - len(rest)))
        if not more:
            break  # it has been cut off meanwhile; the next listing shows it
        block = rest + more
        at_end = position + len(block) >= found.size
        cut = _last_line_end(block, quoted=quoted)
        if not cut and ((at_end and still) or len(block) >= BLOCK_BYTES):
            cut = block.rfind(b"\n") + 1  # a quote that is none; the parser knows better
        if not cut and len(block) >= BLOCK_BYTES:
            raise DataError(
                f"{found.name}: after byte {position:,}: a line is longer than {BLOCK_BYTES >> 20} MiB, or a quote is "
                "never closed; mend the line"
            )
        rest = block[cut:]
        if cut:
            yield Part(position, position + cut, block[:cut])
            position += cut
        # By itself, so that a line that is cut off does not take the good ones with it.
        if at_end and rest and (still or _is_object(rest, found.file.kind)):
            yield Part(position, position + len(rest), rest)
            return


def _last_line_end(block: bytes, *, quoted: bool) -> int:
    r"""Return where the last complete line of a block ends, 0 if none does; a line may hold newlines in quotes.

    Examples
    --------
    >>> _last_line_end(b'a,b\n1,"x\ny"\n2,"z\n', quoted=True), _last_line_end(b"a\nb", quoted=False)
    (12, 2)
    """
    if not quoted or b'"' not in block:
        return block.rfind(b"\n") + 1
    cells = np.frombuffer(block, dtype=np.uint8)
    newlines = np.flatnonzero(cells == _NEWLINE)
    quotes = np.flatnonzero(cells == _QUOTE)
    outside = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    return int(outside[-1]) + 1 if len(outside) else 0


def _is_object(line: bytes, kind: str) -> bool:
    """Return whether a line without an end is a whole JSON object: nothing can be missing behind its bracket."""
    if kind != "json" or not line.rstrip().endswith(b"}"):
        return False
    import json  # noqa: PLC0415 - seldom needed

    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def header_of(stream: IO[bytes], found: Found) -> bytes | None:
    """Return the first line of a CSV file with its end, empty for JSON lines, None while it is not complete."""
    if found.file.kind == "json":
        return b""
    stream.seek(0)
    block = stream.read(min(BLOCK_BYTES, found.size))
    at = 0
    while (at := block.find(b"\n", at) + 1) > 0:
        if block.count(b'"', 0, at) % 2 == 0:
            return block[:at]
    return None


class _InMemory:
    """A file system of one file, as which a part is given to the reader."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def open(self, _path: str, _mode: str) -> IO[bytes]:
        return io.BytesIO(self._content)


def tables(found: Found, types: Types, part: Part | None = None, header: bytes = b"") -> Iterator[Columns]:
    """Yield a file, or a part of it behind its header, as tables of bounded size.

    Raises
    ------
    DataError
        Naming the file, the fault and the place.
    """
    file = found.file
    where = ""
    if part is not None:
        content = part.text if part.start == 0 else header + part.text
        if part.start == 0 and part.text.strip() == header.strip():
            return  # a header and no row yet
        file = replace(file, filesystem=_InMemory(content))
        where = f"in the part from byte {part.start:,}: " if part.start else ""
    try:
        for batch in record_batches(file, None, _rows, types):
            table = columns(batch)
            if table.rows:
                yield table
    except DataError as error:
        text = str(error).removeprefix("data: ").removeprefix(f"{found.name}: ")
        raise DataError(f"{found.name}: {where}{text}") from error


def _rows(width: int) -> int:
    return max(1, min(BATCH_ROWS, BATCH_CELLS // max(width, 1)))
