"""Who may read the endpoint: TLS and passwords from a web configuration, read again when a file changes."""

from __future__ import annotations

import logging
import os
import ssl
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_models.collectors.web import REASONS, WebState
from ml_models.exposition.passwords import Verdict

if TYPE_CHECKING:
    from ml_models.exposition.loaded import Loaded

_LOG = logging.getLogger(__name__)

#: Seconds between two looks at the files.
INTERVAL = 1.0
#: Below this cost a stolen file of hashes is soon broken.
GOOD_COST = 10
#: Seconds between two lines about refused requests.
_LOG_INTERVAL = 60.0

#: What OpenSSL says when it is the client's certificate that is missing or wrong.
_CLIENT_FAULTS = frozenset({"PEER_DID_NOT_RETURN_A_CERTIFICATE", "CERTIFICATE_VERIFY_FAILED"})


class Guard:
    """Decides who may read the endpoint.

    Parameters
    ----------
    path : Path
        The web configuration. It and the files that it names are looked at once a second at most, when somebody
        connects; a change that is wrong is logged and exported, and what was in force stays so.
    clock : callable
        Monotonic seconds.

    Raises
    ------
    ConfigError
        If anything in it is wrong; all faults at once.
    MissingExtraError
        If it has users and bcrypt is not installed.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path.absolute(), clock
        self._loaded = _load(self._path)
        self._looked = clock()
        self._wrong = ""
        self._failures = Counter(dict.fromkeys(REASONS, 0))
        self._said: float | None = None
        self._unsaid = 0
        self.after_fork()
        self._advise(self._loaded)

    def after_fork(self) -> None:
        """Replace the locks, which a thread of the parent process may hold."""
        self._reading, self._counting = threading.Lock(), threading.Lock()
        if self._loaded.passwords is not None:
            self._loaded.passwords.after_fork()

    # --- what is in force --------------------------------------------------------------------------------------------

    def context(self) -> ssl.SSLContext | None:
        """Return the TLS context in force; None for plain HTTP."""
        return self._current().context

    @property
    def has_tls(self) -> bool:
        """Whether the endpoint speaks TLS."""
        return self._loaded.context is not None

    @property
    def knows_clients(self) -> bool:
        """Whether clients must show a password or a certificate."""
        loaded = self._loaded
        return loaded.passwords is not None or (
            loaded.context is not None and loaded.context.verify_mode == ssl.CERT_REQUIRED
        )

    @property
    def has_passwords(self) -> bool:
        """Whether clients must show a password."""
        return self._loaded.passwords is not None

    def headers(self) -> Mapping[str, str]:
        """Return the headers that each answer gets."""
        return self._loaded.form.headers

    def _current(self) -> Loaded:
        now = self._clock()
        # Whoever comes while another reads goes on with what is in force.
        if now - self._looked >= INTERVAL and self._reading.acquire(blocking=False):
            try:
                self._looked = now
                if self._wrong or self._loaded.is_stale():
                    self._reload()
            finally:
                self._reading.release()
        return self._loaded

    def _reload(self) -> None:
        try:
            self._loaded = _load(self._path)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the files, the endpoint goes on
            wrong = str(error)
            if wrong != self._wrong:  # a file that stays wrong is tried again each time and told once
                _LOG.error("web configuration changed and is wrong; what was in force stays so: %s", wrong)
            self._wrong = wrong
            return
        self._wrong = ""
        _LOG.info("web configuration %s read again", self._path)
        self._advise(self._loaded)

    def _advise(self, loaded: Loaded) -> None:
        for file in loaded.secrets.values():
            if _exposed(file):
                _LOG.warning("%s can be read by every user of this machine; run: chmod o-rwx %s", file, file)
        weak = sorted(user for user, hashed in loaded.form.users.items() if int(hashed[4:6]) < GOOD_COST)
        if weak:
            _LOG.warning(
                "%s: bcrypt costs below %d are soon broken (users: %s); run: mlmon config hash-password",
                self._path, GOOD_COST, ", ".join(weak),
            )  # fmt: skip

    # --- who may -----------------------------------------------------------------------------------------------------

    def judge(self, header: str | None, address: str) -> Verdict:
        """Judge the ``Authorization`` header of a request; all are right where there are no users."""
        passwords = self._current().passwords
        verdict: Verdict = "right" if passwords is None else passwords.check(header)
        if verdict != "right":
            self._count(verdict, address)
        return verdict

    def refused_handshake(self, error: Exception, address: str) -> None:
        """Count a connection that TLS did not let in, if that was for the client's certificate."""
        if getattr(error, "reason", None) in _CLIENT_FAULTS:
            self._count("certificate", address)

    def knows(self, connection: ssl.SSLSocket, address: str) -> bool:
        """Tell whether a client's certificate, if it has shown one, is for a name that is allowed."""
        tls = self._loaded.form.tls
        shown = connection.getpeercert() if tls is not None and tls.allowed_names else None
        if tls is None or not shown or _names(shown) & tls.allowed_names:
            return True
        self._count("certificate", address)
        return False

    def _count(self, reason: str, address: str) -> None:
        now = self._clock()
        with self._counting:
            self._failures[reason] += 1
            if self._said is not None and now - self._said < _LOG_INTERVAL:
                self._unsaid += 1
                return
            unsaid, self._unsaid, self._said = self._unsaid, 0, now
        more = f" ({unsaid} more since the last such line)" if unsaid else ""
        # Not the user's name: people type passwords in its place.
        _LOG.warning("request from %s refused: %s%s", address, _MEANINGS[reason], more)

    def state(self) -> WebState:
        """Return what is exported."""
        loaded = self._current()
        with self._counting:
            failures = dict(self._failures)
        return WebState(
            failures=failures,
            reload_succeeded=not self._wrong,
            certificate_expiry=loaded.expiry,
            exposed={name: _exposed(file) for name, file in loaded.secrets.items()},
        )


_MEANINGS = {
    "missing": "no password",
    "wrong": "wrong user or password",
    "busy": "too many passwords to check",
    "certificate": "its certificate is missing, unknown or for another name",
}


def _exposed(file: Path) -> bool:
    try:
        return bool(os.stat(file).st_mode & stat.S_IROTH)
    except OSError:
        return False


def _load(path: Path) -> Loaded:
    # Imported here: reading the form takes libraries that a monitor without one need not load.
    from ml_models.exposition.loaded import load  # noqa: PLC0415

    return load(path)


def _names(certificate: Mapping[str, Any] | None) -> set[str]:
    """Return the names that a client's certificate is for."""
    return {str(name) for _, name in (certificate or {}).get("subjectAltName", ())}
