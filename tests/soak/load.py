"""What a soak adds to `test_stress.py`: code that fails, readers that lag, more kinds of directories."""

import contextlib
import threading
import time

from livedirs import DirNotFoundError, Store, Sum
from test_stress import DIRS, Mirror, rows_of

MAX_LAG = 20_000  # ticks: some of those that lag expire
POISON = -1  # a value that no commit may ever show


class Planned(Exception):
    """Raised by user code on purpose."""


class Touchy:
    """A value that raises where it is compared."""

    def __eq__(self, other):
        raise Planned("==")

    __hash__ = None


class Adding:
    """A reducer of the user's that fails where the poison comes."""

    initial = 0

    def add(self, acc, value):
        if value == POISON:
            raise Planned("add")
        return acc + value

    def remove(self, acc, value):
        return acc - value


def build():
    """The store of `test_stress.py`, and beside it what else there is."""
    store = Store(max_lag=MAX_LAG)
    entries = store.mkdir("/input/", {1: 1})
    entries.map_reduce("/sums/", lambda key, values: [("all", values[0])], Sum())
    entries.map("/each/", lambda key, values: store.mkdir(f"/by/{key}/", {key: values[0]}) and [(key, key)])

    fragile = store.mkdir("/fragile/", {n: n for n in range(20)})

    def mapper(key, values):
        if values[0] == POISON and key % 4 == 0:
            raise KeyboardInterrupt
        if values[0] == POISON and key % 4 == 1:
            raise Planned("mapper")
        return [(key % 3, values[0])]

    fragile.map("/grouped/", mapper)
    fragile.map_reduce("/folded/", lambda key, values: [(key % 5, values[0])], Adding())
    squares = store.lazy("/squares/", lambda self, key: fragile[key] ** 2 + (self[key - 1] if key else 0))
    fragile.map("/reads-lazy/", lambda key, values: [(key, squares[key])])
    before = fragile.previous()
    fragile.map("/steps/", lambda key, values: [(key, values[0] - before.get(key, 0))])

    def share(key, values):
        one = fragile.map(f"/shared/{values[0] % 3}/", doubled, shared=True)
        return [(key, len(one))]

    fragile.map("/sharing/", share)
    return store


def doubled(key, values):
    return [(key, values[0] * 2)]


class Count:
    """How often what happened."""

    def __init__(self):
        self.lock, self.counts = threading.Lock(), {}

    def __call__(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1


def fail(store, dice, until, count):
    """Transactions in which user code raises, in all places; and some in which it does not."""
    fragile = store["/fragile/"]
    while time.monotonic() < until:
        key = dice.randrange(20)
        try:
            match dice.randrange(7):
                case 0:
                    fragile[key] = dice.randrange(100)
                case 1:
                    fragile[key] = POISON
                case 2:
                    with store.update(timeout=60) as tx:
                        fragile[key] = 1
                        with contextlib.suppress(Planned), store.update():
                            fragile.update({n: POISON for n in range(20) if n % 4})
                            tx.cascade()
                        fragile[key] = 2
                case 3:
                    with store.update(timeout=60):
                        fragile[key] = Touchy()
                        fragile[key] = Touchy()
                case 4:
                    store.mkdir("/hooked/", on_create=raising)
                case 5:
                    with store.fork() as fork:
                        fork["/fragile/"][key] = POISON
                case 6:
                    store.on_commit(lambda: None)
                    fragile.map("/half/", lambda key, values: 1 / 0)
            count("transactions of those that fail that committed")
        except (Planned, KeyboardInterrupt, ZeroDivisionError, TypeError) as error:
            count(f"transactions undone by {type(error).__name__}")
        time.sleep(dice.random() / 100)


def raising(store):
    store.mkdir("/in-hook/")
    raise Planned("hook")


def look(store, dice, until, count):
    """Snapshots never show the poison, and all that is derived of a version fits it."""
    while time.monotonic() < until:
        with store.snapshot() as snapshot:
            rows = dict(snapshot["/fragile/"].items())
            assert POISON not in rows.values(), "a transaction that failed is seen"
            folded = {n: sum(v for k, v in rows.items() if k % 5 == n) for n in range(5)}
            assert dict(snapshot["/folded/"].items()) == folded
            assert dict(snapshot["/reads-lazy/"].items()) == squares_of(rows)
            shared = {f"/shared/{value % 3}/" for value in rows.values()}
            assert {str(name) for name in snapshot if name.startswith("/shared/")} == shared
            assert "/half/" not in snapshot and "/in-hook/" not in snapshot
        store["/squares/"].get(dice.randrange(20))
        count("snapshots checked")
        time.sleep(dice.random() / 50)


def squares_of(rows):
    total, squares = 0, {}
    for key in sorted(rows):
        total += rows[key] ** 2
        squares[key] = total
    return squares


def lag(store, dice, until, count):
    """Cursors that poll every few seconds, and pin tombstones meanwhile; some expire."""
    while time.monotonic() < until:
        with store.cursor(since=store.tick) as names, contextlib.ExitStack() as stack:
            mirrors = []
            for name in ["/input/", "/fragile/", *DIRS]:
                with contextlib.suppress(DirNotFoundError):
                    cursor = stack.enter_context(store[name].cursor())
                    mirrors.append((name, cursor, Mirror({})))
            end = min(until, time.monotonic() + 2 + 6 * dice.random())
            while time.monotonic() < end:
                time.sleep(0.1)
            changes = names.poll()
            expired = changes is not None and changes.reset
            count("readers that lagged and expired" if expired else "readers that lagged and were told all")
            with store.update(timeout=60):
                # Nobody else commits here: what is told is what is there.
                for name, cursor, mirror in mirrors:
                    changes = cursor.poll()
                    if changes is not None:
                        mirror.apply(changes)
                    assert mirror.rows == rows_of(store, name), f"a reader of {name} that lagged"
