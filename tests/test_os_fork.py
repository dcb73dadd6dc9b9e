"""`os.fork()`: the child uses each store as a copy, whatever other threads were at."""

import os
import subprocess
import sys
import threading
import time
import traceback
import warnings

import pytest

from support import HAS_GIL, Stepped, make

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork() here")


def told_by(program):
    """What a program prints, in a process of its own, which ends as it should."""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (ran.stderr, ran.returncode) == ("", 0)
    return ran.stdout


def in_child(fn):
    """Runs the function in a child of the process; what it wrote to its pipe."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of 3.12, where there are threads
        child = os.fork()
    if child == 0:
        try:
            os.write(write, repr(fn()).encode())
        except BaseException:
            os.write(write, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        told = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    return told


def test_a_child_uses_the_store_as_a_copy():
    store, d, derived = make()

    def child():
        d[1] = 10
        store.mkdir("/of-child/")
        with store.update(timeout=1):
            d[3] = 3
        return dict(derived), len(store)

    assert in_child(child) == repr(({1: 20, 2: 4, 3: 6}, 3))
    assert d == {1: 1, 2: 2} and "/of-child/" not in store
    d[1] = 11
    assert derived == {1: 22, 2: 4}


def test_a_transaction_that_another_thread_has_open_is_undone_in_the_child_and_goes_on_in_the_parent():
    store, d, derived = make()
    opened, leave = threading.Event(), threading.Event()

    def hold():
        with store.update() as tx:
            d[1] = 10
            store.mkdir("/half/")
            tx.cascade()
            opened.set()
            assert leave.wait(60)

    def child():
        seen = dict(d), dict(derived), "/half/" in store
        with store.update(timeout=1):
            d[2] = 20
        return seen, dict(derived), store.stats().names

    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    assert opened.wait(60)
    names = 2
    assert in_child(child) == repr((({1: 1, 2: 2}, {1: 2, 2: 4}, False), {1: 2, 2: 40}, names))
    leave.set()
    holder.join(60)
    assert d == {1: 10, 2: 2} and derived == {1: 20, 2: 4} and "/half/" in store


def test_the_transaction_of_the_thread_that_forks_is_open_in_parent_and_child():
    store, d, derived = make()

    def child():
        tx.__exit__(None, None, None)
        return dict(derived), tx.result.tick

    with store.update() as tx:
        d[1] = 10
        assert in_child(child) == repr(({1: 20, 2: 4}, store.tick + 1))
        d[2] = 20
    assert derived == {1: 20, 2: 40}


def test_the_child_calls_its_subscribers_where_another_thread_was_calling_them():
    store, d, _ = make()
    called, go_on = threading.Event(), threading.Event()
    told = []

    def subscriber(changes):
        told.append(dict(changes.entries))
        if threading.current_thread() is calling:
            called.set()
            assert go_on.wait(60)

    d.subscribe(subscriber)
    calling = threading.Thread(target=d.__setitem__, args=(1, 10), daemon=True)
    calling.start()
    assert called.wait(60)
    d[2] = 20  # whose callback waits for the first

    def child():
        told.clear()
        d[3] = 30
        return told

    assert in_child(child) == repr([{3: (30,)}])
    go_on.set()
    calling.join(60)
    assert told == [{1: (10,)}, {2: (20,)}]


def test_a_step_of_an_iterator_that_another_thread_was_in_is_an_error_in_the_child():
    stepped = Stepped()
    assert "already being stepped" in in_child(lambda: next(stepped.steps))
    stepped.end()
    assert stepped.got == list(range(3_000))


def test_cursors_go_on_in_the_child_where_nobody_else_waits_or_calls():
    store, d, derived = make()
    cursor, told = d.cursor(since=store.tick), []
    d.subscribe(lambda changes: told.append(dict(changes.entries)))

    def wait():
        with d.cursor(since=store.tick) as cursor:
            cursor.wait()

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    time.sleep(0.05)
    d[3] = 3
    waiting.join(60)
    again = threading.Thread(target=wait, daemon=True)
    again.start()
    time.sleep(0.05)

    def child():
        del d[1]
        changes = dict(cursor.poll().entries)
        cursor.close()
        return changes, told

    assert in_child(child) == repr(({1: (), 3: (3,)}, [{3: (3,)}, {1: ()}]))
    assert dict(cursor.poll().entries) == {3: (3,)}
    cursor.close()
    d[4] = 4
    again.join(60)
    assert not again.is_alive(), "the fork took its wake-up"


FORKING = """
import os, sys, threading
from livedirs import Store
store = Store()
d = store.mkdir("/d/", {1: 1})
cursor = d.cursor()
threading.Thread(target=lambda: [changes for changes in cursor], daemon=True).start()
opened, leave = threading.Event(), threading.Event()
def hold():
    with store.update():
        d[2] = 2
        opened.set()
        leave.wait(60)
holder = threading.Thread(target=hold)
holder.start()
opened.wait(60)
child = os.fork()
if child == 0:
    d[3] = 3
    cursor.close()
    store.close()
    sys.exit(7)
status = os.waitpid(child, 0)[1]
leave.set()
holder.join()
cursor.close()
print(os.waitstatus_to_exitcode(status), dict(d))
"""


def test_a_child_comes_to_its_end_as_any_process_does():
    assert told_by(FORKING) == "7 {1: 1, 2: 2}\n"


def test_in_a_child_the_object_of_a_block_of_another_thread_ends_no_other_block():
    store, d, _ = make()
    held, opened, leave = [], threading.Event(), threading.Event()

    def hold():
        held.append(store.update())
        held[0].__enter__()
        opened.set()
        leave.wait(60)
        held.pop().__exit__(None, None, None)

    thread = threading.Thread(target=hold)
    thread.start()
    opened.wait(60)

    def child():
        with store.update():
            d[1] = 10
            held.clear()
            d[2] = 20
        return dict(d)

    assert in_child(child) == repr({1: 10, 2: 20})
    leave.set()
    thread.join()


# A thread clears a directory again and again, which takes long, while the process forks.
FORKING_MEANWHILE = """
import os, signal, sys, threading
from livedirs import Store
store = Store()
d = store.mkdir("/d/")
other = store.mkdir("/other/", {1: 1})
cursor = d.cursor(since=store.tick)
begun, enough = threading.Event(), threading.Event()
def clear():
    while not enough.is_set():
        d.update(dict.fromkeys(range(30_000), 1))
        begun.set()
        d.clear()
        cursor.poll()
thread = threading.Thread(target=clear)
thread.start()
begun.wait(60)
codes = set()
for number in range(30):
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        other[1] = number
        assert other == {1: number} and len(d) in (0, 30_000)
        os._exit(7)
    codes.add(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
enough.set()
thread.join()
print(codes, dict(other))
"""


def test_a_child_is_never_made_while_a_long_call_holds_the_store():
    assert told_by(FORKING_MEANWHILE) == "{7} {1: 1}\n"


# Without a GIL a str is locked while it is encoded; who waits for that must not have the store locked.
FORKING_WHILE_A_TEXT_IS_ENCODED = """
import os, signal, threading, time
from livedirs import Min, Store
store = Store()
d = store.mkdir("/d/", {1: "a", 2: "b"})
least = d.map_reduce("/least/", lambda key, values: [("all", values[0])], Min())
other = Store().mkdir("/other/")
codes = set()
for n in range(5):
    text = "\u00e9" * 20_000_000 + str(n)
    together = threading.Barrier(3)
    def encode():
        together.wait()
        text in other
    def write():
        together.wait()
        time.sleep(0.002)
        d[1] = text
    threads = [threading.Thread(target=fn) for fn in (encode, write)]
    for thread in threads:
        thread.start()
    together.wait()
    time.sleep(0.02)
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        d[2] = "x"
        os._exit(7)
    codes.add(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    for thread in threads:
        thread.join()
print(codes, least["all"])
"""


@pytest.mark.skipif(HAS_GIL, reason="a str has no lock of its own where there is a GIL")
def test_a_child_is_never_made_while_a_thread_waits_for_a_text_with_the_store_locked():
    assert told_by(FORKING_WHILE_A_TEXT_IS_ENCODED) == "{7} b\n"


# Python calls this before the fork that imports livedirs, so the fork has an end here, and no beginning.
IMPORTED_BY_A_FORK = """
import os, sys, threading, time
os.register_at_fork(before=lambda: __import__("livedirs"))
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
from livedirs import Store
store = Store()
d = store.mkdir("/d/", dict.fromkeys(range(200_000), 1))
turns, working, enough = [], threading.Event(), threading.Event()
# Who was not there for so long waited for the interpreter; without a GIL there is no such wait.
turn = 0.0005 if getattr(sys, "_is_gil_enabled", lambda: True)() else 0
def run():
    last = time.perf_counter()
    while not enough.is_set():
        now = time.perf_counter()
        if working.is_set() and now - last > turn:
            turns.append(now)
        last = now
thread = threading.Thread(target=run)
thread.start()
sys.setswitchinterval(1e-4)
working.set()
d.clear()
working.clear()
enough.set()
thread.join()
print(len(turns) > 4)
"""


def test_a_fork_that_imported_livedirs_keeps_no_long_call_from_letting_others_run():
    assert told_by(IMPORTED_BY_A_FORK) == "True\n"
