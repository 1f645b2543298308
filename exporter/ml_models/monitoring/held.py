"""What is kept of predictions until their label comes, and what a label says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Held:
    """Predictions, a row each.

    Attributes
    ----------
    codes : int64 array of shape (n,)
        Class slots; -1 where there is none, as in a regression.
    values : float64 array of shape (n, width)
        What the model gave as a number, NaN where there is none. Width 1: the positive class's score, or the number
        that a regression predicted. Else a probability per class slot, at most ``MAX_CLASSES`` of them.
    segments : int32 array of shape (n,)
        Segments; 0 where there is none.

    Examples
    --------
    >>> held = Held.of(np.array([1, 0]), np.array([[0.9], [0.2]]))
    >>> len(held), held[[1]].values.tolist(), held.segments.tolist()
    (2, [[0.2]], [0, 0])
    """

    codes: NDArray[np.int64]
    values: NDArray[np.float64]
    segments: NDArray[np.int32]

    @classmethod
    def of(
        cls,
        codes: NDArray[np.int64],
        values: NDArray[np.float64] | None = None,
        segments: NDArray[np.int32] | None = None,
    ) -> Self:
        """Return predictions of which only a part is known."""
        return cls(
            codes,
            np.full((len(codes), 1), np.nan) if values is None else values,
            np.zeros(len(codes), dtype=np.int32) if segments is None else segments,
        )

    @classmethod
    def joined(cls, parts: Sequence[Held]) -> Held:
        """Return the rows of all parts, as wide as the widest.

        Examples
        --------
        >>> Held.joined([Held.of(np.array([1])), Held.of(np.array([0]), np.array([[0.5, 0.5]]))]).values.tolist()
        [[nan, nan], [0.5, 0.5]]
        """
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return Held.of(np.zeros(0, dtype=np.int64))
        width = max(part.values.shape[1] for part in parts)
        pads = [((0, 0), (0, width - part.values.shape[1])) for part in parts]
        return Held(
            np.concatenate([part.codes for part in parts]),
            np.concatenate(
                [np.pad(part.values, pad, constant_values=np.nan) for part, pad in zip(parts, pads, strict=True)]
            ),
            np.concatenate([part.segments for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Held:
        return Held(self.codes[rows], self.values[rows], self.segments[rows])


@dataclass(frozen=True, slots=True)
class Actual:
    """Labels, a row each.

    Attributes
    ----------
    codes : int64 array of shape (n,)
        Class slots; -1 in a regression.
    values : float64 array of shape (n,)
        The numbers of a regression; NaN in a classification.
    """

    codes: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Actual:
        return Actual(self.codes[rows], self.values[rows])


@dataclass(frozen=True, slots=True)
class Joined:
    """Labels that found their prediction and count.

    Attributes
    ----------
    held : Held
        The predictions.
    actual : Actual
        Their labels.
    lags : float64 array of shape (n,)
        Seconds from the prediction to the label.
    labels : list
        The labels as text.
    """

    held: Held
    actual: Actual
    lags: NDArray[np.float64]
    labels: list[str]

    def __len__(self) -> int:
        return len(self.lags)


@dataclass(frozen=True, slots=True)
class Corrected:
    """Labels that take the place of another one.

    Attributes
    ----------
    joined : Joined
        As if they were the first.
    previous : Actual
        The labels until now.
    counted : float64 array of shape (n,)
        When these were counted, on the clock that the ledger is given.
    """

    joined: Joined
    previous: Actual
    counted: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.counted)
