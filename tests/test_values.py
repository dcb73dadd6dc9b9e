"""Equal means: the same object, or of one type and ==. Writing an equal value is no change."""

import math
from decimal import Decimal
from fractions import Fraction

import pytest

from livedirs import Store
from support import contents, label, unchanged


class Array:
    """Compares like a numpy array: the result of == has no truth value."""

    def __init__(self, *items):
        self.items = items

    def __eq__(self, other):
        return Array(*(a == b for a, b in zip(self.items, other.items)))

    def __bool__(self):
        raise ValueError("The truth value of an array with more than one element is ambiguous")


class Refusing:
    def __eq__(self, other):
        raise ArithmeticError("not comparable")


class Interrupting:
    def __eq__(self, other):
        raise KeyboardInterrupt


class NeverEqual:
    def __eq__(self, other):
        return False


class AlwaysEqual:
    def __eq__(self, other):
        return True


class AlsoAlwaysEqual(AlwaysEqual): ...


class Plain: ...


class Truthy:
    def __eq__(self, other):
        return "yes"


class SubInt(int): ...


def changed_by(old, new):
    store = Store()
    d = store.mkdir("/d/", {1: old})
    log = []
    m = d.map("/m/", lambda key, values: log.append(key) or [(key, values[0])])
    log.clear()
    with store.update() as tx:
        d[1] = new
    changed = "/d/" in tx.result.changed
    assert d[1] is m[1]
    assert d[1] is (new if changed else old)
    assert log == ([1] if changed else [])
    return changed


same_object = [math.nan, Array(1, 2), Refusing(), NeverEqual(), object(), [], Plain()]


@pytest.mark.parametrize("value", same_object, ids=lambda x: type(x).__name__)
def test_the_same_object_is_equal(value):
    assert not changed_by(value, value)


@pytest.mark.parametrize(
    "old, new",
    [
        (1, 1),
        (10**30, 10**30),
        (1.5, float("1.5")),
        (float("nan"), float("nan")),
        (0.0, -0.0),
        ("ab", "".join("ab")),
        ([1, [2]], [1, [2]]),
        ({"a": 1}, {"a": 1}),
        ((1, 2), tuple(iter([1, 2]))),
        ({1}, {1}),
        (None, None),
        (Fraction(1, 2), Fraction(2, 4)),
        (Decimal("1.0"), Decimal("1.00")),
        (AlwaysEqual(), AlwaysEqual()),
        (Truthy(), Truthy()),
        ([1], [1.0]),
    ],
    ids=label,
)
def test_values_of_one_type_that_compare_equal_are_equal(old, new):
    assert not changed_by(old, new)


@pytest.mark.parametrize(
    "old, new",
    [
        (1, 2),
        (1, 1.0),
        (1, True),
        (0, False),
        (1, SubInt(1)),
        (SubInt(1), 1),
        (1, Fraction(1)),
        ("a", b"a"),
        ([1], (1,)),
        (None, False),
        (NeverEqual(), NeverEqual()),
        (AlwaysEqual(), AlsoAlwaysEqual()),
        (AlwaysEqual(), 7),
        (Refusing(), 7),
        (7, Refusing()),
        (Plain(), Plain()),
        (float("nan"), 1.0),
        (Decimal("nan"), Decimal("nan")),
        (Array(1, 2), Array(1, 2)),
        (Array(1, 2), Array(3, 4)),
        ({1: 1}, {1: 2}),
    ],
    ids=lambda x: f"{type(x).__name__}",
)
def test_values_that_differ_in_type_or_by_comparison_are_a_change(old, new):
    assert changed_by(old, new)


@pytest.mark.parametrize("kind, error", [(Refusing, ArithmeticError), (Interrupting, KeyboardInterrupt)])
def test_a_comparison_that_raises_fails_the_transaction(kind, error):
    store = Store()
    d = store.mkdir("/d/", {1: kind(), 2: 2})
    for write in (
        lambda: d.__setitem__(1, kind()),
        lambda: d.set_all(1, [kind()]),
        lambda: d.update({2: 3, 1: kind()}),
    ):
        with unchanged(store), pytest.raises(error):
            write()
    with unchanged(store), pytest.raises(error), store.update():
        d[2] = 3
        d[1] = kind()
    d[1] = 7
    assert d == {1: 7, 2: 2}


def test_a_comparison_of_outputs_that_raises_fails_the_transaction_and_names_the_directory():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    m = d.map("/m/", lambda key, values: [(key, Refusing())])
    with unchanged(store):
        with pytest.raises(ArithmeticError, match="not comparable"):
            d[1] = 2
    del d[1]
    assert m == {}
    d[1] = 3
    assert isinstance(m[1], Refusing)


@pytest.mark.parametrize("stays", [True, False])
def test_a_comparison_of_outputs_that_raises_breaks_off_the_mapper_that_is_at_work_too(stays):
    store = Store()
    d = store.mkdir("/d/", dict.fromkeys(range(5), 0))
    other = store.mkdir("/other/", {1: 1})

    def mapper(key, values):
        if key == 3 and values[0]:
            store.mkdir("/made/", {1: other[1]})
        return [(key, Refusing() if key == 0 else values[0])]

    m = d.map("/m/", mapper)
    with store.update() as tx:
        d.update(dict.fromkeys(range(5), 1))
        with pytest.raises(ArithmeticError) as caught:
            tx.cascade()
        assert "for key 0" in caught.value.__notes__[0]
        # It is due again, so what it made is made otherwise, or goes.
        del d[0]
        other[1] = 2
        if not stays:
            del d[3]
    assert m == dict.fromkeys(d, 1)
    assert contents(store).get("/made/") == ([(1, (2,))] if stays else None)


def test_lists_that_hold_what_cannot_be_compared_raise():
    store = Store()
    d = store.mkdir("/d/", {1: [Refusing()]})
    with unchanged(store), pytest.raises(ArithmeticError):
        d[1] = [Refusing()]


def test_several_values_are_equal_if_each_is_in_order():
    store = Store()
    first = [[1], [2], [3]]
    d = store.mkdir("/d/", [("k", x) for x in first])
    with store.update() as tx:
        d.set_all("k", [[1], [2], [3]])
    assert not tx.result.changed
    assert all(a is b for a, b in zip(d.get_all("k"), first))
    for others in ([[1], [2]], [[1], [3], [2]], [[1], [2], [3], [3]], [[1], [2], [4]]):
        with store.update() as tx:
            d.set_all("k", others)
        assert tx.result.changed == {"/d/"}
        assert list(d.get_all("k")) == others


def test_values_are_never_hashed_copied_or_looked_into():
    class Shy:
        __hash__ = None

        def __bool__(self):
            raise AssertionError("asked for truth")

        def __len__(self):
            raise AssertionError("asked for length")

        def __iter__(self):
            raise AssertionError("asked for items")

        def __copy__(self):
            raise AssertionError("copied")

        def __deepcopy__(self, memo):
            raise AssertionError("copied")

        def __getattr__(self, name):
            raise AssertionError(f"asked for {name}")

    store = Store()
    value = Shy()
    d = store.mkdir("/d/", {1: value})
    m = d.map("/m/", lambda key, values: [(key, values[0])])
    d[2] = value
    d[1] = Shy()
    del d[1]
    assert m[2] is d[2] is value


def test_the_first_key_and_the_old_object_stay_together():
    store = Store()
    d = store.mkdir("/d/")
    old = [1]
    d[1] = old
    d[1.0] = [1]
    assert repr(list(d.items())) == "[(1, [1])]" and d[1] is old


class Counting:
    """Counts how often it is compared."""

    asked = 0

    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        Counting.asked += 1
        return self.x == other.x


MANY = 4_000


def written_twice(store):
    d = store.mkdir("/d/", {n: Counting(n) for n in range(MANY)})
    yield
    with store.update():
        d.update({n: Counting(n + 1) for n in range(MANY)})
        d.update({n: Counting(n + 2) for n in range(MANY)})


def written_one_by_one(store):
    d = store.mkdir("/d/", {n: Counting(n) for n in range(MANY)})
    yield
    with store.update():
        for n in range(MANY):
            d[n] = Counting(n + 1)
        for n in range(MANY):
            d[n] = Counting(n)


def written_equal(store):
    d = store.mkdir("/d/", {n: Counting(n) for n in range(MANY)})
    yield
    d.update({n: Counting(n) for n in range(MANY)})


def given_by_one_mapper(store):
    d = store.mkdir("/d/", {0: 0})
    d.map("/m/", lambda key, values: [(n, Counting(n)) for n in range(MANY)])
    yield
    d[0] = 1


def given_to_one_key(store):
    d = store.mkdir("/d/", {0: 0})
    d.map("/m/", lambda key, values: [(0, Counting(n)) for n in range(MANY)])
    yield
    d[0] = 1


def given_by_each_key(store):
    d = store.mkdir("/d/", {n: n for n in range(MANY)})
    d.map("/m/", lambda key, values: [(key, Counting(0))])
    yield
    d.update({n: n + 1 for n in range(MANY)})


def made_by_a_mapper(store):
    d = store.mkdir("/d/", {0: 0})
    d.map("/m/", lambda key, values: store.mkdir("/made/", {n: Counting(n) for n in range(MANY)}) and None)
    yield
    d[0] = 1


@pytest.mark.parametrize(
    "work",
    [
        written_twice, written_one_by_one, written_equal, given_by_one_mapper, given_to_one_key,
        given_by_each_key, made_by_a_mapper,
    ],
)  # fmt: skip
def test_each_value_is_compared_a_constant_number_of_times(work):
    steps = work(Store())
    next(steps)
    Counting.asked = 0
    next(steps, None)
    assert MANY <= Counting.asked <= 4 * MANY
