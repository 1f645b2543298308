"""Certificates for tests: an authority of their own, and what it signs."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Signed:
    """A certificate and its key as files.

    Attributes
    ----------
    certificate, key : Path
    expiry : float
        Unix time.
    """

    certificate: Path
    key: Path
    expiry: float


class Authority:
    """Signs certificates into a folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        certificate = self._builder(self._name, self._key, datetime.now(UTC) + timedelta(days=30)).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.certificate = folder / f"{name}.pem"
        self.certificate.write_bytes(_pem(certificate.sign(self._key, hashes.SHA256())))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, end: datetime) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(datetime.now(UTC), end) - timedelta(days=1))
            .not_valid_after(end)
        )

    def sign(self, name: str, *, end: datetime | None = None, names: tuple[str, ...] = ("localhost",)) -> Signed:
        """Make a certificate for 127.0.0.1 and the names."""
        key = ec.generate_private_key(ec.SECP256R1())
        end = (end or datetime.now(UTC) + timedelta(days=7)).replace(microsecond=0)
        alternatives = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *map(x509.DNSName, names)]
        made = self._builder(_named(name), key, end).add_extension(
            x509.SubjectAlternativeName(alternatives), critical=False
        )
        signed = Signed(self._folder / f"{name}.crt", self._folder / f"{name}.key", end.timestamp())
        signed.certificate.write_bytes(_pem(made.sign(self._key, hashes.SHA256())))
        signed.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        signed.key.chmod(0o600)
        return signed


def encrypt(key: Path) -> None:
    """Put a passphrase on a key."""
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
