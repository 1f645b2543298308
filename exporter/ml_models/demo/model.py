"""The model: it says which flights will arrive more than 15 minutes late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_models.demo.flights import CATEGORICAL, FEATURES, LATE, ON_TIME
from ml_models.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd

#: Share of the training months that the model learns from; the rest measures it.
TRAINING_SHARE = 0.7
_SEED = 0


@dataclass(frozen=True, slots=True)
class DelayModel:
    """Gradient boosting over hour, distance, carrier, airports and weather.

    Parameters
    ----------
    estimator : sklearn.ensemble.HistGradientBoostingClassifier
        Fitted on the matrix that :meth:`matrix` makes.
    categories : mapping of str to tuple of str
        What each categorical feature was in training; anything else counts as missing.
    """

    estimator: Any
    categories: Mapping[str, tuple[str, ...]]

    def predict(self, flights: pd.DataFrame | Mapping[str, Any]) -> NDArray[np.str_]:
        """Return ``late`` or ``on time`` for each flight of a frame, or for the one flight of a dict."""
        late = self.estimator.predict(_matrix(flights, self.categories))
        return np.where(late, LATE, ON_TIME)

    def late_probability(self, flights: pd.DataFrame | Mapping[str, Any]) -> NDArray[np.float64]:
        """Return each flight's probability to be late."""
        probabilities: NDArray[np.float64] = self.estimator.predict_proba(_matrix(flights, self.categories))[:, 1]
        return probabilities


@dataclass(frozen=True, slots=True)
class Trained:
    """A model with what it was trained on and how well it did.

    Parameters
    ----------
    model : DelayModel
    training : pandas.DataFrame
        The flights it learnt from, with their labels.
    held_out_accuracy : float
        On the flights of the same months that it did not see.
    """

    model: DelayModel
    training: pd.DataFrame
    held_out_accuracy: float


def train(flights: pd.DataFrame) -> Trained:
    """Train on 70 % of the flights and measure on the rest.

    Parameters
    ----------
    flights : pandas.DataFrame
        With a label each, see :func:`ml_models.demo.flights.training_flights`.

    Raises
    ------
    MissingExtraError
        If scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - optional dependency
    except ImportError:
        raise MissingExtraError("The demo's predictions", "scikit-learn", "demo") from None
    chosen = np.random.default_rng(_SEED).random(len(flights)) < TRAINING_SHARE
    training, held_out = flights[chosen], flights[~chosen]
    categories = {name: tuple(sorted(training[name].unique())) for name in CATEGORICAL}
    estimator = HistGradientBoostingClassifier(
        categorical_features=[FEATURES.index(name) for name in CATEGORICAL], random_state=_SEED
    )
    estimator.fit(_matrix(training, categories), training["label"].to_numpy() == LATE)
    model = DelayModel(estimator, categories)
    accuracy = float(np.mean(model.predict(held_out) == held_out["label"].to_numpy()))
    return Trained(model, training, accuracy)


def _matrix(
    flights: pd.DataFrame | Mapping[str, Any], categories: Mapping[str, tuple[str, ...]]
) -> NDArray[np.float64]:
    """Return features as numbers, shape ``(n_flights, n_features)``: categories as codes, NaN where unknown."""
    import pandas as pd  # noqa: PLC0415 - optional dependency

    frame = pd.DataFrame([flights]) if isinstance(flights, Mapping) else flights
    matrix = np.empty((len(frame), len(FEATURES)))
    for place, name in enumerate(FEATURES):
        if name in categories:
            codes = pd.Index(categories[name]).get_indexer(frame[name])
            matrix[:, place] = np.where(codes < 0, np.nan, codes)
        else:
            matrix[:, place] = frame[name].to_numpy(dtype=float, na_value=np.nan)
    return matrix
