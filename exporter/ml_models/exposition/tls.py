"""TLS: from files of certificates to a context, and until when they last."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ml_models.exposition.web_form import IF_GIVEN, REQUIRED, Tls

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_VERIFY = {IF_GIVEN: ssl.CERT_OPTIONAL, REQUIRED: ssl.CERT_REQUIRED}
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def make_context(tls: Tls) -> tuple[ssl.SSLContext | None, list[str]]:
    """Return the context of a server, or a line for each file that is wrong."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls.minimum], _VERSIONS[tls.maximum]
    context.set_alpn_protocols(["http/1.1"])
    files = {"cert_file": tls.certificate, "key_file": tls.key}
    if tls.client_ca is not None:
        files["client_ca_file"] = tls.client_ca
    faults = [
        f"tls_server_config.{key}: {path}: {fault}" for key, path in files.items() if (fault := _unreadable(path))
    ]
    if faults:
        return None, faults
    try:
        context.load_cert_chain(tls.certificate, tls.key, password=_no_password)
    except _EncryptedKeyError:
        faults.append(f"tls_server_config.key_file: {tls.key}: is encrypted; give the key without a passphrase")
    except (ssl.SSLError, OSError) as error:
        what = "does not belong to the certificate" if "MISMATCH" in str(error) else f"no key pair in PEM ({error})"
        faults.append(f"tls_server_config.key_file: {tls.key} with {tls.certificate}: {what}")
    if tls.client_ca is not None:
        context.verify_mode = _VERIFY[tls.client_auth]
        try:
            context.load_verify_locations(tls.client_ca)
        except (ssl.SSLError, OSError) as error:
            faults.append(f"tls_server_config.client_ca_file: {tls.client_ca}: no certificates in PEM ({error})")
    return (None if faults else context), faults


class _EncryptedKeyError(Exception):
    """The key asks for a passphrase, which nobody is there to type."""


def _no_password() -> str:
    raise _EncryptedKeyError


def _unreadable(path: Path) -> str:
    try:
        with path.open("rb"):
            return ""
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def expiry(certificate: Path) -> float:
    """Return when the first certificate of a chain runs out, in Unix time.

    Raises
    ------
    ValueError
        If there is no certificate in the file.
    """
    text = certificate.read_text(encoding="utf-8", errors="replace")
    return min(_not_after(ssl.PEM_cert_to_DER_cert(one)) for one in _PEM.findall(text))


def _not_after(der: bytes) -> float:
    # RFC 5280, 4.1: Certificate { TBSCertificate { [0] version OPTIONAL, serial, algorithm, issuer, validity, ... } }.
    # The standard library reads the dates of a peer's certificate only.
    (_, certificate), *_ = _elements(der)
    (_, body), *_ = _elements(certificate)
    fields = [field for field in _elements(body) if field[0] != _VERSION]
    (_, _), (kind, text) = _elements(fields[3][1])
    return datetime.strptime(text.decode(), _TIMES[kind]).replace(tzinfo=UTC).timestamp()


_VERSION = 0xA0
#: UTCTime, whose years are 1950 to 2049 as strptime's are 1969 to 2068 (a certificate is of our time), and
#: GeneralizedTime.
_TIMES = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each element of a DER sequence."""
    at = 0
    while at < len(der):
        tag, length = der[at], der[at + 1]
        at += 2
        if length & 0x80:  # the length has more than seven bits: so many bytes follow
            count = length & 0x7F
            length = int.from_bytes(der[at : at + count], "big")
            at += count
        yield tag, der[at : at + length]
        at += length
