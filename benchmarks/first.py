"""What a transaction, a bulk update, a short-lived directory and a row cost, beside sqlite3 and dict.

    python benchmarks/first.py            # a table
    python benchmarks/first.py --json     # the table on stderr, all rounds as JSON on stdout
    python benchmarks/first.py --quick    # a few seconds, to see that it runs

The tables that are worked on, and both implementations, are in tables.py. Each round gives all contenders
the same work, one after another, beginning with a different one each time; a ratio is the median of the
ratios within the rounds, so that a machine that is slower for a while does not tip it. After every round all
contenders must hold what plain Python computes from scratch, and must have read the same on the way; else
the exit status is 1. Whether a target is reached does not touch it: that is for a reader to judge.
"""

import argparse
import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from measure import Figure, Target, WrongAnswerError, alone, machine, number, seconds
from scenarios.memory import load_dict, load_directory
from tables import GROUPS, LiveDirs, Sqlite, Work, from_scratch

BLOCKS = 20  # of slices; the last is compared with the first


class Sizes(NamedTuple):
    keys: int  # in the input
    updates: int  # of single keys, each round
    slices: int  # made and removed, each round
    rows: int  # where memory is measured
    rounds: int


FULL = Sizes(keys=10_000, updates=20_000, slices=20_000, rows=1_000_000, rounds=11)
QUICK = Sizes(keys=10_000, updates=2_000, slices=2_000, rows=100_000, rounds=3)


Contenders = dict[str, tuple[LiveDirs | Sqlite, Callable[[Work], int]]]


# -------------------------------------------------------------------------------------------------- measuring


def race(contenders: Contenders, works: Sequence[Work], rows: dict[int, int], unit: str) -> dict[str, Figure]:
    """Each contender does each of `works`, a round for each. The first warms up, and is not counted.

    `rows` is what the inputs hold at first.
    """
    rows = dict(rows)
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for turn, work in enumerate(works):
        first = turn % len(names)
        read = {}
        for name in names[first:] + names[:first]:
            spent, read[name] = seconds(contenders[name][1], work)
            rates[name].append(len(work) / spent)
        rows.update(work)
        agree(contenders, rows, read)
    return {name: Figure(name, unit, rate[1:]) for name, rate in rates.items()}


def agree(contenders: Contenders, rows: dict[int, int], read: dict[str, int]) -> None:
    if len(set(read.values())) != 1:
        raise WrongAnswerError(f"the sums of what was read back differ: {read}")
    expected = from_scratch(rows)
    for name, (tables, _) in contenders.items():
        if tables.answer() != expected:
            raise WrongAnswerError(f"{name} holds something else than what plain Python computes")


def measure_updates(sizes: Sizes, dice: random.Random) -> dict[str, Figure]:
    rows = dict.fromkeys(range(sizes.keys), 1)
    works = [
        [(dice.randrange(sizes.keys), dice.randrange(1_000_000)) for _ in range(sizes.updates)]
        for _ in range(sizes.rounds + 1)
    ]
    one, other = LiveDirs(rows), LiveDirs(rows)
    two_selects, in_blocks, one_select = Sqlite(rows), Sqlite(rows), Sqlite(rows)
    contenders: Contenders = {
        "livedirs, d[k] = v": (one, one.autocommit),
        "livedirs, with store.update()": (other, other.block),
        "sqlite, two SELECTs": (two_selects, two_selects.autocommit),
        "sqlite, BEGIN and COMMIT": (in_blocks, in_blocks.block),
        "sqlite, one SELECT": (one_select, one_select.one_select),
    }
    return race(contenders, works, rows, "updates/s")


def measure_bulk(sizes: Sizes, dice: random.Random) -> dict[str, Figure]:
    rows = dict.fromkeys(range(sizes.keys), 1)
    works = [[(key, dice.randrange(1_000_000)) for key in range(sizes.keys)] for _ in range(sizes.rounds + 1)]
    ours, theirs = LiveDirs(rows), Sqlite(rows)
    contenders: Contenders = {
        "livedirs, d.update(rows)": (ours, ours.bulk),
        "sqlite, executemany": (theirs, theirs.bulk),
    }
    return race(contenders, works, rows, "keys/s")


def measure_slices(sizes: Sizes, dice: random.Random) -> tuple[Figure, Figure]:
    """Microseconds to make and remove a slice: the first ones of a store, and the last ones."""
    rows = dict.fromkeys(range(sizes.keys), 1)
    size = max(1, sizes.slices // BLOCKS)
    first, last = [], []
    for _ in range(sizes.rounds):
        tables = LiveDirs(rows)
        before = tables.counts()
        spent = []
        for _ in range(BLOCKS):
            lows = [dice.randrange(sizes.keys - 2) for _ in range(size)]
            spent.append(seconds(tables.slices, lows)[0] / size * 1e6)
        if tables.counts() != before:
            raise WrongAnswerError(f"{BLOCKS * size} slices left something: {before} -> {tables.counts()}")
        first.append(spent[0])
        last.append(spent[-1])
    total = size * BLOCKS
    return (
        Figure(f"slice, made and removed: 1 to {size:,}", "us", first),
        Figure(f"slice, made and removed: {total - size + 1:,} to {total:,}", "us", last),
    )


def measure_memory(sizes: Sizes) -> dict[str, Figure]:
    """Bytes that a row takes of the memory of a process of its own that does nothing else."""
    rounds: dict[str, list[float]] = {}
    for _ in range(min(sizes.rounds, 3)):
        for load in (load_directory, load_dict):
            for name, size in alone(load, sizes.rows).items():
                rounds.setdefault(name, []).append(size)
    return {name: Figure(name, "bytes/row", sizes) for name, sizes in rounds.items()}


# -------------------------------------------------------------------------------------------------- reporting


def figures_table(figures: Sequence[Figure], sizes: Sizes) -> Table:
    table = Table("what", title=f"{sizes.keys:,} keys; medians of {sizes.rounds} rounds (memory: of up to 3)")
    for heading in ("median", "least", "most"):
        table.add_column(heading, justify="right")
    table.add_column("unit")
    for figure in figures:
        low, high = min(figure.rounds), max(figure.rounds)
        table.add_row(escape(figure.what), number(figure.median), number(low), number(high), figure.unit)
    return table


def targets_table(targets: Sequence[Target]) -> Table:
    table = Table("target", title="Medians of the ratios within rounds, beside what they should be")
    for heading in ("measured", "should be"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for target in targets:
        verdict = "[green]reached[/]" if target.met else "[red]missed[/]"
        should = f"{target.relation} {target.bound:g} {target.unit}"
        table.add_row(escape(target.what), f"{target.measured:.2f} {target.unit}", should, verdict)
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure livedirs beside sqlite3 and dict.")
    parser.add_argument("--json", action="store_true", help="JSON on stdout, the table on stderr")
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    for name in Sizes._fields:
        parser.add_argument(f"--{name}", type=int, metavar="N", help=f"{getattr(FULL, name):,} if not given")
    options = parser.parse_args()
    given = {name: getattr(options, name) for name in Sizes._fields if getattr(options, name) is not None}
    sizes = (QUICK if options.quick else FULL)._replace(**given)
    if min(sizes) < 1 or sizes.keys < GROUPS:
        parser.error(f"sizes must be at least 1, --keys at least {GROUPS}")

    console = Console(stderr=options.json, highlight=False)
    console.print("  ".join(f"{name} {value}" for name, value in machine().items()), soft_wrap=True)
    dice = random.Random(2013)
    try:
        with console.status("updates of single keys"):
            updates = measure_updates(sizes, dice)
        with console.status("updates of all keys"):
            bulk = measure_bulk(sizes, dice)
        with console.status("slices"):
            first, last = measure_slices(sizes, dice)
        with console.status("memory"):
            memory = measure_memory(sizes)
    except WrongAnswerError as error:
        console.print(f"wrong: {error}", style="red", markup=False)
        return 1

    # sqlite with one SELECT is there for comparison; the targets mean two, as livedirs reads two directories.
    # A write outside any block is beside sqlite's autocommit, a block beside a block; a block beside
    # autocommit is of unlike things.
    alone, block, two_selects, in_blocks, _ = updates.values()
    ours, theirs = bulk.values()
    figures = [*updates.values(), *bulk.values(), first, last, *memory.values()]
    targets = [
        Target(f"{alone.what}, over sqlite", alone.over(two_selects), ">=", 1.3),
        Target(f"{block.what}, over its BEGIN", block.over(in_blocks), ">=", 1.3),
        Target(f"{block.what}, over no BEGIN", block.over(two_selects), ">=", 1.3),
        Target(f"{ours.what}, over sqlite", ours.over(theirs), ">=", 1.0),
        Target(first.what, first.median, "<", 10.0, "us"),
        Target("slice, the last ones over the first", last.over(first), "<=", 1.1),
    ]
    console.print(figures_table(figures, sizes))
    console.print("All gave equal answers in every round; the slices left nothing in stats().")
    console.print(targets_table(targets))
    if options.json:
        report = {
            "machine": machine(),
            "sizes": sizes._asdict(),
            "figures": [asdict(figure) | {"median": figure.median} for figure in figures],
            "targets": [asdict(target) | {"met": target.met} for target in targets],
        }
        print(json.dumps(report, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
