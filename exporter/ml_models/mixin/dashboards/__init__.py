"""The Grafana dashboard, generated with grafanalib: its file, its queries, and their evaluation outside Grafana.

Examples
--------
>>> list(files())
['dashboards/ml-model.json']
>>> queries = targets(model_dashboard())
>>> queries[0].panel, queries[0].ref_id
('Predictions', 'A')
>>> substitute('rate(x{model="$model"}[$__rate_interval])', {"model": "churn"}, rate_interval="1m")
'rate(x{model="churn"}[1m])'
"""

from __future__ import annotations

import json

from ml_models.mixin.dashboards.model import UID, model_dashboard
from ml_models.mixin.dashboards.targets import Target, substitute, targets

__all__ = ["Target", "files", "model_dashboard", "substitute", "targets"]


def files() -> dict[str, str]:
    """Return the generated dashboards, each as path and text; the same text at every call.

    Raises
    ------
    MissingExtraError
        If grafanalib is not installed.
    """
    text = json.dumps(model_dashboard(), indent=2, sort_keys=True, ensure_ascii=False)
    return {f"dashboards/{UID}.json": f"{text}\n"}
