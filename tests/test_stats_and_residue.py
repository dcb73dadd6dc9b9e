"""ZERO RESIDUE: with no lagging reader, work that cancels itself out leaves every count as it was."""

import pytest

from livedirs import Count, DirName, Max, Min, Store, Sum
from support import FIGURES, figures


def copied(key, values):
    return [(key, value) for value in values]


class World:
    """Inputs, derived directories of several levels, folds, reads and directories made by mappers."""

    def __init__(self):
        self.store = Store()
        self.d = self.store.mkdir("/d/", {k: k for k in range(4)})
        self.side = self.store.mkdir("/side/", {"x": 1})
        self.build()

    def build(self):
        store, d, side = self.store, self.d, self.side
        self.copy = d.map("/copy/", copied)
        self.total = self.copy.map_reduce("/total/", lambda key, values: [(key % 2, values[0])], Sum())
        self.least = d.map_reduce("/least/", lambda key, values: [(None, values[0])], Min())
        self.reader = d.map(
            "/reader/", lambda key, values: [(key, (side.get("x"), len(side), "/gone/" in store))]
        )
        self.maker = d.map("/maker/", lambda key, values: side.map(DirName("/made/") / key, copied) and None)


CANCELLING = {
    "write_and_back": lambda w: (w.d.update({1: 100}), w.d.update({1: 1})),
    "key_and_gone": lambda w: (w.d.update({9: 9}), w.d.discard(9)),
    "many_keys": lambda w: (
        w.d.update({k: k for k in range(100, 300)}),
        [w.d.discard(k) for k in range(100, 300)],
    ),
    "read_key": lambda w: (w.side.update({"x": 2, "y": 3}), w.side.discard("y"), w.side.update({"x": 1})),
    "read_name": lambda w: (w.store.mkdir("/gone/", {1: 1}), w.store.remove_dir("/gone/")),
    "dir_and_gone": lambda w: (w.d.map("/new/", copied), w.store.remove_dir("/new/")),
    "dirs_recursive": lambda w: (
        w.store.mkdir("/new/", {1: 1}).map("/newer/", copied).map("/newest/", copied),
        w.store.remove_dir("/new/", recursive=True),
    ),
    "fold_and_gone": lambda w: (w.d.map_reduce("/new/", copied, Max()), w.store.remove_dir("/new/")),
    "several_values": lambda w: (w.d.set_all(1, [1, 2, 3]), w.d.set_all(1, [1])),
    "all_gone_and_back": lambda w: (w.d.clear(), w.d.update({k: k for k in range(4)})),
    "side_gone_and_back": lambda w: (w.side.clear(), w.side.update({"x": 1})),
    "dir_rebuilt": lambda w: (
        w.store.remove_dir("/d/", recursive=True),
        w.store.mkdir("/d/", {k: k for k in range(4)}),
        w.build(),
    ),
    "missing": lambda w: w.store.remove_dir("/nowhere/", missing_ok=True),
    "equal_write": lambda w: w.d.update({1: 1}),
}


@pytest.mark.parametrize("work", CANCELLING.values(), ids=CANCELLING)
def test_work_that_cancels_itself_out_leaves_the_counts_as_they_were(work):
    w = World()
    before = figures(w.store)
    for _ in range(3):
        work(w)
        assert figures(w.store) == before


@pytest.mark.parametrize("work", CANCELLING.values(), ids=CANCELLING)
def test_so_does_work_in_one_transaction(work):
    w = World()
    before = figures(w.store)
    with w.store.update() as tx:
        work(w)
        tx.cascade()
        work(w)
    assert figures(w.store) == before


@pytest.mark.parametrize("work", CANCELLING.values(), ids=CANCELLING)
def test_so_does_work_that_is_rolled_back(work):
    w = World()
    before = figures(w.store)
    with w.store.update() as tx:
        work(w)
        tx.rollback()
    assert figures(w.store) == before
    with w.store.update():
        with pytest.raises(ZeroDivisionError), w.store.update() as inner:
            w.d[5] = 5
            work(w)
            inner.cascade()
            raise ZeroDivisionError
    assert figures(w.store) == before


def test_the_counts_do_not_tell_which_key_made_a_shared_directory_first():
    store = Store()
    d, side = store.mkdir("/d/", {1: 1, 2: 1}), store.mkdir("/side/", {1: 1})

    def shares(key, values):
        side.map("/shared/", copied, shared=True)
        return [(key, values[0])]

    d.map("/m/", shares)
    before = figures(store)
    for value in (2, 1):
        d[1] = value
        d[2] = value
        assert figures(store) == before


def test_an_emptied_store_has_the_counts_of_a_new_one():
    w = World()
    w.store.remove_dir("/d/", recursive=True)
    w.store.remove_dir("/side/")
    assert figures(w.store) == figures(Store())


def test_no_tombstone_stands_after_a_commit():
    w = World()
    for change in (w.d.clear, lambda: w.d.update({1: 1}), lambda: w.store.remove_dir("/maker/")):
        change()
        stats = w.store.stats()
        assert (stats.dir_tombstones, stats.key_tombstones, stats.oldest_tombstone, stats.queued) == (
            0,
            0,
            None,
            0,
        )
        assert w.store.purge_deleted_dirs() == 0


def test_a_store_that_made_and_removed_many_directories_is_as_before():
    w = World()
    before = figures(w.store)
    for i in range(200):
        w.d.map(DirName("/passing/") / i, copied, within=[(0, 2)])
        w.store.remove_dir(DirName("/passing/") / i)
    assert figures(w.store) == before


def test_stats_counts_what_is_there():
    w = World()
    stats = w.store.stats()
    assert stats.dirs == len(w.store) == 11
    assert stats.keys == sum(len(w.store[name]) for name in w.store)
    assert stats.tick == stats.horizon == w.store.tick
    assert stats.dependencies > 0
    assert (stats.cursors, stats.snapshots, stats.forks, stats.lazy_keys) == (0, 0, 0, 0)
    assert isinstance(stats.bytes, int) and stats.bytes > 0
    assert all(hasattr(stats, name) for name in [*FIGURES, "tick", "horizon", "purged", "bytes"])


def test_purged_counts_tombstones_of_both_kinds():
    store = Store()
    d = store.mkdir("/d/", {1: 1, 2: 2})
    purged = store.stats().purged
    del d[1]
    assert store.stats().purged == purged + 1
    store.mkdir("/e/")
    store.remove_dir("/e/")
    assert store.stats().purged == purged + 2
    with store.update() as tx:
        d[7] = 7
        del d[7]
        store.mkdir("/e/")
        store.remove_dir("/e/")
    assert store.stats().purged == purged + 2 and tx.result.purged == 0


def test_dependencies_are_those_of_the_last_runs():
    store = Store()
    d, side = store.mkdir("/d/"), store.mkdir("/side/")
    d.map("/reader/", lambda key, values: [(key, side.get(values[0]))])
    assert store.stats().dependencies == 0
    d[1] = "a"
    one = store.stats().dependencies
    assert one > 0
    d[1] = "b"
    assert store.stats().dependencies == one
    d[2] = "b"
    assert store.stats().dependencies == 2 * one
    del d[1]
    assert store.stats().dependencies == one
    store.remove_dir("/reader/")
    assert store.stats().dependencies == 0


def test_stats_in_a_block_move_no_clock():
    w = World()
    tick = w.store.tick
    with w.store.update() as tx:
        w.d[9] = 9
        assert w.store.stats().tick == tick
        tx.rollback()
    assert w.store.stats().tick == tick


def test_capacity_is_what_was_asked():
    assert Store(capacity=1 << 30).stats().capacity == 1 << 30
    assert Store(capacity="512M").stats().capacity == 512 << 20
    assert Store(capacity="6G").stats().capacity == 6 << 30
    assert Store(capacity="64k").stats().capacity == 64 << 10


@pytest.mark.parametrize("capacity", [10**30, "1" + 30 * "0", f"{1 << 60}G"])
def test_a_capacity_beyond_what_can_be_counted_is_no_bound(capacity):
    store = Store(capacity=capacity)
    assert store.stats().capacity is None
    assert store.mkdir("/d/", dict.fromkeys(range(1000), 1))[999] == 1


def test_bytes_grow_with_content_and_fall_when_it_goes():
    store = Store()
    d = store.mkdir("/d/")
    empty = store.stats().bytes
    d.update({k: k for k in range(2000)})
    full = store.stats().bytes
    d.clear()
    assert full > empty + 2000
    assert store.stats().bytes < empty + (full - empty) / 4


def test_folds_and_counts_leave_nothing_of_groups_that_went():
    store = Store()
    d = store.mkdir("/d/")
    d.map_reduce("/count/", lambda key, values: [(values[0], 1)], Count())
    before = figures(store)
    for i in range(100):
        d[0] = i
    d.clear()
    assert figures(store) == before


def test_stats_are_equal_that_count_the_same():
    store, other = Store(), Store()
    assert store.stats() == other.stats() and not store.stats() != other.stats()
    store.mkdir("/d/")
    assert store.stats() != other.stats() and store.stats() != 0
    with pytest.raises(TypeError):
        store.stats() < other.stats()
