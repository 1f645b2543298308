"""How the endpoint is guarded: refused requests, the certificate's end, files that others can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.core import Metric as Family

from ml_models import catalog
from ml_models.collectors.families import family

#: Why a request is refused.
REASONS = ("missing", "wrong", "busy", "certificate")


@dataclass(frozen=True, slots=True)
class WebState:
    """The state of a web configuration.

    Attributes
    ----------
    failures : mapping of str to int
        Requests refused so far, by reason.
    reload_succeeded : bool
        Whether the files are in force as they are now.
    certificate_expiry : float or None
        Unix time; None without TLS.
    exposed : mapping of str to bool
        Whether each file with secrets can be read by every user of the machine.
    """

    failures: Mapping[str, int]
    reload_succeeded: bool
    certificate_expiry: float | None
    exposed: Mapping[str, bool]


def web_families(model: str, state: WebState) -> list[Family]:
    """Return the families of a state.

    Examples
    --------
    >>> state = WebState({"wrong": 2}, True, None, {})
    >>> [(family.name, family.samples[0].value) for family in web_families("churn", state)]
    [('ml_http_auth_failures', 2), ('ml_web_config_reload_success', 1.0)]
    """
    failures = family(catalog.HTTP_AUTH_FAILURES)
    for reason, count in state.failures.items():
        failures.add_metric([model, reason], count)
    reload_succeeded = family(catalog.WEB_CONFIG_RELOAD_SUCCESS)
    reload_succeeded.add_metric([model], float(state.reload_succeeded))
    families: list[Family] = [failures, reload_succeeded]
    if state.certificate_expiry is not None:
        expiry = family(catalog.TLS_CERTIFICATE_EXPIRY)
        expiry.add_metric([model], state.certificate_expiry)
        families.append(expiry)
    if state.exposed:
        exposed = family(catalog.SECRET_FILE_EXPOSED)
        for file, is_exposed in state.exposed.items():
            exposed.add_metric([model, file], float(is_exposed))
        families.append(exposed)
    return families
