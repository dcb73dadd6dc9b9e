"""What a peer is to the driver, and what adapters within this process share.

A *peer* opens *sessions*: one shape, loaded with rows, all results computed. A session does work in
transactions, and when a transaction has ended, its results are up to date: a library that computes on
demand reads, at the end of each transaction, all results that the transaction touched. Each kind of work
answers the seconds that it took and the sum of what it read back, so that who answers sooner because it
computed less is found out.

A peer in another process (`process.py`) gets the same work as lines of JSON, and takes its own time.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from measure import seconds
from shapes import Answer, Rows, Shape, Work


class UnableError(Exception):
    """A peer cannot do this; the message says why, and stands in its row."""


class Session(Protocol):
    opened: float  # seconds that it took to load and compute everything

    def singles(self, work: Work) -> tuple[float, int]:
        """A transaction for each pair, after each of which its results are read back."""

    def batches(self, work: Sequence[Work]) -> tuple[float, int]:
        """A transaction for each list of pairs. Nothing is read back: 0."""

    def answer(self) -> Answer: ...
    def close(self) -> None: ...


class Peer(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def about(self) -> str:
        """How it does it, in a few words."""

    def open(self, shape: Shape, rows: Rows) -> Session:
        """UnableError where it is not installed or cannot do this shape."""


class Table(Protocol):
    """An adapter within this process: one class for each shape, made with the rows."""

    def singles(self, work: Work) -> int: ...
    def batches(self, work: Sequence[Work]) -> int: ...
    def answer(self) -> Answer: ...
    def close(self) -> None: ...


class Looped(ABC):
    """`singles` of adapters for which a call for each step weighs nothing."""

    @abstractmethod
    def write(self, key: int, value: int) -> None: ...

    @abstractmethod
    def read(self, key: int) -> int: ...

    def singles(self, work: Work) -> int:
        write, read = self.write, self.read
        total = 0
        for key, value in work:
            write(key, value)
            total += read(key)
        return total

    def close(self) -> None:  # noqa: B027  (most have nothing to close)
        """Nothing to do."""


class InProcess:
    """A session whose table is an object of this process."""

    def __init__(self, make: type, shape: Shape, rows: Rows) -> None:
        begin = perf_counter()
        self.table: Table = make(shape, rows)
        self.opened = perf_counter() - begin

    def singles(self, work: Work) -> tuple[float, int]:
        return seconds(self.table.singles, work)

    def batches(self, work: Sequence[Work]) -> tuple[float, int]:
        return seconds(self.table.batches, work)

    def answer(self) -> Answer:
        return self.table.answer()

    def close(self) -> None:
        self.table.close()


@dataclass(frozen=True)
class Library:
    """A peer within this process: a table for each shape that it can do, and why not for the others."""

    name: str
    about: str
    tables: dict[str, type]
    unable: str = "not written for it"

    def open(self, shape: Shape, rows: Rows) -> Session:
        make = self.tables.get(shape.name)
        if make is None:
            raise UnableError(self.unable)
        return InProcess(make, shape, rows)


@dataclass(frozen=True)
class Absent:
    """A peer that cannot be used here."""

    name: str
    why: str
    about: str = ""

    def open(self, shape: Shape, rows: Rows) -> Session:
        raise UnableError(self.why)
