"""Under a limit of the address space: nothing is reserved ahead, a MemoryError is rolled back."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="RLIMIT_AS means little elsewhere"
)

LIMIT = """
import resource
from pathlib import Path

def limit_to(more):
    # The address space may grow by so many bytes from here on.
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
"""


def run(code):
    done = subprocess.run([sys.executable, "-c", LIMIT + code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_store_works_with_an_address_space_just_above_what_is_used():
    # As from a shell with `ulimit -v`: what livedirs maps when it is loaded is there, and 24 MB more.
    assert (
        run(
            """
from livedirs import Store
limit_to(24 << 20)
stores = [Store(capacity="6G"), Store(), Store(capacity="auto")]
for store in stores:
    d = store.mkdir("/d/", dict.fromkeys(range(5_000), 1))
    sums = d.map_reduce("/sum/", lambda key, values: [(key % 10, values[0])], __import__("livedirs").Sum())
    with store.fork() as fork, store.snapshot(), d.cursor() as cursor:
        fork["/d/"][-1] = 1
        cursor.poll()
        fork.merge()
    assert len(d) == 5_001 and sums[0] == 500
    store.close()
print("works")
"""
        )
        == "works\n"
    )


def test_a_memory_error_in_a_mapper_is_rolled_back_and_the_same_transaction_then_succeeds():
    assert (
        run(
            """
from livedirs import Store
store = Store()
d = store.mkdir("/d/", {1: 1})
size = 1 << 30

def large(key, values):
    return [(key, len(bytearray(size)))]

def counts():
    stats = store.stats()
    return stats.tick, stats.dirs, stats.keys, stats.dependencies, stats.names

limit_to(64 << 20)
before = counts()
for _ in range(20):
    try:
        d.map("/large/", large)
    except MemoryError as error:
        assert "/large/" in error.__notes__[0]
    else:
        raise AssertionError("there was memory")
    assert counts() == before
    store._check_invariants()
size = 1 << 10
assert d.map("/large/", large) == {1: 1024}
print("works")
"""
        )
        == "works\n"
    )


def test_a_memory_error_in_a_block_is_rolled_back():
    assert (
        run(
            """
from livedirs import Store
store = Store()
d = store.mkdir("/d/", {1: 1})
limit_to(64 << 20)
try:
    with store.update():
        d.update(dict.fromkeys(range(1000), 2))
        store.mkdir("/e/")
        bytearray(1 << 30)
except MemoryError:
    pass
assert d == {1: 1} and list(store) == ["/d/"]
store._check_invariants()
d[2] = 2
print("works")
"""
        )
        == "works\n"
    )


def test_with_a_capacity_below_the_limit_a_store_fails_before_the_system_does():
    assert (
        run(
            """
from livedirs import CapacityError, Store
store = Store(capacity="8M")
d = store.mkdir("/d/")
limit_to(256 << 20)
failed, key = 0, 0
while failed < 3:
    try:
        d.update(dict.fromkeys(range(key, key + 1000), None))
        key += 1000
    except CapacityError:
        failed += 1
assert len(d) == key
assert 6 << 20 < store.stats().bytes < 8 << 20
d.clear()
d[1] = 1
print("works")
"""
        )
        == "works\n"
    )
