"""Monitors and hooks: the public interface."""

from ml_models.monitoring.data_monitor import DataMonitor
from ml_models.monitoring.model_monitor import ModelMonitor, track
from ml_models.profile.reference import ReferenceProfile

__all__ = ["DataMonitor", "ModelMonitor", "ReferenceProfile", "track"]
