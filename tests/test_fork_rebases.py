"""Rebase: what a fork takes over from a store that has moved, and where both sides meet."""

import pytest

from livedirs import (
    ConflictError,
    DirExistsError,
    DirInUseError,
    Store,
)
from support import merged, state, summed


class Boom(Exception): ...


# ---- rebase, sentence by sentence


def test_rows_written_on_either_side_come_together():
    store, d, total = summed()
    fork = store.fork()
    fork["/d/"][1] = 10
    d[2] = 20
    d[3] = 30
    merged(fork, store)
    assert d == {1: 10, 2: 20, 3: 30} and total == {0: 60}


def test_the_value_of_the_fork_stands_for_a_key_written_on_both_sides():
    store, d, _ = summed()
    fork = store.fork()
    fork["/d/"][1], d[1] = 10, 100
    fork["/d/"][3], d[3] = 30, 300
    del fork["/d/"][2]
    d[2] = 200
    merged(fork, store)
    assert d == {1: 10, 3: 30}


def test_a_key_that_the_store_removed_and_the_fork_wrote_is_as_the_fork_wrote_it():
    store, d, _ = summed()
    fork = store.fork()
    del d[1]
    fork["/d/"][1] = 10
    merged(fork, store)
    assert d == {1: 10, 2: 2}


def test_written_means_different_from_the_base():
    store, d, _ = summed()
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
    store, *_ = summed()
    fork = store.fork()
    fork["/d/"][1] = 10
    fork["/d/"].map_values("/mine/", lambda value: value)
    fork["/mine/"].map_values("/mine too/", lambda value: value)
    store.remove_dir("/d/", recursive=True)
    merged(fork, store)
    assert list(store) == []


def test_what_the_fork_removed_goes_though_the_store_wrote_it():
    store, d, _ = summed()
    fork = store.fork()
    fork.remove_dir("/d/", recursive=True)
    d[1] = 10
    merged(fork, store)
    assert list(store) == []


def test_what_the_store_derived_since_from_what_the_fork_removed_goes():
    store, d, _ = summed()
    store.mkdir("/other/", {1: 1})
    fork = store.fork()
    fork.remove_dir("/d/", recursive=True)
    d.map_values("/late/", lambda value: value)
    store["/late/"].map_values("/later/", lambda value: value)
    store["/other/"].merge("/both/", d)
    merged(fork, store)
    assert list(store) == ["/other/"]


def test_a_name_made_on_both_sides_is_the_forks():
    store, *_ = summed()
    fork = store.fork()
    fork.mkdir("/new/", {1: "fork"})
    store.mkdir("/new/", {1: "store", 2: "store"})
    merged(fork, store)
    assert store["/new/"] == {1: "fork"}


@pytest.mark.parametrize("kind", ["input", "derived"])
def test_a_name_remade_on_both_sides_is_the_forks(kind):
    store, *_ = summed()
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
    store, *_ = summed()
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
    store, *_ = summed()
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
    store, *_ = summed()
    store.mkdir("/x/", {1: "base"})
    fork = store.fork()
    with fork.update():
        fork.remove_dir("/x/")
        fork.mkdir("/x/", {1: "base"})
    with store["/x/"].cursor(since=store.tick) as cursor:
        merged(fork, store)
        assert cursor.poll().reset


def test_remade_in_the_store_and_removed_in_the_fork_is_the_stores():
    store, *_ = summed()
    store.mkdir("/x/", {1: "base"})
    fork = store.fork()
    fork.remove_dir("/x/")
    store.remove_dir("/x/")
    store.mkdir("/x/", {1: "store"})
    merged(fork, store)
    assert store["/x/"] == {1: "store"}


def test_removed_on_both_sides_is_removed():
    store, *_ = summed()
    fork = store.fork()
    fork.remove_dir("/total/")
    store.remove_dir("/total/")
    merged(fork, store)
    assert list(store) == ["/d/"]


def test_a_name_that_a_mapper_of_the_store_now_makes_is_a_conflict_that_changes_nothing():
    store, d, _ = summed()
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
    store, d, _ = summed()
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
    store, d, _ = summed()
    fork = store.fork()
    fork.mkdir("/mine/", {1: 1})
    d[1] = 10
    merged(fork, store)
    assert store["/mine/"] == {1: 1}


def test_a_directory_that_the_store_made_and_removed_since_is_not_missed():
    store, *_ = summed()
    fork = store.fork()
    fork.mkdir("/x/", {1: "fork"})
    store.mkdir("/x/", {1: "store"})
    store.remove_dir("/x/")
    merged(fork, store)
    assert store["/x/"] == {1: "fork"}


def test_the_fork_runs_its_cascade_over_what_it_took_over():
    store, d, _ = summed()
    fork = store.fork()
    fork["/d/"].map_values("/squares/", lambda value: value * value)
    d[3] = 3
    merged(fork, store)
    assert fork["/squares/"] == {1: 1, 2: 4, 3: 9}


# ---- corners where both sides meet


def test_what_the_store_derived_since_from_what_the_fork_remade_goes():
    store, d, _ = summed()
    fork = store.fork()
    fork.remove_dir("/d/", recursive=True)
    fork.mkdir("/d/", {5: 5})
    d.map_values("/late/", lambda value: value)
    store["/late/"].map_values("/later/", lambda value: value)
    merged(fork, store)
    assert list(store) == ["/d/"] and store["/d/"] == {5: 5}


def test_what_the_fork_derived_from_what_the_store_alone_remade_stays_on_that():
    store, *_ = summed()
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
    store, d, _ = summed()
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
    store, d, _ = summed()
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
    store, d, _ = summed()
    store.mkdir("/x/", {1: 1})
    fork = store.fork()
    fork["/x/"][1] = 2
    store.remove_dir("/x/")
    d.map("/maker/", lambda key, values: store.mkdir("/x/", {9: 9}) and None, within=[(1, 1)])
    merged(fork, store)
    assert store["/x/"] == {9: 9}


def test_a_name_made_in_the_store_that_a_mapper_of_the_fork_makes_is_the_forks():
    store, *_ = summed()
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


def test_a_name_made_in_the_store_that_no_mapper_of_the_fork_makes_any_more_is_the_stores():
    store, d, _ = summed()
    fork = store.fork()
    fork["/d/"].map("/maker/", lambda key, values: store.mkdir("/x/", {9: 9}) and None, within=[(2, 2)])
    store.mkdir("/x/", {1: 1})
    del d[2]
    merged(fork, store)
    assert store["/x/"] == {1: 1} and fork["/x/"].kind == "input"
    with pytest.raises(DirExistsError):
        fork["/d/"][2] = 2


def test_what_the_store_derived_from_a_name_that_the_fork_makes_lazy_stays_and_shows_nothing():
    store, *_ = summed()
    fork = store.fork()
    fork.lazy("/x/", lambda self, key: key)
    store.mkdir("/x/", {1: 1}).map("/of-x/", lambda key, values: [(key, values[0])])
    merged(fork, store)
    assert store["/x/"].kind == "lazy" and store["/x/"][5] == 5
    assert store["/of-x/"] == {}
    store._check_invariants()
    with pytest.raises(DirInUseError, match="/of-x/"):
        store.remove_dir("/x/")
    store.remove_dir("/x/", recursive=True)
    assert [*store] == ["/d/", "/total/"]


def made(store, name, kind):
    if kind == "input":
        store.mkdir(name, {7: 7})
    else:
        store.lazy(name, lambda self, key: key)


@pytest.mark.parametrize("kind", ["input", "lazy"])
def test_what_the_store_removed_goes_though_it_derived_its_name_anew_from_what_the_fork_removed(kind):
    store = Store()
    made(store, "/a/", kind)
    store.mkdir("/c/", {0: 3})
    fork = store.fork()
    fork.remove_dir("/c/")
    with store.update():
        store.remove_dir("/a/")
        store["/c/"].map("/a/", lambda key, values: [(key, 1)])
    merged(fork, store)
    assert [*store] == [*fork] == []


@pytest.mark.parametrize("kind", ["input", "lazy"])
def test_a_name_made_on_both_sides_is_the_stores_where_the_forks_goes_with_what_the_store_removed(kind):
    store = Store()
    store.mkdir("/a/", {0: 1})
    fork = store.fork()
    fork["/a/"].map("/b/", lambda key, values: [(key, 1)])
    with store.update():
        store.remove_dir("/a/")
        made(store, "/b/", kind)
    merged(fork, store)
    assert [*store] == [*fork] == ["/b/"] and store["/b/"].kind == fork["/b/"].kind == kind
    assert store["/b/"][7] == 7
