"""What messages of all forms share: pieces of templates."""

from __future__ import annotations

#: How many alerts of a group are written out where there is room, and where there is little.
MOST, FEW = 20, 10

#: How Go shows a time.
TIME = '"2006-01-02 15:04:05 MST"'


#: A description ends in advice, which begins with "First " and is the same for all alerts of a group: it is told once.
FACTS = '.Annotations.description | reReplaceAll " First .*" ""'
ADVICE = '.Annotations.description | reReplaceAll "^.*? First " "First "'


def advised(text: str) -> str:
    """Return a template around what is told once, if something fires that has advice."""
    return (
        '{{ if .Alerts.Firing }}{{ with index .Alerts.Firing 0 }}{{ if match " First " .Annotations.description }}'
        f"{text}{{{{ end }}}}{{{{ end }}}}{{{{ end }}}}"
    )


def drifting(text: str) -> str:
    """Return a template around the features that drift most, while they do."""
    firing = '{{ if eq .Status "firing" }}'
    return f"{firing}{{{{ with .CommonAnnotations.top_features }}}}{text}{{{{ end }}}}{{{{ end }}}}"
