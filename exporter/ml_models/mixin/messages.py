"""What notifications say: templates of Alertmanager, the same facts by email and in Slack.

Each message has status and severity, a line per alert, the value against its threshold, and links to the dashboard
and the runbook. Only functions of Alertmanager 0.25 are used.
"""

from __future__ import annotations

#: First line, with the count where several alerts are grouped: "[CRITICAL] MLFeatureDrift: churn (3 firing)".
TITLE = (
    '[{{ if eq .Status "firing" }}{{ or .CommonLabels.severity "firing" | toUpper }}{{ else }}RESOLVED{{ end }}] '
    "{{ or .GroupLabels.alertname .CommonLabels.alertname }}"
    "{{ with .CommonLabels.model }}: {{ . }}{{ end }}"
    "{{ if gt (len .Alerts.Firing) 1 }} ({{ len .Alerts.Firing }} firing){{ end }}"
)

#: How Go shows a time.
_TIME = '"2006-01-02 15:04:05 MST"'

TEXT = f"""\
{{{{ range .Alerts.Firing -}}}}
FIRING  {{{{ .Annotations.summary }}}}
  {{{{ .Annotations.description }}}}
  Severity:  {{{{ .Labels.severity }}}}
  Since:     {{{{ .StartsAt.UTC.Format {_TIME} }}}}
  Dashboard: {{{{ .Annotations.dashboard_url }}}}
  Runbook:   {{{{ .Annotations.runbook_url }}}}

{{{{ end }}}}{{{{ range .Alerts.Resolved -}}}}
RESOLVED  {{{{ .Annotations.summary }}}} (last value)
  From {{{{ .StartsAt.UTC.Format {_TIME} }}}} to {{{{ .EndsAt.UTC.Format {_TIME} }}}}
  Dashboard: {{{{ .Annotations.dashboard_url }}}}

{{{{ end }}}}\
Alertmanager: {{{{ .ExternalURL }}}}
"""

# Mail programs drop style sheets, so the styles are written at each element. The status is a word besides a colour.
_CELL = "padding:12px 16px;border-left:4px solid"
_BODY = "margin:0;padding:24px;background:#f4f5f7;font-family:Helvetica,Arial,sans-serif;font-size:14px;color:#1f2430"
_BOX = "max-width:640px;margin:0 auto;background:#ffffff;border:1px solid #dfe1e6;border-radius:6px;overflow:hidden"
_HEAD = (
    "padding:16px;color:#ffffff;font-size:17px;font-weight:bold;"
    'background:{{ if ne .Status "firing" }}#00734f{{ else if eq .CommonLabels.severity "critical" }}#b3261e'
    "{{ else }}#8a5a00{{ end }}"
)
_GREY = "color:#5c6370"
_LINK = "color:#00558c"

HTML = f"""\
<!DOCTYPE html>
<html>
<body style="{_BODY}">
<div style="{_BOX}">
<div style="{_HEAD}">{TITLE}</div>
{{{{ range .Alerts.Firing }}}}
<div style="{_CELL} {{{{ if eq .Labels.severity "critical" }}}}#b3261e{{{{ else }}}}#e69f00{{{{ end }}}}">
<p style="margin:0 0 6px"><b>{{{{ .Annotations.summary }}}}</b></p>
<p style="margin:0 0 6px">{{{{ .Annotations.description }}}}</p>
<p style="margin:0 0 6px;{_GREY}">{{{{ .Labels.severity }}}}, since {{{{ .StartsAt.UTC.Format {_TIME} }}}}</p>
<p style="margin:0">
<a style="{_LINK}" href="{{{{ .Annotations.dashboard_url }}}}">Dashboard</a> &nbsp;
<a style="{_LINK}" href="{{{{ .Annotations.runbook_url }}}}">Runbook</a> &nbsp;
<a style="{_LINK}" href="{{{{ .GeneratorURL }}}}">Query</a>
</p>
</div>
{{{{ end }}}}
{{{{ range .Alerts.Resolved }}}}
<div style="{_CELL} #00734f">
<p style="margin:0 0 6px"><b>Resolved:</b> {{{{ .Annotations.summary }}}} (last value)</p>
<p style="margin:0 0 6px;{_GREY}">
from {{{{ .StartsAt.UTC.Format {_TIME} }}}} to {{{{ .EndsAt.UTC.Format {_TIME} }}}}
</p>
<p style="margin:0"><a style="{_LINK}" href="{{{{ .Annotations.dashboard_url }}}}">Dashboard</a></p>
</div>
{{{{ end }}}}
<p style="margin:0;padding:12px 16px;border-top:1px solid #dfe1e6;{_GREY}">
Silence it in <a style="{_LINK}" href="{{{{ .ExternalURL }}}}">Alertmanager</a>.
</p>
</div>
</body>
</html>
"""

#: Slack reads three characters as its own: a feature called "<!channel>" must not call everybody.
_ESCAPE = '| reReplaceAll "&" "&amp;" | reReplaceAll "<" "&lt;" | reReplaceAll ">" "&gt;"'

SLACK_TEXT = f"""\
{{{{ range .Alerts.Firing -}}}}
*{{{{ .Annotations.summary {_ESCAPE} }}}}*
{{{{ .Annotations.description {_ESCAPE} }}}}
<{{{{ .Annotations.dashboard_url }}}}|Dashboard>  |  <{{{{ .Annotations.runbook_url }}}}|Runbook>

{{{{ end }}}}{{{{ range .Alerts.Resolved -}}}}
:white_check_mark: Resolved: {{{{ .Annotations.summary {_ESCAPE} }}}} (last value)
<{{{{ .Annotations.dashboard_url }}}}|Dashboard>

{{{{ end }}}}"""

SLACK_COLOR = (
    '{{ if ne .Status "firing" }}good{{ else if eq .CommonLabels.severity "critical" }}danger{{ else }}warning{{ end }}'
)

#: For notices and small screens, which show no attachment.
SLACK_FALLBACK = TITLE
