"""Transactions of one key, with a map and a map_reduce behind it; both results are read back after each."""

from collections.abc import Iterator

from lab import Lab, Measured

MOST = 20_000  # transactions in a round


def measure(lab: Lab) -> Iterator[Measured]:
    shape = lab.shapes["tables"]
    measured = Measured("single_key", f"one key of {shape.keys:,}, read back", "us/transaction")
    yield lab.race(measured, shape, "singles", lambda shape: lab.work(shape, MOST))
