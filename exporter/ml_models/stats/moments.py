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


def correlation_pvalue(reference: Moments, live: Moments) -> float | None:
    """Return how likely chance alone is to change some correlation as much as the one that changed most.

    Fisher's transform makes a correlation of a sample normal with variance ``1 / (n - 3)``. The smallest p-value is
    multiplied by the number of pairs (Bonferroni). Strictly it holds for normal data; heavy tails vary more, so a
    verdict needs a change of some size too.

    Returns
    -------
    float or None
        None with fewer than four rows on a side, or where no pair varies on both.

    Source: R. A. Fisher, "On the Probable Error of a Coefficient of Correlation Deduced from a Small Sample", 1921.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> reference = Moments.of(rng.normal(size=(500, 2)))
    >>> live = rng.normal(size=(500, 1)) + 0.3 * rng.normal(size=(500, 2))
    >>> correlation_pvalue(reference, Moments.of(live, reference.centre)) < 1e-9
    True
    """
    from scipy.special import ndtr  # noqa: PLC0415 - SciPy costs 0.1 s at import

    if min(reference.rows, live.rows) < 4:
        return None
    places = np.triu_indices(len(reference.centre), k=1)
    both = reference.correlation[places], live.correlation[places]
    known = ~np.isnan(both[0] + both[1])
    if not known.any():
        return None
    # Of correlations of 1 the transform is infinite.
    apart = np.abs(np.subtract(*(np.arctanh(np.clip(side[known], -_NEAR_ONE, _NEAR_ONE)) for side in both)))
    largest = apart.max() / np.sqrt(1 / (reference.rows - 3) + 1 / (live.rows - 3))
    return float(min(1.0, 2 * ndtr(-largest) * np.count_nonzero(known)))


_NEAR_ONE = 1 - 1e-9


def frechet_pvalue(reference: Moments, live: Moments) -> float | None:
    """Return how likely chance alone is to make the Frechet distance as large as it is.

    To second order the squared distance of two samples of one normal distribution is a weighted sum of chi-square
    variables, with the eigenvalues ``v`` of its covariance: ``v_i`` for the means, ``v_i / 2`` for the variances and
    ``v_i v_j / (v_i + v_j)`` for each pair, times ``1/n + 1/m``. A scaled chi-square distribution of the same mean and
    variance is used. Features are scaled as by :func:`frechet`.

    Returns
    -------
    float or None
        None where the distance is undefined.

    Source: for the second order, R. Bhatia, T. Jain and Y. Lim, "On the Bures-Wasserstein Distance between Positive
    Definite Matrices", 2019; for the sum, F. E. Satterthwaite, 1946.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> reference = Moments.of(rng.normal(size=(500, 3)))
    >>> shifted = Moments.of(rng.normal(size=(500, 3)) + [0.0, 0.0, 0.5], reference.centre)
    >>> frechet_pvalue(reference, reference), frechet_pvalue(reference, shifted) < 1e-9
    (1.0, True)
    """
    from scipy.special import chdtrc  # noqa: PLC0415 - as above

    distance = frechet(reference, live)
    if distance is None:
        return None
    spread = reference.deviation
    kept = spread > 0
    scaled = reference.covariance[np.ix_(kept, kept)] / np.outer(spread[kept], spread[kept])
    values = np.maximum(np.linalg.eigvalsh(scaled), 1e-12)
    first, second = np.triu_indices(len(values), k=1)
    pairs = values[first] * values[second] / (values[first] + values[second])
    weights = (1 / reference.rows + 1 / live.rows) * np.concatenate([values, values / 2, pairs])
    scale = np.sum(weights**2) / np.sum(weights)
    return float(chdtrc(np.sum(weights) / scale, distance**2 / scale))


@dataclass(frozen=True, slots=True)
class Multivariate:
    """How several features together differ from the reference; None where undefined.

    Attributes
    ----------
    rows, incomplete : int
        Live rows that are summed, and those left out for a missing value.
    correlation : CorrelationChange
    correlation_pvalue, frechet_pvalue : float or None
    frechet : float or None
    """

    rows: int
    incomplete: int
    correlation: CorrelationChange
    correlation_pvalue: float | None
    frechet: float | None
    frechet_pvalue: float | None


def multivariate(reference: Moments, live: Moments) -> Multivariate:
    """Return everything that the moments of both sides say of their difference.

    Examples
    --------
    >>> reference = Moments.of([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    >>> found = multivariate(reference, reference)
    >>> found.rows, round(found.frechet, 6), found.correlation.largest
    (3, 0.0, 0.0)
    """
    return Multivariate(
        live.rows,
        live.incomplete,
        correlation_change(reference, live),
        correlation_pvalue(reference, live),
        frechet(reference, live),
        frechet_pvalue(reference, live),
    )
