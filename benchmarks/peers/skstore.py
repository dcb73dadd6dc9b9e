"""SKStore: @skipruntime/core, wasm and helpers of npm, under Node; `../skstore/serve.mjs` does the work."""

import shutil
from pathlib import Path

from peers.base import Absent, Peer
from peers.incr_nodes import ALL
from peers.process import Program

FOLDER = Path(__file__).parents[1] / "skstore"
NAME = "SKStore"


def peer() -> Peer:
    if shutil.which("node") is None:
        return Absent(NAME, "not installed: no node")
    if not (FOLDER / "node_modules" / "@skipruntime").is_dir():
        return Absent(NAME, "not installed: make benchmarks/skstore/node_modules")
    return Program(NAME, "JavaScript functions, under Node", ("node", "serve.mjs"), FOLDER, ALL)
