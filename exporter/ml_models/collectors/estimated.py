"""Performance to be expected before labels come, and how far realised performance is from it once they have."""

from __future__ import annotations

from prometheus_client.core import Metric as Family

from ml_models import catalog
from ml_models.collectors.families import family, single
from ml_models.collectors.performance import Figures
from ml_models.collectors.scores import bin_families
from ml_models.profile.classes import Classes
from ml_models.profile.tally import Tally


def estimated_families(
    model: str, total: Tally, found: Figures, classes: Classes, *, scores: bool, binary: bool
) -> list[Family]:
    """Return the families of estimates.

    Parameters
    ----------
    model : str
    total : Tally
        Of all time.
    found : Figures
        Of the sliding window.
    classes : Classes
    scores, binary : bool
        As in :func:`ml_models.collectors.scores.score_families`.
    """
    cells, doubt = family(catalog.ESTIMATED_OUTCOMES), family(catalog.ESTIMATED_DOUBT)
    per_class = (
        (family(catalog.SCORED_OUTCOMES), total.scored[0]),
        (family(catalog.SCORED_RIGHT), total.scored[1]),
        (family(catalog.SCORED_EXPECTED), total.expected[0]),
        (family(catalog.SCORED_DOUBT), total.expected[1]),
        (doubt, total.doubt),
    )
    # No probability is ever that of another class than those known.
    for predicted, predicted_name in enumerate(classes.names if scores else ()):
        for actual, actual_name in enumerate(classes.names):
            cells.add_metric([model, actual_name, predicted_name], float(total.estimated[actual, predicted]))
        for made, values in per_class:
            made.add_metric([model, predicted_name], values[predicted])
    expected, gap = found.estimate, found.gap
    return [
        cells,
        *(made for made, _ in per_class),
        *bin_families(
            model,
            total.estimated_bins if scores and binary else None,
            catalog.ESTIMATED_SCORE_OUTCOMES,
            catalog.ESTIMATED_SCORE_OUTCOMES_ABOVE,
        ),
        single(catalog.ESTIMATED_ACCURACY, model, expected.accuracy),
        single(catalog.ESTIMATED_PRECISION, model, expected.precision),
        single(catalog.ESTIMATED_RECALL, model, expected.recall),
        single(catalog.ESTIMATED_F1, model, expected.f1),
        single(catalog.ESTIMATED_ROC_AUC, model, found.estimated_roc_auc.value if found.estimated_roc_auc else None),
        single(catalog.ACCURACY_GAP, model, gap.accuracy),
        single(catalog.ACCURACY_GAP_NOISE, model, gap.interval[1] if gap.interval else None),
    ]
