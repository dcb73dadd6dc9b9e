"""Fills stores under memray; prints for each what was allocated, and by how much `stats().bytes` grew.

Run as: python accounts.py <keys> <folder for the recordings>. The values are one object, and the objects of
the interpreter live in its arenas, which are mapped and not allocated: what is allocated is of the Rust side.
"""

import gc
import json
import sys
from pathlib import Path

import memray

from livedirs import Max, Store, Sum

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


CASES = {
    "rows": lambda store, d, e, keys: fill(e, keys),
    "units": lambda store, d, e, keys: d.map("/m/", lambda key, values: [(key, 0)]),
    "reads_of_keys": lambda store, d, e, keys: d.map("/m/", lambda key, values: [(key, e.get(key))]),
    "reads_of_ranges": lambda store, d, e, keys: d.map(
        "/m/", lambda key, values: [(key, any(e.between(key, key)))]
    ),
    "sums": lambda store, d, e, keys: d.reduce("/m/", Sum()),
    "greatest": lambda store, d, e, keys: d.reduce("/m/", Max()),
    "reducer": lambda store, d, e, keys: d.reduce("/m/", Nothing()),
    "lazy": lambda store, d, e, keys: read(store.lazy("/l/", lambda self, key: 0), keys),
    "lazy_kept": lambda store, d, e, keys: read(store.lazy("/l/", lambda self, key: 0, keep=True), keys),
    "lazy_reads": lambda store, d, e, keys: read(store.lazy("/l/", lambda self, key: d[key]), keys),
    "lazy_recursion": lambda store, d, e, keys: read(
        store.lazy("/l/", lambda self, key: self[key - 1] if key else 0), keys
    ),
    "previous": lambda store, d, e, keys: lag(e, keys),
}


def recorded(path, work):
    """How many bytes were allocated meanwhile and not freed."""
    with memray.Tracker(
        destination=memray.FileDestination(path, overwrite=True),
        file_format=memray.FileFormat.AGGREGATED_ALLOCATIONS,
    ):
        work()
        gc.collect()
    with memray.FileReader(path) as reader:
        records = reader.get_leaked_allocation_records(merge_threads=True)
        return sum(record.size for record in records if record.allocator not in MAPPED)


def main(count, folder):
    found = {}
    for name, case in CASES.items():
        store = Store(lazy_capacity=count)
        d, e = store.mkdir("/d/", dict.fromkeys(range(count), 0)), store.mkdir("/e/")
        before = store.stats().bytes
        work = lambda case=case, store=store, d=d, e=e: case(store, d, e, range(count))  # noqa: E731
        allocated = recorded(folder / f"{name}.bin", work)
        found[name] = {"allocated": allocated, "accounted": store.stats().bytes - before}
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
