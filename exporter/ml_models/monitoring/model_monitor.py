"""The monitor of one model."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, overload

from ml_models.catalog import SIGNALS
from ml_models.collectors.data import DEFAULT_THRESHOLDS, DataCollector
from ml_models.collectors.isolation import Collector, Exposed, collect
from ml_models.collectors.system import SystemSampler
from ml_models.errors import ConfigError, LifecycleError
from ml_models.exposition import Endpoint, Registry, Server, render
from ml_models.exposition.landing import landing_page
from ml_models.monitoring import families, logs
from ml_models.monitoring.capture import freeze_output
from ml_models.monitoring.error_log import ErrorLog, ExceptionNames
from ml_models.monitoring.health import HealthChecks
from ml_models.monitoring.history import HistoryKeeper
from ml_models.monitoring.hooks import P, R, decorator
from ml_models.monitoring.instrument import Instrumentation
from ml_models.monitoring.ledger import LedgerSettings, open_ledger
from ml_models.monitoring.outputs import Task
from ml_models.monitoring.pipeline import Direct, Pipeline, Worker, listed, many
from ml_models.monitoring.recorder import Recorder, adopt, named, reset_after_fork, weakly
from ml_models.monitoring.snapshot import data_section, labels_section, performance_section, system_section
from ml_models.profile.classes import natural_order
from ml_models.profile.reference import ReferenceProfile, Role
from ml_models.stats.drift import METHODS

_LOG = logging.getLogger(__name__)

DEFAULT_PORT = 9877


class ModelMonitor:
    """Watches one model: its predictions, their labels, the data it gets and the machine it runs on.

    Parameters
    ----------
    model : object, optional
        A model object whose ``predict``, ``predict_proba``, ``decision_function``, ``forward`` or ``__call__`` is
        hooked by :meth:`start` and restored by :meth:`stop`. Without one, decorate functions with :meth:`track`.
    name : str, optional
        Value of the ``model`` label; by default the model's class. Unique over everything one Prometheus scrapes.
    version : str
        Version of the model, shown by ``ml_model_info``.
    reference : ReferenceProfile, path or data, optional
        What the data looked like when the model was good: a profile, the path of one (``.json``) or of data, or data.
        Without it there is no drift and no quality.
    task : {'auto', 'classification', 'regression'}
    classes : sequence, optional
        The model's classes; by default its ``classes_``, or those of the reference's label or prediction.
    positive_class : optional
        The class that precision, recall and F1 are about; by default the second of two.
    decision_threshold : float
        Score from which a binary classifier predicts the positive class.
    window : float
        Seconds of the sliding window that gauges and :meth:`get_metrics` are about.
    metrics_interval : float
        Seconds between samples of the history that reports draw.
    alert_thresholds : mapping, optional
        By signal (see :data:`ml_models.catalog.SIGNALS`), in base units; exported for the alert rules. Those of
        :data:`ml_models.collectors.data.DEFAULT_THRESHOLDS` hold unless given.
    drift_method : str
        Method whose score is compared with the drift thresholds.
    sampling_rate : float
        Share of calls whose features are tallied, above 0 and up to 1. Calls, errors, latency and outputs always are.
    buffer_rows, buffer_bytes : int
        Bounds of what is captured and not yet tallied, per endpoint; what exceeds them is dropped and counted.
    label_ledger : str or path, optional
        Where predictions wait for their label: a file (SQLite), ``postgresql://...``, or ``memory``. By default a file
        in the user's directory for state, named after the model; see ``docs/labels.md``.
    label_ledger_url_file : path, optional
        File that holds the URL of the database, with its password; in the place of ``label_ledger``.
    label_horizon : float
        Seconds for which a prediction waits for its label, and a label for its prediction.
    label_max_rows : int
        Predictions that wait at most.
    label_expected_after : float
        Seconds after which a label should have come; coverage is about predictions that are older.
    health_check_interval, health_check_timeout : float
        Seconds.
    host : str
        Address of the HTTP endpoint.
    port : int
        Its port; 0 takes a free one.
    log_level : str, optional
        Level of the package's own log; by default the application's logging is left as it is.
    log_format : {'plain', 'json'}

    Raises
    ------
    ConfigError
        If an argument is out of its range; all faults at once.

    Examples
    --------
    >>> monitor = ModelMonitor(name="double")
    >>> @monitor.track
    ... def predict(row):
    ...     return 2 * row["x"]
    >>> predict({"x": 4})
    8
    >>> monitor.get_metrics()["performance"]["predictions"]
    1
    """

    def __init__(
        self,
        model: Any = None,
        *,
        name: str | None = None,
        version: str = "",
        reference: Any = None,
        task: Task = "auto",
        classes: Sequence[Any] | None = None,
        positive_class: Any = None,
        decision_threshold: float = 0.5,
        window: float = 3600.0,
        metrics_interval: float = 60.0,
        alert_thresholds: Mapping[str, float] | None = None,
        drift_method: str = "psi",
        sampling_rate: float = 1.0,
        buffer_rows: int = 65_536,
        buffer_bytes: int = 64 << 20,
        label_ledger: str | os.PathLike[str] | None = None,
        label_ledger_url_file: str | os.PathLike[str] | None = None,
        label_horizon: float = 7 * 86_400.0,
        label_max_rows: int = 1_000_000,
        label_expected_after: float = 86_400.0,
        health_check_interval: float = 60.0,
        health_check_timeout: float = 10.0,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        log_level: str | None = None,
        log_format: Literal["plain", "json"] = "plain",
    ) -> None:
        self.model = model
        self.name = name or (type(model).__name__ if model is not None else "model")
        self.version = version
        self.thresholds = {**DEFAULT_THRESHOLDS, **(alert_thresholds or {})}
        self._check_arguments(locals())
        self.reference = _reference(reference)
        self.window = window
        self._positive_class = positive_class
        self._host, self._port = host, port
        self._logging = (log_level, log_format)
        self.health = HealthChecks(health_check_interval, health_check_timeout)
        self._recorder = adopt(self.name, self)
        self._recorder.bound(buffer_rows, buffer_bytes)
        if self.reference is not None:
            self._recorder.want_features(sampling_rate, len(self.reference.names))
        self._recorder.on_error, self._recorder.on_fault = weakly(self._count_error), weakly(self._count_fault)
        self._pipeline = Pipeline(
            self._recorder,
            self.reference,
            classes=classes if classes is not None else _known_classes(model, self.reference),
            task=task,
            decision_threshold=decision_threshold,
            span=window,
            ledger=partial(
                open_ledger,
                self.name,
                label_ledger,
                label_ledger_url_file,
                LedgerSettings(label_max_rows, label_horizon, label_expected_after),
            ),
        )
        self._data = DataCollector(self.name, self._pipeline.layout, self.thresholds, drift_method)
        _compute_cached(self._pipeline.layout, *([self._data] if self.reference is not None else []))
        self._system = SystemSampler()
        self._exception_names = ExceptionNames()
        self._error_log = ErrorLog()
        self._errors: Counter[tuple[str, str]] = Counter()
        self._faults: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._lifecycle = threading.Lock()
        self._instrumentation: Instrumentation | None = None
        self._server: Server | None = None
        self._worker: Worker | None = None
        self._history = HistoryKeeper(self._history_values, metrics_interval)
        #: A registry of this monitor alone, for other ways of prometheus_client to expose it.
        self.registry = Registry(self._collect)
        _live.add(self)

    def _check_arguments(self, given: Mapping[str, Any]) -> None:
        faults = [
            f"{name}: found {given[name]!r}; a number above 0"
            for name in (
                "window",
                "metrics_interval",
                "buffer_rows",
                "buffer_bytes",
                "label_horizon",
                "label_max_rows",
                "label_expected_after",
            )
            if not given[name] > 0
        ]
        if not 0 < given["sampling_rate"] <= 1:
            faults.append(f"sampling_rate: found {given['sampling_rate']!r}; above 0 and at most 1")
        if given["drift_method"] not in METHODS:
            faults.append(f"drift_method: unknown {given['drift_method']!r}; choose from {', '.join(sorted(METHODS))}")
        if given["task"] not in {"auto", "classification", "regression"}:
            faults.append(f"task: unknown {given['task']!r}; choose from auto, classification, regression")
        faults += [
            f"alert_thresholds: unknown signal {signal!r}; choose from {', '.join(SIGNALS)}"
            for signal in self.thresholds
            if signal not in SIGNALS
        ]
        if faults:
            raise ConfigError("ModelMonitor", faults)

    # --- life ----------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Begin to watch: hook the model, run the worker and the health checks, serve the endpoint.

        Starting a started monitor does nothing. After :meth:`stop` it may be started again and goes on counting.

        Raises
        ------
        PortInUseError
            If the address is taken; nothing is left started.
        InstrumentationError
            If the model cannot be hooked; nothing is left started.
        LifecycleError
            If another monitor of the same name is running in this process.
        """
        with self._lifecycle:
            if self._server is not None:
                return self
            twin = next((one for one in _live if one is not self and one.name == self.name and one.running), None)
            if twin is not None:
                raise LifecycleError(
                    f"a monitor named {self.name!r} is already running in this process; stop it, or give this one "
                    "another name"
                )
            level, style = self._logging
            if level is not None:
                logs.configure(level, style)
            if self.reference is None:
                _LOG.info("model %s has no reference: performance is watched, drift and quality are not", self.name)
            endpoint = Endpoint(self.metrics_text, self._ready, self._landing)
            self._server = Server(endpoint, self._host, self._port)
            try:
                # In a process forked from a monitored one, hooks and worker are there already.
                if self.model is not None and self._instrumentation is None:
                    self._instrumentation = Instrumentation(self.model, self._recorder)
                if self._worker is None:
                    self._worker = Worker(self._pipeline, self.name)
                self.health.start()
                self._history.start()
            except BaseException:
                self._stop_locked()
                raise
            _LOG.info("monitoring %s at %s/metrics", self.name, self.url)
        return self

    def stop(self) -> None:
        """Restore the model, count what is still buffered, and stop serving. Stopping twice does nothing."""
        with self._lifecycle:
            self._stop_locked()

    def _stop_locked(self) -> None:
        if self._instrumentation is not None:
            self._instrumentation.remove()
            self._instrumentation = None
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        self.health.stop()
        self._history.stop()
        if self._server is not None:
            self._server.close()
            self._server = None
        self._pipeline.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the endpoint is being served."""
        return self._server is not None

    @property
    def url(self) -> str:
        """Address of the HTTP endpoint.

        Raises
        ------
        LifecycleError
            If the monitor is not running.
        """
        if self._server is None:
            raise LifecycleError("the monitor is not running; call start() first")
        return self._server.url

    def _after_fork(self) -> None:
        """Go on in a forked child: count from zero, do not serve what the parent serves."""
        self._lifecycle = threading.Lock()
        self._counting = threading.Lock()
        self._errors.clear()
        self._faults.clear()
        self._error_log = ErrorLog()
        self._history = HistoryKeeper(self._history_values, self._history.interval)
        self._pipeline.reset()
        server, self._server = self._server, None
        if server is not None:
            server.close_inherited()
            _LOG.warning(
                "process %d was forked from a monitored one: it counts on its own and its metrics are not served; "
                "start a monitor in each worker instead",
                os.getpid(),
            )
        if self._worker is not None:
            self._worker = Worker(self._pipeline, self.name)

    # --- hooks ---------------------------------------------------------------------------------------------------

    @overload
    def track(self, function: Callable[P, R], /) -> Callable[P, R]: ...

    @overload
    def track(
        self,
        function: None = None,
        /,
        *,
        endpoint: str | None = None,
        features: str | Callable[..., Any] | None = None,
        output: str | Callable[[Any], Any] | None = None,
        prediction_id: str | Callable[..., Any] | None = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...

    def track(
        self,
        function: Any = None,
        /,
        *,
        endpoint: str | None = None,
        features: str | Callable[..., Any] | None = None,
        output: str | Callable[[Any], Any] | None = None,
        prediction_id: str | Callable[..., Any] | None = None,
    ) -> Any:
        """Decorate a prediction function: sync, async, generator or async generator.

        Parameters
        ----------
        endpoint : str, optional
            Value of the ``endpoint`` label; by default the function's name.
        features : str or callable, optional
            The parameter that holds the features (by default the first), or a callable on the arguments. A function
            whose first argument is a plain value is taken to have one feature per parameter.
        output : str or callable, optional
            Key of the prediction in what the function returns, or a callable on it.
        prediction_id : str or callable, optional
            Where the caller's own id is: a parameter, a key or column of the features, or a callable on the arguments.
            By default an id is made; see :meth:`last_prediction_id`.

        Raises
        ------
        InstrumentationError
            If ``features`` names no parameter.
        """
        decorate = decorator(
            self._recorder, endpoint=endpoint, features=features, output=output, prediction_id=prediction_id
        )
        return decorate if function is None else decorate(function)

    def last_prediction_id(self, row: int = 0) -> Any:
        """Return the id of the last prediction made in this context (thread or task), or None.

        Parameters
        ----------
        row : int
            Row of a batch.
        """
        last = self._recorder.last.get(None)
        if last is None:
            return None
        number, start, own = last[0], last[1], last[-1]
        if isinstance(own, list | tuple):
            return own[row] if row < len(own) else None
        return own if own is not None else self._recorder.ids.make(number, row, start)

    def record_outcome(
        self, prediction_id: Any = None, actual: Any = None, *, predicted: Any = None, score: Any = None
    ) -> None:
        """Give a prediction its label. Never waits.

        A label that comes before its prediction waits for it. The same label again changes nothing; another one
        corrects the first. All that does not join is counted, in ``ml_labels_total``.

        Parameters
        ----------
        prediction_id, actual
            The id that :meth:`last_prediction_id` gave, or the caller's own; and the label.
        predicted, score : optional
            Without an id: what was predicted for this label, a class or a number, and the positive class's score or
            the probabilities of all classes. For labels that were joined elsewhere.

        Raises
        ------
        TypeError
            If there is both an id and a prediction, or neither.
        """
        if (prediction_id is not None) + (predicted is not None or score is not None) == 2:
            raise TypeError("record_outcome: found an id and a prediction; give the one or the other")
        if predicted is None and score is None:
            self._recorder.add_label(prediction_id, actual)
        else:
            one = None if score is None else [freeze_output(score)]
            self._recorder.add_label(None, Direct([actual], None if predicted is None else [predicted], one))

    def record_outcomes(
        self,
        ids: Sequence[Any] | None = None,
        actuals: Sequence[Any] = (),
        *,
        predicted: Any = None,
        scores: Any = None,
    ) -> None:
        """Give many predictions their labels.

        Parameters
        ----------
        ids, actuals : columns
        predicted, scores : columns, optional
            Without ids, as in :meth:`record_outcome`; probabilities of all classes are a table.

        Raises
        ------
        ValueError
            If there are not as many labels as ids or predictions.
        TypeError
            If there are both ids and predictions, or neither.
        """
        joined_elsewhere = predicted is not None or scores is not None
        if (ids is not None) == joined_elsewhere:
            raise TypeError("record_outcomes: give ids, or predicted or scores, and not both")
        if ids is not None:
            listed_ids, listed_actuals = many(ids, actuals)
            if len(listed_ids) != len(listed_actuals):
                raise ValueError(
                    f"record_outcomes: {len(listed_ids)} ids and {len(listed_actuals)} labels; give one label per id"
                )
            self._recorder.add_label(listed_ids, listed_actuals)
            return
        labels = listed(actuals)
        columns = {"predicted": predicted, "scores": scores}
        given = {name: None if column is None else listed(column) for name, column in columns.items()}
        for name, column in given.items():
            if column is not None and len(column) != len(labels):
                raise ValueError(f"record_outcomes: {len(column)} {name} and {len(labels)} labels; give one per label")
        self._recorder.add_label(None, Direct(labels, given["predicted"], given["scores"]))

    def flush(self) -> bool:
        """Count everything captured so far and write it to the ledger; return whether the ledger has it all.

        What the ledger has, no end of the process can lose.
        """
        self._pipeline.drain()
        return not any(self._pipeline.ledger.state.spooled.values())

    def add_health_check(self, name: str, check: Callable[[], object]) -> None:
        """Run a check every ``health_check_interval``; it fails if it raises, returns False, or takes too long."""
        self.health.add(name, check)

    def _count_error(self, endpoint: str, error: BaseException) -> None:
        self._error_log.record(endpoint, error, time.time())
        with self._counting:
            self._errors[endpoint, self._exception_names.label(error)] += 1

    def _count_fault(self, stage: str, error: BaseException | str) -> None:
        with self._counting:
            self._faults[stage] += 1
        what = error if isinstance(error, str) else type(error).__name__
        logs.rate_limited(_LOG, f"{self.name}-{stage}").warning(
            "monitoring of %s failed at stage %s (%s); the prediction was not affected", self.name, stage, what
        )

    # --- results -------------------------------------------------------------------------------------------------

    def get_metrics(self, window: float | None = None) -> dict[str, Any]:
        """Return everything known about the model as a plain, JSON-able dict; None where undefined.

        Parameters
        ----------
        window : float, optional
            Seconds to look back, at most the monitor's own window, which is the default.

        Raises
        ------
        ValueError
            If the window is longer than what is kept.
        """
        total, recent = self._pipeline.counts(window)
        served = performance_section(self._pipeline, recent.tally, recent.seconds, self._positive_class)
        health = {name: result.as_dict() for name, result in self.health.results().items()}
        recorder, pipeline = self._recorder, self._pipeline
        return {
            "model": {
                "name": self.name,
                "version": self.version,
                "task": pipeline.interpreter.task,
                "reference": self.reference.fingerprint if self.reference else None,
            },
            "window_seconds": self.window if window is None else window,
            "generated_at": datetime.now(UTC).isoformat(),
            "thresholds": dict(self.thresholds),
            "performance": served,
            "data": data_section(pipeline, self._data, recent.tally),
            "system": system_section(self._system.sample(), served["error_ratio"], health),
            "labels": labels_section(pipeline, total),
            "errors": self._error_log.entries(),
            "monitor": {
                "dropped_rows": sum(families.dropped(recorder).values()),
                "hook_failures": sum(self._faults.values()),
                "buffered_rows": sum(len(channel.events) for channel in list(recorder.channels.values())),
                "last_drain": datetime.fromtimestamp(pipeline.last_drain, UTC).isoformat(),
                "overhead_seconds": pipeline.overhead,
            },
        }

    def generate_report(self, path: str | Path, *, page_size: Literal["A4", "Letter"] = "A4") -> Path:
        """Write a report of the current window.

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

        return reports.write(self.get_metrics(), path, history=self._history.history(), page_size=page_size)

    def metrics_text(self, openmetrics: bool = False) -> bytes:
        """Return what a scrape gets."""
        return render(self._collect(), openmetrics=openmetrics)

    def _collect(self) -> list[Exposed]:
        total, recent = self._pipeline.counts()
        collectors: dict[str, Collector] = {
            "serving": lambda: families.serving(self.name, self._recorder, self._pipeline, total, self._error_counts()),
            "data": lambda: self._data.families(total, recent.tally),
            "outcomes": lambda: families.outcomes(self.name, self._pipeline, total, recent.tally, self._positive_class),
            "ledger": lambda: families.ledger(self.name, self._pipeline.ledger.state),
            "system": lambda: families.system(self.name, self._system),
            "health": lambda: families.health(self.name, self.health),
            "monitor": lambda: families.monitor(self, dict(self._faults)),
        }
        return collect(collectors, self.name)

    def _error_counts(self) -> dict[tuple[str, str], int]:
        with self._counting:
            return dict(self._errors)

    @property
    def pipeline(self) -> Pipeline:
        """The counts behind the metrics."""
        return self._pipeline

    @property
    def recorder(self) -> Recorder:
        """The buffers between hooks and counts."""
        return self._recorder

    def _history_values(self) -> dict[str, float | None]:
        metrics = self.get_metrics(min(self.window, max(self._history.interval * 5, self.window / 60)))
        performance, data = metrics["performance"], metrics["data"]
        return {
            "accuracy": performance["accuracy"],
            "throughput_per_second": performance["throughput_per_second"],
            "latency_p95_seconds": performance["latency_seconds"]["p95"],
            "error_ratio": performance["error_ratio"],
            "drift_share": data["drift_share"],
            "quality_score": data["quality_score"],
        }

    def _ready(self) -> tuple[bool, dict[str, Any]]:
        results = self.health.results()
        ready = self.health.healthy is not False
        return ready, {"ready": ready, "model": self.name, "checks": {n: r.as_dict() for n, r in results.items()}}

    def _landing(self) -> str:
        metrics = self.get_metrics()
        performance, data = metrics["performance"], metrics["data"]
        drifted = [name for name, feature in data["features"].items() if feature["drifted"]]
        p95 = performance["latency_seconds"]["p95"]
        facts = [
            (f"Predictions in the last {self.window:g} s", f"{performance['predictions']:,}"),
            ("Labels joined", f"{performance['labels']:,}"),
            ("Accuracy", _percent(performance["accuracy"])),
            ("Latency, 95th percentile", None if p95 is None else f"{1000 * p95:.3g} ms"),
            ("Failed calls", _percent(performance["error_ratio"])),
            ("Features that drift", None if data["drift_share"] is None else ", ".join(drifted) or "none"),
            ("Data quality", _percent(data["quality_score"])),
        ]
        return landing_page(self.name, self.version, facts)


def track(
    function: Callable[..., Any] | None = None,
    /,
    *,
    model: str,
    endpoint: str | None = None,
    features: str | Callable[..., Any] | None = None,
    output: str | Callable[[Any], Any] | None = None,
    prediction_id: str | Callable[..., Any] | None = None,
) -> Any:
    """Decorate a prediction function for the monitor of a name, which may be made before or after.

    Parameters
    ----------
    model : str
        Name of the monitor.
    endpoint, features, output, prediction_id
        As in :meth:`ModelMonitor.track`.

    Examples
    --------
    >>> @track(model="triple")
    ... def predict(row):
    ...     return 3 * row["x"]
    >>> predict({"x": 2})
    6
    >>> ModelMonitor(name="triple").get_metrics()["performance"]["predictions"]
    1
    """
    decorate = decorator(named(model), endpoint=endpoint, features=features, output=output, prediction_id=prediction_id)
    return decorate if function is None else decorate(function)


def _compute_cached(*objects: object) -> None:
    """Compute all cached properties now.

    Python 3.11 computes them under a lock. Were another thread at it when the process forks, the child would wait for
    that lock for ever; the same goes for what is imported for them.
    """
    for one in objects:
        for name, attribute in vars(type(one)).items():
            if isinstance(attribute, cached_property):
                getattr(one, name)


def _percent(ratio: float | None) -> str | None:
    return None if ratio is None else f"{100 * ratio:.1f} %"


def _reference(reference: Any) -> ReferenceProfile | None:
    if reference is None or isinstance(reference, ReferenceProfile):
        return reference
    if isinstance(reference, str | Path) and str(reference).endswith(".json"):
        return ReferenceProfile.load(reference)
    return ReferenceProfile.fit(reference)


def _known_classes(model: Any, reference: ReferenceProfile | None) -> Sequence[Any] | None:
    classes = getattr(model, "classes_", None)
    if classes is not None and getattr(classes, "ndim", 1) == 1:
        return list(classes)
    roles: tuple[Role, ...] = ("label", "prediction")
    for role in roles:
        column = reference.role(role) if reference else None
        if column is not None and column.kind != "numeric":
            return sorted(column.categories, key=natural_order)
    return None


_live: weakref.WeakSet[ModelMonitor] = weakref.WeakSet()


def _after_fork() -> None:
    reset_after_fork()
    for monitor in list(_live):
        monitor._after_fork()


def _at_exit() -> None:
    """Count what is buffered and let go of the port; the process ends whatever happens here."""
    for monitor in list(_live):
        with contextlib.suppress(Exception):
            monitor.stop()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)

__all__ = ["ModelMonitor", "track"]
