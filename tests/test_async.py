"""asyncio: `async with` waits for its turn, `async for` for a commit; neither blocks the event loop."""

import asyncio
import contextlib
import gc
import sys
import threading

import pytest

from livedirs import Store, TransactionError
from support import contents, in_thread


class Stop(Exception): ...


def run(main):
    """Runs it, and fails if it takes far too long."""
    return asyncio.run(asyncio.wait_for(main, 60))


async def turn_of_the_loop(times=5):
    for _ in range(times):
        await asyncio.sleep(0)


@pytest.fixture
def store():
    with Store() as store:
        yield store


@pytest.fixture
def d(store):
    return store.mkdir("/d/", {1: 1, 2: 2})


async def hold(store, opened, leave):
    """Has a transaction open until it is told to leave it."""
    async with store.update():
        opened.set()
        await leave.wait()


# ---- async with: whose turn it is


def test_tasks_get_their_turns_in_the_order_in_which_they_asked(store, d):
    order = []

    async def task(n):
        async with store.update():
            order.append(n)
            await turn_of_the_loop()
            d["last"] = n
            assert order[-1] == n, "two transactions at once"

    async def main():
        await asyncio.gather(*(task(n) for n in range(20)))

    run(main())
    assert order == list(range(20))
    assert d["last"] == 19


def test_a_task_that_was_woken_and_came_too_late_stands_first_again(store, d):
    order = []

    async def ask(name):
        async with store.update():
            order.append(name)

    async def main():
        async with store.update():
            waiting = [asyncio.create_task(ask(name)) for name in "ab"]
            await turn_of_the_loop()
        # The first of them is told, and runs when this task waits next: which has the turn again until then.
        async with store.update():
            await turn_of_the_loop()
            assert order == []
        await asyncio.gather(*waiting)

    run(main())
    assert order == ["a", "b"]


def test_tasks_and_threads_wait_in_one_queue(store, d):
    order = []

    def thread(n):
        with store.update():
            order.append(n)

    async def task(n):
        async with store.update():
            order.append(n)

    async def main():
        opened, leave = asyncio.Event(), asyncio.Event()
        holder = asyncio.create_task(hold(store, opened, leave))
        await opened.wait()
        waiting = []
        for n in range(6):
            if n % 2:
                waiting.append(asyncio.create_task(task(n)))
                await turn_of_the_loop()
            else:
                waiting.append(asyncio.create_task(asyncio.to_thread(thread, n)))
                await asyncio.sleep(0.05)  # it is in the queue by then, or a little later
        leave.set()
        await asyncio.gather(holder, *waiting)

    run(main())
    assert sorted(order) == list(range(6))


@pytest.mark.parametrize("timeout", [0, 0.001, 0.05])
def test_async_with_raises_timeout_error_when_the_turn_does_not_come(store, d, timeout):
    async def main():
        opened, leave = asyncio.Event(), asyncio.Event()
        holder = asyncio.create_task(hold(store, opened, leave))
        await opened.wait()
        with pytest.raises(TimeoutError):
            async with store.update(timeout=timeout):
                pytest.fail("it is not its turn")
        leave.set()
        await holder
        async with store.update(timeout=timeout):
            d[1] = 10

    run(main())
    assert d == {1: 10, 2: 2}


def test_a_task_whose_time_is_out_passes_its_turn_on(store, d):
    async def main():
        opened, leave = asyncio.Event(), asyncio.Event()
        holder = asyncio.create_task(hold(store, opened, leave))
        await opened.wait()

        async def write():
            async with store.update():
                d[3] = 3

        with pytest.raises(TimeoutError):
            async with store.update(timeout=0.01):
                pytest.fail("it is not its turn")
        waiting = asyncio.create_task(write())
        await turn_of_the_loop()
        leave.set()
        await asyncio.gather(holder, waiting)

    run(main())
    assert d == {1: 1, 2: 2, 3: 3}


@pytest.mark.parametrize("woken", [False, True], ids=["before its turn", "when its turn has come"])
def test_a_task_that_is_cancelled_while_it_waits_passes_its_turn_on(store, d, woken):
    async def main():
        opened, leave = asyncio.Event(), asyncio.Event()
        holder = asyncio.create_task(hold(store, opened, leave))
        await opened.wait()
        cancelled = asyncio.create_task(hold(store, asyncio.Event(), asyncio.Event()))
        await turn_of_the_loop()

        async def write():
            async with store.update():
                d[3] = 3

        waiting = asyncio.create_task(write())
        await turn_of_the_loop()
        leave.set()
        if woken:
            while not holder.done():
                await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        await asyncio.gather(holder, waiting)

    run(main())
    assert d == {1: 1, 2: 2, 3: 3}


def test_a_thread_behind_a_task_whose_event_loop_is_closed_gets_its_turn(store, d):
    done = threading.Event()

    def write():
        d[3] = 3
        done.set()

    loop = asyncio.new_event_loop()
    with store.update():
        # On a thread of its own: this thread's transaction would be its own too.
        waiting = ask_on_a_thread(loop, store)
        loop.close()
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        thread.join(0.1)
    assert done.wait(60), "the turn went to a task that can't take it"
    assert d[3] == 3
    waiting.close()


def ask_on_a_thread(loop, store):
    """A coroutine that waits for its turn in this event loop, which does not run."""
    started = []

    def run():
        async def ask():
            async with store.update():
                pytest.fail("its event loop is closed")

        waiting = ask()
        started.append(waiting)

        async def step():
            waiting.send(None)

        loop.run_until_complete(step())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    return started[0]


# ---- async with: whose transaction it is


def test_another_task_reads_the_last_commit_and_may_not_write_outside_a_block(store, d):
    async def main():
        before = contents(store)
        async with store.update():
            d[1] = 10

            async def other():
                assert contents(store) == before
                with pytest.raises(TransactionError, match="another task"):
                    d[2] = 20
                with pytest.raises(TransactionError, match="another task"):
                    store.update().__enter__()

            await asyncio.create_task(other())
            assert d[1] == 10
        assert d == {1: 10, 2: 2}

    run(main())


def test_a_merge_is_refused_at_once_where_a_task_holds_the_one_side_and_a_thread_the_other(store, d):
    fork = store.fork()
    holds, leaves, waited = threading.Event(), threading.Event(), []

    def hold_the_fork():
        with fork.update():
            holds.set()
            waited.append(leaves.wait(10))

    async def main():
        opened, leave = asyncio.Event(), asyncio.Event()
        holder = asyncio.create_task(hold(store, opened, leave))
        await opened.wait()
        with pytest.raises(TransactionError, match="another task"):
            fork.merge()
        leaves.set()
        leave.set()
        await holder

    thread = threading.Thread(target=hold_the_fork)
    thread.start()
    assert holds.wait(60)
    run(main())
    thread.join(60)
    assert waited == [True], "it was refused before the thread left"


@pytest.mark.parametrize("held", ["store", "fork"])
def test_another_task_may_not_merge_a_fork_while_a_block_of_either_side_is_open(store, d, held):
    fork = store.fork()
    fork["/d/"][1] = 10

    async def main():
        opened, leave = asyncio.Event(), asyncio.Event()
        holder = asyncio.create_task(hold(store if held == "store" else fork, opened, leave))
        await opened.wait()
        with pytest.raises(TransactionError, match="another task"):
            fork.merge()
        leave.set()
        await holder

    run(main())
    assert d[1] == 1
    fork.merge(rebase=held == "store")
    assert d[1] == 10


@pytest.mark.parametrize("inner", ["with", "async with"])
def test_a_block_within_is_a_savepoint(store, d, inner):
    async def main():
        async with store.update() as tx:
            d[1] = 10
            with contextlib.suppress(Stop):
                if inner == "with":
                    with store.update():
                        d[2] = 20
                        raise Stop
                else:
                    async with store.update():
                        d[2] = 20
                        raise Stop
            assert d == {1: 10, 2: 2}
            with store.update():
                d[3] = 3
        return tx.result

    before = store.tick
    commit = run(main())
    assert d == {1: 10, 2: 2, 3: 3}
    assert commit.tick == store.tick == before + 1


@pytest.mark.parametrize("error", [Stop, KeyError, asyncio.CancelledError])
def test_an_exception_that_leaves_the_block_undoes_it(store, d, error):
    async def main():
        with pytest.raises(error):
            async with store.update():
                d[1] = 10
                await asyncio.sleep(0)
                raise error
        assert d == {1: 1, 2: 2}
        async with store.update():
            d[1] = 11

    tick = store.tick
    run(main())
    assert d == {1: 11, 2: 2}
    assert store.tick == tick + 1


def test_a_task_that_is_cancelled_in_its_block_undoes_it(store, d):
    async def main():
        opened = asyncio.Event()

        async def task():
            async with store.update():
                d[1] = 10
                opened.set()
                await asyncio.Event().wait()

        cancelled = asyncio.create_task(task())
        await opened.wait()
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        d[2] = 20

    run(main())
    assert d == {1: 1, 2: 20}


# ---- async for


def test_async_for_gives_each_commit_that_concerns_the_directory(store, d):
    other = store.mkdir("/other/")

    async def main():
        told = []

        async def listen():
            with d.cursor() as cursor:
                async for changes in cursor:
                    told.append((changes.reset, dict(changes.entries)))
                    if 9 in changes.entries:
                        return

        task = asyncio.create_task(listen())
        await turn_of_the_loop()
        d[3] = 3
        await turn_of_the_loop()
        other[1] = 1
        await turn_of_the_loop()
        del d[1]
        await turn_of_the_loop()
        d[9] = 9
        await task
        return told

    first = (True, {1: (1,), 2: (2,)})
    assert run(main()) == [first, (False, {3: (3,)}), (False, {1: ()}), (False, {9: (9,)})]


def test_async_for_over_the_store_tells_of_directories_that_threads_make_and_remove(store, d):
    async def main():
        told = []
        with store.cursor(since=store.tick) as cursor:
            steps = [
                lambda: store.mkdir("/new/"),
                lambda: store.remove_dir("/new/"),
                lambda: store.mkdir("/last/"),
            ]
            thread = asyncio.create_task(asyncio.to_thread(steps[0]))
            async for changes in cursor:
                told.append((sorted(changes.changed), sorted(changes.removed)))
                await thread
                if len(told) == len(steps):
                    break
                thread = asyncio.create_task(asyncio.to_thread(steps[len(told)]))
        return told

    assert run(main()) == [(["/new/"], []), ([], ["/new/"]), (["/last/"], [])]


def test_a_cancelled_wait_loses_nothing(store, d):
    async def main():
        with d.cursor(since=store.tick) as cursor:
            for n in range(20):
                waiting = asyncio.create_task(anext(aiter(cursor)))
                await turn_of_the_loop(n % 4)
                d[n] = f"{n}"
                await turn_of_the_loop(n % 3)
                waiting.cancel()
                try:
                    changes = await waiting
                except asyncio.CancelledError:
                    changes = await anext(aiter(cursor))
                assert dict(changes.entries) == {n: (f"{n}",)}
            assert cursor.poll() is None

    run(main())


def test_of_two_tasks_that_follow_one_cursor_each_change_goes_to_one(store, d):
    async def main():
        told = []

        async def listen(cursor):
            async for changes in cursor:
                told.extend(changes.entries)

        with d.cursor(since=store.tick) as cursor:
            tasks = [asyncio.create_task(listen(cursor)) for _ in range(2)]
            for n in range(10, 30):
                d[n] = n
                await turn_of_the_loop()
        await asyncio.gather(*tasks)
        return told

    assert run(main()) == list(range(10, 30))


@pytest.mark.parametrize("end", ["cursor", "store"])
@pytest.mark.parametrize("of", ["directory", "store"])
def test_closing_ends_the_iteration(store, d, end, of):
    async def main():
        cursor = (d if of == "directory" else store).cursor()

        async def listen():
            return [changes.reset async for changes in cursor]

        task = asyncio.create_task(listen())
        await turn_of_the_loop()
        await asyncio.to_thread((cursor if end == "cursor" else store).close)
        assert await task == [True]
        assert [changes async for changes in cursor] == []

    run(main())


def test_a_cursor_goes_on_in_another_event_loop_when_the_first_was_closed_in_the_middle_of_a_wait(store, d):
    cursor = d.cursor(since=store.tick)
    loop = asyncio.new_event_loop()
    waiting = anext(aiter(cursor))

    async def step():
        waiting.send(None)

    loop.run_until_complete(step())
    loop.close()
    d[3] = 3

    async def main():
        return await anext(aiter(cursor))

    assert dict(run(main()).entries) == {3: (3,)}
    waiting.close()
    cursor.close()


def test_nothing_is_left_of_a_wait_that_was_cancelled(store, d):
    async def main():
        with d.cursor(since=store.tick) as cursor:
            for _ in range(100):
                waiting = asyncio.create_task(anext(aiter(cursor)))
                await turn_of_the_loop(2)
                waiting.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await waiting
            gc.collect()
            return sum(isinstance(each, asyncio.Future) for each in gc.get_objects())

    assert run(main()) < 10


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="asyncio.current_task runs no Python code there")
def test_an_interrupt_where_asyncio_tells_the_task_makes_nobody_another_caller(store, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    a, b = store.mkdir("/a/", {1: 1}), store.mkdir("/b/", {1: 100})

    def mapper(key, values):
        with monkeypatch.context() as patched:
            patched.setattr(asyncio, "current_task", interrupted)
            return [(key, b[1] + values[0])]

    out = a.map("/out/", mapper)

    async def main():
        async with store.update():
            b[1], a[1] = 200, 2

    run(main())
    assert out == {1: 202}
    b[1] = 300
    assert out == {1: 302}


def test_a_task_that_cannot_be_woken_is_told_of_and_the_next_has_its_turn(monkeypatch):
    store = Store()
    d = store.mkdir("/d/")
    unraised, woken = [], []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: unraised.append(type(told.exc_value)))

    def fails():
        woken.append("fails")
        raise ValueError

    with store.update():
        assert in_thread(lambda: store.update()._try_enter(fails, False)) is False
        assert in_thread(lambda: store.update()._try_enter(lambda: woken.append("next"), False)) is False
        d[1] = 1
    assert set(woken[:-1]) == {"fails"} and woken[-1] == "next"
    assert set(unraised) == {ValueError}
    d[2] = 2
    assert d == {1: 1, 2: 2}
