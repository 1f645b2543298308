"""Mails as HTML. Mail programs drop style sheets, so the styles are written at each element."""

from __future__ import annotations

from ml_models.mixin.phrases import ADVICE, FACTS, MOST, TIME, advised, drifting

_BODY = (
    "margin:0;padding:24px 12px;background:#f4f5f7;font-family:Helvetica,Arial,sans-serif;font-size:14px;color:#1f2430"
)
_BOX = "max-width:640px;margin:0 auto;background:#ffffff;border:1px solid #dfe1e6;border-radius:6px;overflow:hidden"
#: The status is a word besides a colour.
_HEAD = (
    "padding:16px;color:#ffffff;"
    'background:{{ if ne .Status "firing" }}#00734f{{ else if eq .CommonLabels.severity "critical" }}#b3261e'
    "{{ else }}#8a5a00{{ end }}"
)
_ITEM = "padding:12px 16px;border-top:1px solid #eceef1;border-left:4px solid"
_TOP = "padding:10px 16px;background:#fafbfc;border-bottom:1px solid #eceef1"
_FOOT = "padding:12px 16px;border-top:1px solid #dfe1e6;background:#fafbfc"
_GREY = "color:#5c6370;font-size:12px"
_LINK = "color:#00558c"
_P = "margin:0 0 6px"

_STATUS = (
    '{{ if ne .Status "firing" }}Resolved{{ else if eq .CommonLabels.severity "critical" }}Critical'
    '{{ else if eq .CommonLabels.severity "warning" }}Warning{{ else }}Firing{{ end }}'
)

#: As the query part of an address: the template engine escapes it.
_SILENCE = (
    "{{ .ExternalURL }}/#/silences/new?filter=%7B{{ range $i, $label := .GroupLabels.SortedPairs }}"
    '{{ if $i }}%2C{{ end }}{{ printf "%s=%q" $label.Name $label.Value }}{{ end }}%7D'
)


def _counted(status: str) -> str:
    return (
        f"{{{{ if gt (len .Alerts.{status}) {MOST} }}}}\n"
        f'<div style="{_ITEM} #dfe1e6;{_GREY}">and {{{{ len (slice .Alerts.{status} {MOST}) }}}} more, see the '
        "dashboard</div>\n{{ end }}"
    )


_MOST_DRIFTING = drifting(f'<div style="{_TOP}"><span style="{_GREY}">Drifting most:</span> {{{{ . }}}}</div>')
_ADVICE = advised(f'<div style="{_ITEM} #00558c">{{{{ {ADVICE} }}}}</div>')

HTML = f"""\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body style="{_BODY}">
<div style="{_BOX}">
<div style="{_HEAD}">
<div style="font-size:12px;margin-bottom:4px">{_STATUS}\
{{{{ with .CommonLabels.category }}}} &middot; {{{{ . }}}}{{{{ end }}}}\
{{{{ if gt (len .Alerts.Firing) 1 }}}} &middot; {{{{ len .Alerts.Firing }}}} firing{{{{ end }}}}</div>
<div style="font-size:18px;font-weight:bold">{{{{ or .GroupLabels.alertname .CommonLabels.alertname }}}}\
{{{{ with .CommonLabels.model }}}}: {{{{ . }}}}{{{{ end }}}}</div>
</div>
{_MOST_DRIFTING}
{{{{ range $i, $alert := .Alerts.Firing }}}}{{{{ if lt $i {MOST} }}}}
<div style="{_ITEM} {{{{ if eq .Labels.severity "critical" }}}}#b3261e{{{{ else }}}}#e69f00{{{{ end }}}}">
<p style="{_P}"><b>{{{{ .Annotations.summary }}}}</b></p>
<p style="{_P}">{{{{ {FACTS} }}}}</p>
<p style="margin:0;{_GREY}">since {{{{ .StartsAt.UTC.Format {TIME} }}}}
{{{{ with .Annotations.dashboard_url }}}}&middot; <a style="{_LINK}" href="{{{{ . }}}}">Dashboard</a>{{{{ end }}}}
{{{{ with .GeneratorURL }}}}&middot; <a style="{_LINK}" href="{{{{ . }}}}">Query</a>{{{{ end }}}}</p>
</div>
{{{{ end }}}}{{{{ end }}}}
{_counted("Firing")}
{{{{ range $i, $alert := .Alerts.Resolved }}}}{{{{ if lt $i {MOST} }}}}
<div style="{_ITEM} #00734f">
<p style="{_P}"><b>Resolved:</b> {{{{ .Annotations.summary }}}} (last value)</p>
<p style="margin:0;{_GREY}">from {{{{ .StartsAt.UTC.Format {TIME} }}}} to {{{{ .EndsAt.UTC.Format {TIME} }}}}
{{{{ with .Annotations.dashboard_url }}}}&middot; <a style="{_LINK}" href="{{{{ . }}}}">Dashboard</a>{{{{ end }}}}</p>
</div>
{{{{ end }}}}{{{{ end }}}}
{_counted("Resolved")}
{_ADVICE}
<div style="{_FOOT}">
{{{{ with .CommonAnnotations.runbook_url }}}}<a style="{_LINK}" href="{{{{ . }}}}">Runbook</a> &nbsp;{{{{ end }}}}
{{{{ if .Alerts.Firing }}}}<a style="{_LINK}" href="{_SILENCE}">Silence</a> &nbsp;{{{{ end }}}}
<a style="{_LINK}" href="{{{{ .ExternalURL }}}}">Alertmanager</a>
</div>
</div>
</body>
</html>
"""
