"""Directories that come and go: a slice of three keys, made and removed.

From outside: `slice` and `remove_dir`. From a mapper: a key is written, whose mapper makes the slice, and
deleted, which removes it. If anything were left behind, the last ones of a store would be slower than its
first."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from statistics import median

from lab import Lab, Measured, Runs
from livedirs import InputDirectory
from measure import WrongAnswerError, seconds
from peers.process import Program
from tables import LiveDirs, Sqlite

BLOCK = 1_000  # slices that are timed together
EDGE = 3  # blocks at the beginning, and at the end, whose median counts
SKSTORE_BLOCK = 100
SKSTORE_AFTER = 2_000


def measure(lab: Lab) -> Iterator[Measured]:
    total, keys = lab.sizes.slices, lab.sizes.keys
    measured = Measured("churn", "make and remove a slice of 3 keys", "us/slice")
    rows = dict.fromkeys(range(keys), 1)
    first = f"livedirs, slices 1 to {EDGE * BLOCK:,}"
    last = f"livedirs, slices {total - EDGE * BLOCK + 1:,} to {total:,}"
    measured.reference = first

    def lows(size: int = BLOCK) -> list[int]:
        return [lab.dice.randrange(keys - 2) for _ in range(size)]

    def outside(number: int) -> dict[str, float]:
        tables = LiveDirs(rows)
        return blocks(tables, tables.slices, (first, last), total, lows)

    def inside(number: int) -> dict[str, float]:
        tables = LiveDirs(rows)
        those = f"of {total // 2:,}"
        names = (f"livedirs, in a mapper, the first {those}", f"livedirs, in a mapper, the last {those}")
        return blocks(tables, within_mapper(tables), names, total // 2, lows)

    runs: Runs = {
        "livedirs": outside,
        "livedirs, in a mapper": inside,
        "dict": lambda number: by_hand(rows, lows()),
        "sqlite3": lambda number: by_tables(rows, lows(200)),
    }
    skstore = next((peer for peer in lab.peers if peer.name == "SKStore" and isinstance(peer, Program)), None)
    if isinstance(skstore, Program):
        found = skstore

        def theirs(number: int) -> dict[str, float]:
            if number < 0:  # each store is a new process: there is nothing to warm up, and it takes long
                return {}
            return by_skstore(found, rows, lows(SKSTORE_AFTER + SKSTORE_BLOCK))

        runs["SKStore"] = theirs
    lab.alternate(measured, runs)
    measured.unable["dict + functions"] = "there is no function to call: see dict"
    yield lab.absent(measured, "its results are fixed when they are set up, or it has no slice of a table")


def blocks(
    tables: LiveDirs,
    work: Callable[[Sequence[int]], int],
    names: tuple[str, str],
    total: int,
    lows: Callable[[], list[int]],
) -> dict[str, float]:
    """The first blocks and the last of so many slices; nothing may stay of any."""
    before = tables.counts()
    spent = [seconds(work, lows())[0] / BLOCK * 1e6 for _ in range(total // BLOCK)]
    if tables.counts() != before:
        raise WrongAnswerError(f"livedirs: {total:,} slices left something: {before} -> {tables.counts()}")
    tables.close()
    return {names[0]: median(spent[:EDGE]), names[1]: median(spent[-EDGE:])}


def within_mapper(tables: LiveDirs) -> Callable[[Sequence[int]], int]:
    source = tables.input
    wanted: InputDirectory[int, int] = tables.store.mkdir("/wanted/")

    def make(key: int, lows: tuple[int, ...]) -> list[tuple[int, str]]:
        return [(key, source.slice("/slice/", low, low + 2).name) for low in lows]

    made = wanted.map("/made/", make)

    def work(lows: Sequence[int]) -> int:
        for low in lows:
            wanted[1] = low
            del wanted[1]
        return len(made)

    wanted[1] = 5  # what it makes is what it should
    if dict(tables.store["/slice/"].entries()) != dict.fromkeys((5, 6, 7), (1,)):
        raise WrongAnswerError("livedirs: a slice made by a mapper holds something else")
    del wanted[1]
    return work


def by_hand(rows: dict[int, int], lows: Sequence[int]) -> float:
    """Not kept up to date afterwards: what merely copying three rows takes."""
    slices: dict[str, dict[int, int]] = {}

    def work(lows: Sequence[int]) -> int:
        for low in lows:
            slices["/slice/"] = {key: rows[key] for key in range(low, low + 3)}
            del slices["/slice/"]
        return len(slices)

    return seconds(work, lows)[0] / len(lows) * 1e6


def by_tables(rows: dict[int, int], lows: Sequence[int]) -> float:
    """A table and the trigger that keeps it up to date."""
    database = Sqlite(rows)
    execute = database.connection.execute

    def work(lows: Sequence[int]) -> int:
        for low in lows:
            between = f"BETWEEN {low} AND {low + 2}"
            execute(f"CREATE TABLE slice AS SELECT * FROM input WHERE key {between}")
            execute(
                f"CREATE TRIGGER sliced AFTER UPDATE OF value ON input WHEN new.key {between} BEGIN "
                "UPDATE slice SET value = new.value WHERE key = new.key; END"
            )
            execute("DROP TRIGGER sliced")
            execute("DROP TABLE slice")
        return 0

    try:
        return seconds(work, lows)[0] / len(lows) * 1e6
    except sqlite3.Error as error:
        raise WrongAnswerError(f"sqlite3: {error}") from error
    finally:
        database.close()


def by_skstore(peer: Program, rows: dict[int, int], lows: Sequence[int]) -> dict[str, float]:
    """A resource with parameters, made and closed."""
    talk = peer.talk()
    try:
        talk.ask({"open": "tables", "rows": list(rows.items())})
        figures = {}
        for name, low, high in (
            (f"SKStore, 1st to {SKSTORE_BLOCK}th", 0, SKSTORE_BLOCK),
            ("", SKSTORE_BLOCK, SKSTORE_AFTER),
            (f"SKStore, after {SKSTORE_AFTER:,}", SKSTORE_AFTER, SKSTORE_AFTER + SKSTORE_BLOCK),
        ):
            done = talk.ask({"slices": list(lows[low:high])})
            if done["read"] != 3:
                raise WrongAnswerError(f"SKStore: a slice of three keys holds {done['read']}")
            if name:
                figures[name] = done["seconds"] / (high - low) * 1e6
        return figures
    finally:
        talk.end()
