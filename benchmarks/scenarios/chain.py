"""A chain: transactions of one key go through 20 maps, one behind the other, to the row that is read back."""

from collections.abc import Iterator

from lab import Lab, Measured
from shapes import LINKS

MOST = 5_000  # transactions in a round


def measure(lab: Lab) -> Iterator[Measured]:
    shape = lab.shapes["chain"]
    measured = Measured("chain", f"chain: one key of {shape.keys:,} through {LINKS} maps", "us/transaction")
    yield lab.race(measured, shape, "singles", lambda shape: lab.work(shape, MOST))
