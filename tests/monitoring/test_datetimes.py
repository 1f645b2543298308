"""Moments among the features of a served model."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from ml_models.monitoring import ModelMonitor

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def moments(hours):
    return [START + dt.timedelta(hours=int(hour)) for hour in hours]


FORMS = {
    "dict rows": lambda when: [{"when": moment, "x": 1.0} for moment in when],
    "text": lambda when: [{"when": moment.isoformat(), "x": 1.0} for moment in when],
    "pandas rows": lambda when: [{"when": pd.Timestamp(moment), "x": 1.0} for moment in when],
    "numpy rows": lambda when: [{"when": np.datetime64(moment.replace(tzinfo=None)), "x": 1.0} for moment in when],
    "frame": lambda when: [pd.DataFrame({"when": when, "x": 1.0})],
    "array of Unix time": lambda when: [np.array([[moment.timestamp(), 1.0] for moment in when])],
}


@pytest.mark.parametrize("form", FORMS)
def test_moments_are_counted_in_every_form_of_rows(form):
    reference = pd.DataFrame({"when": moments(range(1_000)), "x": 1.0})
    monitor = ModelMonitor(name=f"moments {form}", reference=reference, port=0)
    predict = monitor.track(lambda _: 0.5)
    for row in FORMS[form](moments(range(900, 1_200))):
        predict(row)
    found = monitor.get_metrics()["data"]["features"]["when"]
    assert (found["kind"], found["samples"], found["missing_ratio"], found["invalid_ratio"]) == ("datetime", 300, 0, 0)
    assert found["drifted"] is True
    assert found["out_of_range_ratio"] == pytest.approx(2 / 3)
    assert found["distribution"]["ranges"][0] == "≤ 2026-01-05"
