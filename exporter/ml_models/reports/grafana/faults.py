"""What Grafana's refusals mean, and what to do about them."""

from __future__ import annotations

import json

from ml_models.errors import ServerError
from ml_models.reports.connection import Answer


def refusal(answer: Answer, subject: str = "") -> ServerError:
    """Return the error for an answer that is not the one hoped for.

    Parameters
    ----------
    answer : Answer
        Grafana's.
    subject : str
        What the request was about, e.g. ``dashboard ml-model``.
    """
    said = answer.message()
    reason, remedy = _meaning(answer, said.casefold())
    about = f"{subject}: " if subject else ""
    quoted = f" ({said})" if said else ""
    return ServerError(f"{about}{remedy}{quoted}; {answer.what} answered {answer.status}", reason)


def _meaning(answer: Answer, said: str) -> tuple[str, str]:
    status, path = answer.status, answer.what
    if status == 401:
        return "bad-token", "the token is wrong or expired; make a new one for the service account"
    if status == 403:
        if "snapshot" in path and "disabled" in said:
            return "snapshots-disabled", "Grafana has snapshots disabled; an administrator enables them in [snapshots]"
        return "no-permission", "the token lacks the permission; give the service account a higher role"
    if status == 404:
        if "/snapshots" in path:
            return "no-snapshot", "there is no such snapshot; it has expired or was deleted"
        if "data source" in said or "datasource" in said or "/ds/query" in path:
            return "no-data-source", "Grafana has no such data source; name another by its uid"
        return "not-found", "Grafana does not have it"
    if status in (409, 412):
        return _conflict(answer)
    if status == 400:
        return _bad_request(path, said)
    if status in (429, 503):
        return "busy", "Grafana is overloaded or starting; try again later"
    if status >= 500:
        return "server-error", "Grafana has failed; its log says why"
    return "refused", "Grafana does not take it"


def _conflict(answer: Answer) -> tuple[str, str]:
    try:
        kind = json.loads(answer.content).get("status", "")
    except (ValueError, AttributeError):
        kind = ""
    if "/api/folders" in answer.what:
        return "exists", "a folder of this uid or title exists already"
    if kind == "version-mismatch":
        return "version-conflict", "someone has saved it meanwhile; look at the differences and push again"
    if kind == "name-exists":
        return "name-exists", "the folder has another dashboard of this title; rename or delete that one"
    return "exists", "it exists already"


def _bad_request(path: str, said: str) -> tuple[str, str]:
    for sign, reason, remedy in (
        ("provisioned", "provisioned", "Grafana reads it from a file; change that file, or delete it to push"),
        ("uid too long", "uid-too-long", "a uid has at most 40 characters"),
        ("uid contains", "bad-uid", "a uid has letters, digits, hyphens and underscores only"),
        ("title cannot be empty", "no-title", "a dashboard needs a title"),
        ("data source", "no-data-source", "Grafana has no such data source; name another by its uid"),
        ("datasource", "no-data-source", "Grafana has no such data source; name another by its uid"),
    ):
        if sign in said:
            return reason, remedy
    if path.endswith("/snapshots"):
        return "no-dashboard", "Grafana makes snapshots of stored dashboards only; push the dashboard first"
    return "bad-request", "Grafana does not understand the request"
