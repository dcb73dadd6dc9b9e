"""A join by reads inside mappers: a write of one key runs the ten mappers that read it."""

from collections.abc import Iterator

from lab import Lab, Measured
from shapes import READERS

MOST = 5_000  # transactions in a round


def measure(lab: Lab) -> Iterator[Measured]:
    shape = lab.shapes["join"]
    measured = Measured("join", f"join: {READERS} rows read the one of {shape.keys:,} keys", "us/transaction")
    yield lab.race(measured, shape, "singles", lambda shape: lab.work(shape, MOST))
