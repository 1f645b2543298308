"""A collector that fails costs only its own series."""

from __future__ import annotations

import logging

from ml_models.catalog import PREDICTIONS
from ml_models.collectors.families import family
from ml_models.collectors.isolation import collect


def counting(value):
    made = family(PREDICTIONS)
    made.add_metric(["m", "f"], value)
    return [made]


def broken():
    raise RuntimeError("no such device")


def half_way():
    yield from counting(99)
    raise KeyError("rest")


def test_the_others_are_still_collected_and_the_failure_is_said(caplog):
    with caplog.at_level(logging.ERROR, logger="ml_models"):
        exposed = collect(
            {"first": lambda: counting(1), "broken": broken, "half": half_way, "none": lambda: None,
             "last": lambda: counting(2)},
            "churn",
        )  # fmt: skip
    success, duration, *families = exposed
    assert {s.labels["collector"]: s.value for s in success.samples} == {
        "first": 1, "broken": 0, "half": 0, "none": 0, "last": 1}  # fmt: skip
    assert {s.labels["model"] for s in success.samples} == {"churn"}
    assert [s.labels["collector"] for s in duration.samples] == ["first", "broken", "half", "none", "last"]
    assert all(s.value >= 0 for s in duration.samples)
    assert [s.value for one in families for s in one.samples] == [1, 2], "nothing of a collector that failed half-way"
    assert [record.getMessage().split()[1] for record in caplog.records] == ["broken", "half", "none"]
    assert "no such device" in caplog.text


def test_no_collectors_are_no_samples():
    assert [len(one.samples) for one in collect({}, "m")] == [0, 0]


def test_what_ends_the_process_is_not_swallowed():
    def interrupted():
        raise KeyboardInterrupt

    try:
        collect({"x": interrupted}, "m")
    except KeyboardInterrupt:
        return
    raise AssertionError("the interrupt was swallowed")
