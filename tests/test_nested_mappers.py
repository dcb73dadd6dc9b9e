"""Mappers in mappers, five deep: each makes an input directory, and what derives from it the next level."""

import random

import pytest

from livedirs import DirInUseError, DirName, Store, Sum
from support import contents, figures, label, state, unchanged

DEPTH = 5
TOP = DirName("/top/")


class World:
    """For a key of /keys/: /top/<key>/ (level 1), with keys that make a level 2 each, and so on.

    A level is an input directory `in`, whose content hangs on the value and on /config/ at the level above;
    `out`, whose mapper makes the levels below; and `sum`, a fold. `log` has (level, name, key) for
    each run of a mapper.
    """

    def __init__(self, keys=(), config=(), branches=2):
        self.log = []
        self.branches = branches
        self.store = Store()
        self.config = self.store.mkdir("/config/", config)
        self.keys = self.store.mkdir("/keys/", keys)
        self.maker = self.keys.map("/maker/", self.mapper(0, TOP))

    def make_level(self, level, name, start):
        rows = self.store.mkdir(name / "in", {k: start + k for k in range(self.branches)})
        rows.map(name / "out", self.mapper(level, name))
        rows.map_reduce(name / "sum", lambda key, values: [("all", values[0])], Sum())

    def mapper(self, level, name):
        def run(key, values):
            self.log.append((level, str(name), key))
            if self.config.get("raise") == level:
                raise ZeroDivisionError(level)
            start = values[0] + self.config.get(level, 0) // 10
            if level < DEPTH:
                self.make_level(level + 1, name / key, start)
            return [(key, start)]

        return run

    def taken(self):
        log, self.log[:] = sorted(self.log, key=str), []
        return log

    def level(self, n):
        """Names of the directories of a level."""
        return [name for name in self.store if name.startswith(TOP) and len(name.parts) == n + 2]

    def created(self):
        return {name: self.store[name].created for name in self.store}


def expected(keys, config, branches=2):
    """What there must be, from scratch."""
    found = {"/config/": dict(config), "/keys/": dict(keys), "/maker/": {}}
    log = []

    def run(level, name, key, value):
        log.append((level, str(name), key))
        start = value + config.get(level, 0) // 10
        if level < DEPTH:
            rows = {k: start + k for k in range(branches)}
            found[name / key / "in"] = rows
            found[name / key / "sum"] = {"all": sum(rows.values())}
            found[name / key / "out"] = {k: run(level + 1, name / key, k, v) for k, v in rows.items()}
        return start

    for key, value in keys.items():
        found["/maker/"][key] = run(0, TOP, key, value)
    return found, sorted(log, key=str)


def check(w):
    found, _ = expected(w.keys, w.config, w.branches)
    assert {str(name): dict(w.store[name]) for name in w.store} == {str(k): v for k, v in found.items()}


def of_level(log, *levels):
    return [entry for entry in log if entry[0] in levels]


def test_each_level_is_made_and_each_mapper_runs_once():
    w = World({1: 100, 2: 200})
    check(w)
    assert w.taken() == expected(w.keys, {})[1]
    assert [len(w.level(n)) for n in range(1, DEPTH + 1)] == [2 * 3 * 2**n for n in range(DEPTH)]


def test_with_a_key_go_all_levels_and_nothing_is_left():
    w = World()
    before = figures(w.store)
    for keys in ({1: 100}, {1: 100, 2: 200, "x": 300}, {(1, None): 5}):
        w.keys.update(keys)
        check(w)
        one = figures(w.store)
        for key in list(keys):
            del w.keys[key]
            check(w)
        assert figures(w.store) == before
        w.keys.update(keys)
        assert figures(w.store) == one
        with w.store.update() as tx:
            w.keys.clear()
        assert len(tx.result.removed) == len(keys) * 3 * (2**DEPTH - 1) == tx.result.purged
        assert figures(w.store) == before


def test_a_key_that_stays_is_not_mapped_when_another_comes_or_goes():
    w = World({1: 100})
    w.taken()
    created = w.created()
    w.keys[2] = 200
    assert w.taken() == expected({2: 200}, {})[1]
    del w.keys[2]
    assert w.taken() == [] and w.created() == created


# ---- kept or made anew


@pytest.mark.parametrize("level", range(DEPTH + 1))
def test_what_is_made_again_alike_is_kept_with_all_below_it(level):
    w = World({1: 100, 2: 200})
    created, before = w.created(), figures(w.store)
    all_runs = w.taken()
    for n in (1, 2, 3):  # all of them come to 0
        w.config[level] = n
        assert w.taken() == of_level(all_runs, level)
        assert w.created() == created
    del w.config[level]
    assert w.taken() == of_level(all_runs, level)
    assert w.created() == created and figures(w.store) == before
    check(w)


@pytest.mark.parametrize("level", range(DEPTH + 1))
def test_what_is_made_otherwise_is_made_anew_with_all_below_it_and_nothing_above(level):
    w = World({1: 100, 2: 200})
    created, before = w.created(), figures(w.store)
    all_runs = w.taken()
    with w.store.update() as tx:
        w.config[level] = 10
    check(w)
    assert w.taken() == of_level(all_runs, *range(level, DEPTH + 1))
    assert tx.result.mapped == sum(2 * 2**n for n in range(level, DEPTH + 1)) + sum(
        2 * 2 * 2**n for n in range(level, DEPTH)
    )
    for name, tick in w.created().items():
        below = name.startswith(TOP) and len(name.parts) - 2 > level
        assert (tick > created[name]) is below
    assert tx.result.removed == frozenset()
    w.config.clear()
    check(w)
    assert figures(w.store) == before


def test_a_change_of_several_levels_makes_each_anew_once():
    w = World({1: 100})
    all_runs = w.taken()
    with w.store.update():
        for level in range(DEPTH + 1):
            w.config[level] = 10 * (level + 1)
    check(w)
    # A unit that a level above made anew runs once, whatever its own part of /config/ did.
    assert w.taken() == all_runs


@pytest.mark.parametrize("level", range(1, DEPTH + 1))
def test_a_row_written_from_top_level_makes_and_removes_the_levels_below_it_alone(level):
    w = World({1: 100})
    before, created = figures(w.store), w.created()
    name = TOP / 1
    for _ in range(level - 1):
        name = name / 0
    rows = w.store[name / "in"]
    w.taken()
    rows["new"] = 7
    assert {n for n, _, _ in w.taken()} == set(range(level, DEPTH + 1))
    assert len(w.store) == len(created) + 3 * (2 ** (DEPTH - level) - 1)
    assert w.store[name / "out"]["new"] == 7 and w.store[name / "sum"]["all"] == sum(rows.values())
    assert {n: tick for n, tick in w.created().items() if n in created} == created
    del rows["new"]
    assert w.taken() == [] and w.created() == created and figures(w.store) == before
    rows["new"] = 7
    w.taken()
    w.config[level - 1] = 10  # the level is made anew, without the row
    check(w)
    w.config.clear()
    check(w)
    assert figures(w.store) == before


@pytest.mark.parametrize("level", range(DEPTH + 1))
def test_what_top_level_derives_from_a_level_goes_on_with_it(level):
    w = World({1: 100})
    if level == 0:
        made = w.maker
    else:
        name = TOP / 1
        for _ in range(level - 1):
            name = name / 1
        made = w.store[name / "out"]
    below = made.map_reduce("/below/", lambda key, values: [("n", values[0])], Sum())
    w.config[level] = 50
    assert below["n"] == sum(made.values())
    w.keys.clear()
    assert below == {} and "/below/" in w.store
    w.keys[1] = 5
    assert below["n"] == sum(made.values())
    if level:
        with pytest.raises(DirInUseError, match="mapper"):
            w.store.remove_dir(made.name)
    w.store.remove_dir("/below/")
    check(w)


# ---- in blocks


@pytest.mark.parametrize("level", range(DEPTH + 1))
def test_an_exception_at_any_level_undoes_all_levels(level):
    w = World({1: 100, 2: 200})
    w.taken()
    for change in (lambda: w.keys.update({3: 300}), lambda: w.config.update({0: 10}), lambda: w.keys.clear()):
        with unchanged(w.store):
            with pytest.raises(ZeroDivisionError) as caught, w.store.update() as tx:
                change()
                w.keys[9] = 900
                tx.cascade()
                assert len(w.level(DEPTH)) >= 3 * 2 ** (DEPTH - 1)
                w.config["raise"] = level
            assert caught.value.args == (level,)
            (note,) = caught.value.__notes__
            assert (f'"{TOP}' if level else '"/maker/" from "/keys/"') in note
            assert note.split('"')[1].count("/") == max(level + 3, 3) - (not level)
        w.taken()
    w.keys[3] = 300
    check(w)
    assert w.taken() == expected({3: 300}, {})[1]


def test_a_savepoint_undoes_its_levels_alone():
    w = World({1: 100})
    with w.store.update() as tx:
        w.keys[2] = 200
        tx.cascade()
        between = state(w.store)
        with pytest.raises(KeyError), w.store.update() as inner:
            w.config[2] = 70
            del w.keys[1]
            inner.cascade()
            check(w)
            raise KeyError
        assert state(w.store) == between
    check(w)


def test_what_goes_and_comes_within_a_block_is_as_if_it_had_stayed():
    w = World({1: 100, 2: 200})
    before, created = figures(w.store), w.created()
    with w.store.update() as tx:
        del w.keys[1]
        w.config[3] = 90
        w.keys[1] = 100
        w.config.clear()
    check(w)
    assert w.created() == created and figures(w.store) == before
    with w.store.update() as tx:
        del w.keys[1]
        tx.cascade()
        assert len(w.level(1)) == 3
        w.keys[1] = 100
    check(w)
    assert figures(w.store) == before and tx.result.removed == frozenset()
    anew = {name for name, tick in w.created().items() if tick != created[name]}
    assert anew == {name for name in created if name.startswith(TOP / 1)}


def test_removing_the_maker_removes_all_levels():
    w = World({1: 100, 2: 200})
    w.store.remove_dir("/maker/")
    assert list(w.store) == ["/config/", "/keys/"]
    assert w.store.stats().dependencies == 0 and w.store.stats().names == 2
    w.maker = w.keys.map("/maker/", w.mapper(0, TOP))
    check(w)


# ---- at random


@pytest.mark.parametrize("seed", range(30), ids=label)
def test_oracle_levels_come_and_go_as_if_made_from_scratch(seed):
    rng = random.Random(seed)
    w = World(branches=rng.choice([1, 1, 2]))
    empty = figures(w.store)
    for _ in range(12):
        with w.store.update() as tx:
            for _ in range(rng.randrange(1, 4)):
                action = rng.randrange(6)
                if action < 2:
                    w.keys[rng.randrange(3)] = rng.randrange(3)
                elif action == 2:
                    w.keys.discard(rng.randrange(3))
                elif action == 3:
                    w.config[rng.randrange(DEPTH + 1)] = rng.randrange(30)
                elif action == 4:
                    w.config.discard(rng.randrange(DEPTH + 1))
                else:
                    tx.cascade()
            if rng.random() < 0.2:
                tx.rollback()
        check(w)
        scratch = World(dict(w.keys), dict(w.config), w.branches)
        assert contents(scratch.store) == contents(w.store) and figures(scratch.store) == figures(w.store)
    w.keys.clear()
    w.config.clear()
    assert figures(w.store) == empty


# ---- one directory for all keys of a level


def test_levels_that_are_shared_live_until_no_key_asks_for_them():
    store = Store()
    source = store.mkdir("/source/", {"s": 1})
    keys = store.mkdir("/keys/")

    def mapper(level):
        def run(key, values):
            if level < DEPTH:
                source.map(DirName("/shared/") / (level + 1), mapper(level + 1), shared=True)
            return [(key, level)]

        return run

    keys.map("/maker/", mapper(0))
    before = figures(store)
    keys.update({1: 1, 2: 1, 3: 1})
    created = {name: store[name].created for name in store}
    assert len(store) == 3 + DEPTH and store[DirName("/shared/") / DEPTH] == {"s": DEPTH}
    source["t"] = 2
    assert all(store[DirName("/shared/") / n] == {"s": n, "t": n} for n in range(1, DEPTH + 1))
    del source["s"]
    for key in (1, 2):
        del keys[key]
        assert {name: store[name].created for name in store} == created
    del keys[3]
    assert list(store) == ["/keys/", "/maker/", "/source/"]
    source.clear()
    source["s"] = 1
    assert figures(store) == before
