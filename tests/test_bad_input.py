"""Bad arguments, types and orders of calls: the error that the spec names, and the store as it was."""

import math

import pytest

import livedirs
from livedirs import (
    ClosedError,
    DirExistsError,
    DirInUseError,
    DirNotFoundError,
    InvalidKeyError,
    InvalidNameError,
    LiveDirsError,
    NotConvergingError,
    NotUniqueError,
    ReadOnlyError,
    Store,
    Sum,
    TransactionError,
    WriteDuringUpdateError,
)
from livedirs.testing import assert_no_residue
from support import unchanged


class World:
    def __init__(self):
        self.store = Store()
        self.d = self.store.mkdir("/d/", {1: "a", 2: "b"})
        self.d.set_all("two", ["x", "y"])
        self.m = self.d.map("/m/", copied)
        self.maker = self.d.map(
            "/maker/", lambda k, vs: self.store.mkdir("/made/", {1: 1}) and None, within=[(1, 1)]
        )
        self.gone = self.store.mkdir("/gone/")
        self.store.remove_dir("/gone/")
        self.ended = self.store.update()
        with self.ended:
            pass


def copied(key, values):
    return [(key, value) for value in values]


Other = type("bool", (), {})  # as numpy has one


def raising_pairs():
    yield 1, 1
    raise ZeroDivisionError("pairs")


CASES = {
    "mkdir: no name": (lambda w: w.store.mkdir(), TypeError, ""),
    "mkdir: unknown option": (lambda w: w.store.mkdir("/x/", nope=1), TypeError, "nope"),
    "mkdir: options by position": (lambda w: w.store.mkdir("/x/", (), True), TypeError, ""),
    "mkdir: bad name": (lambda w: w.store.mkdir("x"), InvalidNameError, "'x'"),
    "mkdir: content is no pairs": (
        lambda w: w.store.mkdir("/x/", 7),
        TypeError,
        "of pairs (key, value), not int",
    ),
    "mkdir: content is None": (lambda w: w.store.mkdir("/x/", None), TypeError, "a mapping or an iterable"),
    "mkdir: content of singles": (
        lambda w: w.store.mkdir("/x/", [1, 2]),
        TypeError,
        "each item of content is a pair",
    ),
    "mkdir: content of triples": (
        lambda w: w.store.mkdir("/x/", [(1, 2, 3)]),
        ValueError,
        "each item of content",
    ),
    "mkdir: content that raises": (
        lambda w: w.store.mkdir("/x/", raising_pairs()),
        ZeroDivisionError,
        "pairs",
    ),
    "mkdir: bad key": (lambda w: w.store.mkdir("/x/", {frozenset(): 1}), InvalidKeyError, "frozenset"),
    "mkdir: there already": (lambda w: w.store.mkdir("/d/"), DirExistsError, "/d/"),
    "mkdir: made by a mapper": (lambda w: w.store.mkdir("/made/"), DirExistsError, "/made/"),
    "mkdir: exist_ok of derived": (lambda w: w.store.mkdir("/m/", exist_ok=True), DirExistsError, "/m/"),
    "[]: not there": (lambda w: w.store["/dd/"], DirNotFoundError, "/dd/"),
    "[]: bad name": (lambda w: w.store["d"], InvalidNameError, "'d'"),
    "[]: no str": (lambda w: w.store[1], InvalidNameError, "int"),
    "get: bad name": (lambda w: w.store.get("d"), InvalidNameError, "'d'"),
    "get: no name": (lambda w: w.store.get(), TypeError, ""),
    "del store[]": (lambda w: w.store.__delitem__("/d/"), (TypeError, AttributeError), ""),
    "remove_dir: not there": (lambda w: w.store.remove_dir("/dd/"), DirNotFoundError, "/dd/"),
    "remove_dir: twice": (lambda w: w.store.remove_dir("/gone/"), DirNotFoundError, "/gone/"),
    "remove_dir: bad name": (lambda w: w.store.remove_dir(None), InvalidNameError, "NoneType"),
    "remove_dir: in use": (lambda w: w.store.remove_dir("/d/"), DirInUseError, "/m/"),
    "remove_dir: of a mapper": (
        lambda w: w.store.remove_dir("/made/", recursive=True),
        DirInUseError,
        "/made/",
    ),
    "remove_dir: options by position": (lambda w: w.store.remove_dir("/m/", True), TypeError, ""),
    "update: timeout by position": (lambda w: w.store.update(1), TypeError, ""),
    "purge_deleted_dirs: an argument": (lambda w: w.store.purge_deleted_dirs(1), TypeError, ""),
    "tick cannot be set": (lambda w: setattr(w.store, "tick", 7), AttributeError, "tick"),
    "name cannot be set": (lambda w: setattr(w.d, "name", "/e/"), AttributeError, "name"),
    "transaction: entered again": (lambda w: w.ended.__enter__(), TransactionError, ""),
    "transaction: cascade at its end": (lambda w: w.ended.cascade(), TransactionError, ""),
    "transaction: rollback at its end": (lambda w: w.ended.rollback(), TransactionError, ""),
    "transaction: cascade before": (lambda w: w.store.update().cascade(), TransactionError, ""),
    "transaction: rollback before": (lambda w: w.store.update().rollback(), TransactionError, ""),
    "d[]: not there": (lambda w: w.d[3], KeyError, "3"),
    "d[]: several": (lambda w: w.d["two"], NotUniqueError, "two"),
    "d[]: bad key": (lambda w: w.d[[]], InvalidKeyError, "list"),
    "d[]: a bool of another module": (lambda w: w.d[Other()], InvalidKeyError, "type test_bad_input.bool:"),
    "d[]: slice": (lambda w: w.d[1:2], InvalidKeyError, "slice"),
    "d.get: several": (lambda w: w.d.get("two", 0), NotUniqueError, "two"),
    "d.get: no key": (lambda w: w.d.get(), TypeError, ""),
    "d.get_all: NaN": (lambda w: w.d.get_all(math.nan), InvalidKeyError, "float"),
    "d.between: no upper bound": (lambda w: w.d.between(1), TypeError, ""),
    "d.between: ... below": (lambda w: w.d.between(..., 1), InvalidKeyError, "ellipsis"),
    "d.set_all: no iterable": (lambda w: w.d.set_all(1, 7), TypeError, "int"),
    "d.set_all: None": (lambda w: w.d.set_all(1, None), TypeError, "NoneType"),
    "d.set_all: no values": (lambda w: w.d.set_all(1), TypeError, ""),
    "d.set_all: values that raise": (lambda w: w.d.set_all(1, raising_pairs()), ZeroDivisionError, "pairs"),
    "del d[]: not there": (lambda w: w.d.__delitem__(3), KeyError, "3"),
    "d.pop: not there": (lambda w: w.d.pop(3), KeyError, "3"),
    "d.pop: several": (lambda w: w.d.pop("two"), NotUniqueError, "two"),
    "d.pop: too many": (lambda w: w.d.pop(1, 2, 3), TypeError, ""),
    "d.update: no pairs": (lambda w: w.d.update(7), TypeError, ""),
    "d.update: bad key late": (lambda w: w.d.update([(3, 3), ({}, 3)]), InvalidKeyError, "dict"),
    "d.update: raises late": (lambda w: w.d.update(raising_pairs()), ZeroDivisionError, "pairs"),
    "d.clear: an argument": (lambda w: w.d.clear(1), TypeError, ""),
    "d.values: several": (lambda w: list(w.d.values()), NotUniqueError, "'two' of \"/d/\""),
    "m[] =": (lambda w: w.m.__setitem__(1, 1), ReadOnlyError, "/m/"),
    "del m[]": (lambda w: w.m.__delitem__(1), ReadOnlyError, "/m/"),
    "previous[] =": (lambda w: w.d.previous().__setitem__(1, 1), ReadOnlyError, 'what "/d/" held before'),
    "gone[]": (lambda w: w.gone[1], DirNotFoundError, "/gone/"),
    "gone[] =": (lambda w: w.gone.__setitem__(1, 1), DirNotFoundError, "/gone/"),
    "gone.map": (lambda w: w.gone.map("/x/", copied), DirNotFoundError, "/gone/"),
    "map: there already": (lambda w: w.d.map("/m/", copied), DirExistsError, "/m/"),
    "map: its own parent": (lambda w: w.d.map("/d/", copied), DirExistsError, "/d/"),
    "map: bad name": (lambda w: w.d.map("/x", copied), InvalidNameError, "'/x'"),
    "map: no mapper": (lambda w: w.d.map("/x/"), TypeError, ""),
    "map: not callable": (lambda w: w.d.map("/x/", 7), TypeError, ""),
    "map: mapper without parameters": (lambda w: w.d.map("/x/", lambda: None), TypeError, ""),
    "map: within is no ranges": (lambda w: w.d.map("/x/", copied, within=7), TypeError, ""),
    "map: within of singles": (lambda w: w.d.map("/x/", copied, within=[1]), (TypeError, ValueError), ""),
    "map: within of bad keys": (lambda w: w.d.map("/x/", copied, within=[([], 1)]), InvalidKeyError, "list"),
    "map: within by position": (lambda w: w.d.map("/x/", copied, [(1, 2)]), TypeError, ""),
    "map: gives no pairs": (lambda w: w.d.map("/x/", lambda k, v: 7), TypeError, "int"),
    "map: gives one pair": (lambda w: w.d.map("/x/", lambda k, v: (1, 2)), TypeError, "as in [(key, value)]"),
    "map: gives a bad key": (lambda w: w.d.map("/x/", lambda k, v: [({}, 1)]), InvalidKeyError, "dict"),
    "map: one name for two keys": (
        lambda w: w.d.map("/x/", lambda k, v: w.d.filter("/same/", lambda k, v: True) and None),
        DirExistsError,
        "for another key; name it by its key",
    ),
    "map_reduce: no reducer": (lambda w: w.d.map_reduce("/x/", copied), TypeError, ""),
    "map_reduce: bad reducer": (lambda w: w.d.map_reduce("/x/", copied, 7), TypeError, ""),
    "map_reduce: a class": (lambda w: w.d.map_reduce("/x/", copied, Sum), TypeError, "give Sum()"),
    "multi_map: a parent alone": (lambda w: w.store.multi_map("/x/", [7]), TypeError, "(directory, fn)"),
    "multi_map: a directory alone": (lambda w: w.store.multi_map("/x/", [w.d]), TypeError, "has no fn"),
    "multi_map: of four": (
        lambda w: w.store.multi_map("/x/", [(w.d, copied, None, 1)]),
        ValueError,
        "within",
    ),
    "multi_map: of too many": (
        lambda w: w.store.multi_map("/x/", [(w.d, copied)] * 60_001),
        ValueError,
        "at most 60000 parents",
    ),
    "multi_map: of another store": (
        lambda w: w.store.multi_map("/x/", [(Store().mkdir("/theirs/"), copied)]),
        ValueError,
        '"/theirs/" is of another store',
    ),
    "a snapshot is mapped": (
        lambda w: w.store.snapshot()["/d/"].map("/x/", copied),
        ReadOnlyError,
        "use the store's directory",
    ),
    "a snapshot is followed": (
        lambda w: w.store.snapshot()["/d/"].cursor(),
        ReadOnlyError,
        "follow the store's directory",
    ),
    "update: timeout is NaN": (lambda w: w.store.update(timeout=math.nan), ValueError, "NaN"),
    "on_commit: no function": (lambda w: w.store.on_commit(7), TypeError, "fn"),
    "map_reduce: not summable": (lambda w: w.d.map_reduce("/x/", copied, Sum()), TypeError, ""),
    "mapper writes": (
        lambda w: w.d.map("/x/", lambda k, v: w.store["/made/"].clear()),
        WriteDuringUpdateError,
        "",
    ),
    "mapper removes": (
        lambda w: w.d.map("/x/", lambda k, v: w.store.remove_dir("/m/")),
        WriteDuringUpdateError,
        "",
    ),
    "mapper opens a transaction": (
        lambda w: w.d.map("/x/", lambda k, v: w.store.update().__enter__() and None),
        TransactionError,
        "",
    ),
}


@pytest.mark.parametrize("use, kind, fragment", CASES.values(), ids=CASES)
def test_bad_input_is_the_error_that_is_named_and_changes_nothing(use, kind, fragment):
    w = World()
    with unchanged(w.store):
        with pytest.raises(kind) as caught:
            use(w)
        assert fragment in str(caught.value)


@pytest.mark.parametrize("use, kind, fragment", CASES.values(), ids=CASES)
def test_bad_input_in_a_block_leaves_the_block_as_it_was(use, kind, fragment):
    w = World()
    with w.store.update() as tx:
        w.d[33] = "c"
        try:
            use(w)
        except kind:
            pass
        assert w.d[33] == "c"
        tx.rollback()
    with unchanged(w.store):
        assert "/x/" not in w.store


BAD_STORES = {
    "capacity: zero": ({"capacity": 0}, ValueError),
    "capacity: zero of a unit": ({"capacity": "0M"}, ValueError),
    "capacity: negative": ({"capacity": -1}, ValueError),
    "capacity: a word": ({"capacity": "much"}, ValueError),
    "capacity: no digits": ({"capacity": "G"}, ValueError),
    "capacity: empty": ({"capacity": ""}, ValueError),
    "capacity: a float": ({"capacity": 1.5}, TypeError),
    "capacity: a list": ({"capacity": []}, TypeError),
    "history: negative": ({"history": -1}, ValueError),
    "history: far below zero": ({"history": -(10**30)}, ValueError),
    "history: a str": ({"history": "1"}, TypeError),
    "history: None": ({"history": None}, TypeError),
    "max_lag: negative": ({"max_lag": -1}, ValueError),
    "max_lag: a float": ({"max_lag": 1.0}, TypeError),
    "lazy_capacity: negative": ({"lazy_capacity": -1}, ValueError),
    "lazy_capacity: a list": ({"lazy_capacity": []}, TypeError),
    "max_rounds: zero": ({"max_rounds": 0}, ValueError),
    "max_rounds: a str": ({"max_rounds": "x"}, TypeError),
    "unknown": ({"nope": 1}, TypeError),
}


@pytest.mark.parametrize("options, kind", BAD_STORES.values(), ids=BAD_STORES)
def test_bad_options_of_a_store_are_refused_by_name(options, kind):
    with pytest.raises(kind) as caught:
        Store(**options)
    (name,) = options
    assert name in str(caught.value)


def test_options_of_a_store_are_given_by_name():
    with pytest.raises(TypeError):
        Store(1)


def test_a_capacity_of_the_environment_is_read_where_the_argument_is_left_out(monkeypatch):
    monkeypatch.setenv("LIVEDIRS_CAPACITY", "3M")
    assert Store().stats().capacity == 3 << 20
    assert Store(capacity="5M").stats().capacity == 5 << 20
    monkeypatch.setenv("LIVEDIRS_CAPACITY", "plenty")
    with pytest.raises(ValueError, match="plenty"):
        Store()


def test_errors_bear_the_name_of_the_package_from_which_users_import_them():
    errors = [
        thing for thing in vars(livedirs).values() if isinstance(thing, type) and issubclass(thing, Exception)
    ]
    assert LiveDirsError in errors and {error.__module__ for error in errors} == {"livedirs"}


def test_errors_are_of_the_kinds_that_users_catch():
    assert issubclass(InvalidNameError, ValueError) and issubclass(InvalidKeyError, TypeError)
    assert issubclass(DirNotFoundError, LookupError) and not issubclass(DirNotFoundError, KeyError)
    assert issubclass(NotUniqueError, LookupError) and not issubclass(NotUniqueError, KeyError)
    assert issubclass(ReadOnlyError, TypeError)
    kinds = [
        InvalidNameError,
        InvalidKeyError,
        DirNotFoundError,
        DirExistsError,
        DirInUseError,
        ReadOnlyError,
    ]
    kinds += [WriteDuringUpdateError, NotUniqueError, NotConvergingError, TransactionError, ClosedError]
    assert all(issubclass(kind, LiveDirsError) for kind in kinds)


def test_what_the_store_makes_cannot_be_made_by_hand_into_harm():
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    for make in (lambda: type(d)(), lambda: type(d)(1, 2, 3), lambda: type(store.update())(1, 2, 3, 4)):
        with pytest.raises(TypeError):
            make()
    assert d == {1: 1}


@pytest.mark.parametrize(
    "use, message",
    [
        (lambda store, d: d.set_all(1, 5), "values are an iterable, not int"),
        (lambda store, d: store.multi_map("/m/", 5), "parents are an iterable.*, not int"),
        (lambda store, d: d.map("/m/", lambda key, values: [], within=5), "within is an iterable of ranges"),
        (lambda store, d: store.lazy("/l/", lambda self, key: None, many=True)[1], "many=True.*not NoneType"),
        (lambda store, d: d[1:2], r"a slice: .*between\(lo, hi\)"),
        (lambda store, d: assert_no_residue(d).__enter__(), "takes a store, not InputDirectory"),
    ],
    ids="set_all multi_map within lazy slice residue".split(),
)
def test_what_is_of_another_kind_is_a_type_error_that_says_what_was_asked_for(use, message):
    store = Store()
    d = store.mkdir("/d/", {1: 1})
    with pytest.raises(TypeError, match=message):
        use(store, d)


def test_a_capacity_of_the_environment_that_is_none_says_where_it_is_from(monkeypatch):
    monkeypatch.setenv("LIVEDIRS_CAPACITY", "abc")
    with pytest.raises(ValueError, match="abc") as caught:
        Store()
    assert "LIVEDIRS_CAPACITY" in caught.value.__notes__[0]
