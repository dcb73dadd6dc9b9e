"""Cursors as Python sees them: iteration, `async for`, and the warning for one that was dropped."""

import warnings
from collections.abc import AsyncIterator, Iterator
from typing import Any, Self, TypeVar

from livedirs import _native
from livedirs._errors import ClosedError

C = TypeVar("C")


class Cursor(_native.Cursor[C]):
    """A registered reader. What it has not read yet stays readable, until it is closed.

    >>> from livedirs import Store
    >>> store = Store()
    >>> users = store.mkdir("/users/", {1: "ann"})
    >>> with users.cursor() as cursor:
    ...     first = cursor.poll()  # all that there is
    ...     users[2] = "bob"
    ...     del users[1]
    ...     second = cursor.poll()  # what changed since
    >>> first.reset, dict(first.entries)
    (True, {1: ('ann',)})
    >>> second.reset, dict(second.entries)
    (False, {1: (), 2: ('bob',)})
    """

    __slots__ = ()

    def __iter__(self) -> Iterator[C]:
        """Blocks between items; ends when the cursor or the store is closed."""
        while True:
            try:
                changes = self.wait()
            except ClosedError:
                return
            if changes is None:
                return
            yield changes

    def __aiter__(self) -> AsyncIterator[C]:
        """Wait between items without blocking the event loop; end when the cursor or the store is closed."""
        # Here, so that who does not use asyncio need not load it.
        from livedirs._asyncio import Following  # noqa: PLC0415

        return Following(self)

    def __enter__(self) -> Self:
        if not self._is_open:
            raise ClosedError("the cursor, or its store, is closed")
        return self

    def __del__(self, warn: Any = warnings.warn) -> None:
        if not self._is_open:
            return
        message = f"unclosed {self!r} of a livedirs store: close it, or use it in a with block"
        try:
            warn(message, ResourceWarning, source=self)
        finally:
            # Who records warnings may hold it as their source.
            self.close()


Cursor.__module__ = "livedirs"
