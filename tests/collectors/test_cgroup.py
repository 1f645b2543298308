"""Promises of ml_models.collectors.cgroup, on made-up trees and on the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_models.collectors.cgroup import CpuUse, MemoryUse, cpu_use, memory_use

GIB = 2**30
NO_LIMIT_V1 = "9223372036854771712\n"
V2_MOUNT = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
PROC_MOUNT = "22 1 0:21 / /proc rw - proc proc rw\n"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def v2(root: Path, group: str, files: dict[str, str]) -> Path:
    inside = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    return write(root, {"proc/self/cgroup": f"0::{group}\n", "proc/self/mountinfo": PROC_MOUNT + V2_MOUNT, **inside})


def v1_mount(controllers: str, mount_root: str = "/") -> str:
    return f"31 23 0:27 {mount_root} /sys/fs/cgroup/{controllers} rw - cgroup cgroup rw,{controllers}\n"


def test_v2_memory_is_the_working_set_of_the_limited_group(tmp_path: Path) -> None:
    """Usage less inactive file cache, as Kubernetes counts it."""
    files = {
        "memory.max": f"{GIB}\n",
        "memory.current": "600000000\n",
        "memory.stat": "anon 1\ninactive_file 100000000\n",
    }
    assert memory_use(v2(tmp_path, "/", files)) == MemoryUse(used_bytes=500_000_000, limit_bytes=GIB)


def test_v2_the_tightest_limit_up_the_tree_holds_with_the_use_of_its_group(tmp_path: Path) -> None:
    files = {
        "pod/memory.max": f"{GIB}\n",
        "pod/memory.current": "900\n",
        "pod/memory.stat": "inactive_file 100\n",
        "pod/app/memory.max": f"{4 * GIB}\n",
        "pod/app/memory.current": "300\n",
        "pod/app/memory.stat": "inactive_file 0\n",
    }
    assert memory_use(v2(tmp_path, "/pod/app", files)) == MemoryUse(used_bytes=800, limit_bytes=GIB)


def test_v2_of_equal_limits_the_own_group_counts(tmp_path: Path) -> None:
    files = {
        "pod/memory.max": f"{GIB}\n",
        "pod/memory.current": "900\n",
        "pod/app/memory.max": f"{GIB}\n",
        "pod/app/memory.current": "300\n",
    }
    assert memory_use(v2(tmp_path, "/pod/app", files)) == MemoryUse(used_bytes=300, limit_bytes=GIB)


def test_v2_without_a_limit_gives_none(tmp_path: Path) -> None:
    files = {"app/memory.max": "max\n", "app/memory.current": "300\n", "app/cpu.max": "max 100000\n"}
    root = v2(tmp_path, "/app", files)
    assert memory_use(root) is None
    assert cpu_use(root) is None


def test_v2_group_that_is_not_visible_counts_as_the_mount_point(tmp_path: Path) -> None:
    """The path in /proc/self/cgroup may be outside the namespace or already deleted."""
    files = {"memory.max": "1000\n", "memory.current": "300\n"}
    for group in ("/../sibling", "/gone (deleted)", "/"):
        assert memory_use(v2(tmp_path, group, files)) == MemoryUse(used_bytes=300, limit_bytes=1000)


def test_working_set_is_never_negative(tmp_path: Path) -> None:
    """The two files are read one after the other, so the cache can exceed the usage."""
    files = {"memory.max": "1000\n", "memory.current": "300\n", "memory.stat": "inactive_file 400\n"}
    assert memory_use(v2(tmp_path, "/", files)) == MemoryUse(used_bytes=0, limit_bytes=1000)


def test_v2_cpu_is_quota_over_period_of_the_tightest_group(tmp_path: Path) -> None:
    files = {
        "pod/cpu.max": "150000 100000\n",
        "pod/cpu.stat": "usage_usec 7500000\nuser_usec 1\n",
        "pod/app/cpu.max": "400000 100000\n",
        "pod/app/cpu.stat": "usage_usec 1\n",
    }
    use = cpu_use(v2(tmp_path, "/pod/app", files))
    assert use == CpuUse(used_seconds=7.5, cores=1.5, directory=str(tmp_path / "sys/fs/cgroup/pod"))


def test_v1_reads_each_controller_below_its_own_mount(tmp_path: Path) -> None:
    """The unified hierarchy beside them (hybrid layout) has no controllers and is not asked."""
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/kube/app\n2:cpu,cpuacct:/kube/app\n0::/elsewhere\n",
            "proc/self/mountinfo": v1_mount("memory") + v1_mount("cpu,cpuacct") + V2_MOUNT,
            "sys/fs/cgroup/memory/kube/app/memory.limit_in_bytes": "2000\n",
            "sys/fs/cgroup/memory/kube/app/memory.usage_in_bytes": "900\n",
            "sys/fs/cgroup/memory/kube/app/memory.stat": "inactive_file 1\ntotal_inactive_file 200\n",
            "sys/fs/cgroup/memory/kube/memory.limit_in_bytes": NO_LIMIT_V1,
            "sys/fs/cgroup/cpu,cpuacct/kube/app/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu,cpuacct/kube/app/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu,cpuacct/kube/app/cpuacct.usage": "3000000000\n",
            "sys/fs/cgroup/cpu,cpuacct/kube/cpu.cfs_quota_us": "-1\n",
        },
    )
    assert memory_use(root) == MemoryUse(used_bytes=700, limit_bytes=2000)
    directory = str(tmp_path / "sys/fs/cgroup/cpu,cpuacct/kube/app")
    assert cpu_use(root) == CpuUse(used_seconds=3.0, cores=0.5, directory=directory)


def test_v1_in_docker_the_mount_root_is_the_containers_group(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n3:cpu:/docker/abc\n2:cpuacct:/docker/abc\n",
            "proc/self/mountinfo": v1_mount("memory", "/docker/abc")
            + v1_mount("cpu", "/docker/abc")
            + v1_mount("cpuacct", "/docker/abc"),
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "900\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpuacct/cpuacct.usage": "500000000\n",
        },
    )
    assert memory_use(root) == MemoryUse(used_bytes=900, limit_bytes=2000)
    use = cpu_use(root)
    assert use is not None
    assert (use.used_seconds, use.cores) == (0.5, 2.0)


def test_v1_limit_of_a_parent_above_the_mount_is_known_from_memory_stat(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/pod/app\n",
            "proc/self/mountinfo": v1_mount("memory", "/pod/app"),
            "sys/fs/cgroup/memory/memory.limit_in_bytes": NO_LIMIT_V1,
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "900\n",
            "sys/fs/cgroup/memory/memory.stat": "hierarchical_memory_limit 5000\ntotal_inactive_file 100\n",
        },
    )
    assert memory_use(root) == MemoryUse(used_bytes=800, limit_bytes=5000)


def test_v1_parent_without_use_hierarchy_does_not_limit_its_children(tmp_path: Path) -> None:
    base = "sys/fs/cgroup/memory"
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/app\n",
            "proc/self/mountinfo": v1_mount("memory"),
            f"{base}/memory.limit_in_bytes": "10\n",
            f"{base}/memory.use_hierarchy": "0\n",
            f"{base}/app/memory.limit_in_bytes": "2000\n",
            f"{base}/app/memory.use_hierarchy": "0\n",
            f"{base}/app/memory.usage_in_bytes": "900\n",
        },
    )
    assert memory_use(root) == MemoryUse(used_bytes=900, limit_bytes=2000)


def test_of_several_mounts_the_one_that_shows_more_parents_is_read(tmp_path: Path) -> None:
    files = {"host/memory.max": "500\n", "host/memory.current": "1\n", "host/app/memory.max": "900\n"}
    root = v2(tmp_path, "/host/app", files)
    bound = "40 23 0:26 /host/app /mnt/bound\\040here rw - cgroup2 cgroup2 rw\n"
    write(root, {"mnt/bound here/memory.max": "900\n", "mnt/bound here/memory.current": "7\n"})
    (root / "proc/self/mountinfo").write_text(bound + V2_MOUNT)
    assert memory_use(root) == MemoryUse(used_bytes=1, limit_bytes=500)
    (root / "proc/self/mountinfo").write_text(bound)
    assert memory_use(root) == MemoryUse(used_bytes=7, limit_bytes=900)


@pytest.mark.parametrize(
    ("groups", "mountinfo"),
    [
        ("", V2_MOUNT),
        ("0::/\n", ""),
        ("no colons here\n", "nothing - to see\n - \n30 23\n"),
        ("0::/\n", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2\n"),
    ],
)
def test_a_machine_without_usable_groups_gives_none(tmp_path: Path, groups: str, mountinfo: str) -> None:
    files = {"proc/self/cgroup": groups, "proc/self/mountinfo": mountinfo}
    root = write(tmp_path, {**files, "sys/fs/cgroup/memory.max": "1\n", "sys/fs/cgroup/cpu.max": "1 1\n"})
    assert memory_use(root) is None
    assert cpu_use(root) is None


@pytest.mark.parametrize("text", ["banana\n", "", "-5\n", "1.5\n", "1 2\n"])
def test_an_odd_memory_limit_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    root = v2(tmp_path, "/", {"memory.max": text, "memory.current": "1\n"})
    with pytest.raises(ValueError, match=r"memory\.max: '.*' is not a whole number"):
        memory_use(root)


@pytest.mark.parametrize("text", ["banana 100000\n", "1000 0\n", "0 1000\n", "-1 1000\n", ""])
def test_an_odd_quota_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    root = v2(tmp_path, "/", {"cpu.max": text, "cpu.stat": "usage_usec 1\n"})
    with pytest.raises(ValueError, match=r"cpu\.max: '.*' is not a quota and a period"):
        cpu_use(root)


def test_a_limit_whose_use_is_missing_is_an_error(tmp_path: Path) -> None:
    root = v2(tmp_path, "/", {"memory.max": "1000\n", "cpu.max": "1000\n", "cpu.stat": "banana\nuser_usec 1\n"})
    with pytest.raises(FileNotFoundError, match=r"memory\.current"):
        memory_use(root)
    with pytest.raises(ValueError, match=r"cpu\.stat: no usage_usec"):
        cpu_use(root)


def test_a_v1_quota_without_an_accounting_controller_is_an_error(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "3:cpu:/\n",
            "proc/self/mountinfo": v1_mount("cpu"),
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "1000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "1000\n",
        },
    )
    with pytest.raises(FileNotFoundError, match="cpuacct"):
        cpu_use(root)


def test_the_real_tree_can_be_read() -> None:
    memory, cpu = memory_use(Path("/")), cpu_use(Path("/"))
    assert memory is None or (memory.limit_bytes > 0 and memory.used_bytes >= 0)
    assert cpu is None or (cpu.cores > 0 and cpu.used_seconds > 0)
