"""pathway: an upsert session, in a process of its own; see `pathway_server.py`."""

import sys
from importlib.util import find_spec
from pathlib import Path

from peers.base import Absent, Peer
from peers.incr_nodes import ALL
from peers.process import Program

SERVER = Path(__file__).with_name("pathway_server.py")


def peer() -> Peer:
    if find_spec("pathway") is None:
        return Absent("pathway", "not installed: no module named pathway")
    return Program(
        "pathway",
        "an upsert session, one commit a transaction; the same Python functions",
        (sys.executable, str(SERVER)),
        SERVER.parent,
        ALL,
    )
