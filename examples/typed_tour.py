"""The whole API once, with the type of what each call gives.

`assert_type(value, T)` does nothing when it runs: it is a question to type checkers, which must infer
exactly T. `make wheel-test` asks mypy --strict and pyright, of the package as it is installed;
`tests/test_typing.py` asks mypy, runs this file as a program, and looks that it leaves out no name.

    python examples/typed_tour.py
    mypy --strict examples/typed_tour.py
"""

import asyncio
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any, Literal, assert_type

import livedirs
from livedirs import (
    Changes,
    Commit,
    Count,
    Cursor,
    DirChanges,
    Directory,
    DirName,
    Fork,
    InputDirectory,
    Key,
    LazyDirectory,
    Max,
    Mean,
    Min,
    Pairs,
    Range,
    Reducer,
    Snapshot,
    Stats,
    Store,
    Subscription,
    Sum,
    Transaction,
)
from livedirs.testing import assert_no_residue

Post = tuple[int, str]  # author, title


class Longest:
    """A reducer of the user's: the length of the longest title. Its types are those of its methods."""

    initial: int | None = None

    def add(self, acc: int | None, value: str, /) -> int:
        return max(acc or 0, len(value))

    def remove(self, acc: int, value: str, /) -> int | None:
        return None if len(value) == acc else acc


def making(store: Store) -> tuple[InputDirectory[int, str], InputDirectory[int, Post]]:
    users = assert_type(store.mkdir("/users/", {1: "Ada", 2: "Grace"}), InputDirectory[int, str])
    # An annotation, as for dict([(10, ...)]): of literals in pairs pyright infers Literal[10, 11, 12].
    posts: InputDirectory[int, Post] = store.mkdir(
        "/posts/", [(10, (1, "On engines")), (11, (2, "On compilers")), (12, (1, "Notes"))]
    )
    # What has nothing to infer from is told by an annotation, as `{}` is.
    empty: InputDirectory[str, float] = store.mkdir("/empty/", exist_ok=True, on_create=len, on_delete=len)
    assert_type(store.mkdir("/pairs/", {(1, "a"): 1.5}), InputDirectory[tuple[int, str], float])
    assert_type(empty.get("x"), float | None)
    store.remove_dir("/empty/", recursive=True, missing_ok=True)
    return users, posts


def reading(users: Directory[int, str]) -> None:
    assert_type(users.name, str)
    assert_type(users.store, Store)
    assert_type(users.kind, Literal["input", "derived", "previous", "removed"])
    assert_type(users.created, int)
    assert_type(users[1], str)
    assert_type(users.get(1), str | None)
    assert_type(users.get(1, 0), str | int)
    assert_type(users.get_all(1), tuple[str, ...])
    assert_type(1 in users, bool)
    assert_type(iter(users), Iterator[int])
    assert_type(reversed(users), Iterator[int])
    assert_type(len(users), int)
    assert_type(bool(users), bool)
    assert_type(users.keys(), KeysView[int])
    assert_type(users.values(), ValuesView[str])
    assert_type(users.items(), ItemsView[int, str])
    assert_type(list(users.entries()), list[tuple[int, tuple[str, ...]]])
    assert_type(list(users.between(1, ...)), list[tuple[int, tuple[str, ...]]])
    mapping: Mapping[int, str] = users  # where a mapping is asked for, a directory will do
    assert_type(dict(mapping), dict[int, str])


def writing(users: InputDirectory[int, str], named: InputDirectory[str, int]) -> None:
    users[3] = "Alan"
    users.set_all(4, ["Barbara", "Liskov"])
    assert_type(users.setdefault(5, "Edsger"), str)
    assert_type(users.pop(5), str)
    assert_type(users.pop(5, None), str | None)
    assert_type(users.popitem(), tuple[int, str])
    users.update({1: "Ada"})
    users.update([(6, "Donald"), (7, "Tony")])
    named.update({"a": 1}, b=2)
    named.update([("a", 1)], b=2)
    named.update(b=3)
    users.discard(4)
    del users[7]
    named.clear()


def deriving(users: Directory[int, str], posts: Directory[int, Post]) -> None:
    assert_type(users.map_values("/lengths/", len), Directory[int, int])
    assert_type(users.filter("/long/", lambda user, name: len(name) > 3), Directory[int, str])
    by_author = assert_type(posts.map("/by-author/", lambda post, rows: list(rows)), Directory[int, str])
    assert_type(posts.map("/titles/", titles, within=[(10, 11), (13, ...)]), Directory[str, int])
    # A mapping whose keys are pairs might be an iterable of pairs: what is meant is said.
    nicks: Directory[tuple[int, str], int] = users.map("/nicks/", lambda user, names: {(user, names[0]): 1})
    assert_type(nicks.get((1, "Ada")), int | None)
    assert_type(posts.group_by("/of/", lambda post, row: row[0]), Directory[int, Post])
    assert_type(posts.group_by("/number-of/", lambda post, row: row[0], Count()), Directory[int, int])
    assert_type(by_author.reduce("/longest/", Longest()), Directory[int, int])
    assert_type(by_author.reduce("/number/", Count()), Directory[int, int])
    assert_type(by_author.reduce("/mean/", Mean(of=len)), Directory[int, float])
    assert_type(by_author.reduce("/sum/", Sum(of=len)), Directory[int, Any])
    assert_type(posts.map_reduce("/words/", titles, Max()), Directory[str, Any])
    assert_type(posts.map_reduce("/characters/", lambda post, rows: rows, Longest()), Directory[int, int])
    assert_type(users.slice("/first/", 1, 2), Directory[int, str])
    assert_type(users.slices("/some/", (1, 1), (3, ...)), Directory[int, str])
    assert_type(users.take("/two/", 2, shared=False), Directory[int, str])
    assert_type(by_author.merge("/all/", users), Directory[int, str])
    assert_type(users.previous(), Directory[int, str])


def titles(post: int, rows: tuple[Post, ...]) -> Pairs[str, int]:
    """A mapper, annotated with the names that are there for it."""
    return [(title, post) for _, title in rows]


def of_several(store: Store, users: Directory[int, str], posts: Directory[int, Post]) -> None:
    within: list[Range[int]] = [(10, ...)]
    joined: Directory[int, str] = store.multi_map(
        "/joined/",
        [(users, lambda user, names: [(user, names[0])]), (posts, lambda post, rows: rows, within)],
    )
    assert_type(joined.get_all(1), tuple[str, ...])

    def square(directory: LazyDirectory[int, int], key: int) -> int:
        return key * key

    def divisors(directory: LazyDirectory[int, int], key: int) -> Iterator[int]:
        return (number for number in range(1, key + 1) if key % number == 0)

    squares = assert_type(store.lazy("/squares/", square, keep=True), LazyDirectory[int, int])
    assert_type(squares.name, str)
    assert_type(squares.store, Store)
    assert_type(squares.kind, Literal["lazy", "removed"])
    assert_type(squares.created, int)
    assert_type(squares[12], int)
    assert_type(squares.get(12), int | None)
    assert_type(squares.get(12, "none"), int | str)
    assert_type(12 in squares, bool)
    several = assert_type(store.lazy("/divisors/", divisors, many=True), LazyDirectory[int, int])
    assert_type(several.get_all(12), tuple[int, ...])


def folding() -> None:
    key: Key = ("a", 1, None, b"", (True, 1.5))
    name = assert_type(DirName("/of/") / key, DirName)
    assert_type(name.parent, DirName | None)
    assert_type(name.parts, tuple[str, ...])
    longest: Reducer[str, int] = Longest()
    total: Reducer[Any, Any] = Sum()
    assert_type(longest.remove(longest.add(longest.initial, "four"), "one"), int | None)
    for reducer in (total, Count(), Min(), Max(of=abs), Mean()):
        reducer.add(reducer.initial, 1)
    assert_type(all(reducer.of is None for reducer in (Sum(), Min(), Max(), Mean())), bool)
    assert_type(Mean().result(Mean().add(Mean().initial, 1)), Any)


def finding(store: Store) -> None:
    assert_type(store.get("/users/"), Directory[Any, Any] | None)
    assert_type(store.get("/none/", 0), Directory[Any, Any] | int)
    found: Directory[int, str] = store["/users/"]
    assert_type(found[1], str)
    assert_type("/users/" in store, bool)
    assert_type(list(store), list[str])
    assert_type(len(store), int)
    assert_type(bool(store), bool)
    assert_type(store.tick, int)
    assert_type(store.tree(), str)
    assert_type(store.to_mermaid(), str)
    assert_type(store.purge_deleted_dirs(), int)
    with assert_no_residue(store):
        found.get(1)


def changing(store: Store, users: InputDirectory[int, str]) -> None:
    store.on_commit(lambda: None)
    with store.update(timeout=1) as transaction:
        assert_type(transaction, Transaction)
        users[8] = "Niklaus"
        assert_type(transaction.cascade(), bool)
        with store.update() as savepoint:
            savepoint.rollback()
    commit = assert_type(transaction.result, Commit | None)
    assert commit is not None
    assert_type((commit.tick, commit.rounds, commit.purged, commit.mapped), tuple[int, int, int, int])
    assert_type((commit.changed, commit.removed), tuple[frozenset[str], frozenset[str]])


def following(store: Store, users: InputDirectory[int, str]) -> None:
    assert_type(users.changes(store.tick), Changes[int, str])
    assert_type(store.changes(1), DirChanges)
    with users.cursor(since=store.tick) as rows, store.cursor() as names:
        assert_type(rows, Cursor[Changes[int, str]])
        users[9] = "Frances"
        changes = assert_type(rows.wait(timeout=1), Changes[int, str] | None)
        assert changes is not None
        assert_type(changes.entries, Mapping[int, tuple[str, ...]])
        assert_type((changes.tick, changes.reset, changes.removed), tuple[int, bool, bool])
        told = assert_type(names.poll(), DirChanges | None)
        assert told is not None
        assert_type((told.changed, told.removed), tuple[frozenset[str], frozenset[str]])
        assert_type((told.tick, told.reset), tuple[int, bool])
        assert_type((rows.position, rows.lag, rows.expired), tuple[int, int, bool])
        users[10] = "Dennis"
        for item in rows:  # blocks between items, so this one is the only one
            assert_type(item, Changes[int, str])
            rows.close()

    def show(changes: Changes[int, str]) -> None:
        assert changes.entries

    subscription = users.subscribe(show)
    assert_type(subscription, Subscription)
    with subscription:
        users[9] = "Frances E."
    subscription.close()


async def waiting(store: Store, users: InputDirectory[int, str]) -> None:
    async with store.update() as transaction:
        users[11] = "Radia"
    assert_type(transaction, Transaction)
    with users.cursor() as cursor:
        async for changes in cursor:
            assert_type(changes, Changes[int, str])
            break


def versions(store: Store, users: InputDirectory[int, str]) -> None:
    with store.snapshot() as snapshot:
        assert_type(snapshot, Snapshot)
        assert_type(snapshot.tick, int)
        assert_type(snapshot["/users/"], Directory[Any, Any])
        assert_type(snapshot.get("/none/", 0), Directory[Any, Any] | int)
        assert_type(snapshot.get("/users/"), Directory[Any, Any] | None)
        assert_type("/users/" in snapshot, bool)
        assert_type(list(snapshot), list[str])
        assert_type(len(snapshot), int)
    snapshot.close()
    with store.fork() as fork:
        assert_type(fork, Fork)
        assert_type(fork.base, int)
        copy = fork["/users/"]
        assert isinstance(copy, InputDirectory)  # of a name, types tell no more than Directory
        copy[12] = "Joan"
        users[13] = "Jean"
        assert_type(fork.merge(rebase=True), Commit)
    store.fork().discard()


def counting(store: Store) -> None:
    stats = assert_type(store.stats(), Stats)
    numbers = [stats.tick, stats.dirs, stats.dir_tombstones, stats.key_tombstones, stats.purged, stats.keys]
    numbers += [stats.dependencies, stats.queued, stats.lazy_keys, stats.names, stats.cursors]
    numbers += [stats.snapshots, stats.forks, stats.horizon, stats.bytes]
    assert_type(numbers, list[int])
    assert_type(stats.oldest_tombstone, int | None)
    assert_type(stats.capacity, int | None)


def failing(store: Store, users: InputDirectory[Any, Any]) -> None:
    """Each error is a LiveDirsError, and some are errors that Python's own containers raise too."""
    try:
        users[1.5, [1]] = "a list is no key"
    except livedirs.InvalidKeyError as error:
        print(f"as a dict would, with a TypeError: {error}")
    others: list[type[livedirs.LiveDirsError]] = [
        livedirs.InvalidNameError,
        livedirs.DirNotFoundError,
        livedirs.DirExistsError,
        livedirs.DirInUseError,
        livedirs.ReadOnlyError,
        livedirs.WriteDuringUpdateError,
        livedirs.NotUniqueError,
        livedirs.CycleError,
        livedirs.NotConvergingError,
        livedirs.ConflictError,
        livedirs.TransactionError,
        livedirs.ClosedError,
        livedirs.CapacityError,
    ]
    assert all(issubclass(error, livedirs.LiveDirsError) for error in others)
    store.close()
    try:
        users.get(1)
    except livedirs.ClosedError as error:
        print(f"closed, as it must be: {error}")


def main() -> None:
    store = Store(capacity="512M", history=0, max_lag=None, lazy_capacity=10, max_rounds=1_000)
    users, posts = making(store)
    writing(users, store.mkdir("/named/"))
    reading(users)
    deriving(users, posts)
    of_several(store, users, posts)
    folding()
    finding(store)
    changing(store, users)
    following(store, users)
    asyncio.run(waiting(store, users))
    versions(store, users)
    counting(store)
    print(store.tree())
    failing(store, users)
    print(f"livedirs {livedirs.__version__}: all of it, and every type as it should be")


if __name__ == "__main__":
    main()
