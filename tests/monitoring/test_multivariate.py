"""Several features together, in a monitor: whatever form rows come in, and only where it is asked for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml_models.errors import ConfigError
from ml_models.monitoring import ModelMonitor
from ml_models.profile import ReferenceProfile

NAMES = ["x", "y", "z"]


def rows(seed, correlation):
    covariance = [[1, correlation, 0], [correlation, 1, 0], [0, 0, 1]]
    return np.random.default_rng(seed).multivariate_normal(np.zeros(3), covariance, 600)


@pytest.fixture(scope="module")
def reference():
    return ReferenceProfile.fit(pd.DataFrame(rows(0, 0.7), columns=NAMES), multivariate=True)


FORMS = {
    "array rows": list,
    "one array": lambda table: [table],
    "dict rows": lambda table: [dict(zip(NAMES, row.tolist(), strict=True)) for row in table],
    "frames": lambda table: [pd.DataFrame(part, columns=NAMES) for part in np.split(table, 6)],
    "reordered": lambda table: [pd.DataFrame(table, columns=NAMES)[NAMES[::-1]]],
    "text": lambda table: [{name: str(value) for name, value in zip(NAMES, row, strict=True)} for row in table],
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_rows_shows_the_same_change(reference, form):
    table = rows(1, 0.0)
    monitor = ModelMonitor(name=f"joint {form}", reference=reference, multivariate=True, port=0)
    predict = monitor.track(lambda _: 0.5)
    for row in FORMS[form](table):
        predict(row)
    found = monitor.get_metrics()["data"]["multivariate"]
    assert (found["rows"], found["incomplete_rows"], found["drifted"]) == (600, 0, True)
    assert found["correlation_change"] == pytest.approx(0.7, abs=0.1)
    assert found["frechet_pvalue"] < 0.001
    live = monitor.pipeline.counts()[1].tally.moments()
    np.testing.assert_allclose(live.correlation, np.corrcoef(table.T), atol=1e-9)


def test_rows_with_a_gap_are_counted_as_left_out(reference):
    monitor = ModelMonitor(name="joint gaps", reference=reference, multivariate=True, port=0)
    predict = monitor.track(lambda _: 0.5)
    for row in ([1.0, np.nan, 0.0], [1.0, 2.0, 3.0]):
        predict(np.array(row))
    predict({"x": 1.0, "y": 2.0})
    predict({"x": 1.0, "y": "?", "z": 0.0})
    found = monitor.get_metrics()["data"]["multivariate"]
    assert (found["rows"], found["incomplete_rows"], found["drifted"]) == (1, 3, None)


def test_it_is_off_unless_asked_for_and_needs_a_reference_that_has_it(reference):
    monitor = ModelMonitor(name="joint off", reference=reference, port=0)
    assert monitor.get_metrics()["data"]["multivariate"] is None
    assert "ml_multivariate" not in monitor.metrics_text().decode()
    with pytest.raises(ConfigError, match="multivariate: found a reference without it"):
        ModelMonitor(reference=ReferenceProfile.fit({"x": [1.0, 2.0], "y": [1.0, 2.0]}), multivariate=True)
