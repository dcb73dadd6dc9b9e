"""The log of what was mapped is the least possible: for each kind of read, which write re-runs its reader.

A table: every kind of read, by every write. `inside` names the writes that change what the read shows, or
that it can't be told from; any other write re-runs nothing. Each read is done by a mapper, and by lazy
functions that are read in turn by a mapper, by another lazy function and from outside; of an input directory
and of a derived one.
"""

import pytest

from livedirs import Store

KEYS = range(1, 10)
TARGETS = ("input", "derived")


class World:
    """/target/, with KEYS, is read; /reader/ logs what it maps. Its key "idle" reads nothing."""

    def __init__(self, target, read=None, via="mapper"):
        self.log = []
        self.kind, self.read, self.via = target, read, via
        self.store = Store()
        self.source = self.store.mkdir("/source/", {key: f"v{key}" for key in KEYS})
        self.bystander = self.store.mkdir("/bystander/", {2: "b"})
        self.removable = self.store.mkdir("/removable/")
        self.make_target()
        self.lazy = self.store.lazy("/lazy/", self.compute)
        self.above = self.store.lazy("/above/", self.compute_above)
        self.parent = self.store.mkdir("/parent/", {"idle": 0, "reads": 0})
        self.parent.map("/reader/", self.map)
        self.at_top()
        self.commit()
        self.taken()

    def make_target(self):
        if self.kind == "input":
            self.target = self.store.mkdir("/target/", self.source)
            self.written = self.target
        else:
            self.target = self.source.map("/target/", self.derive)
            self.written = self.source
        self.target.previous()

    def derive(self, key, values):
        self.log.append(("/target/", key))
        return [(key, value[0] if self.kind == "coarse" else value) for value in values]

    def map(self, key, values):
        self.log.append(("/reader/", key))
        if key == "reads" and self.read and self.via == "mapper":
            return [(key, self.read(self))]
        if key == "reads" and self.read and self.via == "lazy in mapper":
            return [(key, self.lazy[0])]
        return [(key, None)]

    def compute(self, directory, key):
        self.log.append(("/lazy/", key))
        return self.read(self)

    def compute_above(self, directory, key):
        self.log.append(("/above/", key))
        return (self.lazy[key], "above")

    def at_top(self):
        if self.read and self.via == "lazy":
            return self.lazy[0]
        if self.read and self.via == "lazy in lazy":
            return self.above[0]
        return None

    def commit(self):
        with self.store.update():
            pass

    def taken(self):
        log, self.log[:] = sorted(self.log, key=repr), []
        return log

    def remake(self):
        with self.store.update():
            self.store.remove_dir("/target/")
            self.make_target()


def setting(key):
    return lambda w: w.written.__setitem__(key, "z")


def deleting(key):
    return lambda w: w.written.__delitem__(key)


def replace(w):
    with w.store.update():
        del w.written[2]
        w.written[77] = "z"


WRITES = {
    "set 2": setting(2),
    "set 5": setting(5),
    "set 9": setting(9),
    "two for 2": lambda w: w.written.set_all(2, ["v2", "z"]),
    "add 5.5": setting(5.5),
    "add 77": setting(77),
    "del 2": deleting(2),
    "del 5": deleting(5),
    "del 9": deleting(9),
    "77 for 2": replace,
    "clear": lambda w: w.written.clear(),
    "remake": World.remake,
    "equal": lambda w: w.written.update({key: f"v{key}" for key in KEYS}),
    "nothing": World.commit,
    "mkdir": lambda w: w.store.mkdir("/new/"),
    "mkdir absent": lambda w: w.store.mkdir("/absent/", {2: "here"}),
    "remove": lambda w: w.store.remove_dir("/removable/"),
    "bystander": lambda w: w.bystander.update({2: "z", 77: "z"}),
    "parent": lambda w: w.parent.update({"idle": 1}),
}

KEY_2 = {"set 2", "two for 2", "del 2", "77 for 2", "clear", "remake"}
KEY_77 = {"add 77", "77 for 2", "clear", "remake"}
RANGE = {"set 5", "add 5.5", "del 5", "clear", "remake"}
TAIL = {"set 9", "add 77", "77 for 2", "del 9", "clear", "remake"}
SIZE = {"add 5.5", "add 77", "del 2", "del 5", "del 9", "77 for 2", "clear", "remake"}
ALL = KEY_2 | RANGE | TAIL
NAMES = {"mkdir", "mkdir absent", "remove", "remake"}


def attempt(read):
    def attempting(w):
        try:
            return read(w)
        except LookupError as error:
            return type(error).__name__

    return attempting


READS = {
    # of one key
    "[]": (lambda w: w.target[2], KEY_2),
    "get": (lambda w: w.target.get(2), KEY_2),
    "get_all": (lambda w: w.target.get_all(2), KEY_2),
    "in": (lambda w: 2 in w.target, KEY_2),
    "keys() in": (lambda w: 2 in w.target.keys(), KEY_2),
    "[] absent": (lambda w: w.target[77], KEY_77 - {"clear"}),
    "get absent": (lambda w: w.target.get(77, "none"), KEY_77 - {"clear"}),
    "get_all absent": (lambda w: w.target.get_all(77), KEY_77 - {"clear"}),
    "in absent": (lambda w: 77 in w.target, KEY_77 - {"clear"}),
    "store[][]": (lambda w: w.store["/target/"][2], KEY_2),
    "two keys": (lambda w: (w.target.get_all(2), w.target.get(5)), KEY_2 | {"set 5", "del 5"}),
    "in, no key": (lambda w: [] in w.target, set()),
    # of size and emptiness
    "len": (lambda w: len(w.target), SIZE),
    "len(keys())": (lambda w: len(w.target.keys()), SIZE),
    "bool": (lambda w: bool(w.target), {"clear", "remake"}),
    # of ranges
    "between": (lambda w: list(w.target.between(4, 6)), RANGE),
    "between, one": (lambda w: list(w.target.between(5, 5)), RANGE - {"add 5.5"}),
    "between, open": (lambda w: list(w.target.between(8, ...)), TAIL),
    "between, none there": (lambda w: list(w.target.between(50, 90)), KEY_77 - {"clear"}),
    "between, unread": (lambda w: w.target.between(4, 6) and None, RANGE),
    "between, first of it": (lambda w: next(w.target.between(5, 8), None), RANGE),
    "between, upside down": (lambda w: list(w.target.between(6, 4)), {"remake"}),
    "between, two": (
        lambda w: (list(w.target.between(4, 6)), list(w.target.between(9, ...))),
        RANGE | TAIL,
    ),
    # of all
    "iter": (lambda w: list(w.target), ALL),
    "reversed": (lambda w: list(reversed(w.target)), ALL),
    "keys": (lambda w: list(w.target.keys()), ALL),
    "values": (lambda w: list(w.target.values()), ALL),
    "items": (lambda w: list(w.target.items()), ALL),
    "entries": (lambda w: list(w.target.entries()), ALL),
    "dict": (lambda w: dict(w.target), ALL),
    "==": (lambda w: w.target == {2: "v2"}, ALL),
    "!=": (lambda w: w.target != {2: "v2"}, ALL),
    "between all": (lambda w: list(w.target.between(None, ...)), ALL),
    # of existence
    "store[]": (lambda w: str(w.store["/target/"].name), {"remake"}),
    "store.get": (lambda w: w.store.get("/target/") is None, {"remake"}),
    "in store": (lambda w: "/target/" in w.store, {"remake"}),
    "kind": (lambda w: w.target.kind, {"remake"}),
    "created": (lambda w: w.target.created, {"remake"}),
    "absent": (lambda w: "/absent/" in w.store, {"mkdir absent"}),
    "absent get": (lambda w: w.store.get("/absent/") is None, {"mkdir absent"}),
    "absent[]": (lambda w: w.store["/absent/"][2], {"mkdir absent"}),
    # of the names
    "iter(store)": (lambda w: list(w.store), NAMES),
    "len(store)": (lambda w: len(w.store), NAMES),
    # of nothing
    "name": (lambda w: str(w.target.name), set()),
    "repr": (lambda w: repr(w.target), set()),
    "in store, no name": (lambda w: "nonsense" in w.store, set()),
    "bool(store)": (lambda w: bool(w.store), set()),
}

# The same of the previous directory: it re-runs the reader at the commit after.
BEFORE = {
    "previous[]": (lambda w: w.target.previous()[2], KEY_2),
    "previous get": (lambda w: w.target.previous().get(2), KEY_2),
    "previous len": (lambda w: len(w.target.previous()), SIZE),
    "previous bool": (lambda w: bool(w.target.previous()), {"clear", "remake"}),
    "previous between": (lambda w: list(w.target.previous().between(4, 6)), RANGE),
    "previous iter": (lambda w: list(w.target.previous()), ALL),
}


def expected(w, inside, was):
    """What a write re-runs beside what it re-runs where nothing is read."""
    if not inside:
        return []
    reader = [("/reader/", "reads")]
    if w.via == "mapper":
        return reader
    changed = repr(w.read(w)) != was
    rest = {"lazy in mapper": reader, "lazy in lazy": [("/above/", 0)], "lazy": []}[w.via]
    return sorted([("/lazy/", 0)] + (rest if changed else []))


VIAS = ("mapper", "lazy in mapper", "lazy in lazy", "lazy")


def run(w, control, write):
    """Writes to both; the log of the first beside that of the other, which reads nothing."""
    logs = []
    for world in (w, control):
        write(world)
        world.at_top()
        logs.append(world.taken())
    for entry in logs[1]:
        logs[0].remove(entry)
    return logs[0]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("via", VIAS)
@pytest.mark.parametrize("read", READS)
def test_a_write_reruns_who_read_what_it_changed_and_nobody_else(read, via, target):
    function, inside = READS[read]
    logs, least = {}, {}
    for name, write in WRITES.items():
        w, control = World(target, attempt(function), via), World(target)
        was = repr(w.read(w))
        logs[name] = run(w, control, write), run(w, control, World.commit)
        least[name] = expected(w, name in inside, was), []
    assert logs == least


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("via", VIAS)
@pytest.mark.parametrize("read", BEFORE)
def test_a_read_of_the_state_before_reruns_its_reader_one_commit_later(read, via, target):
    function, inside = BEFORE[read]
    logs, least = {}, {}
    for name, write in WRITES.items():
        w, control = World(target, attempt(function), via), World(target)
        was = repr(w.read(w))
        log = run(w, control, write)
        # What is made anew shows at once that there was nothing before it.
        first = expected(w, name == "remake", was)
        was = repr(w.read(w))
        logs[name] = log, run(w, control, World.commit)
        least[name] = first, expected(w, name in inside, was)
        assert (name, run(w, control, World.commit)) == (name, [])
    assert logs == least


@pytest.mark.parametrize("via", VIAS)
@pytest.mark.parametrize("read", READS)
def test_what_is_rolled_back_reruns_nobody(read, via):
    for name, write in WRITES.items():
        w, control = World("input", attempt(READS[read][0]), via), World("input")
        for world in (w, control):
            with world.store.update() as tx:
                write(world)
                tx.rollback()
        assert (name, run(w, control, World.at_top)) == (name, [])
        for world in (w, control):
            with world.store.update() as tx:
                write(world)
                tx.cascade()
                tx.rollback()
            world.taken()
        assert (name, run(w, control, World.commit)) == (name, [])


@pytest.mark.parametrize("via", VIAS)
@pytest.mark.parametrize("read", READS | BEFORE)
def test_an_output_of_what_is_read_that_comes_out_equal_reruns_nobody(read, via):
    w = World("coarse", attempt((READS | BEFORE)[read][0]), via)
    w.source.update({2: "v-2", 5: "v-5", 9: "v-9"})
    w.at_top()
    assert w.taken() == [("/target/", 2), ("/target/", 5), ("/target/", 9)]
    w.commit()
    w.at_top()
    assert w.taken() == []


@pytest.mark.parametrize(
    "read",
    [len, bool, lambda d: list(iter(d)), lambda d: d.get("n"), lambda d: list(d.between("m", "o"))],
    ids=["size", "emptiness", "all", "key", "range"],
)
def test_what_changes_under_a_mapper_that_has_read_it_makes_it_run_again(read):
    """It reads what another made, then has that one write there: which nobody knew when it was read."""
    store = Store()
    source, keys, asks = store.mkdir("/source/", {1: 0}), store.mkdir("/keys/", {1: 1}), store.mkdir("/asks/")
    seen = []

    def ask(key, values):
        before = read(store["/made/"])
        source_now, made_now = mapped.get(1), maker.get(1)
        seen.append((before, read(store["/made/"])))
        return [(key, (before, source_now, made_now))]

    reader = asks.map("/reader/", ask)  # first, so it runs first
    mapped = source.map("/mapped/", lambda key, values: [(key, values[0])])

    def make(key, values):
        made = store.mkdir("/made/")
        if mapped.get(1):
            made["n"] = 1
        return [(key, mapped.get(1))]

    maker = keys.map("/maker/", make)
    with store.update():
        asks[1] = 1
        source[1] = 1
    assert reader == {1: (read(store["/made/"]), 1, 1)}
    assert seen[0][0] != seen[0][1] and seen[-1][0] == seen[-1][1]
