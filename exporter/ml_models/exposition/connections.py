"""The connections that are open: bounded, and none can keep the others out by saying nothing."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator

#: Seconds that a new connection waits for the one whose place it takes to end.
_HANDOVER = 1.0


class Connections:
    """A set of open connections of limited size.

    When it is full, a new connection takes the place of the one that has been waiting for a request for longest: an
    idle client, or one that sends its request a byte at a time. One that is being answered keeps its place, unless
    it takes longer than ``patience`` to read its answer.

    Parameters
    ----------
    limit : int
        Connections at most.
    patience : float
        Seconds.
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, limit: int, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._patience, self._clock = limit, patience, clock
        self._since: dict[socket.socket, float] = {}  # in the order of entry
        self._answered: set[socket.socket] = set()
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._since)

    def enter(self, connection: socket.socket) -> bool:
        """Take a connection in; False if there is no place for it."""
        with self._changed:
            if len(self._since) >= self._limit:
                found = self._longest_waiting()
                if found is None:
                    return False
                _end(found, socket.SHUT_RDWR)
                if not self._changed.wait_for(lambda: len(self._since) < self._limit, _HANDOVER):
                    return False
            self._since[connection] = self._clock()
            return True

    def _longest_waiting(self) -> socket.socket | None:
        now = self._clock()
        waiting = {one: since for one, since in self._since.items() if one not in self._answered}
        slow = {one: since for one, since in self._since.items() if now - since > self._patience}
        among = waiting or slow
        return min(among, key=among.__getitem__) if among else None

    def leave(self, connection: socket.socket) -> None:
        """Let a connection go."""
        with self._changed:
            self._since.pop(connection, None)
            self._answered.discard(connection)
            self._changed.notify_all()

    def replace(self, connection: socket.socket, by: socket.socket) -> None:
        """Go on with another object for the same connection, as when it becomes a TLS one."""
        with self._changed:
            self._since[by] = self._since.pop(connection, self._clock())

    @contextlib.contextmanager
    def answering(self, connection: socket.socket) -> Iterator[None]:
        """Keep a connection's place while its request is answered."""
        self._mark(connection, True)
        try:
            yield
        finally:
            self._mark(connection, False)

    def _mark(self, connection: socket.socket, answered: bool) -> None:
        with self._changed:
            if connection in self._since:
                self._since[connection] = self._clock()
                (self._answered.add if answered else self._answered.discard)(connection)

    def close(self, timeout: float) -> None:
        """End the connections that clients keep open and wait for their threads; an answer in progress is sent."""
        with self._changed:
            for connection in self._since:
                _end(connection, socket.SHUT_RD)
            self._changed.wait_for(lambda: not self._since, timeout)

    def forget(self) -> None:
        """Let go, in a forked child, of the connections that its parent answers."""
        for connection in list(self._since):
            with contextlib.suppress(OSError):
                os.close(connection.detach())
        self._since.clear()
        self._answered.clear()
        self._changed = threading.Condition()  # a thread of the parent may have held it


def _end(connection: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):  # closed in the meantime
        # Not the method of a TLS socket: it would drop the encryption under an answer that is being sent.
        socket.socket.shutdown(connection, how)
