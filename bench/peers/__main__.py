"""``python -m bench.peers``: install the peers, measure them and us in turns, and print a table."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from bench import data
from bench.machine import machine
from bench.peers.environments import OURS, PEERS, Peer, import_seconds, prepared
from bench.record import record

MEASURE = Path(__file__).with_name("measure.py")
#: Seconds after which a measurement is given up.
PATIENCE = 900

INTRO = """## Beside the peers

Made by `make bench-peers`: each peer in an environment of its own, of pinned versions (`bench/peers/constraints`).
Reference and live data of so many rows each are in memory; reading them is not timed. CPU is that of the whole
comparison with all threads; values a second are live rows x columns over it. Ours is every method, quality and the
report; a peer's is the one method named, or its default. Peak memory is that of the process, with both sides in it.
Evidently's default takes minutes and gigabytes at a million rows, so it is measured at 100,000."""


@dataclass(frozen=True)
class Run:
    """A measurement: who, how, of how many rows, and how often."""

    peer: Peer
    way: str
    rows: int
    rounds: int = 3


BY_NAME = {peer.name: peer for peer in PEERS}
MILLION, TENTH = 1_000_000, 100_000


def runs(rows: int, *, slow: bool) -> list[Run]:
    """Return what is measured at a number of rows; the slowest ones once, or not at all."""
    listed = [
        Run(OURS, "ours", rows),
        Run(OURS, "scipy KS", rows),
        Run(BY_NAME["nannyml"], "NannyML, KS", rows),
        Run(BY_NAME["nannyml"], "NannyML, JS", rows),
        Run(BY_NAME["alibi-detect"], "alibi-detect, KS", rows),
        Run(BY_NAME["popmon"], "popmon", rows),
        Run(BY_NAME["whylogs"], "whylogs", rows, rounds=1),
        Run(BY_NAME["evidently"], "Evidently, PSI", rows, rounds=1),
    ]
    return [*listed, Run(BY_NAME["evidently"], "Evidently, default", rows, rounds=1)] if slow else listed


#: Data set, its name in the document, and the runs over it.
TABLES = (
    ("normal", "100,000 x 50 normal numbers", runs(TENTH, slow=True)),
    ("flights", "500,000 x 25 of flights: 20 columns of numbers, 5 of text, 3 % missing", runs(MILLION, slow=False)),
    ("normal", "1,000,000 x 50 normal numbers", runs(MILLION, slow=False)),
)


def measured(run: Run, files: tuple[Path, Path]) -> dict[str, float] | str:
    """Run a measurement in its own process; return its figures, or why there are none."""
    command = [str(run.peer.python), str(MEASURE), run.way, *map(str, files), "--rows", str(run.rows)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            env={**os.environ, "MPLBACKEND": "agg"},
        )
    except subprocess.TimeoutExpired:
        return f"more than {PATIENCE} s"
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip() and "%|" not in line]  # no progress bars
        return f"fails: {(said or ['killed'])[-1][:120]}"
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(name: str, title: str, wanted: list[Run], there: set[str]) -> list[str]:
    """Measure in turns and return a Markdown table."""
    files = data.files(name)
    figures: dict[str, list[dict[str, float]]] = {}
    faults: dict[str, str] = {}
    wanted = [run for run in wanted if run.peer.name in there]
    for turn in range(max(run.rounds for run in wanted)):
        for run in wanted:
            if turn < run.rounds and run.way not in faults:
                print(f"{title}: {run.way} ({turn + 1} of {run.rounds}) ...", flush=True)
                found = measured(run, files)
                if isinstance(found, str):
                    faults[run.way] = found
                else:
                    figures.setdefault(run.way, []).append(found)
    own = statistics.median(found["cpu_s"] for found in figures["ours"])
    lines = [f"**{title}**", "", "| tool | CPU, s | times ours | M values/s | peak, MB |", "|---|--:|--:|--:|--:|"]
    for run in wanted:
        if run.way in faults:
            lines.append(f"| {run.way} | {faults[run.way]} | | | |")
            continue
        cpu = statistics.median(found["cpu_s"] for found in figures[run.way])
        last = figures[run.way][-1]
        rate = last["rows"] * last["columns"] / cpu / 1e6
        lines.append(f"| {run.way} | {cpu:,.2f} | {cpu / own:,.1f} | {rate:,.2f} | {last['peak_mb']:,.0f} |")
    return [*lines, ""]


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of each")
    parser.add_argument("--write", action="store_true", help="record the table in docs/benchmarks.md")
    options = parser.parse_args()
    weights = {peer: weight for peer in (OURS, *PEERS) if (weight := prepared(peer)) is not None}
    lines = [INTRO, "", f"Machine: {machine()}", ""]
    lines += ["| package | packages | MB installed | import, CPU s |", "|---|--:|--:|--:|"]
    for peer, weight in weights.items():
        print(f"import of {peer.name} ...", flush=True)
        name = "ml-models-monitoring (core)" if peer is OURS else peer.name
        lines.append(f"| {name} | {weight['packages']:.0f} | {weight['megabytes']:,.0f} | {import_seconds(peer):.2f} |")
    lines.append("")
    for name, title, wanted in TABLES:
        once = [replace(run, rounds=1) for run in wanted]
        lines += table(name, title, once if options.quick else wanted, {peer.name for peer in weights})
        print("\n".join(lines))
        if options.write:  # as far as it has come: the whole takes long
            record(lines)


if __name__ == "__main__":
    main()
