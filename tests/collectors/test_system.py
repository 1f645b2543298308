"""Promises of ml_models.collectors.system and ml_models.collectors.families."""

from __future__ import annotations

import logging
import math
import os
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import psutil
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ml_models import catalog
from ml_models.collectors.families import family
from ml_models.collectors.system import SystemSampler, system_families

Nic = namedtuple("Nic", "bytes_sent bytes_recv packets_sent packets_recv errin errout dropin dropout")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def nic(receive: int, transmit: int = 0, errors: int = 0) -> Nic:
    return Nic(transmit, receive, 0, 0, errors, 0, 0, 0)


@pytest.fixture
def nics(monkeypatch: pytest.MonkeyPatch) -> dict[str, Nic]:
    """Give the interfaces that psutil tells; a test changes them between samples."""
    interfaces: dict[str, Nic] = {}
    monkeypatch.setattr(psutil, "net_io_counters", lambda pernic, nowrap: dict(interfaces))
    return interfaces


def limited(root: Path, memory: str = "max", cpu: str = "max 100000", usage_usec: int = 0) -> Path:
    files = {
        "proc/self/cgroup": "0::/\n",
        "proc/self/mountinfo": "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        "sys/fs/cgroup/memory.max": memory,
        "sys/fs/cgroup/memory.current": "300",
        "sys/fs/cgroup/cpu.max": cpu,
        "sys/fs/cgroup/cpu.stat": f"usage_usec {usage_usec}\n",
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_real_machine_gives_every_value_in_its_range() -> None:
    sampler = SystemSampler("/")
    deadline = time.monotonic() + 10
    while (sample := sampler.sample()).cpu_ratio is None:
        assert time.monotonic() < deadline, "no CPU ratio after 10 s"
        time.sleep(0.05)
    assert sample.failures == {}
    assert 0 <= sample.cpu_ratio <= 1
    assert 0 < sample.memory_ratio < 1
    assert sample.memory_ratio == pytest.approx(sample.memory_used_bytes / sample.memory_limit_bytes)
    assert 0 <= sample.disk_ratio["/"] <= 1
    assert sample.network_receive_bytes >= 0
    assert sample.network_transmit_bytes_per_second >= 0
    assert sample.process_cpu_seconds > 0
    assert sample.process_resident_memory_bytes > 2**20
    assert sample.open_fds >= 3
    assert sample.threads >= 1
    assert sample.process_start_time < sample.timestamp
    assert abs(sample.timestamp - time.time()) < 5


def test_memory_and_cpu_are_of_the_containers_limit(tmp_path: Path) -> None:
    clock = Clock()
    sampler = SystemSampler(root=limited(tmp_path, memory="1200", cpu="50000 100000"), clock=clock)
    limited(tmp_path, memory="1200", cpu="50000 100000", usage_usec=1_000_000)
    clock.now += 4.0
    sample = sampler.sample()
    assert (sample.memory_used_bytes, sample.memory_limit_bytes, sample.memory_ratio) == (300, 1200, 0.25)
    assert sample.cpu_ratio == pytest.approx(1.0 / (4.0 * 0.5))


def test_cpu_above_the_quota_reads_as_full(tmp_path: Path) -> None:
    clock = Clock()
    sampler = SystemSampler(root=limited(tmp_path, cpu="50000 100000"), clock=clock)
    limited(tmp_path, cpu="50000 100000", usage_usec=9_000_000)
    clock.now += 4.0
    assert sampler.sample().cpu_ratio == 1.0


def test_limits_above_the_host_mean_the_host(tmp_path: Path) -> None:
    sample = SystemSampler(root=limited(tmp_path, memory=str(2**60), cpu="99900000 100000")).sample()
    assert sample.memory_limit_bytes == psutil.virtual_memory().total
    assert sample.failures == {}


def test_a_new_quota_or_a_reset_counter_leaves_the_cpu_undefined_once(tmp_path: Path) -> None:
    clock = Clock()
    sampler = SystemSampler(root=limited(tmp_path, cpu="50000 100000", usage_usec=5_000_000), clock=clock)
    limited(tmp_path, cpu="50000 100000", usage_usec=1_000_000)
    clock.now += 2.0
    assert sampler.sample().cpu_ratio is None
    limited(tmp_path, cpu="50000 100000", usage_usec=1_500_000)
    clock.now += 2.0
    assert sampler.sample().cpu_ratio == pytest.approx(0.5)
    limited(tmp_path, cpu="max 100000", usage_usec=1_500_000)
    clock.now += 2.0
    assert sampler.sample().cpu_ratio is None


def test_rates_count_from_the_previous_sample_and_leave_loopback_out(nics: dict[str, Nic]) -> None:
    clock = Clock()
    nics.update(lo=nic(10**9, 10**9), eth0=nic(1000, 500, 2))
    sampler = SystemSampler(clock=clock)
    assert sampler.sample().network_receive_bytes_per_second is None
    nics["eth0"] = nic(3000, 900, 3)
    clock.now += 10.0
    sample = sampler.sample()
    assert (sample.network_receive_bytes, sample.network_transmit_bytes, sample.network_errors) == (3000, 900, 3)
    assert sample.network_receive_bytes_per_second == pytest.approx(200.0)
    assert sample.network_transmit_bytes_per_second == pytest.approx(40.0)


def test_readers_within_a_second_get_the_same_rates(nics: dict[str, Nic]) -> None:
    clock = Clock()
    nics["eth0"] = nic(0)
    sampler = SystemSampler(clock=clock)
    nics["eth0"] = nic(1000)
    clock.now += 10.0
    assert sampler.sample().network_receive_bytes_per_second == pytest.approx(100.0)
    nics["eth0"] = nic(5000)
    clock.now += 0.001
    assert sampler.sample().network_receive_bytes_per_second == pytest.approx(100.0)


@pytest.mark.parametrize("jump", [-500.0, 0.0])
def test_a_clock_that_stands_or_goes_back_gives_no_negative_or_infinite_rate(nics: dict[str, Nic], jump: float) -> None:
    clock = Clock()
    nics["eth0"] = nic(0)
    sampler = SystemSampler(clock=clock)
    nics["eth0"] = nic(1000)
    clock.now += jump
    assert sampler.sample().network_receive_bytes_per_second is None
    nics["eth0"] = nic(3000)
    clock.now += 2.0
    rate = sampler.sample().network_receive_bytes_per_second
    assert rate is not None
    assert math.isfinite(rate)
    assert rate > 0


def test_network_totals_never_go_back_when_interfaces_go_come_and_restart(nics: dict[str, Nic]) -> None:
    nics.update(eth0=nic(1000, 10, 1), veth1=nic(500, 20, 1))
    sampler = SystemSampler()
    seen = [sampler.sample()]
    del nics["veth1"]
    seen.append(sampler.sample())
    nics.update(veth1=nic(40), veth2=nic(60))
    seen.append(sampler.sample())
    nics["eth0"] = nic(5)  # the driver restarted
    seen.append(sampler.sample())
    nics.clear()
    seen.append(sampler.sample())
    assert [sample.network_receive_bytes for sample in seen] == [1500, 1500, 1600, 1605, 1605]
    assert [sample.network_transmit_bytes for sample in seen] == [30] * 5
    assert [sample.network_errors for sample in seen] == [2] * 5


FAULTS = [
    psutil.AccessDenied(1),
    psutil.NoSuchProcess(1),
    PermissionError("no"),
    ValueError("odd line"),
    IndexError("odd line"),
    RuntimeError("line not found"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize(
    ("function", "source", "lost"),
    [
        ("cpu_times", "cpu", {"cpu_ratio"}),
        ("virtual_memory", "memory", {"memory_ratio", "memory_used_bytes", "memory_limit_bytes"}),
        (
            "net_io_counters",
            "network",
            {
                "network_receive_bytes", "network_transmit_bytes", "network_errors",
                "network_receive_bytes_per_second", "network_transmit_bytes_per_second",
            },
        ),
        ("disk_usage", "disk /", set()),
    ],
)  # fmt: skip
def test_a_failing_source_costs_only_its_own_values_and_is_logged_once(
    *,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    function: str,
    source: str,
    lost: set[str],
    fault: Exception,
) -> None:
    clock = Clock()
    sampler = SystemSampler(clock=clock)

    def fail(*args: object, **kwargs: object) -> None:
        raise fault

    with monkeypatch.context() as broken, caplog.at_level(logging.WARNING, "ml_models"):
        broken.setattr(psutil, function, fail)
        clock.now += 5.0
        sampler.sample()
        sample = sampler.sample()
    missing = {name for name in sample.__slots__ if getattr(sample, name) is None}
    assert missing == lost
    assert (sample.disk_ratio == {}) == (function == "disk_usage")
    assert sample.failures == {source: 2}
    assert [record.getMessage().split(" cannot")[0] for record in caplog.records] == [f"system: {source}"]
    clock.now += 5.0
    recovered = sampler.sample()
    assert not [name for name in recovered.__slots__ if getattr(recovered, name) is None]
    assert recovered.failures == {source: 2}


@pytest.mark.parametrize(
    ("method", "source", "field"),
    [
        ("cpu_times", "process cpu", "process_cpu_seconds"),
        ("memory_info", "process memory", "process_resident_memory_bytes"),
        ("num_fds", "process open files", "open_fds"),
        ("num_threads", "process threads", "threads"),
        ("create_time", "process start", "process_start_time"),
    ],
)
def test_a_failing_process_value_costs_only_itself(
    monkeypatch: pytest.MonkeyPatch, method: str, source: str, field: str
) -> None:
    def fail(process: psutil.Process) -> None:
        raise psutil.AccessDenied(process.pid)

    sampler = SystemSampler()
    monkeypatch.setattr(psutil.Process, method, fail)
    sample = sampler.sample()
    assert getattr(sample, field) is None
    assert sample.failures == {source: 1}
    names = [one.name for one in system_families("m", sample)]
    assert len(names) == len(system_families("m", SystemSampler().sample()))  # also failing: same families
    assert "ml_system_memory_ratio" in names


def test_an_odd_control_group_file_costs_memory_only_and_never_shows_the_hosts(tmp_path: Path) -> None:
    """Falling back to the host there would draw a full container as an almost empty host."""
    sample = SystemSampler(root=limited(tmp_path, memory="banana")).sample()
    assert sample.memory_ratio is None
    assert sample.failures == {"memory": 2}
    assert sample.threads is not None


def test_several_disks_and_one_that_is_missing(tmp_path: Path) -> None:
    sample = SystemSampler(["/", str(tmp_path), str(tmp_path / "gone")]).sample()
    assert set(sample.disk_ratio) == {"/", str(tmp_path)}
    assert sample.failures == {f"disk {tmp_path / 'gone'}": 2}


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # the very case
def test_after_a_fork_the_process_values_are_the_childs() -> None:
    """The lock may be held by another thread at the fork; the child must not wait for it."""
    sampler = SystemSampler()
    start = sampler.sample().process_start_time
    reader, writer = os.pipe()
    with sampler._lock:
        child = os.fork()
        if child == 0:
            sample = sampler.sample()
            os.write(writer, f"{sampler._own().pid} {os.getpid()} {sample.threads} {sample.failures}".encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        own, pid, threads, failures = answer.read().split(" ", 3)
    os.waitpid(child, 0)
    assert own == pid == str(child)
    assert (threads, failures) == ("1", "{}")
    assert sampler.sample().process_start_time == start


def test_many_threads_sample_at_once() -> None:
    sampler = SystemSampler()
    totals: list[int] = []

    def read() -> None:
        totals.extend(sampler.sample().network_receive_bytes or 0 for _ in range(5))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(totals) == 40
    assert sampler.sample().failures == {}


def test_families_are_exposed_under_the_catalogs_names_and_labels(nics: dict[str, Nic]) -> None:
    clock = Clock()
    nics["eth0"] = nic(1000, 500, 2)
    sampler = SystemSampler(clock=clock)
    clock.now += 5.0
    sample = sampler.sample()

    class Collector:
        def collect(self):
            return system_families('a "model"\n', sample)

    registry = CollectorRegistry()
    registry.register(Collector())
    exposed = {
        series.name: (series.labels, series.value)
        for parsed in text_string_to_metric_families(generate_latest(registry).decode())
        for series in parsed.samples
    }
    expected = {name for name in catalog.METRICS if name.startswith(("ml_system_", "ml_process_"))}
    assert set(exposed) == expected
    assert exposed["ml_system_network_receive_bytes_total"] == ({"model": 'a "model"\n'}, 1000.0)
    assert exposed["ml_system_disk_ratio"][0] == {"model": 'a "model"\n', "path": "/"}
    for name, (labels, _) in exposed.items():
        assert tuple(labels) == catalog.METRICS[name].labels


@pytest.mark.parametrize(
    "metric", [one for one in catalog.METRICS.values() if one.kind != "histogram"], ids=lambda m: m.name
)
def test_a_family_exposes_exactly_the_catalogued_name(metric: catalog.Metric) -> None:
    made = family(metric)
    made.add_metric([f"value {index}" for index in range(len(metric.labels))], 1)
    assert [series.name for series in made.samples] == [metric.name]
    assert made.type == metric.kind
    assert made.documentation == metric.help


def test_a_histogram_is_refused() -> None:
    with pytest.raises(ValueError, match="is a histogram"):
        family(catalog.PREDICTION_DURATION)


def test_importing_the_collector_does_not_import_scipy() -> None:
    code = "import sys, ml_models.collectors.system; sys.exit('scipy' in sys.modules)"
    source = str(Path(catalog.__file__).parents[1])
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": source}, check=False).returncode == 0
