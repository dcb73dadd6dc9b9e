"""The Rust engines: differential-dataflow, dbsp and salsa, with closures in Rust instead of Python functions.

A ceiling, not a contest: what they do they do without Python. `../engines` has a program for each.
"""

from pathlib import Path

from peers.base import Absent, Peer
from peers.incr_nodes import ALL
from peers.process import Program

FOLDER = Path(__file__).parents[1] / "engines"
ENGINES = {
    "differential-dataflow": ("differential", "Rust; an input session, one step a transaction"),
    "dbsp": ("dbsp", "Rust; an upserted map, one step a transaction"),
    "salsa": ("salsa", "Rust; a tracked function for each row, read at the end of a transaction"),
}


def peers() -> list[Peer]:
    found: list[Peer] = []
    for name, (program, about) in ENGINES.items():
        path = FOLDER / "target" / "release" / program
        if path.exists():
            found.append(Program(name, about, (str(path),), FOLDER, ALL))
        else:
            found.append(Absent(name, "not built: make bench-engines", about))
    return found
