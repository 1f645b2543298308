"""Monitors and hooks: the public interface."""

import logging

from ml_models.monitoring.model_monitor import ModelMonitor, track
from ml_models.profile.reference import ReferenceProfile

logging.getLogger("ml_models").addHandler(logging.NullHandler())

__all__ = ["ModelMonitor", "ReferenceProfile", "track"]
