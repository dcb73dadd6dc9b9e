"""A transaction of one key as the input grows: what livedirs takes beside what sqlite3 and dicts take."""

from collections.abc import Iterator
from functools import partial

from lab import Contender, Lab, Measured
from shapes import Shape, shapes

MOST = 5_000  # transactions in a round
NAMES = ("livedirs", "sqlite3", "dict + functions")


def label(size: int, name: str) -> str:
    return f"{name}, {size:,} keys"


def measure(lab: Lab) -> Iterator[Measured]:
    lab.close()  # its sessions are large enough
    sizes = lab.sizes.growth
    measured = Measured(
        "growth", "one key, as the input grows", "us/transaction", reference=label(sizes[0], "livedirs")
    )
    entries: list[tuple[str, Shape, Contender]] = []
    peers = [peer for peer in lab.peers if peer.name in NAMES]
    for size in sizes:
        shape = shapes(size)["tables"]
        field_ = lab.open(measured, shape, peers, partial(label, size))
        entries += [(name, shape, contender) for name, contender in field_.items()]
    lab.compete(measured, entries, "singles", lambda shape: lab.work(shape, MOST), 1)
    for _, _, contender in entries:
        contender.session.close()
    yield lab.absent(measured, "measured at one size only, above")
