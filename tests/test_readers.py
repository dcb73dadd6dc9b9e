"""The invariants of readers, a test for each, and what waiting, iterating and calling back do.

`test_readers_machine` holds the invariants against random programs; here each stands by its name.
"""

import sys
import threading

import pytest

from livedirs import ClosedError, DirName, DirNotFoundError, Store
from support import figures

PATIENCE = 30  # seconds after which a test that hangs fails


def rows(changes):
    return dict(changes.entries)


def tombstones(store):
    stats = store.stats()
    return stats.dir_tombstones, stats.key_tombstones


def remake(store, name, content=()):
    with store.update():
        store.remove_dir(name)
        store.mkdir(name, content)


def makes(store, deep=False):
    def fn(key, values):
        made = store.mkdir(DirName("/made/") / key, {key: 0})
        if deep:
            made.map(DirName("/made/") / key / "copy", lambda k, vs: [(k, vs[0])])
        return [(key, 0)]

    return fn


# ---- the invariants, in their order


def test_zero_residue():
    store = Store()
    source = store.mkdir("/source/")
    source.map("/maker/", makes(store, deep=True))
    before = figures(store)
    for n in range(30):
        source[n] = n
        store.mkdir(f"/d{n}/", {1: 1}).map(f"/m{n}/", lambda k, vs: [(k, vs[0])])
        with store.cursor() as of_store, store[f"/d{n}/"].cursor() as of_keys:
            heard = []
            with store[f"/d{n}/"].subscribe(heard.append):
                del store[f"/d{n}/"][1]
                assert [rows(changes) for changes in heard] == [{1: ()}]
                of_store.poll()
                of_keys.poll()
                assert tombstones(store) == (0, 0)
        store.remove_dir(f"/d{n}/", recursive=True)
        del source[n]
        assert tombstones(store) == (0, 0)
    assert figures(store) == before


def test_nothing_lost():
    """Each removal is told once, to those who were there for what was removed, and to nobody else."""
    store = Store()
    d = store.mkdir("/d/", {1: 1, 2: 2})
    early = store.cursor(since=store.tick)
    early_keys = d.cursor(since=store.tick)
    store.mkdir("/short/")
    d[3] = 3
    late, late_keys = store.cursor(since=store.tick), d.cursor(since=store.tick)
    store.remove_dir("/short/")
    del d[3]
    del d[1]
    told = early.poll()
    assert (told.changed, told.removed) == ({"/d/"}, set()), "it was not there at its position"
    assert late.poll().removed == {"/short/"}
    assert rows(early_keys.poll()) == {1: ()}
    assert rows(late_keys.poll()) == {1: (), 3: ()}
    for cursor in (early, late, early_keys, late_keys):
        assert cursor.poll() is None
        cursor.close()


def test_what_is_told_in_parts_gives_the_state():
    store = Store()
    d = store.mkdir("/d/")
    with d.cursor() as cursor:
        held = rows(cursor.poll())
        for n in range(60):
            with store.update():
                d[n % 7] = n
                d.discard(n * 5 % 7)
            if n % 3 == 0 and (changes := cursor.poll()):
                assert not changes.reset
                held |= rows(changes)
                held = {key: values for key, values in held.items() if values}
                assert held == dict(d.entries())


def test_exact_retention():
    store = Store()
    store.mkdir("/d/", {1: 1, 2: 2})
    store.mkdir("/e/")
    first, second = store.cursor(), store.cursor()
    keys = store["/d/"].cursor()
    removed = store.tick
    store.remove_dir("/e/")
    del store["/d/"][1]
    assert tombstones(store) == (1, 1)
    assert store.stats().oldest_tombstone == removed
    first.poll()
    assert tombstones(store) == (1, 1), "the second has not been told"
    second.close()
    assert tombstones(store) == (0, 1), "gone when the close returns; the reader of keys needs no directories"
    keys.poll()
    assert tombstones(store) == (0, 0), "gone when the poll returns"
    first.close()
    keys.close()


def test_retention_ends_with_the_open_transaction_either_way():
    store = Store()
    d = store.mkdir("/d/", {1: 1, 2: 2, 3: 3})
    for key, fails in ((1, False), (2, True)):
        cursor = d.cursor()
        del d[key]
        try:
            with store.update():
                cursor.close()
                assert tombstones(store) == (0, 1)
                if fails:
                    raise KeyError
        except KeyError:
            pass
        assert tombstones(store) == (0, 0)


def test_the_floor():
    store = Store()
    d = store.mkdir("/d/", {1: 1, 2: 2})
    store.mkdir("/e/")
    before = store.tick
    assert not store.changes(1).reset
    removed = store.tick
    store.remove_dir("/e/")
    assert store.changes(removed).reset
    told = store.changes(removed + 1)
    assert (told.reset, told.changed, told.removed) == (False, set(), set())
    del d[1]
    assert not store.changes(removed + 1).reset, "that was a key"
    assert d.changes(before).reset
    assert not d.changes(store.tick).reset
    floor = store.tick
    store.update().__enter__().__exit__(None, None, None)
    d[5] = 5
    assert not d.changes(floor).reset, "it moves only where something is purged"
    with pytest.raises(ValueError, match="later"):
        store.changes(store.tick + 1)
    with pytest.raises(ValueError, match="later"):
        d.cursor(since=store.tick + 1)


def test_history_keeps_tombstones_for_readers_without_a_cursor():
    store = Store(history=3)
    d = store.mkdir("/d/", {1: 1})
    since = store.tick
    del d[1]
    d[2] = 2
    d[3] = 3
    told = d.changes(since)
    assert (told.reset, rows(told)) == (False, {1: (), 2: (2,), 3: (3,)})
    d[4] = 4
    assert d.changes(since).reset
    assert tombstones(store) == (0, 0)


def test_bounded_lag():
    store = Store(max_lag=5)
    d = store.mkdir("/d/", {1: 1})
    idle = d.cursor()
    idle.poll()
    for n in range(20):
        d[2] = n
    assert not idle.expired, "it pins nothing"
    assert len(rows(idle.poll())) == 1
    del d[1]
    for n in range(4):
        d[2] = -n
    assert (idle.expired, idle.lag, tombstones(store)) == (False, 5, (0, 1))
    d[2] = "last"
    assert (idle.expired, tombstones(store)) == (True, (0, 0))
    told = idle.poll()
    assert (told.reset, rows(told)) == (True, {2: ("last",)})
    d[3] = 3
    assert (idle.expired, rows(idle.poll())) == (False, {3: (3,)})
    idle.close()


def test_who_polled_in_vain_lags_from_then_on():
    store = Store(max_lag=5)
    d, other = store.mkdir("/d/", {1: 1, 2: 2}), store.mkdir("/other/")
    with d.cursor(since=store.tick) as idle, d.cursor(since=store.tick) as busy:
        for n in range(4):
            other[1] = n
            assert busy.poll() is None
        del d[1]
        other[1] = "over the bound for one of them"
        assert (idle.expired, busy.expired, tombstones(store)) == (True, False, (0, 1))
        for n in range(3):
            other[1] = -n
        assert (busy.lag, busy.expired) == (5, False)
        other[1] = "and for the other"
        assert (busy.expired, tombstones(store)) == (True, (0, 0))


def test_a_cursor_that_comes_later_but_begins_earlier_expires_earlier():
    store = Store(max_lag=5, history=4)
    d, other = store.mkdir("/d/", {1: 1, 2: 2}), store.mkdir("/other/")
    begin = store.tick
    other[1] = 1
    other[1] = 2
    with d.cursor(since=store.tick) as late:
        del d[1]
        with d.cursor(since=begin) as early:
            for n in range(2):
                other[1] = -n
            assert (early.lag, early.expired) == (5, False)
            other[1] = "over the bound"
            assert (early.expired, late.lag, late.expired) == (True, 4, False)
            assert early.poll().reset and rows(late.poll()) == {1: ()}


def test_a_cursor_from_before_its_directory_was_remade_is_told_if_that_goes_too():
    store = Store(history=100)
    d = store.mkdir("/d/", {1: 1})
    before = store.tick
    remake(store, "/d/", {2: 2})
    with store["/d/"].cursor(since=before) as cursor, d.cursor(since=store.tick) as after:
        store.remove_dir("/d/")
        for reader in cursor, after:
            told = reader.poll()
            assert (told.reset, told.removed, rows(told)) == (True, True, {})
            assert reader.poll() is None, "once"


def test_generations():
    store = Store()
    d = store.mkdir("/d/", {1: 1, 2: 2})
    of_store, of_keys = store.cursor(), d.cursor()
    assert (of_store.poll().reset, of_keys.poll().reset) == (True, True)
    heard = []
    d.subscribe(heard.append)
    remake(store, "/d/", {3: 3})
    told = of_store.poll()
    assert (told.reset, told.changed, told.removed) == (False, {"/d/"}, set())
    told = of_keys.poll()
    assert (told.reset, told.removed, rows(told)) == (True, False, {3: (3,)})
    store.remove_dir("/d/")
    store.mkdir("/d/", {4: 4})
    told = of_keys.poll()
    assert (told.reset, rows(told)) == (True, {4: (4,)}), "over many transactions too"
    assert of_store.poll().changed == {"/d/"}
    store.remove_dir("/d/")
    told = of_keys.poll()
    assert (told.reset, told.removed, rows(told)) == (True, True, {})
    assert of_keys.poll() is None, "once"
    assert of_store.poll().removed == {"/d/"}
    assert [(c.reset, c.removed, rows(c)) for c in heard] == [
        (True, False, {3: (3,)}),
        (True, True, {}),
        (True, False, {4: (4,)}),
        (True, True, {}),
    ]
    of_store.close()
    of_keys.close()


def test_a_reader_between_two_lives_is_told_of_the_removal():
    store = Store()
    store.mkdir("/d/")
    d = store.mkdir("/k/", {1: 1})
    between = [store.cursor(since=store.tick), d.cursor(since=store.tick)]
    store.remove_dir("/d/")
    del d[1]
    nothing = [store.cursor(since=store.tick), d.cursor(since=store.tick)]
    store.mkdir("/d/")
    d[1] = 2
    store.remove_dir("/d/")
    del d[1]
    assert between[0].poll().removed == {"/d/"}
    assert rows(between[1].poll()) == {1: ()}
    told = nothing[0].poll()
    assert told is None or not told.removed, "the name was not there at its position"
    assert nothing[1].poll() is None
    for cursor in (*between, *nothing):
        cursor.close()


def test_a_purge_is_no_change():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    store.mkdir("/e/")
    runs = []
    d.map("/m/", lambda k, vs: runs.append(k) or [(k, vs[0])])
    held, idle = d.cursor(), d.cursor()
    heard = []
    d.subscribe(heard.append)
    del d[1]
    idle.poll()
    seen = (store.tick, len(heard), len(runs), store.changes(store.tick).changed)
    held.close()
    assert tombstones(store) == (0, 0)
    assert (store.tick, len(heard), len(runs), store.changes(store.tick).changed) == seen
    assert idle.poll() is None
    assert not d.changes(store.tick).entries
    store.remove_dir("/e/")
    for name in ("/e/", "/never/"):
        with pytest.raises(DirNotFoundError):
            store[name]
    idle.close()


def test_rollback():
    """A transaction or savepoint that fails leaves no tombstone, purges none, moves no floor, no cursor."""
    store = Store()
    d = store.mkdir("/d/", {1: 1, 2: 2})
    store.mkdir("/e/")
    cursor, keys = store.cursor(), d.cursor()
    del d[1]
    since = store.tick - 1
    before = (
        figures(store),
        cursor.position,
        keys.position,
        rows(d.changes(since)),
        store.changes(since).changed,
    )
    with pytest.raises(KeyError), store.update() as tx:
        del d[2]
        store.remove_dir("/e/")
        tx.cascade()
        with pytest.raises(ValueError, match="inner"), store.update():
            remake(store, "/d/")
            raise ValueError("inner")
        raise KeyError
    after = (
        figures(store),
        cursor.position,
        keys.position,
        rows(d.changes(since)),
        store.changes(since).changed,
    )
    assert after == before
    assert rows(keys.poll()) == {2: (2,)}
    cursor.close()
    keys.close()


def test_readers_of_what_a_block_made_begin_with_its_commit():
    store = Store()
    heard = []
    with store.update():
        d = store.mkdir("/d/", {1: 1})
        cursor = d.cursor()
        d.subscribe(heard.append)
        d[2] = 2
        assert cursor.poll() is None
    assert cursor.position == store.tick
    assert rows(cursor.poll()) == {1: (1,), 2: (2,)}
    assert heard == []
    del d[1]
    assert rows(cursor.poll()) == {1: ()} == rows(heard[0])
    with store.update() as tx:
        lost = store.mkdir("/lost/").cursor()
        tx.rollback()
    with pytest.raises(ClosedError):
        lost.poll()
    cursor.close()


def test_one_moment():
    """Whenever a reader registers while others commit, what it is told in the end gives what there is."""
    store = Store()
    d = store.mkdir("/d/", {0: 0})
    stop = threading.Event()

    def write():
        n = 0
        while not stop.is_set():
            n += 1
            with store.update():
                d[n % 5] = n
                d.discard((n + 2) % 5)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    writers = [threading.Thread(target=write) for _ in range(2)]
    held, cursors = [], []
    try:
        for writer in writers:
            writer.start()
        for _ in range(40):
            snapshot = store.snapshot()
            cursors.append(d.cursor(since=snapshot.tick))
            held.append(dict(snapshot["/d/"].entries()))
            snapshot.close()
            for cursor, holds in zip(cursors[-8:], held[-8:], strict=True):
                if (changes := cursor.poll()) is not None:
                    if changes.reset:
                        holds.clear()
                    holds.update(rows(changes))
    finally:
        stop.set()
        for writer in writers:
            writer.join(PATIENCE)
        sys.setswitchinterval(interval)
    for cursor, holds in zip(cursors, held, strict=True):
        if (changes := cursor.poll()) is not None:
            if changes.reset:
                holds.clear()
            holds.update(rows(changes))
        assert {key: values for key, values in holds.items() if values} == dict(d.entries())
        assert cursor.position == store.tick
        cursor.close()
    assert tombstones(store) == (0, 0)


def test_snapshots():
    store = Store()
    d = store.mkdir("/d/", {1: 1, 2: 2})
    store.mkdir("/e/")
    with store.snapshot() as snapshot:
        del d[1]
        store.remove_dir("/e/")
        assert tombstones(store) == (0, 0), "it pins nothing"
        assert list(snapshot) == ["/d/", "/e/"]
        assert dict(snapshot["/d/"].entries()) == {1: (1,), 2: (2,)}


@pytest.mark.parametrize("since", [True, 1.5, "1", None])
def test_since_is_a_tick(since):
    store = Store()
    d = store.mkdir("/d/")
    for ask in (store.changes, d.changes):
        with pytest.raises(TypeError, match="since is a tick, an int, not"):
            ask(since)
    if since is not None:  # then it is told all first
        with pytest.raises(TypeError, match="since is a tick"):
            d.cursor(since=since)


def test_before_the_first_tick_is_as_good_as_the_first():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    for since in (0, -1, -(10**30)):
        assert store.changes(since).changed == {"/d/"}
        assert rows(d.changes(since)) == {1: (1,)}
    with pytest.raises(ValueError):
        d.changes(10**30)


TWINS = [(1, True), (0, False), ((1,), (True,)), (("a", (0,)), ("a", (False,)))]


@pytest.mark.parametrize("one, other", TWINS)
def test_a_reader_is_told_of_both_keys_that_python_calls_equal_and_a_directory_does_not(one, other):
    store = Store(history=5)
    d = store.mkdir("/d/", [(one, "one"), (other, "other"), ("third", 3)])
    with d.cursor() as cursor:
        first = cursor.poll().entries
        with store.update():
            del d[one], d[other]
        second = cursor.poll()
    assert (first[one], first[other], first["third"]) == (("one",), ("other",), (3,))
    assert len(first) == 3
    assert [(type(number(key)), values) for key, values in second.entries.items()] == [(bool, ()), (int, ())]
    assert second == d.changes(store.tick - 1) and second.entries != {one: ()}
    assert [type(number(key)) for key in reversed(second.entries)] == [int, bool]
    assert second.entries.copy() == second.entries and len(second.entries | {"third": ()}) == 3
    shown = f"{{{other!r}: (), {one!r}: ()}}"
    assert repr(second).endswith(f"entries={shown})") and repr(second.entries) == f"mappingproxy({shown})"
    with pytest.raises(KeyError, match="absent"):
        second.entries["absent"]


def number(key):
    """The one in the key."""
    while isinstance(key, tuple):
        key = key[-1]
    return key


def test_changes_of_keys_that_python_calls_equal_differ():
    def changes(key):
        return Store().mkdir("/d/", {key: 1}).changes(0)

    assert changes(1) == changes(1.0) and changes(1) != changes(True) and changes((0,)) != changes((False,))
