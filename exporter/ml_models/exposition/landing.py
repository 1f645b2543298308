"""The landing page: which model this is, how it is, and where to look."""

from __future__ import annotations

from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } .sub { color: GrayText; margin-top: 0; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; }
td:last-child { text-align: right; font-variant-numeric: tabular-nums; }
"""


def landing_page(model: str, version: str, facts: list[tuple[str, Any]]) -> str:
    """Return a page of one table and links; no scripts, nothing from elsewhere.

    Parameters
    ----------
    model, version : str
    facts : list of (what, value)
        None is shown as "no data".

    Examples
    --------
    >>> "&lt;b&gt;" in landing_page("<b>", "1", [])
    True
    """
    rows = "".join(
        f"<tr><th scope=row>{escape(what)}</th><td>{'no data' if value is None else escape(str(value))}</td></tr>"
        for what, value in facts
    )
    shown = f"version {escape(version)} · " if version else ""
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{escape(model)} · mlmon</title>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main><h1>{escape(model)}</h1>"
        f"<p class=sub>{shown}monitored by ml-models-monitoring</p><table>{rows}</table>"
        '<nav><a href="/metrics">Metrics</a> · <a href="/readyz">Readiness</a> · <a href="/healthz">Liveness</a></nav>'
        "</main></body></html>"
    )
