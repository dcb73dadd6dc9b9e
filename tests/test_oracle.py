"""Random programs on the public API against an oracle that recomputes everything from its inputs.

`oracle_recompute` is the judge: it knows the inputs and the definitions (what was derived), and computes
all else anew until nothing changes, with the same mappers, which read an `OracleStore` instead of a store.
It has no history, so whatever the store keeps from before shows as a difference. Statements are run from
source: where a run fails, the program that led there is printed, with all that it needs, to be pasted and
run.
"""

import inspect
import math
from fractions import Fraction

from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import livedirs
from livedirs import Count, DirExistsError, DirInUseError, DirName
from programs.prelude import Bag, Boom
from support import contents, figures

# ---- what programs are made of; `world` is a Store, or an OracleStore


def kept(world, me, other):
    return lambda key, values: [(key, value) for value in values]


def moved(world, me, other):
    return lambda key, values: [((type(value).__name__, value), value) for value in values]


def gathered(world, me, other):
    return lambda key, values: {"all": len(values), len(values): values[0]}


def many(world, me, other):
    return lambda key, values: [(i % 3, value) for i, value in enumerate([values[-1], *values, *values])]


def few(world, me, other):
    return lambda key, values: None if isinstance(values[0], float) else [(key, values[0])]


def booming(world, me, other):
    def fn(key, values):
        if 13 in values:
            raise Boom(key)
        return [(key, value) for value in reversed(values)]

    return fn


def reads_key(world, me, other):
    def fn(key, values):
        d = world.get(other)
        return [(key, value) for value in (d.get_all(key) if d is not None else values)]

    return fn


def reads_pointer(world, me, other):
    def fn(key, values):
        d = world.get(other)
        return [(key, d is not None and any(value in d for value in values))]

    return fn


def reads_len(world, me, other):
    return lambda key, values: [(key, len(world[other]) if other in world else -1)]


def reads_bool(world, me, other):
    return lambda key, values: [(key, bool(world[other]) if other in world else None)]


def reads_all(world, me, other):
    def fn(key, values):
        d = world.get(other)
        return [] if d is None else [(key, value) for _, found in d.entries() for value in found]

    return fn


def reads_existence(world, me, other):
    return lambda key, values: [(key, other in world)] if other in world else [(True, key)]


def makes_input(world, me, other):
    def fn(key, values):
        world.mkdir(DirName("/made" + me) / key, [(repr(value), key) for value in values])
        return [(key, 0)]

    return fn


def makes_some(world, me, other):
    def fn(key, values):
        d = world.get(other)
        if values[0] in (0, 2, 0.5, True) or (d is not None and key in d):
            world.mkdir(DirName("/made" + me) / key / len(values), {key: 0})
        return [(key, value) for value in values]

    return fn


def makes_map(world, me, other):
    def fn(key, values):
        if other in world:
            n = len(values)
            made = world[other].map(DirName("/made" + me) / key, lambda k, vs: [(k, n), (n, len(vs))])
            return [(key, len(made))]
        return None

    return fn


def makes_slice(world, me, other):
    def fn(key, values):
        if other in world:
            world[other].map(
                DirName("/made" + me) / key, lambda k, vs: [(k, v) for v in vs], within=[(values[0], ...)]
            )

    return fn


def makes_fold(world, me, other):
    def fn(key, values):
        if other in world:
            world[other].map_reduce(DirName("/made" + me) / key, lambda k, vs: [(len(vs), 1)], Count())
            return [(key, values[0])]
        return None

    return fn


def makes_deep(world, me, other):
    def fn(key, values):
        if other not in world:
            return
        name = DirName("/made" + me) / key

        def inner(k, vs):
            world.mkdir(name / k, {k: vs[0]})
            world[name / k].map(name / k / "copy", lambda a, b: [(a, b[0])])
            return [(k, key)]

        world[other].map(name, inner)

    return fn


def makes_clashing(world, me, other):
    def fn(key, values):
        world.mkdir(DirName("/made" + me) / (len(values) if 13 not in values else key), {key: 0})
        return [(key, 1)]

    return fn


MAPPERS = [
    kept, moved, gathered, many, few, booming, reads_key, reads_pointer, reads_len, reads_bool, reads_all,
    reads_existence, makes_input, makes_some, makes_map, makes_slice, makes_fold, makes_deep, makes_clashing,
]  # fmt: skip
NUMERIC = [kept, moved, many, few, reads_len]  # these give numbers where they get numbers
REDUCERS = ["Sum()", "Count()", "Min()", "Max()", "Mean()", "Bag()", "Sum(abs)"]
PROGRAM = "import math\nfrom livedirs import *\n\n" + "\n\n".join(
    map(inspect.getsource, [Boom, Bag, *MAPPERS])
)


# ---- the oracle


def order(key):
    kinds = (type(None), bool, (int, float), str, bytes, tuple)
    rank = next(i for i, kind in enumerate(kinds) if isinstance(key, kind))
    return (rank, [order(part) for part in key]) if rank == 5 else (rank,) if key is None else (rank, key)


class OracleDir:
    """What the last pass found in a directory."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.rows = world.state.get(name, {})

    def get_all(self, key):
        return self.rows.get(order_id(key), (None, ()))[1]

    def __contains__(self, key):
        return order_id(key) in self.rows

    def __len__(self):
        return len(self.rows)

    def entries(self):
        return [self.rows[c] for c in sorted(self.rows, key=lambda c: order(self.rows[c][0]))]

    def map(self, name, fn, *, within=None):
        return self.world.make(name, (self.name, fn, within, None))

    def map_reduce(self, name, fn, reducer, *, within=None):
        return self.world.make(name, (self.name, fn, within, reducer))


def order_id(key):
    return repr(
        order(float(key) if isinstance(key, int) and not isinstance(key, bool) and abs(key) < 2**53 else key)
    )


class OracleStore:
    """The state that the last pass found; what mappers make in this pass is noted."""

    def __init__(self, state):
        self.state, self.made, self.clashes = state, {}, []

    def __contains__(self, name):
        return str(name) in self.state

    def __getitem__(self, name):
        return OracleDir(self, str(name))

    def get(self, name):
        return OracleDir(self, str(name)) if name in self else None

    def mkdir(self, name, content=()):
        return self.make(name, oracle_rows(content.items() if isinstance(content, dict) else content))

    def make(self, name, definition):
        name = str(name)
        if name in self.made:
            self.clashes.append(name)
            raise DirExistsError(name)
        self.made[name] = definition
        return OracleDir(self, name)


def oracle_rows(pairs):
    rows = {}
    for key, value in pairs:
        first, values = rows.get(order_id(key), (key, ()))
        rows[order_id(key)] = (first, (*values, value))
    return rows


def oracle_sum(values):
    if any(isinstance(x, float) for x in values):
        special = [x for x in values if isinstance(x, float) and not math.isfinite(x)]
        return sum(special) if special else float(sum(map(Fraction, values)))
    return sum(values)


def oracle_fold(reducer, values):
    if isinstance(reducer, Bag):
        acc = reducer.initial
        for value in values:
            acc = reducer.add(acc, value)
        return reducer.result(acc)
    if "abs" in reducer:
        values = list(map(abs, values))
    kind = reducer.partition("(")[0]
    if kind == "Mean":
        return oracle_sum(values) / len(values)
    return {"Sum": oracle_sum, "Count": len, "Min": min, "Max": max}[kind](values)


class Definition:
    """A directory derived at top level; fold: the source of its reducer, or None."""

    def __init__(self, parent, mapper, other, within, fold):
        self.parent, self.mapper, self.other, self.within, self.fold = parent, mapper, other, within, fold


def oracle_reducer(reducer):
    return Bag() if reducer == "Bag()" else reducer


def oracle_derive(world, parent, fn, within, reducer, errors):
    """The rows of one derived directory, from what the last pass found in its parent."""
    pairs = []
    for key, values in OracleDir(world, parent).entries():
        if within is None or any(
            order(lo) <= order(key) and (hi is ... or order(key) <= order(hi)) for lo, hi in within
        ):
            try:
                given = fn(key, values)
                pairs += [] if given is None else given.items() if isinstance(given, dict) else given
            except (Boom, DirExistsError) as error:
                errors.append(type(error))
    rows = oracle_rows(pairs)
    if reducer is None:
        return rows
    reducer = "Count()" if isinstance(reducer, Count) else reducer
    return {c: (key, (oracle_fold(reducer, values),)) for c, (key, values) in rows.items()}


def oracle_recompute(inputs, definitions):
    """(everything that there is, the definitions of what mappers made, the errors that a mapper raises)."""
    state = {name: oracle_rows(pairs) for name, pairs in inputs.items()}
    for _ in range(60):
        world, errors = OracleStore(state), []
        new = {name: oracle_rows(pairs) for name, pairs in inputs.items()}
        for name, d in definitions.items():
            fn = d.mapper(world, name, d.other)
            new[name] = oracle_derive(
                world, d.parent, fn, d.within, d.fold and oracle_reducer(d.fold), errors
            )
        done = set()
        while set(world.made) - done:
            for name in sorted(set(world.made) - done):
                done.add(name)
                definition = world.made[name]
                if isinstance(definition, tuple):
                    parent, fn, within, reducer = definition
                    new[name] = oracle_derive(world, parent, fn, within, reducer, errors)
                else:
                    new[name] = definition
        if repr(new) == repr(state):
            return new, world.made, errors
        state = new
    raise AssertionError("the oracle does not settle")


# ---- the machine

keys = st.sampled_from([0, 1, 2, 3, -1, 1.5, True, None, "a", "b/", (1, "x"), ()])
values = st.sampled_from([0, 1, 2, 3, -2, 10**20, 0.5, 0.1, -1.5, True, False, 1.0, 1e16, 13])
rows = st.lists(st.tuples(keys, values), max_size=5)
full = st.lists(st.tuples(keys, values), min_size=2, max_size=5)
pairs = st.dictionaries(keys, values, max_size=5)
within = st.one_of(st.none(), st.lists(st.tuples(keys, st.one_of(keys, st.just(...))), max_size=2))
INPUTS = [f"/in/{letter}/" for letter in "abcd"]


class Oracle(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.log, self.count = [], 0
        self.inputs, self.definitions = {}, {}
        self.open, self.stale, self.snapshots = [], False, []
        self.globals = vars(livedirs) | globals()
        self.run("store = Store()")
        self.store = self.globals["store"]
        self.start = figures(self.store)
        self.expected = ({}, {}, [])

    # -- statements

    def run(self, source):
        self.log.append(source)
        exec(source, self.globals)

    def must_raise(self, source, *kinds):
        """Runs a statement that fails; where no block is open, it changes nothing."""
        before = None if self.open else (contents(self.store), figures(self.store), self.store.tick)
        self.log.append(f"try:\n    {source}\nexcept Exception as error:\n    print(repr(error))")
        try:
            exec(source, self.globals)
        except kinds:
            pass
        else:
            raise AssertionError(f"{source} did not raise {kinds}")
        if before:
            assert (contents(self.store), figures(self.store), self.store.tick) == before

    def change(self, source, inputs=None, definitions=None):
        """Runs a statement after which these are the inputs and definitions, unless a mapper raises."""
        inputs = self.inputs if inputs is None else inputs
        definitions = self.definitions if definitions is None else definitions
        expected = oracle_recompute(inputs, definitions)
        if self.open:
            try:
                self.run(source)
            except (Boom, DirExistsError):
                self.abandon()
                return
            self.inputs, self.definitions, self.stale = inputs, definitions, True
        elif expected[2]:
            self.must_raise(source, Boom, DirExistsError)
        else:
            self.run(source)
            self.inputs, self.definitions, self.expected = inputs, definitions, expected

    def abandon(self):
        """An exception leaves all open blocks."""
        while self.open:
            tx, self.inputs, self.definitions = self.open.pop()
            self.run(f"{tx}.__exit__(Boom, Boom(), None)")
        self.stale = False

    def rewritten(self, inputs, name, key, new):
        """The inputs with these values for this key."""
        others = [(k, v) for k, v in inputs[name] if order_id(k) != order_id(key)]
        first = next((k for k, v in inputs[name] if order_id(k) == order_id(key)), key)
        return {**inputs, name: others + [(first, v) for v in new]}

    def pick(self, data, names):
        return data.draw(st.sampled_from(sorted(names)))

    # -- inputs

    @initialize(
        data=st.data(),
        one=full,
        other=full,
        mappers=st.lists(st.sampled_from(MAPPERS), min_size=3, max_size=6),
    )
    def begin(self, data, one, other, mappers):
        self.change(f"store.mkdir('/in/a/', {one!r})", {"/in/a/": one})
        self.change(f"store.mkdir('/in/b/', {other!r})", {**self.inputs, "/in/b/": other})
        for mapper in mappers:
            self.derive(data, mapper, None, None, self.parents())

    @rule(name=st.sampled_from(INPUTS), content=rows)
    def make_input(self, name, content):
        source = f"store.mkdir({name!r}, {content!r})"
        if name in self.inputs:
            self.must_raise(source, DirExistsError)
        else:
            self.change(source, {**self.inputs, name: content})

    @precondition(lambda self: self.inputs)
    @rule(data=st.data(), key=keys, value=values)
    def write(self, data, key, value):
        name = self.pick(data, self.inputs)
        self.change(f"store[{name!r}][{key!r}] = {value!r}", self.rewritten(self.inputs, name, key, [value]))

    @precondition(lambda self: self.inputs)
    @rule(data=st.data(), key=keys, new=st.lists(values, max_size=3))
    def set_all(self, data, key, new):
        name = self.pick(data, self.inputs)
        self.change(f"store[{name!r}].set_all({key!r}, {new!r})", self.rewritten(self.inputs, name, key, new))

    @precondition(lambda self: self.inputs)
    @rule(data=st.data(), key=keys)
    def delete(self, data, key):
        name = self.pick(data, self.inputs)
        source = f"del store[{name!r}][{key!r}]"
        if any(order_id(k) == order_id(key) for k, _ in self.inputs[name]):
            self.change(source, self.rewritten(self.inputs, name, key, []))
        else:
            self.must_raise(source, KeyError)

    @precondition(lambda self: self.inputs)
    @rule(data=st.data(), key=keys)
    def discard(self, data, key):
        name = self.pick(data, self.inputs)
        self.change(f"store[{name!r}].discard({key!r})", self.rewritten(self.inputs, name, key, []))

    @precondition(lambda self: self.inputs)
    @rule(data=st.data(), new=pairs)
    def update(self, data, new):
        name = self.pick(data, self.inputs)
        inputs = self.inputs
        for key, value in new.items():
            inputs = self.rewritten(inputs, name, key, [value])
        self.change(f"store[{name!r}].update({new!r})", inputs)

    @precondition(lambda self: self.inputs)
    @rule(data=st.data())
    def clear(self, data):
        name = self.pick(data, self.inputs)
        self.change(f"store[{name!r}].clear()", {**self.inputs, name: []})

    # -- derivations

    def derive(self, data, mapper, within, fold, parents):
        """A mapper may read what was defined before it, and so nothing that reads it."""
        parent = self.pick(data, parents)
        other = self.pick(data, [*INPUTS, *self.definitions, *([] if self.open else self.expected[1])])
        self.count += 1
        name = f"/{self.count}-{mapper.__name__}/"
        arguments = f"{name!r}, {mapper.__name__}(store, {name!r}, {other!r})"
        arguments += f", {fold}" if fold else ""
        arguments += f", within={within!r}".replace("Ellipsis", "...") if within is not None else ""
        definition = Definition(parent, mapper, other, within, fold)
        source = f"store[{parent!r}].{'map_reduce' if fold else 'map'}({arguments})"
        self.change(source, None, {**self.definitions, name: definition})

    def parents(self):
        return [*self.inputs, *self.definitions, *([] if self.open else self.expected[1])]

    @precondition(lambda self: self.parents() and len(self.definitions) < 10)
    @rule(data=st.data(), mapper=st.sampled_from(MAPPERS), within=within)
    def map(self, data, mapper, within):
        self.derive(data, mapper, within, None, self.parents())

    @precondition(lambda self: self.inputs and len(self.definitions) < 10)
    @rule(data=st.data(), mapper=st.sampled_from(NUMERIC), fold=st.sampled_from(REDUCERS), within=within)
    def map_reduce(self, data, mapper, fold, within):
        self.derive(data, mapper, within, fold, self.inputs)

    @precondition(lambda self: self.parents() and len(self.definitions) < 10)
    @rule(data=st.data(), mapper=st.sampled_from(MAPPERS[:12]), fold=st.sampled_from(["Count()", "Bag()"]))
    def map_reduce_anything(self, data, mapper, fold):
        self.derive(data, mapper, None, fold, self.parents())

    # -- removal

    def derived_from(self, name):
        """What live directories derive from it, directly: those of top level, and those made by mappers."""
        made = {n for n, d in self.expected[1].items() if isinstance(d, tuple) and d[0] == name}
        return {n for n, d in self.definitions.items() if d.parent == name} | made

    @precondition(lambda self: not self.open and (self.inputs or self.definitions))
    @rule(data=st.data(), recursive=st.booleans())
    def remove_dir(self, data, recursive):
        name = self.pick(data, [*self.inputs, *self.definitions, *self.expected[1]])
        source = f"store.remove_dir({name!r}, recursive={recursive})"
        if name in self.expected[1] or (self.derived_from(name) and not recursive):
            self.must_raise(source, DirInUseError)
            return
        going, found = set(), {name}
        while found - going:
            going, found = found, found.union(*(self.derived_from(n) for n in found))
        if any(self.derived_from(n) for n in going if n in self.expected[1]):
            return  # the spec is silent: does what derives from a mapper's directory go with that, or stay?
        self.change(
            source,
            {n: p for n, p in self.inputs.items() if n not in going},
            {n: d for n, d in self.definitions.items() if n not in going},
        )

    # -- transactions

    @precondition(lambda self: len(self.open) < 3)
    @rule()
    def enter(self):
        self.count += 1
        tx = f"tx{self.count}"
        self.run(f"{tx} = store.update().__enter__()")
        self.open.append((tx, self.inputs, self.definitions))

    def outcome(self):
        return oracle_recompute(self.inputs, self.definitions)

    @precondition(lambda self: self.open)
    @rule()
    def commit(self):
        expected = self.outcome()
        tx, inputs, definitions = self.open[-1]
        source = f"{tx}.__exit__(None, None, None)"
        if len(self.open) == 1 and expected[2]:
            self.open.pop()
            self.inputs, self.definitions, self.stale = inputs, definitions, False
            self.log.append(f"try:\n    {source}\nexcept Exception as error:\n    print(repr(error))")
            try:
                exec(source, self.globals)
            except (Boom, DirExistsError):
                return
            raise AssertionError("a mapper that raises did not fail the transaction")
        self.run(source)
        self.open.pop()
        if not self.open:
            self.expected, self.stale = expected, False

    @precondition(lambda self: self.open)
    @rule(how=st.sampled_from(["exception", "rollback"]))
    def roll_back(self, how):
        tx, self.inputs, self.definitions = self.open.pop()
        if how == "exception":
            self.run(f"{tx}.__exit__(Boom, Boom(), None)")
        else:
            self.run(f"{tx}.rollback(); {tx}.__exit__(None, None, None)")
        self.stale = bool(self.open)

    @precondition(lambda self: self.open)
    @rule()
    def cascade(self):
        expected = self.outcome()
        source = f"{self.open[-1][0]}.cascade()"
        if expected[2]:
            self.must_raise(source, Boom, DirExistsError)
            self.abandon()
        else:
            self.run(source)
            self.agree(self.store, expected[0])

    @precondition(lambda self: not self.open and len(self.snapshots) < 2)
    @rule()
    def take_snapshot(self):
        self.count += 1
        self.run(f"snapshot{self.count} = store.snapshot()")
        self.snapshots.append((f"snapshot{self.count}", self.expected[0]))

    # -- agreement

    def agree(self, reader, state):
        assert list(reader) == sorted(state), (list(reader), sorted(state))
        for name in state:
            expected = [(repr(k), repr(v)) for k, v in OracleDir(OracleStore(state), name).entries()]
            found = [(repr(k), repr(v)) for k, v in reader[name].entries()]
            assert found == expected, f"{name} holds {found}, expected {expected}"
            assert len(reader[name]) == len(expected)

    @invariant()
    def store_equals_the_recomputation(self):
        if self.open:
            for name, pairs in self.inputs.items():
                self.agree_rows(name, oracle_rows(pairs))
            return
        self.agree(self.store, self.expected[0])
        assert len(self.store) == len(self.expected[0])
        stats = self.store.stats()
        assert stats.dir_tombstones == stats.key_tombstones == stats.queued == 0
        assert stats.dirs == len(self.expected[0])
        assert stats.keys == sum(map(len, self.expected[0].values()))

    def agree_rows(self, name, state):
        expected = OracleDir(OracleStore({name: state}), name).entries()
        assert repr(list(self.store[name].entries())) == repr(expected)

    def finish(self):
        while self.open:
            self.roll_back("exception")
        self.store_equals_the_recomputation()
        for name, state in self.snapshots:
            self.agree(self.globals[name], state)
            self.run(f"{name}.close()")
        for name in list(self.inputs):
            if name in self.store:
                self.run(f"store[{name!r}].clear()")
        for name in [*self.inputs, *self.definitions]:
            self.run(f"store.remove_dir({name!r}, recursive=True, missing_ok=True)")
        assert len(self.store) == 0
        assert figures(self.store) == self.start

    def teardown(self):
        try:
            self.finish()
        finally:
            shown = "\nfor name in store:\n    print(name, list(store[name].entries()))"
            note("# a program that shows it:\n" + PROGRAM + "\n\n" + "\n".join(self.log) + shown)
            world = OracleStore(self.expected[0])
            note(f"# expected at the last commit: {[(name, world[name].entries()) for name in world.state]}")


TestOracle = Oracle.TestCase
TestOracle.settings = settings(stateful_step_count=40)
