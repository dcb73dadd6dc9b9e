"""Random programs with readers of every kind, against a log of all versions (`reader_model`).

The log is written down from what each commit shows (whether that is right, `test_oracle` asks). From it the
model knows what every reader must be told and which tombstones must stand, exactly; after every step all of
it is compared: so the invariants of readers hold after each. Statements are run from source: where a run
fails, the program that led there is printed, to be pasted and run.

Forks and merges, once there are any, are rules to be added: what they commit goes to `committed` too.
"""

import inspect

import pytest
from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import livedirs
from livedirs import ClosedError, DirExistsError, DirInUseError, DirName, DirNotFoundError, Store
from reader_model import PREVIOUS, Model, Reader

# ---- mappers, and what programs need


class Undone(Exception): ...


def copies(store, name, other):
    return lambda key, values: [(key, sum(values))]


def moves(store, name, other):
    return lambda key, values: [(value, key) for value in values]


def makes(store, name, other):
    def fn(key, values):
        store.mkdir(DirName(f"/made{name}") / key, [(value, key) for value in values])
        return [(key, len(values))]

    return fn


def nests(store, name, other):
    def fn(key, values):
        if other in store:
            under = DirName(f"/made{name}") / key

            def inner(k, vs):
                store.mkdir(under / k, [(values[0], k)])
                return [(k, vs[0])]

            store[other].map(under, inner)
        return [(key, values[0])]

    return fn


def told(changes):
    """What a poll gave, in the words of the model."""
    if changes is None:
        return None
    if hasattr(changes, "entries"):
        return changes.tick, changes.reset, changes.removed, list(changes.entries.items())
    return changes.tick, changes.reset, set(changes.changed), set(changes.removed)


MAPPERS = [copies, moves, makes, nests]
PROGRAM = "from livedirs import *\n\n" + "\n\n".join(map(inspect.getsource, [Undone, *MAPPERS, told]))

keys = st.integers(0, 3)
values = st.lists(st.integers(0, 2), min_size=1, max_size=2)
rows = st.dictionaries(keys, values, max_size=3)
INPUTS = ["/a/", "/b/", "/c/"]


class Readers(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.log, self.count = [], 0
        self.globals = vars(livedirs) | globals()
        self.previous = {}  # directories whose previous one was asked for -> the expression that gives it
        self.deaf = {}  # subscription -> the list that it writes to
        self.due = {}  # subscription -> what must stand in that list
        self.closed = set()
        self.snapshots = []
        # Blocks that are open: (transaction, serial numbers of top-level directories); the last number.
        self.blocks, self.serials, self.serial = [], {}, 0
        self.pending = {}  # name of a reader -> (it, serial number, how many blocks were open)

    @initialize(history=st.sampled_from([0, 0, 3]), max_lag=st.sampled_from([None, 5, 2]), content=rows)
    def begin(self, history, max_lag, content):
        self.model = Model(history, max_lag)
        self.run(f"store = Store(history={history}, max_lag={max_lag})")
        self.store = self.globals["store"]
        self.act(f"store.mkdir('/a/', {self.pairs(content)})", made="/a/")

    # -- statements

    def run(self, source):
        self.log.append(source)
        exec(source, self.globals)

    def act(self, source, made=None, refusals=()):
        """A statement that is a transaction of its own where no block is open."""
        kinds = ", ".join(kind.__name__ for kind in refusals)
        self.log.append(f"try:\n    {source}\nexcept {kinds}:\n    pass" if refusals else source)
        try:
            exec(source, self.globals)
        except refusals:
            # What was tried may have purged at its end; nothing else is another.
            if not self.blocks:
                self.model.purge()
            return
        if made:
            self.serial += 1
            self.serials[made] = self.serial
        if not self.blocks:
            self.committed()

    def name(self, kind):
        self.count += 1
        return f"{kind}{self.count}"

    def pairs(self, content):
        return repr([(key, value) for key, values in content.items() for value in values])

    def found(self):
        """What the store shows: name -> (created, rows)."""
        found = {}
        for name in self.store:
            found[str(name)] = (self.store[name].created, dict(self.store[name].entries()))
        for name, expression in self.previous.items():
            handle = self.globals[expression]
            try:
                handle.changes(0)
            except DirNotFoundError:
                continue
            found[name + PREVIOUS] = (handle.created, dict(handle.entries()))
        return found

    def handle(self, name):
        of = name.removesuffix(PREVIOUS)
        return self.store[name] if of == name else self.globals[self.previous[of]]

    def committed(self):
        """The outermost transaction has committed."""
        model = self.model
        assert self.store.tick == model.tick + 1
        news = model.commit(self.found())
        for name, said in news.items():
            if said is not None:
                self.due[name].append(said)
        for name, (reader, *_) in self.pending.items():
            model.bind(reader)
            (model.subscriptions if name in self.deaf else model.cursors)[name] = reader
        self.pending = {}

    def rolled_back(self):
        """The block that was the innermost is undone."""
        _, self.serials = self.blocks.pop()
        for name, (reader, serial, depth) in list(self.pending.items()):
            if not self.blocks or (depth > len(self.blocks) and self.serials.get(reader.of) != serial):
                del self.pending[name]
                self.closed.add(name)
        if not self.blocks:
            assert self.store.tick == self.model.tick
            self.model.purge()

    # -- writes

    @rule(name=st.sampled_from(INPUTS), content=rows)
    def make(self, name, content):
        self.act(f"store.mkdir({name!r}, {self.pairs(content)})", name, (DirExistsError,))

    @rule(data=st.data(), mapper=st.sampled_from(MAPPERS), other=st.sampled_from(INPUTS))
    def derive(self, data, mapper, other):
        """From what is made at top level alone, so that serial numbers tell generations."""
        parents = [name for name in [*INPUTS, "/0/", "/1/"] if name in self.store]
        free = [name for name in ["/0/", "/1/", "/2/"] if name not in self.store]
        if not parents or not free:
            return
        parent, name = data.draw(st.sampled_from(parents)), free[0]
        if parent == other:
            other = "/none/"
        source = f"store[{parent!r}].map({name!r}, {mapper.__name__}(store, {name!r}, {other!r}))"
        self.act(source, name, (DirExistsError,))

    @rule(data=st.data(), recursive=st.booleans())
    def remove(self, data, recursive):
        names = [str(name) for name in self.store]
        if names:
            name = data.draw(st.sampled_from(names))
            self.act(f"store.remove_dir({name!r}, recursive={recursive})", None, (DirInUseError,))

    @rule(data=st.data(), name=st.sampled_from(INPUTS), content=rows)
    def remake(self, data, name, content):
        """Within one transaction."""
        if name in self.store:
            self.enter()
            self.act(f"store.remove_dir({name!r}, recursive=True)")
            self.act(f"store.mkdir({name!r}, {self.pairs(content)})", name)
            self.leave()

    @rule(name=st.sampled_from(INPUTS), between=st.booleans(), data=st.data())
    def live_twice(self, name, between, data):
        """A directory goes, comes and goes again, while readers from before, and from between, look on."""
        if name in self.store and not self.blocks:
            self.follow_store(data)
            self.act(f"store.remove_dir({name!r}, recursive=True)")
            if between:
                self.follow_store(data)
            self.act(f"store.mkdir({name!r})", name)
            self.act(f"store.remove_dir({name!r})")

    @rule(name=st.sampled_from(INPUTS), key=keys)
    def set_twice(self, name, key):
        """The same of a key."""
        if name in self.store and not self.blocks:
            self.act(f"store[{name!r}].set_all({key}, [7])")
            cursor, tick = self.name("cursor"), self.model.tick
            self.run(f"{cursor} = store[{name!r}].cursor(since={tick})")
            self.model.cursors[cursor] = self.model.open(name, tick)
            for new in ([], [8], []):
                self.act(f"store[{name!r}].set_all({key}, {new})")

    @rule(name=st.sampled_from(INPUTS), key=keys, new=st.one_of(values, values, st.just([])))
    def write(self, name, key, new):
        if name in self.store:
            self.act(f"store[{name!r}].set_all({key}, {new})")

    @rule(name=st.sampled_from(INPUTS))
    def clear(self, name):
        if name in self.store:
            self.act(f"store[{name!r}].clear()")

    @rule(data=st.data(), name=st.sampled_from([*INPUTS, "/0/"]))
    def ask_for_previous(self, data, name):
        if self.blocks or name not in self.store:
            return
        expression = f"previous{INPUTS.index(name) if name in INPUTS else 3}"
        self.run(f"{expression} = store[{name!r}].previous()")
        self.previous[name] = expression
        if name + PREVIOUS not in self.model.now:
            self.model.note_previous(name + PREVIOUS, self.model.now[name].rows)

    # -- blocks

    @precondition(lambda self: len(self.blocks) < 3)
    @rule()
    def enter(self):
        tx = self.name("tx")
        self.run(f"{tx} = store.update().__enter__()")
        self.blocks.append((tx, dict(self.serials)))

    @precondition(lambda self: self.blocks)
    @rule()
    def leave(self):
        tx, _ = self.blocks[-1]
        self.run(f"{tx}.__exit__(None, None, None)")
        self.blocks.pop()
        if not self.blocks:
            self.committed()

    @precondition(lambda self: self.blocks)
    @rule(by_hand=st.booleans())
    def roll_back(self, by_hand):
        tx, _ = self.blocks[-1]
        end = f"{tx}.__exit__(Undone, Undone(), None)"
        self.run(f"{tx}.rollback(); {end}" if by_hand else end)
        self.rolled_back()

    @precondition(lambda self: self.blocks)
    @rule()
    def cascade(self):
        self.run(f"{self.blocks[-1][0]}.cascade()")

    # -- readers

    def draw_since(self, data):
        return data.draw(st.one_of(st.none(), st.integers(0, self.model.tick)))

    @rule(data=st.data())
    def follow_store(self, data):
        since, name = self.draw_since(data), self.name("cursor")
        self.run(f"{name} = store.cursor(since={since})")
        self.model.cursors[name] = self.model.open(None, since)

    def draw_dir(self, data):
        """A directory to follow: (expression, its name, whether the open transaction made it)."""
        tick = self.model.tick
        names = []
        for name in map(str, self.store):
            new = bool(self.blocks) and self.store[name].created >= tick
            if not new or len(self.blocks) == 1 or name in self.serials:
                names.append((f"store[{name!r}]", name, new))
        if not self.blocks:
            there = [name for name in self.previous if name + PREVIOUS in self.model.now]
            names += [(self.previous[name], name + PREVIOUS, False) for name in there]
        return data.draw(st.sampled_from(names)) if names else None

    @rule(data=st.data())
    def follow_keys(self, data):
        found = self.draw_dir(data)
        if found is None:
            return
        expression, of, new = found
        since, name = self.draw_since(data), self.name("cursor")
        self.run(f"{name} = {expression}.cursor(since={since})")
        if new:
            reader = Reader(of, self.model.tick, None, owes=True)
            self.pending[name] = (reader, self.serials.get(of), len(self.blocks))
        else:
            self.model.cursors[name] = self.model.open(of, since)

    @rule(data=st.data())
    def subscribe(self, data):
        found = self.draw_dir(data)
        if found is None:
            return
        expression, of, new = found
        name, heard = self.name("subscription"), self.name("heard")
        self.run(f"{heard} = []; {name} = {expression}.subscribe({heard}.append)")
        self.deaf[name], self.due[name] = heard, []
        if new:
            reader = Reader(of, self.model.tick, None, owes=False)
            self.pending[name] = (reader, self.serials.get(of), len(self.blocks))
        else:
            self.model.subscriptions[name] = self.model.subscribe(of)

    @precondition(lambda self: hasattr(self, "model") and self.model.cursors)
    @rule(data=st.data(), again=st.booleans())
    def poll(self, data, again):
        name = data.draw(st.sampled_from(sorted(self.model.cursors)))
        self.run(f"got = told({name}.poll())")
        expected = self.model.poll(self.model.cursors[name])
        assert self.globals["got"] == expected, f"{name} was told {self.globals['got']}, not {expected}"
        if again:
            self.run(f"got = {name}.poll()")
            assert self.globals["got"] is None, "told twice"
        if not self.blocks:
            self.model.purge()

    @precondition(lambda self: hasattr(self, "model") and self.model.cursors)
    @rule(data=st.data())
    def close_cursor(self, data):
        name = data.draw(st.sampled_from(sorted(self.model.cursors)))
        self.run(f"{name}.close()")
        del self.model.cursors[name]
        self.closed.add(name)
        if not self.blocks:
            self.model.purge()

    @precondition(lambda self: hasattr(self, "model") and self.model.subscriptions)
    @rule(data=st.data())
    def close_subscription(self, data):
        name = data.draw(st.sampled_from(sorted(self.model.subscriptions)))
        self.run(f"{name}.close()")
        del self.model.subscriptions[name]

    @precondition(lambda self: hasattr(self, "model") and self.model.cursors and not self.blocks)
    @rule(data=st.data())
    def drop_cursor(self, data):
        """It pins nothing by the end of the next transaction."""
        name = data.draw(st.sampled_from(sorted(self.model.cursors)))
        with pytest.warns(ResourceWarning, match="unclosed"):
            self.run(f"del {name}")
        del self.model.cursors[name]
        self.act("store.update().__enter__().__exit__(None, None, None)")

    @rule()
    def purge(self):
        self.run("purged = store.purge_deleted_dirs()")
        assert self.globals["purged"] == 0, "a purge that a commit, poll or close had left over"

    @precondition(lambda self: not self.blocks and len(self.snapshots) < 2)
    @rule()
    def take_snapshot(self):
        name = self.name("snapshot")
        self.run(f"{name} = store.snapshot()")
        self.snapshots.append((name, self.model.now))

    # -- agreement

    @invariant()
    def everybody_is_told_what_the_log_says(self):
        """Readers without a cursor, at all positions; so the floors, and no answer that a purge alters."""
        if not hasattr(self, "model"):
            return
        model = self.model
        for since in range(model.tick + 1):
            got, expected = told(self.store.changes(since)), model.changes(since)
            assert got == expected, f"store.changes({since}) is {got}, not {expected}"
        for name in model.now:
            if self.blocks and (name.endswith(PREVIOUS) or name not in self.store):
                continue
            d = self.handle(name)
            for since in range(model.tick + 1):
                got, expected = told(d.changes(since)), model.key_changes(name, since)
                assert got == expected, f"changes({since}) of {name} are {got}, not {expected}"
        with pytest.raises(ValueError, match="later"):
            self.store.changes(model.tick + 1)

    @invariant()
    def each_reader_stands_where_the_model_has_it(self):
        if not hasattr(self, "model"):
            return
        model = self.model
        for name, cursor in model.cursors.items():
            got = self.globals[name]
            where = (cursor.position, model.tick - cursor.position, cursor.expired)
            assert (got.position, got.lag, got.expired) == where, f"{got} is not at {where}"
        for name in self.closed & set(self.globals):
            if not name.startswith("subscription"):
                with pytest.raises(ClosedError):
                    self.globals[name].poll()
        for name, due in self.due.items():
            got = [told(changes) for changes in self.globals[self.deaf[name]]]
            assert got == due, f"{name} heard {got}, not {due}"

    @invariant()
    def these_tombstones_stand_and_no_others(self):
        if self.blocks or not hasattr(self, "model"):
            return
        stats, expected = self.store.stats(), self.model.figures()
        got = {figure: getattr(stats, figure) for figure in expected}
        assert got == expected, f"{got}, not {expected}"
        assert stats.queued == 0

    @invariant()
    def the_store_is_as_it_was_committed(self):
        if not self.blocks and hasattr(self, "model"):
            found = {name: (there.created, there.rows) for name, there in self.model.now.items()}
            assert self.found() == found
        for name, version in self.snapshots:
            snapshot = self.globals[name]
            kept = {n: there.rows for n, there in version.items() if not n.endswith(PREVIOUS)}
            assert {str(n): dict(snapshot[n].entries()) for n in snapshot} == kept

    def finish(self):
        """All readers are closed, every other one lagging: nothing is left of them, or for them."""
        while self.blocks:
            self.roll_back(by_hand=False)
        for number, (name, cursor) in enumerate(sorted(self.model.cursors.items())):
            if number % 2:
                self.run(f"got = told({name}.poll())")
                assert self.globals["got"] == self.model.poll(cursor)
            self.run(f"{name}.close()")
            del self.model.cursors[name]
            self.model.purge()
            self.these_tombstones_stand_and_no_others()
        for name in [*INPUTS, "/0/", "/1/", "/2/"]:
            self.run(f"store.remove_dir({name!r}, recursive=True, missing_ok=True)")
        for _ in range(self.model.history + 1):
            self.run("store.update().__enter__().__exit__(None, None, None)")
        fresh = Store().stats()
        left = self.store.stats()
        tombstones = ["dir_tombstones", "key_tombstones", "oldest_tombstone"]
        for figure in [*tombstones, "dirs", "keys", "dependencies", "names", "cursors"]:
            assert getattr(left, figure) == getattr(fresh, figure), figure

    def store_is_closed(self):
        """Its cursors with it, and without a warning."""
        while self.blocks:
            self.roll_back(by_hand=False)
        self.store.close()

    def teardown(self):
        try:
            if hasattr(self, "model"):
                self.finish()
        finally:
            if hasattr(self, "store"):
                self.store_is_closed()
            note("# a program that shows it:\n" + PROGRAM + "\n\n" + "\n".join(self.log))


TestReaders = Readers.TestCase
TestReaders.settings = settings(stateful_step_count=30)
