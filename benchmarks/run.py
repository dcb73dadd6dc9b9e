"""All scenarios, all contenders, in one run: tables, JSON, plots, and the generated parts of
docs/performance.md.

    python benchmarks/run.py --quick           # some minutes
    python benchmarks/run.py                   # everything
    python benchmarks/run.py churn poll        # only these scenarios
    python benchmarks/run.py --docs            # and write docs/performance.md and its plots
    python benchmarks/run.py --redraw          # tables and plots again, from the JSON of the last run

How a round goes is said in lab.py, what is computed in shapes.py. The exit status is 1 if an answer was
wrong, and does not depend on the targets. A peer that is not installed, or cannot do a scenario, says so in
its row."""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

import plots
import report
from lab import FULL, QUICK, Lab, Measured
from measure import machine
from peers.base import Peer
from peers.registry import all_peers
from targets import Goal, goals

SCENARIOS = (
    "bulk_build",
    "single_key",
    "batches",
    "fan",
    "chain",
    "join",
    "churn",
    "poll",
    "versions",
    "rollback",
    "growth",
    "memory",
    "flights",
)
ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "performance.md"
FIGURES = ROOT / "docs" / "performance"


def run(
    lab: Lab, scenarios: Sequence[str], console: Console, keep: Callable[[list[Measured]], object]
) -> list[Measured]:
    """What all scenarios measured. It is kept after each, so that a run that is cut short is not lost."""
    measured: list[Measured] = []
    for name in scenarios:
        begin = time.monotonic()
        for group in importlib.import_module(f"scenarios.{name}").measure(lab):
            measured.append(group)
            console.print(report.terminal(group))
        keep(measured)
        console.print(f"{name}: {time.monotonic() - begin:.0f} s", style="dim")
    lab.close()
    return measured


def write_documents(
    measured: Sequence[Measured], reached: Sequence[Goal], peers: Sequence[Peer], line: str
) -> None:
    parts = {
        "machine": line,
        "targets": report.markdown_goals(reached),
        "overview": report.markdown_overview(measured, peers),
        "contenders": report.markdown_peers(peers),
        "details": report.markdown_details(measured),
    }
    DOCUMENT.write_text(report.fill(DOCUMENT.read_text("utf-8"), parts), "utf-8")


def load(path: Path) -> tuple[list[Measured], dict[str, Any]]:
    """What an earlier run wrote."""
    kept = json.loads(path.read_text())
    del kept["targets"]  # they follow
    return [Measured(**group) for group in kept.pop("measured")], kept


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure livedirs beside its peers.")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(SCENARIOS)}")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller sizes: some minutes")
    parser.add_argument(
        "--rounds", type=int, metavar="N", help=f"{FULL.rounds} if not given, {QUICK.rounds} if quick"
    )
    parser.add_argument("--peers", metavar="NAMES", help="only livedirs and those that begin so, with commas")
    parser.add_argument("--docs", action="store_true", help="write docs/performance.md and what it shows")
    parser.add_argument(
        "--redraw", action="store_true", help="measure nothing: from the JSON of the last run"
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "target" / "bench", help="folder for JSON and plots"
    )
    options = parser.parse_args()
    unknown = set(options.scenarios) - set(SCENARIOS)
    if unknown or (options.rounds is not None and options.rounds < 1):
        parser.error(
            f"no scenario {', '.join(sorted(unknown))}" if unknown else "--rounds must be at least 1"
        )

    folder: Path = FIGURES if options.docs else options.out
    kept = folder / "figures.json"
    sizes = QUICK if options.quick else FULL
    sizes = sizes._replace(rounds=options.rounds or sizes.rounds)
    peers = all_peers()
    if options.peers:
        wanted = ("livedirs", *options.peers.split(","))
        peers = [peer for peer in peers if peer.name.startswith(wanted)]
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    lab = Lab(sizes, peers)
    folder.mkdir(parents=True, exist_ok=True)

    def keep(measured: list[Measured]) -> list[Goal]:
        reached = goals(measured)
        kept.write_text(json.dumps(report.as_json(measured, reached, facts), indent=1) + "\n")
        return reached

    if options.redraw:
        measured, facts = load(kept)
    else:
        asked = " ".join(["python benchmarks/run.py", *(word for word in sys.argv[1:] if word != "--docs")])
        facts = {
            "line": report.markdown_machine(time.strftime("%Y-%m-%d"), asked, sizes.rounds),
            "machine": machine() | {"processor": report.processor()},
            "sizes": sizes._asdict(),
            "wrong": lab.wrong,
            "again": lab.again,
        }
        console.print("  ".join(f"{name} {value}" for name, value in machine().items()), soft_wrap=True)
        measured = run(lab, options.scenarios or SCENARIOS, console, keep)
    reached = keep(measured)
    console.print(report.terminal_goals(reached))
    again = [f"Failed and was started again: {what}." for what in facts.get("again", ())]
    drawn = plots.draw(measured, folder)
    if options.docs:
        write_documents(measured, reached, peers, " ".join([facts["line"], *again]))
    console.print(f"{kept}, {', '.join(path.name for path in drawn)}", soft_wrap=True)
    for line in again:
        console.print(line, markup=False)
    for wrong in facts["wrong"]:
        console.print(f"wrong: {wrong}", style="red", markup=False)
    return 1 if facts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
