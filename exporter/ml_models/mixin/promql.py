"""Pieces of PromQL made from catalogued metrics, and durations as Prometheus writes them.

The rules are written as PromQL text; these functions put in the parts that come from the catalog and the settings.

Examples
--------
>>> from ml_models import catalog
>>> print(sum_by(("model", "endpoint"), rate(catalog.PREDICTIONS, "5m")))
sum by (model, endpoint) (rate(ml_predictions_total[5m]))
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

from ml_models.catalog import Metric, quote

#: Prometheus' duration units in milliseconds, in the order in which they must be written.
_UNITS = {"y": 31_536_000_000, "w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>\d+){unit})?" for unit in _UNITS))


def seconds(duration: str) -> float:
    """Return a Prometheus duration in seconds.

    Raises
    ------
    ValueError
        If the text is not a Prometheus duration.

    Examples
    --------
    >>> seconds("1h30m"), seconds("250ms"), seconds("0")
    (5400.0, 0.25, 0.0)
    """
    if duration == "0":
        return 0.0
    match = _DURATION.fullmatch(duration)
    if not duration or match is None:
        raise ValueError(f"{duration!r} is not a Prometheus duration; write it as 30s, 15m, 1h30m or 7d")
    return sum(int(count) * _UNITS[unit] for unit, count in match.groupdict().items() if count) / 1000


def duration(length: float) -> str:
    """Return a length in seconds as a Prometheus duration, in the largest unit that is exact to a millisecond.

    Examples
    --------
    >>> duration(12), duration(5400), duration(0.25), duration(0)
    ('12s', '90m', '250ms', '0s')
    """
    milliseconds = round(length * 1000)
    for unit in ("d", "h", "m", "s"):
        if milliseconds and milliseconds % _UNITS[unit] == 0:
            return f"{milliseconds // _UNITS[unit]}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"


def stem(metric: Metric) -> str:
    """Return a metric's name without the suffix that an operation replaces.

    Examples
    --------
    >>> from ml_models import catalog
    >>> stem(catalog.PREDICTIONS), stem(catalog.ACCURACY)
    ('ml_predictions', 'ml_model_accuracy')
    """
    return metric.name.removesuffix("_total").removesuffix("_ratio")


def recorded(labels: tuple[str, ...], metric: str, operations: str) -> str:
    """Return the name of a recorded series, ``level:metric:operations``.

    Examples
    --------
    >>> recorded(("model", "class"), "ml_model_f1", "ratio_increase1h")
    'model_class:ml_model_f1:ratio_increase1h'
    """
    return f"{'_'.join(labels)}:{metric}:{operations}"


def increase(metric: Metric, window: str) -> str:
    """Return the growth of a counter over a window, right through restarts."""
    return f"increase({metric.name}[{window}])"


def rate(metric: Metric, window: str, suffix: str = "") -> str:
    """Return the growth of a counter in units per second; ``suffix`` is a histogram's ``_count`` or ``_bucket``."""
    return f"rate({metric.name}{suffix}[{window}])"


def last(metric: Metric, lookback: str) -> str:
    """Return a gauge's last value within the look-back, so that it outlives a restart of all replicas."""
    return f"last_over_time({metric.name}[{lookback}])"


def sum_by(labels: tuple[str, ...], vector: str) -> str:
    """Return the sum over all other labels: that of all replicas and workers."""
    return f"sum by ({', '.join(labels)}) ({vector})"


def max_by(labels: tuple[str, ...], vector: str) -> str:
    """Return the maximum over all other labels: one value where every replica exports the same."""
    return f"max by ({', '.join(labels)}) ({vector})"


def net(counted: str, retracted: str) -> str:
    """Return what was counted less what was taken back of it, where anything was; never below 0.

    Examples
    --------
    >>> net("a", "b")
    'clamp_min(a - b or a, 0)'
    """
    return f"clamp_min({counted} - {retracted} or {counted}, 0)"


def text(expression: str) -> str:
    r"""Return an expression as it is written in a rule file: the source's indentation taken away.

    Examples
    --------
    >>> text('''
    ...     a
    ...       / b''')
    'a\n  / b\n'
    >>> text("a / b")
    'a / b'
    """
    dedented = textwrap.dedent(expression).strip()
    return f"{dedented}\n" if "\n" in dedented else dedented


def quote_regex(values: Iterable[str]) -> str:
    r"""Quote a regular expression, of Prometheus or Alertmanager, for any of some texts.

    Examples
    --------
    >>> print(quote_regex(["b", "a.c"]))
    "b|a\\.c"
    """
    return quote("|".join(_SPECIAL.sub(r"\\\g<0>", value) for value in values))


#: Python's own escaping writes before signs (#, -, ~) that Go's expressions take no backslash for.
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
