"""For tests of code that uses a store: whether it leaves anything behind.

`assert_no_residue(store)` compares what a store holds before and after a block. The module is a pytest plugin
too, which pytest finds by itself: the marker `no_residue` looks at every store that is still held when a test
ends, and the fixture `store` is a new store, closed afterwards.

>>> from livedirs import Store
>>> from livedirs.testing import assert_no_residue
>>> store = Store()
>>> sessions = store.mkdir("/sessions/")
>>> with assert_no_residue(store):
...     sessions["ada"] = 1
...     del sessions["ada"]
>>> with assert_no_residue(store):
...     views = sessions.map_values("/views/", str)
Traceback (most recent call last):
AssertionError: 2 counts are not what they were:
  dirs: 1 before, 2 after (+1)
  names: 1 before, 2 after (+1)
new directories: '/views/'
"""

import gc
import weakref
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from livedirs._native import LazyDirectory, Stats, Store

if TYPE_CHECKING:
    import pytest

__all__ = ["assert_no_residue"]

T = TypeVar("T")

# All of `Stats` but tick, horizon, purged and bytes, which say nothing of what is left.
COMPARED = [
    *("dirs", "dir_tombstones", "key_tombstones", "oldest_tombstone", "keys", "dependencies", "queued"),
    *("lazy_keys", "names", "cursors", "snapshots", "forks", "capacity"),
]
# What a store at rest has none of.
NONE_AT_REST = "dir_tombstones", "key_tombstones", "queued", "cursors"

# So many names or keys are listed.
LISTED = 10


def listed(things: Iterable[object]) -> str:
    """List the first of them, as text."""
    shown = [repr(str(thing) if isinstance(thing, str) else thing) for thing in things]
    more = len(shown) - LISTED
    return ", ".join(shown[:LISTED]) + (f" and {more} more" if more > 0 else "")


def remembered(store: Store, stats: Stats) -> Iterator[str]:
    """Tell what was removed and is kept for a reader: names, and keys, as far as the store tells."""
    since = stats.oldest_tombstone
    if since is None:
        return
    names = sorted(store.changes(since).removed)
    if names:
        yield f"removed directories that a reader still needs: {listed(names)}"
    for name in store:
        directory = store[name]
        if isinstance(directory, LazyDirectory):
            continue
        changes = directory.changes(max(since, directory.created + 1))
        keys = [key for key, values in changes.entries.items() if not values]
        if keys:
            yield f"removed keys of {str(name)!r} that a reader still needs: {listed(keys)}"


class Held:
    """What a store holds at a moment."""

    def __init__(self, store: Store) -> None:
        self.stats: Stats = store.stats()
        self.directories: set[str] = set(store)
        # Names that are interned, also where there is no directory, with their keys; what is followed,
        # and by how many.
        names, followed = store._held()
        self.names: dict[str, int] = names
        self.followed: dict[str | None, int] = followed


def difference(store: Store, before: Held) -> str | None:
    """Tell what differs from what was there; None if nothing does."""
    after = Held(store)
    lines = []
    for name in COMPARED:
        was, now = getattr(before.stats, name), getattr(after.stats, name)
        if was != now:
            counts = isinstance(was, int) and isinstance(now, int)
            lines.append(f"  {name}: {was} before, {now} after" + (f" ({now - was:+})" if counts else ""))
    if not lines:
        return None
    lines.insert(
        0,
        "1 count is not what it was:" if len(lines) == 1 else f"{len(lines)} counts are not what they were:",
    )
    lines.extend(changed(before, after))
    lines.extend(remembered(store, after.stats))
    return "\n".join(lines)


def changed(before: Held, after: Held) -> Iterator[str]:
    """Tell which directories and names came and went, which hold more keys or fewer, and what is followed."""
    came, gone = after.directories - before.directories, before.directories - after.directories
    if came:
        yield f"new directories: {listed(sorted(came))}"
    if gone:
        yield f"directories that are gone: {listed(sorted(gone))}"
    read = [name for name in after.names if name not in before.names and name not in after.directories]
    if read:
        yield f"names that are still read or remembered, of no directory: {listed(read)}"
    keys = [
        name
        for name in sorted(before.directories & after.directories)
        if grown(before.names, after.names, name)
    ]
    if keys:
        told = ", ".join(
            f"{str(name)!r} ({grown(before.names, after.names, name):+})" for name in keys[:LISTED]
        )
        more = len(keys) - LISTED
        yield f"keys of {told}" + (f" and {more} more" if more > 0 else "")
    for name in sorted(after.followed, key=str):
        readers = grown(before.followed, after.followed, name)
        if readers > 0:
            what = "the store" if name is None else repr(str(name))
            yield f"new cursors and subscriptions of {what}: {readers}"


def grown(before: Mapping[T, int], after: Mapping[T, int], name: T) -> int:
    """By how much a count grew."""
    return after.get(name, 0) - before.get(name, 0)


@contextmanager
def assert_no_residue(store: Store) -> Iterator[None]:
    """Fail unless `stats()` is the same after the block, in all but tick, horizon, purged and bytes.

    The AssertionError names each count that differs and by how much, and which directories, names, keys
    and readers are left. What only waits for Python's cycle collector is collected first. An exception that
    leaves the block leaves it as it is.
    """
    if not isinstance(store, Store):
        raise TypeError(f"assert_no_residue takes a store, not {type(store).__name__}")
    gc.collect()
    before = Held(store)
    yield
    gc.collect()
    residue = difference(store, before)
    if residue is not None:
        raise AssertionError(residue)


# ------------------------------------------------------------------------------------------ the pytest plugin


def live_stores() -> list[Store]:
    """Find all stores that something holds, but for closed ones."""
    found = [thing for thing in gc.get_objects() if isinstance(thing, Store)]
    return [store for store in found if not repr(store).endswith((", closed>", ", discarded>"))]


def unrest(stats: Stats) -> list[int]:
    """Tell how much there is of what a store at rest has none of."""
    return [getattr(stats, name) for name in NONE_AT_REST]


def residue(store: Store, known: "weakref.WeakKeyDictionary[Store, list[int]]") -> str | None:
    """Tell of which tombstones, due work and open cursors there are more than were known; None if of none."""
    stats = store.stats()
    before = known.get(store, [0] * len(NONE_AT_REST))
    counts = zip(NONE_AT_REST, unrest(stats), before, strict=True)
    lines = [
        f"  {name}: {now}" + (f", {was} before" if was else "") for name, now, was in counts if now > was
    ]
    if not lines:
        return None
    followed = (
        [repr(store) if name is None else str(name) for name in store._held()[1]] if stats.cursors else []
    )
    if followed:
        lines.append(f"cursors and subscriptions of {listed(followed)}")
    return "\n".join([f"{store!r} is left with", *lines, *remembered(store, stats)])


try:
    import pytest
except ImportError:  # Without pytest the module has assert_no_residue alone.
    pass
else:

    def pytest_configure(config: "pytest.Config") -> None:
        """Make the marker known."""
        config.addinivalue_line(
            "markers",
            "no_residue: every livedirs store that is still held when the test ends has no tombstone, no "
            "work that is due and no open cursor; one that was there before has no more of them than then",
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(item: "pytest.Item") -> Generator[None, Any, Any]:
        """Look at the stores that a marked test leaves. One that fails anyway is left alone."""
        if item.get_closest_marker("no_residue") is None:
            return (yield)
        gc.collect()
        # Those of fixtures, and of other tests.
        known = weakref.WeakKeyDictionary({store: unrest(store.stats()) for store in live_stores()})
        result = yield
        gc.collect()
        found = [text for store in live_stores() if (text := residue(store, known)) is not None]
        if found:
            raise AssertionError("\n".join(found))
        return result

    @pytest.fixture
    def store() -> Iterator[Store]:
        """Give a test a new store, and close it when the test is over."""
        with Store() as made:
            yield made
