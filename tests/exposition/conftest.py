"""A guarded endpoint and those who ask it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from certificates import Authority
from ml_models.exposition import Endpoint, Guard, Server

#: bcrypt's cheapest: tests check many passwords.
PASSWORD = "open sesame"  # noqa: S105 - of tests
HASH = "$2b$04$pWB6ubS9.z5mEGsQjbqTj.uoIbmAWuujCvh4I31Y0gQOUWea3q/u6"


def wait(condition: Callable[[], object], what: str = "the condition") -> None:
    """Wait until something is true, ten seconds at most."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true in time"
        time.sleep(0.005)


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path / "certificates")


class Site:
    """A web configuration in a folder, and an endpoint that it guards."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "web.yml"
        self.ticks = 0.0
        self.served: Server | None = None
        self.guard: Guard | None = None

    def write(self, text: str) -> None:
        """Write the file as those who administrate should: whole or not at all."""
        new = self.path.with_suffix(".new")
        new.write_text(text)
        new.chmod(0o600)
        new.rename(self.path)

    def serve(self, text: str, host: str = "127.0.0.1") -> Server:
        self.write(text)
        self.guard = Guard(self.path, clock=lambda: self.ticks)
        endpoint = Endpoint(
            lambda openmetrics: b"up 1\n", lambda: (True, {"ready": True, "checks": {"db": {}}}), lambda: "<h1>hi</h1>"
        )
        self.served = Server(endpoint, host, 0, self.guard)
        return self.served

    def later(self) -> None:
        """Let the time pass after which files are looked at again."""
        self.ticks += 1.5


@pytest.fixture
def site(tmp_path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    if made.served is not None:
        made.served.close()
