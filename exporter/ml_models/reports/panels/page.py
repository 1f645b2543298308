"""A dashboard with its data as one HTML file. Nothing is loaded and no script runs."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from typing import Any

from ml_models import __version__
from ml_models.reports.panels import resolve
from ml_models.reports.panels.collect import Collected, PanelData
from ml_models.reports.panels.drawn import drawn
from ml_models.reports.panels.style import STYLE

_BOLD = re.compile(r"\*\*(.+?)\*\*")
_CODE = re.compile(r"`([^`]+)`")


def page(collected: Collected) -> str:
    """Return the page; the same text for the same data."""
    title = html.escape(str(collected.dashboard.get("title", "")))
    chosen = resolve.described(collected.choices)
    heading = html.escape(" · ".join([str(collected.dashboard.get("title", "")), chosen.get("model", "")]).strip(" ·"))
    failed = "".join(f"<li>{html.escape(line)}</li>" for line in collected.errors)
    warning = f'<section class="failed"><h2>Queries that failed</h2><ul>{failed}</ul></section>' if failed else ""
    body = "".join(_part(panel, collected) for panel in collected.panels)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{heading or title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{heading}</h1>{_facts(collected)}</header>\n{warning}"
        f'<main class="board">{body}</main>\n<footer>mlmon {__version__}. Times are UTC. Hold the pointer over a mark '
        "for its value; open About under a panel for what it means and how it was asked.</footer>\n</body>\n</html>\n"
    )


def _time(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _facts(collected: Collected) -> str:
    span = collected.span
    facts = {"time": f"{_time(span.start)} to {_time(span.end)} UTC", **resolve.described(collected.choices)}
    stored = collected.dashboard.get("version")
    facts["dashboard"] = f"{collected.dashboard.get('uid', '?')}" + (f", version {stored}" if stored else "")
    facts["data from"] = collected.source
    items = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in facts.items()
    )
    return f"<dl>{items}</dl>"


def _part(panel: dict[str, Any], collected: Collected) -> str:
    if panel.get("type") == "row":
        inner = "".join(_part(one, collected) for one in panel.get("panels") or ())
        return f"<h2>{html.escape(panel.get('title', ''))}</h2>{inner}"
    width = int(panel.get("gridPos", {}).get("w", 24))
    data = collected.data[panel["id"]]
    errors = "".join(
        f'<p class="error">Query {html.escape(ref)}: {html.escape(said)}</p>' for ref, said in data.errors.items()
    )
    return (
        f'<section class="panel" style="--width:{width}"><h3>{html.escape(panel.get("title", ""))}</h3>'
        f"{drawn(data, collected.span)}{errors}{_about(data)}</section>"
    )


def _about(data: PanelData) -> str:
    text = html.escape(data.panel.get("description") or "")
    paragraphs = "".join(
        f"<p>{part}</p>" for part in _CODE.sub(r"<code>\1</code>", _BOLD.sub(r"<b>\1</b>", text)).split("\n\n")
    )
    asked = {query.ref_id: f"{query.expr}\nstep {query.step / 1000:g}s" for query in data.queries}
    for frame in data.frames:
        executed = (frame["schema"].get("meta") or {}).get("executedQueryString")
        if executed:
            asked[frame["schema"].get("refId", "")] = executed
    queries = "".join(f"<pre>{html.escape(ref)}: {html.escape(query)}</pre>" for ref, query in asked.items())
    return f"<details><summary>About</summary>{paragraphs}{queries}</details>" if text or queries else ""
