"""A short history of the main figures, for the charts of reports."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from ml_models.monitoring.logs import rate_limited

if TYPE_CHECKING:
    from ml_models.reports import History

_LOG = logging.getLogger(__name__)

#: Samples kept; with the default interval of a minute, a day.
MAX_SAMPLES = 1_440


class HistoryKeeper:
    """Samples some values every so often, in a daemon thread, and keeps the last ones.

    Parameters
    ----------
    values : callable
        Returns the values of this moment by name; None where undefined.
    interval : float
        Seconds between samples.
    """

    def __init__(self, values: Callable[[], dict[str, float | None]], interval: float) -> None:
        self.interval = interval
        self._values = values
        self._samples: deque[tuple[float, dict[str, float | None]]] = deque(maxlen=MAX_SAMPLES)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to sample."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._stop,), name="mlmon-history", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End sampling; what was sampled stays."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
            self._thread = None

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(self.interval):
            try:
                self._samples.append((time.time(), self._values()))
            except Exception as error:  # noqa: BLE001 - the thread must outlive any fault; this sample is missing
                rate_limited(_LOG, "history").warning("a sample of the history failed (%s)", type(error).__name__)

    def history(self) -> History | None:
        """Return the samples as series, or None while there are fewer than two."""
        from ml_models.reports import History  # noqa: PLC0415 - only reports need it

        samples = list(self._samples)
        if len(samples) < 2:
            return None
        times = tuple(when for when, _ in samples)
        names = samples[-1][1]
        return History(times, {name: tuple(values.get(name) for _, values in samples) for name in names})
