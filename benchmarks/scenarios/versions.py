"""Snapshot, fork and the empty transaction, by size; beside a copy of a dict, and sqlite3's BEGIN."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from time import perf_counter
from typing import TypeVar

from lab import Lab, Measured, Run, Runs, each
from livedirs import Fork, Snapshot
from tables import LiveDirs, Sqlite

TURNS = 1_000

T = TypeVar("T")


def measure(lab: Lab) -> Iterator[Measured]:
    sizes = lab.sizes.growth
    with ExitStack() as stack:
        stores = {}
        for size in sizes:
            stores[size] = LiveDirs(dict.fromkeys(range(size), 1))
            stack.callback(stores[size].close)
        databases = {}
        for size in (sizes[0], sizes[-1]):
            databases[size] = Sqlite(dict.fromkeys(range(size), 1))
            stack.callback(databases[size].close)

        def named(make: Callable[[LiveDirs], float]) -> Runs:
            return {f"livedirs, {size:,} keys": on(make, store) for size, store in stores.items()}

        copies: Runs = {
            f"dict, a copy of {size:,} keys": on(copy, dict.fromkeys(range(size), 1)) for size in sizes
        }
        begins: Runs = {
            f"sqlite3, BEGIN and COMMIT, {size:,} keys": on(begin_commit, database)
            for size, database in databases.items()
        }
        reference = f"livedirs, {sizes[0]:,} keys"
        for what, runs, why in (
            ("snapshot made", named(snapshots) | copies, "has no snapshot"),
            ("snapshot made and closed", named(snapshot_and_close), "has no snapshot"),
            ("fork made", named(forks), "has no fork"),
            ("fork made and discarded", named(fork_and_discard), "has no fork"),
            ("empty transaction", named(empty) | begins, "has no transaction that may be empty"),
        ):
            measured = Measured("versions", what, "us", reference=reference)
            yield lab.absent(lab.alternate(measured, runs), why)


def on(make: Callable[[T], float], table: T) -> Run:
    return lambda number: make(table)


def copy(rows: dict[int, int]) -> float:
    return each(max(1, 200_000 // len(rows)), rows.copy)


def snapshots(tables: LiveDirs) -> float:
    made: list[Snapshot] = []
    spent = each(TURNS, lambda: made.append(tables.store.snapshot()))
    for snapshot in made:
        snapshot.close()
    return spent


def snapshot_and_close(tables: LiveDirs) -> float:
    snapshot = tables.store.snapshot
    return each(TURNS, lambda: snapshot().close())


def forks(tables: LiveDirs) -> float:
    made: list[Fork] = []
    spent = each(TURNS, lambda: made.append(tables.store.fork()))
    for fork in made:
        fork.discard()
    return spent


def fork_and_discard(tables: LiveDirs) -> float:
    fork = tables.store.fork
    return each(TURNS, lambda: fork().discard())


def empty(tables: LiveDirs) -> float:
    update = tables.store.update
    begin = perf_counter()
    for _ in range(TURNS):
        with update():
            pass
    return (perf_counter() - begin) / TURNS * 1e6


def begin_commit(database: Sqlite) -> float:
    execute = database.connection.cursor().execute

    def step() -> None:
        execute("BEGIN")
        execute("COMMIT")

    return each(TURNS, step)
