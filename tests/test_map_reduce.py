import pytest

from livedirs import Count, Max, Mean, Min, NotUniqueError, Store, Sum
from support import figures, label, unchanged


def make(content):
    store = Store()
    return store, store.mkdir("/d/", content)


def by_parity(key, values):
    return [(key % 2, value) for value in values]


class Product:
    """A reducer of the user's; log holds its calls."""

    initial = 1

    def __init__(self):
        self.log = []

    def add(self, acc, value):
        self.log.append(("add", acc, value))
        return acc * value

    def remove(self, acc, value):
        self.log.append(("remove", acc, value))
        return acc // value if value else None


class Average:
    initial = (0, 0)

    def add(self, acc, value):
        return acc[0] + value, acc[1] + 1

    def remove(self, acc, value):
        return acc[0] - value, acc[1] - 1

    def result(self, acc):
        return acc[0] / acc[1]


def test_values_of_a_key_are_folded():
    _, d = make({1: 10, 2: 20, 3: 30, 4: 40})
    total = d.map_reduce("/total/", by_parity, Sum())
    assert total == {0: 60, 1: 40} and total.kind == "derived"
    d[5] = 50
    d[2] = 2
    del d[1]
    assert total == {0: 42, 1: 80}
    assert total.get_all(0) == (42,)


@pytest.mark.parametrize(
    "reducer, expected",
    [(Sum(), 6), (Count(), 3), (Min(), 1), (Max(), 3), (Mean(), 2.0), (Product(), 6), (Average(), 2.0)],
    ids=lambda x: type(x).__name__,
)
def test_each_reducer_folds(reducer, expected):
    _, d = make({1: 1, 3: 2, 5: 3})
    out = d.map_reduce("/out/", by_parity, reducer)
    assert out == {1: expected}


def test_a_key_without_values_has_no_folded_value():
    _, d = make({1: 1, 2: 2})
    for reducer in (Sum(), Count(), Min(), Max(), Mean(), Product()):
        out = d.map_reduce(f"/{type(reducer).__name__}/", by_parity, reducer)
        assert list(out) == [0, 1]
    del d[1]
    assert all(list(d.store[name]) == [0] for name in d.store if name != "/d/")
    d.clear()
    assert all(not d.store[name] for name in d.store)
    d[1] = 7
    assert d.store["/Sum/"] == {1: 7}


def test_several_values_of_one_source_are_all_folded():
    _, d = make([(1, 1), (1, 2), (1, 2)])
    total = d.map_reduce("/total/", by_parity, Sum())
    assert total == {1: 5}
    d.set_all(1, [2])
    assert total == {1: 2}


def test_within_folds_only_the_keys_in_its_ranges():
    _, d = make({k: k for k in range(10)})
    total = d.map_reduce("/total/", by_parity, Sum(), within=[(2, 5), (9, ...)])
    assert total == {0: 6, 1: 17}
    d[11] = 11
    d[0] = 100
    d[4] = 0
    assert total == {0: 2, 1: 28}


def test_an_equal_fold_is_no_change_and_stops_the_cascade():
    store, d = make({1: 1, 3: 3})
    calls = []
    greatest = d.map_reduce("/greatest/", by_parity, Max())
    greatest.map("/after/", lambda key, values: calls.append((key, values)))
    with store.update() as tx:
        d[1] = 2
    assert calls == [(1, (3,))]
    assert "/greatest/" not in tx.result.changed


def test_a_fold_of_several_changes_that_comes_out_equal_stops_the_cascade_too():
    store, d = make({1: 1, 3: 3})
    calls = []
    total = d.map_reduce("/total/", by_parity, Sum())
    total.map("/after/", lambda key, values: calls.append((key, values)))
    with store.update() as tx:
        d[1], d[3] = 3, 1
    assert calls == [(1, (4,))]
    assert "/total/" not in tx.result.changed


def test_folds_can_be_folded_again():
    _, d = make({k: k for k in range(8)})
    quarter = d.map_reduce("/quarter/", lambda key, values: [(key % 4, values[0])], Sum())
    half = quarter.map_reduce("/half/", by_parity, Max())
    assert half == {0: 8, 1: 10}
    del d[7]
    assert half == {0: 8, 1: 6}
    d[1] = 100
    assert half == {0: 8, 1: 105}


def test_the_value_that_of_gives_is_folded():
    _, d = make({1: "a", 3: "bbb", 5: "cc"})
    for reducer, expected in [(Sum(len), 6), (Min(len), 1), (Max(len), 3), (Mean(len), 2.0)]:
        assert d.map_reduce(f"/{type(reducer).__name__}/", by_parity, reducer) == {1: expected}
    d[1] = "aaaa"
    assert d.store["/Min/"] == {1: 2} and d.store["/Sum/"] == {1: 9} and d.store["/Max/"] == {1: 4}


@pytest.mark.parametrize("reducer", [Sum(), Mean(), Count()], ids=label)
def test_numbers_of_a_subclass_are_folded_in_a_batch(reducer):
    class Cents(int):  # whose == may be anything: Python is asked
        pass

    store, d = make({k: k for k in range(20)})
    out = d.map_reduce("/out/", lambda key, values: [(key % 2, Cents(values[0] // 10))], reducer)
    with store.update():
        for k in range(20):  # some give what is equal to what they gave, some do not
            d[k] = k + k % 3 * 10
    given = [[(k + k % 3 * 10) // 10 for k in range(parity, 20, 2)] for parity in (0, 1)]
    fold = {Sum: sum, Count: len, Mean: lambda values: sum(values) / len(values)}[type(reducer)]
    assert out == {parity: fold(values) for parity, values in enumerate(given)}


# ---- reducers of the user


def test_a_user_reducer_folds_from_initial():
    _, d = make({1: 2, 3: 3, 2: 5})
    product = Product()
    out = d.map_reduce("/out/", by_parity, product)
    assert out == {0: 5, 1: 6}
    assert sorted(product.log) == [("add", 1, 2), ("add", 1, 5), ("add", 2, 3)]


def test_for_a_key_that_stays_a_user_reducer_gets_what_went_and_what_came():
    _, d = make({1: 2, 3: 3})
    product = Product()
    out = d.map_reduce("/out/", by_parity, product)
    product.log.clear()
    d[1] = 5
    assert out == {1: 15}
    assert product.log == [("remove", 6, 2), ("add", 3, 5)]
    product.log.clear()
    d[5] = 7
    assert product.log == [("add", 15, 7)]
    product.log.clear()
    del d[3]
    assert product.log == [("remove", 105, 3)]
    assert out == {1: 35}


def test_remove_that_gives_none_folds_again_from_initial():
    _, d = make({1: 2, 3: 0, 5: 3})
    product = Product()
    out = d.map_reduce("/out/", by_parity, product)
    assert out == {1: 0}
    product.log.clear()
    d[3] = 4
    assert out == {1: 24}
    assert product.log[0] == ("remove", 0, 0)
    assert product.log[1:] == [("add", 1, 2), ("add", 2, 4), ("add", 8, 3)]


def test_readers_see_the_result_of_acc():
    _, d = make({1: 1, 3: 4})
    out = d.map_reduce("/out/", by_parity, Average())
    assert out == {1: 2.5}
    d[5] = 1
    del d[3]
    assert out == {1: 1.0}


def test_initial_may_be_none():
    class Last:
        initial = None

        def add(self, acc, value):
            return value if acc is None else max(acc, value)

        def remove(self, acc, value):
            return None

    _, d = make({1: 1, 3: 4})
    out = d.map_reduce("/out/", by_parity, Last())
    assert out == {1: 4}
    del d[3]
    assert out == {1: 1}


def test_a_row_of_the_parent_that_is_mapped_to_the_same_values_does_not_reach_the_reducer():
    _, d = make({1: 1, 3: 3})
    product = Product()
    out = d.map_reduce("/out/", lambda key, values: [(0, abs(values[0]))], product)
    product.log.clear()
    d[1] = -1
    assert out == {0: 3} and product.log == []


class Touchy:
    """Refuses 13, at the method that is named."""

    initial = 0

    def __init__(self, where):
        self.where = where

    def add(self, acc, value):
        if value == 13 and self.where == "add":
            raise ArithmeticError("unlucky")
        return acc + value

    def remove(self, acc, value):
        if value == 13 and self.where == "remove":
            raise ArithmeticError("unlucky")
        return acc - value

    def result(self, acc):
        if acc == 13 and self.where == "result":
            raise ArithmeticError("unlucky")
        return acc


@pytest.mark.parametrize("where", ["add", "remove", "result"])
def test_an_exception_of_a_reducer_reaches_the_caller_and_rolls_back(where):
    store, d = make({2: 2, 3: 0})
    out = d.map_reduce("/out/", by_parity, Touchy(where))
    if where == "remove":
        d[1] = 13
    with unchanged(store):
        with pytest.raises(ArithmeticError, match="unlucky") as caught:
            d[1] = 1 if where == "remove" else 13
        (note,) = caught.value.__notes__
        assert "/out/" in note and "/d/" in note
    before = dict(out)
    d[5] = 5
    assert out == {**before, 1: before[1] + 5}


def test_an_exception_of_a_reducer_at_the_making_leaves_no_directory():
    store, d = make({1: 13})
    with unchanged(store), pytest.raises(ArithmeticError):
        d.map_reduce("/out/", by_parity, Touchy("add"))


def test_an_exception_of_of_reaches_the_caller():
    store, d = make({1: "a"})
    for reducer in (Sum, Min, Max, Mean):
        with unchanged(store), pytest.raises(TypeError) as caught:
            d.map_reduce("/out/", by_parity, reducer(lambda value: value + 1))
        assert any("/out/" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("bad", [7, "Sum", object(), Sum, lambda acc, value: acc], ids=label)
def test_what_is_no_reducer_is_a_type_error(bad):
    store, d = make({1: 1})
    with unchanged(store), pytest.raises(TypeError):
        d.map_reduce("/out/", by_parity, bad)


@pytest.mark.parametrize("bad", [7, "len", object(), []], ids=label)
@pytest.mark.parametrize("reducer", [Sum, Min, Max, Mean])
def test_an_of_that_is_not_callable_is_a_type_error(reducer, bad):
    with pytest.raises(TypeError):
        reducer(bad)
    with pytest.raises(TypeError):
        Count(len)


def test_a_folded_directory_takes_in_what_removes_and_brings_many_keys():
    store, d = make({k: k for k in range(300)})
    total = d.map_reduce("/total/", by_parity, Sum())
    before = figures(store)
    with store.update():
        d.clear()
        d.update(dict.fromkeys(range(300), 1))
    assert total == {0: 150, 1: 150}
    with pytest.raises(NotUniqueError):
        d.map("/m/", lambda key, values: [(0, key)])[0]
    store.remove_dir("/m/")
    assert figures(store) == before


class Near(float):
    """Equal to what is near: a number whose sum differs where == sees no difference."""

    def __eq__(self, other):
        return abs(float(self) - float(other)) < 0.01

    __hash__ = float.__hash__


@pytest.mark.parametrize("number", [Near, int, lambda value: 2**80 + int(value)], ids="near int big".split())
def test_blocks_that_fail_leave_sums_as_they_were(number):
    store = Store()
    d = store.mkdir("/d/", [(1, number(1)), (1, number(4)), (2, number(10))])
    both = d.map_reduce("/both/", lambda key, values: [("x", values[0]), ("y", values[-1])], Sum())
    last = d.map_reduce("/last/", lambda key, values: [("x", values[-1])], Sum())
    before = [dict(d) for d in (both, last)]
    for _ in range(10):
        with pytest.raises(ZeroDivisionError), store.update() as tx:
            d.set_all(1, [number(1.005), number(5)])
            d[2] = number(11)
            tx.cascade()
            _ = 1 / 0
        assert [dict(d) for d in (both, last)] == before
        store._check_invariants()


@pytest.mark.parametrize("rows", [1, 50])
@pytest.mark.parametrize("kind", ["fold", "fold that reads", "map", "map to twice the key"])
def test_what_equals_what_was_given_before_stays_whatever_else_the_mapper_gives(kind, rows):
    """So small steps add up: each is compared with what is there, not with the step before."""
    store = Store()
    d = store.mkdir("/d/")
    other = store.mkdir("/other/", {1: 0})
    gives = {
        "fold": lambda key, values: [((key, "x"), values[0]), ((key, "y"), values[1])],
        "fold that reads": lambda key, values: [((key, "x"), values[0]), ((key, "y"), values[1] + other[1])],
        "map": lambda key, values: [((key, "x"), values[0]), ((key, "y"), values[1])],
        "map to twice the key": lambda key, values: [
            ((key, "y"), values[1]), ((key, "x"), values[0]), ((key, "y"), values[1]),
        ],
    }[kind]  # fmt: skip
    fold = (
        (lambda name: d.map_reduce(name, gives, Sum())) if "fold" in kind else lambda name: d.map(name, gives)
    )
    given = fold("/given/")
    for x, y, now in [
        (1, 4, 1),
        (1.005, 5, 1),
        (1.009, 6, 1),
        (1.012, 7, 1.012),
        (1.02, 7, 1.012),
        (2, 8, 2),
    ]:
        with store.update():
            for key in range(rows):
                d.set_all(key, [Near(x), y])
        for key in range(rows):
            assert float(given.get_all((key, "x"))[0]) == now
            assert given.get_all((key, "y"))[0] == y
        store._check_invariants()
