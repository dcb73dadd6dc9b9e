"""sqlite3, in memory, with triggers that maintain the results. No Python function is called."""

import sqlite3
from collections.abc import Sequence
from itertools import pairwise

from peers.base import Library, Looped
from shapes import LINKS, OUTPUTS, READERS, Answer, Rows, Shape, Work, named
from tables import Sqlite


class Tables:
    """`tables`, as first.py has it: each result is read by a SELECT of its own."""

    journal = "OFF"

    def __init__(self, shape: Shape, rows: Rows) -> None:
        self.database = Sqlite(rows, self.journal)
        self.singles = self.database.autocommit
        self.close = self.database.close

    def batches(self, work: Sequence[Work]) -> int:
        bulk = self.database.bulk
        for transaction in work:
            bulk(transaction)
        return 0

    def answer(self) -> Answer:
        doubled, totals = self.database.answer()
        return {"doubled": doubled, "totals": totals}


class Journalled(Tables):
    journal = "MEMORY"


class Triggered(Looped):
    """The settings of `tables.Sqlite`, and what its triggers write into."""

    schema: str
    result: str  # the table that is read, and is the answer

    def __init__(self, shape: Shape, rows: Rows) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.executescript(
            f"""
            PRAGMA journal_mode = OFF;
            PRAGMA synchronous = OFF;
            PRAGMA locking_mode = EXCLUSIVE;
            PRAGMA temp_store = MEMORY;
            CREATE TABLE input (key INTEGER PRIMARY KEY, value INTEGER);
            CREATE TABLE {self.result} (key INTEGER PRIMARY KEY, value INTEGER);
            """
        )
        self.connection.execute("BEGIN")
        self.prepare(rows)
        self.connection.executescript(self.schema)
        self.connection.execute("BEGIN")
        self.connection.executemany("INSERT INTO input VALUES (?, ?)", rows.items())
        self.connection.execute("COMMIT")
        self.update = self.connection.cursor().execute
        self.select = self.connection.cursor().execute

    def prepare(self, rows: Rows) -> None:
        """Rows that are there before the first trigger fires."""

    def write(self, key: int, value: int) -> None:
        self.update("UPDATE input SET value = ? WHERE key = ?", (value, key))

    def batches(self, work: Sequence[Work]) -> int:
        execute, executemany = self.connection.execute, self.connection.executemany
        for transaction in work:
            execute("BEGIN")
            executemany("UPDATE input SET value = ?2 WHERE key = ?1", transaction)
            execute("COMMIT")
        return 0

    def read(self, key: int) -> int:
        (value,) = self.select(f"SELECT value FROM {self.result} WHERE key = ?", (self.row(key),)).fetchone()
        return int(value)

    def row(self, key: int) -> int:
        return key

    def answer(self) -> Answer:
        return {
            self.result: dict(self.connection.execute(f"SELECT key, value FROM {self.result}").fetchall())
        }

    def close(self) -> None:
        self.connection.close()


class FanOut(Triggered):
    result = "spread"
    schema = """
        CREATE TRIGGER inserted AFTER INSERT ON input BEGIN UPDATE spread SET value = new.value + key; END;
        CREATE TRIGGER updated AFTER UPDATE OF value ON input BEGIN
            UPDATE spread SET value = new.value + key;
        END;
    """

    def prepare(self, rows: Rows) -> None:
        self.connection.executemany("INSERT INTO spread VALUES (?, 0)", ((n,) for n in range(OUTPUTS)))

    def row(self, key: int) -> int:
        return OUTPUTS - 1


class FanIn(Triggered):
    result = "total"
    schema = """
        CREATE TRIGGER inserted AFTER INSERT ON input BEGIN UPDATE total SET value = value + new.value; END;
        CREATE TRIGGER updated AFTER UPDATE OF value ON input BEGIN
            UPDATE total SET value = value + new.value - old.value;
        END;
    """

    def prepare(self, rows: Rows) -> None:
        self.connection.execute("INSERT INTO total VALUES (0, 0)")

    def row(self, key: int) -> int:
        return 0


class Chain(Triggered):
    """A table and its triggers for each link."""

    result = "last"
    names = ("input", *(f"link_{link}" for link in range(1, LINKS)), "last")
    schema = "".join(
        f"""
        CREATE TABLE IF NOT EXISTS {after} (key INTEGER PRIMARY KEY, value INTEGER);
        CREATE TRIGGER {before}_inserted AFTER INSERT ON {before} BEGIN
            INSERT INTO {after} VALUES (new.key, new.value + 1);
        END;
        CREATE TRIGGER {before}_updated AFTER UPDATE OF value ON {before} BEGIN
            UPDATE {after} SET value = new.value + 1 WHERE key = new.key;
        END;
        """
        for before, after in pairwise(names)
    )


class Join(Triggered):
    result = "joined"
    schema = """
        CREATE INDEX names_of ON names (name);
        CREATE TRIGGER inserted AFTER INSERT ON input BEGIN
            INSERT INTO joined SELECT key, new.value + 1 FROM names WHERE name = new.key;
        END;
        CREATE TRIGGER updated AFTER UPDATE OF value ON input BEGIN
            UPDATE joined SET value = new.value + 1 WHERE key IN (SELECT key FROM names WHERE name = new.key);
        END;
    """

    def prepare(self, rows: Rows) -> None:
        self.connection.execute("CREATE TABLE names (key INTEGER PRIMARY KEY, name INTEGER)")
        lefts = ((left, named(left, len(rows))) for left in range(READERS * len(rows)))
        self.connection.executemany("INSERT INTO names VALUES (?, ?)", lefts)


SQLITE = Library(
    "sqlite3",
    "in memory, with no journal, so it can't roll back; triggers in SQL, no Python functions",
    {
        "tables": Tables,
        "values": Tables,
        "fan_out": FanOut,
        "fan_in": FanIn,
        "chain": Chain,
        "join": Join,
    },
)

JOURNALLED = Library(
    "sqlite3, journal",
    "the same with the journal that it has by default, so it can roll back",
    {"tables": Journalled, "values": Journalled},
)
