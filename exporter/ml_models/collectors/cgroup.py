"""Limits and use of the control group that this process runs in, cgroup versions 1 and 2.

A container's memory and CPU are what its control group grants, not what the host has. Files are read below a given
root folder (``/`` in production), so that any layout can be tried on a made-up tree.

References
----------
.. [1] Linux kernel, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
.. [2] Kubernetes, node-pressure eviction: working set = usage less inactive file cache.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

#: Version 1 writes "no limit" as the largest page-aligned 64-bit number; no machine has memory of this order.
_V1_UNLIMITED = 2**62


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Memory of the control group whose limit is the tightest.

    Parameters
    ----------
    used_bytes : int
        Working set: usage less the file cache that the kernel can drop at once.
    limit_bytes : int
    """

    used_bytes: int
    limit_bytes: int


@dataclass(frozen=True, slots=True)
class CpuUse:
    """CPU of the control group whose limit is the tightest.

    Parameters
    ----------
    used_seconds : float
        CPU time used since the group was made.
    cores : float
        CPU seconds that the group may use per second.
    directory : str
        The group; counters of two groups must not be subtracted.
    """

    used_seconds: float
    cores: float
    directory: str


@dataclass(frozen=True, slots=True)
class _Hierarchy:
    version: Literal[1, 2]
    mount: Path
    directories: tuple[Path, ...]  # the process's own group first, then its parents up to the mount point


@dataclass(frozen=True, slots=True)
class _Mount:
    version: Literal[1, 2]
    root: str
    point: Path
    controllers: frozenset[str]


def memory_use(root: Path) -> MemoryUse | None:
    """Return memory use and the tightest limit up the tree, or None without a limit.

    Parameters
    ----------
    root : Path
        Folder that holds ``proc`` and ``sys``.

    Raises
    ------
    OSError
        If a file is there and cannot be read.
    ValueError
        If a file holds something other than the kernel writes.

    Examples
    --------
    >>> memory_use(Path("/nowhere")) is None
    True
    """
    tree = _hierarchy(root, "memory")
    if tree is None:
        return None
    limit_file, use_file, cache_key = (
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        if tree.version == 1
        else ("memory.max", "memory.current", "inactive_file")
    )
    tightest: tuple[int, Path] | None = None
    for directory in tree.directories:
        limit = _limit(directory / limit_file)
        if tree.version == 1 and directory != tree.directories[0] and _text(directory / "memory.use_hierarchy") == "0":
            continue  # such a parent's limit does not cover its children
        if limit is not None and (tightest is None or limit < tightest[0]):
            tightest = (limit, directory)
    if tree.version == 1:
        # Parents above a container's mount point are not visible, but their limit is told here.
        told = _keyed(tree.directories[0] / "memory.stat").get("hierarchical_memory_limit", _V1_UNLIMITED)
        if told < _V1_UNLIMITED and (tightest is None or told < tightest[0]):
            tightest = (told, tree.directories[0])
    if tightest is None:
        return None
    limit, directory = tightest
    used = _number(directory / use_file) - _keyed(directory / "memory.stat").get(cache_key, 0)
    return MemoryUse(used_bytes=max(used, 0), limit_bytes=limit)


def cpu_use(root: Path) -> CpuUse | None:
    """Return CPU use and the tightest quota up the tree, or None without a quota.

    Parameters
    ----------
    root : Path
        Folder that holds ``proc`` and ``sys``.

    Raises
    ------
    OSError
        If a file is there and cannot be read.
    ValueError
        If a file holds something other than the kernel writes.

    Examples
    --------
    >>> cpu_use(Path("/nowhere")) is None
    True
    """
    tree = _hierarchy(root, "cpu")
    if tree is None:
        return None
    quota = _quota_v1 if tree.version == 1 else _quota_v2
    tightest: tuple[float, Path] | None = None
    for directory in tree.directories:
        cores = quota(directory)
        if cores is not None and (tightest is None or cores < tightest[0]):
            tightest = (cores, directory)
    if tightest is None:
        return None
    cores, directory = tightest
    if tree.version == 1:
        used = _number(_accounting(root, tree, directory)) / 1e9
    else:
        stat = directory / "cpu.stat"
        keyed = _keyed(stat)
        if "usage_usec" not in keyed:
            raise ValueError(f"{stat}: no usage_usec in it")
        used = keyed["usage_usec"] / 1e6
    return CpuUse(used_seconds=used, cores=cores, directory=str(directory))


def _quota_v1(directory: Path) -> float | None:
    text = _text(directory / "cpu.cfs_quota_us")
    if text is None or text == "-1":
        return None
    return _cores(directory / "cpu.cfs_quota_us", text, str(_number(directory / "cpu.cfs_period_us")))


def _quota_v2(directory: Path) -> float | None:
    path = directory / "cpu.max"
    text = _text(path)
    if text is None:
        return None
    quota, _, period = text.partition(" ")
    return None if quota == "max" else _cores(path, quota, period or "100000")


def _cores(path: Path, quota: str, period: str) -> float:
    if not (quota.isdecimal() and period.isdecimal() and int(quota) > 0 and int(period) > 0):
        raise ValueError(f"{path}: '{quota[:40]} {period[:40]}' is not a quota and a period in microseconds")
    return int(quota) / int(period)


def _accounting(root: Path, tree: _Hierarchy, directory: Path) -> Path:
    # Version 1 may mount cpu and cpuacct together or apart, and apart with other group paths.
    if (directory / "cpuacct.usage").exists():
        return directory / "cpuacct.usage"
    accounts = _hierarchy(root, "cpuacct")
    if accounts is None:
        raise FileNotFoundError(f"{directory}: has a CPU quota, and no cpuacct controller tells the use")
    same = accounts.mount / directory.relative_to(tree.mount) / "cpuacct.usage"
    return same if same.exists() else accounts.directories[0] / "cpuacct.usage"


def _hierarchy(root: Path, controller: str) -> _Hierarchy | None:
    groups = _groups(root)
    mounts = _mounts(root)
    version: Literal[1, 2] = 1 if controller in groups else 2  # a controller is in one version at a time
    group = groups.get(controller if version == 1 else "")
    fitting = [
        mount for mount in mounts if mount.version == version and (version == 2 or controller in mount.controllers)
    ]
    if group is None or not fitting:
        return None
    # Of several mounts of the same hierarchy, the one that shows the most parents.
    chosen = min(fitting, key=lambda mount: (_below(group, mount.root) is None, len(mount.root)))
    inside = _below(group, chosen.root) or ()
    directories = tuple(chosen.point.joinpath(*inside[:depth]) for depth in range(len(inside), -1, -1))
    return _Hierarchy(version, chosen.point, directories)


def _below(group: str, mount_root: str) -> tuple[str, ...] | None:
    """Return the parts of a group's path below the mount's root; None if it is not below."""
    parts = tuple(part for part in group.split("/") if part)
    base = tuple(part for part in mount_root.split("/") if part)
    if ".." in parts or parts[: len(base)] != base:
        return None
    return parts[len(base) :]


def _groups(root: Path) -> dict[str, str]:
    """Return the group's path by controller; version 2 has the controller ''."""
    groups: dict[str, str] = {}
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        fields = line.split(":", 2)
        if len(fields) == 3:
            groups.update(dict.fromkeys(fields[1].split(","), fields[2]))
    return groups


def _mounts(root: Path) -> list[_Mount]:
    found = []
    for line in (_text(root / "proc/self/mountinfo") or "").splitlines():
        place, _, kind = line.partition(" - ")
        fields, kinds = place.split(" "), kind.split(" ")
        if len(fields) < 5 or len(kinds) < 3 or kinds[0] not in ("cgroup", "cgroup2"):
            continue
        point = root / _unescape(fields[4]).lstrip("/")
        version: Literal[1, 2] = 1 if kinds[0] == "cgroup" else 2
        found.append(_Mount(version, _unescape(fields[3]), point, frozenset(kinds[2].split(","))))
    return found


def _unescape(text: str) -> str:
    # The kernel writes blanks, tabs, line ends and backslashes of paths in octal.
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _number(path: Path) -> int:
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{path}: '{text[:40]}' is not a whole number")
    return int(text)


def _limit(path: Path) -> int | None:
    if _text(path) in (None, "max"):
        return None
    limit = _number(path)
    return None if limit >= _V1_UNLIMITED else limit


def _keyed(path: Path) -> dict[str, int]:
    """Read a file of ``key number`` lines; other lines are left out."""
    pairs = (line.split() for line in (_text(path) or "").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isascii() and pair[1].isdecimal()}
