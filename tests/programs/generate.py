"""A program for a seed: inputs, steps, and transactions that fail, nest, cascade midway and roll back."""

from __future__ import annotations

import random
from typing import Any

from .acts import Act, Cascade, Hook, Make, Nested, Remove, Write
from .program import KEYS, Program, Transaction
from .steps import MAX_STEPS, Steps

VALUES: tuple[Any, ...] = (0, 1, 2, 3, 4, 5, 6, -2, 13, 10**20, 0.5, 0.1, -1.5, 2.5)
INPUTS = ("/a/", "/b/", "/c/")


def generate(seed: int, transactions: int = 20) -> Program:
    """The program of a seed: always the same."""
    rng = random.Random(seed)
    inputs = INPUTS[: rng.choice((1, 2, 2, 3))]
    steps = Steps(rng, inputs)
    for number in range(rng.randrange(2, MAX_STEPS + 1)):
        steps.draw(number)
    names = [*inputs, *(step.name for step in steps.steps.values())]
    acts = Acts(rng, inputs, names)
    drawn = [acts.first(), *(acts.transaction() for _ in range(transactions - 1))]
    return Program(
        seed=seed,
        options={"lazy_capacity": rng.randrange(4), "max_rounds": 100},
        inputs=inputs,
        steps=steps.steps,
        asked=frozenset(steps.asked),
        transactions=tuple(drawn),
        may_fail=steps.may_fail,
        end=tuple(rng.sample(names, len(names))),
    )


class Acts:
    """Draws transactions."""

    def __init__(self, rng: random.Random, inputs: tuple[str, ...], names: list[str]) -> None:
        self.rng, self.inputs, self.names = rng, inputs, names
        self.removes = rng.random() < 0.4
        self.hooks = 0

    def key(self) -> Any:
        return KEYS[min(self.rng.randrange(len(KEYS) + 4), self.rng.randrange(len(KEYS) + 4)) % len(KEYS)]

    def values(self, most: int) -> tuple[Any, ...]:
        return tuple(self.rng.choice(VALUES) for _ in range(self.rng.randrange(most + 1)))

    def rows(self, most: int) -> tuple[tuple[Any, Any], ...]:
        rows = {self.key(): self.rng.choice(VALUES) for _ in range(self.rng.randrange(1, most + 1))}
        return tuple(rows.items())

    def write(self, bare: bool = False) -> Write:
        name = self.rng.choice(self.inputs)
        ways = {"set": 8, "set_all": 4, "discard": 3, "delete": 0 if bare else 2, "update": 2, "clear": 0.5}
        how = self.rng.choices(list(ways), list(ways.values()))[0]
        if how == "update":
            return Write(name, how, rows=self.rows(4))
        if how == "clear":
            return Write(name, how)
        values = {"set": (self.rng.choice(VALUES),), "set_all": self.values(3)}.get(how, ())
        return Write(name, how, self.key(), values)

    def act(self, depth: int) -> Act:
        rng = self.rng
        kind = rng.random()
        if kind < 0.08:
            return Cascade()
        if kind < 0.18 and depth < 2:
            acts = tuple(self.act(depth + 1) for _ in range(rng.randrange(1, 5)))
            return Nested(acts, rng.choice(("stay", "stay", "raise", "rollback")))
        if kind < 0.21 and depth < 2:
            self.hooks += 1
            created = tuple(self.write() for _ in range(rng.randrange(1, 3)))
            return Hook(self.hooks, created, tuple(self.write() for _ in range(rng.randrange(2))))
        if kind < 0.35 and self.removes:
            name = rng.choice(self.names)
            if rng.random() < 0.25:
                return Remove(name)
            return Make(name, settled=depth > 0 or rng.random() < 0.5)
        return self.write()

    def first(self) -> Transaction:
        """Rows to begin with, so that mappers have work."""
        return Transaction(tuple(Write(name, "update", rows=self.rows(6)) for name in self.inputs))

    def transaction(self) -> Transaction:
        rng = self.rng
        if rng.random() < 0.15 and not self.removes:
            return Transaction((self.write(bare=True),), "bare")
        acts = tuple(self.act(0) for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 3, 4, 6))))
        return Transaction(acts, rng.choices(("commit", "raise", "rollback"), (17, 2, 1))[0])
