"""What a report is made from: the metrics as they are read, and the history that goes with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ml_models.errors import ReportError


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One time that an alert fired.

    Parameters
    ----------
    name, severity : str
        As in the alert rule.
    labels : mapping of str to str
        What tells this alert from others of its name, e.g. the feature.
    starts_at : float
        Unix time at which it began to fire.
    ends_at : float or None
        Unix time at which it ended; None while it fires.
    """

    name: str
    severity: str
    labels: Mapping[str, str]
    starts_at: float
    ends_at: float | None


@dataclass(frozen=True, slots=True)
class History:
    """How scores went over time, and the alerts of that time.

    Parameters
    ----------
    times : tuple of float
        Unix times, ascending.
    series : mapping of str to tuple of (float or None)
        One value per time and name; None where there was no data. Names with a known unit and threshold are
        the keys of ``get_metrics()``: ``accuracy``, ``throughput_per_second``, ``latency_p95_seconds``,
        ``error_ratio``, ``drift_share``, ``quality_score``, ``cpu_ratio``, ``memory_ratio``.
    alerts : tuple of AlertEvent, or None
        Those that fired in this time, so an empty tuple says that none did; None if that is not known.

    Raises
    ------
    ReportError
        If a series has not one value per time.
    """

    times: tuple[float, ...] = ()
    series: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    alerts: tuple[AlertEvent, ...] | None = None

    def __post_init__(self) -> None:
        for name, values in self.series.items():
            if len(values) != len(self.times):
                raise ReportError(
                    f"history series {name!r} has {len(values)} values for {len(self.times)} times; "
                    "give one value per time, None where there is none"
                )


def at(tree: Any, *path: str) -> Any:
    """Return what stands at a path of nested mappings, or None.

    Examples
    --------
    >>> at({"data": {"rows": 3}}, "data", "rows")
    3
    >>> at({"data": None}, "data", "rows") is None
    True
    """
    for key in path:
        if not isinstance(tree, Mapping):
            return None
        tree = tree.get(key)
    return tree


def watches_data(metrics: Any) -> bool:
    """Return whether metrics are those of a data monitor, which knows nothing of predictions being served."""
    return bool(at(metrics, "model", "task") == "data")


def number(value: Any) -> float | None:
    """Return a finite number as float, anything else as None.

    Examples
    --------
    >>> number(3), number(float("nan")), number("3"), number(True)
    (3.0, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        result = float(value)
    except OverflowError:  # an int beyond the range of float
        return None
    return result if math.isfinite(result) else None


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a mapping as it is, anything else as an empty one."""
    return value if isinstance(value, Mapping) else {}


def entries(value: Any) -> list[Any]:
    """Return a list or tuple as list, anything else as an empty one.

    Examples
    --------
    >>> entries((1, 2)), entries(None), entries("ab")
    ([1, 2], [], [])
    """
    return list(value) if isinstance(value, list | tuple) else []


def total(value: Any) -> float | None:
    """Return a number, or the sum of a mapping's numbers; None if there is none.

    Examples
    --------
    >>> total(4), total({"buffer_full": 3, "closed": 1}), total(None)
    (4.0, 4.0, None)
    """
    if isinstance(value, Mapping):
        numbers = [part for part in map(number, value.values()) if part is not None]
        return sum(numbers) if numbers else None
    return number(value)
