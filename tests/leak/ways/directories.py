"""Directories: from outside, from mappers, nested, shared, made anew; hooks; previous; lazy ones; folds."""

from livedirs import Count, DirName, Max, Mean, Min, Sum
from ways._way import way


@way
def directories_from_outside(store):
    def a_round(n):
        made = store.mkdir(DirName("/made/") / n, {n: n, "b": 2})
        made.map_values(DirName("/views/") / n, str)
        store.remove_dir(made.name, recursive=True)

    return a_round


@way
def directories_under_long_names(store):
    def a_round(n):
        name = DirName("/made/") / ("long " * 20) / n
        store.mkdir(name)
        store.remove_dir(name)
        assert name not in store

    return a_round


@way
def every_derivation(store):
    d, e = store.mkdir("/d/", {1: 1, 2: 2}), store.mkdir("/e/", {1: 3})

    def a_round(n):
        if n % 4:  # it is long
            return
        with store.update():
            made = [
                d.map("/m/", lambda key, values: [(values[0] % 2, key), (n, key)]),
                d.map_values("/v/", lambda value: value + n),
                d.filter("/f/", lambda key, value: value > 1),
                d.map_reduce("/r/", lambda key, values: [(0, values[0])], Sum()),
                d.group_by("/g/", lambda key, value: value % 2),
                d.slice("/s/", 1, 1),
                d.slices("/ss/", (1, 1), (2, ...)),
                d.take("/t/", 1),
                d.merge("/u/", e),
                store.multi_map(
                    "/mm/", [(d, lambda key, values: [(key, n)]), (e, lambda key, values: [(n, 1)])]
                ),
            ]
        d[3] = n
        del d[3]
        with store.update():
            for directory in made:
                store.remove_dir(directory.name)

    return a_round


@way
def directories_made_by_mappers(store):
    source, keys = store.mkdir("/source/", {1: 1, 2: 2}), store.mkdir("/keys/")

    def make(key, values):
        source.map(DirName("/made/") / key, lambda k, vs: [(k, key)], within=[(1, 1)])
        return [(key, store.mkdir(DirName("/input/") / key, {key: values}).name)]

    keys.map("/maker/", make)

    def a_round(n):
        keys[n] = n
        keys[n] = -n - 1
        del keys[n]

    return a_round


@way
def nested_mappers(store):
    keys = store.mkdir("/keys/")

    def make(key, values):
        outer = store.mkdir(DirName("/outer/") / key, {1: key})

        def inner(k, vs):
            innermost = store.mkdir(DirName("/inner/") / key / k, {k: vs[0]})
            innermost.map_values(innermost.name / "view", str)

        outer.map(DirName("/mid/") / key, inner)

    keys.map("/maker/", make)

    def a_round(n):
        keys[n] = n
        del keys[n]

    return a_round


@way
def shared_directories(store):
    source, keys = store.mkdir("/source/", {1: 1, 2: 2}), store.mkdir("/keys/")

    def make(key, values):
        source.slice(DirName("/shared/") / values[0], 1, values[0], shared=True)

    keys.map("/maker/", make)

    def a_round(n):
        with store.update():
            keys[n] = n
            keys[-n - 1] = n
        del keys[n]
        del keys[-n - 1]

    return a_round


@way
def directories_made_anew(store):
    keys = store.mkdir("/keys/", {0: 0})
    keys.map("/maker/", lambda key, values: store.mkdir("/made/", {values[0]: 1}) and None)
    store["/made/"].map_values("/of-made/", str)
    store.mkdir("/own/", {1: 1})

    def a_round(n):
        keys[0] = n + 1
        with store.update():
            store.remove_dir("/own/")
            store.mkdir("/own/", {n: n})

    return a_round


@way
def hooks(store):
    log = store.mkdir("/log/")

    def a_round(n):
        name = DirName("/made/") / n
        store.mkdir(name, on_create=lambda s: log.update({n: n}), on_delete=lambda s: log.pop(n))
        assert n in log
        store.remove_dir(name)
        with store.update():
            store.mkdir(name, on_create=lambda s: log.update({n: n}))
            store.remove_dir(name)

    return a_round


@way
def previous_directories(store):
    d = store.mkdir("/d/", {1: 1})
    before = d.previous()
    before.map_values("/was/", lambda value: value)

    def a_round(n):
        d[n] = n
        del d[n]
        made = store.mkdir("/made/", {n: n})
        made.previous()
        made[1] = n
        store.remove_dir("/made/")

    return a_round


@way
def lazy_keys(store):
    d = store.mkdir("/d/", {1: 1})
    lazy = store.lazy("/lazy/", lambda self, key: d[key] if key in d else self[1])

    def a_round(n):
        d[n + 2] = n
        assert lazy[n + 2] == n
        del d[n + 2]
        assert lazy[n + 2] == 1

    return a_round


@way
def lazy_keys_that_are_absent(store):
    lazy = store.lazy("/lazy/", lambda self, key: store["/d/"][key])
    d = store.mkdir("/d/")

    def a_round(n):
        assert lazy.get(n) is None
        d[n] = n
        assert lazy[n] == n
        del d[n]

    return a_round


@way
def lazy_keys_that_are_kept(store):
    def a_round(n):
        lazy = store.lazy("/lazy/", lambda self, key: self[key - 1] + 1 if key else 0, keep=True)
        assert lazy[5] == 5
        store.remove_dir("/lazy/")

    return a_round


class Total:
    """A reducer of the user's."""

    initial = 0

    def add(self, acc, value):
        return acc + value

    def remove(self, acc, value):
        return acc - value


@way
def folds(store):
    d = store.mkdir("/d/", {1: 1})
    reducers = {"sum": Sum(), "count": Count(), "min": Min(), "max": Max(), "mean": Mean(), "user": Total()}
    for name, reducer in reducers.items():
        d.map_reduce(DirName("/by/") / name, lambda key, values: [(key % 2, values[0])], reducer)
    d.reduce("/text/", Max(str))

    def a_round(n):
        d.update({n + 2: n, n + 3: n + 0.5, n + 4: float("inf"), n + 5: 1 << 100})
        for key in range(n + 2, n + 6):
            del d[key]

    return a_round


@way
def reads_of_mappers(store):
    read, names = store.mkdir("/read/", {1: 1}), store.mkdir("/names/", {1: 1})

    def look(key, values):
        found = read.get(key), list(read.between(key, key + 1)), len(read), bool(read), f"/x{key}/" in store
        return [(key, found)]

    names.map("/looks/", look)
    names.map("/lists/", lambda key, values: [(key, len(list(store)) + len(list(read)))])

    def a_round(n):
        names[n] = n
        read[n] = n
        del read[n]
        del names[n]

    return a_round
