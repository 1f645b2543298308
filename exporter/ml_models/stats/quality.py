"""Data quality: dimensions and score from counts.

Each dimension is a ratio in [0, 1]; the score is their weighted mean over those that apply.

- completeness: share of cells that are not missing;
- validity: share of present cells that have the right type and lie in the range, categories or pattern allowed;
- schema: share of rows with every expected column and none that is not;
- uniqueness: share of rows that do not repeat an earlier one; of batches only, for live rows may repeat;
- timeliness: 1 up to an age, then falling to 0 at twice that age; of files and tables that should be renewed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: All dimensions, in the order in which they are shown.
DIMENSIONS = ("completeness", "validity", "schema", "uniqueness", "timeliness")


@dataclass(frozen=True, slots=True)
class Quality:
    """Dimensions by name and their mean; None where nothing was seen."""

    score: float | None
    dimensions: dict[str, float | None]


def completeness(cells: int, missing: int) -> float | None:
    """Return the share of cells that are not missing; None without cells.

    Examples
    --------
    >>> completeness(100, 10), completeness(0, 0)
    (0.9, None)
    """
    return 1 - missing / cells if cells else None


def validity(present: int, invalid: int) -> float | None:
    """Return the share of present cells that are as they may be; None without any.

    Examples
    --------
    >>> validity(90, 9)
    0.9
    """
    return 1 - invalid / present if present else None


def schema(rows: int, faulty: int) -> float | None:
    """Return the share of rows with exactly the expected columns; None without rows.

    Examples
    --------
    >>> schema(10, 1)
    0.9
    """
    return 1 - faulty / rows if rows else None


def uniqueness(rows: int, duplicates: int) -> float | None:
    """Return the share of rows that do not repeat an earlier one; None without rows.

    Parameters
    ----------
    rows : int
        Rows that were compared with each other.
    duplicates : int
        Those that are equal to one before them: of three equal rows, two.

    Examples
    --------
    >>> uniqueness(10, 2)
    0.8
    """
    return 1 - duplicates / rows if rows else None


def timeliness(age: float | None, max_age: float) -> float | None:
    """Return how fresh data is: 1 up to ``max_age``, falling linearly to 0 at twice that age.

    Parameters
    ----------
    age : float or None
        Seconds since the data was made; below 0, as of a clock that is ahead, counts as 0. None if unknown.
    max_age : float
        Seconds; above 0.

    Raises
    ------
    ValueError
        If ``max_age`` is not above 0.

    Examples
    --------
    >>> timeliness(3_600, 3_600), timeliness(5_400, 3_600), timeliness(9_000, 3_600), timeliness(None, 3_600)
    (1.0, 0.5, 0.0, None)
    """
    if not max_age > 0:
        raise ValueError(f"max_age: found {max_age!r}; give seconds above 0")
    return None if age is None else min(max(2 - age / max_age, 0.0), 1.0)


def quality(
    *,
    cells: int,
    missing: int,
    invalid: int,
    out_of_range: int,
    rows: int,
    faulty_rows: int,
    uniqueness: float | None = None,
    timeliness: float | None = None,
    weights: Mapping[str, float] | None = None,
) -> Quality:
    """Return the quality of a window.

    Parameters
    ----------
    cells, missing, invalid, out_of_range : int
        Over all features; ``missing`` and ``invalid`` exclude each other.
    rows, faulty_rows : int
        Rows seen, and those with a missing or unexpected column.
    uniqueness, timeliness : float, optional
        From the functions of that name, where they apply; a dimension that does not apply is left out.
    weights : mapping, optional
        Weight per dimension of :data:`DIMENSIONS`, 0 or more; equal by default.

    Examples
    --------
    >>> result = quality(cells=100, missing=10, invalid=0, out_of_range=9, rows=10, faulty_rows=0)
    >>> result.dimensions
    {'completeness': 0.9, 'validity': 0.9, 'schema': 1.0}
    >>> round(result.score, 4)
    0.9333
    >>> late = quality(cells=10, missing=0, invalid=0, out_of_range=0, rows=1, faulty_rows=0, timeliness=0.5)
    >>> late.score, late.dimensions["timeliness"]
    (0.875, 0.5)
    """
    dimensions = {
        "completeness": completeness(cells, missing),
        "validity": validity(cells - missing, invalid + out_of_range),
        "schema": schema(rows, faulty_rows),
    }
    dimensions |= {
        name: value for name, value in (("uniqueness", uniqueness), ("timeliness", timeliness)) if value is not None
    }
    return Quality(score(dimensions, weights), dimensions)


def score(dimensions: Mapping[str, float | None], weights: Mapping[str, float] | None = None) -> float | None:
    """Return the weighted mean of the dimensions that are defined; None if none is, or none has a weight.

    Examples
    --------
    >>> score({"completeness": 1.0, "schema": 0.5, "validity": None}), score({"schema": 0.5}, {"schema": 0.0})
    (0.75, None)
    """
    weighted = [((weights or {}).get(name, 1.0), value) for name, value in dimensions.items() if value is not None]
    total = sum(weight for weight, _ in weighted)
    return sum(weight * value for weight, value in weighted) / total if total else None
