"""A transactional, reactive store: directories that keep themselves up to date, and leave nothing behind.

>>> from livedirs import Store, Sum
>>> store = Store()
>>> prices = store.mkdir("/prices/", {"tea": 3, "coffee": 4})
>>> total = prices.map_reduce("/total/", lambda key, values: [("all", values[0])], Sum())
>>> prices["tea"] = 5
>>> total["all"]
9
"""

from collections.abc import Mapping, MutableMapping

# Loaded here, not when first used: a destructor that runs in the middle would meet half of them.
from livedirs import _short as _short
from livedirs import _twins as _twins
from livedirs import _views as _views
from livedirs._cursor import Cursor
from livedirs._errors import (
    CapacityError,
    ClosedError,
    ConflictError,
    CycleError,
    DirExistsError,
    DirInUseError,
    DirNotFoundError,
    InvalidKeyError,
    InvalidNameError,
    LiveDirsError,
    NotConvergingError,
    NotUniqueError,
    ReadOnlyError,
    TransactionError,
    WriteDuringUpdateError,
)
from livedirs._names import DirName
from livedirs._native import (
    Changes,
    Commit,
    Count,
    DirChanges,
    Directory,
    Fork,
    InputDirectory,
    LazyDirectory,
    Max,
    Mean,
    Min,
    Snapshot,
    Stats,
    Store,
    Subscription,
    Sum,
    Transaction,
    __version__,
)
from livedirs._types import Key, Pairs, Range, Reducer

__all__ = [
    "__version__",
    "Store",
    "Transaction",
    "Commit",
    "Directory",
    "InputDirectory",
    "LazyDirectory",
    "DirName",
    "Changes",
    "DirChanges",
    "Cursor",
    "Subscription",
    "Snapshot",
    "Fork",
    "Stats",
    "Key",
    "Pairs",
    "Range",
    "Reducer",
    "Sum",
    "Count",
    "Min",
    "Max",
    "Mean",
    "LiveDirsError",
    "InvalidNameError",
    "InvalidKeyError",
    "DirNotFoundError",
    "DirExistsError",
    "DirInUseError",
    "ReadOnlyError",
    "WriteDuringUpdateError",
    "NotUniqueError",
    "CycleError",
    "NotConvergingError",
    "ConflictError",
    "TransactionError",
    "ClosedError",
    "CapacityError",
]

# The Rust classes have every method of these; a class of the limited API can't inherit from them.
Mapping.register(Directory)
MutableMapping.register(InputDirectory)
