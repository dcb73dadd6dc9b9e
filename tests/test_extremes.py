"""Much of everything: long names, large values, many directories, mappers that take long, threads that die.

`make extremes` (LIVEDIRS_EXTREMES=1) does it at full size: a million directories need a few GB, and a minute.
"""

import ctypes
import gc
import os
import subprocess
import sys
import threading
import weakref

import pytest

from livedirs import DirName, Store, Sum
from support import contents, state, unchanged

FULL = bool(os.environ.get("LIVEDIRS_EXTREMES"))
DIRECTORIES = 1_000_000 if FULL else 20_000
SECONDS = 60 if FULL else 0.5  # of a mapper that takes long


# ---- names and values


def test_names_of_64_kib():
    store = Store()
    long = "n" * (64 << 10)
    name = DirName(f"/{long}/")
    d = store.mkdir(name, {1: 1})
    m = d.map(
        name / long,
        lambda key, values: store.mkdir(name / "made" / (long, key), {1: 1}) and [(key, values[0])],
    )
    assert name / "made" / (long, 1) in store and len(store) == 3
    assert long in repr(d) and long in store.tree()
    with store.cursor(since=store.tick) as cursor:
        del d[1]
        assert cursor.poll().removed == {name / "made" / (long, 1)}
    d[long] = 2
    assert m == {long: 2} and d[long] == 2
    store.remove_dir(name, recursive=True)
    assert len(store) == store.stats().names == 0


def test_a_name_of_many_parts():
    store = Store()
    name = "/" + "p/" * (32 << 10)
    d = store.mkdir(name, {1: 1})
    assert d == {1: 1} and name in store
    store.remove_dir(name)


GIGABYTE = """
import resource
from livedirs import Store, Sum
value = bytes(1 << 30)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
store = Store()
d = store.mkdir("/d/", {1: value})
m = d.map("/m/", lambda key, values: [(key, values[0]), (0, len(values[0]))])
d[2] = value
d[1] = value
with store.snapshot() as snapshot, store.fork() as fork, d.cursor() as cursor:
    fork["/d/"][3] = value
    fork.merge()
    changes = cursor.poll()
    assert all(v is value for v in (d[1], d[3], snapshot["/d/"][2], changes.entries[3][0]))
    shown = *map(repr, (d, m, snapshot, changes)), d._repr_html_(), store._repr_html_(), store.tree()
    assert all(len(text) < 10_000 for text in shown)
assert m.get_all(1)[0] is value and m.get_all(0) == (1 << 30,) * 3
assert store.stats().bytes < 100_000
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(grown < 100_000)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no module resource there, which tells of memory")
def test_a_value_of_a_gigabyte_is_never_copied_not_even_to_show_it():
    """Nobody touches its pages, so it takes no memory where nobody copies or reads it."""
    ran = subprocess.run([sys.executable, "-c", GIGABYTE], capture_output=True, text=True, timeout=300)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "True\n", "")


# ---- many directories


def test_many_directories_come_and_go():
    store = Store()
    before = store.stats()
    with store.update():
        for n in range(DIRECTORIES):
            store.mkdir(DirName("/many/") / n, {1: n} if n % 1_000 == 0 else {})
    assert len(store) == store.stats().dirs == DIRECTORIES
    assert store[f"/many/{DIRECTORIES - 1_000}/"][1] == DIRECTORIES - 1_000
    with store.cursor(since=store.tick) as cursor:
        with store.update():
            for n in range(0, DIRECTORIES, 2):
                store.remove_dir(DirName("/many/") / n)
        assert store.stats().dir_tombstones == DIRECTORIES // 2
        assert len(cursor.poll().removed) == DIRECTORIES // 2
    assert (store.stats().dir_tombstones, len(store)) == (0, DIRECTORIES // 2)
    with store.update():
        for n in range(1, DIRECTORIES, 2):
            store.remove_dir(DirName("/many/") / n)
    after = store.stats()
    assert (after.dirs, after.names, after.keys) == (before.dirs, before.names, before.keys) == (0, 0, 0)
    assert after.bytes < before.bytes + DIRECTORIES // 10  # accounted for no longer


def test_many_directories_of_one_mapper_come_and_go():
    store = Store()
    d = store.mkdir("/d/")
    d.map("/m/", lambda key, values: store.mkdir(DirName("/made/") / key, {1: 1}) and [(key, 1)])
    before = store.stats()
    d.update((n, n) for n in range(DIRECTORIES))
    assert len(store) == DIRECTORIES + 2
    d.clear()
    after = store.stats()
    assert (after.dirs, after.names, after.keys, after.dependencies) == (
        before.dirs, before.names, before.keys, before.dependencies,
    )  # fmt: skip


# ---- time


def test_others_read_all_the_while_a_mapper_takes_long():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    total = d.map_reduce("/total/", lambda key, values: [(0, values[0])], Sum())
    squares = store.lazy("/squares/", lambda self, n: d[n] ** 2)
    entered, leave = threading.Event(), threading.Event()

    def slow(key, values):
        if values[0] == 2:
            entered.set()
            assert leave.wait(SECONDS + 60)
        return [(key, values[0])]

    m = d.map("/slow/", slow)
    writer = threading.Thread(target=d.__setitem__, args=(1, 2), daemon=True)
    cursor = d.cursor(since=store.tick)
    before = contents(store)
    writer.start()
    assert entered.wait(60)
    timer = threading.Timer(SECONDS, leave.set)
    timer.start()
    idle = d.cursor(since=store.tick)
    reads = 0
    while True:
        rows, polled = (d[1], total[0], m[1], squares[1]), idle.poll()
        with store.snapshot() as snapshot, store.fork() as fork:
            shown = contents(snapshot)
            fork["/d/"][3] = 5
            sum_of_fork = fork["/total/"][0]
        try:
            with store.update(timeout=0):
                assert leave.is_set()  # it came in only because the mapper was through
        except TimeoutError:
            pass
        if leave.is_set():
            break  # the mapper may have been through before all of it was read
        reads += 1
        assert rows == (1, 1, 1, 1) and polled is None and shown == before and sum_of_fork == 6
    idle.close()
    writer.join(60)
    timer.join()
    assert (d[1], total[0], m[1], squares[1]) == (2, 2, 2, 4) and reads > 10
    assert dict(cursor.poll().entries) == {1: (2,)}
    cursor.close()


# ---- threads that die in a transaction


def raises(store, d):
    with store.update():
        d[1] = 2
        raise SystemExit


def in_a_generator(store, d):
    def work():
        with store.update():
            d[1] = 2
            yield

    generator = work()
    next(generator)  # it goes with the thread's frame, in the middle of its block


def in_a_savepoint(store, d):
    with store.update():
        d[1] = 2
        with store.update() as tx:
            store.mkdir("/half/")
            tx.cascade()
            raise SystemExit


def killed(store, d):
    """By an exception that another thread sends, in the middle of a cascade."""
    me = threading.get_ident()
    calls = []

    def mapper(key, values):
        calls.append(key)
        if len(calls) == 5:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(me), ctypes.py_object(SystemExit))
        return [(key, values[0])]

    with store.update():
        d.update({n: n for n in range(100)})
        d.map("/half/", mapper)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("die", [raises, in_a_generator, in_a_savepoint, killed])
def test_a_thread_that_dies_in_a_transaction_leaves_nothing_of_it(die):
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    d.map("/m/", lambda key, values: store.mkdir(f"/by/{key}/", {1: 1}) and [(key, values[0])])
    with unchanged(store):
        thread = threading.Thread(target=die, args=(store, d))
        thread.start()
        thread.join(60)
        assert not thread.is_alive()
        gc.collect()
        with store.update(timeout=0) as tx:  # it is nobody's turn; first of all, since the rest would wait
            tx.rollback()


# ---- weak references


def test_everything_may_be_referred_to_weakly_and_goes_when_it_is_held_no_more():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    gone = []
    made = {
        "store": store,
        "directory": d,
        "lazy": store.lazy("/lazy/", lambda self, key: key),
        "snapshot": store.snapshot(),
        "fork": store.fork(),
        "cursor": d.cursor(),
        "subscription": d.subscribe(print),
    }
    made["cursor"].close()
    for name, thing in made.items():
        weakref.finalize(thing, gone.append, name)
    values = weakref.WeakValueDictionary(made)
    assert set(values) == set(made)
    of_thing = weakref.WeakKeyDictionary({store: "store"})
    assert of_thing[d.store] == "store"
    made["subscription"].close()
    del store, d, thing
    made.clear()
    gc.collect()
    assert (
        not values
        and not of_thing
        and sorted(gone)
        == sorted(["store", "directory", "lazy", "snapshot", "fork", "cursor", "subscription"])
    )


# ---- os.fork() in the middle of things


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork() here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_mapper_may_fork_the_process():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    statuses = []

    def mapper(key, values):
        if values[0] == 2:
            child = os.fork()
            if child == 0:
                # All of the transaction is there too, and may be undone or ended.
                os._exit(0 if d[1] == 2 else 1)
            statuses.append(os.waitpid(child, 0)[1])
        return [(key, values[0])]

    m = d.map("/m/", mapper)
    d[1] = 2
    assert m[1] == 2 and statuses == [0]
    assert state(store)[3] == store.tick
