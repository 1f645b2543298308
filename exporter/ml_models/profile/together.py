"""How the numeric features of a reference go together: its second moments, kept only where they are asked for."""

from __future__ import annotations

import sys
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.errors import ProfileError
from ml_models.profile.cells import to_floats
from ml_models.profile.features import FeatureProfile
from ml_models.profile.ingest import Columns, absent
from ml_models.stats.moments import Moments

#: Features whose products are summed at most: 5,050 sums, 54 kB in a profile.
MAX_FEATURES = 100

#: Interquartile ranges from the median within which values are taken as they are.
REACH = 5.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MomentProfile:
    """Second moments of a reference's numeric features, and how values are taken for them.

    Values farther from the median than :data:`REACH` interquartile ranges, of a normal distribution 6.7 deviations,
    count as if they were there. So one absurd value cannot decide alone what all others look like, and the few farthest
    values of a heavy tail do not make a change by chance.

    Attributes
    ----------
    names : tuple of str
    low, high : array of shape (n_features,)
    moments : Moments
    """

    names: tuple[str, ...]
    low: Floats
    high: Floats
    moments: Moments

    @classmethod
    def fit(cls, tables: Iterable[Columns], features: Sequence[FeatureProfile]) -> MomentProfile:
        """Return the moments of a reference whose columns have been profiled.

        Raises
        ------
        ProfileError
            If there are too few numeric features, or too many.
        """
        numeric = [f for f in features if f.role == "feature" and f.kind == "numeric" and f.edges]
        if not 2 <= len(numeric) <= MAX_FEATURES:
            raise ProfileError(
                f"reference: multivariate: found {len(numeric)} numeric features; it takes 2 to {MAX_FEATURES}: "
                "ignore columns, or leave multivariate out"
            )
        centre, low, high = np.array([_reach(feature) for feature in numeric]).T
        made = cls(tuple(f.name for f in numeric), low, high, Moments.of(np.empty((0, len(numeric))), centre))
        moments = made.moments
        for table in tables:
            moments += made.of(table)
        return cls(made.names, low, high, moments)

    def without(self, names: Collection[str]) -> MomentProfile | None:
        """Return it without some features; None if fewer than two are left."""
        kept = np.array([place for place, name in enumerate(self.names) if name not in names], dtype=np.intp)
        if len(kept) < 2:
            return None
        old = self.moments
        moments = Moments(old.centre[kept], old.rows, old.incomplete, old.sums[kept], old.products[np.ix_(kept, kept)])
        return MomentProfile(tuple(self.names[i] for i in kept), self.low[kept], self.high[kept], moments)

    def of(self, table: Columns) -> Moments:
        """Return the moments of a table, about the same centre."""
        return self.summed(np.array([to_floats(table.by_name.get(n, absent(table.rows)))[0] for n in self.names]))

    def summed(self, columns: Floats) -> Moments:
        """Return the moments of columns of shape ``(n_features, n_rows)``; infinity counts as missing."""
        kept = np.where(np.isfinite(columns), np.clip(columns.T, self.low, self.high).T, np.nan)
        return Moments.of(kept.T, self.moments.centre)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MomentProfile) and self.encoded() == other.encoded()

    def __hash__(self) -> int:
        return hash(self.names)

    def encoded(self) -> dict[str, Any]:
        """Return it as values for JSON; of the products one half, the other is the same."""
        moments = self.moments
        above = np.triu_indices(len(self.names))
        arrays = {
            "low": self.low, "high": self.high, "centre": moments.centre, "sums": moments.sums,
            "products": moments.products[above],
        }  # fmt: skip
        packed = {name: b64encode(array.astype("<f8").tobytes()).decode() for name, array in arrays.items()}
        return {"names": list(self.names), "rows": moments.rows, "incomplete": moments.incomplete, **packed}

    @classmethod
    def decoded(cls, entry: Mapping[str, Any]) -> MomentProfile:
        """Return what :meth:`encoded` wrote; KeyError, TypeError or ValueError if it is damaged."""
        names = tuple(entry["names"])
        low, high, centre, sums, half = (
            np.frombuffer(b64decode(entry[name]), "<f8").astype(np.float64)
            for name in ("low", "high", "centre", "sums", "products")
        )
        products = np.zeros((len(names), len(names)))
        products[np.triu_indices(len(names))] = half
        products += np.triu(products, k=1).T
        return cls(names, low, high, Moments(centre, entry["rows"], entry["incomplete"], sums, products))


def _reach(feature: FeatureProfile) -> tuple[float, float, float]:
    """Return about which value a feature's are summed, and between which they are taken as they are."""
    cumulative = np.cumsum(feature.counts)
    places = np.searchsorted(cumulative, np.array([0.25, 0.5, 0.75]) * cumulative[-1])
    lower, middle, upper = (feature.edges[min(place, len(feature.edges) - 1)] for place in places)
    # Halves first: the range of values can be twice the largest float.
    half = REACH * (upper / 2 - lower / 2)
    if half == 0:  # most values are the same one
        return middle, feature.edges[0], feature.edges[-1]
    return middle, max(middle - half - half, -sys.float_info.max), min(middle + half + half, sys.float_info.max)
