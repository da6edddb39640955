"""`app.workers.cpus`: what the machine and the container allow."""

import os
from pathlib import Path

import pytest

from app.workers.cpus import usable_cpus


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


def _root(folder: Path, membership: str, **files: str) -> Path:
    (folder / "proc/self").mkdir(parents=True)
    (folder / "proc/self/cgroup").write_text(membership)
    for name, text in files.items():
        path = folder / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("20000 100000", 1),
        ("9900000 100000", 8),
        ("0 100000", 8),
        ("100000 0", 8),
        ("nonsense", 8),
    ],
)
def test_a_container_has_what_its_cgroup_allows(tmp_path: Path, quota: str, cpus: int) -> None:
    assert usable_cpus(_root(tmp_path, "0::/\n", **{"cpu.max": quota})) == cpus


def test_the_lowest_limit_of_all_groups_above_counts(tmp_path: Path) -> None:
    files = {"a/cpu.max": "300000 100000", "a/b/cpu.max": "500000 100000"}

    assert usable_cpus(_root(tmp_path, "0::/a/b\n", **files)) == 3


@pytest.mark.parametrize(("quota", "cpus"), [("250000\n", 3), ("-1\n", 8)])
def test_version_1_has_files_of_its_own(tmp_path: Path, quota: str, cpus: int) -> None:
    files = {
        "cpu,cpuacct/docker/1/cpu.cfs_quota_us": quota,
        "cpu,cpuacct/docker/1/cpu.cfs_period_us": "100000\n",
        "memory/docker/1/cpu.cfs_quota_us": "100000\n",
        "memory/docker/1/cpu.cfs_period_us": "100000\n",
    }
    membership = "4:memory:/docker/1\n3:cpu,cpuacct:/docker/1\n1:name=systemd:/docker/1\n"

    assert usable_cpus(_root(tmp_path, membership, **files)) == cpus


def test_without_cgroups_the_affinity_counts(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path) == 8


def test_without_affinity_the_processors_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)

    assert usable_cpus(tmp_path) == 1
