"""Functions and monitors find each other by name, in whatever order they are made."""

from __future__ import annotations

import gc
import weakref
from itertools import count

import pytest

from ml_models.errors import ConfigError, InstrumentationError
from ml_models.monitoring import ModelMonitor, track

_NUMBERS = count()


@pytest.fixture
def name():
    return f"named {next(_NUMBERS)}"


def test_a_function_is_tracked_before_its_monitor_is_made(name, make, counted, numeric):
    @track(model=name)
    def predict(row):
        return row["x"] * 2.0

    assert predict({"x": 5.0, "y": 25.0}) == 10.0
    monitor = make(name=name, reference=numeric)
    assert predict({"x": 15.0, "y": 35.0}) == 30.0
    found = counted(monitor)
    assert (found.predictions, found.bins("x")) == (2, {"01": 1}), "features are captured once there is a reference"
    monitor.record_outcome(monitor.last_prediction_id(), 1)
    assert counted(monitor).faults == 0


def test_a_function_is_tracked_after_its_monitor_is_made(name, make, counted, numeric):
    monitor = make(name=name, reference=numeric)
    assert track(lambda row: 0.5, model=name)({"x": 5.0, "y": 25.0}) == 0.5
    assert counted(monitor).bins("x") == {"00": 1}


def test_functions_of_several_modules_share_a_monitor(name, make, counted):
    one, two = track(model=name, endpoint="one")(lambda row: 1), track(model=name, endpoint="two")(lambda row: 2)
    monitor = make(name=name)
    assert (one({}), two({}), monitor.track(endpoint="three")(lambda row: 3)({})) == (1, 2, 3)
    assert counted(monitor).predictions == 3
    assert monitor.pipeline.endpoints == ["one", "two", "three"]


def test_all_settings_of_track_work_by_name(name, make, counted, numeric):
    @track(model=name, features="row", output="label", prediction_id="id", endpoint="scored")
    def predict(context, row):
        return {"label": "yes"}

    monitor = make(name=name, reference=numeric, classes=["no", "yes"])
    predict("context", {"id": 1, "x": 5.0, "y": 25.0})
    monitor.record_outcome(1, "yes")
    found = counted(monitor)
    assert (found.tally.outcomes[1, 1], found.tally.schema[:2].sum(), found.faults) == (1, 0, 0)
    assert monitor.last_prediction_id() == 1


def test_wrong_settings_are_refused_when_decorated(name):
    with pytest.raises(InstrumentationError, match="no such parameter"):
        track(model=name, features="rows")(lambda row: 1)
    with pytest.raises(TypeError, match="model"):
        track(lambda row: 1)  # type: ignore[call-arg]


def test_a_tracked_function_without_a_monitor_works_and_holds_a_bounded_buffer(name):
    @track(model=name)
    def predict(row):
        if row is None:
            raise ValueError("no row")
        return row

    for _ in range(70_000):
        assert predict(5) == 5
    with pytest.raises(ValueError, match="no row"):
        predict(None)
    from ml_models.monitoring.recorder import named

    (channel,) = named(name).channels.values()
    assert len(channel.events) <= 65_536
    assert channel.dropped_calls.value == 70_001 - len(channel.events)


def test_the_bound_of_a_monitor_made_later_holds(name, make, counted):
    predict = track(model=name)(lambda row: 1)
    for _ in range(10):
        predict({})
    monitor = make(name=name, buffer_rows=20)
    for _ in range(30):
        predict({})
    assert (counted(monitor).predictions, counted(monitor).dropped) == (20, 20)


def test_a_monitor_that_could_not_be_made_takes_no_ones_functions(name, make, counted):
    """The name is still free for the monitor that is made after the settings were mended."""
    predict = track(model=name)(lambda row: 1)
    for wrong in ({"window": -1}, {"health_check_interval": 0}, {"reference": "no such file.json"}):
        with pytest.raises((ConfigError, ValueError)):
            ModelMonitor(name=name, **wrong)
    monitor = make(name=name)
    predict({})
    assert counted(monitor).predictions == 1


def test_a_monitor_that_is_gone_leaves_its_functions_to_the_next_of_its_name(name, make, counted):
    monitor = ModelMonitor(name=name)
    predict = track(model=name)(lambda row: row["x"])
    predict({"x": 1})
    with pytest.raises(KeyError):
        predict({})
    gone = weakref.ref(monitor)
    del monitor
    gc.collect()
    assert gone() is None, "functions do not keep a monitor alive"
    with pytest.raises(KeyError):
        predict({})
    monitor = make(name=name)
    predict({"x": 1})
    assert (counted(monitor).calls, counted(monitor).errors) == (4, 2), "what was not tallied yet is there"


def test_monitors_of_two_names_do_not_meet(name, make, counted):
    one, two = make(name=name), make(name=f"{name} too")
    track(model=one.name)(lambda row: 1)({})
    assert (counted(one).predictions, counted(two).predictions) == (1, 0)
