"""Metrics as text: small families through prometheus_client, bulk ones through their templates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from types import MappingProxyType

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from ml_models.collectors.bulk import Filled
from ml_models.collectors.isolation import Exposed

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_END = b"# EOF\n"


class _Families:
    """Enough of a registry for prometheus_client's encoders."""

    def __init__(self, families: list[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


_NONE: Mapping[str, str] = MappingProxyType({})


def render(exposed: Iterable[Exposed], *, openmetrics: bool = False, constant: Mapping[str, str] = _NONE) -> bytes:
    """Return the text of all families, in Prometheus' or the OpenMetrics format.

    Parameters
    ----------
    exposed : iterable of families
    openmetrics : bool
    constant : mapping
        Labels that every sample gets besides its own.

    Examples
    --------
    >>> from ml_models.catalog import PREDICTIONS_IN_PROGRESS
    >>> from ml_models.collectors.families import family
    >>> gauge = family(PREDICTIONS_IN_PROGRESS); gauge.add_metric(["churn"], 2)
    >>> print(render([gauge]).decode().splitlines()[-1])
    ml_predictions_in_progress{model="churn"} 2.0
    """
    exposed = list(exposed)
    try:
        return _text(exposed, openmetrics, constant)
    except UnicodeEncodeError:
        # A name holds half of a surrogate pair, which UTF-8 cannot: spell out that character, keep the scrape.
        return _text([_encodable(_labelled(one, constant)) for one in exposed], openmetrics, _NONE)


def _text(exposed: list[Exposed], openmetrics: bool, constant: Mapping[str, str]) -> bytes:
    small = [_labelled(one, constant) for one in exposed if not isinstance(one, Filled) and one.samples]
    bulk = "".join(
        one.bulk.render(one.values, openmetrics=openmetrics, constant=constant)
        for one in exposed
        if isinstance(one, Filled)
    ).encode()
    registry = _Families(small)
    if openmetrics:
        text: bytes = generate_openmetrics(registry)  # type: ignore[no-untyped-call]
        return text.removesuffix(_END) + bulk + _END
    return generate_latest(registry) + bulk  # it only calls collect()


def _labelled(one: Exposed, constant: Mapping[str, str]) -> Family:
    found = one.bulk.family(one.values) if isinstance(one, Filled) else one
    return _relabelled(found, lambda labels: {**constant, **labels}) if constant else found


def _encodable(found: Family) -> Family:
    def encodable(labels: Mapping[str, str]) -> dict[str, str]:
        return {name: text.encode("utf-8", "backslashreplace").decode() for name, text in labels.items()}

    return _relabelled(found, encodable)


def _relabelled(found: Family, change: Callable[[Mapping[str, str]], dict[str, str]]) -> Family:
    relabelled = copy(found)
    relabelled.samples = [sample._replace(labels=change(sample.labels)) for sample in found.samples]
    return relabelled


class Registry(CollectorRegistry):
    """A registry of its own for each monitor, for those who expose it with other means of prometheus_client."""

    def __init__(self, exposed: Callable[[], Iterable[Exposed]], constant: Mapping[str, str] = _NONE) -> None:
        super().__init__(auto_describe=False)
        self._exposed, self._constant = exposed, constant

    def collect(self) -> Iterable[Family]:
        """Return all families as prometheus_client's own objects, and what else was registered here."""
        for one in self._exposed():
            yield _labelled(one, self._constant)
        yield from super().collect()
