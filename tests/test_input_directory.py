from types import MappingProxyType

import pytest

from livedirs import DirNotFoundError, NotUniqueError, Store
from support import label, unchanged


def make(content=()):
    store = Store()
    return store, store.mkdir("/d/", content)


class KeysOnly:
    """What dict.update() takes for a mapping."""

    def keys(self):
        return ["x", "y"]

    def __getitem__(self, key):
        return key * 2


@pytest.mark.parametrize(
    "content",
    [
        {1: "a", 2: "b"},
        [(2, "b"), (1, "a")],
        ((k, v) for k, v in [(1, "a"), (2, "b")]),
        MappingProxyType({1: "a", 2: "b"}),
    ],
    ids="dict pairs generator proxy".split(),
)
def test_mkdir_takes_a_mapping_or_pairs(content):
    assert make(content)[1] == {1: "a", 2: "b"}


def test_mkdir_takes_lists_as_pairs_and_another_directory_as_content():
    _, d = make([[1, "a"], [2, "b"]])
    assert d == {1: "a", 2: "b"}
    assert make(d)[1] == d


def test_an_update_in_any_order_leaves_the_last_value_of_a_key_and_its_first_spelling():
    with Store() as store:
        rows = store.mkdir("/rows/", {5: "e"})
        rows.update([(3, "c"), (1, "a"), (5.0, "f"), (3.0, "d"), (2, "b"), (1.0, "z")])
        assert list(rows.items()) == [(1, "z"), (2, "b"), (3, "d"), (5, "f")]
        assert [type(key) for key in rows] == [int] * 4


def test_mkdir_keeps_every_value_of_a_repeated_key_in_order():
    _, d = make([(1, "b"), (2, "x"), (1.0, "a"), (1, "b")])
    assert list(d.entries()) == [(1, ("b", "a", "b")), (2, ("x",))]


def test_setting_a_key_leaves_exactly_this_one_value():
    _, d = make([(1, "a"), (1, "b")])
    d[1] = "c"
    assert d.get_all(1) == ("c",)
    d[2] = "d"
    assert d == {1: "c", 2: "d"}


def test_any_object_is_a_value():
    store, d = make()
    for value in (None, [], object(), len, type, float("nan"), ..., d, store, (1, [2])):
        d[1] = value
        assert d[1] is value


@pytest.mark.parametrize(
    "values, stored",
    [
        ([1, 2], (1, 2)),
        ((), ()),
        ([], ()),
        (iter("ab"), ("a", "b")),
        ("ab", ("a", "b")),
        ({1: 2}, (1,)),
        ([None], (None,)),
    ],
    ids=label,
)
def test_set_all_puts_these_values_in_order(values, stored):
    _, d = make([(1, "old"), (1, "older"), (2, "other")])
    d.set_all(1, values)
    assert d.get_all(1) == stored
    assert (1 in d) == bool(stored)
    assert d[2] == "other"


def test_set_all_of_nothing_to_a_key_that_is_not_there_is_no_change():
    store, d = make()
    with store.update() as tx:
        d.set_all(1, ())
    assert len(d) == 0 and not tx.result.changed


def test_deleting_removes_all_values_of_a_key():
    _, d = make([(1, "a"), (1, "b"), (2, "c")])
    del d[1]
    assert d == {2: "c"} and d.get_all(1) == ()


@pytest.mark.parametrize("use", [lambda d: d.__delitem__(3), lambda d: d.pop(3)], ids=["del", "pop"])
def test_removing_what_is_not_there_is_a_key_error(use):
    store, d = make({1: 1})
    with unchanged(store):
        with pytest.raises(KeyError) as caught:
            use(d)
        assert caught.value.args == (3,)


def test_popitem_of_an_empty_directory_is_a_key_error():
    store, d = make()
    with unchanged(store), pytest.raises(KeyError):
        d.popitem()


def test_discard_removes_or_does_nothing():
    _, d = make([(1, "a"), (1, "b"), (2, "c")])
    d.discard(1)
    d.discard(1)
    d.discard("never there")
    assert d == {2: "c"}


def test_clear_removes_all():
    _, d = make({k: k for k in range(100)})
    d.clear()
    assert len(d) == 0 and list(d) == []
    d.clear()
    d[1] = 2
    assert d == {1: 2}


def test_pop_gives_what_it_removes():
    _, d = make({1: "a", 2: "b"})
    assert d.pop(1) == "a"
    assert d.pop(1, "default") == "default" and d.pop(1, None) is None
    assert d == {2: "b"}


def test_popitem_takes_the_first_pair():
    _, d = make({2: "b", 1: "a"})
    assert d.popitem() == (1, "a")
    assert d.popitem() == (2, "b")
    assert not d


def test_pop_of_a_key_with_several_values_is_not_unique_and_takes_nothing():
    store, d = make([(1, "a"), (1, "b")])
    for use in (lambda: d.pop(1), lambda: d.pop(1, None), d.popitem, lambda: d.setdefault(1, "c")):
        with unchanged(store), pytest.raises(NotUniqueError):
            use()


def test_setdefault_sets_only_what_is_not_there():
    _, d = make({1: "a"})
    assert d.setdefault(1, "z") == "a"
    assert d.setdefault(2, "b") == "b"
    assert d.setdefault(3) is None
    assert d == {1: "a", 2: "b", 3: None}


@pytest.mark.parametrize(
    "args, kw, expected",
    [
        (({1: 2},), {}, {1: 2}),
        (([(1, 2), (3, 4)],), {}, {1: 2, 3: 4}),
        (([[1, 2]],), {}, {1: 2}),
        ((iter([(1, 2)]),), {}, {1: 2}),
        (([(1, 2), (3, 0), (1, 4)],), {}, {1: 4, 3: 0}),
        (([(1, 2), (1.0, 4)],), {}, {1: 4}),
        ((), {"a": 1, "b": 2}, {"a": 1, "b": 2}),
        (({1: 2, "a": 0},), {"a": 1}, {1: 2, "a": 1}),
        ((), {"self": 1, "other": 2, "key": 3}, {"self": 1, "other": 2, "key": 3}),
        ((MappingProxyType({1: 2}),), {}, {1: 2}),
        ((["ab", "cd"],), {}, {"a": "b", "c": "d"}),
        ((), {}, {}),
        (({},), {}, {}),
    ],
    ids=label,
)
def test_update_takes_what_the_update_of_a_dict_takes(args, kw, expected):
    _, d = make({"there": 0})
    d.update(*args, **kw)
    assert d == {"there": 0} | expected


def test_update_takes_an_object_with_keys():
    _, d = make()
    d.update(KeysOnly())
    assert d == {"x": "xx", "y": "yy"}


def test_update_takes_another_directory_and_itself():
    store, d = make({1: 1, 2: 2})
    other = store.mkdir("/other/", {2: "two", 3: "three"})
    d.update(other)
    d.update(d)
    assert d == {1: 1, 2: "two", 3: "three"}


def test_update_replaces_several_values_by_one():
    _, d = make([(1, "a"), (1, "b"), (2, "c")])
    d.update({1: "z"})
    assert d == {1: "z", 2: "c"}


@pytest.mark.parametrize(
    "bad",
    [None, 7, [1], [(1,)], [(1, 2, 3)], ["abc"], object(), [(1, 1), None]],
    ids=label,
)
def test_update_with_what_is_no_mapping_and_no_pairs_writes_nothing(bad):
    store, d = make({1: "a"})
    with unchanged(store), pytest.raises((TypeError, ValueError)):
        d.update(bad)


def test_update_that_raises_on_its_way_writes_nothing():
    store, d = make({1: "a"})

    def pairs():
        yield 1, "b"
        yield 2, "c"
        raise RuntimeError("on its way")

    with unchanged(store), pytest.raises(RuntimeError, match="on its way"):
        d.update(pairs())


def test_update_of_more_than_one_positional_is_a_type_error():
    store, d = make()
    with unchanged(store), pytest.raises(TypeError):
        d.update({}, {})


WRITES = {
    "set": lambda d: d.__setitem__(1, "new"),
    "set_equal": lambda d: d.__setitem__(1, "a"),
    "set_all": lambda d: d.set_all(1, ["x", "y"]),
    "del": lambda d: d.__delitem__(1),
    "discard": lambda d: d.discard(1),
    "discard_absent": lambda d: d.discard(9),
    "clear": lambda d: d.clear(),
    "pop": lambda d: d.pop(1),
    "popitem": lambda d: d.popitem(),
    "setdefault": lambda d: d.setdefault(9, 9),
    "update": lambda d: d.update({k: k for k in range(20)}, x=1),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_each_write_outside_a_block_is_one_transaction(write):
    store, d = make({1: "a", 2: "b"})
    tick = store.tick
    write(d)
    assert store.tick == tick + 1


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_to_a_directory_that_is_gone_is_dir_not_found(write):
    store, d = make({1: "a", 2: "b"})
    store.remove_dir("/d/")
    with unchanged(store), pytest.raises(DirNotFoundError, match="/d/"):
        write(d)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_follows_it_is_up_to_date_after_each_write(write):
    store, d = make({1: "a", 2: "b"})
    copy = d.map("/copy/", lambda key, values: [(key, value) for value in values])
    write(d)
    assert list(copy.entries()) == list(d.entries())


def test_writing_an_equal_value_is_no_change_and_keeps_the_old_object():
    store, d = make()
    first, second = [1], [1]
    d[1] = first
    with store.update() as tx:
        d[1] = second
        d.set_all(1, [second])
        d.update({1: second})
    assert d[1] is first
    assert tx.result.changed == frozenset()
