"""The alerts: one list that the rule file, the inhibition, the tests and the runbooks follow.

Thresholds are not written into the rules: they are exported by the model (``ml_alert_threshold``), so changing one
needs no new rule file.
"""

from __future__ import annotations

from ml_models.mixin.alerts.alert import Alert, Category, Severity, Tier
from ml_models.mixin.alerts.drift import drift
from ml_models.mixin.alerts.exporter import EXPORTER_ABSENT, EXPORTER_DOWN, WATCHDOG, exporter
from ml_models.mixin.alerts.monitor import monitor
from ml_models.mixin.alerts.performance import performance
from ml_models.mixin.alerts.quality import quality
from ml_models.mixin.alerts.security import security
from ml_models.mixin.alerts.system import system
from ml_models.mixin.alerts.watched import watched
from ml_models.mixin.names import RuleSettings

__all__ = ["EXPORTER_ABSENT", "EXPORTER_DOWN", "WATCHDOG", "Alert", "Category", "Severity", "Tier", "alerts"]

_PARTS = (quality, drift, watched, performance, system, monitor, security, exporter)


def alerts(settings: RuleSettings) -> tuple[Alert, ...]:
    """Return all alerts, the more urgent of two severities first.

    Examples
    --------
    >>> sorted({alert.category for alert in alerts(RuleSettings())})
    ['data', 'performance', 'security', 'system']
    """
    return tuple(alert for part in _PARTS for alert in part(settings))
