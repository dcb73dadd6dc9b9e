"""livedirs: a directory for each result; list-building mappers, or `map_values` and `group_by`."""

from collections.abc import Sequence

from livedirs import Directory, InputDirectory, Store, Sum
from peers.base import Library, Looped
from shapes import (
    GROUPS,
    LINKS,
    OUTPUTS,
    READERS,
    Answer,
    Pairs,
    Rows,
    Shape,
    Work,
    group_of,
    named,
    plus_one,
    spread,
    to_one,
    twice,
)
from tables import LiveDirs


class Tables:
    """`tables`, as first.py has it."""

    def __init__(self, shape: Shape, rows: Rows) -> None:
        self.directories = LiveDirs(rows)
        self.singles = self.directories.autocommit
        self.close = self.directories.close

    def batches(self, work: Sequence[Work]) -> int:
        update = self.directories.input.update
        for transaction in work:
            update(transaction)
        return 0

    def answer(self) -> Answer:
        doubled, totals = self.directories.answer()
        return {"doubled": doubled, "totals": totals}


class Written(Looped):
    """One input directory; `results` are what the answer gives."""

    def __init__(self, shape: Shape, rows: Rows) -> None:
        self.store = Store()
        self.input: InputDirectory[int, int] = self.store.mkdir("/input/", rows)
        self.results: dict[str, Directory[int, int]] = {}

    def write(self, key: int, value: int) -> None:
        self.input[key] = value

    def batches(self, work: Sequence[Work]) -> int:
        update = self.input.update
        for transaction in work:
            update(transaction)
        return 0

    def answer(self) -> Answer:
        return {name: dict(result.items()) for name, result in self.results.items()}

    def close(self) -> None:
        self.store.close()


class Values(Written):
    def __init__(self, shape: Shape, rows: Rows) -> None:
        super().__init__(shape, rows)
        self.doubled: Directory[int, int] = self.input.map_values("/doubled/", twice)
        self.totals: Directory[int, int] = self.input.group_by("/totals/", group_of, Sum())
        self.results = {"doubled": self.doubled, "totals": self.totals}

    def read(self, key: int) -> int:
        return self.doubled[key] + self.totals[key % GROUPS]


class FanOut(Written):
    def __init__(self, shape: Shape, rows: Rows) -> None:
        super().__init__(shape, rows)
        self.spread: Directory[int, int] = self.input.map("/spread/", spread)
        self.results = {"spread": self.spread}

    def read(self, key: int) -> int:
        return self.spread[OUTPUTS - 1]


class FanIn(Written):
    def __init__(self, shape: Shape, rows: Rows) -> None:
        super().__init__(shape, rows)
        self.total: Directory[int, int] = self.input.map_reduce("/total/", to_one, Sum())
        self.results = {"total": self.total}

    def read(self, key: int) -> int:
        return self.total[0]


class Chain(Written):
    def __init__(self, shape: Shape, rows: Rows) -> None:
        super().__init__(shape, rows)
        last: Directory[int, int] = self.input
        for link in range(LINKS):
            last = last.map(f"/link/{link}/", plus_one)
        self.last = last
        self.results = {"last": last}

    def read(self, key: int) -> int:
        return self.last[key]


class Join(Written):
    def __init__(self, shape: Shape, rows: Rows) -> None:
        super().__init__(shape, rows)
        keys, named_rows = len(rows), self.input
        left: InputDirectory[int, int] = self.store.mkdir(
            "/left/", {row: named(row, keys) for row in range(READERS * keys)}
        )

        def look_up(row: int, names: tuple[int, ...]) -> Pairs:
            return [(row, named_rows[name] + 1) for name in names]  # each read is a dependency

        self.joined: Directory[int, int] = left.map("/joined/", look_up)
        self.results = {"joined": self.joined}

    def read(self, key: int) -> int:
        return self.joined[key]


OURS = Library(
    "livedirs",
    "directories; Python functions as mappers",
    {
        "tables": Tables,
        "values": Values,
        "fan_out": FanOut,
        "fan_in": FanIn,
        "chain": Chain,
        "join": Join,
    },
)
