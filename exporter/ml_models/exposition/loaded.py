"""A web configuration in force: the form with all that its files hold."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ml_models.errors import ConfigError
from ml_models.exposition.passwords import Passwords
from ml_models.exposition.tls import expiry, make_context
from ml_models.exposition.web_form import WebForm, read_form

#: What identifies the content of a file without reading it.
_Mark = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A web configuration in force.

    Attributes
    ----------
    form : WebForm
    context : SSLContext or None
        None without TLS.
    passwords : Passwords or None
        None without users.
    expiry : float or None
        When the certificate runs out, in Unix time.
    secrets : mapping of str to Path
        Files that only their owner should read.
    marks : mapping of Path to tuple
        All files, and what they were when read.
    """

    form: WebForm
    context: ssl.SSLContext | None
    passwords: Passwords | None
    expiry: float | None
    secrets: Mapping[str, Path]
    marks: Mapping[Path, _Mark | None] = field(repr=False)

    def is_stale(self) -> bool:
        """Tell whether a file is not what it was."""
        return any(_mark(file) != mark for file, mark in self.marks.items())


def load(path: Path) -> Loaded:
    """Read a web configuration and the files that it names.

    Raises
    ------
    ConfigError
        All faults at once.
    MissingExtraError
        If it has users and bcrypt is not installed.
    """
    marks = {path: _mark(path)}
    form, faults = read_form(path)
    context = runs_out = None
    if form.tls is not None:
        # Marked before they are read: a change in between is then seen as one.
        named = (form.tls.certificate, form.tls.key, form.tls.client_ca)
        marks |= {file: _mark(file) for file in named if file is not None}
        context, found = make_context(form.tls)
        faults += found
        if context is not None:
            runs_out = expiry(form.tls.certificate)
    if faults:
        raise ConfigError(str(path), faults)
    holds = {"web_config": path} if form.users else {}
    holds |= {"key": form.tls.key} if form.tls is not None else {}
    passwords = Passwords(form.users) if form.users else None
    return Loaded(form, context, passwords, runs_out, holds, marks)


def _mark(file: Path) -> _Mark | None:
    try:
        status = file.stat()  # of what a link leads to: renewals and Kubernetes exchange links
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
