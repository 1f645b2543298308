"""Compress the time of generated files, so that the real rules run against data whose hours pass in seconds.

Every duration is divided by a factor: those of the configuration and the ranges inside PromQL. Names stay, so a
series called ``...increase1h`` then covers a shorter time: an hour of the compressed data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from ml_models.mixin.alertmanager import REPEAT_TO_GROUP
from ml_models.mixin.promql import duration, seconds
from ml_models.mixin.yamltext import dump

#: A range covers at least this many of the shortest scrapes: with fewer, ``rate`` has nothing to compare.
SCRAPES_PER_RANGE = 4

_DURATION_KEYS = frozenset({
    "for", "keep_firing_for", "interval", "scrape_interval", "scrape_timeout", "evaluation_interval",
    "refresh_interval", "group_wait", "group_interval", "repeat_interval", "resolve_timeout",
})  # fmt: skip

_LENGTH = r"(?:\d+(?:ms|[smhdwy]))+"
#: Quoted text is matched first, and left alone: a label value may look like a range.
_LENGTHS = re.compile(
    r"""(?P<quoted>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)"""
    rf"""|\[\s*(?P<range>{_LENGTH})\s*(?P<subquery>:)?\s*(?P<step>{_LENGTH})?\s*\]"""
    rf"""|(?P<offset>\boffset\s+-?)(?P<shift>{_LENGTH})"""
)


def scale(document: dict[str, Any] | str, factor: float, minimum: float = 1.0) -> str:
    """Return a rule file, ``prometheus.yml`` or ``alertmanager.yml`` with its time compressed.

    Parameters
    ----------
    document : dict or str
        The file's content, parsed or as YAML.
    factor : float
        By which time is compressed: 300 makes an hour of 12 seconds.
    minimum : float
        Shortest duration in seconds; what is 0 stays 0. A range in PromQL is at least four times as long.
        A repeat interval may be shorter, as it must stay below its group interval: equal to it,
        Alertmanager would skip every second repetition.

    Raises
    ------
    ValueError
        If the factor or the minimum is not above 0, or the document is no mapping.

    Examples
    --------
    >>> print(scale("groups: [{name: g, interval: 1m, rules: [{record: x, expr: 'increase(y[1h])'}]}]", 300), end="")
    # Time compressed by a factor of 300; do not edit.
    groups:
      - name: g
        interval: 1s
        rules:
          - record: x
            expr: increase(y[12s])
    """
    if factor <= 0 or minimum <= 0:
        raise ValueError(f"factor {factor:g} and minimum {minimum:g} must both be above 0")
    parsed = yaml.safe_load(document) if isinstance(document, str) else document
    if not isinstance(parsed, dict):
        raise ValueError("the document is not a YAML mapping; give a rule file, prometheus.yml or alertmanager.yml")  # noqa: TRY004 (the text is wrong, not the caller's type)

    time = _Compression(factor, minimum)
    scaled = time.document(parsed)
    if "route" in scaled:
        _repeat_below_group(scaled["route"], group_interval="", repeat_interval="")
    return dump(scaled, f"Time compressed by a factor of {factor:g}; do not edit.")


@dataclass(frozen=True, slots=True)
class _Compression:
    factor: float
    minimum: float

    def length(self, length: str, floor: float) -> str:
        original = seconds(length)
        # The floor must not lengthen what was shorter from the start.
        return duration(max(original / self.factor, min(floor, original)))

    def document(self, node: Any) -> Any:
        if isinstance(node, dict):
            return {key: self.entry(key, value) for key, value in node.items()}
        return [self.document(item) for item in node] if isinstance(node, list) else node

    def entry(self, key: str, value: Any) -> Any:
        if key in _DURATION_KEYS:
            return self.length(value, self.minimum)
        return _LENGTHS.sub(self.promql, value) if key == "expr" else self.document(value)

    def promql(self, match: re.Match[str]) -> str:
        if match["quoted"]:
            return match["quoted"]
        if match["shift"]:
            return match["offset"] + self.length(match["shift"], self.minimum)
        step = self.length(match["step"], self.minimum) if match["step"] else ""
        return f"[{self.length(match['range'], SCRAPES_PER_RANGE * self.minimum)}{match['subquery'] or ''}{step}]"


def _repeat_below_group(route: dict[str, Any], group_interval: str, repeat_interval: str) -> None:
    """Make every repeat interval differ from its group interval; both are inherited from the route above."""
    group_interval = route.get("group_interval", group_interval)
    repeat_interval = route.get("repeat_interval", repeat_interval)
    if group_interval and repeat_interval == group_interval:
        repeat_interval = route["repeat_interval"] = duration(REPEAT_TO_GROUP * seconds(group_interval))
    for child in route.get("routes", []):
        _repeat_below_group(child, group_interval, repeat_interval)
