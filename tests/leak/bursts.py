"""Has 20,000 of a thing at once, all of which go; prints how many bytes that left in use.

Run as: python bursts.py <burst>, with the environment of rounds.py. What a few left is there before, and the
transaction after each burst is the same, so all that is left is room for many that nobody needs.
"""

import contextlib
import ctypes
import gc
import sys
import threading

from livedirs import Store, Sum

FEW, MANY = 20, 20_000


def commit(d):
    d[1] = -d[1]


def cursors(store, d, n):
    for cursor in [d.cursor() for _ in range(n)]:
        cursor.close()


def cursors_of_the_store(store, d, n):
    for cursor in [store.cursor() for _ in range(n)]:
        cursor.close()


def cursors_of_a_directory_each(store, d, n):
    with store.update():
        dirs = [store.mkdir(f"/dirs/{i}/") for i in range(n)]
    opened = [directory.cursor() for directory in dirs]
    with store.update():
        for directory in dirs:
            store.remove_dir(directory.name)
    for cursor in opened:
        cursor.poll()
        cursor.close()


def cursors_dropped_in_cycles(store, d, n):
    for _ in range(n):
        cycle = [d.cursor()]
        cycle.append(cycle)


def subscriptions(store, d, n):
    subscribed = [d.subscribe(lambda changes: None) for _ in range(n)]
    commit(d)
    for subscription in subscribed:
        subscription.close()


def cursors_that_wait(store, d, n):
    """As tasks do. (Each of a directory: asyncio itself keeps room for all tasks that there were.)"""
    with store.update():
        dirs = [store.mkdir(f"/dirs/{i}/") for i in range(n)]
    opened = [directory.cursor() for directory in dirs]
    for cursor in opened:
        cursor.poll()
        assert cursor._poll_or_call(lambda: None) is None
    with store.update():
        for directory in dirs:
            directory[1] = 1
    with store.update():
        for directory in dirs:
            store.remove_dir(directory.name)
    for cursor in opened:
        cursor.close()


def snapshots(store, d, n):
    for snapshot in [store.snapshot() for _ in range(n)]:
        snapshot.close()


def forks(store, d, n):
    for fork in [store.fork() for _ in range(n)]:
        fork.discard()


def directories(store, d, n):
    with store.update():
        for i in range(n):
            store.mkdir(f"/dirs/{i}/")
    with store.update():
        for i in range(n):
            store.remove_dir(f"/dirs/{i}/")


def rows(store, d, n):
    squares = d.map("/squares/", lambda key, values: [(key, values[0] ** 2)])
    d.map_reduce("/sums/", lambda key, values: [(key % 10, values[0])], Sum())
    d.update({i: i for i in range(2, n)})
    assert len(squares) == n - 1
    with store.update():
        for i in range(2, n):
            del d[i]
    store.remove_dir("/sums/")
    store.remove_dir("/squares/")


def lazy_values(store, d, n):
    lazy = store.lazy("/lazy/", lambda self, key: key)
    assert sum(lazy[i] for i in range(n)) == n * (n - 1) // 2
    store.remove_dir("/lazy/")


def savepoints(store, d, n):
    with contextlib.ExitStack() as blocks:
        for _ in range(n // 20):
            blocks.enter_context(store.update())
            commit(d)


def waits_for_the_turn(store, d, n):
    """As tasks do, in a line."""
    waiting = [(store.update(), lambda: None) for _ in range(n)]

    def stand_in_line():
        for transaction, wake in waiting:
            assert not transaction._try_enter(wake, False)

    with store.update():
        other = threading.Thread(target=stand_in_line)
        other.start()
        other.join()
        for transaction, wake in waiting:
            transaction._give_up(wake)


BURSTS = {
    burst.__name__: burst
    for burst in (
        cursors, cursors_of_the_store, cursors_of_a_directory_each, cursors_dropped_in_cycles, subscriptions,
        cursors_that_wait, snapshots, forks, directories, rows, lazy_values, savepoints,
        waits_for_the_turn,
    )
}  # fmt: skip


def main(burst):
    from rounds import in_use  # here, since it needs memray, which is not everywhere

    malloc_trim = ctypes.CDLL(None).malloc_trim
    store = Store()
    d = store.mkdir("/d/", {1: 1})

    def go(n):
        burst(store, d, n)
        gc.collect()
        commit(d)
        malloc_trim(0)  # what was freed a moment ago counts as in use until then
        return in_use()

    gc.disable()
    go(FEW)
    before = go(FEW)
    go(MANY)
    print(go(FEW) - before)


if __name__ == "__main__":
    main(BURSTS[sys.argv[1]])
