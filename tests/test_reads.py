"""What a mapper reads is tracked as finely as it can be: the log holds the (directory, key) pairs mapped."""

import pytest

from livedirs import Directory, DirNotFoundError, Store, Sum


class World:
    """A parent with keys 1 and 2, a directory /other/ that is read, and the log of /reader/."""

    def __init__(self, read, keys=(1, 2), other=((1, "a"), (2, "b"), (3, "c"))):
        self.log = []
        self.store = Store()
        self.parent = self.store.mkdir("/parent/", dict.fromkeys(keys, 0))
        self.other = self.store.mkdir("/other/", other)

        def reader(key, values):
            self.log.append(("/reader/", key))
            return [(key, read(self.store, self.other, key))]

        self.reader = self.parent.map("/reader/", reader)
        assert self.taken() == [("/reader/", key) for key in keys]

    def taken(self):
        log, self.log[:] = list(self.log), []
        return log

    def after(self, change):
        change(self)
        return self.taken()


BOTH = [("/reader/", 1), ("/reader/", 2)]


def setting(key, value):
    return lambda w: w.other.__setitem__(key, value)


def deleting(key):
    return lambda w: w.other.__delitem__(key)


def clearing(w):
    w.other.clear()


def remaking(w):
    w.store.remove_dir("/other/")
    w.store.mkdir("/other/", {1: "new"})


ONE_KEY = {
    "[]": lambda store, other, key: other[key],
    "get": lambda store, other, key: other.get(key),
    "get_all": lambda store, other, key: other.get_all(key),
    "store[]": lambda store, other, key: store["/other/"][key],
    "store.get": lambda store, other, key: store.get("/other/").get(key),
}


@pytest.mark.parametrize("read", ONE_KEY.values(), ids=ONE_KEY)
def test_reading_one_key_depends_on_that_key_alone(read):
    w = World(read)
    assert w.after(setting(1, "z")) == [("/reader/", 1)]
    assert w.after(setting(2.0, "z")) == [("/reader/", 2)]
    assert w.after(setting(3, "z")) == w.after(setting(9, "z")) == w.after(deleting(3)) == []
    assert w.after(setting(True, "z")) == []
    assert w.after(setting(1, "z")) == []
    assert w.reader.get_all(1) in [("z",), (("z",),)]


def test_reading_a_key_that_is_not_there_depends_on_its_coming_and_going():
    w = World(lambda store, other, key: other.get(key, "none"), other=())
    assert w.reader == {1: "none", 2: "none"}
    assert w.after(setting(1, "a")) == [("/reader/", 1)]
    assert w.reader == {1: "a", 2: "none"}
    assert w.after(deleting(1)) == [("/reader/", 1)]
    assert w.after(setting(7, "a")) == []
    assert w.reader == {1: "none", 2: "none"}


def test_asking_whether_a_key_is_there_depends_on_that_key_alone():
    w = World(lambda store, other, key: key in other)
    assert w.after(setting(3, "z")) == w.after(setting(9, "z")) == []
    assert w.after(deleting(1)) == [("/reader/", 1)]
    assert w.reader == {1: False, 2: True}
    assert w.after(setting(1, "back")) == [("/reader/", 1)]
    assert w.reader == {1: True, 2: True}


def test_the_size_is_read_apart_from_the_content():
    w = World(lambda store, other, key: len(other))
    assert w.after(setting(1, "z")) == []
    assert w.after(setting(4, "d")) == BOTH
    assert w.after(deleting(4)) == BOTH
    assert w.reader == {1: 3, 2: 3}

    def swap(w):
        with w.store.update():
            del w.other[1]
            w.other[9] = "i"

    w.after(swap)
    assert w.reader == {1: 3, 2: 3}


def test_the_emptiness_is_read_apart_from_the_size():
    w = World(lambda store, other, key: bool(other))
    assert w.after(setting(1, "z")) == w.after(setting(4, "d")) == w.after(deleting(4)) == []
    assert w.after(clearing) == BOTH
    assert w.reader == {1: False, 2: False}
    assert w.after(setting(5, "e")) == BOTH
    assert w.after(setting(6, "f")) == []
    assert w.reader == {1: True, 2: True}


EXISTENCE = {
    "in": lambda store, other, key: "/other/" in store,
    "get": lambda store, other, key: store.get("/other/") is not None,
    "kind": lambda store, other, key: other.kind,
}


@pytest.mark.parametrize("read", EXISTENCE.values(), ids=EXISTENCE)
def test_the_existence_of_a_directory_is_read_apart_from_its_content(read):
    w = World(read)
    there = dict(w.reader)
    assert w.after(setting(1, "z")) == w.after(setting(9, "z")) == w.after(clearing) == []
    assert w.after(lambda w: w.store.mkdir("/bystander/")) == []
    assert w.after(lambda w: w.store.remove_dir("/other/")) == BOTH
    assert all(w.reader[key] != there[key] for key in (1, 2))
    assert w.after(lambda w: w.store.remove_dir("/bystander/")) == []
    assert w.after(lambda w: w.store.mkdir("/other/")) == BOTH
    assert w.reader == there


def test_asking_for_a_directory_that_is_not_there_depends_on_its_coming():
    w = World(lambda store, other, key: "/later/" in store and store["/later/"].get(key))
    assert w.reader == {1: False, 2: False}
    assert w.after(lambda w: w.store.mkdir("/later/", {1: "here"})) == BOTH
    assert w.reader == {1: "here", 2: None}
    assert w.after(lambda w: w.store["/later/"].__setitem__(2, "too")) == [("/reader/", 2)]


def test_an_error_for_a_directory_that_is_not_there_is_read_too():
    def read(store, other, key):
        try:
            return other[key]
        except DirNotFoundError:
            return "gone"

    w = World(read)
    assert w.after(lambda w: w.store.remove_dir("/other/")) == BOTH
    assert w.reader == {1: "gone", 2: "gone"}
    assert w.after(lambda w: w.store.mkdir("/other/", {1: "x", 2: "y"})) == BOTH
    assert w.reader == {1: "x", 2: "y"}


ALL = {
    "iter": lambda store, other, key: tuple(other),
    "reversed": lambda store, other, key: tuple(reversed(other)),
    "keys": lambda store, other, key: tuple(other.keys()),
    "values": lambda store, other, key: tuple(other.values()),
    "items": lambda store, other, key: tuple(other.items()),
    "entries": lambda store, other, key: tuple(other.entries()),
    "dict": lambda store, other, key: dict(other),
    "==": lambda store, other, key: other == {1: "a", 2: "b", 3: "c"},
    "between": lambda store, other, key: tuple(other.between(None, ...)),
}


@pytest.mark.parametrize("read", ALL.values(), ids=ALL)
def test_reading_all_depends_on_every_key_that_comes_or_goes(read):
    w = World(read)
    assert w.after(setting(9, "new")) == BOTH
    assert w.reader[1] == w.reader[2] == read(w.store, w.other, 1)
    assert w.after(deleting(1)) == BOTH
    assert w.reader[1] == read(w.store, w.other, 1)
    assert w.after(setting(9, "new")) == []
    assert w.after(clearing) == BOTH
    assert w.reader[1] == read(w.store, w.other, 1)


@pytest.mark.parametrize("name", ["values", "items", "entries", "dict", "==", "between"])
def test_reading_all_values_depends_on_each(name):
    w = World(ALL[name])
    w.after(setting(2, "z"))
    assert w.reader[1] == ALL[name](w.store, w.other, 1)


def test_a_range_that_was_read_is_followed():
    w = World(lambda store, other, key: tuple(other.between(2, 3)))
    w.other[2.5] = "new"
    del w.other[3]
    assert w.reader[1] == ((2, ("b",)), (2.5, ("new",)))
    w.other.clear()
    assert w.reader[1] == ()


def test_a_reader_follows_a_directory_that_is_removed_and_made_again():
    w = World(lambda store, other, key: store["/other/"].get(key) if "/other/" in store else None)
    with w.store.update() as tx:
        remaking(w)
    assert w.taken() == BOTH
    assert w.reader == {1: "new", 2: None}
    assert tx.result.mapped == 2


def test_reads_of_one_run_replace_those_of_the_run_before():
    w = World(lambda store, other, key: other.get(other.get("pointer", 1)), keys=(1,))
    assert w.after(setting("pointer", 2)) == [("/reader/", 1)]
    assert w.after(setting(1, "z")) == []
    assert w.after(setting(2, "z")) == [("/reader/", 1)]
    assert w.after(setting("pointer", 3)) == [("/reader/", 1)]
    assert w.after(setting(2, "y")) == []
    assert w.reader == {1: "c"}


def test_a_key_that_is_gone_reads_nothing_any_more():
    w = World(lambda store, other, key: other.get(key))
    dependencies = w.store.stats().dependencies
    del w.parent[1]
    assert w.after(setting(1, "z")) == []
    assert w.store.stats().dependencies < dependencies
    w.parent.clear()
    assert w.store.stats().dependencies == 0


def test_a_change_of_what_is_read_and_of_the_row_maps_it_once():
    w = World(lambda store, other, key: other.get(key))
    with w.store.update() as tx:
        w.other[1] = "z"
        w.parent[1] = 1
        w.other[2] = "y"
    assert sorted(w.taken()) == BOTH
    assert tx.result.mapped == 2


def test_a_change_and_back_within_a_block_leaves_what_was():
    w = World(lambda store, other, key: other.get(key))
    with w.store.update():
        w.other[1] = "z"
        w.other.set_all(1, ["a"])
    w.taken()
    assert w.reader == {1: "a", 2: "b"}


def test_a_rolled_back_change_reaches_nobody():
    w = World(lambda store, other, key: other.get(key))
    with w.store.update() as tx:
        w.other[1] = "z"
        tx.cascade()
        assert w.taken() == [("/reader/", 1)]
        tx.rollback()
    assert w.taken() == []
    assert w.reader == {1: "a", 2: "b"}
    assert w.after(setting(1, "y")) == [("/reader/", 1)]


# ---- reads of what is derived: computed first


def double(key, values):
    return [(key, values[0] * 2)]


@pytest.mark.parametrize("names", [("/a/", "/z/"), ("/z/", "/a/")], ids=["read_first", "read_last"])
@pytest.mark.parametrize(
    "read",
    [
        lambda d, key: d.get(key),
        lambda d, key: len(d),
        lambda d, key: sum(d.values()),
        lambda d, key: bool(d),
    ],
    ids=["key", "len", "all", "bool"],
)
def test_what_is_read_is_computed_first_and_nothing_is_mapped_twice(names, read):
    store, log = Store(), []
    d = store.mkdir("/d/", {1: 1, 2: 2})

    def doubling(key, values):
        log.append((names[0], key))
        return double(key, values)

    derived = d.map(names[0], doubling)

    def reading(key, values):
        log.append((names[1], key))
        return [(key, (values[0], read(derived, key)))]

    reader = d.map(names[1], reading)
    log.clear()
    with store.update():
        d[1] = 10
        d[2] = 20
        d[3] = 30
    assert sorted(log) == sorted((name, key) for name in names for key in (1, 2, 3))
    assert reader == {key: (value, read(derived, key)) for key, value in d.items()}


def test_a_reader_of_a_fold_sees_all_of_the_change():
    store, log = Store(), []
    d = store.mkdir("/d/", dict.fromkeys(range(10), 1))
    total = d.map_reduce("/total/", lambda key, values: [("sum", values[0])], Sum())

    def share(key, values):
        log.append(("/share/", key))
        return [(key, values[0] / total["sum"])]

    shares = d.map("/share/", share)
    log.clear()
    d.update(dict.fromkeys(range(5), 2))
    assert sorted(log) == [("/share/", key) for key in range(10)]
    assert sum(shares.values()) == pytest.approx(1)


def test_an_equal_output_of_what_is_read_reruns_nobody():
    store, log = Store(), []
    d = store.mkdir("/d/", {1: 1})
    parity = d.map("/parity/", lambda key, values: [(key, values[0] % 2)])
    parent = store.mkdir("/parent/", {"x": 0})

    def reading(key, values):
        log.append(("/reader/", key))
        return [(key, parity[1])]

    reader = parent.map("/reader/", reading)
    d[1] = 3
    assert log == [("/reader/", "x")]
    d[1] = 4
    assert log == [("/reader/", "x")] * 2 and reader == {"x": 0}


def test_a_mapper_may_read_its_own_parent():
    store, log = Store(), []
    d = store.mkdir("/d/", {1: 1, 2: 2, 3: 3})

    def with_next(key, values):
        log.append(key)
        return [(key, (values[0], d.get(key + 1)))]

    out = d.map("/out/", with_next)
    log.clear()
    d[2] = 20
    assert sorted(log) == [1, 2]
    assert out == {1: (1, 20), 2: (20, 3), 3: (3, None)}
    log.clear()
    d[4] = 4
    assert sorted(log) == [3, 4]


def test_reads_go_along_a_chain_of_directories():
    store, log = Store(), []
    source = store.mkdir("/source/", {1: 1, 2: 2})
    parent = store.mkdir("/parent/", {1: 0, 2: 0})

    def link(name, previous):
        def fn(key, values):
            log.append((name, key))
            return [(key, previous[key] + 1)]

        return parent.map(name, fn)

    last = source
    for i in range(6):
        last = link(f"/link/{5 - i}/", last)
    log.clear()
    source[1] = 100
    assert sorted(log) == [(f"/link/{i}/", 1) for i in range(6)]
    assert last == {1: 106, 2: 8}


def test_the_names_of_the_store_can_be_read():
    w = World(lambda store, other, key: (len(store), tuple(map(str, store))), keys=(1,))
    w.store.mkdir("/new/")
    names = ("/new/", "/other/", "/parent/", "/reader/")
    assert w.reader[1] == (4, names)
    w.other[1] = "z"
    assert w.reader[1] == (4, names)
    w.store.remove_dir("/new/")
    assert w.reader[1] == (3, names[1:])


def test_reads_outside_of_mappers_are_no_dependencies():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    before = store.stats().dependencies
    assert list(d) and d[1] and len(d) and "/d/" in store and isinstance(store["/d/"], Directory)
    assert store.stats().dependencies == before == 0
