"""The hand-made instrumentation that monitoring is measured against really does its work."""

import pytest
from prometheus_client import CollectorRegistry

from bench.hand_made import MODEL, HandMadeMetrics, instrument, instrument_cached


@pytest.mark.parametrize("wrap", [instrument, instrument_cached])
def test_calls_errors_and_latency_are_counted(wrap):
    """Results and errors pass through; both are counted by outcome, timed, and no longer in progress afterwards."""
    registry = CollectorRegistry()
    in_progress = []

    def model(features):
        in_progress.append(registry.get_sample_value("predictions_in_progress"))
        return 1 / features["income"]

    tracked = wrap(model, HandMadeMetrics.on(registry))
    assert tracked({"income": 4}) == 0.25
    assert tracked({"income": 2}) == 0.5
    with pytest.raises(ZeroDivisionError):
        tracked({"income": 0})
    assert registry.get_sample_value("predictions_total", {"model": MODEL, "outcome": "ok"}) == 2
    assert registry.get_sample_value("predictions_total", {"model": MODEL, "outcome": "error"}) == 1
    assert registry.get_sample_value("prediction_seconds_count", {"model": MODEL}) == 3
    assert in_progress == [1, 1, 1]
    assert registry.get_sample_value("predictions_in_progress") == 0
