"""The style of the HTML report, light and dark; every rule is inside ``.mlmon-drift``."""

from __future__ import annotations

_LIGHT = (
    "--ink:#1c2128;--dim:#59636e;--paper:#ffffff;--line:#d8dee4;--panel:#f6f8fa;--before:#bcc4cd;--now:#2f6feb;"
    "--bad:#b42318;--warn:#8a5a00;--good:#17713a;color-scheme:light"
)
_DARK = (
    "--ink:#e6edf3;--dim:#9aa5b1;--paper:#0d1117;--line:#30363d;--panel:#161b22;--before:#4b5663;--now:#6ea8fe;"
    "--bad:#ff8a80;--warn:#e3b341;--good:#56d364;color-scheme:dark"
)

_RULES = """
.mlmon-drift{box-sizing:border-box;color:var(--ink);background:var(--paper);padding:1rem;
 font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.mlmon-drift *{box-sizing:border-box}
.mlmon-drift h1{font-size:1.35rem;line-height:1.3;font-weight:650;margin:0;padding:.1rem 0 .1rem .8rem;
 border-left:.35rem solid var(--dim)}
.mlmon-drift h1.drift{border-color:var(--bad)} .mlmon-drift h1.no-drift{border-color:var(--good)}
.mlmon-drift p{margin:.5rem 0} .mlmon-drift .sizes,.mlmon-drift .legend,.mlmon-drift .rest{color:var(--dim)}
.mlmon-drift dl{display:flex;flex-wrap:wrap;gap:.6rem;margin:1rem 0}
.mlmon-drift dl div{background:var(--panel);border:1px solid var(--line);border-radius:.4rem;padding:.45rem .8rem;
 min-width:7.5rem}
.mlmon-drift dt{color:var(--dim);font-size:.8rem;font-weight:400;margin:0}
.mlmon-drift dd{margin:0;font-size:1.15rem;font-weight:600;font-variant-numeric:tabular-nums}
.mlmon-drift .bad dd{color:var(--bad)}
.mlmon-drift ul{margin:.5rem 0 1rem;padding-left:1.2rem} .mlmon-drift li{overflow-wrap:anywhere}
.mlmon-drift .legend{font-size:.85rem} .mlmon-drift .legend i{display:inline-block;width:.8rem;height:.8rem;
 margin:0 .35rem -.1rem 0;border-radius:.1rem} .mlmon-drift .legend i+i{margin-left:.6rem}
.mlmon-drift i.reference{background:var(--before)} .mlmon-drift i.live{background:var(--now)}
.mlmon-drift .scroll{overflow-x:auto}
.mlmon-drift table{border-collapse:collapse;width:100%;max-width:78rem;margin:0;font-size:inherit}
.mlmon-drift th,.mlmon-drift td{padding:.5rem .8rem;border:0;border-bottom:1px solid var(--line);text-align:left;
 vertical-align:middle;background:none;color:inherit;font-weight:400}
.mlmon-drift thead th{color:var(--dim);font-size:.8rem;white-space:nowrap;vertical-align:bottom}
.mlmon-drift tbody tr:hover{background:var(--panel)}
.mlmon-drift .n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.mlmon-drift .name{display:block;font-weight:600;min-width:9rem;max-width:24rem;overflow-wrap:anywhere}
.mlmon-drift small{display:block;color:var(--dim);font-size:.82rem;max-width:24rem;overflow-wrap:anywhere}
.mlmon-drift td small{min-width:11rem}
.mlmon-drift b{white-space:nowrap;font-weight:600} .mlmon-drift b.strong-drift{color:var(--bad)}
.mlmon-drift b.drift{color:var(--warn)} .mlmon-drift b.ok{color:var(--good);font-weight:400}
.mlmon-drift b.not-judged{color:var(--dim);font-weight:400}
.mlmon-drift svg{display:block;border-bottom:1px solid var(--line)} .mlmon-drift svg .hit{fill:transparent}
.mlmon-drift svg .reference{fill:var(--before)} .mlmon-drift svg .live{fill:var(--now)}
.mlmon-drift svg g:hover .hit{fill:var(--line)}
@media print{.mlmon-drift tr{break-inside:avoid}}
"""

#: Dark where the system is, or where JupyterLab says that it is, whatever the system says.
STYLE = (
    f".mlmon-drift{{{_LIGHT}}}\n"
    f"@media (prefers-color-scheme:dark){{.mlmon-drift{{{_DARK}}}}}\n"
    f'[data-jp-theme-light="true"] .mlmon-drift{{{_LIGHT}}}\n'
    f'[data-jp-theme-light="false"] .mlmon-drift{{{_DARK}}}' + _RULES
)
