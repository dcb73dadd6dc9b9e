"""Runs a program beside a world that knows what has to come of it; one that goes wrong is made small."""

from __future__ import annotations

import traceback
from typing import Any

from . import prelude
from .acts import Failed, World
from .prelude import FAILURES, State
from .program import KEYS, Program, Transaction


class Wrong(Exception):
    """What went wrong in a program, and statements that show it behind its last transaction."""

    def __init__(self, what: str, tail: list[str], transactions: int) -> None:
        super().__init__(what)
        self.tail, self.transactions = tail, transactions


class Run:
    """One run of a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.names = program.functions()
        self.define = self.names["define"]
        # Whether the other store has just as many of everything.
        definition = "\n".join(program.definition())
        self.counts = not ("before(" in definition.replace("(store, before)", "") or ".lazy(" in definition)
        self.committed = self.failed = 0  # transactions
        self.tail: list[str] = []

    def build(self, state: State) -> Any:
        return prelude.build(self.define, self.places(state), len(self.program.inputs))

    def places(self, state: State) -> State:
        """Steps by their places, as the text knows them."""
        order = list(self.program.steps)
        return state._replace(steps=[order.index(number) for number in state.steps])

    def fails(self, state: State) -> bool:
        try:
            self.build(state)
        except FAILURES:
            return True
        return False

    def check(self) -> None:
        """Raises Wrong, unless all is as it has to be."""
        program = self.program
        done = 0
        try:
            self.tail = ["# begin() fails"]
            self.store, self.make = prelude.begin(self.define, **program.options)
            self.shown = prelude.shown(self.store)
            world = World(
                program=program,
                fails=self.fails,
                inputs={name: {} for name in program.inputs},
                steps=set(program.steps),
                befores={},
            )
            for number, transaction in enumerate(program.transactions):
                done = number + 1
                world = self.step(world, number, transaction)
            self.tail = [f"must_leave_nothing(store, {program.end!r})"]
            self.tail = [*self.last(done), *self.tail]
            prelude.must_leave_nothing(self.store, program.end)
        except Exception as error:
            lines = traceback.format_exception_only(error)
            raise Wrong("".join(lines).strip(), self.tail, done) from error

    def last(self, done: int) -> list[str]:
        return (
            [f"try:\n    t{done - 1}(store, make)\nexcept FAILURES as error:\n    print(repr(error))"]
            if done
            else []
        )

    def step(self, world: World, number: int, transaction: Transaction) -> World:
        """Runs one transaction; gives the world behind it."""
        store, name = self.store, f"t{number}"
        was = (self.shown, prelude.counted(store))
        asked = self.program.asked & was[0].keys()
        befores = {of: list(store[of].entries()) for of in asked}
        self.tail = [f"{name}(store, make)"]
        new, fresh = self.foresee(world, transaction, befores)
        try:
            commit = self.names[name](store, self.make)
        except FAILURES as error:
            if fresh is not None and new.is_exact:
                raise
            failure: Exception | None = error
        else:
            failure = None
        if fresh is None and transaction.end != "rollback":
            self.tail = ["try:", *(f"    {line}" for line in self.tail), "except FAILURES as error:"]
            self.tail += ["    print(repr(error))", "else:", "    raise AssertionError('this should fail')"]
            if failure is None:
                raise AssertionError("this should fail")
        if failure is not None or transaction.end == "rollback":
            self.failed += 1
            self.tail = ["was = shown(store), counted(store)", *self.tail, "must_be_as_before(store, was)"]
            prelude.must_be_as_before(store, was)
            return world
        self.committed += 1
        befores = {
            of: [] if of in new.anew else befores.get(of, []) for of in self.program.asked & new.names()
        }
        state = self.places(new.state(befores))
        self.tail = [
            "was = shown(store)",
            f"commit = {name}(store, make)",
            f"state = State({state.inputs!r}, {state.steps!r}, {state.befores!r})",
            f"fresh = build(define, state, {len(self.program.inputs)})",
            f"now = must_equal(store, fresh, state, {KEYS!r}, counts={self.counts})",
            *(["must_tell(was, now, commit)"] if transaction.end == "commit" else []),
        ]
        self.shown = prelude.must_equal(store, fresh, state, KEYS, self.counts)
        if transaction.end == "commit":
            prelude.must_tell(was[0], self.shown, commit)
        new.befores, new.anew = befores, frozenset()
        return new

    def foresee(self, world: World, transaction: Transaction, befores: dict[str, Any]) -> tuple[World, Any]:
        """The world after a transaction, and a store built for it; None if it has to fail or to be undone."""
        new = world.copy()
        new.is_exact = True
        try:
            for act in transaction.acts:
                act.play(new)
            if transaction.end in ("raise", "rollback"):
                return world, None
            new.commit(befores)
            after = {of: befores.get(of, []) for of in self.program.asked}
            return new, self.build(new.state(after))
        except (Failed, *FAILURES):
            return world, None


def shrink(program: Program, wrong: Wrong, tries: int = 400) -> tuple[Program, Wrong]:
    """A smaller program in which something goes wrong too."""

    def attempt(smaller: Program) -> bool:
        nonlocal program, wrong, tries
        tries -= 1
        try:
            Run(smaller).check()
        except Wrong as still:
            program, wrong = smaller.with_transactions(smaller.transactions[: still.transactions]), still
            return True
        return False

    program = program.with_transactions(program.transactions[: wrong.transactions])
    before = None
    while before != program and tries > 0:
        before = program
        for number in reversed(range(len(program.transactions))):
            if tries > 0 and number < len(program.transactions):
                rest = program.transactions[:number] + program.transactions[number + 1 :]
                attempt(program.with_transactions(rest))
        for number in reversed(list(program.steps)):
            name = program.steps[number].name
            if tries > 0 and not any(name in step.parents for step in program.steps.values()):
                attempt(program.without_step(number))
        for number, transaction in enumerate(program.transactions):
            for place in reversed(range(len(transaction.acts))):
                if tries <= 0 or number >= len(program.transactions):
                    break
                acts = program.transactions[number].acts
                if transaction.end == "bare" or place >= len(acts):
                    continue
                less = Transaction(acts[:place] + acts[place + 1 :], transaction.end)
                attempt(
                    program.with_transactions(
                        (*program.transactions[:number], less, *program.transactions[number + 1 :])
                    )
                )
    return program, wrong


def check(program: Program) -> tuple[int, int]:
    """(transactions that committed, that did not); AssertionError, with a program to be pasted."""
    run = Run(program)
    try:
        run.check()
    except Wrong as wrong:
        small, last = shrink(program, wrong)
        script = small.script(last.tail)
        raise AssertionError(f"the program of seed {program.seed}: {last}\n\n{script}") from wrong
    return run.committed, run.failed
