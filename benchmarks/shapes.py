"""The tables that contenders keep up to date: what is computed from what, and the answer from scratch.

Every shape has one input, int -> int, and one or more results, each int -> int. So the work is the same for
a store in Python, in Rust or under Node: a list of (key, new value). Those that run Python functions run
the ones below.

    name       results                                                       read back after a write of k
    tables     doubled: k -> 2 v, totals: k % 100 -> sum of v                doubled[k] + totals[k % 100]
    values     the same; by map_values and group_by, where a peer has them   the same
    fan_out    spread: one key feeds i -> v + i for 1,000 i                  spread[999]
    fan_in     total: 0 -> sum of 1,000 v                                    total[0]
    chain      last: k -> v + 20, by 20 maps one behind the other            last[k]
    join       joined: l -> v + 1 of the key that l names; 10 l name each k  joined[k]
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tables import GROUPS, double, from_scratch, group

Rows = Mapping[int, int]
Work = Sequence[tuple[int, int]]  # (key, its new value)
Answer = dict[str, dict[int, int]]  # the results by name

OUTPUTS = 1_000  # of the one key of fan_out
LINKS = 20  # of chain
READERS = 10  # of each key of join

Pairs = list[tuple[int, int]]

__all__ = ["GROUPS", "LINKS", "OUTPUTS", "READERS", "SHAPES", "Shape", "double", "group"]


@dataclass(frozen=True)
class Shape:
    name: str
    keys: int
    from_scratch: Callable[[Rows], Answer]

    def rows(self) -> dict[int, int]:
        return dict.fromkeys(range(self.keys), 1)


def spread(key: int, values: tuple[int, ...]) -> Pairs:
    return [(output, value + output) for value in values for output in range(OUTPUTS)]


def to_one(key: int, values: tuple[int, ...]) -> Pairs:
    return [(0, value) for value in values]


def plus_one(key: int, values: tuple[int, ...]) -> Pairs:
    return [(key, value + 1) for value in values]


def twice(value: int) -> int:
    return 2 * value


def group_of(key: int, value: int) -> int:
    return key % GROUPS


def named(left: int, keys: int) -> int:
    """The key of the input that this row of the other table names."""
    return left % keys


def _tables(rows: Rows) -> Answer:
    doubled, totals = from_scratch(rows)
    return {"doubled": doubled, "totals": totals}


def _join(rows: Rows) -> Answer:
    keys = len(rows)
    return {"joined": {left: rows[named(left, keys)] + 1 for left in range(READERS * keys)}}


def shapes(keys: int) -> dict[str, Shape]:
    """All of them; `tables` and `values` over so many keys, the others over a tenth."""
    few = keys // 10
    known = (
        Shape("tables", keys, _tables),
        Shape("values", keys, _tables),
        Shape("fan_out", 1, lambda rows: {"spread": {output: rows[0] + output for output in range(OUTPUTS)}}),
        Shape("fan_in", few, lambda rows: {"total": {0: sum(rows.values())}}),
        Shape("chain", few, lambda rows: {"last": {key: value + LINKS for key, value in rows.items()}}),
        Shape("join", few, _join),
    )
    return {shape.name: shape for shape in known}


SHAPES = shapes(10_000)
