"""What an alert is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["critical", "warning", "info", "none"]
#: Whom an alert concerns; routes can go by it.
Category = Literal["performance", "data", "system", "security"]
#: Where in the chain from cause to effect an alert stands; the earlier mutes the later of the same model. Empty for
#: what neither explains nor is explained by another.
Tier = Literal["schema", "quality", "dataset_drift", "drift", "label_coverage", "performance", ""]


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule.

    Parameters
    ----------
    name : str
        CamelCase with the prefix ``ML``; also the name of its runbook.
    severity : {'critical', 'warning', 'none'}
        Decides on the route.
    expr : str
        PromQL.
    summary : str
        One line with the value, as a Prometheus template.
    description : str
        The value against its threshold and what to do first, as a Prometheus template.
    for_, keep_firing_for : str
        How long it must hold before it fires, and is kept firing after it has ended.
    about_model : bool
        Whether it tells of a model; such alerts are muted while the model's exporters are down.
    category : {'performance', 'data', 'system', 'security'}
        A label of the alert.
    tier : str
        Its place in the chain from cause to effect, which decides on what mutes it; see
        :mod:`ml_models.mixin.inhibition`.
    annotations : mapping of str to str
        Further ones, as Prometheus templates.
    dashboard : str
        What follows the dashboard's address, as a Prometheus template.
    """

    name: str
    severity: Severity
    expr: str
    summary: str
    description: str
    for_: str = "0s"
    keep_firing_for: str = "0s"
    about_model: bool = True
    category: Category = "system"
    tier: Tier = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    dashboard: str = "{{ with $labels.model }}?var-model={{ . | urlquery }}{{ end }}"
