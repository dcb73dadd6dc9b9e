"""Fan-out: one key feeds 1,000 rows of a result. Fan-in: one of 1,000 keys changes the one sum of all."""

from collections.abc import Iterator

from lab import Lab, Measured
from shapes import OUTPUTS

MOST = 5_000  # transactions in a round


def measure(lab: Lab) -> Iterator[Measured]:
    out, in_ = lab.shapes["fan_out"], lab.shapes["fan_in"]
    for shape, what in (
        (out, f"fan-out: one key feeds {OUTPUTS:,} rows"),
        (in_, f"fan-in: {in_.keys:,} keys feed one sum"),
    ):
        measured = Measured("fan", what, "us/transaction")
        yield lab.race(measured, shape, "singles", lambda shape: lab.work(shape, MOST))
