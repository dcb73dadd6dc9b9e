import threading
import weakref

import pytest

from livedirs import ClosedError, Directory, DirNotFoundError, Snapshot, Store, Sum
from support import contents, figures, unchanged


def make():
    store = Store()
    d = store.mkdir("/d/", {1: 1, 2: 2})
    total = d.map_reduce("/total/", lambda key, values: [(0, values[0])], Sum())
    return store, d, total


def test_a_snapshot_is_one_version_whatever_happens_after():
    store, d, total = make()
    tick = store.tick
    snapshot = store.snapshot()
    before = contents(store)
    assert isinstance(snapshot, Snapshot)
    d[1] = 10
    del d[2]
    store.mkdir("/new/")
    assert contents(snapshot) == before
    store.remove_dir("/d/", recursive=True)
    store.mkdir("/d/", {"other": 0})
    store.remove_dir("/new/")
    assert contents(snapshot) == before
    assert snapshot["/d/"] == {1: 1, 2: 2} and snapshot["/total/"] == {0: 3}
    assert snapshot.tick == tick < store.tick


def test_a_snapshot_reads_as_a_store_does():
    store, *_ = make()
    with store.snapshot() as snapshot:
        store.remove_dir("/total/")
        assert list(snapshot) == ["/d/", "/total/"] and len(snapshot) == 2
        assert "/total/" in snapshot and "/nowhere/" not in snapshot
        assert snapshot.get("/nowhere/") is None and snapshot.get("/nowhere/", 7) == 7
        assert snapshot.get("/total/") == {0: 3}
        assert isinstance(snapshot["/d/"], Directory)
        with pytest.raises(DirNotFoundError, match=f"/nowhere/.* at tick {snapshot.tick} of the snapshot"):
            snapshot["/nowhere/"]


def test_directories_of_a_snapshot_have_all_reads():
    store, d, _ = make()
    d.set_all(3, [5, 6])
    with store.snapshot() as snapshot:
        d.clear()
        frozen = snapshot["/d/"]
        assert (
            list(frozen) == [1, 2, 3] and list(reversed(frozen)) == [3, 2, 1] and len(frozen) == 3 and frozen
        )
        assert (
            frozen[1] == frozen.get(1) == 1
            and frozen.get_all(3) == (5, 6)
            and 3 in frozen
            and 4 not in frozen
        )
        assert list(frozen.between(2, ...)) == [(2, (2,)), (3, (5, 6))]
        assert frozen.name == "/d/" and frozen.kind == "input" and frozen.created == 1
        with pytest.raises(KeyError):
            frozen[4]


def test_a_snapshot_cannot_be_written():
    store, *_ = make()
    with store.snapshot() as snapshot:
        frozen = snapshot["/d/"]
        with unchanged(store):
            with pytest.raises((TypeError, AttributeError)):
                frozen[1] = 2
            with pytest.raises((TypeError, AttributeError)):
                del frozen[1]
        assert frozen == {1: 1, 2: 2}


def test_a_snapshot_within_a_block_shows_the_last_commit():
    store, d, total = make()
    with store.update() as tx:
        d[1] = 10
        tx.cascade()
        with store.snapshot() as snapshot:
            assert snapshot["/d/"] == {1: 1, 2: 2} and snapshot["/total/"] == {0: 3}
            assert snapshot.tick == store.tick
        assert total == {0: 12}


def test_snapshots_of_many_ticks_stand_side_by_side():
    store = Store()
    d = store.mkdir("/d/")
    snapshots = []
    for i in range(20):
        d[i] = i
        d.discard(i - 3)
        snapshots.append((store.snapshot(), contents(store), store.tick))
    d.clear()
    for snapshot, before, tick in snapshots:
        assert (contents(snapshot), snapshot.tick) == (before, tick)
        snapshot.close()
    assert store.stats().snapshots == 0


USES = {
    "tick": lambda snapshot: snapshot.tick,
    "[]": lambda snapshot: snapshot["/d/"],
    "get": lambda snapshot: snapshot.get("/d/"),
    "in": lambda snapshot: "/d/" in snapshot,
    "iter": lambda snapshot: iter(snapshot),
    "len": lambda snapshot: len(snapshot),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_using_a_closed_snapshot_is_a_closed_error(use):
    store, *_ = make()
    snapshot = store.snapshot()
    snapshot.close()
    snapshot.close()
    with pytest.raises(ClosedError):
        use(snapshot)
    with store.snapshot() as snapshot:
        pass
    with pytest.raises(ClosedError):
        use(snapshot)


def test_a_directory_of_a_closed_snapshot_is_a_closed_error():
    store, *_ = make()
    snapshot = store.snapshot()
    frozen = snapshot["/d/"]
    snapshot.close()
    with pytest.raises(ClosedError):
        frozen[1]


def test_a_snapshot_that_is_closed_while_it_computes_gives_what_it_computed_and_keeps_nothing():
    store = Store()
    closing = []

    class Kept: ...

    def fn(self, key):
        closing[0].close()
        return Kept()

    store.lazy("/l/", fn)
    snapshot = store.snapshot()
    closing.append(snapshot)
    kept = weakref.ref(snapshot["/l/"][1])
    assert kept() is None
    with pytest.raises(ClosedError):
        snapshot["/l/"]


def test_a_snapshot_pins_no_tombstone_and_is_counted_until_closed():
    store, d, _ = make()
    before = figures(store)
    with store.snapshot():
        assert store.stats().snapshots == 1
        store.mkdir("/new/", {1: 1})
        store.remove_dir("/new/")
        d[9] = 9
        del d[9]
        assert figures(store) == before | {"snapshots": 1}
    assert figures(store) == before


def test_a_snapshot_can_be_read_by_another_thread():
    store, d, _ = make()
    seen = []
    with store.snapshot() as snapshot, store.update():
        d.clear()
        thread = threading.Thread(target=lambda: seen.append(contents(snapshot)))
        thread.start()
        thread.join()
    assert seen == [{"/d/": [(1, (1,)), (2, (2,))], "/total/": [(0, (3,))]}]


def test_a_snapshot_is_true_also_when_empty():
    with Store().snapshot() as snapshot:
        assert snapshot and len(snapshot) == 0


def test_a_snapshot_knows_no_change_after_it():
    store, d, _ = make()
    with store.snapshot() as snapshot:
        d[1] = 5
        assert dict(snapshot["/d/"].changes(1).entries) == {1: (1,), 2: (2,)}
        with pytest.raises(ValueError):
            snapshot["/d/"].changes(store.tick)
