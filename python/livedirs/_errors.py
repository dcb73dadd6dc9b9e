"""The errors of livedirs: when each comes, and what to do. The Rust half raises them from here."""


class LiveDirsError(Exception):
    """The base of every error of livedirs, for `except LiveDirsError`."""


class InvalidNameError(LiveDirsError, ValueError):
    """The name of a directory is not `/part/part/.../`.

    Begin and end it with a slash; make every part at least one character, without slashes, control
    characters or lone surrogates, and neither `.` nor `..`. `DirName("/users/") / key` gives a valid name
    for any key.
    """


class InvalidKeyError(LiveDirsError, TypeError):
    """A key is of a type that keys do not have, or is a NaN, or a str with a lone surrogate.

    Use None, a bool, an int, a float, a str, bytes, or a tuple of these.
    """


class DirNotFoundError(LiveDirsError, LookupError):
    """No directory bears this name now: it was never made, or has been removed.

    Look first with `name in store` or `store.get(name)`. A handle works again once its name is made
    again.
    """


class DirExistsError(LiveDirsError):
    """A directory of this name is there already, or two keys of a mapper make it without `shared=True`.

    Choose another name, remove the other directory first, or, for an input directory, pass
    `exist_ok=True`. Keys that mean the same derived directory pass `shared=True` and equal mappers.
    """


class DirInUseError(LiveDirsError):
    """A directory can't be removed: others derive from it, or a mapper owns it.

    Remove what derives from it first, or pass `recursive=True`, which removes that too. What a mapper
    made goes when the mapper no longer makes it.
    """


class ReadOnlyError(LiveDirsError, TypeError):
    """A write to a directory that is not an input directory, or to a snapshot.

    Write to the input directories from which it derives, or change its mapper.
    """


class WriteDuringUpdateError(LiveDirsError):
    """A mapper or lazy function wrote to the store, or removed a directory.

    A mapper may only return values and make directories, and write to input directories that it has just
    made. Move other writes to a hook (`on_create`, `on_delete`), to a callback (`on_commit`,
    `subscribe`), or out of the cascade.
    """


class NotUniqueError(LiveDirsError, LookupError):
    """One value was asked for, and the key has two or more.

    Read them all with `get_all(key)`, or fold them with `reduce` or `map_reduce`.
    """


class CycleError(LiveDirsError):
    """A key of a lazy directory needs itself in order to be computed; the notes tell the way round.

    Break the circle, or read `previous()`: what was there before the last commit.
    """


class NotConvergingError(LiveDirsError):
    """A transaction took more than `max_rounds` rounds, or mapped one key more often in one round.

    Some mapper or hook changes what it itself follows. Let it come to rest (an output that comes out
    equal stops the cascade), or raise `max_rounds`. The transaction has been rolled back.
    """


class ConflictError(LiveDirsError):
    """A fork can't be merged: its store has moved, or a mapper there makes what the fork made.

    Merge with `rebase=True`, which takes over what changed in the store first, or discard the fork.
    """


class TransactionError(LiveDirsError):
    """A call that is not allowed in the present state of the transaction.

    Such as writing after `rollback()`, waiting for a commit inside a block, opening a transaction in a
    mapper, using the store in a reducer or in `==` of a value, or writing synchronously while another
    task of the thread has a block open.
    """


class ClosedError(LiveDirsError):
    """The store, snapshot, cursor or fork was used after it was closed.

    Keep it open for as long as it is used: `with Store() as store:`.
    """


class CapacityError(LiveDirsError, MemoryError):
    """The transaction would take the store past its capacity; the message gives bound, use and request.

    The transaction has been rolled back and the store goes on. Write less at once, remove what is not
    needed, or raise `Store(capacity=...)` or LIVEDIRS_CAPACITY.
    """


# Users import them from `livedirs`: so tracebacks, help and pickles say that too.
for _error in (LiveDirsError, *LiveDirsError.__subclasses__()):
    _error.__module__ = "livedirs"


class Blocked(BaseException):
    """Stops a mapper that wants a name which another mapper's key holds, to be run again later.

    It never leaves the store, and it is no `Exception`, so that no mapper catches it by mistake. `error` is
    the collision that it stands for if it still stands when nothing else is due.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error
