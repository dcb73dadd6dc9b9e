"""The repr of everything is worth reading: it names what it is, and which."""

import gc
import pickle
import tracemalloc

import pytest

import livedirs
from livedirs import Count, DirName, Max, Mean, Min, Store, Sum


def make():
    store = Store()
    d = store.mkdir("/d/", {1: "a"})
    return store, d, d.map("/m/", lambda key, values: [(key, values[0])])


@pytest.mark.parametrize("name", ["/d/", "/m/"])
def test_a_directory_says_its_class_and_name(name):
    store, *_ = make()
    text = repr(store[name])
    assert name in text and type(store[name]).__name__ in text


def test_a_directory_that_is_gone_or_of_a_closed_store_can_be_shown():
    store, d, m = make()
    store.remove_dir("/m/")
    assert "/m/" in repr(m)
    store.close()
    assert "/d/" in repr(d)


def test_a_previous_directory_says_so():
    _, d, _ = make()
    assert repr(d.previous()) == """<Directory "/d/", previous, 1 key: {1: 'a'}>"""
    assert repr(Store().mkdir("/e/").previous()) == '<Directory "/e/", previous, empty>'


def test_a_lazy_directory_says_how_many_keys_it_keeps_and_computes_none():
    store, *_ = make()
    lazy = store.lazy("/l/", lambda self, key: key)
    assert repr(lazy) == '<LazyDirectory "/l/", 0 keys kept>'
    assert lazy[1] == 1
    assert repr(lazy) == '<LazyDirectory "/l/", 1 key kept>'
    store.remove_dir("/l/")
    assert repr(lazy) == '<LazyDirectory "/l/", removed>'
    store.close()
    assert "/l/" in repr(lazy)


def test_a_lazy_directory_can_be_shown_by_its_own_function():
    store = Store()
    shown = []
    lazy = store.lazy("/l/", lambda self, key: shown.append(repr(self)))
    lazy[1]
    assert "/l/" in shown[0]


def test_a_dir_name_says_that_it_is_one():
    assert repr(DirName("/a/b/")) == "DirName('/a/b/')"


def test_a_store_a_transaction_and_a_snapshot_say_what_they_are():
    store, *_ = make()
    tx = store.update()
    assert repr(tx) == "<Transaction, not entered>"
    with tx:
        assert repr(tx) == "<Transaction, open>"
        with store.update() as inner:
            assert repr(inner) == "<Transaction, open as a savepoint>"
        tx.rollback()
        assert repr(tx) == "<Transaction, rolled back>"
    assert repr(tx) == "<Transaction, closed>"
    assert "Store" in repr(store)
    with store.snapshot() as snapshot:
        assert repr(snapshot) == f"<Snapshot of 2 directories at tick {store.tick}>"
    alone = Store()
    alone.mkdir("/d/")
    with alone.snapshot() as snapshot:
        assert repr(snapshot) == "<Snapshot of 1 directory at tick 2>"
    assert "Snapshot" in repr(snapshot)
    store.close()
    assert "Store" in repr(store)


def test_a_commit_names_directories_in_order():
    store, d, _ = make()
    d.map_values("/a/", str)
    with store.update() as tx:
        d[1] = "b"
    assert 'changed={"/a/", "/d/", "/m/"}, removed={}' in repr(tx.result)


@pytest.mark.parametrize("name", livedirs.__all__[1:])
def test_what_is_public_says_where_to_import_it_from(name):
    thing = getattr(livedirs, name)
    if isinstance(thing, type):
        assert thing.__module__ == "livedirs"
        assert name in pickle.loads(pickle.dumps(thing)).__name__


def test_a_commit_and_stats_show_their_fields():
    store, d, _ = make()
    with store.update() as tx:
        d[1] = "b"
    text = repr(tx.result)
    assert "Commit" in text and f"tick={store.tick}" in text and "/d/" in text and "mapped=1" in text
    text = repr(store.stats())
    assert "Stats" in text and "dirs=2" in text and "dir_tombstones=0" in text


def test_what_changed_is_shown_in_order_and_no_more_than_the_first_five_of_it():
    store = Store()
    d = store.mkdir("/d/")
    for name in "cabef":
        d.map_values(f"/{name}/", str)
    with store.update() as tx:
        d.update({key: key for key in range(6)})
    five = 'changed={"/a/", "/b/", "/c/", "/d/", "/e/", ...}'
    assert five in repr(tx.result) and five in repr(store.changes(store.tick - 1))
    assert "entries={0: (0,), 1: (1,), 2: (2,), 3: (3,), 4: (4,), ...}" in repr(d.changes(store.tick - 1))
    store.remove_dir("/f/")
    with store.update() as tx:
        del d[5]
    assert 'changed={"/a/", "/b/", "/c/", "/d/", "/e/"}' in repr(tx.result)
    with store.update() as tx:
        store.remove_dir("/d/", recursive=True)
    assert 'changed={}, removed={"/a/", "/b/", "/c/", "/d/", "/e/"}' in repr(tx.result)


@pytest.mark.parametrize("reducer", [Sum, Count, Min, Max, Mean])
def test_a_reducer_says_which(reducer):
    assert reducer.__name__ in repr(reducer())


def test_a_reducer_shows_the_function_that_it_folds():
    assert repr(Sum(len)) == "Sum(<built-in function len>)"


@pytest.mark.parametrize(
    "key",
    [False, None, "a\tb", "a\rb", "a\nb", "back\\slash", "it's", b"\n\r\t\\'", (False, b"\r")],
    ids=repr,
)
def test_a_key_is_shown_in_messages_as_python_shows_it(key):
    with pytest.raises(livedirs.NotUniqueError) as caught:
        d = Store().mkdir("/d/")
        d.set_all(key, [1, 2])
        list(d.values())
    assert f"key {key!r} of" in str(caught.value)


def is_text(key, value):
    return isinstance(value, str)


def test_what_several_mappers_made_says_how_many_they_are():
    store, d, _ = make()
    d[2] = "b"

    def maker(key, values):
        d.filter("/shared/", is_text, shared=True)

    d.map("/makers/", maker)
    (line,) = (line for line in store.tree().splitlines() if "/shared/" in line)
    assert line.endswith("derived, 2 keys, from /d/, made by /makers/ for 1 and 1 more")


def test_showing_asks_nothing_of_the_values():
    class Hidden:
        def __repr__(self):
            raise AssertionError("shown")

    store = Store()
    d = store.mkdir("/d/")
    with store.update() as tx:
        d[1] = Hidden()
    assert repr(tx.result) and repr(store.stats()) and repr(store)


LARGE = {
    "text": "z" * 30_000_000,
    "bytes": b"\0" * 30_000_000,
    "bytearray": bytearray(30_000_000),
    "in_a_list": ["z" * 30_000_000, [b"\0" * 30_000_000]],
    "in_a_dict": {"z" * 30_000_000: b"\0" * 30_000_000},
    "a_list": [12345] * 3_000_000,
    "a_tuple": (12345,) * 3_000_000,
    "a_dict": dict.fromkeys(range(500_000)),
}


@pytest.mark.parametrize("value", LARGE.values(), ids=LARGE)
def test_to_show_a_large_value_takes_no_memory_to_speak_of(value):
    store = Store()
    d = store.mkdir("/d/")
    tick = store.tick
    with d.cursor() as cursor:
        d[1] = value
        d.set_all(2, [value] * 3)
        things = d, d.previous(), store, d.changes(tick), cursor.poll()
    repr(d), d._repr_html_()
    gc.collect()
    tracemalloc.start()
    try:
        shown = [*map(repr, things), store.tree(), d._repr_html_(), store._repr_html_()]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000 and all(len(text) < 10_000 for text in shown)
    assert repr(d).startswith('<InputDirectory "/d/", 2 keys: {1: ') and "..." in repr(d)


@pytest.mark.parametrize("hold", [lambda d: d, lambda d: [d], lambda d: {"of": (d,)}])
def test_a_directory_that_holds_itself_is_shown_to_the_first_time(hold):
    store = Store()
    d = store.mkdir("/d/", {1: "a"})
    d[2] = hold(d)
    within = repr(hold(7)).replace("7", '<InputDirectory "/d/": {...}>')
    assert repr(d) == f"<InputDirectory \"/d/\", 2 keys: {{1: 'a', 2: {within}}}>"
    assert repr(d) == repr(d)


def test_a_key_that_is_large_is_cut_too():
    d = Store().mkdir("/d/", {"k" * 1_000_000: 1})
    assert len(repr(d)) < 2_000 and len(repr(d.changes(0))) < 2_000
    assert d._repr_html_().count("k") < 1_000


AS_PYTHON_DOES = [
    "z" * 900,
    "it's",
    b"\0'",
    bytearray(b"x"),
    {"b": 1, "a": [2, (3,)], "c": {}},
    list(range(20)),
    [[[[1]]]],
    (),
    {1},
    frozenset(),
    True,
    None,
    -1.5,
    10**400,
    ...,
    range(3),
    DirName("/a/"),
]


@pytest.mark.parametrize("value", AS_PYTHON_DOES, ids=repr)
def test_a_value_that_is_not_large_is_shown_as_python_shows_it(value):
    d = Store().mkdir("/d/", {1: value})
    assert repr(d) == f'<InputDirectory "/d/", 1 key: {{1: {value!r}}}>'
    assert f"entries={{1: ({value!r},)}}" in repr(d.changes(0))


def test_what_a_repr_raises_arrives():
    class Raises:
        def __repr__(self):
            raise LookupError("why")

    d = Store().mkdir("/d/", {1: [Raises()]})
    with pytest.raises(LookupError, match="why"):
        repr(d)


def test_a_class_may_be_named_as_one_of_python():
    d = Store().mkdir("/d/", {1: type("list", (), {"__repr__": lambda self: "mine"})()})
    assert "{1: mine}" in repr(d)


def test_readers_and_forks_say_of_what_and_where():
    store, d, _ = make()
    with d.subscribe(print) as subscription:
        assert repr(subscription) == '<Subscription of "/d/">'
    assert repr(subscription) == '<Subscription of "/d/", closed>'
    with d.cursor(since=store.tick) as cursor:
        d[1] = "b"
        assert repr(cursor) == '<Cursor of "/d/" at tick 3, 1 behind>'
    assert repr(cursor) == '<Cursor of "/d/", closed>'
    few = Store(max_lag=1)
    e = few.mkdir("/e/")
    with e.cursor(since=few.tick) as cursor:
        for value in range(3):
            e[1] = value
            del e[1]
        assert repr(cursor) == '<Cursor of "/e/" at tick 2, expired>'
    with store.fork() as fork:
        fork.mkdir("/new/")
        assert repr(fork) == "<Fork of 3 directories at tick 5, base 4>"
    assert repr(fork) == "<Fork, discarded>"
