"""What a fork is: an independent store over one version, and what is left when it goes."""

import logging
import threading

import pytest

from livedirs import Fork, Store, TransactionError
from support import contents, summed, unchanged

# ---- independent, over the same version


def test_a_fork_begins_as_the_last_commit():
    store, *_ = summed()
    fork = store.fork()
    assert isinstance(fork, Fork) and isinstance(fork, Store)
    assert contents(fork) == contents(store)
    assert fork.base == fork.tick == store.tick
    assert [fork[name].created for name in fork] == [store[name].created for name in store]


def test_a_fork_within_a_block_begins_as_the_last_commit():
    store, d, total = summed()
    before = contents(store)
    with store.update() as tx:
        d[3] = 3
        tx.cascade()
        fork = store.fork()
        assert contents(fork) == before and total == {0: 6}
        fork["/d/"][9] = 9
        assert fork["/total/"] == {0: 12}
    assert contents(store)["/total/"] == [(0, (6,))]


def test_neither_side_sees_what_the_other_writes():
    store, d, total = summed()
    fork = store.fork()
    fork["/d/"][1] = 10
    fork.mkdir("/mine/", {1: 1})
    fork.remove_dir("/total/")
    assert d == {1: 1, 2: 2} and total == {0: 3} and list(store) == ["/d/", "/total/"]
    d[2] = 20
    store.mkdir("/yours/")
    assert fork["/d/"] == {1: 10, 2: 2} and list(fork) == ["/d/", "/mine/"]


def test_handles_mean_the_store_that_they_were_made_by():
    store, d, _ = summed()
    fork = store.fork()
    mine = fork["/d/"]
    assert mine.store is fork and d.store is store
    mine[1] = 5
    assert d[1] == 1 and mine[1] == 5


def test_derived_directories_of_a_fork_are_kept_up_to_date_by_it():
    store, *_ = summed()
    fork = store.fork()
    fork["/d/"].map_values("/twice/", lambda value: 2 * value)
    with fork.update() as tx:
        fork["/d/"][3] = 4
    assert fork["/total/"] == {0: 7} and fork["/twice/"] == {1: 2, 2: 4, 3: 8}
    assert tx.result.changed == {"/d/", "/total/", "/twice/"}
    assert "/twice/" not in store


def test_a_transaction_of_a_fork_maps_only_what_changed():
    store = Store()
    d = store.mkdir("/d/", {i: i for i in range(50)})
    d.map_values("/twice/", lambda value: 2 * value)
    fork = store.fork()
    with fork.update() as tx:
        fork["/d/"][7] = 0
    assert tx.result.mapped == 1


def test_a_fork_that_fails_a_transaction_is_as_before_it_and_so_is_the_store():
    store, *_ = summed()
    fork = store.fork()
    with unchanged(store), unchanged(fork), pytest.raises(ZeroDivisionError), fork.update():
        fork["/d/"][1] = 5
        fork["/d/"].map("/bad/", lambda key, values: 1 / 0)


def test_the_clocks_of_both_go_their_own_way():
    store, d, _ = summed()
    fork = store.fork()
    at = store.tick
    for i in range(5):
        fork["/d/"][i] = -1
    assert (store.tick, fork.tick, fork.base) == (at, at + 5, at)
    d[1] = 2
    assert (store.tick, fork.tick, fork.base) == (at + 1, at + 5, at)


def test_transactions_of_a_store_and_of_its_fork_may_be_open_at_once():
    store, d, total = summed()
    fork = store.fork()
    with store.update(), fork.update():
        d[1] = 100
        fork["/d/"][1] = 1000
    assert total == {0: 102} and fork["/total/"] == {0: 1002}


def test_another_thread_may_use_a_fork_while_this_one_has_the_store_open():
    store, d, _ = summed()
    fork = store.fork()

    def work():
        fork["/d/"][1] = 7

    with store.update():
        d[1] = 3
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert fork["/d/"][1] == 7 and d[1] == 3


def test_options_of_the_store_are_those_of_its_forks():
    store = Store(history=5, capacity="64M")
    d = store.mkdir("/d/", {1: 1})
    fork = store.fork()
    del fork["/d/"][1]
    assert fork.stats().key_tombstones == 1 and store.stats().key_tombstones == 0
    assert fork.stats().capacity == store.stats().capacity == 64 << 20
    assert d == {1: 1}


# ---- what mappers and lazy functions close over


def test_a_mapper_means_the_store_that_it_is_run_for():
    store, d, _ = summed()
    factor = store.mkdir("/factor/", {0: 10})

    def fn(key, values):
        return [(key, values[0] * factor[0] * len(store["/factor/"]))]

    d.map("/scaled/", fn)
    fork = store.fork()
    fork["/factor/"][0] = 100
    assert fork["/scaled/"] == {1: 100, 2: 200} and store["/scaled/"] == {1: 10, 2: 20}
    factor[0] = 2
    assert store["/scaled/"] == {1: 2, 2: 4} and fork["/scaled/"] == {1: 100, 2: 200}


def test_what_a_mapper_makes_is_made_in_the_store_that_it_is_run_for():
    store, d, _ = summed()

    def fn(key, values):
        store.mkdir(f"/made/{key}/", {0: values[0]})

    d.map("/maker/", fn)
    fork = store.fork()
    fork["/d/"][3] = 33
    assert "/made/3/" not in store and fork["/made/3/"] == {0: 33}
    del d[1]
    assert "/made/1/" not in store and fork["/made/1/"] == {0: 1}


def test_a_lazy_function_means_the_store_that_it_is_run_for():
    store, d, _ = summed()
    lazy = store.lazy("/lazy/", lambda self, key: (self is not None and d[key]) + len(store))
    assert lazy[1] == 1 + 3
    fork = store.fork()
    fork["/d/"][1] = 10
    fork.mkdir("/another/")
    assert fork["/lazy/"][1] == 10 + 4 and lazy[1] == 1 + 3
    assert fork["/lazy/"].store is fork


def test_self_of_a_lazy_function_is_the_directory_of_the_fork():
    store = Store()
    start = store.mkdir("/start/", {0: 1})
    lazy = store.lazy("/doubles/", lambda self, key: start[0] if key == 0 else 2 * self[key - 1])
    assert lazy[5] == 32
    fork = store.fork()
    fork["/start/"][0] = 3
    assert fork["/doubles/"][5] == 96 and lazy[5] == 32


def test_a_snapshot_of_a_fork_computes_lazily_over_its_own_version():
    store, d, _ = summed()
    store.lazy("/lazy/", lambda self, key: d[key])
    fork = store.fork()
    fork["/d/"][1] = 10
    with fork.snapshot() as snapshot:
        fork["/d/"][1] = 20
        assert snapshot["/lazy/"][1] == 10 and fork["/lazy/"][1] == 20
        assert store["/lazy/"][1] == 1


def test_a_reader_of_a_fork_in_a_mapper_of_the_store_is_no_dependency_of_the_store():
    store, d, _ = summed()
    other = Store()
    other.mkdir("/o/", {0: 1})
    d.map("/reads/", lambda key, values: [(key, other["/o/"][0])])
    fork = store.fork()
    other["/o/"][0] = 5
    fork["/d/"][3] = 3
    assert fork["/reads/"] == {1: 1, 2: 1, 3: 5}


def test_a_mapper_may_not_ask_for_a_fork_nor_merge_or_discard_one():
    store, d, _ = summed()
    fork = store.fork()
    asks = {"fork": store.fork, "merge": fork.merge, "rebase": lambda: fork.merge(rebase=True)}
    for name, ask in asks.items():
        with unchanged(store), pytest.raises(TransactionError):
            d.map(f"/{name}/", lambda key, values, ask=ask: ask() and None)


def test_a_mapper_of_a_fork_may_no_more_use_the_handles_of_the_store_than_one_of_the_store():
    store, d, _ = summed()
    cursor = store.cursor()
    uses = {"poll": cursor.poll, "update": lambda: store.update().__enter__()}
    refused = []

    def mapper(key, values):
        for name, use in uses.items():
            try:
                use()
            except TransactionError:
                refused.append(name)
        return [(key, values[0])]

    out = d.map("/out/", mapper)
    fork = store.fork()
    refused.clear()
    fork["/d/"][1] = 10
    assert refused == ["poll", "update"]
    assert fork["/out/"] == {1: 10, 2: 2} and out == {1: 1, 2: 2}
    cursor.close()


# ---- readers of a fork


def test_a_fork_has_cursors_of_its_own():
    store, d, _ = summed()
    fork = store.fork()
    mine, theirs = fork["/d/"].cursor(since=fork.tick), d.cursor(since=store.tick)
    fork["/d/"][1] = 10
    del fork["/d/"][2]
    changes = mine.poll()
    assert (changes.reset, dict(changes.entries)) == (False, {1: (10,), 2: ()})
    assert theirs.poll() is None
    assert fork.stats().cursors == 1 and store.stats().cursors == 1
    mine.close()
    theirs.close()


def test_a_cursor_of_the_store_pins_nothing_in_a_fork():
    store, d, _ = summed()
    with store.cursor(since=store.tick), d.cursor(since=store.tick):
        store.mkdir("/gone/")
        store.remove_dir("/gone/")
        del d[2]
        assert store.stats().key_tombstones == 1
        fork = store.fork()
        assert fork.stats().cursors == 0
        fork["/d/"][1] = 5
        assert (fork.stats().key_tombstones, fork.stats().dir_tombstones) == (0, 0)
        assert store.stats().key_tombstones == 1


def test_a_fork_pins_no_tombstone_in_the_store():
    store, d, _ = summed()
    fork = store.fork()
    del d[1]
    store.mkdir("/gone/")
    store.remove_dir("/gone/")
    stats = store.stats()
    assert (stats.key_tombstones, stats.dir_tombstones, stats.forks) == (0, 0, 1)
    assert fork["/d/"] == {1: 1, 2: 2}


def test_subscribers_of_the_store_are_not_called_for_a_fork_nor_those_of_a_fork_for_the_store():
    store, d, _ = summed()
    fork = store.fork()
    of_store, of_fork = [], []
    d.subscribe(lambda changes: of_store.append(dict(changes.entries)))
    fork["/d/"].subscribe(lambda changes: of_fork.append(dict(changes.entries)))
    fork["/d/"][1] = 10
    d[1] = 20
    assert (of_store, of_fork) == ([{1: (20,)}], [{1: (10,)}])


def test_changes_of_a_fork_are_counted_by_its_clock():
    store, *_ = summed()
    fork = store.fork()
    at = fork.tick
    fork["/d/"][5] = 5
    fork.mkdir("/new/")
    assert fork.changes(at).changed == {"/d/", "/total/", "/new/"}
    assert dict(fork["/d/"].changes(at).entries) == {5: (5,)}
    with pytest.raises(ValueError, match=str(fork.tick)):
        store.changes(fork.tick)


def test_a_snapshot_of_a_fork_stays_as_it_is():
    store, *_ = summed()
    fork = store.fork()
    fork["/d/"][1] = 10
    with fork.snapshot() as snapshot:
        before = contents(fork)
        fork["/d/"].clear()
        fork.merge()
        assert contents(snapshot) == before
        assert fork.stats().snapshots == 1 and store.stats().snapshots == 0


def test_a_previous_directory_of_a_fork_shows_what_was_before_its_last_commit():
    store, d, _ = summed()
    before = d.previous()
    fork = store.fork()
    mine = fork["/d/"].previous()
    fork["/d/"][1] = 10
    assert mine == {1: 1, 2: 2} and before == {1: 1, 2: 2}
    fork["/d/"][1] = 11
    assert mine == {1: 10, 2: 2} and before == {1: 1, 2: 2}


def test_on_commit_of_a_fork_runs_after_its_commit_alone():
    store, d, _ = summed()
    fork = store.fork()
    log = []
    with fork.update():
        fork.on_commit(lambda: log.append("fork"))
        d[1] = 5
        assert log == []
    assert log == ["fork"]


def test_hooks_run_in_the_store_where_a_directory_is_made():
    store, *_ = summed()
    fork = store.fork()
    log = []
    fork.mkdir("/h/", on_create=lambda at: log.append(at), on_delete=lambda at: log.append(at))
    fork.remove_dir("/h/")
    assert [at is fork for at in log] == [True, True]


def test_on_delete_of_what_came_with_the_version_is_told_the_fork(caplog):
    store, *_ = summed()
    log = []
    store.mkdir("/h/", on_delete=lambda at: log.append(at))
    fork = store.fork()
    with caplog.at_level(logging.ERROR, "livedirs"):
        fork.remove_dir("/h/")
    assert [at is fork for at in log] == [True]
    assert "/h/" in store and not caplog.records
