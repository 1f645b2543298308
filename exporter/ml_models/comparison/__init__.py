"""Comparing two sets of data: one call, one report."""

from ml_models.comparison.measure import THRESHOLDS, compare
from ml_models.comparison.report import FORMS, Distribution, DriftReport, FeatureDrift, MultivariateDrift, form_of

__all__ = [
    "FORMS",
    "THRESHOLDS",
    "Distribution",
    "DriftReport",
    "FeatureDrift",
    "MultivariateDrift",
    "compare",
    "form_of",
]
