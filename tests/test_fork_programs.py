"""Random programs on a store, its forks and a fork of a fork, against a model of how they come together.

The model knows of each side its top level alone: input directories with their rows, and what was derived.
Each has an origin, which tells whether two sides mean the same directory. It merges three ways, as section
3.11 of docs/design.md says; what else must be there, `oracle_recompute` tells from scratch. So nothing that
one side computed before is believed. A program that fails is printed as source, to be pasted and run.
"""

import inspect
from dataclasses import dataclass, field

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import livedirs
import test_oracle as oracle
from livedirs import ConflictError, Count, DirExistsError, DirInUseError  # noqa: F401 (for the programs)
from support import contents, figures
from test_oracle import Definition, OracleDir, OracleStore, order_id


def makes_input_d(world, me, other):
    """Makes, for some values, a directory that top level may make too."""

    def fn(key, values):
        if 3 in values:
            world.mkdir("/in/d/", [(key, value) for value in values])
        return [(key, len(values))]

    return fn


MAPPERS = [
    oracle.kept, oracle.moved, oracle.many, oracle.few, oracle.booming, oracle.reads_key, oracle.reads_len,
    oracle.reads_all, oracle.reads_existence, oracle.makes_input, oracle.makes_some, oracle.makes_map,
    oracle.makes_fold, oracle.makes_deep, makes_input_d,
]  # fmt: skip
PROGRAM = oracle.PROGRAM + "\n\n" + inspect.getsource(makes_input_d)
MOST_SIDES = 4


@dataclass(frozen=True)
class Made:
    """A directory of top level: which one it is, and its rows or its definition."""

    origin: int
    rows: dict = field(hash=False)  # of an input directory: order_id(key) -> (key, values)
    definition: Definition | None = None


def without(top, names):
    """The directories that are left without these, and without what derives from them."""
    left = {name: made for name, made in top.items() if name not in names}
    while True:
        lost = {n for n, made in left.items() if made.definition and made.definition.parent not in left}
        if not lost:
            return left
        left = {name: made for name, made in left.items() if name not in lost}


def rebased(base, store, fork, made):
    """What a fork holds when it has taken over what its store changed since; its mappers made some."""

    def origin(top, name):
        return top[name].origin if name in top else None

    result = dict(fork)
    removed = {n for n in base if origin(store, n) != base[n].origin == origin(fork, n)}
    gone = {n for n in base if origin(fork, n) != base[n].origin == origin(store, n)}
    late = {n for n in store if origin(store, n) != origin(base, n)}
    while True:
        more = {
            n for n in late - gone if store[n].definition is not None and store[n].definition.parent in gone
        }
        if not more:
            break
        gone |= more
    # Removed in the store: with what the fork derived; remade there alone: what the fork derived stays.
    result = without(result, {n for n in removed if n not in store or n in gone})
    for name in late - gone - made:
        # Where the fork's own went with what the store removed, the name is the store's.
        if name not in result or origin(fork, name) == origin(base, name):
            result[name] = store[name]
    result = without(result, set())
    for name in base.keys() & store.keys() & fork.keys():
        if name in result and origin(base, name) == origin(store, name) == origin(fork, name):
            was, theirs, mine = base[name].rows, store[name].rows, dict(fork[name].rows)
            for at in was.keys() | theirs.keys():
                if differs(theirs.get(at), was.get(at)) and not differs(mine.get(at), was.get(at)):
                    mine.pop(at, None)
                    if at in theirs:
                        mine[at] = theirs[at]
            result[name] = Made(fork[name].origin, mine, fork[name].definition)
    return result


def differs(a, b):
    values = (a[1] if a else None), (b[1] if b else None)
    return [(type(value), value) for value in values[0] or ()] != [(type(v), v) for v in values[1] or ()]


class Side:
    """A store or a fork, as the model knows it."""

    def __init__(self, name, store, parent=None, top=None):
        self.name, self.store, self.parent = name, store, parent
        self.top = top if top is not None else {}
        self.base = self.top
        self.base_tick = parent.store.tick if parent else None
        self.expected = self.outcome(self.top)

    def outcome(self, top):
        """What is there, what mappers made, and the errors that they raise."""
        inputs = {
            name: [(key, value) for key, values in made.rows.values() for value in values]
            for name, made in top.items()
            if made.definition is None
        }
        definitions = {name: made.definition for name, made in top.items() if made.definition is not None}
        state, made, errors = oracle.oracle_recompute(inputs, definitions)
        return state, made, errors + [DirExistsError for name in made if name in top]


class Forks(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.log, self.count = [], 0
        self.globals = vars(livedirs) | vars(oracle) | globals()
        self.run("s0 = Store()")
        self.sides = [Side("s0", self.globals["s0"])]
        self.start = figures(self.sides[0].store)

    # -- statements

    def run(self, source):
        self.log.append(source)
        exec(source, self.globals)

    def attempt(self, source):
        """Runs a statement that may fail, with nothing changed on any side; the error."""
        before = [(contents(side.store), figures(side.store), side.store.tick) for side in self.sides]
        self.log.append(f"try:\n    {source}\nexcept Exception as error:\n    print(repr(error))")
        try:
            exec(source, self.globals)
        except (oracle.Boom, DirExistsError, DirInUseError, ConflictError) as error:
            assert before == [
                (contents(side.store), figures(side.store), side.store.tick) for side in self.sides
            ]
            return error
        return None

    def change(self, side, source, top):
        """A change of one side, which is not to be where a mapper fails."""
        expected = side.outcome(top)
        error = self.attempt(source)
        assert bool(error) == bool(expected[2]), (error, expected[2])
        if not error:
            side.top, side.expected = top, expected

    def origin(self):
        self.count += 1
        return self.count

    # -- one side

    side = st.integers(0, MOST_SIDES - 1)

    def pick_side(self, number):
        return self.sides[number % len(self.sides)]

    def pick(self, data, names):
        return data.draw(st.sampled_from(sorted(names)))

    @initialize(content=st.lists(oracle.full, min_size=2, max_size=2))
    def begin(self, content):
        for name, rows in zip(oracle.INPUTS[:2], content, strict=True):
            self.mkdir(0, name, rows)

    @rule(number=side, name=st.sampled_from(oracle.INPUTS), content=oracle.rows)
    def mkdir(self, number, name, content):
        side = self.pick_side(number)
        if name not in side.expected[0]:
            made = Made(self.origin(), oracle.oracle_rows(content))
            self.change(side, f"{side.name}.mkdir({name!r}, {content!r})", {**side.top, name: made})

    @rule(number=side, data=st.data(), key=oracle.keys, values=st.lists(oracle.values, max_size=2))
    def write(self, number, data, key, values):
        side = self.pick_side(number)
        inputs = [name for name, made in side.top.items() if made.definition is None]
        if not inputs:
            return
        name = self.pick(data, inputs)
        made = side.top[name]
        first = made.rows.get(order_id(key), (key, ()))[0]
        rows = {at: row for at, row in made.rows.items() if at != order_id(key)}
        if values:
            rows[order_id(key)] = (first, tuple(values))
        source = f"{side.name}[{name!r}].set_all({key!r}, {values!r})"
        self.change(side, source, {**side.top, name: Made(made.origin, rows)})

    @rule(
        number=side, data=st.data(), mapper=st.sampled_from(MAPPERS), fold=st.booleans(), at=st.integers(0, 2)
    )
    def derive(self, number, data, mapper, fold, at):
        side = self.pick_side(number)
        if not side.top or sum(made.definition is not None for made in side.top.values()) > 6:
            return
        parents = set(side.top) - {"/in/d/"}  # which may be a mapper's on the other side
        if not parents:
            return
        parent = self.pick(data, parents)
        # A mapper reads input directories, so that no merge makes a circle of reads.
        other = data.draw(st.sampled_from(oracle.INPUTS))
        name = f"/{at}-{mapper.__name__}/"
        if name in side.expected[0]:
            return
        fold = "Count()" if fold else None
        source = (
            f"{side.name}[{parent!r}].{'map_reduce' if fold else 'map'}"
            f"({name!r}, {mapper.__name__}({side.name}, {name!r}, {other!r}){', Count()' if fold else ''})"
        )
        definition = Definition(parent, mapper, other, None, fold)
        self.change(side, source, {**side.top, name: Made(self.origin(), {}, definition)})

    @rule(number=side, data=st.data(), again=st.booleans(), content=oracle.rows)
    def remove(self, number, data, again, content):
        """Removes a directory with what derives from it; or remakes it at once as an input directory."""
        side = self.pick_side(number)
        if not side.top:
            return
        name = self.pick(data, side.top)
        if any(isinstance(d, tuple) and d[0] == name for d in side.expected[1].values()):
            return  # a mapper made one that derives from it: that is no matter of forks
        top = without(side.top, {name})
        source = f"{side.name}.remove_dir({name!r}, recursive=True)"
        if again:
            top[name] = Made(self.origin(), oracle.oracle_rows(content))
            source = f"with {side.name}.update(): {source}; {side.name}.mkdir({name!r}, {content!r})"
        self.change(side, source.replace("\n", " "), top)

    # -- forks

    @precondition(lambda self: len(self.sides) < MOST_SIDES)
    @rule(number=side)
    def fork(self, number):
        parent = self.pick_side(number)
        self.count += 1
        name = f"s{self.count}"
        self.run(f"{name} = {parent.name}.fork()")
        self.sides.append(Side(name, self.globals[name], parent, dict(parent.top)))

    @precondition(lambda self: len(self.sides) > 1)
    @rule(number=side)
    def merge(self, number):
        fork = self.sides[1:][number % (len(self.sides) - 1)]
        self.come_together(fork, rebase=False)

    @precondition(lambda self: len(self.sides) > 1)
    @rule(number=side)
    def merge_with_rebase(self, number):
        fork = self.sides[1:][number % (len(self.sides) - 1)]
        self.come_together(fork, rebase=True)

    def come_together(self, fork, rebase):
        parent = fork.parent
        if parent not in self.sides:
            return
        moved = parent.store.tick != fork.base_tick
        clock = fork.store.tick
        error = self.attempt(f"{fork.name}.merge({'rebase=True' if rebase else ''})")
        if moved and not rebase:
            assert isinstance(error, ConflictError)
            return
        made = {n for n in fork.top if n not in fork.base or fork.base[n].origin != fork.top[n].origin}
        if any(name in parent.expected[1] for name in made):
            assert isinstance(error, ConflictError)
            return
        top = rebased(fork.base, parent.top, fork.top, set(fork.expected[1])) if moved else fork.top
        expected = fork.outcome(top)
        # What a mapper of the fork no longer makes when it has taken over the rest, is the store's.
        let_go = {n: parent.top[n] for n in parent.top if n in fork.expected[1] and n not in expected[0]}
        if moved and let_go and not expected[2]:
            top = top | {n: made for n, made in let_go.items() if made != fork.base.get(n)}
            expected = fork.outcome(top)
        assert bool(error) == bool(expected[2]), (error, expected[2])
        if error:
            return
        fork.top = fork.base = parent.top = top
        fork.expected = parent.expected = expected
        fork.base_tick = parent.store.tick
        assert fork.store.base == parent.store.tick
        assert fork.store.tick >= clock
        assert contents(fork.store) == contents(parent.store)

    @precondition(lambda self: len(self.sides) > 1)
    @rule(number=side)
    def discard(self, number):
        fork = self.sides.pop(1 + number % (len(self.sides) - 1))
        self.run(f"{fork.name}.discard()")

    # -- agreement

    @invariant()
    def each_side_is_as_the_model_says(self):
        for side in self.sides:
            state = side.expected[0]
            assert list(side.store) == sorted(state), (side.name, list(side.store), sorted(state))
            for name in state:
                expected = repr(OracleDir(OracleStore(state), name).entries())
                found = repr(list(side.store[name].entries()))
                assert found == expected, f"{name} of {side.name} holds {found}, expected {expected}"
            stats = side.store.stats()
            assert stats.dir_tombstones == stats.key_tombstones == stats.queued == 0
            assert stats.dirs == len(state)
            assert stats.keys == sum(map(len, state.values()))
            assert stats.forks == sum(other.parent is side for other in self.sides)

    def finish(self):
        while len(self.sides) > 1:
            self.discard(len(self.sides) - 2)
        store = self.sides[0]
        for name, made in store.top.items():
            if made.definition is None:
                self.run(f"s0.remove_dir({name!r}, recursive=True)")
        assert figures(store.store) == self.start

    def teardown(self):
        try:
            self.finish()
        finally:
            note("# a program that shows it:\n" + PROGRAM + "\n\n" + "\n".join(self.log))


TestForks = Forks.TestCase
