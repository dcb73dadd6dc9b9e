"""Whatever user code raises, wherever the store runs it: all is undone, and the exception arrives.

A table: every place where code of the user's runs (`places`), by every kind of exception, by every way to run
a transaction. Where the store gives an exception a meaning of its own, `Place.means` says so. In the
end there must be what is in a second world, in which nothing was ever raised.
"""

import gc
import logging
import sys
import weakref

import pytest

from livedirs import Store
from places import (
    AFTER,
    ARRIVES,
    ENDS,
    KINDS,
    LOGGED,
    NO_SUCH_KEY,
    NOT_THERE,
    PLACES,
    UNRAISABLE,
    WRAPPED,
    Own,
    World,
)
from support import contents, figures, state

# ---- the ways


def call(w):
    w.act()


def block(w):
    with w.store.update():
        w.store.mkdir("/more/", {1: 1})
        w.write()
        w.act()


def by_hand(w):
    with w.store.update() as tx:
        w.write()
        w.act()
        tx.cascade()


def savepoint(w):
    with w.store.update():
        w.d[8] = 8
        with w.store.update():
            w.write()
            w.act()


def caught(w):
    with w.store.update():
        w.d[8] = 8
        try:
            with w.store.update() as inner:
                w.write()
                w.act()
                inner.cascade()
        except BaseException as error:
            w.caught = error


WAYS = {way.__name__: way for way in (call, block, by_hand, savepoint, caught)}


def seen(store):
    return repr(contents(store)), figures(store), store.tick


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", PLACES)
def test_what_user_code_raises_arrives_and_undoes_all(at, kind, way, monkeypatch, caplog):
    error = KINDS[kind]()
    args, place = error.args, PLACES[at]
    meaning = place.meaning(kind, error)
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: unraisable.append(what.exc_value))
    w = World(place, error).build()
    before = state(w.store)

    w.armed, w.caught, arrived = True, None, None
    try:
        way(w)
    except BaseException as raised:
        arrived = raised
    w.armed = False
    assert w.raised
    assert error.args is args

    # What arrived, and with which note.
    raised = arrived or w.caught
    if meaning in (ARRIVES, AFTER):
        assert raised is error
    elif meaning == WRAPPED:
        assert type(raised) is RuntimeError and raised.__cause__ is error
    elif meaning == NO_SUCH_KEY:
        assert type(raised) is KeyError and raised.args == (3,)
    else:
        assert raised is None
    if meaning in (ARRIVES, WRAPPED):
        notes = getattr(raised, "__notes__", [])
        assert all(part in " ".join(notes) for part in place.note)
        assert bool(notes) is bool(place.note) and len(set(notes)) == len(notes)
    assert (error in unraisable) is (meaning == UNRAISABLE)
    records = [record for record in caplog.records if record.name == "livedirs"]
    assert [record.exc_info[1] for record in records] == [error] * (meaning == LOGGED)
    assert all(record.levelno == logging.ERROR for record in records)

    # What stands: nothing, or what stood before the savepoint, or all.
    control = World(place).build()
    if arrived is not None and meaning != AFTER:
        kept = way is call and meaning == NO_SUCH_KEY  # absence is remembered
        assert state(w.store)[: 2 if kept else 4] == before[: 2 if kept else 4]
        assert w.store.tick == before[3]
    elif w.caught is not None:
        control.d[8] = 8
        assert seen(w.store) == seen(control.store)
    else:
        way(control)
        assert seen(w.store) == seen(control.store) or meaning == ENDS

    # The store goes on, and nothing is left.
    for world in (w, control):
        world.d[3] = 31
        world.act()
    assert seen(w.store) == seen(control.store)
    for world in (w, control):
        world.d.clear()
        world.store.remove_dir("/a-total/")
    assert seen(w.store) == seen(control.store)


# ---- when a directory is derived

# These run user code only when something changes.
LATER = {"reducer_remove", "mapper_of_a_previous_directory", "content_of_a_directory_that_a_mapper_makes"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "at",
    [
        at
        for at, place in PLACES.items()
        if "/out/" in place.note and at not in LATER and "equality" not in at
    ],
)
def test_what_is_raised_while_a_directory_is_derived_undoes_that(at, kind):
    error = KINDS[kind]()
    place = PLACES[at]
    meaning = place.meaning(kind, error)
    if (at, kind) == ("reducer_initial", "AttributeError"):
        meaning = NOT_THERE
    w = World(place, error)
    w.write()
    before = state(w.store)
    w.armed, arrived = True, None
    try:
        with w.store.update():
            place.build(w)
    except BaseException as raised:
        arrived = raised
    w.armed = False
    assert w.raised
    if meaning == ENDS:
        assert arrived is None
        return
    told = {WRAPPED: RuntimeError, NO_SUCH_KEY: KeyError, NOT_THERE: TypeError}
    assert type(arrived) is told.get(meaning, type(error))
    assert (arrived is error) is (meaning == ARRIVES)
    assert state(w.store) == before
    control = World(place)
    control.write()
    for world in (w, control):
        world.build().act()
    assert seen(w.store) == seen(control.store)


# ---- exceptions that nobody wrote a raise for


def recursing(n=0):
    return recursing(n + 1)


REAL = {
    "RecursionError": recursing,
    "MemoryError": lambda: bytearray(1 << 62),
    "ZeroDivisionError": lambda: 1 / 0,
}


@pytest.mark.parametrize("kind", REAL)
@pytest.mark.parametrize("at", PLACES)
def test_so_do_the_exceptions_of_python_itself(at, kind, monkeypatch, caplog):
    monkeypatch.setattr(sys, "unraisablehook", lambda what: None)
    place = PLACES[at]
    w = World(place).build()
    before = state(w.store)

    def fault(when=True):
        if w.armed and when:
            REAL[kind]()

    w.fault = fault
    w.armed, arrived = True, None
    try:
        w.act()
    except Exception as raised:
        arrived = raised
    w.armed = False
    assert (type(arrived).__name__ == kind) is (place.others == ARRIVES)
    if place.others == ARRIVES:
        assert state(w.store) == before
    control = World(place).build()
    if arrived is None:
        control.act()
    for world in (w, control):
        world.act()
    assert seen(w.store) == seen(control.store)


# ---- more than one


def test_of_several_the_first_by_directory_and_key_arrives():
    store = Store()
    d = store.mkdir("/d/")
    errors = {}

    def raising(name):
        def fn(key, values):
            errors[name, key] = Own(name, key)
            raise errors[name, key]

        return fn

    d.map("/y/", raising("/y/"))
    d.map("/x/", raising("/x/"))
    before = state(store)
    with pytest.raises(Own) as caught:
        d.update({2: 2, 1: 1, 3: 3})
    assert caught.value is errors["/y/", 1] and len(errors) == 6
    assert caught.value.__notes__ == ['livedirs: while computing directory "/y/" from "/d/", for key 1']
    assert state(store) == before


def test_an_exception_that_takes_no_notes_arrives_all_the_same():
    class Mute(Exception):
        def add_note(self, note):
            raise Own("no notes")

    store, error = Store(), Mute("why")
    d = store.mkdir("/d/")
    w = [error]

    def fn(key, values):
        if w:
            raise w[0]
        return [(key, values[0])]

    m = d.map("/m/", fn)
    before = state(store)
    with pytest.raises(Mute) as caught:
        d[1] = 1
    assert caught.value is error and not hasattr(error, "__notes__")
    assert state(store) == before
    w.clear()
    d[1] = 1
    assert m == {1: 1}


def test_a_mapper_that_raises_and_is_mended_within_the_block_raises_nothing():
    store, log = Store(), []
    d = store.mkdir("/d/", {1: 1})

    def fn(key, values):
        log.append(values[0])
        return [(key, 12 // values[0])]

    m = d.map("/m/", fn)
    with store.update() as tx:
        d[1] = 0
        with pytest.raises(ZeroDivisionError):
            tx.cascade()
        assert m == {1: 12}
        d[1] = 3
    assert m == {1: 4} and log == [1, 0, 3]


def test_nothing_holds_the_exception_or_its_frames_afterwards():
    class Held:
        pass

    store = Store()
    d = store.mkdir("/d/")
    held = []

    def fn(key, values):
        local = Held()
        held.append(weakref.ref(local))
        raise Own("why")

    d.map("/m/", fn)
    with pytest.raises(Own):
        d.update({1: 1, 2: 2})
    with pytest.raises(Own), store.update() as tx:
        d[3] = 3
        with pytest.raises(Own):
            tx.cascade()
    gc.collect()
    assert held and all(ref() is None for ref in held)
