"""The demo's model as a service: it meets the year over and over, for servers that run elsewhere."""

from __future__ import annotations

import os
import threading

from ml_models.demo import story
from ml_models.demo.flights import live_flights, load_flights, training_flights
from ml_models.demo.model import train
from ml_models.demo.narration import Narrator
from ml_models.demo.replay import Month, Replay
from ml_models.demo.run import MODEL_PACKAGES, make_monitor, require, track
from ml_models.mixin.names import RuleSettings
from ml_models.mixin.promql import seconds


def serve(
    host: str, port: int, seconds_per_month: float, stop: threading.Event, narrator: Narrator | None = None
) -> None:
    """Serve the monitored model at ``/metrics`` until told to stop.

    The monitor's window is that of the rules as they are generated, so that both judge the same flights.

    Parameters
    ----------
    host : str
        Address to listen on.
    port : int
        Its port; 0 takes a free one.
    seconds_per_month : float
        The pace of the year.
    stop : threading.Event
        Ends it when set.
    narrator : Narrator, optional
        Where to tell of it.

    Raises
    ------
    MissingExtraError
        If a package of the model is not installed.
    DataError
        If the flights are missing.
    """
    narrator = narrator or Narrator()
    require(MODEL_PACKAGES)
    # Small batches gain nothing from more threads.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    flights = load_flights()
    trained = train(training_flights(flights))
    live = live_flights(flights)
    del flights
    monitor = make_monitor(trained, seconds(RuleSettings().window), host=host, port=port)
    replay = Replay(live, track(monitor, trained, live), monitor.record_outcomes, seconds_per_month)

    def on_month(month: Month) -> None:
        drifted = [name for name, found in monitor.get_metrics()["data"]["features"].items() if found["drifted"]]
        narrator.month(month, month.accuracy < story.ACCURACY_MIN, drifted)

    with monitor:
        narrator.addresses([("metrics page", monitor.url)])
        narrator.months()
        lap = 1
        while not stop.is_set():
            replay.play(stop, on_month, lap)
            lap += 1
