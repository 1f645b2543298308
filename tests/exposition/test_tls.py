"""Certificates are read as they are, and what is wrong with a file is told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from certificates import Authority, encrypt
from ml_models.exposition.tls import expiry, make_context
from ml_models.exposition.web_form import Tls


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.mark.parametrize(
    "end",
    [
        datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC),
        datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC),
        datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2050, 1, 1, tzinfo=UTC),  # written in another form from here on (RFC 5280, 4.1.2.5)
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    ],
)
def test_the_end_of_a_certificate_is_read(end, authority):
    assert expiry(authority.sign("dated", end=end).certificate) == end.timestamp()


def test_a_chain_ends_with_its_first_link(authority, tmp_path):
    long = authority.sign("long", end=datetime(2040, 1, 1, tzinfo=UTC))
    short = authority.sign("short", end=datetime(2030, 1, 1, tzinfo=UTC))
    chain = tmp_path / "chain.pem"
    chain.write_text("a comment\n" + long.certificate.read_text() + short.certificate.read_text())
    assert expiry(chain) == short.expiry


def _faults(certificate: Path, key: Path, ca: Path | None = None) -> str:
    auth = "NoClientCert" if ca is None else "RequireAndVerifyClientCert"
    context, faults = make_context(Tls(certificate, key, auth, ca, frozenset(), "TLS12", "TLS13"))
    assert (context is None) == bool(faults)
    return "\n".join(faults)


def test_every_file_that_is_wrong_is_named(authority, tmp_path):
    """And a key with a passphrase asks nobody for it."""
    one, other = authority.sign("one"), authority.sign("other")
    text = tmp_path / "text.pem"
    text.write_text("hello")
    assert _faults(one.certificate, one.key, authority.certificate) == ""
    assert f"{other.key} with {one.certificate}: does not belong" in _faults(one.certificate, other.key)
    assert "no key pair in PEM" in _faults(text, one.key)
    assert f"client_ca_file: {text}: no certificates" in _faults(one.certificate, one.key, text)
    assert f"cert_file: {tmp_path}: cannot be read: Is a directory" in _faults(tmp_path, one.key)
    encrypt(other.key)
    assert f"key_file: {other.key}: is encrypted" in _faults(other.certificate, other.key)
