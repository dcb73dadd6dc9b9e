"""Entries of keys that Python calls equal and a directory does not: 1 and True, (1,) and (True,)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any


def _told_apart(key: Any) -> Hashable:
    """Give what is equal for keys that are one key of a directory, and for no others."""
    if isinstance(key, tuple):
        return tuple(map(_told_apart, key))
    return (bool, key) if isinstance(key, bool) else key


class Entries(Mapping[Any, tuple[Any, ...]]):
    """Entries in their order, by keys as a directory has them, where a dict would keep the last of two."""

    __slots__ = ("_entries",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, entries: Iterable[tuple[Any, tuple[Any, ...]]]) -> None:
        self._entries = {_told_apart(key): (key, values) for key, values in entries}

    def __getitem__(self, key: Any) -> tuple[Any, ...]:
        found = self._entries.get(_told_apart(key))
        if found is None:
            raise KeyError(key)
        return found[1]

    def __iter__(self) -> Iterator[Any]:
        return (key for key, _ in self._entries.values())

    def __reversed__(self) -> Iterator[Any]:
        return (key for key, _ in reversed(self._entries.values()))

    def __or__(self, other: Mapping[Any, Any]) -> Entries:
        return Entries([*self.items(), *other.items()])

    def copy(self) -> Entries:
        """Give another one with the same entries."""
        return Entries(self.items())

    def __len__(self) -> int:
        return len(self._entries)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        ours = {apart: values for apart, (_, values) in self._entries.items()}
        return ours == {_told_apart(key): values for key, values in other.items()}

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{key!r}: {values!r}' for key, values in self.items())}}}"
