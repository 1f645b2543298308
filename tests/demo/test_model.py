"""The model behaves as measured on this data, and answers for a frame as for a single flight."""

import numpy as np
import pytest

from ml_models.demo.flights import FEATURES, LATE
from ml_models.demo.run import make_monitor

#: Share of late flights and accuracy by month, measured independently with the same kind of model and features.
MONTHS = {
    4: (0.279, 0.737), 5: (0.220, 0.794), 6: (0.308, 0.724), 7: (0.315, 0.708), 8: (0.238, 0.775),
    9: (0.132, 0.865), 10: (0.168, 0.818), 11: (0.174, 0.825), 12: (0.326, 0.713),
}  # fmt: skip


def test_month_table_is_reproduced(live, trained):
    labelled = live[live["label"].notna()]
    right = trained.model.predict(labelled) == labelled["label"].to_numpy()
    months = labelled["departure"].dt.month.to_numpy()
    for month, (late, accuracy) in MONTHS.items():
        inside = months == month
        assert (labelled["label"][inside] == LATE).mean() == pytest.approx(late, abs=0.001)
        assert right[inside].mean() == pytest.approx(accuracy, abs=0.02), f"month {month}"
        assert (right[inside].mean() < 0.75) == (month in {4, 6, 7, 12}), f"month {month}"


def test_held_out_accuracy_is_that_of_winter(trained):
    assert 0.79 <= trained.held_out_accuracy <= 0.81


def test_one_flight_as_a_dict_is_predicted_like_the_same_flight_in_a_frame(live, trained):
    sample = live.iloc[:: len(live) // 40]
    together = trained.model.predict(sample)
    alone = [trained.model.predict(row)[0] for row in sample.to_dict("records")]
    assert together.tolist() == alone


def test_unknown_categories_and_missing_weather_are_predicted_too(live, trained):
    flight = live.iloc[0].to_dict() | {"dest": "nowhere", "temp": None, "dewp": float("nan")}
    assert trained.model.predict(flight).shape == (1,)


def test_monitor_sees_july_drift_in_the_weather_and_not_in_the_timetable(live, trained):
    """The live drift of a month, its accuracy and its label counts, through the public interface."""
    monitor = make_monitor(trained, window=600.0)
    july = live[live["departure"].dt.month == 7]

    @monitor.track(prediction_id="flight_id")
    def predict(flights):
        return trained.model.predict(flights)

    predicted = predict(july[["flight_id", *FEATURES]])
    arrived = july["label"].notna().to_numpy()
    monitor.record_outcomes(july["flight_id"][arrived].tolist(), july["label"][arrived].tolist())
    metrics = monitor.get_metrics()

    features = metrics["data"]["features"]
    assert set(features) == set(FEATURES), "the id is no feature"
    assert features["temp"]["drift"]["psi"] > 5
    assert features["dewp"]["drift"]["psi"] > 5
    assert features["temp"]["drifted"] is True
    assert features["dewp"]["drifted"] is True
    assert features["hour"]["drifted"] is False
    assert features["distance"]["drifted"] is False
    assert metrics["performance"]["labels"] == np.count_nonzero(arrived)
    expected = np.mean(predicted[arrived] == july["label"][arrived].to_numpy())
    assert metrics["performance"]["accuracy"] == pytest.approx(expected, abs=1e-9)
    assert metrics["monitor"]["hook_failures"] == 0
