"""A cursor's poll: when nothing is new, and when c of 10,000 keys changed."""

from collections.abc import Callable, Iterator
from itertools import count as numbers
from time import perf_counter

from lab import Lab, Measured, Runs, each
from livedirs import InputDirectory, Store
from measure import WrongAnswerError

POLLS = 20_000


def measure(lab: Lab) -> Iterator[Measured]:
    keys = lab.sizes.keys
    store = Store()
    directory: InputDirectory[int, int] = store.mkdir("/rows/", dict.fromkeys(range(keys), -1))
    cursor = directory.cursor(since=store.tick)

    fresh = numbers()  # a value that was never written is a change for sure

    def nothing(number: int) -> float:
        spent = each(POLLS, cursor.poll)
        if cursor.poll() is not None:
            raise WrongAnswerError("livedirs: a poll told of a change where there was none")
        return spent

    def changed(count: int) -> Callable[[int], float]:
        def run(number: int) -> float:
            spent, times = 0.0, max(1, 1_000 // count)
            for turn in range(times):
                value = next(fresh)
                written = {(turn + key * (keys // count)) % keys: value for key in range(count)}
                directory.update(written)
                begin = perf_counter()
                changes = cursor.poll()
                spent += perf_counter() - begin
                if changes is None or {key: values[0] for key, values in changes.entries.items()} != written:
                    raise WrongAnswerError("livedirs: a poll told something else than what was written")
            return spent / times / count * 1e6

        return run

    runs: Runs = {"livedirs": nothing}
    measured = lab.alternate(Measured("poll", "poll with nothing new", "us/poll"), runs)
    no_cursor = "has no reader that polls for what changed since its last look"
    yield lab.absent(measured, no_cursor)

    by_count = {f"livedirs, {count:,} of {keys:,} keys": changed(count) for count in (1, 100, keys)}
    measured = Measured("poll", "poll after changes", "us/change", reference=next(iter(by_count)))
    yield lab.absent(lab.alternate(measured, dict(by_count)), no_cursor)
    cursor.close()
    store.close()
