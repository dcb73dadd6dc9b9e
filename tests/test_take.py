"""`take(name, n)`: the first n keys, kept up to date at the cost of what changes."""

import random
import time

import pytest

from livedirs import Store, Sum


def first(directory, n):
    return dict(list(directory.entries())[:n])


def test_takes_the_first_keys_in_order():
    d = Store().mkdir("/d/", {3: "c", 1: "a", 2: "b"})
    assert d.take("/t/", 2) == {1: "a", 2: "b"}
    assert d.take("/all/", 10**30) == d
    assert d.take("/none/", 0) == {}


@pytest.mark.parametrize(
    "n, error", [(-1, ValueError), (True, TypeError), (2.0, TypeError), ("2", TypeError), (None, TypeError)]
)
def test_n_is_a_natural_number(n, error):
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    with pytest.raises(error, match="n is"):
        d.take("/t/", n)
    assert list(store) == ["/d/"]


def test_a_key_that_comes_pushes_one_out_and_one_that_goes_lets_one_in():
    d = Store().mkdir("/d/", {k: k for k in range(1, 6)})
    t = d.take("/t/", 3)
    d[0] = 0
    assert list(t) == [0, 1, 2]
    del d[1]
    assert list(t) == [0, 2, 3]
    d.clear()
    assert not t
    d.update({9: 1, 8: 2})
    assert t == {8: 2, 9: 1}


def test_values_of_taken_keys_follow():
    d = Store().mkdir("/d/", {1: 1, 2: 2, 3: 3})
    t = d.take("/t/", 2)
    d[1] = 10
    d.set_all(2, [1, 2])
    d[3] = 30
    assert dict(t.entries()) == {1: (10,), 2: (1, 2)}


def test_it_maps_on_only_what_crossed_the_boundary():
    store, log = Store(), []
    d = store.mkdir("/d/", {k: k for k in range(0, 100, 10)})
    d.take("/t/", 3).map("/m/", lambda k, vs: log.append(k) or [(k, vs[0])])
    for write, mapped in [
        (lambda: d.__setitem__(5, 5), [5]),
        (lambda: d.__setitem__(95, 5), []),
        (lambda: d.__setitem__(90, 0), []),
        (lambda: d.__delitem__(40), []),
        (lambda: d.__delitem__(0), [20]),
        (lambda: d.__setitem__(10, 7), [10]),
    ]:
        log.clear()
        write()
        assert log == mapped


def test_take_of_derived_directories_and_folds_of_it():
    store = Store()
    d = store.mkdir("/d/", {k: k for k in range(10)})
    best = d.map("/neg/", lambda k, vs: [(-vs[0], k)]).take("/best/", 3)
    total = best.map_reduce("/total/", lambda k, vs: [("sum", k)], Sum())
    assert dict(best) == {-9: 9, -8: 8, -7: 7} and total["sum"] == -24
    d[0] = 100
    assert dict(best) == {-100: 0, -9: 9, -8: 8} and total["sum"] == -117


def test_rollback_and_savepoints():
    store = Store()
    d = store.mkdir("/d/", {k: k for k in range(6)})
    t = d.take("/t/", 3)
    with store.update() as tx:
        del d[0]
        tx.cascade()
        assert list(t) == [1, 2, 3]
        with pytest.raises(KeyError), store.update() as inner:
            del d[1]
            inner.cascade()
            assert list(t) == [2, 3, 4]
            raise KeyError
        assert list(t) == [1, 2, 3]
        tx.rollback()
    assert list(t) == [0, 1, 2]


def test_made_by_a_mapper_it_is_kept_for_the_same_n_and_remade_for_another():
    store = Store()
    e = store.mkdir("/e/", {"n": (2, "a")})
    d = store.mkdir("/d/", {k: k for k in range(6)})

    def mapper(key, values):
        d.take("/t/", values[0][0])
        return []

    e.map("/m/", mapper)
    created = store["/t/"].created
    e["n"] = (2, "b")
    assert store["/t/"].created == created
    e["n"] = (3, "b")
    assert list(store["/t/"]) == [0, 1, 2] and store["/t/"].created > created
    del e["n"]
    assert "/t/" not in store


@pytest.mark.parametrize("seed", range(30))
def test_oracle_the_first_keys_of_what_is_there(seed):
    rng = random.Random(seed)
    store = Store()
    d = store.mkdir("/d/", {rng.randrange(20): 0 for _ in range(rng.randrange(12))})
    n = rng.randrange(6)
    t = d.take("/t/", n)
    again = t.map("/copy/", lambda k, vs: [(k, vs[0])])
    two = t.take("/two/", 2)
    for _ in range(40):
        with store.update() as tx:
            for _ in range(rng.randrange(5)):
                if rng.random() < 0.5:
                    d.discard(rng.randrange(20))
                else:
                    d[rng.randrange(20)] = rng.randrange(3)
                if rng.random() < 0.2:
                    tx.cascade()
                    assert dict(t.entries()) == first(d, n)
            if rng.random() < 0.2:
                tx.rollback()
        assert dict(t.entries()) == first(d, n) and again == t
        assert dict(two.entries()) == first(d, min(n, 2))
    d.clear()
    stats = store.stats()
    assert stats.keys == stats.key_tombstones == 0


def test_cost_follows_what_changes():
    store = Store()
    d = store.mkdir("/d/", {k: k for k in range(100_000)})
    d.take("/t/", 50_000)
    start = time.perf_counter()
    for k in range(200):
        d[-1 - k] = 0
    assert time.perf_counter() - start < 0.5
