"""Drift and profiles: what a comparison costs, beside the NumPy passes that it could not do without."""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import data
from ml_models import compare
from ml_models.profile import ReferenceProfile
from ml_models.stats.binning import quantile_edges
from ml_models.stats.counting import PointCounter
from ml_models.stats.drift import psi

Table = Mapping[str, NDArray[np.float64]]
EDGES = np.linspace(-1.3, 1.3, 9)
BLOCK = 65_536


def compare_pass(table: Table) -> None:
    """Compare every value with nine edges, in blocks of the cache: the least that counting ten bins takes in NumPy."""
    above = np.empty(BLOCK, dtype=np.bool_)
    for column in table.values():
        for start in range(0, len(column), BLOCK):
            block = column[start : start + BLOCK]
            for edge in EDGES.tolist():
                np.count_nonzero(np.less_equal(block, edge, out=above[: len(block)]))


def sort_pass(table: Table) -> None:
    """Sort every block: what counting a hundred bins took before."""
    for column in table.values():
        for start in range(0, len(column), BLOCK):
            np.sort(column[start : start + BLOCK])


def psi_alone(reference: Table, live: Table) -> list[float]:
    """Return PSI over ten bins and nothing else, with edges from a sample."""
    scores = []
    for name, column in reference.items():
        edges = quantile_edges(np.sort(column[:: max(1, len(column) // 20_000)]), 10)
        counter = PointCounter(np.append(edges, np.inf)[np.newaxis])
        sides = [np.diff(counter.count([side])[0], prepend=0) for side in (column, live[name])]
        scores.append(float(psi(*sides)))
    return scores


def seconds(steps: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the median CPU seconds of steps that take turns, after one round that is not counted."""
    figures: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds + 1):
        for name, step in steps.items():
            gc.collect()
            begun = time.process_time()
            step()
            figures[name].append(time.process_time() - begun)
    return {name: statistics.median(found[1:]) for name, found in figures.items()}


def in_memory(rounds: int) -> list[str]:
    """Measure comparisons of tables in memory."""
    print("drift of 1,000,000 x 50 in memory ...", flush=True)
    reference, live = data.normal("reference"), data.normal("live")
    few = [{name: column[:10_000] for name, column in side.items()} for side in (reference, live)]
    profile = ReferenceProfile.fit(reference)
    found = seconds(
        {
            "pass": lambda: compare_pass(live),
            "sort": lambda: sort_pass(live),
            "fit": lambda: ReferenceProfile.fit(reference),
            "live": lambda: compare(profile, live),
            "psi": lambda: psi_alone(reference, live),
            "few": lambda: compare(*few),
        },
        rounds,
    )
    base = found["pass"]
    rows: list[tuple[str, float, float | None]] = [
        ("limit: nine blocked comparisons of one side", base, None),
        ("sorting blocks of one side", found["sort"], None),
        ("PSI alone, both sides", found["psi"], 0.22),
        ("profile of the reference", found["fit"], None),
        ("live side: all methods, quality, report", found["live"], 0.33),
        ("both sides, all methods, quality, report", found["fit"] + found["live"], 0.65),
        ("the same of 10,000 x 50", found["few"], 0.02),
    ]
    return [
        "## Drift of every feature",
        "",
        "Reference and live data of 1,000,000 x 50 normal numbers in memory, CPU seconds.",
        "",
        "| what | CPU, s | goal | times the limit |",
        "|---|--:|--:|--:|",
        *(f"| {name} | {marked(cpu, goal, 3)} | {cpu / base:.1f} |" for name, cpu, goal in rows),
        "",
    ]


def growth(rounds: int) -> list[str]:
    """Measure how cost grows with rows and with columns."""
    print("growth ...", flush=True)
    sides = [data.normal(side, 400_000, 200) for side in ("reference", "live")]

    def part(rows: int, width: int) -> Callable[[], Any]:
        cut = [{n: c[:rows] for n, c in list(side.items())[:width]} for side in sides]
        return lambda: compare(*cut)

    shapes = [(100_000, 50), (200_000, 50), (400_000, 50), (100_000, 100), (100_000, 200)]
    found = seconds({f"{rows:,} x {width}": part(rows, width) for rows, width in shapes}, rounds)
    return [
        "Both sides of other sizes: cost is linear in rows and in columns.",
        "",
        "| rows x columns | CPU, s | ns a value, both sides |",
        "|---|--:|--:|",
        *(
            f"| {name} | {cpu:.3f} | {cpu / (2 * rows * width) * 1e9:.2f} |"
            for (name, cpu), (rows, width) in zip(found.items(), shapes, strict=True)
        ),
        "",
    ]


def flights(rounds: int) -> list[str]:
    """Measure the profile of flights."""
    print("profile of flights ...", flush=True)
    from pyarrow import concat_tables, parquet

    table = concat_tables([parquet.read_table(path) for path in data.files("flights")])
    numbers = {name: table[name].to_numpy() for name in data.NUMBERS}
    profile = ReferenceProfile.fit(table)
    found = seconds(
        {
            "all": lambda: ReferenceProfile.fit(table),
            "numbers": lambda: ReferenceProfile.fit(numbers),
            "pass": lambda: compare_pass(numbers),
        },
        rounds,
    )
    values = {"all": table.num_rows * table.num_columns}
    values["numbers"] = values["pass"] = table.num_rows * len(numbers)
    rate = {name: values[name] / cpu / 1e6 for name, cpu in found.items()}
    return [
        f"Profile of 1,000,000 x {table.num_columns} of flights (missing values, bins, range, categories): "
        f"{rate['all']:.0f} million values a second and core (goal: 120), of the {len(numbers)} columns of numbers "
        f"alone {rate['numbers']:.0f}; nine blocked comparisons of the numbers: {rate['pass']:.0f}. "
        f"The profile has {len(profile.to_json()) / 1e3:.1f} kB (goal: 30).",
        "",
    ]


#: A process that does one thing and then says what it took.
CHILD = """
import json, time
{code}
with open("/proc/self/status") as file:
    peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
print(json.dumps([time.process_time(), peak / 1024]))
"""


def process(code: str, rounds: int) -> tuple[float, float]:
    """Return the median CPU seconds and the largest MiB of a process that runs some code."""
    cpu, peak = [], []
    for _ in range(rounds):
        done = subprocess.run(
            [sys.executable, "-c", CHILD.format(code=code)], capture_output=True, text=True, check=True, env=os.environ
        )
        used = json.loads(done.stdout.splitlines()[-1])
        cpu.append(used[0])
        peak.append(used[1])
    return statistics.median(cpu), max(peak)


def whole_processes(rounds: int) -> list[str]:
    """Measure files to report, and what importing the package takes."""
    print("parquet to report ...", flush=True)
    from pyarrow import parquet

    reference, live = data.files("normal")
    quarter = data.FOLDER / "normal-quarter.parquet"
    if not quarter.exists():
        parquet.write_table(parquet.read_table(live).slice(0, 250_000), quarter)
    call = "import ml_models; ml_models.compare({!r}, {!r})"
    files = process(call.format(str(reference), str(live)), rounds)
    four = f"[{', '.join(repr(str(live)) for _ in range(4))}]"
    rows = {
        "250,000": process(call.format(str(quarter), str(quarter)), rounds),
        "1,000,000": files,
        "1,000,000 of the reference, 4,000,000": process(
            f"import ml_models; ml_models.compare({str(reference)!r}, {four})", rounds
        ),
    }
    imported = process("import ml_models.monitoring", rounds)
    arrow = process("import numpy, pyarrow.parquet", rounds)
    read = process(
        "from pyarrow import parquet\n"
        f"for path in ({str(reference)!r}, {str(live)!r}):\n"
        "    file = parquet.ParquetFile(path)\n"
        "    for name in file.schema_arrow.names:\n"
        "        file.read(columns=[name], use_threads=False)",
        rounds,
    )
    return [
        "## Whole processes",
        "",
        "Two parquet files of 50 columns to a report, from the start of Python to its end.",
        "",
        "| rows | CPU, s | goal | peak, MiB | goal |",
        "|---|--:|--:|--:|--:|",
        *(
            f"| {name} | {marked(cpu, 1.6 if name == '1,000,000' else None, 2)} | {marked(peak, 300, 0)} |"
            for name, (cpu, peak) in rows.items()
        ),
        f"| limit: reading the columns of both files | {read[0]:.2f} | | {read[1]:.0f} | |",
        f"| importing NumPy and pyarrow | {arrow[0]:.2f} | | {arrow[1]:.0f} | |",
        "",
        f"`import ml_models.monitoring`: {imported[0]:.2f} s of CPU (goal: 0.35). "
        f"The core installs {len(core_packages()) - 1} packages beside itself (goal: at most 16): "
        f"{', '.join(sorted(core_packages() - {'ml-models-monitoring'}))}.",
        "",
        *memory(),
    ]


def core_packages(root: str = "ml-models-monitoring") -> set[str]:
    """Return the distributions that installing the core brings, itself included."""
    from importlib.metadata import distribution

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: set[str] = set()
    waiting = [root]
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in found:
            found.add(name)
            for line in distribution(name).requires or ():
                wanted = Requirement(line)
                if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                    waiting.append(wanted.name)
    return found


MONITOR = """
import numpy as np
from ml_models.monitoring import ModelMonitor, ReferenceProfile
from ml_models.exposition import render
def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024
rng = np.random.default_rng(0)
profile = ReferenceProfile.fit({f"f{i}": rng.normal(size=2_000) for i in range(100)}).to_json()
batch = rng.normal(size=(5_000, 100))
before = resident()
monitor = ModelMonitor(name="m", reference=ReferenceProfile.from_json(profile), task="regression")
predict = monitor.track(lambda rows: rows[:, 0])
grown = []
for turn in range(400):
    predict(batch)
    monitor.pipeline.drain()
    monitor.get_metrics()
    if turn in (99, 399):
        grown.append(resident() - before)
print(json.dumps(grown))
"""


def memory() -> list[str]:
    """Measure a monitor of 100 features."""
    print("memory of a monitor ...", flush=True)
    done = subprocess.run(
        [sys.executable, "-c", "import json\n" + MONITOR], capture_output=True, text=True, check=True, env=os.environ
    )
    first, last = json.loads(done.stdout.splitlines()[-1])
    return [
        f"A monitor of 100 features takes {first:.0f} MiB beside the libraries after 500,000 rows, and {last:.0f} MiB "
        "after 2,000,000 (goal: under 30, flat over time).",
        "",
    ]


#: Why goals are missed where they are; the tables say which.
REASONS = """## What is missed, and why

- *The profile of the reference* (and with it both sides, small data, and files): its edges take a sorted sample, which
  on AMD Zen 4 with NumPy's AVX-512 sort is a third of it; counting the bins is another half.
- *Flights*: tied values have two edges each, so that a cell holds several and takes two or three steps; text is coded
  by Arrow at 15 ns a cell. The profile's size is half edges, written as decimals of 17 digits, a fifth hashes of rare
  categories, and a fifth counts.
- *Files*: two thirds of the whole process are the profile and the counts above, a fifth decoding, the rest imports.
- *A tracked call*: what the capture and the background share take is written down in the decision on the hot path.
  Since predictions are kept in a file, writing them is in the background share: of a batch of 1,000 x 20, counting
  takes about 17 ns a value and the file 3 to 6.
"""


def marked(figure: float, goal: float | None, digits: int) -> str:
    """Return a figure and its goal as cells of a table.

    Examples
    --------
    >>> marked(0.5, 0.3, 2), marked(0.2, 0.3, 2), marked(0.2, None, 1)
    ('0.50 | 0.3, **missed**', '0.20 | 0.3', '0.2 | ')
    """
    missed = ", **missed**" if goal is not None and figure > goal else ""
    return f"{figure:.{digits}f} | {'' if goal is None else goal}{missed}"


def run(rounds: int) -> Sequence[str]:
    """Measure everything of this module and return Markdown."""
    return [
        *in_memory(rounds),
        *growth(rounds),
        *flights(rounds),
        *whole_processes(max(3, rounds // 2)),
        *REASONS.splitlines(),
    ]
