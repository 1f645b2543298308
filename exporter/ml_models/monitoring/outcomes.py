"""Outcomes: what predictions and their labels, together, add to a tally."""

from __future__ import annotations

import numpy as np

from ml_models.monitoring.held import Actual, Held
from ml_models.profile.outcomes import add_numbers, add_scored
from ml_models.profile.tally import Tally


def count_outcomes(tally: Tally, actual: Actual, held: Held, positive: int | None) -> None:
    """Add predictions and their labels, row by row, to a tally.

    Parameters
    ----------
    tally : Tally
    actual : Actual
    held : Held
    positive : int or None
        Slot of the positive class, which single scores are about.

    Notes
    -----
    Only ever adds. What a corrected label takes back is counted by this same function, into a tally of its own, which
    :meth:`~ml_models.collectors.windows.SlidingWindow.retract` then subtracts from the window and sums up apart: an
    exported counter never goes down.

    Examples
    --------
    >>> from ml_models.profile.tally import Layout
    >>> tally = Tally(Layout.of(None))
    >>> count_outcomes(tally, Actual(np.array([1, 0, -1]), np.full(3, np.nan)), Held.of(np.array([1, 1, 0])), 1)
    >>> tally.outcomes[:2, :2].tolist()
    [[0, 1], [0, 1]]
    """
    known = (actual.codes >= 0) & (held.codes >= 0)
    np.add.at(tally.outcomes, (actual.codes[known], held.codes[known]), 1)
    add_scored(tally, actual.codes, held.codes, held.values, positive)
    add_numbers(tally, actual.values, held.values[:, 0])
