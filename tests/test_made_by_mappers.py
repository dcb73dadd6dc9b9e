"""A directory made by a mapper belongs to the (arrow, key) that made it."""

import pytest

from livedirs import Count, DirExistsError, DirInUseError, DirName, DirNotFoundError, Store, Sum
from support import contents, figures, label, unchanged

MADE = DirName("/made/")


def copied(key, values):
    return [(key, value) for value in values]


class World:
    """Each key of /keys/ makes /made/<key>/, an input directory with its values as content."""

    def __init__(self, keys=()):
        self.store = Store()
        self.keys = self.store.mkdir("/keys/", keys)
        self.maker = self.keys.map("/maker/", self.make)

    def make(self, key, values):
        self.store.mkdir(MADE / key, {value: value for value in values})
        return [(key, str(MADE / key))]

    def names(self):
        return [name for name in self.store if name.startswith("/made/")]


def test_a_mapper_makes_a_directory_for_each_key():
    w = World({1: "a"})
    w.keys["x"] = "b"
    assert w.names() == ["/made/1/", "/made/x/"]
    assert w.store["/made/1/"] == {"a": "a"} and w.store["/made/x/"] == {"b": "b"}
    assert w.store["/made/1/"].kind == "input"


def test_it_goes_with_its_key():
    w = World({1: "a", 2: "b"})
    with w.store.update() as tx:
        del w.keys[1]
    assert w.names() == ["/made/2/"]
    assert tx.result.removed == {"/made/1/"} and tx.result.purged == 1
    handle = w.store["/made/2/"]
    w.keys.clear()
    assert w.names() == []
    with pytest.raises(DirNotFoundError, match="/made/2/"):
        handle["b"]


def test_it_goes_with_the_directory_of_its_mapper():
    w = World({1: "a", 2: "b"})
    w.store.remove_dir("/maker/")
    assert list(w.store) == ["/keys/"]
    w.keys[3] = "c"
    assert list(w.store) == ["/keys/"]


def test_it_goes_when_its_key_is_mapped_again_and_does_not_make_it():
    store = Store()
    keys = store.mkdir("/keys/", {1: True, 2: True})
    keys.map("/maker/", lambda key, values: store.mkdir(MADE / key) and None if values[0] else None)
    assert len(store) == 4
    keys[1] = False
    assert list(store) == ["/keys/", "/made/2/", "/maker/"]
    keys[1] = True
    assert "/made/1/" in store


def test_it_goes_with_a_rollback():
    w = World({1: "a"})
    with unchanged(w.store), w.store.update() as tx:
        w.keys[2] = "b"
        del w.keys[1]
        tx.cascade()
        assert w.names() == ["/made/2/"]
        tx.rollback()
        assert w.names() == ["/made/1/"]


class Nested:
    """Key n: /level/n/ mapped from /source/, whose mapper makes /level/n/k/ for each k, and so on."""

    def __init__(self, depth):
        self.depth = depth
        self.store = Store()
        self.source = self.store.mkdir("/source/", {"k": 1, "l": 2})
        self.keys = self.store.mkdir("/keys/")
        self.keys.map("/maker/", lambda key, values: self.make(DirName("/level/") / key, 1))

    def make(self, name, level):
        def mapper(key, values):
            if level < self.depth:
                self.make(name / key, level + 1)
            return [(key, level)]

        self.source.map(name, mapper)


def test_with_it_goes_everything_that_its_own_mappers_made_however_deep():
    w = Nested(4)
    before = figures(w.store)
    w.keys[1] = w.keys[2] = 0
    assert len(w.store) == 3 + 2 * (1 + 2 + 4 + 8)
    assert w.store["/level/1/k/l/k/"] == {"k": 4, "l": 4}
    del w.keys[1]
    assert len(w.store) == 3 + 15
    w.source["m"] = 3
    assert len(w.store) == 3 + 1 + 3 + 9 + 27
    del w.source["k"]
    del w.source["m"]
    assert len(w.store) == 3 + 1 + 1 + 1 + 1
    del w.keys[2]
    assert contents(w.store) == {"/keys/": [], "/maker/": [], "/source/": [("l", (2,))]}
    w.source["k"] = 1
    assert figures(w.store) == before


def test_everything_of_a_maker_goes_when_it_is_removed_recursively():
    w = Nested(3)
    w.keys[1] = 0
    w.store.remove_dir("/keys/", recursive=True)
    assert list(w.store) == ["/source/"]
    assert w.store.stats().dependencies == 0


# ---- made again


class Derived:
    """Each key of /keys/ maps /source/ to /made/<key>/; `variant` may differ from run to run."""

    def __init__(self):
        self.log = []
        self.store = Store()
        self.source = self.store.mkdir("/source/", {"s": 1})
        self.other = self.store.mkdir("/other/", {"o": 1})
        self.keys = self.store.mkdir("/keys/", {1: "first"})
        self.keys.map("/maker/", self.make)
        self.made = self.store["/made/1/"]

    def make(self, key, values):
        factor = {"times_ten": 10}.get(values[0], 1)
        parent = self.other if values[0] == "other" else self.source
        within = [("s", ...)] if values[0] == "within" else None
        reducer = {"sum": Sum(), "count": Count()}.get(values[0])

        def mapper(k, vs):
            self.log.append((key, k))
            return [(k, v * factor) for v in vs]

        if reducer:
            parent.map_reduce(MADE / key, mapper, reducer, within=within)
        else:
            parent.map(MADE / key, mapper, within=within)


def test_made_again_alike_it_is_kept_and_not_computed_again():
    w = Derived()
    created = w.made.created
    w.log.clear()
    with w.store.update() as tx:
        w.keys[1] = "second"
    assert w.log == [] and w.made.created == created
    assert tx.result.changed == {"/keys/"} and tx.result.mapped == 1
    w.source["t"] = 2
    assert w.log == [(1, "t")] and w.made == {"s": 1, "t": 2}


@pytest.mark.parametrize("variant", ["times_ten", "other", "within", "sum"])
def test_made_again_otherwise_it_is_made_anew_under_its_name(variant):
    w = Derived()
    created = w.made.created
    w.log.clear()
    with w.store.update() as tx:
        w.keys[1] = variant
    assert w.log == [(1, "o" if variant == "other" else "s")]
    assert w.made.created > created
    assert "/made/1/" in tx.result.changed and not tx.result.removed
    assert w.made == {"times_ten": {"s": 10}, "other": {"o": 1}}.get(variant, {"s": 1})


def test_reducers_are_compared_too():
    w = Derived()
    w.keys[1] = "sum"
    created = w.made.created
    w.keys.set_all(1, ["sum", "again"])
    assert w.made.created == created
    w.keys[1] = "count"
    assert w.made.created > created and w.made == {"s": 1}


WAYS = {
    "map": lambda store, source: source.map("/made/", copied),
    "map_values": lambda store, source: source.map_values("/made/", abs),
    "filter": lambda store, source: source.filter("/made/", lambda k, v: True),
    "take": lambda store, source: source.take("/made/", 9),
    "slice": lambda store, source: source.slice("/made/", 1, 9),
    "reduce": lambda store, source: source.reduce("/made/", Sum()),
    "mkdir": lambda store, source: store.mkdir("/made/", {1: 1}),
}


@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", WAYS)
def test_it_is_made_anew_where_it_is_made_in_another_way_though_it_holds_the_same(first, second):
    store = Store()
    source = store.mkdir("/source/", {1: 1})
    keys = store.mkdir("/keys/", {1: first})
    keys.map("/maker/", lambda key, values: WAYS[values[0]](store, source) and None)
    made = store["/made/"]
    created = made.created
    keys.set_all(1, [second, "again"])
    assert (made.created == created) is (first == second) and made == {1: 1}
    source[1] = 2
    assert made == {1: 1 if second == "mkdir" else 2}


def test_built_in_reducers_are_equal_when_their_of_is():
    store = Store()
    source = store.mkdir("/source/", {"s": 1})
    keys = store.mkdir("/keys/", {1: 1})

    def make(key, values):
        of = [abs, float][values[0] // 10]
        source.map_reduce("/made/1/", copied, Sum(of))

    keys.map("/maker/", make)
    created = store["/made/1/"].created
    keys[1] = 2
    assert store["/made/1/"].created == created
    keys[1] = 10
    assert store["/made/1/"].created > created


def test_what_derives_from_what_is_made_anew_is_made_anew_too():
    w = Derived()
    below = w.made.map("/below/", copied)
    created = below.created
    w.keys[1] = "times_ten"
    assert below == {"s": 10} and below.created > created
    w.keys[1] = "first"
    assert below == {"s": 1}


def test_an_input_directory_is_kept_if_made_with_content_equal_to_what_it_holds():
    w = World({1: "a"})
    made = w.store["/made/1/"]
    created = made.created
    w.keys.set_all(1, ["a", "a"])
    assert made.created == created
    w.keys[1] = "b"
    assert made.created > created and made == {"b": "b"}


def test_writing_to_it_from_top_level_lasts_until_it_is_made_anew():
    w = World({1: "a", 2: "b"})
    made = w.store["/made/1/"]
    made["mine"] = 1
    w.keys[2] = "c"
    w.keys[3] = "d"
    assert made == {"a": "a", "mine": 1}
    w.keys.set_all(1, ["a", "a"])
    assert made == {"a": "a"}


def test_a_mapper_may_write_to_the_input_directory_that_it_just_made():
    store = Store()
    keys = store.mkdir("/keys/", {1: "ab"})

    def make(key, values):
        made = store.mkdir(MADE / key)
        for letter in values[0]:
            made[letter] = key
        made.update({"u": 1}, v=2)
        made.discard("nothing")
        del made["u"]
        return [(key, len(made))]

    out = keys.map("/out/", make)
    assert store["/made/1/"] == {"a": 1, "b": 1, "v": 2} and out == {1: 3}
    keys[1] = "c"
    assert store["/made/1/"] == {"c": 1, "v": 2} and out == {1: 2}


@pytest.mark.parametrize(
    "first, second, equal",
    [
        (lambda x: lambda k, v: [(k, x)], lambda x: lambda k, v: [(k, x)], False),
        (None, None, True),
    ],
    ids=["other_code", "same_code"],
)
def test_functions_of_the_same_code_are_equal_others_are_not(first, second, equal):
    store = Store()
    source = store.mkdir("/source/", {"s": 1})
    keys = store.mkdir("/keys/", {1: 0})

    def make(key, values):
        choose = [first, second][values[0]] or (lambda x: lambda k, v: [(k, x)])
        source.map("/made/1/", choose(7))

    keys.map("/maker/", make)
    created = store["/made/1/"].created
    keys[1] = 1
    assert (store["/made/1/"].created == created) is equal


CAPTURES = [
    (1, 1, True),
    (1, 2, False),
    (1, 1.0, False),
    (1, True, False),
    ("a", "a", True),
    ([1, [2]], [1, [2]], True),
    ([1, [2]], [1, [3]], False),
    ([1], [1, 2], False),
    ({"a": 1}, {"a": 1}, True),
    ({"a": 1}, {"a": 2}, False),
    ({"a": 1}, {"a": 1, "b": 1}, False),
    ((1, 2), (1, 2), True),
    ((1, 2), (1,), False),
    (float("nan"), float("nan"), True),
    (len, len, True),
    (len, abs, False),
    (object(), object(), False),
    (None, None, True),
    (Sum(len), Sum(len), True),
    (Sum(len), Sum(abs), False),
    (Sum(), Sum(len), False),
    (Sum(lambda x: x + 1), Sum(lambda x: x + 2), False),
    (*(Sum((lambda n: lambda x: x + n)(1)) for _ in range(2)), True),
    (Store(), Store(), False),
]


@pytest.mark.parametrize("how", ["closure", "default", "keyword", "inner"])
@pytest.mark.parametrize("one, other, equal", CAPTURES, ids=label)
def test_functions_are_equal_if_what_they_hold_is_equal_in_type_and_value(one, other, equal, how):
    store = Store()
    source = store.mkdir("/source/", {"s": 1})
    keys = store.mkdir("/keys/", {1: 0})

    def build(held):
        if how == "closure":
            return lambda k, v: [(k, held)]
        if how == "default":
            return lambda k, v, x=held: [(k, x)]
        if how == "keyword":
            return lambda k, v, *, x=held: [(k, x)]

        def inner():
            return held

        return lambda k, v: [(k, inner())]

    keys.map("/maker/", lambda key, values: source.map("/made/1/", build([one, other][values[0]])) and None)
    created = store["/made/1/"].created
    keys[1] = 1
    assert (store["/made/1/"].created == created) is equal


def test_functions_that_hold_themselves_are_equal_if_what_else_they_hold_is():
    store = Store()
    source = store.mkdir("/source/", {3: 1})
    keys = store.mkdir("/keys/", {1: 1})

    def make(key, values):
        by = values[0]

        def times(n):
            return by * times(n - 1) if n else 1

        source.map("/made/1/", lambda k, v: [(k, times(k))])

    keys.map("/maker/", make)
    created = store["/made/1/"].created
    keys.set_all(1, [1, 1])
    assert store["/made/1/"].created == created
    keys[1] = 2
    assert store["/made/1/"].created > created and store["/made/1/"] == {3: 8}


def test_functions_whose_variables_have_no_value_yet_are_equal_if_none_has():
    store = Store()
    source = store.mkdir("/source/", {1: 1})
    keys = store.mkdir("/keys/", {1: "early"})

    def make(key, values):
        if values[0] == "late":
            later = 7
        source.map("/made/1/", lambda k, v: [(k, later if k == 2 else 0)])

    keys.map("/maker/", make)
    created = store["/made/1/"].created
    keys.set_all(1, ["early", "again"])
    assert store["/made/1/"].created == created
    keys[1] = "late"
    assert store["/made/1/"].created > created


def test_handles_that_a_mapper_holds_are_equal_by_store_and_name():
    store = Store()
    source = store.mkdir("/source/", {"s": 1})
    store.mkdir("/other/", {"s": 7})
    keys = store.mkdir("/keys/", {1: "/source/"})

    def make(key, values):
        handle = store[values[0].strip()]
        source.map("/made/1/", lambda k, v: [(k, handle[k])])

    keys.map("/maker/", make)
    created = store["/made/1/"].created
    keys[1] = "/source/ "
    assert store["/made/1/"].created == created
    keys[1] = "/other/"
    assert store["/made/1/"].created > created and store["/made/1/"] == {"s": 7}


@pytest.mark.parametrize("kind", ["lazy", "input"])
def test_handles_of_snapshots_that_a_mapper_holds_are_equal_if_they_are_of_one_snapshot(kind):
    store = Store()
    source = store.mkdir("/source/", {1: 1})
    store.lazy("/other/", lambda self, k: 7) if kind == "lazy" else store.mkdir("/other/", {1: 7})
    views = [store.snapshot(), store.snapshot()]
    keys = store.mkdir("/keys/", {1: 0})

    def make(key, values):
        handle = views[values[0]]["/other/"]
        source.map("/made/1/", lambda k, v: [(k, handle[k])])

    keys.map("/maker/", make)
    created = store["/made/1/"].created
    keys.set_all(1, [0, 0])
    assert store["/made/1/"].created == created
    keys[1] = 1
    assert store["/made/1/"].created > created


def test_lazy_directories_that_a_mapper_holds_are_equal_by_store_and_name():
    store = Store()
    source = store.mkdir("/source/", {1: 1})
    store.lazy("/twice/", lambda self, k: k * 2)
    store.lazy("/thrice/", lambda self, k: k * 3)
    keys = store.mkdir("/keys/", {1: "/twice/"})

    def make(key, values):
        handle = store[values[0]]
        source.map("/made/1/", lambda k, v: [(k, handle[k])])

    keys.map("/maker/", make)
    created = store["/made/1/"].created
    keys.set_all(1, ["/twice/", "again"])
    assert store["/made/1/"].created == created
    keys[1] = "/thrice/"
    assert store["/made/1/"].created > created and store["/made/1/"] == {1: 3}


def test_objects_of_one_type_that_compare_equal_are_equal_mappers():
    class Times:
        def __init__(self, n):
            self.n = n

        def __call__(self, key, values):
            return [(key, self.n)]

        def __eq__(self, other):
            return self.n == other.n

    store = Store()
    source = store.mkdir("/source/", {"s": 1})
    keys = store.mkdir("/keys/", {1: 1})
    keys.map("/maker/", lambda key, values: source.map("/made/1/", Times(abs(values[0]))) and None)
    created = store["/made/1/"].created
    keys[1] = -1
    assert store["/made/1/"].created == created
    keys[1] = 2
    assert store["/made/1/"].created > created


# ---- what a mapper sees of what it made


def test_a_mapper_does_not_see_what_it_made_in_its_last_run_until_it_makes_it_again():
    store = Store()
    source = store.mkdir("/source/", {"s": 1})
    keys = store.mkdir("/keys/", {1: 0})
    seen = []

    def make(key, values):
        made = MADE / key
        before = made in store, store.get(made), made in list(store)
        handle = source.map(made, copied)
        seen.append((before, made in store, dict(handle), dict(store[made])))

    keys.map("/maker/", make)
    keys[1] = 1
    keys[1] = 2
    assert seen == [((False, None, False), True, {"s": 1}, {"s": 1})] * 3


def test_what_its_own_run_makes_or_computes_does_not_make_it_run_again():
    store, log = Store(), []
    source = store.mkdir("/source/", {"s": 1})
    keys = store.mkdir("/keys/", {1: 0, 2: 0})

    def make(key, values):
        log.append(key)
        made = MADE / key
        if made not in store:
            made = source.map(made, copied)
            return [(key, (len(made), sum(made.values()), len(list(made))))]
        return None

    out = keys.map("/out/", make)
    assert log == [1, 2]
    keys[1] = 1
    assert log == [1, 2, 1] and out == {1: (1, 1, 1), 2: (1, 1, 1)}
    source["t"] = 5
    assert sorted(log[3:]) == [1, 2] and out[1] == (2, 6, 2)


def test_a_mapper_may_read_what_another_made():
    w = World({1: "a", 2: "b"})
    parent = w.store.mkdir("/parent/", {1: 0, 2: 0, 3: 0})

    def read(key, values):
        made = w.store.get(MADE / key)
        return [(key, None if made is None else dict(made))]

    out = parent.map("/out/", read)
    assert out == {1: {"a": "a"}, 2: {"b": "b"}, 3: None}
    w.keys[3] = "c"
    del w.keys[1]
    w.keys[2] = "z"
    assert out == {1: None, 2: {"z": "z"}, 3: {"c": "c"}}


@pytest.mark.parametrize("reader_name", ["/a-reader/", "/z-reader/"])
def test_a_reader_of_what_is_due_to_be_made_sees_it_made(reader_name):
    store = Store()
    keys = store.mkdir("/keys/")
    keys.map("/maker/", lambda key, values: store.mkdir(MADE / key, {"v": values[0]}) and None)
    out = keys.map(
        reader_name, lambda key, values: [(key, store[MADE / key]["v"] if MADE / key in store else None)]
    )
    keys.update({1: "a", 2: "b"})
    assert out == {1: "a", 2: "b"}
    keys[1] = "z"
    assert out == {1: "z", 2: "b"}


# ---- collisions


def test_two_keys_that_make_one_name_collide():
    store = Store()
    keys = store.mkdir("/keys/", {1: "a"})
    keys.map("/maker/", lambda key, values: store.mkdir(MADE / values[0]) and None)
    with unchanged(store), pytest.raises(DirExistsError, match="/made/a/"):
        keys[2] = "a"
    keys[2] = "b"
    assert len(store) == 4


def test_keys_may_exchange_the_names_that_they_make_in_one_transaction():
    store = Store()
    keys = store.mkdir("/keys/", {1: "a", 2: "b"})
    keys.map("/maker/", lambda key, values: store.mkdir(MADE / values[0], {0: key}) and None)
    with store.update():
        keys[1], keys[2] = "b", "a"
    assert store["/made/a/"] == {0: 2} and store["/made/b/"] == {0: 1}
    with store.update():
        keys[3] = "a"
        keys[2] = "c"
    assert store["/made/a/"] == {0: 3} and store["/made/c/"] == {0: 2}


@pytest.mark.parametrize("name", ["/keys/", "/maker/", "/there/"])
def test_a_name_that_is_there_at_top_level_collides(name):
    store = Store()
    store.mkdir("/there/")
    keys = store.mkdir("/keys/")
    keys.map("/maker/", lambda key, values: store.mkdir(values[0]) and None)
    with unchanged(store), pytest.raises(DirExistsError, match=name):
        keys[1] = name


def test_making_a_name_that_a_mapper_made_collides_at_top_level():
    w = World({1: "a"})
    with unchanged(w.store), pytest.raises(DirExistsError, match="/made/1/"):
        w.store.mkdir("/made/1/")
    with unchanged(w.store), pytest.raises(DirExistsError, match="/made/1/"):
        w.keys.map("/made/1/", copied)


def test_a_mapper_that_makes_a_name_twice_collides_with_itself():
    store = Store()
    keys = store.mkdir("/keys/")

    def make(key, values):
        store.mkdir("/made/1/")
        store.mkdir("/made/1/")

    keys.map("/maker/", make)
    with unchanged(store), pytest.raises(DirExistsError, match="/made/1/"):
        keys[1] = 1


def test_exist_ok_in_a_mapper_collides_all_the_same():
    store = Store()
    keys = store.mkdir("/keys/")
    store.mkdir("/there/")
    keys.map("/maker/", lambda key, values: store.mkdir("/there/", exist_ok=True) and None)
    with unchanged(store), pytest.raises(DirExistsError, match="/there/"):
        keys[1] = 1


def test_a_collision_that_is_gone_when_the_queue_is_empty_does_not_count():
    store = Store()
    keys = store.mkdir("/keys/", {1: "a"})
    keys.map("/maker/", lambda key, values: store.mkdir(MADE / values[0]) and None)
    with store.update():
        keys[0] = "a"
        del keys[1]
    assert "/made/a/" in store


# ---- top level and what mappers own


def test_what_a_mapper_owns_cannot_be_removed_from_top_level():
    w = World({1: "a"})
    for options in ({}, {"recursive": True}, {"missing_ok": True}):
        with unchanged(w.store), pytest.raises(DirInUseError, match="/made/1/"):
            w.store.remove_dir("/made/1/", **options)


def test_what_top_level_derived_from_it_stays_without_its_contributions_and_resumes():
    w = World({1: "a"})
    below = w.store["/made/1/"].map("/below/", copied)
    total = below.map_reduce("/count/", lambda key, values: [("n", key)], Count())
    assert below == {"a": "a"} and total == {"n": 1}
    del w.keys[1]
    assert "/below/" in w.store and below == {} and total == {}
    w.keys[2] = "other"
    assert below == {}
    w.keys.set_all(1, ["b", "c"])
    assert below == {"b": "b", "c": "c"} and total == {"n": 2}
    w.store.remove_dir("/count/")
    w.store.remove_dir("/below/")


def test_a_directory_that_mappers_derived_from_is_in_use_until_they_are_gone():
    w = Derived()
    with unchanged(w.store), pytest.raises(DirInUseError, match="/made/1/"):
        w.store.remove_dir("/source/")
    w.keys.clear()
    w.store.remove_dir("/source/")
    assert "/source/" not in w.store


def test_a_maker_of_many_keys_leaves_nothing_behind():
    w = World()
    before = figures(w.store)
    for _ in range(3):
        w.keys.update(dict.fromkeys(range(200), "v"))
        assert len(w.names()) == 200
        with w.store.update() as tx:
            w.keys.clear()
        assert tx.result.purged == 200
        assert figures(w.store) == before


def test_directories_made_over_a_fold_and_read_within_come_and_go():
    store = Store()
    d = store.mkdir("/d/", {k: k % 3 for k in range(9)})

    def group(key, values):
        members = d.map(MADE / key, lambda k, vs: [(k, key)] if vs[0] == key else None)
        return [(key, len(members))]

    groups = d.map_reduce("/groups/", lambda key, values: [(values[0], 1)], Count()).map("/sizes/", group)
    assert groups == {0: 3, 1: 3, 2: 3}
    assert list(store["/made/1/"]) == [1, 4, 7]
    d[0] = 1
    assert groups == {0: 2, 1: 4, 2: 3} and list(store["/made/1/"]) == [0, 1, 4, 7]
    for key in (2, 5, 8):
        del d[key]
    assert groups == {0: 2, 1: 4} and "/made/2/" not in store
