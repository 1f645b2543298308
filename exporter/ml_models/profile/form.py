"""The written form of a column's profile: all that is needed to have it back exactly, in few characters.

What is empty is left out. Whole numbers have no fraction, coarse edges are places among the fine ones, an edge just
below the next one is null, and the hashes of rare categories are packed.
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ml_models.profile.allowed import Allowed
from ml_models.profile.features import FeatureProfile


def encoded(feature: FeatureProfile) -> dict[str, Any]:
    """Return a column's profile as values for JSON.

    Examples
    --------
    >>> encoded(FeatureProfile("x", "feature", "numeric", 9, 0, 0, (2, 6, 1), (3.5, 4.0), (4.0,), 1.0, 5.0))
    {'name': 'x', 'kind': 'numeric', 'rows': 9, 'counts': [2, 6, 1], 'edges': [3.5, 4], 'coarse': [1], 'range': [1, 5]}
    """
    edges = feature.edges
    places = {edge: place for place, edge in enumerate(edges)}
    entry = {
        "name": feature.name,
        "role": "" if feature.role == "feature" else feature.role,
        "kind": feature.kind,
        "rows": feature.rows,
        "missing": feature.missing,
        "invalid": feature.invalid,
        "counts": list(feature.counts),
        "edges": [
            None if place + 1 < len(edges) and math.nextafter(edges[place + 1], -math.inf) == edge else _short(edge)
            for place, edge in enumerate(edges)
        ],
        "coarse": [places[edge] for edge in feature.coarse_edges],
        "range": None if feature.minimum is None else [_short(feature.minimum), _short(feature.maximum)],
        "categories": list(feature.categories),
        "others": b64encode(bytes.fromhex("".join(feature.others))).decode(),
        "allowed": None if feature.allowed is None else _filled(asdict(feature.allowed)),
    }
    always = ("name", "kind", "rows", "counts")
    return {key: value for key, value in entry.items() if key in always or value not in ("", 0, [], None)}


def decoded(entry: Mapping[str, Any]) -> FeatureProfile:
    """Return the profile that :func:`encoded` wrote.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is no such profile.
    """
    edges: list[float] = []
    for edge in reversed(entry.get("edges", ())):
        edges.append(math.nextafter(edges[-1], -math.inf) if edge is None else float(edge))
    edges.reverse()
    low, high = entry.get("range", (None, None))
    packed = b64decode(entry.get("others", "")).hex()
    allowed = entry.get("allowed")
    return FeatureProfile(
        name=entry["name"],
        role=entry.get("role", "feature"),
        kind=entry["kind"],
        rows=entry["rows"],
        missing=entry.get("missing", 0),
        invalid=entry.get("invalid", 0),
        counts=tuple(entry["counts"]),
        edges=tuple(edges),
        coarse_edges=tuple(edges[place] for place in entry.get("coarse", ())),
        minimum=None if low is None else float(low),
        maximum=None if high is None else float(high),
        categories=tuple(entry.get("categories", ())),
        others=tuple(packed[place : place + 8] for place in range(0, len(packed), 8)),
        allowed=None if allowed is None else _allowed(allowed),
    )


def _filled(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if value not in ("", (), None)}


def _allowed(entry: Mapping[str, Any]) -> Allowed:
    return Allowed(
        minimum=entry.get("minimum"),
        maximum=entry.get("maximum"),
        categories=tuple(entry.get("categories", ())),
        pattern=entry.get("pattern", ""),
    )


def _short(value: float | None) -> float | int | None:
    whole = (
        value is not None and value.is_integer() and abs(value) < 1e15 and (value != 0 or math.copysign(1, value) > 0)
    )
    return int(value) if whole and value is not None else value
