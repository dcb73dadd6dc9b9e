"""KeyboardInterrupt in the middle of a cascade, or elsewhere: the store is whole then, and no block open."""

import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from livedirs import Store

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
