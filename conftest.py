"""What all tests and doctests need."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

_TESTS = count()


@pytest.fixture(autouse=True, scope="session")
def _state_of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep ledgers out of the home directory, those of fixtures that outlive a test too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def _state_of_the_test(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the ledgers of one test from another's."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / f"state-{next(_TESTS)}"))
