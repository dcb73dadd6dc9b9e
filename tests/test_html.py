"""What notebooks show: `_repr_html_` of stores, snapshots and directories."""

import re
import threading
from xml.etree import ElementTree

import pytest

from livedirs import Count, DirName, Store


def parsed(thing):
    """The HTML, which is well-formed: (caption, heads, rows, foot), as text."""
    html = thing._repr_html_()
    assert html.encode()
    table = ElementTree.fromstring(html)
    assert table.tag == "table"
    # No colours of its own.
    assert set(re.findall(r"[\w-]*colou?r[^;\"]*", html)) == {"color:inherit"}
    assert not re.search(r"#[0-9a-f]{3}|rgb|hsl|background|<style|<script", re.sub("&#x27;", "", html))
    text = lambda element: "" if element is None else " ".join("".join(element.itertext()).split())  # noqa: E731
    rows = [[text(cell) for cell in row] for row in table.findall("tbody/tr")]
    return text(table.find("caption")), [text(h) for h in table.iter("th")], rows, text(table.find("tfoot"))


def plain(thing):
    """What is shown of something without rows."""
    element = ElementTree.fromstring(thing._repr_html_())
    assert element.tag == "code" and len(element) == 0
    return element.text


# ---- directories


def test_a_directory_shows_its_name_kind_and_rows():
    store = Store()
    d = store.mkdir("/d/", {2: "b", 1: "a"})
    d.set_all("x", [1, 2, 3])
    m = d.filter("/m/", lambda key, value: value == "b")
    assert parsed(d) == (
        "/d/ input, 3 keys",
        ["key", "value"],
        [["1", "'a'"], ["2", "'b'"], ["'x'", "123"]],
        "",
    )
    assert parsed(m) == ("/m/ derived, 1 key", ["key", "value"], [["2", "'b'"]], "")


def test_of_a_previous_directory_and_of_a_snapshot_their_own_rows_are_shown():
    store = Store()
    d = store.mkdir("/d/", {1: "a"})
    before = d.previous()
    with store.snapshot() as snapshot:
        d[1] = "b"
        assert parsed(before)[0] == "/d/ previous, 1 key" and parsed(before)[2] == [["1", "'a'"]]
        assert parsed(snapshot["/d/"]) == ("/d/ input, 1 key", ["key", "value"], [["1", "'a'"]], "")
        assert parsed(d)[2] == [["1", "'b'"]]


class Counted:
    shown = 0

    def __repr__(self):
        Counted.shown += 1
        return "counted"


@pytest.mark.parametrize("count, more", [(20, ""), (21, "… 1 more row"), (5_000, "… 4,980 more rows")])
def test_twenty_rows_are_shown_and_no_more_are_read(count, more):
    d = Store().mkdir("/d/", {key: Counted() for key in range(count)})
    Counted.shown = 0
    caption, _, rows, foot = parsed(d)
    assert caption == f"/d/ input, {count:,} keys" and foot == more
    assert rows == [[str(key), "counted"] for key in range(20)]
    assert Counted.shown == 20


@pytest.mark.parametrize("count, more", [(5, ""), (6, "… 1 more value"), (1_000, "… 995 more values")])
def test_of_one_key_five_values_are_shown(count, more):
    d = Store().mkdir("/d/")
    d.set_all(1, [Counted() for _ in range(count)])
    Counted.shown = 0
    assert parsed(d)[2] == [["1", "counted" * 5 + more]]
    assert Counted.shown == 5


def test_an_empty_directory_says_so():
    assert parsed(Store().mkdir("/d/")) == ("/d/ input, empty", [], [], "")


def test_a_lazy_directory_shows_how_many_keys_are_kept_and_computes_nothing():
    store, log = Store(), []
    lazy = store.lazy("/l/", lambda self, key: log.append(key) or key)
    assert parsed(lazy) == ("/l/ lazy, 0 keys kept", [], [], "")
    lazy[1]
    assert parsed(lazy) == ("/l/ lazy, 1 key kept", [], [], "") and log == [1]


def test_what_is_removed_or_closed_shows_its_repr():
    store = Store()
    d, lazy = store.mkdir("/d/"), store.lazy("/l/", lambda self, key: key)
    snapshot = store.snapshot()
    store.remove_dir("/d/")
    store.remove_dir("/l/")
    assert plain(d) == repr(d) == '<InputDirectory "/d/", removed>'
    assert plain(lazy) == repr(lazy)
    store.lazy("/d/", lambda self, key: key)
    store.mkdir("/l/", {1: 1})
    assert plain(lazy) == repr(lazy)
    assert plain(d) == repr(d) == '<InputDirectory "/d/", removed>'
    assert parsed(snapshot["/d/"])[0] == "/d/ input, empty"
    of_snapshot = snapshot["/d/"]
    snapshot.close()
    store.close()
    for thing in (store, snapshot, d, lazy, of_snapshot):
        assert plain(thing) == repr(thing)


# ---- whatever the values are


class Shows:
    def __init__(self, shown):
        self.shown = shown

    def __repr__(self):
        if isinstance(self.shown, BaseException):
            raise self.shown
        return self.shown


class Error(Exception):
    def __str__(self):
        raise self


def deep():
    value = []
    for _ in range(100_000):
        value = [value]
    return value


def circular():
    value = {}
    value["self"] = value
    return value


AWKWARD = {
    "markup": ("<script>alert(1)</script>&amp;", "'<script>alert(1)</script>&amp;'"),
    "quotes": ("a\"b'c", "'a\"b\\'c'"),
    "markup_of_an_object": (Shows("</table><b>"), "</table><b>"),
    "lines": (Shows("array([1,\n       2])"), "array([1, 2])"),
    "control": (Shows("a\x00b\x1b[31m\x7f\ufffe"), r"a\x00b\x1b[31m\x7f\ufffe"),
    "surrogate": (Shows("\ud800!"), r"\ud800!"),
    "long": ("z" * 5_000_000, None),
    "long_bytes": (b"z" * 5_000_000, None),
    "long_list": (list(range(1_000_000)), "[0, 1, 2, 3, 4, 5, ...]"),
    "long_dict": (dict.fromkeys(range(1_000_000)), None),
    "long_repr": (Shows("z" * 5_000_000), None),
    "long_int": (10**100_000, None),
    "deep": (deep(), None),
    "circular": (circular(), None),
    "raises": (Shows(ValueError("why")), None),
    "raises_recursion": (Shows(RecursionError()), None),
    "raises_what_raises": (Shows(Error()), None),
    "gives_no_str": (Shows(7), None),
    "gives_nothing": (Shows(""), ""),
    "named_like_a_list": (type("list", (), {})(), None),
    "named_oddly": (type("<b>", (), {"__repr__": lambda self: 1 / 0})(), None),
}


@pytest.mark.parametrize("value, shown", AWKWARD.values(), ids=AWKWARD)
def test_whatever_a_value_shows_the_table_stands(value, shown):
    d = Store().mkdir("/d/", {0: "before", 1: value, 2: "after"})
    caption, _, rows, _ = parsed(d)
    assert caption == "/d/ input, 3 keys"
    assert (
        [key for key, _ in rows] == ["0", "1", "2"] and rows[0][1] == "'before'" and rows[2][1] == "'after'"
    )
    assert len(rows[1][1]) <= 100
    assert shown is None or rows[1][1] == shown


def test_an_interrupt_while_a_value_is_shown_arrives():
    d = Store().mkdir("/d/", {1: Shows(KeyboardInterrupt())})
    with pytest.raises(KeyboardInterrupt):
        d._repr_html_()


def test_names_and_keys_are_escaped_and_cut():
    store = Store()
    d = store.mkdir("/<b>&\"'/", {"<i>": 1, "k" * 1_000: 2, ("<", b"&"): 3})
    long = store.mkdir("/" + "n" * 1_000 + "/")
    maker = d.map("/maker/", lambda key, values: store.mkdir(DirName("/of/") / key) and None)
    caption, _, rows, _ = parsed(d)
    assert caption == "/<b>&\"'/ input, 3 keys"
    assert rows[0] == ["'<i>'", "1"] and len(rows[1][0]) == 100 and rows[2] == ["('<', b'&')", "3"]
    assert len(parsed(long)[0]) < 120
    rows = {row[0]: row for row in parsed(store)[2]}
    assert rows["/<b>&\"'/"][1:3] == ["input", "3"] and rows["/of/<i>/"][4] == "/maker/ for '<i>'"
    assert (
        rows["/maker/"][3] == "/<b>&\"'/" and max(len(cell) for row in rows.values() for cell in row) <= 110
    )
    assert maker.kind == "derived"


def test_a_value_may_use_the_store_while_it_is_shown():
    store = Store()

    class Using:
        def __repr__(self):
            d[0] = d.get(0, 0) + 1
            return f"{len(store)} {store.tick}"

    d = store.mkdir("/d/")
    d[1] = Using()
    tick = store.tick
    assert parsed(d)[2] == [["1", f"1 {tick + 1}"]] and d[0] == 1


# ---- stores


def test_an_empty_store_says_so():
    store = Store()
    assert parsed(store) == ("Store of 0 directories at tick 1", [], [], "")
    assert parsed(store.snapshot()) == ("Snapshot of 0 directories at tick 1", [], [], "")


def test_a_store_shows_what_its_directories_are_and_hang_on():
    store = Store()
    d = store.mkdir("/d/", {1: "a", 2: "b"})
    below = store.mkdir("/d/below/")
    d.merge("/merged/", below)
    d.map("/maker/", lambda key, values: d.slice(DirName("/of/") / key, key, key) and None)
    d.map("/sharer/", lambda key, values: d.reduce("/shared/", Count(), shared=True) and None)
    lazy = store.lazy("/lazy/", lambda self, key: key)
    lazy[1]
    d.previous()
    expected = [
        ["/d/", "input", "2", "", ""],
        ["/d/below/", "input", "0", "", ""],
        ["/lazy/", "lazy", "1 kept", "", ""],
        ["/maker/", "derived", "0", "/d/", ""],
        ["/merged/", "derived", "2", "/d/ /d/below/", ""],
        ["/of/1/", "derived", "1", "/d/", "/maker/ for 1"],
        ["/of/2/", "derived", "1", "/d/", "/maker/ for 2"],
        ["/shared/", "derived", "2", "/d/", "/sharer/ for 1 and 1 other"],
        ["/sharer/", "derived", "0", "/d/", ""],
    ]
    heads = ["directory", "kind", "keys", "from", "made by"]
    assert parsed(store) == (f"Store of 9 directories at tick {store.tick}", heads, expected, "")
    with store.snapshot() as snapshot:
        store.remove_dir("/merged/")
        assert parsed(snapshot)[1:] == (heads, expected, "")
        assert [row[0] for row in parsed(store)[2]] == list(store)


@pytest.mark.parametrize(
    "count, more", [(100, ""), (101, "… 1 more directory"), (103, "… 3 more directories")]
)
def test_a_hundred_directories_are_shown(count, more):
    store = Store()
    with store.update():
        for n in range(count):
            store.mkdir(DirName("/d/") / n)
    caption, _, rows, foot = parsed(store)
    assert caption.startswith(f"Store of {count} directories") and len(rows) == 100
    assert [row[0] for row in rows] == list(store)[:100] and foot == more


def test_in_a_transaction_its_owner_sees_it_and_others_the_last_commit():
    store = Store()
    d = store.mkdir("/d/", {1: "a"})
    seen = []

    def show():
        seen.append((parsed(d)[2], [row[0] for row in parsed(store)[2]]))

    with store.update():
        d[1] = "b"
        store.mkdir("/new/")
        show()
        thread = threading.Thread(target=show)
        thread.start()
        thread.join()
    show()
    after = ([["1", "'b'"]], ["/d/", "/new/"])
    assert seen == [after, ([["1", "'a'"]], ["/d/"]), after]


def test_inside_a_mapper_it_is_no_read():
    store, log = Store(), []
    d = store.mkdir("/d/", {1: "a"})
    lazy = store.lazy("/l/", lambda self, key: key)
    parent = store.mkdir("/parent/", {1: 1})
    parent.map("/m/", lambda key, values: log.append([plain(thing) for thing in (d, lazy, store)]))
    assert log == [['<InputDirectory "/d/">', '<LazyDirectory "/l/">', log[0][2]]]
    dependencies = store.stats().dependencies
    d[1] = "b"
    store.mkdir("/new/")
    assert len(log) == 1 and dependencies == 0
