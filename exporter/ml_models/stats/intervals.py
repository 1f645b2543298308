"""Confidence intervals, 95 % unless told otherwise."""

from __future__ import annotations

from math import exp, log, sqrt

#: Two-sided 95 %.
Z95 = 1.959963984540054

#: Lower and upper end; None where undefined.
Interval = tuple[float, float] | None


def wilson(successes: float, trials: float, z: float = Z95) -> Interval:
    """Return Wilson's score interval of a proportion, or None without trials.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.

    Examples
    --------
    >>> [round(bound, 4) for bound in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    if trials <= 0:
        return None
    share = min(max(successes / trials, 0.0), 1.0)
    centre = share + z * z / (2 * trials)
    half = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def logit(share: float, variance: float, z: float = Z95) -> Interval:
    """Return the interval of a share in (0, 1) with a known variance, symmetric in its log-odds.

    It never leaves (0, 1), as ``share +- z * deviation`` does near the ends. None at 0 and 1, where log-odds end.

    Examples
    --------
    >>> [round(bound, 4) for bound in logit(0.9, 0.03**2)]
    [0.824, 0.9453]
    """
    if not 0 < share < 1 or variance < 0:
        return None
    middle, half = log(share / (1 - share)), z * sqrt(variance) / (share * (1 - share))
    return _logistic(middle - half), _logistic(middle + half)


def normal(value: float, variance: float, *, low: float | None = None, high: float | None = None) -> Interval:
    """Return ``value +- 1.96 deviations``, cut at the ends of the range.

    Examples
    --------
    >>> [round(bound, 2) for bound in normal(0.5, 0.01, low=0.0)]
    [0.3, 0.7]
    """
    half = Z95 * sqrt(max(variance, 0.0))
    lower, upper = value - half, value + half
    return (lower if low is None else max(low, lower)), (upper if high is None else min(high, upper))


def _logistic(odds: float) -> float:
    return 1 / (1 + exp(-odds)) if odds >= 0 else exp(odds) / (1 + exp(odds))
