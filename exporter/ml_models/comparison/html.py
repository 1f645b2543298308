"""The report as HTML: a page of its own, or a fragment for a notebook. Nothing is loaded and no script runs."""

from __future__ import annotations

import html

from ml_models.comparison import sentences
from ml_models.comparison.report import DriftReport, FeatureDrift
from ml_models.comparison.style import STYLE
from ml_models.stats.significance import PVALUES

_WIDTH, _HEIGHT = 180, 40


def escape(value: str) -> str:
    """Return text for an element or a quoted attribute.

    Examples
    --------
    >>> escape('<b>"&')
    '&lt;b&gt;&quot;&amp;'
    """
    return html.escape(sentences.printable(value))


def page(report: DriftReport, *, top: int) -> str:
    """Return a whole page."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(sentences.headline(report))}</title>\n"
        "<style>body{margin:0} .mlmon-drift{min-height:100vh;padding:2rem clamp(1rem,4vw,3rem)}</style>\n"
        f"</head>\n<body>\n{fragment(report, top=top)}\n</body>\n</html>\n"
    )


def fragment(report: DriftReport, *, top: int) -> str:
    """Return an element with its own style, all of whose rules hold inside it only."""
    features, left_out = sentences.shown(report, top)
    parts = [
        f"<style>{STYLE}</style>",
        f'<section class="mlmon-drift" aria-label="Drift report">{_head(report)}',
        _table(report, features) if features else "",
        f'<p class="rest">{escape(left_out)}</p>' if left_out else "",
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _head(report: DriftReport) -> str:
    class_name = report.verdict.replace(" ", "-")
    tiles = [("Features drifted", sentences.percent(report.drift_share), "")]
    bad = "bad" if report.quality_ok is False else ""
    tiles.append(("Data quality", sentences.number(report.quality_score), bad))
    tiles += [(name.capitalize(), sentences.number(value), "") for name, value in report.quality.items()]
    tiles += [("Live rows", f"{report.rows:,}", ""), ("Reference rows", f"{report.reference_rows:,}", "")]
    shown = "".join(
        f'<div class="{kind}"><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>' for name, value, kind in tiles
    )
    notes = "".join(f"<li>{escape(line)}</li>" for line in sentences.notes(report))
    return (
        f'<h1 class="{class_name}">{escape(sentences.headline(report))}</h1>'
        f'<p class="sizes">{escape(sentences.sizes(report))}</p><dl>{shown}</dl>'
        + (f"<ul>{notes}</ul>" if notes else "")
    )


def _table(report: DriftReport, features: tuple[FeatureDrift, ...]) -> str:
    tested = report.method in PVALUES
    rows = "\n".join(_row(feature, tested=tested) for feature in features)
    significance = '<th class="n" title="adjusted for the number of columns">p</th>' if tested else ""
    return (
        '<p class="legend"><i class="reference"></i>reference <i class="live"></i>live &nbsp; '
        "Numbers are in bins of about a tenth of the reference each; hold the pointer over a bar for its range.</p>"
        f'<div class="scroll"><table><thead><tr><th>Column</th><th>Reference and live</th>'
        f'<th class="n">{escape(report.method)}</th>{significance}<th>Verdict</th><th class="n">Missing</th>'
        '<th class="n">Invalid</th><th class="n">Out of range</th></tr></thead>'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _row(feature: FeatureDrift, *, tested: bool) -> str:
    verdict = sentences.verdict(feature)
    why = sentences.explanation(feature)
    kind = feature.kind if feature.role == "feature" else f"{feature.role}, {feature.kind}"
    reference_missing = f"reference {sentences.percent(feature.reference_missing_ratio)}"
    score_title = "; ".join(f"{name} {sentences.number(value)}" for name, value in feature.scores.items())
    noise = "" if feature.noise is None else f"; noise alone reaches psi {feature.noise:.3g}"
    own = f"; p-value {feature.pvalue:.3g}" if feature.pvalue is not None else ""
    significance = f'<td class="n">{escape(sentences.pvalue(feature.adjusted_pvalue))}</td>' if tested else ""
    reason = f"<small>{escape(why)}</small>" if why else ""
    return (
        f'<tr><th scope="row"><span class="name">{escape(feature.name)}</span><small>{escape(kind)}</small></th>'
        f"<td>{_histogram(feature)}</td>"
        f'<td class="n" title="{escape(score_title + noise + own)}">{sentences.number(feature.score)}</td>'
        f"{significance}"
        f'<td><b class="{verdict.replace(" ", "-")}">{verdict}</b>{reason}</td>'
        f'<td class="n" title="{escape(reference_missing)}">{escape(sentences.percent(feature.missing_ratio))}</td>'
        f'<td class="n">{escape(sentences.percent(feature.invalid_ratio))}</td>'
        f'<td class="n">{escape(sentences.percent(feature.out_of_range_ratio))}</td></tr>'
    )


def _histogram(feature: FeatureDrift) -> str:
    count = len(feature.distribution.bins)
    reference = feature.distribution.reference or (0.0,) * count
    live = feature.distribution.live or (0.0,) * count
    highest = max((*reference, *live), default=0.0) or 1.0
    step = _WIDTH / max(count, 1)
    bars = []
    for place, (title, before, after) in enumerate(zip(sentences.change_titles(feature), reference, live, strict=True)):
        x = place * step
        bars.append(
            f"<g><title>{escape(title)}</title>"
            f'<rect class="hit" x="{x:.2f}" width="{step:.2f}" height="{_HEIGHT}"/>'
            + _bar("reference", x + step * 0.04, step * 0.92, before / highest)
            + _bar("live", x + step * 0.26, step * 0.48, after / highest)
            + "</g>"
        )
    label = f"Distribution of {feature.name}, reference and live"
    return (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}">{"".join(bars)}</svg>'
    )


def _bar(kind: str, x: float, width: float, share: float) -> str:
    if share <= 0:
        return ""
    height = max(share * _HEIGHT, 1.0)  # a bin that holds anything is seen
    return f'<rect class="{kind}" x="{x:.2f}" y="{_HEIGHT - height:.2f}" width="{width:.2f}" height="{height:.2f}"/>'
