"""Waiting without blocking the event loop: for one's turn to open a transaction, and for a commit.

Loaded when first used: asyncio takes longer to load than all of livedirs.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from types import TracebackType
from typing import Any

from livedirs._errors import ClosedError
from livedirs._native import Cursor, Transaction


def wake(future: "asyncio.Future[None]") -> None:
    """In the event loop: there is something to look at."""
    if not future.done():
        future.set_result(None)


async def enter(transaction: Transaction) -> Transaction:
    """Enters it as soon as no other is open; TimeoutError where that takes too long."""
    loop = asyncio.get_running_loop()
    timeout = transaction._timeout
    deadline = None if timeout is None else loop.time() + timeout
    again = False
    while True:
        ready = loop.create_future()
        call = partial(loop.call_soon_threadsafe, wake, ready)
        try:
            if transaction._try_enter(call, again):
                return transaction
            again = True
            async with asyncio.timeout_at(deadline):
                await ready
        except TimeoutError:
            transaction._give_up(call)
            raise TimeoutError("another transaction is open") from None
        except BaseException:
            # Its turn may have come in the meantime, and is the next one's then.
            transaction._give_up(call)
            raise


async def leave(
    transaction: Transaction,
    exc: tuple[type[BaseException] | None, BaseException | None, TracebackType | None],
) -> None:
    """Commit, or undo where an exception left the block."""
    transaction.__exit__(*exc)


class Following(AsyncIterator[Any]):
    """What `async for` goes over: it waits for the next commit that concerns the cursor, and loses nothing.

    What is new is taken in one step without an `await`, so a task that is cancelled while it waits has taken
    nothing.
    """

    def __init__(self, cursor: Cursor[Any]) -> None:
        self._cursor = cursor

    async def __anext__(self) -> Any:
        loop = asyncio.get_running_loop()
        while True:
            ready = loop.create_future()
            call = partial(loop.call_soon_threadsafe, wake, ready)
            try:
                changes = self._cursor._poll_or_call(call)
            except ClosedError:
                raise StopAsyncIteration from None
            if changes is not None:
                return changes
            try:
                await ready
            finally:
                self._cursor._forget(call)
