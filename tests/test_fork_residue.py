"""How a fork ends, what it then leaves behind, and what it costs."""

import gc
import sys
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from livedirs import ClosedError, Store, TransactionError
from support import contents, figures, summed, unchanged

# ---- discard


USES = {
    "tick": lambda fork: fork.tick,
    "base": lambda fork: fork.base,
    "merge": lambda fork: fork.merge(),
    "fork": lambda fork: fork.fork(),
    "update": lambda fork: fork.update().__enter__(),
    "mkdir": lambda fork: fork.mkdir("/new/"),
    "[]": lambda fork: fork["/d/"],
    "in": lambda fork: "/d/" in fork,
    "iter": list,
    "len": len,
    "snapshot": lambda fork: fork.snapshot(),
    "stats": lambda fork: fork.stats(),
    "changes": lambda fork: fork.changes(1),
    "with": lambda fork: fork.__enter__(),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_using_a_discarded_fork_is_a_closed_error(use):
    store, *_ = summed()
    fork = store.fork()
    fork.discard()
    fork.discard()
    with pytest.raises(ClosedError):
        use(fork)
    with store.fork() as fork:
        handle = fork["/d/"]
    with pytest.raises(ClosedError):
        use(fork)
    with pytest.raises(ClosedError):
        handle[1]


def test_a_fork_that_is_closed_is_discarded():
    store, *_ = summed()
    fork = store.fork()
    fork.close()
    assert store.stats().forks == 0
    with pytest.raises(ClosedError):
        fork.merge()


def test_a_discarded_fork_changes_nothing_in_the_store():
    store, *_ = summed()
    with unchanged(store), store.fork() as fork:
        fork["/d/"].clear()
        fork.mkdir("/new/", {1: 1})


def test_leaving_the_block_with_an_exception_discards_the_fork_too():
    store, *_ = summed()
    with unchanged(store), pytest.raises(KeyError), store.fork() as fork:
        fork["/d/"][1] = 0
        raise KeyError
    assert store.stats().forks == 0


def test_discard_runs_no_hooks_and_warns_of_no_cursor(recwarn):
    store, *_ = summed()
    log = []
    store.mkdir("/h/", on_delete=lambda at: log.append(at))
    fork = store.fork()
    fork.mkdir("/i/", on_delete=lambda at: log.append(at))
    cursor = fork.cursor()
    fork.discard()
    assert log == []
    del cursor
    gc.collect()
    assert not [warning for warning in recwarn if warning.category is ResourceWarning]


def test_discard_within_an_open_transaction_of_the_fork_is_a_transaction_error():
    store, *_ = summed()
    fork = store.fork()
    with fork.update():
        fork["/d/"][1] = 3
        with pytest.raises(TransactionError):
            fork.discard()
    assert fork["/d/"][1] == 3
    fork.discard()


def test_a_fork_of_a_closed_store_goes_on_but_merges_no_more():
    store, *_ = summed()
    fork = store.fork()
    store.close()
    fork["/d/"][1] = 10
    assert fork["/total/"] == {0: 12}
    with pytest.raises(ClosedError):
        fork.merge()
    assert fork["/total/"] == {0: 12}
    fork.discard()


def test_a_fork_keeps_the_store_that_it_came_from():
    store, *_ = summed()
    fork = store.fork()
    ref = weakref.ref(store)
    del store
    gc.collect()
    fork["/d/"][1] = 10
    fork.merge()
    assert contents(ref()) == contents(fork)


# ---- what is left, and what it costs


def test_forks_are_counted_until_they_are_discarded_or_dropped():
    store, *_ = summed()
    first, second, third = store.fork(), store.fork(), store.fork()
    assert store.stats().forks == 3 and first.stats().forks == 0
    first.discard()
    first.discard()
    assert store.stats().forks == 2
    second.merge()
    assert store.stats().forks == 2
    del third
    gc.collect()
    assert store.stats().forks == 1
    with second:
        pass
    assert store.stats().forks == 0


@pytest.mark.parametrize("end", ["discard", "merge", "drop"])
def test_forks_that_came_and_went_leave_nothing_behind(end):
    store, *_ = summed()
    before = figures(store)
    for i in range(5):
        fork = store.fork()
        fork.mkdir(f"/x{i}/", {1: i}).map(f"/y{i}/", lambda key, values, i=i: [(i, key)])
        fork["/d/"][i + 10] = i
        fork.lazy("/lazy/", lambda self, key: key)[3]
        if end == "merge":
            fork.merge()
            fork.remove_dir(f"/x{i}/", recursive=True)
            fork.remove_dir("/lazy/")
            del fork["/d/"][i + 10]
            fork.merge()
        if end != "drop":
            fork.discard()
        ref = weakref.ref(fork)
        del fork
        gc.collect()
        assert ref() is None
    assert figures(store) == before


def test_a_fork_in_a_cycle_with_its_own_mapper_dies():
    store, *_ = summed()

    def fork_in_a_cycle():
        fork = store.fork()
        fork["/d/"].map("/reads/", lambda key, values: [(key, len(fork))])
        return weakref.ref(fork)

    ref = fork_in_a_cycle()
    gc.collect()
    assert ref() is None and store.stats().forks == 0


def test_values_of_a_discarded_fork_are_released():
    class Value:
        pass

    store = Store()
    store.mkdir("/d/", {1: 1})
    fork = store.fork()
    value = Value()
    ref = weakref.ref(value)
    fork["/d/"][1] = value
    del value
    assert ref() is not None
    fork.discard()
    assert ref() is None


@pytest.mark.skipif(sys.platform == "win32", reason="there is no memray")
def test_a_fork_of_a_large_store_takes_no_memory_of_its_size(tmp_path):
    import memray

    store = Store()
    d = store.mkdir("/d/", ((i, i) for i in range(100_000)))
    with memray.Tracker(tmp_path / "forks.bin"):
        forks = [store.fork() for _ in range(20)]
        for i, fork in enumerate(forks):
            fork["/d/"][i] = -1
    peak = memray.FileReader(tmp_path / "forks.bin").metadata.peak_memory
    # Far less than one copy of the rows, whose keys and values alone are 32 bytes each.
    assert peak < 32 * len(d) / 2
    assert all(len(fork["/d/"]) == 100_000 for fork in forks)


def test_a_fork_that_is_discarded_while_its_merge_waits_for_its_turn_is_merged_no_more():
    store, *_ = summed()
    fork = store.fork()
    fork["/d/"][1] = 10
    with ThreadPoolExecutor(1) as pool:
        with store.update():
            merging = pool.submit(fork.merge)
            time.sleep(0.1)  # most likely it waits by then; where it does not, it is refused at once
            fork.discard()
        with pytest.raises(ClosedError, match="the fork is discarded"):
            merging.result(60)
    assert store["/d/"] == {1: 1, 2: 2} and store.stats().forks == 0
