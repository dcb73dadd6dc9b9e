from collections.abc import ItemsView, KeysView, Mapping, MutableMapping, ValuesView

import pytest

from livedirs import (
    Directory,
    DirName,
    DirNotFoundError,
    InputDirectory,
    NotUniqueError,
    ReadOnlyError,
    Store,
    Sum,
)
from support import unchanged

CONTENT = {2: "b", 1: "a", "x": "c"}
ORDERED = {1: "a", 2: "b", "x": "c"}


def make_input(store, content=CONTENT):
    return store.mkdir("/d/", content)


def make_derived(store, content=CONTENT):
    pairs = content.items() if isinstance(content, dict) else content
    return store.mkdir("/parent/", pairs).map("/d/", lambda key, values: [(key, value) for value in values])


def make_mapped_by_snapshot(store, content=CONTENT):
    make_input(store, content)
    return store.snapshot()["/d/"]


every_kind = pytest.mark.parametrize(
    "make", [make_input, make_derived, make_mapped_by_snapshot], ids="input derived snapshot".split()
)


@every_kind
def test_it_is_a_mapping(make):
    d = make(Store())
    assert isinstance(d, Mapping) and isinstance(d, Directory)
    assert issubclass(Directory, Mapping) and issubclass(InputDirectory, (Directory, MutableMapping))


def test_only_an_input_is_a_mutable_mapping():
    assert isinstance(make_input(Store()), (InputDirectory, MutableMapping))
    derived = make_derived(Store())
    assert not isinstance(derived, (InputDirectory, MutableMapping))


@every_kind
def test_a_key_gives_its_value(make):
    d = make(Store())
    assert (d[1], d[2], d["x"], d[1.0]) == ("a", "b", "c", "a")


@every_kind
@pytest.mark.parametrize("key", [3, "y", None, True, (), b""])
def test_a_key_that_is_not_there_is_a_key_error_with_the_key(make, key):
    d = make(Store())
    with pytest.raises(KeyError) as caught:
        d[key]
    assert caught.value.args == (key,)
    assert not isinstance(caught.value, DirNotFoundError)
    assert d.get(key) is None
    assert d.get(key, 7) == 7 and d.get(key, default=8) == 8
    assert d.get_all(key) == ()
    assert key not in d


@every_kind
def test_get_gives_what_is_there(make):
    d = make(Store())
    assert d.get(1) == d.get(1, 7) == "a"
    assert d.get_all(1) == ("a",)
    assert 1 in d


@every_kind
def test_iteration_is_in_key_order_both_ways(make):
    d = make(Store())
    assert list(d) == list(d.keys()) == [1, 2, "x"]
    assert list(reversed(d)) == ["x", 2, 1]
    assert list(d.values()) == ["a", "b", "c"]
    assert list(d.items()) == [(1, "a"), (2, "b"), ("x", "c")]
    assert list(d.entries()) == [(1, ("a",)), (2, ("b",)), ("x", ("c",))]


@every_kind
def test_iterators_are_iterators(make):
    d = make(Store())
    for iterator in (iter(d), reversed(d), d.entries(), d.between(1, 2)):
        assert iter(iterator) is iterator
        list(iterator)
        assert next(iterator, "end") == "end"


@every_kind
def test_size_and_truth(make):
    assert len(make(Store())) == 3 and make(Store())
    empty = make(Store(), {})
    assert len(empty) == 0 and not empty
    assert list(empty) == list(reversed(empty)) == list(empty.entries()) == list(empty.items()) == []


@every_kind
def test_it_equals_a_mapping_of_the_same_content(make):
    d = make(Store())
    assert d == CONTENT and CONTENT == d
    assert d == make(Store()) and d == make_input(Store())
    assert not d != CONTENT
    for other in ({}, {1: "a"}, {**CONTENT, 3: 0}, {**CONTENT, 1: "z"}, None, 7, "d", [(1, "a")], object()):
        assert d != other and other != d
        assert not d == other


@every_kind
def test_it_has_no_hash(make):
    with pytest.raises(TypeError):
        hash(make(Store()))


@every_kind
def test_it_goes_where_a_dict_goes(make):
    d = make(Store())
    assert dict(d) == {**d} == ORDERED
    assert list(dict(d)) == list(ORDERED)
    assert sorted(d, key=str) == [1, 2, "x"]
    assert {0: 0} | dict(d) == {0: 0, **ORDERED}

    def named(**kw):
        return kw

    assert named(**make(Store(), {"a": 1, "b": 2})) == {"a": 1, "b": 2}
    match d:
        case {1: value, **rest}:
            assert value == "a" and rest == {2: "b", "x": "c"}
        case _:
            raise AssertionError("a mapping pattern does not match")


@every_kind
def test_views_are_views(make):
    d = make(Store())
    keys, items, values = d.keys(), d.items(), d.values()
    assert isinstance(keys, KeysView) and isinstance(items, ItemsView) and isinstance(values, ValuesView)
    assert len(keys) == len(items) == len(values) == 3
    assert 1 in keys and 3 not in keys
    assert (1, "a") in items and (1, "b") not in items and (3, "a") not in items
    assert "a" in values and "z" not in values
    assert keys == {1, 2, "x"} and keys & {1, 9} == {1} and keys | {9} == {1, 2, "x", 9}
    assert keys - {1} == {2, "x"} and keys ^ {1, 9} == {2, "x", 9} and {1} <= keys and keys.isdisjoint({9})
    assert items == set(ORDERED.items()) and items & {(1, "a"), (9, 9)} == {(1, "a")}


@pytest.mark.parametrize("make", [make_input, make_derived], ids=["input", "derived"])
def test_views_are_live(make):
    store = Store()
    d = make(store)
    keys, items, values = d.keys(), d.items(), d.values()
    source = store.get("/parent/", d)
    del source["x"]
    source[0] = "new"
    assert list(keys) == [0, 1, 2]
    assert list(values) == ["new", "a", "b"]
    assert list(items) == [(0, "new"), (1, "a"), (2, "b")]
    assert len(keys) == 3


@pytest.mark.parametrize("make", [make_input, make_derived], ids=["input", "derived"])
@pytest.mark.parametrize(
    "begin, expected",
    [
        (iter, [1, 2, "x"]),
        (reversed, ["x", 2, 1]),
        (lambda d: d.entries(), [(1, ("a",)), (2, ("b",)), ("x", ("c",))]),
        (lambda d: d.between(1, "y"), [(1, ("a",)), (2, ("b",)), ("x", ("c",))]),
        (lambda d: iter(d.keys()), [1, 2, "x"]),
        (lambda d: iter(d.values()), ["a", "b", "c"]),
        (lambda d: iter(d.items()), [(1, "a"), (2, "b"), ("x", "c")]),
    ],
    ids="iter reversed entries between keys values items".split(),
)
def test_iteration_goes_on_over_the_version_at_which_it_began(make, begin, expected):
    store = Store()
    d = make(store)
    iterator = begin(d)
    first = next(iterator)
    source = store.get("/parent/", d)
    source[1.5] = "between"
    source[2] = "other"
    del source["x"]
    assert [first, *iterator] == expected
    late = begin(d)
    next(late)
    source.clear()
    store.remove_dir(source.name, recursive=True)
    assert len(list(late)) == 2


@every_kind
def test_between_is_inclusive_and_open_above_with_an_ellipsis(make):
    d = make(Store(), {k: k for k in (1, 2, 3, 4.5, "a")})

    def inside(lo, hi):
        return [key for key, _ in d.between(lo, hi)]

    assert inside(2, 4) == [2, 3]
    assert inside(2, 4.5) == [2, 3, 4.5]
    assert inside(2.5, ...) == [3, 4.5, "a"]
    assert inside(None, ...) == [1, 2, 3, 4.5, "a"]
    assert inside(3, 2) == inside("b", ...) == []
    assert list(d.between(2, 2)) == [(2, (2,))]


@every_kind
@pytest.mark.parametrize("thing", [5, (1,), [1, "a"], (1, "b"), (3, "a"), (1, "a", 0), None, "1a"])
def test_what_is_no_item_is_not_in_the_items(make, thing):
    items = make(Store()).items()
    assert thing not in items and (1, "a") in items


several = [(1, "a"), (2, "b"), (1, "c"), (1, "a")]


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        ([(1, "a"), (True, "b")], [(1, "a"), (True, "b")], True),
        ([(1, "a"), (True, "b")], [(1, "a"), (True, "c")], False),
        ([(1, "a"), (True, "b")], [(True, "b")], False),
        ([(1, "a")], [(True, "a")], False),
        ([(1, "a")], [(1.0, "a")], True),
        ([(1, "a"), (True, "b"), (2, "x")], [(1, "a"), (2, "x")], False),
        ([(1, 1)], [(1, True)], True),
        (several, several, True),
        (several, several[:3], False),
        (several, [*several[:2], several[3], several[2]], False),
    ],
)
def test_two_directories_are_equal_if_keys_and_all_values_are(first, second, equal):
    store = Store()
    a, b = store.mkdir("/a/", first), Store().mkdir("/b/", second)
    assert (a == b, a != b) == (equal, not equal)
    assert (b == a, store.snapshot()["/a/"] == b) == (equal, equal)


def test_a_directory_with_keys_that_are_one_in_a_dict_is_equal_to_none():
    d = make_input(Store(), [(1, "a"), (True, "b")])
    assert d != {1: "b"} and d != {1: "a"} and d != {True: "b"}
    assert not d == {1: "b"}


@every_kind
def test_a_key_may_hold_several_values(make):
    d = make(Store(), several)
    assert len(d) == 2 and list(d) == [1, 2]
    assert d.get_all(1) == ("a", "c", "a") and d.get_all(2) == ("b",)
    assert list(d.entries()) == [(1, ("a", "c", "a")), (2, ("b",))]
    assert list(d.between(1, 1)) == [(1, ("a", "c", "a"))]
    assert 1 in d and d[2] == "b"


@every_kind
@pytest.mark.parametrize(
    "read",
    [
        lambda d: d[1],
        lambda d: d.get(1),
        lambda d: d.get(1, "default"),
        lambda d: list(d.values()),
        lambda d: list(d.items()),
        lambda d: dict(d),
    ],
    ids="[] get get_default values items dict".split(),
)
def test_asking_for_the_one_of_several_values_is_not_unique(make, read):
    d = make(Store(), several)
    with pytest.raises(NotUniqueError) as caught:
        read(d)
    assert isinstance(caught.value, LookupError) and not isinstance(caught.value, KeyError)
    assert "1" in str(caught.value) and "/d/" in str(caught.value)


@every_kind
def test_the_store_holds_a_reference_and_never_copies(make):
    value = ["mutable"]
    d = make(Store(), {1: value})
    assert d[1] is value and d.get_all(1)[0] is value


def test_a_handle_knows_its_name_store_and_kind():
    store = Store()
    d, derived = make_input(store), make_derived(Store())
    assert d.name == "/d/" and isinstance(d.name, DirName)
    assert d.store is store
    assert (d.kind, derived.kind) == ("input", "derived")


def test_created_is_the_tick_of_the_making():
    store = Store()
    tick = store.tick
    assert store.mkdir("/a/").created == tick
    store["/a/"][1] = 1
    derived = store["/a/"].map("/b/", lambda k, v: None)
    assert derived.created == store.tick - 1 > tick
    assert store["/a/"].created == tick


def test_the_store_gives_handles_of_the_right_class():
    store = Store()
    make_derived(store)
    assert type(store["/parent/"]) is InputDirectory
    assert type(store["/d/"]) is type(store.get("/d/")) is Directory


def test_a_handle_means_the_directory_that_bears_the_name_now():
    store = Store()
    d = make_input(store)
    store.remove_dir("/d/")
    assert d.kind == "removed" and d.name == "/d/" and d.store is store
    store.mkdir("/d/", {5: 5})
    assert d == {5: 5} and d.kind == "input"
    store.remove_dir("/d/")
    store.mkdir("/other/", {1: 1}).map("/d/", lambda k, v: [(k, "derived")])
    assert d == {1: "derived"} and d.kind == "derived"
    with unchanged(store), pytest.raises(ReadOnlyError):
        d[1] = 2


READS = {
    "[]": lambda d: d[1],
    "get": lambda d: d.get(1),
    "get_all": lambda d: d.get_all(1),
    "in": lambda d: 1 in d,
    "iter": lambda d: iter(d),
    "reversed": lambda d: reversed(d),
    "len": lambda d: len(d),
    "bool": lambda d: bool(d),
    "entries": lambda d: d.entries(),
    "between": lambda d: d.between(0, 1),
    "==": lambda d: d == {},
    "items": lambda d: list(d.items()),
    "created": lambda d: d.created,
    "map": lambda d: d.map("/x/", lambda k, v: None),
    "map_reduce": lambda d: d.map_reduce("/x/", lambda k, v: None, Sum()),
}


@pytest.mark.parametrize("make", [make_input, make_derived], ids=["input", "derived"])
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_handle_without_a_directory_is_dir_not_found(make, read):
    store = Store()
    d = make(store)
    store.remove_dir("/d/")
    store.mkdir("/de/")
    with unchanged(store):
        with pytest.raises(DirNotFoundError) as caught:
            read(d)
        assert isinstance(caught.value, LookupError) and not isinstance(caught.value, KeyError)
        assert "/d/" in str(caught.value)


def test_dir_not_found_suggests_a_name_that_is_near():
    store = Store()
    store.mkdir("/users/")
    with pytest.raises(DirNotFoundError, match="/users/"):
        store["/user/"]


@pytest.mark.parametrize(
    "write",
    [
        lambda d: d.__setitem__(1, 2),
        lambda d: d.__setitem__(9, 2),
        lambda d: d.__delitem__(1),
        lambda d: d.__delitem__(9),
    ],
    ids="set set_new del del_new".split(),
)
def test_a_derived_directory_is_read_only(write):
    store = Store()
    d = make_derived(store)
    with unchanged(store):
        with pytest.raises(ReadOnlyError) as caught:
            write(d)
        assert isinstance(caught.value, TypeError)
        assert "/d/" in str(caught.value)


def test_generic_aliases_work_at_run_time():
    assert Directory[int, str] and InputDirectory[int, str]


@every_kind
def test_views_go_backwards_over_the_version_at_which_they_began(make):
    store = Store()
    d = make(store, {1: "a", 2: "b", 3: "c"})
    views = [d.keys(), d.values(), d.items()]
    begun = [reversed(view) for view in views]
    store.mkdir("/other/", {1: 1})
    assert [list(view) for view in begun] == [[3, 2, 1], ["c", "b", "a"], [(3, "c"), (2, "b"), (1, "a")]]
    assert isinstance(d.keys(), KeysView) and d.keys() == {1, 2, 3}


@every_kind
def test_backwards_too_the_one_of_several_values_is_not_unique(make):
    d = make(Store(), several)
    backwards = reversed(d.items())
    assert next(backwards) == (2, "b")
    with pytest.raises(NotUniqueError):
        next(backwards)
