"""What becomes due again, or goes, while a mapper of it is at work or waits for its turn."""

import pytest

from livedirs import DirExistsError, DirNotFoundError, NotConvergingError, Store
from support import contents, unchanged


def copied(key, values):
    return [(key, value) for value in values]


def raised():
    raise ZeroDivisionError


class Withdrawn:
    """Of the keys of /in/ the first makes a directory unless it sees what comes of /flag/; the second makes
    /flag/. Who reads /all/ before that is mapped finds /flag/ there: the first key is mapped again, and does
    not make its directory."""

    def __init__(self, make):
        self.store = Store()
        self.make_it = make
        self.seen = []
        self.keys = self.store.mkdir("/in/")
        late = self.store.mkdir("/late/", {0: 0})
        for height in range(4):
            late = late.map(f"/late/{height}/", copied)
        self.flagged = late.map("/flagged/", lambda key, values: [(key, "/flag/" in self.store)])
        made = self.keys.map("/made/", self.make)
        made.merge("/all/", self.flagged)

    def make(self, key, values):
        if key == 1:
            if not self.flagged[0]:
                self.make_it(self)
        else:
            self.store.mkdir("/flag/")
        return [(key, "made")]


def kept(w):
    return [name for name in w.store if not name.startswith("/late/")]


@pytest.mark.parametrize("reading", [1, 2])
@pytest.mark.parametrize("end", [lambda: None, raised], ids=["returns", "raises"])
def test_a_directory_that_goes_while_a_mapper_of_it_runs_takes_along_what_that_makes(end, reading):
    def make(w):
        def compute(key, values):
            if key == reading:
                w.store.mkdir("/before/")
                w.seen.append(dict(w.store["/all/"].items()))
                w.store.mkdir("/after/")
                end()
            return [(key, "computed")]

        w.keys.map("/computed/", compute)

    w = Withdrawn(make)
    w.keys.update({1: 1, 2: 2})
    assert w.seen == [{0: True, 1: "made", 2: "made"}]
    assert kept(w) == ["/all/", "/flag/", "/flagged/", "/in/", "/made/"]
    w.store._check_invariants()
    assert w.store.stats().dir_tombstones == w.store.stats().queued == 0


def test_a_lazy_directory_that_goes_when_a_mapper_reads_it_is_not_there():
    def make(w):
        w.store.lazy("/lazy/", lambda self, key: len(w.store["/all/"]))

    w = Withdrawn(make)

    def reads(key, values):
        try:
            return [(key, w.store["/lazy/"][0])]
        except DirNotFoundError:
            w.seen.append(key)
            return [(key, "gone")]

    w.keys.map("/reads/", reads)
    w.keys[1] = 1
    assert w.store["/reads/"] == {1: 2} and w.seen == []
    w.keys[2] = 2
    assert w.store["/reads/"] == {1: "gone", 2: "gone"} and w.seen[0] == 2
    assert kept(w) == ["/all/", "/flag/", "/flagged/", "/in/", "/made/", "/reads/"]
    w.store._check_invariants()


def test_a_mapper_that_was_blocked_to_the_last_and_is_due_again_is_judged_by_its_next_run():
    store = Store()
    holds = store.mkdir("/holds/", {0: 0})
    holds.map("/holder/", lambda key, values: store.mkdir("/wanted/") and [])
    d = store.mkdir("/d/", {1: "calm"})
    wants = store.mkdir("/wants/", {0: False})

    def first(key, values):
        if wants[0]:
            try:
                store.mkdir("/wanted/")
            except DirExistsError:
                return [(key, "refused")]
        return [(key, "calm")]

    def second(key, values):
        if wants[0] and a[key] == "calm":
            store.mkdir("/wanted/")
        return [(key, a[key])]

    a = d.map("/a/", first)
    b = d.map("/b/", second)
    assert a == b == {1: "calm"}
    wants[0] = True
    assert a == b == {1: "refused"}
    assert store["/wanted/"].created and store.stats().queued == 0


def test_a_mapper_that_read_a_lazy_key_which_another_one_finds_changed_is_mapped_again():
    store = Store()
    d = store.mkdir("/d/")
    values = store.lazy("/values/", lambda self, key: "/flag/" in store)
    others = store.lazy("/others/", lambda self, key: values[key])
    seen = []

    def reads(key, _):
        before = values[0]
        len(store["/flags/"])  # is computed now, and makes /flag/
        seen.append((before, others[0]))
        return [(key, (before, others[0]))]

    m = d.map("/m/", reads)
    d.map("/flags/", lambda key, values: store.mkdir("/flag/") and [])
    d[1] = 1
    assert seen == [(False, True), (True, True)]
    assert m == {1: (True, True)}
    store._check_invariants()


@pytest.mark.parametrize("max_rounds", [3, 4, 5, 20])
def test_units_that_run_too_often_in_batches_do_not_converge(max_rounds):
    store = Store(max_rounds=max_rounds)
    d = store.mkdir("/d/")
    turn = []

    def wanders(key, values):
        """Both write to the rows 0 to 9; each sees what comes of them, and gives another."""
        if "/below/" in store:
            turn.append(store["/below/"].get_all(0))
        return [(row, len(turn)) for row in range(10)]

    d.map("/rows/", wanders).map("/batch/", copied).map("/below/", copied)
    with unchanged(store), pytest.raises(NotConvergingError, match=f"{max_rounds}"):
        d.update({1: 1, 2: 2})
    assert contents(store)["/below/"] == []


def test_a_mapper_leaves_alone_what_was_made_meanwhile_under_the_name_of_what_it_made():
    store = Store()
    d = store.mkdir("/d/", {1: 1, 2: 2})
    source = store.mkdir("/source/", {1: 1})

    def makes(key, values):
        if "/source/" in store:
            source.map(f"/of/{key}/", copied)
        return [(key, key)]

    d.map("/made/", makes)
    with store.update():
        store.remove_dir("/source/", recursive=True)
        mine = store.mkdir("/of/1/", {"mine": 1})
    del d[1]
    assert mine == {"mine": 1} and [*store] == ["/d/", "/made/", "/of/1/"]
    store._check_invariants()
