"""What alerts are made of: templates that show values, and two severities of one alert."""

from __future__ import annotations

from dataclasses import replace

from ml_models.mixin.alerts.alert import Alert
from ml_models.mixin.names import RuleSettings
from ml_models.mixin.promql import duration, seconds, text

PER_MODEL = "on (model) group_left ()"

#: Which replica an alert is about, as a Prometheus template.
REPLICA = "{{ $labels.instance }} (model {{ $labels.model }})"

#: How values are shown, as functions of Prometheus templates.
SCORE = 'printf "%.3g"'
COUNT = 'printf "%.0f"'
RATIO = "humanizePercentage"
TIME = "humanizeDuration"


def looked_up(series: str, shown: str) -> str:
    """Return a template that prints the model's value of another series; ``%q`` keeps odd model names intact."""
    name, _, matchers = series.rstrip("}").partition("{")
    selector = f"{name}{{{','.join(filter(None, ('model=%q', matchers)))}}}"
    return f"{{{{ with printf `{selector}` $labels.model | query }}}}{{{{ . | first | value | {shown} }}}}{{{{ end }}}}"


def top_features(score: str) -> str:
    """Return a template that names the model's features that drift most; the same for all alerts of the model."""
    name, _, matchers = score.rstrip("}").partition("{")
    query = f"sort_desc(topk(5, {name}{{model=%q,{matchers}}}))"
    each = f"{{{{ $f.Labels.feature }}}} ({{{{ $f.Value | {SCORE} }}}})"
    comma = "{{ if $i }}, {{ end }}"
    return f"{{{{ range $i, $f := printf `{query}` $labels.model | query }}}}{comma}{each}{{{{ end }}}}"


def handover(settings: RuleSettings, for_: str = "") -> str:
    """Return how long both severities of an alert are kept firing.

    The severities exclude each other, so each ends when the other one begins to wait for its ``for``. Kept firing
    a little longer than that, it hands over without a false RESOLVED in between.
    """
    return duration(seconds(for_ or settings.for_) + 5 * seconds(settings.interval))


def graded(settings: RuleSettings, alert: Alert, *, warning: str, critical: str) -> tuple[Alert, Alert]:
    """Return an alert at both severities, which exclude each other.

    Parameters
    ----------
    settings : RuleSettings
    alert : Alert
        All but severity and expression; of its ``for_`` follows how long it is kept firing.
    warning, critical : str
        What to be warned of, what is critical included; and what is critical. Of the same labels.
    """
    lasting = replace(alert, keep_firing_for=handover(settings, alert.for_))
    mild = text(f"""
        (
          {warning}
        )
          unless
        (
          {critical}
        )""")
    return replace(lasting, severity="critical", expr=critical), replace(lasting, severity="warning", expr=mild)
