"""Plain dicts, kept up to date by hand: the floor, in two heights.

`PLAIN` has the arithmetic written out beside each write. No library can be as fast; nothing of it is general.
`CALLING` calls the Python functions that the other contenders are given as mappers, once for each key that
changed, and remembers what each gave, since that is what a removal must take back.
"""

from collections.abc import Sequence

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
    double,
    group,
    named,
    plus_one,
    spread,
    to_one,
)


class Batched(Looped):
    """All at once is one after another: dicts have no transactions."""

    def batches(self, work: Sequence[Work]) -> int:
        write = self.write
        for transaction in work:
            for key, value in transaction:
                write(key, value)
        return 0


class PlainTables:
    def __init__(self, shape: Shape, rows: Rows) -> None:
        self.input = dict(rows)
        self.doubled = {key: 2 * value for key, value in rows.items()}
        self.totals = dict.fromkeys(range(GROUPS), 0)
        for key, value in rows.items():
            self.totals[key % GROUPS] += value

    def singles(self, work: Work) -> int:
        table, doubled, totals = self.input, self.doubled, self.totals
        read = 0
        for key, value in work:
            totals[key % GROUPS] += value - table[key]
            table[key] = value
            doubled[key] = 2 * value
            read += doubled[key] + totals[key % GROUPS]
        return read

    def batches(self, work: Sequence[Work]) -> int:
        table, doubled, totals = self.input, self.doubled, self.totals
        for transaction in work:
            for key, value in transaction:
                totals[key % GROUPS] += value - table[key]
                table[key] = value
                doubled[key] = 2 * value
        return 0

    def answer(self) -> Answer:
        return {"doubled": self.doubled, "totals": self.totals}

    def close(self) -> None:
        """Nothing to do."""


class CallingTables:
    def __init__(self, shape: Shape, rows: Rows) -> None:
        self.input = dict(rows)
        self.doubled: dict[int, int] = {}
        self.totals: dict[int, int] = {}
        self.gave: dict[int, Pairs] = {}
        for key, value in rows.items():
            for output, result in double(key, (value,)):
                self.doubled[output] = result
            self.gave[key] = pairs = group(key, (value,))
            for output, result in pairs:
                self.totals[output] = self.totals.get(output, 0) + result

    def singles(self, work: Work) -> int:
        table, doubled, totals, gave = self.input, self.doubled, self.totals, self.gave
        read = 0
        for key, value in work:
            table[key] = value
            for output, result in double(key, (value,)):
                doubled[output] = result
            before, gave[key] = gave[key], group(key, (value,))
            for output, result in before:
                totals[output] -= result
            for output, result in gave[key]:
                totals[output] += result
            read += doubled[key] + totals[key % GROUPS]
        return read

    def batches(self, work: Sequence[Work]) -> int:
        table, doubled, totals, gave = self.input, self.doubled, self.totals, self.gave
        for transaction in work:
            for key, value in transaction:
                table[key] = value
                for output, result in double(key, (value,)):
                    doubled[output] = result
                before, gave[key] = gave[key], group(key, (value,))
                for output, result in before:
                    totals[output] -= result
                for output, result in gave[key]:
                    totals[output] += result
        return 0

    def answer(self) -> Answer:
        return {"doubled": self.doubled, "totals": self.totals}

    def close(self) -> None:
        """Nothing to do."""


class PlainFanOut(Batched):
    def __init__(self, shape: Shape, rows: Rows) -> None:
        self.spread: dict[int, int] = {}
        self.write(0, rows[0])

    def write(self, key: int, value: int) -> None:
        self.spread.update({output: value + output for output in range(OUTPUTS)})

    def read(self, key: int) -> int:
        return self.spread[OUTPUTS - 1]

    def answer(self) -> Answer:
        return {"spread": self.spread}


class CallingFanOut(PlainFanOut):
    def write(self, key: int, value: int) -> None:
        self.spread.update(spread(key, (value,)))


class PlainFanIn(Batched):
    def __init__(self, shape: Shape, rows: Rows) -> None:
        self.input = dict(rows)
        self.total = sum(rows.values())

    def write(self, key: int, value: int) -> None:
        self.total += value - self.input[key]
        self.input[key] = value

    def read(self, key: int) -> int:
        return self.total

    def answer(self) -> Answer:
        return {"total": {0: self.total}}


class CallingFanIn(PlainFanIn):
    def __init__(self, shape: Shape, rows: Rows) -> None:
        super().__init__(shape, rows)
        self.gave = {key: to_one(key, (value,)) for key, value in rows.items()}

    def write(self, key: int, value: int) -> None:
        before, self.gave[key] = self.gave[key], to_one(key, (value,))
        self.total += sum(given for _, given in self.gave[key]) - sum(given for _, given in before)


class PlainChain(Batched):
    def __init__(self, shape: Shape, rows: Rows) -> None:
        self.links: list[dict[int, int]] = [{} for _ in range(LINKS)]
        for key, value in rows.items():
            self.write(key, value)

    def write(self, key: int, value: int) -> None:
        for link in self.links:
            value += 1
            link[key] = value

    def read(self, key: int) -> int:
        return self.links[-1][key]

    def answer(self) -> Answer:
        return {"last": self.links[-1]}


class CallingChain(PlainChain):
    def write(self, key: int, value: int) -> None:
        for link in self.links:
            for output, result in plus_one(key, (value,)):
                link[output] = value = result


class PlainJoin(Batched):
    def __init__(self, shape: Shape, rows: Rows) -> None:
        self.joined: dict[int, int] = {}
        self.readers: dict[int, list[int]] = {key: [] for key in rows}
        for left in range(READERS * len(rows)):
            self.readers[named(left, len(rows))].append(left)
        for key, value in rows.items():
            self.write(key, value)

    def write(self, key: int, value: int) -> None:
        for left in self.readers[key]:
            self.joined[left] = value + 1

    def read(self, key: int) -> int:
        return self.joined[key]

    def answer(self) -> Answer:
        return {"joined": self.joined}


class CallingJoin(PlainJoin):
    def __init__(self, shape: Shape, rows: Rows) -> None:
        self.input = dict(rows)
        super().__init__(shape, rows)

    def look_up(self, left: int, names: tuple[int, ...]) -> Pairs:
        return [(left, self.input[name] + 1) for name in names]

    def write(self, key: int, value: int) -> None:
        self.input[key] = value
        for left in self.readers[key]:
            for output, result in self.look_up(left, (key,)):
                self.joined[output] = result


PLAIN = Library(
    "dict",
    "dicts, the arithmetic written out beside each write",
    {
        "tables": PlainTables,
        "values": PlainTables,
        "fan_out": PlainFanOut,
        "fan_in": PlainFanIn,
        "chain": PlainChain,
        "join": PlainJoin,
    },
)
CALLING = Library(
    "dict + functions",
    "dicts, maintained by hand with calls of the same Python functions",
    {
        "tables": CallingTables,
        "values": CallingTables,
        "fan_out": CallingFanOut,
        "fan_in": CallingFanIn,
        "chain": CallingChain,
        "join": CallingJoin,
    },
)
