"""Instructions of the core's scenarios, counted by callgrind, against the bounds in counts.json.

    make counts                   # builds rust/core/examples/counts.rs, and runs this
    make counts ARGS=--update     # writes counts.json anew: the bounds follow what was counted
    make counts ARGS=single_key   # only this one

Counted is the function `measured` of that program, without preparation and checks: instructions for one
piece of work. The figure is the same on a busy machine; another processor moves it a little (the C
library picks its copies by what the processor can do), hence the margin. Another rustc moves it more, so
bounds are judged under the rustc that made them alone. The exit status is 1 if a bound is passed.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
KEPT = Path(__file__).with_suffix(".json")
PROGRAM = ROOT / "target" / "profiling" / "examples" / "counts"
MARGIN = 1.03
COUNTED = "*counts::measured*"


def run(command: list[str]) -> str:
    """What it prints; SystemExit with what it said where it fails."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])} ... failed:\n{done.stderr[-2000:]}")
    return done.stdout


def count(scenario: str) -> float:
    """Instructions for one piece of work of the scenario."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "callgrind")
        asked = ["--tool=callgrind", f"--callgrind-out-file={out}", f"--toggle-collect={COUNTED}"]
        times = int(run(["valgrind", *asked, str(PROGRAM), scenario]))
        total = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)
    if total is None or not int(total[1]):
        sys.exit(f"callgrind counted nothing for {scenario}: is {COUNTED} still the name of what is counted?")
    return int(total[1]) / times


def main() -> int:
    parser = argparse.ArgumentParser(description="Count the instructions of the core's scenarios.")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO")
    parser.add_argument("--update", action="store_true", help="write counts.json")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("counts: not run, since valgrind is not installed (apt-get install valgrind)")
        return 0
    run(["cargo", "build", "--quiet", "--profile", "profiling", "-p", "livedirs-core", "--example", "counts"])

    known = run([str(PROGRAM)]).split()
    unknown = set(options.scenarios) - set(known)
    if unknown:
        parser.error(f"no scenario {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    scenarios = options.scenarios or known
    with ThreadPoolExecutor(2) as two:
        counts = dict(zip(scenarios, two.map(count, scenarios), strict=True))

    rustc = run(["rustc", "--version"]).strip()
    kept: dict[str, Any] = {"rustc": rustc, "scenarios": {}}
    if KEPT.exists():
        kept = json.loads(KEPT.read_text())
    if options.update:
        new = {
            name: {"instructions": round(made), "bound": round(made * MARGIN)}
            for name, made in counts.items()
        }
        kept = {"rustc": rustc, "scenarios": {**kept["scenarios"], **new}}
        KEPT.write_text(json.dumps(kept, indent=2) + "\n")
    return judge(counts, kept, rustc)


def judge(counts: dict[str, float], kept: dict[str, Any], rustc: str) -> int:
    """Prints a line for each, and what to do where a bound is passed."""
    comparable = kept["rustc"] == rustc
    over = []
    print(f"{'scenario':<14}{'instructions':>14}{'committed':>12}{'bound':>12}")
    for name, made in counts.items():
        limits = kept["scenarios"].get(name)
        if limits is None:
            print(f"{name:<14}{made:>14,.0f}{'new':>12}")
            over.append(name)
            continue
        passed = comparable and made > limits["bound"]
        mark = "  over its bound" if passed else ""
        print(f"{name:<14}{made:>14,.0f}{limits['instructions']:>12,}{limits['bound']:>12,}{mark}")
        over += [name] if passed else []
    if not comparable:
        print(f"not judged: the bounds are of {kept['rustc']}, this is {rustc}")
    if over:
        print(
            f"over their bounds, or without: {', '.join(over)}. If it is worth it: make counts ARGS=--update"
        )
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
