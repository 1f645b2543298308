"""The verdict: right on known cases, and never kinder than the thresholds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_models import catalog
from ml_models.reports import verdict
from ml_models.reports.checks import beyond


def by_what(found):
    return {check.what: check for check in found.checks}


def test_flights_in_july_are_critical(flights):
    """Accuracy under its threshold, strong drift and a check that is down each make the verdict critical."""
    found = verdict(flights)
    checks = by_what(found)
    assert found.level == "CRITICAL"
    assert found.headline == "5 critical and 2 warnings among 20 judged checks"
    assert found.reasons[0] == "Accuracy is 0.724 (95 % interval 0.719 to 0.729), below its threshold of 0.750."
    assert "dewp (PSI 8.183), temp (PSI 8.012), wind_speed (PSI 0.492)" in found.reasons[2]
    assert checks["Drift of temp"].severity == "critical"
    assert checks["Drift of humid"].severity == "warning"
    assert checks["Drift of hour"].status == "ok"
    assert checks["Health of weather-api"].severity == "critical"
    assert checks["Precision"].reason == "no threshold is set"
    assert all(check.action for check in found.checks if check.status == "breached")


def test_one_warning_is_attention(flights):
    """A breach that is not critical asks for attention only."""
    flights["thresholds"] = {"memory_ratio_max": 0.6, "quality_min": 0.9}
    flights["system"]["health"] = {}
    flights["data"]["features"] = {}
    found = verdict(flights)
    assert (found.level, found.headline) == ("ATTENTION", "1 warning among 2 judged checks")
    assert found.reasons == ("Memory in use is 61.0 %, above its threshold of 60.0 %.",)


def test_within_all_thresholds_is_ok(flights):
    """OK needs a judged check on the model's work, and none breached."""
    flights["thresholds"] = {"accuracy_min": 0.7}
    flights["system"]["health"] = {}
    flights["data"]["features"] = {}
    assert verdict(flights).level == "OK"


def test_a_healthy_machine_alone_is_not_enough_data(nothing):
    """Resources say nothing about the model."""
    nothing["system"]["cpu_ratio"] = 0.1
    found = verdict(nothing)
    assert found.level == "NOT ENOUGH DATA"
    assert found.reasons == ("There were no predictions in the window.",)
    assert by_what(found)["CPU in use"].status == "ok"


def test_bad_accuracy_on_few_labels_is_not_judged_and_not_ok(flights):
    """Nine labels are no reason for an alert, and none for an all-clear."""
    flights["performance"]["labels"] = 9
    flights["data"]["features"] = {}
    flights["system"]["health"] = {}
    found = verdict(flights)
    assert by_what(found)["Accuracy"].status == "not judged"
    assert (found.level, found.reasons) == ("NOT ENOUGH DATA", ("Accuracy: 9 of 100 labels needed.",))


@pytest.mark.parametrize(
    ("psi", "noise", "samples", "judged"),
    [
        (8.0, 0.001, 28_371, ("breached", "critical")),
        (0.13, 0.001, 28_371, ("breached", "warning")),
        (0.13, 0.2, 28_371, ("ok", None)),  # within noise
        (0.05, 0.001, 28_371, ("ok", None)),
        (8.0, 0.001, 150, ("not judged", None)),
        (None, None, 0, ("not judged", None)),
        (0.1, 0.001, 28_371, ("ok", None)),  # at the threshold is not above it
        (0.3, None, 28_371, ("breached", "critical")),  # unknown noise does not excuse
    ],
)
def test_drift_needs_size_significance_and_samples(flights, psi, noise, samples, judged):
    """A feature has drifted if its PSI is over the threshold and over noise, on enough values."""
    flights["data"]["features"] = {"temp": {"drift": {"psi": psi}, "drifted": None, "noise": noise, "samples": samples}}
    check = by_what(verdict(flights))["Drift of temp"]
    assert (check.status, check.severity) == judged


def test_drift_by_another_method_counts(flights):
    """What the monitor's own method calls drift is at least a warning."""
    flights["data"]["features"] = {"temp": {"drift": {"psi": 0.02}, "drifted": True, "noise": 0.001, "samples": 900}}
    assert by_what(verdict(flights))["Drift of temp"].severity == "warning"


def test_close_values_are_told_apart(flights):
    """A value just under its threshold is shown with the digits that tell them apart."""
    flights["performance"]["accuracy"] = 0.7499
    flights["performance"]["intervals"] = {"accuracy": [0.74, 0.76]}
    assert verdict(flights).reasons[0] == (
        "Accuracy is 0.7499 (95 % interval 0.740 to 0.760, which reaches the threshold), below its threshold of 0.7500."
    )


def test_lost_rows_are_a_caveat(flights):
    """Rows that were served and not tallied are said, by reason or as a sum."""
    flights["monitor"]["dropped_rows"] = {"buffer_full": 3, "closed": 1}
    assert any("4 served rows were not tallied" in caveat for caveat in verdict(flights).caveats)


def test_every_limit_of_the_catalog_is_checked(flights):
    """A new signal in the catalog must find its check here, or be one that only says when to judge."""
    flights["thresholds"] = dict.fromkeys(catalog.SIGNALS, 0.5)
    flights["data"]["features"]["temp"]["samples"] = 1000
    flights["data"]["features"]["hour"] |= {"drift": {"psi": 0.4}}
    checked = {check.signal for check in verdict(flights).checks}
    flights["thresholds"].pop("drift_warning_max")
    checked |= {check.signal for check in verdict(flights).checks}
    checked |= {check.signal for check in verdict({"model": {"task": "data"}}).checks}
    assert checked - {""} == set(catalog.SIGNALS) - {"labels_min", "samples_min"}


values = st.one_of(
    st.none(), st.booleans(), st.floats(), st.floats(0, 1), st.integers(), st.text(max_size=3), st.just([]), st.just({})
)
features = st.dictionaries(
    st.text(max_size=4),
    st.fixed_dictionaries(
        {
            "drift": st.one_of(values, st.fixed_dictionaries({"psi": values})),
            "drifted": st.sampled_from([True, False, None]),
            "noise": values,
            "samples": values,
        }
    ),
    max_size=4,
)
any_metrics = st.fixed_dictionaries({}, optional={
    "thresholds": st.one_of(values, st.dictionaries(st.sampled_from(sorted(catalog.SIGNALS)), values)),
    "performance": st.one_of(values, st.fixed_dictionaries({
        "accuracy": values, "precision": values, "recall": values, "f1": values, "error_ratio": values,
        "labels": values, "predictions": values,
        "latency_seconds": st.one_of(values, st.fixed_dictionaries({"p95": values})),
        "intervals": st.one_of(values, st.fixed_dictionaries({"accuracy": st.lists(values, max_size=3)})),
    })),
    "data": st.one_of(values, st.fixed_dictionaries({"features": features, "quality_score": values, "rows": values})),
    "system": st.one_of(values, st.fixed_dictionaries({
        "cpu_ratio": values, "memory_ratio": values, "disk_ratio": values,
        "health": st.dictionaries(
            st.text(max_size=3), st.one_of(values, st.fixed_dictionaries({"up": values, "error": values}))
        ),
    })),
    "monitor": st.one_of(values, st.fixed_dictionaries({"dropped_rows": values, "hook_failures": values})),
})  # fmt: skip


@given(any_metrics)
def test_verdict_never_raises_and_its_level_follows_from_its_checks(metrics):
    """Whatever is missing or of the wrong type, there is a verdict; and no breach is ever OK."""
    found = verdict(metrics)
    breached = [check for check in found.checks if check.status == "breached"]
    assert (found.level in {"ATTENTION", "CRITICAL"}) == bool(breached)
    assert (found.level == "CRITICAL") == any(check.severity == "critical" for check in breached)
    assert found.reasons
    assert all(check.reason for check in found.checks if check.status != "ok")


ratios = st.one_of(st.none(), st.floats(0, 1))


@given(
    st.fixed_dictionaries(
        {signal: ratios for signal in catalog.SIGNALS if signal not in {"labels_min", "samples_min"}}
    ),
    st.fixed_dictionaries(dict.fromkeys(("accuracy", "precision", "recall", "f1", "error_ratio", "p95"), ratios)),
    st.fixed_dictionaries(dict.fromkeys(("quality_score", "cpu_ratio", "memory_ratio", "disk_ratio", "psi"), ratios)),
    st.integers(0, 400),
    st.sampled_from([True, False]),
)
def test_never_ok_where_a_value_is_beyond_its_threshold(limits, performance, rest, seen, up):
    """Computed here anew: if any value is on the wrong side, with however few samples, the verdict is not OK."""
    metrics = {
        "thresholds": limits | {"labels_min": 50, "samples_min": 200},
        "performance": performance | {"latency_seconds": {"p95": performance["p95"]}, "labels": seen},
        "data": {
            "features": {"a": {"drift": {"psi": rest["psi"]}, "drifted": None, "noise": 0.0, "samples": seen}},
            "quality_score": rest["quality_score"],
        },
        "system": rest | {"health": {"db": {"up": up}}},
    }
    pairs = [(signal, performance[signal[:-4]]) for signal in ("accuracy_min", "precision_min", "recall_min", "f1_min")]
    pairs += [("latency_seconds_max", performance["p95"]), ("error_ratio_max", performance["error_ratio"])]
    pairs += [(f"{key}_max", rest[key]) for key in ("cpu_ratio", "memory_ratio", "disk_ratio")]
    pairs += [("quality_min", rest["quality_score"])]
    pairs += [(f"drift_{name}_max", rest["psi"]) for name in ("warning", "critical") if rest["psi"]]
    wrong = not up
    for signal, value in pairs:
        limit = limits[signal]
        if value is not None and limit is not None:
            wrong |= value < limit if signal.endswith("_min") else value > limit
    level = verdict(metrics).level
    assert level != "OK" if wrong else level in {"OK", "NOT ENOUGH DATA"}


def test_beyond_is_strict():
    """A value at its threshold is not beyond it."""
    assert not beyond(0.75, 0.75, "accuracy_min")
    assert not beyond(0.1, 0.1, "drift_warning_max")
