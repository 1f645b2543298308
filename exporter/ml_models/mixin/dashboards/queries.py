"""PromQL as the dashboard writes it: catalogued metrics, selected by the dashboard's variables.

Every selector has the data source's ``$job`` and the one ``$model``; counters are read over ``$__rate_interval`` where
the course over time is drawn, and over ``$__range`` where a panel sums up the whole time range.

Examples
--------
>>> from ml_models import catalog
>>> print(sum_by("model", rate(catalog.PREDICTIONS)))
sum by (model) (rate(ml_predictions_total{model="$model",job=~"$job"}[$__rate_interval]))
"""

from __future__ import annotations

from ml_models import catalog
from ml_models.catalog import Metric

WITHIN, ABOVE, BELOW, UNLIMITED = "within limit", "above limit", "below limit", "no limit set"
WARNING, CRITICAL = "warning", "critical"


def select(metric: Metric, suffix: str = "", /, *, chosen: bool = False, **matchers: str) -> str:
    """Return the selector of a metric for the dashboard's model and job.

    Parameters
    ----------
    metric : Metric
        From the catalog.
    suffix : str
        ``_bucket`` or ``_count`` of a histogram.
    chosen : bool
        Whether only the features chosen in the dashboard are selected.
    **matchers : str
        Further labels and the values that they must have.

    Raises
    ------
    KeyError
        If the metric does not have a label.

    Examples
    --------
    >>> print(select(catalog.FEATURE_MISSING, chosen=True, role="feature"))
    ml_feature_missing_total{model="$model",role="feature",job=~"$job",feature=~"$feature"}
    """
    if chosen and "feature" not in metric.labels:
        raise KeyError(f"{metric.name} has no label feature; it has {', '.join(metric.labels)}")
    fixed = metric.sel(suffix, model="$model", **matchers).removesuffix("}")
    return f'{fixed},job=~"$job"' + (',feature=~"$feature"}' if chosen else "}")


def rate(metric: Metric, suffix: str = "", /, *, chosen: bool = False, **matchers: str) -> str:
    """Return a counter's growth per second."""
    return f"rate({select(metric, suffix, chosen=chosen, **matchers)}[$__rate_interval])"


def increase(metric: Metric, suffix: str = "", /, *, chosen: bool = False, **matchers: str) -> str:
    """Return a counter's growth over the dashboard's time range."""
    return f"increase({select(metric, suffix, chosen=chosen, **matchers)}[$__range])"


def sum_by(labels: str, vector: str) -> str:
    """Return the sum over all other labels: of all replicas, for counters."""
    return f"sum by ({labels}) ({vector})"


def max_by(labels: str, vector: str) -> str:
    """Return the largest value over all other labels."""
    return f"max by ({labels}) ({vector})"


def min_by(labels: str, vector: str) -> str:
    """Return the smallest value over all other labels."""
    return f"min by ({labels}) ({vector})"


def avg_by(labels: str, vector: str) -> str:
    """Return the mean over all other labels: of the replicas' windows, for gauges."""
    return f"avg by ({labels}) ({vector})"


def share(part: str, whole: str) -> str:
    """Return part of whole; absent, not 0/0, where there is nothing to divide by.

    Examples
    --------
    >>> share("a", "b")
    '(a) / ((b) > 0)'
    """
    return f"({part}) / (({whole}) > 0)"


def limit(signal: str) -> str:
    """Return a signal's configured threshold, one value for all replicas.

    Raises
    ------
    KeyError
        If the catalog has no such signal.
    """
    if signal not in catalog.SIGNALS:
        raise KeyError(f"unknown signal {signal!r}; the catalog has {', '.join(catalog.SIGNALS)}")
    return max_by("model", select(catalog.ALERT_THRESHOLD, signal=signal))


def breached(value: str, signal: str) -> str:
    """Return 1 where a model's value is past its threshold, else 0; absent where there is no value or no threshold."""
    return f"({value}) {_beyond(signal)} bool on (model) {limit(signal)}"


def judged(value: str, signal: str) -> str:
    """Return a model's value with a label ``state`` that says how it compares with its threshold.

    Examples
    --------
    >>> print(judged("x", "accuracy_min"))  # doctest: +ELLIPSIS
    label_replace((x) < on (model) max by (model) (...), "state", "below limit", "", "") or on (model) ...
    """
    worse = ABOVE if _beyond(signal) == ">" else BELOW
    return " or on (model) ".join((
        _stated(f"({value}) {_beyond(signal)} on (model) {limit(signal)}", worse),
        _stated(f"({value}) and on (model) {limit(signal)}", WITHIN),
        _stated(f"({value})", UNLIMITED),
    ))  # fmt: skip


def drift_judged(score: str) -> str:
    """Return drift scores by model and feature with a label ``state``: critical, warning or within limit."""
    return " or on (model, feature) ".join((
        _stated(f"({score}) > on (model) group_left () {limit('drift_critical_max')}", CRITICAL),
        _stated(f"({score}) > on (model) group_left () {limit('drift_warning_max')}", WARNING),
        _stated(f"({score}) and on (model) {limit('drift_warning_max')}", WITHIN),
        _stated(f"({score})", UNLIMITED),
    ))  # fmt: skip


def drift_level(score: str) -> str:
    """Return 0, 1 or 2 by model and feature: within the limits, over the warning one, over the critical one."""
    return " + ".join(
        f"(({score}) > bool on (model) group_left () {limit(signal)})"
        for signal in ("drift_warning_max", "drift_critical_max")
    )


def _beyond(signal: str) -> str:
    return ">" if signal.endswith("_max") else "<"


def _stated(vector: str, state: str) -> str:
    return f'label_replace({vector}, "state", "{state}", "", "")'


# --- series that several panels show ------------------------------------------------------------------------------


def calls(labels: str = "model") -> str:
    """Return prediction calls per second, failed ones included."""
    return sum_by(labels, rate(catalog.PREDICTION_DURATION, "_count"))


def error_ratio() -> str:
    """Return the share of calls that raised; 0 while there are calls and no errors."""
    errors = f"{sum_by('model', rate(catalog.PREDICTION_ERRORS))} or 0 * {calls()}"
    return share(errors, calls())


def latency(quantile: float) -> str:
    """Return a quantile of the duration of calls, in seconds; absent without calls."""
    buckets = sum_by("model, le", rate(catalog.PREDICTION_DURATION, "_bucket"))
    return f"histogram_quantile({quantile}, {buckets}) and on (model) ({calls()} > 0)"


def quantile_by(label: str, quantile: float, metric: Metric) -> str:
    """Return a quantile of a histogram for each value of a label; absent where nothing was observed."""
    buckets = sum_by(f"{label}, le", rate(metric, "_bucket"))
    return f"histogram_quantile({quantile}, {buckets}) and ({sum_by(label, rate(metric, '_count'))} > 0)"


def mean_by(label: str, metric: Metric) -> str:
    """Return the mean of a histogram's observations for each value of a label."""
    return f"{sum_by(label, rate(metric, '_sum'))} / ({sum_by(label, rate(metric, '_count'))} > 0)"


def drift(method: str = "psi", *, chosen: bool = True) -> str:
    """Return each feature's drift score, the largest among the replicas."""
    return max_by("model, feature", select(catalog.DRIFT_SCORE, chosen=chosen, role="feature", method=method))


def cells_ratio(part: Metric, *, whole_range: bool = False) -> str:
    """Return the share of a feature's cells that a counter counted, over all replicas."""
    grown = increase if whole_range else rate
    return share(
        sum_by("feature", grown(part, chosen=True, role="feature")),
        sum_by("feature", grown(catalog.FEATURE_OBSERVATIONS, chosen=True, role="feature")),
    )


def bins(share_of_bin: str, role: str, *, chosen: bool) -> str:
    """Return shares by bin, with the bin's upper edge written into its name where it has a finite one."""
    return _with_edges(share_of_bin, select(catalog.BIN_UPPER_EDGE, chosen=chosen, role=role))


def residual_bins() -> str:
    """Return the share of each bin among the residuals of the dashboard's time range."""
    counts = increase(catalog.RESIDUAL_OBSERVATIONS)
    ratio = f"{sum_by('bin', counts)} / on () group_left () (sum({counts}) > 0)"
    return _with_edges(ratio, select(catalog.RESIDUAL_UPPER_EDGE))


def _with_edges(share_of_bin: str, edges_of_bins: str) -> str:
    """Return shares by bin, each bin named with its upper edge, rounded to four digits: ``03 ≤ 12.35``.

    ``count_values`` turns the edge from a value into a label.
    """
    edge = max_by("bin", f"{edges_of_bins} < Inf")
    power = f"10 ^ (3 - floor(log10(clamp_min(abs({edge}), 1e-9))))"
    edges = f'count_values by (bin) ("edge", round({edge} * {power}) / {power})'
    named = f'label_join(({share_of_bin}) * on (bin) group_left (edge) {edges}, "bin", " ≤ ", "bin", "edge")'
    return f"max by (bin) ({named} or ({share_of_bin}) unless on (bin) {edge})"


def reference_bins(role: str, *, chosen: bool = False) -> str:
    """Return the reference's share of each bin."""
    return bins(max_by("bin", select(catalog.BIN_REFERENCE, chosen=chosen, role=role)), role, chosen=chosen)


def live_bins(role: str, *, chosen: bool = False) -> str:
    """Return the share of each bin among the values of the dashboard's time range, over all replicas."""
    counts = increase(catalog.BIN_OBSERVATIONS, chosen=chosen, role=role)
    ratio = f"{sum_by('bin', counts)} / on () group_left () (sum({counts}) > 0)"
    return bins(ratio, role, chosen=chosen)
