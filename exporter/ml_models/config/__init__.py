"""Settings: read from YAML and the environment, checked, and turned into the monitors' keyword arguments.

``config.py`` and ``notifications.py`` in this package state every parameter: meaning, unit, range and default.
"""

from ml_models.config.config import ALERT_CHANNELS, DRIFT_METHODS, TASKS
from ml_models.config.settings import Config

__all__ = ["ALERT_CHANNELS", "DRIFT_METHODS", "TASKS", "Config"]
