"""Make the README's pictures from one run of the demo: ``.venv/bin/python docs/pictures/make.py``.

Needs Chromium and pdftoppm (Debian: chromium, poppler-utils) beside what the demo needs.
"""

from __future__ import annotations

import html
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
COLOURS = {"31": "#e06c75", "32": "#98c379", "33": "#e5c07b", "34": "#61afef", "36": "#56b6c2", "90": "#7f848e"}
TERMINAL = """<!doctype html><meta charset=utf-8><style>
body {{ margin: 0; background: #1e2127; }}
pre {{ color: #d7dae0; font: 14px/1.35 "DejaVu Sans Mono", monospace; margin: 0; padding: 18px 22px; }}
b {{ font-weight: 700; }}
</style><pre>{text}</pre>"""


def picture(address: str, name: str, width: int, height: int) -> None:
    """Take a screenshot of a page."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                f"--user-data-dir={profile}", f"--window-size={width},{height}",
                f"--screenshot={HERE / name}", address,
            ],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip


def marked_up(terminal: str) -> str:
    """Return a terminal's output as HTML, with its colours."""
    parts, depth = [], 0
    for piece in re.split(r"(\x1b\[[0-9;]*m)", terminal.replace("\r", "")):
        code = re.fullmatch(r"\x1b\[([0-9;]*)m", piece)
        if code is None:
            parts.append(html.escape(piece))
            continue
        for one in code[1].split(";"):
            if one in COLOURS or one in {"1", "2"}:
                style = {"1": "font-weight:700", "2": "opacity:.65"}.get(one) or f"color:{COLOURS[one]}"
                parts.append(f'<span style="{style}">')
                depth += 1
            elif one in {"", "0"}:
                parts.append("</span>" * depth)
                depth = 0
    return "".join(parts)


def run_demo(folder: Path) -> str:
    """Run the demo once in a terminal; take a picture of its page on the way; return what it printed."""
    command = [str(Path(sys.executable).with_name("mlmon")), "demo", "--once", "--folder", str(folder)]
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    demo = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    printed, taken = b"", False
    while True:
        try:
            chunk = os.read(ours, 65_536)
        except OSError:  # the terminal is closed: the demo has ended
            break
        if not chunk:
            break
        printed += chunk
        page = re.search(rb"metrics page[^h]+(http://[\d.:]+)", printed)
        if page and b" August " in printed and not taken:
            picture(page[1].decode(), "landing.png", 900, 560)
            taken = True
    if demo.wait() != 0:
        raise SystemExit(printed.decode())
    return printed.decode()


def main() -> None:
    """Make every picture."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "demo"
        text = run_demo(folder).replace(str(folder), "demo-run")
        lines = text.replace("\r", "").splitlines()
        # The first months show how it goes, the last lines how it ended.
        may = next(i for i, line in enumerate(lines) if re.search(r" May +[\d,]+ ", line))
        end = next(i for i, line in enumerate(lines) if re.search(r" December +[\d,]+ ", line))
        shown = [*lines[: may + 1], "   ...", *lines[end:]]
        page = Path(temporary) / "terminal.html"
        page.write_text(TERMINAL.format(text=marked_up("\n".join(shown))), encoding="utf-8")
        picture(page.as_uri(), "demo.png", 960, 36 + 19 * len(shown))
        subprocess.run(
            [
                "pdftoppm",
                "-r",
                "80",
                "-f",
                "1",
                "-l",
                "1",
                "-singlefile",
                "-png",
                folder / "report.pdf",
                HERE / "report",
            ],
            check=True,
        )


if __name__ == "__main__":
    main()
