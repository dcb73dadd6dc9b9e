"""What several test files ask of a store."""

import re
import sys
import threading
from contextlib import contextmanager

from livedirs import Store, Sum

# Whether one thread at a time runs Python code.
HAS_GIL = getattr(sys, "_is_gil_enabled", lambda: True)()

# Has each object of Python be an allocation of its own. Without a GIL, Python knows no allocator but its own.
EACH_OBJECT_ALLOCATED = {"PYTHONMALLOC": "malloc"} if HAS_GIL else {}

FIGURES = (
    "dirs dir_tombstones key_tombstones oldest_tombstone keys dependencies queued lazy_keys names cursors "
    "snapshots forks capacity"
).split()


def figures(store):
    """The counts that are equal before and after work that cancels itself out."""
    stats = store.stats()
    return {name: getattr(stats, name) for name in FIGURES}


def contents(store):
    """Everything that a reader of the store or of a snapshot sees, but for what a lazy directory would."""
    return {str(name): list(store[name].entries()) for name in store if store[name].kind != "lazy"}


def state(store):
    """Contents (values by identity), counts and clock."""
    rows = {
        name: [(repr(key), tuple(map(id, values))) for key, values in entries]
        for name, entries in contents(store).items()
    }
    kinds = {name: (store[name].kind, store[name].created) for name in store}
    return rows, kinds, figures(store), store.tick


@contextmanager
def unchanged(store):
    """The block leaves the store as it was, and the store still works."""
    before = state(store)
    yield
    assert state(store) == before
    probe = store.mkdir("/still-works/", {1: 2})
    assert probe == {1: 2}
    store.remove_dir("/still-works/")
    assert state(store)[:3] == before[:3]


def merged(fork, store):
    """Merges, with rebase where the store has moved, and both hold the same."""
    commit = fork.merge(rebase=store.tick != fork.base)
    assert contents(fork) == contents(store)
    assert fork.base == store.tick == commit.tick
    assert store.stats().queued == fork.stats().queued == 0
    return commit


def label(x):
    """The id of a parameter: its str, without addresses, so that ids are the same in every run."""
    return re.sub(" at 0x[0-9a-f]+", "", ascii(x) if isinstance(x, str) else str(x))


def summed():
    """A store with an input of two keys, and their sum."""
    store = Store()
    d = store.mkdir("/d/", {1: 1, 2: 2})
    total = d.map_reduce("/total/", lambda key, values: [(0, values[0])], Sum())
    return store, d, total


def make():
    """A store with a directory and what is derived from it."""
    store = Store()
    d = store.mkdir("/d/", {1: 1, 2: 2})
    return store, d, d.map("/doubled/", lambda key, values: [(key, values[0] * 2)])


def in_thread(fn):
    """What the function gives or raises on a thread of its own."""
    outcome = []

    def run():
        try:
            outcome.append(fn())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "the other thread hangs"
    return outcome[0]


@contextmanager
def meanwhile(run, over, interval=None):
    """The block beside a thread that runs this until the event says that it is over."""
    before = sys.getswitchinterval()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        if interval is not None:
            sys.setswitchinterval(interval)
        yield
    finally:
        sys.setswitchinterval(before)
        over.set()
        thread.join(60)


class Stepped:
    """An iterator over rows that are gone, and a thread in a step of it, which waits in a destructor."""

    def __init__(self):
        self.inside, self.go_on = threading.Event(), threading.Event()
        self.got = []
        self.thread = threading.Thread(target=self.step, daemon=True)
        self.thread.start()
        assert self.inside.wait(60)

    def step(self):
        stepped = self

        class Value:
            armed = False

            def __del__(self):
                if Value.armed and not stepped.inside.is_set():
                    stepped.inside.set()
                    assert stepped.go_on.wait(60)

        # Here, since without a GIL an object goes on the thread that made it.
        d = Store().mkdir("/d/", {n: Value() for n in range(3_000)})
        self.steps = iter(d)
        self.got.append(next(self.steps))
        d.clear()
        Value.armed = True
        self.got.extend(self.steps)

    def end(self):
        self.go_on.set()
        self.thread.join(60)
