"""The report as Markdown, as GitHub and GitLab show it in a comment."""

from __future__ import annotations

import html
import re

from ml_models.comparison import sentences
from ml_models.comparison.report import DriftReport, FeatureDrift
from ml_models.stats.significance import PVALUES

_MARKS = {"strong drift": "🔴", "drift": "🟠", "ok": "🟢", "not judged": "⚪"}
_HEADLINE_MARKS = {"drift": "🔴", "no drift": "🟢", "not judged": "⚪"}


def markdown(report: DriftReport, *, top: int) -> str:
    """Return the report: headline, sentences, the columns that need a look, the others folded away."""
    features, left_out = sentences.shown(report, top)
    loud = [feature for feature in features if feature.drifted is not False]
    quiet = [feature for feature in features if feature.drifted is False]
    blocks = [f"### {_HEADLINE_MARKS[report.verdict]} {escaped(sentences.headline(report))}"]
    facts = (sentences.sizes(report), sentences.quality(report), *sentences.notes(report))
    blocks.append("\n".join(f"- {escaped(sentence)}" for sentence in facts))
    if loud:
        blocks.append(_table(report, loud))
    if quiet:
        noun = "column" if len(quiet) == 1 else "columns"
        # GitHub reads Markdown inside HTML only after an empty line.
        blocks.append(
            f"<details><summary>{len(quiet)} {noun} without drift</summary>\n\n{_table(report, quiet)}\n\n</details>"
        )
    if left_out:
        blocks.append(escaped(left_out))
    return "\n\n".join(blocks)


def _table(report: DriftReport, features: list[FeatureDrift]) -> str:
    tested = report.method in PVALUES
    head = f"{report.method} | p, adjusted" if tested else report.method
    lines = [
        f"| column | kind | {head} | missing | verdict | |",
        f"|---|---|--:|{'--:|' if tested else ''}--:|---|---|",
    ]
    for feature in features:
        verdict = sentences.verdict(feature)
        cells = (
            f"<code>{escaped(feature.name)}</code>",
            feature.kind if feature.role == "feature" else feature.role,
            sentences.number(feature.score),
            *([escaped(sentences.pvalue(feature.adjusted_pvalue))] if tested else []),
            sentences.percent(feature.missing_ratio),
            f"{_MARKS[verdict]} {verdict}",
            escaped(sentences.explanation(feature)),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def escaped(value: str) -> str:
    """Return text that Markdown shows as it is: no markup, no mention, no link, no line break.

    Examples
    --------
    >>> escaped("a|b *c* <img> @team")
    'a&#124;b &#42;c&#42; &lt;img&gt; &#64;team'
    """
    shown = html.escape(sentences.printable(value), quote=False)
    return re.sub(r"[|*_`~@#\[\]\\!$]|:(?=//)", lambda found: f"&#{ord(found[0])};", shown)
