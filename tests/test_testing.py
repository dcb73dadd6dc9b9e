"""`livedirs.testing`: assert_no_residue, and the pytest plugin."""

import doctest
import subprocess
import sys

import pytest

import livedirs.testing
from livedirs import DirName, Store
from livedirs.testing import COMPARED, assert_no_residue

pytest_plugins = ["pytester"]


def test_the_example_of_the_module_does_what_it_shows():
    assert doctest.testmod(livedirs.testing).failed == 0


def test_all_counts_are_compared_but_four():
    shown = {name for name in dir(Store().stats()) if not name.startswith("_")}
    assert shown - set(COMPARED) == {"tick", "horizon", "purged", "bytes"}


def test_what_cancels_itself_out_leaves_no_residue():
    store = Store()
    users = store.mkdir("/users/", {1: "ada"})
    users.map("/views/", lambda key, values: [(users.slice(DirName("/view/") / key, key, key).name, key)])
    with assert_no_residue(store):
        users[2] = "grace"
        del users[2]
        with users.cursor() as cursor:
            users[3] = "alan"
            cursor.poll()
            del users[3]
            cursor.poll()
        with store.fork() as fork, store.snapshot():
            fork["/users/"].clear()


def leaves_a_directory(store):
    store.mkdir("/left/")
    return ["dirs: 1 before, 2 after (+1)", "names: 1 before, 2 after (+1)", "new directories: '/left/'"]


def takes_a_directory(store):
    store.remove_dir("/users/")
    return [
        "dirs: 1 before, 0 after (-1)",
        "keys: 1 before, 0 after (-1)",
        "directories that are gone: '/users/'",
    ]


def leaves_keys(store):
    store["/users/"].update({2: "b", 3: "c"})
    return ["keys: 1 before, 3 after (+2)", "keys of '/users/' (+2)"]


def leaves_a_name(store):
    store["/users/"].map("/m/", lambda key, values: [(key, "/absent/" in store)])
    return [
        "names: 1 before, 3 after (+2)",
        "new directories: '/m/'",
        "names that are still read or remembered, of no directory: '/absent/'",
    ]


def leaves_readers(store):
    kept.extend([store["/users/"].cursor(), store["/users/"].subscribe(lambda changes: None), store.cursor()])
    return [
        "cursors: 0 before, 2 after (+2)",
        "new cursors and subscriptions of '/users/': 2",
        "new cursors and subscriptions of the store: 1",
    ]


def leaves_a_tombstone_of_a_key(store):
    users = store["/users/"]
    kept.append(users.cursor())
    del users[1]
    return [
        "key_tombstones: 0 before, 1 after (+1)",
        "oldest_tombstone: None before,",
        "removed keys of '/users/' that a reader still needs: 1",
        "cursors: 0 before, 1 after (+1)",
    ]


def leaves_a_tombstone_of_a_directory(store):
    kept.append(store.cursor())
    store.remove_dir("/users/")
    return [
        "dir_tombstones: 0 before, 1 after (+1)",
        "removed directories that a reader still needs: '/users/'",
    ]


def leaves_a_snapshot(store):
    kept.append(store.snapshot())
    return ["snapshots: 0 before, 1 after (+1)"]


def leaves_a_fork(store):
    kept.append(store.fork())
    return ["forks: 0 before, 1 after (+1)"]


def leaves_a_lazy_key(store):
    lazy = store.lazy("/lazy/", lambda self, key: key)
    lazy[1]
    return ["lazy_keys: 0 before, 1 after (+1)", "new directories: '/lazy/'"]


def leaves_a_dependency(store):
    users = store["/users/"]
    users.map("/m/", lambda key, values: [(key, users.get(2))])
    return ["dependencies: 0 before, 2 after (+2)"]


kept = []


@pytest.fixture(autouse=True)
def close_what_was_kept():
    yield
    while kept:
        kept.pop().close()


@pytest.mark.parametrize(
    "leak", [leaf for name, leaf in list(globals().items()) if name.startswith(("leaves", "takes"))]
)
def test_each_count_that_differs_is_named_with_what_is_left(leak):
    store = Store()
    store.mkdir("/users/", {1: "ada"})
    with pytest.raises(AssertionError) as failure, assert_no_residue(store):
        told = leak(store)
    assert [part for part in told if part not in str(failure.value)] == []


def test_long_lists_are_cut():
    store = Store()
    with (
        pytest.raises(AssertionError, match=r"'/d/10/', .* and 5 more$"),
        assert_no_residue(store),
        store.update(),
    ):
        for number in range(15):
            store.mkdir(DirName("/d/") / number)


def test_an_exception_leaves_the_block_as_it_is():
    store = Store()
    with pytest.raises(ZeroDivisionError), assert_no_residue(store):
        store.mkdir("/left/")
        raise ZeroDivisionError


def test_what_waits_for_the_cycle_collector_is_no_residue():
    store = Store()
    users = store.mkdir("/users/", {1: "ada"})

    def leave():
        cycle = [users.cursor()]
        cycle.append(cycle)

    with pytest.warns(ResourceWarning), assert_no_residue(store):
        leave()


# ----------------------------------------------------------------------------------------------- the plugin

SUITE = """
import pytest
from livedirs import Store

held = []

def lag():
    store = Store()
    users = store.mkdir("/users/", {1: "ada"})
    cursor = users.cursor()
    del users[1]
    return store, cursor

@pytest.mark.no_residue
def test_leaves_a_tombstone():
    held.append(lag())

@pytest.mark.no_residue
def test_what_others_left_is_not_looked_at():
    pass

@pytest.mark.no_residue
def test_leaves_nothing(store):
    users = store.mkdir("/users/", {1: "ada"})
    with users.cursor():
        del users[1]

@pytest.mark.no_residue
def test_leaves_a_cursor_in_the_store_of_a_fixture(store):
    users = store.mkdir("/users/", {1: "ada"})
    held.append(users.cursor())

@pytest.fixture
def followed():
    store, cursor = lag()
    with store, cursor:
        yield store

@pytest.mark.no_residue
def test_leaves_no_more_than_the_fixture_did(followed):
    users = followed["/users/"]
    users[2] = "grace"
    assert followed.stats().cursors == 1

@pytest.mark.no_residue
def test_closes_its_store():
    store, cursor = lag()
    store.close()
    held.append(store)

@pytest.mark.no_residue
def test_fails_by_itself():
    held.append(lag())
    raise KeyError("its own")

def test_is_not_marked():
    held.append(lag())

closed = []

def test_has_a_store(store):
    closed.append(store)
    assert store.mkdir("/a/", {1: 1}) == {1: 1}

def test_whose_store_is_closed_afterwards():
    with pytest.raises(Exception, match="closed"):
        closed[0].mkdir("/b/")
"""


def test_the_plugin_looks_at_the_stores_that_a_marked_test_leaves(pytester):
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess("-p", "livedirs.testing", "--strict-markers", "-W", "ignore")
    result.assert_outcomes(passed=7, failed=3)
    result.stdout.fnmatch_lines(
        [
            "*AssertionError: <Store of 1 directory at tick 3> is left with",
            "*key_tombstones: 1",
            "*cursors: 1",
            "*cursors and subscriptions of '/users/'",
            "*removed keys of '/users/' that a reader still needs: 1",
            "*AssertionError: <Store of 1 directory at tick 2> is left with",
            "*cursors: 1",
            "FAILED *test_leaves_a_tombstone*",
            "FAILED *test_leaves_a_cursor_in_the_store_of_a_fixture*",
            "FAILED *test_fails_by_itself*",
        ]
    )


def test_the_plugin_tells_of_its_marker(pytester):
    result = pytester.runpytest_subprocess("-p", "livedirs.testing", "--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.no_residue: *"])


def test_a_lazy_directory_is_no_residue_of_its_keys():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    lazy = store.lazy("/lazy/", lambda self, key: key)
    assert lazy[1] == 1
    with d.cursor(since=store.tick), pytest.raises(AssertionError) as told, assert_no_residue(store):
        del d[1]
    assert "removed keys of '/d/'" in str(told.value) and "/lazy/" not in str(told.value)


def test_without_pytest_there_is_assert_no_residue_alone():
    program = (
        "import sys; sys.modules['pytest'] = None; import livedirs.testing as t; print(hasattr(t, 'store'))"
    )
    command = [sys.executable, "-c", f"{program}; t.assert_no_residue"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "False\n"
