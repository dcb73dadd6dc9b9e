"""Writers, mirrors, forks and subscribers at once, for a while: at the end every mirror equals the store.

LIVEDIRS_STRESS=60 runs for 60 seconds instead of 5, each time with another seed (which is printed).
"""

import asyncio
import contextlib
import faulthandler
import os
import random
import sys
import threading
import time

import pytest

from livedirs import ClosedError, DirNotFoundError, Store, Sum
from support import figures

SECONDS = float(os.environ.get("LIVEDIRS_STRESS", "5"))
SEED = random.randrange(1 << 32) if "LIVEDIRS_STRESS" in os.environ else 4

DIRS = [f"/d/{n}/" for n in range(6)]  # they come and go
DONE = 10_000  # the key that the last transaction sets


class Undo(Exception): ...


# ---- mirrors


class Mirror:
    """A directory as a reader knows it; None while it is gone."""

    def __init__(self, rows=None):
        self.rows = rows
        self.resets = self.told = 0

    def apply(self, changes):
        self.told += 1
        self.resets += changes.reset
        if changes.removed:
            assert changes.reset and not changes.entries
            assert self.rows is not None, "told twice that the directory is gone"
            self.rows = None
            return
        if changes.reset:
            self.rows = {}
        for key, values in changes.entries.items():
            if values:
                self.rows[key] = values
            else:
                assert not changes.reset and key in self.rows, (
                    f"told of the removal of {key}, which was not there"
                )
                del self.rows[key]


class Names(set):
    """The names of a store as a reader knows them."""

    def apply(self, changes):
        if changes.reset:
            assert not changes.removed
            self.clear()
        assert changes.removed <= self, f"told of removals of what was not there: {changes.removed - self}"
        self.difference_update(changes.removed)
        self.update(changes.changed)


def differences(who, mirror, rows):
    """Lines that say where a mirror and the store differ."""
    if mirror is None or rows is None:
        return [] if mirror == rows else [f"{who}: the mirror is {mirror}, the store has {rows}"]
    keys = sorted(mirror.keys() | rows.keys())
    return [
        f"{who}[{key!r}]: the mirror has {mirror.get(key)}, the store has {rows.get(key)}"
        for key in keys
        if mirror.get(key) != rows.get(key)
    ]


def rows_of(store, name):
    return dict(store[name].entries()) if name in store else None


# ---- who writes


def write(store, dice, until):
    """Blocks, savepoints, rollbacks, single writes, and directories that come and go."""
    entries = store["/input/"]
    while time.monotonic() < until:
        name = dice.choice(DIRS)
        try:
            match dice.randrange(8):
                case 0:
                    entries[dice.randrange(50)] = dice.randrange(10)
                case 1:
                    entries.discard(dice.randrange(50))
                case 2:
                    store.mkdir(name, {key: key for key in range(dice.randrange(5))}, exist_ok=True)
                case 3:
                    store.remove_dir(name, missing_ok=True)
                case 4:
                    store[name].update({dice.randrange(10): dice.random() for _ in range(3)})
                case 5:
                    with store.update(timeout=60):
                        store[name].clear()
                        entries.update({dice.randrange(50): 1 for _ in range(5)})
                case 6:
                    # Another generation under the name, in one transaction.
                    with store.update(timeout=60) as tx:
                        store.remove_dir(name, missing_ok=True)
                        tx.cascade()
                        store.mkdir(name, {1: dice.random()})
                        with contextlib.suppress(Undo), store.update():
                            store.remove_dir(name)
                            raise Undo
                case 7:
                    with contextlib.suppress(Undo), store.update(timeout=60):
                        store.remove_dir(name, missing_ok=True)
                        entries.clear()
                        raise Undo
        except DirNotFoundError:
            pass  # the other writer, or a fork, removed it


def merge(store, dice, until):
    """Forks that write and merge while the store goes on."""
    n = 0
    while time.monotonic() < until:
        with store.fork() as fork:
            for _ in range(2):
                fork["/input/"][100 + dice.randrange(20)] = n
                fork.mkdir("/of-fork/", {1: n}, exist_ok=True)[1] = n
                fork.merge(rebase=True)
                n += 1
            fork.remove_dir("/of-fork/")
            fork.merge(rebase=True)
        time.sleep(dice.random() / 50)


# ---- who reads


def follow_with_threads(store, dice, found):
    """wait() on the store; poll() on each directory, with cursors that are closed and opened again."""
    names, cursors = Names(), {}
    with store.cursor() as of_store:
        while "/done/" not in names:
            changes = of_store.wait(timeout=0.01)
            if changes is not None:
                names.apply(changes)
            for name in names.intersection(DIRS) - cursors.keys():
                with contextlib.suppress(DirNotFoundError):
                    cursors[name] = store[name].cursor(), Mirror({})
            for name, (cursor, mirror) in list(cursors.items()):
                changes = cursor.poll()
                if changes is not None:
                    mirror.apply(changes)
                if dice.random() < 0.02:
                    cursor.close()
                    del cursors[name]
    for name, (cursor, mirror) in cursors.items():
        changes = cursor.poll()
        if changes is not None:
            mirror.apply(changes)
        cursor.close()
        found[f"poll() of {name}"] = name, mirror
    found["wait() of the store"] = None, names


def follow_by_iteration(store, name, found):
    """A cursor as an iterator, to the last transaction."""
    mirror = Mirror({})
    with store[name].cursor() as cursor:
        for changes in cursor:
            mirror.apply(changes)
            if DONE in mirror.rows:
                break
    found[f"iteration over {name}"] = name, mirror


def follow_with_tasks(store, dice, found):
    """`async for` over the store and over each directory, in tasks that are cancelled and begun again."""

    async def keep(cursor, mirror):
        async for changes in cursor:
            mirror.apply(changes)

    async def main():
        names, cursors, tasks = Names(), {}, {}
        with store.cursor() as of_store:
            async for changes in of_store:
                names.apply(changes)
                if "/done/" in names:
                    break
                for name in names.intersection(DIRS) - cursors.keys():
                    with contextlib.suppress(DirNotFoundError):
                        cursors[name] = store[name].cursor(), Mirror({})
                        tasks[name] = asyncio.create_task(keep(*cursors[name]))
                for name, task in tasks.items():
                    if task.done():
                        task.result()  # it never ends by itself
                    if dice.random() < 0.1:
                        await cancel(task)
                        tasks[name] = asyncio.create_task(keep(*cursors[name]))
        for task in tasks.values():
            await cancel(task)
        for name, (cursor, mirror) in cursors.items():
            # What a cancelled wait had not handed over is still there.
            changes = cursor.poll()
            if changes is not None:
                mirror.apply(changes)
            cursor.close()
            found[f"async for over {name}"] = name, mirror
        found["async for over the store"] = None, names

    async def cancel(task):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(main())


def come_and_go(store, dice, until):
    """Readers that stay for a moment, and snapshots that are whole."""
    while time.monotonic() < until:
        with store.snapshot() as snapshot:
            assert sum(snapshot["/input/"].values()) == snapshot["/sums/"].get("all", 0), "half a cascade"
            made = {name for name in snapshot if name.startswith("/by/")}
            assert made == {f"/by/{key}/" for key in snapshot["/input/"]}, "half a cascade"
            since = snapshot.tick
            with store["/input/"].cursor(since=since) as cursor:
                mirror = Mirror(dict(snapshot["/input/"].entries()))
                for _ in range(dice.randrange(3)):
                    changes = cursor.wait(timeout=0.01)
                    if changes is not None:
                        mirror.apply(changes)
        with contextlib.suppress(DirNotFoundError):
            store[dice.choice(DIRS)].cursor().close()


# ---- together


class Threads:
    """Threads whose exceptions are raised when they are joined."""

    def __init__(self):
        self.threads, self.errors = [], []

    def start(self, fn, *args):
        def run():
            try:
                fn(*args)
            except BaseException as error:
                self.errors.append(error)

        thread = threading.Thread(target=run, name=fn.__name__, daemon=True)
        self.threads.append(thread)
        thread.start()
        return thread

    def join(self, threads, seconds):
        end = time.monotonic() + seconds
        for thread in threads:
            while thread.is_alive() and not self.errors:
                thread.join(0.1)
                if time.monotonic() > end:
                    faulthandler.dump_traceback(sys.stderr)
                    pytest.fail(f"{thread.name} hangs")
        if self.errors:
            raise self.errors[0]


def test_every_mirror_equals_the_store_whatever_goes_on():
    print(f"seed {SEED}, {SECONDS} s")
    dice = random.Random(SEED)
    store = Store()
    entries = store.mkdir("/input/", {1: 1})
    entries.map_reduce("/sums/", lambda key, values: [("all", values[0])], Sum())
    entries.map("/each/", lambda key, values: store.mkdir(f"/by/{key}/", {key: values[0]}) and [(key, key)])
    subscribed = {name: Mirror(rows_of(store, name)) for name in ("/input/", "/sums/", "/each/")}
    subscriptions = [store[name].subscribe(mirror.apply) for name, mirror in subscribed.items()]

    threads, found, until = Threads(), {}, time.monotonic() + SECONDS
    readers = [
        threads.start(follow_with_threads, store, random.Random(dice.random()), found),
        threads.start(follow_with_tasks, store, random.Random(dice.random()), found),
        threads.start(follow_by_iteration, store, "/input/", found),
        threads.start(follow_by_iteration, store, "/each/", found),
    ]
    writers = [threads.start(write, store, random.Random(dice.random()), until) for _ in range(2)]
    writers += [threads.start(fn, store, random.Random(dice.random()), until) for fn in (merge, come_and_go)]
    threads.join(writers, SECONDS + 60)
    with store.update():
        entries[DONE] = 1
        store.mkdir("/done/")
    threads.join(readers, 60)

    found |= {f"subscriber of {name}": (name, mirror) for name, mirror in subscribed.items()}
    wrong = []
    for who, (name, mirror) in found.items():
        if name is None:
            wrong += [f"{who}: {name}" for name in mirror ^ {str(name) for name in store}]
        else:
            wrong += differences(who, mirror.rows, rows_of(store, name))
    assert not wrong, "\n".join([f"seed {SEED}", *wrong])
    assert store["/sums/"]["all"] == sum(entries.values())

    for subscription in subscriptions:
        subscription.close()
    stats = store.stats()
    expected = {"dir_tombstones": 0, "key_tombstones": 0, "oldest_tombstone": None, "queued": 0}
    expected |= {"cursors": 0, "snapshots": 0, "forks": 0, "lazy_keys": 0}
    assert {name: figures(store)[name] for name in expected} == expected
    assert (stats.dirs, stats.horizon) == (len(store), stats.tick)
    assert stats.keys == sum(len(store[name]) for name in store)
    # It was no walk in an empty park.
    assert stats.purged > 0 and store.tick > 50
    assert all(mirror.told > 0 for mirror in subscribed.values())
    print(f"tick {store.tick}, {stats.purged} tombstones purged, {len(found)} mirrors")
    store.close()
    with pytest.raises(ClosedError):
        store.cursor()
