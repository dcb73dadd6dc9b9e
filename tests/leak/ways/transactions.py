"""Transactions that commit, are rolled back, and have savepoints; forks."""

from contextlib import suppress

from livedirs import CapacityError, ConflictError, DirName, Sum
from ways._way import way


def busy(store):
    """A store with something of each, and what makes each of it come and go."""
    d = store.mkdir("/d/", {1: 1})
    d.group_by("/sum/", lambda key, value: value % 2, Sum())
    d.map("/maker/", lambda key, values: [(key, store.mkdir(DirName("/made/") / key, {1: values[0]}).name)])
    lazy = store.lazy("/lazy/", lambda self, key: d.get(key))

    def work(n):
        d[n + 2] = n
        d[1] = n
        store.mkdir(DirName("/new/") / n, {1: n})
        assert lazy[n + 2] == n

    def undo(n):
        del d[n + 2]
        store.remove_dir(DirName("/new/") / n)

    return work, undo


@way
def blocks(store):
    work, undo = busy(store)

    def a_round(n):
        with store.update() as tx:
            work(n)
            tx.cascade()
        assert tx.result.tick == store.tick
        with store.update():
            undo(n)

    return a_round


@way
def blocks_rolled_back(store):
    work, _ = busy(store)

    def a_round(n):
        with store.update() as tx:
            work(n)
            tx.rollback()
        with suppress(ZeroDivisionError), store.update() as tx:
            work(n)
            tx.cascade()
            raise ZeroDivisionError

    return a_round


@way
def savepoints(store):
    work, undo = busy(store)

    def a_round(n):
        with store.update() as tx:
            with store.update():
                work(n)
            with suppress(ZeroDivisionError), store.update():
                undo(n)
                tx.cascade()
                raise ZeroDivisionError
            with suppress(ZeroDivisionError), store.update():
                with store.update():
                    undo(n)
                raise ZeroDivisionError
            undo(n)

    return a_round


@way
def blocks_read_from_outside(store):
    work, undo = busy(store)

    def a_round(n):
        before = store.snapshot()
        with store.update():
            work(n)
            with store.snapshot() as last:
                assert list(last["/d/"]) == list(before["/d/"])
            undo(n)

    return a_round


@way(capacity="24K")
def transactions_that_pass_the_capacity(store):
    d = store.mkdir("/d/", {1: 1})
    many = dict.fromkeys(range(400), 1)

    def a_round(n):
        if n % 10 == 0:
            with suppress(CapacityError):
                d.update(many)
        d[n + 2] = n
        del d[n + 2]

    return a_round


@way
def forks_discarded(store):
    work, undo = busy(store)
    d = store["/d/"]

    def a_round(n):
        with store.fork() as fork:
            fork["/d/"][n + 2] = n
            fork.mkdir("/of-fork/", {n: n}).map_values("/derived/", str)
            with fork.fork() as of_fork:
                of_fork["/d/"].clear()
            d[1] = n
        dropped = store.fork()
        dropped["/d/"].clear()

    return a_round


@way
def forks_merged(store):
    busy(store)

    def a_round(n):
        with store.fork() as fork:
            fork["/d/"][n + 2] = n
            fork.mkdir("/of-fork/", {n: n}).map_values("/derived/", str)
            fork.merge()
        with store.fork() as fork:
            del fork["/d/"][n + 2]
            fork.remove_dir("/of-fork/", recursive=True)
            fork.merge()

    return a_round


@way
def forks_rebased(store):
    busy(store)
    d = store["/d/"]

    def a_round(n):
        with store.fork() as fork:
            fork["/d/"][n + 2] = n
            store.mkdir(DirName("/new/") / n)
            d[1] = n
            with suppress(ConflictError):
                fork.merge()
            fork.merge(rebase=True)
        del d[n + 2]
        store.remove_dir(DirName("/new/") / n)

    return a_round


@way
def one_fork_that_goes_on(store):
    busy(store)
    d = store["/d/"]
    fork = store.fork()
    theirs = fork["/d/"]

    def a_round(n):
        theirs[n + 2] = n
        fork.merge()
        del d[n + 2]
        fork.merge(rebase=True)

    return a_round
