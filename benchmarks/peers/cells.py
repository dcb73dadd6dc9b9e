"""Libraries whose unit is a cell: inputs, and cells computed from other cells.

incr-compute's nodes, observ and fynx differ in how a cell is made, set and read; how tables are built of
cells is the same for all, and written here once: a cell for each key of a result. Sums are trees of cells
with `ARITY` children each, unless an adapter says otherwise, so that a change costs the height of the tree
and not the size of the group. None computes before it is read, so at the end of a transaction all that it
touched is read."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from shapes import (
    GROUPS,
    LINKS,
    OUTPUTS,
    READERS,
    Answer,
    Rows,
    Shape,
    Work,
    double,
    group,
    named,
    plus_one,
    to_one,
    twice,
)

ARITY = 10

Cell = Any  # of the library


class Cells(Protocol):
    """What an adapter gives: four operations, as methods or as functions of the library."""

    def input(self, value: int) -> Cell: ...

    def derive(self, fn: Callable[..., int], cells: Sequence[Cell]) -> Cell:
        """A cell that holds `fn` of the values of these."""

    def get(self, cell: Cell) -> int: ...

    def set(self, cell: Cell, value: int) -> None: ...


def add(*values: int) -> int:
    return sum(values)


def sum_of(cells: Cells, summands: Sequence[Cell], arity: int | None) -> Cell:
    """The root of a tree of sums, with so many children each; None: one that has them all."""
    step = arity or max(2, len(summands))
    while len(summands) > 1:
        summands = [cells.derive(add, summands[low : low + step]) for low in range(0, len(summands), step)]
    return summands[0]


def sums_by_group(cells: Cells, summands: dict[int, Cell], arity: int | None) -> dict[int, Cell]:
    members: dict[int, list[Cell]] = {}
    for key, cell in summands.items():
        members.setdefault(key % GROUPS, []).append(cell)
    return {number: sum_of(cells, summed, arity) for number, summed in members.items()}


Results = dict[str, dict[int, Cell]]


def build(cells: Cells, shape: Shape, rows: Rows, inputs: dict[int, Cell], arity: int | None) -> Results:
    """The cells of each result."""
    derive = cells.derive
    keys = len(rows)
    match shape.name:
        case "tables":
            doubled = {k: derive(lambda v, k=k: double(k, (v,))[0][1], [cell]) for k, cell in inputs.items()}
            grouped = {k: derive(lambda v, k=k: group(k, (v,))[0][1], [cell]) for k, cell in inputs.items()}
            return {"doubled": doubled, "totals": sums_by_group(cells, grouped, arity)}
        case "values":
            doubled = {key: derive(twice, [cell]) for key, cell in inputs.items()}
            return {"doubled": doubled, "totals": sums_by_group(cells, inputs, arity)}
        case "fan_out":
            outputs = range(OUTPUTS)
            return {"spread": {output: derive(lambda v, n=output: v + n, [inputs[0]]) for output in outputs}}
        case "fan_in":
            ones = [derive(lambda v, k=k: to_one(k, (v,))[0][1], [cell]) for k, cell in inputs.items()]
            return {"total": {0: sum_of(cells, ones, arity)}}
        case "chain":
            last = dict(inputs)
            for _ in range(LINKS):
                last = {k: derive(lambda v, k=k: plus_one(k, (v,))[0][1], [cell]) for k, cell in last.items()}
            return {"last": last}
        case "join":
            lefts = range(READERS * keys)
            return {"joined": {left: derive(lambda v: v + 1, [inputs[named(left, keys)]]) for left in lefts}}
    raise ValueError(shape.name)


def touched(shape: Shape, results: Results, keys: Iterable[int], inputs: int) -> list[Cell]:
    """The cells of the results that writes of these keys may change."""
    written = set(keys)
    match shape.name:
        case "tables" | "values":
            groups = {key % GROUPS for key in written}
            cells = [results["doubled"][key] for key in written]
            return cells + [results["totals"][number] for number in groups]
        case "fan_out":
            return list(results["spread"].values())
        case "fan_in":
            return list(results["total"].values())
        case "chain":
            return [results["last"][key] for key in written]
        case "join":
            joined = results["joined"]
            return [joined[key + inputs * reader] for key in written for reader in range(READERS)]
    raise ValueError(shape.name)


class CellTable:
    """Any shape, of cells."""

    cells: Callable[[], Cells]
    arity: int | None = ARITY

    def __init__(self, shape: Shape, rows: Rows) -> None:
        self.shape = shape
        self.graph = self.cells()
        self.inputs = {key: self.graph.input(value) for key, value in rows.items()}
        self.results = build(self.graph, shape, rows, self.inputs, self.arity)
        # What a write of a key touches is known beforehand, and is in no figure.
        self.touches = {key: touched(shape, self.results, [key], len(rows)) for key in rows}
        for result in self.results.values():
            for cell in result.values():
                self.graph.get(cell)

    def singles(self, work: Work) -> int:
        get, put, inputs, touches, shape = (
            self.graph.get,
            self.graph.set,
            self.inputs,
            self.touches,
            self.shape.name,
        )
        both, one_of_many = shape in ("tables", "values"), shape == "fan_out"
        read = 0
        for key, value in work:
            put(inputs[key], value)
            values = [get(cell) for cell in touches[key]]
            read += values[0] + values[1] if both else values[-1] if one_of_many else values[0]
        return read

    def batches(self, work: Sequence[Work]) -> int:
        get, put, inputs = self.graph.get, self.graph.set, self.inputs
        for transaction in work:
            for key, value in transaction:
                put(inputs[key], value)
            for cell in touched(self.shape, self.results, (key for key, _ in transaction), len(inputs)):
                get(cell)
        return 0

    def answer(self) -> Answer:
        get = self.graph.get
        return {
            name: {key: get(cell) for key, cell in result.items()} for name, result in self.results.items()
        }

    def close(self) -> None:
        """Nothing to do."""
