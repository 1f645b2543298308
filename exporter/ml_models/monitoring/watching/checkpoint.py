"""The checkpoint: counts and positions in one file that is replaced in one step, and a lock on its folder.

A file is JSON with a checksum over all of it; arrays are packed. Its name carries the reference that the counts were
made with, so that a new reference begins anew and the old counts stay where they are.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import secrets
from collections import Counter, deque
from hashlib import sha256
from pathlib import Path
from typing import Any

from ml_models.errors import CheckpointError
from ml_models.monitoring.watching.book import Book, Counts, FileRecord
from ml_models.monitoring.watching.parts import Marks
from ml_models.monitoring.watching.windows import HISTORY, Windows
from ml_models.profile.reference import ReferenceProfile
from ml_models.profile.tally import Layout, Tally

FORMAT = "ml-models-monitoring/checkpoint"
VERSION = 1

#: Name of the checkpoint whose reference was learnt, and of the copy of that reference.
LEARNT, REFERENCE_COPY = "checkpoint-learnt.json", "reference.json"
_LOCK = "lock"


def default_folder(name: str, source: str) -> Path:
    """Return where a checkpoint is kept unless it is said: in the folder that systemd or the user has for state."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        base = Path(given)
    else:
        state = os.environ.get("XDG_STATE_HOME", "")
        base = (Path(state) if state else Path("~/.local/state").expanduser()) / "ml-models-monitoring"
    plain = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)[:60]
    where = source if "://" in source else os.path.abspath(source)
    return base / f"{plain}-{sha256(where.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


class Folder:
    """A folder with checkpoints that this process holds.

    Parameters
    ----------
    path : Path
        Made if it is not there.

    Raises
    ------
    CheckpointError
        If it cannot be made or written to, or another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = open(path / _LOCK, "a+", encoding="ascii")  # noqa: SIM115 - held until close()
        except OSError as error:
            raise CheckpointError(
                f"{path}: cannot be written: {error.strerror}; name another folder for the checkpoint, with "
                "checkpoint= or --checkpoint"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.seek(0)
            holder = self._lock.read(20).strip()
            self._lock.close()
            raise CheckpointError(
                f"{path}: is held by another data monitor{f' (process {holder})' if holder else ''}; stop that one, "
                "or give this one another name or another folder for its checkpoint"
            ) from None
        with contextlib.suppress(OSError):  # only for the message above
            self._lock.truncate(0)
            self._lock.write(str(os.getpid()))
            self._lock.flush()

    def close(self) -> None:
        """Let go of it."""
        self._lock.close()


def file_in(folder: Path, reference: ReferenceProfile | None) -> Path:
    """Return the checkpoint's file for a given reference, or for one that is learnt."""
    if reference is None:
        return folder / LEARNT
    return folder / f"checkpoint-{Layout.of(reference).fingerprint[:12]}.json"


def save(path: Path, book: Book, settings: dict[str, Any]) -> None:
    """Write a checkpoint: whole and on disk, or not at all.

    Raises
    ------
    OSError
        If it cannot be written; the one that was there stays.
    """
    content = _to_document(book, settings)
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    header = {"format": FORMAT, "version": VERSION, "checksum": sha256(text.encode()).hexdigest()}
    replace_durably(path, f"{json.dumps(header)}\n{text}\n".encode())


def replace_durably(path: Path, content: bytes) -> None:
    """Write a file beside its place, bring it to disk, and put it in its place.

    Raises
    ------
    OSError
        The file that was there stays, and nothing is left beside it.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # or the name may point to the old file after a power cut
        finally:
            os.close(folder)
    finally:
        temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what a process that was killed while it wrote has left."""
    for left in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            left.unlink()


def load(path: Path, reference: ReferenceProfile | None, settings: dict[str, Any]) -> tuple[Book, bool] | None:
    """Read a checkpoint; None if there is none.

    Parameters
    ----------
    path : Path
    reference : ReferenceProfile or None
        The one that is given; None if it is learnt, and in the checkpoint.
    settings : dict
        What gives the windows their meaning. If it was another when the checkpoint was written, the windows begin anew.

    Returns
    -------
    tuple of (Book, bool) or None
        Whether the windows were taken over.

    Raises
    ------
    CheckpointError
        If it is damaged, of a newer version, or something else.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}; let this user read it") from error
    content = _checked(path, data)
    try:
        return _from_document(content, reference, settings)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: holds what it should not ({type(error).__name__}: {error}); {_REMEDY}"
        ) from None


_REMEDY = "restore it from a backup, or move it away: then all data that are there are counted anew"


def _checked(path: Path, data: bytes) -> dict[str, Any]:
    first, _, text = data.partition(b"\n")
    try:
        header = json.loads(first)
        known = isinstance(header, dict) and header.get("format") == FORMAT
    except ValueError:
        known = False
    if not known:
        raise CheckpointError(f"{path}: is damaged or no checkpoint; {_REMEDY}")
    if header.get("version") != VERSION:
        raise CheckpointError(
            f"{path}: is of version {header.get('version')}, this package reads version {VERSION}; upgrade it, or "
            "move the file away: then all data that are there are counted anew"
        )
    text = text.removesuffix(b"\n")
    if sha256(text).hexdigest() != header.get("checksum"):
        raise CheckpointError(f"{path}: is damaged: its checksum does not match; {_REMEDY}")
    content: dict[str, Any] = json.loads(text)
    return content


# --- the document ----------------------------------------------------------------------------------------------------


def _to_document(book: Book, settings: dict[str, Any]) -> dict[str, Any]:
    counts = book.counts
    windows = counts.windows
    return {
        "layout": counts.layout.fingerprint,
        "reference": json.loads(book.reference.to_json()) if book.learnt else None,
        "settings": settings,
        "total": _packed(counts.total),
        "slots": {str(number): _packed(tally) for number, tally in windows.slots.items()},
        "newest_slot": windows.newest,
        "closed_before": windows.closed_before,
        "trends": list(windows.trends),
        "rows": dict(counts.rows),
        "events": dict(counts.events),
        "bytes": counts.bytes,
        "newest": counts.newest,
        "files": {name: _record(record) for name, record in book.files.items()},
    }


def _from_document(
    content: dict[str, Any], reference: ReferenceProfile | None, settings: dict[str, Any]
) -> tuple[Book, bool]:
    learnt = reference is None
    if reference is None:
        reference = ReferenceProfile.from_json(json.dumps(content["reference"]))
    layout = Layout.of(reference)
    if content["layout"] != layout.fingerprint:
        raise ValueError("its counts are of another layout than its reference")
    counts = Counts(layout, settings["window"])
    counts.total = _unpacked(layout, content["total"])
    counts.rows, counts.events = Counter(content["rows"]), Counter(content["events"])
    counts.bytes, counts.newest = content["bytes"], content["newest"]
    same = bool(content["settings"] == settings)
    if same:
        counts.windows = _windows(layout, settings["window"], content)
    files = {name: _file(entry) for name, entry in content["files"].items()}
    return Book(reference, learnt, counts, files), same


def _windows(layout: Layout, span: float, content: dict[str, Any]) -> Windows:
    windows = Windows(layout, span)
    windows.slots = {int(number): _unpacked(layout, tally) for number, tally in content["slots"].items()}
    windows.newest, windows.closed_before = content["newest_slot"], content["closed_before"]
    windows.trends = deque(content["trends"], maxlen=HISTORY)
    return windows


def _record(record: FileRecord) -> list[Any]:
    marks = record.marks
    return [
        record.size, record.modified, record.identity, record.position, record.rows, record.fault, record.retry,
        record.since, record.seen, [marks.head, marks.head_bytes, marks.tail, marks.tail_bytes],
    ]  # fmt: skip


def _file(entry: list[Any]) -> FileRecord:
    size, modified, identity, position, rows, fault, retry, since, seen, marks = entry
    return FileRecord(size, modified, identity, position, rows, Marks(*marks), fault, retry, since, seen)


def _packed(tally: Tally) -> str:
    return base64.b64encode(tally.to_bytes()).decode()


def _unpacked(layout: Layout, packed: str) -> Tally:
    return Tally.from_bytes(layout, base64.b64decode(packed))
