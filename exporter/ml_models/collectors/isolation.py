"""One failing collector costs only its own series."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from prometheus_client.core import Metric as Family

from ml_models.catalog import COLLECTOR_DURATION, COLLECTOR_SUCCESS
from ml_models.collectors.bulk import Filled
from ml_models.collectors.families import family

_LOG = logging.getLogger(__name__)

Exposed: TypeAlias = Family | Filled
Collector: TypeAlias = Callable[[], Iterable[Exposed]]


def collect(collectors: Mapping[str, Collector], model: str) -> list[Exposed]:
    """Run every collector and say, as metrics, which succeeded and how long each took.

    Parameters
    ----------
    collectors : mapping of name to callable
    model : str
        Value of the ``model`` label.

    Examples
    --------
    >>> exposed = collect({"empty": list}, "churn")
    >>> exposed[0].samples[0].labels["collector"], exposed[0].samples[0].value
    ('empty', 1.0)
    """
    success, duration = family(COLLECTOR_SUCCESS), family(COLLECTOR_DURATION)
    exposed: list[Exposed] = [success, duration]
    for name, collector in collectors.items():
        begun = time.perf_counter()
        try:
            exposed += list(collector())  # whole or not at all: half of a family would read as the whole
            ok = 1.0
        except Exception:  # noqa: BLE001 - the point of isolation: the others are still scraped
            _LOG.exception("collector %s failed; its series are missing from this scrape", name)
            ok = 0.0
        success.add_metric([model, name], ok)
        duration.add_metric([model, name], time.perf_counter() - begun)
    return exposed
