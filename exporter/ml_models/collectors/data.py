"""Drift, distributions and quality of features, predictions and labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models import catalog
from ml_models.collectors.bulk import Bulk, Filled
from ml_models.collectors.families import family
from ml_models.collectors.isolation import Exposed
from ml_models.profile.tally import ABOVE, BELOW, BINS, EXAMINED, FAULTS, FAULTY, INVALID, MISSING, ROWS, Layout, Tally
from ml_models.stats.drift import METHODS, THRESHOLD
from ml_models.stats.moments import Multivariate, multivariate
from ml_models.stats.quality import Quality, quality
from ml_models.stats.significance import PVALUES, adjusted_pvalues, dataset_drift, noise_quantile, psi_noise
from ml_models.stats.transport import Grid

#: Probability with which noise alone passes for drift, or where many features are tested at once, the share of the
#: drifted ones that may be so by chance.
ALPHA = 0.001
#: Sample sizes between which the noise is worked out; the asymptotic distribution does beyond them.
NOISE_ROWS = (50, 1_000)

#: Methods whose scores are exported.
EXPORTED_METHODS = ("psi", "js", "ks")

#: Thresholds that hold where none is configured.
DEFAULT_THRESHOLDS: Mapping[str, float] = {
    "drift_warning_max": THRESHOLD,
    "drift_critical_max": 0.25,
    "samples_min": 200.0,
    "labels_min": 100.0,
}


@dataclass(frozen=True, slots=True)
class Drift:
    """Drift of every column of a layout.

    Attributes
    ----------
    scores : dict of array of shape (n_columns,)
        By method; NaN where undefined.
    samples : int64 array of shape (n_columns,)
        Live values in the bins.
    noise : array of shape (n_columns,)
        PSI that noise alone reaches with probability :data:`ALPHA`.
    pvalues, adjusted : array of shape (n_columns,)
        Of the method that decides, if it is a test, and adjusted for the number of columns; NaN otherwise.
    drifted : object array of shape (n_columns,)
        True, False, or None where there are too few samples to judge.
    live : array of shape (n_columns, n_bins)
        Counts in the exported bins.
    """

    scores: dict[str, NDArray[np.float64]]
    samples: NDArray[np.int64]
    noise: NDArray[np.float64]
    pvalues: NDArray[np.float64]
    adjusted: NDArray[np.float64]
    drifted: NDArray[Any]
    live: NDArray[np.int64]


class DataCollector:
    """Scores and families of a layout.

    Parameters
    ----------
    model : str
        Value of the ``model`` label.
    layout : Layout
    thresholds : mapping
        By signal; see :data:`ml_models.catalog.SIGNALS`.
    method : str
        The method whose score is compared with the drift threshold.
    methods : sequence of str
        Methods that are scored besides.
    weights : mapping, optional
        Of the dimensions of quality; see :func:`ml_models.stats.quality.quality`.
    """

    def __init__(
        self,
        model: str,
        layout: Layout,
        thresholds: Mapping[str, float],
        method: str = "psi",
        *,
        methods: Sequence[str] = EXPORTED_METHODS,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        self.weights = weights
        self.model, self.layout, self.method = model, layout, method
        self.methods = tuple(dict.fromkeys((*methods, method)))
        self.thresholds = {**DEFAULT_THRESHOLDS, **thresholds}
        self._is_feature = np.array([f.role == "feature" for f in layout.features], dtype=bool)
        self._is_ordered = np.array([f.ordered for f in layout.features], dtype=bool)
        self._labels = [(model, f.role, f.name) for f in layout.features]

    @cached_property
    def chi2(self) -> NDArray[np.float64]:
        """Quantile of each column's noise, for as few samples as are judged."""
        fewest = int(np.clip(self.thresholds["samples_min"], *NOISE_ROWS))
        return noise_quantile(self.layout.reference_coarse, fewest, ALPHA)

    @cached_property
    def _grid(self) -> Grid:
        """Where the fine bins lie."""
        features = self.layout.features
        return Grid.of(
            [feature.edges for feature in features],
            [feature.minimum for feature in features],
            [feature.maximum for feature in features],
            bins=self.layout.shapes["cells"][1] - BINS,
        )

    def drift(self, tally: Tally) -> Drift:
        """Return the drift that a window's tally shows."""
        layout = self.layout
        live = layout.coarsen(tally.cells)
        scores = {}
        for name in self.methods:
            method = METHODS[name]
            sides = self._sides(name, tally, live)
            score = np.asarray(method.score(*sides, self._grid, tally.extremes), dtype=np.float64)
            scores[name] = np.where(self._is_ordered, score, np.nan) if method.ordered else score
        samples = live.sum(axis=1)
        noise = psi_noise(layout.reference_coarse.sum(axis=1), samples, self.chi2)
        judged = (samples >= self.thresholds["samples_min"]) & ~np.isnan(scores[self.method])
        pvalues = adjusted = np.full(len(layout.features), np.nan)
        with np.errstate(invalid="ignore"):
            if self.method in PVALUES:
                found = np.asarray(PVALUES[self.method](*self._sides(self.method, tally, live)), dtype=np.float64)
                pvalues = np.where(judged, found, np.nan)
                adjusted = adjusted_pvalues(pvalues)
                significant = adjusted <= ALPHA
            else:
                significant = scores["psi"] > noise
            over = (scores[self.method] > self.thresholds["drift_warning_max"]) & significant
        drifted: NDArray[Any] = over.astype(object)
        drifted[~judged] = None
        return Drift(scores, samples, noise, pvalues, adjusted, drifted, live)

    def _sides(self, method: str, tally: Tally, live: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the reference's and the live counts in the bins that a method works on."""
        if METHODS[method].fine:
            return self.layout.reference_cells[:, BINS:], tally.cells[:, BINS:]
        return self.layout.reference_coarse, live

    def share(self, drift: Drift) -> float | None:
        """Return the share of the features that could be judged which have drifted."""
        return dataset_drift(drift.drifted[self._is_feature], drift.scores[self.method][self._is_feature]).share

    def quality(self, tally: Tally, *, uniqueness: float | None = None, timeliness: float | None = None) -> Quality:
        """Return the quality of the features in a window, with the dimensions that no tally gives, where they apply."""
        cells = tally.cells[self._is_feature].sum(axis=0)
        return quality(
            cells=int(cells[ROWS]),
            missing=int(cells[MISSING]),
            invalid=int(cells[INVALID]),
            out_of_range=int(cells[BELOW] + cells[ABOVE]),
            rows=int(tally.schema[EXAMINED]),
            faulty_rows=int(tally.schema[FAULTY]),
            uniqueness=uniqueness,
            timeliness=timeliness,
            weights=self.weights,
        )

    def multivariate(self, tally: Tally) -> Multivariate | None:
        """Return how the numeric features together differ from the reference; None where that is not tallied."""
        live = tally.moments()
        if live is None or self.layout.together is None:
            return None
        return multivariate(self.layout.together.moments, live)

    def correlation_drifted(self, found: Multivariate) -> bool | None:
        """Return whether a correlation changed by more than the drift threshold, and more than chance changes it.

        None with too few complete rows to judge, or where no pair of features varies.
        """
        largest, pvalue = found.correlation.largest, found.correlation_pvalue
        if found.rows < self.thresholds["samples_min"] or largest is None or pvalue is None:
            return None
        return largest > self.thresholds["drift_warning_max"] and pvalue <= ALPHA

    # --- families ------------------------------------------------------------------------------------------------

    @cached_property
    def _bins(self) -> list[tuple[str, ...]]:
        return [
            (*labels, name) for labels, f in zip(self._labels, self.layout.features, strict=True) for name in f.bins
        ]

    @cached_property
    def _bin_places(self) -> NDArray[np.intp]:
        """Places of the exported bins in the flattened block of coarse counts."""
        width = self.layout.coarse_width
        return np.concatenate(
            [row * width + np.arange(len(f.bins)) for row, f in enumerate(self.layout.features)] or [np.empty(0, int)]
        ).astype(np.intp)

    @cached_property
    def _counters(self) -> dict[int, Bulk]:
        return {
            ROWS: Bulk(catalog.FEATURE_OBSERVATIONS, self._labels),
            MISSING: Bulk(catalog.FEATURE_MISSING, self._labels),
            INVALID: Bulk(catalog.FEATURE_INVALID, self._labels),
            ABOVE: Bulk(catalog.FEATURE_OUT_OF_RANGE, self._labels),
        }

    @cached_property
    def _observations(self) -> Bulk:
        return Bulk(catalog.BIN_OBSERVATIONS, self._bins)

    @cached_property
    def _constants(self) -> list[Filled]:
        """Families that say what the reference is; they never change."""
        reference = self.layout.reference_coarse
        totals = reference.sum(axis=1, keepdims=True)
        ratios = np.divide(reference, totals, out=np.zeros(reference.shape), where=totals > 0)
        edges = [
            ((*labels, name), edge)
            for labels, f in zip(self._labels, self.layout.features, strict=True)
            if f.ordered
            for name, edge in zip(f.bins, (*f.coarse_edges, np.inf), strict=True)
        ]
        return [
            Filled(Bulk(catalog.BIN_REFERENCE, self._bins), ratios.ravel()[self._bin_places]),
            Filled(
                Bulk(catalog.BIN_UPPER_EDGE, [labels for labels, edge in edges if np.isfinite(edge)]),
                np.array([edge for _, edge in edges if np.isfinite(edge)]),
            ),
            Filled(Bulk(catalog.FEATURE_REFERENCE_OBSERVATIONS, self._labels), totals[:, 0]),
            Filled(Bulk(catalog.FEATURE_NOISE_CHI2, self._labels), self.chi2),
        ]

    def families(self, total: Tally, window: Tally, timely: float | None = None) -> list[Exposed]:
        """Return the counters of all time and the scores of the window."""
        if not self.layout.features:
            return []
        cells = total.cells
        outside = cells[:, BELOW] + cells[:, ABOVE]
        exposed: list[Exposed] = [
            Filled(self._observations, self.layout.coarsen(cells).ravel()[self._bin_places]),
            *(Filled(bulk, outside if cell == ABOVE else cells[:, cell]) for cell, bulk in self._counters.items()),
            *self._constants,
        ]
        faults = family(catalog.SCHEMA_FAULTS)
        for name, count in zip(FAULTS, total.schema.tolist(), strict=False):
            faults.add_metric([self.model, name], count)
        return [*exposed, faults, *self._multivariate_families(total, window), *self._window_families(window, timely)]

    def _multivariate_families(self, total: Tally, window: Tally) -> list[Exposed]:
        found = self.multivariate(window)
        if found is None:
            return []
        rows, scores, pvalues = map(
            family, (catalog.MULTIVARIATE_ROWS, catalog.MULTIVARIATE_SCORE, catalog.MULTIVARIATE_PVALUE)
        )
        for status, count in zip(("complete", "incomplete"), total.joint_rows.tolist(), strict=True):
            rows.add_metric([self.model, status], count)
        for method, score, pvalue in (
            ("correlation", found.correlation.largest, found.correlation_pvalue),
            ("frechet", found.frechet, found.frechet_pvalue),
        ):
            if score is not None:
                scores.add_metric([self.model, method], score)
            if pvalue is not None:
                pvalues.add_metric([self.model, method], pvalue)
        return [rows, scores, pvalues]

    def _window_families(self, window: Tally, timely: float | None) -> list[Exposed]:
        drift, found = self.drift(window), self.quality(window, timeliness=timely)
        scores = family(catalog.DRIFT_SCORE)
        for method in self.methods:
            for labels, score in zip(self._labels, drift.scores[method].tolist(), strict=True):
                if not math.isnan(score):  # an undefined score is left out: NaN in a gauge silences every rule on it
                    scores.add_metric([*labels, method], score)
        share, score, dimensions = (
            family(catalog.DRIFT_SHARE),
            family(catalog.QUALITY_SCORE),
            family(catalog.QUALITY_DIMENSION),
        )
        drifted = self.share(drift)
        if drifted is not None:
            share.add_metric([self.model], drifted)
        if found.score is not None:
            score.add_metric([self.model], found.score)
        for name, value in found.dimensions.items():
            if value is not None:
                dimensions.add_metric([self.model, name], value)
        return [scores, share, score, dimensions]
