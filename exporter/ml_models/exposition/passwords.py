"""Passwords of HTTP basic authentication, checked against bcrypt hashes without a scrape paying for it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
from collections.abc import Mapping
from typing import Literal

from ml_models.errors import MissingExtraError

#: What came of a check; ``busy`` if others are being checked and the patience was up.
Verdict = Literal["right", "missing", "wrong", "busy"]

#: bcrypt reads no more of a password.
MAX_BYTES = 72

#: Seconds for which a password waits for others to be checked.
_PATIENCE = 5.0


class Passwords:
    """Checks passwords.

    bcrypt is slow on purpose, so a password that was right is known again by a keyed digest of it: a scrape costs a
    microsecond and not a tenth of a second. Wrong ones are checked one at a time, so that guessing keeps no more than
    one core from the model. An unknown user takes as long as a known one.

    Parameters
    ----------
    users : mapping of str to bytes
        bcrypt hashes by user.

    Raises
    ------
    MissingExtraError
        If there are users and bcrypt is not installed.
    """

    def __init__(self, users: Mapping[str, bytes]) -> None:
        try:
            import bcrypt  # noqa: PLC0415 - optional dependency
        except ImportError:
            raise MissingExtraError("Passwords in web_config", "bcrypt", "auth") from None
        self._users, self._check = dict(users), bcrypt.checkpw
        self._key = secrets.token_bytes(32)
        self._known: dict[str, bytes] = {}
        # A hash of nothing, as dear as the dearest of the users'.
        self._nobody = max(self._users.values(), key=_cost, default=b"$2b$10$")[:7] + b"." * 53
        self.after_fork()

    def after_fork(self) -> None:
        """Replace the lock, which a thread of the parent process may hold."""
        self._one_at_a_time = threading.Lock()

    def check(self, header: str | None) -> Verdict:
        """Judge the ``Authorization`` header of a request."""
        if not header:
            return "missing"
        given = _decoded(header)
        if given is None:
            return "wrong"
        user, password = given
        digest = hmac.digest(self._key, f"{user}:{password}".encode("utf-8", "surrogatepass"), hashlib.sha256)
        if hmac.compare_digest(self._known.get(user, b""), digest):
            return "right"
        if not self._one_at_a_time.acquire(timeout=_PATIENCE):
            return "busy"
        try:
            right = self._slow(user, password.encode("utf-8", "surrogatepass"))
        finally:
            self._one_at_a_time.release()
        if right:
            self._known[user] = digest  # one per user at most
        return "right" if right else "wrong"

    def _slow(self, user: str, password: bytes) -> bool:
        try:
            right = self._check(password[:MAX_BYTES], self._users.get(user, self._nobody))
        except ValueError:  # a null byte, which no password has
            return False
        return right and user in self._users and len(password) <= MAX_BYTES


def _cost(hashed: bytes) -> int:
    return int(hashed[4:6])


def _decoded(header: str) -> tuple[str, str] | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.casefold() != "basic":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    user, colon, password = text.partition(":")
    return (user, password) if colon else None


def make_hash(password: str, cost: int = 12) -> str:
    """Return the bcrypt hash of a password.

    Raises
    ------
    ValueError
        If the password is empty, has a null byte, or more bytes than bcrypt reads.
    MissingExtraError
        If bcrypt is not installed.
    """
    try:
        import bcrypt  # noqa: PLC0415 - optional dependency
    except ImportError:
        raise MissingExtraError("Hashes of passwords", "bcrypt", "auth") from None
    encoded = password.encode()
    if not encoded or b"\0" in encoded:
        raise ValueError("password: is empty or has a null byte; type one that has neither")
    if len(encoded) > MAX_BYTES:
        raise ValueError(f"password: has {len(encoded)} bytes; bcrypt reads {MAX_BYTES}, so use a shorter one")
    return str(bcrypt.hashpw(encoded, bcrypt.gensalt(cost)).decode())
