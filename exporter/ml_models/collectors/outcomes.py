"""Outcomes, label counts and performance."""

from __future__ import annotations

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.utils import floatToGoString

from ml_models import catalog
from ml_models.collectors.families import family
from ml_models.profile.classes import Classes
from ml_models.profile.tally import ENDS, Tally
from ml_models.stats.performance import Performance


def outcome_families(
    model: str,
    total: Tally,
    retracted: Tally,
    found: Performance,
    classes: Classes,
    *,
    last_label: float,
) -> list[Family]:
    """Return the families of labels and performance.

    Parameters
    ----------
    model : str
    total, retracted : Tally
        Of all time, and what corrected labels have taken back of it.
    found : Performance
        Of the sliding window.
    classes : Classes
    last_label : float
        Unix time of the last joined label, 0 if none.
    """
    outcomes, ends, undone = family(catalog.OUTCOMES), family(catalog.LABELS), family(catalog.OUTCOMES_RETRACTED)
    for actual, actual_name in classes.slots if classes.names else ():
        for predicted, predicted_name in classes.slots:
            cell = [model, actual_name, predicted_name]
            outcomes.add_metric(cell, int(total.outcomes[actual, predicted]))
            undone.add_metric(cell, int(retracted.outcomes[actual, predicted]))
    for status, count in zip(ENDS, total.ends.tolist(), strict=True):
        ends.add_metric([model, status], count)
    lags = HistogramMetricFamily(catalog.LABEL_LAG.name, catalog.LABEL_LAG.help, labels=catalog.LABEL_LAG.labels)
    bounds = [*map(floatToGoString, catalog.LAG_BUCKETS), "+Inf"]
    cumulative = total.lags[:-1].cumsum().tolist()
    lags.add_metric([model], list(zip(bounds, cumulative, strict=True)), sum_value=int(total.lags[-1]) / 1000)
    last = family(catalog.LABEL_LAST_TIMESTAMP)
    last.add_metric([model], last_label)
    families: list[Family] = [outcomes, undone, ends, lags, last]
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
