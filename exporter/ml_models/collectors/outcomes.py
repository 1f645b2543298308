"""Outcomes, label counts and performance."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.core import Metric as Family

from ml_models import catalog
from ml_models.collectors.families import family
from ml_models.profile.classes import Classes
from ml_models.profile.tally import Tally
from ml_models.stats.performance import Performance


def outcome_families(
    model: str,
    total: Tally,
    found: Performance,
    classes: Classes,
    *,
    labels: Mapping[str, int],
    awaiting: int,
    last_label: float,
) -> list[Family]:
    """Return the families of labels and performance.

    Parameters
    ----------
    model : str
    total : Tally
        Of all time.
    found : Performance
        Of the sliding window.
    classes : Classes
    labels : mapping
        Joins by how they ended.
    awaiting : int
        Predictions held.
    last_label : float
        Unix time of the last joined label, 0 if none.
    """
    outcomes, ends = family(catalog.OUTCOMES), family(catalog.LABELS)
    for actual, actual_name in classes.slots if classes.names else ():
        for predicted, predicted_name in classes.slots:
            outcomes.add_metric([model, actual_name, predicted_name], int(total.outcomes[actual, predicted]))
    for status, count in labels.items():
        ends.add_metric([model, status], count)
    held, last = family(catalog.AWAITING_LABEL), family(catalog.LABEL_LAST_TIMESTAMP)
    held.add_metric([model], awaiting)
    last.add_metric([model], last_label)
    families: list[Family] = [outcomes, ends, held, last]
    for metric, value in (
        (catalog.ACCURACY, found.accuracy),
        (catalog.PRECISION, found.precision),
        (catalog.RECALL, found.recall),
        (catalog.F1, found.f1),
    ):
        gauge = family(metric)
        if value is not None:
            gauge.add_metric([model], value)
        families.append(gauge)
    return families
