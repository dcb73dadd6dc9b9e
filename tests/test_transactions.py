import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from livedirs import (
    ClosedError,
    Commit,
    DirExistsError,
    DirInUseError,
    DirNotFoundError,
    InputDirectory,
    Store,
    Sum,
    Transaction,
    TransactionError,
)
from support import HAS_GIL, contents, figures, state, unchanged


def doubled(key, values):
    return [(key, value * 2) for value in values]


def make():
    store = Store()
    d = store.mkdir("/d/", {1: 1, 2: 2})
    return store, d, d.map("/doubled/", doubled)


class Stop(Exception): ...


# ---- the store


def test_a_new_store_is_empty_at_tick_one_and_true():
    store = Store()
    assert store.tick == 1
    assert len(store) == 0 and list(store) == [] and bool(store)
    assert "/d/" not in store and store.get("/d/") is None and store.get("/d/", 7) == 7


def test_names_come_sorted():
    store = Store()
    for name in ("/b/", "/a/b/", "/a/", "/ab/", "/B/", "/é/", "/a!/"):
        store.mkdir(name)
    assert list(store) == ["/B/", "/a!/", "/a/", "/a/b/", "/ab/", "/b/", "/é/"]
    assert len(store) == 7


def test_iteration_over_names_goes_on_over_the_version_at_which_it_began():
    store, *_ = make()
    names = iter(store)
    next(names)
    store.mkdir("/e/")
    store.remove_dir("/d/", recursive=True)
    assert list(names) == ["/doubled/"]


def test_mkdir_of_a_name_that_is_there_is_dir_exists():
    store, d, _ = make()
    for name in ("/d/", "/doubled/"):
        with unchanged(store), pytest.raises(DirExistsError, match=name):
            store.mkdir(name, {5: 5})
        with unchanged(store), pytest.raises(DirExistsError, match=name):
            d.map(name, doubled)


def test_mkdir_exist_ok_gives_the_one_that_is_there_as_it_is():
    store, d, _ = make()
    again = store.mkdir("/d/", {9: 9}, exist_ok=True)
    assert isinstance(again, InputDirectory) and again == {1: 1, 2: 2}
    assert store.mkdir("/new/", {9: 9}, exist_ok=True) == {9: 9}
    with unchanged(store), pytest.raises(DirExistsError):
        store.mkdir("/doubled/", exist_ok=True)


def test_remove_dir_of_what_is_not_there_is_dir_not_found():
    store, *_ = make()
    with unchanged(store), pytest.raises(DirNotFoundError, match="/nowhere/"):
        store.remove_dir("/nowhere/")
    before = contents(store)
    store.remove_dir("/nowhere/", missing_ok=True)
    assert contents(store) == before


def test_remove_dir_of_what_others_derive_from_is_in_use_and_names_them():
    store, d, _ = make()
    d.map("/other/", doubled)
    with unchanged(store), pytest.raises(DirInUseError) as caught:
        store.remove_dir("/d/", missing_ok=True)
    assert "/doubled/" in str(caught.value) and "/other/" in str(caught.value)


def test_remove_dir_recursive_removes_what_derives_from_it_however_deep():
    store, d, derived = make()
    deeper = derived.map("/deeper/", doubled)
    deeper.map_reduce("/deepest/", doubled, Sum())
    store.mkdir("/bystander/", {1: 1}).map("/of-bystander/", doubled)
    store.remove_dir("/doubled/", recursive=True)
    assert list(store) == ["/bystander/", "/d/", "/of-bystander/"]


def test_remove_dir_of_a_leaf_needs_no_recursive():
    store, d, _ = make()
    store.remove_dir("/doubled/")
    store.remove_dir("/d/")
    assert list(store) == []


def test_removed_in_order_within_one_block():
    store, *_ = make()
    with store.update() as tx:
        store.remove_dir("/doubled/")
        store.remove_dir("/d/")
        assert len(store) == 0
    assert tx.result.removed == {"/d/", "/doubled/"}


def test_a_write_or_making_or_removal_outside_a_block_is_a_transaction_of_its_own():
    store = Store()
    ticks = [store.tick]

    def note():
        ticks.append(store.tick)

    d = store.mkdir("/d/")
    note()
    d[1] = 1
    note()
    d.map("/doubled/", doubled)
    note()
    d.map_reduce("/sum/", doubled, Sum())
    note()
    store.remove_dir("/doubled/")
    note()
    assert ticks == list(range(1, 7))


# ---- commit


def test_leaving_the_block_commits_in_one_tick():
    store, d, derived = make()
    tick = store.tick
    with store.update() as tx:
        assert isinstance(tx, Transaction)
        d[3] = 3
        del d[1]
        store.mkdir("/e/")
    assert store.tick == tick + 1
    assert d == {2: 2, 3: 3} and derived == {2: 4, 3: 6} and "/e/" in store


def test_the_tick_moves_also_where_nothing_changed():
    store, *_ = make()
    tick = store.tick
    with store.update() as tx:
        assert store.tick == tick
    assert store.tick == tick + 1
    assert (tx.result.changed, tx.result.removed, tx.result.purged, tx.result.mapped) == (
        frozenset(),
        frozenset(),
        0,
        0,
    )


def test_the_result_says_what_the_commit_did():
    store, d, _ = make()
    store.mkdir("/gone/", {1: 1})
    with store.update() as tx:
        d[1] = 10
        d[3] = 30
        store.mkdir("/new/")
        store.mkdir("/passing/")
        store.remove_dir("/passing/")
        store.remove_dir("/gone/")
        assert tx.result is None
    result = tx.result
    assert isinstance(result, Commit)
    assert result.tick == store.tick
    assert result.rounds == 1
    assert result.changed == {"/d/", "/doubled/", "/new/"} and isinstance(result.changed, frozenset)
    assert result.removed == {"/gone/"} and isinstance(result.removed, frozenset)
    assert result.purged == 1
    assert result.mapped == 2


def test_what_is_removed_and_made_again_counts_as_changed():
    store, d, _ = make()
    with store.update() as tx:
        store.remove_dir("/d/", recursive=True)
        store.mkdir("/d/", {1: 1, 2: 2})
    assert tx.result.changed == {"/d/"} and tx.result.removed == {"/doubled/"}
    assert store["/d/"].created == store.tick - 1


def test_a_directory_whose_output_comes_out_equal_is_not_changed():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    d.map("/parity/", lambda key, values: [(key, values[0] % 2)])
    with store.update() as tx:
        d[1] = 3
    assert tx.result.changed == {"/d/"} and tx.result.mapped == 1


def test_the_result_of_what_was_rolled_back_is_none():
    store, *_ = make()
    with pytest.raises(Stop), store.update() as tx:
        raise Stop
    assert tx.result is None
    with store.update() as tx:
        tx.rollback()
    assert tx.result is None


# ---- what a block sees


def test_a_block_sees_its_own_writes_to_inputs_and_the_state_before_of_what_is_derived():
    store, d, derived = make()
    with store.update():
        d[1] = 10
        d[3] = 3
        assert d == {1: 10, 2: 2, 3: 3} and list(d) == [1, 2, 3] and len(d) == 3
        assert derived == {1: 2, 2: 4}
        d.clear()
        assert not d and derived == {1: 2, 2: 4}
        d[5] = 5
    assert derived == {5: 10}


def test_cascade_brings_up_to_date_without_a_tick_or_a_purge():
    store, d, derived = make()
    tick = store.tick
    with store.update() as tx:
        d[1] = 10
        assert tx.cascade() is True
        assert derived == {1: 20, 2: 4}
        assert tx.cascade() is False
        del d[1]
        assert tx.cascade() is True
        assert derived == {2: 4}
        assert store.tick == tick
    assert tx.result.mapped == 1
    assert store.tick == tick + 1


LOOKS = {
    "nothing": lambda store, n: None,
    "get a missing name": lambda store, n: store.get(f"/absent/{n}/"),
    "in of a missing name": lambda store, n: f"/absent/{n}/" in store,
    "a missing key": lambda store, n: store["/d/"].get(-n - 1),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_cascade_tells_whether_a_derived_row_changed_and_nothing_else(look):
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    parity = d.map("/parity/", lambda key, values: (look(store, values[0]), [(key, values[0] % 2)])[1])
    with store.update() as tx:
        assert tx.cascade() is False
        d[1] = 3
        assert tx.cascade() is False
        assert tx.cascade() is False
        d[1] = 4
        assert tx.cascade() is True and parity == {1: 0}
        assert tx.cascade() is False
        store.mkdir("/unread/", {1: 1})
        assert tx.cascade() is False
        del d[1]
        assert tx.cascade() is True and parity == {}
        d[2] = 2
        assert tx.cascade() is True and parity == {2: 0}
    assert tx.result.mapped == 3


def test_a_directory_derived_inside_a_block_is_computed_then():
    store, d, derived = make()
    with store.update():
        d[3] = 3
        fresh = d.map("/fresh/", doubled)
        total = fresh.map_reduce("/total/", lambda key, values: [(None, values[0])], Sum())
        assert fresh == {1: 2, 2: 4, 3: 6}
        assert total == {None: 12}
        of_stale = derived.map("/of-stale/", doubled)
        assert of_stale == {1: 4, 2: 8}
    assert fresh == {1: 2, 2: 4, 3: 6} and of_stale == {1: 4, 2: 8, 3: 12}


def test_other_threads_and_snapshots_see_the_last_commit():
    store, d, derived = make()
    before = contents(store)
    seen = []
    with store.update() as tx:
        d[1] = 10
        store.mkdir("/new/")
        tx.cascade()
        reader = threading.Thread(target=lambda: seen.append((contents(store), store.tick, "/new/" in store)))
        reader.start()
        reader.join()
        with store.snapshot() as snapshot:
            assert contents(snapshot) == before
    assert seen == [(before, store.tick - 1, False)]


# ---- rollback


@pytest.mark.parametrize(
    "kind", [Stop, ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError, StopIteration]
)
def test_an_exception_that_leaves_the_block_rolls_all_of_it_back(kind):
    store, d, derived = make()
    error = kind()
    with unchanged(store):
        with pytest.raises(kind) as caught, store.update() as tx:
            d[1] = 10
            d.set_all(7, [1, 2])
            del d[2]
            d.map("/more/", doubled)
            store.mkdir("/new/", {1: 1})
            store.remove_dir("/doubled/")
            store.mkdir("/doubled/")
            tx.cascade()
            raise error
        assert caught.value is error
    d[1] = 5
    assert derived == {1: 10, 2: 4}


def test_rollback_undoes_at_once_and_the_block_ends_silently():
    store, d, derived = make()
    before = contents(store)
    with unchanged(store), store.update() as tx:
        d[1] = 10
        store.mkdir("/new/")
        tx.cascade()
        tx.rollback()
        assert contents(store) == before


WRITES = {
    "set": lambda store, d: d.__setitem__(1, 2),
    "del": lambda store, d: d.__delitem__(1),
    "clear": lambda store, d: d.clear(),
    "update": lambda store, d: d.update({1: 2}),
    "mkdir": lambda store, d: store.mkdir("/new/"),
    "exist_ok": lambda store, d: store.mkdir("/d/", exist_ok=True),
    "remove_dir": lambda store, d: store.remove_dir("/doubled/"),
    "map": lambda store, d: d.map("/new/", doubled),
    "map_reduce": lambda store, d: d.map_reduce("/new/", doubled, Sum()),
    "nested": lambda store, d: store.update().__enter__(),
    "on_commit": lambda store, d: store.on_commit(print),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_writing_after_a_rollback_in_the_block_is_a_transaction_error(write):
    store, d, _ = make()
    with unchanged(store), store.update() as tx:
        d[5] = 5
        tx.rollback()
        with pytest.raises(TransactionError):
            write(store, d)
        assert d == {1: 1, 2: 2}


def test_after_a_rollback_cascade_and_rollback_are_transaction_errors():
    store, d, _ = make()
    with unchanged(store), store.update() as tx:
        tx.rollback()
        with pytest.raises(TransactionError):
            tx.rollback()
        with pytest.raises(TransactionError):
            tx.cascade()


def test_an_exception_after_a_rollback_still_leaves_the_block():
    store, *_ = make()
    with unchanged(store), pytest.raises(Stop), store.update() as tx:
        tx.rollback()
        raise Stop


# ---- nesting


def test_a_nested_block_is_part_of_the_outermost():
    store, d, derived = make()
    tick = store.tick
    with store.update() as outer:
        d[1] = 10
        with store.update() as inner:
            assert d[1] == 10
            d[2] = 20
        assert store.tick == tick
        assert d == {1: 10, 2: 20}
        assert derived == {1: 2, 2: 4}
        assert inner.result is None
    assert store.tick == tick + 1
    assert derived == {1: 20, 2: 40}
    assert outer.result.changed == {"/d/", "/doubled/"}


def test_an_exception_that_leaves_an_inner_block_undoes_the_inner_block_alone():
    store, d, derived = make()
    with store.update() as outer:
        d[1] = 10
        with pytest.raises(Stop), store.update() as inner:
            d[1] = 100
            d[3] = 3
            store.mkdir("/new/")
            store.remove_dir("/doubled/")
            inner.cascade()
            raise Stop
        assert d == {1: 10, 2: 2} and "/new/" not in store and derived == {1: 2, 2: 4}
        d[2] = 20
    assert derived == {1: 20, 2: 40}
    assert outer.result.removed == frozenset()


def test_rollback_of_an_inner_block_undoes_it_alone():
    store, d, derived = make()
    with store.update():
        d[1] = 10
        with store.update() as inner:
            d[1] = 100
            inner.rollback()
            assert d[1] == 10
            with pytest.raises(TransactionError):
                d[1] = 1000
        d[2] = 20
    assert d == {1: 10, 2: 20} and derived == {1: 20, 2: 40}


def test_rollback_while_an_inner_block_is_open_is_a_transaction_error():
    store, d, _ = make()
    with store.update() as outer:
        d[1] = 10
        with store.update():
            d[2] = 20
            with pytest.raises(TransactionError):
                outer.rollback()
            assert d == {1: 10, 2: 20}
    assert d == {1: 10, 2: 20}


def test_rollback_of_the_outermost_block_undoes_inner_blocks_that_ended():
    store, d, _ = make()
    with unchanged(store), store.update() as outer:
        with store.update():
            d[1] = 10
        outer.rollback()
    with unchanged(store), pytest.raises(Stop), store.update():
        with store.update():
            d[1] = 10
        raise Stop


def test_blocks_nest_deep():
    store, d, _ = make()

    def enter(depth):
        with store.update() as tx:
            d[depth] = depth
            if depth < 60:
                enter(depth + 1)
            if depth % 2:
                tx.rollback()

    enter(10)
    assert d == {1: 1, 2: 2, 10: 10}


def test_a_directory_removed_and_made_in_savepoints_is_as_the_last_that_stands_left_it():
    store, d, derived = make()
    with store.update():
        store.remove_dir("/d/", recursive=True)
        with pytest.raises(Stop), store.update():
            store.mkdir("/d/", {"inner": 1})
            raise Stop
        assert "/d/" not in store
        with store.update():
            store.mkdir("/d/", {"kept": 1})
    assert contents(store) == {"/d/": [("kept", (1,))]}


def test_ticks_of_savepoints_leave_no_trace():
    store, *_ = make()
    before = figures(store)
    with store.update():
        for _ in range(5):
            with pytest.raises(Stop), store.update() as tx:
                store["/d/"].map("/new/", doubled)
                tx.cascade()
                raise Stop
    assert figures(store) == before


# ---- order of calls


def test_a_transaction_that_was_not_entered_is_not_open():
    store, d, _ = make()
    tx = store.update()
    assert tx.result is None
    with unchanged(store):
        for use in (tx.cascade, tx.rollback):
            with pytest.raises(TransactionError):
                use()
    d[1] = 10
    assert d[1] == 10


def test_a_transaction_that_ended_cannot_be_used_again():
    store, d, _ = make()
    with store.update() as tx:
        pass
    with store.update() as rolled_back:
        rolled_back.rollback()
    with pytest.raises(Stop), store.update() as failed:
        raise Stop
    for ended in (tx, rolled_back, failed):
        with unchanged(store):
            for use in (ended.cascade, ended.rollback, ended.__enter__):
                with pytest.raises(TransactionError):
                    use()


def test_leaving_a_block_that_is_not_open_does_nothing():
    store, d, _ = make()
    tx = store.update()
    tx.__exit__(None, None, None)
    with tx:
        d[1] = 10
    with unchanged(store):
        tx.__exit__(None, None, None)
    with store.update():
        d[1] = 20
        tx.__exit__(Stop, Stop(), None)
        assert d[1] == 20
    assert d[1] == 20


def test_a_transaction_that_is_open_cannot_be_entered_again():
    store, d, _ = make()
    with store.update() as tx:
        with pytest.raises(TransactionError):
            tx.__enter__()
        d[1] = 10
    assert d[1] == 10


def test_a_failed_statement_in_a_block_leaves_what_stood_before_it():
    store, d, _ = make()
    with store.update():
        d[3] = 3
        for use in (
            lambda: d.__delitem__(9),
            lambda: d.update([(1, 10), ([], 2)]),
            lambda: d.set_all(1, 7),
            lambda: store.mkdir("/d/"),
            lambda: store.mkdir("/new/", [(1, 1), ([], 2)]),
            lambda: store.remove_dir("/d/"),
            lambda: d.map("/new/", 7),
        ):
            with pytest.raises(Exception):
                use()
            assert d == {1: 1, 2: 2, 3: 3}
            assert list(store) == ["/d/", "/doubled/"]
    assert store["/doubled/"] == {1: 2, 2: 4, 3: 6}


# ---- threads


def in_thread(fn):
    outcome = []

    def run():
        try:
            outcome.append(fn())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return outcome[0]


@pytest.mark.parametrize("timeout", [0, 0.01])
def test_update_of_another_thread_times_out(timeout):
    store, d, _ = make()

    def other():
        with store.update(timeout=timeout):
            d[1] = 99

    with store.update():
        d[1] = 10
        assert type(in_thread(other)) is TimeoutError
    assert d[1] == 10
    assert in_thread(other) is None
    assert d[1] == 99


def test_a_timeout_is_no_bound_where_nobody_holds_the_store():
    store, d, _ = make()
    with store.update(timeout=0):
        with store.update(timeout=0):
            d[1] = 10
    assert d[1] == 10


@pytest.mark.parametrize("end", ["commit", "rollback", "exception"])
def test_update_of_another_thread_waits_for_its_turn(end):
    store, d, derived = make()
    started = threading.Event()
    seen = []

    def other():
        started.set()
        with store.update(timeout=60):
            seen.append(dict(d))
            d[2] = 20

    thread = threading.Thread(target=other)
    try:
        with store.update() as tx:
            d[1] = 10
            thread.start()
            started.wait()
            assert seen == []
            if end == "rollback":
                tx.rollback()
            if end == "exception":
                raise Stop
    except Stop:
        pass
    thread.join()
    first = 10 if end == "commit" else 1
    assert seen == [{1: first, 2: 2}]
    assert derived == {1: 2 * first, 2: 40}


def test_a_write_of_another_thread_waits_too():
    store, d, _ = make()
    started = threading.Event()

    def other():
        started.set()
        d[2] = 20

    thread = threading.Thread(target=other)
    with store.update():
        d[1] = 10
        thread.start()
        started.wait()
        assert d[2] == 2
    thread.join()
    assert d == {1: 10, 2: 20}


def test_many_threads_lose_no_update():
    store = Store()
    d = store.mkdir("/d/", {"n": 0})
    total = d.map_reduce("/total/", lambda key, values: [(None, values[0])], Sum())

    def add():
        for _ in range(20):
            with store.update():
                d["n"] += 1

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert d["n"] == total[None] == 160


# ---- the end of a store

USES = {
    "update": lambda store, d: store.update().__enter__(),
    "mkdir": lambda store, d: store.mkdir("/new/"),
    "exist_ok": lambda store, d: store.mkdir("/d/", exist_ok=True),
    "remove_dir": lambda store, d: store.remove_dir("/doubled/"),
    "missing_ok": lambda store, d: store.remove_dir("/nowhere/", missing_ok=True),
    "[]": lambda store, d: store["/d/"],
    "get": lambda store, d: store.get("/d/"),
    "in": lambda store, d: "/d/" in store,
    "iter": lambda store, d: iter(store),
    "len": lambda store, d: len(store),
    "tick": lambda store, d: store.tick,
    "snapshot": lambda store, d: store.snapshot(),
    "stats": lambda store, d: store.stats(),
    "enter": lambda store, d: store.__enter__(),
    "d[]": lambda store, d: d[1],
    "d.get": lambda store, d: d.get(1),
    "d.get_all": lambda store, d: d.get_all(1),
    "d in": lambda store, d: 1 in d,
    "d iter": lambda store, d: iter(d),
    "d len": lambda store, d: len(d),
    "d entries": lambda store, d: d.entries(),
    "d between": lambda store, d: d.between(1, 2),
    "d set": lambda store, d: d.__setitem__(1, 1),
    "d set_all": lambda store, d: d.set_all(1, [1]),
    "d del": lambda store, d: d.__delitem__(1),
    "d discard": lambda store, d: d.discard(9),
    "d clear": lambda store, d: d.clear(),
    "d update": lambda store, d: d.update({}),
    "d map": lambda store, d: d.map("/new/", doubled),
    "d map_reduce": lambda store, d: d.map_reduce("/new/", doubled, Sum()),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_using_a_closed_store_is_a_closed_error(use):
    store, d, _ = make()
    store.close()
    with pytest.raises(ClosedError):
        use(store, d)


def test_closing_twice_is_closing_once():
    store, d, _ = make()
    store.close()
    store.close()
    assert d.name == "/d/" and d.store is store


def test_a_store_closes_at_the_end_of_its_block():
    with Store() as store:
        store.mkdir("/d/")
    with pytest.raises(ClosedError):
        store["/d/"]
    with pytest.raises(Stop), Store() as store:
        raise Stop
    with pytest.raises(ClosedError):
        len(store)


def test_stores_have_nothing_to_do_with_each_other():
    one, two = Store(), Store()
    d = one.mkdir("/d/", {1: 1})
    before = state(two)
    with one.update():
        d[1] = 2
        with two.update() as tx:
            tx.rollback()
        assert "/d/" not in two
    assert d[1] == 2 and state(two) == before


def test_a_block_whose_object_is_gone_is_undone():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    outer = store.update().__enter__()
    d[1] = 2
    inner = store.update().__enter__()
    d[1] = 3
    del inner
    assert d[1] == 2
    tick = store.tick
    del outer
    assert (d[1], store.tick) == (1, tick)
    with ThreadPoolExecutor(1) as other:
        other.submit(d.__setitem__, 1, 4).result(timeout=60)
    assert d[1] == 4


def test_an_outer_block_whose_object_is_gone_takes_the_inner_ones_with_it():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    outer, inner = store.update().__enter__(), store.update().__enter__()
    d[1] = 2
    del outer
    assert (d[1], repr(inner)) == (1, "<Transaction, open as a savepoint>")
    with pytest.raises(TransactionError):
        inner.cascade()
    with store.update():
        d[1] = 3
    del inner
    assert d[1] == 3


def test_an_exception_that_lets_go_of_an_open_block_stays_what_it_is():
    store = Store()
    d = store.mkdir("/d/")

    with pytest.raises(ZeroDivisionError):
        [store.update().__enter__(), d.update({1: 1}), 1 / 0]
    assert dict(d) == {}
    d[1] = 1
    assert dict(d) == {1: 1}


def test_a_block_whose_object_is_dropped_by_another_thread_stays_open():
    """It is not the one to end it: the block may be at work. (Without a GIL it goes on its own thread.)"""
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    blocks = [store.update().__enter__()]
    d[1] = 2
    with ThreadPoolExecutor(1) as other:
        other.submit(blocks.clear).result()
        assert (d[1], other.submit(d.__getitem__, 1).result()) == (2 if HAS_GIL else 1, 1)


def test_a_block_that_ended_with_the_one_around_it_ends_no_other_when_its_object_goes():
    store = Store()
    d = store.mkdir("/d/")
    outer = store.update()
    outer.__enter__()
    inner = store.update()
    inner.__enter__()
    outer.__exit__(None, None, None)

    def work():
        with store.update():
            yield

    with store.update():
        generator = work()
        next(generator)
    with store.update():
        d[1] = 1
        with store.update():
            d[2] = 2
            del inner
            d[3] = 3
            generator.close()
            d[4] = 4
    assert dict(d) == {1: 1, 2: 2, 3: 3, 4: 4}
