"""How readers are driven: waiting, iterating, calling back, and the end of a cursor."""

import asyncio
import gc
import logging
import os
import sys
import threading
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from livedirs import ClosedError, Cursor, Store, TransactionError
from support import figures

PATIENCE = 30  # seconds after which a test that hangs fails


def rows(changes):
    return dict(changes.entries)


def waits(store, cursor):
    """A thread that waits for what is new, once it does."""
    began = threading.Event()

    def wait():
        began.set()
        return cursor.wait(PATIENCE)

    pool = ThreadPoolExecutor(1)
    future = pool.submit(wait)
    pool.shutdown(wait=False)
    assert began.wait(PATIENCE)
    return future


@pytest.fixture
def store():
    with Store() as store:
        yield store


@pytest.fixture
def d(store):
    return store.mkdir("/d/", {1: 1})


@pytest.fixture
def cursor(store, d):
    with d.cursor(since=store.tick) as cursor:
        yield cursor


# ---- waiting


def test_wait_answers_what_another_thread_commits(store, d, cursor):
    other = store.mkdir("/other/")
    waiting = waits(store, cursor)
    other[1] = 1
    assert not waiting.done() or waiting.result() is not None, "that does not concern it"
    d[2] = 2
    assert rows(waiting.result(PATIENCE)) == {2: (2,)}


def test_wait_answers_at_once_what_is_new_already(d, cursor):
    d[2] = 2
    assert rows(cursor.wait()) == {2: (2,)}
    assert cursor.wait(0) is None
    assert cursor.wait(0.01) is None


@pytest.mark.parametrize("closes", ["cursor", "store"])
def test_wait_ends_when_it_is_closed(store, cursor, closes):
    waiting = waits(store, cursor)
    (cursor if closes == "cursor" else store).close()
    try:
        assert waiting.result(PATIENCE) is None
    except ClosedError:
        pass  # it was closed before the thread asked
    with pytest.raises(ClosedError):
        cursor.wait()
    with pytest.raises(ClosedError):
        cursor.poll()


def test_wait_in_an_open_block_is_refused(store, d, cursor):
    with store.update():
        d[2] = 2
        with pytest.raises(TransactionError):
            cursor.wait()
        assert cursor.poll() is None, "it shows the last commit"
    assert rows(cursor.wait()) == {2: (2,)}


def test_of_threads_that_share_a_cursor_each_change_goes_to_one(d, cursor):
    heard, all_heard, number = [], threading.Event(), 200

    def follow():
        for changes in cursor:
            heard.extend(changes.entries)
            if len(heard) >= number:
                all_heard.set()

    threads = [threading.Thread(target=follow) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(number):
        d[n + 10] = n
    assert all_heard.wait(PATIENCE)
    cursor.close()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert sorted(heard) == list(range(10, number + 10))


# ---- iteration


def test_iteration_gives_what_is_new_and_ends_with_the_cursor(store, d):
    cursor = d.cursor()
    heard = []

    def follow():
        for changes in cursor:
            heard.append(rows(changes))
            if len(heard) == 1:
                first.set()
            if 9 in heard[-1]:
                last.set()

    first, last = threading.Event(), threading.Event()
    thread = threading.Thread(target=follow)
    thread.start()
    assert first.wait(PATIENCE)
    d[9] = 9
    assert last.wait(PATIENCE)
    cursor.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert heard == [{1: (1,)}, {9: (9,)}]


def test_iteration_ends_with_the_store(store, d):
    cursor = d.cursor()
    items = iter(cursor)
    assert rows(next(items)) == {1: (1,)}
    store.close()
    assert list(items) == []


def test_async_iteration_does_not_block_the_loop(store, d):
    async def main():
        heard = []

        async def follow():
            with d.cursor() as cursor:
                async for changes in cursor:
                    heard.append(rows(changes))
                    if 9 in heard[-1]:
                        return

        task = asyncio.create_task(follow())
        while not heard:
            await asyncio.sleep(0)
        await asyncio.to_thread(d.__setitem__, 9, 9)
        await asyncio.wait_for(task, PATIENCE)
        assert heard == [{1: (1,)}, {9: (9,)}]

    asyncio.run(main())


def test_async_iteration_ends_when_the_cursor_is_closed(d):
    async def main():
        cursor = d.cursor()

        async def follow():
            return [rows(changes) async for changes in cursor]

        task = asyncio.create_task(follow())
        for _ in range(5):
            await asyncio.sleep(0)
        cursor.close()
        assert await asyncio.wait_for(task, PATIENCE) == [{1: (1,)}]

    asyncio.run(main())


def test_a_cancelled_wait_loses_nothing(d, cursor):
    """Cancelled before, at, and after the commit that it waits for."""

    async def main():
        for n in range(2, 30):
            task = asyncio.create_task(anext(aiter(cursor)))
            for _ in range(n % 3):
                await asyncio.sleep(0)
            if n % 2:
                task.cancel()
            d[n] = n
            if n % 5:
                task.cancel()
            try:
                held.update(rows(await task))
            except asyncio.CancelledError:
                pass

    held = {1: (1,)}
    asyncio.run(main())
    changes = cursor.poll()
    held.update(rows(changes) if changes else {})
    assert held == dict(d.entries())


# ---- callbacks


def test_callbacks_run_in_the_order_of_registration(store, d):
    e = store.mkdir("/e/")
    order = []
    d.subscribe(lambda changes: order.append("first"))
    e.subscribe(lambda changes: order.append("second"))
    with store.update():
        store.on_commit(lambda: order.append("plain"))
        e[1] = 1
        d[2] = 2
        d.subscribe(lambda changes: order.append("third"))
        assert order == []
    assert order == ["first", "second", "plain", "third"]
    with store.update():
        store.on_commit(lambda: order.append("later"))
    assert order[4:] == ["later"], "nothing concerned the others, and on_commit is once"


def test_a_transaction_in_a_callback_commits_at_once_and_its_callbacks_queue(store, d):
    order = []

    def first(changes):
        order.append(("first", rows(changes)))
        if 2 in changes.entries:
            with store.update():
                d[3] = 3
                store.on_commit(lambda: order.append("inner"))
            assert d[3] == 3
            order.append("committed")

    d.subscribe(first)
    d.subscribe(lambda changes: order.append(("second", rows(changes))))
    d[2] = 2
    two, three = {2: (2,)}, {3: (3,)}
    assert order == [
        ("first", two), "committed", ("second", two), ("first", three), ("second", three), "inner",
    ]  # fmt: skip


def test_an_exception_in_a_callback_is_logged_and_stops_no_other(store, d, caplog):
    heard = []

    def fails(changes):
        raise RuntimeError("in a subscriber")

    d.subscribe(fails)
    d.subscribe(heard.append)
    with caplog.at_level(logging.ERROR, logger="livedirs"):
        d[2] = 2
    assert d[2] == 2
    assert [rows(changes) for changes in heard] == [{2: (2,)}]
    (record,) = caplog.records
    assert record.name == "livedirs"
    assert "in a subscriber" in str(record.exc_info[1])
    assert [frame.name for frame in traceback.extract_tb(record.exc_info[2])] == ["fails"]
    assert 'raise RuntimeError("in a subscriber")' in caplog.text


def test_a_subscription_lives_until_closed_whether_or_not_its_object_is_kept(d):
    heard, closed = [], []
    d.subscribe(heard.append)
    gc.collect()
    subscription = d.subscribe(closed.append)
    d[2] = 2
    subscription.close()
    d[3] = 3
    assert (len(heard), len(closed)) == (2, 1)


def test_a_subscription_that_is_closed_in_a_callback_hears_no_more(d):
    heard = []
    subscriptions = []
    d.subscribe(lambda changes: subscriptions[0].close())
    subscriptions.append(d.subscribe(heard.append))
    d[2] = 2
    assert heard == []


def test_no_subscriber_is_called_by_two_threads_at_once(store, d):
    inside, ticks, overlaps = [], [], []

    def subscriber(changes):
        inside.append(1)
        overlaps.append(len(inside))
        ticks.append(changes.tick)
        sum(range(200))
        inside.pop()

    d.subscribe(subscriber)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [
            threading.Thread(target=lambda i=i: [d.__setitem__(i, n) for n in range(100)]) for i in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    finally:
        sys.setswitchinterval(interval)
    assert max(overlaps) == 1
    assert ticks == sorted(ticks)
    assert len(ticks) == store.tick - 2, "each commit once"


def test_an_interrupt_in_a_callback_reaches_the_caller_and_the_rest_is_called_by_the_next(store, d):
    heard = []

    def interrupted(changes):
        if 2 in changes.entries:
            raise KeyboardInterrupt

    d.subscribe(interrupted)
    d.subscribe(lambda changes: heard.append(rows(changes)))
    with pytest.raises(KeyboardInterrupt):
        d[2] = 2
    d[3] = 3
    assert heard == [{2: (2,)}, {3: (3,)}]


# ---- the end of a cursor


def drop_one(d):
    """A cursor is dropped without being closed."""
    cursor = d.cursor()
    assert cursor.lag == 0


@pytest.mark.parametrize("how", ["plain", "cycle", "thread"])
def test_a_dropped_cursor_warns_and_pins_nothing_by_the_end_of_the_next_transaction(store, d, how):
    before = figures(store)

    def drop():
        cursor = d.cursor()
        if how == "cycle":
            cycle = [cursor]
            cycle.append(cycle)

    with pytest.warns(ResourceWarning, match="unclosed"):  # noqa: PT031
        if how == "thread":
            thread = threading.Thread(target=drop)
            thread.start()
            thread.join(PATIENCE)
        else:
            drop()
        gc.collect()
    del d[1]
    d[1] = 1
    assert figures(store) == before


def test_what_a_dropped_cursor_alone_needed_is_gone(store, d):
    cursor = d.cursor()
    since = cursor.position
    del d[1]
    assert not d.changes(since).reset
    with pytest.warns(ResourceWarning, match="unclosed"):
        del cursor
    with pytest.raises(KeyError), store.update():
        raise KeyError
    assert d.changes(since).reset
    assert store.stats().key_tombstones == 0


def test_a_cursor_that_a_lazy_function_finds_dropped_is_not_forgotten(store, d):
    """The function runs beside the store, which alone knows the cursor."""

    def fn(self, key):
        with pytest.raises(TransactionError):
            store.stats()
        return key

    lazy = store.lazy("/lazy/", fn)
    with pytest.warns(ResourceWarning, match="unclosed"):
        drop_one(d)
    del d[1]
    assert lazy[1] == 1
    stats = store.stats()
    assert (stats.cursors, stats.key_tombstones) == (0, 0)


def test_a_cursor_whose_own_end_fails_pins_nothing_after_the_next_transaction(store, d, monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", lambda what: None)
    monkeypatch.setattr(Cursor, "__del__", lambda self: 1 / 0)
    drop_one(d)
    del d[1]
    stats = store.stats()
    assert (stats.cursors, stats.key_tombstones) == (0, 0)


def test_closing_the_store_closes_its_cursors_without_a_warning():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    cursor, of_store = d.cursor(), store.cursor()
    store.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for it in (cursor, of_store):
            with pytest.raises(ClosedError):
                it.poll()
            it.close()
        del cursor, of_store, it
        gc.collect()


def test_closing_again_does_nothing(d):
    with d.cursor() as cursor:
        cursor.close()
    cursor.close()
    with pytest.raises(ClosedError):
        cursor.__enter__()
    with pytest.raises(ClosedError):
        _ = cursor.position


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork() here")
def test_a_child_process_may_drop_what_it_inherited(store, d, cursor):
    d[2] = 2
    child = os.fork()
    if child == 0:
        try:
            told = rows(cursor.poll())
            d[3] = 3
            cursor.close()
            os._exit(0 if told == {2: (2,)} and store.stats().cursors == 0 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert rows(cursor.poll()) == {2: (2,)}


def test_what_readers_are_told_is_equal_where_it_tells_the_same():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    with store.update() as tx:
        d[2] = 2
    assert tx.result == tx.result and len({tx.result, tx.result}) == 1

    def commit(*names):
        another = Store()
        with another.update() as tx:
            for name in names:
                another.mkdir(name)
        return tx.result

    # Whatever the order in which they were made.
    assert len({commit("/a/", "/b/"), commit("/b/", "/a/"), commit("/a/", "/c/")}) == 2
    assert d.changes(1) == d.changes(1) != d.changes(store.tick)
    assert store.changes(1) == store.changes(1) != store.changes(store.tick)
    assert d.changes(1) != store.changes(1) != tx.result != 1
    with pytest.raises(TypeError, match="unhashable"):
        hash(d.changes(1))
    with pytest.raises(TypeError, match="unhashable"):
        hash(store.changes(1))


def test_a_poll_in_the_middle_of_a_poll_is_told_what_the_other_is_not():
    store = Store()
    d = store.mkdir("/d/")
    told = []
    with d.cursor() as cursor:
        cursor.poll()

        def poll(phase, info):
            if not told and phase == "start":
                told.append(cursor.poll())

        d.update(dict.fromkeys(range(2_000), 1))
        gc.callbacks.append(poll)
        threshold = gc.get_threshold()
        gc.set_threshold(1)  # before Python 3.12 a collection comes in the middle of a call
        try:
            told.append(cursor.poll())
        finally:
            gc.set_threshold(*threshold)
            gc.callbacks.remove(poll)
        told.append(cursor.poll())
    assert [len(changes.entries) for changes in told if changes is not None] == [2_000]
