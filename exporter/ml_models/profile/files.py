"""Which files a path, folder, pattern or URL means, and of what kind they are. Nothing is read here."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from ml_models.errors import DataError, MissingExtraError

#: Kind of a file by its last suffix.
KINDS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".ipc": "arrow",
    ".feather": "arrow",
}
#: Packing by suffix, in pyarrow's names.
PACKINGS = {".gz": "gzip", ".zst": "zstd"}
#: Kinds that may be packed; the others are compressed inside.
_TEXT = {"csv", "tsv", "json"}
KNOWN = "give .csv, .csv.gz or .parquet (or .tsv, .jsonl, .arrow, .feather; text also as .gz or .zst)"


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of data.

    Attributes
    ----------
    path : str
        On its file system.
    shown : str
        How messages name it: without credentials or query.
    kind : {'csv', 'tsv', 'json', 'parquet', 'arrow'}
    packing : {'gzip', 'zstd'} or None
    filesystem : object or None
        The fsspec file system; None if local.
    partition : tuple of (str, str or None)
        Columns that the folders' names give, as ``year=2013`` does, with their values; None where missing.
    """

    path: str
    shown: str
    kind: str
    packing: str | None
    filesystem: Any = None
    partition: tuple[tuple[str, str | None], ...] = ()


def kind_of(name: str) -> tuple[str, str | None] | None:
    """Return the kind and packing that a file's name tells, None if it tells none.

    Examples
    --------
    >>> kind_of("DATA.CSV.GZ"), kind_of("part-0.parquet"), kind_of("notes.txt"), kind_of("x.parquet.gz")
    (('csv', 'gzip'), ('parquet', None), None, None)
    """
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes]
    packing = PACKINGS.get(suffixes[-1]) if suffixes else None
    kind = KINDS.get(suffixes[-2 if packing else -1]) if len(suffixes) > bool(packing) else None
    return (kind, packing) if kind is not None and (packing is None or kind in _TEXT) else None


def find(source: str | Path) -> list[DataFile]:
    """Return the files that a path, folder, pattern or URL means, in the order of their names.

    Of a folder, all files of a known kind in it and below; names that begin with ``.`` or ``_`` are skipped.

    Raises
    ------
    DataError
        If there is no such file, its kind is unknown, or a folder or pattern has none.
    MissingExtraError
        If a URL is given and fsspec is not installed.
    """
    text = str(source)
    if isinstance(source, str) and "://" in text:
        return _remote(text)
    path = Path(source)
    try:
        if path.is_dir():
            return _of_folder(text, _walk(path), None)
        if path.exists():
            return [_file(text, text)]
    except PermissionError as error:
        raise DataError(f"{text}: cannot be read: {error.strerror}; let this user read it") from None
    if not glob.has_magic(text):
        raise DataError(f"{text}: no such file or folder")
    found = [name for name in sorted(glob.glob(text, recursive=True)) if not _hidden(Path(name).name)]
    if not found:
        raise DataError(f"{text}: no file matches the pattern")
    return [file for name in found if "**" not in text or Path(name).is_file() for file in find(Path(name))]


def _walk(folder: Path) -> list[str]:
    return sorted(
        str(path)
        for path in folder.rglob("*")
        if not any(map(_hidden, path.relative_to(folder).parts)) and path.is_file()
    )


def _of_folder(folder: str, names: Iterable[str], filesystem: Any) -> list[DataFile]:
    found = [_file(name, name, filesystem) for name in names if kind_of(name)]
    if not found:
        raise DataError(f"{folder}: no data in the folder; {KNOWN}")
    return found


def _hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def _file(path: str, shown: str, filesystem: Any = None) -> DataFile:
    known = kind_of(urlsplit(path).path if filesystem is not None else path)
    if known is None:
        raise DataError(f"{shown}: unknown kind of file; {KNOWN}")
    return DataFile(path, shown, *known, filesystem, partition_of(shown))


#: What Hive writes for a missing value.
_MISSING = "__HIVE_DEFAULT_PARTITION__"


def partition_of(path: str) -> tuple[tuple[str, str | None], ...]:
    """Return the columns that the names of a path's folders give, as Hive and Spark write them.

    Examples
    --------
    >>> partition_of("data/year=2013/city=New%20York/part-0.parquet"), partition_of("a=b.csv")
    ((('year', '2013'), ('city', 'New York')), ())
    """
    pairs = [folder.partition("=") for folder in PurePosixPath(path).parts[:-1]]
    return tuple(
        (unquote(name), None if value == _MISSING else unquote(value))
        for name, equals, value in pairs
        if equals and name
    )


def _remote(url: str) -> list[DataFile]:
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 - optional dependency
    except ImportError:
        raise MissingExtraError("remote files", "fsspec", "remote") from None
    parts = urlsplit(url)
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    try:
        filesystem, path = url_to_fs(url)
        if kind_of(parts.path) and not glob.has_magic(parts.path):
            return [_file(path, shown, filesystem)]
        if glob.has_magic(parts.path):
            names = sorted(name for name in filesystem.glob(path) if not _hidden(PurePosixPath(name).name))
        else:
            below = [PurePosixPath(name).relative_to(path) for name in sorted(filesystem.find(path))]
            names = [str(PurePosixPath(path) / name) for name in below if not any(map(_hidden, name.parts))]
    except ImportError as error:  # the file system of this protocol is a package of its own
        raise DataError(f"{shown}: cannot be read: {error}") from None
    except Exception as error:  # noqa: BLE001 - each protocol has errors of its own
        raise DataError(f"{shown}: cannot be read: {without_secrets(str(error), url)}") from None
    if not glob.has_magic(parts.path):
        return _of_folder(shown, names, filesystem)
    if not names:
        raise DataError(f"{shown}: no file matches the pattern")
    return [_file(name, filesystem.unstrip_protocol(name), filesystem) for name in names]


def without_secrets(text: str, url: str) -> str:
    """Return text without what a URL may hold of credentials: user, password and query, which may be a token.

    Examples
    --------
    >>> without_secrets("403: https://me:pw@host/x.csv?token=abc", "https://me:pw@host/x.csv?token=abc")
    '403: https://...@host/x.csv?...'
    """
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    for secret in filter(
        None, (parts.query, user, parts.password, *(pair.partition("=")[2] for pair in parts.query.split("&")))
    ):
        for form in (secret, unquote(secret)):
            text = text.replace(form, "...")
    return text
