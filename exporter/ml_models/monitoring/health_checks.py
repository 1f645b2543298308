"""Ready-made health checks: a known row through the model, disk space, an address, a database.

Each factory returns a callable for :meth:`ml_models.monitoring.health.HealthChecks.add`. What they say when they
fail holds no data, credentials or query.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np
import psutil

from ml_models.errors import ConfigError, MonitoringError

Check = Callable[[], object]


class CheckFailedError(MonitoringError):
    """A check did not pass, and its message is safe to show; raise it in your own checks to say why."""


class Cursor(Protocol):
    """The part of a DB-API 2.0 cursor that is used."""

    def execute(self, operation: str, /) -> object:
        """Run a statement."""

    def fetchone(self) -> Any:
        """Return the next row or None."""

    def close(self) -> object:
        """Release the cursor."""


class Connection(Protocol):
    """The part of a DB-API 2.0 connection that is used."""

    def cursor(self) -> Cursor:
        """Return a new cursor."""

    def close(self) -> object:
        """Release the connection."""


def canary(predict: Callable[[Any], Any], row: Any, expected: Any = None) -> Check:
    """Check that the model still predicts a known row.

    Parameters
    ----------
    predict : callable
        The function itself, not the tracked one, else the canary counts among the predictions.
    row : object
        What it is given; a fresh copy each time, so a model that changes its input changes nothing here.
    expected : object, optional
        What it gave when the model was accepted; numbers may differ by a relative 1e-6. Without it, any prediction
        passes that is not None, empty or not finite.

    Examples
    --------
    >>> canary(lambda row: sum(row), [1.0, 2.0], expected=3.0)()
    >>> canary(lambda row: sum(row), [1.0, 2.0], expected=4.0)()
    Traceback (most recent call last):
        ...
    ml_models.monitoring.health_checks.CheckFailedError: the canary row's prediction is not the expected one
    """
    kept = copy.deepcopy(row)
    # A 0-d and a 1-element answer are the same prediction: models answer one row with either.
    wanted = None if expected is None else np.asarray(copy.deepcopy(expected)).ravel()

    def check() -> None:
        answer = predict(copy.deepcopy(kept))
        if answer is None:
            raise CheckFailedError("the canary row's prediction is None")
        got = np.asarray(answer).ravel()
        if wanted is not None:
            if not _same(got, wanted):
                raise CheckFailedError("the canary row's prediction is not the expected one")
        elif got.size == 0:
            raise CheckFailedError("the canary row's prediction is empty")
        elif np.issubdtype(got.dtype, np.number) and not np.isfinite(got).all():
            raise CheckFailedError("the canary row's prediction is not finite")

    return check


def disk_space(path: str, min_free_ratio: float) -> Check:
    """Check that a disk has space left.

    Parameters
    ----------
    path : str
        Any path on the disk.
    min_free_ratio : float
        In [0, 1], of the space that users may fill, as ``df`` counts it.

    Raises
    ------
    ConfigError
        If the ratio is outside [0, 1].

    Examples
    --------
    >>> disk_space("/", 0.0)()
    """
    if not 0 <= min_free_ratio <= 1:
        raise ConfigError("disk_space check", [f"min_free_ratio: {min_free_ratio} is outside; give one in [0, 1]"])

    def check() -> None:
        try:
            usage = psutil.disk_usage(path)
        except OSError as exc:
            raise CheckFailedError(f"disk at {path} cannot be read: {type(exc).__name__}") from None
        whole = usage.used + usage.free
        free = usage.free / whole if whole else 0.0
        if free < min_free_ratio:
            raise CheckFailedError(f"disk at {path} has {free:.1%} free, below the {min_free_ratio:.1%} asked for")

    return check


def url(address: str, timeout: float = 5.0, expect_status: int = 200) -> Check:
    """Check that an HTTP address answers.

    Parameters
    ----------
    address : str
        With ``http://`` or ``https://``. Of it only scheme, host and port are ever shown: credentials, path and
        query may be secret.
    timeout : float
        Seconds to wait for the connection, and for the answer.
    expect_status : int
        Redirects are followed, unless one is expected.

    Raises
    ------
    ConfigError
        If the address cannot be called, or the timeout is not positive.

    Examples
    --------
    >>> check = url("https://user:secret@features.example/health")
    """
    shown = _shown(address)
    if not timeout > 0:
        raise ConfigError("url check", [f"timeout: {timeout} is not positive; give seconds"])

    def check() -> None:
        # Imported here: it costs 0.1 s, and most models watch no address.
        import requests  # noqa: PLC0415

        try:
            # stream: the status is asked for, not a body that may be large.
            with requests.get(
                address, timeout=timeout, stream=True, allow_redirects=not 300 <= expect_status < 400
            ) as answer:
                status = answer.status_code
        except (requests.RequestException, ValueError) as exc:
            raise CheckFailedError(f"{shown} cannot be reached: {type(exc).__name__}") from None
        if status != expect_status:
            raise CheckFailedError(f"{shown} answered {status}, not {expect_status}")

    return check


def database(connect: Callable[[], Connection]) -> Check:
    """Check that a database answers ``SELECT 1``.

    Parameters
    ----------
    connect : callable
        Returns a new DB-API 2.0 connection, e.g. ``lambda: psycopg.connect(DSN)``; it is closed after each check.

    Examples
    --------
    >>> import sqlite3
    >>> database(lambda: sqlite3.connect(":memory:"))()
    """

    def check() -> None:
        with contextlib.closing(connect()) as connection, contextlib.closing(connection.cursor()) as cursor:
            cursor.execute("SELECT 1")
            if cursor.fetchone() is None:
                raise CheckFailedError("SELECT 1 gave no row")

    return check


def _same(got: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> bool:
    if got.shape != wanted.shape:
        return False
    if np.issubdtype(got.dtype, np.number) and np.issubdtype(wanted.dtype, np.number):
        return bool(np.allclose(got, wanted, rtol=1e-6, atol=1e-12, equal_nan=True))
    return bool(np.all(got == wanted))


def _shown(address: str) -> str:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:  # its message quotes the address
        host, port = None, None
    else:
        if parts.scheme in ("http", "https") and host:
            host = f"[{host}]" if ":" in host else host
            return f"{parts.scheme}://{host}" + (f":{port}" if port else "")
    raise ConfigError(
        "url check", ["address: is not one to call; give http:// or https://, a host, and a port below 65536"]
    )
