"""incr-compute's function graph: an input node for each key, a query node for each key of a result."""

from collections.abc import Callable, Sequence
from typing import Any

from peers.base import Absent, Library, Peer
from peers.cells import Cell, CellTable

ALL = ("tables", "values", "fan_out", "fan_in", "chain", "join")


class Nodes:
    def __init__(self) -> None:
        from incr import Runtime

        runtime: Any = Runtime()
        self.runtime = runtime
        # Theirs, not methods that call them: a call less for each.
        self.input = runtime.create_input
        self.get = runtime.get
        self.set = runtime.set

    def derive(self, fn: Callable[..., int], cells: Sequence[Cell]) -> Cell:
        # A query reads through the reference that it is called with.
        if len(cells) == 1:
            [cell] = cells
            return self.runtime.create_query(lambda nodes: fn(nodes.get(cell)))
        return self.runtime.create_query(lambda nodes: fn(*map(nodes.get, cells)))


class Flat(CellTable):
    """As the examples of incr-compute sum: one query that reads all members."""

    cells = Nodes
    arity = None


class Trees(CellTable):
    cells = Nodes


def peers() -> list[Peer]:
    names = ("incr-compute, nodes", "incr-compute, nodes in trees")
    try:
        import incr  # noqa: F401
    except ImportError as error:
        return [Absent(name, f"not installed: {error}") for name in names]
    return [
        Library(names[0], "a node for each key; a sum is a node that reads all", dict.fromkeys(ALL, Flat)),
        Library(names[1], "a node for each key; a sum is a tree of nodes", dict.fromkeys(ALL, Trees)),
    ]
