"""Where the time goes: a flame graph of transactions of one key, from the binding down into the core.

    make flame

perf samples the loop of `tables.LiveDirs.autocommit` in a process that loads the library of the cargo
profile `profiling`: the code of the release build, with names. Frames above the first call into livedirs
are left out, and what the interpreter does between two frames of livedirs is one box. The width of a box
is its share of the samples.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "target" / "profiling" / "lib_native.so"
OUT = ROOT / "docs" / "performance" / "flame.svg"
KEYS = 10_000
RATE = 499  # samples a second

WIDTH, LINE = 1200, 17  # pixels
LEAST = 0.002  # of the whole; narrower boxes are not drawn
COLOURS = {"python": "#56B4E9", "core": "#E69F00", "binding": "#D55E00", "other": "#BBBBBB"}


def work(seconds: float) -> None:
    """Transactions for so long."""
    from random import Random
    from time import monotonic

    from tables import LiveDirs

    dice = Random(2013)
    tables = LiveDirs(dict.fromkeys(range(KEYS), 1))
    writes = [(dice.randrange(KEYS), dice.randrange(1_000_000)) for _ in range(10_000)]
    print("ready", flush=True)
    end = monotonic() + seconds
    while monotonic() < end:
        tables.autocommit(writes)


# --------------------------------------------------------------------------------------------------- stacks


@dataclass
class Box:
    """A function below its caller, and how many samples saw it."""

    name: str
    kind: str
    samples: int = 0
    callees: dict[str, "Box"] = field(default_factory=dict)


def stacks(script: str) -> Iterator[list[tuple[str, str]]]:
    """The frames of each sample, (name, kind), the outermost first."""
    for sample in re.split(r"\n\s*\n", script):
        lines = re.findall(r"^\s+[0-9a-f]+ (.+?)(?:\+0x[0-9a-f]+)? \((.*?)\)$", sample, re.MULTILINE)
        frames = [frame(name, library) for name, library in reversed(lines)]
        native = next((at for at, (_, kind) in enumerate(frames) if kind in ("core", "binding")), None)
        yield merged(frames[native:]) if native is not None else [("the loop, in Python", "python")]


def frame(name: str, library: str) -> tuple[str, str]:
    if "_native" in library:
        short = re.sub(r"::h[0-9a-f]{16}$", "", re.sub(r"<.*?>::|<[^<>]*>", "", name)) or name
        kinds = (("livedirs_core", "core"), ("_native", "binding"), ("pyo3", "binding"))
        return short, next((kind for part, kind in kinds if part in name), "other")
    if "python" in library:
        return "Python", "python"
    return name, "other"


def merged(frames: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Frames of the interpreter that follow each other are one."""
    return [now for before, now in zip([("", ""), *frames], frames, strict=False) if now != before]


def tree(script: str) -> Box:
    root = Box("all", "other")
    for frames in stacks(script):
        box = root
        box.samples += 1
        for name, kind in frames:
            box = box.callees.setdefault(name, Box(name, kind))
            box.samples += 1
    return root


# --------------------------------------------------------------------------------------------------- drawing


def svg(root: Box, title: str) -> str:
    """Callers above callees; a box tells its name and share where the pointer rests."""
    shapes: list[str] = []
    deepest = draw(root, 0.0, 0, root.samples, shapes)
    height = (deepest + 1) * LINE + 46
    key = "".join(
        f'<rect x="{10 + 110 * at}" y="28" width="10" height="10" fill="{shade}"/>'
        f'<text x="{25 + 110 * at}" y="37">{name}</text>'
        for at, (name, shade) in enumerate(COLOURS.items())
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" '
        f'font-size="11"><rect width="100%" height="100%" fill="white"/>'
        f'<text x="10" y="18" font-size="13">{escape(title)}</text>{key}{"".join(shapes)}</svg>\n'
    )


def draw(box: Box, left: float, depth: int, whole: int, shapes: list[str]) -> int:
    """Adds the box and what it calls; gives the greatest depth."""
    width, top = box.samples / whole * WIDTH, depth * LINE + 44
    fits = int((width - 6) / 6.7)
    text = box.name if len(box.name) <= fits else f"..{box.name[-fits + 2 :]}" if fits > 4 else ""
    shapes.append(
        f"<g><title>{escape(box.name)}: {box.samples / whole:.1%}</title>"
        f'<rect x="{left:.1f}" y="{top}" width="{max(width - 0.5, 0.3):.1f}" height="{LINE - 1}" '
        f'fill="{COLOURS[box.kind]}"/><text x="{left + 3:.1f}" y="{top + 12}">{escape(text)}</text></g>'
    )
    deepest = depth
    for callee in sorted(box.callees.values(), key=lambda callee: -callee.samples):
        if callee.samples >= LEAST * whole:
            deepest = max(deepest, draw(callee, left, depth + 1, whole, shapes))
        left += callee.samples / whole * WIDTH
    return deepest


# --------------------------------------------------------------------------------------------------- sampling


def sample(folder: Path, seconds: float) -> str:
    """What perf saw, as text. What the worker loads and builds before it is ready is not watched."""
    package = folder / "livedirs"
    shutil.copytree(
        ROOT / "python" / "livedirs", package, ignore=shutil.ignore_patterns("*.so", "__pycache__")
    )
    shutil.copy(LIBRARY, package / "_native.abi3.so")
    program = [sys.executable, __file__, "--work", "--seconds", str(seconds + 5)]
    kept = str(folder / "perf.data")
    record = [
        "perf",
        "record",
        "-F",
        str(RATE),
        "-e",
        "cpu-clock:u",
        "--call-graph",
        "dwarf,16384",
        "-o",
        kept,
    ]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        watch = [*record, "-p", str(worker.pid), "--", "sleep", str(seconds)]
        subprocess.run(watch, check=True, capture_output=True)
        worker.terminate()
    asked = ["perf", "script", "-i", kept, "--no-inline"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout


def main() -> int:
    parser = argparse.ArgumentParser(description="Draw a flame graph of transactions of one key.")
    parser.add_argument("--seconds", type=float, default=10, help="to sample")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work", action="store_true", help="only do the work that is sampled")
    options = parser.parse_args()
    if options.work:
        work(options.seconds)
        return 0
    if shutil.which("perf") is None or not LIBRARY.exists():
        print(f"flame: not drawn; it needs perf (apt-get install linux-perf) and {LIBRARY}: make flame")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        root = tree(sample(Path(folder), options.seconds))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(
        svg(root, f"Transactions of one key of {KEYS:,}, both results read: {root.samples:,} samples")
    )
    print(f"{options.out}: {root.samples:,} samples")
    return 0


if __name__ == "__main__":
    sys.exit(main())
