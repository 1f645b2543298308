"""``python -m bench``: measure, print and, with ``--write``, record in docs/benchmarks.md."""

from __future__ import annotations

import argparse

from bench import engine, estimation, hot_path, scrape
from bench.machine import machine
from bench.record import TARGET, record

INTRO = """# Benchmarks

Made by `make bench`. CPU time, medians; what counts is the ratio inside one run, as machines differ and are noisy.
*Hand-made* is what teams write with `prometheus_client`: a counter with two labels, a histogram with one, an
in-progress gauge; it sees no features. A tracked call captures 20 features safely against later changes; "all CPU"
adds the background share, with every feature binned.

The limit of binning is nine blocked comparisons (`numpy.less_equal` and `count_nonzero` in blocks of the cache): ten
bins cannot be counted with less in NumPy. A hundred bins take three to four such passes: of a value's 4 to 6 ns a fifth
finds its cell, a quarter is two table look-ups, a quarter `bincount`, and the rest comparing and adding. Edges come
from a sorted sample of 65,536 values; only that sorting depends on NumPy's AVX-512 sort, which on AMD Zen 4 is four
times slower than its AVX2 one (`NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR"` avoids it).

Exact KS on raw values is not offered: it is no function of two tallies, needs the reference's rows and a full sort of
both sides. KS from bins is exact at every edge, and its error is bounded by the largest bin, about 0.01.
"""


def main() -> None:
    """Run every benchmark."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--write", action="store_true", help=f"record the results in {TARGET}")
    options = parser.parse_args()
    rounds = 3 if options.quick else 9
    lines = [
        *(INTRO, f"Machine: {machine()}", ""),
        # Nanoseconds first, while the process is small.
        *hot_path.run(rounds=rounds),
        *scrape.run(rounds=rounds),
        *engine.run(3 if options.quick else 5),
        *estimation.run(),
    ]
    print("\n".join(lines))
    if options.write:
        record(lines)


if __name__ == "__main__":
    main()
