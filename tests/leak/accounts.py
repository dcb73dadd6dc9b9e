"""Fills stores under memray; prints for each what was allocated, and by how much `stats().bytes` grew.

Run as: python accounts.py <keys> <folder for the recordings> [case ...]. The values are one object, and the
objects of the interpreter live in its arenas, which are mapped and not allocated: what is allocated is of the
Rust side.
"""

import gc
import json
import sys
from pathlib import Path

import memray

from livedirs import DirName, Max, Store, Sum

MAPPED = {memray.AllocatorType.MMAP, memray.AllocatorType.MUNMAP}


class Nothing:
    """A reducer of the user's."""

    initial = 0

    def add(self, acc, value):
        return 0

    def remove(self, acc, value):
        return 0


def fill(d, keys):
    d.update(dict.fromkeys(keys, 0))


def read(lazy, keys):
    for key in keys:
        lazy[key]


def lag(d, keys):
    d.previous()
    fill(d, keys)


def texts(keys):
    return [f"{key}, and more than what there is room for in a key" for key in keys]


def make(store, keys, content=()):
    with store.update():
        for key in keys[::10]:
            store.mkdir(DirName("/of/some/") / key, content)


def make_many(store, d, keys, function):
    store.mkdir("/makers/", dict.fromkeys(keys[::10], 0)).map("/maker/", function)


def drop(store, d, keys):
    held.append(d.cursor(since=store.tick))
    d.clear()


def drop_dirs(store, keys):
    make(store, keys)
    held.append(store.cursor(since=store.tick))
    with store.update():
        for key in keys[::10]:
            store.remove_dir(DirName("/of/some/") / key)


def follow(store, things):
    held.extend([thing.cursor(since=store.tick) for thing in things])


def follow_many(store, keys):
    make(store, keys)
    follow(store, [store[DirName("/of/some/") / key] for key in keys[::10]])


held = []
CASES = {
    "rows": lambda store, d, e, keys: fill(e, keys),
    "units": lambda store, d, e, keys: d.map("/m/", lambda key, values: [(key, 0)]),
    "units_of_several": lambda store, d, e, keys: d.map("/m/", lambda key, values: [(key, 0), (-key, 0)]),
    "reads_of_keys": lambda store, d, e, keys: d.map("/m/", lambda key, values: [(key, e.get(key))]),
    "reads_of_ranges": lambda store, d, e, keys: d.map(
        "/m/", lambda key, values: [(key, any(e.between(key, key)))]
    ),
    "reads_of_long_keys": lambda store, d, e, keys: d.map(
        "/m/", lambda key, values: [(key, e.get(f"{key}, and more than there is room for"))]
    ),
    "sums": lambda store, d, e, keys: d.reduce("/m/", Sum()),
    "sums_of_floats": lambda store, d, e, keys: d.reduce("/m/", Sum(lambda value: 0.5)),
    "sums_of_infinities": lambda store, d, e, keys: d.reduce("/m/", Sum(lambda value: float("inf"))),
    "sums_of_large_ints": lambda store, d, e, keys: d.reduce("/m/", Sum(lambda value: 1 << 200)),
    "greatest": lambda store, d, e, keys: d.reduce("/m/", Max()),
    "greatest_of_texts": lambda store, d, e, keys: d.reduce("/m/", Max(lambda value: "long" * 20)),
    "greatest_of_objects": lambda store, d, e, keys: d.reduce("/m/", Max(lambda value: (value,))),
    "reducer": lambda store, d, e, keys: d.reduce("/m/", Nothing()),
    "lazy": lambda store, d, e, keys: read(store.lazy("/l/", lambda self, key: 0), keys),
    "lazy_kept": lambda store, d, e, keys: read(store.lazy("/l/", lambda self, key: 0, keep=True), keys),
    "lazy_reads": lambda store, d, e, keys: read(store.lazy("/l/", lambda self, key: d[key]), keys),
    "lazy_recursion": lambda store, d, e, keys: read(
        store.lazy("/l/", lambda self, key: self[key - 1] if key else 0), keys
    ),
    "lazy_of_long_keys": lambda store, d, e, keys: read(store.lazy("/l/", lambda self, key: 0), texts(keys)),
    "previous": lambda store, d, e, keys: lag(e, keys),
    "previous_of_long_keys": lambda store, d, e, keys: lag(e, texts(keys)),
    "two_values": lambda store, d, e, keys: store.mkdir("/m/", [(key, 0) for key in keys for _ in range(2)]),
    "ten_values": lambda store, d, e, keys: store.mkdir("/m/", [(key, 0) for key in keys for _ in range(10)]),
    "values_one_by_one": lambda store, d, e, keys: [e.set_all(key, [0] * 5) for key in keys],
    "other_sources": lambda store, d, e, keys: d.map("/m/", lambda key, values: [(-key, 0)]),
    "two_sources": lambda store, d, e, keys: d.merge("/m/", store.mkdir("/f/", dict.fromkeys(keys, 0))),
    "many_sources": lambda store, d, e, keys: d.group_by("/m/", lambda key, value: key % 100),
    "long_texts": lambda store, d, e, keys: fill(e, texts(keys)),
    "bytes": lambda store, d, e, keys: fill(e, [b"%d" % key for key in keys]),
    "pairs": lambda store, d, e, keys: fill(e, [(key, key) for key in keys]),
    "nested": lambda store, d, e, keys: fill(
        e, [((key, "a long text, past what has room"),) for key in keys]
    ),
    "large_ints": lambda store, d, e, keys: fill(e, [key << 100 for key in keys]),
    "long_texts_shared": lambda store, d, e, keys: [
        fill(e, texts(keys)),
        e.slice("/m/", "", ...),
        e.merge("/n/", store["/m/"]),
    ],
    "directories": lambda store, d, e, keys: make(store, keys),
    "directories_with_a_row": lambda store, d, e, keys: make(store, keys, {1: 1}),
    "directories_of_mappers": lambda store, d, e, keys: make_many(
        store, d, keys, lambda key, values: [(key, d.slice(DirName("/of/some/") / key, key, key).name)]
    ),
    "directories_that_map": lambda store, d, e, keys: make_many(
        store,
        d,
        keys,
        lambda key, values: [
            (key, d.map(DirName("/of/some/") / key, lambda k, vs: [(k, 0)], within=[(key, key)]).name)
        ],
    ),
    "owners": lambda store, d, e, keys: d.map(
        "/m/", lambda key, values: [(key, d.slice("/shared/", 1, 2, shared=True).name)]
    ),
    "tombstones_of_keys": lambda store, d, e, keys: drop(store, d, keys),
    "tombstones_of_long_keys": lambda store, d, e, keys: [fill(e, texts(keys)), drop(store, e, keys)],
    "tombstones_of_directories": lambda store, d, e, keys: drop_dirs(store, keys),
    "cursors": lambda store, d, e, keys: follow(store, [d] * len(keys)),
    "cursors_of_many": lambda store, d, e, keys: follow_many(store, keys),
}


def recorded(path, work):
    """How many bytes were allocated meanwhile and not freed.

    Each allocation is followed by its address: what memray sums up per stack tells of mapped and of allocated
    bytes as one, where the same line did both.
    """
    with memray.Tracker(destination=memray.FileDestination(path, overwrite=True)):
        work()
        gc.collect()
    allocated = {}
    with memray.FileReader(path) as reader:
        for record in reader.get_allocation_records():
            if record.allocator == memray.AllocatorType.FREE:
                allocated.pop(record.address, None)
            elif record.allocator not in MAPPED:
                allocated[record.address] = record.size
    return sum(allocated.values())


def main(count, folder, *names):
    found = {}
    for name, case in CASES.items():
        if names and name not in names:
            continue
        store = Store(lazy_capacity=count)
        d, e = store.mkdir("/d/", dict.fromkeys(range(count), 0)), store.mkdir("/e/")
        before = store.stats().bytes
        work = lambda case=case, store=store, d=d, e=e: case(store, d, e, range(count))  # noqa: E731
        allocated = recorded(folder / f"{name}.bin", work)
        found[name] = {"allocated": allocated, "accounted": store.stats().bytes - before}
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
