"""Cursors that are polled, expire and are dropped; subscriptions; callbacks; snapshots."""

import asyncio
import threading

from livedirs import DirName
from ways._way import way


@way
def cursors_polled(store):
    d = store.mkdir("/d/", {1: 1})

    def a_round(n):
        with d.cursor() as cursor:
            assert cursor.poll().reset
            d[n] = n
            assert n in cursor.wait().entries
            d.discard(n)
            assert cursor.poll().entries[n] == ()
            assert cursor.poll() is None
        d[1] = n

    return a_round


@way
def cursors_of_the_store(store):
    def a_round(n):
        name = DirName("/made/") / n
        with store.cursor(since=store.tick) as cursor:
            store.mkdir(name)
            assert cursor.poll().changed == {name}
            store.remove_dir(name)
            assert cursor.poll().removed == {name}

    return a_round


@way
def cursors_that_lag(store):
    d = store.mkdir("/d/", {1: 1})

    def a_round(n):
        cursors = [d.cursor(since=store.tick) for _ in range(3)]
        cursors.append(store.cursor(since=store.tick))
        d[n + 2] = n
        del d[n + 2]
        d[n + 2] = n
        store.mkdir("/made/")
        store.remove_dir("/made/")
        cursors[1].poll()
        del d[n + 2]
        for cursor in cursors:
            cursor.close()

    return a_round


@way(max_lag=3)
def cursors_that_expire(store):
    d = store.mkdir("/d/", {1: 1})

    def a_round(n):
        with d.cursor(since=store.tick) as cursor:
            d[n + 2] = n
            cursor.poll()
            del d[n + 2]
            for i in range(6):
                d[1] = n + i
            assert cursor.expired
            assert cursor.poll().reset

    return a_round


@way
def cursors_dropped(store):
    d = store.mkdir("/d/", {1: 1})

    def a_round(n):
        cursor = d.cursor(since=store.tick)
        d[n + 2] = n
        cursor.poll()
        del d[n + 2]
        del cursor
        d[1] = n

    return a_round


@way
def cursors_dropped_in_cycles(store):
    d = store.mkdir("/d/", {1: 1})

    def a_round(n):
        cycle = [d.cursor(since=store.tick)]
        cycle.append(cycle)
        d[1] = n

    return a_round


@way
def cursors_of_directories_that_go(store):
    keys = store.mkdir("/keys/")
    keys.map("/maker/", lambda key, values: [(key, store.mkdir(DirName("/made/") / key, {key: 1}).name)])

    def a_round(n):
        keys[n] = n
        with store[DirName("/made/") / n].cursor() as cursor:
            cursor.poll()
            del keys[n]
            assert cursor.poll().removed

    return a_round


@way
def subscriptions(store):
    d, seen = store.mkdir("/d/", {1: 1}), []

    def a_round(n):
        subscriptions = [d.subscribe(seen.append), d.subscribe(lambda changes: seen.clear())]
        d[n + 2] = n
        del d[n + 2]
        for subscription in subscriptions:
            subscription.close()
        assert seen == []

    return a_round


@way
def callbacks(store):
    d = store.mkdir("/d/", {1: 1})

    def a_round(n):
        with store.update():
            store.on_commit(lambda: d.update({1: -n}))
            d[1] = n
        assert d[1] == -n

    return a_round


@way
def changes_without_a_cursor(store):
    d = store.mkdir("/d/", {1: 1})

    def a_round(n):
        since = store.tick
        d[n + 2] = n
        del d[n + 2]
        assert len(d.changes(since).entries) < 3
        assert store.changes(since).removed == frozenset()

    return a_round


@way(history=5)
def history(store):
    d = store.mkdir("/d/", {1: 1})
    for n in range(5):
        store.mkdir(f"/warm{n}/")

    def a_round(n):
        since = store.tick
        d[n + 2] = n
        store.mkdir(DirName("/made/") / n)
        store.remove_dir(DirName("/made/") / n)
        del d[n + 2]
        assert not d.changes(since).reset

    return a_round


@way
def snapshots(store):
    d = store.mkdir("/d/", {1: 1})

    def a_round(n):
        with store.snapshot() as kept:
            d[n + 2] = n
            dropped = store.snapshot()
            del d[n + 2]
            assert (len(kept["/d/"]), len(dropped["/d/"])) == (1, 2)
            d[1] = n
        assert dropped["/d/"][n + 2] == n

    return a_round


@way
def tasks(store):
    d, loop = store.mkdir("/d/", {1: 1}), asyncio.new_event_loop()

    async def write(n):
        async with store.update():
            await asyncio.sleep(0)
            d[n + 2] = n

    async def follow(n):
        with d.cursor(since=store.tick) as cursor:
            writer = asyncio.ensure_future(write(n))
            async for changes in cursor:
                assert n + 2 in changes.entries
                break
            await writer

    def a_round(n):
        if n % 5 == 0:
            loop.run_until_complete(follow(n))
            del d[n + 2]

    return a_round


@way
def threads(store):
    d = store.mkdir("/d/", {1: 1})

    def work(n):
        with store.update():
            d[n + 2] = n
        dropped.append(d.cursor(since=store.tick))

    dropped = []

    def a_round(n):
        if n % 10 == 0:
            with store.update():
                d[1] = n
                thread = threading.Thread(target=work, args=(n,))
                thread.start()
            thread.join()
            del d[n + 2]
            dropped.clear()
            d[1] = n + 1

    return a_round
