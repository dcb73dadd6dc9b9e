import gc
import weakref

import pytest

from livedirs import DirName, Store, Sum


class Thing:
    """A value with a life that can be watched."""

    def __init__(self, **held):
        self.__dict__.update(held)


def collected(ref):
    gc.collect()
    return ref() is None


# ---- cycles


def cycle_by_value():
    store = Store()
    thing = Thing(store=store)
    store.mkdir("/d/", {1: thing})
    return thing


def cycle_by_handle():
    store = Store()
    d = store.mkdir("/d/")
    thing = Thing(handle=d)
    d[1] = thing
    return thing


def cycle_by_mapper():
    store = Store()
    thing = Thing(store=store)
    store.mkdir("/d/", {1: 1}).map("/m/", lambda key, values: [(key, thing.store is store)])
    return thing


def cycle_by_output():
    store = Store()
    thing = Thing(store=store)
    store.mkdir("/d/", {1: 1}).map("/m/", lambda key, values: [(key, thing)])
    return thing


def cycle_by_reducer():
    store = Store()

    class Folding(Thing):
        initial = 0

        def add(self, acc, value):
            return acc + value

        def remove(self, acc, value):
            return acc - value

    thing = Folding(store=store)
    store.mkdir("/d/", {1: 1}).map_reduce("/m/", lambda key, values: [(key, values[0])], thing)
    return thing


def cycle_by_accumulator():
    store = Store()
    thing = Thing(store=store)

    class Folding:
        initial = None

        def add(self, acc, value):
            return thing

        def remove(self, acc, value):
            return None

    store.mkdir("/d/", {1: 1}).map_reduce("/m/", lambda key, values: [(key, values[0])], Folding())
    return thing


def cycle_by_of():
    store = Store()
    thing = Thing(store=store)
    store.mkdir("/d/", {1: 1}).map_reduce("/m/", lambda k, v: [(k, v[0])], Sum(lambda x: x if thing else 0))
    return thing


def cycle_by_made_directory():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    thing = Thing(store=store)
    d.map("/maker/", lambda key, values: d.map(DirName("/made/") / key, lambda k, v: [(k, thing)]) and None)
    return thing


def cycle_by_transaction():
    store = Store()
    d = store.mkdir("/d/")
    with store.update() as tx:
        thing = Thing(tx=tx)
        d[1] = thing
    return thing


CYCLES = [fn for name, fn in list(globals().items()) if name.startswith("cycle_by_")]


@pytest.mark.parametrize("make", CYCLES, ids=lambda fn: fn.__name__)
def test_a_cycle_through_a_store_is_collected(make):
    ref = weakref.ref(make())
    assert collected(ref)


@pytest.mark.parametrize("make", CYCLES, ids=lambda fn: fn.__name__)
def test_a_cycle_through_a_store_lives_while_it_is_held(make):
    thing = make()
    ref = weakref.ref(thing)
    assert not collected(ref)
    del thing
    assert collected(ref)


def test_a_handle_keeps_its_store():
    def make():
        return Store().mkdir("/d/", {1: "a"})

    d = make()
    gc.collect()
    assert d == {1: "a"}
    d[2] = "b"
    assert d.store["/d/"] == {1: "a", 2: "b"}


def test_a_snapshot_and_an_iterator_outlive_handles():
    def make():
        store = Store()
        d = store.mkdir("/d/", {1: "a", 2: "b"})
        return store.snapshot(), iter(d)

    snapshot, iterator = make()
    gc.collect()
    assert snapshot["/d/"] == {1: "a", 2: "b"} and list(iterator) == [1, 2]


def test_a_snapshot_that_is_dropped_is_counted_no_longer():
    store = Store()
    snapshot = store.snapshot()
    assert store.stats().snapshots == 1
    del snapshot
    gc.collect()
    assert store.stats().snapshots == 0


# ---- removed values

REMOVALS = {
    "del": lambda d: d.__delitem__(1),
    "discard": lambda d: d.discard(1),
    "clear": lambda d: d.clear(),
    "overwrite": lambda d: d.__setitem__(1, "other"),
    "set_all": lambda d: d.set_all(1, []),
    "update": lambda d: d.update({1: "other"}),
    "pop": lambda d: d.pop(1) and None,
    "remove_dir": lambda d: d.store.remove_dir("/d/", recursive=True),
    "close": lambda d: d.store.close(),
}


def with_thing():
    store = Store()
    thing = Thing()
    d = store.mkdir("/d/", {1: thing})
    copy = d.map("/copy/", lambda key, values: [(key, value) for value in values])
    copy.map_reduce("/last/", lambda key, values: [(0, values[0])], Keeping())
    return store, d, weakref.ref(thing)


class Keeping:
    initial = None

    def add(self, acc, value):
        return value

    def remove(self, acc, value):
        return None


@pytest.mark.parametrize("remove", REMOVALS.values(), ids=REMOVALS)
def test_a_removed_value_is_released_by_the_end_of_the_transaction(remove):
    gc.collect()
    gc.disable()
    try:
        _, d, ref = with_thing()
        assert ref() is not None
        remove(d)
        assert ref() is None
    finally:
        gc.enable()


def test_a_value_removed_in_a_block_is_released_at_its_end():
    store, d, ref = with_thing()
    with store.update():
        del d[1]
        assert ref() is not None
    assert ref() is None


def test_a_value_that_was_rolled_back_is_released():
    store, d, ref = with_thing()
    new = Thing()
    new_ref = weakref.ref(new)
    with store.update() as tx:
        d[2] = new
        tx.cascade()
        tx.rollback()
    del new
    assert collected(new_ref) and not collected(ref)


def test_a_snapshot_holds_a_removed_value_until_it_is_closed():
    store, d, ref = with_thing()
    snapshot = store.snapshot()
    d.clear()
    assert not collected(ref)
    snapshot.close()
    assert collected(ref)


def test_an_iterator_holds_a_removed_value_until_it_is_dropped():
    store, d, ref = with_thing()
    iterator = d.entries()
    d.clear()
    assert not collected(ref)
    del iterator
    assert collected(ref)


def test_a_mapper_is_released_with_its_directory():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    thing = Thing()
    ref = weakref.ref(thing)
    d.map("/m/", lambda key, values, thing=thing: None)
    del thing
    assert not collected(ref)
    store.remove_dir("/m/")
    assert collected(ref)


def test_a_destructor_may_use_the_store():
    store = Store()
    d = store.mkdir("/d/")
    log = store.mkdir("/log/")
    seen = []

    class Last:
        def __del__(self):
            seen.append(len(d))
            log[len(seen)] = "gone"

    d[1] = Last()
    d[2] = 2
    del d[1]
    gc.collect()
    assert seen == [1]
    assert log == {1: "gone"} and d == {2: 2}


def test_a_destructor_that_raises_undoes_no_transaction(monkeypatch):
    heard = []
    monkeypatch.setattr("sys.unraisablehook", lambda what: heard.append(type(what.exc_value)))

    class Last:
        def __del__(self):
            raise ArithmeticError

    store = Store()
    d = store.mkdir("/d/", {1: Last()})
    d[1] = "new"
    gc.collect()
    assert heard == [ArithmeticError] and d == {1: "new"}
