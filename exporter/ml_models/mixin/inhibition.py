"""What mutes what: a cause mutes its effects, so that one trouble gives one message.

From cause to effect, for alerts of the same model: no exporter, a broken schema, bad quality, drift of the data as a
whole, drift of single features, bad performance. Two things do not mute: one drifting feature out of many, since it
does not explain a loss of performance; and a warning, since something critical must be told however it came about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ml_models.mixin.alerts import EXPORTER_ABSENT, EXPORTER_DOWN, Alert, Tier
from ml_models.mixin.promql import quote_regex

#: Source, what its alerts must have besides, what it mutes, and which labels must be the same.
_CHAIN: tuple[tuple[Tier, tuple[str, ...], tuple[Tier, ...], tuple[str, ...]], ...] = (
    ("schema", (), ("quality", "dataset_drift", "drift", "performance"), ("model",)),
    ("quality", ('feature = ""',), ("dataset_drift", "drift", "performance"), ("model",)),
    ("quality", ('feature != ""',), ("drift",), ("model", "feature")),
    ("dataset_drift", (), ("drift", "performance"), ("model",)),
    # What is computed from few labels says little.
    ("label_coverage", (), ("performance",), ("model",)),
)


def inhibitions(alerts: Sequence[Alert]) -> list[dict[str, Any]]:
    """Return the inhibition rules for the alerts to come."""
    about_models = quote_regex(sorted({alert.name for alert in alerts if alert.about_model}))
    return [
        {
            "source_matchers": ['severity = "critical"'],
            "target_matchers": ['severity =~ "warning|info"'],
            "equal": ["alertname", "model", "feature"],
        },
        # Critical only: while another replica of the model is up, its alerts still tell the truth.
        {
            "source_matchers": [f'alertname = "{EXPORTER_DOWN}"', 'severity = "critical"'],
            "target_matchers": [f"alertname =~ {about_models}"],
            "equal": ["model"],
        },
        {
            "source_matchers": [f'alertname = "{EXPORTER_ABSENT}"'],
            "target_matchers": [f"alertname =~ {about_models}"],
        },
        *_chain(alerts),
    ]


def _chain(alerts: Sequence[Alert]) -> Iterator[dict[str, Any]]:
    for source, having, targets, equal in _CHAIN:
        causes = {alert.name for alert in alerts if alert.tier == source}
        effects = {alert.name for alert in alerts if alert.tier in targets}
        if not causes or not effects:
            continue
        for severity, muted in (("critical", "critical|warning|info"), ("warning", "warning|info")):
            yield {
                "source_matchers": [f"alertname =~ {quote_regex(sorted(causes))}", f'severity = "{severity}"', *having],
                "target_matchers": [f"alertname =~ {quote_regex(sorted(effects))}", f'severity =~ "{muted}"'],
                "equal": list(equal),
            }
