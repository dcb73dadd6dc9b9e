"""Random steps, as source: every operation, and mappers that read and make whatever mappers may."""

from __future__ import annotations

import random
from collections.abc import Callable

from .program import KEYS, Step

MAX_STEPS = 12


class Steps:
    """Draws the steps of a program, one after another."""

    def __init__(self, rng: random.Random, inputs: tuple[str, ...]) -> None:
        self.rng, self.inputs = rng, inputs
        self.steps: dict[int, Step] = {}
        self.words: set[str] = set()  # names of directories that may hold text
        self.made: list[str] = []  # prefixes of what mappers of earlier steps make
        self.asked: set[str] = set()
        self.lines: list[str] = []  # of the step at hand
        self.functions = 0
        self.own: str | None = None  # the step at hand, if it has a previous directory
        # What a program does at all: so that some do little else, and most succeed.
        self.makes = rng.random() < 0.6
        self.raises = rng.random() < 0.15
        self.collides = rng.random() < 0.15
        self.remembers = rng.random() < 0.35
        self.may_fail = False

    # ---- what there is

    def eager(self) -> list[str]:
        return [*self.inputs, *(step.name for step in self.steps.values() if not step.is_lazy)]

    def lazies(self) -> list[str]:
        return [step.name for step in self.steps.values() if step.is_lazy]

    def pick(self) -> str:
        """An eager directory, rather a late one."""
        names = self.eager()
        return names[max(self.rng.randrange(len(names)), self.rng.randrange(len(names)))]

    def previous(self) -> str:
        """One whose previous directory is asked for."""
        name = self.pick()
        self.asked.add(name)
        return name

    # ---- pieces of source

    def key(self) -> str:
        return repr(self.rng.choice(KEYS))

    def range(self) -> str:
        lo, hi = (self.rng.randrange(5) for _ in range(2))
        wide = self.rng.random() < 0.8
        lo, hi = (min(lo, hi), max(lo, hi)) if wide else (lo, hi)
        return f"({lo}, {'...' if self.rng.random() < 0.3 else hi})"

    def ranges(self) -> str:
        return ", ".join(self.range() for _ in range(self.rng.choice((1, 1, 2, 3))))

    def within(self) -> str:
        return f", within=[{self.ranges()}]" if self.rng.random() < 0.35 else ""

    def reducer(self, words: bool) -> str:
        plain = [] if words else ["Sum()", "Min()", "Max()", "Mean()"]
        any_value = [
            "Sum(number)",
            "Min(number)",
            "Max(number)",
            "Mean(number)",
            "Count()",
            "Bag()",
            "Small()",
        ]
        return self.rng.choice(plain + any_value)

    def read(self, k: str) -> str:
        """A read of what was there before this step; k: the source of a key."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.14 and self.lazies():
            d = f"store.get({rng.choice(self.lazies())!r})"
            return f"{rng.choice(('get', 'get_or', 'get_all', 'has'))}({d}, {k})"
        if kind < 0.28 and self.remembers:
            d = f"before({self.previous() if self.own is None or rng.random() < 0.8 else self.own!r})"
            if self.own is not None and self.own in d:
                self.asked.add(self.own)
        elif kind < 0.42 and self.made:
            prefix = rng.choice(self.made)
            if rng.random() < 0.3:
                return f"listed(store, {prefix!r})"
            d = f"store.get(DirName({prefix!r}) / {rng.choice((f'({k})', '0', '1'))})"
        else:
            d = rng.choice(("store.get({})", "store.get({})", "there(store, {})")).format(repr(self.pick()))
            if rng.random() < 0.06:
                return f"5 * ({self.pick()!r} in store)"
        how = rng.choice(("get", "get_or", "get_all", "has", "size", "full", "keys", "entries", "between"))
        return (
            f"between({d}, {k}, {rng.choice((k, '...', '3', '4'))})"
            if how == "between"
            else f"{how}({d}, {k})"
        )

    def function(self, arguments: str) -> str:
        self.functions += 1
        self.name = f"f{self.functions}"
        self.lines.append(f"def {self.name}({arguments}):")
        return self.name

    def add(self, line: str) -> None:
        self.lines.append("    " + line)

    def reads(self, k: str) -> None:
        for _ in range(self.rng.choice((0, 1, 1, 2, 3))):
            self.add(f"n += {self.read(k)}")

    # ---- functions

    def mapper(self) -> tuple[str, bool]:
        """A function of a key and its values, and whether it gives text."""
        rng = self.rng
        name = self.function("key, values")
        prefix = f"/m{self.functions}/"
        self.add("n = number(values) + number(key)")
        self.reads(rng.choice(("key", "key", "n % 4", self.key())))
        if self.makes and rng.random() < 0.6:
            for slot in range(rng.choice((1, 1, 2))):
                self.make(prefix, slot)
        if self.raises and rng.random() < 0.3:
            self.add(f"if n % 17 == {rng.randrange(17)}: raise Boom(key)")
            self.may_fail = True
        gives, words = rng.choice(
            [
                ("[(key, value) for value in values]", False),
                ("[(key, n % 13)]", False),
                ("[(key, n % 13)]", False),
                ("{key: values[0], n % 3: n % 13}", False),
                ("[(n % 3, n % 7), (key, values[-1])]", False),
                ("[] if n % 2 else ((key, n % 13) for _ in range(1 + n % 3))", False),
                ("[(i % 2, value) for i, value in enumerate(values)]", False),
                ("[((n % 2, key), n % 5 + 0.5)]", False),
                ("None if n % 5 == 0 else {key: n % 13 / 4 + 0.1}", False),
                ("[(number(key), 10**20 + n % 2), (n % 2, 1e16)]", False),
                ("[(key, str(n % 5)), (str(n % 3), key)]", True),
            ]
        )
        self.add(f"return {gives}")
        return name, words

    def make(self, prefix: str, slot: int) -> None:
        """Makes a directory, under some condition, and reads it."""
        rng = self.rng
        i = f"{self.functions}_{slot}"
        parent, other = self.pick(), self.pick()
        shared = rng.random() < 0.3
        is_input = not shared and rng.random() < 0.35
        self.add(f"c{i} = n % 2")
        if shared:
            at, flag = f"DirName({prefix!r}) / 'shared' / {slot} / c{i}", ", shared=True"
        elif self.collides and rng.random() < 0.3:
            at, flag = f"DirName({prefix!r}) / {slot} / (n % 11)", ""
            self.may_fail = True
        else:
            own = (f"{slot} / key", f"(key, {slot}, c{i})", f"{slot} / (key, {slot})")
            at, flag = f"DirName({prefix!r}) / {rng.choice(own)}", ""
        self.made.append(prefix + f"{slot}/")
        self.add(f"a{i} = {at}")
        condition = rng.choice(("True", "n % 3", "n % 3 != 1", "n % 2 == 0", f"{parent!r} in store"))
        if is_input:
            self.add(f"if {condition}:")
            content = rng.choice(("{key: n % 3}", "{0: n % 2, key: 1}", f"[(1, c{i}), (1, 5)]"))
            self.add(f"    d{i} = store.mkdir(a{i}, {content})")
            if rng.random() < 0.3:
                self.add(f"    d{i}[{rng.choice(('9', 'key', '1'))}] = n % 3")
            self.add(f"    n += {rng.choice(('entries', 'size', 'keys', 'full'))}(d{i})")
            if rng.random() < 0.5:
                self.add(f"    if {other!r} not in store: return [(key, n % 13)]")
                self.add(f"    d{i}.{self.derivation(f'a{i} / 0', i, other, '')}")
                self.add(f"    n += entries(store[a{i} / 0])")
            return
        self.add(f"p{i} = store.get({parent!r})")
        self.add(f"q{i} = store.get({other!r})")
        self.add(f"if p{i} is not None and q{i} is not None and ({condition}):")
        if rng.random() < 0.12 and not shared:
            # Under a prefix of its own: what reads what mappers made reads no lazy directories.
            function = f"lambda self, k: number(k) + c{i} + get_all(store.get({other!r}), k)"
            self.add(f"    l{i} = store.lazy(DirName('/lazy{i}/') / key, {function})")
            self.add(f"    n += get(l{i}, {rng.choice(('key', '1', 'n % 3'))})")
            return
        if rng.random() < 0.2 and not shared:
            # What it makes has a mapper that makes directories.
            deep = rng.choice(
                ("store.mkdir(a / k, {0: number(vs) + c})", f"store[{other!r}].take(a / k, c + 1)")
            )
            guard = f"if {other!r} in store and number(k) % 3: " if "take" in deep else ""
            self.add(f"    def g{i}(k, vs, a=a{i}, c=c{i}):")
            self.add(f"        {guard}{deep}")
            self.add("        return [(k, number(vs)), (c, size(store.get(a / k)))]")
            self.add(f"    p{i}.map(a{i}, g{i})")
        else:
            self.add(f"    p{i}.{self.derivation(f'a{i}', i, other, flag)}")
        read = rng.choice(("", "entries", "size", "keys", "full", "get", "between"))
        if read:
            arguments = {"get": ", key", "between": ", 1, ..."}.get(read, "")
            self.add(f"    n += {read}(store[a{i}]{arguments})")

    def derivation(self, at: str, i: str, other: str, flag: str) -> str:
        """A derivation inside a mapper, of a directory d: what follows `d.`."""
        rng = self.rng
        inner = rng.choice(
            (
                f"lambda k, vs: [(k, number(vs) + c{i})]",
                "lambda k, vs: [(number(vs) % 3, v) for v in vs]",
                f"lambda k, vs: [(k, size(store.get({other!r})) + c{i})]",
                f"lambda k, vs: [(c{i}, get_all(store.get({other!r}), k)), (k, vs[0])]",
            )
        )
        # Reducers of the user's do not compare: what is folded by a new one is made anew each time.
        reducer = rng.choice(("Count()", "Sum(number)", "Min(number)", "Max(number)", "Mean(number)"))
        if not flag and rng.random() < 0.3:
            reducer = "Bag()"
        return rng.choice(
            (
                f"map({at}, {inner}{self.within()}{flag})",
                f"map({at}, {inner}{flag})",
                f"map_values({at}, lambda v: number(v) + c{i}{flag})",
                f"filter({at}, lambda k, v: number(v) % 2 == c{i}{flag})",
                f"reduce({at}, {reducer}{flag})",
                f"map_reduce({at}, {inner}, {reducer}{self.within()}{flag})",
                f"group_by({at}, lambda k, v: number(v) % 2{flag})",
                f"group_by({at}, lambda k, v: number(v) % 2, {reducer}{flag})",
                f"slice({at}, c{i}, {rng.choice(('...', '3'))}{flag})",
                f"slices({at}, (c{i}, 1), (3, ...){flag})",
                f"take({at}, 1 + c{i}{flag})",
                f"merge({at}, store[{other!r}]{flag})",
            )
        )

    def small(self, arguments: str, start: str, k: str, gives: str) -> str:
        """A function that makes nothing."""
        name = self.function(arguments)
        self.add(f"n = {start}")
        if self.rng.random() < 0.6:
            self.reads(k)
        if self.raises and self.rng.random() < 0.15:
            self.add(f"if n % 19 == 4: raise Boom({k})")
            self.may_fail = True
        self.add(f"return {gives}")
        return name

    # ---- steps

    def draw(self, number: int) -> None:
        rng = self.rng
        name = f"/s{number}/"
        self.lines = []
        self.own = None
        if rng.random() < 0.12:
            self.lazy(number, name)
            return
        self.own = name
        kinds: dict[Callable[[str, str, bool], tuple[str, bool]], int] = {
            self.map: 4,
            self.map_values: 1,
            self.filter: 1,
            self.reduce: 1,
            self.map_reduce: 2,
            self.group_by: 2,
            self.slice: 1,
            self.slices: 1,
            self.take: 1,
        }
        several: dict[Callable[[str, list[str], bool], tuple[str, bool]], int] = {
            self.merge: 1,
            self.multi_map: 2,
        }
        if rng.random() < 0.2:
            makes = rng.choices(list(several), list(several.values()))[0]
            parents = [self.pick() for _ in range(rng.choice((1, 2, 2, 3)))]
            if rng.random() < 0.4:
                parents.append(parents[0])
            words = any(parent in self.words for parent in parents)
            statement, words = makes(name, parents, words)
        else:
            make = rng.choices(list(kinds), list(kinds.values()))[0]
            mirrored = self.remembers and rng.random() < 0.25
            parents = [self.previous() if mirrored else self.pick()]
            source = f"before({parents[0]!r})" if mirrored else f"store[{parents[0]!r}]"
            derived, words = make(name, source, parents[0] in self.words)
            statement = f"{source}.{derived}"
        if words:
            self.words.add(name)
        self.steps[number] = Step(name, tuple(self.lines), statement, frozenset(parents))

    def lazy(self, number: int, name: str) -> None:
        rng = self.rng
        many = rng.random() < 0.25
        function = self.function("self, key")
        self.add("n = number(key)")
        self.reads(rng.choice(("key", "key", "n % 4")))
        if rng.random() < 0.5:
            self.add("if n % 7 == 2: raise KeyError(key)")
        if self.raises and rng.random() < 0.3:
            self.add("if n % 11 == 3: raise Boom(key)")
            self.may_fail = True
        if rng.random() < 0.5:
            self.add("if type(key) is int and key > 0: n += get(self, key - 1)")
        self.add("return [n % 3] * (n % 3)" if many else "return n % 13")
        options = (", many=True" if many else "") + (", keep=True" if rng.random() < 0.3 else "")
        statement = f"store.lazy({name!r}, {function}{options})"
        self.steps[number] = Step(name, tuple(self.lines), statement, frozenset(), is_lazy=True)

    def map(self, name: str, source: str, words: bool) -> tuple[str, bool]:
        function, more = self.mapper()
        return f"map({name!r}, {function}{self.within()})", words or more

    def map_values(self, name: str, source: str, words: bool) -> tuple[str, bool]:
        function = self.small("value", "number(value)", "n % 5", self.rng.choice(("n % 13", "n % 5 + 0.5")))
        return f"map_values({name!r}, {function})", False

    def filter(self, name: str, source: str, words: bool) -> tuple[str, bool]:
        function = self.small("key, value", "number(value)", "key", self.rng.choice(("n % 2 == 0", "n % 5")))
        return f"filter({name!r}, {function})", words

    def reduce(self, name: str, source: str, words: bool) -> tuple[str, bool]:
        return self.folded(f"reduce({name!r}, ", words)

    def folded(self, head: str, words: bool, tail: str = "") -> tuple[str, bool]:
        reducer = self.reducer(words)
        return f"{head}{reducer}{tail})", reducer == "Bag()"

    def map_reduce(self, name: str, source: str, words: bool) -> tuple[str, bool]:
        function, more = self.mapper()
        return self.folded(f"map_reduce({name!r}, {function}, ", words or more, self.within())

    def group_by(self, name: str, source: str, words: bool) -> tuple[str, bool]:
        gives = self.rng.choice(("n % 3", "(n % 2, key)", "key if n % 2 else 0"))
        function = self.small("key, value", "number(value)", "key", gives)
        if self.rng.random() < 0.5:
            return f"group_by({name!r}, {function})", words
        return self.folded(f"group_by({name!r}, {function}, ", words)

    def slice(self, name: str, source: str, words: bool) -> tuple[str, bool]:
        lo, hi = self.range()[1:-1].split(", ")
        return f"slice({name!r}, {lo}, {hi})", words

    def slices(self, name: str, source: str, words: bool) -> tuple[str, bool]:
        return f"slices({name!r}, {self.ranges()})", words

    def take(self, name: str, source: str, words: bool) -> tuple[str, bool]:
        return f"take({name!r}, {self.rng.randrange(5)})", words

    def merge(self, name: str, parents: list[str], words: bool) -> tuple[str, bool]:
        others = "".join(f", store[{parent!r}]" for parent in parents[1:])
        return f"store[{parents[0]!r}].merge({name!r}{others})", words

    def multi_map(self, name: str, parents: list[str], words: bool) -> tuple[str, bool]:
        arrows = []
        for parent in parents:
            function, more = self.mapper()
            words = words or more
            ranges = f", [{self.ranges()}]" if self.rng.random() < 0.3 else ""
            arrows.append(f"(store[{parent!r}], {function}{ranges})")
        head = f"store.multi_map({name!r}, [{', '.join(arrows)}]"
        return self.folded(head + ", ", words) if self.rng.random() < 0.4 else (head + ")", words)
