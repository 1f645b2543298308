"""The monitor of one model."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args, overload

from ml_models.catalog import MODEL_VERSION
from ml_models.collectors.data import DEFAULT_THRESHOLDS, DataCollector
from ml_models.collectors.isolation import Collector, Exposed, collect
from ml_models.collectors.performance import figures
from ml_models.collectors.system import SystemSampler
from ml_models.collectors.web import web_families
from ml_models.errors import ConfigError, InstrumentationError
from ml_models.exposition import Endpoint, Guard, Registry, render
from ml_models.exposition.landing import landing_page
from ml_models.monitoring import arguments, families, logs
from ml_models.monitoring.arguments import as_reference
from ml_models.monitoring.capture import freeze_output
from ml_models.monitoring.error_log import ErrorLog, ExceptionNames
from ml_models.monitoring.health import HealthChecks
from ml_models.monitoring.history import HistoryKeeper
from ml_models.monitoring.hooks import P, R, decorator
from ml_models.monitoring.instrument import Instrumentation
from ml_models.monitoring.ledger import LedgerSettings, open_ledger
from ml_models.monitoring.lifecycle import Life
from ml_models.monitoring.outputs import Task
from ml_models.monitoring.pipeline import Direct, Pipeline, Worker, listed, many
from ml_models.monitoring.recorder import Recorder, adopt, named, weakly
from ml_models.monitoring.shadow import Shadow
from ml_models.monitoring.snapshot import data_section, labels_section, performance_section, system_section
from ml_models.profile.classes import natural_order
from ml_models.profile.reference import ReferenceProfile, Role

_LOG = logging.getLogger(__name__)

DEFAULT_PORT = 9877

Deployment = Literal["champion", "challenger", "shadow"]


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
        Version of the model: the ``model_version`` label of all its metrics.
    reference : ReferenceProfile, path or data, optional
        What the data looked like when the model was good: a profile, the path of one (``.json``) or of data, or data.
        Without it there is no drift and no quality.
    deployment : {'champion', 'challenger', 'shadow'}
        What becomes of the predictions: served, served to some, or not at all; see :meth:`shadow`.
    task : {'auto', 'classification', 'regression'}
    classes : sequence, optional
        The model's classes; by default its ``classes_``, or those of the reference's label or prediction.
    positive_class : optional
        The class that precision, recall, F1 and single scores are about; by default the second of two.
    decision_threshold : float
        Score from which a binary classifier predicts the positive class. Of a model that is hooked at
        ``predict_proba``, this makes the classes; give 0 for the margins of ``decision_function``.
    window : float
        Seconds of the sliding window that gauges and :meth:`get_metrics` are about.
    metrics_interval : float
        Seconds between samples of the history that reports draw.
    alert_thresholds : mapping, optional
        By signal (see :data:`ml_models.catalog.SIGNALS`), in base units; exported for the alert rules. Those of
        :data:`ml_models.collectors.data.DEFAULT_THRESHOLDS` hold unless given.
    drift_method : str
        Method whose score is compared with the drift thresholds.
    quality_weights : mapping, optional
        Weight per dimension of the data's quality, of :data:`ml_models.stats.quality.DIMENSIONS`; equal by default.
    multivariate : bool
        Tally how the numeric features go together, too; takes a reference that was made with it.
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
    web_config : str or Path, optional
        File with TLS and passwords of the endpoint, in the form of Prometheus' exporters; read again when it or a
        file that it names changes. Without it whoever reaches the endpoint may read it.
    log_level : str, optional
        Level of the package's own log; by default the application's logging is left as it is.
    log_format : {'plain', 'json'}

    Raises
    ------
    ConfigError
        If an argument is out of its range or the web configuration is wrong; all faults at once.

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
        deployment: Deployment = "champion",
        reference: Any = None,
        task: Task = "auto",
        classes: Sequence[Any] | None = None,
        positive_class: Any = None,
        decision_threshold: float = 0.5,
        window: float = 3600.0,
        metrics_interval: float = 60.0,
        alert_thresholds: Mapping[str, float] | None = None,
        drift_method: str = "psi",
        quality_weights: Mapping[str, float] | None = None,
        multivariate: bool = False,
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
        web_config: str | Path | None = None,
        log_level: str | None = None,
        log_format: Literal["plain", "json"] = "plain",
    ) -> None:
        self.model = model
        self.name = name or (type(model).__name__ if model is not None else "model")
        self.version, self.deployment = version, deployment
        self._constant = {MODEL_VERSION: version} if version else {}
        self.thresholds = {**DEFAULT_THRESHOLDS, **(alert_thresholds or {})}
        self._check_arguments(locals())
        self.reference = as_reference(reference, multivariate=multivariate)
        self.window = window
        guard = None if web_config is None else Guard(Path(web_config))
        self.health = HealthChecks(health_check_interval, health_check_timeout)
        self._recorder = adopt(self.name, self)
        self._recorder.bound(buffer_rows, buffer_bytes)
        if self.reference is not None:
            self._recorder.want_features(sampling_rate, len(self.reference.names))
        self._recorder.on_error, self._recorder.on_fault = weakly(self._count_error), weakly(self._count_fault)
        self._pipeline = Pipeline(
            self._recorder,
            self.reference,
            multivariate=multivariate,
            classes=classes if classes is not None else _known_classes(model, self.reference),
            task=task,
            decision_threshold=decision_threshold,
            positive_class=positive_class,
            scored=hasattr(model, "predict_proba")
            or (self.reference is not None and self.reference.scores is not None),
            span=window,
            ledger=partial(
                open_ledger,
                self.name,
                label_ledger,
                label_ledger_url_file,
                LedgerSettings(label_max_rows, label_horizon, label_expected_after),
                version,
            ),
        )
        self._data = DataCollector(
            self.name, self._pipeline.layout, self.thresholds, drift_method, weights=quality_weights
        )
        _compute_cached(self._pipeline.layout, *([self._data] if self.reference is not None else []))
        self._system = SystemSampler()
        self._exception_names = ExceptionNames()
        self._error_log = ErrorLog()
        self._shadows: list[tuple[ModelMonitor, Shadow]] = []
        self._errors: dict[tuple[str, str], tuple[int, float]] = {}
        self._faults: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._instrumentation: Instrumentation | None = None
        self._worker: Worker | None = None
        self._history = HistoryKeeper(self._history_values, metrics_interval)
        #: A registry of this monitor alone, for other ways of prometheus_client to expose it.
        self.registry = Registry(self._collect, self._constant)
        endpoint = Endpoint(self.metrics_text, self._ready, self._landing)
        self._life = Life(self, endpoint, host, port, guard, (log_level, log_format))

    def _check_arguments(self, given: Mapping[str, Any]) -> None:
        positive = (
            "window", "metrics_interval", "buffer_rows", "buffer_bytes", "label_horizon", "label_max_rows",
            "label_expected_after",
        )  # fmt: skip
        faults = arguments.faults(given, positive, self.thresholds)
        if not 0 < given["sampling_rate"] <= 1:
            faults.append(f"sampling_rate: found {given['sampling_rate']!r}; above 0 and at most 1")
        if given["deployment"] not in get_args(Deployment):
            known = ", ".join(get_args(Deployment))
            faults.append(f"deployment: unknown {given['deployment']!r}; choose from {known}")
        if given["task"] not in {"auto", "classification", "regression"}:
            faults.append(f"task: unknown {given['task']!r}; choose from auto, classification, regression")
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
            If another monitor of the same name and version is running in this process.
        """
        self._life.start(self._begin, self._end)
        return self

    def _begin(self) -> None:
        if self.reference is None:
            _LOG.info("model %s has no reference: performance is watched, drift and quality are not", self.name)
        # In a process forked from a monitored one, hooks and worker are there already.
        if self.model is not None and self._instrumentation is None:
            self._instrumentation = Instrumentation(self.model, self._recorder)
        if self._worker is None:
            self._worker = Worker(self._pipeline, self.name)
        self.health.start()
        self._history.start()

    def stop(self) -> None:
        """Restore the model, count what is still buffered, and stop serving. Stopping twice does nothing."""
        self._life.stop(self._end)

    def _end(self) -> None:
        if self._instrumentation is not None:
            self._instrumentation.remove()
            self._instrumentation = None
        for _, made in self._shadows:
            made.stop()
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        self.health.stop()
        self._history.stop()
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

    def _after_fork(self) -> None:
        """Go on in a forked child: count from zero, do not serve what the parent serves."""
        self._counting = threading.Lock()
        self._errors.clear()
        self._faults.clear()
        self._error_log = ErrorLog()
        self._history = HistoryKeeper(self._history_values, self._history.interval)
        self._pipeline.reset()
        for _, made in self._shadows:
            made.reset()
        self._life.after_fork()
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
        queued_at: str | Callable[..., Any] | None = None,
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
        queued_at: str | Callable[..., Any] | None = None,
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
        queued_at : str or callable, optional
            When the request was queued, as Unix time in seconds or a datetime: a parameter, a key of the features, or a
            callable on the arguments. The time until the call begins is then measured.

        Raises
        ------
        InstrumentationError
            If ``features`` names no parameter.
        """
        decorate = decorator(
            self._recorder,
            endpoint=endpoint,
            features=features,
            output=output,
            prediction_id=prediction_id,
            queued_at=queued_at,
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
        return None if last is None else self._recorder.id_of(last, row)

    def shadow(
        self, challenger: ModelMonitor, function: Callable[..., Any]
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Decorate the served function: another model gets each of its calls too, and its outputs are not served.

        The challenger's function runs in a thread of its own and can neither slow nor break the served one; calls that
        it cannot keep up with are dropped and counted. Labels that this monitor is given reach the challenger too.

        Parameters
        ----------
        challenger : ModelMonitor
            Of the same name and another version, to be compared with this one.
        function : callable
            The challenger's prediction function, which takes the same arguments.

        Raises
        ------
        InstrumentationError
            If a function is a generator, or the challenger is this monitor itself.

        Examples
        --------
        >>> champion = ModelMonitor(name="price", version="1")
        >>> challenger = ModelMonitor(name="price-shadow", version="2", deployment="shadow")
        >>> @champion.shadow(challenger, lambda row: 3 * row["x"])
        ... @champion.track
        ... def predict(row):
        ...     return 2 * row["x"]
        >>> predict({"x": 4})
        8
        >>> champion.flush_shadows(); challenger.get_metrics()["performance"]["predictions"]
        1
        """
        if challenger is self:
            raise InstrumentationError("shadow: a monitor cannot be its own challenger; give one of another version")
        made = Shadow(self._recorder, challenger.recorder, function)
        self._shadows.append((challenger, made))
        return made.follow

    def flush_shadows(self) -> None:
        """Wait until the challengers have got every call so far."""
        for _, made in self._shadows:
            made.flush()

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
            for challenger, _ in self._shadows:
                challenger.record_outcome(prediction_id, actual)
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
            for challenger, _ in self._shadows:
                challenger.record_outcomes(ids, actuals)
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

    def _count_error(self, endpoint: str, error: BaseException, seconds: float) -> None:
        self._error_log.record(endpoint, error, time.time())
        with self._counting:
            count, total = self._errors.get(key := (endpoint, self._exception_names.label(error)), (0, 0.0))
            self._errors[key] = count + 1, total + seconds

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
        served = performance_section(self._pipeline, recent.tally, recent.seconds)
        health = {name: result.as_dict() for name, result in self.health.results().items()}
        recorder, pipeline = self._recorder, self._pipeline
        return {
            "model": {
                "name": self.name,
                "version": self.version,
                "deployment": self.deployment,
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
        return render(self._collect(), openmetrics=openmetrics, constant=self._constant)

    def _collect(self) -> list[Exposed]:
        total, recent = self._pipeline.counts()
        pipeline = self._pipeline
        # Worked out once, by the first collector that asks: a fault costs only those that need it.
        found = cache(lambda: figures(recent.tally, pipeline.classes, pipeline.interpreter.positive))
        collectors: dict[str, Collector] = {
            "serving": lambda: families.serving(self.name, self._recorder, self._pipeline, total, self._error_counts()),
            "data": lambda: self._data.families(total, recent.tally),
            "outcomes": lambda: families.outcomes(self.name, pipeline, total, found()),
            "performance": lambda: families.performance(self.name, pipeline, total, found()),
            "ledger": lambda: families.ledger(self.name, pipeline.ledger.state),
            "system": lambda: families.system(self.name, self._system),
            "health": lambda: families.health(self.name, self.health),
            "monitor": lambda: families.monitor(self, dict(self._faults)),
        }
        if (guard := self._life.guard) is not None:
            collectors["web"] = lambda: web_families(self.name, guard.state())
        return collect(collectors, self.name)

    def _error_counts(self) -> dict[tuple[str, str], tuple[int, float]]:
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
    queued_at: str | Callable[..., Any] | None = None,
) -> Any:
    """Decorate a prediction function for the monitor of a name, which may be made before or after.

    Parameters
    ----------
    model : str
        Name of the monitor.
    endpoint, features, output, prediction_id, queued_at
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
    decorate = decorator(
        named(model),
        endpoint=endpoint,
        features=features,
        output=output,
        prediction_id=prediction_id,
        queued_at=queued_at,
    )
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


def _known_classes(model: Any, reference: ReferenceProfile | None) -> Sequence[Any] | None:
    classes = getattr(model, "classes_", None)
    if classes is not None and getattr(classes, "ndim", 1) == 1:
        return list(classes)
    roles: tuple[Role, ...] = ("label", "prediction")
    for role in roles:
        column = reference.role(role) if reference else None
        if column is not None and column.categories:
            return sorted(column.categories, key=natural_order)
    return None


__all__ = ["ModelMonitor", "track"]
