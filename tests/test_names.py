import copy
import math
import pickle

import pytest
from hypothesis import given

from livedirs import DirName, DirNotFoundError, InvalidKeyError, InvalidNameError, Store
from support import unchanged
from test_keys import keys, oracle_order

CHILDREN = [
    ("abc", "/s/abc/"),
    ("a/b", "/s/a%2Fb/"),
    ("50%", "/s/50%25/"),
    ("a\nb\x00", "/s/a%0Ab%00/"),
    ("\x7f", "/s/%7F/"),
    ("\x85", "/s/%C2%85/"),
    ("é 漢\U0001f600", "/s/é 漢\U0001f600/"),
    ("7", "/s/%37/"),
    ("-7", "/s/%2D7/"),
    ("1.5", "/s/%31.5/"),
    ("1e-07", "/s/%31e-07/"),
    ("inf", "/s/%69nf/"),
    ("-inf", "/s/%2Dinf/"),
    ("1.0", "/s/1.0/"),
    ("007", "/s/007/"),
    ("-0", "/s/-0/"),
    ("+7", "/s/+7/"),
    ("1e5", "/s/1e5/"),
    ("1_000", "/s/1_000/"),
    (" 7", "/s/ 7/"),
    ("nan", "/s/nan/"),
    ("٧", "/s/٧/"),
    ("None", "/s/%4Eone/"),
    ("True", "/s/%54rue/"),
    ("False", "/s/%46alse/"),
    ("none", "/s/none/"),
    ("(x", "/s/%28x/"),
    ("x(", "/s/x(/"),
    ("a,b)", "/s/a,b)/"),
    ("b~00", "/s/%62~00/"),
    ("b~", "/s/%62~/"),
    (".", "/s/%2E/"),
    ("..", "/s/%2E./"),
    ("...", "/s/.../"),
    ("", "/s/%/"),
    (7, "/s/7/"),
    (-7, "/s/-7/"),
    (0, "/s/0/"),
    (2**70, "/s/1180591620717411303424/"),
    (1.5, "/s/1.5/"),
    (1.0, "/s/1/"),
    (-0.0, "/s/0/"),
    (0.1, "/s/0.1/"),
    (1e-7, "/s/1e-07/"),
    (1e22, "/s/10000000000000000000000/"),
    (math.inf, "/s/inf/"),
    (-math.inf, "/s/-inf/"),
    (None, "/s/None/"),
    (True, "/s/True/"),
    (False, "/s/False/"),
    (b"\x00a", "/s/b~0061/"),
    (b"", "/s/b~/"),
    ((1, "a,b"), "/s/(1,a%2Cb)/"),
    ((), "/s/()/"),
    ((1,), "/s/(1,)/"),
    (("a", "b"), "/s/(a,b)/"),
    (("7", None, "None"), "/s/(%37,None,%4Eone)/"),
    (("",), "/s/(%,)/"),
    (("", ""), "/s/(%,%)/"),
    (("(x)",), "/s/(%28x%29,)/"),
    (("a(b",), "/s/(a%28b,)/"),
    ((1, (2, ())), "/s/(1,(2,()))/"),
    ((b"a", 1.0), "/s/(b~61,1)/"),
    (("a/b",), "/s/(a%2Fb,)/"),
]


@pytest.mark.parametrize("key, name", CHILDREN, ids=lambda x: ascii(x)[:30])
def test_a_key_gives_its_child_name(key, name):
    child = DirName("/s/") / key
    assert child == name
    assert isinstance(child, DirName)


@given(keys, keys)
def test_different_keys_give_different_names(a, b):
    names = DirName("/s/") / a, DirName("/s/") / b
    assert (names[0] == names[1]) == (oracle_order(a) == oracle_order(b))


@given(keys)
def test_a_child_name_is_a_name_of_one_more_part(key):
    child = DirName("/s/") / key
    assert DirName(str(child)) == child
    assert len(child.parts) == 2
    assert child.parent == "/s/"


def test_an_int_of_any_size_gives_a_name():
    assert DirName("/s/") / -(10**6000) == "/s/-1" + "0" * 6000 + "/"


class Slug(str): ...


def test_an_instance_of_a_subclass_gives_the_name_of_its_base():
    assert DirName("/s/") / Slug("x") == "/s/x/"
    assert DirName(Slug("/x/")) == "/x/"


@pytest.mark.parametrize(
    "name", ["/a/", "/a/b/", "/a b/", "/é/", "/.../", "/%/", "/a%2Fb/", "/(1,a)/", "/A/", "/.a/"]
)
def test_names_that_are_good(name):
    assert DirName(name) == name
    store = Store()
    store.mkdir(name)
    assert name in store and list(store) == [name]


BAD = [
    "",
    "/",
    "//",
    "///",
    "a",
    "/a",
    "a/",
    "/a//b/",
    "//a/",
    "/./",
    "/../",
    "/a/../b/",
    "/a/./",
    "/a\n/",
    "/\x00/",
    "/\x7f/",
    "/\x9f/",
    "/\ud800/",
    None,
    7,
    b"/a/",
    object(),
    ["/a/"],
    ("/a/",),
    math.nan,
]


@pytest.mark.parametrize("name", BAD, ids=lambda x: ascii(x)[:20])
@pytest.mark.parametrize(
    "use",
    [
        lambda store, name: DirName(name),
        lambda store, name: store[name],
        lambda store, name: store.get(name),
        lambda store, name: store.mkdir(name),
        lambda store, name: store.mkdir(name, exist_ok=True),
        lambda store, name: store.remove_dir(name),
        lambda store, name: store.remove_dir(name, missing_ok=True),
        lambda store, name: store["/d/"].map(name, lambda k, v: None),
    ],
    ids="DirName [] get mkdir exist_ok remove_dir missing_ok map".split(),
)
def test_anything_else_is_an_invalid_name_wherever_it_is_given(use, name):
    store = Store()
    store.mkdir("/d/", {1: 1})
    with unchanged(store):
        with pytest.raises(InvalidNameError) as caught:
            use(store, name)
        assert isinstance(caught.value, ValueError)
        if isinstance(name, str) and name.isprintable():
            assert repr(name) in str(caught.value)
        elif not isinstance(name, str):
            assert type(name).__name__ in str(caught.value)


@pytest.mark.parametrize("name", BAD, ids=lambda x: ascii(x)[:20])
def test_anything_else_is_in_no_store_and_no_snapshot(name):
    store = Store()
    with store.snapshot() as snapshot:
        assert name not in store and name not in snapshot
        with pytest.raises(InvalidNameError):
            snapshot[name]
        with pytest.raises(InvalidNameError):
            snapshot.get(name)


@pytest.mark.parametrize("key", [math.nan, [], {}, object(), "\ud800", (1, []), ...], ids=ascii)
def test_what_is_no_key_gives_no_child(key):
    with pytest.raises(InvalidKeyError):
        DirName("/s/") / key


def test_names_are_case_sensitive():
    store = Store()
    store.mkdir("/a/")
    assert "/A/" not in store
    store.mkdir("/A/")
    assert list(store) == ["/A/", "/a/"]


def test_a_dir_name_is_its_string():
    name = DirName("/a/b/")
    assert isinstance(name, str)
    assert name == "/a/b/" and hash(name) == hash("/a/b/")
    assert {name: 1}["/a/b/"] == 1
    assert f"{name}" == str(name) == "/a/b/"
    assert name + "c/" == "/a/b/c/"


def test_parts_and_parent():
    name = DirName("/a/b/c/")
    assert name.parts == ("a", "b", "c")
    assert name.parent == "/a/b/" and isinstance(name.parent, DirName)
    assert name.parent.parent == "/a/"
    assert DirName("/a/").parent is None


def test_a_dir_name_survives_pickle_and_copy():
    name = DirName("/a/") / (1, "x")
    for back in (pickle.loads(pickle.dumps(name)), copy.copy(name), copy.deepcopy(name)):
        assert back == name and isinstance(back, DirName)


def test_names_that_the_store_gives_are_dir_names():
    store = Store()
    d = store.mkdir("/a/")
    assert isinstance(d.name, DirName) and d.name / 7 == "/a/7/"
    assert all(isinstance(name, str) for name in store)


@pytest.mark.parametrize(
    ("there", "asked", "meant"),
    [
        ("/users/", "/user/", "/users/"),
        ("/users/", "/uesrs/", "/users/"),
        ("/of/ada/", "/of/adda/", "/of/ada/"),
        ("/e/", "/nope/", None),
        ("/d/", "/x/", None),
    ],
)
def test_a_name_that_nobody_bears_is_answered_with_one_that_is_like_it(there, asked, meant):
    store = Store()
    store.mkdir(there)
    for ask in (lambda: store[asked], lambda: store.remove_dir(asked)):
        with pytest.raises(DirNotFoundError) as caught:
            ask()
        said = str(caught.value)
        assert said.endswith(f'did you mean "{meant}"?') if meant else "did you mean" not in said
