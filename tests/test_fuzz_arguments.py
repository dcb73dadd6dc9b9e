"""Any object where any argument goes: only errors of the API come out; a call that failed changed nothing."""

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livedirs import Count, DirName, LiveDirsError, Max, Mean, Min, Store, Sum
from support import state

few = settings(max_examples=max(settings.default.max_examples // 4, 10))


class Boom(Exception):
    """Raised by the odd objects themselves: a caller's own exception may come out."""


def boom(*args):
    raise Boom


class Spiky:
    __eq__ = __hash__ = __iter__ = __len__ = __bool__ = __index__ = __float__ = __call__ = boom


class SpikyStr(str):
    __eq__ = __len__ = __iter__ = __getitem__ = __str__ = boom
    __hash__ = str.__hash__


class SpikyInt(int):
    __eq__ = __lt__ = __index__ = __int__ = __bool__ = boom
    __hash__ = int.__hash__


class SpikyTuple(tuple):
    __iter__ = __len__ = __getitem__ = boom


class SpikyDict(dict):
    __iter__ = keys = items = __getitem__ = boom


class SpikyMapping:
    keys = boom


class Endless:
    """Claims to be longer than anything."""

    def __len__(self):
        return 2**62

    def __iter__(self):
        return iter([(1, 1)])


class Liar:
    __class__ = property(lambda self: dict)


class HalfReducer:
    initial = 0

    def add(self, acc, value):
        return acc


def generator():
    yield 1, 2
    yield 3, 4


other_store = Store()
other_dir = other_store.mkdir("/other/", {1: 1})
closed_store = Store()
closed_dir = closed_store.mkdir("/closed/", {1: 1})
closed_store.close()

scalars = st.one_of(
    st.just(400).map(lambda digits: 10**digits),
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-3, 5),
    st.sampled_from([2**31, 2**63, 2**64, -(2**63) - 1, 10**40]),
    st.floats(),
    st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 1.0]),
    st.text(max_size=5),
    st.sampled_from(["\ud800", "a\udfff", "\x00", "\x7f", "\x85", "/\x00/"]),
    st.binary(max_size=4),
    st.complex_numbers(),
    st.sampled_from(["/d/", "/m/", "/x/", "/a/b/", "//", "/../", "/made/1/", "/nowhere/", "/\ud800/"]),
)
ODD = [
    ...,
    NotImplemented,
    object(),
    int,
    dict,
    Spiky,
    Spiky(),
    SpikyStr("/d/"),
    SpikyInt(1),
    SpikyTuple((1, 2)),
    SpikyDict({1: 2}),
    SpikyMapping(),
    Endless(),
    Liar(),
    Fraction(1, 3),
    Decimal("NaN"),
    Decimal(1),
    bytearray(b"x"),
    memoryview(b"x"),
    range(3),
    slice(1, 2),
    DirName("/d/"),
    DirName("/y/"),
    Store,
    other_store,
    other_dir,
    closed_store,
    closed_dir,
    Sum(),
    Count(),
    HalfReducer(),
    len,
    boom,
    BaseException(),
    KeyError,
    type,
    super,
    property(len),
]
odd = st.integers(0, len(ODD) - 1).map(lambda i: ODD[i])
anything = st.recursive(
    st.one_of(scalars, odd, st.builds(generator)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.lists(st.tuples(inner, inner), max_size=3),
        st.dictionaries(scalars, inner, max_size=3),
        st.sets(scalars, max_size=2),
    ),
    max_leaves=6,
)
results = st.one_of(anything, st.lists(st.tuples(scalars, scalars), max_size=3))
mappers = st.one_of(
    anything,
    results.map(lambda result: lambda key, values: result),
    st.sampled_from(
        [boom, lambda: None, lambda *args: [args], lambda key, values: [(key, v) for v in values]]
    ),
)
reducers = st.sampled_from([Sum(), Count(), Min(), Max(), Mean()])
ranges = st.one_of(anything, st.lists(st.tuples(scalars, st.one_of(scalars, st.just(...))), max_size=2))


class World:
    def __init__(self):
        self.store = Store()
        self.d = self.store.mkdir("/d/", [(1, 1), (2, 2.5), ("x", 3), ("x", 4)])
        self.m = self.d.map("/m/", lambda key, values: [(key, value) for value in values])
        self.maker = self.d.map(
            "/maker/", lambda k, vs: self.store.mkdir(DirName("/made/") / k, {k: 1}) and None
        )


ONE = {
    "Store.[]": lambda w, a: w.store[a],
    "Store.in": lambda w, a: a in w.store,
    "Store.get": lambda w, a: w.store.get(a),
    "Store.mkdir": lambda w, a: w.store.mkdir(a),
    "Store.remove_dir": lambda w, a: w.store.remove_dir(a),
    "Store.remove_dir recursive": lambda w, a: w.store.remove_dir("/m/", recursive=a),
    "Store.remove_dir missing_ok": lambda w, a: w.store.remove_dir("/nowhere/", missing_ok=a),
    "Store.update": lambda w, a: w.store.update(timeout=a).__enter__().__exit__(None, None, None),
    "DirName": lambda w, a: DirName(a),
    "DirName /": lambda w, a: DirName("/s/") / a,
    "Directory.[]": lambda w, a: w.d[a],
    "Directory.get": lambda w, a: w.d.get(a),
    "Directory.get_all": lambda w, a: w.m.get_all(a),
    "Directory.in": lambda w, a: a in w.d,
    "Directory.==": lambda w, a: w.d == a,
    "Directory.keys": lambda w, a: a in w.d.keys(),
    "Directory.map_reduce reducer of": lambda w, a: w.d.map_reduce("/x/", lambda k, v: [(0, k)], Sum(a)),
    "InputDirectory.del": lambda w, a: w.d.__delitem__(a),
    "InputDirectory.discard": lambda w, a: w.d.discard(a),
    "InputDirectory.pop": lambda w, a: w.d.pop(a),
    "InputDirectory.setdefault": lambda w, a: w.d.setdefault(a),
    "InputDirectory.update": lambda w, a: w.d.update(a),
    "Snapshot.[]": lambda w, a: read_snapshot(w, lambda snapshot: snapshot[a]),
    "Snapshot.get": lambda w, a: read_snapshot(w, lambda snapshot: snapshot.get(a)),
    "Snapshot.in": lambda w, a: read_snapshot(w, lambda snapshot: a in snapshot),
    "capacity": lambda w, a: Store(capacity=a),
    "history": lambda w, a: Store(history=a),
    "max_lag": lambda w, a: Store(max_lag=a),
    "lazy_capacity": lambda w, a: Store(lazy_capacity=a),
    "max_rounds": lambda w, a: Store(max_rounds=a),
}
TWO = {
    "Store.get default": lambda w, a, b: w.store.get(a, b),
    "Store.mkdir content": lambda w, a, b: w.store.mkdir(a, b),
    "Store.mkdir x": lambda w, a, b: w.store.mkdir("/x/", a, exist_ok=b),
    "Directory.get default": lambda w, a, b: w.d.get(a, b),
    "Directory.between": lambda w, a, b: list(w.d.between(a, b)),
    "Directory.items": lambda w, a, b: (a, b) in w.m.items(),
    "Directory.[]=": lambda w, a, b: w.m.__setitem__(a, b),
    "InputDirectory.[]=": lambda w, a, b: w.d.__setitem__(a, b),
    "InputDirectory.[1]=": lambda w, a, b: w.d.__setitem__(1, b),
    "InputDirectory.set_all": lambda w, a, b: w.d.set_all(a, b),
    "InputDirectory.pop default": lambda w, a, b: w.d.pop(a, b),
    "InputDirectory.setdefault": lambda w, a, b: w.d.setdefault(a, b),
    "InputDirectory.update pair": lambda w, a, b: w.d.update([(a, b)]),
    "Sum methods": lambda w, a, b: Sum().remove(Sum().add(a, b), b),
    "Count methods": lambda w, a, b: Count().remove(Count().add(a, b), b),
    "Min methods": lambda w, a, b: Min().remove(Min().add(a, b), b),
    "Max methods": lambda w, a, b: Max().remove(Max().add(a, b), b),
    "exit": lambda w, a, b: w.store.update().__enter__().__exit__(a, b, None),
}


def read_snapshot(w, read):
    with w.store.snapshot() as snapshot:
        read(snapshot)


ALLOWED = (LiveDirsError, TypeError, ValueError, LookupError, Boom)


def attempt(call, *args):
    w = World()
    before = state(w.store)
    try:
        call(w, *args)
    except ALLOWED:
        assert state(w.store) == before
    with w.store.update():
        w.store.mkdir("/probe/", {1: 1}).map("/probed/", lambda key, values: [(key, values[0] + 1)])
    w.store["/probe/"][2] = 2
    assert w.store["/probed/"] == {1: 2, 2: 3}
    w.store.remove_dir("/probe/", recursive=True)
    stats = w.store.stats()
    assert (stats.dir_tombstones, stats.key_tombstones, stats.queued) == (0, 0, 0)


@pytest.mark.parametrize("call", ONE.values(), ids=ONE)
@few
@given(a=anything)
def test_any_object_as_the_one_argument(call, a):
    attempt(call, a)


@pytest.mark.parametrize("call", TWO.values(), ids=TWO)
@few
@given(a=anything, b=anything)
def test_any_objects_as_two_arguments(call, a, b):
    attempt(call, a, b)


@given(
    name=st.one_of(st.just("/x/"), anything), fn=mappers, within=st.one_of(st.none(), ranges), shared=anything
)
def test_any_objects_to_map(name, fn, within, shared):
    attempt(lambda w: w.d.map(name, fn, within=within, shared=shared))


@given(result=results, within=st.one_of(st.none(), ranges), reducer=reducers)
def test_any_result_of_a_mapper_to_map_reduce(result, within, reducer):
    attempt(lambda w: w.d.map_reduce("/x/", lambda key, values: result, reducer, within=within))


@given(reducer=anything)
def test_any_object_as_reducer(reducer):
    attempt(lambda w: w.d.map_reduce("/x/", lambda key, values: [(0, value) for value in values], reducer))


@given(value=anything)
def test_any_object_as_value_goes_through_every_kind_of_directory(value):
    def use(w):
        w.d[9] = value
        assert w.m[9] is value
        w.m.map_reduce("/x/", lambda key, values: [(0, v) for v in values], Count())
        w.d.set_all(9, [value, value])
        assert w.store["/x/"] == {0: 6}
        w.d.discard(9)
        w.store.remove_dir("/x/")

    attempt(use)


@given(content=st.one_of(anything, st.lists(st.tuples(scalars, anything), max_size=3)), name=anything)
def test_any_object_used_by_a_mapper(content, name):
    def use(w):
        w.d.map("/x/", lambda key, values: w.store.mkdir(name, content) and None, within=[(1, 1)])

    attempt(use)


@given(a=anything, b=anything)
def test_any_object_read_by_a_mapper(a, b):
    def use(w):
        w.d.map(
            "/x/",
            lambda key, values: [(1, (w.store.get(a), a in w.d, w.m.get(b), len(list(w.m.between(a, b)))))],
        )

    attempt(use)
