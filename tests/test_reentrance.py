"""Code that the store calls and that uses the store: it is refused or answered; no hang and no crash."""

import asyncio
import logging
import subprocess
import sys
import textwrap
from functools import partial

import pytest

from livedirs import Reducer, Store, TransactionError
from support import contents, unchanged


def survives(code, *args):
    """The code, in a Python of its own, comes to its last line: no deadlock, no crash."""
    command = [sys.executable, "-c", textwrap.dedent(code) + "\nprint('came to the end')", *map(str, args)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        pytest.fail("it hangs")
    assert done.returncode == 0, f"it ended with {done.returncode}:\n{done.stderr[-3000:]}"
    assert done.stdout.strip().endswith("came to the end")
    assert done.stderr == ""


# ---- destructors

CYCLES = """
    import asyncio, gc, sys
    from livedirs import Store

    store = Store()
    d = store.mkdir("/d/", {1: 1, 2: 2})
    derived = d.map("/m/", lambda key, values: [(key, values[0])])
    seen = set()

    class Cycle:
        def __init__(self):
            self.me = self

        def __del__(self):
            seen.add((d[2], derived[2], len(d), "/m/" in store, store.get("/x/"), tuple(d.keys())))

    def use(n):
        with store.update() as tx:
            d[1] = n
            Cycle()
            d[1], d.get(1), len(d), list(d.entries())
            Cycle()
            tx.cascade()
            repr(store), store.stats(), store.tree(), list(store)
            Cycle()
        with store.snapshot() as snapshot:
            Cycle()
            list(snapshot["/d/"].items())
"""


@pytest.mark.parametrize("threshold", [1, 2, 3, 7])
def test_a_destructor_run_by_the_cycle_collector_may_read_the_store(threshold):
    survives(
        CYCLES
        + """
    gc.set_threshold(int(sys.argv[1]), 0, 0)  # without a GIL, any other second waits for many objects
    for n in range(150):
        filling = [[] for _ in range(n % 7)]
        use(n)
    gc.set_threshold(0)
    assert derived == {1: 149, 2: 2}
    assert seen == {(2, 2, 2, True, None, (1, 2))}, seen
        """,
        threshold,
    )


@pytest.mark.parametrize("threshold", [1, 2, 3, 7])
def test_a_destructor_may_read_the_store_in_the_block_of_a_task_too(threshold):
    survives(
        CYCLES
        + """
    async def main():
        for n in range(150):
            filling = [[] for _ in range(n % 7)]
            use(n)
            await asyncio.sleep(0)

    gc.set_threshold(int(sys.argv[1]), 0, 0)  # without a GIL, any other second waits for many objects
    asyncio.run(main())
    gc.set_threshold(0)
    assert derived == {1: 149, 2: 2}
    assert seen == {(2, 2, 2, True, None, (1, 2))}, seen
        """,
        threshold,
    )


@pytest.mark.parametrize("begin", ["d.entries()", "iter(d)", "iter(d.items())", "d.between(0, ...)"])
def test_a_destructor_may_step_the_iterator_whose_step_freed_it(begin):
    survives(
        """
        import sys
        from livedirs import Store

        store = Store()
        steps = []
        stepped = 0

        class Value:
            def __del__(self):
                global stepped
                if steps:
                    stepped += 1
                    try:
                        next(steps[0], None)
                    except ValueError as error:
                        assert "already being stepped" in str(error)

        d = store.mkdir("/d/", {n: Value() for n in range(100)})
        steps.append(eval(sys.argv[1]))
        d.clear()
        for row in steps[0]:
            del row
        assert stepped <= 100
        steps.clear()
        assert list(store["/d/"]) == []
        """,
        begin,
    )


# ---- comparison


def test_mappers_that_hold_tuples_nested_very_deep_can_be_compared():
    survives(
        """
        from livedirs import Store

        store = Store()
        d, e = store.mkdir("/d/", {1: 1}), store.mkdir("/e/", {1: 1})

        def deep():
            nested = ()
            for _ in range(200_000):
                nested = (nested,)
            return nested

        def fn(key, values):
            held = deep()
            e.map("/by-default/", lambda key, values, held=held: [(key, 1)])
            e.map("/by-closure/", lambda key, values: [(key, held is None)])
            return [(key, values[0])]

        m = d.map("/m/", fn)
        d[1] = 2
        assert m == {1: 2} and store["/by-default/"] == {1: 1} and store["/by-closure/"] == {1: False}
        """
    )


@pytest.mark.parametrize("change", ["held[len(held)] = 1", "del held[0]"])
@pytest.mark.parametrize("kind", ["dict", "list"])
def test_mappers_whose_comparison_changes_what_they_hold_can_be_compared(kind, change):
    if kind == "list":
        change = change.replace("held[len(held)] = 1", "held.append(1)")
    survives(
        f"""
        import threading
        from livedirs import Store

        class Changing:
            def __eq__(self, other):
                for held in both:
                    if len(held) > 1:
                        {change}
                return True
            __hash__ = None

        parts = [[Changing() for _ in range(3)] for _ in range(2)]
        both = [list(of) if {kind!r} == "list" else dict(enumerate(of)) for of in parts]
        store = Store()
        d, e = store.mkdir("/d/", {{1: 1}}), store.mkdir("/e/", {{1: 1}})

        def holding(held):
            return lambda key, values: [(key, len(held) > 0)]

        def maker(key, values):
            d.map("/made/", holding(both[values[0] % 2]), shared=True)
            return [(key, values[0])]

        e.map("/maker/", maker)
        for n in (2, 3):
            e[1] = n
        assert store["/made/"] == {{1: True}} and store["/maker/"] == {{1: 3}}
        with store.update(timeout=1):
            pass
        """
    )


def uses(store, d, tx=None):
    """Ways to use the store, to be refused each."""
    return {
        "d[]": lambda: d[1],
        "d[]=": lambda: d.__setitem__(1, 5),
        "len(d)": lambda: len(d),
        "iter(d)": lambda: list(d),
        "store[]": lambda: store["/d/"],
        "mkdir": lambda: store.mkdir("/new/"),
        "names": lambda: list(store),
        "tick": lambda: store.tick,
        "stats": lambda: store.stats(),
        "tree": lambda: store.tree(),
        "update": lambda: store.update().__enter__(),
    }


USES = list(uses(None, None))


@pytest.mark.parametrize("use", USES)
def test_equality_of_a_value_may_not_use_the_store(use):
    store = Store()
    caught = []

    class Asking:
        def __eq__(self, other):
            with pytest.raises(TransactionError):
                uses(store, d)[use]()
            caught.append(use)
            return True

    d = store.mkdir("/d/", {1: Asking()})
    m = d.map("/m/", lambda key, values: [(key, Asking())])
    first = d[1], m[1]
    d[1] = Asking()
    with store.update():
        d[1] = Asking()
        d[2] = 2
    assert len(caught) >= 2
    assert (d[1], m[1])[0] is first[0] and 2 in d


@pytest.mark.parametrize("use", USES)
def test_equality_of_a_value_that_lets_the_refusal_pass_fails_the_write(use):
    store = Store()

    class Asking:
        def __eq__(self, other):
            uses(store, d)[use]()
            return True

    d = store.mkdir("/d/", {1: Asking()})
    with unchanged(store), pytest.raises(TransactionError):
        d[1] = Asking()


@pytest.mark.parametrize("levels", [1, 4, 5, 40])
def test_a_value_deep_within_containers_may_be_compared_by_code_that_uses_the_store(levels):
    survives(
        """
        import sys
        from livedirs import Store, TransactionError

        class Asking:
            def __init__(self, n):
                self.n = n
            def __eq__(self, other):
                try:
                    d[1]
                except TransactionError:
                    return self.n == other.n

        def nested(value):
            for _ in range(int(sys.argv[1])):
                value = [(value,)]
            return value

        store = Store()
        first, second = nested(Asking(1)), nested(Asking(2))
        d = store.mkdir("/d/", {1: first})
        d[1] = nested(Asking(1))
        assert d[1] is first
        d[1] = second
        assert d[1] is second
        """,
        levels,
    )


class Asking(Reducer):
    """A sum that uses the store in one of its methods."""

    initial = 0

    def __init__(self, method, use):
        self.method, self.use, self.armed = method, use, False

    def ask(self, method):
        if self.armed and method == self.method:
            self.use()

    def add(self, acc, value):
        self.ask("add")
        return acc + value

    def remove(self, acc, value):
        self.ask("remove")
        return acc - value

    def result(self, acc):
        self.ask("result")
        return acc


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("method", ["add", "remove", "result"])
def test_a_reducer_may_not_use_the_store(method, use):
    store = Store()
    d = store.mkdir("/d/", {1: 1, 2: 2})
    reducer = Asking(method, uses(store, d)[use])
    total = d.map_reduce("/total/", lambda key, values: [(None, values[0])], reducer)
    reducer.armed = True
    with unchanged(store), pytest.raises(TransactionError):
        d[1] = 10
    with unchanged(store), pytest.raises(TransactionError), store.update():
        d[1] = 10
    reducer.armed = False
    d[1] = 10
    assert total == {None: 12}


# ---- mappers


def test_a_mapper_may_not_leave_the_block_of_the_transaction_that_it_runs_in():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    open_now, refused = [], []

    def fn(key, values):
        for tx in open_now:
            for use in (partial(tx.__exit__, None, None, None), tx.cascade, tx.rollback, tx.__enter__):
                with pytest.raises(TransactionError):
                    use()
                refused.append(key)
        return [(key, values[0])]

    m = d.map("/m/", fn)
    with store.update() as tx:
        open_now.append(tx)
        d[1] = 2
        assert tx.cascade() is True
        d[1] = 3
    assert tx.result.tick == store.tick
    assert refused == [1] * 8
    assert m == {1: 3}


def test_a_mapper_that_leaves_the_block_of_a_transaction_fails_it():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    open_now = []
    d.map("/m/", lambda key, values: [tx.__exit__(None, None, None) for tx in open_now] and None)
    with unchanged(store), pytest.raises(TransactionError) as caught, store.update() as tx:
        open_now.append(tx)
        d[1] = 2
    assert "/m/" in caught.value.__notes__[0]
    assert tx.result is None


# ---- callbacks of a commit


class Interrupt(BaseException): ...


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, Interrupt, asyncio.CancelledError])
def test_what_is_no_exception_leaves_the_block_from_a_callback_and_the_commit_stands(kind):
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    m = d.map("/m/", lambda key, values: [(key, values[0] * 2)])
    tick, error, called = store.tick, kind(), []

    def interrupt():
        raise error

    with pytest.raises(kind) as caught, store.update():
        store.on_commit(interrupt)
        d[1] = 2
    assert caught.value is error
    assert store.tick == tick + 1
    assert d == {1: 2} and m == {1: 4}
    with store.update():
        store.on_commit(lambda: called.append(store.tick))
        d[1] = 3
    assert called == [store.tick] and m == {1: 6}


def test_an_interrupt_in_a_callback_leaves_the_block_when_all_have_been_called(monkeypatch):
    store, called, lost = Store(), [], []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: lost.append(what.exc_value))
    first, second = KeyboardInterrupt("first"), SystemExit("second")

    def interrupt(error):
        called.append(tx.result.tick)
        raise error

    tx = store.update()
    with pytest.raises(KeyboardInterrupt) as caught, tx:
        store.on_commit(lambda: interrupt(first))
        store.on_commit(lambda: interrupt(second))
        store.on_commit(lambda: called.append("last"))
    assert caught.value is first and lost == [second]
    assert called == [store.tick, store.tick, "last"] and tx.result.tick == store.tick


def test_an_exception_of_a_callback_is_logged_and_the_later_ones_run(caplog):
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    called = []

    def fail():
        called.append("fail")
        raise ValueError("of the callback")

    with caplog.at_level(logging.ERROR, logger="livedirs"), store.update() as tx:
        store.on_commit(lambda: called.append("before"))
        store.on_commit(fail)
        store.on_commit(lambda: called.append("after"))
        d[1] = 2
    assert called == ["before", "fail", "after"]
    assert tx.result.tick == store.tick and d == {1: 2}
    (record,) = caplog.records
    assert record.name == "livedirs" and record.levelno == logging.ERROR
    assert isinstance(record.exc_info[1], ValueError) and "fail" in record.getMessage()


def test_what_logging_raises_in_turn_is_reported_as_unraisable_and_the_later_callbacks_run(monkeypatch):
    store = Store()
    called, lost = [], []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: lost.append(what.exc_value))

    class Refusing(logging.Filter):
        def filter(self, record):
            raise OSError("of the log")

    monkeypatch.setattr(logging.getLogger("livedirs"), "filters", [Refusing()])
    with store.update():
        store.on_commit(lambda: 1 / 0)
        store.on_commit(lambda: called.append("after"))
        store.mkdir("/d/")
    assert called == ["after"] and "/d/" in store
    assert [str(error) for error in lost] == ["of the log"]


def test_a_callback_reads_the_commit_and_may_write():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    seen = []

    def write():
        seen.append(contents(store))
        d[2] = 2

    with store.update():
        store.on_commit(write)
        d[1] = 10
    assert seen == [{"/d/": [(1, (10,))]}]
    assert d == {1: 10, 2: 2}


def test_what_reads_in_a_destructor_need_is_loaded_with_the_package():
    # While a module is loaded a collection may run a destructor, which would find half of it.
    code = """if True:
    import sys
    from livedirs import Store
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    known = set(sys.modules)
    d.keys(), d.values(), d.items(), list(d.entries()), repr(d), repr(d.changes(1)), d.get(2)
    d == {1: 1}, list(d), store.tree()
    print(sorted(name for name in set(sys.modules) - known if name.startswith("livedirs")))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
