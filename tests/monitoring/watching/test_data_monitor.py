"""The data monitor as its users see it."""

from __future__ import annotations

import json
import os
import re
import threading
import tracemalloc

import numpy as np
import psutil
import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from pypdf import PdfReader

from ml_models import catalog
from ml_models.config import Config
from ml_models.errors import ConfigError, DataError, LifecycleError, PortInUseError
from ml_models.monitoring import DataMonitor, ModelMonitor, ReferenceProfile
from ml_models.monitoring.watching import engine
from watching_helpers import HEADER, age, counted, lines, total


def samples(text: str) -> dict:
    return {
        (s.name, *sorted((k, v) for k, v in s.labels.items() if k not in {"model", catalog.MODEL_VERSION})): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def drifting(rows: int, shift: float, seed: int) -> str:
    rng = np.random.default_rng(seed)
    values = zip(rng.normal(40 + shift, 10, rows), rng.choice(["a", "b"], rows), rng.integers(0, 2, rows), strict=True)
    return "".join(f"{age_:.3f},{city},{label}\n" for age_, city, label in values)


HEAD = "age,city,label\n"

# --- as specified ----------------------------------------------------------------------------------------------------


def test_the_specifications_example_runs_and_is_useful(data, tmp_path, monkeypatch):
    """No reference, no settings: the first data become the reference, and what comes later is compared with it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ML_MODELS_SERVER__PORT", "0")
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.chdir(tmp_path)
    (data / "1.csv").write_text(HEAD + drifting(3_000, 0, 1))
    (data / "2.csv").write_text(HEAD + drifting(3_000, 30, 2))
    config = Config()
    data_monitor = DataMonitor(data_path="data", **config.get_data_monitoring_config())
    data_monitor.start()
    data_metrics = data_monitor.get_metrics()
    data_monitor.generate_report("data_monitoring_report.pdf")
    data_monitor.stop()
    assert data_metrics["model"]["reference_learnt"] is True
    assert data_metrics["rows"]["total"] == 6_000
    assert data_metrics["data"]["features"]["age"]["drifted"] is True
    assert data_metrics["data"]["features"]["city"]["drifted"] is False
    assert PdfReader("data_monitoring_report.pdf").metadata.title == "Data report: data"


def test_too_few_rows_to_learn_from_are_waited_for(watch, data, caplog):
    file = data / "a.csv"
    file.write_text(HEAD + drifting(150, 0, 1))
    monitor = watch(reference=None)
    found = monitor.run_once()
    assert (found["learning"], total(found)) == ({"rows": 150, "needed": 200}, 0)
    assert "there are 150 of 200 rows to learn the reference from" in caplog.text
    assert "is learnt: 150 of 200 rows" in monitor._landing()
    with file.open("a") as stream:
        stream.write(drifting(100, 0, 2))
    found = monitor.run_once()
    assert (found["learning"], total(found)) == (None, 250)
    assert "no reference is given: the first 250 rows become it" in caplog.text
    assert samples(monitor.metrics_text().decode())["ml_watch_reference_learnt",] == 1.0


def test_columns_have_the_roles_that_are_named(watch, data):
    (data / "a.csv").write_text("ts,id," + HEAD + "".join(
        f"2024-03-01T00:00:00Z,{place},{line}\n" for place, line in enumerate(drifting(300, 0, 1).splitlines())
    ))  # fmt: skip
    found = watch(reference=None, label="label", time_column="ts", ignore=["id"]).run_once()
    assert set(found["data"]["features"]) == {"age", "city"}
    assert set(found["data"]["label_distribution"]) == {"label"}
    assert found["data"]["quality"]["schema"] == 1.0
    assert sum(found["data"]["label_distribution"]["label"]["live"]) == pytest.approx(1.0)


def test_a_time_column_that_is_not_there_is_said_with_those_that_are(watch, data):
    (data / "a.csv").write_text(HEAD + drifting(300, 0, 1))
    found = watch(reference=None, time_column="when").run_once()
    assert "no column 'when' to take the time from; there are age, city, label" in found["runs"]["last_error"]


# --- arguments -------------------------------------------------------------------------------------------------------


def test_all_faults_of_the_arguments_are_told_at_once(data):
    with pytest.raises(ConfigError) as caught:
        DataMonitor(data, interval=0, window=-1, drift_method="pzi", alert_thresholds={"accuracy_mix": 1})
    assert [fault.partition(":")[0] for fault in caught.value.faults] == [
        "interval", "window", "drift_method", "alert_thresholds",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="data_path: is empty"):
        DataMonitor("")


def test_a_model_monitor_and_a_data_monitor_of_one_config_have_names_of_their_own(data, tmp_path):
    config = Config.from_dict({"monitoring": {"model": {"name": "churn"}, "server": {"port": 0}}})
    model = ModelMonitor(**config.get_monitoring_config())
    watched = DataMonitor(data, **{**config.get_data_monitoring_config(), "checkpoint": tmp_path / "state"})
    with model, watched:
        assert (model.name, watched.name) == ("churn", "churn-data")
    named = DataMonitor(data, name="churn", checkpoint=tmp_path / "state", port=0)
    with model, pytest.raises(LifecycleError, match="'churn', version '', is already running"):
        named.start()


# --- life ------------------------------------------------------------------------------------------------------------


def test_a_service_reads_what_comes_and_serves_it(watch, data, until):
    (data / "a.csv").write_text(HEADER + lines(100))
    monitor = watch(interval=0.1, version="1.2").start()
    assert monitor.start() is monitor
    until(lambda: counted(monitor) == 100)
    (data / "b.csv").write_text(HEADER + lines(20))
    until(lambda: counted(monitor) == 120)
    assert requests.get(f"{monitor.url}/healthz", timeout=10).text == "ok\n"
    ready = requests.get(f"{monitor.url}/readyz", timeout=10)
    assert (ready.status_code, ready.json()["fault"], ready.json()["reading"]) == (200, None, True)
    page = requests.get(monitor.url, timeout=10).text
    assert f"<h1>{monitor.name}</h1>" in page
    assert "<td>120</td>" in page
    assert "version 1.2" in page
    monitor.stop()
    assert not monitor.running
    with pytest.raises(LifecycleError, match="not running"):
        _ = monitor.url
    assert not [thread for thread in threading.enumerate() if thread.name == f"mlmon-watch-{monitor.name}"]


def test_a_stopped_monitor_starts_again_and_goes_on(watch, data, until):
    (data / "a.csv").write_text(HEADER + lines(100))
    monitor = watch(interval=0.1)
    for expected in (100, 150):
        with monitor:
            until(lambda expected=expected: counted(monitor) == expected)
        with (data / "a.csv").open("a") as stream:
            stream.write(lines(50, expected))


def test_a_start_that_fails_leaves_nothing_started(watch, data, tmp_path):
    monitor = watch(data / "nowhere")
    with pytest.raises(DataError, match="no such file or folder"):
        monitor.start()
    assert not monitor.running
    with watch() as running:
        port = int(running.url.rpartition(":")[2])
        other = DataMonitor(data, name="other", checkpoint=tmp_path / "other", port=port)
        with pytest.raises(PortInUseError):
            other.start()
        assert not other.running


def test_the_thread_outlives_any_fault(watch, data, until, monkeypatch, caplog):
    monitor = watch(interval=0.05).start()
    until(lambda: monitor._watch.published.runs["succeeded"])
    failed = []

    def fail(*_):
        failed.append(1)
        raise RuntimeError("hunter2")

    with monkeypatch.context() as patch:
        patch.setattr(engine.Reading, "run", fail)
        until(lambda: len(failed) > 2)
        assert requests.get(f"{monitor.url}/readyz", timeout=10).status_code == 503
    assert samples(monitor.metrics_text().decode())["ml_watch_runs_total", ("outcome", "failed")] > 2
    (data / "a.csv").write_text(HEADER + lines(7))
    until(lambda: counted(monitor) == 7)
    assert requests.get(f"{monitor.url}/readyz", timeout=10).status_code == 200


def test_a_long_reading_tells_how_far_it_is(watch, data, monkeypatch, caplog):
    monkeypatch.setattr(engine, "TOLD_SECONDS", 0.0)
    caplog.set_level("INFO")
    (data / "a.csv").write_text(HEADER + lines(900_000))
    told = []
    monitor = watch()
    monitor.run_once(lambda progress: told.append((progress, monitor.get_metrics()["reading"])))
    assert [progress.done for progress, _ in told] == sorted(progress.done for progress, _ in told)
    assert told[-1][1] == {"file": str(data / "a.csv"), "done": told[-1][0].done, "size": told[-1][0].size}
    assert told[-1][0].done > 0
    assert re.search(r"a\.csv: at \d+ % of [\d,]+ bytes", caplog.text)
    assert monitor.get_metrics()["reading"] is None


def test_run_once_beside_the_thread_counts_nothing_twice(watch, data, until):
    monitor = watch(interval=0.05).start()
    for round_ in range(20):
        (data / f"{round_}.csv").write_text(HEADER + lines(10))
        monitor.run_once()
    until(lambda: counted(monitor) == 200)


def test_what_is_called_after_a_reading_may_fail(watch, data, until):
    (data / "a.csv").write_text(HEADER + lines(1))
    monitor = watch(interval=0.05)
    calls = []

    def call():
        calls.append(counted(monitor))
        raise ValueError("own fault")

    monitor.after_reading = call
    monitor.start()
    until(lambda: len(calls) > 2)
    assert set(calls) == {1}


def test_a_forked_child_leaves_the_watching_to_its_parent(watch, data, until):
    (data / "a.csv").write_text(HEADER + lines(10))
    monitor = watch(interval=0.1).start()
    until(lambda: counted(monitor) == 10)
    child = os.fork()
    if child == 0:
        os._exit(0 if not monitor.running and monitor._thread is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    (data / "b.csv").write_text(HEADER + lines(5))
    until(lambda: counted(monitor) == 15)


# --- what is shown ---------------------------------------------------------------------------------------------------


@pytest.fixture
def full(watch, data):
    """Return a monitor that has seen everything that can be exposed."""
    (data / "a.csv").write_text(
        "ts,x,city\n2024-03-01T00:00:00Z,1,Oslo\n,1,Rome\n" + "2024-03-01T05:00:00Z,5,Rome\n" * 300
    )
    (data / "bad.csv").write_text("x,city\n1,2,3\n")
    monitor = watch(
        time_column="ts", version="3", name="full",
        alert_thresholds={"data_age_seconds_max": 3600.0, "quality_min": 0.9},
    )  # fmt: skip
    monitor.run_once()
    return monitor


WATCHED = [name for name in catalog.METRICS if name.startswith("ml_watch_")]
SHARED = [
    catalog.MODEL_INFO, catalog.ALERT_THRESHOLD, catalog.BIN_OBSERVATIONS, catalog.BIN_REFERENCE,
    catalog.FEATURE_MISSING, catalog.DRIFT_SCORE, catalog.DRIFT_SHARE, catalog.QUALITY_SCORE,
    catalog.QUALITY_DIMENSION, catalog.SCHEMA_FAULTS, catalog.PROCESS_MEMORY, catalog.COLLECTOR_SUCCESS,
]  # fmt: skip


@pytest.mark.parametrize("name", [*WATCHED, *(metric.name for metric in SHARED)])
def test_each_metric_of_watched_data_is_exposed_exactly_once(name, full):
    metric, text = catalog.METRICS[name], full.metrics_text().decode()
    assert text.count(f"# TYPE {name} {metric.kind}\n") == 1
    assert f"# HELP {name} {metric.help}\n" in text
    (family,) = [f for f in text_string_to_metric_families(text) if f.name in {name, name.removesuffix("_total")}]
    assert family.samples
    for sample in family.samples:
        assert set(sample.labels) - {catalog.MODEL_VERSION} == set(metric.labels)
        assert sample.labels["model"] == "full"


def test_nothing_outside_the_catalog_is_exposed_and_both_formats_are_valid(full):
    plain = full.metrics_text().decode()
    assert {line.split()[2] for line in plain.splitlines() if line.startswith("# TYPE")} <= set(catalog.METRICS)
    openmetrics = full.metrics_text(openmetrics=True).decode()
    assert {f.name for f in parse_openmetrics(openmetrics)} == {f.name for f in text_string_to_metric_families(plain)}
    assert " nan\n" not in plain.casefold()
    assert str(full.data_path) not in plain, "no path is a label"


def test_old_data_lower_the_quality_by_their_timeliness(full):
    found = full.get_metrics()
    assert found["freshness"]["timeliness"] == found["data"]["quality"]["timeliness"] == 0.0
    dimensions = [value for value in found["data"]["quality"].values() if value is not None]
    assert found["data"]["quality_score"] == pytest.approx(sum(dimensions) / len(dimensions))
    exposed = samples(full.metrics_text().decode())
    assert exposed["ml_data_quality_dimension_ratio", ("dimension", "timeliness")] == 0.0
    assert exposed["ml_data_quality_score_ratio",] == pytest.approx(found["data"]["quality_score"])
    assert exposed["ml_watch_newest_timestamp_seconds",] == 1709269200.0
    assert f"<td>{100 * found['data']['quality_score']:.1f} %</td>" in full._landing()


def test_a_dimension_of_quality_can_be_left_out_of_the_score(watch, data):
    """By a weight of 0, which the configuration gives too."""
    (data / "a.csv").write_text(HEADER + lines(10))
    found = watch(quality_weights={"schema": 0.0, "validity": 0.0}).run_once()["data"]
    assert found["quality_score"] == found["quality"]["completeness"]
    with pytest.raises(ConfigError, match="quality_weights: 'shape'"):
        watch(quality_weights={"shape": 1.0})


def test_without_an_allowed_age_timeliness_does_not_apply(watch, data):
    (data / "a.csv").write_text(HEADER + lines(10))
    found = watch().run_once()
    assert "timeliness" not in found["data"]["quality"]
    assert found["freshness"]["timeliness"] is None


def test_the_freshness_without_a_time_column_is_when_the_file_was_written(watch, data):
    (data / "a.csv").write_text(HEADER + lines(10))
    age(data / "a.csv", 5_000)
    assert watch().run_once()["freshness"]["age_seconds"] == pytest.approx(5_000, abs=100)


def test_get_metrics_is_json_before_and_after_data(watch, data):
    monitor = watch()
    before = monitor.get_metrics()
    (data / "a.csv").write_text(HEADER + lines(300))
    after = monitor.run_once()
    for found in (before, after):
        json.dumps(found, allow_nan=False)
    assert before.keys() == after.keys()
    assert before["data"].keys() == after["data"].keys()
    assert (before["data"]["drift_share"], before["data"]["quality_score"]) == (None, None)


def test_live_scores_are_those_of_the_same_rows_compared_at_once(watch, data):
    """What the monitor says of the window equals what mlmon drift says of the file."""
    from ml_models import compare

    (data / "a.csv").write_text(HEAD + drifting(3_000, 5, 3))
    reference = ReferenceProfile.fit({"age": np.random.default_rng(1).normal(40, 10, 2_000), "city": ["a", "b"] * 1_000,
                                      "label": [0, 1] * 1_000}, label="label")  # fmt: skip
    found = watch(reference=reference).run_once()
    report = compare(reference, data / "a.csv")
    for feature in report.features:
        if feature.role == "feature":
            assert found["data"]["features"][feature.name]["drift"]["psi"] == feature.score
    assert found["data"]["quality_score"] == report.quality_score
    assert found["data"]["drift_share"] == report.drift_share


# --- reports ---------------------------------------------------------------------------------------------------------


def _text(path) -> str:
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in PdfReader(path).pages))


def test_the_report_is_about_data_and_not_about_serving(watch, data, tmp_path):
    for day in range(1, 6):
        rows = drifting(800, 20 * (day == 5), day).splitlines()
        (data / f"{day}.csv").write_text("ts," + HEAD + "".join(f"2024-03-0{day}T08:00:00Z,{row}\n" for row in rows))
    (data / "bad.csv").write_text("ts," + HEAD + "1,2,3,4,5,6\n")
    monitor = watch(reference=None, time_column="ts", label="label", window=86_400.0, name="scores")
    monitor.run_once()
    text = _text(monitor.generate_report(tmp_path / "report.pdf"))
    for part in (
        "Data monitoring report", "scores", "Drift of age", "Watched data", "Files set aside", "bad.csv",
        "Windows, newest first", "2024-03-05 00:00", "Rows", "Labels", "Over time", "The reference was learnt",
        "Timeliness",
    ):  # fmt: skip
        assert part in text, part
    for part in ("Accuracy", "Latency", "Failed calls", "Confusion", "CPU in use", "Health checks", "Predictions:"):
        assert part not in text, part
    written = json.loads((monitor.generate_report(tmp_path / "report.json")).read_text())
    assert written["verdict"]["level"] == "CRITICAL"
    assert [one["rows"] for one in written["metrics"]["trends"]] == [800] * 5
    assert written["history"]["series"]["rows"] == [800] * 5


def test_a_report_without_any_data_says_so(watch, tmp_path):
    assert "There were no rows in the window." in _text(watch().generate_report(tmp_path / "report.pdf"))


# --- size ------------------------------------------------------------------------------------------------------------


def test_memory_and_checkpoint_are_flat_over_many_files(watch, data):
    """A thousand files that come and go leave no more behind than a hundred."""
    monitor = watch()
    now = monitor._watch._now
    sizes, memory = [], []
    tracemalloc.start()
    for batch in range(6):
        for number in range(150):
            (data / f"{batch}-{number}.csv").write_text(HEADER + lines(5))
        monitor.run_once()
        for file in data.iterdir():
            file.unlink()
        monitor._watch._now = lambda batch=batch: now() + (batch + 1) * 10 * 86_400.0
        monitor.run_once()
        sizes.append(next(monitor.checkpoint.glob("checkpoint-*.json")).stat().st_size)
        memory.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert total(monitor.get_metrics()) == 6 * 150 * 5
    assert monitor._watch.published.files == {}
    assert max(sizes) < 4_000, "what is left are the windows' summaries, which are bounded too"
    assert memory[-1] - memory[1] < 1_000_000


def test_memory_does_not_grow_with_the_size_of_a_file(watch, data):
    """A text file of 60 MB, read in blocks, costs a few blocks."""
    with (data / "a.csv").open("w") as stream:
        stream.write(HEADER)
        block = lines(50_000)
        for _ in range(60):
            stream.write(block)
    monitor = watch()
    (data / "small.csv").write_text(HEADER + lines(60_000))
    process = psutil.Process()
    peaks = []
    monitor.run_once(lambda _: peaks.append(process.memory_info().rss))
    assert total(monitor.get_metrics()) == 3_060_000
    assert max(peaks) - peaks[0] < 400 << 20
