"""A soak: a random mixed load for minutes, with all readers, faults and forks.

    make soak MINUTES=10

The load is that of `tests/test_stress.py` (writers, forks that merge, readers of all kinds), and beside it
user code that fails everywhere, cursors that lag, and directories of the other kinds (`load.py`). It runs in
rounds over one store. In each, snapshots are checked all the while; after it mirrors must equal the store,
every invariant must hold, and no tombstone may be left. At the end memory must not have grown. The report
(`report.py`) is written in any case; the exit status is 1 where anything did not hold.
"""

import argparse
import gc
import logging
import random
import sys
import time
import traceback
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from load import Count, build, fail, lag, look

import report
from test_stress import (
    DIRS,
    DONE,
    Mirror,
    Threads,
    come_and_go,
    differences,
    follow_by_iteration,
    follow_with_tasks,
    follow_with_threads,
    merge,
    rows_of,
    write,
)

MOST_GROWTH = 512 << 10  # bytes a minute, in runs of five minutes and more: shorter ones are still warming up


def one_round(store, dice, seconds, count):
    """Everybody at once for a while; the number of mirrors that were compared."""

    def chance():
        return random.Random(dice.random())

    with store.update(timeout=60):  # nobody commits between the look and the subscription
        subscribed = {n: Mirror(rows_of(store, n)) for n in ("/input/", "/sums/", "/each/", "/fragile/")}
        subscriptions = [store[name].subscribe(mirror.apply) for name, mirror in subscribed.items()]
    threads, found, until = Threads(), {}, time.monotonic() + seconds
    readers = [
        threads.start(follow_with_threads, store, chance(), found),
        threads.start(follow_with_tasks, store, chance(), found),
        threads.start(follow_by_iteration, store, "/input/", found),
        threads.start(follow_by_iteration, store, "/each/", found),
    ]
    writers = [threads.start(fn, store, chance(), until) for fn in (write, write, merge, come_and_go)]
    writers += [threads.start(fn, store, chance(), until, count) for fn in (fail, fail, look, lag)]
    threads.join(writers, seconds + 120)
    with store.update(timeout=60):
        store["/input/"][DONE] = 1
        store.mkdir("/done/")
    threads.join(readers, 120)

    # The sampler commits in between: in a block nobody else does.
    with store.update(timeout=60):
        wrong = []
        for who, (name, mirror) in found.items():
            if name is None:
                wrong += [f"{who}: {name}" for name in mirror ^ {str(name) for name in store}]
            else:
                wrong += differences(who, mirror.rows, rows_of(store, name))
        for name, mirror in subscribed.items():
            wrong += differences(f"subscriber of {name}", mirror.rows, rows_of(store, name))
    assert not wrong, "\n".join(wrong)
    for subscription in subscriptions:
        subscription.close()
    del store["/input/"][DONE]
    for name in ["/done/", *DIRS]:
        store.remove_dir(name, missing_ok=True)
    return len(found) + len(subscribed)


def check(store):
    """Nothing is left of the round, and everything holds."""
    gc.collect()
    with store.update(timeout=60):
        pass  # what dropped cursors pinned goes with this commit
    with store.update(timeout=60):
        store._check_invariants()
    store._check_invariants()
    stats = store.stats()
    left = {
        name: getattr(stats, name)
        for name in ("dir_tombstones", "key_tombstones", "cursors", "snapshots", "forks", "queued")
    }
    assert not any(left.values()), f"left over: {left}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--round", type=float, default=20, help="seconds of a round")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--out", type=Path, default=Path("target/soak"))
    args = parser.parse_args()
    print(f"seed {args.seed}, {args.minutes:g} minutes, report in {args.out}", flush=True)
    warnings.simplefilter("error")
    logging.getLogger("livedirs").addHandler(logging.StreamHandler(sys.stderr))

    dice, count = random.Random(args.seed), Count()
    store = build()
    sampler = report.Sampler(store)
    sampler.start()
    begun = time.monotonic()
    end, mirrors, rests, failed = begun + args.minutes * 60, 0, [], None
    try:
        while (left := end - time.monotonic()) > 0:
            mirrors += one_round(store, dice, min(args.round, left), count)
            check(store)
            rests.append((time.monotonic() - begun, report.at_rest(), store.stats().bytes))
            print(f"tick {store.tick:,}, {report.mib(rests[-1][1])}, {mirrors} mirrors equal", flush=True)
    except BaseException as error:
        traceback.print_exc()
        failed = error
    sampler.stop()
    title = f"{args.minutes:g} minutes, seed {args.seed}" + (f": FAILED, {failed!r}"[:200] if failed else "")
    if rests:
        table = report.figures(sampler.samples, rests, store, count.counts, mirrors)
        for what, figure in table:
            print(f"{what}: {figure}")
        warnings.simplefilter("default")  # what the plot warns of is no failure of the store
        report.write(args.out, sampler.samples, rests, table, title)
    growth = report.slope([rest[:2] for rest in rests]) if args.minutes >= 5 and rests else 0
    if growth > MOST_GROWTH:
        print(
            f"memory grows by {growth / 1024:.0f} KiB a minute, at most {MOST_GROWTH >> 10} may",
            file=sys.stderr,
        )
    return 1 if failed or growth > MOST_GROWTH else 0


if __name__ == "__main__":
    sys.exit(main())
