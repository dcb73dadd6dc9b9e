"""Exactly which (directory, key) pairs are mapped: those whose input changed, once, and no others."""

import pytest

from livedirs import Count, Max, Store, Sum


class Pipeline:
    """/d/ -> /square/ -> /by-parity/ (several values) -> /total/ (Sum) -> /label/, with a log of calls."""

    def __init__(self, n=6):
        self.log = []
        self.store = Store()
        self.d = self.store.mkdir("/d/", {k: k for k in range(n)})
        self.square = self.d.map("/square/", self.logged("/square/", lambda k, vs: [(k, v * v) for v in vs]))
        self.by_parity = self.square.map(
            "/by-parity/", self.logged("/by-parity/", lambda k, vs: [(v % 2, v) for v in vs])
        )
        self.total = self.by_parity.map_reduce(
            "/total/", self.logged("/total/", lambda k, vs: [(k, v) for v in vs]), Sum()
        )
        self.label = self.total.map("/label/", self.logged("/label/", lambda k, vs: [(k, f"total {vs[0]}")]))
        self.made = list(self.log)
        self.log.clear()

    def logged(self, name, fn):
        def mapper(key, values):
            self.log.append((name, key))
            return fn(key, values)

        return mapper

    def taken(self):
        log, self.log[:] = sorted(self.log), []
        return log


def test_deriving_maps_each_key_once_in_key_order():
    p = Pipeline(3)
    assert p.made == [
        ("/square/", 0),
        ("/square/", 1),
        ("/square/", 2),
        ("/by-parity/", 0),
        ("/by-parity/", 1),
        ("/by-parity/", 2),
        ("/total/", 0),
        ("/total/", 1),
        ("/label/", 0),
        ("/label/", 1),
    ]


def test_one_change_maps_one_key_of_each_directory_it_reaches():
    p = Pipeline()
    p.d[3] = 5
    assert p.taken() == [("/by-parity/", 3), ("/label/", 1), ("/square/", 3), ("/total/", 1)]
    assert p.label == {0: "total 20", 1: "total 51"}


def test_a_cascade_stops_where_the_output_comes_out_equal():
    p = Pipeline()
    p.d[3] = -3
    assert p.taken() == [("/square/", 3)]
    p.d[3] = 3.0
    assert p.taken() == [("/by-parity/", 3), ("/label/", 1), ("/square/", 3), ("/total/", 1)]


def test_an_equal_write_maps_nothing():
    p = Pipeline()
    p.d[3] = 3
    p.d.update({k: k for k in range(6)})
    assert p.taken() == []


def test_many_changes_in_one_block_map_each_key_once():
    p = Pipeline()
    with p.store.update() as tx:
        for value in (7, 8, 9):
            p.d[1] = value
            p.d[2] = value + 1
        p.d[9] = 9
    assert p.taken() == sorted(
        [(name, key) for name in ("/square/", "/by-parity/") for key in (1, 2, 9)]
        + [(name, key) for name in ("/total/", "/label/") for key in (0, 1)]
    )
    assert tx.result.mapped == 10


def test_a_removed_key_is_not_mapped():
    p = Pipeline()
    del p.d[3]
    assert p.taken() == [("/label/", 1), ("/total/", 1)]
    p.d.clear()
    assert p.taken() == []
    assert p.label == {}


def test_a_key_that_came_and_went_within_a_block_is_not_mapped():
    p = Pipeline()
    with p.store.update():
        p.d[77] = 7
        del p.d[77]
    assert p.taken() == []


def test_cascade_within_a_block_maps_what_is_due_and_the_end_nothing_twice():
    p = Pipeline()
    with p.store.update() as tx:
        p.d[3] = 5
        tx.cascade()
        assert len(p.taken()) == 4
        tx.cascade()
    assert p.taken() == []
    assert tx.result.mapped == 4


def test_a_rolled_back_block_leaves_nothing_due():
    p = Pipeline()
    with p.store.update() as tx:
        p.d[3] = 5
        p.d.clear()
        tx.rollback()
    with p.store.update() as tx:
        p.d[4] = 6
        with pytest.raises(KeyError), p.store.update():
            p.d[5] = 99
            raise KeyError
    assert p.taken() == [("/by-parity/", 4), ("/label/", 0), ("/square/", 4), ("/total/", 0)]


def test_a_diamond_maps_each_side_once():
    log = []
    store = Store()
    d = store.mkdir("/d/", {1: 1})

    def side(name):
        def fn(key, values):
            log.append((name, key))
            return [(key, values[0] + len(name))]

        return d.map(name, fn)

    left, right = side("/left/"), side("/right/")

    def bottom(key, values):
        log.append(("/bottom/", key))
        return [(key, values[0] + right[key])]

    out = left.map("/bottom/", bottom)
    log.clear()
    d[1] = 100
    assert sorted(log) == [("/bottom/", 1), ("/left/", 1), ("/right/", 1)]
    assert out == {1: 213}


def test_within_maps_no_key_outside_of_it():
    log = []
    store = Store()
    d = store.mkdir("/d/", {k: k for k in range(10)})
    d.map("/m/", lambda key, values: log.append(key), within=[(2, 3), (7, ...)])
    assert log == [2, 3, 7, 8, 9]
    log.clear()
    d.update({k: -k for k in range(12)})
    assert sorted(log) == [2, 3, 7, 8, 9, 10, 11]


def test_a_fold_maps_only_the_keys_that_changed():
    log = []
    store = Store()
    d = store.mkdir("/d/", {k: k for k in range(100)})

    def logged(name):
        def fn(key, values):
            log.append((name, key))
            return [(key % 3, values[0])]

        return fn

    for name, reducer in (("/sum/", Sum()), ("/max/", Max()), ("/count/", Count())):
        d.map_reduce(name, logged(name), reducer)
    log.clear()
    d[99] = 0
    del d[98]
    assert sorted(log) == [("/count/", 99), ("/max/", 99), ("/sum/", 99)]
    assert store["/max/"] == {0: 96, 1: 97, 2: 95}


def test_deriving_more_maps_nothing_of_what_is_there():
    p = Pipeline()
    p.d.map("/more/", p.logged("/more/", lambda k, vs: None))
    assert p.taken() == [("/more/", k) for k in range(6)]
    p.store.mkdir("/other/", {1: 1})
    p.store.remove_dir("/more/")
    p.store.remove_dir("/other/")
    assert p.taken() == []


def test_mapped_counts_the_calls_of_a_commit():
    p = Pipeline()
    with p.store.update() as tx:
        p.d[1] = 4
    assert tx.result.mapped == len(p.taken()) == 6
