"""Two sets of data that differ in known ways."""

import numpy as np
import pytest

from ml_models import compare

ROWS = 2_000


def frame(shift: float = 0.0, late: float = 0.2) -> dict:
    random = np.random.default_rng(7)
    return {
        "temp": random.normal(10 + shift, 3, ROWS),
        "wind": random.gamma(2, 3, ROWS),
        "origin": random.choice(["JFK", "LGA", "EWR"], ROWS).tolist(),
        "late": random.choice([0, 1], ROWS, p=[1 - late, late]),
    }


@pytest.fixture
def reference():
    return frame()


@pytest.fixture
def live():
    return frame(shift=6)


@pytest.fixture
def report(reference, live):
    """One feature of three has drifted, the prediction has not."""
    return compare(reference, live, prediction="late")
