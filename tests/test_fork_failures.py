"""A merge that fails leaves both sides as they were; merges by many threads lose nothing."""

import asyncio
import threading
import time

import pytest

from livedirs import (
    ClosedError,
    DirExistsError,
    NotConvergingError,
    Store,
    Sum,
    TransactionError,
)
from support import contents, merged, state, summed


class Boom(Exception): ...


# ---- what fails, fails as a whole


@pytest.mark.parametrize("where", ["rebase", "merge"])
def test_a_mapper_that_raises_leaves_both_sides_as_they_were_and_the_same_merge_then_succeeds(where):
    store, d, _ = summed()
    fork = store.fork()
    broken = []

    def fn(key, values):
        if broken and ((3 in fork["/d/"]) if where == "rebase" else key == 1):
            raise Boom(where)
        return [(key, values[0])]

    fork["/d/"].map("/bad/", fn)
    fork["/d/"][1] = 10
    if where == "rebase":
        d[3] = 30
    before = state(store), state(fork), fork.base
    broken.append(True)
    with pytest.raises(Boom, match=where) as raised:
        fork.merge(rebase=True)
    assert any("/bad/" in note for note in raised.value.__notes__)
    assert (state(store), state(fork), fork.base) == before
    broken.clear()
    merged(fork, store)
    assert store["/bad/"][1] == 10


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, SystemExit])
def test_an_interrupt_of_the_cascade_leaves_both_sides_as_they_were(error):
    store, d, _ = summed()
    fork = store.fork()
    armed = []

    def fn(key, values):
        if armed:
            raise error
        return [(key, 1)]

    fork["/d/"].map("/bad/", fn)
    d[3] = 30
    before = state(store), state(fork), fork.base
    armed.append(True)
    with pytest.raises(error):
        fork.merge(rebase=True)
    armed.clear()
    assert (state(store), state(fork), fork.base) == before
    merged(fork, store)


def test_names_that_mappers_of_both_sides_make_collide_as_in_any_cascade():
    store, d, _ = summed()
    fork = store.fork()
    d.map("/a/", lambda key, values: store.mkdir("/made/") and None, within=[(1, 1)])
    fork["/d/"].map("/b/", lambda key, values: store.mkdir("/made/") and None, within=[(2, 2)])
    before = state(store), state(fork), fork.base
    with pytest.raises(DirExistsError):
        fork.merge(rebase=True)
    assert (state(store), state(fork), fork.base) == before
    fork.remove_dir("/b/")
    merged(fork, store)


def test_mappers_that_do_not_converge_together_leave_both_sides_as_they_were():
    store = Store(max_rounds=30)
    d = store.mkdir("/d/", {0: 0})
    fork = store.fork()

    def reads(name):
        return lambda key, values: [(key, store[name].get(0, 0) + 1)] if name in store else None

    d.map("/a/", reads("/b/"))
    fork["/d/"].map("/b/", reads("/a/"))
    before = state(store), state(fork), fork.base
    with pytest.raises(NotConvergingError):
        fork.merge(rebase=True)
    assert (state(store), state(fork), fork.base) == before


def test_merging_inside_an_open_transaction_of_the_store_or_of_the_fork_is_a_transaction_error():
    store, d, _ = summed()
    fork = store.fork()
    fork["/d/"][1] = 10
    for side in store, fork:
        with side.update():
            for rebase in False, True:
                with pytest.raises(TransactionError):
                    fork.merge(rebase=rebase)
    assert d == {1: 1, 2: 2}


def test_a_merge_inside_a_callback_of_the_store_commits_at_once():
    store, d, _ = summed()
    fork = store.fork()
    fork["/d/"][5] = 5
    with store.update():
        d[1] = 10
        store.on_commit(lambda: fork.merge(rebase=True))
    assert d == {1: 10, 2: 2, 5: 5} and contents(fork) == contents(store)


def test_merging_after_the_store_is_closed_is_a_closed_error():
    store, *_ = summed()
    fork = store.fork()
    store.close()
    with pytest.raises(ClosedError):
        fork.merge(rebase=True)


# ---- threads


def test_merges_while_other_threads_write_to_both_sides_lose_nothing():
    store = Store()
    d = store.mkdir("/d/")
    total = d.map_reduce("/count/", lambda key, values: [(0, 1)], Sum())
    fork = store.fork()
    errors = []

    def write(side, label):
        try:
            for i in range(100):
                side["/d/"][label, i] = i
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=write, args=args) for args in ((store, "s"), (fork, "f"))]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        fork.merge(rebase=True)
    for thread in threads:
        thread.join()
    merged(fork, store)
    assert not errors
    assert set(d) == {(label, i) for label in "sf" for i in range(100)} and total == {0: 200}


def test_a_merge_waits_for_a_transaction_of_another_thread():
    store, d, _ = summed()
    fork = store.fork()
    fork["/d/"][1] = 10
    opened, go = threading.Event(), threading.Event()

    def hold():
        with store.update():
            d[2] = 20
            opened.set()
            go.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    opened.wait(10)
    merger = threading.Thread(target=lambda: fork.merge(rebase=True))
    merger.start()
    assert fork["/d/"] == {1: 10, 2: 2}
    go.set()
    holder.join()
    merger.join()
    assert d == {1: 10, 2: 20} and contents(fork) == contents(store)


@pytest.mark.parametrize("ends", ["store", "fork"])
def test_a_merge_that_waits_while_the_store_or_the_fork_is_closed_is_a_closed_error(ends):
    # Nothing tells that a thread waits. Where the machine is slow it is given longer.
    assert any(merge_waits_while_one_is_closed(ends, pause) for pause in (0.1, 1, 10))


def merge_waits_while_one_is_closed(ends, pause):
    """Whether it had not ended when the other side was closed."""
    store, d, _ = summed()
    fork = store.fork()
    fork["/d/"][1] = 10
    # The side that stays is held, so the merge waits for that.
    held, closed = (fork, store) if ends == "store" else (store, fork)
    began, told = threading.Event(), []

    def merge():
        began.set()
        with pytest.raises(ClosedError) as caught:
            fork.merge(rebase=True)
        told.append(str(caught.value))

    merger = threading.Thread(target=merge)
    with held.update():
        merger.start()
        assert began.wait(60)
        time.sleep(pause)  # it waits now
        closed.close()
        waits = told == []
    merger.join(60)
    assert len(told) == 1
    mine = held["/d/"]
    mine[2] = 20
    assert mine == {1: 10 if held is fork else 1, 2: 20}
    return waits


def test_forks_that_merge_by_many_threads_at_once_all_come_in():
    store = Store()
    d = store.mkdir("/d/")

    def work(label):
        with store.fork() as fork:
            for i in range(10):
                fork["/d/"][label, i] = i
                fork.merge(rebase=True)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(d) == 60 and store.stats().forks == 0


def test_one_merge_of_a_fork_at_a_time():
    store = Store()
    d = store.mkdir("/d/")
    fork = store.fork()
    errors = []

    def work(label):
        try:
            for i in range(20):
                fork["/d/"][label, i] = i
                fork.merge(rebase=True)
                fork["/d/"].discard((label, i - 1))
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    merged(fork, store)
    assert not errors
    assert set(d) == {(label, 19) for label in range(4)}


@pytest.mark.parametrize("moved", [False, True], ids=["not moved", "moved"])
@pytest.mark.parametrize("merges", [False, True], ids=["writes", "writes and merges"])
def test_who_has_the_turn_of_the_fork_right_after_a_merge_goes_on_from_what_was_merged(moved, merges):
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    waits, done, armed, errors = threading.Event(), threading.Event(), [], []

    class Loop(asyncio.SelectorEventLoop):
        """Who wakes a task, that is, the thread that merges, goes on when the task is done."""

        def call_soon_threadsafe(self, *args, **options):
            handle = super().call_soon_threadsafe(*args, **options)
            assert done.wait(60)
            return handle

    async def go_on():
        asyncio.get_running_loop().call_soon(waits.set)
        async with fork.update():
            fork["/d/"][2] = 20
        if merges:
            fork.merge(rebase=True)

    def run():
        loop = Loop()
        try:
            loop.run_until_complete(go_on())
        except BaseException as error:
            errors.append(error)
        finally:
            done.set()
            loop.close()

    def fn(key, values):
        if armed:
            armed.pop().start()
            assert waits.wait(60)
        return [(key, values[0])]

    d.map("/m/", fn)
    fork = store.fork()
    fork["/d/"][1] = 10
    if moved:
        d[3] = 30
    thread = threading.Thread(target=run)
    armed.append(thread)
    fork.merge(rebase=True)
    thread.join(60)
    assert errors == [] and done.is_set()
    assert fork.base == store.tick
    assert (2 in d) == merges
    merged(fork, store)
    assert d == {1: 10, 2: 20} | ({3: 30} if moved else {})
