"""Makes and removes directories by a mapper under memray, in two halves; prints what each left, in bytes.

Run as: python churn.py <directories> <folder for the recordings> [leak]. `leak` keeps some bytes of each
directory on purpose, so that the test can be tested.
"""

import gc
import json
import os
import sys
from pathlib import Path

import memray

from livedirs import DirName, Store

BATCH = 100
WARM_UP = 10
kept = []


def churn(store, keys, batches, leak):
    for _ in range(batches):
        keys.update({key: key for key in range(BATCH)})
        assert len(store) == 3 + BATCH
        keys.clear()
        if leak:
            kept.extend(bytearray(64) for _ in range(BATCH))


def figures(store):
    stats = store.stats()
    names = (
        "dirs dir_tombstones key_tombstones oldest_tombstone keys dependencies queued lazy_keys names".split()
    )
    return {name: getattr(stats, name) for name in names}


def recorded(path, work):
    """(bytes that were allocated meanwhile and not freed, the most that was allocated at a time)"""
    destination = memray.FileDestination(path, overwrite=True)
    with memray.Tracker(
        destination=destination,
        native_traces=True,
        trace_python_allocators="PYTHONMALLOC" not in os.environ,
        file_format=memray.FileFormat.AGGREGATED_ALLOCATIONS,
    ):
        work()
        gc.collect()
    with memray.FileReader(path) as reader:
        left = sum(record.size for record in reader.get_leaked_allocation_records(merge_threads=True))
        return left, reader.metadata.peak_memory


def main(directories, folder, leak):
    store = Store()
    source = store.mkdir("/source/", {1: 1, 2: 2, 3: 3})
    keys = store.mkdir("/keys/")
    keys.map(
        "/maker/",
        lambda key, values: (
            source.map(DirName("/made/") / key, lambda k, vs: [(k, key)], within=[(1, 2)]) and None
        ),
    )
    batches = directories // BATCH // 2
    churn(store, keys, WARM_UP, False)
    gc.collect()
    before = figures(store)
    first = recorded(folder / "first.bin", lambda: churn(store, keys, batches, leak))
    second = recorded(folder / "second.bin", lambda: churn(store, keys, batches, leak))
    print(
        json.dumps(
            {
                "made": 2 * batches * BATCH,
                "stats_before": before,
                "stats_after": figures(store),
                "first_left": first[0],
                "second_left": second[0],
                "first_peak": first[1],
                "second_peak": second[1],
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), "leak" in sys.argv[3:])
