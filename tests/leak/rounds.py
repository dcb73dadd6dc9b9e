"""Goes one way (`ways`) many times over; prints what that left in memory and in the counts, as JSON.

Run as: python rounds.py <way> <folder for the recording> [--rounds n] [--tracked n] [--plant bytes|count].

The memory in use after a tenth of the rounds is compared with that after all of them: what the allocator has
handed out and not got back (`mallinfo2` of glibc), which costs nothing to ask for. Then memray, with native
traces, follows some rounds more and tells what these left, and where it was allocated. `--tracked 0`: it
follows the nine tenths instead, which takes several times as long; so it does where there is no glibc.

Run it with PYTHONMALLOC=malloc, so that each object is an allocation, and without the allocator's caches for
threads (GLIBC_TUNABLES=glibc.malloc.tcache_count=0), what lies in which would count as in use.
(A Python without a GIL knows no PYTHONMALLOC: there memray looks at its allocator.)
`--plant` plants a leak, so that the suite itself can be tested.
"""

import argparse
import ctypes
import gc
import json
import logging
import os
import warnings
from pathlib import Path

import memray
from ways import WAYS

import livedirs
from livedirs import Store
from livedirs.testing import COMPARED

# So many places that leak are told of, with so many frames of each.
TOLD, FRAMES = 3, 12

kept = []


class Mallinfo2(ctypes.Structure):
    """As malloc.h has it."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]


mallinfo2 = getattr(ctypes.CDLL(None), "mallinfo2", None)
if mallinfo2 is not None:
    mallinfo2.restype = Mallinfo2


def in_use():
    """Bytes that the allocator has handed out and not got back; None where it does not tell."""
    if mallinfo2 is None:
        return None
    info = mallinfo2()
    return info.uordblks + info.hblkhd


def plant(leak):
    """Has each use of a cursor in a block leave something: a small object, or a cursor that stays open."""
    enter = livedirs.Cursor.__enter__

    def leaking(cursor):
        kept.append(bytearray(1) if leak == "bytes" else cursor)
        return enter(cursor)

    livedirs.Cursor.__enter__ = leaking
    if leak == "count":
        livedirs.Cursor.__exit__ = lambda cursor, *exc: None


def places(path):
    """What memray saw allocated and not freed: how many bytes, and where the largest parts were allocated."""
    with memray.FileReader(path) as reader:
        records = sorted(reader.get_leaked_allocation_records(merge_threads=True), key=lambda r: -r.size)
        told = []
        for record in records[:TOLD]:
            try:
                frames = record.hybrid_stack_trace(FRAMES)
            except NotImplementedError:
                frames = record.stack_trace(FRAMES)
            lines = [f"    {function} ({file}:{line})" for function, file, line in frames]
            told.append("\n".join([f"{record.size} bytes in {record.n_allocations} allocations", *lines]))
        return sum(record.size for record in records), told


def tracked(path, work):
    """What `work` leaves, by memray."""
    with memray.Tracker(
        destination=memray.FileDestination(path, overwrite=True),
        native_traces=True,
        trace_python_allocators="PYTHONMALLOC" not in os.environ,
        file_format=memray.FileFormat.AGGREGATED_ALLOCATIONS,
    ):
        work()
    return places(path)


def figures(store):
    """All counts; the oldest tombstone by its age."""
    stats = store.stats()
    counts = {name: getattr(stats, name) for name in COMPARED}
    if stats.oldest_tombstone is not None:
        counts["oldest_tombstone"] = stats.tick - stats.oldest_tombstone
    return counts


def main(way, folder, rounds, followed):
    options, set_up = WAYS[way]
    store = Store(**options)
    a_round = set_up(store)

    def go(first, last):
        for n in range(first, last):
            a_round(n)
        gc.collect()

    # What is there already is looked at no more by the cycle collector.
    gc.collect()
    gc.freeze()
    tenth = rounds // 10
    go(0, tenth)
    before, memory = figures(store), in_use()
    path = folder / f"{way}.bin"
    if followed and memory is not None:
        go(tenth, rounds)
        grown = in_use() - memory
        left, told = tracked(path, lambda: go(rounds, rounds + followed))
    else:
        left, told = tracked(path, lambda: go(tenth, rounds))
        grown = left
    after = figures(store)
    store._check_invariants()
    print(json.dumps({"before": before, "after": after, "grown": grown, "left": left, "places": told}))


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("way", choices=WAYS)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--rounds", type=int, default=50_000)
    asked.add_argument("--tracked", type=int, default=2_000)
    asked.add_argument("--plant", choices=["bytes", "count"])
    given = asked.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("livedirs").setLevel(logging.CRITICAL + 1)
    if given.plant:
        plant(given.plant)
    main(given.way, given.folder, given.rounds, given.tracked)
