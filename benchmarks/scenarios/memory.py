"""What a row weighs: resident memory of a process of its own, by row, beside a dict and sqlite3.

Values are ints that Python keeps anyway (0 to 255), so that a row is its key and its place: what is
measured is the container. A derived row is one of a `map` over the input, measured as what the derivation
adds."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping

from lab import Lab, Measured
from livedirs import Directory, InputDirectory, Store
from measure import alone, resident

BATCH = 10_000  # rows written at once
ROUNDS = 3


def measure(lab: Lab) -> Iterator[Measured]:
    rows = lab.sizes.rows
    measured = Measured("memory", f"memory, {rows:,} rows", "bytes/row", reference="dict, resident")
    loads: tuple[Callable[[int], dict[str, float]], ...] = (load_derived, load_dict, load_sqlite)
    for _ in range(ROUNDS):
        for load in loads:
            for name, size in alone(load, rows).items():
                measured.rounds.setdefault(name, []).append(size)
    yield measured


def load_directory(rows: int) -> dict[str, float]:
    before = resident()
    with Store() as store:
        fill(store.mkdir("/input/"), rows)
        taken = resident() - before
        return {
            "input directory, resident": taken / rows,
            "input directory, by stats().bytes": store.stats().bytes / rows,
        }


def load_derived(rows: int) -> dict[str, float]:
    """An input, and the rows that a map over it gives."""
    before = resident()
    with Store() as store:
        directory: InputDirectory[int, int] = store.mkdir("/input/")
        fill(directory, rows)
        input_only, input_bytes = resident() - before, store.stats().bytes
        derived: Directory[int, int] = directory.map("/derived/", same)
        both = resident() - before
        if len(derived) != rows:
            raise AssertionError("a row was lost")
        return {
            "input directory, resident": input_only / rows,
            "input directory, by stats().bytes": input_bytes / rows,
            "derived directory, resident": (both - input_only) / rows,
            "derived directory, by stats().bytes": (store.stats().bytes - input_bytes) / rows,
        }


def load_dict(rows: int) -> dict[str, float]:
    before = resident()
    table: dict[int, int] = {}
    for low in range(0, rows, BATCH):
        table.update(batch(low, rows))
    return {"dict, resident": (resident() - before) / rows}


def load_sqlite(rows: int) -> dict[str, float]:
    before = resident()
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE input (key INTEGER PRIMARY KEY, value INTEGER)")
    for low in range(0, rows, BATCH):
        connection.executemany("INSERT INTO input VALUES (?, ?)", batch(low, rows).items())
    connection.commit()
    return {"sqlite3, a table, resident": (resident() - before) / rows}


def fill(directory: InputDirectory[int, int], rows: int) -> None:
    for low in range(0, rows, BATCH):
        directory.update(batch(low, rows))


def batch(low: int, rows: int) -> Mapping[int, int]:
    return {key: key % 256 for key in range(low, min(low + BATCH, rows))}


def same(key: int, values: tuple[int, ...]) -> list[tuple[int, int]]:
    return [(key, value) for value in values]
