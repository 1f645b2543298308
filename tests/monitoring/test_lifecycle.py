"""A monitor starts whole or not at all, stops whole, and survives forks and exits."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import threading
import time

import psutil
import pytest
import requests

from ml_models.errors import ConfigError, InstrumentationError, LifecycleError, PortInUseError
from ml_models.monitoring.model_monitor import ModelMonitor


class Model:
    def predict(self, rows):
        return rows


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith(("mlmon", "ml-"))}


def test_starting_and_stopping_twice_does_nothing_more(make, until):
    monitor = make(Model())
    assert not monitor.running
    assert monitor.start() is monitor
    url, threads = monitor.url, _threads()
    assert monitor.start() is monitor
    assert (monitor.url, _threads()) == (url, threads)
    monitor.stop()
    monitor.stop()
    assert not monitor.running
    until(lambda: not _threads() & threads)


def test_a_monitor_that_was_never_started_can_be_stopped(make):
    make(Model()).stop()


def test_a_stopped_monitor_starts_again_and_goes_on_counting(make, counted):
    model = Model()
    monitor = make(model)
    monitor.add_health_check("fine", lambda: True)
    for _ in range(3):
        with monitor:
            model.predict([[1.0], [2.0]])
            assert requests.get(f"{monitor.url}/healthz", timeout=10).text == "ok\n"
        model.predict([[1.0], [2.0]])
    assert counted(monitor).predictions == 6
    assert "predict" not in vars(model)


def test_a_context_manager_stops_after_an_error_and_lets_it_pass(make):
    monitor = make(Model())
    error = KeyError("user's")
    with pytest.raises(KeyError) as caught, monitor:
        raise error
    assert caught.value is error
    assert not monitor.running


def test_the_address_is_known_while_running_only(make):
    monitor = make()
    with pytest.raises(LifecycleError, match=r"not running; call start\(\) first"):
        _ = monitor.url
    with monitor:
        assert monitor.url.startswith("http://127.0.0.1:")
    with pytest.raises(LifecycleError):
        _ = monitor.url


def test_a_taken_port_leaves_nothing_started_and_the_model_unhooked(make, until):
    model = Model()
    before = _threads()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monitor = make(model, port=port)
        with pytest.raises(PortInUseError, match=f"cannot listen on 127.0.0.1:{port}.*port=0") as caught:
            monitor.start()
        assert isinstance(caught.value, OSError)
        assert not monitor.running
        assert vars(model) == {}
        assert _threads() <= before
    monitor.start()
    assert monitor.url.endswith(f":{port}")


def test_a_port_that_is_none_is_refused(make):
    with pytest.raises(PortInUseError, match="port"):
        make(port=70_000).start()


def test_a_host_that_is_not_ours_is_refused(make):
    with pytest.raises(PortInUseError, match=r"192\.0\.2\.1"):
        make(host="192.0.2.1").start()


@pytest.mark.parametrize("what", ["Worker", "Instrumentation"])
def test_a_start_that_fails_half_way_leaves_nothing_started(what, make, monkeypatch, until):
    def fail(*_):
        raise RuntimeError("can't start new thread")

    model, before = Model(), _threads()
    monitor = make(model)
    monkeypatch.setattr(f"ml_models.monitoring.model_monitor.{what}", fail)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        monitor.start()
    assert not monitor.running
    assert vars(model) == {}
    until(lambda: _threads() <= before)


def test_a_wrong_log_level_is_refused_before_anything_starts(make):
    before = _threads()
    with pytest.raises(ConfigError, match="log_level"):
        make(log_level="loud").start()
    assert _threads() <= before


def test_two_monitors_of_one_name_do_not_run_at_once(make):
    """They would give the same series."""
    one, two = make(name="twin"), make(name="twin")
    with one:
        with pytest.raises(
            LifecycleError, match=r"a monitor named 'twin', version '', is already running.*another name or version"
        ):
            two.start()
        assert not two.running
    with two:
        pass


def test_two_versions_of_a_model_run_side_by_side(make):
    """Their series differ by the label ``model_version``, in every family."""
    old, new = make(name="churn", version="1"), make(name="churn", version="2")
    with old, new:
        for monitor in (old, new):
            for metric in monitor.registry.collect():
                assert {sample.labels["model_version"] for sample in metric.samples} <= {monitor.version}


def test_monitors_of_different_names_run_side_by_side(make, counted):
    one, two = make(), make()
    with one, two:
        one.track(lambda row: 1)({})
        assert one.url != two.url
        for monitor, expected in ((one, 1.0), (two, None)):
            text = requests.get(f"{monitor.url}/metrics", timeout=10).text
            found = [line for line in text.splitlines() if line.startswith("ml_predictions_total{")]
            assert [float(line.split()[-1]) for line in found] == ([expected] if expected else [])


def test_calls_that_are_still_buffered_are_counted_by_stop(make):
    monitor = make().start()
    predict = monitor.track(lambda row: 1)
    for _ in range(1_000):
        predict({})
    monitor.stop()
    assert monitor.pipeline.layout is not None
    assert sum(len(channel.events) for channel in monitor.recorder.channels.values()) == 0


def test_nothing_leaks_over_50_starts(make, until):
    """No thread, socket or file descriptor is left, not even where clients keep their connections."""
    monitor = make(Model())
    process = psutil.Process()
    session = requests.Session()

    def once() -> None:
        with monitor:
            assert session.get(f"{monitor.url}/metrics", timeout=10).ok

    once()
    session.close()
    until(lambda: not _threads())
    before = process.num_fds(), threading.active_count()
    for _ in range(50):
        once()
    session.close()
    until(lambda: not _threads())
    until(lambda: (process.num_fds(), threading.active_count()) <= before)


def test_a_kept_connection_is_ended_by_stop(make, until):
    """A stopped monitor answers nobody, and its threads are gone though the client stays."""
    before = _threads()
    monitor = make().start()
    host, port = monitor.url.removeprefix("http://").split(":")
    clients = [socket.create_connection((host, int(port)), timeout=10) for _ in range(5)]
    for client in clients:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
    begun = time.monotonic()
    monitor.stop()
    assert time.monotonic() - begun < 3
    until(lambda: _threads() <= before)
    for client in clients:
        with client:
            assert client.recv(4096) == b""


def test_a_hanging_health_check_does_not_hold_stop_up(make):
    release = threading.Event()
    monitor = make(health_check_timeout=0.05).start()
    monitor.add_health_check("hangs", lambda: release.wait(30))
    begun = time.monotonic()
    monitor.stop()
    assert time.monotonic() - begun < 3
    release.set()


def test_start_and_stop_from_many_threads_end_in_order(make, until):
    monitor = make(Model())
    threads = [threading.Thread(target=monitor.start if n % 2 else monitor.stop) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    monitor.stop()
    until(lambda: not _threads())
    assert vars(monitor.model) == {}


# --- other processes -------------------------------------------------------------------------------------------------


def _script(text: str, *, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore:This process:DeprecationWarning", "-c", textwrap.dedent(text)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def _checked(text: str, *, timeout: float = 60.0) -> str:
    done = _script(text, timeout=timeout)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_a_process_ends_promptly_and_quietly_without_stop():
    out = _checked("""
        import time, atexit
        from ml_models.monitoring import ModelMonitor
        begun = []
        atexit.register(lambda: print(time.monotonic() - begun[0] < 3))
        monitor = ModelMonitor(name="exit", port=0)
        monitor.add_health_check("hangs", lambda: time.sleep(60))
        monitor.start()
        predict = monitor.track(lambda row: row)
        for n in range(10_000):
            predict({"x": n})
        import urllib.request
        assert b"ml_predictions_total" in urllib.request.urlopen(monitor.url + "/metrics").read()
        begun.append(time.monotonic())
    """)
    assert out == "True\n"


@pytest.mark.parametrize("end", ["sys.exit(3)", "raise KeyError('x')", "os._exit(3)", "os.kill(os.getpid(), 15)"])
def test_a_process_that_ends_otherwise_ends_too(end):
    done = _script(f"""
        import os, sys
        from ml_models.monitoring import ModelMonitor
        ModelMonitor(name="exit", port=0).start()
        {end}
    """)
    assert done.returncode == {"sys.exit(3)": 3, "os._exit(3)": 3, "raise KeyError('x')": 1}.get(end, -15)
    assert ("KeyError" in done.stderr) == ("KeyError" in end)
    assert len(done.stderr.splitlines()) <= 4


_FORK = """
    import faulthandler, os, sys, threading, time, urllib.request, urllib.error
    from ml_models.monitoring import ModelMonitor, track

    class Model:
        def predict(self, rows):
            if rows is None:
                raise ValueError("no rows")
            return 1

    def errors(monitor):
        return len(monitor.get_metrics()["errors"])

    def calls(monitor):
        return monitor.get_metrics()["performance"]["calls"]

    def wait(child):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        os.kill(child, 9)
        os.waitpid(child, 0)
        return "deadlocked"

    def in_child(work):
        child = os.fork()
        if child == 0:
            try:
                work()
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        return wait(child)
"""


def test_a_forked_child_counts_from_zero_and_does_not_serve_and_its_parent_goes_on():
    _checked(
        _FORK
        + """
    model = Model()
    monitor = ModelMonitor(model, name="forked", port=0, classes=[0, 1]).start()
    for _ in range(5):
        model.predict([[1.0]])
    label = monitor.last_prediction_id()
    try:
        model.predict(None)
    except ValueError:
        pass
    calls(monitor)  # some are tallied, some are buffered
    model.predict([[1.0]])
    url = monitor.url

    def child():
        assert calls(monitor) == 0 and errors(monitor) == 0, monitor.get_metrics()
        assert not monitor.running
        assert monitor.pipeline.in_progress == 0
        model.predict([[1.0]])
        monitor.record_outcome(monitor.last_prediction_id(), 1)
        monitor.record_outcome(label, 1)
        metrics = monitor.get_metrics()
        assert metrics["performance"]["calls"] == 1
        # The ledger is the same, so that any worker may be told of a prediction that another made.
        assert metrics["labels"]["joined"] == 2, metrics["labels"]
        deadline = time.monotonic() + 10
        model.predict([[1.0]])
        while any(channel.events for channel in monitor.recorder.channels.values()):  # the child's worker drains
            assert time.monotonic() < deadline
            time.sleep(0.01)
        monitor.stop()
        assert "predict" not in vars(model)

    assert in_child(child) == 0
    assert calls(monitor) == 7 and errors(monitor) == 1
    model.predict([[1.0]])
    assert calls(monitor) == 8
    assert b"ml_predictions_total" in urllib.request.urlopen(url + "/metrics").read()
    monitor.record_outcome(label, 1)
    labels = monitor.get_metrics()["labels"]
    assert (labels["joined"], labels["duplicate"]) == (0, 1), "the child has counted it"
    monitor.stop()
    try:
        urllib.request.urlopen(url, timeout=5)
        raise AssertionError("served after stop()")
    except urllib.error.URLError:
        pass
    """
    )


def test_a_child_can_start_the_monitor_of_its_parent():
    """As a web server's workers do, whose parent loads the application: one worker, one hook, one endpoint each."""
    _checked(
        _FORK
        + """
    model = Model()
    monitor = ModelMonitor(model, name="forked", port=0)

    def child():
        monitor.start()
        for _ in range(3):
            model.predict([[1.0]])
        text = urllib.request.urlopen(monitor.url + "/metrics").read().decode()
        assert 'ml_predictions_total{endpoint="predict",model="forked"} 3.0' in text, text
        names = [thread.name for thread in threading.enumerate()]
        assert names.count("mlmon-drain-forked") == 1 and names.count("ml-health") == 1, names
        monitor.stop()
        assert vars(model) == {}
        assert not [t for t in threading.enumerate() if t.name.startswith(("mlmon", "ml-")) and t.is_alive()]

    assert in_child(child) == 0  # not started before the fork
    monitor.start()
    assert in_child(child) == 0  # started before the fork
    monitor.stop()
    """
    )


def test_forking_while_other_threads_call_scrape_and_stop_never_deadlocks():
    """A lock that another thread held at the fork would stay locked for ever in the child."""
    _checked(
        _FORK
        + """
    sys.setswitchinterval(1e-5)
    monitor = ModelMonitor(name="busy", port=0, reference={"x": [float(n) for n in range(100)]}).start()
    predict = monitor.track(lambda row: 1 if row else 1 / 0)
    batch = monitor.track(endpoint="batch", output=float)(lambda rows: 1)
    monitor.add_health_check("fine", lambda: True)
    stop = threading.Event()

    def serve():
        while not stop.is_set():
            predict({"x": 1.0})
            batch([{"x": 1.0}])
            monitor.record_outcome(monitor.last_prediction_id(), 1)
            try:
                predict({})
            except ZeroDivisionError:
                pass

    def scrape():
        while not stop.is_set():
            monitor.metrics_text()
            monitor.get_metrics()

    threads = [threading.Thread(target=work, daemon=True) for work in (serve, serve, scrape, scrape)]
    for thread in threads:
        thread.start()

    def child():
        faulthandler.dump_traceback_later(15, exit=True)  # says where, should it ever hang
        before = calls(monitor)
        assert before == 0, before
        predict({"x": 1.0})
        batch([{"x": 1.0}])
        assert calls(monitor) == 2
        assert monitor.metrics_text()
        monitor.stop()

    for n in range(6):
        found = in_child(child)
        assert found == 0, (n, found)
    stop.set()
    for thread in threads:
        thread.join()
    monitor.stop()
    """,
        timeout=120,
    )


def test_a_fork_of_a_process_without_a_monitor_is_no_ones_business():
    _checked(_FORK + "    import ml_models.monitoring\n    assert in_child(lambda: None) == 0\n")


def test_the_log_tells_a_child_that_it_is_not_served():
    done = _script(
        _FORK
        + """
    monitor = ModelMonitor(name="forked", port=0, log_level="warning").start()
    assert in_child(lambda: None) == 0
    """
    )
    assert done.returncode == 0
    assert "was forked from a monitored one" in done.stderr
    assert "start a monitor in each worker instead" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_monitor_that_cannot_hook_its_model_serves_nothing(make):
    monitor: ModelMonitor = make(object())
    with pytest.raises(InstrumentationError):
        monitor.start()
    assert not monitor.running
