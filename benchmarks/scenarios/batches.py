"""Transactions of many keys: list-building mappers; for all keys also `map_values` with `group_by`."""

from collections.abc import Iterator

from lab import Lab, Measured
from shapes import Shape, Work

MOST = 20_000  # keys in a round
# Transactions of all keys in a round. The first finds in the caches what the other contenders left there.
ALL = 5


def measure(lab: Lab) -> Iterator[Measured]:
    for name, size in (("tables", 10), ("tables", 100), ("tables", 10_000), ("values", 10_000)):
        shape = lab.shapes[name]
        how = "map_values, group_by" if name == "values" else "list-building mappers"

        def draw(shape: Shape, size: int = size) -> list[Work]:
            if size >= shape.keys:  # each key once
                value = lab.dice.randrange
                return [[(key, value(1_000_000)) for key in range(shape.keys)] for _ in range(ALL)]
            return [lab.work(shape, size) for _ in range(MOST // size)]

        measured = Measured("batches", f"{size:,} keys a transaction: {how}", "us/key")
        yield lab.race(measured, shape, "batches", draw, items=min(size, shape.keys))
