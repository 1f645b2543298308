"""``python -m bench``: measure, print and, with ``--write``, record in docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from bench import estimation, hot_path, scrape

TARGET = Path("docs/benchmarks.md")

INTRO = """# Benchmarks

Made by `make bench`. CPU time, medians; what counts is the ratio inside one run, as machines differ and are noisy.
*Hand-made* is what teams write with `prometheus_client`: a counter with two labels, a histogram with one, an
in-progress gauge; it sees no features. A tracked call captures 20 features safely against later changes; "all CPU"
adds the background share, with every feature binned.

Binning sorts small blocks with NumPy. On AMD Zen 4 NumPy's AVX-512 sort is several times slower than its AVX2 one, as
the processor emulates an instruction that it uses; `NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR"` in the
environment of the model's process (and of `make bench`) avoids it there. It changes the background share only.
"""


def _machine() -> str:
    model = "unknown CPU"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text())
        model = found.group(1) if found else model
    setting = os.environ.get("NPY_DISABLE_CPU_FEATURES")
    without = f", NumPy without {setting}" if setting else ""
    return (
        f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}{without}, "
        f"{datetime.now(UTC):%Y-%m-%d}"
    )


def main() -> None:
    """Run every benchmark."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--write", action="store_true", help=f"record the results in {TARGET}")
    options = parser.parse_args()
    rounds = 3 if options.quick else 9
    lines = [INTRO, f"Machine: {_machine()}", "", *hot_path.run(rounds=rounds), *scrape.run(rounds=rounds)]
    lines += estimation.run()
    text = "\n".join(lines)
    print(text)
    if options.write:
        TARGET.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
