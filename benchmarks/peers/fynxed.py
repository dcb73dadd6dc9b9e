"""fynx: an observable for each key, `.then` for a result, `.alongside` for sums."""

from collections.abc import Callable, Sequence
from typing import Any

from peers.base import Absent, Library, Peer
from peers.cells import Cell, CellTable
from peers.incr_nodes import ALL


class Observables:
    def __init__(self) -> None:
        from fynx import observable

        self.input: Any = observable

    def derive(self, fn: Callable[..., int], cells: Sequence[Cell]) -> Cell:
        first, *others = cells
        for other in others:
            first = first.alongside(other)
        return first.then(fn)

    def get(self, cell: Cell) -> int:
        value: int = cell.value
        return value

    def set(self, cell: Cell, value: int) -> None:
        cell.set(value)


class Table(CellTable):
    cells = Observables


def peer() -> Peer:
    try:
        import fynx  # noqa: F401
    except ImportError as error:
        return Absent("fynx", f"not installed: {error}")
    return Library("fynx", "an observable for each key, sums as trees", dict.fromkeys(ALL, Table))
