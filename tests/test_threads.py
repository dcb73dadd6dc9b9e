"""A transaction belongs to the thread, or the asyncio task, that opened it; others see the last commit."""

import _thread
import asyncio
import threading
import time

import pytest

from livedirs import ClosedError, DirNotFoundError, Store, TransactionError
from support import FIGURES, HAS_GIL, Stepped, contents, in_thread, make, meanwhile


class Stop(Exception): ...


def counts(store):
    """What stats() tells, but for the bytes."""
    stats = store.stats()
    return [getattr(stats, name) for name in [*FIGURES, "tick", "horizon", "purged"]]


@pytest.mark.parametrize("given", [dict, list], ids=["dict", "pairs"])
def test_other_threads_run_while_many_rows_are_loaded(given):
    d = Store().mkdir("/d/")
    over, turns = threading.Event(), [0]

    def count():
        while not over.is_set():
            turns[0] += 1
            time.sleep(0.0001)

    rows = {n: n for n in range(800_000)}
    # Who waits for the interpreter asks for it after so long, and gets it where the load lets go of it.
    with meanwhile(count, over, interval=1e-5):
        before = turns[0]
        d.update(rows if given is dict else list(rows.items()))
        during = turns[0] - before
    assert len(d) == 800_000
    # At its beginning and its end alone it would be two or three.
    assert during >= 6


def test_a_dict_that_another_thread_changes_is_taken_as_it_was_at_one_moment():
    """(With a GIL nobody else runs while it is.)"""
    d = Store().mkdir("/d/")
    rows, over = {n: n for n in range(1_000)}, threading.Event()

    def change():
        n = 1_000
        while not over.is_set():
            rows[n] = n
            del rows[n]
            n += 1

    with meanwhile(change, over):
        for _ in range(300):
            d.clear()
            d.update(rows)
            assert len(d) in (1_000, 1_001)


# ---- what others see of an open transaction

SEEN = {
    "repr": repr,
    "len": len,
    "names": list,
    "contents": contents,
    "tree": lambda store: store.tree(),
    "mermaid": lambda store: store.to_mermaid(),
    "tick": lambda store: store.tick,
    "horizon": lambda store: store.stats().horizon,
    "stats": counts,
    "get": lambda store: store.get("/secret/"),
    "in": lambda store: "/secret/" in store,
    "snapshot": lambda store: list(store.snapshot()),
}


@pytest.mark.parametrize("history", [0, 5])
@pytest.mark.parametrize("see", SEEN.values(), ids=SEEN)
def test_another_thread_sees_the_last_commit_of_everything(see, history):
    store = Store(history=history)
    d = store.mkdir("/d/", {1: 1, 2: 2})
    derived = d.map("/doubled/", lambda key, values: [(key, values[0] * 2)])
    before = in_thread(lambda: see(store))
    with store.update() as tx:
        d[1] = 10
        del d[2]
        store.mkdir("/secret/", {1: 1})
        derived.map("/of-doubled/", lambda key, values: [(key, 1)])
        tx.cascade()
        assert in_thread(lambda: see(store)) == before
        assert "/secret/" in store
    assert in_thread(lambda: see(store)) == see(store)


@pytest.mark.parametrize("history", [0, 5])
def test_another_thread_sees_the_horizon_of_the_last_commit_in_the_rounds_of_a_commit(history):
    store = Store(history=history)
    seen = []

    def hook(store):
        seen.append(in_thread(lambda: (store.tick, store.stats().horizon, len(store))))
        if "/second/" not in store:
            store.mkdir("/second/", on_create=hook)

    before = store.tick, store.stats().horizon, len(store)
    store.mkdir("/first/", on_create=hook)
    assert seen == [before, before]
    assert in_thread(lambda: (store.tick, len(store))) == (store.tick, 2)


def test_another_thread_is_not_told_of_uncommitted_names_that_it_may_have_meant():
    store, d, derived = make()
    with store.update():
        store.mkdir("/secret/")
        for look in (lambda: store["/secrets/"], lambda: d.store["/secrets/"]):
            error = in_thread(look)
            assert type(error) is DirNotFoundError
            assert "/secret/" not in str(error)
        with pytest.raises(DirNotFoundError, match="/secret/"):
            store["/secrets/"]
    assert "/secret/" in str(in_thread(lambda: store["/secrets/"]))


def test_another_thread_finds_nothing_before_what_is_not_committed_yet():
    store, *_ = make()
    with store.update():
        fresh = store.mkdir("/fresh/", {1: 1})
        error = in_thread(fresh.previous)
        assert isinstance(error, DirNotFoundError) and "/fresh/" in str(error)
    fresh[1] = 2
    assert fresh.previous() == {1: 2}


def test_another_thread_sees_nothing_of_what_was_rolled_back():
    store, d, derived = make()
    before = contents(store)
    with pytest.raises(Stop), store.update() as tx:
        store.mkdir("/secret/")
        d[1] = 10
        tx.cascade()
        assert in_thread(lambda: contents(store)) == before
        raise Stop
    assert in_thread(lambda: contents(store)) == before


# ---- whose turn it is


@pytest.mark.parametrize("timeout", [None, 60])
def test_update_of_a_second_thread_waits_and_goes_on_when_the_first_ends(timeout):
    store, d, derived = make()
    asked, seen = threading.Event(), []

    def other():
        tx = store.update(timeout=timeout)
        asked.set()
        with tx:
            seen.append((dict(d), dict(derived)))
            d[2] = 20

    thread = threading.Thread(target=other, daemon=True)
    with store.update():
        d[1] = 10
        thread.start()
        assert asked.wait(60)
        assert seen == []
    thread.join(60)
    assert not thread.is_alive(), "the second thread was not woken"
    assert seen == [({1: 10, 2: 2}, {1: 20, 2: 4})]
    assert derived == {1: 20, 2: 40}


def test_a_transaction_that_was_entered_while_another_thread_waited_with_it_is_refused_there():
    store = Store()
    d = store.mkdir("/d/")
    transaction = store.update()

    def enter():
        with transaction:
            d["other"] = 1

    outcome = []
    with store.update():
        thread = threading.Thread(target=lambda: outcome.append(in_thread(enter)), daemon=True)
        thread.start()
        time.sleep(0.05)
        with transaction:
            d["mine"] = 1
        d["mine too"] = 1
    thread.join(60)
    assert isinstance(outcome[0], TransactionError) and "entered once" in str(outcome[0])
    with store.update(timeout=1):
        pass
    assert d == {"mine": 1, "mine too": 1}


def test_several_threads_that_wait_all_get_their_turn():
    store, d, derived = make()
    threads = [threading.Thread(target=d.update, args=({n: n},), daemon=True) for n in range(10, 20)]
    with store.update():
        for thread in threads:
            thread.start()
        d[1] = 10
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert d == {1: 10, 2: 2, **{n: n for n in range(10, 20)}}


# Nothing tells that a thread waits for its turn. Where the machine is slow it is given longer.
PAUSES = 0.1, 1, 10


def close_before_two_writers(pause):
    store, d, _ = make()
    began, done = threading.Semaphore(0), []

    def close():
        began.release()
        store.close()

    def write():
        began.release()
        try:
            d[1] = 10
        except ClosedError:
            done.append("refused")
        else:
            done.append("it came first")

    threads = [threading.Thread(target=work) for work in (close, write, write)]
    with store.update():
        d[2] = 20
        for thread in threads:
            thread.start()
            assert began.acquire(timeout=60)
            time.sleep(pause)  # it waits now, behind those before it
        assert done == []
    for thread in threads:
        thread.join(60)
    with pytest.raises(ClosedError):
        len(d)
    return done


def test_who_waits_for_its_turn_behind_a_thread_that_closes_the_store_is_told_so():
    assert any(close_before_two_writers(pause) == ["refused", "refused"] for pause in PAUSES)


def test_mkdir_with_exist_ok_gives_what_another_thread_made_while_it_waited_for_its_turn():
    store, d, derived = make()
    asked, given = threading.Event(), []

    def other():
        asked.set()
        given.append(store.mkdir("/new/", {1: 1}, exist_ok=True))

    thread = threading.Thread(target=other, daemon=True)
    with store.update():
        store.mkdir("/new/", {2: 2})
        thread.start()
        assert asked.wait(60)
        time.sleep(0.05)
    thread.join(60)
    assert [dict(new) for new in given] == [{2: 2}]


@pytest.mark.parametrize("timeout", [0, 0.001, 0.06])
def test_update_with_a_timeout_raises_when_the_turn_does_not_come(timeout):
    store, d, derived = make()

    def other():
        with store.update(timeout=timeout):
            d[1] = 99

    with store.update():
        assert type(in_thread(other)) is TimeoutError
        d[2] = 20
    assert d == {1: 1, 2: 20}
    assert in_thread(other) is None
    assert d == {1: 99, 2: 20}


def test_a_transaction_is_of_no_use_to_another_thread():
    store, d, derived = make()
    with store.update() as tx:
        d[1] = 10
        for use in (tx.cascade, tx.rollback, lambda: tx.__exit__(None, None, None)):
            assert type(in_thread(use)) is TransactionError
    assert derived == {1: 20, 2: 4}


# ---- tasks of asyncio


def test_another_task_of_the_thread_reads_the_last_commit_and_its_write_is_a_transaction_error():
    store, d, derived = make()
    before = contents(store), repr(store), store.tick, counts(store)

    async def main():
        opened, tried = asyncio.Event(), asyncio.Event()

        async def first():
            with store.update() as tx:
                d[1] = 10
                store.mkdir("/secret/")
                tx.cascade()
                opened.set()
                await tried.wait()
                assert d == {1: 10, 2: 2} and derived == {1: 20, 2: 4} and "/secret/" in store
                return tx

        async def second():
            await opened.wait()
            try:
                assert (contents(store), repr(store), store.tick, counts(store)) == before
                with pytest.raises(DirNotFoundError) as caught:
                    store["/secrets/"]
                assert "/secret/" not in str(caught.value)
                for write in (
                    lambda: d.__setitem__(1, 99),
                    lambda: store.mkdir("/mine/"),
                    lambda: d.map("/mine/", lambda key, values: [(key, 1)]),
                    lambda: store.update().__enter__(),
                    lambda: store.update(timeout=60).__enter__(),
                ):
                    with pytest.raises(TransactionError, match="another task"):
                        write()
            finally:
                tried.set()

        tx, _ = await asyncio.wait_for(asyncio.gather(first(), second()), 60)
        return tx

    assert asyncio.run(main()).result.tick == store.tick
    assert d == {1: 10, 2: 2} and derived == {1: 20, 2: 4}
    d[1] = 11
    assert derived == {1: 22, 2: 4}


def test_tasks_that_do_not_overlap_have_each_a_transaction():
    store, d, derived = make()

    async def add(n):
        await asyncio.sleep(0)
        with store.update():
            d[n] = n
        await asyncio.sleep(0)
        d[n] += 1

    async def main():
        await asyncio.gather(*(add(n) for n in range(10, 20)))

    asyncio.run(main())
    assert d == {1: 1, 2: 2, **{n: n + 1 for n in range(10, 20)}}


# ---- waiting for a commit


def test_a_thread_that_waits_is_told_of_what_another_commits():
    store, d, derived = make()
    told, ready = [], threading.Event()

    def listen():
        with derived.cursor(since=store.tick) as cursor:
            ready.set()
            for changes in cursor:
                told.append(dict(changes.entries))
                if 9 in changes.entries:
                    return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert ready.wait(60)
    for n in range(3, 10):
        d[n] = n
    thread.join(60)
    assert not thread.is_alive(), "it was not woken"
    assert {key: values for entries in told for key, values in entries.items()} == {
        n: (2 * n,) for n in range(3, 10)
    }


@pytest.mark.parametrize("end", ["cursor", "store"])
def test_closing_ends_the_wait_of_another_thread(end):
    store, d, derived = make()
    cursor = d.cursor(since=store.tick)
    outcome = []
    thread = threading.Thread(target=lambda: outcome.append(list(cursor)), daemon=True)
    thread.start()
    time.sleep(0.05)
    (cursor if end == "cursor" else store).close()
    thread.join(60)
    assert outcome == [[]]
    with pytest.raises(ClosedError):
        cursor.poll()


def test_a_wait_in_a_transaction_is_refused_and_one_of_another_thread_goes_on_while_it_is_open():
    store, d, derived = make()
    with d.cursor(since=store.tick) as cursor:
        with store.update():
            d[1] = 10
            with pytest.raises(TransactionError):
                cursor.wait(timeout=0)
            assert in_thread(lambda: cursor.wait(timeout=0.01)) is None
        assert dict(in_thread(lambda: cursor.wait(timeout=0.01)).entries) == {1: (10,)}


@pytest.mark.parametrize("what", ["a commit", "its turn"])
def test_a_thread_that_waits_takes_no_processor_time(what):
    store, d, derived = make()

    def wait():
        begin, spent = time.monotonic(), time.thread_time()
        if what == "a commit":
            with d.cursor(since=store.tick) as cursor:
                assert cursor.wait(timeout=0.5) is None
        else:
            with pytest.raises(TimeoutError):
                store.update(timeout=0.5).__enter__()
        return (time.thread_time() - spent) / (time.monotonic() - begin)

    with store.update():
        # What it takes at the beginning and at the end is thousands of times less than what spinning would.
        assert in_thread(wait) < 0.2


@pytest.mark.parametrize("what", ["a commit", "its turn"])
def test_an_interrupt_ends_the_wait_of_the_main_thread_and_leaves_nothing_of_it(what):
    store, d, derived = make()
    opened, leave = threading.Event(), threading.Event()

    def hold():
        with store.update():
            d[1] = 10
            opened.set()
            assert leave.wait(60)

    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    assert opened.wait(60)
    timer = threading.Timer(0.1, _thread.interrupt_main)
    timer.start()
    with d.cursor(since=store.tick) as cursor:
        with pytest.raises(KeyboardInterrupt):
            if what == "a commit":
                cursor.wait(timeout=60)
            else:
                d[2] = 20
        timer.join()
        leave.set()
        holder.join(60)
        assert dict(cursor.poll().entries) == {1: (10,)}
    d[2] = 21
    assert d == {1: 10, 2: 21}


# ---- snapshots and iterators


def test_a_snapshot_is_of_use_to_any_thread_and_stays_as_it_is():
    store, d, derived = make()
    with store.snapshot() as snapshot:
        before = contents(snapshot)
        with store.update():
            d[1] = 10
            store.mkdir("/new/")
            assert in_thread(lambda: contents(snapshot)) == before
        store.remove_dir("/new/")
        d.clear()
        assert in_thread(lambda: contents(snapshot)) == before
        in_thread(snapshot.close)
        with pytest.raises(ClosedError):
            snapshot["/d/"]
    assert store.stats().snapshots == 0


def test_who_steps_an_iterator_while_another_thread_does_waits_for_that():
    stepped = Stepped()
    got = []
    other = threading.Thread(target=got.extend, args=(stepped.steps,), daemon=True)
    other.start()
    other.join(0.1)
    assert other.is_alive()
    stepped.end()
    other.join(60)
    assert sorted(stepped.got + got) == list(range(3_000))


def test_an_interrupt_ends_the_wait_for_another_threads_step_of_an_iterator():
    stepped = Stepped()
    timer = threading.Timer(0.1, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        next(stepped.steps)
    timer.join()
    stepped.end()
    assert sorted(stepped.got) == list(range(3_000))


@pytest.mark.parametrize("iterate", [iter, lambda d: d.entries(), lambda d: iter(d.store)])
def test_threads_that_share_an_iterator_get_each_step_once(iterate):
    store = Store()
    d = store.mkdir("/d/", {n: n for n in range(20_000)})
    with store.update():
        for n in range(1_000):
            store.mkdir(f"/{n}/")
    expected = list(iterate(d))
    shared, got = iterate(d), [[] for _ in range(4)]
    threads = [threading.Thread(target=each.extend, args=(shared,), daemon=True) for each in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted((step for each in got for step in each), key=str) == sorted(expected, key=str)


@pytest.mark.parametrize("iterate", [iter, lambda d: d.entries(), lambda d: d.between(0, ...)])
def test_an_iterator_goes_on_over_its_version_while_other_threads_write_and_in_other_threads(iterate):
    store = Store()
    d = store.mkdir("/d/", {n: n for n in range(1000)})
    expected = list(iterate(d))
    iterator = iterate(d)
    given = [next(iterator) for _ in range(10)]
    in_thread(d.clear)
    given += in_thread(lambda: [next(iterator) for _ in range(10)])
    in_thread(lambda: store.remove_dir("/d/"))
    assert given + list(iterator) == expected


# ---- long calls


def test_small_transactions_let_other_threads_have_their_turns():
    """Each locks the store for a moment: nobody is to be kept from the interpreter by how many there were."""
    d = Store(capacity=1 << 33).mkdir("/d/")
    turns, over = [], threading.Event()

    def nap():
        while not over.is_set():
            time.sleep(0.001)
            turns.append(1)

    with meanwhile(nap, over):
        for block in range(20_000):
            with d.store.update():
                for n in range(100):
                    d[n] = block
            if len(turns) >= 10:
                break
    assert len(turns) >= 10


def turns_during(call):
    """How often another thread has its turn while the call goes on."""
    store = Store()
    rows = dict.fromkeys(range(200_000), 1)
    d = store.mkdir("/d/", rows)
    cursor = d.cursor(since=store.tick)
    if call == "purge":
        d.clear()
    else:
        cursor.close()
    work = {
        "clear": d.clear,
        "purge": cursor.close,
        "slice": lambda: d.slice("/slice/", 0, ...),
        "update": lambda: d.update(dict.fromkeys(rows, 2)),
    }[call]
    turns, working, enough = [], threading.Event(), threading.Event()

    def run():
        last = time.perf_counter()
        while not enough.is_set():
            now = time.perf_counter()
            # Who was not there for so long waited for the GIL, where there is one, and has it now.
            if working.is_set() and (now - last > 0.0005 or not HAS_GIL):
                turns.append(now)
            last = now

    with meanwhile(run, enough, interval=1e-4):
        working.set()
        work()
        working.clear()
    store.close()
    return len(turns)


@pytest.mark.parametrize("call", ["clear", "purge", "slice", "update"])
def test_a_long_call_that_runs_no_python_lets_other_threads_run(call):
    # One more may come when the call begins, and when it ends. On a machine that is busy with other processes
    # the thread may miss its turns, so there are several tries: without a breath none has more.
    assert any(turns_during(call) > 4 for _ in range(5))


def test_who_wants_the_store_while_a_long_call_lets_others_run_waits_until_it_is_done():
    store = Store()
    d = store.mkdir("/d/", dict.fromkeys(range(200_000), 1))
    cursor = d.cursor(since=store.tick)
    d.clear()
    seen, over = set(), threading.Event()

    def look():
        while not over.is_set():
            seen.add(store.stats().key_tombstones)

    with meanwhile(look, over, interval=1e-4):
        cursor.close()
    # Half a purge is never seen.
    assert seen <= {200_000, 0}
    assert store.stats().key_tombstones == 0
