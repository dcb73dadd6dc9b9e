"""Shows that the model of readers and the leak suite bite: each fault that the core can make must be found.

`make mutants` runs it. It builds livedirs with the feature `mutants` beside the ordinary build, then runs
the machine of `test_readers_machine` once as it is, which must pass, and once for each fault, which must
fail. For a leak that is a way of `tests/leak/ways` instead. It answers 1 where a fault is not found.
Arguments are names of faults; without any, all of them.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILT = ROOT / "target" / "mutants"
EXAMPLES = int(os.environ.get("LIVEDIRS_EXAMPLES", "300"))
FOUND = 42

# What no reader is told wrongly, and no count shows, but what is in use: by the way that has to find it.
LEAKS = {"FreedNameKept": "directories_from_outside"}


def run_machine():
    """In a process of its own: the machine, without shrinking; what it finds is one line."""
    from hypothesis import HealthCheck, Phase, settings
    from hypothesis.stateful import run_state_machine_as_test

    from test_readers_machine import Readers

    steps = settings(
        max_examples=EXAMPLES, stateful_step_count=40, deadline=None, derandomize=True, database=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
    )  # fmt: skip
    try:
        run_state_machine_as_test(Readers, settings=steps)
    except Exception as error:  # whatever it is: the run without a fault has none
        print(f"{type(error).__name__}: {error}".splitlines()[0])
        return FOUND
    return 0


def run_way(way):
    """In a process of its own: a way of the leak suite."""
    sys.path.insert(0, str(ROOT / "tests" / "leak"))
    from test_rounds import ALLOWED, go

    with tempfile.TemporaryDirectory() as folder:
        run = go(way, folder)
    if run.get("failed") or run["after"] != run["before"]:
        sys.exit(str(run))
    if run["grown"] > ALLOWED and run["left"] > ALLOWED:
        print(f"{run['grown']} bytes more after all rounds, {run['left']} left by those that memray followed")
        return FOUND
    return 0


def build():
    environment = os.environ | {"MATURIN_PEP517_ARGS": "--features mutants"}
    install = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    install += ["--no-build-isolation", "--upgrade", "--target", str(BUILT), str(ROOT)]
    subprocess.run(install, env=environment, check=True)


def faults():
    source = (ROOT / "rust" / "core" / "src" / "mutants.rs").read_text(encoding="utf-8")
    listed = source.partition("pub enum Mutant {")[2].partition("\n}")[0]
    return re.findall(r"\n    (\w+),", listed)


def run(fault, way=None):
    environment = os.environ | {"PYTHONPATH": str(BUILT)}
    environment.pop("LIVEDIRS_MUTANT", None)
    if fault:
        environment["LIVEDIRS_MUTANT"] = fault
    began = time.monotonic()
    does = ["--way", way] if way else ["--machine"]
    command = [sys.executable, __file__, *does]
    ran = subprocess.run(command, env=environment, text=True, capture_output=True, cwd=BUILT)
    if ran.returncode not in {0, FOUND}:
        sys.exit(f"{' '.join(does)} did not run:\n{ran.stdout}\n{ran.stderr}")
    said = ran.stdout.strip().splitlines()
    return ran.returncode == FOUND, time.monotonic() - began, said[0] if said else ""


def main(wanted):
    if wanted == ["--machine"]:
        return run_machine()
    if wanted[:1] == ["--way"]:
        return run_way(wanted[1])
    build()
    named = faults()
    if unknown := set(wanted) - set(named):
        sys.exit(f"there is no fault {', '.join(sorted(unknown))}; there are {', '.join(named)}")
    failed = 0
    wanted = wanted or named
    runs = [(None, way) for way in dict.fromkeys(LEAKS.get(fault) for fault in wanted)]
    runs += [(fault, LEAKS.get(fault)) for fault in wanted]
    for fault, way in runs:
        found, seconds, said = run(fault, way)
        failed += found != bool(fault)
        result = ("found" if found else "NOT FOUND") if fault else ("FAILS" if found else "passes")
        print(f"{fault or '(no fault)':26} {result:10} {seconds:6.1f} s  {said[:100]}", flush=True)
    print(f"{failed} survived" if failed else "each fault was found")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
