"""Keys and values: of every type, several values of a key, in bulk, and cleared."""

from livedirs import DirName
from ways._way import way


class Thing:
    """A value of the user's."""

    def __init__(self, n):
        self.n = n

    def __eq__(self, other):
        return self.n == other.n

    __hash__ = None


@way
def keys_one_by_one(store):
    d = store.mkdir("/d/")
    d.map("/swapped/", lambda key, values: [(value, key) for value in values])

    def a_round(n):
        d[n] = "a"
        d[n] = f"{n}"
        d.set_all(n, [1, 2, n])
        d.discard(n)

    return a_round


@way
def keys_of_every_type(store):
    d = store.mkdir("/d/", {"stays": 1})
    d.slice("/same/", None, ...)

    def a_round(n):
        keys = [
            n + 0.5,
            f"{n} and so on, longer than what a key has room for",
            b"%d" % n * 10,
            (n, "a", (b"b", None)),
            (n,) * 20,
            n + (1 << 100),
        ]
        for key in keys:
            d[key] = n
        for key in keys:
            assert f"{DirName('/names/') / key}".startswith("/names/")
            del d[key]

    return a_round


@way
def values_of_the_users(store):
    d, e = store.mkdir("/d/"), store.mkdir("/e/")
    d.merge("/both/", e)

    def a_round(n):
        d[1] = Thing(n)
        d[1] = Thing(n)
        e[1] = Thing(n)
        d.set_all(1, [Thing(n), Thing(n + 1)])
        del d[1]
        del e[1]

    return a_round


@way
def bulk_loads_and_clears(store):
    d = store.mkdir("/d/")
    d.map_values("/doubled/", lambda value: 2 * value)
    many = dict.fromkeys(range(1000), 1)

    def a_round(n):
        if n % 500 == 0:
            d.update(many)
            d.clear()
        d.update({n: 1, n + 1: 2, n + 2: 3})
        d.clear()
        d.update([(n, 1), (n, 2)])
        d.pop(n)

    return a_round


@way
def loads_at_birth(store):
    def a_round(n):
        store.mkdir("/d/", [(key, n) for key in (n, n, n + 1, n + 2)])
        store.remove_dir("/d/")

    return a_round


@way
def iterators_left_half_way(store):
    d = store.mkdir("/d/", {1: 1, 2: 2, 3: 3})

    def a_round(n):
        everything, some, names = iter(d), d.between(1, ...), iter(store)
        next(everything), next(some), next(names), next(d.entries())
        d[2] = n
        assert len(list(reversed(list(d.items())))) == 3

    return a_round


@way
def texts_of_a_store(store):
    d = store.mkdir("/d/", {1: 1})
    d.map_values("/m/", str)

    def a_round(n):
        if n % 10 == 0:
            d[1] = n
            assert store.tree() and store.to_mermaid() and repr(d) and repr(store) and d._repr_html_()

    return a_round
