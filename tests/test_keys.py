import enum
import math
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedirs import InvalidKeyError, Store
from support import unchanged

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.integers(),
    st.integers(2**53 - 2, 2**53 + 2),
    st.floats(allow_nan=False),
    st.sampled_from([0.0, -0.0, 1.0, 2.0**53, 1e308, math.inf, -math.inf]),
    st.text(max_size=4),
    st.binary(max_size=4),
)
keys = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6)


def oracle_order(key):
    """A sort key with the order of the spec; Python compares int and float by value, exactly."""
    if key is None:
        return (0,)
    if isinstance(key, bool):
        return 1, key
    if isinstance(key, (int, float)):
        return 2, key
    if isinstance(key, str):
        return 3, [ord(c) for c in key]
    if isinstance(key, bytes):
        return 4, key
    return 5, [oracle_order(part) for part in key]


@given(st.lists(keys))
def test_iteration_is_in_the_total_order_and_each_key_is_there_once(given_keys):
    d = Store().mkdir("/d/", [(key, 0) for key in given_keys])
    distinct = []
    for key in sorted(given_keys, key=oracle_order):
        if not distinct or oracle_order(distinct[-1]) != oracle_order(key):
            distinct.append(key)
    assert [oracle_order(key) for key in d] == [oracle_order(key) for key in distinct]
    assert len(d) == len(distinct)
    assert all(key in d for key in given_keys)


@given(keys, keys)
def test_writing_one_key_leaves_every_other(a, b):
    d = Store().mkdir("/d/")
    d[a] = "a"
    d[b] = "b"
    same = oracle_order(a) == oracle_order(b)
    assert d[b] == "b"
    assert d[a] == ("b" if same else "a")
    assert len(d) == (1 if same else 2)


@given(keys)
def test_a_key_comes_back_as_it_was_given(key):
    (back,) = Store().mkdir("/d/", [(key, 0)])
    assert type(back) is type(key)
    assert repr(back) == repr(key)


@given(st.lists(keys, max_size=12), keys, st.one_of(keys, st.just(...)))
def test_between_gives_the_keys_of_an_inclusive_range(given_keys, lo, hi):
    d = Store().mkdir("/d/", [(key, 0) for key in given_keys])
    inside = [
        key
        for key in d
        if oracle_order(lo) <= oracle_order(key) and (hi is ... or oracle_order(key) <= oracle_order(hi))
    ]
    assert [repr(key) for key, _ in d.between(lo, hi)] == [repr(key) for key in inside]


def test_types_follow_one_another():
    ordered = [
        None,
        False,
        True,
        -math.inf,
        -7,
        -0.5,
        0,
        0.5,
        1,
        1.5,
        math.inf,
        "",
        "1",
        "a",
        b"",
        b"a",
        (),
        (None,),
    ]
    assert list(Store().mkdir("/d/", [(key, 0) for key in reversed(ordered)])) == ordered


def test_true_and_one_are_different_keys():
    d = Store().mkdir("/d/", [(1, "int"), (True, "bool"), (0, "zero"), (False, "no")])
    assert len(d) == 4
    assert (d[1], d[True], d[0], d[False]) == ("int", "bool", "zero", "no")
    assert [type(key) for key in d] == [bool, bool, int, int]


def test_true_and_one_are_different_in_tuples_too():
    d = Store().mkdir("/d/", [((1,), "int"), ((True,), "bool"), ((1.0,), "float")])
    assert d.get_all((1,)) == ("int", "float")
    assert d.get_all((True,)) == ("bool",)


@pytest.mark.parametrize(
    "first, second", [(1, 1.0), (1.0, 1), (0.0, -0.0), (-0.0, 0.0), (0, -0.0), (2**60, 2.0**60)]
)
def test_of_equal_numbers_the_first_given_stays_as_the_key(first, second):
    d = Store().mkdir("/d/")
    d[first] = "first"
    d[second] = "second"
    (key,) = d
    assert repr(key) == repr(first)
    assert d[first] == d[second] == "second"


def test_a_removed_key_comes_back_as_it_is_given_next():
    d = Store().mkdir("/d/", {1: 0})
    del d[1.0]
    d[1.0] = 0
    assert repr(list(d)) == "[1.0]"


@pytest.mark.parametrize("history", [0, 5])
@pytest.mark.parametrize("one_block", [True, False], ids="in_one_block in_two_transactions".split())
@pytest.mark.parametrize("was, comes", [(1, 1.0), (1.0, 1), (0.0, -0.0), ((1, "x"), (1.0, "x"))])
def test_a_removed_key_is_spelt_as_it_is_given_next(was, comes, one_block, history):
    store = Store(history=history)
    d = store.mkdir("/d/", {was: "a", 7: "b"})
    if one_block:
        with store.update():
            del d[was]
            d[comes] = "c"
    else:
        del d[was]
        d[comes] = "c"
    assert repr(sorted(d, key=lambda key: key == 7)) == repr([comes, 7])
    assert d[was] == d[comes] == "c"


@pytest.mark.parametrize("history", [0, 5])
def test_a_key_whose_removal_was_undone_keeps_its_spelling(history):
    store = Store(history=history)
    d = store.mkdir("/d/", {1: "a"})
    with store.update() as tx:
        del d[1.0]
        d[1.0] = "b"
        d[True] = "c"
        tx.rollback()
    assert repr(list(d.items())) == "[(1, 'a')]"
    with store.update():
        with store.update() as tx:
            del d[1]
            d[1.0] = "b"
            tx.rollback()
        assert repr(list(d.items())) == "[(1, 'a')]"
    d[1.0] = "c"
    assert repr(list(d.items())) == "[(1, 'c')]"


def test_another_thread_sees_a_key_as_it_was_spelt_at_the_last_commit():
    store = Store()
    d = store.mkdir("/d/", {1: "a"})
    with store.update(), ThreadPoolExecutor(1) as pool:
        del d[1]
        d[1.0] = "b"
        assert repr(list(d.items())) == "[(1.0, 'b')]"
        assert pool.submit(lambda: repr(list(d.items()))).result(60) == "[(1, 'a')]"


def test_a_removed_key_keeps_its_spelling_where_a_later_round_of_the_commit_fails():
    def fail(store):
        raise ArithmeticError

    store = Store()
    d = store.mkdir("/d/", {1: "a"})
    with pytest.raises(ArithmeticError), store.update():
        del d[1.0]
        store.mkdir("/x/", on_create=lambda store: store.mkdir("/y/", on_create=fail))
    assert repr(list(d.items())) == "[(1, 'a')]"


def test_int_and_float_compare_exactly():
    big = 2**53
    d = Store().mkdir(
        "/d/", [(big + 1, "odd"), (float(big), "even"), (10**400, "huge"), (math.inf, "inf"), (1e308, 0)]
    )
    assert list(d) == [big, big + 1, 1e308, 10**400, math.inf]
    assert d[big] == "even"
    assert d[float(big + 1)] == "even"
    assert -(10**400) not in d and 10**400 + 1 not in d


def test_ints_of_any_size_are_keys():
    sizes = [2**31, 2**63 - 1, 2**63, 2**64, 2**127, 2**128, 10**5000]
    ordered = [-x for x in reversed(sizes)] + sizes
    d = Store().mkdir("/d/", [(x, i) for i, x in enumerate(ordered)])
    assert list(d) == ordered
    assert [d[x] for x in ordered] == list(range(len(ordered)))


def test_strings_order_by_code_point():
    ordered = ["", "\x00", "A", "Z", "a", "é", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff"]
    assert list(Store().mkdir("/d/", [(key, 0) for key in reversed(ordered)])) == ordered


def test_tuples_order_lexicographically():
    ordered = [(), (None,), (1,), (1, 1), (1, 2), (1, "a"), (2,), ("a",), ((),), ((1,),), ((1,), 0)]
    assert list(Store().mkdir("/d/", [(key, 0) for key in reversed(ordered)])) == ordered


class Text(str):
    def __str__(self):
        return "other"

    def __eq__(self, other):
        raise AssertionError("asked the subclass")

    __hash__ = str.__hash__


class Number(int):
    def __int__(self):
        return -1

    def __lt__(self, other):
        raise AssertionError("asked the subclass")


class Real(float):
    def __float__(self):
        return -1.0


class Raw(bytes): ...


Pair = namedtuple("Pair", "a b")
Colour = enum.IntEnum("Colour", {"RED": 1, "BLUE": 2})
Level = enum.Enum("Level", {"LOW": "low"}, type=str)


@pytest.mark.parametrize(
    "given_key, plain",
    [
        (Text("x"), "x"),
        (Number(7), 7),
        (Real(1.5), 1.5),
        (Raw(b"x"), b"x"),
        (Pair(1, Text("b")), (1, "b")),
        (Colour.BLUE, 2),
        (Level.LOW, "low"),
        ((Pair(Number(1), 2),), ((1, 2),)),
    ],
)
def test_an_instance_of_a_subclass_counts_as_the_base_type(given_key, plain):
    d = Store().mkdir("/d/", [(plain, 1)])
    d[given_key] = 2
    assert dict(d) == {plain: 2}
    assert given_key in d
    d.clear()
    d[given_key] = 3
    (key,) = d
    assert type(key) is type(plain) and key == plain
    if isinstance(plain, tuple):
        assert [type(part) for part in key] == [type(part) for part in plain]


class Unhashable:
    __hash__ = None


BAD = [
    (math.nan, "float"),
    (-math.nan, "float"),
    ([], "list"),
    ({}, "dict"),
    (set(), "set"),
    (frozenset(), "frozenset"),
    (1j, "complex"),
    (bytearray(b"x"), "bytearray"),
    (memoryview(b"x"), "memoryview"),
    (object(), "object"),
    (Unhashable(), "Unhashable"),
    (int, "type"),
    ("\ud800", "str"),
    ("a\udfffb", "str"),
    ((1, [2]), "list"),
    (((math.nan,),), "float"),
    (("\ud800",), "str"),
]


@pytest.mark.parametrize("key, kind", BAD, ids=lambda x: ascii(x)[:20])
@pytest.mark.parametrize(
    "use",
    [
        lambda d, key: d[key],
        lambda d, key: d.get(key),
        lambda d, key: d.get(key, 1),
        lambda d, key: d.get_all(key),
        lambda d, key: d.between(key, ...),
        lambda d, key: d.between(0, key),
        lambda d, key: d.__setitem__(key, 1),
        lambda d, key: d.set_all(key, [1]),
        lambda d, key: d.set_all(key, []),
        lambda d, key: d.__delitem__(key),
        lambda d, key: d.discard(key),
        lambda d, key: d.pop(key),
        lambda d, key: d.pop(key, None),
        lambda d, key: d.setdefault(key, 1),
        lambda d, key: d.update([(5, 5), (key, 1), (6, 6)]),
        lambda d, key: d.store.mkdir("/new/", [(5, 5), (key, 1)]),
        lambda d, key: d.map("/new/", lambda k, v: [(key, 1)]),
        lambda d, key: d.map("/new/", lambda k, v: None, within=[(key, ...)]),
        lambda d, key: d.map("/new/", lambda k, v: None, within=[(0, key)]),
    ],
    ids="[] get get_default get_all between_lo between_hi []= set_all set_none del discard pop pop_default "
    "setdefault update mkdir map within_lo within_hi".split(),
)
def test_anything_else_is_an_invalid_key_wherever_it_is_given(use, key, kind):
    store = Store()
    d = store.mkdir("/d/", {1: "a"})
    with unchanged(store):
        with pytest.raises(InvalidKeyError) as caught:
            use(d, key)
        assert isinstance(caught.value, TypeError)
        assert kind in str(caught.value)


@pytest.mark.parametrize("key, kind", BAD, ids=lambda x: ascii(x)[:20])
def test_anything_else_is_in_no_directory(key, kind):
    assert key not in Store().mkdir("/d/", {1: "a"})


def test_an_ellipsis_is_an_upper_bound_and_no_key():
    d = Store().mkdir("/d/", {1: "a"})
    for use in (d.__getitem__, d.discard, lambda key: d.between(key, 1), lambda key: d.set_all(key, [1])):
        with pytest.raises(InvalidKeyError):
            use(...)
    assert ... not in d
    assert list(d.between(0, ...)) == [(1, ("a",))]


def test_a_deeply_nested_key_is_taken_or_refused_but_does_no_harm():
    key = ()
    for _ in range(100_000):
        key = (key,)
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    try:
        d[key] = 2
        d.discard(key)
    except (InvalidKeyError, RecursionError):
        pass
    d[2] = 2
    assert list(d) == [1, 2]
