"""Second moments of several features at once, as sums that add: how features go together, and whether that changed.

A change of correlation moves no single feature's distribution, so no score per feature shows it. The sums need the rows
themselves once, d x d numbers after that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over the rows of numeric features.

    Sums are of the values less ``centre``, the reference's means. Those of the raw values would lose all digits where
    the mean is large beside the spread, as that of a timestamp is.

    Attributes
    ----------
    centre : array of shape (n_features,)
    rows : int
        Rows that are summed: those in which every value is finite.
    incomplete : int
        Rows that are left out.
    sums : array of shape (n_features,)
    products : array of shape (n_features, n_features)

    Examples
    --------
    >>> reference = Moments.of([[1.0, 2.0], [3.0, 6.0], [np.nan, 0.0]])
    >>> reference.rows, reference.incomplete, reference.mean, reference.covariance
    (2, 1, array([2., 4.]), array([[2., 4.],
           [4., 8.]]))
    >>> both = reference + Moments.of([[5.0, 4.0]], reference.centre)
    >>> both.rows, both.mean
    (3, array([3., 4.]))
    """

    centre: Floats
    rows: int
    incomplete: int
    sums: Floats
    products: Floats

    @classmethod
    def of(cls, rows: ArrayLike, centre: ArrayLike | None = None) -> Moments:
        """Return the moments of rows.

        Parameters
        ----------
        rows : array_like of shape (n_rows, n_features)
        centre : array_like of shape (n_features,), optional
            The reference's; default the mean of these rows, which makes them the reference.

        Raises
        ------
        ValueError
            If rows are not a table, or not as wide as the centre.
        """
        table = np.asarray(rows, dtype=np.float64)
        if table.ndim != 2:
            raise ValueError(f"rows: found {table.ndim} dimensions; give a table of shape (n_rows, n_features)")
        whole = table[np.isfinite(table).all(axis=1)]
        if centre is None:
            middle = whole.mean(axis=0) if len(whole) else np.zeros(table.shape[1])
        else:
            middle = np.array(centre, dtype=np.float64)
        if middle.shape != table.shape[1:]:
            raise ValueError(f"rows: found {table.shape[1]} features; the centre has {middle.size}")
        moved = whole - middle
        return cls(middle, len(whole), len(table) - len(whole), moved.sum(axis=0), moved.T @ moved)

    def __add__(self, other: Moments) -> Moments:
        if not np.array_equal(self.centre, other.centre):
            raise ValueError("moments of different centres do not add; sum both about the reference's centre")
        return Moments(
            self.centre,
            self.rows + other.rows,
            self.incomplete + other.incomplete,
            self.sums + other.sums,
            self.products + other.products,
        )

    @property
    def mean(self) -> Floats:
        """Means of the features; NaN without rows."""
        return self.centre + self._offset

    @property
    def _offset(self) -> Floats:
        return self.sums / self.rows if self.rows else np.full(self.centre.shape, np.nan)

    @property
    def covariance(self) -> Floats:
        """Unbiased covariances; NaN with fewer than two rows."""
        if self.rows < 2:
            return np.full(self.products.shape, np.nan)
        covariance: Floats = (self.products - np.outer(self.sums, self._offset)) / (self.rows - 1)
        return covariance

    @property
    def deviation(self) -> Floats:
        """Standard deviations; 0 for a feature that does not vary by more than its mean is rounded."""
        spread: Floats = np.sqrt(np.maximum(np.diagonal(self.covariance), 0))
        spread[spread <= 4 * np.spacing(np.abs(self.mean))] = 0.0
        return spread

    @property
    def correlation(self) -> Floats:
        """Pearson's correlations; NaN for a feature that does not vary.

        Examples
        --------
        >>> Moments.of([[1.0, 2.0, 7.0], [3.0, 6.0, 7.0], [5.0, 1.0, 7.0]]).correlation.round(3)
        array([[ 1.   , -0.189,    nan],
               [-0.189,  1.   ,    nan],
               [   nan,    nan,    nan]])
        """
        scale = np.outer(self.deviation, self.deviation)
        ratio: Floats = np.divide(self.covariance, scale, out=np.full(scale.shape, np.nan), where=scale > 0)
        clipped: Floats = np.clip(ratio, -1.0, 1.0)
        return clipped


@dataclass(frozen=True, slots=True)
class CorrelationChange:
    """Change of the correlations; None where no pair of features varies on both sides.

    ``frobenius`` is the root of the sum of squares over the whole matrix, ``largest`` the largest absolute change, that
    of the features ``pair``.
    """

    frobenius: float | None
    largest: float | None
    pair: tuple[int, int] | None


def correlation_change(reference: Moments, live: Moments) -> CorrelationChange:
    """Return how far the correlations of the live rows are from the reference's.

    Examples
    --------
    >>> reference = Moments.of([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    >>> live = Moments.of([[0.0, 2.0], [1.0, 1.0], [2.0, 0.0]], reference.centre)
    >>> change = correlation_change(reference, live)
    >>> round(change.largest, 4), change.pair, round(change.frobenius, 4)
    (2.0, (0, 1), 2.8284)
    """
    change = np.abs(live.correlation - reference.correlation)
    above = np.triu(change, k=1)
    pairs = np.triu(~np.isnan(change), k=1)
    if not pairs.any():
        return CorrelationChange(None, None, None)
    place = int(np.argmax(np.where(pairs, above, -1.0)))
    first, second = divmod(place, len(change))
    frobenius = float(np.sqrt(2 * np.sum(above[pairs] ** 2)))
    return CorrelationChange(frobenius, float(above[first, second]), (first, second))


def frechet(reference: Moments, live: Moments, *, scaled: bool = True) -> float | None:
    """Return the Frechet distance of the two normal distributions that have these means and covariances.

    Its square is ``|a - b|**2 + trace(A + B - 2 (A B)**(1/2))``. It is the Wasserstein distance of order 2 if the data
    are normal.

    Parameters
    ----------
    reference, live : Moments
    scaled : bool
        Divide each feature by the reference's standard deviation, without which the feature with the largest unit
        decides alone. A feature that does not vary in the reference is then left out.

    Returns
    -------
    float or None
        None with fewer than two rows on a side or no feature left.

    Source: D. C. Dowson and B. V. Landau, "The Frechet Distance between Multivariate Normal Distributions", 1982.

    Examples
    --------
    >>> reference = Moments.of([[-1.0], [0.0], [1.0]])
    >>> frechet(reference, Moments.of([[1.0], [3.0], [5.0]], reference.centre)), (3**2 + (2 - 1) ** 2) ** 0.5
    (3.1622776601683795, 3.1622776601683795)
    """
    if min(reference.rows, live.rows) < 2:
        return None
    apart, a, b = live.mean - reference.mean, reference.covariance, live.covariance
    if scaled:
        spread = reference.deviation
        kept = spread > 0
        apart, scale = apart[kept] / spread[kept], np.outer(spread[kept], spread[kept])
        a, b = a[np.ix_(kept, kept)] / scale, b[np.ix_(kept, kept)] / scale
    if not len(apart):
        return None
    # With the symmetric root of A the product under the root is symmetric too: its eigenvalues are real.
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0)).sum()
    return float(np.sqrt(max(apart @ apart + np.trace(a) + np.trace(b) - 2 * shared, 0.0)))
