"""What readers cost, and what they do not: idle cursors, live directories, rows that did not change.

    python benchmarks/readers.py            # a table
    python benchmarks/readers.py --json     # the table on stderr, all rounds as JSON on stdout
    python benchmarks/readers.py --quick    # a few seconds, to see that it runs

Each measurement has three stores of different sizes. In each round all three get the same work, one after
another, beginning with a different one each time, and the processor time that it takes is measured: what
others do on the machine lengthens it little. The growth is the median, over the rounds, of what the
largest took by what the smallest took. Before it counts, each must answer what it should; else the exit
status is 1.
"""

import argparse
import gc
import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from statistics import median
from time import thread_time
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from livedirs import Changes, Cursor, InputDirectory, Store
from measure import Figure, WrongAnswerError, machine, number

BOUND = 1.5  # what a growth should stay below
ROWS = 1_000  # of the directory that is written while cursors are idle


class Sizes(NamedTuple):
    cursors: tuple[int, int, int]
    dirs: tuple[int, int, int]
    rows: tuple[int, int, int]
    work: int  # commits, removals or changes, each round
    rounds: int


FULL = Sizes((0, 100, 100_000), (100, 100_000, 1_000_000), (1_000, 100_000, 1_000_000), 1_000, 21)
QUICK = Sizes((0, 100, 1_000), (100, 1_000, 10_000), (1_000, 10_000, 20_000), 100, 3)

Run = Callable[[int], float]  # the number of the round -> microseconds for one piece of work


@dataclass(frozen=True)
class Growth:
    """One measurement: a figure for each size, the least first."""

    what: str
    figures: list[Figure]

    @property
    def growth(self) -> float:
        return self.figures[-1].over(self.figures[0])


def race(what: str, contenders: dict[str, Run], rounds: int) -> Growth:
    """Each does its work once in each round. The first warms up, and is not counted."""
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for number_ in range(rounds + 1):
        first = number_ % len(names)
        for name in names[first:] + names[:first]:
            spent[name].append(contenders[name](number_))
    return Growth(what, [Figure(name, "us", figures[1:]) for name, figures in spent.items()])


# -------------------------------------------------------------------------------------------------- commits


def commits(stack: ExitStack, cursors: int, work: int) -> Run:
    """Writes of one key each, while cursors that nobody polls follow the store, the directory and another."""
    store = stack.enter_context(Store())
    written: InputDirectory[int, int] = store.mkdir("/written/", dict.fromkeys(range(ROWS), -1))
    other: InputDirectory[int, int] = store.mkdir("/other/", {1: 1})
    idle: list[Cursor[Any]] = [
        followed.cursor(since=store.tick)
        for number_ in range(cursors)
        for followed in [(store, written, other)[number_ % 3]]
    ]

    def run(number_: int) -> float:
        begin = thread_time()
        for key in range(work):
            written[key % ROWS] = number_ * work + key
        spent = thread_time() - begin
        if store.stats().cursors != len(idle):
            raise WrongAnswerError("cursors were lost")
        return spent / work * 1e6

    return run


# -------------------------------------------------------------------------------------------------- removals


def removals(stack: ExitStack, dirs: int, work: int) -> Run:
    """Directories that are made, and removed one by one, among others that stay."""
    store = stack.enter_context(Store())
    with store.update():
        for number_ in range(dirs):
            store.mkdir(f"/dirs/{number_ * 2:08}/")
    before = store.stats()
    dice = random.Random(dirs)

    def run(number_: int) -> float:
        names = [f"/dirs/{2 * dice.randrange(dirs) + 1:08}/{k}/" for k in range(work)]
        for name in names:
            store.mkdir(name, {1: 1})
        begin = thread_time()
        for name in names:
            store.remove_dir(name)
        spent = thread_time() - begin
        after = store.stats()
        if (after.dirs, after.names, after.dir_tombstones) != (before.dirs, before.names, 0):
            raise WrongAnswerError(f"removals left something: {before} -> {after}")
        return spent / work * 1e6

    return run


# -------------------------------------------------------------------------------------------------- polls


def polls(stack: ExitStack, rows: int, changed: int) -> Run:
    """One poll, of changes that are spread over all rows, in microseconds for a change."""
    store = stack.enter_context(Store())
    directory: InputDirectory[int, int] = store.mkdir("/rows/", dict.fromkeys(range(rows), -1))
    cursor: Cursor[Changes[int, int]] = directory.cursor(since=store.tick)
    step = max(1, rows // changed)

    def run(number_: int) -> float:
        written = {(number_ + key * step) % rows: number_ for key in range(min(changed, rows))}
        directory.update(written)
        begin = thread_time()
        changes = cursor.poll()
        spent = thread_time() - begin
        if changes is None or {key: values[0] for key, values in changes.entries.items()} != written:
            raise WrongAnswerError(f"a poll among {rows} rows told something else than what was written")
        return spent / len(written) * 1e6

    return run


def measure(sizes: Sizes) -> Iterator[Growth]:
    work, rounds = sizes.work, sizes.rounds
    with quiet() as stack:
        runs = {f"{size:,} idle cursors": commits(stack, size, work) for size in sizes.cursors}
        yield race("commit of one key", runs, rounds)
    with quiet() as stack:
        runs = {f"{size:,} live directories": removals(stack, size, work) for size in sizes.dirs}
        yield race("removal of a directory", runs, rounds)
    with quiet() as stack:
        changed = max(1, work // 10)
        runs = {
            f"{changed:,} changes among {size:,} rows": polls(stack, size, changed) for size in sizes.rows
        }
        yield race("poll, for each change", runs, rounds)


@contextmanager
def quiet() -> Iterator[ExitStack]:
    """No collection falls into a measurement; the stores are closed after it."""
    gc.disable()
    try:
        with ExitStack() as stack:
            yield stack
    finally:
        gc.enable()


def table(growths: Sequence[Growth], rounds: int) -> Table:
    table = Table("what", "with", title=f"Medians of {rounds} rounds, in microseconds")
    for heading in ("median", "least", "most", "growth"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for growth in growths:
        for figure in growth.figures:
            last = figure is growth.figures[-1]
            reached = "[green]reached[/]" if growth.growth < BOUND else "[red]missed[/]"
            table.add_row(
                growth.what,
                figure.what,
                number(median(figure.rounds)),
                number(min(figure.rounds)),
                number(max(figure.rounds)),
                f"{growth.growth:.2f} x" if last else "",
                f"{reached}: < {BOUND} x" if last else "",
                end_section=last,
            )
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what readers of livedirs cost.")
    parser.add_argument("--json", action="store_true", help="JSON on stdout, the table on stderr")
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"{FULL.rounds} if not given")
    options = parser.parse_args()
    sizes = QUICK if options.quick else FULL
    if options.rounds is not None:
        if options.rounds < 1:
            parser.error("--rounds must be at least 1")
        sizes = sizes._replace(rounds=options.rounds)

    console = Console(stderr=options.json, highlight=False)
    console.print("  ".join(f"{name} {value}" for name, value in machine().items()), soft_wrap=True)
    try:
        with console.status("readers"):
            measured = list(measure(sizes))
    except WrongAnswerError as error:
        console.print(f"wrong: {error}", style="red", markup=False)
        return 1
    console.print(table(measured, sizes.rounds))
    if options.json:
        report = {
            "machine": machine(),
            "sizes": sizes._asdict(),
            "growths": [asdict(growth) | {"growth": growth.growth} for growth in measured],
        }
        print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
