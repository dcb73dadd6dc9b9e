"""incr-compute's collections: rows are (key, value); a write deletes the old row and inserts the new one.

A collection has no look-up by key, and the groups of its `group_by` stay empty in Python (0.1.0: `keys()`
gives [], and nothing that Python can reach brings them up to date). What reads keyed results is `reduce`
over all rows."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from peers.base import Absent, Library, Looped, Peer
from shapes import GROUPS, LINKS, Answer, Rows, Shape, Work, double, group, plus_one, to_one, twice

Row = tuple[int, int]


def by_group(rows: list[Row]) -> dict[int, int]:
    totals: dict[int, int] = {}
    for key, value in rows:
        for output, result in group(key, (value,)):
            totals[output] = totals.get(output, 0) + result
    return totals


def sums(rows: list[Row]) -> dict[int, int]:
    totals: dict[int, int] = {}
    for key, value in rows:
        totals[key] = totals.get(key, 0) + value
    return totals


class Rowed(Looped):
    """One collection of rows; a node for each result."""

    def __init__(self, shape: Shape, rows: Rows) -> None:
        from incr import Runtime

        self.runtime: Any = Runtime()
        self.rows: Any = self.runtime.create_collection()
        self.table = dict(rows)
        self.results = self.build()
        for row in rows.items():
            self.rows.insert(row)
        for node in self.results.values():
            self.runtime.get(node)

    @abstractmethod
    def build(self) -> dict[str, Any]: ...

    def write(self, key: int, value: int) -> None:
        self.rows.delete((key, self.table[key]))
        self.rows.insert((key, value))
        self.table[key] = value

    def batches(self, work: Sequence[Work]) -> int:
        for transaction in work:
            for key, value in transaction:
                self.write(key, value)
            for node in self.results.values():
                self.runtime.get(node)
        return 0

    def answer(self) -> Answer:
        return {name: dict(self.runtime.get(node)) for name, node in self.results.items()}


class Tables(Rowed):
    def build(self) -> dict[str, Any]:
        doubled = self.rows.map(lambda row: double(row[0], (row[1],))[0])
        return {"doubled": doubled.reduce(dict), "totals": self.rows.reduce(by_group)}

    def read(self, key: int) -> int:
        get, results = self.runtime.get, self.results
        return int(get(results["doubled"])[key] + get(results["totals"])[key % GROUPS])


class Values(Tables):
    def build(self) -> dict[str, Any]:
        doubled = self.rows.map(lambda row: (row[0], twice(row[1])))
        grouped = self.rows.map(lambda row: (row[0] % GROUPS, row[1]))
        return {"doubled": doubled.reduce(dict), "totals": grouped.reduce(sums)}


class FanIn(Rowed):
    def build(self) -> dict[str, Any]:
        return {"total": self.rows.map(lambda row: to_one(row[0], (row[1],))[0]).reduce(sums)}

    def read(self, key: int) -> int:
        return int(self.runtime.get(self.results["total"])[0])


class Chain(Rowed):
    def build(self) -> dict[str, Any]:
        last = self.rows
        for _ in range(LINKS):
            last = last.map(lambda row: plus_one(row[0], (row[1],))[0])
        return {"last": last.reduce(dict)}

    def read(self, key: int) -> int:
        return int(self.runtime.get(self.results["last"])[key])


def peer() -> Peer:
    name = "incr-compute, collections"
    try:
        import incr  # noqa: F401
    except ImportError as error:
        return Absent(name, f"not installed: {error}")
    return Library(
        name,
        "map and reduce over rows; results are read by a reduce over all",
        {"tables": Tables, "values": Values, "fan_in": FanIn, "chain": Chain},
        "no flat map (one row gives one row), and a join of it reads no rows by key",
    )
