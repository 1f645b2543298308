"""What scores are worth: AUC, calibration and losses, and the counters that they are made of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from prometheus_client.core import Metric as Family

from ml_models import catalog
from ml_models.catalog import Metric
from ml_models.collectors.families import family, single
from ml_models.collectors.performance import Figures
from ml_models.profile.tally import Tally
from ml_models.stats.scores import RELIABILITY_BINS, SCORE_BINS, by_reliability

#: Rows of the score bins, in the order of the tally.
OUTCOMES = ("negative", "positive")


def score_families(model: str, total: Tally, found: Figures, *, scores: bool, binary: bool) -> list[Family]:
    """Return the families of scores.

    Parameters
    ----------
    model : str
    total : Tally
        Of all time.
    found : Figures
        Of the sliding window.
    scores : bool
        Whether the model gives scores; counters begin at 0 then, before the first label comes.
    binary : bool
        Whether these are scores of a positive class.
    """
    bins = total.scores if scores and binary else None
    counted, positives = by_reliability(total.scores.sum(axis=0)), by_reliability(total.scores[1])
    return [
        *bin_families(model, bins, catalog.SCORE_OUTCOMES, catalog.SCORE_OUTCOMES_ABOVE),
        _tenths(model, catalog.CALIBRATION_OUTCOMES, counted if scores else None),
        _tenths(model, catalog.CALIBRATION_POSITIVES, positives if scores else None),
        _tenths(model, catalog.CALIBRATION_SCORES, total.said if scores else None),
        single(catalog.LOG_LOSS_SUM, model, float(total.losses[0]) if scores else None),
        single(catalog.BRIER_SUM, model, float(total.losses[1]) if scores else None),
        single(catalog.ROC_AUC, model, found.roc_auc.value if found.roc_auc else None),
        single(catalog.PR_AUC, model, found.pr_auc.value if found.pr_auc else None),
        single(catalog.LOG_LOSS, model, found.log_loss),
        single(catalog.BRIER, model, found.brier),
        single(catalog.CALIBRATION_ERROR, model, found.reliability.ece if found.reliability else None),
    ]


def bin_families(model: str, bins: NDArray[np.generic] | None, each: Metric, above: Metric) -> Iterator[Family]:
    """Yield counts per score bin, and those of a bin and all higher ones, which rules cannot add up themselves."""
    plain, cumulated = family(each), family(above)
    if bins is not None:
        sums = np.cumsum(bins[:, ::-1], axis=1)[:, ::-1]
        for row, outcome in enumerate(OUTCOMES):
            for place in range(SCORE_BINS):
                plain.add_metric([model, outcome, f"{place:02d}"], bins[row, place])
                cumulated.add_metric([model, outcome, f"{place:02d}"], sums[row, place])
    yield plain
    yield cumulated


def _tenths(model: str, metric: Metric, values: ArrayLike | None) -> Family:
    made = family(metric)
    if values is not None:
        for place, value in zip(range(RELIABILITY_BINS), np.asarray(values).tolist(), strict=True):
            made.add_metric([model, f"{place:02d}"], value)
    return made
