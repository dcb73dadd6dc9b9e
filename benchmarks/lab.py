"""Where contenders run: the same work for all, one after another, in rounds, and each answer checked.

Each round gives all contenders the same work, beginning with a different one each time, so that a machine
that is slower for a while does not tip a ratio; a ratio is the median of the ratios within the rounds. A
round before the first warms up, and finds each contender's *share*: how much of the work it does within the
budget. A slow one does a beginning of the work, a fast one all; each is checked against plain Python for
what it did. What is read back on the way must add up to the same, and after every round each must hold what
is computed from scratch."""

import gc
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from statistics import median
from time import perf_counter
from typing import Any, Literal, NamedTuple

from measure import WrongAnswerError, first_line
from peers.base import Peer, Session, UnableError
from peers.ours import OURS
from peers.plain import PLAIN
from shapes import Shape, shapes

REFERENCE = OURS.name  # ratios are to it


class Sizes(NamedTuple):
    rounds: int
    budget: float  # seconds for a contender in a round
    keys: int  # of the inputs
    growth: tuple[int, ...]  # sizes of an input
    slices: int  # made and removed in one store
    rows: int  # where memory is measured
    flights: int  # records


QUICK = Sizes(3, 0.06, 10_000, (1_000, 10_000, 100_000), 20_000, 200_000, 4_000)
FULL = Sizes(9, 0.4, 10_000, (1_000, 10_000, 100_000, 1_000_000), 100_000, 1_000_000, 40_000)


@dataclass
class Measured:
    """One kind of work: a value for each round of each contender, or why there is none."""

    scenario: str
    what: str
    unit: str
    rounds: dict[str, list[float]] = field(default_factory=dict)
    unable: dict[str, str] = field(default_factory=dict)
    reference: str = REFERENCE

    def over(self, contender: str, other: str) -> float | None:
        """The median of the ratios within the rounds; None where one of them has no figure."""
        mine, theirs = self.rounds.get(contender), self.rounds.get(other)
        if not mine or not theirs:
            return None
        return median(a / b for a, b in zip(mine, theirs, strict=False))

    def median(self, contender: str) -> float | None:
        rounds = self.rounds.get(contender)
        return median(rounds) if rounds else None


Kind = Literal["singles", "batches"]
Run = Callable[[int], float | dict[str, float]]  # the number of the round -> its figure, or several by name
Runs = dict[str, Run]
Draw = Callable[[Shape], Sequence[Any]]  # the work of a round, for an input of that shape


@dataclass
class Contender:
    """A peer with its session, the oracle beside it, and how much of the work is its share."""

    peer: Peer
    session: Session
    oracle: Session
    rows: dict[int, int]
    share: int = 1
    started_again: bool = False

    def run(self, kind: Kind, shape: Shape, work: Sequence[Any]) -> float:
        """Seconds; WrongAnswerError."""
        spent, read = getattr(self.session, kind)(work)
        _, expected = getattr(self.oracle, kind)(work)
        for pairs in [work] if kind == "singles" else work:
            self.rows.update(pairs)
        if read != expected:
            raise WrongAnswerError(f"{self.peer.name} read back {read:,} in all, plain Python {expected:,}")
        if self.session.answer() != shape.from_scratch(self.rows):
            raise WrongAnswerError(f"{self.peer.name} holds something else than what plain Python computes")
        return float(spent)


@dataclass
class Field:
    """The contenders of a shape, and why others are none."""

    shape: Shape
    contenders: dict[str, Contender]
    unable: dict[str, str]


class Lab:
    def __init__(self, sizes: Sizes, peers: Sequence[Peer]) -> None:
        self.sizes = sizes
        self.peers = peers
        self.dice = random.Random(2013)
        self.shapes = shapes(sizes.keys)
        self.wrong: list[str] = []  # answers
        self.again: list[str] = []  # who was started again, and why
        self.last: Field | None = None

    def work(self, shape: Shape, size: int) -> list[tuple[int, int]]:
        """Writes of keys drawn at random."""
        return [(self.dice.randrange(shape.keys), self.dice.randrange(1_000_000)) for _ in range(size)]

    def race(self, measured: Measured, shape: Shape, kind: Kind, draw: Draw, *, items: int = 1) -> Measured:
        """Microseconds for each of the `items` of an element of the work that `draw` gives, for all peers."""
        entries = [(name, shape, contender) for name, contender in self.field(measured, shape).items()]
        self.compete(measured, entries, kind, draw, items)
        return measured

    def field(self, measured: Measured, shape: Shape) -> dict[str, Contender]:
        """A session of each peer. Those of the last shape stay open, for what is raced next."""
        if self.last is None or self.last.shape is not shape:
            self.close()
            unable = Measured("", "", "")
            self.last = Field(shape, self.open(unable, shape, self.peers), unable.unable)
        measured.unable.update(self.last.unable)
        return self.last.contenders

    def close(self) -> None:
        """No session stays open."""
        if self.last is not None:
            for contender in self.last.contenders.values():
                contender.session.close()
            self.last = None

    def open(
        self, measured: Measured, shape: Shape, peers: Sequence[Peer], label: Callable[[str], str] = str
    ) -> dict[str, Contender]:
        field_: dict[str, Contender] = {}
        for peer in peers:
            name = label(peer.name)

            def open_it(name: str = name, peer: Peer = peer) -> None:
                rows = shape.rows()
                session = peer.open(shape, rows)
                field_[name] = Contender(peer, session, PLAIN.open(shape, rows), rows)

            self.attempt(measured, name, peer, open_it)
        return field_

    def compete(
        self,
        measured: Measured,
        entries: list[tuple[str, Shape, Contender]],
        kind: Kind,
        draw: Draw,
        items: int,
    ) -> None:
        """In rounds. Who fails is out, also of what is raced next."""
        by_name = {name: (shape, contender) for name, shape, contender in entries}
        with frozen():
            for number in range(-1, self.sizes.rounds):
                self.round(measured, by_name, kind, draw, items=items, number=number)

    def round(
        self,
        measured: Measured,
        field_: dict[str, tuple[Shape, Contender]],
        kind: Kind,
        draw: Draw,
        *,
        items: int,
        number: int,
    ) -> None:
        drawn: dict[int, Sequence[Any]] = {}
        for name in rotated(list(field_), number):
            shape, contender = field_[name]
            if shape.keys not in drawn:
                drawn[shape.keys] = draw(shape)

            def turn(name: str = name) -> None:
                shape, contender = field_[name]
                work = drawn[shape.keys]
                if number < 0:
                    self.find_share(contender, shape, kind, work)
                    return
                part = work[: contender.share]
                spent = contender.run(kind, shape, part) / (len(part) * items) * 1e6
                measured.rounds.setdefault(name, []).append(spent)

            kept = list(measured.rounds.get(name, ()))
            if self.attempt(measured, name, contender.peer, turn):
                continue
            done = self.start_again(measured, name, shape, contender) and self.attempt(
                measured, name, contender.peer, turn
            )
            if done:
                measured.rounds[name] = kept + measured.rounds.get(name, [])
            else:
                contender.session.close()
                del field_[name]
                if self.last is not None and self.last.contenders.get(name) is contender:
                    del self.last.contenders[name]
                    self.last.unable[name] = measured.unable[name]

    def start_again(self, measured: Measured, name: str, shape: Shape, contender: Contender) -> bool:
        """A new session for one that failed, with the rows as they were before: once for each contender of a
        field. (The runtime of SKStore lasts for some number of updates: skstore/lost.mjs.) A wrong answer
        stands."""
        why = measured.unable[name]
        if contender.started_again or why.startswith("wrong answer"):
            return False
        contender.started_again = True
        contender.session.close()

        def open_it() -> None:
            contender.session = contender.peer.open(shape, contender.rows)

        if not self.attempt(measured, name, contender.peer, open_it):
            return False
        del measured.unable[name]
        self.again.append(f"{name}, {measured.what}: {why}")
        return True

    def find_share(self, contender: Contender, shape: Shape, kind: Kind, work: Sequence[Any]) -> None:
        """Of two beginnings the faster counts. They are different work: to write what stands there already is
        cheap for who compares, and would give a share that takes many times the budget."""
        few = 20 if kind == "singles" else 1
        beginnings = [part for part in (work[:few], work[few : 2 * few]) if part]
        spent = min(contender.run(kind, shape, part) / len(part) for part in beginnings)
        contender.share = max(1, min(len(work), int(self.sizes.budget / max(spent, 1e-9))))

    def alternate(self, measured: Measured, runs: Runs) -> Measured:
        """Each run gives its figure for a round, or several by name; the first round warms up."""
        with frozen():
            for number in range(-1, self.sizes.rounds):
                for name in rotated(list(runs), number):

                    def turn(name: str = name, number: int = number) -> None:
                        figure = runs[name](number)
                        figures = figure if isinstance(figure, dict) else {name: figure}
                        for what, value in figures.items() if number >= 0 else ():
                            measured.rounds.setdefault(what, []).append(value)

                    if not self.attempt(measured, name, None, turn):
                        del runs[name]
        return measured

    def absent(self, measured: Measured, why: str) -> Measured:
        """A reason for each peer that has no figure yet: its own where it is not installed."""
        for peer in self.peers:
            named = (name for name in (*measured.rounds, *measured.unable) if name.startswith(peer.name))
            if next(named, None) is None:
                measured.unable[peer.name] = getattr(peer, "why", why)
        return measured

    def attempt(self, measured: Measured, name: str, peer: Peer | None, step: Callable[[], None]) -> bool:
        """What a peer cannot do becomes its row. A wrong answer is kept; livedirs may not fail."""
        try:
            step()
        except UnableError as error:
            measured.unable[name] = str(error)
        except WrongAnswerError as error:
            measured.unable[name] = f"wrong answer: {error}"
            self.wrong.append(f"{measured.what}: {error}")
        except Exception as error:
            if peer is None or peer.name == REFERENCE:
                raise
            measured.unable[name] = f"failed: {first_line(error)[:120]}"
        else:
            return True
        measured.rounds.pop(name, None)
        return False


def rotated(names: list[str], number: int) -> list[str]:
    first = number % len(names) if names else 0
    return names[first:] + names[:first]


@contextmanager
def frozen() -> Iterator[None]:
    """What stands already is not looked through by the collector while others are measured."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.collect()


def each(count: int, step: Callable[[], object]) -> float:
    """Microseconds for one step, of so many in a loop."""
    begin = perf_counter()
    for _ in repeat(None, count):
        step()
    return (perf_counter() - begin) / count * 1e6
