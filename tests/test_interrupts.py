"""KeyboardInterrupt in the middle of a cascade, or elsewhere: the store is whole then, and no block open."""

import logging
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from livedirs import Store
from support import in_thread, make

TIMES = 200

WORKER = """
import itertools, sys
from livedirs import Store, Sum

store = Store()
d = store.mkdir("/d/", {n: n for n in range(40)})
doubled = d.map("/doubled/", lambda key, values: [(key, values[0] * 2)])

def halve(key, values):
    store.mkdir(f"/by/{key}/")
    return [(key, values[0] / 2)]

halves = doubled.map("/halves/", halve)
sums = halves.map_reduce("/sums/", lambda key, values: [(key % 3, values[0])], Sum())
squares = store.lazy("/squares/", lambda self, n: d[n] ** 2 + (self[n - 1] if n else 0))
reads = d.map("/reads/", lambda key, values: [(key, squares[key])])
told = {}
subscription = d.subscribe(lambda changes: told.update(changes.entries))
cursor = d.cursor(since=store.tick)
mirror = dict(d.entries())
committed = 0

def work():
    global committed
    for n in itertools.count(committed + 1):
        with store.update():
            d.update({key: key + n for key in range(40)})
            store.mkdir("/more/", {n: n}, exist_ok=True)
            if n % 3 == 0:
                store.remove_dir("/more/")
        committed = n

def check():
    # All of one transaction: the last that is known of, or the one that was interrupted after its commit.
    shift = d[0]
    assert shift in (committed, committed + 1), (shift, committed)
    assert dict(d) == {key: key + shift for key in range(40)}
    assert dict(halves) == {key: float(key + shift) for key in range(40)}
    assert dict(sums) == {n: sum(float(key + shift) for key in range(n, 40, 3)) for n in range(3)}
    assert {name for name in store if name.startswith("/by/")} == {f"/by/{key}/" for key in range(40)}
    assert [reads[key] for key in (0, 39)] == [shift**2, sum((key + shift) ** 2 for key in range(40))]
    changes = cursor.poll()
    if changes is not None:
        mirror.update(changes.entries)
    assert mirror == dict(d.entries())
    store._check_invariants()
    stats = store.stats()
    assert (stats.queued, stats.cursors, stats.dir_tombstones, stats.key_tombstones) == (0, 1, 0, 0), stats

interrupts = during = 0
while interrupts < int(sys.argv[1]):
    try:
        print("go", flush=True)
        work()
    except KeyboardInterrupt as error:
        interrupts += 1
        during += any("while computing" in note for note in getattr(error, "__notes__", []))
    committed += d[0] != committed
    check()
    committed = d[0]
cursor.close()
subscription.close()
print("done", interrupts, during, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no signals to other processes there")
def test_a_store_is_whole_after_each_of_200_interrupts_in_the_middle_of_cascades():
    dice = random.Random(4)
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(TIMES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with worker:
        said = ""
        for said in worker.stdout:
            if said != "go\n":
                break
            time.sleep(dice.random() / 100)
            worker.send_signal(signal.SIGINT)
        errors = worker.stderr.read()
    assert worker.returncode == 0, errors
    assert errors == ""
    done, interrupts, during = said.split()
    assert (done, int(interrupts)) == ("done", TIMES)
    # Most of them met with a mapper at work.
    assert int(during) > TIMES // 10


@pytest.mark.skipif(sys.platform == "win32", reason="no timer there")
def test_no_block_stays_open_where_an_interrupt_comes_before_its_first_statement():
    """Python 3.14 looks for signals after `__enter__`, where `with` does not yet call `__exit__`."""
    store = Store()
    d = store.mkdir("/d/", {1: 0})

    def interrupt(*_):
        raise KeyboardInterrupt

    def work():
        while True:
            with store.update():
                d[1] += 1

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(TIMES):
            with pytest.raises(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, 0.0005)
                work()
            seen = d[1]
            with ThreadPoolExecutor(1) as other:
                assert other.submit(d.__getitem__, 1).result() == seen  # it sees what is committed alone
    finally:
        signal.signal(signal.SIGALRM, before)
    store._check_invariants()


# ---- in Python code that runs while a transaction begins or ends


class Stop(Exception): ...


def test_an_interrupt_that_comes_before_the_wait_for_a_turn_leaves_nobody_waiting_in_vain(monkeypatch):
    """What asks whether this is the main thread is Python code, in which one may come."""
    store, d, _ = make()
    opened, leave = threading.Event(), threading.Event()

    def hold():
        with store.update():
            opened.set()
            assert leave.wait(60)

    def interrupted():
        monkeypatch.undo()
        raise KeyboardInterrupt

    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    assert opened.wait(60)
    monkeypatch.setattr(threading, "main_thread", interrupted)
    with pytest.raises(KeyboardInterrupt):
        d[1] = 10
    other = threading.Thread(target=d.__setitem__, args=(2, 20), daemon=True)
    other.start()
    time.sleep(0.05)
    leave.set()
    for thread in (holder, other):
        thread.join(10)
        assert not thread.is_alive(), "its turn never came"
    assert d == {1: 1, 2: 20}


def interrupted_by(interrupts, woken):
    """What wakes a task is Python code, in which interrupts may come."""

    def wake():
        if interrupts:
            raise interrupts.pop(0)
        woken.append(True)

    return wake


def write_in_a_block(d):
    with d.store.update():
        d[1] = 10


@pytest.mark.parametrize(
    "end",
    [
        lambda store, d, fork: d.__setitem__(1, 10),
        lambda store, d, fork: write_in_a_block(d),
        lambda store, d, fork: fork.merge(),
        lambda store, d, fork: store.close(),
        lambda store, d, fork: d.cursor().close(),
    ],
    ids=["write", "block", "merge", "close", "close of a cursor"],
)
def test_interrupts_while_tasks_are_woken_are_told_of_when_all_are_awake(end, monkeypatch):
    store, d, _ = make()
    fork = store.fork()
    fork["/d/"][1] = 10
    first, then, lost, woken = KeyboardInterrupt("first"), KeyboardInterrupt("then"), [], []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: lost.append(what.exc_value))
    cursors = [d.cursor(since=store.tick) for _ in range(3)]
    for cursor, interrupts in zip(cursors, [[], [first, then], []], strict=True):
        assert cursor._poll_or_call(interrupted_by(interrupts, woken)) is None
    with pytest.raises(KeyboardInterrupt, match="first"):
        end(store, d, fork)
    assert len(woken) == 3 and lost == [then]
    for cursor in cursors:
        cursor.close()


def test_an_interrupt_while_the_task_is_woken_whose_turn_it_is_leaves_it_its_turn():
    store, d, _ = make()
    woken = []
    with pytest.raises(KeyboardInterrupt):
        with store.update() as transaction:
            waiting = store.update()
            wake = interrupted_by([KeyboardInterrupt()], woken)
            assert in_thread(lambda: waiting._try_enter(wake, False)) is False
            transaction.rollback()
    assert woken == [True]
    d[1] = 10
    assert d[1] == 10


def test_an_interrupt_while_the_next_writer_of_a_fork_is_woken_is_raised_by_its_merge():
    store, d, _ = make()
    merging, woken = False, []
    wake = interrupted_by([KeyboardInterrupt()], woken)

    def mapper(key, values):
        # In the cascade of the merge, when the turn of the fork is held.
        if merging:
            assert in_thread(lambda: fork.update()._try_enter(wake, False)) is False
        return [(key, values[0])]

    out = d.map("/out/", mapper)
    fork = store.fork()
    fork["/d/"][1] = 10
    merging = True
    with pytest.raises(KeyboardInterrupt):
        fork.merge()
    assert woken == [True] and out[1] == 10


def test_an_interrupt_after_a_failed_write_has_its_error_as_context():
    store, d, _ = make()
    woken = []
    wake = interrupted_by([KeyboardInterrupt()], woken)

    def mapper(key, values):
        if values[0] == 10:
            assert in_thread(lambda: store.update()._try_enter(wake, False)) is False
            raise Stop
        return []

    d.map("/fails/", mapper)
    with pytest.raises(KeyboardInterrupt) as raised:
        d[1] = 10
    assert isinstance(raised.value.__context__, Stop)
    assert woken == [True] and d[1] == 1


def test_an_interrupt_while_a_failed_callback_is_logged_is_raised():
    class Interrupted(logging.Handler):
        def emit(self, record):
            raise KeyboardInterrupt

    store, d, _ = make()
    handler = Interrupted()
    logging.getLogger("livedirs").addHandler(handler)
    try:
        with d.subscribe(lambda changes: 1 / 0), pytest.raises(KeyboardInterrupt):
            d[1] = 10
    finally:
        logging.getLogger("livedirs").removeHandler(handler)
    assert d[1] == 10


def test_a_turn_that_a_closed_event_loop_does_not_take_is_the_next_ones(monkeypatch):
    store, d, _ = make()
    woken = []
    with store.update():
        for wake in (
            interrupted_by([RuntimeError("Event loop is closed")], woken),
            interrupted_by([], woken),
        ):
            assert in_thread(lambda wake=wake: store.update()._try_enter(wake, False)) is False
    assert woken == [True]


def test_a_task_whose_event_loop_is_closed_is_passed_over(monkeypatch):
    store, d, _ = make()
    lost, woken = [], []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: lost.append(what.exc_value))
    with d.cursor(since=store.tick) as gone, d.cursor(since=store.tick) as there:
        assert gone._poll_or_call(interrupted_by([RuntimeError("Event loop is closed")], woken)) is None
        assert there._poll_or_call(interrupted_by([], woken)) is None
        d[1] = 10
        assert woken == [True] and lost == []
