"""`previous()`: the directory as it was before the last commit."""

import random
import threading

import pytest

from livedirs import Directory, DirInUseError, DirNotFoundError, InputDirectory, ReadOnlyError, Store


def commit(store):
    with store.update() as tx:
        pass
    return tx.result


def counts(store):
    stats = store.stats()
    return (
        stats.dirs,
        stats.keys,
        stats.names,
        stats.dependencies,
        stats.dir_tombstones,
        stats.key_tombstones,
    )


def test_shows_the_present_content_first_then_what_was_before_each_commit():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    tick = store.tick
    p = d.previous()
    assert store.tick == tick and p == {1: 1}
    d[1] = 2
    assert p == {1: 1}
    d[1] = 3
    assert p == {1: 2}
    commit(store)
    assert p == {1: 3}


def test_keys_that_came_and_went():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    p = d.previous()
    del d[1]
    assert p == {1: 1}
    d[2] = 2
    assert p == {} and len(p) == 0
    d.clear()
    assert p == {2: 2}
    commit(store)
    assert p == {}


def test_is_a_read_only_directory_that_bears_the_name_of_its_own():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    p = d.previous()
    assert p.name == "/d/" and p.kind == "previous" and p.store is store
    assert isinstance(p, Directory) and not isinstance(p, InputDirectory)
    assert "'/d/'" in repr(p) or '"/d/"' in repr(p)
    with pytest.raises(ReadOnlyError, match="/d/"):
        p[1] = 2
    assert p.previous() == p and p.previous().kind == "previous"


def test_belongs_to_its_directory_and_counts_for_nothing():
    store = Store()
    d = store.mkdir("/d/", {1: 1, 2: 2})
    before = counts(store)
    p = d.previous()
    d[1] = 5
    assert counts(store) == before
    assert list(store) == ["/d/"] and len(store) == 1 and "/d/" in store
    assert store["/d/"].kind == "input"
    with store.update() as tx:
        d[1] = 6
    assert tx.result.changed == {"/d/"} and tx.result.rounds == 1
    store.remove_dir("/d/")
    assert p.kind == "removed"
    with pytest.raises(DirNotFoundError, match="/d/"):
        p[1]
    assert counts(store) == (0, 0, 0, 0, 0, 0)


def test_of_a_directory_that_was_made_again_it_has_to_be_asked_for_again():
    store = Store()
    p = store.mkdir("/d/", {1: 1}).previous()
    store.remove_dir("/d/")
    d = store.mkdir("/d/", {5: 5})
    with pytest.raises(DirNotFoundError):
        dict(p)
    assert d.previous() == {5: 5} and p == {5: 5}
    d[5] = 6
    assert p == {5: 5}


def test_in_a_block_it_shows_what_was_before_the_block():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    with store.update() as tx:
        d[1] = 2
        p = d.previous()
        assert p == {1: 1}
        d[2] = 3
        tx.cascade()
        assert p == {1: 1}
    assert p == {1: 1}
    commit(store)
    assert p == {1: 2, 2: 3}


def test_of_a_directory_made_in_the_block_it_is_empty():
    store = Store()
    with store.update():
        e = store.mkdir("/e/", {1: 1})
        p = e.previous()
        e[2] = 2
        assert p == {}
    assert p == {}
    commit(store)
    assert p == {1: 1, 2: 2}


def test_asked_for_in_a_block_that_is_rolled_back_it_is_gone():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    with store.update() as tx:
        p = d.previous()
        tx.rollback()
    with pytest.raises(DirNotFoundError):
        p[1]
    assert d.previous() == {1: 1}


def test_a_rollback_changes_nothing_of_it():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    p = d.previous()
    d[1] = 2
    e = store.mkdir("/e/", {1: 1})

    def fails(key, values):
        if values[0] == 2:
            raise ValueError(p[1])
        return []

    e.map("/m/", fails)
    assert p == {1: 2}
    d[1] = 3
    with pytest.raises(ValueError), store.update():
        d[1] = 4
        e[1] = 2
    assert p == {1: 2}
    commit(store)
    assert p == {1: 3}


def test_deriving_from_it_counts_as_deriving_from_its_directory():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    p = d.previous()
    q = p.map("/q/", lambda k, vs: [(k, vs[0] * 10)])
    assert q == {1: 10} and q.kind == "derived"
    assert "/q/" in store.tree() and "from /d/" in store.tree()
    with pytest.raises(DirInUseError, match="/q/"):
        store.remove_dir("/d/")
    d[1] = 3
    with store.update() as tx:
        d[1] = 7
    assert q == {1: 30} and tx.result.rounds == 2 and tx.result.changed == {"/d/", "/q/"}
    commit(store)
    assert q == {1: 70}
    assert commit(store).rounds == 1
    store.remove_dir("/d/", recursive=True)
    assert counts(store) == (0, 0, 0, 0, 0, 0)


def test_of_a_derived_directory():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    m = d.map("/m/", lambda k, vs: [(k, vs[0] * 2)])
    p = m.previous()
    d[1] = 5
    assert p == {1: 2} and m == {1: 10}
    d[1] = 6
    assert p == {1: 10}


def test_a_mapper_may_ask_for_it_and_runs_again_when_it_changes():
    store, log = Store(), []
    d = store.mkdir("/d/", {1: 1})

    def mapper(key, values):
        log.append(values)
        return [(key, (values[0], d.previous().get(key)))]

    m = d.map("/m/", mapper)
    assert m == {1: (1, 1)}
    d[1] = 2
    assert m == {1: (2, 1)}
    d[1] = 3
    assert m == {1: (3, 2)}
    log.clear()
    assert commit(store).rounds == 2
    assert m == {1: (3, 3)} and log == [(3,)]
    assert commit(store).rounds == 1 and log == [(3,)]


def test_a_mapper_that_reads_its_own_previous_output_is_no_infinite_loop():
    store = Store()
    d = store.mkdir("/d/", {1: 1})

    def running(key, values):
        mine = store.get("/m/")
        return [(key, values[0] + (mine.previous().get(key, 0) if mine is not None else 0))]

    m = d.map("/m/", running)
    assert m == {1: 1}
    d[1] = 2
    assert m == {1: 3}
    d[1] = 3
    assert m == {1: 6}


def test_it_goes_with_the_generation_of_its_directory():
    store = Store()
    e = store.mkdir("/e/", {1: 1})

    def maker(key, values):
        store.mkdir("/own/", {1: values[0]})
        return []

    e.map("/m/", maker)
    own = store["/own/"].previous()
    below = store["/own/"].map("/below/", lambda k, vs: [(k, vs[0] * 10)])
    above = below.previous()
    assert own == {1: 1} and above == {1: 10}
    e[1] = 2
    assert own.kind == above.kind == "removed"
    with pytest.raises(DirNotFoundError):
        own[1]
    assert store["/own/"].previous() == {1: 2} and below.previous() == {1: 20}


def test_what_derives_from_that_of_a_mappers_directory_resumes_when_it_is_back():
    store = Store()
    e, src = store.mkdir("/e/", {1: 1}), store.mkdir("/src/", {1: 5})

    def maker(key, values):
        src.map("/own/", lambda k, vs: [(k, vs[0])])
        return []

    e.map("/m/", maker)
    p = store["/own/"].previous()
    q = p.map("/q/", lambda k, vs: [(k, vs[0] * 10)])
    src[1] = 6
    assert q == {1: 50}
    del e[1]
    assert q == {} and "/own/" not in store and p.kind == "removed"
    e[1] = 1
    assert q == {} and p.kind == "previous"
    src[1] = 8
    assert q == {1: 60}
    src[1] = 9
    assert q == {1: 80}


def test_in_snapshots():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    assert store.snapshot()["/d/"].previous() == {1: 1}
    d.previous()
    d[1] = 5
    snapshot = store.snapshot()
    d[1] = 6
    assert snapshot["/d/"].previous() == {1: 1} and snapshot["/d/"].previous().kind == "previous"
    assert d.previous() == {1: 5}


def test_another_thread_may_ask_while_a_transaction_is_open():
    store, seen = Store(), []
    d = store.mkdir("/d/", {1: 1})

    def ask():
        p = d.previous()
        seen.append(p)
        assert p == {1: 1} and p.kind == "previous"

    with store.update():
        d[1] = 2
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert seen[0] == {1: 1}
    commit(store)
    assert seen[0] == {1: 2}


@pytest.mark.parametrize("seed", range(40))
def test_oracle_the_content_before_the_last_commit(seed):
    rng = random.Random(seed)
    store = Store()
    d = store.mkdir("/d/", dict.fromkeys(range(rng.randrange(6)), 0))
    m = d.map("/m/", lambda k, vs: [(vs[0], k), (k % 2, vs[0])])
    watched = [d, m]
    mirrors = {}
    derived = None
    before = {}
    for _ in range(60):
        present = [dict(x.entries()) for x in watched]
        failed = rng.random() < 0.2
        with store.update() as tx:
            for _ in range(rng.randrange(4)):
                k = rng.randrange(6)
                d.discard(k) if rng.random() < 0.4 else d.__setitem__(k, rng.randrange(3))
                if rng.random() < 0.2:
                    tx.cascade()
                i = rng.randrange(2)
                if rng.random() < 0.1 and i not in mirrors and not failed:
                    mirrors[i] = watched[i].previous()
            if failed:
                tx.rollback()
        if not failed:
            before = present
            if derived is None and 1 in mirrors:
                derived = mirrors[1].map("/derived/", lambda k, vs: [(k, v) for v in vs])
                before = [dict(x.entries()) for x in watched]
        for i, p in mirrors.items():
            assert dict(p.entries()) == before[i]
        if derived is not None:
            assert dict(derived.entries()) == dict(mirrors[1].entries())
        if rng.random() < 0.1 and 0 not in mirrors:
            mirrors[0] = d.previous()
            before = [dict(d.entries()), before[1] if before else {}]
    store.remove_dir("/d/", recursive=True)
    assert counts(store) == (0, 0, 0, 0, 0, 0)


def test_a_previous_directory_that_is_gone_tells_of_no_changes():
    """Its handle does not mean the directory that it belonged to."""
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    previous = d.previous()
    with store.update():
        store.remove_dir("/d/")
        store.mkdir("/d/", {2: 2})
    for use in (lambda: previous.changes(0), lambda: list(previous.entries()), previous.cursor):
        with pytest.raises(DirNotFoundError) as error:
            use()
        assert "did you mean" not in str(error.value)


def test_keys_that_a_reader_still_has_to_be_told_of_are_not_in_it():
    store = Store()
    d = store.mkdir("/d/", {1: 1, 2: 2})
    with d.cursor(since=store.tick):
        del d[1]
        assert store.stats().key_tombstones == 1
        assert dict(d.previous()) == {2: 2}
    assert counts(store)[-2:] == (0, 0)


def test_a_previous_directory_that_is_gone_says_so_also_where_its_name_is_taken_again():
    store = Store()
    previous = store.mkdir("/d/", {1: 1}).previous()
    store.remove_dir("/d/")
    d = store.mkdir("/d/", {2: 2})
    assert repr(previous) == '<Directory "/d/", removed>' and previous.kind == "removed"
    assert "removed" in previous._repr_html_()
    with pytest.raises(DirNotFoundError, match='the previous state of directory "/d/" is gone'):
        dict(previous)
    with store.update():
        assert repr(previous) == '<Directory "/d/", removed>'
    d.previous()
    assert repr(previous) == '<Directory "/d/", previous, 1 key: {2: 2}>'
