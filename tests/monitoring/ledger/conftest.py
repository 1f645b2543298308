"""Ledgers in every kind of database, a PostgreSQL server among them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ml_models.monitoring.ledger import LedgerSettings, open_ledger
from monitoring.ledger.driven import Driven

_NUMBERS = count()


class Cluster:
    """A PostgreSQL server of this test run alone, which a test may stop and start."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self._folder, self._binaries = folder, binaries
        # The server refuses to run as root.
        self._user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
        if self._user:
            shutil.chown(folder, "nobody", "nogroup")
        self._run("initdb", "-D", str(folder / "data"), "-U", "monitor", "--auth=trust", "--no-sync", "-E", "UTF8")

    def _run(self, command: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self._user, str(self._binaries / command), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
            check=False, cwd=self._folder,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout}"

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self._folder} -c fsync=off"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "-m", "immediate", "stop")

    @property
    def url(self) -> str:
        return f"postgresql://monitor@/postgres?host={self._folder}"


@pytest.fixture(scope="session")
def _cluster() -> Iterator[Cluster]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    assert found or on_path, "the tests need PostgreSQL's initdb and pg_ctl: apt-get install postgresql"
    binaries = found[-1].parent if found else Path(on_path or "").parent
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:  # a socket's path is short
        cluster = Cluster(Path(folder), binaries)
        cluster.start()
        yield cluster
        cluster.stop()


@pytest.fixture
def cluster(_cluster: Cluster) -> Cluster:
    """Return the server with no ledger in it."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(_cluster.url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        names = connection.execute(sqlalchemy.text("SELECT tablename FROM pg_tables WHERE tablename LIKE 'ml_ledger%'"))
        for (name,) in names.fetchall():
            connection.execute(sqlalchemy.text(f"DROP TABLE {name}"))
    engine.dispose()
    return _cluster


@pytest.fixture
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where the ledger of this test is kept: by default in a file."""
    kind = getattr(request, "param", "sqlite")
    if kind == "postgresql":
        return str(request.getfixturevalue("cluster").url)
    return "memory" if kind == "memory" else str(tmp_path / "ledger.sqlite")


@pytest.fixture
def drive(target: str) -> Iterator[Callable[..., Driven]]:
    """Open ledgers on the database of this test, each as another process would."""
    opened: list[Driven] = []
    model = f"driven {next(_NUMBERS)}"  # warnings of one model are limited in number

    def open_(max_rows: int = 1_000_000, horizon: float = 60.0, **settings: Any) -> Driven:
        ledger = open_ledger(model, target, None, LedgerSettings(max_rows, horizon, **settings))
        opened.append(Driven(ledger))
        return opened[-1]

    yield open_
    for one in opened:
        one.ledger.close()
