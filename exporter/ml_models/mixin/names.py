"""The settings of the rules and the names of the series that they record.

Dashboards and alerts select recorded series by these names, so that a window is changed in one place.

Examples
--------
>>> names = RuleSettings(window="6h").names
>>> names.psi
'model_role_feature:ml_feature_bin_observations:psi_increase6h'
>>> names.threshold("accuracy_min")
'model_signal:ml_alert_threshold:max{signal="accuracy_min"}'
"""

from __future__ import annotations

from dataclasses import dataclass

from ml_models import catalog
from ml_models.catalog import Metric
from ml_models.mixin.promql import recorded, seconds, stem

MODEL = ("model",)
CLASS = ("model", "class")
CELL = ("model", "actual", "predicted")
FEATURE = ("model", "role", "feature")
BIN = ("model", "role", "feature", "bin")
OUTCOME_BIN = ("model", "outcome", "bin")
PREDICTED = ("model", "predicted")
MODEL_BIN = ("model", "bin")
INSTANCE = ("job", "instance", "model")

#: Quantiles of the latency that are recorded, by the name of the operation.
QUANTILES: dict[str, float] = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """How the rules are generated; durations as Prometheus writes them.

    The rules add up over every label but those of the catalog, so a model's name must be unique among
    the targets of a Prometheus server.

    Parameters
    ----------
    window : str
        Over which drift, missing values and performance are computed; at least four scrape intervals.
    long_window : str
        A second window for performance, as labels come late and slowly.
    serving_window : str
        Over which rates, errors and latency are computed; at least four scrape intervals.
    interval : str
        How often the rules are evaluated.
    for_ : str
        How long drift or low accuracy must last before the alert fires.
    serving_for : str
        How long errors, latency or memory must be over their threshold before the alert fires.
    down_for : str
        How long an exporter must be down or absent before the alert fires.
    lookback : str
        How long thresholds and references outlive their exporter: alerts must not resolve because it died.
    model_lookback : str
        How long it is remembered which models an exporter that is down had served.
    job : str
        The scrape job of the exporters.
    grafana_url, runbook_url : str
        Where dashboards and runbooks are found, without a slash at the end.
    """

    window: str = "1h"
    long_window: str = "24h"
    serving_window: str = "5m"
    interval: str = "1m"
    for_: str = "15m"
    serving_for: str = "5m"
    down_for: str = "5m"
    lookback: str = "15m"
    model_lookback: str = "1d"
    job: str = "ml-models"
    grafana_url: str = "https://grafana.example.org"
    runbook_url: str = "https://github.com/ml-models-monitoring/ml-models-monitoring/blob/main/docs/runbooks"

    def __post_init__(self) -> None:
        for setting in ("window", "long_window", "serving_window", "interval", "lookback", "model_lookback"):
            if seconds(getattr(self, setting)) <= 0:
                raise ValueError(f"{setting}: must be longer than nothing")
        for setting in ("for_", "serving_for", "down_for"):
            seconds(getattr(self, setting))

    @property
    def names(self) -> Recorded:
        """The names of the recorded series under these settings."""
        return Recorded(self.window, self.serving_window)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The names of the recorded series.

    Parameters
    ----------
    window, serving_window : str
        The windows that the names carry.
    """

    window: str = "1h"
    serving_window: str = "5m"

    def increase(self, labels: tuple[str, ...], metric: Metric, window: str = "") -> str:
        """Name the pooled growth of a counter over the window (or another one)."""
        return recorded(labels, stem(metric), f"increase{window or self.window}")

    def _score(self, labels: tuple[str, ...], metric: str, score: str) -> str:
        return recorded(labels, metric, f"{score}_increase{self.window}")

    def threshold(self, signal: str = "") -> str:
        """Select a model's threshold for a signal; without one, the bare name.

        Raises
        ------
        KeyError
            If the catalog has no such signal.
        """
        name = recorded(("model", "signal"), catalog.ALERT_THRESHOLD.name, "max")
        if not signal:
            return name
        if signal not in catalog.SIGNALS:
            raise KeyError(f"unknown signal {signal!r}; the catalog has {', '.join(catalog.SIGNALS)}")
        return f"{name}{{signal={catalog.quote(signal)}}}"

    # --- drift: pooled counts, aligned fractions, scores -------------------------------------------------------------
    @property
    def bin_increase(self) -> str:
        """Values per bin in the window."""
        return self.increase(BIN, catalog.BIN_OBSERVATIONS)

    @property
    def feature_increase(self) -> str:
        """Values in all bins of a feature in the window: its sample size."""
        return self.increase(FEATURE, catalog.BIN_OBSERVATIONS)

    @property
    def reference(self) -> str:
        """Fraction of the reference per bin, as exported."""
        return recorded(BIN, stem(catalog.BIN_REFERENCE), "max")

    @property
    def reference_aligned(self) -> str:
        """Fraction of the reference per bin, 0 for a counted bin that the reference lacks."""
        return self._score(BIN, stem(catalog.BIN_REFERENCE), "aligned")

    @property
    def live(self) -> str:
        """Fraction of the window's values per bin, 0 for a reference bin without a counter."""
        return self._score(BIN, stem(catalog.BIN_OBSERVATIONS), "ratio")

    @property
    def psi(self) -> str:
        """Population stability index per feature, in nats."""
        return self._score(FEATURE, stem(catalog.BIN_OBSERVATIONS), "psi")

    @property
    def js(self) -> str:
        """Jensen-Shannon distance per feature, base 2."""
        return self._score(FEATURE, stem(catalog.BIN_OBSERVATIONS), "js")

    @property
    def noise(self) -> str:
        """PSI that noise alone reaches at the feature's sample sizes."""
        return self._score(FEATURE, stem(catalog.BIN_OBSERVATIONS), "noise_psi")

    @property
    def judged_psi(self) -> str:
        """PSI of the features that have enough samples to be judged; others are absent."""
        return self._score(FEATURE, stem(catalog.BIN_OBSERVATIONS), "judged_psi")

    @property
    def significant_psi(self) -> str:
        """PSI of the judged features that are over their noise; others are absent."""
        return self._score(FEATURE, stem(catalog.BIN_OBSERVATIONS), "significant_psi")

    @property
    def drift_share(self) -> str:
        """Share of the judged features that drifted."""
        return self._score(MODEL, stem(catalog.DRIFT_SHARE), "ratio")

    # --- quality -----------------------------------------------------------------------------------------------------
    @property
    def cells_increase(self) -> str:
        """Cells of a feature in the window, missing and invalid ones included."""
        return self.increase(FEATURE, catalog.FEATURE_OBSERVATIONS)

    @property
    def missing_increase(self) -> str:
        """Missing cells of a feature in the window."""
        return self.increase(FEATURE, catalog.FEATURE_MISSING)

    @property
    def missing(self) -> str:
        """Share of a feature's cells that are missing."""
        return self._score(FEATURE, stem(catalog.FEATURE_MISSING), "ratio")

    # --- performance -------------------------------------------------------------------------------------------------
    @property
    def outcomes(self) -> str:
        """Labelled predictions in the window."""
        return self.increase(MODEL, catalog.OUTCOMES)

    def by_class(self, cells: Metric, side: str) -> str:
        """Name the cells per class: as ``actual``, ``predicted`` or ``correct``."""
        return recorded(CLASS, f"{stem(cells)}_{side}", f"increase{self.window}")

    @property
    def accuracy(self) -> str:
        """Accuracy in the window."""
        return self.figure(catalog.ACCURACY, "ratio")

    def figure(self, metric: Metric, operation: str = "value") -> str:
        """Name a model's figure in the window, or with ``low`` and ``high`` the ends of its interval."""
        return self._score(MODEL, stem(metric), operation)

    def per_class(self, metric: Metric, operation: str = "ratio") -> str:
        """Name precision, recall or F1 per class."""
        return self._score(CLASS, stem(metric), operation)

    def macro(self, metric: Metric) -> str:
        """Name the mean of precision, recall or F1 over the classes that occur; undefined counts 0."""
        return self.figure(metric, "macro_ratio")

    def weighted(self, metric: Metric) -> str:
        """Name the mean of precision, recall or F1 in which a class weighs as often as it was true."""
        return self.figure(metric, "weighted_ratio")

    def gap(self, metric: Metric) -> str:
        """Name the gap between realised and expected precision, recall or F1, per class."""
        return self.per_class(metric, "gap")

    @property
    def residuals(self) -> str:
        """Share of the residuals in each bin."""
        return self._score(MODEL_BIN, stem(catalog.RESIDUAL_OBSERVATIONS), "ratio")

    # --- serving -----------------------------------------------------------------------------------------------------
    @property
    def predictions_rate(self) -> str:
        """Rows predicted per second."""
        return recorded(MODEL, stem(catalog.PREDICTIONS), f"rate{self.serving_window}")

    @property
    def calls_rate(self) -> str:
        """Prediction calls per second, failed ones included."""
        return recorded(MODEL, f"{catalog.PREDICTION_DURATION.name}_count", f"rate{self.serving_window}")

    @property
    def errors_rate(self) -> str:
        """Prediction calls per second that raised."""
        return recorded(MODEL, stem(catalog.PREDICTION_ERRORS), f"rate{self.serving_window}")

    @property
    def error_ratio(self) -> str:
        """Share of the calls that raised."""
        return recorded(MODEL, stem(catalog.PREDICTION_ERRORS), f"ratio_rate{self.serving_window}")

    @property
    def latency_buckets(self) -> str:
        """Latency histogram, calls per second."""
        return recorded(("model", "le"), catalog.PREDICTION_DURATION.bucket(), f"rate{self.serving_window}")

    def latency(self, quantile: str) -> str:
        """Name a latency quantile, one of :data:`QUANTILES`."""
        if quantile not in QUANTILES:
            raise KeyError(f"{quantile!r} is not recorded; choose from {', '.join(QUANTILES)}")
        return recorded(MODEL, catalog.PREDICTION_DURATION.name, f"{quantile}_rate{self.serving_window}")

    @property
    def instances(self) -> str:
        """The models that each instance serves, or served when it was last up."""
        return recorded(INSTANCE, catalog.MODEL_INFO.name, "max")

    @property
    def replicas_up(self) -> str:
        """Replicas of a model that were scraped."""
        return recorded(MODEL, "up", "sum")
