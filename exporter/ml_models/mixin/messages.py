"""What notifications say: templates of Alertmanager, the same facts on every channel.

Each message has status and severity, a line per alert, the value against its threshold, which features drift most, and
links to dashboard, runbook and a new silence. Only functions of Alertmanager 0.25 are used. A group may hold hundreds
of alerts: the first ones are written out, the others counted.
"""

from __future__ import annotations

from ml_models.mixin.mail import HTML
from ml_models.mixin.phrases import ADVICE, FACTS, FEW, MOST, TIME, advised, drifting

#: Slack reads three characters as its own: a feature called "<!channel>" must not call everybody.
_ESCAPE = '| reReplaceAll "&" "&amp;" | reReplaceAll "<" "&lt;" | reReplaceAll ">" "&gt;"'


def _title(escape: str = "") -> str:
    return (
        '[{{ if eq .Status "firing" }}{{ or .CommonLabels.severity "firing" | toUpper }}{{ else }}RESOLVED{{ end }}] '
        "{{ or .GroupLabels.alertname .CommonLabels.alertname }}"
        f"{{{{ with .CommonLabels.model }}}}: {{{{ . {escape} }}}}{{{{ end }}}}"
        "{{ if gt (len .Alerts.Firing) 1 }} ({{ len .Alerts.Firing }} firing){{ end }}"
    )


#: First line, with the count where several alerts are grouped: "[CRITICAL] MLFeatureDrift: churn (3 firing)".
TITLE, SLACK_TITLE = _title(), _title(_ESCAPE)

FIRST_DASHBOARD = "{{ (index .Alerts 0).Annotations.dashboard_url }}"
FIRST_RUNBOOK = "{{ (index .Alerts 0).Annotations.runbook_url }}"

#: Opens Alertmanager's form for a silence of the group, filled in. Its page reads no "+" as a space.
SILENCE = (
    "{{ .ExternalURL }}/#/silences/new?filter=%7B"
    "{{ range $i, $label := .GroupLabels.SortedPairs }}{{ if $i }}%2C{{ end }}"
    '{{ printf "%s=%q" $label.Name $label.Value | urlquery | reReplaceAll "[+]" "%20" }}{{ end }}%7D'
)


def _listed(status: str, each: str, most: int) -> str:
    """Return a template that writes out the first alerts of a status and counts the others."""
    alerts = f".Alerts.{status}"
    more = f"and {{{{ len (slice {alerts} {most}) }}}} more, see the dashboard\n\n"
    return (
        f"{{{{ range $i, $alert := {alerts} }}}}{{{{ if lt $i {most} }}}}{each}{{{{ end }}}}{{{{ end }}}}"
        f"{{{{ if gt (len {alerts}) {most} }}}}{more}{{{{ end }}}}"
    )


_TEXT_FIRING = f"""\
FIRING  {{{{ .Annotations.summary }}}}
  {{{{ {FACTS} }}}}
  Severity:  {{{{ .Labels.severity }}}}{{{{ with .Labels.category }}}} ({{{{ . }}}}){{{{ end }}}}
  Since:     {{{{ .StartsAt.UTC.Format {TIME} }}}}
{{{{ with .Annotations.dashboard_url }}}}  Dashboard: {{{{ . }}}}
{{{{ end }}}}
"""

_TEXT_RESOLVED = f"""\
RESOLVED  {{{{ .Annotations.summary }}}} (last value)
  From {{{{ .StartsAt.UTC.Format {TIME} }}}} to {{{{ .EndsAt.UTC.Format {TIME} }}}}
{{{{ with .Annotations.dashboard_url }}}}  Dashboard: {{{{ . }}}}
{{{{ end }}}}
"""

TEXT = (
    drifting("Drifting most: {{ . }}\n\n")
    + _listed("Firing", _TEXT_FIRING, MOST)
    + _listed("Resolved", _TEXT_RESOLVED, MOST)
    + advised(f"{{{{ {ADVICE} }}}}\n\n")
    + "{{ with .CommonAnnotations.runbook_url }}Runbook:      {{ . }}\n{{ end }}"
    + f"{{{{ if .Alerts.Firing }}}}Silence:      {SILENCE}\n{{{{ end }}}}"
    + "Alertmanager: {{ .ExternalURL }}\n"
)

#: A point per alert. Newer versions of Alertmanager would read text with a colon as YAML; with the asterisk it is none.
LINES = _listed("Firing", f"* {{{{ .Annotations.summary }}}}\n  {{{{ {FACTS} }}}}\n", MOST)
RESOLVED_LINES = _listed("Resolved", "* {{ .Annotations.summary }}\n", MOST)

# --- Slack -----------------------------------------------------------------------------------------------------------

_SLACK_FIRING = f"""\
*{{{{ .Annotations.summary {_ESCAPE} }}}}*
{{{{ {FACTS} {_ESCAPE} }}}}
{{{{ with .Annotations.dashboard_url }}}}<{{{{ . }}}}|Dashboard>{{{{ end }}}}

"""

_SLACK_RESOLVED = f"""\
:white_check_mark: Resolved: {{{{ .Annotations.summary {_ESCAPE} }}}} (last value)
"""

SLACK_TEXT = (
    drifting(f"Drifting most: {{{{ . {_ESCAPE} }}}}\n\n")
    + _listed("Firing", _SLACK_FIRING, FEW)
    + _listed("Resolved", _SLACK_RESOLVED, FEW)
    + advised(f"{{{{ {ADVICE} {_ESCAPE} }}}}\n\n")
    + "{{ with .CommonAnnotations.runbook_url }}<{{ . }}|Runbook>{{ end }}"
    + f"{{{{ if .Alerts.Firing }}}}  |  <{SILENCE}|Silence>{{{{ end }}}}"
)

SLACK_COLOR = (
    '{{ if ne .Status "firing" }}good{{ else if eq .CommonLabels.severity "critical" }}danger{{ else }}warning{{ end }}'
)

FOOTER = "{{ with .CommonLabels.category }}{{ . }} alert, {{ end }}ml-models-monitoring"

# --- Teams, whose text is Markdown -----------------------------------------------------------------------------------

_TEAMS_FIRING = f"""\
**{{{{ .Annotations.summary }}}}**

{{{{ {FACTS} }}}}

{{{{ with .Annotations.dashboard_url }}}}[Dashboard]({{{{ . }}}}){{{{ end }}}}

"""

TEAMS_TEXT = (
    drifting("Drifting most: {{ . }}\n\n")
    + _listed("Firing", _TEAMS_FIRING, FEW)
    + _listed("Resolved", "Resolved: {{ .Annotations.summary }} (last value)\n\n", FEW)
    + advised(f"{{{{ {ADVICE} }}}}\n\n")
    + "{{ with .CommonAnnotations.runbook_url }}[Runbook]({{ . }}){{ end }}"
    + f"{{{{ if .Alerts.Firing }}}} | [Silence]({SILENCE}){{{{ end }}}}"
)

__all__ = [
    "FIRST_DASHBOARD", "FIRST_RUNBOOK", "FOOTER", "HTML", "LINES", "RESOLVED_LINES", "SILENCE", "SLACK_COLOR",
    "SLACK_TEXT", "SLACK_TITLE", "TEAMS_TEXT", "TEXT", "TITLE",
]  # fmt: skip
