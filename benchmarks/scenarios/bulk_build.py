"""Bulk build: all rows loaded at once, and all results computed, in an empty store."""

from collections.abc import Iterator
from time import perf_counter

from lab import REFERENCE, Lab, Measured, Run
from measure import WrongAnswerError, first_line
from peers.base import Peer, UnableError

PATIENCE = 10  # budgets, after which a slow peer builds no more


def measure(lab: Lab) -> Iterator[Measured]:
    shape = lab.shapes["tables"]
    measured = Measured("bulk_build", f"bulk build: {shape.keys:,} keys", "us/key")
    rows = shape.rows()
    expected = shape.from_scratch(rows)

    def builder(peer: Peer) -> Run:
        spent = 0.0

        def build(number: int) -> float | dict[str, float]:
            nonlocal spent
            if spent > PATIENCE * lab.sizes.budget and measured.rounds.get(peer.name):
                return {}
            begin = perf_counter()
            try:
                session = peer.open(shape, rows)
            except UnableError:
                raise
            except Exception as error:
                if peer.name == REFERENCE:
                    raise
                raise UnableError(f"failed: {first_line(error)[:120]}") from error
            try:
                if session.answer() != expected:
                    raise WrongAnswerError(f"{peer.name} built something else than plain Python computes")
                return session.opened / shape.keys * 1e6
            finally:
                session.close()
                spent += perf_counter() - begin

        return build

    yield lab.alternate(measured, {peer.name: builder(peer) for peer in lab.peers})
