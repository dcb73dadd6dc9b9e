"""Exceptions in every place where the user's code, or what it asks for, may fail; one in each round."""

from livedirs import DirName
from ways._way import way


class Failing(Exception):
    """Raised on purpose."""


def fail(*args):
    raise Failing


def fail_at(bad):
    """A function of anything that fails for one key or value."""

    def fn(first, *rest):
        if first == bad or bad in rest:
            raise Failing
        return first

    return fn


class Unequal:
    """A value that can't be compared."""

    def __eq__(self, other):
        raise Failing

    __hash__ = None


class FailingReducer:
    """A reducer that fails for -1, to add and to remove it."""

    initial = 0

    def add(self, acc, value):
        if value == -1:
            raise Failing
        return acc + value

    def remove(self, acc, value):
        if value == -2:
            raise Failing
        return acc - value


def some_pairs():
    yield 7, 7
    raise Failing


class Interrupt(BaseException):
    """As an interrupt is: no Exception."""


def places(store):
    """Each of them: something that fails, and leaves the store as it was."""
    d = store.mkdir("/d/", {1: 1, 2: 2})
    unequal = store.mkdir("/unequal/", {1: Unequal()})
    mapped = store.mkdir("/mapped/", {1: 1})
    store.mkdir("/hooked/", on_delete=fail)
    d.reduce("/reduced/", FailingReducer())
    d.group_by("/grouped/", fail_at("group"))
    d.filter("/filtered/", fail_at("filter"))

    def make(key, values):
        store.mkdir(DirName("/made/") / key, {1: 1})
        if values[0] == "fail":
            raise Failing
        if values[0] == "interrupt":
            raise Interrupt
        if values[0] == "bad key":
            return [([], 1)]
        if values[0] == "bad name":
            store.mkdir("bad")
        if values[0] == "collision":
            store.mkdir("/d/")
        if values[0] == "write":
            d[1] = 5
        return [(key, d.get(key))]

    mapped.map("/maker/", make)
    lazy = store.lazy("/lazy/", lambda self, key: fail() if key == -1 else self[key])

    def in_a_block(n):
        with store.update():
            d[n + 2] = n
            store.mkdir("/new/")
            raise Failing

    def an_interrupt_in_a_block(n):
        with store.update() as tx:
            mapped[n + 2] = n
            tx.cascade()
            raise Interrupt

    def runs_for_ever(n):
        with store.update():
            e = store.mkdir("/e/", {1: 1})
            e.map("/loop/", lambda key, values: [(1, store["/loop/"].get(1, 0) + 1)])

    def a_removal_that_fails(n):
        with store.update():
            d.update({n + 2: -2})
            d.map_reduce("/again/", lambda key, values: [(0, values[0])], FailingReducer())
            del d[n + 2]

    return [
        in_a_block,
        an_interrupt_in_a_block,
        runs_for_ever,
        a_removal_that_fails,
        lambda n: store.mkdir("/new/", on_create=fail),
        lambda n: store.remove_dir("/hooked/"),
        lambda n: d.update({n + 2: -1}),
        lambda n: d.update({n + 2: "group"}),
        lambda n: d.update({n + 2: "filter"}),
        lambda n: mapped.update({n + 2: "fail"}),
        lambda n: mapped.update({n + 2: "interrupt"}),
        lambda n: mapped.update({n + 2: "bad key"}),
        lambda n: mapped.update({n + 2: "bad name"}),
        lambda n: mapped.update({n + 2: "collision"}),
        lambda n: mapped.update({n + 2: "write"}),
        lambda n: unequal.update({1: Unequal()}),
        lambda n: lazy[-1],
        lambda n: lazy[n],
        lambda n: d.map("/new/", fail),
        lambda n: d.map_reduce("/new/", lambda key, values: [(key, -1)], FailingReducer()),
        lambda n: d.update(some_pairs()),
        lambda n: store.mkdir("/new/", some_pairs()),
        lambda n: store.mkdir("/new/", {n: 1, float("nan"): 1}),
        lambda n: store.mkdir("/d/"),
        lambda n: store.mkdir("new"),
        lambda n: store[f"/absent-{n}/"],
        lambda n: store.remove_dir("/d/"),
        lambda n: store["/filtered/"].clear(),
        lambda n: d[f"absent {n}, and a long text at that"],
        lambda n: d[[n]],
        lambda n: d.changes(store.tick + 1),
        lambda n: store["/made/1/"].store.remove_dir("/made/1/"),
    ]


@way(max_rounds=20)
def exceptions_in_every_place(store):
    places_of_store = places(store)

    def a_round(n):
        at = places_of_store[n % len(places_of_store)]
        try:
            at(n)
        except (Exception, Interrupt):
            return
        raise AssertionError(f"{at} did not fail")

    return a_round


@way
def exceptions_in_callbacks(store):
    d = store.mkdir("/d/", {1: 1})

    def a_round(n):
        with d.subscribe(fail):
            with store.update():
                store.on_commit(fail)
                d[1] = n

    return a_round
