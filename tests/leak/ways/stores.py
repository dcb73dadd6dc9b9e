"""Stores that are closed, dropped, and dropped in cycles."""

import gc

from livedirs import Store
from ways._way import way


def filled(store):
    """A store with something of each."""
    d = store.mkdir("/d/", {1: 1, "two": 2})
    d.map("/m/", lambda key, values: [(key, store.mkdir(f"/made-{key}/", {1: 1}).name)])
    d.previous()
    store.lazy("/lazy/", lambda self, key: d[key])[1]
    return d


@way
def stores_closed(_):
    def a_round(n):
        if n % 5:  # it is long
            return
        with Store() as store:
            d = filled(store)
            held = d.cursor(), d.subscribe(lambda changes: None), store.cursor()
            snapshot, fork = store.snapshot(), store.fork()
            del d["two"]
        fork.close()
        assert (snapshot["/d/"]["two"], len(held)) == (2, 3)

    return a_round


@way
def stores_dropped_in_cycles(_):
    """Each has a mapper that holds it."""

    def a_round(n):
        filled(Store())
        if n % 100 == 0:
            gc.collect()

    return a_round


@way
def stores_that_hold_themselves(_):
    def a_round(n):
        store = Store()
        store.mkdir("/d/", {1: store, 2: [store]})
        store.fork()["/d/"][3] = store
        if n % 100 == 0:
            gc.collect()

    return a_round
