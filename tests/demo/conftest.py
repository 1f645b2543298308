"""The year's flights and the trained model, loaded once: both take seconds."""

import pytest

from ml_models.demo import flights as data
from ml_models.demo.model import train


@pytest.fixture(scope="session")
def flights():
    return data.load_flights()


@pytest.fixture(scope="session")
def live(flights):
    return data.live_flights(flights)


@pytest.fixture(scope="session")
def trained(flights):
    return train(data.training_flights(flights))
