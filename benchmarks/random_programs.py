"""Random programs over every operation, as the tests draw them (`tests/programs`): what a transaction costs.

No contender stands beside it: it shows whether a change of livedirs makes the mix of all operations slower,
between two builds on one machine. Processor time of this process; the programs are those of the first seeds.
"""

import argparse
import contextlib
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from programs import generate, prelude
from programs.prelude import FAILURES


def replay(define: Any, transactions: list[Any], options: dict[str, Any]) -> float:
    """How many seconds the transactions took, those that fail as they should among them."""
    store, make = prelude.begin(define, **options)
    start = time.process_time()
    for transaction in transactions:
        with contextlib.suppress(*FAILURES):
            transaction(store, make)
    return time.process_time() - start


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description="Measure random programs over every operation.")
    parser.add_argument("--programs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    asked = parser.parse_args()
    count, rounds = (10, 2) if asked.quick else (asked.programs, asked.rounds)
    drawn = []
    for seed in range(count):
        program = generate(seed)
        names = program.functions()
        transactions = [names[f"t{number}"] for number in range(len(program.transactions))]
        drawn.append((names["define"], transactions, program.options))
    done = sum(len(transactions) for _, transactions, _ in drawn)
    took = [sum(replay(*program) for program in drawn) / done * 1e6 for _ in range(rounds)]
    spread = f"least {min(took):.0f}, most {max(took):.0f}"
    print(f"{count} programs, {done} transactions: {statistics.median(took):.0f} us a transaction ({spread})")


if __name__ == "__main__":
    main()
