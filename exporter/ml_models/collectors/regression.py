"""Errors of a regression, and the counters that they are made of."""

from __future__ import annotations

import math

from prometheus_client.core import Metric as Family

from ml_models import catalog
from ml_models.collectors.families import family, single
from ml_models.collectors.performance import Figures
from ml_models.profile.tally import Tally
from ml_models.stats.regression import PARTS


def regression_families(model: str, total: Tally, found: Figures, *, shown: bool) -> list[Family]:
    """Return the families of a regression.

    Parameters
    ----------
    model : str
    total : Tally
        Of all time.
    found : Figures
        Of the sliding window.
    shown : bool
        Whether the model is a regression; counters begin at 0 then, before the first label comes.
    """
    sums = dict(zip(PARTS, total.errors.tolist(), strict=True))
    errors, deviations = family(catalog.NUMBERS_ERROR), family(catalog.NUMBERS_DEVIATION)
    residuals, edges = family(catalog.RESIDUAL_OBSERVATIONS), family(catalog.RESIDUAL_UPPER_EDGE)
    if shown:
        for direction in ("over", "under"):
            errors.add_metric([model, direction], sums[direction])
        for side in ("above", "below"):
            deviations.add_metric([model, side], sums[side])
        bins = zip((*total.layout.residual_edges, math.inf), total.residuals.tolist(), strict=True)
        for place, (edge, count) in enumerate(bins):
            residuals.add_metric([model, f"{place:02d}"], count)
            edges.add_metric([model, f"{place:02d}"], edge)
    performance = found.regression
    return [
        errors,
        deviations,
        residuals,
        edges,
        single(catalog.NUMBERS, model, int(total.numbers[0]) if shown else None),
        single(catalog.NUMBERS_SQUARED, model, sums["squared"] if shown else None),
        single(catalog.NUMBERS_SQUARED_DEVIATION, model, sums["actual_squared"] if shown else None),
        single(catalog.NUMBERS_RELATIVE, model, sums["relative"] if shown else None),
        single(catalog.NUMBERS_NONZERO, model, int(total.numbers[1]) if shown else None),
        single(catalog.MAE, model, performance.mae),
        single(catalog.RMSE, model, performance.rmse),
        single(catalog.BIAS, model, performance.bias),
        single(catalog.R2, model, performance.r2),
        single(catalog.MAPE, model, performance.mape),
    ]
