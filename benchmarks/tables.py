"""The same three tables twice: as directories of livedirs, and as tables of sqlite3 with triggers.

    input    key -> value                       what is written
    doubled  key -> 2 * value                   a `map`
    totals   key % 100 -> sum of the values     a `map_reduce` with Sum

Each way to work on them is a method that takes prepared work and gives the sum of all that it read back, so
that a caller can time it from outside and see that all of them read the same.
"""

import sqlite3
from collections.abc import Mapping, Sequence

from livedirs import Directory, InputDirectory, Store, Sum

GROUPS = 100

Answer = tuple[dict[int, int], dict[int, int]]  # doubled, totals
Work = Sequence[tuple[int, int]]  # (key, its new value)


def from_scratch(rows: Mapping[int, int]) -> Answer:
    """What the tables must hold behind these rows."""
    totals: dict[int, int] = {}
    for key, value in rows.items():
        totals[key % GROUPS] = totals.get(key % GROUPS, 0) + value
    return {key: 2 * value for key, value in rows.items()}, totals


def double(key: int, values: tuple[int, ...]) -> list[tuple[int, int]]:
    return [(key, 2 * value) for value in values]


def group(key: int, values: tuple[int, ...]) -> list[tuple[int, int]]:
    return [(key % GROUPS, value) for value in values]


class LiveDirs:
    def __init__(self, rows: Mapping[int, int]) -> None:
        self.store = Store()
        self.input: InputDirectory[int, int] = self.store.mkdir("/input/", rows)
        self.doubled: Directory[int, int] = self.input.map("/doubled/", double)
        self.totals: Directory[int, int] = self.input.map_reduce("/totals/", group, Sum())

    def autocommit(self, work: Work) -> int:
        """One transaction for each key: a write outside any block."""
        values, doubled, totals = self.input, self.doubled, self.totals
        read = 0
        for key, value in work:
            values[key] = value
            read += doubled[key] + totals[key % GROUPS]
        return read

    def block(self, work: Work) -> int:
        """One transaction for each key: a block."""
        update, values, doubled, totals = self.store.update, self.input, self.doubled, self.totals
        read = 0
        for key, value in work:
            with update():
                values[key] = value
            read += doubled[key] + totals[key % GROUPS]
        return read

    def bulk(self, work: Work) -> int:
        """One transaction for all keys."""
        self.input.update(work)
        return 0

    def slices(self, lows: Sequence[int]) -> int:
        """A directory over three keys, made and removed, for each of `lows`."""
        cut, remove = self.input.slice, self.store.remove_dir
        for low in lows:
            cut("/slice/", low, low + 2)
            remove("/slice/")
        return 0

    def answer(self) -> Answer:
        return dict(self.doubled.items()), dict(self.totals.items())

    def counts(self) -> dict[str, int]:
        """What must be as before when work has cancelled itself out."""
        stats = self.store.stats()
        names = ("dirs", "dir_tombstones", "key_tombstones", "keys", "dependencies", "queued", "names")
        return {name: getattr(stats, name) for name in names}

    def close(self) -> None:
        self.store.close()


class Sqlite:
    """Tuned for this work, past what one would do in earnest.

    With journal_mode=OFF sqlite cannot roll back; by default it has a journal in memory (MEMORY). Tables
    with an INTEGER PRIMARY KEY are the fastest that it has (WITHOUT ROWID was slower); columns have no
    constraint to check, and the trigger fires for its one column only. Page and cache size made no
    difference.
    """

    def __init__(self, rows: Mapping[int, int], journal: str = "OFF") -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)  # autocommit
        self.connection.executescript(
            f"""
            PRAGMA journal_mode = {journal};
            PRAGMA synchronous = OFF;
            PRAGMA locking_mode = EXCLUSIVE;
            PRAGMA temp_store = MEMORY;
            CREATE TABLE input (key INTEGER PRIMARY KEY, value INTEGER);
            CREATE TABLE doubled (key INTEGER PRIMARY KEY, value INTEGER);
            CREATE TABLE totals (key INTEGER PRIMARY KEY, value INTEGER);
            CREATE TRIGGER inserted AFTER INSERT ON input BEGIN
                INSERT INTO doubled VALUES (new.key, 2 * new.value);
                INSERT INTO totals VALUES (new.key % {GROUPS}, new.value)
                    ON CONFLICT DO UPDATE SET value = value + new.value;
            END;
            CREATE TRIGGER updated AFTER UPDATE OF value ON input BEGIN
                UPDATE doubled SET value = 2 * new.value WHERE key = new.key;
                UPDATE totals SET value = value + new.value - old.value WHERE key = new.key % {GROUPS};
            END;
            """
        )
        self.connection.execute("BEGIN")
        self.connection.executemany("INSERT INTO input VALUES (?, ?)", rows.items())
        self.connection.execute("COMMIT")

    def autocommit(self, work: Work) -> int:
        """One transaction for each key, and two SELECTs. Python's sqlite3 keeps the statements prepared."""
        update, select, total = (self.connection.cursor().execute for _ in range(3))
        read = 0
        for key, value in work:
            update("UPDATE input SET value = ? WHERE key = ?", (value, key))
            (a,) = select("SELECT value FROM doubled WHERE key = ?", (key,)).fetchone()
            (b,) = total("SELECT value FROM totals WHERE key = ?", (key % GROUPS,)).fetchone()
            read += a + b
        return read

    def block(self, work: Work) -> int:
        """The same in a block for each key."""
        begin, update, commit, select, total = (self.connection.cursor().execute for _ in range(5))
        read = 0
        for key, value in work:
            begin("BEGIN")
            update("UPDATE input SET value = ? WHERE key = ?", (value, key))
            commit("COMMIT")
            (a,) = select("SELECT value FROM doubled WHERE key = ?", (key,)).fetchone()
            (b,) = total("SELECT value FROM totals WHERE key = ?", (key % GROUPS,)).fetchone()
            read += a + b
        return read

    def one_select(self, work: Work) -> int:
        """The same, both results read back by one SELECT."""
        update, select = (self.connection.cursor().execute for _ in range(2))
        both = "SELECT (SELECT value FROM doubled WHERE key = ?), (SELECT value FROM totals WHERE key = ?)"
        read = 0
        for key, value in work:
            update("UPDATE input SET value = ? WHERE key = ?", (value, key))
            a, b = select(both, (key, key % GROUPS)).fetchone()
            read += a + b
        return read

    def bulk(self, work: Work) -> int:
        """One transaction for all keys."""
        execute = self.connection.execute
        execute("BEGIN")
        self.connection.executemany("UPDATE input SET value = ?2 WHERE key = ?1", work)
        execute("COMMIT")
        return 0

    def answer(self) -> Answer:
        doubled = dict(self.connection.execute("SELECT key, value FROM doubled").fetchall())
        return doubled, dict(self.connection.execute("SELECT key, value FROM totals").fetchall())

    def close(self) -> None:
        self.connection.close()
