"""The form of a web configuration, as the exporters of Prometheus have it: TLS, passwords, headers.

Operators know this file from the other exporters and may share one among them. What this endpoint cannot do is
refused with a word, never passed over: a setting for safety that does nothing is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import ValidationError

from ml_models.config.faults import describe
from ml_models.config.kinds import Choice, FilePath
from ml_models.config.parameters import Keys, dotted
from ml_models.config.section import Section
from ml_models.config.sources import read_yaml
from ml_models.errors import ConfigError

NO_CERTIFICATE, IF_GIVEN, REQUIRED = "NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"

#: Headers that the form may set; others are the endpoint's own.
HEADERS = (
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
)

#: A cost beyond this takes seconds for each password that is tried.
MAX_COST = 15

_HASH = re.compile(r"\$2[aby]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{53}")
_MAKE = "run: mlmon config hash-password"

#: Keys of the form that other exporters know, and what to do instead.
_REFUSED: dict[Keys, str] = {
    ("tls_server_config", "cert"): "not taken; put the certificate into a file and name it with cert_file",
    ("tls_server_config", "key"): "not taken; put the key into a file and name it with key_file",
    ("tls_server_config", "client_ca"): "not taken; put the certificates into a file and name it with client_ca_file",
    ("tls_server_config", "cipher_suites"): "not taken; leave it out: only strong ones are offered",
    ("tls_server_config", "curve_preferences"): "not taken; leave it out: OpenSSL chooses",
    ("tls_server_config", "prefer_server_cipher_suites"): "not taken; leave it out: OpenSSL chooses",
    ("rate_limit",): "not taken; leave it out: connections and checks of passwords are bounded",
}


class TlsSection(Section):
    """The section ``tls_server_config``."""

    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    client_auth_type: Annotated[str, Choice((NO_CERTIFICATE, IF_GIVEN, REQUIRED))] = NO_CERTIFICATE
    client_ca_file: FilePath | None = None
    min_version: Annotated[str, Choice(("TLS12", "TLS13"))] = "TLS12"
    max_version: Annotated[str, Choice(("TLS12", "TLS13"))] = "TLS13"


class _Form(Section):
    tls_server_config: TlsSection = TlsSection()


@dataclass(frozen=True, slots=True)
class Tls:
    """What ``tls_server_config`` says, with paths that can be opened.

    Attributes
    ----------
    certificate, key : Path
    client_auth : str
        One of the form's ``client_auth_type``.
    client_ca : Path or None
        Certificates of those who sign clients' certificates.
    allowed_names : frozenset of str
        Names one of which a client's certificate must be for; empty for any.
    minimum, maximum : str
        Versions, as ``TLS12``.
    """

    certificate: Path
    key: Path
    client_auth: str
    client_ca: Path | None
    allowed_names: frozenset[str]
    minimum: str
    maximum: str


@dataclass(frozen=True, slots=True)
class WebForm:
    """A web configuration as written.

    Attributes
    ----------
    tls : Tls or None
    users : mapping of str to bytes
        bcrypt hashes by user.
    headers : mapping of str to str
    """

    tls: Tls | None
    users: Mapping[str, bytes]
    headers: Mapping[str, str]


def read_form(path: Path) -> tuple[WebForm, list[str]]:
    """Read a web configuration.

    Returns
    -------
    form : WebForm
        Of what is right.
    faults : list of str
        One line for each that is wrong; no value of a hash or header is in them.

    Raises
    ------
    ConfigError
        If the file cannot be read or is no YAML.
    """
    source = read_yaml(path, str(path))
    faults = list(source.faults)
    if not isinstance(source.values, Mapping | None):
        raise ConfigError(str(path), [*faults, "top level: a mapping with tls_server_config and basic_auth_users"])
    values: dict[Any, Any] = dict(source.values or {})
    place = _Places(source.places)
    users, found = _users(values.pop("basic_auth_users", None), place)
    faults += found
    headers, found = _headers(values.pop("http_server_config", None), place)
    faults += found
    names: frozenset[str] = frozenset()
    given = values.get("tls_server_config")
    if isinstance(given, Mapping):
        values["tls_server_config"] = rest = dict(given)
        names, found = _names(rest.pop("client_allowed_sans", None), place)
        faults += found
    for keys, remedy in _REFUSED.items():
        holder = values if len(keys) == 1 else values.get(keys[0])
        if isinstance(holder, dict) and keys[-1] in holder:
            del holder[keys[-1]]
            faults.append(f"{place(*keys)}: {remedy}")
    try:
        section = _Form.model_validate(values).tls_server_config
    except ValidationError as error:
        faults += [
            line.replace("allowed here: tls_server_config", "allowed here: tls_server_config, basic_auth_users, "
                         "http_server_config")
            for line in describe(error, _Form, values, source.places)
        ]  # fmt: skip
        return WebForm(None, users, headers), faults
    if given is None:
        if not users and not faults:
            # Also what a file is for a moment while it is written anew: that must not open the endpoint.
            faults = ["guards nothing; give tls_server_config or basic_auth_users, or no file at all"]
        return WebForm(None, users, headers), faults
    tls, found = _tls(section, names, path.absolute().parent, place)
    return WebForm(tls, users, headers), faults + found


class _Places:
    """Writes a key's path with its line."""

    def __init__(self, places: Mapping[Keys, str]) -> None:
        self._places = places

    def __call__(self, *keys: str | int) -> str:
        line = self._places.get(keys)
        return f"{dotted(keys)} ({line})" if line else dotted(keys)


def _users(values: Any, place: _Places) -> tuple[dict[str, bytes], list[str]]:
    """Return hashes by user; what stands in place of a hash may be a password, so no message shows it."""
    if values is None:
        return {}, []
    if not isinstance(values, Mapping):
        return {}, [f"{place('basic_auth_users')}: a mapping of user to bcrypt hash"]
    users, faults = {}, []
    for user, text in values.items():
        where = place("basic_auth_users", user if isinstance(user, str) else str(user))
        match = _HASH.fullmatch(text) if isinstance(text, str) else None
        if not isinstance(user, str) or not user or ":" in user:
            faults.append(f"{where}: a user is text that is not empty and has no colon (put a number in quotes)")
        elif match is None:
            faults.append(f"{where}: is no bcrypt hash ($2b$..., 60 characters); {_MAKE}")
        elif not 4 <= int(match["cost"]) <= MAX_COST:
            faults.append(f"{where}: found a bcrypt cost of {int(match['cost'])}; from 4 to {MAX_COST}, {_MAKE}")
        else:
            users[user] = text.encode()
    return users, faults


def _headers(values: Any, place: _Places) -> tuple[dict[str, str], list[str]]:
    if values is None:
        return {}, []
    section = "http_server_config"
    if not isinstance(values, Mapping):
        return {}, [f"{place(section)}: a mapping with headers"]
    faults = [
        f"{place(section, str(key))}: unknown key; allowed here: headers, http2"
        for key in values
        if key not in {"headers", "http2"}
    ]
    if values.get("http2", False) is not False:
        faults.append(f"{place(section, 'http2')}: only false; this endpoint speaks HTTP/1.1")
    given = values.get("headers") or {}
    if not isinstance(given, Mapping):
        return {}, [*faults, f"{place(section, 'headers')}: a mapping of header to text"]
    headers, known = {}, {name.casefold(): name for name in HEADERS}
    for key, text in given.items():
        where = place(section, "headers", str(key))
        name = known.get(str(key).casefold())
        if name is None:
            faults.append(f"{where}: unknown header; choose from {', '.join(HEADERS)}")
        elif not isinstance(text, str) or not re.fullmatch(r"[ -~]*", text):
            faults.append(f"{where}: text of printable ASCII characters on one line")
        elif text:
            headers[name] = text
    return headers, faults


def _names(values: Any, place: _Places) -> tuple[frozenset[str], list[str]]:
    if values is None:
        return frozenset(), []
    if not isinstance(values, list) or not all(isinstance(one, str) and one for one in values):
        return frozenset(), [f"{place('tls_server_config', 'client_allowed_sans')}: a list of names"]
    return frozenset(values), []


def _tls(section: TlsSection, names: frozenset[str], folder: Path, place: _Places) -> tuple[Tls | None, list[str]]:
    faults = []
    for key in ("cert_file", "key_file"):
        if getattr(section, key) is None:
            faults.append(f"{place('tls_server_config', key)}: is missing; TLS needs cert_file and key_file")
    verifies = section.client_auth_type != NO_CERTIFICATE
    auth, ca = (place("tls_server_config", key) for key in ("client_auth_type", "client_ca_file"))
    if verifies and section.client_ca_file is None:
        faults.append(f"{ca}: is missing; {section.client_auth_type} needs the certificates that sign the clients'")
    if (section.client_ca_file is not None or names) and not verifies:
        faults.append(f"{auth}: found {NO_CERTIFICATE} beside settings for clients' certificates; {REQUIRED}")
    if section.min_version > section.max_version:
        faults.append(f"{place('tls_server_config', 'min_version')}: is above max_version ({section.max_version})")
    if faults or section.cert_file is None or section.key_file is None:
        return None, faults
    client_ca = None if section.client_ca_file is None else folder / section.client_ca_file
    return Tls(
        folder / section.cert_file,
        folder / section.key_file,
        section.client_auth_type,
        client_ca,
        names,
        section.min_version,
        section.max_version,
    ), []
