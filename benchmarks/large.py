"""Work on all keys at once, in a process that does nothing else: what a key costs among many more of them.

    python benchmarks/large.py            # a table, about a minute
    python benchmarks/large.py --quick    # a few seconds, to see that it runs

Each kind of work is done on stores of three sizes, one after another in each round, beginning with a
different one each time. Measured are the processor time of a key, and the page faults of the whole: memory
that the allocator gave back to the system in between and had to ask for again. What costs the same for each
key grows a little, with the depth of trees and the distance of memory; what costs the square of their number
is seen at once. Before it counts, each must hold what it should; else the exit status is 1.
"""

import argparse
import gc
import sys
from collections.abc import Callable, Iterator
from resource import RUSAGE_SELF, getrusage
from statistics import median
from time import thread_time
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from livedirs import Store, Sum
from measure import WrongAnswerError, machine, number
from tables import LiveDirs

SIZES = (10_000, 100_000, 1_000_000)
QUICK = (1_000, 3_000, 10_000)

Step = Callable[[], object]


class Cost(NamedTuple):
    micros: float  # a key
    faults: int  # of all


def expect(right: bool, what: str) -> None:
    if not right:
        raise WrongAnswerError(what)


def tables(keys: int) -> Iterator[Step]:
    """A map and a map_reduce into 100 groups, list-building mappers. The second transaction is measured."""
    directories = LiveDirs(dict.fromkeys(range(keys), 1))
    directories.bulk([(key, key + 1) for key in range(keys)])
    work = [(key, key + 2) for key in range(keys)]
    yield lambda: directories.bulk(work)
    expect(sum(directories.totals.values()) == sum(range(2, keys + 2)), "tables")
    directories.close()


def sums(keys: int) -> Iterator[Step]:
    """A sum for each key, due in the opposite order."""
    store = Store()
    rows = store.mkdir("/rows/", dict.fromkeys(range(keys), 1))
    apart = rows.map_reduce("/apart/", lambda key, values: [(keys - key, values[0])], Sum())
    work = {key: key + 2 for key in range(keys)}
    yield lambda: rows.update(work)
    expect((len(apart), apart[1]) == (keys, keys + 1), "sums")
    store.close()


def clears(keys: int) -> Iterator[Step]:
    """All keys go while a reader lags; then it closes, and their tombstones are purged."""
    store = Store()
    rows = store.mkdir("/rows/", dict.fromkeys(range(keys), 1))
    cursor = rows.cursor(since=store.tick)
    yield rows.clear
    expect(store.stats().key_tombstones == keys, "clear")
    yield cursor.close
    expect(store.stats().key_tombstones == 0, "purge")
    store.close()


# What each of their steps is called.
KINDS: list[tuple[Callable[[int], Iterator[Step]], tuple[str, ...]]] = [
    (tables, ("update of all, map and map_reduce behind it",)),
    (sums, ("update of all, a sum for each behind it",)),
    (clears, ("clear behind a reader", "purge when the reader closes")),
]


def measured(steps: Iterator[Step]) -> list[tuple[float, int]]:
    """Seconds of processor time and page faults of each step."""
    found = []
    for step in steps:
        gc.collect()
        faults, begin = getrusage(RUSAGE_SELF).ru_minflt, thread_time()
        step()
        spent = thread_time() - begin
        found.append((spent, getrusage(RUSAGE_SELF).ru_minflt - faults))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="What work on all keys costs a key.")
    parser.add_argument("--quick", action="store_true", help="small sizes: some seconds")
    parser.add_argument("--rounds", type=int, default=5, help="5 if not given")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    sizes = QUICK if options.quick else SIZES
    costs: dict[tuple[str, int], list[Cost]] = {}
    for turn in range(options.rounds):
        for place in range(len(sizes)):
            keys = sizes[(turn + place) % len(sizes)]
            for kind, whats in KINDS:
                try:
                    found = measured(kind(keys))
                except WrongAnswerError as error:
                    print(f"wrong answer: {error} of {keys:,} keys", file=sys.stderr)
                    return 1
                for what, (spent, faults) in zip(whats, found, strict=True):
                    costs.setdefault((what, keys), []).append(Cost(spent / keys * 1e6, faults))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    console.print("  ".join(f"{name} {value}" for name, value in machine().items()), soft_wrap=True)
    table = Table(title=f"us a key, medians of {options.rounds} rounds")
    table.add_column("work", no_wrap=True)
    for keys in sizes:
        table.add_column(f"{keys:,} keys", justify="right")
        table.add_column("page faults", justify="right")
    table.add_column("growth", justify="right")
    for what in [what for _, whats in KINDS for what in whats]:
        cells = []
        for keys in sizes:
            there = costs[what, keys]
            cells += [
                number(median(cost.micros for cost in there)),
                f"{median(cost.faults for cost in there):,.0f}",
            ]
        least, most = costs[what, sizes[0]], costs[what, sizes[-1]]
        growth = median(large.micros / small.micros for small, large in zip(least, most, strict=True))
        table.add_row(what, *cells, f"{growth:.2f} x")
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
