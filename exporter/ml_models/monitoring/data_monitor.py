"""The monitor of data that grow: files that come, and lines that are appended to them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from ml_models.catalog import MODEL_VERSION
from ml_models.collectors.data import DEFAULT_THRESHOLDS, DataCollector
from ml_models.collectors.files import files_families
from ml_models.collectors.isolation import Collector, Exposed, collect
from ml_models.collectors.system import SystemSampler
from ml_models.collectors.web import web_families
from ml_models.errors import ConfigError, LifecycleError
from ml_models.exposition import Endpoint, Guard, Registry, render
from ml_models.exposition.landing import landing_page
from ml_models.monitoring import arguments, families
from ml_models.monitoring.arguments import as_reference
from ml_models.monitoring.lifecycle import Life
from ml_models.monitoring.logs import rate_limited
from ml_models.monitoring.watching import figures
from ml_models.monitoring.watching.book import Progress
from ml_models.monitoring.watching.checkpoint import default_folder
from ml_models.monitoring.watching.engine import Published, Watch
from ml_models.monitoring.watching.listing import listed, shown
from ml_models.monitoring.watching.settings import Settings
from ml_models.profile.reference import ReferenceProfile
from ml_models.profile.tally import Layout

_LOG = logging.getLogger(__name__)

DEFAULT_PORT = 9878

#: Thresholds that hold where none is configured.
THRESHOLDS: Mapping[str, float] = {
    **{name: DEFAULT_THRESHOLDS[name] for name in ("drift_warning_max", "drift_critical_max", "samples_min")},
    "rejected_files_max": 0.0,
}

#: Seconds that :meth:`DataMonitor.get_metrics` waits for the first reading to end.
FIRST_READING_SECONDS = 60.0
#: Seconds that :meth:`DataMonitor.stop` waits for a reading to end.
STOP_PATIENCE = 30.0


class DataMonitor:
    r"""Watches data: each file, and each line appended to one, is counted once, also over restarts.

    Parameters
    ----------
    data_path : str or Path
        A file, a folder, a pattern or a URL; see ``docs/data.md`` for the kinds of files.
    name : str, optional
        Value of the ``model`` label; by default the name of the file or folder. Not that of a model monitor: the
        recording rules add up what has the same name.
    version : str
        Shown by ``ml_model_info``.
    reference : ReferenceProfile, path or data, optional
        What the data looked like when all was well: a profile, the path of one (``.json``) or of data, or data. Without
        it, it is learnt from the first rows that come, and kept with the checkpoint.
    interval : float
        Seconds between two readings.
    window : float
        Seconds of a window; drift and quality are those of the newest data's last window.
    time_column : str, optional
        Column that tells when a row happened, which then decides on its window; by default its arrival does. Epoch
        numbers, ISO text and datetime types are read; the column is no feature.
    prediction, label : str, optional
        Columns of the model's output and of the true label, for a reference that is learnt; a given one knows them.
    ignore : sequence of str
        Columns that are no features, such as row ids.
    checkpoint : path, optional
        Folder for counts and positions; by default one of this name and data below ``$STATE_DIRECTORY`` (which systemd
        sets), ``$XDG_STATE_HOME`` or ``~/.local/state``.
    alert_thresholds : mapping, optional
        By signal (see :data:`ml_models.catalog.SIGNALS`), in base units.
    drift_method : str
        Method whose score is compared with the drift thresholds.
    quality_weights : mapping, optional
        Weight of each dimension in the quality score; 1 unless given.
    host : str
        Address of the HTTP endpoint.
    port : int
        Its port; 0 takes a free one.
    web_config : str or Path, optional
        As in :class:`~ml_models.monitoring.ModelMonitor`.
    log_level : str, optional
        Level of the package's own log; by default the application's logging is left as it is.
    log_format : {'plain', 'json'}

    Raises
    ------
    ConfigError
        If an argument is out of its range; all faults at once.
    ProfileError
        If the reference cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> data = Path(folder.name, "data"); data.mkdir()
    >>> _ = (data / "monday.csv").write_text("age\n31\n44\n")
    >>> monitor = DataMonitor(data, reference={"age": [20.0, 30.0, 40.0, 50.0]}, checkpoint=Path(folder.name, "state"))
    >>> monitor.run_once()["rows"]["total"], monitor.run_once()["rows"]["total"]
    (2, 2)
    >>> monitor.stop(); folder.cleanup()
    """

    def __init__(
        self,
        data_path: str | Path,
        *,
        name: str | None = None,
        version: str = "",
        reference: Any = None,
        interval: float = 3600.0,
        window: float = 3600.0,
        time_column: str | None = None,
        prediction: str | None = None,
        label: str | None = None,
        ignore: Sequence[str] = (),
        checkpoint: str | Path | None = None,
        alert_thresholds: Mapping[str, float] | None = None,
        drift_method: str = "psi",
        quality_weights: Mapping[str, float] | None = None,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        web_config: str | Path | None = None,
        log_level: str | None = None,
        log_format: Literal["plain", "json"] = "plain",
    ) -> None:
        self.thresholds = {**THRESHOLDS, **(alert_thresholds or {})}
        self._check_arguments(locals())
        self.data_path = data_path
        self.name = name or _name_of(data_path)
        self.version, self.interval = version, interval
        guard = None if web_config is None else Guard(Path(web_config))
        self._method, self._weights = drift_method, quality_weights
        folder = Path(checkpoint) if checkpoint is not None else default_folder(self.name, str(data_path))
        learn_rows = max(1, int(self.thresholds["samples_min"]))
        self._settings = Settings(
            data_path, folder, window, time_column, prediction, label, tuple(ignore), learn_rows
        )  # fmt: skip
        given = _without(as_reference(reference), {*ignore, *([time_column] if time_column else [])})
        self._watch = Watch(self._settings, given, self._summarise)
        self._collector: DataCollector | None = None
        self._system = SystemSampler()
        self._thread: threading.Thread | None = None
        self._first = threading.Event()
        #: Called in the background after each reading, as to hand the metrics over.
        self.after_reading: Callable[[], None] | None = None
        self._constant = {MODEL_VERSION: version} if version else {}
        #: A registry of this monitor alone, for other ways of prometheus_client to expose it.
        self.registry = Registry(self._collect, self._constant)
        endpoint = Endpoint(self.metrics_text, self._ready, self._landing)
        self._life = Life(self, endpoint, host, port, guard, (log_level, log_format))

    def _check_arguments(self, given: Mapping[str, Any]) -> None:
        faults = arguments.faults(given, ("interval", "window"), self.thresholds)
        if not str(given["data_path"]).strip():
            faults.append("data_path: is empty; give a file, a folder, a pattern or a URL")
        if faults:
            raise ConfigError("DataMonitor", faults)

    # --- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Read the data now and every interval, in the background, and serve the endpoint.

        Starting a started monitor does nothing.

        Raises
        ------
        DataError
            If the path or folder is not there.
        CheckpointError
            If another monitor holds the checkpoint, it is damaged, or cannot be written.
        PortInUseError
            If the address is taken.
        LifecycleError
            If another monitor of the same name is running in this process.
        """
        self._life.start(self._begin, self._end)
        return self

    def _begin(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            raise LifecycleError(
                f"{self.name}: the reading that stop() could not end still goes on; wait, or end the process"
            )
        listed(self.data_path)  # a path that is misspelt would be waited for in vain
        self._watch.open()
        self._first.clear()
        self._thread = threading.Thread(target=self._run, name=f"mlmon-watch-{self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End a reading where it is, keep what is counted, and stop serving. Stopping twice does nothing."""
        self._life.stop(self._end)

    def _end(self) -> None:
        self._watch.ask_to_stop()
        if self._thread is not None:
            self._thread.join(timeout=STOP_PATIENCE)
            if self._thread.is_alive():
                _LOG.warning("%s: the reading does not end, as when a network hangs; it is left behind", self.name)
                return  # it holds the checkpoint until it ends
            self._thread = None
        self._watch.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the endpoint is being served."""
        return self._life.running

    @property
    def url(self) -> str:
        """Address of the HTTP endpoint.

        Raises
        ------
        LifecycleError
            If the monitor is not running.
        """
        return self._life.url

    @property
    def checkpoint(self) -> Path:
        """Folder of the checkpoint."""
        return self._settings.folder

    def _after_fork(self) -> None:
        """Leave, in a forked child, the watching to the parent."""
        self._thread = None
        self._watch.reset()
        self._life.after_fork()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._watch.stopping:
            try:
                self._watch.read()
            except Exception as error:  # noqa: BLE001 - the thread must outlive any fault, or data would pile up unseen
                rate_limited(_LOG, f"watch-{self.name}").error(
                    "a reading of %s failed (%s); the next one tries again", shown(self.data_path),
                    type(error).__name__, exc_info=error,
                )  # fmt: skip
            self._first.set()
            self._tell_after()
            due = max(due + self.interval, time.monotonic())
            self._watch.wait(due - time.monotonic())

    def _tell_after(self) -> None:
        if self.after_reading is None:
            return
        try:
            self.after_reading()
        except Exception as error:  # noqa: BLE001 - a caller's function must not end the watching
            rate_limited(_LOG, f"after-{self.name}").error("after_reading failed (%s)", type(error).__name__)

    def ask_to_stop(self) -> None:
        """End a reading that is going on at its next table; safe in a signal's handler."""
        self._watch.ask_to_stop()

    def run_once(self, progress: Callable[[Progress], None] | None = None) -> dict[str, Any]:
        """Read what is new now, in this thread, and return :meth:`get_metrics`.

        Parameters
        ----------
        progress : callable, optional
            Called with the file and how far it is.

        Raises
        ------
        DataError
            If the path or folder is not there.
        CheckpointError
            If another monitor holds the checkpoint, it is damaged, or cannot be written.
        MissingExtraError
            If a package is needed to read the data.
        """
        if not self.running:
            listed(self.data_path)
            self._watch.open()
        self._watch.on_progress = progress
        try:
            self._watch.read()
        finally:
            self._watch.on_progress = None
        self._first.set()
        return self.get_metrics()

    # --- results ------------------------------------------------------------------------------------------------------

    def get_metrics(self) -> dict[str, Any]:
        """Return everything known about the data as a plain, JSON-able dict; None where undefined.

        After :meth:`start` it waits for the first reading, up to a minute.
        """
        if self.running:
            self._first.wait(FIRST_READING_SECONDS)
        found = self._watch.published
        return figures.metrics(
            found,
            self._collector_of(found),
            name=self.name,
            version=self.version,
            settings=self._settings,
            thresholds=self.thresholds,
            progress=self._watch.progress,
        )

    def generate_report(self, path: str | Path, *, page_size: Literal["A4", "Letter"] = "A4") -> Path:
        """Write a report of the newest data's last window and of the windows before.

        Parameters
        ----------
        path : str or Path
            Its suffix names the format: ``.pdf`` or ``.json``.

        Raises
        ------
        ReportError
            If the format is unknown or the file cannot be written.
        MissingExtraError
            If a PDF is asked for without the ``report`` extra.
        """
        from ml_models import reports  # noqa: PLC0415 - only reports need it

        found = self.get_metrics()
        return reports.write(found, path, history=figures.history(found["trends"]), page_size=page_size)

    def metrics_text(self, openmetrics: bool = False) -> bytes:
        """Return what a scrape gets."""
        return render(self._collect(), openmetrics=openmetrics, constant=self._constant)

    def _collect(self) -> list[Exposed]:
        found = self._watch.published
        collectors: dict[str, Collector] = {
            "files": lambda: files_families(self.name, figures.state(found)),
            "data": lambda: self._data_families(found),
            "system": lambda: families.system(self.name, self._system),
            "monitor": lambda: families.described(
                self.name, "data", "", found.reference, self.thresholds
            ),
        }  # fmt: skip
        if (guard := self._life.guard) is not None:
            collectors["web"] = lambda: web_families(self.name, guard.state())
        return collect(collectors, self.name)

    def _data_families(self, found: Published) -> list[Exposed]:
        collector = self._collector_of(found)
        if collector is None or found.counts is None:
            return []
        window, _, _ = found.counts.windows.view()
        return collector.families(found.counts.total, window, figures.timely(found, self.thresholds))

    def _collector_of(self, found: Published) -> DataCollector | None:
        if found.counts is None:
            return None
        if self._collector is None or self._collector.layout is not found.counts.layout:
            self._collector = self._collecting(found.counts.layout)
        return self._collector

    def _summarise(self, layout: Layout) -> Callable[..., dict[str, Any]]:
        collector = self._collecting(layout)
        return lambda tally: figures.summary(collector, tally)

    def _collecting(self, layout: Layout) -> DataCollector:
        return DataCollector(self.name, layout, self.thresholds, self._method, weights=self._weights)

    @property
    def reference(self) -> ReferenceProfile | None:
        """The reference in force; None while it is being learnt."""
        return self._watch.published.reference

    def _ready(self) -> tuple[bool, dict[str, Any]]:
        outcome = self._watch.published.outcome
        alive = self._thread is not None and self._thread.is_alive()
        ready = alive and not (outcome is not None and outcome.fault)
        return ready, {
            "ready": ready,
            "model": self.name,
            "reading": alive,
            "last_run": None if outcome is None else figures.iso(outcome.ended),
            "fault": None if outcome is None else outcome.fault or None,
        }

    def _landing(self) -> str:
        found = self._watch.published
        return landing_page(self.name, self.version, figures.facts(found, self._collector_of(found), self._settings))


def _without(reference: ReferenceProfile | None, names: Collection[str]) -> ReferenceProfile | None:
    """Return a reference without some of its features: the time of a row always drifts."""
    if reference is None or not set(reference.names) & set(names):
        return reference
    kept = tuple(feature for feature in reference.features if feature.role != "feature" or feature.name not in names)
    left = tuple((name, "is left out by the data monitor") for name in reference.names if name in names)
    return replace(reference, features=kept, skipped=(*reference.skipped, *left))


def _name_of(data_path: str | Path) -> str:
    """Return a name for data: of the file, of the folder, or of the last folder before a pattern.

    Examples
    --------
    >>> _name_of("/data/flights/2013.csv.gz"), _name_of("s3://bucket/scores/*.parquet"), _name_of("/data/in/")
    ('2013', 'scores', 'in')
    """
    parts = [part for part in shown(data_path).split("/") if part and not any(sign in part for sign in "*?[")]
    last = parts[-1].partition(".")[0] if parts else ""
    return last or "data"
