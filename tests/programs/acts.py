"""What a transaction does, as source, and what has to come of it.

`World` is what a history comes to: it knows no store. An act is *played* on it beside the store. Where a
store has to run mappers, the world asks whether that fails: exactly if building a store from scratch fails.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .prelude import State

if TYPE_CHECKING:
    from .program import Program


class Failed(Exception):
    """The store raises one of FAILURES here."""


@dataclass
class World:
    program: Program
    fails: Callable[[State], bool]
    inputs: dict[str, dict[Any, tuple[Any, ...]]]
    steps: set[int]
    befores: dict[str, list[Any]]  # at the last commit
    anew: frozenset[str] = frozenset()  # made in this transaction
    hooks: tuple[tuple[Write, ...], ...] = ()  # that run in the next round
    late: tuple[tuple[Write, ...], ...] = ()  # that run in the round after it
    is_exact: bool = field(default=True)  # whether it fails is known for sure

    def copy(self) -> World:
        copied = World(**vars(self))
        copied.inputs = {name: dict(rows) for name, rows in self.inputs.items()}
        copied.steps = set(self.steps)
        return copied

    def restore(self, kept: World) -> None:
        exact = self.is_exact
        vars(self).update(vars(kept))
        self.is_exact = exact

    def names(self) -> set[str]:
        return {*self.inputs, *(self.program.steps[number].name for number in self.steps)}

    def state(self, befores: dict[str, list[Any]] | None = None) -> State:
        """What there has to be now; `befores`: what previous directories show, if not that of last commit."""
        shown = self.befores if befores is None else befores
        asked = sorted(self.program.asked & self.names())
        found = {name: [] if name in self.anew else shown.get(name, []) for name in asked}
        return State({name: dict(rows) for name, rows in self.inputs.items()}, sorted(self.steps), found)

    def cascade(self, befores: dict[str, list[Any]] | None = None, upto: int | None = None) -> None:
        """Mappers run, those of all steps or of those up to one."""
        if self.program.may_fail:
            state = self.state(befores)
            if upto is not None:
                state = state._replace(steps=[number for number in state.steps if number <= upto])
            if self.fails(state):
                raise Failed

    def commit(self, befores: dict[str, list[Any]]) -> None:
        """All rounds but the last: in the first previous directories show what they did, then `befores`."""
        if self.hooks or befores:
            self.cascade()
        while self.hooks:
            hooks, self.hooks, self.late = self.hooks, self.late, ()
            for writes in hooks:
                for write in writes:
                    write.play(self)
            if self.hooks:
                self.cascade(befores)


class Act(ABC):
    acts: tuple[Act, ...] = ()  # those in it

    def removes(self, program: Program) -> bool:
        """Whether it removes an input."""
        return False

    @abstractmethod
    def lines(self, program: Program, tx: str) -> Iterable[str]:
        """Its source."""

    @abstractmethod
    def play(self, world: World) -> None:
        """What has to come of it."""


@dataclass(frozen=True)
class Write(Act):
    """Writes to an input, if it is there."""

    name: str
    how: str
    key: Any = None
    values: tuple[Any, ...] = ()
    rows: tuple[tuple[Any, Any], ...] = ()

    def lines(self, program: Program, tx: str) -> Iterable[str]:
        d = f"store[{self.name!r}]"
        source = {
            "set": lambda: f"{d}[{self.key!r}] = {self.values[0]!r}",
            "set_all": lambda: f"{d}.set_all({self.key!r}, {self.values!r})",
            "discard": lambda: f"{d}.discard({self.key!r})",
            "delete": lambda: f"if {self.key!r} in {d}: del {d}[{self.key!r}]",
            "clear": lambda: f"{d}.clear()",
            "update": lambda: f"{d}.update({dict(self.rows)!r})",
        }[self.how]()
        if program.removes:
            return [f"if {self.name!r} in store:", "    " + source]
        return [source]

    def play(self, world: World) -> None:
        if (rows := world.inputs.get(self.name)) is None:
            return
        if self.how == "clear":
            rows.clear()
        elif self.how == "update":
            rows.update((key, (value,)) for key, value in self.rows)
        elif self.values:
            rows[self.key] = self.values
        else:
            rows.pop(self.key, None)


@dataclass(frozen=True)
class Remove(Act):
    """Removes an input or step, if it is there, with what derives from it."""

    name: str

    def removes(self, program: Program) -> bool:
        return self.name in program.inputs

    def lines(self, program: Program, tx: str) -> Iterable[str]:
        return [f"store.remove_dir({self.name!r}, recursive=True, missing_ok=True)"]

    def play(self, world: World) -> None:
        going = {self.name}
        for number, step in world.program.steps.items():
            if step.parents & going:
                going.add(step.name)
        world.inputs = {name: rows for name, rows in world.inputs.items() if name not in going}
        world.steps = {number for number in world.steps if world.program.steps[number].name not in going}


@dataclass(frozen=True)
class Make(Act):
    """Makes an input or step, unless it is there or a parent is missing; settled: after a cascade."""

    name: str
    settled: bool

    def lines(self, program: Program, tx: str) -> Iterable[str]:
        if self.name not in program.inputs and self.name not in program.numbers:
            return ["pass"]
        parents = program.steps[program.numbers[self.name]].parents if self.name in program.numbers else ()
        wanted = [f"{self.name!r} not in store", *(f"{parent!r} in store" for parent in sorted(parents))]
        settle = [f"    {tx}.cascade()"] if self.settled else []
        return [f"if {' and '.join(wanted)}:", *settle, f"    make[{program.place(self.name)}]()"]

    def play(self, world: World) -> None:
        program, names = world.program, world.names()
        number = program.numbers.get(self.name)
        if number is None:
            can = self.name in program.inputs
        else:
            can = program.steps[number].parents <= names
        if self.name in names or not can:
            return
        if self.settled:
            world.cascade()
        world.anew |= {self.name}
        if number is None:
            world.inputs[self.name] = {}
            return
        world.steps.add(number)
        world.is_exact = world.is_exact and self.settled
        if self.settled:
            # It is computed at once. What was made after it may read it, and is only due.
            world.cascade(upto=number)


@dataclass(frozen=True)
class Cascade(Act):
    def lines(self, program: Program, tx: str) -> Iterable[str]:
        return [f"{tx}.cascade()"]

    def play(self, world: World) -> None:
        world.cascade()


@dataclass(frozen=True)
class Nested(Act):
    """A block within; what fails in it undoes it alone."""

    acts: tuple[Act, ...] = ()
    end: str = "stay"  # or "raise", "rollback"

    def lines(self, program: Program, tx: str) -> Iterable[str]:
        inner = tx + "_"
        lines = ["try:", f"    with store.update() as {inner}:"]
        for act in self.acts:
            lines += ["        " + line for line in act.lines(program, inner)]
        lines += {
            "stay": ["        pass"],
            "raise": ["        raise Undo"],
            "rollback": [f"        {inner}.rollback()"],
        }[self.end]
        return [*lines, "except FAILURES:", "    pass"]

    def play(self, world: World) -> None:
        kept = world.copy()
        try:
            for act in self.acts:
                act.play(world)
            if self.end != "stay":
                raise Failed
        except Failed:
            world.restore(kept)


@dataclass(frozen=True)
class Hook(Act):
    """Makes a directory whose on_create writes and removes it; then its on_delete writes."""

    number: int
    created: tuple[Write, ...]
    deleted: tuple[Write, ...]

    def lines(self, program: Program, tx: str) -> Iterable[str]:
        name, n = f"/hook{self.number}/", self.number
        lines = [f"def created{n}(store):", f"    store.remove_dir({name!r})"]
        for write in self.created:
            lines += ["    " + line for line in write.lines(program, tx)]
        lines.append(f"def deleted{n}(store):")
        for write in self.deleted:
            lines += ["    " + line for line in write.lines(program, tx)]
        lines += ["    pass", f"store.mkdir({name!r}, on_create=created{n}, on_delete=deleted{n})"]
        return lines

    def play(self, world: World) -> None:
        world.hooks = (*world.hooks, self.created)
        world.late = (*world.late, self.deleted)
