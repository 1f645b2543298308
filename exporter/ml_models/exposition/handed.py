"""Metrics handed over instead of scraped: for a job that runs and ends before anybody could scrape it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import push_to_gateway

from ml_models.errors import HandOverError

#: Seconds that a Pushgateway may take.
TIMEOUT = 30.0


def push(gateway: str, job: str, registry: CollectorRegistry, *, timeout: float = TIMEOUT) -> None:
    """Push to a Pushgateway; replaces what the job has pushed before, and nothing else.

    A Pushgateway does not add: of two jobs that push under one name the last one stays. Counters are right all the
    same where they come from a checkpoint, because each push then carries the whole count.

    Raises
    ------
    HandOverError
        If the gateway does not take it.
    """
    parts = urlsplit(gateway if "://" in gateway else f"http://{gateway}")
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise HandOverError(f"{shown}: no address of a Pushgateway; give one such as http://pushgateway:9091")
    if parts.username is not None:
        raise HandOverError(f"{shown}: holds a user or password, which a command line shows to all; leave it out")
    try:
        push_to_gateway(gateway, job, registry, timeout=timeout)
    except (OSError, ValueError) as error:
        status = f"{error.code} " if isinstance(error, HTTPError) else ""
        reason = f"{status}{getattr(error, 'reason', None) or error}"
        raise HandOverError(f"{shown}: does not take the metrics: {reason}; see whether it runs there") from error


def write_textfile(path: str | Path, content: bytes) -> Path:
    """Write metrics for the textfile collector of the node exporter: whole, and readable by it.

    Raises
    ------
    HandOverError
        If the name does not end in ``.prom``, which the collector asks for, or the file cannot be written.
    """
    target = Path(path)
    if target.suffix != ".prom":
        raise HandOverError(f"{target}: the textfile collector reads names that end in .prom only; name it so")
    # Beside its place, under a name that the collector passes over.
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(target)
    except OSError as error:
        raise HandOverError(f"{target}: cannot be written: {error.strerror or error}; name another file") from error
    finally:
        temporary.unlink(missing_ok=True)
    return target
