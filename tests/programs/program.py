"""What a program is: inputs, steps that derive from them, transactions; and its text.

A step is source: the functions that it calls, and the statement that makes it. What its mappers read and make
comes from inputs and from steps before it, so for given inputs there is one right answer.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import CodeType
from typing import TYPE_CHECKING, Any

from . import prelude

if TYPE_CHECKING:
    from .acts import Act

KEYS: tuple[Any, ...] = (0, 1, 2, 3, 4, 5, 1.5, "a", (1, "x"), None)


@dataclass(frozen=True)
class Step:
    name: str
    lines: tuple[str, ...]  # its functions
    statement: str
    parents: frozenset[str]  # what it derives from
    is_lazy: bool = False


@dataclass(frozen=True)
class Transaction:
    acts: tuple[Act, ...]
    end: str = "commit"  # or "raise", "rollback"; "bare": no block around it


@dataclass(frozen=True)
class Program:
    seed: int
    options: dict[str, int]
    inputs: tuple[str, ...]
    steps: dict[int, Step]  # by their numbers, which they keep while a program is shrunk
    asked: frozenset[str]  # of which previous directories are asked for
    transactions: tuple[Transaction, ...]
    may_fail: bool = True  # mappers may raise, or collide
    end: tuple[str, ...] = ()  # the order in which all is removed in the end
    _code: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def with_transactions(self, transactions: tuple[Transaction, ...]) -> Program:
        return replace(self, transactions=transactions, _code={})

    def without_step(self, number: int) -> Program:
        steps = {n: step for n, step in self.steps.items() if n != number}
        return replace(self, steps=steps, asked=self.asked - {self.steps[number].name}, _code={})

    # ---- names and numbers

    @cached_property
    def numbers(self) -> dict[str, int]:
        return {step.name: number for number, step in self.steps.items()}

    def place(self, name: str) -> int:
        """The place of an input or step among what `define` gives."""
        if name in self.inputs:
            return self.inputs.index(name)
        return len(self.inputs) + list(self.steps).index(self.numbers[name])

    @cached_property
    def removes(self) -> bool:
        """Whether a transaction may remove an input."""

        def found(acts: tuple[Act, ...]) -> bool:
            return any(act.removes(self) or found(act.acts) for act in acts)

        return any(found(transaction.acts) for transaction in self.transactions)

    # ---- as text

    def definition(self) -> list[str]:
        """A function that gives, for a store, the functions which make its inputs and steps."""
        lines = ["def define(store, before):", "    make = []", ""]
        names: list[tuple[str, tuple[str, ...], str]]
        names = [(name, (), f"store.mkdir({name!r})") for name in self.inputs]
        names += [(step.name, step.lines, step.statement) for step in self.steps.values()]
        for name, functions, statement in names:
            lines += ["    " + line for line in functions]
            lines += [f"    def make_{name.strip('/')}():", f"        {statement}"]
            lines += [f"        before({name!r})"] if name in self.asked else []
            lines += [f"    make.append(make_{name.strip('/')})", ""]
        return [*lines, "    return make"]

    def transaction(self, number: int) -> list[str]:
        """A function that runs a transaction, and gives its commit."""
        transaction = self.transactions[number]
        lines: list[str] = []
        if transaction.end == "bare":
            for act in transaction.acts:
                lines += act.lines(self, "tx")
        else:
            lines.append("with store.update() as tx:")
            for act in transaction.acts:
                lines += ["    " + line for line in act.lines(self, "tx")]
            lines += {
                "commit": ["    pass"],
                "raise": ["    raise Undo"],
                "rollback": ["    tx.rollback()"],
            }[transaction.end]
            lines.append("return tx.result")
        return [f"def t{number}(store, make):", *("    " + line for line in lines)]

    def text(self) -> str:
        parts = [self.definition(), *(self.transaction(n) for n in range(len(self.transactions)))]
        return "\n\n\n".join("\n".join(part) for part in parts)

    def script(self, tail: list[str]) -> str:
        """All of it, to be pasted and run."""
        head = inspect.getsource(prelude) + f"\n\n# ---- the program of seed {self.seed}\n"
        options = "".join(f", {name}={value}" for name, value in self.options.items())
        body = [f"store, make = begin(define{options})"]
        for number in range(len(self.transactions) - 1):
            body += ["try:", f"    t{number}(store, make)", "except FAILURES as error:"]
            body += [f"    print('t{number}:', repr(error))"]
        return "\n".join([head, self.text(), "", "", *body, *tail, ""])

    # ---- as code

    @cached_property
    def code(self) -> CodeType:
        return compile(self.text(), f"<program {self.seed}>", "exec")

    def functions(self) -> dict[str, Any]:
        """`define` and the transactions, with the prelude around them."""
        namespace = dict(vars(prelude))
        exec(self.code, namespace)
        return namespace
