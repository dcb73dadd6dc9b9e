"""Views of values and items. Each iteration goes on over the version of the directory at which it began."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from livedirs._errors import NotUniqueError

if TYPE_CHECKING:
    from livedirs._native import Directory


def _items(directory: Directory[Any, Any], *, reverse: bool = False) -> Iterator[tuple[Any, Any]]:
    """Give each key with its only value, of the version that stands when this is called."""

    def item(entry: tuple[Any, tuple[Any, ...]]) -> tuple[Any, Any]:
        key, values = entry
        if len(values) > 1:
            raise NotUniqueError(f'key {key!r} of "{directory.name}" has {len(values)} values: use entries()')
        return key, values[0]

    return map(item, directory._reversed_entries() if reverse else directory.entries())


class DirKeys(KeysView[Any]):
    """The keys of a directory."""

    __slots__ = ()
    _mapping: Directory[Any, Any]

    def __reversed__(self) -> Iterator[Any]:
        keys: Iterator[Any] = reversed(self._mapping)
        return keys


class DirValues(ValuesView[Any]):
    """The values of a directory."""

    __slots__ = ()
    _mapping: Directory[Any, Any]

    def __iter__(self) -> Iterator[Any]:
        return map(itemgetter(1), _items(self._mapping))

    def __reversed__(self) -> Iterator[Any]:
        return map(itemgetter(1), _items(self._mapping, reverse=True))

    def __contains__(self, value: object) -> bool:
        return any(found is value or found == value for found in self)


class DirItems(ItemsView[Any, Any]):
    """The items of a directory."""

    __slots__ = ()
    _mapping: Directory[Any, Any]

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return _items(self._mapping)

    def __reversed__(self) -> Iterator[tuple[Any, Any]]:
        return _items(self._mapping, reverse=True)

    def __contains__(self, item: object) -> bool:
        return isinstance(item, tuple) and len(item) == 2 and super().__contains__(item)
