"""What both monitors check of their arguments, and how they take a reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ml_models.catalog import SIGNALS
from ml_models.errors import ConfigError
from ml_models.profile.reference import ReferenceProfile
from ml_models.stats.drift import METHODS
from ml_models.stats.quality import DIMENSIONS


def faults(given: Mapping[str, Any], positive: Iterable[str], thresholds: Iterable[str]) -> list[str]:
    """Return what is wrong with arguments: numbers that must be above 0, the drift method, weights, names of signals.

    Examples
    --------
    >>> faults({"window": 0, "drift_method": "psi", "quality_weights": None}, ["window"], [])
    ['window: found 0; a number above 0']
    """
    found = [f"{name}: found {given[name]!r}; a number above 0" for name in positive if not given[name] > 0]
    if given["drift_method"] not in METHODS:
        found.append(f"drift_method: unknown {given['drift_method']!r}; choose from {', '.join(sorted(METHODS))}")
    found += [
        f"quality_weights: {name!r}: found {weight!r}; give {', '.join(DIMENSIONS)} numbers of 0 or more"
        for name, weight in (given["quality_weights"] or {}).items()
        if name not in DIMENSIONS or not weight >= 0
    ]
    return found + [
        f"alert_thresholds: unknown signal {signal!r}; choose from {', '.join(SIGNALS)}"
        for signal in thresholds
        if signal not in SIGNALS
    ]


def as_reference(reference: Any, *, multivariate: bool = False) -> ReferenceProfile | None:
    """Return the profile that is given, that a ``.json`` file holds, or that data have.

    Raises
    ------
    ConfigError
        If it is to have the moments of several features and was made without.
    """
    made: ReferenceProfile | None = None
    if isinstance(reference, ReferenceProfile):
        made = reference
    elif isinstance(reference, str | Path) and str(reference).endswith(".json"):
        made = ReferenceProfile.load(reference)
    elif reference is not None:
        return ReferenceProfile.fit(reference, multivariate=multivariate)
    if multivariate and (made is None or made.together is None):
        found = "no reference" if made is None else "a reference without it"
        remedy = "make one with `mlmon profile --multivariate`"
        raise ConfigError("ModelMonitor", [f"multivariate: found {found}; {remedy}"])
    return made
