"""Where the time goes: a flame graph of transactions of one key, from Python down into the core.

    make flame

py-spy samples the loop of `tables.LiveDirs.autocommit` in a process that loads the library of the cargo
profile `profiling`: the code of the release build, with names. The width of a box is its share of the
samples.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "target" / "profiling" / "lib_native.so"
OUT = ROOT / "docs" / "performance" / "flame.svg"
KEYS = 10_000
RATE = 500  # samples a second


def work(seconds: float) -> None:
    """Transactions for so long."""
    from random import Random
    from time import monotonic

    from tables import LiveDirs

    dice = Random(2013)
    tables = LiveDirs(dict.fromkeys(range(KEYS), 1))
    writes = [(dice.randrange(KEYS), dice.randrange(1_000_000)) for _ in range(10_000)]
    end = monotonic() + seconds
    while monotonic() < end:
        tables.autocommit(writes)


def main() -> int:
    parser = argparse.ArgumentParser(description="Draw a flame graph of transactions of one key.")
    parser.add_argument("--seconds", type=float, default=15, help="to sample")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work", action="store_true", help="only do the work that is sampled")
    options = parser.parse_args()
    if options.work:
        work(options.seconds)
        return 0
    spy = Path(sys.executable).with_name("py-spy")
    if not spy.exists() or not LIBRARY.exists():
        print(f"flame: needs {spy} and {LIBRARY}: make flame")
        return 1
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder, "livedirs")
        shutil.copytree(
            ROOT / "python" / "livedirs", package, ignore=shutil.ignore_patterns("*.so", "__pycache__")
        )
        shutil.copy(LIBRARY, package / "_native.abi3.so")
        asked = ["--native", "--rate", str(RATE), "--format", "flamegraph", "--output", str(options.out)]
        program = [sys.executable, __file__, "--work", "--seconds", str(options.seconds)]
        environment = {**os.environ, "PYTHONPATH": folder}
        return subprocess.run(
            [str(spy), "record", *asked, "--", *program], env=environment, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
