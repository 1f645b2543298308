"""CPU, memory, disk, network and process: the state of the machine that serves the model.

In a container with limits, CPU and memory are of the container's limit; else of the host. A source that fails costs
only its own values: they are None, the failure is counted in :attr:`SystemSample.failures` and logged the first time.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import psutil
from prometheus_client.core import Metric as Family

from ml_models import catalog
from ml_models.collectors import cgroup
from ml_models.collectors.families import family, single

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

#: What psutil and the reading of /proc and /sys raise for missing, forbidden, odd or vanished sources.
_FAULTS = (psutil.Error, OSError, ValueError, LookupError, RuntimeError)

#: Several readers (two Prometheus servers, a status page) share one sampler: rates over less than this, in seconds,
#: would be noise, so the last ones are given again.
_SHORTEST_INTERVAL = 1.0

_LOOPBACK = re.compile(r"lo\d*|Loopback.*")


@dataclass(frozen=True, slots=True)
class SystemSample:
    """One reading of the system; None where a value is undefined or its source failed.

    Parameters
    ----------
    timestamp : float
        When it was taken, in Unix time.
    cpu_ratio : float or None
        CPU in use since the previous sample, of the container's quota or the host, in [0, 1].
    memory_ratio, memory_used_bytes, memory_limit_bytes : float or int or None
        Memory that cannot be freed at once, of the container's limit or the host.
    disk_ratio : mapping of str to float
        Space in use by path, in [0, 1], as ``df`` counts it.
    network_receive_bytes, network_transmit_bytes, network_errors : int or None
        Totals over all interfaces but loopback; they never decrease.
    network_receive_bytes_per_second, network_transmit_bytes_per_second : float or None
        Over the time since the previous sample.
    process_cpu_seconds, process_resident_memory_bytes, open_fds, threads, process_start_time : float or int or None
        Of this process; the start in Unix time.
    failures : mapping of str to int
        How often each source has failed so far.
    """

    timestamp: float
    cpu_ratio: float | None
    memory_ratio: float | None
    memory_used_bytes: int | None
    memory_limit_bytes: int | None
    disk_ratio: Mapping[str, float]
    network_receive_bytes: int | None
    network_transmit_bytes: int | None
    network_errors: int | None
    network_receive_bytes_per_second: float | None
    network_transmit_bytes_per_second: float | None
    process_cpu_seconds: float | None
    process_resident_memory_bytes: int | None
    open_fds: int | None
    threads: int | None
    process_start_time: float | None
    failures: Mapping[str, int]


class SystemSampler:
    """Reads the system; safe to call from several threads and after a fork.

    Parameters
    ----------
    disk_path : str or sequence of str
        Paths whose disks are watched.
    root : str or Path
        Folder that holds ``proc`` and ``sys``, for control groups.
    clock : callable
        Monotonic seconds.

    Examples
    --------
    >>> sample = SystemSampler("/").sample()
    >>> 0 <= sample.memory_ratio <= 1, sample.process_cpu_seconds > 0
    (True, True)
    """

    def __init__(
        self,
        disk_path: str | Sequence[str] = "/",
        *,
        root: str | Path = "/",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._disk_paths = (disk_path,) if isinstance(disk_path, str) else tuple(disk_path)
        self._root = Path(root)
        self._clock = clock
        self._failures: Counter[str] = Counter()
        self._cpu = _Rate()
        self._receive = _Rate()
        self._transmit = _Rate()
        self._network = _NetworkTotals()
        self.after_fork()
        _LIVE.add(self)
        self.sample()  # so that the first sample a reader takes has rates, since now

    def after_fork(self) -> None:
        """Forget what belongs to the parent process: its lock and its process object."""
        self._lock = threading.Lock()
        self._process: psutil.Process | None = None

    def sample(self) -> SystemSample:
        """Read everything once."""
        with self._lock:
            now = self._clock()
            cpu = self._try("cpu", lambda: self._cpu_ratio(now))
            memory = self._try("memory", self._memory)
            disks = {path: self._try(f"disk {path}", partial(_disk_ratio, path)) for path in self._disk_paths}
            network = self._try("network", self._network.update)
            receive_rate = transmit_rate = None
            if network is not None:
                receive_rate = self._receive.update(now, network[0])
                transmit_rate = self._transmit.update(now, network[1])
            return SystemSample(
                timestamp=time.time(),
                cpu_ratio=cpu,
                memory_ratio=memory[0] / memory[1] if memory is not None and memory[1] > 0 else None,
                memory_used_bytes=None if memory is None else memory[0],
                memory_limit_bytes=None if memory is None else memory[1],
                disk_ratio={path: ratio for path, ratio in disks.items() if ratio is not None},
                network_receive_bytes=None if network is None else network[0],
                network_transmit_bytes=None if network is None else network[1],
                network_errors=None if network is None else network[2],
                network_receive_bytes_per_second=receive_rate,
                network_transmit_bytes_per_second=transmit_rate,
                process_cpu_seconds=self._try("process cpu", self._process_cpu),
                process_resident_memory_bytes=self._try("process memory", lambda: int(self._own().memory_info().rss)),
                open_fds=self._try("process open files", lambda: int(self._own().num_fds())),
                threads=self._try("process threads", lambda: int(self._own().num_threads())),
                process_start_time=self._try("process start", lambda: float(self._own().create_time())),
                failures=dict(self._failures),
            )

    def _try(self, source: str, read: Callable[[], _T]) -> _T | None:
        try:
            return read()
        except _FAULTS as fault:
            self._failures[source] += 1
            if self._failures[source] == 1:
                _LOG.warning(
                    "system: %s cannot be read (%s: %s); its metrics are left out while this lasts",
                    source, type(fault).__name__, fault,
                )  # fmt: skip
            return None

    def _cpu_ratio(self, now: float) -> float | None:
        host_cores = psutil.cpu_count() or 1
        group = cgroup.cpu_use(self._root)
        if group is not None and group.cores < host_cores:
            source, used, cores = group.directory, group.used_seconds, group.cores
        else:
            # Not psutil.cpu_percent: it keeps its state per thread, and scrapes come from any thread.
            times = psutil.cpu_times()
            used = sum(getattr(times, kind, 0.0) for kind in ("user", "nice", "system", "irq", "softirq", "steal"))
            source, cores = "host", float(host_cores)
        rate = self._cpu.update(now, used, source)
        return None if rate is None else min(rate / cores, 1.0)

    def _memory(self) -> tuple[int, int]:
        host = psutil.virtual_memory()
        group = cgroup.memory_use(self._root)
        if group is not None and group.limit_bytes < host.total:
            return group.used_bytes, group.limit_bytes
        return int(host.total - host.available), int(host.total)

    def _own(self) -> psutil.Process:
        # One object for good: its start time is then read once and cannot move with the wall clock.
        if self._process is None:
            self._process = psutil.Process(os.getpid())
        return self._process

    def _process_cpu(self) -> float:
        times = self._own().cpu_times()
        return float(times.user + times.system)


class _Rate:
    """Increase per second of a counter; None before the second reading and after a reset."""

    def __init__(self) -> None:
        self._base: tuple[str, float, float] | None = None
        self._rate: float | None = None

    def update(self, at: float, value: float, source: str = "") -> float | None:
        if self._base is None or source != self._base[0] or at < self._base[1] or value < self._base[2]:
            self._base, self._rate = (source, at, value), None
        elif at - self._base[1] >= _SHORTEST_INTERVAL:
            self._rate = (value - self._base[2]) / (at - self._base[1])
            self._base = (source, at, value)
        return self._rate


class _NetworkTotals:
    """Sums over interfaces that only grow: an interface that goes keeps its share, one that restarts adds on."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int, int]] = {}
        self._totals = (0, 0, 0)

    def update(self) -> tuple[int, int, int]:
        """Return bytes received, bytes sent and packets in error or dropped."""
        seen = {
            name: (nic.bytes_recv, nic.bytes_sent, nic.errin + nic.errout + nic.dropin + nic.dropout)
            for name, nic in psutil.net_io_counters(pernic=True, nowrap=False).items()
            if not _LOOPBACK.fullmatch(name)
        }
        receive, transmit, errors = self._totals
        for name, values in seen.items():
            last = self._last.get(name, (0, 0, 0))
            receive += _increase(values[0], last[0])
            transmit += _increase(values[1], last[1])
            errors += _increase(values[2], last[2])
        self._last = seen
        self._totals = (receive, transmit, errors)
        return self._totals


def _increase(value: int, last: int) -> int:
    return value - last if value >= last else value  # a counter below its last value started again from 0


def _disk_ratio(path: str) -> float:
    return float(psutil.disk_usage(path).percent) / 100


_LIVE: weakref.WeakSet[SystemSampler] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for sampler in list(_LIVE):
        sampler.after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)


def system_families(model: str, sample: SystemSample) -> list[Family]:
    """Return the families of a sample; a value that is None has no series.

    Parameters
    ----------
    model : str
        Value of the ``model`` label.
    sample : SystemSample

    Examples
    --------
    >>> families = system_families("churn", SystemSampler().sample())
    >>> "ml_system_memory_ratio" in [family.name for family in families]
    True
    """
    values: tuple[tuple[catalog.Metric, float | None], ...] = (
        (catalog.SYSTEM_CPU, sample.cpu_ratio),
        (catalog.SYSTEM_MEMORY, sample.memory_ratio),
        (catalog.SYSTEM_MEMORY_USED, sample.memory_used_bytes),
        (catalog.SYSTEM_MEMORY_LIMIT, sample.memory_limit_bytes),
        (catalog.SYSTEM_NETWORK_RECEIVE, sample.network_receive_bytes),
        (catalog.SYSTEM_NETWORK_TRANSMIT, sample.network_transmit_bytes),
        (catalog.SYSTEM_NETWORK_ERRORS, sample.network_errors),
        (catalog.PROCESS_CPU, sample.process_cpu_seconds),
        (catalog.PROCESS_MEMORY, sample.process_resident_memory_bytes),
        (catalog.PROCESS_OPEN_FDS, sample.open_fds),
        (catalog.PROCESS_THREADS, sample.threads),
        (catalog.PROCESS_START_TIME, sample.process_start_time),
    )
    families: list[Family] = [single(metric, model, value) for metric, value in values if value is not None]
    if sample.disk_ratio:
        disks = family(catalog.SYSTEM_DISK)
        for path, ratio in sample.disk_ratio.items():
            disks.add_metric([model, path], ratio)
        families.append(disks)
    return families
