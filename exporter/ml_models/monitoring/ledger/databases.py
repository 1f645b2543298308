"""Where the ledger is kept: SQLite, in a file or in memory, or PostgreSQL. All run the same SQL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from ml_models.errors import ConfigError, MissingExtraError

Rows = Sequence[Sequence[Any]]

#: Seconds that a write waits for another process to end its own.
BUSY_SECONDS = 1.0

#: Connections that a forked child got from its parent: neither used nor closed, as both would disturb the parent.
_inherited: list[object] = []


class Database(Protocol):
    """What the ledger asks of a database. A transaction is alone: others of the same ledger wait for its end."""

    #: As in the ``kind`` label.
    kind: str
    #: Whether what is written outlives the process.
    durable: bool
    #: What a column of bytes is called, and what follows the columns of a table that is found by its key alone.
    bytes_type: str
    table_suffix: str
    #: What it raises when it cannot be reached, is locked, full or damaged.
    errors: tuple[type[Exception], ...]

    def begin(self, name: bytes) -> bool:
        """Begin a transaction on the ledger of a name; return whether it had to connect first."""

    def run(self, sql: str, values: Mapping[str, Any]) -> Rows:
        """Run a statement and return its rows."""

    def run_many(self, sql: str, values: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement for each set of values."""

    def commit(self) -> None:
        """End the transaction; what it wrote is kept."""

    def reset(self) -> None:
        """End the transaction without what it wrote, and connect anew next time. Never raises."""

    def close(self) -> None:
        """Let go of the connection."""

    def abandon(self) -> None:
        """Forget, in a forked child, the parent's connection."""


class Sqlite:
    """SQLite in a file that only its owner can read, or in memory.

    Writes go to a write-ahead log, which the operating system has when a transaction ends: a killed process loses
    nothing of it, a machine without power may lose the last seconds (``synchronous=NORMAL``), never the rest.

    Parameters
    ----------
    path : Path or None
        None for memory.
    """

    errors: tuple[type[Exception], ...] = (sqlite3.Error, OSError)
    bytes_type, table_suffix = "BLOB", " WITHOUT ROWID"

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.kind = "memory" if path is None else "sqlite"
        self.durable = path is not None
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def begin(self, name: bytes) -> bool:
        """Begin a transaction in which nobody else writes."""
        new = self._connection is None or self._identity() != self._file
        if new:
            self.close()
            self._connection = self._connect()
        assert self._connection is not None  # noqa: S101 - for the type checker
        self._connection.execute("BEGIN IMMEDIATE")
        return new

    def _connect(self) -> sqlite3.Connection:
        if self.path is None:
            return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA journal_size_limit=67108864")
        except BaseException:
            connection.close()
            raise
        self._file = self._identity()
        return connection

    def _identity(self) -> tuple[int, int] | None:
        """Return what tells the file from one that has taken its place, None if it is gone."""
        if self.path is None:
            return None
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def run(self, sql: str, values: Mapping[str, Any]) -> Rows:
        """Run a statement and return its rows."""
        assert self._connection is not None  # noqa: S101 - for the type checker
        return self._connection.execute(sql, values).fetchall()

    def run_many(self, sql: str, values: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement for each set of values."""
        assert self._connection is not None  # noqa: S101 - for the type checker
        self._connection.executemany(sql, values)

    def commit(self) -> None:
        """End the transaction; what it wrote is kept."""
        assert self._connection is not None  # noqa: S101 - for the type checker
        self._connection.execute("COMMIT")

    def reset(self) -> None:
        """Take the transaction back; a file is opened anew next time, for memory there is no second time."""
        if self.path is not None:
            self.close()
        elif self._connection is not None and self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def abandon(self) -> None:
        """Forget, in a forked child, the parent's connection."""
        _inherited.append(self._connection)
        self._connection = None


class Postgres:
    """PostgreSQL, for replicas on several machines.

    Parameters
    ----------
    url : str
        As SQLAlchemy has it: ``postgresql://user:password@host/database``.

    Raises
    ------
    ConfigError
        If the URL is not one of PostgreSQL; the message does not show it.
    MissingExtraError
        If the ``sql`` extra is not installed.
    """

    kind, durable = "postgresql", True
    bytes_type, table_suffix = "BYTEA", ""

    #: Any fixed number that other users of the database are unlikely to lock: it guards the making of tables.
    _LOCK = 0x6D6C_6C65_6467_6572

    def __init__(self, url: str) -> None:
        try:
            import sqlalchemy  # noqa: PLC0415 - an extra
            from sqlalchemy.pool import NullPool  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise MissingExtraError("ledgers in PostgreSQL", "SQLAlchemy", "sql") from error
        try:
            address = sqlalchemy.make_url(url)
        except (sqlalchemy.exc.ArgumentError, ValueError):
            address = None
        if address is None or address.get_backend_name() != "postgresql":
            raise ConfigError(
                "ledger", ["labels.ledger: found another URL; postgresql://user:password@host/database"]
            ) from None
        try:
            self._engine = sqlalchemy.create_engine(
                address.set(drivername="postgresql+psycopg"),
                poolclass=NullPool,
                hide_parameters=True,
                connect_args={
                    "connect_timeout": 3,
                    "keepalives_idle": 10,
                    "keepalives_interval": 5,
                    "keepalives_count": 3,
                    "tcp_user_timeout": 5_000,
                    "options": "-c statement_timeout=10000 -c lock_timeout=5000",
                    "application_name": "ml-models-monitoring",
                    # Behind a pooler, a statement prepared on one connection is not there on the next.
                    "prepare_threshold": None,
                },
            )
        except ImportError as error:
            raise MissingExtraError("ledgers in PostgreSQL", "psycopg", "sql") from error
        self.errors: tuple[type[Exception], ...] = (sqlalchemy.exc.SQLAlchemyError, OSError)
        self._text = lru_cache(256)(sqlalchemy.text)
        self._connection: Any = None

    def begin(self, name: bytes) -> bool:
        """Begin a transaction; the locks go with it, so that no two write one ledger, or make tables, at once."""
        new = self._connection is None
        if new:
            self._connection = self._engine.connect()
        self._connection.begin()
        for lock in [self._LOCK] * new + [int.from_bytes(sha256(name).digest()[:8], "big", signed=True)]:
            self.run("SELECT pg_advisory_xact_lock(:lock)", {"lock": lock})
        return new

    def run(self, sql: str, values: Mapping[str, Any]) -> Rows:
        """Run a statement and return its rows."""
        found = self._connection.execute(self._text(sql), dict(values))
        return found.fetchall() if found.returns_rows else ()

    def run_many(self, sql: str, values: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement for each set of values."""
        if values:
            self._connection.execute(self._text(sql), [dict(one) for one in values])

    def commit(self) -> None:
        """End the transaction; what it wrote is kept."""
        self._connection.commit()

    def reset(self) -> None:
        """Let go of the connection, and with it of the transaction."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*self.errors):
                connection.invalidate()
            with suppress(*self.errors):
                connection.close()

    def close(self) -> None:
        """Let go of the connection."""
        self.reset()

    def abandon(self) -> None:
        """Forget, in a forked child, the parent's connection."""
        _inherited.append(self._connection)
        self._connection = None


def open_database(target: str | os.PathLike[str]) -> Database:
    """Return the database of a setting: ``memory``, a URL of PostgreSQL, or a file's path.

    Raises
    ------
    ConfigError
        If it is a URL of something else; the message does not show it.
    MissingExtraError
        If it is PostgreSQL and the ``sql`` extra is not installed.

    Examples
    --------
    >>> open_database("memory").kind, open_database("/srv/labels.sqlite").kind
    ('memory', 'sqlite')
    """
    text = os.fspath(target)
    if text == "memory":
        return Sqlite(None)
    return Postgres(text) if "://" in text else Sqlite(Path(text))


def default_path(model: str) -> Path:
    """Return the file of a model where none is configured: in the user's directory for state.

    Examples
    --------
    >>> default_path("a/b").parts[-3:]
    ('ml-models', 'a%2Fb', 'ledger.sqlite')
    """
    from urllib.parse import quote  # noqa: PLC0415 - not needed where a path is given

    base = os.environ.get("XDG_STATE_HOME", "")
    folder = Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state"
    name = quote(model, safe=" ") if model not in {".", ".."} else model.replace(".", "%2E")
    return folder / "ml-models" / name[:200] / "ledger.sqlite"
