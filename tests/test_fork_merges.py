"""Merge and rebase: what the one side takes over from the other, and that it is all or nothing."""

import threading

import pytest

from livedirs import (
    ClosedError,
    ConflictError,
    DirExistsError,
    NotConvergingError,
    Store,
    Sum,
    TransactionError,
)
from support import contents, figures, state


class Boom(Exception): ...


def make():
    store = Store()
    d = store.mkdir("/d/", {1: 1, 2: 2})
    total = d.map_reduce("/total/", lambda key, values: [(0, values[0])], Sum())
    return store, d, total


def merged(fork, store):
    """Merges, with rebase where the store has moved, and both hold the same."""
    commit = fork.merge(rebase=store.tick != fork.base)
    assert contents(fork) == contents(store)
    assert fork.base == store.tick == commit.tick
    assert store.stats().queued == fork.stats().queued == 0
    return commit


# ---- merge


def test_a_merge_puts_the_changes_of_the_fork_into_the_store_in_one_transaction():
    store, d, total = make()
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
    store, *_ = make()
    store.mkdir("/other/")
    fork = store.fork()
    fork.remove_dir("/d/", recursive=True)
    commit = merged(fork, store)
    assert list(store) == ["/other/"] and commit.removed == {"/d/", "/total/"}


def test_a_merge_of_a_fork_that_changed_nothing_is_a_transaction_that_changes_nothing():
    store, *_ = make()
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
    store, d, _ = make()
    fork = store.fork()
    fork["/d/"][1] = 5
    fork["/d/"][1] = 1
    cursor = d.cursor(since=store.tick)
    assert merged(fork, store).changed == set()
    assert cursor.poll() is None
    cursor.close()


def test_readers_of_the_store_are_told_of_a_merge_as_of_any_commit():
    store, d, _ = make()
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
    store, d, _ = make()
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
    store, d, total = make()
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
    store, d, _ = make()
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
    store, d, _ = make()
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
    store, *_ = make()
    fork = store.fork()
    value = object()
    fork.mkdir("/o/", {1: value})
    merged(fork, store)
    assert store["/o/"][1] is value


def test_every_kind_of_derivation_is_taken_over_as_it_was_made():
    store, d, _ = make()
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
    store, d, _ = make()
    fork = store.fork()
    fork.lazy("/lazy/", lambda self, key: d[key] + 1, keep=True)
    fork["/d/"][1] = 10
    assert fork["/lazy/"][1] == 11
    fork.merge()
    assert store["/lazy/"].kind == "lazy" and store["/lazy/"][1] == 11
    d[1] = 20
    assert store["/lazy/"][1] == 21 and fork["/lazy/"][1] == 11


def test_what_derives_from_a_previous_directory_is_taken_over():
    store, d, _ = make()
    fork = store.fork()
    fork["/d/"].previous().map_values("/before/", lambda value: value)
    fork.merge()
    assert store["/before/"] == {1: 1, 2: 2}
    d[1] = 10
    assert store["/before/"] == {1: 1, 2: 2}
    d[1] = 11
    assert store["/before/"] == {1: 10, 2: 2}


def test_what_mappers_make_is_made_by_the_mappers_of_each_side():
    store, d, _ = make()

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
    store, d, _ = make()
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
    store, *_ = make()
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
    store, *_ = make()
    fork = store.fork()
    fork.mkdir("/f/", on_delete=lambda at: log.append(("f", at is store, at is fork)))
    store.mkdir("/s/", on_delete=lambda at: log.append(("s", at is store, at is fork)))
    merged(fork, store)
    store.remove_dir("/f/")
    fork.remove_dir("/s/")
    assert log == [("f", True, False), ("s", False, True)]


# ---- conflict


def test_a_store_that_moved_is_a_conflict_that_changes_nothing():
    store, d, _ = make()
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
    store, d, _ = make()
    fork = store.fork()
    d[1] = 1
    with pytest.raises(ConflictError):
        fork.merge()
    merged(fork, store)


def test_a_transaction_of_the_store_that_is_rolled_back_does_not_move_it():
    store, d, _ = make()
    fork = store.fork()
    with store.update() as tx:
        d[1] = 5
        tx.rollback()
    fork["/d/"][2] = 9
    assert merged(fork, store)


def test_rebase_of_a_store_that_has_not_moved_is_a_merge():
    store, d, _ = make()
    fork = store.fork()
    fork["/d/"][1] = 10
    fork.merge(rebase=True)
    assert d == {1: 10, 2: 2} and contents(fork) == contents(store)


# ---- rebase, sentence by sentence


def test_rows_written_on_either_side_come_together():
    store, d, total = make()
    fork = store.fork()
    fork["/d/"][1] = 10
    d[2] = 20
    d[3] = 30
    merged(fork, store)
    assert d == {1: 10, 2: 20, 3: 30} and total == {0: 60}


def test_the_value_of_the_fork_stands_for_a_key_written_on_both_sides():
    store, d, _ = make()
    fork = store.fork()
    fork["/d/"][1], d[1] = 10, 100
    fork["/d/"][3], d[3] = 30, 300
    del fork["/d/"][2]
    d[2] = 200
    merged(fork, store)
    assert d == {1: 10, 3: 30}


def test_a_key_that_the_store_removed_and_the_fork_wrote_is_as_the_fork_wrote_it():
    store, d, _ = make()
    fork = store.fork()
    del d[1]
    fork["/d/"][1] = 10
    merged(fork, store)
    assert d == {1: 10, 2: 2}


def test_written_means_different_from_the_base():
    store, d, _ = make()
    fork = store.fork()
    fork["/d/"][1] = 5
    fork["/d/"][1] = 1
    d[1] = 100
    d[2] = 200
    d[2] = 2
    fork["/d/"][2] = 20
    merged(fork, store)
    assert d == {1: 100, 2: 20}


def test_written_is_asked_of_equality_where_user_code_has_to_tell():
    class Loose:
        def __init__(self, value):
            self.value = value

        def __eq__(self, other):
            return isinstance(other, Loose) and self.value == other.value

        __hash__ = None

    store = Store()
    d = store.mkdir("/d/", {1: Loose(1), 2: Loose(2)})
    fork = store.fork()
    fork["/d/"][1] = None
    fork["/d/"][1] = Loose(1)
    fork["/d/"][2] = Loose(3)
    d[1], d[2] = Loose(100), Loose(200)
    merged(fork, store)
    assert (d[1].value, d[2].value) == (100, 3)


def test_an_equality_that_raises_during_the_rebase_fails_the_merge_alone():
    class Picky:
        broken = False

        def __eq__(self, other):
            if Picky.broken:
                raise Boom
            return self is other

        __hash__ = None

    store = Store()
    d = store.mkdir("/d/", {1: Picky()})
    fork = store.fork()
    fork["/d/"][1] = Picky()
    d[1] = Picky()
    before = state(store), state(fork), fork.base
    Picky.broken = True
    with pytest.raises(Boom):
        fork.merge(rebase=True)
    Picky.broken = False
    assert (state(store), state(fork), fork.base) == before
    value = fork["/d/"][1]
    fork.merge(rebase=True)
    assert d[1] is value


def test_what_the_store_removed_goes_though_the_fork_wrote_it_with_what_the_fork_derived():
    store, *_ = make()
    fork = store.fork()
    fork["/d/"][1] = 10
    fork["/d/"].map_values("/mine/", lambda value: value)
    fork["/mine/"].map_values("/mine too/", lambda value: value)
    store.remove_dir("/d/", recursive=True)
    merged(fork, store)
    assert list(store) == []


def test_what_the_fork_removed_goes_though_the_store_wrote_it():
    store, d, _ = make()
    fork = store.fork()
    fork.remove_dir("/d/", recursive=True)
    d[1] = 10
    merged(fork, store)
    assert list(store) == []


def test_what_the_store_derived_since_from_what_the_fork_removed_goes():
    store, d, _ = make()
    store.mkdir("/other/", {1: 1})
    fork = store.fork()
    fork.remove_dir("/d/", recursive=True)
    d.map_values("/late/", lambda value: value)
    store["/late/"].map_values("/later/", lambda value: value)
    store["/other/"].merge("/both/", d)
    merged(fork, store)
    assert list(store) == ["/other/"]


def test_a_name_made_on_both_sides_is_the_forks():
    store, *_ = make()
    fork = store.fork()
    fork.mkdir("/new/", {1: "fork"})
    store.mkdir("/new/", {1: "store", 2: "store"})
    merged(fork, store)
    assert store["/new/"] == {1: "fork"}


@pytest.mark.parametrize("kind", ["input", "derived"])
def test_a_name_remade_on_both_sides_is_the_forks(kind):
    store, *_ = make()
    store.mkdir("/x/", {1: "base"})
    fork = store.fork()
    for side, label in (store, "store"), (fork, "fork"):
        side.remove_dir("/x/")
        if kind == "input" or side is store:
            side.mkdir("/x/", {1: label})
        else:
            side["/d/"].map_values("/x/", lambda value: label)
    with store["/x/"].cursor(since=store.tick) as cursor:
        merged(fork, store)
        assert store["/x/"].kind == kind and store["/x/"][1] == "fork"
        assert cursor.poll().reset


def test_what_the_store_alone_remade_is_the_stores_though_the_fork_wrote_it():
    store, *_ = make()
    store.mkdir("/x/", {1: "base", 2: "base"})
    fork = store.fork()
    fork["/x/"][1] = "fork"
    cursor = fork["/x/"].cursor(since=fork.tick)
    store.remove_dir("/x/")
    store.mkdir("/x/", {1: "base", 3: "store"})
    merged(fork, store)
    assert store["/x/"] == {1: "base", 3: "store"}
    changes = cursor.poll()
    assert changes.reset and dict(changes.entries) == {1: ("base",), 3: ("store",)}
    cursor.close()


def test_what_the_fork_alone_remade_is_the_forks_though_the_store_wrote_it():
    store, *_ = make()
    store.mkdir("/x/", {1: "base"})
    fork = store.fork()
    fork.remove_dir("/x/")
    fork.mkdir("/x/", {1: "fork"})
    store["/x/"][2] = "store"
    with store["/x/"].cursor(since=store.tick) as cursor:
        merged(fork, store)
        assert store["/x/"] == {1: "fork"}
        changes = cursor.poll()
        assert changes.reset and dict(changes.entries) == {1: ("fork",)}


def test_remade_in_one_transaction_is_remade():
    store, *_ = make()
    store.mkdir("/x/", {1: "base"})
    fork = store.fork()
    with fork.update():
        fork.remove_dir("/x/")
        fork.mkdir("/x/", {1: "base"})
    with store["/x/"].cursor(since=store.tick) as cursor:
        merged(fork, store)
        assert cursor.poll().reset


def test_remade_in_the_store_and_removed_in_the_fork_is_the_stores():
    store, *_ = make()
    store.mkdir("/x/", {1: "base"})
    fork = store.fork()
    fork.remove_dir("/x/")
    store.remove_dir("/x/")
    store.mkdir("/x/", {1: "store"})
    merged(fork, store)
    assert store["/x/"] == {1: "store"}


def test_removed_on_both_sides_is_removed():
    store, *_ = make()
    fork = store.fork()
    fork.remove_dir("/total/")
    store.remove_dir("/total/")
    merged(fork, store)
    assert list(store) == ["/d/"]


def test_a_name_that_a_mapper_of_the_store_now_makes_is_a_conflict_that_changes_nothing():
    store, d, _ = make()
    fork = store.fork()
    fork.mkdir("/made/1/", {1: 1})
    d.map("/maker/", lambda key, values: store.mkdir(f"/made/{key}/") and None)
    before = state(store), state(fork), fork.base
    with pytest.raises(ConflictError, match="/made/1/"):
        fork.merge(rebase=True)
    assert (state(store), state(fork), fork.base) == before
    fork.remove_dir("/made/1/")
    merged(fork, store)
    assert "/made/1/" in fork


def test_a_removal_in_the_store_reaches_the_fork_when_its_tombstone_is_long_gone():
    store, d, _ = make()
    store.mkdir("/x/")
    fork = store.fork()
    store.remove_dir("/x/")
    del d[1]
    for i in range(100):
        d[2] = i
    stats = store.stats()
    assert stats.dir_tombstones == stats.key_tombstones == 0
    merged(fork, store)
    assert "/x/" not in fork and fork["/d/"] == {2: 99}


def test_a_directory_that_only_the_fork_made_stays():
    store, d, _ = make()
    fork = store.fork()
    fork.mkdir("/mine/", {1: 1})
    d[1] = 10
    merged(fork, store)
    assert store["/mine/"] == {1: 1}


def test_a_directory_that_the_store_made_and_removed_since_is_not_missed():
    store, *_ = make()
    fork = store.fork()
    fork.mkdir("/x/", {1: "fork"})
    store.mkdir("/x/", {1: "store"})
    store.remove_dir("/x/")
    merged(fork, store)
    assert store["/x/"] == {1: "fork"}


def test_the_fork_runs_its_cascade_over_what_it_took_over():
    store, d, _ = make()
    fork = store.fork()
    fork["/d/"].map_values("/squares/", lambda value: value * value)
    d[3] = 3
    merged(fork, store)
    assert fork["/squares/"] == {1: 1, 2: 4, 3: 9}


# ---- what fails, fails as a whole


@pytest.mark.parametrize("where", ["rebase", "merge"])
def test_a_mapper_that_raises_leaves_both_sides_as_they_were_and_the_same_merge_then_succeeds(where):
    store, d, _ = make()
    fork = store.fork()
    broken = []

    def fn(key, values):
        if broken and ((3 in fork["/d/"]) if where == "rebase" else key == 1):
            raise Boom(where)
        return [(key, values[0])]

    fork["/d/"].map("/bad/", fn)
    fork["/d/"][1] = 10
    if where == "rebase":
        d[3] = 30
    before = state(store), state(fork), fork.base
    broken.append(True)
    with pytest.raises(Boom, match=where) as raised:
        fork.merge(rebase=True)
    assert any("/bad/" in note for note in raised.value.__notes__)
    assert (state(store), state(fork), fork.base) == before
    broken.clear()
    merged(fork, store)
    assert store["/bad/"][1] == 10


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, SystemExit])
def test_an_interrupt_of_the_cascade_leaves_both_sides_as_they_were(error):
    store, d, _ = make()
    fork = store.fork()
    armed = []

    def fn(key, values):
        if armed:
            raise error
        return [(key, 1)]

    fork["/d/"].map("/bad/", fn)
    d[3] = 30
    before = state(store), state(fork), fork.base
    armed.append(True)
    with pytest.raises(error):
        fork.merge(rebase=True)
    armed.clear()
    assert (state(store), state(fork), fork.base) == before
    merged(fork, store)


def test_names_that_mappers_of_both_sides_make_collide_as_in_any_cascade():
    store, d, _ = make()
    fork = store.fork()
    d.map("/a/", lambda key, values: store.mkdir("/made/") and None, within=[(1, 1)])
    fork["/d/"].map("/b/", lambda key, values: store.mkdir("/made/") and None, within=[(2, 2)])
    before = state(store), state(fork), fork.base
    with pytest.raises(DirExistsError):
        fork.merge(rebase=True)
    assert (state(store), state(fork), fork.base) == before
    fork.remove_dir("/b/")
    merged(fork, store)


def test_mappers_that_do_not_converge_together_leave_both_sides_as_they_were():
    store = Store(max_rounds=30)
    d = store.mkdir("/d/", {0: 0})
    fork = store.fork()

    def reads(name):
        return lambda key, values: [(key, store[name].get(0, 0) + 1)] if name in store else None

    d.map("/a/", reads("/b/"))
    fork["/d/"].map("/b/", reads("/a/"))
    before = state(store), state(fork), fork.base
    with pytest.raises(NotConvergingError):
        fork.merge(rebase=True)
    assert (state(store), state(fork), fork.base) == before


def test_merging_inside_an_open_transaction_of_the_store_or_of_the_fork_is_a_transaction_error():
    store, d, _ = make()
    fork = store.fork()
    fork["/d/"][1] = 10
    for side in store, fork:
        with side.update():
            for rebase in False, True:
                with pytest.raises(TransactionError):
                    fork.merge(rebase=rebase)
    assert d == {1: 1, 2: 2}


def test_a_merge_inside_a_callback_of_the_store_commits_at_once():
    store, d, _ = make()
    fork = store.fork()
    fork["/d/"][5] = 5
    with store.update():
        d[1] = 10
        store.on_commit(lambda: fork.merge(rebase=True))
    assert d == {1: 10, 2: 2, 5: 5} and contents(fork) == contents(store)


def test_merging_after_the_store_is_closed_is_a_closed_error():
    store, *_ = make()
    fork = store.fork()
    store.close()
    with pytest.raises(ClosedError):
        fork.merge(rebase=True)


# ---- forks of forks


def test_a_fork_of_a_fork_merges_into_the_fork_that_it_came_from():
    store, d, total = make()
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
    store, d, _ = make()
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
    store, d, _ = make()
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
    store, *_ = make()
    fork = store.fork()
    inner = fork.fork()
    fork.discard()
    inner["/d/"][1] = 10
    assert inner["/total/"] == {0: 12}
    with pytest.raises(ClosedError):
        inner.merge()


def test_generations_are_told_apart_across_the_family():
    store, *_ = make()
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


# ---- threads


def test_merges_while_other_threads_write_to_both_sides_lose_nothing():
    store = Store()
    d = store.mkdir("/d/")
    total = d.map_reduce("/count/", lambda key, values: [(0, 1)], Sum())
    fork = store.fork()
    errors = []

    def write(side, label):
        try:
            for i in range(100):
                side["/d/"][label, i] = i
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=write, args=args) for args in ((store, "s"), (fork, "f"))]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        fork.merge(rebase=True)
    for thread in threads:
        thread.join()
    merged(fork, store)
    assert not errors
    assert set(d) == {(label, i) for label in "sf" for i in range(100)} and total == {0: 200}


def test_a_merge_waits_for_a_transaction_of_another_thread():
    store, d, _ = make()
    fork = store.fork()
    fork["/d/"][1] = 10
    opened, go = threading.Event(), threading.Event()

    def hold():
        with store.update():
            d[2] = 20
            opened.set()
            go.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    opened.wait(10)
    merger = threading.Thread(target=lambda: fork.merge(rebase=True))
    merger.start()
    assert fork["/d/"] == {1: 10, 2: 2}
    go.set()
    holder.join()
    merger.join()
    assert d == {1: 10, 2: 20} and contents(fork) == contents(store)


def test_forks_that_merge_by_many_threads_at_once_all_come_in():
    store = Store()
    d = store.mkdir("/d/")

    def work(label):
        with store.fork() as fork:
            for i in range(10):
                fork["/d/"][label, i] = i
                fork.merge(rebase=True)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(d) == 60 and store.stats().forks == 0


# ---- what is left


def test_merges_leave_no_tombstone_and_nothing_due_on_either_side():
    store, d, _ = make()
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


# ---- corners where both sides meet


def test_what_the_store_derived_since_from_what_the_fork_remade_goes():
    store, d, _ = make()
    fork = store.fork()
    fork.remove_dir("/d/", recursive=True)
    fork.mkdir("/d/", {5: 5})
    d.map_values("/late/", lambda value: value)
    store["/late/"].map_values("/later/", lambda value: value)
    merged(fork, store)
    assert list(store) == ["/d/"] and store["/d/"] == {5: 5}


def test_what_the_fork_derived_from_what_the_store_alone_remade_stays_on_that():
    store, *_ = make()
    store.mkdir("/x/", {1: 1})
    fork = store.fork()
    fork["/x/"].map_values("/mine/", lambda value: -value)
    store.remove_dir("/x/")
    store.mkdir("/x/", {2: 2})
    merged(fork, store)
    assert store["/mine/"] == {2: -2}


def test_a_directory_whose_parent_a_mapper_made_anew_is_the_same_directory_to_a_merge():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    d.map("/maker/", lambda key, values: store.mkdir(f"/made/{key}/", {0: values[0]}) and None)
    store["/made/1/"].map_values("/on/", lambda value: -value)
    store["/made/1/"].map_values("/on too/", lambda value: value)
    fork = store.fork()
    fork.remove_dir("/on/")
    d[1] = 2
    merged(fork, store)
    assert "/on/" not in store and store["/on too/"] == {0: 2}
    fork["/d/"][1] = 3
    store.remove_dir("/on too/")
    merged(fork, store)
    assert list(store) == ["/d/", "/made/1/", "/maker/"]


def test_a_merge_does_not_make_anew_what_a_mapper_made_anew_in_the_fork_and_back():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    d.map("/maker/", lambda key, values: store.mkdir(f"/made/{key}/", {0: values[0]}) and None)
    on = store["/made/1/"].map_values("/on/", lambda value: -value)
    fork = store.fork()
    fork["/d/"][1] = 2
    fork["/d/"][1] = 1
    with on.cursor(since=store.tick) as cursor:
        commit = merged(fork, store)
        assert cursor.poll() is None and commit.mapped == 0


def test_a_mapper_that_closes_over_a_discarded_fork_goes_on_in_the_store():
    store, d, _ = make()
    with store.fork() as fork:
        mine = fork["/d/"]
        mine.map("/copy/", lambda key, values: [(key, mine[key] + len(fork))])
        fork.lazy("/lazy/", lambda self, key: mine[key])
        merged(fork, store)
    d[5] = 50
    assert store["/copy/"][5] == 50 + 4 and store["/lazy/"][5] == 50


def test_hooks_that_came_with_a_merge_are_called_with_the_store():
    store = Store()
    log = []
    with store.fork() as fork:
        fork.mkdir("/h/", on_delete=lambda at: log.append(at is store))
        fork.merge()
    store.remove_dir("/h/")
    assert log == [True]


def test_a_write_to_what_a_mapper_made_is_taken_over_by_either_side():
    store, d, _ = make()
    d.map("/maker/", lambda key, values: store.mkdir(f"/made/{key}/", {0: values[0]}) and None)
    fork = store.fork()
    fork["/made/1/"][5] = "fork"
    merged(fork, store)
    assert store["/made/1/"] == {0: 1, 5: "fork"}
    store["/made/2/"][6] = "store"
    merged(fork, store)
    assert fork["/made/2/"] == {0: 2, 6: "store"}
    fork["/made/1/"][5] = "lost"
    d[1] = 7
    merged(fork, store)
    assert store["/made/1/"] == {0: 7}


def test_a_name_that_the_store_gave_from_top_level_to_a_mapper_is_no_conflict_for_a_fork_that_wrote_it():
    store, d, _ = make()
    store.mkdir("/x/", {1: 1})
    fork = store.fork()
    fork["/x/"][1] = 2
    store.remove_dir("/x/")
    d.map("/maker/", lambda key, values: store.mkdir("/x/", {9: 9}) and None, within=[(1, 1)])
    merged(fork, store)
    assert store["/x/"] == {9: 9}


def test_a_name_made_in_the_store_that_a_mapper_of_the_fork_makes_is_the_forks():
    store, *_ = make()
    fork = store.fork()
    fork["/d/"].map("/maker/", lambda key, values: store.mkdir("/x/", {9: 9}) and None, within=[(1, 1)])
    store.mkdir("/x/", {1: 1})
    merged(fork, store)
    assert store["/x/"] == {9: 9}


def test_directories_that_would_derive_from_each_other_are_a_conflict():
    store = Store()
    store.mkdir("/a/", {1: 1})
    fork = store.fork()
    fork["/a/"].map_values("/b/", lambda value: value)
    store.mkdir("/b/", {2: 2})
    store.remove_dir("/a/")
    store["/b/"].map_values("/a/", lambda value: value)
    before = state(store), state(fork), fork.base
    with pytest.raises(ConflictError, match="derive from itself"):
        fork.merge(rebase=True)
    assert (state(store), state(fork), fork.base) == before
    fork.remove_dir("/b/")
    merged(fork, store)
    assert store["/a/"] == {2: 2}


def test_one_merge_of_a_fork_at_a_time():
    store = Store()
    d = store.mkdir("/d/")
    fork = store.fork()
    errors = []

    def work(label):
        try:
            for i in range(20):
                fork["/d/"][label, i] = i
                fork.merge(rebase=True)
                fork["/d/"].discard((label, i - 1))
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    merged(fork, store)
    assert not errors
    assert set(d) == {(label, 19) for label in range(4)}
