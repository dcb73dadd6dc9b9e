"""Keeps the tables of `shapes` in pathway; speaks the lines of JSON of `process.py`. In a process of its own:
pathway has one graph a process, and runs it in threads.

The input is an upsert session with a primary key. A transaction is `next` for each row and one `commit`.
One row more, the *stamp*, is part of every result: a transaction is done when every output has closed the
time of its stamp. A result is the dict that `pw.io.subscribe` keeps up to date."""

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import pathway as pw

from shapes import (
    GROUPS,
    LINKS,
    OUTPUTS,
    READERS,
    SHAPES,
    double,
    group,
    named,
    plus_one,
    spread,
    to_one,
)

STAMP = -1  # the key of the row that numbers transactions
PATIENCE = 120  # seconds


class Row(pw.Schema):  # type: ignore[misc]
    key: int = pw.column_definition(primary_key=True)
    value: int


class Input(pw.io.python.ConnectorSubject):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(session_type="upsert")
        self.over = threading.Event()

    def run(self) -> None:
        self.over.wait()


def results(shape: str, rows: Any, keys: int) -> dict[str, Any]:
    """The tables of each result, with columns key and value."""
    key, value = pw.this.key, pw.this.value

    def mapped(fn: Any, table: Any) -> Any:
        """One pair for each row, by a Python function."""

        def call(key: int, value: int) -> tuple[int, int]:
            [pair] = fn(key, (value,))
            return (int(pair[0]), int(pair[1]))

        pairs = table.select(pair=pw.apply_with_type(call, tuple[int, int], key, value))
        return pairs.select(key=pw.this.pair[0], value=pw.this.pair[1])

    match shape:
        case "tables":
            grouped = mapped(group, rows)
        case "values":
            grouped = rows.select(key=key % GROUPS, value=value)
    match shape:
        case "tables" | "values":
            sums = grouped.groupby(key).reduce(key=key, value=pw.reducers.sum(value))
            doubled = mapped(double, rows) if shape == "tables" else rows.select(key=key, value=2 * value)
            return {"doubled": doubled, "totals": sums}
        case "fan_out":

            def all_of(value: int) -> tuple[tuple[int, int], ...]:
                return tuple(spread(0, (value,)))

            pairs = rows.select(pair=pw.apply_with_type(all_of, tuple[tuple[int, int], ...], value))
            flat = pairs.flatten(pw.this.pair)
            return {"spread": flat.select(key=pw.this.pair[0], value=pw.this.pair[1])}
        case "fan_in":
            ones = mapped(to_one, rows)
            return {"total": ones.reduce(key=0, value=pw.reducers.sum(value))}
        case "chain":
            last = rows
            for _ in range(LINKS):
                last = mapped(plus_one, last)
            return {"last": last}
        case "join":
            lefts = [(left, named(left, keys)) for left in range(READERS * keys)]
            names = pw.debug.table_from_rows(pw.schema_from_types(left=int, name=int), lefts)
            joined = names.join(rows, names.name == rows.key)
            return {"joined": joined.select(key=names.left, value=rows.value + 1)}
    raise ValueError(shape)


class Graph:
    def __init__(self, shape: str, rows: list[tuple[int, int]]) -> None:
        self.input = Input()
        self.number = 0
        self.tables: dict[str, dict[int, int]] = {}
        self.closed: dict[str, int] = {}
        self.stamped = (0, 0)  # the last transaction that came out, and pathway's time of it
        self.moved = threading.Condition()
        table = pw.io.python.read(self.input, schema=Row, autocommit_duration_ms=None)
        stamps = table.filter(pw.this.key == STAMP)
        for name, result in results(shape, table.filter(pw.this.key != STAMP), len(rows)).items():
            # An output closes a time only if it has rows at that time; with the stamp it always has.
            self.follow(name, pw.Table.concat_reindex(result, stamps))
        self.failed: BaseException | None = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        begin = perf_counter()
        self.write(rows)
        self.opened = perf_counter() - begin

    def run(self) -> None:
        try:
            pw.run(monitoring_level=pw.MonitoringLevel.NONE)
        except BaseException as error:
            self.failed = error
            with self.moved:
                self.moved.notify_all()

    def follow(self, name: str, table: Any) -> None:
        held = self.tables[name] = {}

        def changed(key: Any, row: dict[str, int], time: int, is_addition: bool) -> None:
            number, value = row["key"], row["value"]
            if number == STAMP:
                if is_addition:
                    self.stamped = (value, time)
            elif is_addition:  # the removal of the old row and the new one come in any order
                held[number] = value
            elif held.get(number) == value:
                del held[number]

        pw.io.subscribe(table, changed, on_time_end=lambda time: self.end(name, time))

    def end(self, name: str, time: int) -> None:
        with self.moved:
            self.closed[name] = time
            self.moved.notify()

    def done(self) -> bool:
        if self.failed:
            raise self.failed
        number, time = self.stamped
        return number == self.number and all(self.closed.get(name, -1) >= time for name in self.tables)

    def write(self, rows: list[tuple[int, int]]) -> None:
        self.number += 1
        put = self.input.next
        for key, value in rows:
            put(key=key, value=value)
        put(key=STAMP, value=self.number)
        self.input.commit()
        with self.moved:
            if not self.moved.wait_for(self.done, PATIENCE):
                raise TimeoutError(f"transaction {self.number} did not come out")


def read(shape: str, tables: dict[str, dict[int, int]], key: int) -> int:
    if shape in ("tables", "values"):
        return tables["doubled"][key] + tables["totals"][key % GROUPS]
    [table] = tables.values()
    return table[{"fan_out": OUTPUTS - 1, "fan_in": 0}.get(shape, key)]


def answers() -> Iterator[dict[str, Any]]:
    graph = None
    shape = ""
    for line in sys.stdin:
        question = json.loads(line)
        if "open" in question:
            shape = SHAPES[question["open"]].name
            graph = Graph(shape, question["rows"])
            yield {"seconds": graph.opened}
        assert graph is not None
        if "singles" in question:
            begin, total = perf_counter(), 0
            for key, value in question["singles"]:
                graph.write([(key, value)])
                total += read(shape, graph.tables, key)
            yield {"seconds": perf_counter() - begin, "read": total}
        if "batches" in question:
            begin = perf_counter()
            for transaction in question["batches"]:
                graph.write(transaction)
            yield {"seconds": perf_counter() - begin, "read": 0}
        if "answer" in question:
            yield {"answer": {name: list(table.items()) for name, table in graph.tables.items()}}
    if graph is not None:
        graph.input.over.set()


def main() -> None:
    out = sys.stdout
    sys.stdout = sys.stderr  # what pathway prints is no answer
    for answer in answers():
        print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    main()
