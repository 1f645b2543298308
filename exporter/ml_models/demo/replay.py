"""The year again, in its own order but faster: flights are predicted when they depart, labelled when they land."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_models.demo.flights import FEATURES, LATE

if TYPE_CHECKING:
    import pandas as pd

#: Hours of the year that are served at once: about 200 flights.
STEP_HOURS = 6
#: Days that a month counts when time is compressed; the true ones have 28 to 31.
MONTH_DAYS = 30.5

Predict = Callable[[Any], Any]
Record = Callable[[Sequence[str], Sequence[str]], Any]


@dataclass(frozen=True, slots=True)
class Step:
    """A few hours of the year: who departs and who lands, as row numbers of the flights.

    Parameters
    ----------
    until : datetime
        The end of these hours.
    departing : slice
        Flights that are scheduled to depart.
    landed : array of int
        Flights that land, the earliest first.
    """

    until: datetime
    departing: slice
    landed: NDArray[np.int64]


def steps(flights: pd.DataFrame, hours: float = STEP_HOURS) -> Iterator[Step]:
    """Cut a period into steps, from the midnight before the first departure to the last landing.

    Parameters
    ----------
    flights : pandas.DataFrame
        In order of departure, with a running index; columns ``departure`` and ``landing``.
    hours : float
        Length of a step.
    """
    departures = flights["departure"].to_numpy()
    landings = flights["landing"].to_numpy()
    order = np.argsort(landings, kind="stable")
    order = order[~np.isnat(landings[order])]
    landings = landings[order]
    end = max(departures[-1], landings[-1]) if len(order) else departures[-1]
    until: datetime = flights["departure"].iloc[0].to_pydatetime().replace(hour=0, minute=0)
    departed = landed = 0
    while departed < len(departures) or landed < len(order):
        until = min(until + timedelta(hours=hours), end.astype("datetime64[us]").item() + timedelta(microseconds=1))
        departing = int(np.searchsorted(departures, np.datetime64(until)))
        landing = int(np.searchsorted(landings, np.datetime64(until)))
        yield Step(until, slice(departed, departing), order[landed:landing])
        departed, landed = departing, landing


@dataclass(frozen=True, slots=True)
class Month:
    """How a month went, by the flights whose label had come when it ended.

    Parameters
    ----------
    first : datetime
        Its first day.
    flights : int
        Predicted, cancelled ones included.
    late, accuracy : float
        Share of late flights, and of right predictions, among those that have a label; NaN if none has.
    """

    first: datetime
    flights: int
    late: float
    accuracy: float


class Replay:
    """Serves the flights at a given pace and keeps count.

    Parameters
    ----------
    flights : pandas.DataFrame
        Those to serve, see :func:`ml_models.demo.flights.live_flights`.
    predict : callable
        Takes a frame of flights or one flight as a dict; returns a class per flight.
    record : callable
        Takes flight ids and labels, once these are known.
    seconds_per_month : float
        The pace.
    """

    def __init__(self, flights: pd.DataFrame, predict: Predict, record: Record, seconds_per_month: float) -> None:
        self._flights = flights
        self._predict, self._record = predict, record
        self._pace = seconds_per_month / (MONTH_DAYS * 86_400)
        self._served = flights[["flight_id", *FEATURES]]
        self._labels = flights["label"].to_numpy(dtype=object)
        self._months = flights["departure"].to_numpy().astype("datetime64[M]")
        self._predicted = np.full(len(flights), None, dtype=object)
        self._landed = np.zeros(len(flights), dtype=bool)
        self._begin = self.now = flights["departure"].iloc[0].to_pydatetime().replace(hour=0, minute=0)

    def play(self, stop: threading.Event, on_month: Callable[[Month], None], lap: int = 1) -> None:
        """Serve all flights once; return early if ``stop`` is set.

        Parameters
        ----------
        stop : threading.Event
            Ends it between two steps.
        on_month : callable
            Called when a month is over.
        lap : int
            From the second time on it becomes part of the flight ids, as an id must not come twice.
        """
        self.now = self._begin
        self._landed[:] = False
        begun = time.monotonic()
        for step in steps(self._flights):
            due = begun + (step.until - self._begin).total_seconds() * self._pace
            if stop.wait(max(0.0, due - time.monotonic())):
                return
            self._serve(step, lap)
            month, self.now = self.now, step.until
            if (month.year, month.month) != (step.until.year, step.until.month):
                on_month(self._month(month))
        if self._served_in(self.now).any():
            on_month(self._month(self.now))

    def _serve(self, step: Step, lap: int) -> None:
        frame = self._served.iloc[step.departing]
        if lap > 1:
            frame = frame.assign(flight_id=frame["flight_id"] + f"-{lap}")
        if len(frame) > 1:
            self._predicted[step.departing.start : step.departing.stop - 1] = self._predict(frame.iloc[:-1])
        if len(frame):
            # One call of a single flight, as a web service would get it, besides the batch.
            row = frame.iloc[-1].to_dict()
            self._predicted[step.departing.stop - 1] = np.ravel(self._predict(row))[0]
        if len(step.landed):
            ids = self._served["flight_id"].iloc[step.landed]
            self._record((ids if lap == 1 else ids + f"-{lap}").tolist(), self._labels[step.landed].tolist())
            self._landed[step.landed] = True

    def _served_in(self, moment: datetime) -> NDArray[np.bool_]:
        return np.asarray(self._months == np.datetime64(moment, "M"))

    def _month(self, moment: datetime) -> Month:
        inside = self._served_in(moment)
        known = inside & self._landed
        labels = self._labels[known]
        return Month(
            first=datetime(moment.year, moment.month, 1),
            flights=int(np.count_nonzero(inside)),
            late=float(np.mean(labels == LATE)) if len(labels) else math.nan,
            accuracy=float(np.mean(labels == self._predicted[known])) if len(labels) else math.nan,
        )
