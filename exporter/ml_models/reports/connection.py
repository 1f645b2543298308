"""Requests to Grafana and Prometheus: timeouts, repetition, verification, and a clear error for each failure.

A redirect is never followed: it could carry the token to another host, and turns a POST into a GET.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from ml_models.errors import ConfigError, ServerError

#: Answers after which a request that may be repeated is; 429 says that the request was not even looked at.
_TOO_MANY = 429
_PASSING = frozenset({_TOO_MANY, 500, 502, 503, 504})
#: Times that a request is sent at most, and the pause in seconds after the first; it doubles.
_ATTEMPTS, _PAUSE = 4, 0.5
#: A server that asks for a longer pause than this is not waited for.
_LONGEST_PAUSE = 30.0
_SHOWN = 200


class _Bearer(AuthBase):
    """Sets the token. As an ``auth`` object it also keeps requests from taking a password out of ``~/.netrc``."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}" if token else ""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._header:
            request.headers["Authorization"] = self._header
        return request


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks: a token, or a user with a password, or neither. Never shown.

    Parameters
    ----------
    token : str
        Token of a service account.
    user, password : str
        For a Grafana that has no token yet.
    """

    token: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)

    def auth(self) -> AuthBase:
        """Return the credentials in the form that requests takes."""
        if self.user and not self.token:
            return HTTPBasicAuth(self.user.encode(), self.password.encode())
        return _Bearer(self.token)


def read_credentials(environ: Mapping[str, str], token_file: str | None = None) -> Credentials:
    """Find the credentials of Grafana.

    The first of these counts: ``GRAFANA_TOKEN``, the file that ``GRAFANA_TOKEN_FILE`` names, ``token_file``, and
    ``GRAFANA_USER`` with ``GRAFANA_PASSWORD``, which are meant for a Grafana that has no token yet.

    Raises
    ------
    ConfigError
        If there are none, or the file cannot be read or holds no token.
    """
    token = environ.get("GRAFANA_TOKEN", "").strip()
    source = "GRAFANA_TOKEN"
    if not token and (file := environ.get("GRAFANA_TOKEN_FILE", "").strip() or token_file):
        source = str(file)
        try:
            token = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError("grafana.token_file", [f"{file}: cannot be read: {error}"]) from error
        if not token:
            raise ConfigError("grafana.token_file", [f"{file}: is empty; it must hold a service account's token"])
    if token:
        if not token.isascii() or not token.isprintable() or " " in token:
            raise ConfigError(source, ["holds characters that no token has; it must be the token alone, on one line"])
        return Credentials(token=token)
    if user := environ.get("GRAFANA_USER", ""):
        return Credentials(user=user, password=environ.get("GRAFANA_PASSWORD", ""))
    raise ConfigError(
        "grafana",
        ["no token; make a service account in Grafana (Administration, Service accounts) and give its token in a file "
         "that grafana.token_file or GRAFANA_TOKEN_FILE names, or in GRAFANA_TOKEN"],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Parameters
    ----------
    status : int
    content : bytes
    content_type : str
    what : str
        The request, for messages.
    """

    status: int
    content: bytes
    content_type: str
    what: str

    @property
    def ok(self) -> bool:
        """Whether the request was fulfilled."""
        return self.status == 200

    def message(self) -> str:
        """Return what the server says, shortened."""
        try:
            body = json.loads(self.content)
            text = str(body.get("message") or body.get("error") or "") if isinstance(body, dict) else ""
        except ValueError:
            text = self.content.decode("utf-8", "replace")
        return " ".join(text.split())[:_SHOWN]

    def json(self) -> Any:
        """Return the body.

        Raises
        ------
        ServerError
            If it is no JSON: the address is that of something else.
        """
        try:
            return json.loads(self.content)
        except ValueError as error:
            start = self.content[:60].decode("utf-8", "replace")
            raise ServerError(
                f"{self.what}: answered {self.status} with no JSON but {start!r}; "
                "is the address right, with the sub-path if there is one?",
                "no-json",
            ) from error


class Connection:
    """Requests to one server.

    Parameters
    ----------
    url : str
        Its address, with a sub-path if it has one.
    name : str
        What the server is called in messages.
    credentials : Credentials
        Sent with every request but those that say otherwise.
    timeout : float
        Seconds to wait for the connection, and for each part of the answer.
    ca_file : str, optional
        Certificates (PEM) to verify the server by, instead of the system's.
    sleep : callable
        Waits some seconds between two attempts.

    Raises
    ------
    ConfigError
        If the address is none, or holds a password; or there is no such certificate file.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        credentials: Credentials | None = None,
        timeout: float = 30.0,
        ca_file: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(name, [f"found {url!r}; an address that starts with http:// or https://"])
        if parts.username is not None or parts.password is not None:
            raise ConfigError(name, [f"the address of {parts.hostname} holds a user or password; addresses are shown "
                                     "in messages, so give a token in a file instead"])  # fmt: skip
        if ca_file is not None and not Path(ca_file).is_file():
            raise ConfigError(name, [f"ca_file: {ca_file}: no such file; a file of certificates in PEM form"])
        self.url = url.rstrip("/")
        self.name = name
        self._auth = (credentials or Credentials()).auth()
        self._timeout = timeout
        self._sleep = sleep
        self._session = requests.Session()
        self._verify: bool | str = ca_file or True

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | list[tuple[str, Any]] | None = None,
        body: Any = None,
        form: Mapping[str, Any] | None = None,
        repeatable: bool | None = None,
        authenticated: bool = True,
        timeout: float | None = None,
    ) -> Answer:
        """Send a request, again after a passing failure if it may be repeated, and return the answer.

        Parameters
        ----------
        method, path : str
        params : mapping or list of pairs, optional
            Of the query string.
        body : object, optional
            Sent as JSON.
        form : mapping, optional
            Sent as a form, instead.
        repeatable : bool, optional
            Whether sending it twice does no harm; by default only for GET. After 429 any request is repeated.
        authenticated : bool
            Whether the credentials are sent.
        timeout : float, optional
            Instead of the connection's.

        Raises
        ------
        ServerError
            If there is no answer, or a redirect.
        """
        again = method == "GET" if repeatable is None else repeatable
        what = f"{self.name}: {method} {self.url}{path}"
        pause = _PAUSE
        for attempt in range(1, _ATTEMPTS + 1):
            last = attempt == _ATTEMPTS
            try:
                found = self._session.request(
                    method,
                    f"{self.url}{path}",
                    params=params,
                    json=body,
                    data=form,
                    auth=self._auth if authenticated else _Bearer(""),
                    timeout=timeout or self._timeout,
                    verify=self._verify,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                if last or not again or isinstance(error, requests.exceptions.SSLError):
                    raise self._no_answer(what, error, attempt) from error
            else:
                if found.is_redirect:
                    raise _redirected(what, found)
                if last or found.status_code not in _PASSING or not (again or found.status_code == _TOO_MANY):
                    return Answer(found.status_code, found.content, found.headers.get("Content-Type", ""), what)
                asked = _retry_after(found.headers.get("Retry-After", ""))
                if asked > _LONGEST_PAUSE:
                    raise ServerError(
                        f"{what}: answered {found.status_code} and asks to come back in {asked:.0f} s; try again then",
                        "busy",
                    )
                pause = max(pause, asked)
            self._sleep(pause)
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def _no_answer(self, what: str, error: requests.RequestException, attempts: int) -> ServerError:
        times = f"; tried {attempts} times" if attempts > 1 else ""
        if isinstance(error, requests.exceptions.SSLError):
            remedy = "if its certificate is of your own authority, name that authority's file in ca_file"
            return ServerError(f"{what}: the certificate is not trusted: {_cause(error)}; {remedy}", "tls")
        if isinstance(error, requests.Timeout):
            return ServerError(f"{what}: no answer within {self._timeout:g} s{times}; is it overloaded?", "timeout")
        return ServerError(
            f"{what}: cannot be reached: {_cause(error)}{times}; is the address right and the server up?", "unreachable"
        )


def _cause(error: BaseException) -> str:
    """Return the innermost reason; the outer ones repeat it with the addresses of objects."""
    while (inner := getattr(error, "reason", None) or error.__cause__ or error.__context__) is not None:
        if not isinstance(inner, BaseException):
            break
        error = inner
    return " ".join(str(error).split())[:_SHOWN] or type(error).__name__


def _redirected(what: str, found: requests.Response) -> ServerError:
    target = urlsplit(found.headers["Location"])
    if target.path.rstrip("/").endswith("/login"):
        return ServerError(f"{what}: leads to the login page; the token is wrong, expired or missing", "bad-token")
    place = f"{target.scheme}://{target.netloc}{target.path}" if target.netloc else target.path
    return ServerError(
        f"{what}: is redirected to {place}, which is not followed, so that the token goes nowhere else; "
        "if that is the right server, set its address",
        "redirect",
    )


def _retry_after(text: str) -> float:
    """Return the seconds of a ``Retry-After`` header, 0 for none.

    Examples
    --------
    >>> _retry_after("7"), _retry_after("soon"), _retry_after("Wed, 21 Oct 2015 07:28:00 GMT")
    (7.0, 0.0, 0.0)
    """
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError):
        return 0.0
