"""What is exposed is read by Prometheus and by its own client library, whatever the names in it are."""

from __future__ import annotations

import math
import subprocess
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from ml_models import catalog
from ml_models.collectors.bulk import Bulk, Filled
from ml_models.collectors.families import family
from ml_models.exposition import Registry, render
from ml_models.monitoring import ModelMonitor, ReferenceProfile

#: Any text at all, the separators of the formats more often than by chance.
TEXT = st.text(st.one_of(st.characters(), st.sampled_from('"\\\n\r\t{},= %#\u2028\x00\x85')), max_size=20)
ENCODABLE = TEXT.filter(lambda text: not any("\ud800" <= char <= "\udfff" for char in text))


def _exposed(values: list[str]) -> list[Any]:
    """Return one family through prometheus_client and one through a template, with these label values."""
    gauge = family(catalog.PREDICTIONS_IN_PROGRESS)
    for number, value in enumerate(values):
        gauge.add_metric([value], number)
    bulk = Bulk(catalog.FEATURE_MISSING, [("model", "feature", value) for value in values])
    return [gauge, Filled(bulk, np.arange(len(values)))]


def _labels(text: str, parse: Any) -> list[list[str]]:
    found = {one.name: one for one in parse(text)}
    return [
        [sample.labels["model"] for sample in found["ml_predictions_in_progress"].samples],
        [sample.labels["feature"] for sample in found["ml_feature_missing"].samples],
    ]


@settings(deadline=None, max_examples=150)
@given(st.lists(ENCODABLE, min_size=1, max_size=4, unique=True))
def test_any_label_text_survives_exposing_and_parsing(values):
    for openmetrics, parse in ((False, parse_plain), (True, parse_openmetrics)):
        text = render(_exposed(values), openmetrics=openmetrics).decode()
        assert _labels(text, parse) == [values, values]


@settings(deadline=None, max_examples=50)
@given(st.lists(ENCODABLE, min_size=1, max_size=3, unique=True), ENCODABLE.filter(bool))
def test_constant_labels_are_on_every_sample(values, version):
    """Besides their own labels, in both formats, and the families given stay as they were."""
    exposed = _exposed(values)
    for openmetrics, parse in ((False, parse_plain), (True, parse_openmetrics)):
        text = render(exposed, openmetrics=openmetrics, constant={catalog.MODEL_VERSION: version}).decode()
        assert {s.labels[catalog.MODEL_VERSION] for one in parse(text) for s in one.samples} == {version}
        assert _labels(text, parse) == [values, values]
    assert all(catalog.MODEL_VERSION not in sample.labels for sample in exposed[0].samples)


@settings(deadline=None, max_examples=50)
@given(st.lists(TEXT, min_size=1, max_size=4, unique=True))
def test_half_a_surrogate_pair_in_a_name_does_not_cost_the_scrape(values):
    """UTF-8 has no such character; it is spelled out, and no two series become one."""
    for openmetrics, parse in ((False, parse_plain), (True, parse_openmetrics)):
        for found in _labels(render(_exposed([*values, "\ud800"]), openmetrics=openmetrics).decode(), parse):
            assert found[-1] == "\\ud800"
            assert len(found) == len(values) + 1


@pytest.mark.parametrize("value", [0, 1, -1, 2**53, 0.1, 1e-300, 1e300, -0.0, math.inf, -math.inf, math.nan])
def test_values_survive_exposing_and_parsing_exactly(value):
    bulk = Bulk(catalog.DRIFT_SCORE, [("m", "feature", "x", "psi")])
    for openmetrics, parse in ((False, parse_plain), (True, parse_openmetrics)):
        (found,) = parse(render([Filled(bulk, np.array([value]))], openmetrics=openmetrics).decode())
        assert repr(float(found.samples[0].value)) == repr(float(value))


def test_templates_and_objects_give_the_same_samples():
    bulk = Bulk(catalog.FEATURE_MISSING, [("m", "feature", "50%"), ("m", "label", 'a"b')])
    values = np.array([3, 4])
    by_template = list(parse_plain(render([Filled(bulk, values)]).decode()))
    by_objects = list(parse_plain(render([bulk.family(values)]).decode()))
    assert by_template == by_objects


def test_a_family_without_samples_is_left_out():
    assert render([family(catalog.ACCURACY)]) == b""
    assert render([]) == b""
    assert render([], openmetrics=True) == b"# EOF\n"


def test_openmetrics_names_counters_without_total_and_ends_once():
    bulk = Filled(Bulk(catalog.FEATURE_MISSING, [("m", "feature", "x")]), np.array([3]))
    small = family(catalog.PREDICTIONS)
    small.add_metric(["m", "predict"], 5)
    text = render([small, bulk], openmetrics=True).decode()
    assert "# TYPE ml_predictions counter\n" in text
    assert "# TYPE ml_feature_missing counter\n" in text
    assert 'ml_feature_missing_total{model="m",role="feature",feature="x"} 3\n' in text
    assert text.count("# EOF") == 1
    assert text.endswith("# EOF\n")
    assert [f.name for f in parse_openmetrics(text)] == ["ml_predictions", "ml_feature_missing"]


def test_a_histogram_is_a_histogram_in_both_formats():
    histogram = HistogramMetricFamily("h", "help", labels=["model"])
    histogram.add_metric(["m"], [("0.1", 1), ("+Inf", 2)], sum_value=0.3)
    for openmetrics, parse in ((False, parse_plain), (True, parse_openmetrics)):
        (found,) = parse(render([histogram], openmetrics=openmetrics).decode())
        assert (found.type, len(found.samples)) == ("histogram", 4)


def test_a_registry_of_ours_holds_what_is_exposed_and_what_is_registered():
    registry = Registry(lambda: _exposed(["m"]))
    assert [found.name for found in registry.collect()] == ["ml_predictions_in_progress", "ml_feature_missing"]
    assert registry.get_sample_value("ml_predictions_in_progress", {"model": "m"}) == 0


@pytest.fixture(scope="module")
def monitor() -> ModelMonitor:
    """Return a monitor with odd names everywhere, with reference, calls, errors, labels and a check."""
    odd = 'odd "name"\\ {x="y"}\nwith 50% \u2028 \x00'
    reference = ReferenceProfile.fit(
        {"x": np.arange(300.0), odd: [odd, "Rome", ""] * 100, "out": ["no", odd, "no"] * 100}, prediction="out"
    )
    monitor = ModelMonitor(name=odd, version=odd, reference=reference, port=0)
    monitor.add_health_check("odd 50% {}", lambda: True)
    monitor.health.run_due()
    predict = monitor.track(endpoint=odd)(lambda row: odd if row["x"] > 5 else 1 / 0)
    for x in range(300):
        try:
            predict({"x": float(x), odd: odd})
        except ZeroDivisionError:
            continue
        monitor.record_outcome(monitor.last_prediction_id(), odd if x % 2 else "no")
    return monitor


def test_prometheus_own_tool_has_nothing_to_say(monitor):
    """``promtool check metrics`` parses and lints: no error, and no complaint either."""
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=monitor.metrics_text(), capture_output=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_monitor_with_odd_names_is_read_in_both_formats(monitor):
    plain = {f.name: f for f in parse_plain(monitor.metrics_text().decode())}
    openmetrics = {f.name: f for f in parse_openmetrics(monitor.metrics_text(openmetrics=True).decode())}
    assert plain.keys() == openmetrics.keys()
    for name, found in plain.items():
        assert {s.labels["model"] for s in found.samples} == {monitor.name}, name
        assert found.type == openmetrics[name].type
        labels = [sorted(s.labels.items()) for s in found.samples]
        assert labels == [sorted(s.labels.items()) for s in openmetrics[name].samples]


def test_help_texts_are_of_one_line_and_need_no_escape():
    for metric in catalog.METRICS.values():
        assert not set(metric.help) & set('\\\n"'), metric.name
