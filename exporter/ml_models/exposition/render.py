"""Metrics as text: small families through prometheus_client, bulk ones through their templates."""

from __future__ import annotations

from collections.abc import Callable, Iterable

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


def render(exposed: Iterable[Exposed], *, openmetrics: bool = False) -> bytes:
    """Return the text of all families, in Prometheus' or the OpenMetrics format.

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
        return _text(exposed, openmetrics=openmetrics)
    except UnicodeEncodeError:
        # A name holds half of a surrogate pair, which UTF-8 cannot: spell out that character, keep the scrape.
        return _text([_encodable(one) for one in exposed], openmetrics=openmetrics)


def _text(exposed: list[Exposed], *, openmetrics: bool) -> bytes:
    small = [one for one in exposed if not isinstance(one, Filled) and one.samples]
    bulk = "".join(
        one.bulk.render(one.values, openmetrics=openmetrics) for one in exposed if isinstance(one, Filled)
    ).encode()
    registry = _Families(small)
    if openmetrics:
        text: bytes = generate_openmetrics(registry)  # type: ignore[no-untyped-call]
        return text.removesuffix(_END) + bulk + _END
    return generate_latest(registry) + bulk  # it only calls collect()


def _encodable(one: Exposed) -> Family:
    found = one.bulk.family(one.values) if isinstance(one, Filled) else one
    found.samples = [
        sample._replace(
            labels={name: text.encode("utf-8", "backslashreplace").decode() for name, text in sample.labels.items()}
        )
        for sample in found.samples
    ]
    return found


class Registry(CollectorRegistry):
    """A registry of its own for each monitor, for those who expose it with other means of prometheus_client."""

    def __init__(self, exposed: Callable[[], Iterable[Exposed]]) -> None:
        super().__init__(auto_describe=False)
        self._exposed = exposed

    def collect(self) -> Iterable[Family]:
        """Return all families as prometheus_client's own objects, and what else was registered here."""
        for one in self._exposed():
            yield one.bulk.family(one.values) if isinstance(one, Filled) else one
        yield from super().collect()
