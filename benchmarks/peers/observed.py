"""observ: one reactive dict of inputs; a `computed` for each key of a result."""

from collections.abc import Callable, Sequence
from typing import Any

from peers.base import Absent, Library, Peer
from peers.cells import Cell, CellTable
from peers.incr_nodes import ALL


class Computed:
    """An input is a key of the reactive dict, and is read by a function as `computed`s are."""

    def __init__(self) -> None:
        from observ import computed, reactive

        self.computed: Any = computed
        self.state: Any = reactive({})

    def input(self, value: int) -> Cell:
        number, state = len(self.state), self.state
        state[number] = value
        return Input(number, lambda: state[number])

    def derive(self, fn: Callable[..., int], cells: Sequence[Cell]) -> Cell:
        if len(cells) == 1:
            [cell] = cells
            return self.computed(lambda: fn(cell()))
        return self.computed(lambda: fn(*(cell() for cell in cells)))

    def get(self, cell: Cell) -> int:
        value: int = cell()
        return value

    def set(self, cell: Cell, value: int) -> None:
        self.state[cell.number] = value


class Input:
    """A key of the reactive dict."""

    def __init__(self, number: int, read: Callable[[], int]) -> None:
        self.number = number
        self.read = read

    def __call__(self) -> int:
        return self.read()


class Table(CellTable):
    cells = Computed


def peer() -> Peer:
    try:
        import observ  # noqa: F401
    except ImportError as error:
        return Absent("observ", f"not installed: {error}")
    return Library("observ", "a computed for each key, sums as trees", dict.fromkeys(ALL, Table))
