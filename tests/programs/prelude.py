"""What the source of a program uses, and how what it did is judged. A printed program begins with this."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from livedirs import (
    Count,
    DirExistsError,
    DirName,
    DirNotFoundError,
    Max,
    Mean,
    Min,
    NotUniqueError,
    Store,
    Sum,
)


class Boom(Exception):
    """What mappers raise."""


class Undo(Exception):
    """What blocks raise."""


FAILURES = (Boom, Undo, DirExistsError)
REDUCERS = (Sum, Count, Min, Max, Mean, DirName)  # programs name them

# ---- reducers of the user's


class Bag:
    """All values, in an order of its own. It folds again when an int goes."""

    initial = ()

    def add(self, acc: Any, value: Any) -> Any:
        return tuple(sorted((*acc, repr(value))))

    def remove(self, acc: Any, value: Any) -> Any:
        if isinstance(value, int):
            return None
        rest = list(acc)
        rest.remove(repr(value))
        return tuple(rest)

    def result(self, acc: Any) -> Any:
        return "|".join(acc)


class Small:
    """The sum of the values as small ints; it begins with nothing, and is never folded again."""

    initial = None

    def add(self, acc: Any, value: Any) -> Any:
        return (acc or 0) + number(value)

    def remove(self, acc: Any, value: Any) -> Any:
        return acc - number(value)


# ---- reads; each gives a small int, whatever there is or is not


def number(value: Any) -> int:
    """A small int for any key or value."""
    if isinstance(value, str):
        return len(value) % 97
    if isinstance(value, tuple):
        return (1 + sum(map(number, value))) % 97
    return 11 if value is None else int(value * 4) % 97


def total(entries: Iterable[tuple[Any, tuple[Any, ...]]]) -> int:
    """Differs, as a rule, where keys or values do."""
    return sum((number(key) + 3) * (1 + sum(map(number, values))) for key, values in entries) % 97


def there(store: Any, name: str) -> Any:
    """The directory, or None, by other reads than `get`."""
    try:
        return store[name] if name in store else None
    except DirNotFoundError:
        return None


def get(d: Any, key: Any) -> int:
    if d is None:
        return 7
    try:
        return number(d[key])
    except NotUniqueError:
        return 5
    except KeyError:
        return 3


def get_or(d: Any, key: Any) -> int:
    try:
        return 7 if d is None else number(d.get(key, 2))
    except NotUniqueError:
        return 5


def get_all(d: Any, key: Any) -> int:
    return 7 if d is None else sum(map(number, d.get_all(key))) % 97


def has(d: Any, key: Any) -> int:
    return 7 if d is None else 2 * (key in d)


def size(d: Any, key: Any = None) -> int:
    return 7 if d is None else len(d)


def full(d: Any, key: Any = None) -> int:
    return 7 if d is None else 2 if d else 0


def keys(d: Any, key: Any = None) -> int:
    return 7 if d is None else sum(map(number, d)) % 97


def entries(d: Any, key: Any = None) -> int:
    return 7 if d is None else total(d.entries())


def between(d: Any, lo: Any, hi: Any) -> int:
    return 7 if d is None else total(d.between(lo, hi))


def listed(store: Any, prefix: str) -> int:
    return 3 * len([name for name in store if name.startswith(prefix)])


# ---- the judge: a store that is built from scratch


class State(NamedTuple):
    """What there has to be: the content of the inputs, the steps, what previous directories show."""

    inputs: Mapping[str, Mapping[Any, tuple[Any, ...]]]
    steps: Sequence[int]
    befores: Mapping[str, Iterable[tuple[Any, tuple[Any, ...]]]]


def previous(store: Any) -> Callable[[str], Any]:
    """How a program asks for a previous directory."""

    def before(name: str) -> Any:
        d = store.get(name)
        return None if d is None else d.previous()

    return before


def begin(define: Any, **options: Any) -> tuple[Store, Any]:
    """A store with all inputs, empty, and all steps."""
    store = Store(**options)
    make = define(store, previous(store))
    for step in make:
        step()
    return store, make


def build(define: Any, state: State, inputs: int) -> Store:
    """A new store on which the same steps are made after the inputs have their content."""
    store = Store()
    with store.update():
        for name, rows in state.inputs.items():
            store.mkdir(name, [(key, value) for key, values in rows.items() for value in values])
        for name, found in state.befores.items():
            store.mkdir(name + "before/", [(key, value) for key, values in found for value in values])
        make = define(store, lambda name: store.get(name + "before/"))
        for number in state.steps:
            make[inputs + number]()
    return store


def shown(store: Store) -> dict[str, str]:
    """All that readers see, but for lazy directories."""
    found = {name: store[name] for name in store if not name.endswith("before/")}
    return {
        str(name): "lazy" if d.kind == "lazy" else f"{d.kind}: {list(d.entries())!r}"
        for name, d in found.items()
    }


FIGURES = (
    "dirs",
    "dir_tombstones",
    "key_tombstones",
    "oldest_tombstone",
    "keys",
    "dependencies",
    "queued",
    "names",
)


def counted(store: Store) -> dict[str, Any]:
    stats = store.stats()
    return {name: getattr(stats, name) for name in FIGURES}


def asked(store: Store, keys: Iterable[Any]) -> dict[str, str]:
    """What the lazy directories answer."""

    def outcome(d: Any, key: Any) -> str:
        try:
            return repr(d.get_all(key))
        except FAILURES as error:
            return type(error).__name__

    lazy = [name for name in store if store[name].kind == "lazy"]
    return {f"{name} {key!r}": outcome(store[name], key) for name in lazy for key in keys}


def must_equal(store: Store, fresh: Store, state: State, keys: Iterable[Any], counts: bool) -> dict[str, str]:
    """All of a store is as in that which was built from scratch, and nothing else is left; what it shows."""
    store._check_invariants()
    now, expected = shown(store), shown(fresh)
    assert now == expected, differences(now, expected)
    for name, found in state.befores.items():
        before = list(store[name].previous().entries())
        assert repr(before) == repr(list(found)), f"before {name}: {before}, expected {found}"
    answers, expected = asked(store, keys), asked(fresh, keys)
    assert answers == expected, differences(answers, expected)
    figures, expected_figures = counted(store), counted(fresh)
    if (
        not counts
    ):  # the other store has directories in place of the previous ones, and asked for other lazy keys
        for name in ("dirs", "keys", "dependencies", "names"):
            del figures[name], expected_figures[name]
    assert figures == expected_figures, differences(figures, expected_figures)
    return now


def must_be_as_before(store: Store, was: tuple[dict[str, str], dict[str, Any]]) -> None:
    """A transaction that failed left nothing."""
    store._check_invariants()
    now = shown(store)
    assert now == was[0], differences(now, was[0])
    assert counted(store) == was[1], differences(counted(store), was[1])


def must_tell(was: dict[str, str], now: dict[str, str], commit: Any) -> None:
    """The commit names what changed and what went."""
    assert commit.removed == was.keys() - now.keys(), f"removed {commit.removed}"
    differ = {name for name in now if was.get(name) != now[name]}
    assert differ <= commit.changed <= now.keys(), f"changed {commit.changed}, differ {differ}"


def must_leave_nothing(store: Store, names: Sequence[str]) -> None:
    """With all removed, in this order, a store is as a new one."""
    with store.update():
        for name in names:
            store.remove_dir(name, recursive=True, missing_ok=True)
    store._check_invariants()
    left, none = counted(store) | {"lazy": store.stats().lazy_keys}, counted(Store()) | {"lazy": 0}
    assert left == none, differences(left, none)


def differences(now: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    differ = [name for name in now.keys() | expected.keys() if now.get(name) != expected.get(name)]
    return "; ".join(f"{name}: {now.get(name)}, expected {expected.get(name)}" for name in sorted(differ))
