"""The style of a dashboard's page, light and dark."""

from __future__ import annotations

_LIGHT = (
    "--ink:#1c2128;--dim:#59636e;--paper:#f6f8fa;--panel:#ffffff;--line:#d8dee4;--grid:#e6e9ed;--bad:#b42318;"
    "color-scheme:light"
)
_DARK = (
    "--ink:#e6edf3;--dim:#9aa5b1;--paper:#0d1117;--panel:#161b22;--line:#30363d;--grid:#262c34;--bad:#ff8a80;"
    "color-scheme:dark"
)
_RULES = """
*{box-sizing:border-box}
body{margin:0;padding:1.2rem clamp(.6rem,2vw,2rem);color:var(--ink);background:var(--paper);
 font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:1.4rem;margin:0 0 .5rem;overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:1rem 0 0;grid-column:1/-1} h3{font-size:.9rem;margin:0 0 .35rem;font-weight:600;
 overflow-wrap:anywhere}
dl{display:flex;flex-wrap:wrap;gap:.3rem 1.6rem;margin:0} dl div{display:flex;gap:.4rem;max-width:100%}
dt,.dim,footer{color:var(--dim)} dd{margin:0;overflow-wrap:anywhere}
.board{display:grid;grid-template-columns:repeat(24,minmax(0,1fr));gap:.6rem}
.panel{grid-column:span var(--width);background:var(--panel);border:1px solid var(--line);border-radius:.4rem;
 padding:.6rem .7rem;display:flex;flex-direction:column;min-width:0}
.panel details{margin-top:auto;padding-top:.4rem;font-size:.82rem}
 summary{color:var(--dim);cursor:pointer;width:max-content}
.panel pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--paper);padding:.4rem;border-radius:.3rem;
 margin:.3rem 0} details p{margin:.3rem 0}
svg{display:block;width:100%;height:auto} svg text{fill:var(--dim);font-family:inherit} svg text.ink{fill:var(--ink)}
svg .grid{stroke:var(--grid)}
.text{white-space:pre-wrap;overflow-wrap:anywhere;margin:0}
.nothing{color:var(--dim);margin:auto;padding:1rem 0;text-align:center} .error{color:var(--bad);overflow-wrap:anywhere}
.failed{border-left:.3rem solid var(--bad);padding-left:.8rem;margin:.8rem 0} .failed h2{margin:0}
table{border-collapse:collapse;width:100%} th,td{text-align:left;padding:.15rem .5rem .15rem 0;font-weight:400}
thead th,.legend th{color:var(--dim);font-size:.8rem} tbody tr+tr td{border-top:1px solid var(--grid)}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;padding-right:.2rem}
.legend{font-size:.82rem;margin-top:.3rem} .legend td:first-child{overflow-wrap:anywhere}
.scroll{overflow:auto;max-height:24rem}
i.line,i.dashed{display:inline-block;width:.9rem;margin:0 .4rem .25rem 0;border-top:.18rem solid var(--colour)}
i.dashed{border-top-style:dashed}
i.box{display:inline-block;width:.75rem;height:.75rem;border-radius:.1rem;margin:0 .35rem -.05rem 0;
 background:var(--colour)}
.key{display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.82rem;margin:.35rem 0 0}
.stat{display:flex;flex-wrap:wrap;gap:.4rem 1.2rem;align-items:baseline;margin:auto 0}
.stat div{border-left:.25rem solid var(--colour);padding-left:.5rem;min-width:0}
.stat b{display:block;font-size:1.35rem;font-weight:600;font-variant-numeric:tabular-nums;line-height:1.2}
.stat small{color:var(--dim);overflow-wrap:anywhere}
.gauges th{overflow-wrap:anywhere} .gauges .bar{width:45%} .gauges .n{width:1%}
.gauges .bar i{display:block;height:.8rem;
 background:var(--colour);border-radius:.1rem}
.chart{overflow-x:auto}
footer{margin-top:1rem;font-size:.82rem}
@media (max-width:900px){.panel{grid-column:1/-1}}
@media print{.panel{break-inside:avoid} details{display:none}}
"""

STYLE = f":root{{{_LIGHT}}}\n@media (prefers-color-scheme:dark){{:root{{{_DARK}}}}}{_RULES}"
