"""A column's drift, faults and distribution as plain values: None where undefined, never NaN."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

from ml_models.collectors.data import DataCollector, Drift
from ml_models.profile.tally import ABOVE, BELOW, EXAMINED, INVALID, MISSING, ROWS, Layout, Tally
from ml_models.stats.drift import METHODS
from ml_models.stats.moments import Multivariate


def finite(value: Any) -> float | None:
    """Return a number as a float, or None where it is undefined.

    Examples
    --------
    >>> finite(0.5), finite(float("nan"))
    (0.5, None)
    """
    return None if value is None or not math.isfinite(value) else float(value)


def ratios(counts: NDArray[Any]) -> list[float] | None:
    """Return counts as shares of their sum, or None if there are none.

    Examples
    --------
    >>> import numpy as np
    >>> ratios(np.array([1, 3])), ratios(np.array([0, 0]))
    ([0.25, 0.75], None)
    """
    total = int(counts.sum())
    return (counts / total).tolist() if total else None


def described(layout: Layout, drift: Drift, tally: Tally, row: int) -> dict[str, Any]:
    """Return one column of a layout as ``get_metrics()`` gives it.

    Parameters
    ----------
    layout : Layout
    drift : Drift
        Of the whole layout.
    tally : Tally
        The live counts that it was worked out from.
    row : int
        The column's row in ``tally.cells``.
    """
    feature, cells = layout.features[row], tally.cells[row]
    width = len(feature.bins)
    rows, present = int(cells[ROWS]), int(cells[ROWS] - cells[MISSING])
    verdict = drift.drifted[row]
    return {
        "kind": feature.kind,
        "drift": {
            name: finite(scores[row])
            for name, scores in drift.scores.items()
            if feature.ordered or not METHODS[name].ordered
        },
        "drifted": None if verdict is None else bool(verdict),
        "noise": finite(drift.noise[row]),
        "pvalue": finite(drift.pvalues[row]),
        "adjusted_pvalue": finite(drift.adjusted[row]),
        "samples": int(drift.samples[row]),
        "missing_ratio": int(cells[MISSING]) / rows if rows else None,
        "invalid_ratio": int(cells[INVALID]) / rows if rows else None,
        "out_of_range_ratio": int(cells[BELOW] + cells[ABOVE]) / present if present else None,
        "distribution": {
            "bins": list(feature.bins),
            "ranges": list(feature.ranges),
            "upper_edges": [*feature.coarse_edges, None] if feature.ordered else None,
            "reference": ratios(layout.reference_coarse[row, :width]),
            "live": ratios(drift.live[row, :width]),
        },
    }


def data_figures(collector: DataCollector, tally: Tally, timely: float | None = None) -> dict[str, Any]:
    """Return drift, distributions and quality of a window as ``get_metrics()["data"]`` has them.

    Parameters
    ----------
    collector : DataCollector
    tally : Tally
        Of the window.
    timely : float, optional
        Timeliness of the data, where an age is allowed.
    """
    layout = collector.layout
    drift, quality = collector.drift(tally), collector.quality(tally, timeliness=timely)
    joint = collector.multivariate(tally)
    columns = {
        (feature.role, feature.name): described(layout, drift, tally, row)
        for row, feature in enumerate(layout.features)
    }
    roles = {
        role: {name: column["distribution"] for (found, name), column in columns.items() if found == role}
        for role in ("prediction", "label")
    }
    return {
        "features": {name: column for (role, name), column in columns.items() if role == "feature"},
        "prediction_distribution": roles["prediction"],
        "label_distribution": roles["label"],
        "drift_share": collector.share(drift),
        "quality_score": quality.score,
        "quality": quality.dimensions,
        "multivariate": None if joint is None else _multivariate(joint, collector.correlation_drifted(joint)),
        "rows": int(tally.schema[EXAMINED]),
    }


def _multivariate(found: Multivariate, drifted: bool | None) -> dict[str, Any]:
    """Return how the numeric features together differ from the reference."""
    return {
        "drifted": drifted,
        "correlation_change": found.correlation.largest,
        "correlation_pvalue": found.correlation_pvalue,
        "frechet": found.frechet,
        "frechet_pvalue": found.frechet_pvalue,
        "rows": found.rows,
        "incomplete_rows": found.incomplete,
    }
