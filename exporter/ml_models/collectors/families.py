"""From a catalogued metric to the family object that prometheus_client renders."""

from __future__ import annotations

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from ml_models.catalog import Metric


def family(metric: Metric) -> GaugeMetricFamily | CounterMetricFamily:
    """Return an empty family with the metric's exposed name, help and labels.

    Parameters
    ----------
    metric : Metric
        A counter or a gauge of the catalog.

    Raises
    ------
    ValueError
        If the metric is a histogram, which has buckets and is made from them.

    Examples
    --------
    >>> from ml_models import catalog
    >>> cpu = family(catalog.PROCESS_CPU)
    >>> cpu.add_metric(["churn"], 12.5)
    >>> cpu.samples[0].name, cpu.samples[0].labels
    ('ml_process_cpu_seconds_total', {'model': 'churn'})
    """
    if metric.kind == "histogram":
        raise ValueError(f"{metric.name}: is a histogram; family() makes counters and gauges")
    # prometheus_client adds _total to counters itself, and a unit that is not in the name.
    base = metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name
    unit = metric.unit if metric.unit and base.endswith(f"_{metric.unit}") else ""
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return kind(base, metric.help, labels=metric.labels, unit=unit)


def single(metric: Metric, model: str, value: float | None) -> GaugeMetricFamily | CounterMetricFamily:
    """Return a family with the model's one sample, or an empty one if the value is undefined.

    Examples
    --------
    >>> from ml_models import catalog
    >>> single(catalog.ROC_AUC, "churn", None).samples
    []
    """
    made = family(metric)
    if value is not None:
        made.add_metric([model], value)
    return made
