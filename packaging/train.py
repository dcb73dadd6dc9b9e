"""What livedirs is tuned by: work as users have it, done by a build that counts before the one to hand out.

    packaging/tuned_wheel dist     # runs it, as `make wheel` and `make bench` do
    python packaging/train.py      # the work alone

How often each branch is taken here decides what is inlined and what stands out of the way, never what the
code does. So this takes each road that shall be fast, about as often as it matters, with several shapes of
keys and values; what is left out is compiled to be small. The answers are checked all the same.
"""

import random
from collections.abc import Callable
from time import perf_counter
from typing import Any

from livedirs import Count, Directory, InputDirectory, LazyDirectory, Max, Mean, Min, Store, Sum

ROUNDS = 10
ROWS = 2_000

dice = random.Random(1)


def some(rows: int = ROWS) -> tuple[int, int]:
    return dice.randrange(rows), dice.randrange(1_000_000)


def write_and_read(rows: InputDirectory[Any, int], key: Callable[[int], Any]) -> None:
    """One key at a time, by itself and in a block, then ten, a hundred and all; what is derived is read."""
    doubled = rows.map("/doubled/", lambda key, values: [(key, 2 * value) for value in values])
    totals = rows.map_reduce("/totals/", lambda key, values: [(hash(key) % 100, values[0])], Sum())
    for _ in range(ROWS):
        number, value = some()
        rows[key(number)] = value
        assert doubled[key(number)] == 2 * value
        totals.get(number % 100)
        with rows.store.update():
            rows[key(number)] = value + 1
        assert rows[key(number)] == value + 1
    for count in (10, 100):
        for _ in range(ROWS // count):
            rows.update([(key(number), value) for number, value in (some() for _ in range(count))])
    for _ in range(5):
        rows.update({key(number): dice.randrange(1_000_000) for number in range(ROWS)})


def ints() -> None:
    with Store() as here:
        write_and_read(here.mkdir("/rows/", dict.fromkeys(range(ROWS), 1)), lambda number: number)


def texts() -> None:
    with Store() as here:
        rows = here.mkdir("/rows/", {f"user-{number:06}": 1 for number in range(ROWS)})
        write_and_read(rows, lambda number: f"user-{number:06}")


def tuples() -> None:
    with Store() as here:
        rows = here.mkdir("/rows/", {(number % 50, f"{number}"): 1 for number in range(ROWS)})
        write_and_read(rows, lambda number: (number % 50, f"{number}"))


def operations() -> None:
    """The other operations, the folds, and the values that are no ints."""
    with Store() as here:
        people: InputDirectory[int, dict[str, Any]] = here.mkdir("/people/")
        people.update({number: {"name": f"n{number}", "age": number % 90} for number in range(ROWS)})
        ages = people.map_values("/ages/", lambda person: int(person["age"]))
        adults = ages.filter("/adults/", lambda key, age: age >= 18)
        decades = ages.group_by("/decades/", lambda key, age: age // 10, Mean())
        folded = [
            ages.map_reduce(f"/fold/{name}/", lambda key, values: [(key % 50, values[0])], fold)
            for name, fold in (("min", Min()), ("max", Max()), ("count", Count()))
        ]
        first = adults.take("/first/", 10)
        for _ in range(ROWS):
            number, age = some()
            people[number] = {"name": f"n{number}", "age": age % 90}
            if number % 7 == 0:
                people.discard(dice.randrange(ROWS))
        assert len(first) == 10
        assert len(decades) == 9
        assert all(len(fold) == 50 for fold in folded)


def chain_and_join() -> None:
    """What is read inside of mappers, and maps of maps."""
    with Store() as here:
        rows = here.mkdir("/rows/", dict.fromkeys(range(ROWS), 1))
        last: Directory[int, int] = rows
        for link in range(10):
            last = last.map(f"/link/{link}/", lambda key, values: [(key, values[0] + 1)])
        orders = here.mkdir("/orders/", {number: number % 200 for number in range(ROWS)})
        joined = orders.map("/joined/", lambda key, values: [(key, rows[values[0]] + key)])
        one = here.mkdir("/one/", {0: 1})
        spread = one.map("/spread/", lambda key, values: [(number, values[0]) for number in range(200)])
        for turn in range(ROWS // 4):
            number, value = some(200)
            rows[number] = value
            assert last[number] == value + 10
            assert joined[number] == value + number
            if turn % 10 == 0:
                one[0] = turn
                assert spread[7] == turn


def sessions() -> None:
    """Directories that come and go: by hand, and by mappers as data does."""

    def view(key: int, values: tuple[int, ...]) -> list[tuple[int, int]]:
        rows.slice(f"/view/{key}/", values[0], values[0] + 2)
        return []

    with Store() as here:
        rows = here.mkdir("/rows/", dict.fromkeys(range(ROWS), 1))
        users: InputDirectory[int, int] = here.mkdir("/users/")
        users.map("/views/", view)
        for _ in range(ROWS // 2):
            low = dice.randrange(ROWS - 3)
            assert len(rows.slice("/slice/", low, low + 2)) == 3
            here.remove_dir("/slice/")
            here.mkdir(f"/session/{low}/", {1: low})
            users[low % 100] = low
            here.remove_dir(f"/session/{low}/")
            if low % 3 == 0:
                users.discard(dice.randrange(100))
        users.clear()
        assert here.stats().dir_tombstones == 0


def readers() -> None:
    """Those who follow: cursors, subscriptions, snapshots, and the tombstones that they need."""
    with Store() as here:
        rows = here.mkdir("/rows/", dict.fromkeys(range(ROWS), 1))
        mirror = dict(rows)
        told: list[Any] = []
        with rows.cursor(since=here.tick) as cursor, here.cursor(since=here.tick) as names:
            rows.subscribe(told.append)
            for turn in range(ROWS):
                number, value = some()
                if value % 5:
                    rows[number] = value
                else:
                    rows.discard(number)
                if turn % 20 == 0:
                    here.mkdir(f"/session/{turn}/", {1: turn})
                    names.poll()
                    here.remove_dir(f"/session/{turn}/")
                if turn % 3 == 0:
                    changes = cursor.poll()
                    for key, values in changes.entries.items() if changes else ():
                        if values:
                            mirror[key] = values[0]
                        else:
                            mirror.pop(key, None)
                cursor.poll()
            names.poll()
        with here.snapshot() as snapshot:
            rows.clear()
            assert len(snapshot["/rows/"]) > 0
        assert told


def forks_and_rollbacks() -> None:
    with Store() as here:
        rows = here.mkdir("/rows/", dict.fromkeys(range(ROWS), 1))
        rows.map_values("/negative/", lambda value: -value)
        for turn in range(ROWS // 5):
            number, value = some()
            with here.update() as transaction:
                rows[number] = value
                rows[number + 1] = value
                if turn % 2:
                    transaction.rollback()
            fork = here.fork()
            copy = fork["/rows/"]
            assert isinstance(copy, InputDirectory)
            copy[number] = value + 1
            if turn % 2:
                fork.merge()
                assert rows[number] == value + 1
            else:
                fork.discard()
            with here.update():
                pass


def lazies() -> None:
    with Store() as here:
        rows = here.mkdir("/rows/", dict.fromkeys(range(ROWS), 1))
        squares: LazyDirectory[int, int] = here.lazy("/squares/", lambda self, key: rows[key] ** 2)
        for _ in range(ROWS):
            number, value = some()
            rows[number] = value
            assert squares[number] == value**2
            assert squares[number] == value**2


def reads() -> None:
    """As a mapping: iteration, slices, membership."""
    with Store() as here:
        rows = here.mkdir("/rows/", {number: f"row {number}" for number in range(ROWS)})
        for _ in range(20):
            assert len(list(rows)) == len(list(rows.items())) == len(list(rows.values())) == ROWS
            assert dict(rows) == rows
            for _ in range(ROWS // 2):
                number, _ = some()
                assert number in rows
                assert rows.get(-number - 1) is None
                rows.get_all(number)


WORK = [
    ints,
    texts,
    tuples,
    operations,
    chain_and_join,
    sessions,
    readers,
    forks_and_rollbacks,
    lazies,
    reads,
]


def main() -> None:
    for work in WORK:
        begin = perf_counter()
        for _ in range(ROUNDS):
            work()
        print(f"{work.__name__:<20} {perf_counter() - begin:5.1f} s", flush=True)


if __name__ == "__main__":
    main()
