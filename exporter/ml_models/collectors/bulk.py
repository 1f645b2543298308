"""Families of many samples, rendered from one cached template instead of an object per sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray
from prometheus_client.core import Metric as Family

from ml_models.catalog import Metric, quote
from ml_models.collectors.families import family


class Bulk:
    """A family with a fixed set of label values.

    Parameters
    ----------
    metric : Metric
        A counter or gauge.
    label_values : sequence of tuples
        One per sample, in the order of the metric's labels.

    Examples
    --------
    >>> from ml_models.catalog import FEATURE_MISSING
    >>> import numpy as np
    >>> bulk = Bulk(FEATURE_MISSING, [("m", "feature", "50%")])
    >>> print(bulk.render(np.array([3]), openmetrics=False).splitlines()[-1])
    ml_feature_missing_total{model="m",role="feature",feature="50%"} 3
    """

    def __init__(self, metric: Metric, label_values: Sequence[tuple[str, ...]]) -> None:
        self.metric = metric
        self.label_values = list(label_values)
        self._lines = [
            ",".join(map("=".join, zip(metric.labels, map(quote, values), strict=True))) for values in self.label_values
        ]
        self._templates: dict[tuple[tuple[str, str], ...], str] = {}

    def _template(self, constant: Mapping[str, str]) -> str:
        key = tuple(constant.items())
        if key not in self._templates:
            first = "".join(f"{name}={quote(value)}," for name, value in key)
            self._templates[key] = "".join(
                f"{self.metric.name}{{{first}{line}}} ".replace("%", "%%") + "%r\n" for line in self._lines
            )
        return self._templates[key]

    def render(
        self, values: NDArray[Any], *, openmetrics: bool, constant: Mapping[str, str] = MappingProxyType({})
    ) -> str:
        """Return the family as text, one value per sample; each has the constant labels too."""
        base = self.metric.name.removesuffix("_total") if openmetrics else self.metric.name
        help_text = self.metric.help.replace("\\", "\\\\").replace("\n", "\\n")
        head = f"# HELP {base} {help_text}\n# TYPE {base} {self.metric.kind}\n"
        return head + self._template(constant) % tuple(values.tolist())

    def family(self, values: NDArray[Any]) -> Family:
        """Return the family as prometheus_client's own object, for other registries and exporters."""
        result = family(self.metric)
        for labels, value in zip(self.label_values, values.tolist(), strict=True):
            result.add_metric(labels, value)
        return result


@dataclass(frozen=True, slots=True)
class Filled:
    """A bulk family with its values of this moment."""

    bulk: Bulk
    values: NDArray[Any]
