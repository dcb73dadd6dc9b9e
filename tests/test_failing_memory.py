"""Memory of Python that fails at the n-th allocation, for every n, alone or with the one or two behind it:
all is done, or an error is raised, all is as it was, and the same then succeeds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("_testcapi")

PROGRAM = """
import gc
import sys
from _testcapi import remove_mem_hooks, set_nomemory

from livedirs import Max, Mean, Store, Sum
from support import contents, figures


class Total:
    # No reducer of ours.
    initial = 0.0

    def add(self, acc, value):
        return acc + value

    def remove(self, acc, value):
        return acc - value


def world():
    store = Store()
    d = store.mkdir("/d/", {key: 10**20 + key for key in range(1_000, 1_005)})  # keys that Python makes anew
    d.group_by("/thirds/", lambda key, value: key % 3, Sum())
    numbers = d.map("/numbers/", lambda key, values: [(key % 2, value) for value in values])
    numbers.reduce("/sum/", Sum())
    numbers.reduce("/mean/", Mean())
    numbers.reduce("/total/", Total())
    d.map("/texts/", lambda key, values: [(f"texts {key % 2}", f"{values[0]} \u00e9")]).reduce("/max/", Max())
    d.map("/made/", lambda key, values: store.mkdir(f"/of/{key}/", {key: list(values)}) and [])
    d.slice("/few/", 1_001, 1_003)
    store.lazy("/lazy/", lambda self, key: [key, len(d), d.get(key)])
    return store, d


def block(store, d):
    with store.update() as tx:
        d[1_001] = 7.5
        del d[1_002]
        tx.cascade()
        d[1_099] = 2**70
        store["/lazy/"][3]


def savepoint(store, d):
    with store.update():
        d[1_001] = 1
        with store.update():
            d[1_003] = 1
            store.mkdir("/more/", {1: 1}, on_create=lambda store: store.mkdir("/hooked/"))


def cascaded(store, d):
    with store.update() as tx:
        with store.update():
            d[1_001] = 5
            d.discard(1_002)
            d[1_000] = 2.5
            tx.cascade()


def passed_over(store, d):
    with store.update() as tx:
        d[1_001] = 7.5
        try:
            tx.cascade()
        except BaseException:
            pass


def one(store, d):
    d[1_001] = 8


def many(store, d):
    d.update({key: -key for key in range(1_003, 1_009)})


def gone(store, d):
    d.popitem()
    store.remove_dir("/few/")


def merged(store, d):
    with store.fork() as fork:
        fork["/d/"][1_001] = 5
        store.mkdir("/meanwhile/")
        fork.merge(rebase=True)


def told(store, d):
    seen = []
    with d.cursor() as cursor, store.cursor() as dirs, d.subscribe(seen.append):
        d[1_001] = 9
        store.remove_dir("/few/")
        cursor.poll(), dirs.poll(), d.changes(1), store.changes(1)


def read(store, d):
    [*d.items()], [*d.entries()], repr(d), repr(store), store.tree(), d.get_all(1_001), 1_001 in d, [*store]
    d == {1: 2}, store["/made/"].kind
    store["/lazy/"][2], store.stats(), store["/max/"]["texts 1"], d._repr_html_(), store.to_mermaid()
    with store.snapshot() as snapshot:
        [*snapshot["/d/"].items()], snapshot["/lazy/"][4]


def check(work, is_whole, width):
    store, d = world()
    work(store, d)
    done = contents(store)
    last = n = 0
    while n < last + 100:
        n += 1
        store, d = world()
        before = contents(store), figures(store), store.tick
        failed = None
        set_nomemory(n, n + width)
        try:
            work(store, d)
        except BaseException as error:
            failed = type(error).__name__
        remove_mem_hooks()
        store._check_invariants()
        if not failed:
            assert not is_whole or contents(store) == done, n
            continue
        last = n
        assert failed in {"MemoryError", "PanicException"}, (n, failed)
        if is_whole:
            assert (contents(store), figures(store), store.tick) == before, (n, failed)
            work(store, d)
            assert contents(store) == done, n
        with store.update():
            store.mkdir("/works/", {1: 1}).map("/still/", lambda key, values: [(key, values[0])])
        assert store["/still/"] == {1: 1} and store.stats().queued == 0, n
        store._check_invariants()
    print(f"{name}: {last} allocations that can fail")
    assert last


gc.disable()
name, is_whole, width = sys.argv[1:]
check(globals()[name], is_whole == "True", int(width))
"""


# A `def` in a function that finds no memory gives its code back twice; a later call runs freed memory.
GIVES_BACK_TWICE = pytest.mark.skipif(
    (3, 12) <= sys.version_info < (3, 14), reason="python/cpython#122752: a fault of Python 3.12 and 3.13"
)

# coverage.py would meet with what fails.
UNMEASURED = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}


@pytest.mark.parametrize(
    "work, is_whole, width",
    [
        ("block", True, 1),
        ("savepoint", True, 1),
        ("cascaded", True, 1),
        ("cascaded", True, 2),
        ("cascaded", True, 3),
        ("passed_over", True, 1),
        ("passed_over", True, 2),
        ("passed_over", True, 3),
        ("one", True, 1),
        ("one", True, 3),
        ("many", True, 1),
        ("gone", False, 1),
        ("merged", False, 1),
        ("told", False, 1),
        pytest.param("read", False, 1, marks=GIVES_BACK_TWICE),
    ],
)
def test_whichever_allocations_of_python_fail_all_is_done_or_undone(work, is_whole, width):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, work, str(is_whole), str(width)],
        capture_output=True, text=True, cwd=Path(__file__).parent, env=UNMEASURED, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "allocations that can fail" in done.stdout
    print(done.stdout, end="")
