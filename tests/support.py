"""What several test files ask of a store."""

from contextlib import contextmanager

FIGURES = (
    "dirs dir_tombstones key_tombstones oldest_tombstone keys dependencies queued lazy_keys names cursors "
    "snapshots forks capacity"
).split()


def figures(store):
    """The counts that are equal before and after work that cancels itself out."""
    stats = store.stats()
    return {name: getattr(stats, name) for name in FIGURES}


def contents(store):
    """Everything that a reader of the store or of a snapshot sees."""
    return {str(name): list(store[name].entries()) for name in store}


def state(store):
    """Contents (values by identity), counts and clock."""
    rows = {
        name: [(repr(key), tuple(map(id, values))) for key, values in entries]
        for name, entries in contents(store).items()
    }
    kinds = {name: (store[name].kind, store[name].created) for name in rows}
    return rows, kinds, figures(store), store.tick


@contextmanager
def unchanged(store):
    """The block leaves the store as it was, and the store still works."""
    before = state(store)
    yield
    assert state(store) == before
    probe = store.mkdir("/still-works/", {1: 2})
    assert probe == {1: 2}
    store.remove_dir("/still-works/")
    assert state(store)[:3] == before[:3]
