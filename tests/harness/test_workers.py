"""How many processors a process may use: of 32, those of its affinity and of its control groups' quota."""

from __future__ import annotations

import os

import pytest

from hpe_bench import workers


@pytest.fixture
def system(tmp_path):
    """A function that writes files of /proc and /sys, and gives the quota that follows from them."""

    def quota(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("DOT", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return workers.cpu_quota(tmp_path)

    return quota


@pytest.fixture
def usable(monkeypatch):
    """A function of the processors that there are, those of the affinity, and a quota."""

    def count(there, allowed, quota):
        monkeypatch.setattr(os, "cpu_count", lambda: there)
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(allowed)))
        monkeypatch.setattr(workers, "cpu_quota", lambda: quota)
        return workers.usable_cpus.__wrapped__()

    return count


def test_of_32_processors_those_count_that_may_be_used(usable):
    assert usable(32, 2, None) == 2
    assert usable(32, 32, 2.0) == 2
    assert usable(32, 3, 2.5) == 3
    assert usable(32, 32, 0.2) == 1


def test_the_quota_is_the_strictest_of_a_group_and_those_above_it(system):
    group = {"proc__self__cgroup": "0::/jobs/mine\n"}
    assert system(**group) is None
    assert system(**group, sys__fs__cgroup__jobs__mine__cpuDOTmax="max 100000\n") is None
    assert system(**group, sys__fs__cgroup__jobs__cpuDOTmax="150000 100000\n") == 1.5
    assert system(**group, sys__fs__cgroup__jobs__mine__cpuDOTmax="50000 100000\n") == 0.5


def test_in_a_container_its_own_group_is_at_the_root(system):
    group = {"proc__self__cgroup": "0::/docker/0123\n"}
    assert system(**group, sys__fs__cgroup__cpuDOTmax="200000 100000\n") == 2.0


def test_control_groups_of_version_1_have_a_quota_too(system):
    group = {"proc__self__cgroup": "5:memory:/x\n3:cpu,cpuacct:/job\n"}
    folder = "sys__fs__cgroup__cpu,cpuacct__job__cpuDOTcfs"
    assert system(**group, **{f"{folder}_quota_us": "-1", f"{folder}_period_us": "100000"}) is None
    assert system(**group, **{f"{folder}_quota_us": "400000", f"{folder}_period_us": "100000"}) == 4.0


def test_no_module_counts_the_processors_that_there_are():
    from pathlib import Path

    import hpe_bench
    import hpe_bench_plugins

    for package in (hpe_bench, hpe_bench_plugins):
        for path in Path(package.__file__).parent.rglob("*.py"):
            if path.name != "workers.py":
                code = path.read_text(encoding="utf-8")
                assert "os.cpu_count" not in code and "ThreadPoolExecutor()" not in code, path
