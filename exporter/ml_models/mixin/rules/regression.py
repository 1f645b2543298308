"""Rules of a regression: MAE, RMSE, bias, R2, MAPE and the shares of the residuals."""

from __future__ import annotations

from ml_models import catalog
from ml_models.mixin.names import MODEL, MODEL_BIN, RuleSettings
from ml_models.mixin.promql import sum_by, text
from ml_models.mixin.rules.parts import PER_MODEL, Counter, Rule, pooled

_DIRECTION = ("model", "direction")
_SIDE = ("model", "side")

_COUNTERS: tuple[Counter, ...] = (
    (MODEL, catalog.NUMBERS),
    (_DIRECTION, catalog.NUMBERS_ERROR),
    (MODEL, catalog.NUMBERS_SQUARED),
    (_SIDE, catalog.NUMBERS_DEVIATION),
    (MODEL, catalog.NUMBERS_SQUARED_DEVIATION),
    (MODEL, catalog.NUMBERS_RELATIVE),
    (MODEL, catalog.NUMBERS_NONZERO),
    (MODEL_BIN, catalog.RESIDUAL_OBSERVATIONS),
)


def rules(settings: RuleSettings) -> tuple[Rule, ...]:
    """Return the rules of a regression."""
    names = settings.names
    rows, squared, spread, relative, nonzero = (
        names.increase(MODEL, metric)
        for metric in (
            catalog.NUMBERS, catalog.NUMBERS_SQUARED, catalog.NUMBERS_SQUARED_DEVIATION,
            catalog.NUMBERS_RELATIVE, catalog.NUMBERS_NONZERO,
        )
    )  # fmt: skip
    errors, deviations = (
        names.increase(_DIRECTION, catalog.NUMBERS_ERROR),
        names.increase(_SIDE, catalog.NUMBERS_DEVIATION),
    )
    above, below = (f'sum by (model) ({deviations}{{side="{side}"}})' for side in ("above", "below"))
    over, under = (f'sum by (model) ({errors}{{direction="{one}"}})' for one in ("over", "under"))
    residuals = names.increase(MODEL_BIN, catalog.RESIDUAL_OBSERVATIONS)
    return (
        *(pooled(settings, labels, metric) for labels, metric in _COUNTERS),
        Rule(names.figure(catalog.MAE), f"{sum_by(MODEL, errors)} / ({rows} > 0)"),
        Rule(names.figure(catalog.RMSE), f"sqrt({squared} / ({rows} > 0))"),
        Rule(names.figure(catalog.BIAS), f"({over} - {under}) / ({rows} > 0)"),
        # What is left of rounding is no variation: as in Python, less than 1e-12 of the squares.
        Rule(
            names.figure(catalog.R2),
            text(f"""
                1 - {squared}
                  /
                (
                  ({spread} - ({above} - {below}) ^ 2 / ({rows} > 0))
                    > 1e-12 * {spread}
                )"""),
        ),
        Rule(names.figure(catalog.MAPE), f"{relative} / ({nonzero} > 0)"),
        Rule(names.residuals, f"{residuals} / {PER_MODEL} (sum by (model) ({residuals}) > 0)"),
    )
