"""Passwords: right ones pass at no cost, wrong ones tell nothing and cannot take the machine."""

from __future__ import annotations

import base64
import builtins
import threading

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_models.errors import MissingExtraError
from ml_models.exposition import passwords as module
from ml_models.exposition.passwords import Passwords, make_hash

from .conftest import HASH, PASSWORD


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("hashed", "password"),
    [
        # made by htpasswd of Apache 2.4 (-nbB), the first with its own cost
        ("$2y$05$.hIoc78j0kR5bMMNvm2uHOOgDoVBrSLupJyFawSbCSy0VFVSzKPj.", "pä ss:wörd"),
        ("$2y$10$Rgl4jQyHwkHo5C4zZ1Y8..r/RkJQejGlNyRZrDNnnZSh94rOrwPAq", "x"),
        ("$2a$04$TvSMcOfIK9nt.OBOQQDSMeHzlOa3uhJ2VPlrrU7YcLJVZyNzUZgXO", "pä ss:wörd"),
        # the vectors of OpenBSD's bcrypt as John the Ripper publishes them
        ("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
        ("$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U"),
    ],
)
def test_hashes_of_other_programs_are_taken(hashed, password):
    users = Passwords({"u": hashed.encode()})
    assert users.check(basic("u", password)) == "right"
    assert users.check(basic("u", password + "x")) == "wrong"


@pytest.fixture
def slow_checks(monkeypatch) -> list[bytes]:
    """Return the hashes that bcrypt was asked about."""
    asked: list[bytes] = []
    real = bcrypt.checkpw

    def counted(password: bytes, hashed: bytes) -> bool:
        asked.append(hashed)
        return real(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    return asked


def test_a_password_is_slow_once_and_known_from_then_on(slow_checks):
    users = Passwords({"u": HASH.encode()})
    for _ in range(100):
        assert users.check(basic("u", PASSWORD)) == "right"
    assert len(slow_checks) == 1
    assert users.check(basic("u", PASSWORD[:-1])) == "wrong"
    assert users.check(basic("v", PASSWORD)) == "wrong"
    assert users.check(basic("u", PASSWORD)) == "right"
    assert len(slow_checks) == 3


def test_no_password_is_kept():
    users = Passwords({"u": HASH.encode()})
    assert users.check(basic("u", PASSWORD)) == "right"
    assert PASSWORD not in repr(vars(users))


def test_an_unknown_user_costs_what_the_dearest_known_one_does(slow_checks):
    dear = bcrypt.hashpw(b"x", bcrypt.gensalt(5))
    users = Passwords({"cheap": HASH.encode(), "dear": dear})
    assert users.check(basic("nobody", "x")) == "wrong"
    assert [hashed[:7] for hashed in slow_checks] == [dear[:7]]


def test_wrong_passwords_are_checked_one_at_a_time(monkeypatch):
    """Who guesses in parallel is told to wait; who is known passes meanwhile."""
    monkeypatch.setattr(module, "_PATIENCE", 0.01)
    inside, leave = threading.Event(), threading.Event()
    real = bcrypt.checkpw
    users = Passwords({"u": HASH.encode()})
    assert users.check(basic("u", PASSWORD)) == "right"

    def held(password: bytes, hashed: bytes) -> bool:
        inside.set()
        assert leave.wait(10)
        return real(password, hashed)

    monkeypatch.setattr(users, "_check", held)
    first = threading.Thread(target=users.check, args=(basic("u", "guess 1"),))
    first.start()
    assert inside.wait(10)
    assert users.check(basic("u", "guess 2")) == "busy"
    assert users.check(basic("u", PASSWORD)) == "right"
    leave.set()
    first.join(10)
    assert users.check(basic("u", "guess 2")) == "wrong"


@pytest.mark.parametrize(
    ("header", "verdict"),
    [
        (None, "missing"),
        ("", "missing"),
        ("Basic", "wrong"),
        ("Basic !!!", "wrong"),
        ("Bearer " + basic("u", PASSWORD).split()[1], "wrong"),
        ("Basic " + base64.b64encode(b"no colon").decode(), "wrong"),
        ("Basic " + base64.b64encode(b"\xff\xfe:x").decode(), "wrong"),
        ("basic " + basic("u", PASSWORD).split()[1], "right"),
        (basic("u", PASSWORD + "\0"), "wrong"),
        (basic("", ""), "wrong"),
    ],
)
def test_any_header_gets_a_verdict(header, verdict):
    assert Passwords({"u": HASH.encode()}).check(header) == verdict


@given(st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60))
def test_no_header_gets_in_by_chance_or_breaks_it(header):
    assert Passwords({}).check(header) in {"missing", "wrong"}


def test_bytes_that_bcrypt_does_not_read_are_not_taken_for_right():
    """Only 72 bytes are read by bcrypt: a longer password would pass with any ending."""
    users = Passwords({"u": bcrypt.hashpw(b"a" * 72, bcrypt.gensalt(4))})
    assert users.check(basic("u", "a" * 72)) == "right"
    assert users.check(basic("u", "a" * 73)) == "wrong"
    with pytest.raises(ValueError, match="has 73 bytes"):
        make_hash("a" * 73)


def test_made_hashes_are_taken():
    hashed = make_hash("pä ss:wörd", 10)
    assert hashed.startswith("$2b$10$")
    assert Passwords({"u": hashed.encode()}).check(basic("u", "pä ss:wörd")) == "right"
    for wrong in ("", "a\0b"):
        with pytest.raises(ValueError, match="is empty or has a null byte"):
            make_hash(wrong)


def test_without_bcrypt_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def absent(name, *rest, **options):
        if name == "bcrypt":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", absent)
    for call in (lambda: Passwords({"u": HASH.encode()}), lambda: make_hash("x")):
        with pytest.raises(MissingExtraError, match=r"ml-models-monitoring\[auth\]"):
            call()
