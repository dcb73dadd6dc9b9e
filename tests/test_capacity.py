"""Capacity: a bound on what the store accounts for; what would pass it fails, and nothing is lost."""

import re

import pytest

from livedirs import CapacityError, DirName, Store, Sum
from support import figures, state


def full(capacity=200_000, **kw):
    """A store with a directory that is filled until no more goes in, and the next key."""
    store = Store(capacity=capacity, **kw)
    d = store.mkdir("/d/")
    d.group_by("/sum/", lambda key, value: key % 10, Sum())
    key = 0
    while True:
        try:
            d.update(dict.fromkeys(range(key, key + 100), 1))
        except CapacityError:
            return store, d, key
        key += 100
        assert store.stats().bytes <= capacity


def test_a_transaction_that_would_pass_the_bound_fails_and_nothing_is_lost():
    store, d, key = full()
    before = state(store)
    with pytest.raises(CapacityError) as failure:
        d.update(dict.fromkeys(range(key, key + 1000), 1))
    assert state(store) == before
    assert isinstance(failure.value, MemoryError)
    store._check_invariants()


def test_the_error_says_bound_use_and_request():
    store, d, key = full()
    with pytest.raises(CapacityError, match=r"bound 200000 bytes, in use (\d+), requested (\d+)") as failure:
        d.update(dict.fromkeys(range(key, key + 1000), 1))
    found = re.search(r"in use (\d+), requested (\d+)", str(failure.value))
    used, requested = int(found[1]), int(found[2])
    assert used < 1.02 * 200_000 < 1.1 * requested  # a rollback may leave nodes with room
    assert requested > 200_000


def test_smaller_work_goes_on():
    store, d, key = full()
    d[0] = 5
    assert store["/sum/"][0] == key // 10 + 4
    del d[1]
    d.clear()
    assert len(store["/sum/"]) == 0
    d.update(dict.fromkeys(range(key), 1))
    assert len(d) == key


def test_what_takes_no_more_than_there_is_passes_though_a_rollback_left_the_store_past_its_bound():
    store, d, key = full()
    for _ in range(20):
        with pytest.raises(CapacityError):
            d.update(dict.fromkeys(range(key, key + 1000), 1))
        d[0] = d[0] + 1
    assert store.stats().bytes < 1.02 * 200_000
    for k in range(key):
        del d[k]
    assert store.stats().keys == 0


def test_long_keys_and_several_values_count():
    store = Store(capacity=100_000)
    d = store.mkdir("/d/")
    with pytest.raises(CapacityError):
        d["long" * 30_000] = 1
    with pytest.raises(CapacityError):
        d.set_all(1, range(15_000))
    for n in range(50):  # each takes the place of the one before
        d["long" * 5_000] = n
        d.set_all(2, range(5_000 + n))
    del d["long" * 5_000]
    assert 60_000 < store.stats().bytes < 70_000  # room for 8,192 values
    store._check_invariants()


def test_a_large_bound_is_in_nobodys_way():
    assert Store(capacity=1 << 60).stats().capacity == 1 << 60
    d = Store(capacity=1 << 40).mkdir("/d/")
    d.update(dict.fromkeys(range(10_000), 1))
    assert len(d) == 10_000


def test_a_block_is_undone_whole_and_savepoints_with_it():
    store, d, key = full()
    before = state(store)
    with pytest.raises(CapacityError), store.update():
        store.mkdir("/other/", {1: 1})
        with store.update():
            d.update(dict.fromkeys(range(key, key + 1000), 1))
    assert state(store) == before


def test_directories_and_what_mappers_make_count():
    store = Store(capacity=100_000)
    keys = store.mkdir("/keys/")
    keys.map("/maker/", lambda key, values: [(key, store.mkdir(DirName("/made/") / key, {1: 1}).name)])
    with pytest.raises(CapacityError):
        for key in range(10_000):
            keys[key] = key
    made = len(store)
    assert 10 < made < 10_000
    assert store.stats().bytes < 1.02 * 100_000
    keys.clear()
    assert len(store) == 2
    for key in range(made // 2):
        keys[key] = key


def test_lagging_cursors_expire_before_a_transaction_fails_the_most_lagging_first():
    store = Store(capacity=200_000)
    d, other = store.mkdir("/d/"), store.mkdir("/other/")
    with d.cursor(since=store.tick) as first, d.cursor(since=store.tick) as second:
        d.update(dict.fromkeys(range(1000), 1))
        first.poll()
        d.clear()
        second.poll()
        assert (store.stats().key_tombstones, first.expired, second.expired) == (1000, False, False)
        for key in range(10_000):
            other[key] = 1
            if first.expired:
                break
        assert (store.stats().key_tombstones, first.expired, second.expired) == (0, True, False)
        assert 100_000 < store.stats().bytes < 200_000
        assert len(other) == key + 1
        assert first.poll().reset
        assert second.poll() is None


def test_cursors_are_as_they_were_if_the_transaction_fails_all_the_same():
    store = Store(capacity=200_000)
    d = store.mkdir("/d/", dict.fromkeys(range(10), 1))
    with d.cursor(since=store.tick) as cursor:
        del d[0]
        del d[1]
        before = state(store), cursor.position, figures(store)
        with pytest.raises(CapacityError):
            d.update(dict.fromkeys(range(100_000), 1))
        assert (state(store), cursor.position, figures(store)) == before
        assert not cursor.expired
        store._check_invariants()
        assert dict(cursor.poll().entries) == {0: (), 1: ()}
        assert store.stats().key_tombstones == 0


def test_a_fork_has_the_capacity_of_its_store_and_a_merge_that_would_pass_it_fails():
    store, d, key = full()
    with store.fork() as fork:
        with pytest.raises(CapacityError):
            fork["/d/"].update(dict.fromkeys(range(key, key + 1000), 1))
        fork["/d/"].clear()
        fork["/d/"].update(dict.fromkeys(range(100), 1))
        fork.merge()
    assert len(d) == 100


def test_cursors_of_a_fork_are_as_they_were_if_its_store_refuses_the_merge():
    ran = []

    def once(key, values):
        ran.append(key)
        if ran.count(-1) > 1:
            raise KeyError(key)
        return []

    store = Store(capacity=60_000)
    d, other = store.mkdir("/d/"), store.mkdir("/other/")
    d.map("/once/", once)
    fork = store.fork()
    with fork["/d/"].cursor(since=fork.tick) as cursor:
        fork["/d/"].update(dict.fromkeys(range(150), 1))
        cursor.poll()
        fork["/d/"].clear()
        fork["/d/"][-1] = 1
        key = 0
        while store.stats().bytes < 55_000:
            other[key] = key
            key += 1
        # With these rows and what the cursor pins the fork would be too large, so the cursor expires; then
        # the store refuses.
        assert fork.stats().bytes + store.stats().bytes > 65_000
        with pytest.raises(KeyError):
            fork.merge(rebase=True)
        assert not cursor.expired
        told = cursor.poll()
        assert not told.reset
        assert dict(told.entries) == {-1: (1,)} | dict.fromkeys(range(150), ())
    ran.clear()
    fork.merge(rebase=True)
    assert fork["/other/"] == other
    fork.discard()


@pytest.mark.parametrize("order", ["ascending", "descending", "scattered"])
@pytest.mark.parametrize("at_once", [1, 10, 100])
@pytest.mark.parametrize("mapped", [False, True])
def test_the_bound_holds_whatever_the_order_of_the_keys(order, at_once, mapped):
    numbers = range(6_000)
    keys = {
        "ascending": [*numbers],
        "descending": [-number for number in numbers],
        "scattered": [number * 7_919 % 1_000_003 for number in numbers],
    }[order]
    store = Store(capacity=60_000)
    d = store.mkdir("/d/")
    if mapped:
        d.map("/m/", lambda key, values: [(key, values[0])])
    largest = 0
    with pytest.raises(CapacityError):
        for first in range(0, len(keys), at_once):
            d.update(dict.fromkeys(keys[first : first + at_once], 1))
            largest = max(largest, store.stats().bytes)
    assert 30_000 < largest <= 60_000
    store._check_invariants()
    # What takes no more than there is goes on.
    before = len(d)
    del d[keys[0]]
    d[keys[1]] = 2
    assert len(d) == before - 1
