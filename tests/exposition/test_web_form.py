"""A web configuration is read as other exporters read theirs; what is wrong is told at once, secrets never."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_models.errors import ConfigError
from ml_models.exposition.guard import Guard
from ml_models.exposition.web_form import read_form

from .conftest import HASH, PASSWORD


def read(folder: Path, text: str):
    path = folder / "web.yml"
    path.write_text(text)
    return read_form(path)


def test_everything_that_is_taken(tmp_path):
    form, faults = read(
        tmp_path,
        f"""
tls_server_config:
  cert_file: tls/server.crt
  key_file: /etc/tls/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  client_allowed_sans: [prometheus.example.org]
  min_version: TLS13
  max_version: TLS13
http_server_config:
  http2: false
  headers:
    X-Frame-Options: deny
    strict-transport-security: max-age=31536000
    X-XSS-Protection: ''
basic_auth_users:
  prometheus: {HASH}
""",
    )
    assert faults == []
    assert form.tls is not None
    assert form.tls.certificate == tmp_path / "tls/server.crt", "relative to the folder of the file"
    assert form.tls.key == Path("/etc/tls/server.key")
    assert form.tls.client_ca == tmp_path / "ca.pem"
    assert form.tls.client_auth == "RequireAndVerifyClientCert"
    assert form.tls.allowed_names == {"prometheus.example.org"}
    assert (form.tls.minimum, form.tls.maximum) == ("TLS13", "TLS13")
    assert form.users == {"prometheus": HASH.encode()}
    assert form.headers == {"X-Frame-Options": "deny", "Strict-Transport-Security": "max-age=31536000"}


def test_without_a_word_on_them_clients_need_no_certificate_and_tls_is_1_2_or_newer(tmp_path):
    form, faults = read(tmp_path, "tls_server_config: {cert_file: a, key_file: b}")
    assert faults == []
    assert form.tls is not None
    assert (form.tls.client_auth, form.tls.minimum, form.tls.maximum) == ("NoClientCert", "TLS12", "TLS13")


def test_one_error_names_every_fault_and_shows_no_secret(tmp_path):
    path = tmp_path / "web.yml"
    path.write_text(f"""
tls_server_config:
  cert: "-----BEGIN CERTIFICATE-----"
  key: "-----BEGIN PRIVATE KEY-----"
  client_auth_type: RequestClientCert
  min_version: TLS10
  cipher_suites: [TLS_AES_128_GCM_SHA256]
  cert_fle: x
http_server_config:
  http2: true
  headers: {{X-Powered-By: me, X-Frame-Options: "a\\nb"}}
  timeout: 3
basic_auth_users:
  alice: hunter2
  bob: {HASH.replace("$04$", "$31$")}
  "a:b": {HASH}
  7: {HASH}
rate_limit: {{}}
basic_auth: {{}}
""")
    with pytest.raises(ConfigError) as caught:
        Guard(path)
    told = {fault.split(":")[0].split(" (")[0]: fault for fault in caught.value.faults}
    assert set(told) == {
        *(f"tls_server_config.{key}" for key in ("cert", "key", "client_auth_type", "min_version", "cipher_suites")),
        "tls_server_config.cert_fle",
        *(f"http_server_config.{key}" for key in ("http2", "timeout")),
        *(f"http_server_config.headers.{key}" for key in ("X-Powered-By", "X-Frame-Options")),
        *(f"basic_auth_users.{key}" for key in ("alice", "bob", "a", "7")),
        "rate_limit",
        "basic_auth",
    }
    assert "(line 3): not taken; put the certificate into a file" in told["tls_server_config.cert"]
    assert "did you mean cert_file?" in told["tls_server_config.cert_fle"]
    assert "one of TLS12, TLS13" in told["tls_server_config.min_version"]
    assert "bcrypt cost of 31" in told["basic_auth_users.bob"]
    assert "mlmon config hash-password" in told["basic_auth_users.alice"]
    for secret in ("hunter2", "BEGIN", HASH[10:]):
        assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "guards nothing"),
        ("tls_server_config:", "guards nothing"),
        ("[]", "top level: a mapping"),
        ("tls_server_config: 3", "tls_server_config"),
        ("tls_server_config: {cert_file: a}", "key_file: is missing"),
        ("tls_server_config: {}", "cert_file: is missing"),
        ("tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}", "found NoClientCert beside settings"),
        (
            "tls_server_config: {cert_file: a, key_file: b, client_auth_type: VerifyClientCertIfGiven}",
            "client_ca_file: is missing",
        ),
        ("tls_server_config: {cert_file: a, key_file: b, min_version: TLS13, max_version: TLS12}", "above max_version"),
        ("tls_server_config: {cert_file: a, key_file: b, client_allowed_sans: x}", "client_allowed_sans"),
        ("tls_server_config: {cert_file: nowhere, key_file: nowhere}", "nowhere: cannot be read: No such file"),
        ("basic_auth_users: [a]", "basic_auth_users (line 1): a mapping of user"),
        (f"basic_auth_users: {{a: {HASH}}}\nbasic_auth_users: {{}}", "found again on line 2"),
        ("http_server_config: 1", "http_server_config (line 1): a mapping"),
        ("basic_auth_users: {", "not valid YAML"),
    ],
)
def test_what_cannot_be_is_refused(text, fault, tmp_path):
    path = tmp_path / "web.yml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        Guard(path)
    assert fault in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        Guard(tmp_path / "none.yml")
