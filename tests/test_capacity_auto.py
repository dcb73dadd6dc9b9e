"""The default capacity: 75 % of the memory limit of the control group, from fake files."""

import sys

import pytest

from livedirs import Store
from livedirs._native import _automatic_capacity

V1 = "35 31 0:32 {top} {at} rw,relatime - cgroup cgroup rw,memory"
V2 = "42 23 0:39 {top} {at} rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate"
OTHERS = """23 1 0:20 / / rw - overlay overlay rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
33 31 0:30 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
"""


@pytest.fixture
def automatic(tmp_path):
    """What "auto" comes to, where mounts, groups of the process and limits are these."""

    def ask(mounts, groups, limits):
        files = {
            "proc/self/mountinfo": OTHERS + "".join(line + "\n" for line in mounts),
            "proc/self/cgroup": "".join(line + "\n" for line in groups),
            **{f"sys/fs/cgroup/{path}": f"{limit}\n" for path, limit in limits.items()},
        }
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return _automatic_capacity(str(tmp_path))

    return ask


def v1(top="/", at="/sys/fs/cgroup/memory"):
    return V1.format(top=top, at=at)


def v2(top="/", at="/sys/fs/cgroup"):
    return V2.format(top=top, at=at)


MIB = 1 << 20


def test_version_2(automatic):
    assert automatic([v2()], ["0::/"], {"memory.max": 400 * MIB}) == 300 * MIB


def test_version_2_without_a_limit(automatic):
    assert automatic([v2()], ["0::/"], {"memory.max": "max"}) is None


def test_version_2_in_a_group_below(automatic):
    limits = {"a/b/memory.max": 400 * MIB, "a/memory.max": "max", "c/memory.max": 4 * MIB}
    assert automatic([v2()], ["0::/a/b"], limits) == 300 * MIB


def test_the_least_limit_of_the_groups_above_counts(automatic):
    limits = {"a/b/c/memory.max": "max", "a/b/memory.max": 800 * MIB, "a/memory.max": 400 * MIB}
    assert automatic([v2()], ["0::/a/b/c"], limits) == 300 * MIB


def test_version_1(automatic):
    limits = {"memory/memory.limit_in_bytes": 400 * MIB}
    assert automatic([v1()], ["4:memory:/"], limits) == 300 * MIB


def test_version_1_says_no_limit_as_a_large_number(automatic):
    limits = {"memory/memory.limit_in_bytes": 9223372036854771712}
    assert automatic([v1()], ["4:memory:/"], limits) is None


def test_version_1_in_a_group_below_another_with_a_limit(automatic):
    limits = {
        "memory/a/b/memory.limit_in_bytes": 9223372036854771712,
        "memory/a/memory.limit_in_bytes": 400 * MIB,
        "memory/memory.limit_in_bytes": 9223372036854771712,
    }
    assert automatic([v1()], ["5:cpu,cpuacct:/x", "4:hugetlb,memory:/a/b"], limits) == 300 * MIB


def test_a_container_sees_its_own_group_as_the_top(automatic):
    limits = {"memory/memory.limit_in_bytes": 400 * MIB, "memory/docker/1/memory.limit_in_bytes": 4 * MIB}
    assert automatic([v1(top="/docker/1")], ["4:memory:/docker/1"], limits) == 300 * MIB


def test_a_group_that_is_not_below_what_is_mounted(automatic):
    limits = {"memory.max": 400 * MIB}
    assert automatic([v2()], ["0::/../other"], limits) == 300 * MIB
    assert automatic([v2(top="/docker/1")], ["0::/other"], limits) == 300 * MIB


def test_a_hybrid_system_has_memory_in_version_1(automatic):
    limits = {"memory/a/memory.limit_in_bytes": 400 * MIB, "unified/cgroup.procs": 1}
    mounts = [v1(), v2(at="/sys/fs/cgroup/unified")]
    assert automatic(mounts, ["4:memory:/a", "0::/user.slice"], limits) == 300 * MIB


@pytest.mark.parametrize("first, second", [(400, 800), (800, 400)])
def test_of_two_hierarchies_that_have_a_limit_the_least_counts(automatic, first, second):
    limits = {"memory/memory.limit_in_bytes": first * MIB, "unified/memory.max": second * MIB}
    mounts = [v1(), v2(at="/sys/fs/cgroup/unified")]
    assert automatic(mounts, ["4:memory:/", "0::/"], limits) == 300 * MIB


def test_a_mount_point_with_a_space(automatic):
    limits = {"a b/memory.max": 400 * MIB}
    assert automatic([v2(at="/sys/fs/cgroup/a\\040b")], ["0::/"], limits) == 300 * MIB


def test_without_proc_the_usual_places_count(tmp_path):
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/memory.max").write_text(f"{400 * MIB}\n")
    assert _automatic_capacity(str(tmp_path)) == 300 * MIB


def test_without_anything_there_is_no_bound(tmp_path, automatic):
    assert _automatic_capacity(str(tmp_path)) is None
    assert automatic([v2()], ["nonsense", "0::/"], {"memory.max": "nonsense"}) is None


def test_it_is_the_default(monkeypatch):
    monkeypatch.delenv("LIVEDIRS_CAPACITY", raising=False)
    expected = _automatic_capacity("/") if sys.platform == "linux" else None
    assert Store().stats().capacity == Store(capacity="auto").stats().capacity == expected
    monkeypatch.setenv("LIVEDIRS_CAPACITY", "3M")
    assert Store().stats().capacity == 3 * MIB
    assert Store(capacity="auto").stats().capacity == expected
