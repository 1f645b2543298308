"""The files that are there now, and what tells one from another."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ml_models.errors import DataError
from ml_models.profile.files import DataFile, find, kind_of

#: What :func:`ml_models.profile.files.find` says of a place where no data have come yet.
_NOTHING_YET = ("no data in the folder", "no file matches the pattern")


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it was listed.

    Attributes
    ----------
    file : DataFile
    size : int
        In bytes.
    modified : float
        Unix time of the last change; 0 where the file system does not tell.
    identity : str
        Device and inode, which a rename keeps, or an object's tag; empty where there is neither.
    """

    file: DataFile
    size: int
    modified: float
    identity: str

    @property
    def name(self) -> str:
        """How it is known, without credentials."""
        return self.file.shown

    @property
    def by_line(self) -> bool:
        """Whether it is plain text, whose complete lines can be read while it grows."""
        return self.file.kind in {"csv", "tsv", "json"} and self.file.packing is None

    def same_state(self, other: Found) -> bool:
        """Return whether nothing has been written between two listings."""
        return (self.size, self.modified, self.identity) == (other.size, other.modified, other.identity)


def listed(source: str | Path) -> list[Found]:
    """Return the files of a path, folder, pattern or URL in the order of their names; none is no fault.

    Raises
    ------
    DataError
        If the path or folder is not there or cannot be read.
    """
    if is_url(source):
        _forget_listings(str(source))
    elif (folder := _folder(source)) is not None:
        try:
            os.scandir(folder).close()  # a folder that may not be listed looks empty to find()
        except OSError as error:
            raise DataError(f"{source}: cannot be read: {error.strerror}; let this user list {folder}") from None
    try:
        files = find(source)
    except DataError as error:
        if any(words in str(error) for words in _NOTHING_YET):
            return []
        raise
    found = [one for file in files if (one := examined(file)) is not None]
    if not found and len(files) == 1 and is_url(source) and kind_of(urlsplit(str(source)).path):
        raise DataError(f"{shown(source)}: no such file, or it cannot be reached")
    return found


def examined(file: DataFile) -> Found | None:
    """Look at a file; None if it has gone."""
    try:
        if file.filesystem is not None:
            return _examined_remote(file)
        status = os.stat(file.path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{file.shown}: cannot be read: {error.strerror or error}; let this user read it") from None
    return Found(file, status.st_size, status.st_mtime_ns / 1e9, f"{status.st_dev}:{status.st_ino}")


def again(found: Found) -> Found | None:
    """Look at a listed file anew."""
    if found.file.filesystem is not None:
        found.file.filesystem.invalidate_cache()
    return examined(found.file)


def is_url(source: object) -> bool:
    """Return whether a source is opened by fsspec."""
    return isinstance(source, str) and "://" in source


def shown(source: str | Path) -> str:
    """Return how messages name a source: a URL without credentials and query."""
    if not is_url(source):
        return str(source)
    parts = urlsplit(str(source))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _folder(source: str | Path) -> str | None:
    """Return the folder that must be listed for a local source."""
    text = str(source)
    if os.path.isdir(text):
        return text
    if not glob.has_magic(text):
        return None
    parts = Path(text).parts
    plain = [part for place, part in enumerate(parts) if not any(map(glob.has_magic, parts[: place + 1]))]
    return str(Path(*plain)) if plain else "."


def _forget_listings(url: str) -> None:
    """Drop what fsspec remembers of folders: it would show the files of the last time."""
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 - optional dependency

        url_to_fs(url)[0].invalidate_cache()
    except (ImportError, OSError, ValueError):  # find() says what is wrong
        return


def _examined_remote(file: DataFile) -> Found:
    facts: dict[str, Any] = file.filesystem.info(file.path)
    tag = facts.get("ETag") or facts.get("etag") or facts.get("md5Hash") or facts.get("content_md5") or ""
    return Found(file, int(facts.get("size") or 0), _moment(facts), str(tag))


def _moment(facts: dict[str, Any]) -> float:
    for key in ("LastModified", "last_modified", "mtime", "updated", "modified", "created"):
        value = facts.get(key)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return 0.0
