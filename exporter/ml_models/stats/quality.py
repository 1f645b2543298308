"""Data quality: dimensions and score from counts.

Each dimension is a ratio in [0, 1]; the score is their weighted mean over those that apply.

- completeness: share of cells that are not missing;
- validity: share of present cells that have the right type and lie in the reference's range or categories;
- schema: share of rows with every expected column and none that is not;
- timeliness, where an age is configured: see :func:`timeliness`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quality:
    """Dimensions by name and their mean; None where nothing was seen."""

    score: float | None
    dimensions: dict[str, float | None]


def quality(
    *,
    cells: int,
    missing: int,
    invalid: int,
    out_of_range: int,
    rows: int,
    faulty_rows: int,
    timely: float | None = None,
    weights: Mapping[str, float] | None = None,
) -> Quality:
    """Return the quality of a window.

    Parameters
    ----------
    cells, missing, invalid, out_of_range : int
        Over all features; ``missing`` and ``invalid`` exclude each other.
    rows, faulty_rows : int
        Rows seen, and those with a missing or unexpected column.
    timely : float, optional
        The timeliness; without it that dimension does not apply.
    weights : mapping, optional
        Weight per dimension; equal by default.

    Examples
    --------
    >>> result = quality(cells=100, missing=10, invalid=0, out_of_range=9, rows=10, faulty_rows=0)
    >>> result.dimensions
    {'completeness': 0.9, 'validity': 0.9, 'schema': 1.0}
    >>> round(result.score, 4)
    0.9333
    """
    present = cells - missing
    dimensions: dict[str, float | None] = {
        "completeness": 1 - missing / cells if cells else None,
        "validity": 1 - (invalid + out_of_range) / present if present else None,
        "schema": 1 - faulty_rows / rows if rows else None,
    }
    if timely is not None:
        dimensions["timeliness"] = timely
    weighted = [((weights or {}).get(name, 1.0), value) for name, value in dimensions.items() if value is not None]
    total = sum(weight for weight, _ in weighted)
    return Quality(sum(weight * value for weight, value in weighted) / total if total else None, dimensions)


def timeliness(age: float, allowed: float) -> float:
    """Return 1 for data inside the allowed age, falling linearly to 0 at twice that age.

    Parameters
    ----------
    age, allowed : float
        Seconds.

    Examples
    --------
    >>> [timeliness(age, 60.0) for age in (0.0, 60.0, 90.0, 120.0, 999.0)]
    [1.0, 1.0, 0.5, 0.0, 0.0]
    """
    return min(1.0, max(0.0, 2.0 - age / allowed))
