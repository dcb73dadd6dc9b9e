"""Merge and rebase: what the one side takes over from the other, and that it is all or nothing."""

import pytest

from livedirs import (
    ClosedError,
    ConflictError,
    Store,
    Sum,
)
from support import contents, figures, merged, state, summed


class Boom(Exception): ...


# ---- merge


def test_a_merge_puts_the_changes_of_the_fork_into_the_store_in_one_transaction():
    store, d, total = summed()
    fork = store.fork()
    fork["/d/"][1] = 10
    fork["/d/"].set_all(3, [3, 4])
    del fork["/d/"][2]
    fork.mkdir("/new/", {"a": 1}).map_values("/new/twice/", lambda value: 2 * value)
    at = store.tick
    commit = merged(fork, store)
    assert store.tick == at + 1 and commit.rounds == 1
    assert list(d.entries()) == [(1, (10,)), (3, (3, 4))] and total == {0: 13}
    assert store["/new/twice/"] == {"a": 2}
    assert commit.changed == {"/d/", "/total/", "/new/", "/new/twice/"} and commit.removed == set()


def test_a_merge_removes_what_the_fork_removed():
    store, *_ = summed()
    store.mkdir("/other/")
    fork = store.fork()
    fork.remove_dir("/d/", recursive=True)
    commit = merged(fork, store)
    assert list(store) == ["/other/"] and commit.removed == {"/d/", "/total/"}


def test_a_merge_of_a_fork_that_changed_nothing_is_a_transaction_that_changes_nothing():
    store, *_ = summed()
    fork = store.fork()
    before, at = contents(store), store.tick
    commit = merged(fork, store)
    assert contents(store) == before and store.tick == at + 1
    assert (commit.changed, commit.removed, commit.mapped) == (set(), set(), 0)


def test_a_merge_maps_only_what_differs():
    store = Store()
    d = store.mkdir("/d/", {i: i for i in range(200)})
    d.map_values("/twice/", lambda value: 2 * value)
    fork = store.fork()
    fork["/d/"][7] = 0
    d[9] = 0
    calls = []
    store["/d/"].map("/calls/", lambda key, values: calls.append(key))
    calls.clear()
    commit = merged(fork, store)
    assert commit.mapped == 2 and store["/twice/"][7] == 0
    # The fork maps all keys of the directory that it takes over; in the store key 7 is mapped.
    assert sorted(calls) == sorted([*range(200), 7])


def test_a_row_that_was_written_away_and_back_is_no_change():
    store, d, _ = summed()
    fork = store.fork()
    fork["/d/"][1] = 5
    fork["/d/"][1] = 1
    cursor = d.cursor(since=store.tick)
    assert merged(fork, store).changed == set()
    assert cursor.poll() is None
    cursor.close()


def test_readers_of_the_store_are_told_of_a_merge_as_of_any_commit():
    store, d, _ = summed()
    fork = store.fork()
    fork["/d/"][1] = 10
    del fork["/d/"][2]
    fork.mkdir("/new/")
    log = []
    d.subscribe(lambda changes: log.append((changes.reset, dict(changes.entries))))
    with d.cursor(since=store.tick) as rows, store.cursor(since=store.tick) as dirs:
        merged(fork, store)
        changes = rows.poll()
        assert (changes.reset, dict(changes.entries)) == (False, {1: (10,), 2: ()})
        changes = dirs.poll()
        assert (changes.reset, changes.changed) == (False, {"/d/", "/total/", "/new/"})
    assert log == [(False, {1: (10,), 2: ()})]


def test_readers_of_the_fork_are_told_of_what_it_took_over():
    store, d, _ = summed()
    gone = store.mkdir("/gone/", {1: 1})
    fork = store.fork()
    with (
        fork["/d/"].cursor(since=fork.tick) as rows,
        fork.cursor(since=fork.tick) as dirs,
        fork["/gone/"].cursor(since=fork.tick) as ending,
    ):
        d[1] = 10
        del d[2]
        store.remove_dir("/gone/")
        store.mkdir("/new/")
        merged(fork, store)
        changes = rows.poll()
        assert (changes.reset, dict(changes.entries)) == (False, {1: (10,), 2: ()})
        changes = dirs.poll()
        assert (changes.changed, changes.removed) == ({"/d/", "/total/", "/new/"}, {"/gone/"})
        changes = ending.poll()
        assert changes.removed and changes.reset and not changes.entries
    assert gone.kind == "removed"


def test_after_a_merge_the_fork_goes_on_from_the_new_tick_of_the_store():
    store, d, total = summed()
    fork = store.fork()
    for i in range(5):
        fork["/d/"][1] = 10 * i
        merged(fork, store)
        assert total == {0: 2 + 10 * i}
    d[1] = 7
    with pytest.raises(ConflictError):
        fork.merge()
    merged(fork, store)
    assert fork["/d/"][1] == 7


def test_the_clock_of_a_fork_never_moves_back():
    store, d, _ = summed()
    fork = store.fork()
    for i in range(20):
        fork["/d/"][1] = i
    at = fork.tick
    merged(fork, store)
    assert fork.tick >= at
    for i in range(50):
        d[1] = i
    merged(fork, store)
    assert fork.tick >= at


def test_derived_directories_are_computed_and_not_copied():
    store, d, _ = summed()
    calls = []

    def fn(key, values):
        calls.append(key)
        return [(key, [values])]

    fork = store.fork()
    fork["/d/"].map("/lists/", fn)
    assert calls == [1, 2]
    merged(fork, store)
    assert calls == [1, 2, 1, 2]
    assert store["/lists/"] == fork["/lists/"] and store["/lists/"][1] is not fork["/lists/"][1]
    assert store["/lists/"].kind == "derived"


def test_values_of_inputs_are_the_same_objects_on_both_sides():
    store, *_ = summed()
    fork = store.fork()
    value = object()
    fork.mkdir("/o/", {1: value})
    merged(fork, store)
    assert store["/o/"][1] is value


def test_every_kind_of_derivation_is_taken_over_as_it_was_made():
    store, d, _ = summed()
    fork = store.fork()
    mine = fork["/d/"]
    mine.filter("/k/filter/", lambda key, value: value > 1)
    mine.slices("/k/slices/", (2, 2), (5, ...))
    mine.take("/k/take/", 1)
    mine.group_by("/k/group/", lambda key, value: value % 2, Sum())
    mine.merge("/k/merge/", mine)
    mine.map("/k/within/", lambda key, values: [(key, 0)], within=[(2, ...)])
    fork.multi_map("/k/multi/", [(mine, lambda k, v: [(k, 1)]), (fork["/total/"], lambda k, v: [(k, v)])])
    mine.map_values("/a/", str)
    fork["/a/"].map_values("/b/", lambda value: value + "!")
    merged(fork, store)
    d.update({0: 5, 5: 6, 6: 7})
    del d[2]
    merged(fork, store)
    assert store["/k/take/"] == {0: 5} and store["/b/"][6] == "7!"


def test_a_lazy_directory_is_taken_over_and_computed_where_it_is_read():
    store, d, _ = summed()
    fork = store.fork()
    fork.lazy("/lazy/", lambda self, key: d[key] + 1, keep=True)
    fork["/d/"][1] = 10
    assert fork["/lazy/"][1] == 11
    fork.merge()
    assert store["/lazy/"].kind == "lazy" and store["/lazy/"][1] == 11
    d[1] = 20
    assert store["/lazy/"][1] == 21 and fork["/lazy/"][1] == 11


def test_what_derives_from_a_previous_directory_is_taken_over():
    store, d, _ = summed()
    fork = store.fork()
    fork["/d/"].previous().map_values("/before/", lambda value: value)
    fork.merge()
    assert store["/before/"] == {1: 1, 2: 2}
    d[1] = 10
    assert store["/before/"] == {1: 1, 2: 2}
    d[1] = 11
    assert store["/before/"] == {1: 10, 2: 2}


def test_what_mappers_make_is_made_by_the_mappers_of_each_side():
    store, d, _ = summed()

    def fn(key, values):
        made = store.mkdir(f"/made/{key}/", {0: values[0]})
        made.map_values(f"/made/{key}/twice/", lambda value: 2 * value)
        return [(key, len(made))]

    fork = store.fork()
    fork["/d/"].map("/maker/", fn)
    merged(fork, store)
    assert store["/made/2/twice/"] == {0: 4}
    fork["/d/"][3] = 5
    del d[1]
    merged(fork, store)
    assert store["/made/3/twice/"] == {0: 10} and "/made/1/" not in store


def test_a_directory_derived_from_what_a_mapper_makes_is_taken_over():
    store, d, _ = summed()
    fork = store.fork()
    fork["/d/"].map("/maker/", lambda key, values: store.mkdir(f"/made/{key}/", {0: values[0]}) and None)
    fork["/made/1/"].map_values("/on/", lambda value: -value)
    merged(fork, store)
    assert store["/on/"] == {0: -1}
    d[1] = 4
    assert store["/on/"] == {0: -4}
    merged(fork, store)


# ---- hooks


def test_merge_runs_no_hooks_on_either_side():
    log = []
    store, *_ = summed()
    hooks = {"on_create": lambda at: log.append("create"), "on_delete": lambda at: log.append("delete")}
    store.mkdir("/in store/", **hooks)
    store.mkdir("/in both/", **hooks)
    fork = store.fork()
    fork.mkdir("/in fork/", **hooks)
    store.remove_dir("/in store/")
    fork.remove_dir("/in both/")
    store.mkdir("/late/", **hooks)
    assert log == ["create"] * 3 + ["delete"] * 2 + ["create"]
    log.clear()
    merged(fork, store)
    assert log == []
    store["/d/"][1] = 5
    fork["/d/"][1] = 5
    assert log == []


def test_hooks_stay_with_a_directory_that_is_taken_over_by_either_side():
    log = []
    store, *_ = summed()
    fork = store.fork()
    fork.mkdir("/f/", on_delete=lambda at: log.append(("f", at is store, at is fork)))
    store.mkdir("/s/", on_delete=lambda at: log.append(("s", at is store, at is fork)))
    merged(fork, store)
    store.remove_dir("/f/")
    fork.remove_dir("/s/")
    assert log == [("f", True, False), ("s", False, True)]


# ---- conflict


def test_a_store_that_moved_is_a_conflict_that_changes_nothing():
    store, d, _ = summed()
    fork = store.fork()
    fork["/d/"][1] = 10
    d[2] = 20
    before = state(store), state(fork), fork.base
    with pytest.raises(ConflictError, match="rebase=True"):
        fork.merge()
    assert (state(store), state(fork), fork.base) == before
    merged(fork, store)
    assert d == {1: 10, 2: 20}


def test_a_store_has_moved_also_by_a_commit_that_changed_nothing():
    store, d, _ = summed()
    fork = store.fork()
    d[1] = 1
    with pytest.raises(ConflictError):
        fork.merge()
    merged(fork, store)


def test_a_transaction_of_the_store_that_is_rolled_back_does_not_move_it():
    store, d, _ = summed()
    fork = store.fork()
    with store.update() as tx:
        d[1] = 5
        tx.rollback()
    fork["/d/"][2] = 9
    assert merged(fork, store)


def test_rebase_of_a_store_that_has_not_moved_is_a_merge():
    store, d, _ = summed()
    fork = store.fork()
    fork["/d/"][1] = 10
    fork.merge(rebase=True)
    assert d == {1: 10, 2: 2} and contents(fork) == contents(store)


# ---- forks of forks


def test_a_fork_of_a_fork_merges_into_the_fork_that_it_came_from():
    store, d, total = summed()
    fork = store.fork()
    fork["/d/"][1] = 10
    inner = fork.fork()
    assert inner.base == fork.tick and (store.stats().forks, fork.stats().forks) == (1, 1)
    inner["/d/"][2] = 20
    inner.mkdir("/inner/").map("/inner/copy/", lambda key, values: [(key, values[0])])
    merged(inner, fork)
    assert d == {1: 1, 2: 2}
    merged(fork, store)
    assert d == {1: 10, 2: 20} and total == {0: 30} and "/inner/copy/" in store


def test_changes_of_the_store_reach_a_fork_of_a_fork_through_the_fork():
    store, d, _ = summed()
    fork = store.fork()
    inner = fork.fork()
    inner["/d/"][1] = 10
    d[2] = 20
    store.mkdir("/late/", {1: 1})
    merged(inner, fork)
    assert fork["/d/"] == {1: 10, 2: 2}
    merged(fork, store)
    inner["/d/"][3] = 30
    merged(inner, fork)
    assert inner["/d/"] == {1: 10, 2: 20, 3: 30} and inner["/late/"] == {1: 1}


def test_sisters_come_together_through_the_store():
    store, d, _ = summed()
    first, second = store.fork(), store.fork()
    first["/d/"][1] = 10
    first.remove_dir("/total/")
    second.remove_dir("/total/")
    second["/d/"][1], second["/d/"][3] = 20, 3
    merged(first, store)
    with pytest.raises(ConflictError):
        second.merge()
    merged(second, store)
    merged(first, store)
    assert contents(first) == contents(second) == {"/d/": [(1, (20,)), (2, (2,)), (3, (3,))]}


def test_a_fork_of_a_fork_that_is_discarded_goes_on_but_merges_no_more():
    store, *_ = summed()
    fork = store.fork()
    inner = fork.fork()
    fork.discard()
    inner["/d/"][1] = 10
    assert inner["/total/"] == {0: 12}
    with pytest.raises(ClosedError):
        inner.merge()


def test_generations_are_told_apart_across_the_family():
    store, *_ = summed()
    first, second = store.fork(), store.fork()
    for side, label in (first, 1), (second, 2):
        side.mkdir("/x/", {0: label})
    merged(first, store)
    with store["/x/"].cursor(since=store.tick) as cursor:
        merged(second, store)
        assert store["/x/"] == {0: 2} and cursor.poll().reset
    # The first fork has another generation of it than the store by now, and writes to its own.
    first["/x/"][1] = 1
    merged(first, store)
    assert store["/x/"] == {0: 2}


# ---- what is left


def test_merges_leave_no_tombstone_and_nothing_due_on_either_side():
    store, d, _ = summed()
    fork = store.fork()
    before = figures(fork)
    for i in range(10):
        fork.mkdir(f"/x{i}/", {i: i})
        d[i + 10] = i
        merged(fork, store)
        store.remove_dir(f"/x{i}/")
        del fork["/d/"][i + 10]
        merged(fork, store)
    assert figures(fork) == before
    assert figures(store) == before | {"forks": 1}
