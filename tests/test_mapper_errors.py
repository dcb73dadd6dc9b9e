import pytest

from livedirs import (
    DirExistsError,
    DirName,
    DirNotFoundError,
    LiveDirsError,
    NotConvergingError,
    NotUniqueError,
    ReadOnlyError,
    Store,
    Sum,
    TransactionError,
    WriteDuringUpdateError,
)
from support import unchanged


class Boom(Exception): ...


class Interrupt(BaseException): ...


def make(fn, content=()):
    store = Store()
    store.mkdir("/other/", {1: "a"})
    d = store.mkdir("/d/", content)
    return store, d, d.map("/m/", lambda key, values: fn(store, key, values))


def raising(error):
    def fn(store, key, values):
        if values[0] == "bad":
            raise error
        return [(key, values[0])]

    return fn


@pytest.mark.parametrize(
    "kind", [Boom, ValueError, KeyError, StopIteration, RecursionError, MemoryError, AssertionError]
)
def test_an_exception_of_a_mapper_reaches_the_caller_itself_with_a_note_and_rolls_back(kind):
    error = kind("why")
    store, d, m = make(raising(error), {1: "good"})
    with unchanged(store):
        with pytest.raises(kind) as caught:
            d["key 7"] = "bad"
        assert caught.value is error and type(caught.value) is kind
        (note,) = error.__notes__
        assert "/m/" in note and "/d/" in note and "'key 7'" in note
    d["key 7"] = "good"
    assert m == {1: "good", "key 7": "good"}


@pytest.mark.parametrize("kind", [Interrupt, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_exception_rolls_back_too(kind):
    error = kind()
    store, d, m = make(raising(error), {1: "good"})
    with unchanged(store):
        with pytest.raises(kind) as caught:
            d[2] = "bad"
        assert caught.value is error
    d[2] = "fine"
    assert m == {1: "good", 2: "fine"}


def test_an_exception_in_a_block_reaches_the_caller_at_the_end_of_the_block():
    store, d, m = make(raising(Boom()), {1: "good"})
    with unchanged(store), pytest.raises(Boom):
        with store.update() as tx:
            d[2] = "bad"
            d[3] = "good"
            assert d == {1: "good", 2: "bad", 3: "good"}
    assert tx.result is None


def test_an_exception_of_a_cascade_by_hand_reaches_its_caller():
    store, d, m = make(raising(Boom()), {1: "good"})
    with unchanged(store), pytest.raises(Boom), store.update() as tx:
        d[2] = "bad"
        tx.cascade()


def test_a_value_that_is_mended_before_the_end_of_the_block_raises_nothing():
    store, d, m = make(raising(Boom()), {1: "good"})
    with store.update():
        d[2] = "bad"
        d[2] = "mended"
    assert m == {1: "good", 2: "mended"}


def test_an_exception_at_the_making_leaves_no_directory():
    store = Store()
    d = store.mkdir("/d/", {1: "good", 2: "bad"})
    with unchanged(store):
        with pytest.raises(Boom) as caught:
            d.map("/m/", lambda key, values: raising(Boom())(store, key, values))
        assert "/m/" in caught.value.__notes__[0]


def test_the_note_names_the_directory_that_failed_not_those_above():
    store = Store()
    d = store.mkdir("/d/")
    first = d.map("/first/", lambda key, values: [(("f", key), values[0])])
    first.map("/second/", lambda key, values: 1 / values[0] and None)
    with unchanged(store):
        with pytest.raises(ZeroDivisionError) as caught:
            d[1] = 0
        (note,) = caught.value.__notes__
        assert "/second/" in note and "/first/" in note and "('f', 1)" in note and "/d/" not in note


@pytest.mark.parametrize(
    "key",
    [None, True, False, 7, 10**30, -0.5, "a", "it's", "\n\r\t\\", b"\n\r\t\\'", (1, (False, "\r")), ()],
    ids=repr,
)
def test_the_note_shows_the_key_as_python_shows_it(key):
    store, d, _ = make(raising(Boom()))
    with pytest.raises(Boom) as caught:
        d[key] = "bad"
    assert caught.value.__notes__[-1].endswith(f"for key {key!r}")


def test_an_exception_of_one_that_is_read_counts_once_and_for_that_one():
    store = Store()
    d = store.mkdir("/d/")
    inner = d.map("/inner/", lambda key, values: [(key, 1 / values[0])])
    d.map("/outer/", lambda key, values: [(key, inner.get(key))])
    with unchanged(store), pytest.raises(ZeroDivisionError) as caught:
        d[1] = 0
    assert "/inner/" in caught.value.__notes__[0]


def test_an_exception_that_no_longer_stands_when_the_queue_is_empty_does_not_count():
    store = Store()
    keys = store.mkdir("/keys/")
    out = keys.map("/a/", lambda key, values: [(key, store[DirName("/made/") / key]["v"])])
    keys.map("/z/", lambda key, values: store.mkdir(DirName("/made/") / key, {"v": values[0]}) and None)
    keys[1] = "x"
    assert out == {1: "x"}
    with store.update():
        keys[2] = "y"
        del keys[1]
    assert out == {2: "y"}


def test_an_exception_does_not_count_if_what_the_mapper_saw_changed_while_it_ran():
    store = Store()
    d = store.mkdir("/d/")
    saw = []

    def mapper(key, values):
        made = store.get(DirName("/made/") / key)
        later.get(key)  # whose mapper makes it
        saw.append(made is not None)
        return [(key, made["v"])]

    out = d.map("/out/", mapper)
    later = d.map(
        "/later/", lambda key, values: store.mkdir(DirName("/made/") / key, {"v": values[0]}) and None
    )
    d[1] = "x"
    assert out == {1: "x"}
    assert saw == [False, True]
    store._check_invariants()


def test_a_mapper_may_catch_what_its_reads_raise():
    store = Store()
    d = store.mkdir("/d/", [(1, "a"), (1, "b")])
    parent = store.mkdir("/parent/", {0: 0})

    def fn(key, values):
        caught = []
        for read in (lambda: store["/nowhere/"], lambda: d[9], lambda: d[1], lambda: d.get([])):
            try:
                read()
            except (DirNotFoundError, KeyError, NotUniqueError, TypeError) as error:
                caught.append(type(error).__name__)
        return [(key, caught)]

    out = parent.map("/out/", fn)
    assert out[0] == ["DirNotFoundError", "KeyError", "NotUniqueError", "InvalidKeyError"]


def test_a_type_error_of_iter_is_told_from_what_is_no_iterable():
    error = TypeError("of __iter__")

    class Broken:
        def __iter__(self):
            raise error

    store, d, m = make(lambda store, key, values: values[0])
    for given, message in ((Broken(), "of __iter__"), (7, "a mapper gives pairs")):
        with unchanged(store), pytest.raises(TypeError, match=message) as caught:
            d[1] = given
        assert (caught.value is error) is (given != 7)
    for use in (d.update, lambda given: store.mkdir("/x/", [given])):
        with unchanged(store), pytest.raises(TypeError) as caught:
            use(Broken())
        assert caught.value is error


# ---- what a mapper may not do

WRITES = {
    "set": lambda store: store["/other/"].__setitem__(1, 2),
    "set_equal": lambda store: store["/other/"].__setitem__(1, "a"),
    "set_all": lambda store: store["/other/"].set_all(1, [2]),
    "del": lambda store: store["/other/"].__delitem__(1),
    "discard": lambda store: store["/other/"].discard(1),
    "clear": lambda store: store["/other/"].clear(),
    "update": lambda store: store["/other/"].update({1: 2}),
    "pop": lambda store: store["/other/"].pop(1),
    "popitem": lambda store: store["/other/"].popitem(),
    "setdefault": lambda store: store["/other/"].setdefault(9, 9),
    "remove_dir": lambda store: store.remove_dir("/other/"),
    "remove_dir_missing_ok": lambda store: store.remove_dir("/other/", missing_ok=True),
    "remove_dir_recursive": lambda store: store.remove_dir("/d/", recursive=True),
    "own_parent": lambda store: store["/d/"].__setitem__(2, 2),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_mapper_may_not_write_or_remove(write):
    store, d, m = make(lambda store, key, values: write(store) and None)
    with unchanged(store):
        with pytest.raises(WriteDuringUpdateError) as caught:
            d[1] = 1
        assert "/m/" in caught.value.__notes__[0]


def enter(store):
    with store.update():
        pass


@pytest.mark.parametrize(
    "use",
    [
        enter,
        lambda store: store.tick,
        lambda store: store.stats(),
        lambda store: store.snapshot(),
        lambda store: store.tree(),
        lambda store: store.to_mermaid(),
    ],
    ids="update tick stats snapshot tree to_mermaid".split(),
)
def test_a_mapper_may_not_open_a_transaction_or_ask_for_the_clock_counts_versions_or_graph(use):
    store, d, m = make(lambda store, key, values: use(store) and None)
    with unchanged(store), pytest.raises(TransactionError):
        d[1] = 1


def test_a_mapper_may_not_write_to_what_another_made():
    store = Store()
    keys = store.mkdir("/keys/", {1: 0})
    keys.map("/maker/", lambda key, values: store.mkdir("/made/1/") and None)
    keys.map("/other/", lambda key, values: store["/made/1/"].update({1: 1}) if values[0] else None)
    with unchanged(store), pytest.raises(WriteDuringUpdateError):
        keys[1] = 1


def test_a_mapper_may_not_write_to_what_is_derived_even_if_it_made_it():
    store = Store()
    keys = store.mkdir("/keys/")

    def fn(key, values):
        made = keys.map("/made/", lambda k, v: [(k, 1)])
        made[1] = 2

    keys.map("/maker/", fn)
    with unchanged(store), pytest.raises((ReadOnlyError, WriteDuringUpdateError)):
        keys[1] = 1


def test_after_it_ran_a_mapper_has_no_right_to_write_what_it_made():
    store = Store()
    keys = store.mkdir("/keys/", {1: 1})
    kept = []

    def fn(key, values):
        if kept:
            kept[0]["late"] = 1
        else:
            kept.append(store.mkdir("/made/1/"))

    keys.map("/maker/", fn)
    with unchanged(store), pytest.raises((WriteDuringUpdateError, DirNotFoundError)):
        keys[1] = 2


def test_a_mapper_that_catches_the_refusal_goes_on():
    def fn(store, key, values):
        refused = []
        for use in [*WRITES.values(), enter, lambda store: store.tick]:
            try:
                use(store)
            except (WriteDuringUpdateError, TransactionError) as error:
                refused.append(error)
        return [(key, len(refused))]

    store, d, m = make(fn)
    d[1] = 1
    assert m == {1: len(WRITES) + 2}
    assert store["/other/"] == {1: "a"}


def test_a_mapper_may_use_another_store():
    elsewhere = Store()
    e = elsewhere.mkdir("/e/")

    def fn(store, key, values):
        e[key] = values[0]
        return [(key, elsewhere.tick)]

    store, d, m = make(fn)
    d[1] = "x"
    assert e == {1: "x"} and m == {1: elsewhere.tick}


def test_a_directory_of_another_store_is_no_parent():
    store, other = Store(), Store()
    d = store.mkdir("/d/", {1: 1})
    e = other.mkdir("/e/", {1: 1})
    e.map("/m/", lambda key, values: [(key, d.get(key))])
    assert "/m/" in other and "/m/" not in store


# ---- what does not settle


def test_two_mappers_that_drive_each_other_on_do_not_converge():
    store = Store(max_rounds=20)
    d = store.mkdir("/d/")
    x = d.map(
        "/x/", lambda key, values: [(key, store["/y/"].get(key, 0) + 1)] if "/y/" in store else [(key, 0)]
    )
    y = d.map("/y/", lambda key, values: [(key, x.get(key, 0) + 1)])
    with unchanged(store), pytest.raises(NotConvergingError) as caught:
        d[1] = 1
    assert isinstance(caught.value, LiveDirsError)
    assert "/x/" in str(caught.value) or "/y/" in str(caught.value) or "20" in str(caught.value)
    assert x == y == {}


def test_mappers_that_read_each_other_and_settle_are_fine():
    store = Store(max_rounds=50)
    d = store.mkdir("/d/")
    x = d.map(
        "/x/", lambda key, values: [(key, min(store["/y/"].get(key, 0) + 1, 9))] if "/y/" in store else None
    )
    y = d.map("/y/", lambda key, values: [(key, min(x.get(key, 0) + 1, 9))])
    d[1] = 1
    assert x == y == {1: 9}


@pytest.mark.parametrize("bad", [0, -1])
def test_max_rounds_is_at_least_one(bad):
    with pytest.raises(ValueError, match="max_rounds"):
        Store(max_rounds=bad)


def test_hooks_that_call_for_each_other_without_an_end_do_not_converge():
    store = Store(max_rounds=4)

    def again(store):
        store.mkdir(f"/{len(store)}/", on_create=again)

    with unchanged(store), pytest.raises(NotConvergingError, match="more than 4 rounds"):
        store.mkdir("/first/", on_create=again)


def test_one_round_is_enough_for_what_settles_at_once():
    store = Store(max_rounds=1)
    d = store.mkdir("/d/", {k: k for k in range(10)})
    total = d.map_reduce("/total/", lambda key, values: [(0, values[0])], Sum())
    total.map("/made-by/", lambda key, values: store.mkdir("/made/", {0: values[0]}) and None)
    d[3] = 30
    assert total == {0: 72} and store["/made/"] == {0: 72}


@pytest.mark.parametrize("max_rounds, times", [(1_000, 1_001), (1, 2)])
@pytest.mark.parametrize("cascade", [False, True], ids="at_the_end by_hand".split())
def test_what_is_derived_and_removed_time_and_again_in_a_block_counts_no_rounds(max_rounds, times, cascade):
    store = Store(max_rounds=max_rounds)
    d = store.mkdir("/d/", {1: 1})
    kept = d.map("/kept/", lambda key, values: [(key, values[0])])
    with store.update() as tx:
        for n in range(times):
            passing = d.map("/passing/", lambda key, values: [(key, values[0])])
            d[1] = n
            if cascade:
                tx.cascade()
                assert passing == kept == {1: n}
            store.remove_dir("/passing/")
    assert tx.result.rounds == 1
    assert list(store) == ["/d/", "/kept/"] and kept == {1: times - 1}


def test_what_failed_of_a_directory_that_is_removed_counts_no_more():
    store = Store()
    d = store.mkdir("/d/", {1: 1, 2: 2})
    d.map("/quotients/", lambda key, values: [(key, 1 // values[0])])
    with store.update() as tx:
        d.update({1: 0, 2: 0})
        with pytest.raises(ZeroDivisionError):
            tx.cascade()
        store.remove_dir("/quotients/")
    assert d == {1: 0, 2: 0} and [*store] == ["/d/"]


def test_after_any_failure_the_next_transaction_maps_as_if_it_had_not_been():
    log = []

    def fn(store, key, values):
        log.append(key)
        if values[0] == "bad":
            store.mkdir(DirName("/made/") / key)
            store["/other/"].get(1)
            raise Boom
        return [(key, values[0])]

    store, d, m = make(fn, {1: "a", 2: "b"})
    for _ in range(3):
        with pytest.raises(Boom):
            d.update({1: "z", 2: "bad", 3: "c"})
    log.clear()
    d[3] = "c"
    assert log == [3]
    store.mkdir("/made/2/")
    with pytest.raises((Boom, DirExistsError)):
        d[2] = "bad"
    assert m == {1: "a", 2: "b", 3: "c"}


def test_a_failure_that_a_savepoint_mended_is_there_again_when_that_is_undone():
    error = Boom()
    store, d, m = make(raising(error))
    with unchanged(store), pytest.raises(Boom), store.update() as outer:
        d[1] = "bad"
        with pytest.raises(Boom):
            outer.cascade()
        with pytest.raises(Interrupt), store.update() as inner:
            d[1] = "good"
            inner.cascade()
            assert m[1] == "good"
            raise Interrupt


def test_a_failure_that_an_interrupt_kept_from_being_told_is_there_again_when_its_mending_is_undone():
    store = Store()
    d = store.mkdir("/d/", {1: "good", 2: "good"})
    halts = []

    def fn(key, values):
        if key == 1 and values[0] == "bad":
            raise Boom
        if key == 2 and halts:
            raise halts.pop()
        return [(key, values[0])]

    m = d.map("/m/", fn)
    with unchanged(store), pytest.raises(Boom), store.update() as outer:
        d.update({1: "bad", 2: "better"})
        halts.append(Interrupt())
        with pytest.raises(Interrupt):
            outer.cascade()
        with pytest.raises(Interrupt), store.update() as inner:
            d[1] = "mended"
            inner.cascade()
            assert m == {1: "mended", 2: "better"}
            raise Interrupt
