"""How a series is shown: its colour, line and unit, from a panel's field settings and their overrides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ml_models.mixin.dashboards.palette import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION
from ml_models.reports.formats import byte_size, compact, percent, seconds

#: Order in which series without a colour get theirs.
_CYCLE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, GREY)
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_RATES = {"cps": "", "pps": " packets", "Bps": ""}


@dataclass(frozen=True, slots=True)
class Look:
    """How one series is shown.

    Parameters
    ----------
    colour : str
        ``#rrggbb``, empty where the panel leaves it open.
    shades : bool
        Whether series of the same colour are told apart by lightness.
    dashed : bool
    unit : str
        Grafana's name of it.
    decimals : int, optional
    """

    colour: str = ""
    shades: bool = False
    dashed: bool = False
    unit: str = "none"
    decimals: int | None = None


def look(panel: Mapping[str, Any], name: str, ref_id: str = "") -> Look:
    """Return the look of a series by its name and query."""
    config = panel.get("fieldConfig") or {}
    defaults = config.get("defaults") or {}
    found = _with(
        Look(unit=defaults.get("unit") or "none", decimals=defaults.get("decimals")), "color", defaults.get("color")
    )
    for override in config.get("overrides") or ():
        if _matches(override.get("matcher") or {}, name, ref_id):
            for setting in override.get("properties") or ():
                found = _with(found, setting.get("id"), setting.get("value"))
    return found


def _with(found: Look, key: str | None, value: Any) -> Look:
    if key == "color" and isinstance(value, Mapping):
        fixed = value.get("fixedColor", "") if value.get("mode") in ("fixed", "shades") else ""
        return replace(found, colour=safe(fixed), shades=value.get("mode") == "shades")
    if key == "custom.lineStyle" and isinstance(value, Mapping):
        return replace(found, dashed=value.get("fill") == "dash")
    if key == "unit":
        return replace(found, unit=str(value))
    if key == "decimals" and isinstance(value, int):
        return replace(found, decimals=value)
    return found


def _matches(matcher: Mapping[str, Any], name: str, ref_id: str) -> bool:
    kind, wanted = matcher.get("id"), str(matcher.get("options", ""))
    if kind == "byName":
        return wanted == name
    if kind == "byFrameRefID":
        return wanted == ref_id
    if kind == "byRegexp":
        inner = re.fullmatch(r"/(.*)/[a-z]*", wanted, flags=re.DOTALL)
        return re.search(inner[1] if inner else wanted, name) is not None
    return False


def safe(colour: Any) -> str:
    """Return a colour if it is ``#rrggbb``, else nothing: dashboards may come from anybody.

    Examples
    --------
    >>> safe("#0072B2"), safe("dark-red"), safe('#"><script>')
    ('#0072B2', '', '')
    """
    return colour if isinstance(colour, str) and _COLOUR.fullmatch(colour) else ""


def colours(looks: list[Look]) -> list[str]:
    """Return a colour per series; those without one go through the palette, shades grow lighter.

    Examples
    --------
    >>> colours([Look("#000000", shades=True), Look("#000000", shades=True), Look(), Look("#009E73")])
    ['#000000', '#555555', '#0072B2', '#009E73']
    """
    found: list[str] = []
    seen: dict[str, int] = {}
    total = {one.colour: sum(other.colour == one.colour for other in looks) for one in looks}
    free = 0
    for one in looks:
        if not one.colour:
            found.append(_CYCLE[free % len(_CYCLE)])
            free += 1
        elif one.shades:
            place = seen.get(one.colour, 0)
            seen[one.colour] = place + 1
            found.append(_lighter(one.colour, place / max(total[one.colour], 1) * 2 / 3))
        else:
            found.append(one.colour)
    return found


def _lighter(colour: str, part: float) -> str:
    channels = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(channel + (255 - channel) * part):02x}" for channel in channels)


def shown(value: float | None, unit: str, decimals: int | None = None) -> str:
    """Return a value in one of Grafana's units.

    Examples
    --------
    >>> shown(0.0312, "percentunit", 1), shown(0.25, "s"), shown(1234.5, "cps"), shown(0.1234, "none", 3)
    ('3.1 %', '250 ms', '1,234/s', '0.123')
    """
    if value is None:
        return "-"
    if unit == "percentunit":
        return percent(value, 1 if decimals is None else decimals)
    if unit == "s":
        return seconds(value)
    if unit == "bytes":
        return byte_size(value)
    if unit == "Bps":
        return f"{byte_size(value)}/s"
    if unit in _RATES:
        return f"{compact(value)}{_RATES[unit]}/s"
    if decimals is None or value == int(value):
        return compact(value, 4)
    return f"{value:,.{decimals}f}" if abs(value) >= 10**-decimals else compact(value, 2)


def level(value: float, unit: str) -> str:
    """Return a level of an axis, with as many digits as it has.

    Examples
    --------
    >>> level(0.0025, "percentunit"), level(0.25, "s")
    ('0.25 %', '250 ms')
    """
    return f"{compact(value * 100)} %" if unit == "percentunit" else shown(value, unit)
