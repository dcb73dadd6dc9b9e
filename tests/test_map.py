from types import MappingProxyType

import pytest

from livedirs import Directory, InvalidKeyError, Store
from support import label, unchanged


def make(content):
    store = Store()
    return store, store.mkdir("/d/", content)


def copied(key, values):
    return [(key, value) for value in values]


def swapped(key, values):
    return [(value, key) for value in values]


@pytest.mark.parametrize(
    "given, expected",
    [
        (lambda k, v: [(k, 1), ("x", 2)], [(1, (1,)), ("x", (2,))]),
        (lambda k, v: ((key, 0) for key in "ba"), [("a", (0,)), ("b", (0,))]),
        (lambda k, v: {"m": 1, "n": 2}, [("m", (1,)), ("n", (2,))]),
        (lambda k, v: MappingProxyType({"m": 1}), [("m", (1,))]),
        (lambda k, v: [[k, 1]], [(1, (1,))]),
        (lambda k, v: [(k, 3), ("x", 0), (k, 1), (k, 2)], [(1, (3, 1, 2)), ("x", (0,))]),
        (lambda k, v: None, []),
        (lambda k, v: (), []),
        (lambda k, v: {}, []),
        (lambda k, v: [(k, None)], [(1, (None,))]),
        (lambda k, v: ["ab"], [("a", ("b",))]),
    ],
    ids="pairs generator dict proxy lists repeated None empty empty_dict none_value strings".split(),
)
def test_a_mapper_gives_pairs_a_mapping_or_none(given, expected):
    _, d = make({1: "a"})
    assert list(d.map("/m/", given).entries()) == expected


def test_a_mapper_gets_the_key_and_the_tuple_of_its_values():
    _, d = make([(2, "x"), (1, "a"), (1, "b")])
    calls = []
    d.map("/m/", lambda *args: calls.append(args))
    assert calls == [(1, ("a", "b")), (2, ("x",))]
    assert all(type(values) is tuple for _, values in calls)


def test_a_mapper_gets_the_values_themselves():
    value = object()
    _, d = make({1: value})
    out = d.map("/m/", copied)
    assert out[1] is value


@pytest.mark.parametrize(
    "fn", [dict.fromkeys, print, MappingProxyType, type("Call", (), {"__call__": copied})], ids=label
)
def test_any_callable_is_taken_for_a_mapper(fn):
    make({})[1].map("/m/", fn)


def test_a_mapped_directory_follows_its_parent():
    _, d = make({1: "a"})
    m = d.map("/m/", lambda key, values: [(key * 10, values[0] * 2)])
    assert isinstance(m, Directory) and m.name == "/m/" and m.kind == "derived"
    assert m == {10: "aa"}
    d[2] = "b"
    assert m == {10: "aa", 20: "bb"}
    d[1] = "z"
    assert m == {10: "zz", 20: "bb"}
    del d[1]
    assert m == {20: "bb"}
    d.clear()
    assert m == {}


def test_a_key_that_a_mapper_no_longer_gives_is_removed():
    _, d = make({1: ("a", "b")})
    m = d.map("/m/", lambda key, values: [(x, key) for x in values[0]])
    assert m == {"a": 1, "b": 1}
    d[1] = ("b", "c")
    assert m == {"b": 1, "c": 1}
    d[1] = ()
    assert m == {} and not m


def test_values_of_a_key_are_ordered_by_source_and_as_the_mapper_gave_them():
    _, d = make([("b", (3, 1)), ("a", (9, 2)), (5, (7,)), (None, (0, 8))])
    m = d.map("/m/", lambda key, values: [("all", (key, x)) for x in values[0]])
    assert m.get_all("all") == ((None, 0), (None, 8), (5, 7), ("a", 9), ("a", 2), ("b", 3), ("b", 1))
    d["a"] = (1,)
    d[True] = (6,)
    del d[5]
    assert m.get_all("all") == ((None, 0), (None, 8), (True, 6), ("a", 1), ("b", 3), ("b", 1))


def test_equal_values_of_several_sources_all_stand():
    _, d = make({1: "x", 2: "x", 3: "y"})
    m = d.map("/m/", swapped)
    assert m.get_all("x") == (1, 2)
    same = d.map("/same/", lambda key, values: [("k", 0)])
    assert same.get_all("k") == (0, 0, 0)
    del d[2]
    assert same.get_all("k") == (0, 0) and m.get_all("x") == (1,)


def test_a_key_that_loses_all_but_one_value_is_unique_again():
    _, d = make({1: "x", 2: "x"})
    m = d.map("/m/", swapped)
    del d[1]
    assert m["x"] == 2
    del d[2]
    assert "x" not in m


def test_the_first_source_names_the_key():
    _, d = make({1: 2.0, 2: 2})
    m = d.map("/m/", swapped)
    assert m.get_all(2) == (1, 2) and len(m) == 1


def test_keys_may_change_type_and_collide_only_where_equal():
    _, d = make({1: True, 2: 1, 3: 1.0, 4: "1", 5: None, 6: (1,), 7: b"1"})
    m = d.map("/m/", swapped)
    assert [values for _, values in m.entries()] == [(5,), (1,), (2, 3), (4,), (7,), (6,)]


def test_maps_chain():
    _, d = make({k: k for k in range(5)})
    chain = d
    for i in range(30):
        chain = chain.map(f"/chain/{i}/", lambda key, values: [(key, values[0] + 1)])
    assert chain == {k: k + 30 for k in range(5)}
    d[2] = 100
    del d[0]
    assert chain == {1: 31, 2: 130, 3: 33, 4: 34}


def test_several_directories_map_one_parent_with_one_function():
    _, d = make({1: "a"})
    ms = [d.map(f"/m/{i}/", copied) for i in range(5)]
    d[2] = "b"
    assert all(m == {1: "a", 2: "b"} for m in ms)


@pytest.mark.parametrize("value", ["text", 2, 2.5, None, b"bytes", True, ("tuple",), ["list"]], ids=repr)
def test_mappers_behind_one_row_are_given_the_same_and_those_behind_another_theirs(value):
    # One value in rows of several directories, whose keys are equal in part; two directories behind each row.
    store, calls = Store(), []
    keys = [1, True, 1.0, "1", 2]
    rows = [store.mkdir(f"/{number}/", {key: 0}) for number, key in enumerate(keys)]
    for number, parent in enumerate(rows):
        for twin in "ab":
            parent.map(f"/{number}{twin}/", lambda *args: calls.append((type(args[0]), *args)))
    calls.clear()
    with store.update():
        for parent, key in zip(rows, keys, strict=True):
            parent[key] = value
    assert calls == [(type(key), key, (value,)) for key in keys for _ in "ab"]
    assert all(given is value for _, _, (given,) in calls)


def test_within_takes_only_the_keys_in_its_ranges():
    _, d = make({k: k for k in (1, 2, 3, 4, 5, 6, "a", "b")})
    m = d.map("/m/", copied, within=[(2, 3), (5, 5.5), ("b", ...)])
    assert list(m) == [2, 3, 5, "b"]
    d[2.5] = d[4.5] = d["c"] = d[()] = 0
    assert list(m) == [2, 2.5, 3, 5, "b", "c", ()]
    del d[3]
    d[1] = 100
    d[2] = 200
    assert m == {2: 200, 2.5: 0, 5: 5, "b": "b", "c": 0, (): 0}


def test_within_ranges_may_overlap_and_be_empty_or_turned_round():
    _, d = make({k: k for k in range(6)})
    assert list(d.map("/overlap/", copied, within=[(0, 3), (2, 4), (2, 4)]).entries()) == [
        (k, (k,)) for k in range(5)
    ]
    assert list(d.map("/none/", copied, within=[])) == []
    assert list(d.map("/round/", copied, within=[(4, 2)])) == []
    assert list(d.map("/all/", copied, within=[(None, ...)])) == list(range(6))
    assert list(d.map("/default/", copied, within=None)) == list(range(6))


def test_within_may_be_any_sequence_of_pairs():
    _, d = make({k: k for k in range(6)})
    assert list(d.map("/m/", copied, within=((1, 2), [4, 4]))) == [1, 2, 4]


@pytest.mark.parametrize(
    "within", [7, [7], [(1,)], [(1, 2, 3)], [()], "x", [None], (1, 2), [(..., 1)], object()], ids=label
)
def test_a_within_that_is_no_ranges_is_refused(within):
    store, d = make({1: 1})
    with unchanged(store), pytest.raises((TypeError, ValueError)):
        d.map("/m/", copied, within=within)


@pytest.mark.parametrize(
    "given, kind",
    [
        (7, "int"),
        ([7], "int"),
        ([(1,)], None),
        ([(1, 2, 3)], None),
        (["abc"], None),
        ([None], "NoneType"),
        (object(), "object"),
        (True, "bool"),
    ],
    ids=label,
)
def test_a_mapper_that_gives_something_else_is_refused(given, kind):
    store, d = make({1: 1})
    with unchanged(store):
        with pytest.raises((TypeError, ValueError)) as caught:
            d.map("/m/", lambda key, values: given)
        if kind:
            assert kind in str(caught.value)


def test_a_mapper_that_gives_a_bad_key_is_refused_at_the_write_that_brought_it():
    store, d = make({1: 1})
    m = d.map("/m/", swapped)
    with unchanged(store), pytest.raises(InvalidKeyError, match="list"):
        d[2] = []
    assert m == {1: 1}


@pytest.mark.parametrize("fn", [None, 7, "x", [], object()], ids=label)
def test_what_is_not_callable_is_no_mapper(fn):
    store, d = make({1: 1})
    with unchanged(store), pytest.raises(TypeError):
        d.map("/m/", fn)
    d.clear()
    with unchanged(store), pytest.raises(TypeError):
        d.map("/m/", fn)


def test_an_output_that_comes_out_equal_keeps_the_old_object():
    _, d = make({1: 1})
    m = d.map("/m/", lambda key, values: [(key, [values[0] % 2])])
    old = m[1]
    d[1] = 3
    assert m[1] is old
    d[1] = 2
    assert m[1] is not old


def test_a_row_order_that_changes_is_a_change():
    store, d = make({1: 1})
    m = d.map("/m/", lambda key, values: [("k", x) for x in ((1, 2) if values[0] % 2 else (2, 1))])
    d[1] = 2
    assert m.get_all("k") == (2, 1)


def test_what_is_derived_from_what_is_removed_and_made_again_must_be_derived_again():
    store, d = make({1: 1})
    m = d.map("/m/", copied)
    store.remove_dir("/d/", recursive=True)
    d = store.mkdir("/d/", {2: 2})
    assert "/m/" not in store
    assert d.map("/m/", copied) == m == {2: 2}
