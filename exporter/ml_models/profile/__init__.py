"""What data looks like: the reference profile, the door for data, and the tally of counts."""

from ml_models.profile.ingest import Columns, columns
from ml_models.profile.reference import FeatureProfile, ReferenceProfile
from ml_models.profile.tally import Layout, Tally

__all__ = ["Columns", "FeatureProfile", "Layout", "ReferenceProfile", "Tally", "columns"]
