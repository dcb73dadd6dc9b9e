"""The Rust half of livedirs. Import from `livedirs`, not from here."""

from collections.abc import (
    Callable,
    Coroutine,
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    MutableMapping,
    Sequence,
    ValuesView,
)
from types import EllipsisType, GenericAlias, TracebackType
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar, final, overload

from _typeshed import SupportsKeysAndGetItem
from typing_extensions import disjoint_base

from livedirs._cursor import Cursor as _Cursor
from livedirs._types import Key, Pairs, Range, Reducer

_K = TypeVar("_K", bound=Key)
_V = TypeVar("_V")
_K2 = TypeVar("_K2", bound=Key)
_V2 = TypeVar("_V2")
_A = TypeVar("_A")
_T = TypeVar("_T")
_C = TypeVar("_C")

__all__ = [
    "__version__",
    "check_name",
    "child_name",
    "_automatic_capacity",
    "_tuned",
    "Store",
    "Transaction",
    "Commit",
    "Directory",
    "InputDirectory",
    "LazyDirectory",
    "Sum",
    "Count",
    "Min",
    "Max",
    "Mean",
    "Changes",
    "DirChanges",
    "Cursor",
    "Subscription",
    "Snapshot",
    "Fork",
    "Stats",
]

__version__: str
_tuned: bool  # compiled by a profile, see packaging/tuned_wheel

# ---------------------------------------------------------------------------------------------------- names

def check_name(name: str, /) -> None: ...
def child_name(parent: str, key: Key, /) -> str: ...
def _automatic_capacity(root: str) -> int | None: ...  # for tests: "auto", of a tree of files

# ------------------------------------------------------------------------------------------------ the store

@disjoint_base
class Store:
    """A reactive store: directories that keep themselves up to date."""

    def __new__(
        cls,
        *,
        capacity: int | str | None = None,
        history: int = 0,
        max_lag: int | None = 10_000,
        lazy_capacity: int = 10,
        max_rounds: int = 1_000,
    ) -> Self: ...

    # -- transactions
    def update(self, *, timeout: float | None = None) -> Transaction:
        """Opens an update transaction: `with store.update() as tx:`.

        Leaving the block brings derived directories up to date and commits; an exception that leaves it undoes all of
        it. A block in a block is a savepoint. Another thread's transaction is waited for, `timeout` seconds at the
        most (None: no bound), then TimeoutError. TransactionError in a mapper, or while another task of this thread
        has a block open. O(1).
        """
    def on_commit(self, fn: Callable[[], object]) -> None:
        """Calls fn() once, after the outermost transaction that is open now commits; outside of one, at once.

        It is never called after a rollback. Functions run in order of registration, on the thread that committed. An
        exception is logged by the logger "livedirs". TypeError where fn is not callable. O(1).
        """

    # -- making and removing directories
    @overload
    def mkdir(
        self,
        name: str,
        content: Mapping[_K, _V],
        *,
        exist_ok: bool = False,
        on_create: Callable[[Store], object] | None = None,
        on_delete: Callable[[Store], object] | None = None,
    ) -> InputDirectory[_K, _V]:
        """Makes an input directory, which is a mutable mapping.

        `content` is a mapping, another directory, or pairs, which may repeat a key: its values, in order.
        `on_create(store)` and `on_delete(store)` run in the transactions that make and remove it. DirExistsError
        where the name is taken; with `exist_ok` the input directory that is there, as it is. InvalidNameError,
        InvalidKeyError. O(n log n) for n keys.
        """
    @overload  # a mapping with pairs for keys is an iterable of pairs too, hence the order
    def mkdir(
        self,
        name: str,
        content: Mapping[_K, _V] | Iterable[tuple[_K, _V]] = (),
        *,
        exist_ok: bool = False,
        on_create: Callable[[Store], object] | None = None,
        on_delete: Callable[[Store], object] | None = None,
    ) -> InputDirectory[_K, _V]: ...
    def multi_map(
        self,
        name: str,
        parents: Sequence[
            tuple[Directory[Any, Any], Callable[[Any, tuple[Any, ...]], Pairs[_K, _V]]]
            | tuple[
                Directory[Any, Any], Callable[[Any, tuple[Any, ...]], Pairs[_K, _V]], Sequence[Range[Any]]
            ]
        ],
        reducer: Reducer[Any, Any] | None = None,
        *,
        shared: bool = False,
    ) -> Directory[_K, _V]:
        """Makes a directory that is mapped from several: `parents` has (directory, fn) or (directory, fn, within) for
        each.

        fn(key, values) and within are those of `Directory.map`; with a reducer, all that they give is folded by key.
        The values of a key are in the order of the parents' names, then keys. Errors are those of `Directory.map`;
        ValueError for a directory of another store. A change costs what it costs in `Directory.map`.
        """
    @overload
    def lazy(
        self,
        name: str,
        fn: Callable[[LazyDirectory[_K, _V], _K], _V],
        *,
        many: Literal[False] = False,
        keep: bool = False,
    ) -> LazyDirectory[_K, _V]:
        """Makes a directory whose keys fn(self, key) computes when they are read; KeyError raised by it: no such key.

        `self` is the directory, so fn may read other keys of it; CycleError where a key needs itself. A key is kept
        until something that fn read changes, or it went unread for more than lazy_capacity transactions (never for
        that where `keep`). `many`: fn gives an iterable of values. DirExistsError where the name is taken. The first
        read costs a call of fn, a later one O(log n).
        """
    @overload
    def lazy(
        self,
        name: str,
        fn: Callable[[LazyDirectory[_K, _V], _K], Iterable[_V]],
        *,
        many: Literal[True],
        keep: bool = False,
    ) -> LazyDirectory[_K, _V]: ...
    def remove_dir(self, name: str, *, recursive: bool = False, missing_ok: bool = False) -> None:
        """Removes a directory, and with it what mappers of its own made.

        DirNotFoundError where it is not there, unless `missing_ok`. DirInUseError where live directories derive from
        it, unless `recursive`, which removes them too; or where a mapper made it. O(log n) for each key that it held.
        """

    # -- finding directories; inside a mapper each of these is a tracked read
    def __getitem__(self, name: str, /) -> Directory[Any, Any] | Any: ...
    @overload
    def get(self, name: str) -> Directory[Any, Any] | None:
        """The directory of a name, or the default where there is none. InvalidNameError. O(log n)."""
    @overload
    def get(self, name: str, default: _T) -> Directory[Any, Any] | _T: ...
    def __contains__(self, name: object, /) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...

    # -- time and readers
    @property
    def tick(self) -> int:
        """The store's clock: 1 at first, and one more after every commit. TransactionError in a mapper."""
    def changes(self, since: int) -> DirChanges:
        """The directories that changed at tick `since` or later, and those that went: exact, or with reset=True all there are.

        A reset comes where tombstones stamped since then are purged already. ValueError where `since` is later than the
        present tick; TransactionError in a mapper. O((c + 1) log n) for c changes.
        """
    def cursor(self, *, since: int | None = None) -> _Cursor[DirChanges]:
        """A reader of the directories that come, change and go, from tick `since` on; None: first it is told all there are.

        Close it, or use it in a `with` block. ValueError where `since` is later than the present tick; TransactionError in
        a mapper. O(log n).
        """
    def snapshot(self) -> Snapshot:
        """The last commit's version, for reading; it stays as it is. TransactionError in a mapper. O(1)."""
    def fork(self) -> Fork:
        """An independent store over the last commit's version. TransactionError in a mapper. O(1)."""

    # -- upkeep
    def purge_deleted_dirs(self) -> int:
        """Removes every tombstone that no reader needs, as a commit does by itself; the number of directories' purged.

        O(log n) for each that goes. TransactionError in a mapper.
        """
    def stats(self) -> Stats:
        """What the store holds, in exact counts. TransactionError in a mapper. O(directories)."""
    def tree(self) -> str:
        """The directories as a text, a line for each: kind, number of keys, parents, and whose mapper made it.

        TransactionError in a mapper. O(n log n) for n directories.
        """
    def to_mermaid(self) -> str:
        """The dependency graph as a Mermaid flowchart; arrows to what mappers made are dotted.

        TransactionError in a mapper. O(n log n) for n directories.
        """
    def _held(
        self,
    ) -> tuple[dict[str, int], dict[str | None, int]]: ...  # names and their keys; what is followed
    def _check_invariants(self) -> None: ...  # for tests: AssertionError, with what is broken
    def _repr_html_(self) -> str: ...
    def close(self) -> None:
        """Frees what the store holds. Later use is ClosedError; closing again does nothing.

        Another thread's transaction ends first; TransactionError in the caller's own. `with Store() as store:` closes
        it too.
        """
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...

@final
class Transaction:
    """An update transaction; what `Store.update()` returns.

    `with store.update() as tx:` opens it; leaving the block commits, an exception that leaves it undoes all of it. A
    block inside a block is a savepoint.
    """

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None: ...
    def __aenter__(self) -> Coroutine[Any, Any, Self]: ...
    def __aexit__(self, *exc: object) -> Coroutine[Any, Any, None]: ...
    def _try_enter(self, wake: Callable[[], object], again: bool) -> bool: ...
    def _give_up(self, wake: Callable[[], object]) -> None: ...
    @property
    def _timeout(self) -> float | None: ...
    def cascade(self) -> bool:
        """Brings derived directories up to date now. True: something in them changed.

        No hook runs, and the clock stands. What a mapper raises reaches the caller, and again the end of the block
        unless it was mended. TransactionError outside of the block. It costs the calls that the writes make
        necessary.
        """
    def rollback(self) -> None:
        """Leaves the transaction by hand: nothing of the block stands, and the block ends silently.

        TransactionError outside of the block, and while an inner block is open; so is a write after it in the block.
        O(what was done in the block).
        """
    @property
    def result(self) -> Commit | None:
        """What the transaction did, once the outermost block has committed; else None, also of a savepoint."""

@final
class Commit:
    """What a transaction did; the `result` of the outermost block, once it has committed."""

    @property
    def tick(self) -> int:
        """The store's tick after it."""
    @property
    def rounds(self) -> int:
        """How many rounds it took: 1, and one more each time that hooks made work."""
    @property
    def changed(self) -> frozenset[str]:
        """Names of directories that are there now, and were made or have changed."""
    @property
    def removed(self) -> frozenset[str]:
        """Names of directories that were there before and are not now."""
    @property
    def purged(self) -> int:
        """Tombstones of directories purged at its end."""
    @property
    def mapped(self) -> int:
        """How many calls of mappers it took."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

# ---------------------------------------------------------------------------------------------- directories

@disjoint_base
class Directory(Mapping[_K, _V], Generic[_K, _V]):
    """An ordered map, key -> one or more values. A handle: cheap, and valid while the name is.

    It means the directory that bears the name now; while there is none, DirNotFoundError. It reads as a mapping whose keys
    are in order, and is derived from by `map` and the others. Inside of a mapper each read is tracked. A read of a key is
    O(log n), len() O(1), iteration O(1) a key.
    """

    @property
    def name(self) -> str:
        """Its name, a DirName. Of a previous directory: that of the directory whose previous state it is."""
    @property
    def store(self) -> Store:
        """Its store."""
    @property
    def kind(self) -> Literal["input", "derived", "previous", "removed"]:
        """ "input", "derived" or "previous"; "removed" while no directory bears the name."""
    @property
    def created(self) -> int:
        """The tick at which this generation of it was made. DirNotFoundError while there is none."""

    # -- reads; inside a mapper each is tracked
    def __getitem__(self, key: _K, /) -> _V: ...
    @overload
    def get(self, key: _K) -> _V | None:
        """The value of a key, or the default. NotUniqueError on two or more values; DirNotFoundError. O(log n)."""
    @overload
    def get(self, key: _K, default: _T) -> _V | _T: ...
    def get_all(self, key: _K) -> tuple[_V, ...]:
        """All values of a key, a tuple in order; () where it is absent. DirNotFoundError. O(log n)."""
    def __contains__(self, key: object, /) -> bool: ...
    def __iter__(self) -> Iterator[_K]: ...
    def __reversed__(self) -> Iterator[_K]: ...
    def _reversed_entries(self) -> Iterator[tuple[_K, tuple[_V, ...]]]: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def keys(self) -> KeysView[_K]:
        """A view of its keys, as of a dict, in their order."""
    def values(self) -> ValuesView[_V]:
        """A view of its values, as of a dict, in the order of the keys. NotUniqueError where a key has two or more."""
    def items(self) -> ItemsView[_K, _V]:
        """A view of its items, as of a dict, in the order of the keys. NotUniqueError where a key has two or more."""
    def entries(self) -> Iterator[tuple[_K, tuple[_V, ...]]]:
        """Keys with all their values, each a tuple, in the order of the keys. O(1) a key.

        It goes on over the version at which it began. DirNotFoundError.
        """
    def between(self, lo: _K, hi: _K | EllipsisType) -> Iterator[tuple[_K, tuple[_V, ...]]]:
        """The entries with lo <= key <= hi; `...` as hi: no bound. O(log n) to start, O(1) a key.

        InvalidKeyError where a bound is no key; DirNotFoundError.
        """
    def _repr_html_(self) -> str: ...

    # -- derivations
    def map(
        self,
        name: str,
        fn: Callable[[_K, tuple[_V, ...]], Pairs[_K2, _V2]],
        *,
        within: Sequence[Range[_K]] | None = None,
        shared: bool = False,
    ) -> Directory[_K2, _V2]:
        """A directory of what fn(key, values) gives: pairs (key, value), a mapping, or None.

        `values` is a tuple. `within`: only keys in these ranges (lo, hi), both inclusive, `...` as hi: no bound.
        `shared`: in mappers, several keys may make it alike. A key that several pairs have gets all their values.
        DirExistsError where the name is taken, TypeError or ValueError where fn gives no pairs; what fn raises rolls
        back. One call of fn for each key that changed or read what did, and O(log n) for each pair that came out
        different.
        """
    def map_values(self, name: str, fn: Callable[[_V], _V2], *, shared: bool = False) -> Directory[_K, _V2]:
        """A directory of the same keys, each value v as fn(v).

        Errors are those of `map`. One call of fn for each value of a key that changed, and O(log n).
        """
    def filter(self, name: str, fn: Callable[[_K, _V], bool], *, shared: bool = False) -> Directory[_K, _V]:
        """A directory of the values for which fn(key, value) is true.

        Errors are those of `map`. One call of fn for each value of a key that changed, and O(log n).
        """
    def reduce(self, name: str, reducer: Reducer[_V, _A], *, shared: bool = False) -> Directory[_K, _A]:
        """A directory of the same keys, the values of each folded by a reducer: `Sum()`, `Count()`, one of your own.

        Errors are those of `map`; TypeError where it is no reducer. A built-in reducer of numbers costs O(log n) for
        each value that came or went.
        """
    def map_reduce(
        self,
        name: str,
        fn: Callable[[_K, tuple[_V, ...]], Pairs[_K2, _V2]],
        reducer: Reducer[_V2, _A],
        *,
        within: Sequence[Range[_K]] | None = None,
        shared: bool = False,
    ) -> Directory[_K2, _A]:
        """A directory of what fn(key, values) gives, the values of each key folded by a reducer.

        Arguments and errors are those of `map` and `reduce`. One call of fn for each key that changed or read what
        did; a built-in reducer of numbers costs O(log n) for each value that came or went.
        """
    @overload
    def group_by(
        self, name: str, fn: Callable[[_K, _V], _K2], reducer: None = None, *, shared: bool = False
    ) -> Directory[_K2, _V]:
        """A directory of the values by the key that fn(key, value) gives, folded if there is a reducer.

        Errors are those of `map`; InvalidKeyError where fn gives no key. One call of fn for each value of a key that
        changed, and O(log n).
        """
    @overload
    def group_by(
        self, name: str, fn: Callable[[_K, _V], _K2], reducer: Reducer[_V, _A], *, shared: bool = False
    ) -> Directory[_K2, _A]: ...
    def slice(self, name: str, lo: _K, hi: _K | EllipsisType, *, shared: bool = False) -> Directory[_K, _V]:
        """A directory of the keys from lo to hi, both inclusive; `...` as hi: no bound.

        Errors are those of `map`; InvalidKeyError where a bound is no key. O(log n) for each key that changes in it,
        nothing for one outside.
        """
    def slices(self, name: str, *ranges: Range[_K], shared: bool = False) -> Directory[_K, _V]:
        """A directory of the keys in any of the ranges (lo, hi), both inclusive; `...` as hi: no bound.

        Errors are those of `slice`; TypeError or ValueError where a range is no pair. It costs what `slice` costs.
        """
    def take(self, name: str, n: int, *, shared: bool = False) -> Directory[_K, _V]:
        """A directory of the first n keys, with all their values.

        Errors are those of `map`; TypeError where n is no int, ValueError where it is negative. O(log n) for a
        change.
        """
    def merge(self, name: str, *others: Directory[_K, _V], shared: bool = False) -> Directory[_K, _V]:
        """A directory of the values of this one and of others, which are of the same store.

        A key that several have gets the values of all, in the order of the directories' names. Errors are those of
        `map`; ValueError for a directory of another store. O(log n) for each key that changes.
        """
    def previous(self) -> Directory[_K, _V]:
        """A directory that mirrors this one as it was before the last commit.

        Asked for the first time outside of a transaction it shows the present content, inside of one the content
        before it. It bears the name of this one, and goes with it. DirNotFoundError. O(log n), and then each commit
        costs what it changed here once more.
        """

    # -- readers
    def changes(self, since: int) -> Changes[_K, _V]:
        """The keys that changed at tick `since` or later: exact, or with reset=True all there are.

        A reset comes where tombstones stamped since then are purged already, and where the directory was made since then.
        ValueError where `since` is later than the present tick; DirNotFoundError; TransactionError in a mapper.
        O((c + 1) log n) for c changes.
        """
    def cursor(self, *, since: int | None = None) -> _Cursor[Changes[_K, _V]]:
        """A reader of its keys, from tick `since` on; None: first it is told all there are.

        Close it, or use it in a `with` block. ValueError where `since` is later than the present tick; DirNotFoundError;
        ReadOnlyError of a snapshot's directory; TransactionError in a mapper. O(log n).
        """
    def subscribe(self, fn: Callable[[Changes[_K, _V]], object]) -> Subscription:
        """Has fn(changes) called after each commit that concerns it, until the subscription is closed.

        It is called on the thread that commits, or on one that still runs callbacks of an earlier commit, in the order of
        registration. An exception is logged by the logger "livedirs". TypeError where fn is not callable;
        DirNotFoundError; ReadOnlyError of a snapshot's directory; TransactionError in a mapper. O(log n).
        """

@final
class InputDirectory(Directory[_K, _V], MutableMapping[_K, _V]):
    """A directory that is written to; what `Store.mkdir` returns.

    Each write is a transaction of its own, unless it is in a block of `Store.update`. Writing an equal value is no change.
    A write is O(log n), and O(log n) for each key of a derived directory that becomes due.
    """

    def __setitem__(self, key: _K, value: _V, /) -> None: ...
    def __delitem__(self, key: _K, /) -> None: ...
    def set_all(self, key: _K, values: Iterable[_V]) -> None:
        """Gives a key these values, in order; none remove it. Errors are those of `d[key] = value`. O(log n)."""
    def discard(self, key: _K) -> None:
        """Removes a key, if it is there. O(log n)."""
    def clear(self) -> None:
        """Removes all keys, in one transaction. O(log n) for each."""
    @overload
    def pop(self, key: _K, /) -> _V:
        """Removes a key and returns its value; the default where it is absent, or KeyError.

        NotUniqueError where it has two or more values. O(log n).
        """
    @overload
    def pop(self, key: _K, /, default: _T) -> _V | _T: ...
    def popitem(self) -> tuple[_K, _V]:
        """Removes the first key and returns it with its value; KeyError where the directory is empty.

        NotUniqueError where it has two or more values. O(log n).
        """
    def setdefault(self, key: _K, default: _V = ..., /) -> _V:
        """The value of a key; where it is absent the key gets the default first.

        NotUniqueError where it has two or more values. O(log n).
        """
    @overload
    def update(self, other: SupportsKeysAndGetItem[_K, _V], /) -> None:
        """Sets many keys in one transaction: from a mapping, pairs, keywords. Of a repeated key the last pair wins.

        InvalidKeyError where a key is none, and then nothing is set. O(log n) for each key.
        """
    @overload
    def update(self, other: Iterable[tuple[_K, _V]], /) -> None: ...
    @overload
    def update(
        self: InputDirectory[str, _V], other: SupportsKeysAndGetItem[str, _V], /, **more: _V
    ) -> None: ...
    @overload
    def update(self: InputDirectory[str, _V], other: Iterable[tuple[str, _V]], /, **more: _V) -> None: ...
    @overload
    def update(self: InputDirectory[str, _V], **more: _V) -> None: ...

@final
class LazyDirectory(Generic[_K, _V]):
    """Computed on demand: a key when it is first read, then kept until something that it read changes. It can't be
    iterated.

    A read costs a call of the function, or O(log n) where the key is kept. CycleError where a key needs itself.
    """

    @property
    def name(self) -> str:
        """Its name, a `DirName`."""
    @property
    def store(self) -> Store:
        """Its store."""
    @property
    def kind(self) -> Literal["lazy", "removed"]:
        """ "lazy"; "removed" while no lazy directory bears the name."""
    @property
    def created(self) -> int:
        """The tick at which this generation of it was made."""
    def __getitem__(self, key: _K, /) -> _V: ...
    @overload
    def get(self, key: _K) -> _V | None:
        """The value of a key, or the default. `NotUniqueError` on two or more values; what the function raises, but for
        KeyError.
        """
    @overload
    def get(self, key: _K, default: _T) -> _V | _T: ...
    def get_all(self, key: _K) -> tuple[_V, ...]:
        """All values of a key, a tuple in order; () where it is absent. What the function raises, but for KeyError."""
    def __contains__(self, key: object, /) -> bool: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def _repr_html_(self) -> str: ...
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...

# ------------------------------------------------------------------------------------------------- reducers

@final
class Sum(Reducer[Any, Any]):
    """The sum of the values: exact for ints of any size; with floats among them, math.fsum's.

    `of(value)`, where it is given, is what is summed; a pure function. Other values than numbers are summed by Python's
    sum, all of the key for a change; numbers cost O(log n).
    """

    @property
    def of(self) -> Callable[[Any], Any] | None:
        """The function whose values are folded; None: the values themselves."""
    initial: Any
    def __new__(cls, of: Callable[[Any], Any] | None = None) -> Self: ...
    def add(self, acc: Any, value: Any) -> Any: ...
    def remove(self, acc: Any, value: Any) -> Any:
        """None for a float: taking it out would leave a rounding behind."""
    def result(self, acc: Any) -> Any: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Count(Reducer[Any, int]):
    """The number of values. O(log n) for a change."""

    initial: Any
    def __new__(cls) -> Self: ...
    def add(self, acc: Any, value: Any) -> Any: ...
    def remove(self, acc: Any, value: Any) -> Any: ...
    def result(self, acc: Any) -> Any: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Min(Reducer[Any, Any]):
    """The least value, of equal ones the first; O(log n) for a change.

    `of(value)`, where it is given, is what is compared and given; a pure function. Numbers and str are ordered in Rust,
    other values by Python's min, all of the key for a change; TypeError where they can't be ordered.
    """

    @property
    def of(self) -> Callable[[Any], Any] | None:
        """The function whose values are folded; None: the values themselves."""
    initial: Any
    def __new__(cls, of: Callable[[Any], Any] | None = None) -> Self: ...
    def add(self, acc: Any, value: Any) -> Any: ...
    def remove(self, acc: Any, value: Any) -> Any:
        """None where the least went."""
    def result(self, acc: Any) -> Any: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Max(Reducer[Any, Any]):
    """The greatest value, of equal ones the first; O(log n) for a change.

    `of(value)`, where it is given, is what is compared and given; a pure function. Numbers and str are ordered in Rust,
    other values by Python's max, all of the key for a change; TypeError where they can't be ordered.
    """

    @property
    def of(self) -> Callable[[Any], Any] | None:
        """The function whose values are folded; None: the values themselves."""
    initial: Any
    def __new__(cls, of: Callable[[Any], Any] | None = None) -> Self: ...
    def add(self, acc: Any, value: Any) -> Any: ...
    def remove(self, acc: Any, value: Any) -> Any:
        """None where the greatest went."""
    def result(self, acc: Any) -> Any: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Mean(Reducer[Any, float]):
    """The mean of the values: their exact sum, divided once.

    `of(value)`, where it is given, is what is averaged; a pure function. Other values than numbers go by Python's sum, all
    of the key for a change; numbers cost O(log n).
    """

    @property
    def of(self) -> Callable[[Any], Any] | None:
        """The function whose values are folded; None: the values themselves."""
    initial: Any
    def __new__(cls, of: Callable[[Any], Any] | None = None) -> Self: ...
    def add(self, acc: Any, value: Any) -> Any: ...
    def remove(self, acc: Any, value: Any) -> Any:
        """None: fold again."""
    def result(self, acc: Any) -> Any: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

# -------------------------------------------------------------------------------------------------- readers

@final
class Changes(Generic[_K, _V]):
    """What changed in a directory: the values of each key that changed, () for one that is gone.

    Where `reset` is True, `entries` is all there is, and what the reader holds beside it is gone. Where `removed` is
    True, so is the directory itself. `tick`: pass it as `since` next time.
    """

    @property
    def tick(self) -> int: ...
    @property
    def reset(self) -> bool: ...
    @property
    def removed(self) -> bool: ...
    @property
    def entries(self) -> Mapping[_K, tuple[_V, ...]]: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...

@final
class DirChanges:
    """What changed among the directories of a store: names.

    Where `reset` is True, `changed` is all there is, and `removed` is empty. `tick`: pass it as `since` next time.
    """

    @property
    def tick(self) -> int: ...
    @property
    def reset(self) -> bool: ...
    @property
    def changed(self) -> frozenset[str]: ...
    @property
    def removed(self) -> frozenset[str]: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

@disjoint_base
class Cursor(Generic[_C]):
    """A registered reader. What it has not read yet stays readable, until it is closed."""

    def __new__(cls, store: Store, name: Any, since: int | None) -> Self: ...
    @property
    def position(self) -> int:
        """The tick up to which, exclusive, it has seen everything. ClosedError."""
    @property
    def lag(self) -> int:
        """How many ticks it is behind the last commit. ClosedError."""
    @property
    def expired(self) -> bool:
        """Whether it lagged more than the store's `max_lag`: its next poll starts over. ClosedError."""
    def poll(self) -> _C | None:
        """What is new, or None; it moves on all the same, and never blocks.

        Inside of a transaction it shows the last commit. ClosedError; TransactionError in a mapper. O(1) where nothing
        is new, else O((c + 1) log n) for c changes.
        """
    def wait(self, timeout: float | None = None) -> _C | None:
        """What is new, as soon as anything is; None after `timeout` seconds, or where it was closed meanwhile.

        ClosedError; TransactionError in a mapper or inside of a transaction.
        """
    def _poll_or_call(self, wake: Callable[[], object]) -> _C | None: ...
    def _forget(self, wake: Callable[[], object]) -> None: ...
    @property
    def _is_open(self) -> bool: ...
    def close(self) -> None:
        """It needs no more what it has not read. Closing again does nothing. O(log n) for each tombstone that goes."""
    def __exit__(self, *exc: object) -> None: ...
    def __class_getitem__(cls, key: Any) -> GenericAlias: ...

@final
class Subscription:
    """Somebody who is told of each commit that concerns a directory, until it is closed; what `subscribe` returns."""

    def close(self) -> None:
        """It is told nothing more, not of commits that it has not been told of yet either. Closing again does nothing."""
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...

@final
class Fork(Store):
    """An independent store over the version of another, which shares memory until one of them writes."""

    @property
    def base(self) -> int:
        """The tick of the store that it came from at which it was made, or merged last. ClosedError."""
    def merge(self, *, rebase: bool = False) -> Commit:
        """Puts the fork's changes into the store that it came from, in one transaction.

        ConflictError where the store has moved since, unless `rebase`: then the fork first takes over what changed there.
        Nothing has changed on either side if anything fails. TransactionError inside of a transaction of either;
        ClosedError. O(log n) for each row and directory that differs, and what their cascades cost.
        """
    def discard(self) -> None:
        """Drops it, as leaving its `with` block does. Later use is ClosedError; discarding again does nothing."""

@final
class Snapshot:
    """One version of the store, for reading: `snap["/users/"][1]`. It stays as it is, whatever the store does.

    Its directories read as those of the store; a write to one is ReadOnlyError. Close it when done.
    """

    @property
    def tick(self) -> int:
        """The store's tick at this version. ClosedError once it is closed."""
    def __getitem__(self, name: str, /) -> Directory[Any, Any]: ...
    @overload
    def get(self, name: str) -> Directory[Any, Any] | None:
        """The directory of a name, or the default where there is none. InvalidNameError. O(log n)."""
    @overload
    def get(self, name: str, default: _T) -> Directory[Any, Any] | _T: ...
    def __contains__(self, name: object, /) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def _repr_html_(self) -> str: ...
    def close(self) -> None:
        """Frees what the snapshot alone held. Later use is ClosedError; closing again does nothing."""
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...

@final
class Stats:
    """Exact counts; equal before and after work that cancels itself out (all but tick, horizon, purged and bytes).

    - dirs, keys: live directories, and keys in all of them but lazy ones. lazy_keys: values that lazy ones keep.
    - dependencies: tracked reads. names: names that are in use, also those that are only read.
    - dir_tombstones, key_tombstones: of what was removed and a reader may still need. oldest_tombstone: its tick, or None.
    - purged: tombstones of both kinds purged since the store was made.
    - queued: keys that are due to be computed; 0 between transactions.
    - cursors, snapshots, forks: those that are open. horizon: the least position of a reader; the tick where there is none.
    - tick: the clock. capacity: the bound in bytes, or None. bytes: what the Rust side holds, about; not the values.
    """

    @property
    def tick(self) -> int: ...
    @property
    def dirs(self) -> int: ...
    @property
    def dir_tombstones(self) -> int: ...
    @property
    def key_tombstones(self) -> int: ...
    @property
    def oldest_tombstone(self) -> int | None: ...
    @property
    def purged(self) -> int: ...
    @property
    def keys(self) -> int: ...
    @property
    def dependencies(self) -> int: ...
    @property
    def queued(self) -> int: ...
    @property
    def lazy_keys(self) -> int: ...
    @property
    def names(self) -> int: ...
    @property
    def cursors(self) -> int: ...
    @property
    def snapshots(self) -> int: ...
    @property
    def forks(self) -> int: ...
    @property
    def horizon(self) -> int: ...
    @property
    def capacity(self) -> int | None: ...
    @property
    def bytes(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]
