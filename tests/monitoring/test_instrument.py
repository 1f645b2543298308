"""A model object is hooked in place, keeps working in every way, and is left as it was."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted

from ml_models.errors import InstrumentationError
from ml_models.monitoring import ModelMonitor
from ml_models.monitoring.instrument import Instrumentation

ROWS = np.random.default_rng(0).normal(size=(60, 2))
TARGETS = np.where(ROWS[:, 0] > 0, "yes", "no")


class Plain:
    """A model without any framework; at module level, so that it can be pickled."""

    def __init__(self) -> None:
        self.calls = 0

    def predict(self, rows: Any) -> Any:
        """Predict."""
        self.calls += 1
        return (self.predict_proba(rows)[:, 1] > 0.5).astype(int)

    def predict_proba(self, rows: Any) -> Any:
        return np.tile([0.2, 0.8], (len(rows), 1))


class Callable_:  # noqa: N801 - told from typing's
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, row: dict[str, float]) -> float:
        return self.factor * row["x"]


class Network:
    """Like a PyTorch module: ``forward`` is called through ``__call__`` of the class."""

    def __init__(self) -> None:
        self.training = False

    def __call__(self, rows: Any) -> Any:
        return self.forward(rows)

    def forward(self, rows: Any) -> Any:
        return rows.sum(axis=1)


@dataclass(frozen=True)
class Frozen:
    threshold: float

    def predict(self, rows: Any) -> Any:
        return rows[:, 0] > self.threshold


class Slotted:
    __slots__ = ("threshold",)

    def predict(self, rows: Any) -> Any:
        return rows[:, 0]


class SlottedCallable:
    __slots__ = ("factor",)

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, row: dict[str, float]) -> float:
        return self.factor * row["x"]


@pytest.fixture
def hook(make) -> Iterator[Callable[[Any], ModelMonitor]]:
    """Put hooks on a model for a monitor, without endpoint and threads, which take a while to stop."""
    hooks = []

    def build(model: Any) -> ModelMonitor:
        monitor = make(model)
        hooks.append(Instrumentation(model, monitor.recorder))
        return monitor

    yield build
    for one in hooks:
        one.remove()


def _pickled(model: Any, *, dumps: Any = pickle.dumps, protocol: int | None = None) -> Any:
    return pickle.loads(dumps(model, protocol))  # noqa: S301 - bytes of our own


def _fitted(kind: Any) -> Any:
    return kind.fit(ROWS, TARGETS)


MODELS: dict[str, Any] = {
    "logistic": lambda: _fitted(LogisticRegression()),
    "support vectors": lambda: _fitted(SVC()),  # its predict_proba does not exist without probability=True
    "forest": lambda: _fitted(RandomForestClassifier(n_estimators=3, n_jobs=2)),
    "pipeline": lambda: _fitted(make_pipeline(StandardScaler(), LogisticRegression())),
    "pipeline of a pipeline": lambda: _fitted(Pipeline([("a", make_pipeline(StandardScaler())), ("b", SVC())])),
    "plain": Plain,
    "network": Network,
    "frozen": lambda: Frozen(0.0),
}


def _use(model: Any) -> Any:
    return model.predict(ROWS) if hasattr(model, "predict") else model(ROWS)


@pytest.mark.parametrize("name", MODELS)
def test_a_hooked_model_predicts_the_same_and_is_restored_exactly(name, make, counted):
    model, twin = MODELS[name](), MODELS[name]()
    attributes, kind = dict(vars(model)), type(model)
    if isinstance(model, RandomForestClassifier):
        twin = model  # fitting draws random numbers
    expected = _use(twin)
    attributes = dict(vars(model))
    monitor = make(model)
    with monitor:
        assert vars(model).keys() > attributes.keys()
        found = _use(model)
        assert found.dtype == expected.dtype
        assert found.tolist() == expected.tolist()
        assert isinstance(model, kind)
    assert (type(model), vars(model).keys()) == (kind, attributes.keys())
    if not isinstance(model, Plain):  # counts its calls
        assert all(vars(model)[key] is value for key, value in attributes.items())
    counts = counted(monitor)
    assert (counts.calls, counts.predictions, counts.faults) == (1, len(ROWS), 0)
    _use(model)
    assert counted(monitor).calls == 1, "after stop() nothing is counted"


@pytest.mark.parametrize(
    "duplicate",
    [
        copy.copy,
        copy.deepcopy,
        _pickled,
        lambda model: _pickled(model, dumps=pickle._dumps, protocol=2),
        lambda model: _pickled(model, protocol=5),
        lambda model: joblib.load(_dumped(model)),
        lambda model: copy.deepcopy([model, model])[1],
    ],
    ids=["copy", "deepcopy", "pickle", "pickle in Python, protocol 2", "pickle 5", "joblib", "deepcopy of a list"],
)
@pytest.mark.parametrize("name", MODELS)
def test_copies_of_a_hooked_model_are_plain(name, duplicate, hook, counted):
    """They work, are not counted, have the class and attributes of the plain model, and do not lead back to it."""
    model = MODELS[name]()
    attributes, kind = vars(model).keys() | set(), type(model)
    expected = _use(model).tolist()
    monitor = hook(model)
    other = duplicate(model)
    assert other is not model
    assert (type(other), vars(other).keys()) == (kind, attributes)
    assert _use(other).tolist() == expected
    assert counted(monitor).calls == 0
    _use(model)
    assert counted(monitor).calls == 1, "the model itself is still hooked"


def _dumped(model: Any) -> io.BytesIO:
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return file


@pytest.mark.parametrize("name", ["logistic", "support vectors", "forest", "pipeline"])
def test_scikit_learn_clones_and_refits_a_hooked_model(name, hook, counted):
    model = MODELS[name]()
    monitor = hook(model)
    other = clone(model)
    assert type(other) is type(model)
    assert "predict" not in vars(other)
    other.fit(ROWS, TARGETS)
    assert other.predict(ROWS).shape == (60,)
    assert counted(monitor).calls == 0
    check_is_fitted(model)
    assert repr(model) == repr(other)
    assert model.get_params().keys() == other.get_params().keys()
    assert cross_val_predict(model, ROWS, TARGETS, cv=2).shape == (60,)
    assert counted(monitor).calls == 0
    model.fit(ROWS, np.where(TARGETS == "yes", "no", "yes"))
    assert model.score(ROWS, TARGETS) < 0.5, "a hooked model can be fitted anew"
    assert counted(monitor).calls == (0 if name == "pipeline" else 1), "score() predicts, of a pipeline its last step"


def test_a_hooked_method_can_be_pickled_and_copied_on_its_own(hook):
    model = MODELS["pipeline"]()
    hook(model)
    for predict in (_pickled(model.predict), copy.deepcopy(model.predict)):
        assert predict(ROWS).tolist() == model.predict(ROWS).tolist()
        assert predict.__self__ is not model


def test_a_hooked_method_keeps_name_document_and_signature(hook):
    model = Plain()
    plain = inspect.signature(model.predict)
    hook(model)
    assert (model.predict.__name__, model.predict.__doc__) == ("predict", "Predict.")
    assert inspect.signature(model.predict) == plain


def test_methods_that_call_each_other_are_counted_once(hook, counted):
    model = Plain()
    monitor = hook(model)
    model.predict(ROWS)
    assert model.calls == 1
    assert (counted(monitor).calls, counted(monitor).predictions) == (1, 60)
    model.predict_proba(ROWS)
    assert (counted(monitor).calls, counted(monitor).predictions) == (2, 120)
    assert monitor.pipeline.endpoints == ["predict", "predict_proba"]
    samples = monitor.metrics_text().decode()
    assert f'ml_predictions_total{{endpoint="predict",model="{monitor.name}"}} 60.0' in samples


def test_each_thread_is_counted_on_its_own(hook, counted):
    """That one thread is inside ``predict`` hides no call of another."""
    inside, leave = threading.Event(), threading.Event()

    class Waiting:
        def predict(self, rows):
            if rows == "wait":
                inside.set()
                assert leave.wait(10)
            return 1

    model = Waiting()
    monitor = hook(model)
    thread = threading.Thread(target=model.predict, args=("wait",))
    thread.start()
    assert inside.wait(10)
    model.predict("go")
    leave.set()
    thread.join()
    assert counted(monitor).calls == 2


def test_a_failing_method_is_counted_and_hooked_on(hook, counted):
    class Failing:
        def predict(self, rows):
            raise ValueError("no")

    model = Failing()
    monitor = hook(model)
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            model.predict(ROWS)
    assert (counted(monitor).calls, counted(monitor).errors) == (2, 2)


def test_the_classes_of_the_model_are_used(hook, counted):
    model = LogisticRegression().fit(ROWS, np.random.default_rng(1).choice(["a", "b", "c"], 60))
    monitor = hook(model)
    model.predict(ROWS)
    model.predict_proba(ROWS)
    assert monitor.pipeline.classes.names == ("a", "b", "c")
    codes = model.predict_proba(ROWS).argmax(axis=1)
    assert counted(monitor).tally.predicted[:3].tolist() == (3 * np.bincount(codes, minlength=3)).tolist()


def test_probabilities_are_joined_with_labels_row_by_row(hook, counted):
    model = MODELS["logistic"]()
    monitor = hook(model)
    predicted = model.predict_proba(ROWS)[:, 1] >= 0.5
    ids = [monitor.last_prediction_id(row) for row in range(60)]
    assert len(set(ids)) == 60
    order = np.random.default_rng(2).permutation(60)
    monitor.record_outcomes([ids[row] for row in order], TARGETS[order])
    cells = counted(monitor).tally.outcomes
    actual = TARGETS == "yes"
    assert cells[:2, :2].tolist() == [
        [np.sum(~actual & ~predicted), np.sum(~actual & predicted)],
        [np.sum(actual & ~predicted), np.sum(actual & predicted)],
    ]
    assert monitor.get_metrics()["performance"]["accuracy"] == np.mean(actual == predicted)


def test_a_regression_model_is_one(hook):
    model = LinearRegression().fit(ROWS, ROWS[:, 0] * 1.5)
    monitor = hook(model)
    model.predict(ROWS)
    assert monitor.get_metrics()["model"]["task"] == "regression"
    assert monitor.name.startswith("model")


def test_the_name_is_the_models_class_unless_given(make):
    assert ModelMonitor(Plain(), port=0).name == "Plain"
    assert ModelMonitor(port=0).name == "model"


# --- objects that are only callable ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Callable_, SlottedCallable])
def test_a_callable_object_is_hooked_and_restored(kind, make, counted):
    model = kind(2.0)
    monitor = make(model)
    with monitor:
        assert model({"x": 3.0}) == 6.0
        assert isinstance(model, kind)
        assert type(model).__name__ == type(model).__qualname__ == kind.__name__
        other = type(model)(5.0)
        assert other({"x": 3.0}) == 15.0, "another object of the class is itself"
        for plain in (copy.copy(model), copy.deepcopy(model), _pickled(model)):
            assert type(plain) is kind
            assert plain({"x": 3.0}) == 6.0
        plain.factor = 7.0
        assert plain({"x": 3.0}) == 21.0
        assert model({"x": 3.0}) == 6.0
    assert type(model) is kind
    assert counted(monitor).calls == 2
    assert monitor.pipeline.endpoints == ["call"]


# --- what cannot be hooked -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Slotted(), "Slotted does not allow its methods to be replaced.*@monitor.track"),
        (object(), "object: nothing to hook in place; it needs one of predict, .*or __call__.*@monitor.track"),
        (5, "int: nothing to hook"),
        (Plain, "type does not allow|nothing to hook"),
        (lambda row: row, "function: nothing to hook in place.*@monitor.track"),
    ],
    ids=["slots", "nothing to call", "a number", "a class", "a function"],
)
def test_what_cannot_be_hooked_is_told_with_the_remedy_and_nothing_is_left(model, message, make):
    monitor = make(model)
    before = {thread.name for thread in threading.enumerate()}
    with pytest.raises(InstrumentationError, match=message):
        monitor.start()
    assert not monitor.running
    assert {thread.name for thread in threading.enumerate()} <= before


def test_a_class_with_one_method_that_cannot_be_replaced_is_left_whole(make):
    class Half:
        def predict(self, rows):
            return rows

        @property
        def predict_proba(self):
            return lambda rows: rows

    model = Half()
    with pytest.raises(InstrumentationError, match="does not allow"):
        make(model).start()
    assert vars(model) == {}


def test_a_model_has_one_monitor(make, counted):
    """A second one would take the first one's hooks away when stopped."""
    for model in (Plain(), Callable_(2.0)):
        with make(model) as first:
            with pytest.raises(InstrumentationError, match="hooked by another monitor already"):
                make(model).start()
            _ = model.predict(ROWS) if isinstance(model, Plain) else model({"x": 1.0})
            assert counted(first).calls == 1
        with make(model):
            pass


# --- attributes of the model's own -----------------------------------------------------------------------------------


def test_a_method_that_is_an_attribute_of_the_object_comes_back(make, counted):
    model = SimpleNamespace(predict=len)
    monitor = make(model)
    with monitor:
        assert model.predict([1, 2]) == 2
        assert copy.copy(model).predict is len
    assert vars(model) == {"predict": len}
    assert counted(monitor).calls == 1


def test_what_the_application_puts_in_the_place_of_a_hook_stays(make):
    model = Plain()
    with make(model):
        model.predict = len
    assert vars(model) == {"calls": 0, "predict": len}


def test_a_monitor_can_be_started_on_the_same_model_again(make, counted):
    model = Plain()
    monitor = make(model)
    for n in range(1, 4):
        with monitor:
            model.predict(ROWS)
        assert counted(monitor).calls == n
